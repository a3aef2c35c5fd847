"""One cell as the text a person would have typed: what its type means follows from the field.

A number in a money column is an amount, in a date column a day since 1900, in a name column a slip
nobody has to see.  What a workbook has already lost (the last digits of a long number) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, get_args

from engine.errors import Problem
from forms import fields
from forms.declared import FieldSpec
from forms.kinds import Kind

EXACT_MAX = 10**15  # a workbook keeps 15 digits of a number
NOISE = 1e-6  # of 分: what adding up fractions leaves behind
TEXT_SHOWN_MAX = 40

# Days of the two calendars: 1900 (whose 29 February never was) and 1904.
_EPOCH, _EPOCH_1904 = date(1899, 12, 30), date(1904, 1, 1)
# A plain number in a date column is a day from 1930 to 2119, anything else is looked at as text.
_SERIALS = range(10_959, 80_354)

_KINDS: dict[str, Kind] = {
    name: next(one for one in get_args(getattr(fields, name)) if isinstance(one, Kind))
    for name in ("Rate", "Money")
}
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
# In names only digits and letters: brackets and commas of Chinese stay as they are.
_WIDE_LETTERS = {code: plain for code, plain in _WIDE.items() if chr(plain).isalnum()} | {
    0x3000: 0x20
}
_INVISIBLE = dict.fromkeys(
    [0xAD, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A)]
) | {0xA0: 0x20}
# What needs no tidying, whatever the field: nearly every cell of a good file.
_CLEAN = re.compile(r"[0-9A-Za-z\u4e00-\u9fa5]+|\d+\.\d\d?", re.ASCII)
_QUOTED = re.compile(r'="(.*)"', re.DOTALL)  # how programs keep Excel from reading a number
_MONEY_MARKS = re.compile(r"^(?:人民币|rmb|cny|[¥￥])+|(?:元|圆)整?$|\s", re.IGNORECASE)
_SPARE_ZEROS = re.compile(r"(\d+\.\d\d)0+")
_WHOLE = re.compile(r"(\d+)\.0+")
_POWER = re.compile(r"\d(?:\.\d+)?[eE]\+\d{2}")


def text_of(cell: Any, spec: FieldSpec, *, epoch_1904: bool = False) -> str | Problem:
    """The text of a cell that is not text already; see `forms.excel.child` for their shapes."""
    if isinstance(cell, bool):
        return ("是" if cell else "否") if spec.options else str(cell).upper()
    if isinstance(cell, int | float):
        return _number(float(cell), spec, epoch_1904)
    if cell is None:
        return ""
    if isinstance(cell, dict):
        return _marked(cell, spec)
    return str(cell)


def is_tidy(text: str) -> bool:
    """There is nothing to drop; nor has it lost digits."""
    return _CLEAN.fullmatch(text) is not None


def tidy(text: str, spec: FieldSpec) -> str:
    """Text as typed or pasted, without what only its looks need."""
    if is_tidy(text):
        return text
    if quoted := _QUOTED.fullmatch(text):
        text = quoted[1]
    text = text.translate(_INVISIBLE).strip()
    if text.startswith("'"):
        text = text[1:].strip()
    if spec.widget == "money":
        return _money(text)
    if spec.inputmode or spec.pattern or spec.widget in ("date", "month"):
        text = text.translate(_WIDE).strip()
        whole = _WHOLE.fullmatch(text) if spec.inputmode == "numeric" else None
        return whole[1] if whole else text
    return text.translate(_WIDE_LETTERS).strip()


def lost_digits(text: str, spec: FieldSpec) -> Problem | None:
    """5.22601E+17 in a file that was a workbook once."""
    if spec.widget in ("text", "textarea") and not is_rate(spec) and _POWER.fullmatch(text):
        return _lost(text)
    return None


def is_rate(spec: FieldSpec) -> bool:
    return spec.kind.to_text is _KINDS["Rate"].to_text


def shown(text: str) -> str:
    """A cell in a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= TEXT_SHOWN_MAX else line[:TEXT_SHOWN_MAX] + "…"


def _money(text: str) -> str:
    plain = _MONEY_MARKS.sub("", text.translate(_WIDE))
    if spare := _SPARE_ZEROS.fullmatch(plain):
        return spare[1]
    return plain


def _number(number: float, spec: FieldSpec, epoch_1904: bool) -> str | Problem:
    if spec.widget == "money":
        return _amount(number)
    whole = number.is_integer()
    if spec.widget in ("date", "month"):
        if not whole and spec.widget == "month" and 1900 <= number < 2200:
            return _ambiguous(number)
        if int(number) in _SERIALS:  # its fraction is the time of day
            day = (_EPOCH_1904 if epoch_1904 else _EPOCH) + timedelta(days=int(number))
            return day.isoformat()[: 7 if spec.widget == "month" else 10]
    if whole and abs(number) >= EXACT_MAX:
        return _lost(f"{number:.6g}")
    return _plain(number)


def _amount(number: float) -> str:
    """Yuan; a third decimal that somebody has typed stays and is refused by the field."""
    scaled = number * 100
    cents = round(scaled)
    if abs(scaled - cents) > max(NOISE, abs(scaled) * 1e-12):
        return _plain(number)
    sign, (yuan, rest) = "-" if cents < 0 else "", divmod(abs(cents), 100)
    return f"{sign}{yuan}.{rest:02d}" if rest else f"{sign}{yuan}"


def _plain(number: float) -> str:
    if number.is_integer():
        return str(int(number))
    return format(Decimal(repr(round(number, 10))), "f")


def _marked(cell: Mapping[str, Any], spec: FieldSpec) -> str | Problem:
    mark, value = next(iter(cell.items()))
    if mark == "e":
        return Problem("cell.error", f"现在是公式错误“{value}”，请改成实际内容。", spec.name)
    if mark == "f":
        text = f"现在是没有算出结果的公式“={shown(value)}”，请改成实际内容。"
        return Problem("cell.formula", text, spec.name)
    if mark == "p":
        percent = _plain(value * 100)
        return percent if is_rate(spec) else f"{percent}%"
    if mark == "z":
        return f"{value[0]:.0f}".zfill(value[1])
    return _day(value, spec) if mark == "d" else str(value)


def _day(iso: str, spec: FieldSpec) -> str | Problem:
    day, _, time = iso.partition("T")
    if spec.widget == "month":
        return day[:7]
    if spec.widget in ("money", "select") or spec.inputmode or spec.pattern:
        text = f"现在是日期“{day}”，请把单元格格式改为“文本”后重新填写。"
        return Problem("cell.date", text, spec.name)
    return day if spec.widget == "date" or time in ("", "00:00:00") else f"{day} {time}"


def _ambiguous(number: float) -> Problem:
    shape = _plain(number)
    text = f"现在是数字“{shape}”，分不清是几月，请把单元格格式改为“文本”，按 2026-07 的样子填写。"
    return Problem("cell.month_number", text)


def _lost(text: str) -> Problem:
    said = (
        f"现在是数字“{text}”，超过 15 位的数字在表格中会丢掉末尾几位。"
        "请先选中整列，把单元格格式改为“文本”，再重新填写完整号码。"
    )
    return Problem("cell.lost_digits", said)
