"""Filing: once, one at a time, all of it or nothing, and due in working days."""

from __future__ import annotations

from typing import Any

import pytest

import engine
from engine import errors
from tests.builders import diagrams
from tests.engine.hall import (
    APPLICANT,
    COLLEAGUE,
    OTHER_UNIT,
    REVIEWER,
    SECONDER,
    STRANGER,
    UNIT,
    Hall,
    filing,
)


@pytest.fixture
def no(hall: Hall) -> str:
    """A request just filed, at the first review."""
    return hall.file()


def test_the_number_tells_the_centre_and_the_day_in_shanghai(hall: Hall, no: str) -> None:
    assert no.startswith("QDN-20260715-")
    assert len(no) == len("QDN-20260715-000001")


def test_a_double_click_returns_the_first_request(hall: Hall) -> None:
    first = engine.start(hall.rt, APPLICANT, "two_reviews", **filing(token="t1"))
    before = hall.picture()
    again = engine.start(hall.rt, APPLICANT, "two_reviews", **filing(token="t1"))
    assert again == first
    assert hall.picture() == before


def test_a_double_click_answers_with_the_request_as_it_is_now(hall: Hall) -> None:
    no = hall.file(token="t1")
    hall.send_back(no, REVIEWER)
    again = engine.start(hall.rt, APPLICANT, "two_reviews", **filing(token="t1"))
    assert (again.no, again.status) == (no, "returned")


def test_one_request_at_a_time_for_each_unit(hall: Hall, no: str) -> None:
    with pytest.raises(engine.InFlight, match="存在未审批完成的测试业务业务") as said:
        hall.file(COLLEAGUE)
    assert said.value.no == no
    assert engine.in_flight(hall.rt, "two_reviews", UNIT) == no
    other = hall.file(STRANGER, scope=OTHER_UNIT)
    assert other != no


def _complete(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    hall.approve(no, SECONDER)


def _refuse(hall: Hall, no: str) -> None:
    engine.refuse(hall.rt, REVIEWER, hall.task(no), opinion="不符")


def _withdraw(hall: Hall, no: str) -> None:
    engine.withdraw(hall.rt, APPLICANT, no)


def _end(hall: Hall, no: str) -> None:
    hall.send_back(no, REVIEWER)
    engine.end(hall.rt, APPLICANT, no)


@pytest.mark.parametrize("finish", [_complete, _refuse, _withdraw, _end])
def test_the_next_request_may_be_filed_when_the_first_is_over(
    hall: Hall, no: str, finish: Any
) -> None:
    finish(hall, no)
    assert engine.in_flight(hall.rt, "two_reviews", UNIT) is None
    assert hall.file() != no


def test_a_returned_request_still_blocks_the_next(hall: Hall, no: str) -> None:
    hall.send_back(no, REVIEWER)
    with pytest.raises(engine.InFlight):
        hall.file()


def test_a_service_without_the_rule_takes_several_requests(empty_hall: Hall) -> None:
    empty_hall.deploy(diagrams.one_review(), "one_review")
    assert len({empty_hall.file(key="one_review") for _ in range(3)}) == 3


def test_an_operation_that_fails_while_filing_leaves_nothing(hall: Hall) -> None:
    hall.deploy(
        diagrams.process(
            "auto",
            diagrams.start(),
            diagrams.form("fill"),
            diagrams.service("apply", "tests/apply"),
            diagrams.end(),
            diagrams.flows("start", "fill", "apply", "end"),
            lanes=diagrams.lane("单位经办人", "fill"),
        ),
        "auto",
    )
    before = hall.picture()
    hall.desk.failing = {"apply"}
    with pytest.raises(errors.OperationFailed):
        hall.file(key="auto")
    assert hall.picture() == before
    hall.desk.failing = set()
    no = hall.file(key="auto")
    assert hall.case(no).status == "completed"
    assert hall.case(no).ended_at == hall.clock()


def test_what_is_filed_along_with_a_request_is_filed_or_not_with_it(hall: Hall) -> None:
    def also(session: Any, case: Any) -> None:
        engine.messages.put(
            session,
            recipient=APPLICANT.id,
            title=f"材料归入{case.no}",
            body="",
            business="",
            channel="",
            no=case.no,
            now=hall.clock(),
        )
        if broken:
            raise RuntimeError("disk full")

    broken = True
    before = hall.picture()
    with pytest.raises(RuntimeError):
        hall.file(also=also)
    assert hall.picture() == before
    broken = False
    assert hall.messages() == []
    no = hall.file(also=also)
    assert hall.messages() == [f"材料归入{no}"]


def test_due_dates_count_working_days(hall: Hall, no: str) -> None:
    # filed on Wednesday the 15th; three working days end on Monday the 20th at 17:30
    case = hall.case(no)
    assert case.due_at is not None
    assert case.due_at.isoformat() == "2026-07-20T09:30:00+00:00"
    assert hall.tasks(no)[0].due_at == case.due_at


def test_a_step_may_have_its_own_deadline(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(
        diagrams.process(
            "quick",
            diagrams.start(),
            diagrams.form("fill"),
            diagrams.user("review", "审核", verbs="approve", due_working_days=1),
            diagrams.end(),
            diagrams.flows("start", "fill", "review", "end"),
            lanes=diagrams.lane("单位经办人", "fill") + diagrams.lane("归集审核岗", "review"),
            due_working_days=5,
        ),
        "quick",
    )
    no = hall.file(key="quick")
    due = hall.tasks(no)[0].due_at
    assert due is not None
    assert due.isoformat() == "2026-07-16T09:30:00+00:00"


def test_what_a_request_needs_is_prepared_under_its_number_before_its_first_step(
    hall: Hall,
) -> None:
    seen: list[tuple[str, bool]] = []

    def before(session: Any, case: engine.Case) -> None:
        seen.append((case.no, engine.in_flight(hall.rt, "two_reviews", UNIT) == case.no))

    outcome = engine.start(hall.rt, APPLICANT, "two_reviews", before=before, **filing())
    assert seen == [(outcome.no, True)]


def test_what_cannot_be_prepared_is_not_filed(hall: Hall) -> None:
    before = hall.picture()

    def refuse(session: Any, case: engine.Case) -> None:
        raise errors.Conflict(errors.Problem("rosters.changed", "清册刚刚被改动。"))

    with pytest.raises(errors.Conflict, match="清册刚刚被改动"):
        engine.start(hall.rt, APPLICANT, "two_reviews", before=refuse, **filing())
    assert hall.picture() == before


def test_a_second_click_prepares_nothing_again(hall: Hall) -> None:
    calls: list[str] = []

    def before(session: Any, case: engine.Case) -> None:
        calls.append(case.no)

    for _ in range(2):
        engine.start(hall.rt, APPLICANT, "two_reviews", before=before, **filing(token="t9"))
    assert len(calls) == 1
