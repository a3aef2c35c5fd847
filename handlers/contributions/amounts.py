"""How much is due a month: shares from a base and two rates, or the base from a typed amount.

Pure; money in 分, rates in percent.  Each share is rounded on its own and then added (glossary §4).
Limits are values the caller reads from the parameters (`contributions.terms`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Final

from engine.errors import Problem
from handlers.amounts import MONEY_CENTS_MAX, money_text, rate_text

YUAN = 100
HALF_UP: Final = "half_up"
# the codes of the parameters rounding_unit and rounding_mode
UNITS: Final[Mapping[str, int]] = {"fen": 1, "jiao": 10, "yuan": YUAN}
MODES: Final[Mapping[str, str]] = {HALF_UP: ROUND_HALF_UP, "up": ROUND_UP, "down": ROUND_DOWN}


@dataclass(frozen=True, slots=True)
class Rounding:
    """`unit`: fen, jiao or yuan; `mode`: half_up, up (见分进角) or down."""

    unit: str = "fen"
    mode: str = HALF_UP

    def __post_init__(self) -> None:
        assert self.unit in UNITS, self.unit
        assert self.mode in MODES, self.mode

    def cents(self, exact_cents: Decimal) -> int:
        """An exact number of 分, rounded to the unit."""
        step = UNITS[self.unit]
        return int((exact_cents / step).quantize(Decimal(1), MODES[self.mode])) * step


TO_YUAN: Final = Rounding("yuan")


@dataclass(frozen=True, slots=True)
class Shares:
    """月缴存额: what the unit and what the person pays."""

    unit_cents: int
    individual_cents: int

    @property
    def total_cents(self) -> int:
        return self.unit_cents + self.individual_cents


@dataclass(frozen=True, slots=True)
class Derived:
    """What a typed monthly amount means."""

    base_cents: int
    shares: Shares


@dataclass(frozen=True, slots=True)
class Limits:
    """Lowest and highest, both allowed."""

    low_cents: int
    high_cents: int


def shares(
    base_cents: int, unit_rate: Decimal, individual_rate: Decimal, rounding: Rounding
) -> Shares:
    """Base × rate for each side (R art. 16); base 7 333.00 at 7 % is 513.31, 513.30 or 513.00."""
    assert 0 <= base_cents <= MONEY_CENTS_MAX
    return Shares(
        _share(base_cents, unit_rate, rounding), _share(base_cents, individual_rate, rounding)
    )


def _share(base_cents: int, rate: Decimal, rounding: Rounding) -> int:
    assert 0 <= rate <= 100, "a rate in percent"
    return rounding.cents(base_cents * rate / 100)


def from_amount(
    amount_cents: int, unit_rate: Decimal, individual_rate: Decimal
) -> Derived | Problem:
    """Base and shares from a monthly total typed in whole yuan.

    Derived from the figures of the Tibet manual (seed 001 §2.2, §6.1): base = amount ÷ both rates,
    rounded half-up to yuan; equal rates pay equal halves.  Unequal rates have no halves: the unit's
    share is rounded half-up to yuan and the person pays the rest (our decision, glossary §4).
    """
    assert min(unit_rate, individual_rate) >= 0
    both = unit_rate + individual_rate
    assert both > 0, "rates are checked before amounts"
    if amount_cents <= 0:
        return Problem("contribution.amount", "月缴存额应大于 0，请填写整数元，例如 3880。")
    if amount_cents > MONEY_CENTS_MAX:
        return Problem("contribution.amount", "月缴存额过大，请核对是否多填了数字。")
    if amount_cents % YUAN:
        return Problem("contribution.whole_yuan", "月缴存额只能填写整数元，请去掉角和分。")
    base_cents = TO_YUAN.cents(amount_cents * 100 / both)
    if unit_rate == individual_rate:
        unit_cents = amount_cents // 2  # whole yuan: no 分 is lost
    else:
        unit_cents = TO_YUAN.cents(amount_cents * unit_rate / both)
    return Derived(base_cents, Shares(unit_cents, amount_cents - unit_cents))


# ── limits ──────────────────────────────────────────────────────────────────────────────────
def base_limits(average_monthly_wage_cents: int, cap_multiple: Decimal, floor_cents: int) -> Limits:
    """Floor: the local minimum wage; cap: so many times the city's average (seed 001 §2.2)."""
    return Limits(floor_cents, Rounding().cents(average_monthly_wage_cents * cap_multiple))


def amount_limits(
    bases: Limits, lowest_rate: Decimal, highest_rate: Decimal, rounding: Rounding
) -> Limits:
    """Of the monthly total: lowest base at the lowest rate on both sides … highest at the highest.

    Both limits are checked, on the base and on the amount (seed 004 §2 note 2).
    """
    low = shares(bases.low_cents, lowest_rate, lowest_rate, rounding)
    high = shares(bases.high_cents, highest_rate, highest_rate, rounding)
    return Limits(low.total_cents, high.total_cents)


def check_rate(rate: Decimal, lowest: Decimal, highest: Decimal) -> Problem | None:
    """R art. 18: at least 5 %, at most the national ceiling; the numbers are parameters."""
    if lowest <= rate <= highest:
        return None
    allowed = f"{rate_text(lowest)} 至 {rate_text(highest)}"
    text = f"缴存比例应在 {allowed} 之间，现在是 {rate_text(rate)}，请修改。"
    return Problem("contribution.rate", text)


def check_base(base_cents: int, limits: Limits) -> Problem | None:
    if base_cents < limits.low_cents:
        text = f"缴存基数不能低于下限 {money_text(limits.low_cents)} 元，请核对工资。"
        return Problem("contribution.base_low", text)
    if base_cents > limits.high_cents:
        text = f"缴存基数不能高于上限 {money_text(limits.high_cents)} 元，超过的按上限填写。"
        return Problem("contribution.base_high", text)
    return None


def check_amount(amount_cents: int, limits: Limits) -> Problem | None:
    if amount_cents < limits.low_cents:
        text = f"月缴存额不能低于下限 {money_text(limits.low_cents)} 元，请核对基数和比例。"
        return Problem("contribution.amount_low", text)
    if amount_cents > limits.high_cents:
        text = f"月缴存额不能高于上限 {money_text(limits.high_cents)} 元，请核对基数和比例。"
        return Problem("contribution.amount_high", text)
    return None


def check_back_payment(paid_cents: int, more_cents: int, limits: Limits) -> Problem | None:
    """Seed 002 §13.1: paid + new may not exceed the month's cap, of the year of that month."""
    if paid_cents + more_cents <= limits.high_cents:
        return None
    room = money_text(max(0, limits.high_cents - paid_cents))
    text = (
        f"该月已缴 {money_text(paid_cents)} 元，上限 {money_text(limits.high_cents)} 元，"
        f"最多还能补缴 {room} 元。"
    )
    return Problem("contribution.back_payment", text)
