"""汇缴核定: what a unit owes for one or several consecutive months is fixed, person by person.

Under the lock of the unit, which everything that changes its people takes too, so a month is
assessed from one state of them.  The lines are written by the database itself: a hundred thousand
people are one statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from sqlalchemy import Table, func, insert, literal, select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.errors import NotFound, OperationFailed, Problem, Refused
from engine.models import RUNNING_STATES, Instance
from engine.operations import Call, operation
from engine.runtime import Actor, Runtime
from handlers import parameters
from handlers.contributions import annual, summary
from handlers.contributions.models import (
    CANCELLED,
    REMITTANCE,
    Remittance,
    RemittanceLine,
)
from handlers.contributions.summary import MonthSummary
from handlers.members.models import IndividualAccount
from handlers.months import is_month, month_after, month_of, months_between
from handlers.parameters import cycle
from handlers.rosters.models import OPEN, SOUND, Roster, RosterRow
from handlers.units import queries as units
from handlers.units import states
from handlers.units.models import Unit

MONTHS_AHEAD_MAX = 12  # `units.books` looks no further for what was remitted in advance
# Written inside the verb, some 60,000 a second; SQLite's other writers give up after fifteen.
LINES_AT_ONCE_MAX = 250_000
JULY = "07"  # with it a fund year begins, and its bases
# Businesses that change who is due or how much; one under way bars the assessment (QDN-03.1).
BARRING = {
    "open_accounts": "个人开户",
    "seal_accounts": "封存",
    "unseal_accounts": "启封",
    "base_adjustment": "基数调整",
    "annual_assessment": "年度核定",
    "rate_adjustment": "比例调整",
    "internal_transfer": "内部转移",
}
NAMED_MAX = 3  # requests named in one sentence

_LINE = cast(Table, RemittanceLine.__table__)
_INTO = insert(_LINE).inline()
_NO_UNIT = Problem("units.not_found", "没有找到该单位，请核对单位账号。")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which unit wants to assess up to which month.  `day`: whose parameters hold; `no`: the
    request itself, which does not bar itself."""

    unit: Unit
    through: str
    day: date
    no: str = ""


def last_month(session: Session, unit: Unit) -> str:
    """The last month assessed or paid; "" for a unit that has never paid."""
    assessed = session.scalar(
        select(func.max(Remittance.month)).where(
            Remittance.unit_account_no == unit.unit_account_no,
            Remittance.kind == REMITTANCE,
            Remittance.state != CANCELLED,
        )
    )
    return max(assessed or "", unit.paid_through_month)


def next_month(session: Session, unit: Unit, today: date) -> str:
    """The month to be assessed next: behind the last one, or the one the first account was opened
    in, for a unit's first time (never one to come)."""
    last = last_month(session, unit)
    if last:
        return month_after(last, 1)
    opened = session.scalar(
        select(func.min(IndividualAccount.opened_on)).where(
            IndividualAccount.unit_account_no == unit.unit_account_no,
            IndividualAccount.closed_on.is_(None),
        )
    )
    return min(month_of(opened), month_of(today)) if opened else month_of(today)


def offered(session: Session, unit: Unit, day: date) -> list[str]:
    """Months that may be chosen as the last one, in order."""
    first = next_month(session, unit, day)
    count = parameters.value(session, cycle.REMIT_MONTHS_MAX, day, branch=unit.branch_code)
    count = min(count, max(1, LINES_AT_ONCE_MAX // max(1, unit.active_headcount)))
    latest = month_after(month_of(day), MONTHS_AHEAD_MAX)
    found = [month_after(first, step) for step in range(count)]
    return [month for month in found if month <= latest]


def problems(session: Session, asked: Asked) -> list[Problem]:
    """Everything that is in the way; empty when it may be assessed."""
    unit = asked.unit
    status = states.transition(unit.unit_status, "assess")
    if isinstance(status, Problem):
        return [status]
    wrong = _wrong_month(session, asked)
    found = [wrong] if wrong else []
    found += _unfinished(session, asked)
    if wrong is None:
        found += _fund_year(session, asked)
        first = next_month(session, unit, asked.day)
        if not summary.anybody(session, unit.unit_account_no, first):
            text = f"{first} 没有应当汇缴的职工，请先办理个人开户或启封。"
            found.append(Problem("assessing.nobody", text))
    return found


def _wrong_month(session: Session, asked: Asked) -> Problem | None:
    if not is_month(asked.through):
        return Problem("assessing.month", "请选择核定到哪个月。", "through")
    months = offered(session, asked.unit, asked.day)
    if asked.through in months:
        return None
    last = last_month(session, asked.unit)
    if last and asked.through <= last:
        text = f"{asked.through} 已核定或已缴，核定月份须晚于 {last}，请重新选择。"
        return Problem("assessing.again", text, "through")
    if not months:
        text = f"已核定到 {last}，最多提前 {MONTHS_AHEAD_MAX} 个月核定，请以后再办理。"
        return Problem("assessing.ahead", text, "through")
    text = (
        f"月份须连续，从 {months[0]} 开始，本次最多核定到 {months[-1]}，请重新选择。"
        if asked.through > months[-1]
        else f"汇缴从 {months[0]} 开始，请重新选择。"
    )
    return Problem("assessing.gap", text, "through")


def _unfinished(session: Session, asked: Asked) -> list[Problem]:
    """REMIT_GATE: businesses of the unit under way, and rosters not submitted (QDN-03.1)."""
    gate = parameters.value(session, cycle.REMIT_GATE, asked.day, branch=asked.unit.branch_code)
    if gate == cycle.NO_RULE:
        return []
    scope = f"{units.SCOPE_PREFIX}{asked.unit.unit_account_no}"
    running = session.execute(
        select(Instance.name, Instance.no)
        .where(
            Instance.scope == scope,
            Instance.status.in_(RUNNING_STATES),
            Instance.key.in_(BARRING),
            Instance.no != asked.no,
        )
        .order_by(Instance.id)
        .limit(NAMED_MAX + 1)
    ).all()
    found = []
    if running:
        named = "、".join(f"{name}（流水号 {no}）" for name, no in running[:NAMED_MAX])
        more = "等" if len(running) > NAMED_MAX else ""
        text = f"还有没有办结的业务：{named}{more}，请在办结或撤回后再核定。"
        found.append(Problem("assessing.unfinished", text))
    waiting = session.execute(
        select(Roster.key, func.count())
        .join(RosterRow, RosterRow.roster_id == Roster.id)
        .where(
            Roster.scope == scope,
            Roster.state == OPEN,
            Roster.key.in_(BARRING),
            RosterRow.state == SOUND,
        )
        .group_by(Roster.key)
    ).all()
    if waiting:
        named = "、".join(f"{BARRING[key]} {count} 条" for key, count in sorted(waiting))
        text = f"还有待提交的清册：{named}，请提交或删除后再核定。"
        found.append(Problem("assessing.unsubmitted", text))
    return found


def _fund_year(session: Session, asked: Asked) -> list[Problem]:
    """FUND_YEAR_GATE: July is paid from the bases of the new fund year (SX-12.1).

    A unit that has never paid has nothing to assess anew, nor has one that has nobody left.
    """
    unit = asked.unit
    gate = parameters.value(session, cycle.FUND_YEAR_GATE, asked.day, branch=unit.branch_code)
    last = last_month(session, unit)
    if gate == cycle.NO_RULE or not last:
        return []
    count = months_between(last, asked.through)
    julys = [m for step in range(1, count + 1) if (m := month_after(last, step))[5:] == JULY]
    for july in julys:
        if annual.awaited(session, unit.unit_account_no, int(july[:4])):
            text = f"核定 {july} 前须先完成 {july[:4]} 年度的年度核定，请先办理年度核定。"
            return [Problem("assessing.fund_year", text)]
    return []


def foreseen(session: Session, asked: Asked) -> list[MonthSummary]:
    """What would be assessed, month by month."""
    first = next_month(session, asked.unit, asked.day)
    count = months_between(first, asked.through) + 1
    return summary.months(session, asked.unit.unit_account_no, first, count)


def assess(rt: Runtime, actor: Actor, asked: Asked) -> list[Remittance]:
    """Fix the months up to `through`; part of the caller's transaction, which holds the unit.

    Raises Refused with everything that is in the way.
    """
    session = rt.session
    wrong = problems(session, asked)
    if wrong:
        raise Refused(*wrong)
    return [_fix(rt, actor, asked, month) for month in foreseen(session, asked)]


def _fix(rt: Runtime, actor: Actor, asked: Asked, month: MonthSummary) -> Remittance:
    unit, now = asked.unit, rt.clock()
    made = Remittance(
        kind=REMITTANCE,
        unit_account_no=unit.unit_account_no,
        branch_code=unit.branch_code,
        month=month.month,
        headcount=month.due.headcount,
        unit_cents=month.due.unit_cents,
        individual_cents=month.due.individual_cents,
        summary=month.as_data(),
        assessed_no=asked.no,
        assessed_on=now.astimezone(ZONE).date(),
        assessed_at=now,
        assessed_by=actor.name,
    )
    rt.session.add(made)
    rt.session.flush()
    account = IndividualAccount
    people = select(
        literal(made.id),
        func.row_number().over(order_by=account.individual_account_no),
        account.id,
        literal(month.month),
        account.contribution_base_cents,
        account.unit_monthly_amount_cents,
        account.individual_monthly_amount_cents,
    ).where(summary.is_due(unit.unit_account_no, month.month))
    counted = {"preserve_rowcount": True}
    stored = rt.session.execute(_INTO.from_select(list(_LINE.c), people), execution_options=counted)
    assert cast(Any, stored).rowcount == made.headcount, "a line for everybody counted"
    return made


@operation("contributions/assess")
def assess_request(call: Call) -> dict[str, Any]:
    """Assess what the request asks for (`values.through`).

    Result: {"months": [...], "headcount": of the last month, "total_cents": of all}.
    """
    unit = held_unit(call)
    through = str(call.data["values"].get("through", ""))
    day = parameters.accepted_on(call.instance)
    try:
        made = assess(call.rt, starter(call), Asked(unit, through, day, call.no))
    except Refused as refusal:
        raise OperationFailed(*refusal.problems) from refusal
    return told(made)


def told(made: Sequence[Remittance]) -> dict[str, Any]:
    return {
        "months": [one.month for one in made],
        "headcount": made[-1].headcount,
        "total_cents": sum(one.total_cents for one in made),
    }


def held_unit(call: Call) -> Unit:
    """The unit a request is about, locked; a request of nobody's unit is refused."""
    number = units.account_of(call.instance.scope)
    unit = units.locked_unit(call.session, number) if number else None
    if unit is None:
        raise OperationFailed(_NO_UNIT)
    return unit


def unit_of(session: Session, unit_account_no: str) -> Unit:
    """The unit of a form's page; raises NotFound."""
    unit = units.unit(session, unit_account_no)
    if unit is None:
        raise NotFound(_NO_UNIT)
    return unit


def starter(call: Call) -> Actor:
    """In whose name it is done: the applicant's, whoever decided last."""
    return Actor(call.instance.starter_id, call.instance.starter_name)
