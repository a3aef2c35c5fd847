"""提前还款: what a repayment before its time costs, what is left, and what it saves.

Arrears come first; without any, a borrower repays a part (and keeps the instalment or the term) or
everything.  Everything due up to the day counts as paid.  Between two due days the interest up to
the day is paid along, on the whole balance or on the repaid part only: the centre's choice.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from engine.errors import Problem
from handlers.amounts import money_text
from handlers.loans.arithmetic import interest
from handlers.loans.arrears import ArrearsPaid, Overdue, PenaltyRule, arrears_cents, pay_arrears
from handlers.loans.schedules import (
    Instalment,
    Standing,
    planned_cents,
    regular_cents,
    schedule,
    standing,
)
from handlers.loans.terms import AT_ONCE, Terms, check_terms, due_on, starts_whole


class Kind(StrEnum):
    """还款类型 (seed 003 P13 names the first, the others are M)."""

    ARREARS = "arrears"
    SHORTER = "shorter"
    SMALLER = "smaller"
    FULL = "full"


KINDS: Mapping[Kind, str] = {
    Kind.ARREARS: "偿还应还未还",
    Kind.SHORTER: "部分提前还款（月还款额不变，缩短期限）",
    Kind.SMALLER: "部分提前还款（期限不变，减少月还款额）",
    Kind.FULL: "提前结清",
}


class Accrual(StrEnum):
    """Interest paid along with a part repaid between two due days.

    BALANCE: on everything owed; the next instalment then bears only the days that are left.
    REPAID: on the repaid part; the rest runs on as if nothing had happened that day.
    """

    BALANCE = "balance"
    REPAID = "repaid"


@dataclass(frozen=True, slots=True)
class Rules:
    """The centre's parameters; `amount_cents_min` of a partial repayment."""

    accrual: Accrual = Accrual.BALANCE
    amount_cents_min: int = 1
    penalty: PenaltyRule = field(default_factory=PenaltyRule)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the borrower asks for.

    `amount_cents` is principal for a partial repayment (interest comes on top), everything paid
    for arrears, and for full settlement either 0 or exactly what settles the loan.
    """

    kind: Kind
    day: date
    amount_cents: int = 0
    overdue: tuple[Overdue, ...] = ()


@dataclass(frozen=True, slots=True)
class Repayment:
    """What to post, the terms and schedule of the rest, and what is saved against carrying on.

    `terms` is None when nothing is left.  `saved_cents` is interest, of the whole life of the rest,
    and negative by some yuan when a tiny sum is repaid between due days (its days are counted, the
    whole month is a twelfth).  `arrears` is there for `Kind.ARREARS` alone.
    """

    kind: Kind
    principal_cents: int
    interest_cents: int
    penalty_cents: int
    terms: Terms | None
    schedule: tuple[Instalment, ...]
    saved_cents: int = 0
    saved_periods: int = 0
    arrears: ArrearsPaid | None = None

    @property
    def paid_cents(self) -> int:
        """What leaves the borrower's account."""
        return self.principal_cents + self.interest_cents + self.penalty_cents


def repay_early(terms: Terms, wish: Wish, rules: Rules = Rules()) -> Repayment | Problem:
    """Judge and calculate one early repayment of a loan running on `terms`."""
    if wish.day < max((terms.interest_from, *(owed.penalty_from for owed in wish.overdue))):
        return Problem("loan.date", "还款日期早于放款、应还或上次还款日期，请核对还款日期。")
    if wish.kind is Kind.ARREARS:
        return _repay_arrears(terms, wish, rules)
    if wish.overdue:
        owed = arrears_cents(wish.overdue, wish.day, terms.rates, rules.penalty)
        return Problem(
            "loan.arrears_first",
            f"贷款有应还未还 {money_text(owed)} 元，请先选择“{KINDS[Kind.ARREARS]}”还清。",
        )
    at = standing(terms, wish.day)
    if not at.balance_cents:
        return Problem("loan.settled", "贷款已到期结清，无需提前还款。")
    if wish.kind is Kind.FULL:
        return _settle(terms, wish, at)
    return _check_part(terms, wish, at, rules) or _repay_part(terms, wish, at, rules)


def _repay_arrears(terms: Terms, wish: Wish, rules: Rules) -> Repayment | Problem:
    paid = pay_arrears(
        wish.overdue, wish.amount_cents, wish.day, rates=terms.rates, rule=rules.penalty
    )
    if isinstance(paid, Problem):
        return paid
    return Repayment(
        kind=wish.kind,
        principal_cents=sum(part.principal_cents for part in paid.cleared),
        interest_cents=sum(part.interest_cents for part in paid.cleared),
        penalty_cents=sum(part.penalty_cents for part in paid.cleared),
        terms=terms,
        schedule=_after(terms, wish.day),
        arrears=paid,
    )


def _settle(terms: Terms, wish: Wish, at: Standing) -> Repayment | Problem:
    cost = _interest_to(terms, at, at.balance_cents, wish.day)
    total = at.balance_cents + cost
    if wish.amount_cents not in (0, total):
        return Problem(
            "loan.full_amount",
            f"{wish.day.isoformat()} 结清贷款需还 {money_text(total)} 元，请按此金额还款。",
        )
    rest = _after(terms, wish.day)
    return Repayment(
        kind=wish.kind,
        principal_cents=at.balance_cents,
        interest_cents=cost,
        penalty_cents=0,
        terms=None,
        schedule=(),
        saved_cents=_interest_of(rest) - cost,
        saved_periods=len(rest),
    )


def _check_part(terms: Terms, wish: Wish, at: Standing, rules: Rules) -> Problem | None:
    if wish.kind is Kind.SHORTER and terms.method == AT_ONCE:
        return Problem(
            "loan.no_instalments", "一次还款付息的贷款没有分期，请选择期限不变的部分还款或结清。"
        )
    if wish.amount_cents <= 0:
        return Problem("loan.amount", "还款金额应大于 0，请填写还款金额。")
    if wish.amount_cents >= at.balance_cents:
        return Problem(
            "loan.amount_large",
            f"剩余本金 {money_text(at.balance_cents)} 元，请填写小于此金额的还款金额，"
            f"或选择“{KINDS[Kind.FULL]}”。",
        )
    if wish.amount_cents < rules.amount_cents_min:
        return Problem(
            "loan.amount_small",
            f"部分提前还款每次不少于 {money_text(rules.amount_cents_min)} 元，请增加还款金额。",
        )
    return None


def _repay_part(terms: Terms, wish: Wish, at: Standing, rules: Rules) -> Repayment | Problem:
    on_all = rules.accrual is Accrual.BALANCE
    bearing = at.balance_cents if on_all else wish.amount_cents
    cost = _interest_to(terms, at, bearing, wish.day)
    fresh = _rest(terms, at, at.balance_cents - wish.amount_cents, wish.day if on_all else at.since)
    if wish.kind is Kind.SHORTER:
        fresh = _shortened(fresh, planned_cents(terms, at))
    if check_terms(fresh):
        return Problem(
            "loan.rest_small",
            f"还款后剩余本金过少，请减少还款金额，或选择“{KINDS[Kind.FULL]}”。",
        )
    plan = schedule(fresh)
    rest = _after(terms, wish.day)
    return Repayment(
        kind=wish.kind,
        principal_cents=wish.amount_cents,
        interest_cents=cost,
        penalty_cents=0,
        terms=fresh,
        schedule=plan,
        saved_cents=_interest_of(rest) - cost - _interest_of(plan),
        saved_periods=len(rest) - len(plan),
    )


def _rest(terms: Terms, at: Standing, principal_cents: int, interest_from: date) -> Terms:
    """The same agreement for the periods to come, on a smaller principal."""
    if terms.method == AT_ONCE and interest_from == terms.interest_from:
        return replace(terms, principal_cents=principal_cents)
    return replace(
        terms,
        principal_cents=principal_cents,
        periods=terms.periods - at.passed,
        interest_from=interest_from,
        first_due_on=due_on(terms, at.passed),
        first_period=terms.first_period + (0 if terms.method == AT_ONCE else at.passed),
        kept_cents=None,
    )


def _shortened(fresh: Terms, kept_cents: int) -> Terms:
    """The shortest term whose instalment is not above the one kept.

    When the rate has risen since, even the whole term may need more: then the term stays.
    """
    terms = range(1, fresh.periods + 1)
    found = bisect_left(
        terms,
        -kept_cents,
        key=lambda n: -regular_cents(fresh, fresh.principal_cents, fresh.interest_from, n),
    )
    if found == len(terms):
        return fresh
    return replace(fresh, periods=terms[found], kept_cents=kept_cents)


def _interest_to(terms: Terms, at: Standing, bearing_cents: int, day: date) -> int:
    """Interest from the last paid day; whole months only where a loan repaid at once has them."""
    on_due_day = at.passed > 0 and due_on(terms, at.passed - 1) == day
    return interest(
        bearing_cents,
        terms.rates,
        at.since,
        day,
        whole_months=at.passed if on_due_day and starts_whole(terms) else 0,
        day_base=terms.day_base,
    )


def _after(terms: Terms, day: date) -> tuple[Instalment, ...]:
    return tuple(row for row in schedule(terms) if row.due_on > day)


def _interest_of(rows: tuple[Instalment, ...]) -> int:
    return sum(row.interest_cents for row in rows)
