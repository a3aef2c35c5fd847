"""Working days: the published ones, the years still unpublished, and the centre's last word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from engine.calendar import add_working_days
from engine.database import configure, transaction
from handlers import calendars
from handlers.calendars import WorkingCalendar, WorkingDay
from tests.builders.people import at
from tests.servers import compiled_once


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = compiled_once(configure(create_engine(database_url)))
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as opened:
        yield opened


@pytest.mark.parametrize(
    ("day", "working"),
    [
        ("2026-07-15", True),
        ("2026-07-18", False),
        ("2026-02-17", False),  # Spring Festival
        ("2026-02-14", True),  # a Saturday worked instead
        ("2025-10-08", False),
        ("2027-01-01", False),
        ("2027-05-03", True),
        ("2027-10-02", False),
        ("2027-10-09", False),
        ("2099-10-01", False),
        ("1999-01-04", True),
    ],
)
def test_the_rule_knows_published_and_unpublished_years(day: str, working: bool) -> None:
    assert calendars.usual(date.fromisoformat(day)) is working


def test_no_day_of_the_next_thirty_years_raises() -> None:
    first = date(2020, 1, 1)
    answers = {calendars.usual(first + timedelta(days=n)) for n in range(30 * 366)}
    assert answers == {True, False}


def test_seeding_names_holidays_and_worked_weekends(session: Session) -> None:
    assert calendars.seed(session, 2026, 2027) > 30
    rows = {row.day: row for row in session.scalars(select(WorkingDay))}
    assert rows[date(2026, 2, 17)].note == "春节"
    assert (rows[date(2026, 2, 14)].is_working, rows[date(2026, 2, 14)].note) == (True, "调休上班")
    assert rows[date(2027, 10, 1)].note == "国庆节"
    assert date(2026, 7, 15) not in rows


def test_seeding_again_keeps_what_the_centre_decided(session: Session) -> None:
    calendars.seed(session, 2026)
    calendars.set_day(session, date(2026, 2, 17), True, "值班")
    assert calendars.seed(session, 2026) == 0
    row = session.get_one(WorkingDay, date(2026, 2, 17))
    assert (row.is_working, row.note) == (True, "值班")


def test_a_day_the_centre_edits_counts_after_the_next_refresh(
    engine: Engine, session: Session
) -> None:
    now = [0.0]
    calendar = WorkingCalendar(engine, clock=lambda: now[0])
    festival = date(2027, 2, 8)
    assert calendar.is_working(festival)
    calendars.set_day(session, festival, False, "春节")
    assert calendar.is_working(festival)
    now[0] += calendars.REFRESH_SECONDS
    assert not calendar.is_working(festival)
    calendars.set_day(session, festival, True)
    calendar.forget()
    assert calendar.is_working(festival)


def test_a_local_festival_moves_a_deadline(engine: Engine, session: Session) -> None:
    filed = at("2026-07-15T09:30:00+08:00")  # a Wednesday
    due = add_working_days(WorkingCalendar(engine), filed, 3)
    assert due == at("2026-07-20T17:30:00+08:00")
    calendars.set_day(session, date(2026, 7, 17), False, "苗族吃新节")
    moved = add_working_days(WorkingCalendar(engine), filed, 3)
    assert moved == at("2026-07-21T17:30:00+08:00")


def test_the_calendar_may_be_asked_in_the_middle_of_a_verb(
    engine: Engine, session: Session
) -> None:
    calendar = WorkingCalendar(engine)
    with transaction(session):
        session.add(WorkingDay(day=date(2026, 7, 20), is_working=False))
        session.flush()
        assert calendar.is_working(date(2026, 7, 20))  # not committed: not yet true
    calendar.forget()
    assert not calendar.is_working(date(2026, 7, 20))


def test_without_a_database_the_rule_alone_decides(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.sqlite3'}")
    calendar = WorkingCalendar(engine)
    assert calendar.is_working(date(2026, 7, 15))
    assert not calendar.is_working(date(2027, 10, 1))
    engine.dispose()
