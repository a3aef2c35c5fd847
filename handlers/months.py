"""Calendar months as the fund writes them: "2026-07".

Contribution months, birth months and due dates all count in them; a day that a month does not
have (the 31st of June) is its last day.
"""

from __future__ import annotations

import calendar
import re
from datetime import date

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)


def is_month(text: str) -> bool:
    return _MONTH.fullmatch(text) is not None


def month_of(day: date) -> str:
    """2026-07 for 2026-07-15."""
    return f"{day.year:04d}-{day.month:02d}"


def month_after(month: str, months: int) -> str:
    """The month so many later, or earlier when negative."""
    year, place = divmod(_number(month) + months, 12)
    return f"{year:04d}-{place + 1:02d}"


def months_between(first: str, last: str) -> int:
    """Months from `first` to `last`; negative when `last` is earlier."""
    return _number(last) - _number(first)


def day_in(month: str, day: int) -> date:
    """That day of the month, or the month's last day when it has fewer."""
    assert 1 <= day <= 31, "a day of a month"
    year, place = divmod(_number(month), 12)
    return date(year, place + 1, min(day, calendar.monthrange(year, place + 1)[1]))


def _number(month: str) -> int:
    assert is_month(month), f"a month is YYYY-MM, not {month!r}"
    return int(month[:4]) * 12 + int(month[5:]) - 1
