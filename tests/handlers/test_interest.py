"""Interest of one account: the worked examples of the glossary (§6), rates that change, gaps."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from engine.errors import Problem
from handlers.ledger import interest
from handlers.ledger.interest import Rates
from handlers.parameters import Period

DAY = date.fromisoformat
START, END = DAY("2025-07-01"), DAY("2026-07-01")
MONTHLY = [
    (date(2025 + (5 + month) // 12, (5 + month) % 12 + 1, 10), 120_000) for month in range(1, 13)
]
WITHDRAWN = (DAY("2026-03-20"), -500_000)


def periods(*starts: tuple[str, str], until: date = END) -> list[Period[Decimal]]:
    """From each day on the rate in percent, until the next one."""
    days = [*(DAY(day) for day, _ in starts), until]
    rates = [Decimal(rate) for _, rate in starts]
    return [Period(*dates, rate) for *dates, rate in zip(days, days[1:], rates, strict=False)]


def flat(first: date = START, until: date = END, rate: str = "1.50") -> Rates:
    found = interest.rates(periods((str(first), rate), until=until), first, until)
    assert isinstance(found, Rates)
    return found


def test_a_year_of_deposits_and_a_withdrawal_as_in_the_glossary() -> None:
    movements = [*MONTHLY, WITHDRAWN]
    balance = 2_000_000 + sum(cents for _, cents in movements)
    earned = interest.earned(balance, movements, flat(), 360)
    assert (earned, balance + earned) == (39_551, 2_979_551)


def test_twenty_thousand_untouched_for_a_year() -> None:
    assert interest.earned(2_000_000, [], flat(), 360) == 30_417


def test_an_account_closed_in_may_earns_until_the_day_before() -> None:
    paid_on = DAY("2026-05-15")
    movements = [(day, cents) for day, cents in [*MONTHLY, WITHDRAWN] if day < paid_on]
    balance = 2_000_000 + sum(cents for _, cents in movements)
    earned = interest.closing(balance, movements, flat(until=paid_on), 360)
    assert (balance, earned, balance + earned) == (2_820_000, 33_923, 2_853_923)


def test_a_closing_behind_an_unsettled_30_june_earns_interest_on_that_interest() -> None:
    """10 000 000.00 for a year is 152 083.33; that for 31 days of July earns 196.44 more."""
    rates = flat(until=DAY("2026-08-01"))
    july = (10**9 + 15_208_333) * 31 * 0.015 / 360
    assert interest.closing(10**9, [], rates, 360) == 15_208_333 + round(july)
    assert interest.closing(10**9, [], rates, 360) > interest.earned(10**9, [], rates, 360)


def test_a_day_base_of_365_pays_exactly_the_rate_in_a_common_year() -> None:
    assert interest.earned(2_000_000, [], flat(), 365) == 30_000


def test_a_rate_that_changes_counts_from_its_day_by_segments() -> None:
    """100 days at 1.50 and 265 at 1.20 on 10 000.00: (150 + 318) / 360 × 10 000 / 100."""
    change = START + timedelta(days=100)
    rates = interest.rates(periods((str(START), "1.50"), (str(change), "1.20")), START, END)
    assert isinstance(rates, Rates)
    assert interest.earned(1_000_000, [], rates, 360) == 13_000
    on_the_day = [(change, 1_000_000)]
    assert interest.earned(1_000_000, on_the_day, rates, 360) == round(265 * 1.2 / 360 * 10_000)


def test_rates_before_and_after_the_period_do_not_count() -> None:
    wide = periods(("2016-02-21", "1.50"), ("2026-08-01", "9.99"), until=DAY("2099-01-01"))
    rates = interest.rates(wide, START, END)
    assert isinstance(rates, Rates)
    assert (rates.first, rates.until, rates.total) == (START, END, 365 * 15_000)


@pytest.mark.parametrize(
    ("table", "days"),
    [
        ([], "2025-07-01 至 2026-06-30"),
        ([Period(START, DAY("2026-06-30"), Decimal("1.5"))], "2026-06-30 没有"),
        (
            [
                Period(DAY("2025-07-03"), DAY("2025-12-01"), Decimal("1.5")),
                Period(DAY("2026-01-01"), END, Decimal("1.5")),
            ],
            "2025-07-01 至 2025-07-02、2025-12-01 至 2025-12-31 没有",
        ),
    ],
)
def test_a_hole_in_the_rates_is_refused_and_named(table: list[Period[Decimal]], days: str) -> None:
    found = interest.rates(table, START, END)
    assert isinstance(found, Problem)
    assert found.code == "interest.rate_gap"
    assert days in found.text


@pytest.mark.parametrize(
    ("cents_days", "expected"), [(12_000, 1), (11_999, 0), (35_999, 1), (36_000, 2), (-99_999, 0)]
)
def test_half_a_cent_is_rounded_up_and_nobody_owes_interest(cents_days: int, expected: int) -> None:
    """At 1.50 % 24 000 cent-days are one cent."""
    assert interest.interest_cents(cents_days * 15_000, 360) == expected


def test_the_largest_account_at_the_highest_rate_stays_inside_64_bits() -> None:
    from handlers.ledger.models import MEMBER_CENTS_MAX

    leap = flat(DAY("2023-07-01"), DAY("2024-07-01"), rate="20")
    assert MEMBER_CENTS_MAX * leap.total + 365 * interest.MILLION < 2**63
    with pytest.raises(AssertionError):
        flat(rate="20.0001")


@pytest.mark.parametrize(
    ("day", "year"), [("2025-06-30", 2025), ("2025-07-01", 2026), ("2026-06-30", 2026)]
)
def test_a_fund_year_is_named_by_the_year_it_ends_in(day: str, year: int) -> None:
    assert interest.fund_year_of(DAY(day)) == year
    start, end = interest.fund_year(year)
    assert start <= DAY(day) < end
