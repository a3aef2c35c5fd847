"""Which days the offices work: a table the centre edits, over a rule that never fails.

The State Council announces each year's holidays in the autumn before.  For announced years the rule
is the published list (chinesecalendar); later years fall back to weekends and the holidays with a
fixed date, so a deadline can always be counted.  A row in the table overrides both.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import chinese_calendar
import structlog
from sqlalchemy import Engine, String, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import transaction
from engine.models import Base

REFRESH_SECONDS = 300  # how soon other processes notice an edited day
SEED_YEARS_AHEAD = 2
WEEKEND = (5, 6)
# 全国年节及纪念日放假办法 (2025) art. 2: only those on a fixed day of the solar calendar.
FIXED_HOLIDAYS: Mapping[tuple[int, int], str] = {
    (1, 1): "元旦",
    (5, 1): "劳动节",
    (5, 2): "劳动节",
    (10, 1): "国庆节",
    (10, 2): "国庆节",
    (10, 3): "国庆节",
}
_log = structlog.get_logger("hall.calendars")


class WorkingDay(Base):
    """One day the rule alone would not get right, or that the centre wants to name."""

    __tablename__ = "hall_working_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    is_working: Mapped[bool]
    note: Mapped[str] = mapped_column(String(60), default="")


def usual(day: date) -> bool:
    """The rule without the table; knows every year."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() not in WEEKEND and (day.month, day.day) not in FIXED_HOLIDAYS


def holiday_name(day: date) -> str:
    """国庆节, or 调休上班 for a weekend worked instead; empty on ordinary days."""
    if day in chinese_calendar.constants.holidays:
        return str(chinese_calendar.Holiday(chinese_calendar.constants.holidays[day]).chinese)
    if day in chinese_calendar.constants.workdays:
        return "调休上班"
    try:
        chinese_calendar.is_workday(day)
    except NotImplementedError:
        return FIXED_HOLIDAYS.get((day.month, day.day), "")
    return ""


def seed(session: Session, first_year: int, last_year: int | None = None) -> int:
    """Write the named days of these years where the centre has none yet; returns how many."""
    last_year = last_year or first_year + SEED_YEARS_AHEAD
    assert first_year <= last_year <= first_year + 20
    first, last = date(first_year, 1, 1), date(last_year, 12, 31)
    with transaction(session):
        known = set(
            session.scalars(select(WorkingDay.day).where(WorkingDay.day.between(first, last)))
        )
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        rows = [
            WorkingDay(day=day, is_working=usual(day), note=name)
            for day in days
            if day not in known and (name := holiday_name(day))
        ]
        session.add_all(rows)
    return len(rows)


def set_day(session: Session, day: date, is_working: bool, note: str = "") -> None:
    """The centre's word on one day; counts from the next refresh on."""
    with transaction(session):
        session.merge(WorkingDay(day=day, is_working=is_working, note=note[:60]))


class WorkingCalendar:
    """`engine.calendar.Calendar` over the table, kept in memory and read again now and then.

    It reads through its own connection, so it may be asked in the middle of a verb.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._rows: dict[date, bool] = {}
        self._read_at: float | None = None
        self._lock = threading.Lock()

    def is_working(self, day: date) -> bool:
        """Never raises: without a database the rule alone decides."""
        found = self._current().get(day)
        return usual(day) if found is None else found

    def forget(self) -> None:
        """Read the table again at the next question."""
        self._read_at = None

    def _current(self) -> dict[date, bool]:
        with self._lock:
            now = self._clock()
            if self._read_at is None or now - self._read_at >= REFRESH_SECONDS:
                self._read_at = now  # also after a failure: a dead database is not asked every time
                self._rows = self._read()
            return self._rows

    def _read(self) -> dict[date, bool]:
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(select(WorkingDay.day, WorkingDay.is_working))
                return {row.day: row.is_working for row in rows}
        except SQLAlchemyError as error:
            _log.warning("working days not readable, using the rule", error=type(error).__name__)
            return self._rows
