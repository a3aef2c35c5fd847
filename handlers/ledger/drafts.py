"""A voucher before it is one: what somebody wants to post, and what is wrong with it by itself.

Pure: no account is looked at here.  What the accounts say to it is in `rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from engine.errors import Problem
from handlers.ledger.kinds import BUSINESSES
from handlers.ledger.models import AMOUNT_CENTS_MAX
from handlers.months import is_month, month_of, months_between

LINES_MAX = 200_000  # a roster of 100,000 people and their counterparts
KEY_CHARS_MAX = 160  # the column
MEMO_CHARS_MAX = 120
# The first fund opened in 1991: an earlier day is a slip of the keyboard, and would have the yearly
# settlement wait for centuries of unpaid interest.
FIRST_DAY = date(1991, 1, 1)
MONTHS_MAX = 600  # of one voucher: 补缴 of a whole working life


@dataclass(frozen=True, slots=True)
class Line:
    """One side of a voucher: a credit is positive, a debit negative.

    `carried_forward_cents`: which part belongs to 上年结转.  None: what comes in is the current
    year's, what goes out takes 上年结转 first.  For what goes out it is a wish: where that part
    does not hold enough, the other one pays.
    """

    account_id: int
    amount_cents: int
    carried_forward_cents: int | None = None
    interest_cents: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """What `posting.post` takes.  Months are `YYYY-MM`; `key` is the caller's own name for it."""

    key: str
    business: str
    branch_code: str
    lines: tuple[Line, ...]
    posted_on: date | None = None  # None: today
    value_on: date | None = None  # None: the day it is posted
    unit_account_no: str = ""
    contribution_month: str = ""
    contribution_month_to: str = ""
    headcount: int = 0
    memo: str = ""
    business_no: str = ""
    channel: str = "hall"

    @property
    def credit_cents(self) -> int:
        return sum(line.amount_cents for line in self.lines if line.amount_cents > 0)

    @property
    def interest_cents(self) -> int:
        return sum(line.interest_cents for line in self.lines)


def check(draft: Draft) -> list[Problem]:
    """Everything that is wrong with the draft itself; empty when it may go to the accounts."""
    assert draft.business in BUSINESSES, draft.business
    assert 0 < len(draft.key) <= KEY_CHARS_MAX, draft.key
    if len(draft.lines) < 2:
        return [Problem("ledger.empty", "凭证至少要有一借一贷两行，请补全后重新提交。")]
    if len(draft.lines) > LINES_MAX:
        text = f"一张凭证最多 {LINES_MAX:,} 行，请分成几张凭证提交。"
        return [Problem("ledger.too_long", text)]
    problems = [problem for line in draft.lines if (problem := _check_line(line))]
    if problems:
        return problems[:1]
    off = sum(line.amount_cents for line in draft.lines)
    if off:
        side = "贷方多" if off > 0 else "借方多"
        text = f"凭证借贷不平，{side} {_yuan(off)} 元，请核对各行金额。"
        return [Problem("ledger.unbalanced", text)]
    if draft.credit_cents > AMOUNT_CENTS_MAX:
        return [_too_large()]
    problem = _check_words(draft)
    return [problem] if problem else []


def _check_words(draft: Draft) -> Problem | None:
    if any(day is not None and day < FIRST_DAY for day in (draft.posted_on, draft.value_on)):
        text = f"记账日期和起息日不能早于 {FIRST_DAY}，请核对日期。"
        return Problem("ledger.day", text)
    if not _is_span(draft.contribution_month, draft.contribution_month_to):
        text = "汇缴年月须写成 2026-07 的样式，止月不能早于起月，请核对。"
        return Problem("ledger.month", text)
    if not draft.memo.isprintable():
        return Problem("ledger.memo", "凭证摘要中有无法显示的字符，请重新填写。")
    return None


def _is_span(first: str, last: str) -> bool:
    months = [month for month in (first, last) if month]
    if not all(is_month(month) and month >= month_of(FIRST_DAY) for month in months):
        return False
    return not last or (first != "" and 0 <= months_between(first, last) < MONTHS_MAX)


def _check_line(line: Line) -> Problem | None:
    parts = (line.amount_cents, line.carried_forward_cents or 0, line.interest_cents)
    if any(type(part) is not int for part in parts):  # True is an int to Python, not to us
        return Problem("ledger.not_cents", "金额须精确到分，最多两位小数，请核对。")
    if line.amount_cents == 0:
        return Problem("ledger.zero", "凭证中有金额为 0 的行，请删去或填写金额。")
    if any(abs(part) > AMOUNT_CENTS_MAX for part in parts):
        return _too_large()
    return None


def _too_large() -> Problem:
    return Problem("ledger.too_large", "金额超过 10 万亿元，请核对是否多填了数字。")


def _yuan(cents: int) -> str:
    return f"{abs(cents) // 100:,}.{abs(cents) % 100:02d}"
