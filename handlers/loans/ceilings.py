"""How much and how long a borrower may borrow at most, and which bound decides.

Every number is the centre's parameter (glossary §7, all M): the Regulation leaves them to the
committee (art. 26, 27).  The answer keeps every bound, so that a page can show the calculation.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from engine.errors import Problem
from handlers.loans.arithmetic import instalment_factor, monthly
from handlers.loans.terms import EQUAL_INSTALMENTS, METHODS, PERIODS_MAX
from handlers.months import month_after, months_between
from handlers.retirement import Kind, retirement


@dataclass(frozen=True, slots=True)
class CeilingRules:
    """The committee's limits: shares in percent, ceilings rounded down to whole `step_cents`."""

    amount_cents_max: int
    balance_multiple: Decimal
    price_share_max: Decimal
    income_share_max: Decimal = Decimal(50)
    step_cents: int = 100
    months_contributed_min: int = 6
    fund_loans_max: int = 2
    years_max: int = PERIODS_MAX // 12
    years_after_retirement: int = 5


@dataclass(frozen=True, slots=True)
class Borrowing:
    """Facts of one application, in 分; income and other debt are monthly, of the whole family."""

    individual_balance_cents: int
    house_price_cents: int
    income_cents: int
    other_debt_cents: int
    percent: Decimal
    periods: int
    method: str = EQUAL_INSTALMENTS


@dataclass(frozen=True, slots=True)
class Ceiling:
    """`amount_cents` may be 0; `bounds` in 分 by name, `decisive` the name of the lowest."""

    amount_cents: int
    bounds: dict[str, int]
    decisive: str


def loan_ceiling(facts: Borrowing, rules: CeilingRules) -> Ceiling:
    """min(committee maximum, k × balance, price × share, repayment ability), rounded down."""
    assert 1 <= facts.periods <= PERIODS_MAX
    assert facts.method in METHODS
    room = facts.income_cents * Fraction(rules.income_share_max) / 100 - facts.other_debt_cents
    bounds = {
        "最高贷款额度": rules.amount_cents_max,
        "账户余额倍数": int(facts.individual_balance_cents * Fraction(rules.balance_multiple)),
        "房价比例": int(facts.house_price_cents * Fraction(rules.price_share_max) / 100),
        "还款能力": int(max(Fraction(), room) / _first_instalment(facts)),
    }
    decisive = min(bounds, key=lambda name: bounds[name])
    amount = bounds[decisive] - bounds[decisive] % rules.step_cents
    return Ceiling(amount, bounds, decisive)


def term_months_max(
    birth_month: str, kind: Kind, applied_month: str, rules: CeilingRules
) -> int | Problem:
    """≤ 30 years, and over by (retirement age + 5 years); months in whole."""
    last = month_after(retirement(birth_month, kind).month, rules.years_after_retirement * 12)
    months = min(rules.years_max * 12, months_between(applied_month, last))
    if months < 1:
        return Problem(
            "loan.too_old",
            f"贷款须在退休后 {rules.years_after_retirement} 年内还清，"
            "申请人年龄已超过，请由共同借款人作为主借款人申请。",
        )
    return months


def check_borrower(
    months_contributed: int, fund_loans: int, rules: CeilingRules
) -> tuple[Problem, ...]:
    """Long enough a contributor, and not borrowed too often."""
    problems = []
    if months_contributed < rules.months_contributed_min:
        problems.append(
            Problem(
                "loan.contributed_short",
                f"连续缴存 {months_contributed} 个月，不足 {rules.months_contributed_min} 个月，"
                "请缴满后再申请。",
            )
        )
    if fund_loans >= rules.fund_loans_max:
        problems.append(
            Problem(
                "loan.too_many",
                f"已使用 {fund_loans} 次公积金贷款，最多 {rules.fund_loans_max} 次，不能再次申请。",
            )
        )
    return tuple(problems)


def _first_instalment(facts: Borrowing) -> Fraction:
    """Of one 分 borrowed: the first is the largest; a loan repaid at once is saved up monthly."""
    if facts.method == EQUAL_INSTALMENTS:
        return instalment_factor(facts.percent, facts.periods)
    return Fraction(1, facts.periods) + monthly(facts.percent)
