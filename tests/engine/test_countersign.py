"""加签 and 减签: people a reviewer adds before or after the own decision, and lets go again."""

from __future__ import annotations

import pytest

import engine
from engine import errors
from tests.builders import diagrams
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    COLLEAGUE,
    FAR,
    REVIEWER,
    SECONDER,
    SECONDER_2,
    Hall,
)
from tests.engine.team import add, data, parts, rows, say


@pytest.fixture
def no(hall: Hall) -> str:
    """A request just filed, at the first review."""
    return hall.file()


# ── 前加签 ─────────────────────────────────────────────────────────────────────────────────────


def test_people_added_before_speak_at_once_and_then_the_reviewer_decides(
    hall: Hall, no: str
) -> None:
    step = hall.task(no)
    add(hall, no, FAR, SECONDER, note="请两位先看")
    assert set(rows(hall, no)) == {FAR.id, SECONDER.id}
    with pytest.raises(errors.Conflict, match="正在等待其他人的意见"):
        engine.approve(hall.rt, REVIEWER, step)
    say(hall, no, SECONDER)
    assert hall.tasks(no)[0].assignee == FAR.id
    say(hall, no, FAR, "refuse")
    assert hall.task(no) == step
    assert hall.approve(no, REVIEWER).label == "复核中"
    assert hall.verbs(no) == ["start", "add_sign", "approve", "refuse", "approve"]


def test_people_added_before_in_turn_speak_one_after_the_other(hall: Hall, no: str) -> None:
    add(hall, no, FAR, SECONDER, BOTH, in_turn=True)
    for who in (FAR, SECONDER, BOTH):
        assert set(rows(hall, no)) == {who.id}
        say(hall, no, who)
    assert set(rows(hall, no)) == {REVIEWER.id}


def test_an_opinion_given_before_bars_nobody_from_deciding_later(hall: Hall, no: str) -> None:
    add(hall, no, SECONDER)
    say(hall, no, SECONDER)
    hall.approve(no, REVIEWER)
    assert hall.approve(no, SECONDER).status == "completed"


def test_a_refusal_in_an_opinion_needs_its_reason(hall: Hall, no: str) -> None:
    add(hall, no, FAR)
    with pytest.raises(errors.ReasonMissing, match="驳回时必须填写意见"):
        say(hall, no, FAR, "refuse", opinion="")


def test_who_gives_an_opinion_cannot_return_or_add_people(hall: Hall, no: str) -> None:
    add(hall, no, FAR)
    row = rows(hall, no)[FAR.id].id
    with pytest.raises(errors.Forbidden, match="加签的步骤不提供退回"):
        engine.return_to(hall.rt, FAR, row, node="fill", opinion="缺章")
    with pytest.raises(errors.Forbidden, match="加签只能由这一步的办理人发起"):
        engine.add_sign(hall.rt, FAR, row, people=[SECONDER.id], when="before")
    with pytest.raises(errors.Forbidden, match="不能退领"):
        engine.release(hall.rt, FAR, row)


# ── 后加签 ─────────────────────────────────────────────────────────────────────────────────────


def test_people_added_after_must_approve_once_the_reviewer_has(hall: Hall, no: str) -> None:
    add(hall, no, FAR, BOTH, when="after", in_turn=True)
    assert set(rows(hall, no)) == {REVIEWER.id}
    assert hall.approve(no, REVIEWER, opinion="我同意").label == "初审中"
    assert set(rows(hall, no)) == {FAR.id}
    say(hall, no, FAR)
    assert say(hall, no, BOTH).label == "复核中"
    assert data(hall, no)["opinion"] == "我同意"
    assert parts(hall, no) == [
        ("step", "王审核", "done", "approve"),
        ("after", "吴审核", "done", "approve"),
        ("after", "周同舟", "done", "approve"),
    ]
    assert hall.verbs(no) == ["start", "add_sign", "approve", "approve", "approve"]


def test_who_approved_afterwards_cannot_decide_a_later_step(hall: Hall, no: str) -> None:
    add(hall, no, BOTH, when="after")
    hall.approve(no, REVIEWER)
    say(hall, no, BOTH)
    for who in (BOTH, REVIEWER):
        with pytest.raises(errors.Forbidden):
            hall.approve(no, who)
    hall.approve(no, SECONDER)


def test_a_refusal_afterwards_refuses_the_step(hall: Hall, no: str) -> None:
    add(hall, no, FAR, BOTH, when="after")
    hall.approve(no, REVIEWER)
    assert say(hall, no, FAR, "refuse", opinion="证照过期").status == "refused"
    assert hall.messages() == ["refused"]
    assert [status for _, _, status, _ in parts(hall, no)] == ["done", "done", "cancelled"]


def test_where_the_diagram_knows_no_refusal_the_step_comes_back_to_the_reviewer(
    hall: Hall,
) -> None:
    hall.deploy(diagrams.one_review(), "one_review")
    no = hall.file(key="one_review")
    step = hall.task(no)
    add(hall, no, FAR, BOTH, when="after")
    hall.approve(no, REVIEWER)
    say(hall, no, FAR, "refuse", opinion="证照过期")
    assert (hall.task(no), hall.tasks(no)[0].decision) == (step, None)
    add(hall, no, FAR, when="after")
    hall.approve(no, REVIEWER)
    assert say(hall, no, FAR).status == "completed"


def test_a_reviewer_who_refuses_asks_nobody_afterwards(hall: Hall, no: str) -> None:
    add(hall, no, FAR, when="after")
    engine.refuse(hall.rt, REVIEWER, hall.task(no), opinion="不符")
    assert hall.case(no).status == "refused"
    assert parts(hall, no)[1] == ("after", "吴审核", "cancelled", None)


def test_a_reviewer_who_returns_asks_nobody_afterwards(hall: Hall, no: str) -> None:
    add(hall, no, FAR, when="after")
    hall.send_back(no, REVIEWER)
    assert hall.where(no) == ["fill"]
    hall.resubmit(no)
    hall.approve(no, REVIEWER)
    assert hall.where(no) == ["review2"]


def test_an_approval_nobody_has_signed_yet_can_be_taken_back(hall: Hall, no: str) -> None:
    add(hall, no, FAR, BOTH, when="after", in_turn=True)
    hall.approve(no, REVIEWER)
    engine.take_back(hall.rt, REVIEWER, no)
    assert set(rows(hall, no)) == {REVIEWER.id}
    hall.approve(no, REVIEWER)
    say(hall, no, FAR)
    with pytest.raises(errors.Conflict, match="由多人会签、加签办结，不能取回"):
        engine.take_back(hall.rt, REVIEWER, no)
    assert say(hall, no, BOTH).label == "复核中"


def test_people_may_be_asked_before_although_others_wait_for_the_decision(
    hall: Hall, no: str
) -> None:
    add(hall, no, BOTH, when="after")
    add(hall, no, FAR, when="before")
    assert set(rows(hall, no)) == {FAR.id}
    say(hall, no, FAR)
    assert set(rows(hall, no)) == {REVIEWER.id}
    hall.approve(no, REVIEWER)
    assert set(rows(hall, no)) == {BOTH.id}


def test_who_decided_an_earlier_step_cannot_be_added_after_but_before(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    with pytest.raises(errors.Refused, match="王审核已办理过前面的审核步骤"):
        add(hall, no, REVIEWER, when="after", by=SECONDER)
    add(hall, no, REVIEWER, when="before", by=SECONDER)


@pytest.mark.parametrize(
    ("people", "when", "sentence"),
    [
        ([], "before", "至少选择一位加签人员"),
        ([FAR.id], "during", "之前还是之后"),
        ([APPLICANT.id], "before", "申请人"),
        ([REVIEWER.id], "after", "不能选择自己"),
        ([FAR.id, "staff:404"], "before", "没有找到这位人员"),
    ],
)
def test_additions_that_make_no_sense_change_nothing(
    hall: Hall, no: str, people: list[str], when: str, sentence: str
) -> None:
    before = hall.picture()
    with pytest.raises(errors.Refused, match=sentence):
        engine.add_sign(hall.rt, REVIEWER, hall.task(no), people=people, when=when)
    assert hall.picture() == before


def test_the_same_person_named_twice_is_added_once(hall: Hall, no: str) -> None:
    add(hall, no, FAR, FAR)
    assert len(hall.tasks(no)) == 1
    say(hall, no, FAR)
    add(hall, no, FAR, when="after")
    with pytest.raises(errors.Refused, match="吴审核已在这一步的名单中"):
        add(hall, no, FAR, when="before")


# ── 减签 ───────────────────────────────────────────────────────────────────────────────────────


def test_dropping_the_last_one_waited_for_gives_the_step_back(hall: Hall, no: str) -> None:
    step = hall.task(no)
    add(hall, no, FAR, SECONDER)
    engine.drop_sign(hall.rt, REVIEWER, rows(hall, no)[FAR.id].id, reason="休假")
    assert set(rows(hall, no)) == {SECONDER.id}
    engine.drop_sign(hall.rt, REVIEWER, rows(hall, no)[SECONDER.id].id, reason="也休假")
    assert hall.task(no) == step


def test_dropping_the_last_one_who_must_approve_completes_the_step(hall: Hall, no: str) -> None:
    add(hall, no, FAR, when="after")
    hall.approve(no, REVIEWER)
    out = engine.drop_sign(hall.rt, REVIEWER, rows(hall, no)[FAR.id].id, reason="休假")
    assert out.label == "复核中"
    assert hall.case(no).deciders == {"review1": [REVIEWER.id, REVIEWER.name, "approve"]}


def test_dropping_somebody_whose_turn_has_not_come_changes_nothing_else(
    hall: Hall, no: str
) -> None:
    add(hall, no, FAR, SECONDER, in_turn=True)
    waiting = [part for part in engine.view(hall.rt, REVIEWER, no).parts if part.position == 2]
    engine.drop_sign(hall.rt, REVIEWER, waiting[0].id, reason="不必")
    assert set(rows(hall, no)) == {FAR.id}
    say(hall, no, FAR)
    assert set(rows(hall, no)) == {REVIEWER.id}


def test_who_must_approve_later_can_be_dropped_before_the_decision(hall: Hall, no: str) -> None:
    add(hall, no, FAR, when="after")
    (row,) = engine.view(hall.rt, REVIEWER, no).droppable
    engine.drop_sign(hall.rt, REVIEWER, row, reason="不必")
    assert hall.approve(no, REVIEWER).label == "复核中"


def test_who_has_spoken_cannot_be_dropped(hall: Hall, no: str) -> None:
    add(hall, no, FAR, SECONDER)
    row = rows(hall, no)[FAR.id].id
    say(hall, no, FAR)
    with pytest.raises(errors.Conflict, match="已由吴审核于"):
        engine.drop_sign(hall.rt, REVIEWER, row, reason="不必")


def test_an_answer_makes_the_askers_page_old(hall: Hall, no: str) -> None:
    engine.ask(hall.rt, REVIEWER, hall.task(no), to=FAR.id, question="您看呢？")
    seen = engine.view(hall.rt, REVIEWER, no).revision
    say(hall, no, FAR, "answer")
    with pytest.raises(errors.Conflict, match="吴审核刚刚办理过"):
        hall.approve(no, REVIEWER, seen=seen)


def test_nobody_outside_the_centre_approves_afterwards(hall: Hall, no: str) -> None:
    with pytest.raises(errors.Refused, match="罗建军不是中心人员"):
        add(hall, no, COLLEAGUE, when="after")
    add(hall, no, COLLEAGUE, when="before")
    assert hall.messages(COLLEAGUE) == ["王审核邀请您参与办理：测试业务"]


def test_a_failing_operation_behind_an_added_approval_leaves_it_open(hall: Hall) -> None:
    hall.approve(no := hall.file(), REVIEWER)
    add(hall, no, SECONDER_2, when="after", by=SECONDER)
    hall.approve(no, SECONDER)
    hall.desk.failing.add("apply")
    before = hall.picture()
    with pytest.raises(errors.OperationFailed, match="登记机关没有答应"):
        say(hall, no, SECONDER_2)
    assert hall.picture() == before
    hall.desk.failing.clear()
    assert say(hall, no, SECONDER_2).status == "completed"
    assert hall.messages() == ["applied"]
