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

SUMMARY_FACTS = 3  # in lists: enough to tell two requests apart


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a form is worked: who, for which unit, on which day, under which centre's texts.

    `choices`: what was chosen for a roster as a whole, by name, as text.  `accepted_on`: when the
    request came back and is filed again, the day it was accepted on.
    """

    session: Session
    actor: Actor
    scope: str
    branch: str
    today: date
    texts: ServiceTexts
    choices: Mapping[str, str] = field(default_factory=dict)
    accepted_on: date | None = None

    @property
    def day(self) -> date:
        """Whose rules hold (`parameters.accepted_on`): sent back and filed again, a request is
        judged by the window, limits and fund year it will be carried out under."""
        return self.accepted_on or self.today

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
    leading: int = -1  # the row that matters most


class ApplicationForm(RecordForm):
    """Subclasses declare fields and answer these questions; texts are canonical values."""

    changes_record: ClassVar[bool] = False
    # Fields whose first choice is the usual one: chosen before anybody chooses.
    first_offered: ClassVar[frozenset[str]] = frozenset()
    # Field → what to say, and to do, when there is nothing to choose from: nothing can be filed.
    nothing: ClassVar[Mapping[str, str]] = {}

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
    def chosen(cls, desk: Desk, values: Mapping[str, str]) -> dict[str, str]:
        """What was chosen, as the list called it: whoever decides has no list to look it up in."""
        offered = {name: dict(options) for name, options in cls.choices(desk).items()}
        chosen = {name: options.get(values.get(name, "")) for name, options in offered.items()}
        return {name: words for name, words in chosen.items() if words}

    @classmethod
    def summary(cls, desk: Desk, values: Mapping[str, str]) -> str:
        """One line for lists: what is asked for, without what only stands there to be read."""
        typed = {spec.name for spec in cls.bound(desk.texts) if not spec.locked}
        words = cls.chosen(desk, values)
        facts = [fact for group in cls.facts(values, desk.texts) for fact in group.facts]
        told = [
            f"{fact.label} {words.get(fact.name, fact.text)}"
            for fact in facts
            if fact.name in typed and values.get(fact.name)
        ]
        return "，".join(told[:SUMMARY_FACTS])

    @classmethod
    def outcome(cls, data: Mapping[str, Any]) -> list[tuple[str, str]]:
        """(label, text): what the steps so far have brought, for the page of the request."""
        return []
