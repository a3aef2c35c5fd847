"""取回: a decision is taken back while nobody has gone on from it, and not a moment later."""

from __future__ import annotations

from typing import Any

import pytest

import engine
from engine import Runtime, errors
from tests.builders import diagrams as d
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    COLLEAGUE,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    SECONDER_2,
    STRANGER,
    Hall,
)
from tests.engine.test_races import winners


@pytest.fixture
def no(hall: Hall) -> str:
    """A request REVIEWER has just agreed to."""
    no = hall.file()
    hall.approve(no, REVIEWER)
    return no


def take_back(hall: Hall, no: str, who: Any = REVIEWER) -> engine.Outcome:
    offered = "take_back" in engine.view(hall.rt, who, no).verbs
    try:
        outcome = engine.take_back(hall.rt, who, no, reason="看漏了一项")
    except errors.HallError:
        assert not offered, "the page offers what cannot be done"
        raise
    assert offered, "the page hides what can be done"
    return outcome


def test_an_approval_is_taken_back_and_the_step_lies_with_its_reviewer(hall: Hall, no: str) -> None:
    outcome = take_back(hall, no)
    assert (outcome.status, outcome.label) == ("running", "初审中")
    (task,) = hall.tasks(no)
    assert (task.node, task.assignee) == ("review1", REVIEWER.id)
    assert hall.verbs(no) == ["start", "approve", "take_back"]
    engine.refuse(hall.rt, REVIEWER, task.id, opinion="执照过期")
    assert hall.case(no).status == "refused"


def test_only_the_one_who_decided_takes_back(hall: Hall, no: str) -> None:
    for who in (REVIEWER_2, SECONDER):
        with pytest.raises(errors.Forbidden, match="没有办理过这件业务"):
            take_back(hall, no, who)
    with pytest.raises(errors.Conflict, match="没有可以取回"):
        take_back(hall, no, APPLICANT)
    with pytest.raises(errors.NotFound):
        engine.take_back(hall.rt, STRANGER, no)


def test_nothing_is_taken_back_once_the_next_step_is_decided(hall: Hall, no: str) -> None:
    hall.send_back(no, SECONDER, "fill")
    before = hall.picture()
    with pytest.raises(errors.Conflict):
        take_back(hall, no)
    assert hall.picture() == before
    hall.resubmit(no)
    with pytest.raises(errors.Conflict):
        take_back(hall, no)


def test_the_one_who_had_claimed_the_next_step_is_told(hall: Hall, no: str) -> None:
    engine.claim(hall.rt, SECONDER, hall.task(no))
    take_back(hall, no)
    assert hall.messages(SECONDER) == ["王审核取回了“测试业务”"]
    assert engine.inbox.todo(hall.rt, SECONDER).rows == []


def test_an_ended_request_stays_ended(hall: Hall, no: str) -> None:
    hall.approve(no, SECONDER)
    with pytest.raises(errors.Conflict, match="已办结"):
        take_back(hall, no, SECONDER)


def test_a_return_is_taken_back_as_if_it_had_not_happened(hall: Hall, no: str) -> None:
    before = engine.view(hall.rt, SECONDER, no)
    hall.send_back(no, SECONDER)
    outcome = take_back(hall, no, SECONDER)
    assert (outcome.status, outcome.label) == ("running", "复核中")
    (task,) = hall.tasks(no)
    assert (task.node, task.assignee) == ("review2", SECONDER.id)
    after = engine.view(hall.rt, SECONDER, no)
    assert (after.data, after.progress, after.marks) == (before.data, before.progress, before.marks)
    assert hall.approve(no, SECONDER).status == "completed"


def test_a_return_is_not_taken_back_once_the_correction_is_filed(hall: Hall, no: str) -> None:
    hall.send_back(no, SECONDER)
    hall.resubmit(no)
    with pytest.raises(errors.Conflict):
        take_back(hall, no, SECONDER)
    assert hall.where(no) == ["review1"]


def test_a_return_that_somebody_has_claimed_and_passed_on_can_still_be_taken_back(
    hall: Hall, no: str
) -> None:
    hall.send_back(no, SECONDER, "review1")
    engine.transfer(hall.rt, REVIEWER, hall.task(no), to=REVIEWER_2.id, reason="休假")
    take_back(hall, no, SECONDER)
    assert hall.where(no) == ["review2"]


def test_a_return_is_taken_back_whatever_was_decided_beside_it_before(empty_hall: Hall) -> None:
    """The row beside it is younger than the returned one, its decision is older."""
    hall = empty_hall
    hall.deploy(d.two_branches(), "branches")
    no = hall.file(key="branches")
    left, right = hall.tasks(no)
    engine.approve(hall.rt, REVIEWER, left.id)
    engine.approve(hall.rt, REVIEWER_2, right.id)
    take_back(hall, no, REVIEWER_2)
    engine.approve(hall.rt, REVIEWER_2, hall.tasks(no)[1].id)
    hall.send_back(no, SECONDER, node="left1")
    take_back(hall, no, SECONDER)
    assert hall.where(no) == ["left2"]


def test_a_straight_return_is_taken_back(hall: Hall, no: str) -> None:
    hall.send_back(no, SECONDER, straight=True)
    take_back(hall, no, SECONDER)
    (task,) = hall.tasks(no)
    assert (task.node, task.assignee, hall.case(no).status) == ("review2", SECONDER.id, "running")


def test_a_correction_handed_back_too_early_is_taken_back(hall: Hall, no: str) -> None:
    hall.send_back(no, SECONDER, straight=True)
    hall.resubmit(no, values={"pay_day": "25"})
    assert take_back(hall, no, APPLICANT).status == "returned"
    hall.resubmit(no, values={"pay_day": "26"})
    assert engine.view(hall.rt, SECONDER, no).data["values"] == {"pay_day": "26"}
    hall.approve(no, SECONDER)
    with pytest.raises(errors.Conflict):
        take_back(hall, no, APPLICANT)


def test_a_resubmission_nobody_has_decided_is_taken_back_with_what_was_typed(
    hall: Hall, no: str
) -> None:
    hall.send_back(no, SECONDER)
    hall.resubmit(no, COLLEAGUE, values={"pay_day": "25"})
    with pytest.raises(errors.Conflict):
        take_back(hall, no, APPLICANT)
    outcome = take_back(hall, no, COLLEAGUE)
    assert (outcome.status, outcome.label) == ("returned", "已取回")
    assert hall.where(no) == ["fill"]
    assert engine.view(hall.rt, APPLICANT, no).data["values"] == {"pay_day": "25"}
    hall.resubmit(no, values={"pay_day": "26"})
    assert hall.where(no) == ["review1"]


def test_a_first_filing_is_withdrawn_not_taken_back(hall: Hall) -> None:
    no = hall.file()
    with pytest.raises(errors.Conflict, match="没有可以取回"):
        take_back(hall, no, APPLICANT)


def test_what_was_taken_back_can_be_taken_back_again(hall: Hall, no: str) -> None:
    take_back(hall, no)
    with pytest.raises(errors.Conflict):
        take_back(hall, no)
    hall.approve(no, REVIEWER)
    take_back(hall, no)
    assert hall.where(no) == ["review1"]


def test_taking_back_does_not_lift_the_four_eyes(hall: Hall) -> None:
    no = hall.file()
    hall.approve(no, BOTH)
    take_back(hall, no, BOTH)
    engine.release(hall.rt, BOTH, hall.task(no))
    hall.approve(no, REVIEWER)
    assert hall.approve(no, BOTH).status == "completed"  # nobody but REVIEWER has decided the first


def test_nothing_is_taken_back_past_a_join(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(d.two_branches(), "branches")
    no = hall.file(key="branches")

    def approve(node: str, who: Any) -> None:
        task = next(task for task in hall.tasks(no) if task.node == node)
        engine.approve(hall.rt, who, task.id)

    approve("left1", REVIEWER)
    approve("right", REVIEWER_2)
    take_back(hall, no, REVIEWER_2)  # waits at the join: nothing has been merged yet
    assert sorted(hall.where(no)) == ["left2", "right"]
    approve("right", REVIEWER_2)
    approve("left2", SECONDER)
    assert hall.where(no) == ["final"]
    for who in (SECONDER, REVIEWER_2):
        with pytest.raises(errors.Conflict, match="已经汇合"):
            take_back(hall, no, who)


def test_nothing_is_taken_back_past_a_point_of_no_return(empty_hall: Hall) -> None:
    hall = empty_hall
    paying = d.process(
        "pay",
        d.start(),
        d.form("fill"),
        d.user("review", "审核", verbs="approve"),
        d.user("pay_out", "付款", verbs="approve", irreversible="true"),
        d.user("book", "记账", verbs="approve"),
        d.end(),
        d.flows("start", "fill", "review", "pay_out", "book", "end"),
        lanes=d.lane(d.OPERATOR, "fill")
        + d.lane(d.FIRST, "review", "book")
        + d.lane(d.SECOND, "pay_out"),
    )
    hall.deploy(paying, "pay")
    no = hall.file(key="pay")
    hall.approve(no, REVIEWER)
    take_back(hall, no)
    hall.approve(no, REVIEWER)
    hall.approve(no, SECONDER)
    with pytest.raises(errors.Conflict, match="不能撤销"):
        take_back(hall, no, SECONDER)
    with pytest.raises(errors.Conflict, match="不能撤销"):
        take_back(hall, no)


def test_a_step_of_a_finished_sub_process_is_opened_again(empty_hall: Hall) -> None:
    hall = empty_hall
    inner = d.subprocess(
        "inner",
        d.start("in"),
        d.user("check", "查验", verbs="approve"),
        d.end("out"),
        d.flows("in", "check", "out"),
    )
    content = d.process(
        "nested",
        d.start(),
        d.form("fill"),
        inner,
        d.user("final", "终审", verbs="approve"),
        d.end(),
        d.flows("start", "fill", "inner", "final", "end"),
        lanes=d.lane(d.OPERATOR, "fill")
        + d.lane(d.FIRST, "inner", "check")
        + d.lane(d.SECOND, "final"),
    )
    hall.deploy(content, "nested")
    no = hall.file(key="nested")
    hall.approve(no, REVIEWER)
    assert hall.where(no) == ["final"]
    take_back(hall, no)
    assert hall.where(no) == ["check"]
    hall.approve(no, REVIEWER)
    assert hall.approve(no, SECONDER_2).status == "completed"


def test_deciding_and_taking_back_at_once_leave_one_truth(hall: Hall) -> None:
    for _ in range(3):
        no = hall.file()
        hall.approve(no, REVIEWER)
        task = hall.task(no)

        def taken(rt: Runtime, no: str = no) -> engine.Outcome:
            return engine.take_back(rt, REVIEWER, no)

        def decided(rt: Runtime, task: int = task) -> engine.Outcome:
            return engine.refuse(rt, SECONDER, task, opinion="不符")

        results = hall.together(taken, decided, taken)
        assert len(winners(results)) == 1, results
        if hall.case(no).status == "running":
            assert hall.where(no) == ["review1"]
            engine.refuse(hall.rt, REVIEWER, hall.task(no), opinion="重来")


def test_the_line_kept_to_undo_a_return_is_gone_with_the_next_step(hall: Hall, no: str) -> None:
    hall.send_back(no, SECONDER)
    assert b"\n" in hall.case(no).state
    hall.resubmit(no)
    assert b"\n" not in hall.case(no).state
