"""The rate of one loan over its life: percent a year, each from a day on.

A published rate reaches a loan already paid out on the next 1 January or at once; which of the
two is the centre's parameter (M: most loan contracts say 1 January).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from engine.errors import Problem

# No fund ever lent above this (highest benchmark, 1995: 15.12 %); more is a slip of the keyboard.
RATE_PERCENT_MAX = Decimal(24)
RATE_DECIMALS_MAX = 5  # JGJ/T 320 keeps seven decimals of the fraction


@dataclass(frozen=True, slots=True)
class Rate:
    """`percent` a year (2.60 is 2.60 %) from `starts_on` until the next one starts."""

    starts_on: date
    percent: Decimal


class Reach(StrEnum):
    """When a newly published rate reaches loans already paid out."""

    NEXT_JANUARY = "next_january"
    AT_ONCE = "at_once"


def takes_effect(published_from: date, reach: Reach) -> date:
    """The day a rate in force from `published_from` reaches an existing loan."""
    first = date(published_from.year, 1, 1)
    if reach is Reach.AT_ONCE or published_from == first:
        return published_from
    return first.replace(year=published_from.year + 1)


def rates_for(disbursed_on: date, published: Sequence[Rate], reach: Reach) -> tuple[Rate, ...]:
    """The life of one loan's rate from the centre's table, which ascends by day.

    Of several changes in one year only the last reaches the loan under `NEXT_JANUARY`.  Empty when
    the table begins after the loan; `check_rates` says so in words.
    """
    known = [rate for rate in published if rate.starts_on <= disbursed_on]
    if not known:
        return ()
    later = published[len(known) :]
    reached = {takes_effect(rate.starts_on, reach): rate.percent for rate in later}
    lived = [Rate(disbursed_on, known[-1].percent)]
    for day, percent in reached.items():
        if percent != lived[-1].percent:
            lived.append(Rate(day, percent))
    return tuple(lived)


def rate_on(rates: Sequence[Rate], day: date) -> Decimal:
    """Percent in force on that day."""
    found = [rate.percent for rate in rates if rate.starts_on <= day]
    assert found, "check_rates sees to a rate from the first day on"
    return found[-1]


def segments(rates: Sequence[Rate], since: date, until: date) -> tuple[tuple[Decimal, int], ...]:
    """(percent, days) of each stretch of one rate from `since` (counted) to `until` (not)."""
    turns = {rate.starts_on for rate in rates if since < rate.starts_on < until}
    edges = sorted({since, until, *turns})
    pieces: list[tuple[Decimal, int]] = []
    for first, last in pairwise(edges):
        percent, days = rate_on(rates, first), (last - first).days
        if pieces and pieces[-1][0] == percent:
            pieces[-1] = (percent, pieces[-1][1] + days)
        else:
            pieces.append((percent, days))
    return tuple(pieces)


def check_rates(rates: Sequence[Rate], first_day: date) -> tuple[Problem, ...]:
    """No gap at the beginning, ascending, each between 0 and `RATE_PERCENT_MAX` percent."""
    if not rates or rates[0].starts_on > first_day:
        return (
            Problem(
                "loan.rate_gap",
                f"{first_day.isoformat()} 起没有贷款利率，请先在参数中补充该日的贷款利率。",
            ),
        )
    if any(earlier.starts_on >= later.starts_on for earlier, later in pairwise(rates)):
        return (Problem("loan.rate_order", "贷款利率的生效日期重复或先后颠倒，请按日期顺序填写。"),)
    if not all(_plausible(rate.percent) for rate in rates):
        return (
            Problem(
                "loan.rate",
                f"贷款年利率应在 0 至 {RATE_PERCENT_MAX}% 之间、最多 {RATE_DECIMALS_MAX} 位小数，"
                "请核对后重新填写。",
            ),
        )
    return ()


def _plausible(percent: Decimal) -> bool:
    if not percent.is_finite() or not 0 <= percent <= RATE_PERCENT_MAX:
        return False
    exponent = percent.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -RATE_DECIMALS_MAX
