"""What was agreed for a loan: everything its schedule follows from.

Early repayment and extension do not patch a schedule: they make new terms for the rest, so a loan
is a chain of terms and every schedule can be laid out again from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from engine.errors import Problem
from handlers.loans.arithmetic import DAY_BASE, DAY_BASES
from handlers.loans.rates import Rate, check_rates
from handlers.months import day_in, month_after, month_of

# JGJ/T 320 table A.11; 04 自由还款 and 99 其他 have no arithmetic of their own.
EQUAL_INSTALMENTS = "01"
EQUAL_PRINCIPAL = "02"
AT_ONCE = "03"
METHODS: Mapping[str, str] = {
    EQUAL_INSTALMENTS: "等额本息",
    EQUAL_PRINCIPAL: "等额本金",
    AT_ONCE: "一次还款付息",
}

# 1 亿元: no committee lends a hundredth of it to one family, so more is a slip of the keyboard.
PRINCIPAL_CENTS_MAX = 10**10
# One yuan a period: below it the rounding of instalments would weigh more than the instalments.
PRINCIPAL_PER_PERIOD_CENTS_MIN = 100
PERIODS_MAX = 360  # 30 years, the longest loan of any fund (glossary §7, M)
AT_ONCE_PERIODS_MAX = 12  # 一次还款付息 is for loans of up to one year
# The first fund opened in 1991; the last day keeps every due date a date.
FIRST_DAY, LAST_DAY = date(1991, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Terms:
    """The rest of a loan as agreed; of a new loan the whole.

    `rates` in force from `interest_from` on, changes to come included.  Interest runs from
    `interest_from`; the first period is whole when that is one month before `first_due_on`,
    otherwise its days count.  `kept_cents` holds an earlier instalment (等额本息) or share of
    principal (等额本金) until the rate changes, so that a shorter term ends with a smaller one.
    """

    principal_cents: int
    rates: tuple[Rate, ...]
    periods: int
    method: str
    interest_from: date
    first_due_on: date
    repayment_day: int
    first_period: int = 1
    kept_cents: int | None = None
    day_base: int = DAY_BASE


def new_terms(
    principal_cents: int,
    rates: Decimal | tuple[Rate, ...],
    periods: int,
    *,
    method: str,
    disbursed_on: date,
    repayment_day: int | None = None,
    day_base: int = DAY_BASE,
) -> Terms | tuple[Problem, ...]:
    """Terms of a new loan, or every reason why there can be none.

    The first instalment is due in the month after disbursement, on `repayment_day` (1–31; the day
    of disbursement when None).  A lone Decimal is the percent of the whole life.
    """
    day = disbursed_on.day if repayment_day is None else repayment_day
    if not 1 <= day <= 31:
        return (Problem("loan.repayment_day", "还款日请选择每月 1 日至 31 日中的一天。"),)
    if not FIRST_DAY <= disbursed_on <= LAST_DAY:
        return (_bad_day(),)
    lived = (Rate(disbursed_on, rates),) if isinstance(rates, Decimal) else rates
    terms = Terms(
        principal_cents=principal_cents,
        rates=lived,
        periods=periods,
        method=method,
        interest_from=disbursed_on,
        first_due_on=day_in(month_after(month_of(disbursed_on), 1), day),
        repayment_day=day,
        day_base=day_base,
    )
    return check_terms(terms) or terms


def due_on(terms: Terms, place: int) -> date:
    """Due day of the period at that place, 0 the first."""
    return day_in(month_after(month_of(terms.first_due_on), place), terms.repayment_day)


def starts_whole(terms: Terms) -> bool:
    """Is the first period a whole month?"""
    return terms.interest_from == due_on(terms, -1)


def check_terms(terms: Terms) -> tuple[Problem, ...]:
    """Everything wrong with the terms, in words; empty when a schedule can be laid out."""
    return (
        *_check_size(terms),
        *check_rates(terms.rates, terms.interest_from),
        *_check_days(terms),
    )


def _check_size(terms: Terms) -> tuple[Problem, ...]:
    if not 1 <= terms.periods <= PERIODS_MAX:
        return (Problem("loan.periods", f"贷款期数应为 1 至 {PERIODS_MAX} 期（月），请核对。"),)
    if terms.principal_cents <= 0:
        return (Problem("loan.principal", "贷款金额应大于 0，请填写贷款金额。"),)
    if terms.principal_cents > PRINCIPAL_CENTS_MAX:
        return (Problem("loan.principal_large", "贷款金额超过 1 亿元，请核对是否多填了数字。"),)
    if terms.principal_cents < terms.periods * PRINCIPAL_PER_PERIOD_CENTS_MIN:
        return (
            Problem("loan.principal_small", "平均每期本金不足 1 元，请缩短期数或核对贷款金额。"),
        )
    if terms.method not in METHODS:
        names = "、".join(METHODS.values())
        return (Problem("loan.method", f"还款方式请在{names}中选择一种。"),)
    if terms.method == AT_ONCE and terms.periods > AT_ONCE_PERIODS_MAX:
        return (
            Problem(
                "loan.once_too_long",
                f"一次还款付息只适用于 {AT_ONCE_PERIODS_MAX} 期以内的贷款，请改选其他还款方式。",
            ),
        )
    return ()


def _check_days(terms: Terms) -> tuple[Problem, ...]:
    if terms.day_base not in DAY_BASES:
        return (Problem("loan.day_base", "计息天数基准只能是 360 或 365，请改正参数。"),)
    if not FIRST_DAY <= terms.interest_from < terms.first_due_on <= LAST_DAY:
        return (_bad_day(),)
    assert terms.first_due_on == due_on(terms, 0), "the first due day is a repayment day"
    assert terms.kept_cents is None or terms.kept_cents > 0
    return ()


def _bad_day() -> Problem:
    return Problem(
        "loan.date",
        f"放款日期应在 {FIRST_DAY.year} 年至 {LAST_DAY.year} 年之间并早于首个还款日，请核对。",
    )
