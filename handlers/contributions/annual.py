"""年度核定 (SX-11.1): every July a unit gives all its members their bases for the fund year.

Once in a fund year, year after year without a gap, when June is remitted; for everybody in state
正常 who is paid through June.  Where the centre says so nobody is sealed in July before it
(SX-9.1), and no July is assessed (SX-12.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from sqlalchemy import BigInteger, Table, func, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from engine.errors import Problem
from handlers.contributions import bases, changes, windows
from handlers.contributions.amounts import Derived
from handlers.contributions.changes import Outcomes
from handlers.contributions.finding import Held
from handlers.contributions.models import BASE, AnnualAssessment, MemberChange
from handlers.contributions.terms import Terms, terms
from handlers.members import states
from handlers.members.codes import NORMAL
from handlers.members.models import IndividualAccount
from handlers.parameters import cycle, queries
from handlers.rosters.applying import Application, applier, finisher
from handlers.rosters.models import Roster
from handlers.rosters.store import Line
from handlers.units import queries as units

REASON = "年度核定"  # of the changes it makes
_CHANGE = cast(Table, MemberChange.__table__)


def june(year: int) -> str:
    """The month everybody must be paid through before the fund year that begins then."""
    return f"{year}-06"


def last(session: Session, unit_account_no: str) -> int | None:
    """The newest fund year the unit has had assessed."""
    mine = AnnualAssessment.unit_account_no == unit_account_no
    return session.scalar(select(func.max(AnnualAssessment.fund_year)).where(mine))


def is_done(session: Session, unit_account_no: str, year: int) -> bool:
    done = last(session, unit_account_no)
    return done is not None and done >= year


def due(last_done: int | None, paid_through: str, day: date) -> int | Problem:
    """The fund year to be assessed on a day, or why there is none (SX-11.1).  Pure.

    `paid_through`: the last month the unit has remitted.
    """
    now = windows.fund_year(day)
    year = now if last_done is None else last_done + 1
    if year > now:
        text = f"{now} 年度（{now} 年 7 月起）的年度核定已经办理，每个年度只能办理一次。"
        return Problem("annual.done", text)
    if paid_through < june(year):
        text = f"请先完成 {year} 年 6 月的汇缴，入账后再办理 {year} 年度核定。"
        return Problem("annual.june", text)
    return year


def year_of(session: Session, unit_account_no: str, day: date) -> int | Problem:
    """`due` of this unit."""
    unit = units.unit(session, unit_account_no)
    assert unit is not None, unit_account_no
    return due(last(session, unit_account_no), unit.paid_through_month, day)


def gate(session: Session, unit_account_no: str, day: date) -> Problem | None:
    """FUND_YEAR_GATE: what must be done first in July; nothing for a unit that had nobody then."""
    if day.month != windows.JULY:
        return None
    if queries.value(session, cycle.FUND_YEAR_GATE, day) == cycle.NO_RULE:
        return None
    year = windows.fund_year(day)
    if not awaited(session, unit_account_no, year):
        return None
    text = f"7 月须先完成 {year} 年度核定，再办理本业务，请先办理年度核定。"
    return Problem("annual.first", text)


def awaited(session: Session, unit_account_no: str, year: int) -> bool:
    """Whether the fund year is still to be assessed, and anybody can be: a unit whose people all
    left in June has nobody who is paid through it, and is not kept waiting for ever."""
    if is_done(session, unit_account_no, year):
        return False
    unit = units.unit(session, unit_account_no)
    assert unit is not None, unit_account_no
    account = IndividualAccount
    there = (
        account.paid_through_month >= june(year)
        if unit.paid_through_month >= june(year)
        else account.opened_on < windows.first_day(year)  # June is to be paid yet
    )
    found = select(account.id).where(
        account.unit_account_no == unit_account_no, account.account_status == NORMAL, there
    )
    return session.scalar(found.limit(1)) is not None


@dataclass(frozen=True, slots=True)
class Assessing:
    """The rules of one unit's annual assessment."""

    terms: Terms
    year: int

    def problem(self, held: Held, derived: Derived) -> Problem | None:
        answer = states.transition(held.status, "adjust_base")
        if isinstance(answer, Problem):
            return answer
        if held.paid_through < june(self.year):
            text = f"该职工没有缴至 {self.year} 年 6 月，不参加本次年度核定，请删去这一行。"
            return Problem("annual.not_covered", text)
        return bases.bounds(self.terms, derived)


def assessing(
    session: Session, unit_account_no: str, branch: str, day: date
) -> Assessing | Problem:
    """The bounds are those of the fund year that is assessed."""
    year = year_of(session, unit_account_no, day)
    if isinstance(year, Problem):
        return year
    return Assessing(terms(session, max(day, windows.first_day(year)), branch), year)


def covered(session: Session, unit_account_no: str, year: int) -> set[str]:
    """Numbers of the accounts that have to be in it."""
    found = select(IndividualAccount.individual_account_no).where(
        IndividualAccount.unit_account_no == unit_account_no,
        IndividualAccount.account_status == NORMAL,
        IndividualAccount.paid_through_month >= june(year),
    )
    return set(session.scalars(found))


@applier("contributions.AnnualAssessment")
def assess(work: Application, rows: Sequence[Line]) -> Outcomes:
    unit = changes.held_unit(work)
    if isinstance(unit, Problem):
        return [unit] * len(rows)
    rules = assessing(work.session, work.unit_account_no, unit.branch_code, work.accepted_on)
    if isinstance(rules, Problem):
        return [rules] * len(rows)
    known = rules
    paid: dict[int, Derived] = {}

    def rule(line: Line, held: Held) -> Problem | None:
        derived = bases.wish(known.terms, line.values, held)
        if isinstance(derived, Problem):
            return derived
        paid[held.id] = derived
        return known.problem(held, derived)

    outcomes, chosen = changes.choose(rows, changes.find(work, rows, wanted={NORMAL}), rule)
    bases.store(work, chosen, paid, reason=REASON)
    return outcomes


@finisher("contributions.AnnualAssessment")
def finish(work: Application, roster: Roster) -> None:
    """The year is done, with what it changed; nothing took effect: it is not."""
    year = year_of(work.session, work.unit_account_no, work.accepted_on)
    if not roster.applied or isinstance(year, Problem):
        return
    old, new = (_sums(which) for which in ("old", "new"))
    mine = (_CHANGE.c.no == work.no, _CHANGE.c.kind == BASE, _CHANGE.c.reason == REASON)
    count, *sums = work.session.execute(select(func.count(), *old, *new).where(*mine)).one()
    names = ("old_base_cents", "old_amount_cents", "new_base_cents", "new_amount_cents")
    work.session.add(
        AnnualAssessment(
            unit_account_no=work.unit_account_no,
            branch_code=work.branch,
            fund_year=year,
            no=work.no,
            headcount=count,
            **{name: int(cents) for name, cents in zip(names, sums, strict=True)},
            assessed_on=work.today,
            assessed_at=work.rt.clock(),
            assessed_by=work.actor.name,
        )
    )


def _sums(which: str) -> list[Any]:
    """Base and monthly amount, before or after."""
    unit, person = _CHANGE.c[f"{which}_unit_cents"], _CHANGE.c[f"{which}_individual_cents"]
    wanted = (_CHANGE.c[f"{which}_base_cents"], unit + person)
    return [sql_cast(func.coalesce(func.sum(each), 0), BigInteger) for each in wanted]
