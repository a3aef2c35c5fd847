"""Interest by day products (积数法), in whole numbers.

A rate of 1.50 % is 15,000 millionths, so that a year's products are integers in both databases.
Money earns from its value day (起息日, 条例 art. 21) to the day before a period's end; what arrives
in the middle misses the days before.  So with the balance *at the end*
`numerator = balance × all days' rates − Σ amount × the rates it has missed`: one sum over entries.
Pure: `settling` says the same in SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

from engine.errors import Problem

YEAR_START = (7, 1)  # settled on 30 June (glossary §6): the next year begins on 1 July
MILLION = 1_000_000
PPM_PER_PERCENT = 10_000  # parameters have at most four places, so nothing is lost
# With it MEMBER_CENTS_MAX × 366 days × rate stays inside 64 bits; a parameter may be 10 % at most.
RATE_PPM_MAX = 200_000


class Period(Protocol):
    """`parameters.Period[Decimal]`: `ends_on` is the first day without the value."""

    @property
    def starts_on(self) -> date: ...
    @property
    def ends_on(self) -> date: ...
    @property
    def value(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class Segment:
    """Days with one rate, `ends_on` excluded."""

    starts_on: date
    ends_on: date
    rate_ppm: int

    def until(self, day: date) -> int:
        """The rates of its days before this one, added up."""
        return max(0, (min(day, self.ends_on) - self.starts_on).days) * self.rate_ppm


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of every day from `first` to before `until`: segments without a hole."""

    segments: tuple[Segment, ...]

    @property
    def first(self) -> date:
        return self.segments[0].starts_on

    @property
    def until(self) -> date:
        return self.segments[-1].ends_on

    @property
    def total(self) -> int:
        """What a cent that was there all the time earns, in millionths of a cent × day base."""
        return self.missed(self.until)

    def missed(self, day: date) -> int:
        """The part of it that a cent coming in on this day does not earn."""
        return sum(segment.until(day) for segment in self.segments)

    def by_fund_year(self) -> Iterator[Rates]:
        """Cut at each 1 July."""
        start = self.first
        while start < self.until:
            end = min(fund_year(fund_year_of(start))[1], self.until)
            inside = (s for s in self.segments if s.starts_on < end and s.ends_on > start)
            yield Rates(
                tuple(
                    Segment(max(s.starts_on, start), min(s.ends_on, end), s.rate_ppm)
                    for s in inside
                )
            )
            start = end


def fund_year(year: int) -> tuple[date, date]:
    """First day of the fund year and the first day after it: 2026 is 2025-07-01 … 2026-06-30."""
    return date(year - 1, *YEAR_START), date(year, *YEAR_START)


def fund_year_of(day: date) -> int:
    return day.year + (day >= date(day.year, *YEAR_START))


def rates(periods: Iterable[Period], first: date, until: date) -> Rates | Problem:
    """The rate of every day from `first` to before `until`; `interest.rate_gap` names the days
    that have none."""
    assert first < until
    found: list[Segment] = []
    missing: list[tuple[date, date]] = []
    day = first
    for period in sorted(periods, key=lambda each: each.starts_on):
        start, end = max(period.starts_on, day), min(period.ends_on, until)
        if start >= end:
            continue
        if start > day:
            missing.append((day, start))
        found.append(Segment(start, end, _ppm(period.value)))
        day = end
    if day < until:
        missing.append((day, until))
    return _gap(missing) if missing else Rates(tuple(found))


def interest_cents(numerator: int, day_base: int) -> int:
    """Rounded half up to 分, once (glossary §4); never negative: a member owes no interest, however
    a withdrawal was dated back."""
    denominator = day_base * MILLION
    return max(0, (numerator + denominator // 2) // denominator)


def earned(
    balance_cents: int, movements: Sequence[tuple[date, int]], rates: Rates, day_base: int
) -> int:
    """Interest of one account for the days of `rates`, as if settled at their end.

    `balance_cents` is the balance behind all movements; these are (value day, amount), signed, and
    must name everything from `rates.first` on (more does no harm).
    """
    missed = sum(cents * rates.missed(day) for day, cents in movements)
    return interest_cents(balance_cents * rates.total - missed, day_base)


def closing(
    balance_cents: int, movements: Sequence[tuple[date, int]], rates: Rates, day_base: int
) -> int:
    """销户利息: interest since the last settlement, to be paid with the balance.

    As `earned`; a 30 June in between, not settled yet, is settled here: its interest earns on.
    """
    paid = 0
    for year in rates.by_fund_year():
        paid += earned(balance_cents + paid, movements, year, day_base)
    return paid


def _ppm(percent: Decimal) -> int:
    ppm = percent * PPM_PER_PERCENT
    assert ppm == int(ppm), f"{percent} % has more than four places"
    assert 0 <= ppm <= RATE_PPM_MAX, f"{percent} % would leave 64 bits"
    return int(ppm)


def _gap(missing: list[tuple[date, date]]) -> Problem:
    days = "、".join(_days(start, end - timedelta(days=1)) for start, end in missing)
    text = f"存款利率表在 {days} 没有利率，不能计息，请由系统管理员补充后重新办理。"
    return Problem("interest.rate_gap", text)


def _days(first: date, last: date) -> str:
    return f"{first}" if first == last else f"{first} 至 {last}"
