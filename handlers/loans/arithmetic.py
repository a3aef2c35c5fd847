"""Interest and instalments, exact until the one rounding to 分.

Everything is an exact fraction; `half_up` is the only rounding and is applied once per posted
item (glossary §4).  A whole period is a twelfth of the annual rate; a part of a period counts its
actual days at annual rate ÷ day base (M: 银发〔2005〕129号, 日利率 = 年利率 ÷ 360).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

from handlers.loans.rates import Rate, rate_on, segments

DAY_BASE = 360
DAY_BASES = (360, 365)


def half_up(exact: Fraction) -> int:
    """Nearest whole 分, half a 分 upwards; nothing here is ever negative."""
    assert exact >= 0, "loan amounts are never negative"
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def monthly(percent: Decimal) -> Fraction:
    """Share of the balance that one whole period costs: 2.60 → 0.0021666…"""
    return Fraction(percent) / 1200


def instalment(principal_cents: int, percent: Decimal, periods: int) -> Fraction:
    """等额本息 A = P·i·(1+i)^n ÷ ((1+i)^n − 1), in 分, unrounded (glossary §7)."""
    return principal_cents * instalment_factor(percent, periods)


def instalment_factor(percent: Decimal, periods: int) -> Fraction:
    """Instalment of every period for one 分 borrowed."""
    assert periods >= 1, "a loan has at least one period"
    i = monthly(percent)
    if not i:
        return Fraction(1, periods)
    growth = (1 + i) ** periods
    return i * growth / (growth - 1)


def interest(
    balance_cents: int,
    rates: Sequence[Rate],
    since: date,
    until: date,
    *,
    whole_months: int = 0,
    day_base: int = DAY_BASE,
) -> int:
    """分 from `since` (counted) to `until` (not); `whole_months` of a span of so many periods.

    A span in which the rate changes counts days even when it is whole, each stretch at its rate.
    """
    if since == until:
        return 0
    parts = segments(rates, since, until)
    if whole_months and len(parts) == 1:
        return half_up(balance_cents * whole_months * monthly(rate_on(rates, since)))
    per_year = sum((Fraction(percent) / 100 * days for percent, days in parts), Fraction())
    return half_up(balance_cents * per_year / day_base)
