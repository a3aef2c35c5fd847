"""Working days: deadlines are counted in them, whoever keeps the list of holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
CLOSING_TIME = time(17, 30)  # a deadline ends when the counters close
DAYS_AHEAD_MAX = 3660  # a calendar without working days must not hang a request


class Calendar(Protocol):
    """Says whether the offices work on a day (Asia/Shanghai)."""

    def is_working(self, day: date) -> bool: ...


class Weekdays:
    """Monday to Friday; the calendar of last resort and of tests."""

    def is_working(self, day: date) -> bool:
        return day.weekday() < 5


def add_working_days(calendar: Calendar, at: datetime, days: int) -> datetime:
    """Closing time of the `days`-th working day after the local day of `at`, as UTC.

    The day of filing does not count; zero days means the next closing time on a working day.
    """
    assert at.tzinfo is not None
    day = at.astimezone(ZONE).date()
    left = days
    for _ in range(DAYS_AHEAD_MAX):
        if days == 0 and calendar.is_working(day) and at <= _closing(day):
            return _closing(day)
        day += timedelta(days=1)
        if calendar.is_working(day):
            left -= 1
            if left <= 0:
                return _closing(day)
    raise ValueError("no working day within ten years: the calendar is empty")


def _closing(day: date) -> datetime:
    return datetime.combine(day, CLOSING_TIME, ZONE).astimezone(UTC)
