"""Early repayment and arrears: the figures of the glossary (§7), and nothing lost on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Problem
from handlers.loans.arrears import (
    ArrearsPaid,
    Cleared,
    Overdue,
    PenaltyRule,
    arrears_cents,
    pay_arrears,
    penalty_cents,
)
from handlers.loans.early_repayment import Accrual, Kind, Repayment, Rules, Wish, repay_early
from handlers.loans.schedules import schedule
from handlers.loans.terms import AT_ONCE, EQUAL_INSTALMENTS, EQUAL_PRINCIPAL, Terms
from tests.builders.loans import PERCENT, loan, rates

AFTER_60 = date(2031, 1, 20)  # the 60th due day
BETWEEN = date(2031, 2, 4)  # 15 days later
RATES = rates(("2026-01-20", "2.60"))


def rounded(exact: Decimal) -> int:
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def repaid(terms: Terms, kind: Kind, day: date, cents: int = 0, **rules: Any) -> Repayment:
    result = repay_early(terms, Wish(kind, day, cents), Rules(**rules))
    assert isinstance(result, Repayment), result
    return result


def refused(terms: Terms, wish: Wish, **rules: Any) -> Problem:
    result = repay_early(terms, wish, Rules(**rules))
    assert isinstance(result, Problem), result
    assert result.text.endswith("。")
    return result


def future(terms: Terms, day: date) -> int:
    """Interest still to come when nothing is repaid."""
    return sum(row.interest_cents for row in schedule(terms) if row.due_on > day)


# ── a part, or everything ────────────────────────────────────────────────────────────────────


def test_keeping_the_term_makes_the_instalment_smaller() -> None:
    after = repaid(loan(), Kind.SMALLER, AFTER_60, 100_000_00)
    assert (after.paid_cents, after.interest_cents) == (100_000_00, 0)
    assert sum(row.principal_cents for row in after.schedule) == 298_199_98
    assert (after.schedule[0].period, after.schedule[0].due_on) == (61, date(2031, 2, 20))
    assert {row.amount_cents for row in after.schedule[:-1]} == {2_002_43}
    assert (len(after.schedule), after.saved_periods) == (180, 0)
    new_interest = sum(row.interest_cents for row in after.schedule)
    assert after.saved_cents == future(loan(), AFTER_60) - new_interest > 0


def test_keeping_the_instalment_makes_the_term_shorter() -> None:
    after = repaid(loan(), Kind.SHORTER, AFTER_60, 100_000_00)
    assert (len(after.schedule), after.saved_periods) == (128, 52)
    assert {row.amount_cents for row in after.schedule[:-1]} == {2_673_94}
    last = after.schedule[-1]
    assert (last.period, last.balance_cents) == (188, 0)
    # 127.79 periods: the last instalment is 0.79 of the others
    assert round(Decimal(last.amount_cents) / 2_673_94, 2) == Decimal("0.79")
    smaller = repaid(loan(), Kind.SMALLER, AFTER_60, 100_000_00)
    assert after.saved_cents > smaller.saved_cents


def test_a_shorter_loan_of_equal_principal_keeps_its_share() -> None:
    after = repaid(loan(method=EQUAL_PRINCIPAL), Kind.SHORTER, AFTER_60, 100_000_00)
    assert {row.principal_cents for row in after.schedule[:-1]} == {2_083_33}
    assert len(after.schedule) == 132  # (375 000.20 − 100 000) ÷ 2 083.33 = 132.0003
    assert after.schedule[-1].principal_cents == 2_083_97  # no period for 64 分


def test_full_settlement_pays_the_balance_and_its_days() -> None:
    on_due_day = repaid(loan(), Kind.FULL, AFTER_60)
    assert (on_due_day.principal_cents, on_due_day.interest_cents) == (398_199_98, 0)
    assert on_due_day.saved_cents == future(loan(), AFTER_60)
    later = repaid(loan(), Kind.FULL, BETWEEN)
    days = rounded(Decimal(398_199_98) * PERCENT / 100 * 15 / 360)
    assert (later.principal_cents, later.interest_cents) == (398_199_98, days)
    assert (later.terms, later.schedule, later.saved_periods) == (None, (), 180)
    assert later.saved_cents == future(loan(), BETWEEN) - days


def test_the_amount_of_a_settlement_is_exact_or_left_to_the_centre() -> None:
    due = repaid(loan(), Kind.FULL, BETWEEN).paid_cents
    assert repaid(loan(), Kind.FULL, BETWEEN, due).paid_cents == due
    problem = refused(loan(), Wish(Kind.FULL, BETWEEN, due - 1))
    assert problem.code == "loan.full_amount"
    assert "398,631.36" in problem.text


def test_between_due_days_interest_is_paid_on_everything_owed_and_the_rest_bears_its_days() -> None:
    after = repaid(loan(), Kind.SMALLER, BETWEEN, 100_000_00)
    assert after.interest_cents == rounded(Decimal(398_199_98) * PERCENT / 100 * 15 / 360)
    first, second = after.schedule[:2]
    assert first.due_on == date(2031, 2, 20)
    assert first.interest_cents == rounded(Decimal(298_199_98) * PERCENT / 100 * 16 / 360)
    assert second.amount_cents == 2_002_43


def test_or_only_on_the_repaid_part_and_the_rest_runs_on() -> None:
    after = repaid(loan(), Kind.SMALLER, BETWEEN, 100_000_00, accrual=Accrual.REPAID)
    assert after.interest_cents == rounded(Decimal(100_000_00) * PERCENT / 100 * 15 / 360)
    assert {row.amount_cents for row in after.schedule[:-1]} == {2_002_43}


def test_before_the_first_due_day_the_days_since_disbursement_count() -> None:
    after = repaid(loan(), Kind.SHORTER, date(2026, 1, 30), 100_000_00)
    assert after.interest_cents == rounded(Decimal(500_000_00) * PERCENT / 100 * 10 / 360)
    assert after.schedule[0].period == 1
    same_day = repaid(loan(), Kind.FULL, date(2026, 1, 20))
    assert same_day.paid_cents == 500_000_00


def test_a_loan_repaid_at_once_may_be_reduced_and_settled_on_the_way() -> None:
    terms = loan(100_000_00, 12, method=AT_ONCE)
    half_year = date(2026, 7, 20)
    after = repaid(terms, Kind.SMALLER, half_year, 40_000_00)
    assert after.interest_cents == 1_300_00  # six whole months of everything
    (row,) = after.schedule
    assert (row.period, row.due_on, row.amount_cents) == (1, date(2027, 1, 20), 60_780_00)
    part = repaid(terms, Kind.SMALLER, half_year, 40_000_00, accrual=Accrual.REPAID)
    assert (part.interest_cents, part.schedule[0].amount_cents) == (520_00, 61_560_00)
    assert repaid(terms, Kind.FULL, half_year).paid_cents == 101_300_00
    problem = refused(terms, Wish(Kind.SHORTER, half_year, 40_000_00))
    assert problem.code == "loan.no_instalments"


def test_a_second_repayment_goes_on_from_the_first() -> None:
    first = repaid(loan(), Kind.SHORTER, AFTER_60, 100_000_00)
    assert first.terms is not None
    second = repaid(first.terms, Kind.SMALLER, date(2032, 1, 20), 50_000_00)
    assert second.schedule[0].period == 73
    assert second.schedule[-1].period == 188
    left = first.schedule[11].balance_cents - 50_000_00
    assert sum(row.principal_cents for row in second.schedule) == left


def test_when_the_rate_rose_since_the_instalment_was_set_the_term_cannot_shrink_by_a_trifle() -> (
    None
):
    risen = loan(rates=rates(("2026-01-20", "2.60"), ("2031-02-01", "4.90")))
    after = repaid(risen, Kind.SHORTER, BETWEEN, 1_000_00)
    assert (len(after.schedule), after.saved_periods) == (180, 0)
    assert after.schedule[1].amount_cents > 2_673_94


# ── refusals ─────────────────────────────────────────────────────────────────────────────────

LATE = Overdue(60, AFTER_60, 1_807_26, 866_68, AFTER_60)


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (Wish(Kind.SMALLER, AFTER_60, 0), "loan.amount"),
        (Wish(Kind.SMALLER, AFTER_60, -1), "loan.amount"),
        (Wish(Kind.SMALLER, AFTER_60, 398_199_98), "loan.amount_large"),
        (Wish(Kind.SHORTER, AFTER_60, 10**18), "loan.amount_large"),
        (Wish(Kind.SMALLER, AFTER_60, 398_199_97), "loan.rest_small"),
        (Wish(Kind.SMALLER, date(2026, 1, 19), 100_00), "loan.date"),
        (Wish(Kind.FULL, date(2046, 1, 20)), "loan.settled"),
        (Wish(Kind.SMALLER, AFTER_60, 100_00, (LATE,)), "loan.arrears_first"),
        (Wish(Kind.FULL, BETWEEN, 0, (LATE,)), "loan.arrears_first"),
        (Wish(Kind.ARREARS, BETWEEN, 100_00), "loan.no_arrears"),
        (Wish(Kind.ARREARS, BETWEEN, 0, (LATE,)), "loan.amount"),
        (Wish(Kind.ARREARS, AFTER_60 - timedelta(1), 1, (LATE,)), "loan.date"),
        (Wish(Kind.ARREARS, BETWEEN, 2_678_30, (LATE,)), "loan.amount_large"),
    ],
)
def test_an_impossible_repayment_is_refused_with_a_sentence(wish: Wish, code: str) -> None:
    assert refused(loan(), wish).code == code


def test_a_centre_may_set_the_smallest_part() -> None:
    wish = Wish(Kind.SMALLER, AFTER_60, 9_999_99)
    problem = refused(loan(), wish, amount_cents_min=10_000_00)
    assert problem.code == "loan.amount_small"
    assert "10,000.00" in problem.text


# ── arrears ──────────────────────────────────────────────────────────────────────────────────

DUE = date(2026, 2, 20)
FIRST = Overdue(1, DUE, 1_590_61, 1_083_33, DUE)


@pytest.mark.parametrize(
    ("rule", "days", "cents"),
    [
        (PenaltyRule(base="principal"), 25, 4_31),
        (PenaltyRule(base="principal_interest"), 25, 7_24),
        (PenaltyRule(), 0, 0),
        (PenaltyRule(factor=Decimal("1.3"), day_base=365), 25, 6_19),
    ],
)
def test_the_penalty_is_that_of_the_glossary(rule: PenaltyRule, days: int, cents: int) -> None:
    assert penalty_cents(FIRST, DUE + timedelta(days), RATES, rule) == cents


def test_the_penalty_follows_a_change_of_the_rate() -> None:
    changed = rates(("2026-01-20", "2.60"), ("2026-03-02", "5.20"))  # 10 days, then 15
    expected = rounded(
        Decimal(2_673_94) * (Decimal("2.60") * 10 + Decimal("5.20") * 15) / 100 * 3 / 2 / 360
    )
    assert penalty_cents(FIRST, DUE + timedelta(25), changed) == expected


def test_arrears_paid_in_full_leave_the_schedule_as_it_is() -> None:
    day = DUE + timedelta(25)
    owed = arrears_cents([FIRST], day, RATES)
    assert owed == 2_673_94 + 7_24
    after = repay_early(loan(), Wish(Kind.ARREARS, day, owed, (FIRST,)))
    assert isinstance(after, Repayment)
    assert after.paid_cents == owed
    assert (after.principal_cents, after.interest_cents) == (1_590_61, 1_083_33)
    assert after.penalty_cents == 7_24
    assert after.schedule == schedule(loan())[1:]
    assert after.arrears is not None
    assert after.arrears.left == ()


def test_a_part_clears_the_oldest_first_and_its_penalty_before_interest_and_principal() -> None:
    second = Overdue(2, date(2026, 3, 20), 1_594_05, 1_079_89, date(2026, 3, 20))
    day = date(2026, 3, 30)
    first_all = arrears_cents([FIRST], day, RATES)
    paid = pay_arrears([second, FIRST], first_all + 500_00, day, rates=RATES)
    assert isinstance(paid, ArrearsPaid)
    penalty = penalty_cents(second, day, RATES)
    assert paid.cleared == (
        Cleared(1, penalty_cents(FIRST, day, RATES), 1_083_33, 1_590_61),
        Cleared(2, penalty, 500_00 - penalty, 0),
    )
    assert paid.left == (
        replace(second, interest_cents=1_079_89 - (500_00 - penalty), penalty_from=day),
    )


def test_unpaid_penalty_is_kept_and_bears_no_penalty_itself() -> None:
    day = DUE + timedelta(25)
    paid = pay_arrears([FIRST], 2_24, day, rates=RATES)
    assert isinstance(paid, ArrearsPaid)
    (rest,) = paid.left
    assert (rest.penalty_cents, rest.interest_cents) == (5_00, 1_083_33)
    assert penalty_cents(rest, day, RATES) == 5_00
    assert penalty_cents(rest, day + timedelta(25), RATES) == 5_00 + 7_24


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 3_000_00), min_size=1, max_size=5), st.integers(0, 400))
def test_however_arrears_are_paid_nothing_is_lost(parts: list[int], days: int) -> None:
    day = date(2026, 3, 20) + timedelta(days)
    left: tuple[Overdue, ...] = (FIRST, Overdue(2, date(2026, 3, 20), 1_594_05, 1_079_89, DUE))
    for cents in parts:
        owed = arrears_cents(left, day, RATES)
        paid = pay_arrears(left, cents, day, rates=RATES)
        if cents > owed or not left:
            assert isinstance(paid, Problem)
            continue
        assert isinstance(paid, ArrearsPaid)
        assert sum(part.amount_cents for part in paid.cleared) == cents
        assert arrears_cents(paid.left, day, RATES) == owed - cents
        left = paid.left


# ── what holds for every early repayment ─────────────────────────────────────────────────────


@settings(max_examples=120, deadline=None)
@given(
    terms=st.builds(
        loan,
        st.integers(100_000_00, 1_200_000_00),
        st.integers(12, 360),
        method=st.sampled_from((EQUAL_INSTALMENTS, EQUAL_PRINCIPAL)),
        rates=st.decimals("0.01", 24, places=2),
        repayment_day=st.none() | st.integers(1, 31),
    ),
    kind=st.sampled_from((Kind.SHORTER, Kind.SMALLER)),
    accrual=st.sampled_from(Accrual),
    days=st.integers(0, 3_000),
    share=st.integers(1, 99),
)
def test_a_part_repaid_is_neither_lost_nor_gained(
    terms: Terms, kind: Kind, accrual: Accrual, days: int, share: int
) -> None:
    day = terms.interest_from + timedelta(days)
    old = [row for row in schedule(terms) if row.due_on > day]
    owed = sum(row.principal_cents for row in old)
    after = repay_early(terms, Wish(kind, day, owed * share // 100), Rules(accrual=accrual))
    if isinstance(after, Problem):
        assert after.code in ("loan.settled", "loan.amount", "loan.rest_small")
        return
    new = after.schedule
    assert after.principal_cents + sum(row.principal_cents for row in new) == owed
    assert new[-1].balance_cents == 0
    assert new[0].due_on == old[0].due_on
    assert new[0].period == old[0].period
    assert new[-1].due_on <= old[-1].due_on
    assert all(row.principal_cents >= 0 and row.interest_cents >= 0 for row in new)
    assert after.saved_periods == len(old) - len(new) >= 0
    interest = after.interest_cents + sum(row.interest_cents for row in new)
    assert after.saved_cents == sum(row.interest_cents for row in old) - interest
    if kind is Kind.SMALLER and len(old) == len(new) > 2:
        assert new[1].amount_cents <= old[1].amount_cents
