"""An application: a form that asks for something (汇缴核定, 缴款登记) and changes no record itself.

Beside what a record form declares it says what may be chosen now, what the business refuses, and
what the page shows of the consequences before anybody submits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from engine.errors import Problem
from engine.runtime import Actor
from forms.base import RecordForm
from forms.kinds import Options
from handlers.centers import ServiceTexts


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a form is worked: who, for which unit, on which day, under which centre's texts.

    `choices`: what was chosen for a roster as a whole, by name, as text.
    """

    session: Session
    actor: Actor
    scope: str
    branch: str
    today: date
    texts: ServiceTexts
    choices: Mapping[str, str] = field(default_factory=dict)

    @property
    def unit_account_no(self) -> str:
        return self.scope.removeprefix("unit:") if self.scope.startswith("unit:") else ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A small table under the form.  `numeric`: places of the columns that are sums (from 0)."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    numeric: frozenset[int] = field(default_factory=frozenset)
    total: Sequence[str] = ()


class ApplicationForm(RecordForm):
    """Subclasses declare fields and answer these questions; texts are canonical values."""

    changes_record: ClassVar[bool] = False
    # Fields whose first choice is the usual one: chosen before anybody chooses.
    first_offered: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def choices(cls, desk: Desk) -> Mapping[str, Options]:
        """Field → what may be chosen now, in order: (value, words)."""
        return {}

    @classmethod
    def judge(cls, desk: Desk, values: Mapping[str, str]) -> list[Problem]:
        """What the rules of the business say; asked again before anything is stored."""
        return []

    @classmethod
    def panels(cls, desk: Desk, values: Mapping[str, str]) -> list[Panel]:
        """The consequences, for the page and for reviewers; harmless with half-filled values."""
        return []

    @classmethod
    def route_facts(cls, desk: Desk, values: Mapping[str, str]) -> dict[str, Any]:
        """`facts` in the data of the request: what decision tables and conditions may ask."""
        return {}

    @classmethod
    def outcome(cls, data: Mapping[str, Any]) -> list[tuple[str, str]]:
        """(label, text): what the steps so far have brought, for the page of the request."""
        return []
