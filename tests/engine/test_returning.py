"""退回 straight, out of sub-processes and beside other branches."""

from __future__ import annotations

import pytest

import engine
from engine import errors
from tests.builders import diagrams as d
from tests.engine.hall import (
    APPLICANT,
    COLLEAGUE,
    EVERYWHERE,
    KEEPER,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    SECONDER_2,
    Hall,
)


@pytest.fixture
def no(hall: Hall) -> str:
    """A request at the second review."""
    no = hall.file()
    hall.approve(no, REVIEWER)
    return no


def straight(hall: Hall, no: str, node: str = "fill") -> engine.Outcome:
    return hall.send_back(no, SECONDER, node, straight=True)


# ── straight back ──────────────────────────────────────────────────────────────────────────────


def test_a_form_corrected_straight_comes_back_to_the_one_who_returned_it(
    hall: Hall, no: str
) -> None:
    outcome = straight(hall, no)
    assert (outcome.status, outcome.label) == ("returned", "已退回")
    (task,) = hall.tasks(no)
    assert (task.node, task.part, task.assignee) == ("fill", "fix", APPLICANT.id)
    assert hall.resubmit(no, values={"pay_day": "25"}).label == "复核中"
    (task,) = hall.tasks(no)
    assert (task.node, task.assignee) == ("review2", SECONDER.id)
    assert engine.view(hall.rt, SECONDER, no).data["values"] == {"pay_day": "25"}
    assert hall.approve(no, SECONDER).status == "completed"
    assert hall.verbs(no) == ["start", "approve", "return", "submit", "approve"]


def test_a_colleague_may_make_a_straight_correction(hall: Hall, no: str) -> None:
    straight(hall, no)
    hall.resubmit(no, COLLEAGUE, values={"pay_day": "25"})
    assert hall.tasks(no)[0].assignee == SECONDER.id


def test_a_review_corrected_straight_comes_back_too(hall: Hall, no: str) -> None:
    outcome = straight(hall, no, "review1")
    assert (outcome.status, outcome.label) == ("running", "初审中")
    (task,) = hall.tasks(no)
    assert (task.node, task.part, task.assignee) == ("review1", "fix", REVIEWER.id)
    view = engine.view(hall.rt, REVIEWER, no)
    assert "approve" in view.verbs
    assert not view.verbs & {"refuse", "return", "ask", "add_sign"}
    hall.approve(no, REVIEWER, opinion="已补正")
    (task,) = hall.tasks(no)
    assert (task.node, task.assignee) == ("review2", SECONDER.id)


def test_while_a_correction_is_awaited_the_step_cannot_be_decided(hall: Hall, no: str) -> None:
    task = hall.task(no)
    straight(hall, no)
    with pytest.raises(errors.Conflict, match="正在等待"):
        engine.approve(hall.rt, SECONDER, task)
    with pytest.raises(errors.Forbidden, match="由申请单位办理"):
        engine.submit(hall.rt, REVIEWER_2, hall.task(no), data={}, summary="")


def test_a_later_return_finds_the_corrected_data(hall: Hall, no: str) -> None:
    straight(hall, no)
    hall.resubmit(no, values={"pay_day": "25"})
    hall.send_back(no, SECONDER, "review1")
    assert engine.view(hall.rt, REVIEWER, no).data["values"] == {"pay_day": "25"}
    hall.send_back(no, REVIEWER)
    assert engine.view(hall.rt, APPLICANT, no).data["values"] == {"pay_day": "25"}


def test_a_form_returned_twice_shows_what_was_filed_last(hall: Hall, no: str) -> None:
    hall.send_back(no, SECONDER)
    hall.resubmit(no, values={"pay_day": "25"})
    hall.send_back(no, REVIEWER)
    assert engine.view(hall.rt, APPLICANT, no).data["values"] == {"pay_day": "25"}


def test_the_same_step_may_ask_for_a_correction_again(hall: Hall, no: str) -> None:
    for day in ("25", "26"):
        straight(hall, no)
        hall.resubmit(no, values={"pay_day": day})
    assert hall.where(no) == ["review2"]
    assert engine.view(hall.rt, SECONDER, no).data["values"] == {"pay_day": "26"}


def test_a_request_waiting_for_a_correction_can_be_ended(hall: Hall, no: str) -> None:
    straight(hall, no)
    assert engine.end(hall.rt, APPLICANT, no).status == "ended"
    assert hall.where(no) == []


def test_a_timer_that_takes_the_step_away_takes_the_correction_with_it(empty_hall: Hall) -> None:
    hall = empty_hall
    escalating = d.process(
        "escalated",
        d.start(),
        d.form("fill"),
        d.user("review", "审核", verbs="approve,return"),
        d.timer("late", "review", interrupting=True, timeDuration='"P1D"'),
        d.user("chief", "督办", verbs="approve"),
        d.end(),
        d.flows("start", "fill", "review", "end"),
        d.flows("late", "chief", "end"),
        lanes=d.lane(d.OPERATOR, "fill") + d.lane(d.FIRST, "review", "late", "chief"),
    )
    hall.deploy(escalating, "escalated")
    no = hall.file(key="escalated")
    hall.send_back(no, REVIEWER, straight=True)
    hall.clock.advance(days=2)
    engine.timers.fire(hall.rt, hall.case(no).id)
    assert hall.where(no) == ["chief"]
    assert (hall.case(no).status, hall.case(no).label) == ("running", "督办中")
    hall.approve(no, REVIEWER_2)


def test_a_diagram_may_forbid_the_straight_way(hall: Hall) -> None:
    hall.deploy(d.one_review("strict", straight="false"), "strict")
    no = hall.file(key="strict")
    assert not engine.view(hall.rt, REVIEWER, no).straight
    before = hall.picture()
    with pytest.raises(errors.Refused, match="请选择普通退回"):
        hall.send_back(no, REVIEWER, straight=True)
    assert hall.picture() == before
    hall.send_back(no, REVIEWER)


# ── sub-processes and branches ─────────────────────────────────────────────────────────────────


@pytest.fixture
def nested(empty_hall: Hall) -> tuple[Hall, str]:
    """fill → review → [check → recheck] → final; the request stands at `check`."""
    inner = d.subprocess(
        "inner",
        d.start("in"),
        d.user("check", "查验", verbs="approve,return"),
        d.user("recheck", "复查", verbs="approve,return"),
        d.end("out"),
        d.flows("in", "check", "recheck", "out"),
    )
    content = d.process(
        "nested",
        d.start(),
        d.form("fill"),
        d.user("review", "审核", verbs="approve,return"),
        inner,
        d.user("final", "终审", verbs="approve,return"),
        d.end(),
        d.flows("start", "fill", "review", "inner", "final", "end"),
        lanes=d.lane(d.OPERATOR, "fill")
        + d.lane(d.FIRST, "review", "inner", "check")
        + d.lane(d.SECOND, "recheck", "final"),
    )
    empty_hall.deploy(content, "nested")
    no = empty_hall.file(key="nested")
    empty_hall.approve(no, REVIEWER)
    return empty_hall, no


def test_a_return_inside_a_sub_process_reaches_its_own_steps(nested: tuple[Hall, str]) -> None:
    hall, no = nested
    hall.approve(no, REVIEWER_2)
    assert hall.where(no) == ["recheck"]
    targets = [target.node for target in engine.view(hall.rt, SECONDER, no).targets]
    assert targets == ["fill", "review", "check"]
    hall.send_back(no, SECONDER, "check")
    assert hall.where(no) == ["check"]
    hall.approve(no, REVIEWER_2)
    hall.approve(no, SECONDER)
    assert hall.where(no) == ["final"]
    assert hall.approve(no, SECONDER_2).status == "completed"


def test_a_return_out_of_a_sub_process_reaches_the_steps_before_it(
    nested: tuple[Hall, str],
) -> None:
    hall, no = nested
    hall.approve(no, REVIEWER_2)
    hall.send_back(no, SECONDER)
    assert hall.where(no) == ["fill"]
    hall.resubmit(no)
    hall.approve(no, REVIEWER)
    assert hall.where(no) == ["check"]
    hall.approve(no, REVIEWER_2)
    hall.approve(no, SECONDER)
    hall.approve(no, SECONDER_2)
    assert hall.case(no).status == "completed"


def test_a_return_beside_another_branch_stays_in_its_own(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(d.two_branches(), "branches")
    no = hall.file(key="branches")
    left = next(task for task in hall.tasks(no) if task.node == "left1")
    engine.approve(hall.rt, REVIEWER, left.id)
    task = next(task for task in hall.tasks(no) if task.node == "left2")
    engine.return_to(hall.rt, SECONDER, task.id, node="left1", opinion="重核")
    assert hall.where(no) == ["right", "left1"]
    task = next(task for task in hall.tasks(no) if task.node == "left1")
    with pytest.raises(errors.Refused, match="重新选择退回位置"):
        engine.return_to(hall.rt, REVIEWER, task.id, node="fill", opinion="重填")


def test_a_step_beside_a_waiting_one_does_not_take_it_away(empty_hall: Hall) -> None:
    """The chief looks in while the review goes on; his return may not undo the review."""
    hall = empty_hall
    watched = d.process(
        "watched",
        d.start(),
        d.form("fill"),
        d.user("review", "审核", verbs="approve,return"),
        d.timer("late", "review", timeDuration='"P1D"'),
        d.user("look", "督办", verbs="approve,return"),
        d.end(),
        d.end("end_looked"),
        d.flows("start", "fill", "review", "end"),
        d.flows("late", "look", "end_looked"),
        lanes=d.lane(d.OPERATOR, "fill") + d.lane(d.FIRST, "review", "late", "look"),
    )
    hall.deploy(watched, "watched")
    no = hall.file(key="watched")
    hall.clock.advance(days=2)
    engine.timers.fire(hall.rt, hall.case(no).id)
    assert hall.where(no) == ["review", "look"]
    look = hall.tasks(no)[1]
    with pytest.raises(errors.Refused, match="重新选择退回位置"):
        engine.return_to(hall.rt, EVERYWHERE, look.id, node="fill", opinion="重填")


def test_an_admin_may_hand_a_correction_to_somebody_who_can_make_it(hall: Hall, no: str) -> None:
    straight(hall, no, "review1")
    engine.transfer(hall.rt, KEEPER, hall.task(no), to=REVIEWER_2.id, reason="王审核休假")
    hall.approve(no, REVIEWER_2)
    assert hall.tasks(no)[0].assignee == SECONDER.id
