"""Timers that ring in rounds, in other zones, in the past, and many at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import engine
from engine.errors import OperationFailed
from engine.owed import messages
from engine.tokens import timer_events
from engine.verbs import timers
from tests.builders import diagrams
from tests.engine.hall import REVIEWER, Hall, filing, person
from tests.engine.test_timers import REMINDER, fire_due, timed


def reminded(cycle: str) -> bytes:
    """A review with a reminder beside it."""
    return diagrams.one_review(
        "reminded",
        between=diagrams.timer("late", "review", timeCycle=cycle)
        + diagrams.service("remind", "tests/note", "提醒", event="'reminder'")
        + diagrams.end("end_reminded"),
        way=diagrams.flows("review", "end") + diagrams.flows("late", "remind", "end_reminded"),
    )


def test_rounds_ring_as_often_as_they_say_and_survive_a_restart_each_time(
    empty_hall: Hall,
) -> None:
    hall = empty_hall
    hall.deploy(reminded('"R3/PT1H"'), "reminded")
    no = hall.file(key="reminded")
    rang = []
    for _ in range(6):
        hall.clock.advance(hours=1)
        with Session(hall.database) as session:  # a new process has nothing but the database
            engine.definitions._cache.clear()
            fresh = replace(hall.rt, session=session)
            rang.append([timers.fire(fresh, each) for each in timers.due(session, hall.clock())])
    assert rang == [[True], [True], [True], [], [], []]
    assert hall.messages() == ["reminder"] * 3
    assert hall.case(no).next_timer_at is None
    assert hall.where(no) == ["review"]
    assert hall.approve(no, REVIEWER).status == "completed"


def test_missed_rounds_ring_once_and_are_used_up(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(reminded('"R5/PT1H"'), "reminded")
    no = hall.file(key="reminded")
    hall.clock.advance(hours=3, minutes=30)
    assert fire_due(hall) == [True]
    assert hall.messages() == ["reminder"]
    assert hall.case(no).next_timer_at == datetime(2026, 7, 15, 5, 30, tzinfo=UTC)
    hall.clock.advance(days=30)
    assert fire_due(hall) == [True]
    assert hall.messages() == ["reminder"] * 2
    assert fire_due(hall) == []


def test_rounds_for_ever_end_with_the_step(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(reminded('"R/PT1M"'), "reminded")
    no = hall.file(key="reminded")
    for _ in range(5):
        hall.clock.advance(days=365)
        assert fire_due(hall) == [True]
    assert hall.messages() == ["reminder"] * 5
    assert hall.approve(no, REVIEWER).status == "completed"
    assert hall.case(no).next_timer_at is None


def test_rounds_may_begin_at_a_working_time(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(reminded('"R2/" + working_days(2) + "/P1M"'), "reminded")
    no = hall.file(key="reminded")
    first = datetime(2026, 7, 17, 9, 30, tzinfo=UTC)
    assert hall.case(no).next_timer_at == first
    hall.clock.set(first)
    assert fire_due(hall) == [True]
    assert hall.case(no).next_timer_at == datetime(2026, 8, 17, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "left", "first", "second"),
    [
        ("R3/PT1H", 3, "2026-01-01T01:00+00:00", "2026-01-01T02:00+00:00"),
        ("R/P1D", -1, "2026-01-02T00:00+00:00", "2026-01-03T00:00+00:00"),
        ("R2/2026-03-01T09:00:00+08:00/P1M", 2, "2026-03-01T01:00+00:00", "2026-04-01T01:00+00:00"),
        ("R2/P1D/2026-03-03T00:00:00Z", 2, "2026-03-02T00:00+00:00", "2026-03-03T00:00+00:00"),
    ],
)
def test_rounds_are_read_as_iso_8601_says(text: str, left: int, first: str, second: str) -> None:
    found = timer_events.rounds(text, datetime(2026, 1, 1, tzinfo=UTC))
    assert found.left == left
    assert found.at == datetime.fromisoformat(first)
    assert timer_events.after(found.at, found.duration) == datetime.fromisoformat(second)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "R3",
        "PT1H",
        "R0/PT1H",
        "R3/PT1S",
        "R3/2026-03-01T09:00:00/P1D",
        "R-1/PT1H",
        "R3/P",
        None,
    ],
)
def test_rounds_that_make_no_sense_are_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="."):
        timer_events.rounds(text, datetime(2026, 1, 1, tzinfo=UTC))


def with_time(text: str) -> dict[str, Any]:
    return filing()["data"] | {"values": {"at": text}}


@pytest.mark.parametrize(
    ("text", "due"),
    [
        # the same hour of the clocks in Berlin, before and after they are put back
        ("2026-10-25T02:30:00+02:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-10-25T02:30:00+01:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("2026-07-18T00:00:00Z", datetime(2026, 7, 18, tzinfo=UTC)),
        ("2026-07-18T08:00:00.250+08:00", datetime(2026, 7, 18, 0, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_a_time_of_another_zone_is_a_moment(empty_hall: Hall, text: str, due: datetime) -> None:
    hall = empty_hall
    hall.deploy(timed(timeDate="values['at']"), "timed")
    no = hall.file(key="timed", data=with_time(text))
    assert hall.case(no).next_timer_at == due
    hall.clock.set(due - timedelta(milliseconds=1))
    assert fire_due(hall) == []
    hall.clock.set(due)
    assert fire_due(hall) == [True]
    assert hall.where(no) == ["late"]


def test_a_day_is_24_hours_also_where_clocks_are_changed() -> None:
    before = datetime.fromisoformat("2026-10-24T12:00:00+02:00")
    rounds = timer_events.rounds("R2/2026-10-24T12:00:00+02:00/P1D", before)
    second = timer_events.after(rounds.at, rounds.duration)
    assert second == datetime.fromisoformat("2026-10-25T11:00:00+01:00")


def test_a_time_in_the_past_rings_at_the_next_look_not_in_the_verb(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(timed(timeDate='"2020-01-01T00:00:00+01:00"'), "timed")
    no = hall.file(key="timed")
    assert hall.where(no) == ["review"]
    assert fire_due(hall) == [True]
    assert hall.where(no) == ["late"]
    assert fire_due(hall) == []


def test_however_many_are_due_each_gets_its_turn_failing_ones_included(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(diagrams.two_reviews("many"), "many")
    numbers = [hall.file(operator(n), key="many", scope=f"unit:{n:04}") for n in range(30)]
    failing = {hall.case(no).id for no in numbers[::3]}

    def refuse(call: Any) -> None:
        if call.instance.id in failing:
            raise OperationFailed(engine.Problem("tests.refused", "登记机关没有答应。"))

    hall.desk.when["note"] = refuse
    hall.clock.set(REMINDER)
    looks = 0
    while page := look(hall, 4):
        looks += 1
        assert len(page) <= 4
        for each in page:
            timers.fire(hall.rt, each)
    assert looks == 8  # a failing one waits behind those that have not had their turn
    assert reminders(hall) == 20
    hall.desk.when.clear()
    hall.clock.advance(minutes=1)
    assert fire_due(hall) == [True] * 10
    assert reminders(hall) == 30


def operator(n: int) -> engine.Actor:
    return person(f"operator:{100 + n}", "经办", (diagrams.OPERATOR, f"unit:{n:04}"))


def look(hall: Hall, size: int) -> list[int]:
    hall.rt.session.rollback()
    return timers.due(hall.rt.session, hall.clock(), size)


def reminders(hall: Hall) -> int:
    with hall.sessions() as session:
        return len(session.scalars(select(messages.Message.id)).all())
