"""From the rows of a bank's statement to money that has arrived.  Pure.

Banks name the same columns differently, write amounts in one column or in two, and put fees and
transfers away among the credits; `ALIASES` and `receipt` know the exports of the four large banks
(工商、农业、中国、建设).  What is no credit is a Problem too (`statement.debit`): whoever shows the
rows decides whether it is an error or only left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from engine.errors import Problem
from handlers.amounts import parse_money
from handlers.identifiers import compact, half_width

# Canonical column → headings of real exports, without brackets and what stands in them.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "bank_serial": (
        *("交易流水号", "账户明细编号-交易流水号", "银行流水号", "流水号", "交易序号", "日志号"),
        *("核心流水号", "会计流水号", "凭证号码", "凭证号"),
    ),
    "arrived_on": ("交易日期", "交易时间", "记账日期", "入账日期", "到账日期", "交易时间戳"),
    "amount": ("贷方发生额", "收入金额", "贷方金额", "收入", "交易金额", "金额", "发生额"),
    "debit_amount": ("借方发生额", "支出金额", "借方金额", "支出"),
    "direction": ("借/贷", "借贷标志", "借贷", "收支方向", "交易类型", "收/支"),
    "payer_name": ("对方户名", "对方单位名称", "对方账户名称", "付款人名称", "付款单位", "付款人"),
    "payer_account_no": ("对方账号", "对方帐号", "付款人账号", "付款账号", "对方账户"),
    "memo": ("摘要", "交易摘要", "用途", "交易用途", "附言", "交易附言", "备注"),
}
_CREDIT = ("贷", "贷方", "收", "收入", "来账", "转入", "入账", "C", "CR", "CREDIT")
_DEBIT = ("借", "借方", "支", "支出", "往账", "转出", "出账", "D", "DR", "DEBIT")
_SERIAL = re.compile(r"[0-9A-Za-z][0-9A-Za-z_./-]{0,59}", re.ASCII)
_SCIENTIFIC = re.compile(r"\d(\.\d+)?E\+\d+", re.ASCII | re.IGNORECASE)
_DAY = re.compile(
    r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|\.(\d{1,2})\.(\d{1,2})"
    r"|年(\d{1,2})月(\d{1,2})日|(\d{2})(\d{2}))"
    r"(?:[ T]?\d{1,2}:?\d{2}(?::?\d{2})?(?:\.\d+)?)?",
    re.ASCII,
)
NAME_CHARS_MAX, MEMO_CHARS_MAX, ACCOUNT_CHARS_MAX = 255, 255, 40  # as stored
YEAR_MIN = 1991  # the first housing provident fund began then


@dataclass(frozen=True, slots=True)
class Receipt:
    """One credit, ready to be stored."""

    bank_serial: str
    arrived_on: date
    amount_cents: int
    payer_name: str
    payer_account_no: str
    memo: str


def receipt(row: Mapping[str, str], *, today: date) -> Receipt | Problem:
    """One row: texts by canonical column; `amount` alone, signed or with `direction`, or `amount`
    for credits beside `debit_amount`.  The Problem's field is the column it is about."""
    amount_cents = _credit(row)
    if isinstance(amount_cents, Problem):
        return amount_cents
    serial = _serial(row.get("bank_serial", ""))
    if isinstance(serial, Problem):
        return serial
    arrived_on = _day(row.get("arrived_on", ""), today)
    if isinstance(arrived_on, Problem):
        return arrived_on
    return Receipt(
        bank_serial=serial,
        arrived_on=arrived_on,
        amount_cents=amount_cents,
        payer_name=_line(row.get("payer_name", ""))[:NAME_CHARS_MAX],
        payer_account_no=compact(row.get("payer_account_no", ""))[:ACCOUNT_CHARS_MAX],
        memo=_line(row.get("memo", ""))[:MEMO_CHARS_MAX],
    )


def _credit(row: Mapping[str, str]) -> int | Problem:
    """分 that came in."""
    direction = half_width(row.get("direction", "")).strip().upper()
    if direction and direction not in (*_CREDIT, *_DEBIT):
        text = f"借贷方向“{direction[:20]}”无法识别，应为借、贷或收入、支出。"
        return Problem("statement.direction", text, "direction")
    came, went = _signed(row.get("amount", "")), _signed(row.get("debit_amount", ""))
    for one in (came, went):
        if isinstance(one, Problem):
            return one
    assert isinstance(came, int)
    assert isinstance(went, int)
    if direction in _DEBIT or (not came and went > 0):
        return Problem("statement.debit", "这一行是支出，不是到账，不导入。", "amount")
    if came and went:
        text = "借方和贷方都有金额，无法判断是收入还是支出，请核对这一行。"
        return Problem("statement.both", text, "amount")
    if came < 0 or went < 0:
        text = "金额为负数，是银行的冲正或支出，请与银行核实后人工处理。"
        return Problem("statement.negative", text, "amount")
    if not came:
        return Problem("statement.empty", "没有到账金额，请填写大于 0 的金额。", "amount")
    return came


def _signed(text: str) -> int | Problem:
    """分; nothing and a dash are zero, (1.00) is negative as in accounts."""
    plain = half_width(text).strip()
    if plain.strip("-") == "":
        return 0
    negative = plain.startswith("-") or (plain.startswith("(") and plain.endswith(")"))
    found = parse_money(plain.strip("()").lstrip("+-").strip())
    if isinstance(found, Problem):
        return Problem(found.code, found.text, "amount")
    return -found if negative else found


def _serial(text: str) -> str | Problem:
    plain = "".join(half_width(text).split())
    if _SCIENTIFIC.fullmatch(plain):
        said = f"流水号“{plain}”被表格改成了科学计数，请把该列设为文本后重新导出。"
        return Problem("statement.serial_lost", said, "bank_serial")
    if not plain.strip("0-"):
        said = "没有银行流水号，无法防止重复入账，请补上这一列后重新导入。"
        return Problem("statement.no_serial", said, "bank_serial")
    if not _SERIAL.fullmatch(plain):
        said = f"流水号“{plain[:20]}”应为不超过 60 个字母、数字和短横线，请核对。"
        return Problem("statement.serial", said, "bank_serial")
    return plain


def _day(text: str, today: date) -> date | Problem:
    plain = half_width(text).strip()
    match = _DAY.fullmatch(plain)
    day = None
    if match is not None:
        month, number = (int(part) for part in match.groups()[1:] if part is not None)
        try:
            day = date(int(match[1]), month, number)
        except ValueError:
            day = None
    if day is None or day.year < YEAR_MIN:
        said = f"日期“{plain[:20]}”无法识别，应类似 {today:%Y-%m-%d}。"
        return Problem("statement.day", said, "arrived_on")
    if day > today:
        said = f"到账日期 {day:%Y-%m-%d} 晚于今天，请核对。"
        return Problem("statement.future", said, "arrived_on")
    return day


def _line(text: str) -> str:
    """On one line; what a bank pads with is dropped."""
    return " ".join(text.split()).strip("-—")
