"""Money as people type it, read it and write it on vouchers.

Inside the house money is an integer number of 分; only here does it become text and back.
Capitals (大写) follow the payment rules of the People's Bank and the accounting rules at once:
整 after 元 and after 角, 零 between 元 and 角 when the 元 digit is 0 (glossary §8).
"""

import re
from datetime import date
from decimal import Decimal

from engine.errors import Problem
from handlers.identifiers import half_width

# 10 万亿元 in 分: far above any fund, and below what a browser can hold as an exact number.
MONEY_CENTS_MAX = 10**15
RATE_MAX = Decimal(100)

_MONEY = re.compile(r"(-?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d*))?", re.ASCII)
_RATE = re.compile(r"(\d{1,3})(?:\.(\d*))?", re.ASCII)
_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("仟", "佰", "拾", "")


def parse_money(text: str) -> int | Problem:
    """分 from "9,120.00", "9120" or full-width digits; never rounds what a person typed."""
    match = _MONEY.fullmatch(text) or _MONEY.fullmatch(_bare(text))
    if match is None:
        return Problem("money.format", "金额只能填写数字，例如 9,120.00。")
    sign, whole, cents = match[1], match[2].replace(",", ""), match[3] or ""
    if sign:
        return Problem("money.negative", "金额不能为负数，请填写 0 或以上的金额。")
    if len(cents) > 2:
        return Problem("money.decimals", "金额最多保留两位小数，请填写到分。")
    if len(whole.lstrip("0")) > len(str(MONEY_CENTS_MAX)):  # also keeps int() away from huge text
        return _too_much()
    amount = int(whole) * 100 + int(cents.ljust(2, "0"))
    return _too_much() if amount > MONEY_CENTS_MAX else amount


def _bare(text: str) -> str:
    half = half_width(text).replace("，", ",")
    return half.strip().removeprefix("¥").removesuffix("元").strip()


def _too_much() -> Problem:
    return Problem("money.too_large", "金额过大，最多 10 万亿元，请核对是否多填了数字。")


def money_text(cents: int) -> str:
    """9,120.00"""
    sign = "-" if cents < 0 else ""
    yuan, rest = divmod(abs(cents), 100)
    return f"{sign}{yuan:,}.{rest:02d}"


def parse_rate(text: str) -> Decimal | Problem:
    """Percent from "8", "8.5" or "8.50%"."""
    plain = half_width(text).strip().removesuffix("%").strip()
    match = _RATE.fullmatch(plain)
    if match is None:
        return Problem("rate.format", "比例只能填写数字，例如 8 或 8.50。")
    if len(match[2] or "") > 2:
        return Problem("rate.decimals", "比例最多保留两位小数。")
    rate = Decimal(f"{match[1]}.{(match[2] or '').ljust(2, '0')}")
    if rate > RATE_MAX:
        return Problem("rate.too_large", "比例不能超过 100%，请核对。")
    return rate


def rate_text(rate: Decimal) -> str:
    """8% rather than 8.00%: the shape people say."""
    plain = f"{rate:.2f}".rstrip("0").rstrip(".")
    return f"{plain}%"


def capitals(cents: int) -> str:
    """人民币壹仟陆佰捌拾元零叁角贰分"""
    yuan, rest = divmod(abs(cents), 100)
    jiao, fen = divmod(rest, 10)
    words = "人民币负" if cents < 0 else "人民币"
    if yuan or not rest:
        words += (_whole(yuan) or "零") + "元"
    if not rest:
        return words + "整"
    if yuan and (yuan % 10 == 0 or not jiao):
        words += "零"
    if jiao:
        words += _DIGITS[jiao] + "角"
    return words + (_DIGITS[fen] + "分" if fen else "整")


def capital_date(day: date) -> str:
    """贰零贰陆年零贰月零壹拾日: months 1, 2, 10 and days 1–10, 20, 30 take a leading 零, so that
    nothing can be written before them (payment rules of the People's Bank, glossary §8)."""
    year = "".join(_DIGITS[int(digit)] for digit in f"{day.year:04d}")
    month = ("零" if day.month in (1, 2, 10) else "") + _two_digits(day.month)
    number = ("零" if day.day < 10 or day.day % 10 == 0 else "") + _two_digits(day.day)
    return f"{year}年{month}月{number}日"


def _two_digits(number: int) -> str:
    """壹拾 rather than 拾 for what begins with a one."""
    tens, ones = divmod(number, 10)
    return (_DIGITS[tens] + "拾" if tens else "") + (_DIGITS[ones] if ones else "")


def _whole(number: int) -> str:
    """Digits in capitals without a unit; empty for 0.  Sections of four, 亿 nests so 万亿 works."""
    for base, name in ((10**8, "亿"), (10**4, "万")):
        if number >= base:
            high, low = divmod(number, base)
            gap = "零" if 0 < low < base // 10 else ""
            return _whole(high) + name + gap + _whole(low)
    words, pending = "", False
    for digit, place in zip(f"{number:04d}", _PLACES, strict=True):
        if digit == "0":
            pending = bool(words)
            continue
        words += ("零" if pending else "") + _DIGITS[int(digit)] + place
        pending = False
    return words
