"""转办, 离职转办, 终止: what leaves one pair of hands arrives in another that may hold it."""

from __future__ import annotations

from typing import Any

import pytest

import engine
from engine import Actor, Outcome, Runtime, errors
from tests.builders import diagrams as d
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    COLLEAGUE,
    FAR,
    FAR_KEEPER,
    INSIDER,
    KEEPER,
    KEEPER_2,
    OTHER_UNIT,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    STRANGER,
    Hall,
)
from tests.engine.test_races import winners


@pytest.fixture
def no(hall: Hall) -> str:
    """A request just filed, at the first review."""
    return hall.file()


def transfer(hall: Hall, no: str, who: Actor, to: Actor, **more: Any) -> Outcome:
    return engine.transfer(hall.rt, who, hall.task(no), **({"to": to.id, "reason": "休假"} | more))


# ── 转办 ───────────────────────────────────────────────────────────────────────────────────────


def test_a_step_handed_on_lies_with_the_other_who_is_told(hall: Hall, no: str) -> None:
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    transfer(hall, no, REVIEWER, REVIEWER_2)
    assert hall.tasks(no)[0].assignee == REVIEWER_2.id
    assert hall.messages(REVIEWER_2) == ["王审核将“测试业务”转给您办理"]
    with pytest.raises(errors.Conflict, match="赵审核已领取"):
        hall.approve(no, REVIEWER)
    hall.approve(no, REVIEWER_2)
    entry = engine.view(hall.rt, REVIEWER, no).history[1]
    assert (entry.verb_label, entry.opinion) == ("转办", "休假")
    assert entry.detail["from"] == {"id": REVIEWER.id, "name": "王审核"}
    assert entry.detail["to"] == {"id": REVIEWER_2.id, "name": "赵审核"}


def test_a_step_in_the_pool_can_be_handed_on_by_whoever_may_take_it(hall: Hall, no: str) -> None:
    transfer(hall, no, REVIEWER, REVIEWER_2)
    assert hall.tasks(no)[0].assignee == REVIEWER_2.id


@pytest.mark.parametrize("reason", ["", "  \n", "\x00"])
def test_handing_on_needs_a_reason(hall: Hall, no: str, reason: str) -> None:
    before = hall.picture()
    with pytest.raises(errors.ReasonMissing, match="转办时必须填写原因"):
        transfer(hall, no, REVIEWER, REVIEWER_2, reason=reason)
    with pytest.raises(errors.Refused, match="原因不能超过 500 字"):
        transfer(hall, no, REVIEWER, REVIEWER_2, reason="忙" * 501)
    assert hall.picture() == before


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        (SECONDER, "李复核没有“归集审核岗”岗位"),
        (FAR, "吴审核没有“归集审核岗”岗位"),
        (APPLICANT, "不能转给杨秀兰"),
        (STRANGER, "不能转给吴外人"),
        (KEEPER, "石管理没有“归集审核岗”岗位"),
        (Actor("staff:404", "无此人"), "没有找到这位人员"),
        (Actor("", "没有选"), "没有找到这位人员"),
    ],
)
def test_nobody_is_handed_a_step_without_the_post(
    hall: Hall, no: str, to: Actor, sentence: str
) -> None:
    before = hall.picture()
    for who in (REVIEWER, KEEPER):
        with pytest.raises(errors.Refused, match=sentence):
            transfer(hall, no, who, to)
    assert hall.picture() == before


def test_nobody_is_handed_a_step_the_four_eyes_bar_them_from(hall: Hall) -> None:
    no = hall.file(INSIDER)
    with pytest.raises(errors.Refused, match="由姚兼职发起，不能由其本人审核"):
        transfer(hall, no, REVIEWER, INSIDER)
    hall.approve(no, BOTH)
    with pytest.raises(errors.Refused, match="周同舟已办理过"):
        transfer(hall, no, SECONDER, BOTH)


def test_a_step_is_not_handed_to_whom_it_already_belongs(hall: Hall, no: str) -> None:
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    with pytest.raises(errors.Refused, match="已在王审核名下"):
        transfer(hall, no, REVIEWER, REVIEWER)


def test_only_its_holder_or_an_admin_hands_a_claimed_step_on(hall: Hall, no: str) -> None:
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    with pytest.raises(errors.Conflict, match="王审核已领取"):
        transfer(hall, no, REVIEWER_2, BOTH)
    for who in (SECONDER, APPLICANT):
        with pytest.raises(errors.Forbidden):
            transfer(hall, no, who, REVIEWER_2)
    for who in (FAR_KEEPER, STRANGER, FAR):
        with pytest.raises(errors.NotFound):
            transfer(hall, no, who, REVIEWER_2)
    transfer(hall, no, KEEPER, REVIEWER_2)
    assert hall.tasks(no)[0].assignee == REVIEWER_2.id
    assert hall.messages(REVIEWER) == ["石管理已将您名下的“测试业务”转给赵审核"]


def test_a_form_is_not_handed_on(hall: Hall, no: str) -> None:
    hall.send_back(no, REVIEWER)
    for who, to in ((APPLICANT, COLLEAGUE), (KEEPER, COLLEAGUE)):
        with pytest.raises(errors.Forbidden, match="填写步骤由申请单位办理"):
            transfer(hall, no, who, to)


def test_a_waiting_step_is_handed_on_with_the_question_it_asked(hall: Hall, no: str) -> None:
    """The answer comes to the new holder."""
    hall.approve(no, REVIEWER)
    task = hall.task(no)
    hall.send_back(no, BOTH, "review1", straight=True)
    with pytest.raises(errors.Conflict, match="正在等待"):
        engine.transfer(hall.rt, BOTH, task, to=SECONDER.id, reason="休假")
    engine.transfer(hall.rt, KEEPER, task, to=SECONDER.id, reason="休假")
    hall.approve(no, REVIEWER)
    assert hall.tasks(no)[0].assignee == SECONDER.id
    hall.approve(no, SECONDER)


def test_handing_on_and_approving_at_once_leave_one_truth(hall: Hall, no: str) -> None:
    task = hall.task(no)

    def hand_on(rt: Runtime) -> Outcome:
        return engine.transfer(rt, REVIEWER, task, to=BOTH.id, reason="休假")

    def approve(rt: Runtime) -> Outcome:
        return engine.approve(rt, REVIEWER_2, task)

    results = hall.together(hand_on, approve)
    assert len(winners(results)) == 1, results
    assert hall.tasks(no)[0].assignee == (BOTH.id if hall.where(no) == ["review1"] else None)


# ── 离职转办 ───────────────────────────────────────────────────────────────────────────────────


def handover(hall: Hall, to: Actor | None, who: Actor = KEEPER_2, **more: Any) -> list[Any]:
    order = {"leaving": REVIEWER.id, "to": to.id if to else None, "reason": "离职"} | more
    return engine.handover(hall.rt, who, **order)


@pytest.fixture
def three(hall: Hall) -> list[str]:
    """Three requests in REVIEWER's hands."""
    hall.deploy(d.one_review(), "one_review")
    numbers = [hall.file(key="one_review") for _ in range(3)]
    for no in numbers:
        engine.claim(hall.rt, REVIEWER, hall.task(no))
    return numbers


def test_everything_of_somebody_who_leaves_goes_to_the_heir(hall: Hall, three: list[str]) -> None:
    found = handover(hall, REVIEWER_2)
    assert [no for no, _ in found] == three
    assert all(isinstance(outcome, Outcome) for _, outcome in found)
    assert {hall.tasks(no)[0].assignee for no in three} == {REVIEWER_2.id}
    assert hall.messages(REVIEWER_2) == ["田管理将 3 件业务转给您办理"]
    assert hall.verbs(three[0]) == ["start", "claim", "handover"]
    assert handover(hall, REVIEWER_2) == []


def test_without_an_heir_everything_goes_back_to_the_pool(hall: Hall, three: list[str]) -> None:
    handover(hall, None)
    assert {hall.tasks(no)[0].assignee for no in three} == {None}
    hall.approve(three[0], REVIEWER_2)


def test_what_the_heir_may_not_do_goes_to_the_pool(hall: Hall, three: list[str]) -> None:
    own = hall.file(INSIDER, key="one_review")
    engine.claim(hall.rt, REVIEWER, hall.task(own))
    found = dict(handover(hall, INSIDER))
    assert isinstance(found[own], Outcome)
    assert hall.tasks(own)[0].assignee is None
    assert hall.tasks(three[0])[0].assignee == INSIDER.id
    assert hall.messages(INSIDER) == ["田管理将 3 件业务转给您办理"]


def test_an_admin_of_a_branch_hands_over_the_requests_of_that_branch(
    hall: Hall, three: list[str]
) -> None:
    elsewhere = hall.file(key="one_review", branch="QDN07")
    engine.transfer(hall.rt, KEEPER_2, hall.task(elsewhere), to="staff:12", reason="代管")
    found = handover(hall, None, KEEPER, leaving="staff:12")
    assert isinstance(found[0][1], errors.NotFound)
    assert len(handover(hall, REVIEWER_2, KEEPER)) == 3


def test_a_step_meant_for_one_person_needs_an_heir(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(d.picked("chosen", candidates=f"user:{SECONDER.id}"), "chosen")
    no = hall.file(key="chosen")
    hall.approve(no, REVIEWER)
    ((_, refusal),) = handover(hall, None, leaving=SECONDER.id)
    assert isinstance(refusal, errors.Refused)
    assert "请指定可以办理的接办人" in refusal.text
    assert hall.tasks(no)[0].assignee == SECONDER.id
    handover(hall, BOTH, leaving=SECONDER.id)
    hall.approve(no, BOTH)
    assert hall.case(no).status == "completed"


def test_what_would_come_back_to_somebody_who_has_left_goes_to_the_pool(hall: Hall) -> None:
    no = hall.file()
    hall.send_back(no, REVIEWER)
    other = hall.file(STRANGER, scope=OTHER_UNIT)
    hall.approve(other, REVIEWER)
    hall.rt.directory.people.pop(REVIEWER.id)  # type: ignore[attr-defined]
    hall.resubmit(no)
    assert hall.tasks(no)[0].assignee is None
    hall.send_back(other, SECONDER, "review1", straight=True)
    assert hall.tasks(other)[0].assignee is None
    hall.approve(other, REVIEWER_2)
    assert hall.tasks(other)[0].assignee == SECONDER.id


def test_handing_over_is_for_admins_with_a_reason_and_a_known_heir(
    hall: Hall, three: list[str]
) -> None:
    before = hall.picture()
    with pytest.raises(errors.Forbidden, match="只有流程管理员"):
        handover(hall, REVIEWER_2, REVIEWER)
    with pytest.raises(errors.ReasonMissing, match="离职转办时必须填写原因"):
        handover(hall, REVIEWER_2, reason=" ")
    with pytest.raises(errors.Refused, match="没有找到这位人员"):
        handover(hall, Actor("staff:404", "无此人"))
    with pytest.raises(errors.Refused, match="不能是离职人员本人"):
        handover(hall, REVIEWER)
    assert hall.picture() == before


def test_two_admins_handing_over_at_once_move_each_step_once(hall: Hall, three: list[str]) -> None:
    def over(to: Actor) -> Any:
        order = {"leaving": REVIEWER.id, "to": to.id, "reason": "离职"}
        return lambda rt: engine.handover(rt, KEEPER_2, **order)

    results = hall.together(over(REVIEWER_2), over(BOTH))
    won = [no for found in results for no, each in found if isinstance(each, Outcome)]
    assert sorted(won) == three, results
    for no in three:
        assert hall.verbs(no) == ["start", "claim", "handover"]


# ── 终止 ───────────────────────────────────────────────────────────────────────────────────────


def test_an_admin_ends_a_request_anywhere_and_says_why(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    outcome = engine.terminate(hall.rt, KEEPER, no, reason="单位已注销")
    assert (outcome.status, outcome.label) == ("ended", "已终止")
    assert hall.where(no) == []
    assert hall.messages() == ["您的“测试业务”已被中心终止"]
    assert hall.verbs(no) == ["start", "approve", "terminate"]
    hall.file()  # the way is free for a new one
    with pytest.raises(errors.Conflict, match="已终止"):
        engine.terminate(hall.rt, KEEPER, no, reason="再来一次")


def test_a_request_waiting_for_a_correction_is_terminated_whole(hall: Hall, no: str) -> None:
    hall.send_back(no, REVIEWER, straight=True)
    engine.terminate(hall.rt, KEEPER_2, no, reason="单位已注销")
    assert {row.status for row in hall.picture()["hall_task"]} == {"done", "cancelled"}


def test_terminating_is_for_admins_with_a_reason(hall: Hall, no: str) -> None:
    before = hall.picture()
    for who in (REVIEWER, APPLICANT):
        with pytest.raises(errors.Forbidden, match="只有流程管理员可以终止"):
            engine.terminate(hall.rt, who, no, reason="不要了")
    for who in (FAR_KEEPER, STRANGER):
        with pytest.raises(errors.NotFound):
            engine.terminate(hall.rt, who, no, reason="不要了")
    with pytest.raises(errors.ReasonMissing, match="终止时必须填写原因"):
        engine.terminate(hall.rt, KEEPER, no, reason="")
    assert hall.picture() == before
