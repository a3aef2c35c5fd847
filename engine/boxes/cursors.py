"""Keyset cursors: the sort key of the last row, as opaque text in a link."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta

from engine.errors import Problem, Refused

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHARS_MAX = 80


def write(at: datetime, row_id: int) -> str:
    text = f"{(at - _EPOCH) // timedelta(microseconds=1)}.{row_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str) -> tuple[datetime, int]:
    """The (time, id) of a cursor; Refused when a link was tampered with."""
    try:
        padded = cursor[:_CHARS_MAX] + "=" * (-len(cursor[:_CHARS_MAX]) % 4)
        micros, row_id = base64.urlsafe_b64decode(padded.encode()).decode().split(".")
        at, number = _EPOCH + timedelta(microseconds=int(micros)), int(row_id)
        if not -(2**31) < number < 2**31:
            raise ValueError(cursor)
    except (ValueError, OverflowError, binascii.Error, UnicodeError):
        raise Refused(Problem("cursor", "翻页位置无效，请从第一页重新查看。")) from None
    return at, number
