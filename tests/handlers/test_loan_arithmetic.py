"""Loans: the schedules of the glossary (§7), rates that change, and what holds for every loan."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.loans.arithmetic import interest
from handlers.loans.ceilings import (
    Borrowing,
    CeilingRules,
    check_borrower,
    loan_ceiling,
    term_months_max,
)
from handlers.loans.rates import Reach, rates_for, segments, takes_effect
from handlers.loans.schedules import schedule
from handlers.loans.terms import (
    AT_ONCE,
    EQUAL_INSTALMENTS,
    EQUAL_PRINCIPAL,
    PRINCIPAL_CENTS_MAX,
    Terms,
    check_terms,
    new_terms,
)
from handlers.retirement import Kind
from tests.builders.loans import DISBURSED_ON, PERCENT, loan, rates

# ── the worked figures of the glossary ───────────────────────────────────────────────────────


def test_equal_instalments_are_those_of_the_glossary() -> None:
    rows = schedule(loan())
    first, second, last = rows[0], rows[1], rows[-1]
    assert (first.interest_cents, first.principal_cents) == (1_083_33, 1_590_61)
    assert (first.amount_cents, first.balance_cents) == (2_673_94, 498_409_39)
    assert (second.interest_cents, second.principal_cents) == (1_079_89, 1_594_05)
    assert {row.amount_cents for row in rows[:-1]} == {2_673_94}
    assert (last.period, last.amount_cents, last.balance_cents) == (240, 2_673_98, 0)
    assert sum(row.interest_cents for row in rows) == 141_745_64
    assert rows[59].balance_cents == 398_199_98


def test_equal_principal_is_that_of_the_glossary() -> None:
    rows = schedule(loan(method=EQUAL_PRINCIPAL))
    assert {row.principal_cents for row in rows[:-1]} == {2_083_33}
    assert rows[-1].principal_cents == 2_084_13
    assert [rows[n].amount_cents for n in (0, 1, -1)] == [3_166_66, 3_162_15, 2_088_65]
    assert sum(row.interest_cents for row in rows) == 130_541_88


def test_a_loan_repaid_at_once_pays_all_its_interest_at_the_end() -> None:
    (row,) = schedule(loan(100_000_00, 12, method=AT_ONCE))
    assert (row.due_on, row.principal_cents) == (date(2027, 1, 20), 100_000_00)
    assert row.interest_cents == 2_600_00  # a year at 2.60 %


# ── due days ─────────────────────────────────────────────────────────────────────────────────


def test_a_loan_paid_out_on_the_31st_is_due_on_the_last_day_of_short_months() -> None:
    rows = schedule(loan(disbursed_on=date(2027, 12, 31), periods=14))
    assert [row.due_on.isoformat() for row in rows[:4]] == [
        *("2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"),
    ]
    assert rows[0].interest_cents == 1_083_33


@pytest.mark.parametrize(
    ("repayment_day", "due", "days"), [(10, "2026-02-10", 21), (25, "2026-02-25", 36)]
)
def test_a_first_period_that_is_no_month_pays_by_days_and_changes_nothing_else(
    repayment_day: int, due: str, days: int
) -> None:
    whole, broken = schedule(loan()), schedule(loan(repayment_day=repayment_day))
    assert broken[0].due_on == date.fromisoformat(due)
    by_days = Decimal(500_000_00) * PERCENT / 100 * days / 360
    assert broken[0].interest_cents == by_days.quantize(Decimal(1), ROUND_HALF_UP)
    assert [row.principal_cents for row in broken] == [row.principal_cents for row in whole]
    assert [row.interest_cents for row in broken[1:]] == [row.interest_cents for row in whole[1:]]


def test_the_day_base_is_a_parameter() -> None:
    day, span = date(2026, 3, 1), rates(("2026-01-20", "3.65"))
    assert interest(100_000_00, span, day, date(2026, 3, 11), day_base=365) == 100_00
    assert interest(100_000_00, span, day, date(2026, 3, 11)) == 101_39


# ── rates that change ────────────────────────────────────────────────────────────────────────


def test_a_new_rate_splits_the_period_by_days_and_then_changes_the_instalment() -> None:
    changed = loan(rates=rates(("2026-01-20", "2.60"), ("2027-01-01", "2.35")))
    old, new = schedule(loan()), schedule(changed)
    assert new[:11] == old[:11]
    at_change = new[11]  # 20 December to 20 January: 12 days at the old rate, 19 at the new
    assert at_change.due_on == date(2027, 1, 20)
    assert at_change.principal_cents == old[11].principal_cents
    balance = Decimal(new[10].balance_cents)
    split = balance * (Decimal("2.60") * 12 + Decimal("2.35") * 19) / 100 / 360
    assert at_change.interest_cents == split.quantize(Decimal(1), ROUND_HALF_UP)
    rest = schedule(
        loan(new[11].balance_cents, 228, rates=Decimal("2.35"), disbursed_on=date(2027, 1, 20))
    )
    assert [row.amount_cents for row in new[12:]] == [row.amount_cents for row in rest]


def test_a_new_rate_on_a_due_day_splits_nothing() -> None:
    rows = schedule(loan(rates=rates(("2026-01-20", "2.60"), ("2026-07-20", "2.10"))))
    assert [row.amount_cents for row in rows[:6]] == [2_673_94] * 6
    expected = (Decimal(rows[5].balance_cents) * Decimal("2.10") / 1200).quantize(
        Decimal(1), ROUND_HALF_UP
    )
    assert rows[6].interest_cents == expected
    assert rows[6].amount_cents < 2_673_94


def test_a_change_to_the_same_rate_changes_nothing() -> None:
    same = loan(rates=rates(("2026-01-20", "2.60"), ("2027-01-01", "2.60")))
    assert schedule(same) == schedule(loan())


def test_equal_principal_keeps_its_share_when_the_rate_changes() -> None:
    # 361.79 ÷ 360 leaves 1.79 at the end; sharing that out anew in 2044 would make it 1.01 a month
    life = rates(("2026-01-20", "2.60"), ("2044-01-01", "3.10"))
    rows = schedule(loan(361_79, 360, method=EQUAL_PRINCIPAL, rates=life))
    assert {row.principal_cents for row in rows[:-1]} == {1_00}
    assert rows[-1].principal_cents == 2_79


def test_a_tiny_loan_ends_when_rounding_up_has_repaid_it() -> None:
    rows = schedule(loan(1_000_30, 360, rates=Decimal(18)))
    assert len(rows) == 356
    assert rows[-1].balance_cents == 0
    assert rows[-1].amount_cents <= rows[0].amount_cents


@pytest.mark.parametrize(
    ("published", "reach", "day"),
    [
        ("2025-05-08", Reach.NEXT_JANUARY, "2026-01-01"),
        ("2025-05-08", Reach.AT_ONCE, "2025-05-08"),
        ("2026-01-01", Reach.NEXT_JANUARY, "2026-01-01"),
    ],
)
def test_when_a_published_rate_reaches_a_loan(published: str, reach: Reach, day: str) -> None:
    assert takes_effect(date.fromisoformat(published), reach) == date.fromisoformat(day)


PUBLISHED = rates(
    *(("2022-10-01", "3.10"), ("2024-05-18", "2.85"), ("2024-09-01", "2.80")),
    ("2025-05-08", "2.60"),
)


def test_the_life_of_a_loans_rate_follows_from_the_centres_table() -> None:
    paid_out = date(2023, 3, 1)
    assert rates_for(paid_out, PUBLISHED, Reach.NEXT_JANUARY) == rates(
        ("2023-03-01", "3.10"), ("2025-01-01", "2.80"), ("2026-01-01", "2.60")
    )
    assert rates_for(paid_out, PUBLISHED, Reach.AT_ONCE) == rates(
        *(("2023-03-01", "3.10"), ("2024-05-18", "2.85"), ("2024-09-01", "2.80")),
        ("2025-05-08", "2.60"),
    )
    assert rates_for(date(2025, 5, 8), PUBLISHED, Reach.AT_ONCE) == rates(("2025-05-08", "2.60"))
    again = (*PUBLISHED, *rates(("2025-06-01", "2.60")))
    assert rates_for(paid_out, again, Reach.AT_ONCE)[-1] == PUBLISHED[-1]
    assert rates_for(date(2022, 9, 30), PUBLISHED, Reach.AT_ONCE) == ()


def test_a_span_is_cut_where_the_rate_changes() -> None:
    life = rates(("2026-01-01", "3"), ("2026-01-11", "2"), ("2026-02-01", "2"))
    assert segments(life, date(2026, 1, 6), date(2026, 2, 5)) == ((Decimal(3), 5), (Decimal(2), 25))
    assert segments(life, date(2026, 1, 6), date(2026, 1, 6)) == ()


# ── what holds for every loan ────────────────────────────────────────────────────────────────

PERCENTS = st.decimals(0, 24, places=3)


@st.composite
def any_terms(draw: st.DrawFn) -> Terms:
    method = draw(st.sampled_from((EQUAL_INSTALMENTS, EQUAL_PRINCIPAL, AT_ONCE)))
    periods = draw(st.integers(1, 12 if method == AT_ONCE else 360))
    disbursed_on = draw(st.dates(date(2000, 1, 1), date(2030, 12, 31)))
    later = draw(st.sets(st.dates(disbursed_on, date(2060, 1, 1)), max_size=3))
    days = [disbursed_on, *sorted(later - {disbursed_on})]
    return loan(
        draw(st.integers(periods * 100, PRINCIPAL_CENTS_MAX)),
        periods,
        rates=rates(*((day.isoformat(), str(draw(PERCENTS))) for day in days)),
        method=method,
        disbursed_on=disbursed_on,
        repayment_day=draw(st.none() | st.integers(1, 31)),
    )


@settings(max_examples=150, deadline=None)
@given(any_terms())
def test_every_schedule_repays_the_principal_and_no_amount_is_negative(terms: Terms) -> None:
    rows = schedule(terms)
    assert sum(row.principal_cents for row in rows) == terms.principal_cents
    assert rows[-1].balance_cents == 0
    balance = terms.principal_cents
    for row in rows:
        assert row.principal_cents >= 0
        assert row.interest_cents >= 0
        assert row.balance_cents == balance - row.principal_cents
        balance = row.balance_cents
    assert [row.due_on for row in rows] == sorted({row.due_on for row in rows})


@settings(max_examples=100, deadline=None)
@given(
    st.integers(36_000, PRINCIPAL_CENTS_MAX),
    PERCENTS,
    st.integers(1, 360),
    st.sampled_from((EQUAL_INSTALMENTS, EQUAL_PRINCIPAL)),
)
def test_interest_of_each_period_is_its_balance_at_the_rate_rounded_once(
    principal_cents: int, percent: Decimal, periods: int, method: str
) -> None:
    rows = schedule(loan(principal_cents, periods, rates=percent, method=method))
    balance = Decimal(principal_cents)
    for row in rows:
        expected = (balance * percent / 1200).quantize(Decimal(1), ROUND_HALF_UP)
        assert row.interest_cents == expected
        balance = Decimal(row.balance_cents)
    steady = {
        row.amount_cents if method == EQUAL_INSTALMENTS else row.principal_cents
        for row in rows[:-2]  # at very high rates rounding up may finish a period early
    }
    assert len(steady) <= 1


# ── what is refused ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"principal_cents": 0}, "loan.principal"),
        ({"principal_cents": -1}, "loan.principal"),
        ({"principal_cents": PRINCIPAL_CENTS_MAX + 1}, "loan.principal_large"),
        ({"principal_cents": 239_99}, "loan.principal_small"),
        ({"periods": 0}, "loan.periods"),
        ({"periods": -5}, "loan.periods"),
        ({"periods": 361}, "loan.periods"),
        ({"rates": Decimal("-0.01")}, "loan.rate"),
        ({"rates": Decimal("24.01")}, "loan.rate"),
        ({"rates": Decimal("NaN")}, "loan.rate"),
        ({"rates": Decimal("Infinity")}, "loan.rate"),
        ({"rates": Decimal("1E-999999")}, "loan.rate"),
        ({"rates": ()}, "loan.rate_gap"),
        ({"rates": rates(("2026-01-21", "2.6"))}, "loan.rate_gap"),
        ({"rates": rates(("2026-01-20", "2.6"), ("2026-01-20", "2"))}, "loan.rate_order"),
        ({"method": "04"}, "loan.method"),
        ({"method": AT_ONCE, "periods": 13}, "loan.once_too_long"),
        ({"repayment_day": 0}, "loan.repayment_day"),
        ({"repayment_day": 32}, "loan.repayment_day"),
        ({"day_base": 0}, "loan.day_base"),
        ({"disbursed_on": date(1900, 1, 1)}, "loan.date"),
        ({"disbursed_on": date(9999, 12, 31)}, "loan.date"),
    ],
)
def test_impossible_terms_are_refused_with_a_sentence(changes: dict[str, Any], code: str) -> None:
    asked: dict[str, Any] = {
        **{"principal_cents": 500_000_00, "rates": PERCENT, "periods": 240},
        **{"method": EQUAL_INSTALMENTS, "disbursed_on": DISBURSED_ON},
    } | changes
    problems = new_terms(
        asked.pop("principal_cents"), asked.pop("rates"), asked.pop("periods"), **asked
    )
    assert isinstance(problems, tuple)
    assert [problem.code for problem in problems] == [code]
    assert problems[0].text.endswith("。")


def test_possible_terms_have_no_problems() -> None:
    assert check_terms(loan()) == ()


# ── how much and how long at most ────────────────────────────────────────────────────────────

RULES = CeilingRules(
    amount_cents_max=800_000_00,
    balance_multiple=Decimal(15),
    price_share_max=Decimal(80),
    step_cents=1_000_00,
)


def borrowing(**changes: Any) -> Borrowing:
    facts = {
        **{"individual_balance_cents": 60_000_00, "house_price_cents": 1_200_000_00},
        **{"income_cents": 12_000_00, "other_debt_cents": 500_00},
        **{"percent": PERCENT, "periods": 240},
    }
    return Borrowing(**(facts | changes))


@pytest.mark.parametrize(
    ("changes", "cents", "decisive"),
    [
        ({}, 800_000_00, "最高贷款额度"),
        ({"individual_balance_cents": 30_000_50}, 450_000_00, "账户余额倍数"),
        ({"house_price_cents": 700_000_00}, 560_000_00, "房价比例"),
        # (6 000 × 50 % − 326.05) ÷ 2 673.94 × 500 000 = 500 000 and a bit
        ({"income_cents": 6_000_00, "other_debt_cents": 326_05}, 500_000_00, "还款能力"),
        ({"income_cents": 6_000_00, "other_debt_cents": 3_000_01}, 0, "还款能力"),
    ],
)
def test_the_lowest_bound_decides_what_may_be_borrowed(
    changes: dict[str, Any], cents: int, decisive: str
) -> None:
    ceiling = loan_ceiling(borrowing(**changes), RULES)
    assert (ceiling.amount_cents, ceiling.decisive) == (cents, decisive)
    assert len(ceiling.bounds) == 4


def test_equal_principal_is_judged_by_its_first_and_largest_instalment() -> None:
    facts = borrowing(income_cents=6_333_34, other_debt_cents=0, method=EQUAL_PRINCIPAL)
    assert loan_ceiling(facts, RULES).bounds["还款能力"] // 100 == 500_000  # first is 3 166.66


@pytest.mark.parametrize(
    ("birth_month", "kind", "months"),
    [
        ("1996-09", Kind.MEN, 360),
        ("1976-09", Kind.MEN, 218),  # 63 in 2039-09, five years on 2044-09
        ("1981-09", Kind.WOMEN_55, 218),
        ("1961-08", Kind.MEN, 1),  # 60 in 2021-08: born before the later ages
        ("1961-07", Kind.MEN, None),
    ],
)
def test_a_loan_ends_five_years_after_retirement_at_the_latest(
    birth_month: str, kind: Kind, months: int | None
) -> None:
    found = term_months_max(birth_month, kind, "2026-07", RULES)
    if months is None:
        assert not isinstance(found, int)
        assert found.code == "loan.too_old"
    else:
        assert found == months


@pytest.mark.parametrize(
    ("contributed", "loans", "codes"),
    [
        (6, 1, []),
        (5, 0, ["loan.contributed_short"]),
        (5, 2, ["loan.contributed_short", "loan.too_many"]),
    ],
)
def test_who_may_not_borrow_hears_every_reason(
    contributed: int, loans: int, codes: list[str]
) -> None:
    problems = check_borrower(contributed, loans, RULES)
    assert [problem.code for problem in problems] == codes
