"""应还未还: what an unpaid instalment costs a day, and what a payment of it clears first.

The oldest instalment first, and within it penalty, then interest, then principal (M: the order of
most loan contracts).  The centre decides whether unpaid interest bears penalty too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from engine.errors import Problem
from handlers.amounts import money_text
from handlers.loans.arithmetic import DAY_BASE, half_up
from handlers.loans.rates import Rate, segments


@dataclass(frozen=True, slots=True)
class PenaltyRule:
    """罚息 parameters (glossary §7): 1.5 times the loan rate, by days."""

    base: Literal["principal", "principal_interest"] = "principal_interest"
    factor: Decimal = Decimal("1.5")
    day_base: int = DAY_BASE


@dataclass(frozen=True, slots=True)
class Overdue:
    """What is still unpaid of one instalment, in 分.

    Penalty runs from `penalty_from` (the due day until something was paid); `penalty_cents` is what
    had run up before that day and is unpaid.
    """

    period: int
    due_on: date
    principal_cents: int
    interest_cents: int
    penalty_from: date
    penalty_cents: int = 0


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a payment cleared of one instalment, in 分."""

    period: int
    penalty_cents: int
    interest_cents: int
    principal_cents: int

    @property
    def amount_cents(self) -> int:
        return self.penalty_cents + self.interest_cents + self.principal_cents


@dataclass(frozen=True, slots=True)
class ArrearsPaid:
    """The payment split over instalments, and what stays unpaid."""

    cleared: tuple[Cleared, ...]
    left: tuple[Overdue, ...]


def penalty_cents(
    owed: Overdue, day: date, rates: Sequence[Rate], rule: PenaltyRule = PenaltyRule()
) -> int:
    """All unpaid penalty of that instalment on `day`, in 分; the due day itself costs nothing."""
    assert owed.penalty_from <= day, "penalty is not asked for the past"
    bearing = owed.principal_cents
    if rule.base == "principal_interest":
        bearing += owed.interest_cents
    run = sum(
        (Fraction(pct) * days for pct, days in segments(rates, owed.penalty_from, day)), Fraction()
    )
    return owed.penalty_cents + half_up(bearing * run * Fraction(rule.factor) / 100 / rule.day_base)


def arrears_cents(
    overdue: Sequence[Overdue], day: date, rates: Sequence[Rate], rule: PenaltyRule = PenaltyRule()
) -> int:
    """What clears everything on `day`, in 分."""
    return sum(
        owed.principal_cents + owed.interest_cents + penalty_cents(owed, day, rates, rule)
        for owed in overdue
    )


def pay_arrears(
    overdue: Sequence[Overdue],
    amount_cents: int,
    day: date,
    *,
    rates: Sequence[Rate],
    rule: PenaltyRule = PenaltyRule(),
) -> ArrearsPaid | Problem:
    """Split a payment; a part is welcome, more than everything is refused."""
    if not overdue:
        return Problem("loan.no_arrears", "没有应还未还的款项，请选择其他还款类型。")
    if any(day < owed.penalty_from for owed in overdue):
        return Problem("loan.date", "还款日期早于应还日期或上次还款日期，请核对还款日期。")
    if amount_cents <= 0:
        return Problem("loan.amount", "还款金额应大于 0，请填写还款金额。")
    total = arrears_cents(overdue, day, rates, rule)
    if amount_cents > total:
        return Problem(
            "loan.amount_large",
            f"应还未还合计 {money_text(total)} 元，请按不超过此金额还款；"
            "还清后再选择提前还款类型偿还剩余本金。",
        )
    cleared, left = [], []
    for owed in sorted(overdue, key=lambda each: each.period):
        part, rest = _clear(owed, penalty_cents(owed, day, rates, rule), amount_cents, day)
        amount_cents -= part.amount_cents
        cleared.append(part)
        left.append(rest)
    assert amount_cents == 0, "everything paid clears something"
    return ArrearsPaid(
        tuple(part for part in cleared if part.amount_cents),
        tuple(rest for rest in left if _owes(rest)),
    )


def _clear(owed: Overdue, penalty: int, money: int, day: date) -> tuple[Cleared, Overdue]:
    """Penalty, interest, principal, as far as the money goes."""
    paid_penalty = min(money, penalty)
    paid_interest = min(money - paid_penalty, owed.interest_cents)
    paid_principal = min(money - paid_penalty - paid_interest, owed.principal_cents)
    part = Cleared(owed.period, paid_penalty, paid_interest, paid_principal)
    if not part.amount_cents:
        return part, owed
    return part, replace(
        owed,
        principal_cents=owed.principal_cents - paid_principal,
        interest_cents=owed.interest_cents - paid_interest,
        penalty_cents=penalty - paid_penalty,
        penalty_from=day,
    )


def _owes(owed: Overdue) -> bool:
    return bool(owed.principal_cents or owed.interest_cents or owed.penalty_cents)
