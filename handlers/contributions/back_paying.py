"""补缴: months missed or short are assessed person by person, and then paid like a 汇缴.

A row means one member, one or several months, so much for each of them.  While a long roster is
applied its remittance waits without a payment, so that nobody pays half of it; behind the last row
it is 已核定.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from sqlalchemy import Table, func, insert, select
from sqlalchemy.orm import Session, aliased

from engine.calendar import ZONE
from engine.errors import Problem
from handlers import parameters
from handlers.amounts import parse_money
from handlers.contributions import amounts
from handlers.contributions.amounts import TO_YUAN, Limits, Rounding
from handlers.contributions.finding import Held, identify, said
from handlers.contributions.models import (
    ASSESSED,
    AWAITING,
    BACK_PAYMENT,
    CANCELLED,
    REMITTANCE,
    Remittance,
    RemittanceLine,
)
from handlers.contributions.reads import parts
from handlers.contributions.terms import terms
from handlers.ledger.models import Entry, Voucher
from handlers.members.codes import FROZEN, NORMAL, SEALED
from handlers.months import day_in, is_month, month_after, months_between
from handlers.parameters import cycle, declared
from handlers.rosters.applying import Application, applier, finisher
from handlers.rosters.models import Roster
from handlers.rosters.store import Line
from handlers.units import queries as units
from handlers.units import states
from handlers.units.models import Unit

FORM = "contributions.BackPayment"
MONTHS_MAX = 120  # of one row: ten years; longer ones are looked into at the counter
# Glossary §2, back_payment_reason: each centre names them in its own words.
REASONS = {"01": "漏缴", "02": "少缴", "03": "缓缴补缴", "04": "新增补缴", "99": "其他"}
_OPEN_STATES = (NORMAL, SEALED, FROZEN)
_LINE = cast(Table, RemittanceLine.__table__)
_ONE_FEN = Rounding()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One row: `cents` for each of the months `first` … `last`."""

    held: Held
    first: str
    last: str
    cents: int

    @property
    def months(self) -> list[str]:
        count = months_between(self.first, self.last) + 1
        return [month_after(self.first, step) for step in range(count)]

    @property
    def total_cents(self) -> int:
        return self.cents * len(self.months)


@dataclass(frozen=True, slots=True)
class Span:
    """Which months may be paid back: from `first` ("" for any) through `last`."""

    first: str
    last: str


@dataclass(slots=True)
class Rules:
    """What rows are judged by.  `paid`: (account id, month) → what is assessed or paid already;
    rows that were found right are added to it, so that two rows cannot pass one limit."""

    span: Span
    limits: Mapping[str, Limits | Problem]
    paid: dict[tuple[int, str], int]


def standing(session: Session, unit: Unit) -> list[Problem]:
    """Why this unit cannot pay back at all."""
    status = states.transition(unit.unit_status, "assess")
    if isinstance(status, Problem):
        return [status]
    if not unit.paid_through_month:
        text = "单位还没有汇缴过，请先办理汇缴核定和缴款。"
        return [Problem("back_paying.never", text)]
    return []


def span(session: Session, unit: Unit, day: date) -> Span:
    """BACK_PAYMENT_SPAN (SX-13.1): earlier years are for the counter."""
    rule = parameters.value(session, cycle.BACK_PAYMENT_SPAN, day, branch=unit.branch_code)
    if rule == "this_year":
        first = f"{day.year:04d}-01"
    elif rule == "fund_year":
        start = parameters.value(session, declared.FUND_YEAR_START_MONTH, day)
        first = f"{day.year - (day.month < start):04d}-{start:02d}"
    else:
        first = ""
    return Span(first, unit.paid_through_month)


def wanted(held: Held, values: Mapping[str, str]) -> Wanted | Problem:
    """Pure: what a row asks for; its cells have been checked."""
    first = values.get("month", "")
    last = values.get("month_to", "") or first
    cents = parse_money(values.get("amount_monthly", ""))
    if isinstance(cents, Problem):
        return Problem(cents.code, cents.text, "amount_monthly")
    if cents <= 0:
        return Problem("back_paying.amount", "每月补缴金额应大于 0，请填写。", "amount_monthly")
    if not (is_month(first) and is_month(last)):
        return Problem("back_paying.month", "请填写补缴年月，例如 2026-03。", "month")
    if last < first:
        return Problem("back_paying.order", "补缴止月不能早于起月，请核对。", "month_to")
    if months_between(first, last) >= MONTHS_MAX:
        text = f"一行最多补缴连续 {MONTHS_MAX} 个月，请核对起止年月。"
        return Problem("back_paying.long", text, "month_to")
    return Wanted(held, first, last, cents)


def rules(session: Session, unit: Unit, day: date, rows: Sequence[Wanted]) -> Rules:
    """Everything these rows are judged by, in a handful of statements."""
    months = sorted({month for one in rows for month in one.months})
    limits = {month: _limits(session, month, unit.branch_code) for month in months}
    paid = _lines_paid(session, {one.held.id for one in rows}, months)
    by_ledger = {one.held.ledger_account_id: one.held.id for one in rows}
    for (ledger, month), cents in _vouchers_paid(session, by_ledger.keys(), months).items():
        key = by_ledger[ledger], month
        paid[key] = paid.get(key, 0) + cents
    return Rules(span(session, unit, day), limits, paid)


def judge(known: Rules, one: Wanted) -> list[Problem]:
    """Pure but for what it adds to `known.paid`: what SX-13.1 says of a row."""
    if one.held.status not in _OPEN_STATES:
        return [Problem("back_paying.closed", "该职工的账户已销户，不能补缴。")]
    if one.last > known.span.last:
        text = f"补缴月份不能晚于单位缴至年月 {known.span.last}，以后的月份请办理汇缴。"
        return [Problem("back_paying.late", text, "month")]
    if one.first < known.span.first:
        text = f"网上只办理 {known.span.first} 以后的补缴，更早的请到中心柜台办理。"
        return [Problem("back_paying.early", text, "month")]
    for month in one.months:
        limit = known.limits[month]
        if isinstance(limit, Problem):
            return [limit]
        before = known.paid.get((one.held.id, month), 0)
        over = amounts.check_back_payment(before, one.cents, limit)
        if over is not None:
            text = f"{month}：{over.text}" if len(one.months) > 1 else over.text
            return [Problem(over.code, text, "amount_monthly")]
    for month in one.months:
        key = one.held.id, month
        known.paid[key] = known.paid.get(key, 0) + one.cents
    return []


def _limits(session: Session, month: str, branch: str) -> Limits | Problem:
    try:
        return terms(session, day_in(month, 1), branch).amounts
    except parameters.ParameterGap:
        text = f"中心没有 {month} 的缴存额上限，请到中心柜台办理这个月的补缴。"
        return Problem("back_paying.terms", text, "month")


def _lines_paid(
    session: Session, accounts: set[int], months: Sequence[str]
) -> dict[tuple[int, str], int]:
    """Of what this hall has assessed, paid or not."""
    found: dict[tuple[int, str], int] = {}
    line = RemittanceLine
    for some in parts(accounts):
        query = (
            select(
                line.individual_account_id,
                line.month,
                func.sum(line.unit_cents + line.individual_cents),
            )
            .join(Remittance, Remittance.id == line.remittance_id)
            .where(
                line.individual_account_id.in_(some),
                line.month.between(months[0], months[-1]),
                Remittance.state != CANCELLED,
            )
            .group_by(line.individual_account_id, line.month)
        )
        found |= {(account, month): int(sum_) for account, month, sum_ in session.execute(query)}
    return found


def _vouchers_paid(
    session: Session, ledgers: Any, months: Sequence[str]
) -> dict[tuple[int, str], int]:
    """Of what was paid before there were remittances: vouchers of one month that are not ours."""
    found: dict[tuple[int, str], int] = {}
    undone = aliased(Voucher)
    for some in parts(ledgers):
        query = (
            select(Entry.account_id, Voucher.contribution_month, func.sum(Entry.amount_cents))
            .join(Voucher, Voucher.id == Entry.voucher_id)
            .where(
                Entry.account_id.in_(some),
                Voucher.business.in_((REMITTANCE, BACK_PAYMENT)),
                Voucher.contribution_month.between(months[0], months[-1]),
                Voucher.contribution_month_to == Voucher.contribution_month,
                Voucher.key.not_like("alloc:%"),
                Voucher.reversal_of.is_(None),
                ~select(undone.id).where(undone.reversal_of == Voucher.id).exists(),
            )
            .group_by(Entry.account_id, Voucher.contribution_month)
        )
        found |= {(account, month): int(sum_) for account, month, sum_ in session.execute(query)}
    return found


def split(held: Held, cents: int) -> tuple[int, int]:
    """The unit's and the member's part, by the member's rates; unequal ones are rounded for the
    unit and the member pays the rest, as with a typed monthly amount (glossary §4)."""
    both = held.unit_rate + held.individual_rate
    if not both or held.unit_rate == held.individual_rate:
        unit = cents - cents // 2
    elif cents % 100 == 0:
        unit = TO_YUAN.cents(cents * held.unit_rate / both)
    else:
        unit = _ONE_FEN.cents(cents * held.unit_rate / both)
    return unit, cents - unit


# ── applying ────────────────────────────────────────────────────────────────────────────────────
@applier(FORM)
def assess_rows(work: Application, rows: Sequence[Line]) -> list[Problem | None]:
    """Judge the rows once more under the unit's lock and add the lines of those that are right."""
    session = work.session
    unit = units.locked_unit(session, work.unit_account_no)
    if unit is None or (barred := standing(session, unit)):
        gone = Problem("units.not_found", "没有找到该单位，请核对单位账号。")
        return [barred[0] if unit else gone] * len(rows)
    meant = identify(
        session, unit.unit_account_no, [said(row.values) for row in rows], wanted=_OPEN_STATES
    )
    asked = [
        held if isinstance(held, Problem) else wanted(held, row.values)
        for held, row in zip(meant, rows, strict=True)
    ]
    right = [one for one in asked if isinstance(one, Wanted)]
    known = rules(session, unit, work.accepted_on, right) if right else None
    outcomes: list[Problem | None] = []
    taken: list[Wanted] = []
    for one in asked:
        if isinstance(one, Problem):
            outcomes.append(one)
            continue
        assert known is not None
        wrong = judge(known, one)
        outcomes.append(wrong[0] if wrong else None)
        if not wrong:
            taken.append(one)
    if taken:
        reason = str(work.choices.get("reason") or rows[0].values.get("reason", ""))
        _add(work, unit, taken, reason)
    return outcomes


def _add(work: Application, unit: Unit, taken: Sequence[Wanted], reason: str) -> None:
    made = _making(work) or _begun(work, unit, taken[0], reason)
    lines: list[dict[str, Any]] = []
    for one in taken:
        for month in one.months:
            unit_cents, individual_cents = split(one.held, one.cents)
            lines.append(
                {
                    "remittance_id": made.id,
                    "position": made.headcount + len(lines) + 1,
                    "individual_account_id": one.held.id,
                    "month": month,
                    "base_cents": one.held.base_cents,
                    "unit_cents": unit_cents,
                    "individual_cents": individual_cents,
                }
            )
    work.session.execute(insert(_LINE), lines)
    made.headcount += len(lines)
    made.unit_cents += sum(line["unit_cents"] for line in lines)
    made.individual_cents += sum(line["individual_cents"] for line in lines)
    made.month = min(made.month, *(one.first for one in taken))
    made.month_to = max(made.month_to, *(one.last for one in taken))
    work.session.flush()


def _making(work: Application) -> Remittance | None:
    """The remittance this request is making up."""
    return work.session.scalar(
        select(Remittance).where(
            Remittance.assessed_no == work.no,
            Remittance.kind == BACK_PAYMENT,
            Remittance.state == AWAITING,
            Remittance.payment_id.is_(None),
        )
    )


def _begun(work: Application, unit: Unit, first: Wanted, reason: str) -> Remittance:
    now = work.rt.clock()
    made = Remittance(
        kind=BACK_PAYMENT,
        unit_account_no=unit.unit_account_no,
        branch_code=unit.branch_code,
        month=first.first,
        month_to=first.last,
        state=AWAITING,
        headcount=0,
        unit_cents=0,
        individual_cents=0,
        reason=REASONS.get(reason, reason),
        assessed_no=work.no,
        assessed_on=now.astimezone(ZONE).date(),
        assessed_at=now,
        assessed_by=work.actor.name,
    )
    work.session.add(made)
    work.session.flush()
    return made


@finisher(FORM)
def assessed(work: Application, roster: Roster) -> None:
    """Behind the last row: now it may be paid."""
    units.locked_unit(work.session, work.unit_account_no)
    made = _making(work)
    if made is not None:
        made.state = ASSESSED
        work.session.flush()
