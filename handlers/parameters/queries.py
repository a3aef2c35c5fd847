"""Reads of parameters: what holds on a day, over a span of days, for one request.

Each is one statement over the index of the table; another process's change is seen at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.errors import HallError, Problem
from handlers.parameters import rules
from handlers.parameters.declared import ALL
from handlers.parameters.kinds import Parameter, V
from handlers.parameters.models import ParameterValue
from handlers.parameters.rules import EVERYWHERE


class ParameterGap(HallError):
    """No value on a day that needs one (`parameter.gap`): an admin has to enter it."""


class Accepted(Protocol):
    """A request: `call.instance` in an operation, or a row of `engine.models.Instance`."""

    @property
    def started_at(self) -> datetime: ...
    @property
    def branch(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Period(Generic[V]):
    """`ends_on` is the first day without the value."""

    starts_on: date
    ends_on: date
    value: V


@dataclass(frozen=True, slots=True)
class Standing:
    """One parameter as a page shows it, for the whole centre or for one branch."""

    parameter: Parameter[Any]
    branch: str
    now: ParameterValue | None
    past: tuple[ParameterValue, ...]  # newest first
    coming: tuple[ParameterValue, ...]  # soonest first
    stale: bool  # published yearly, but the value is more than a year old

    @property
    def missing(self) -> bool:
        """Nobody has entered a value, not even one for later."""
        return self.now is None and not self.coming and self.branch == EVERYWHERE


def value(session: Session, parameter: Parameter[V], day: date, *, branch: str = EVERYWHERE) -> V:
    """The value on a local day; with `branch` that branch's own, if it has one.

    Raises ParameterGap when nobody has entered one.
    """
    row = rules.in_force(_rows(session, parameter, branch), day, branch)
    if row is None:
        raise _gap(parameter, day)
    return parameter.stored(row.value)


def periods(
    session: Session, parameter: Parameter[V], first: date, last: date, *, branch: str = EVERYWHERE
) -> tuple[Period[V], ...]:
    """The values of the days `first` … `last` (both included), without a hole between them.

    Raises ParameterGap naming the first day without a value.
    """
    found = []
    rows = _rows(session, parameter, branch)
    for start, end, row in rules.segments(rows, first, last, branch):
        if row is None:
            raise _gap(parameter, start)
        found.append(Period(start, end, parameter.stored(row.value)))
    return tuple(found)


def accepted_on(request: Accepted) -> date:
    """The local day a request was filed; sending it back and filing it again does not move it."""
    return request.started_at.astimezone(ZONE).date()


def for_request(session: Session, parameter: Parameter[V], request: Accepted) -> V:
    """The value a request is judged by: of its branch, on the day it was accepted.

    A change made while it was under review is not for it (glossary §9: accepted on 2026-09-19 it
    runs under the old text, on the 20th under the new).
    """
    return value(session, parameter, accepted_on(request), branch=request.branch)


def standings(session: Session, today: date) -> list[Standing]:
    """Every declared parameter, in the order of declaration, branches after the centre."""
    order = (ParameterValue.branch, ParameterValue.starts_on)
    stored = session.scalars(select(ParameterValue).order_by(*order)).all()
    found = []
    for parameter in ALL:
        rows = [row for row in stored if row.key == parameter.key]
        for branch in dict.fromkeys((EVERYWHERE, *(row.branch for row in rows))):
            own = [row for row in rows if row.branch == branch]
            found.append(_standing(parameter, branch, own, today))
    return found


def _standing(
    parameter: Parameter[Any], branch: str, own: Sequence[ParameterValue], today: date
) -> Standing:
    now = rules.in_force(own, today, branch)
    return Standing(
        parameter=parameter,
        branch=branch,
        now=now,
        past=tuple(row for row in reversed(own) if row.starts_on <= today and row is not now),
        coming=tuple(row for row in own if row.starts_on > today),
        stale=parameter.yearly and now is not None and rules.a_year_after(now.starts_on) <= today,
    )


def _rows(session: Session, parameter: Parameter[Any], branch: str) -> Sequence[ParameterValue]:
    statement = select(ParameterValue).where(
        ParameterValue.key == parameter.key, ParameterValue.branch.in_({EVERYWHERE, branch})
    )
    return session.scalars(statement).all()


def _gap(parameter: Parameter[Any], day: date) -> ParameterGap:
    text = f"{parameter.name}在 {day} 没有设定值，请由系统管理员补充。"
    return ParameterGap(Problem("parameter.gap", text))
