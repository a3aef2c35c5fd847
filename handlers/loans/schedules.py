"""还款计划: the terms of a loan laid out period by period.

Each period's interest is its balance at the rate, rounded once; the last period takes what the
rounding left over.  The instalment follows the rate in force when a period begins: a change
within a period splits that period's interest by days and the next period gets the new instalment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from handlers.loans.arithmetic import half_up, instalment, interest, monthly
from handlers.loans.rates import rate_on
from handlers.loans.terms import (
    AT_ONCE,
    EQUAL_INSTALMENTS,
    Terms,
    check_terms,
    due_on,
    starts_whole,
)


@dataclass(frozen=True, slots=True)
class Instalment:
    """One period, in 分; `balance_cents` is what is still owed after it."""

    period: int
    due_on: date
    principal_cents: int
    interest_cents: int
    balance_cents: int

    @property
    def amount_cents(self) -> int:
        """What the borrower pays that day."""
        return self.principal_cents + self.interest_cents


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a loan stands on a day when everything due up to that day is paid.

    `passed` periods are behind it, interest is paid up to `since`, `balance_cents` is owed.
    """

    passed: int
    since: date
    balance_cents: int


def schedule(terms: Terms) -> tuple[Instalment, ...]:
    """The whole plan; ends early only when rounding up has already repaid everything."""
    problems = check_terms(terms)
    assert not problems, problems
    if terms.method == AT_ONCE:
        return (_at_once(terms),)
    return tuple(_periods(terms))


def standing(terms: Terms, day: date) -> Standing:
    """Everything due on or before `day` counts as paid."""
    passed = 0
    while passed < terms.periods and due_on(terms, passed) <= day:
        passed += 1
    if terms.method == AT_ONCE:
        balance = terms.principal_cents if passed < terms.periods else 0
        return Standing(passed, terms.interest_from, balance)
    if not passed:
        return Standing(0, terms.interest_from, terms.principal_cents)
    rows = schedule(terms)
    balance = rows[passed - 1].balance_cents if passed <= len(rows) else 0
    return Standing(passed, due_on(terms, passed - 1), balance)


def regular_cents(terms: Terms, balance_cents: int, day: date, periods: int) -> int:
    """Instalment (等额本息) or share of principal (等额本金) of so many periods from that day."""
    if terms.method == EQUAL_INSTALMENTS:
        return half_up(instalment(balance_cents, rate_on(terms.rates, day), periods))
    return half_up(Fraction(balance_cents, periods))


def planned_cents(terms: Terms, at: Standing) -> int:
    """The instalment (等额本息) or share of principal (等额本金) now running, of a whole month."""
    row = schedule(terms)[at.passed]
    if terms.method != EQUAL_INSTALMENTS:
        return row.principal_cents
    return row.principal_cents + half_up(at.balance_cents * monthly(rate_on(terms.rates, at.since)))


def _periods(terms: Terms) -> Iterator[Instalment]:
    balance, since = terms.principal_cents, terms.interest_from
    percent = rate_on(terms.rates, since)
    planned = terms.kept_cents or regular_cents(terms, balance, since, terms.periods)
    for place in range(terms.periods):
        if not balance:
            return
        if rate_on(terms.rates, since) != percent:
            percent = rate_on(terms.rates, since)
            if terms.method == EQUAL_INSTALMENTS:
                planned = regular_cents(terms, balance, since, terms.periods - place)
        due = due_on(terms, place)
        whole = place > 0 or starts_whole(terms)
        cost = interest(
            balance, terms.rates, since, due, whole_months=int(whole), day_base=terms.day_base
        )
        principal = planned
        if terms.method == EQUAL_INSTALMENTS:
            # Of a whole month, so that a broken first period changes its interest and no more.
            principal -= half_up(balance * monthly(percent))
        if place == terms.periods - 1:
            principal = balance
        principal = min(principal, balance)
        balance -= principal
        assert principal >= 0, "an instalment covers at least its interest"
        yield Instalment(terms.first_period + place, due, principal, cost, balance)
        since = due
    assert balance == 0, "the last period takes the rest"


def _at_once(terms: Terms) -> Instalment:
    due = due_on(terms, terms.periods - 1)
    cost = interest(
        terms.principal_cents,
        terms.rates,
        terms.interest_from,
        due,
        whole_months=terms.periods if starts_whole(terms) else 0,
        day_base=terms.day_base,
    )
    return Instalment(terms.first_period, due, terms.principal_cents, cost, 0)
