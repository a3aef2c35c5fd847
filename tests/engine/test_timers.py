"""Timers go off by the hall's clock, once, and never take the request down with them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

import engine
from engine import Runtime
from engine.calendar import Weekdays
from engine.verbs import timers
from tests.builders import diagrams
from tests.engine.hall import APPLICANT, REVIEWER, REVIEWER_2, SECONDER, Hall

# filed on Wednesday the 15th, due on Monday the 20th at 17:30, reminded eight hours before
REMINDER = datetime(2026, 7, 20, 1, 30, tzinfo=UTC)


def fire_due(hall: Hall) -> list[bool]:
    hall.rt.session.rollback()
    due = timers.due(hall.rt.session, hall.clock())
    return [timers.fire(hall.rt, each) for each in due]


def test_the_reminder_comes_at_its_working_time_and_once(hall: Hall) -> None:
    no = hall.file()
    assert hall.case(no).next_timer_at == REMINDER
    hall.clock.set(datetime(2026, 7, 20, 1, 29, 59, tzinfo=UTC))
    assert fire_due(hall) == []
    hall.clock.set(REMINDER)
    assert fire_due(hall) == [True]
    assert fire_due(hall) == []
    hall.clock.advance(days=30)
    assert fire_due(hall) == []
    assert hall.messages() == ["reminder"]
    assert hall.verbs(no) == ["start", "timer"]
    assert hall.where(no) == ["review1"]


def test_a_timer_fired_too_early_does_nothing(hall: Hall) -> None:
    no = hall.file()
    before = hall.picture()
    assert not timers.fire(hall.rt, hall.case(no).id)
    assert not timers.fire(hall.rt, 999_999)
    assert hall.picture() == before


def test_the_reminder_survives_a_restart(hall: Hall) -> None:
    no = hall.file()
    hall.clock.set(REMINDER)
    with Session(hall.database) as session:  # a new process has nothing but the database
        engine.definitions._cache.clear()
        fresh = Runtime(session, hall.clock, Weekdays(), "QDN", hall.desk)
        assert timers.due(session, hall.clock()) == [hall.case(no).id]
        assert timers.fire(fresh, hall.case(no).id)
    assert hall.messages() == ["reminder"]


def test_a_decided_step_is_not_reminded(hall: Hall) -> None:
    no = hall.file()
    hall.approve(no, REVIEWER)
    hall.approve(no, SECONDER)
    assert hall.case(no).next_timer_at is None
    hall.clock.advance(days=30)
    assert fire_due(hall) == []


def test_each_review_has_its_own_reminder(hall: Hall) -> None:
    no = hall.file()
    hall.clock.set(REMINDER)
    fire_due(hall)
    hall.approve(no, REVIEWER)
    # the deadline is the same, so the second reviewer is reminded at once
    fire_due(hall)
    assert hall.messages() == ["reminder", "reminder"]
    assert fire_due(hall) == []
    assert hall.where(no) == ["review2"]


def test_a_request_that_comes_back_after_its_deadline_is_reminded_once_more(hall: Hall) -> None:
    no = hall.file()
    hall.send_back(no, REVIEWER)
    hall.clock.advance(days=30)
    assert fire_due(hall) == []  # it lies with the applicant
    hall.resubmit(no)
    fire_due(hall)
    assert hall.messages() == ["reminder"]
    assert hall.approve(no, REVIEWER).label == "复核中"


def test_a_workers_month_off_is_made_up_in_one_go(hall: Hall) -> None:
    numbers = [hall.file(scope="unit:0208")]
    hall.deploy(diagrams.two_reviews("other_service"), "other_service")
    numbers += [hall.file(key="other_service")]
    hall.clock.advance(days=30)
    assert fire_due(hall) == [True, True]
    assert hall.messages() == ["reminder", "reminder"]
    assert all(hall.where(no) == ["review1"] for no in numbers)


def test_timers_never_look_at_the_wall_clock(hall: Hall) -> None:
    """The wall clock may be years before or after; only the clock given counts."""
    hall.clock.set(datetime(2001, 1, 2, 1, 0, tzinfo=UTC))
    no = hall.file()
    assert hall.case(no).next_timer_at == datetime(2001, 1, 5, 1, 30, tzinfo=UTC)
    assert fire_due(hall) == []
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    assert hall.messages() == []
    hall.clock.set(datetime(2001, 1, 5, 1, 30, tzinfo=UTC))
    assert fire_due(hall) == [True]
    hall.approve(no, REVIEWER)
    hall.approve(no, SECONDER)
    hall.clock.set(datetime(2099, 1, 5, 1, 0, tzinfo=UTC))
    later = hall.file()
    assert hall.case(later).next_timer_at == datetime(2099, 1, 8, 1, 30, tzinfo=UTC)
    assert fire_due(hall) == []


def test_a_failing_timer_is_tried_again_further_and_further_apart(hall: Hall) -> None:
    no = hall.file()
    hall.clock.set(REMINDER)
    hall.desk.failing = {"note"}
    waits = []
    for _ in timers.BACKOFF_SECONDS:
        before = hall.clock()
        assert fire_due(hall) == [False]
        assert fire_due(hall) == []
        next_try = hall.case(no).next_timer_at
        assert next_try is not None
        waits.append((next_try - before).total_seconds())
        hall.clock.set(next_try)
    assert waits == [60, 300, 1800, 7200, 43200]
    assert hall.messages() == []
    assert hall.verbs(no) == ["start"]
    hall.desk.failing = set()
    assert fire_due(hall) == [True]
    assert hall.case(no).timer_failures == 0
    assert hall.messages() == ["reminder"]


def test_a_request_with_a_failing_timer_stays_workable(hall: Hall) -> None:
    no = hall.file()
    hall.clock.set(REMINDER)
    hall.desk.failing = {"note"}
    assert fire_due(hall) == [False]
    # the reminder is long due: deciding must not stumble over it
    hall.approve(no, REVIEWER)
    assert hall.where(no) == ["review2"]


def test_a_withdrawn_request_rings_no_more(hall: Hall) -> None:
    no = hall.file()
    case = hall.case(no)
    engine.withdraw(hall.rt, APPLICANT, no)
    hall.clock.advance(days=30)
    assert fire_due(hall) == []
    assert not timers.fire(hall.rt, case.id)
    assert hall.verbs(no) == ["start", "withdraw"]


def timed(**when: str) -> bytes:
    return diagrams.process(
        "timed",
        diagrams.start(),
        diagrams.form("fill"),
        diagrams.user("review", "审核", verbs="approve,return"),
        diagrams.user("late", "超时审核", verbs="approve"),
        diagrams.timer("too_late", "review", interrupting=True, **when),
        diagrams.end(),
        diagrams.flows("start", "fill", "review", "end"),
        diagrams.flows("too_late", "late", "end"),
        lanes=diagrams.lane("单位经办人", "fill") + diagrams.lane("归集审核岗", "review", "late"),
    )


@pytest.mark.parametrize(
    ("when", "due"),
    [
        ({"timeDuration": '"PT36H"'}, datetime(2026, 7, 16, 13, 30, tzinfo=UTC)),
        ({"timeDuration": '"P1M"'}, datetime(2026, 8, 15, 1, 30, tzinfo=UTC)),
        ({"timeDate": "working_days(2)"}, datetime(2026, 7, 17, 9, 30, tzinfo=UTC)),
        ({"timeDate": '"2026-07-18T08:00:00+08:00"'}, datetime(2026, 7, 18, tzinfo=UTC)),
    ],
)
def test_an_interrupting_timer_takes_the_step_away(
    empty_hall: Hall, when: dict[str, str], due: datetime
) -> None:
    hall = empty_hall
    hall.deploy(timed(**when), "timed")
    no = hall.file(key="timed")
    task = hall.task(no)
    assert hall.case(no).next_timer_at == due
    hall.clock.set(due)
    assert fire_due(hall) == [True]
    assert hall.where(no) == ["late"]
    with pytest.raises(engine.errors.Conflict, match="该步骤已经关闭，业务目前超时审核中"):
        engine.approve(hall.rt, REVIEWER, task)
    assert hall.approve(no, REVIEWER_2).status == "completed"


@pytest.mark.parametrize(
    "when",
    [
        {"timeDate": "values['no_such_field']"},
        {"timeDate": "values['pay_day']"},
        {"timeDate": "values['pay_day'] + '26-07-18T08:00:00'"},  # which zone?
        {"timeDate": "len(values)"},
        {"timeDuration": "values['pay_day']"},
        {"timeDuration": "values.get('no_such_field')"},
        {"timeDuration": "'P99999Y'[0:7]"},
        {"timeDuration": "'-P' + '1D'"},
    ],
)
def test_a_timer_that_makes_no_sense_stops_the_request_before_its_step(
    empty_hall: Hall, when: dict[str, str]
) -> None:
    hall = empty_hall
    hall.deploy(timed(**when), "timed")
    no = hall.file(key="timed")
    assert hall.case(no).label == "系统处理中"
    assert hall.where(no) == []
    assert hall.case(no).next_timer_at is None
