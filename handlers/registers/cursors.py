"""Where a page of a register ends: the values of its order, as opaque text in a link.

A link can be typed by hand: whatever is not what the order of this register needs is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from engine.errors import Problem, Refused
from handlers.registers.declaring import Order

_CHARS_MAX = 400
_TEXT_CHARS_MAX = 80  # of one value: an account number, a month
_INT_MAX = 2**31 - 1  # ids


def write(values: Sequence[Any]) -> str:
    """Values of the order's expressions, in its order."""
    plain = [one.isoformat() if isinstance(one, date) else one for one in values]
    text = json.dumps(plain, ensure_ascii=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str, order: Sequence[Order]) -> list[Any]:
    """The values again; Refused for anything `write` has not written for this order."""
    try:
        if len(cursor) > _CHARS_MAX:
            raise ValueError(len(cursor))
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        if not isinstance(values, list) or len(values) != len(order):
            raise ValueError(cursor)
        return [_value(one.kind, value) for one, value in zip(order, values, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise Refused(Problem("cursor", "翻页位置无效，请从第一页重新查看。")) from None


def _value(kind: str, value: Any) -> Any:
    if kind == "int":
        if type(value) is int and abs(value) <= _INT_MAX:
            return value
    elif isinstance(value, str) and len(value) <= _TEXT_CHARS_MAX and value.isprintable():
        if kind == "text":
            return value
        if kind == "day":
            return date.fromisoformat(value)
        return datetime.fromisoformat(value).astimezone(UTC)
    raise ValueError(kind)
