"""Deadlines are counted in working days, to the closing of the counters in Shanghai."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from engine.calendar import ZONE, Weekdays, add_working_days


class NationalDay(Weekdays):
    """October 2026: the first week off, Saturday the 10th worked instead."""

    def is_working(self, day: date) -> bool:
        if date(2026, 10, 1) <= day <= date(2026, 10, 7):
            return False
        return day == date(2026, 10, 10) or super().is_working(day)


class Never:
    def is_working(self, day: date) -> bool:
        return False


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("filed", "days", "due"),
    [
        ("2026-07-15 09:30", 1, "2026-07-16 17:30"),  # the day of filing does not count
        ("2026-07-15 09:30", 3, "2026-07-20 17:30"),  # over a weekend
        ("2026-07-17 23:59", 1, "2026-07-20 17:30"),  # Friday night
        ("2026-07-18 12:00", 1, "2026-07-20 17:30"),  # Saturday
        ("2026-07-19 00:00", 1, "2026-07-20 17:30"),
        ("2026-07-15 09:30", 0, "2026-07-15 17:30"),  # today, while the counters are open
        ("2026-07-15 17:30", 0, "2026-07-15 17:30"),
        ("2026-07-15 17:31", 0, "2026-07-16 17:30"),
        ("2026-07-18 12:00", 0, "2026-07-20 17:30"),
        ("2026-12-31 09:00", 1, "2027-01-01 17:30"),  # plain weekdays know no holidays
    ],
)
def test_weekdays(filed: str, days: int, due: str) -> None:
    at = add_working_days(Weekdays(), shanghai(filed), days)
    assert at == shanghai(due)
    assert at.tzinfo is UTC


@pytest.mark.parametrize(
    ("days", "due"),
    [(1, "2026-10-08 17:30"), (2, "2026-10-09 17:30"), (3, "2026-10-10 17:30")],
)
def test_holidays_and_worked_weekends_come_from_the_calendar(days: int, due: str) -> None:
    assert add_working_days(NationalDay(), shanghai("2026-09-30 10:00"), days) == shanghai(due)


def test_the_local_day_counts_not_the_day_in_utc() -> None:
    """01:00 on Thursday in Shanghai is still Wednesday in UTC."""
    at = datetime(2026, 7, 15, 17, 0, tzinfo=UTC)
    assert add_working_days(Weekdays(), at, 1) == shanghai("2026-07-17 17:30")


def test_a_zone_with_summer_time_changes_nothing() -> None:
    from zoneinfo import ZoneInfo

    at = shanghai("2026-03-27 09:00").astimezone(ZoneInfo("Europe/Berlin"))
    assert add_working_days(Weekdays(), at, 1) == shanghai("2026-03-30 17:30")


def test_an_empty_calendar_is_an_error_and_not_for_ever() -> None:
    with pytest.raises(ValueError, match="no working day"):
        add_working_days(Never(), shanghai("2026-07-15 09:30"), 1)


def test_a_naive_time_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        add_working_days(Weekdays(), datetime(2026, 7, 15), 1)
