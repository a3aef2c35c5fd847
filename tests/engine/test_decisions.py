"""What operators and reviewers decide, and what every decision leaves behind."""

from __future__ import annotations

import pytest
from sqlalchemy import select

import engine
from engine import errors
from engine.models import Instance
from tests.builders import diagrams
from tests.engine.hall import (
    APPLICANT,
    COLLEAGUE,
    EVERYWHERE,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    SECONDER_2,
    Hall,
)


@pytest.fixture
def no(hall: Hall) -> str:
    """A request just filed, at the first review."""
    return hall.file()


def test_a_request_agreed_by_two_reviewers_takes_effect(hall: Hall, no: str) -> None:
    assert hall.where(no) == ["review1"]
    assert hall.approve(no, REVIEWER).label == "复核中"
    assert hall.where(no) == ["review2"]
    outcome = hall.approve(no, SECONDER, opinion="同意变更")
    assert (outcome.no, outcome.status, outcome.label) == (no, "completed", "已办结")
    assert hall.where(no) == []
    assert hall.desk.calls == ["apply"]
    assert hall.messages() == ["applied"]
    assert hall.verbs(no) == ["start", "approve", "approve"]


def test_the_history_says_who_decided_what_where_and_why(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER, opinion="  材料齐全 ")
    newest, first = engine.view(hall.rt, REVIEWER, no).history
    assert (newest.actor_name, newest.verb_label, newest.node_name) == ("王审核", "同意", "初审")
    assert newest.opinion == "材料齐全"
    assert newest.at == hall.clock()
    assert (first.actor_name, first.verb_label) == ("杨秀兰", "提交申请")


def test_the_track_shows_where_a_request_stands(hall: Hall, no: str) -> None:
    assert hall.case(no).progress == "dc--"
    hall.approve(no, REVIEWER)
    assert hall.case(no).progress == "ddc-"
    hall.send_back(no, SECONDER)
    assert hall.case(no).progress == "x---"
    hall.resubmit(no)
    hall.approve(no, REVIEWER)
    hall.approve(no, SECONDER)
    assert hall.case(no).progress == "dddd"


def test_the_track_of_a_refused_request_ends_with_the_refusal(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    engine.refuse(hall.rt, SECONDER, hall.task(no), opinion="账号不符")
    assert hall.case(no).progress == "ddd-"


def test_the_track_of_a_withdrawn_request_ends_before_the_review(hall: Hall, no: str) -> None:
    engine.withdraw(hall.rt, APPLICANT, no)
    assert hall.case(no).progress == "d---"


def test_a_returned_request_goes_to_the_applicant_and_then_to_the_reviewer_who_returned_it(
    hall: Hall, no: str
) -> None:
    outcome = hall.send_back(no, REVIEWER)
    assert (outcome.status, outcome.label) == ("returned", "已退回")
    (task,) = hall.tasks(no)
    assert (task.node, task.assignee) == ("fill", APPLICANT.id)
    hall.resubmit(no)
    (task,) = hall.tasks(no)
    assert (task.node, task.assignee) == ("review1", REVIEWER.id)
    assert hall.case(no).status == "running"
    with pytest.raises(errors.Conflict, match="王审核已领取"):
        hall.approve(no, REVIEWER_2)
    assert hall.verbs(no) == ["start", "return", "submit"]


def test_a_colleague_of_the_unit_may_correct_a_returned_request(hall: Hall, no: str) -> None:
    hall.send_back(no, REVIEWER)
    hall.resubmit(no, COLLEAGUE, values={"pay_day": "25"})
    assert engine.view(hall.rt, REVIEWER, no).data["values"] == {"pay_day": "25"}


def test_corrected_data_replaces_the_first(hall: Hall, no: str) -> None:
    hall.send_back(no, REVIEWER)
    hall.resubmit(no, values={"unit_email": "a@b.cn"})
    view = engine.view(hall.rt, APPLICANT, no)
    assert view.data["values"] == {"unit_email": "a@b.cn"}
    assert view.summary == "改好了"


def test_the_second_review_can_go_back_to_the_first(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    outcome = hall.send_back(no, SECONDER, "review1")
    assert (outcome.status, outcome.label) == ("running", "初审中")
    (task,) = hall.tasks(no)
    assert (task.node, task.assignee) == ("review1", REVIEWER.id)
    hall.approve(no, REVIEWER)
    (task,) = hall.tasks(no)
    assert (task.node, task.assignee) == ("review2", SECONDER.id)
    assert hall.approve(no, SECONDER).status == "completed"


def test_the_second_review_can_go_back_to_the_form(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    hall.send_back(no, SECONDER, "fill")
    hall.resubmit(no)
    assert hall.where(no) == ["review1"]
    hall.approve(no, REVIEWER)
    assert hall.tasks(no)[0].assignee == SECONDER.id
    hall.approve(no, SECONDER)
    assert hall.desk.calls == ["apply"]
    assert hall.verbs(no) == ["start", "approve", "return", "submit", "approve", "approve"]


def test_the_page_offers_the_steps_really_visited_and_their_people(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    targets = engine.view(hall.rt, SECONDER, no).targets
    assert [(t.node, t.who) for t in targets] == [("fill", "杨秀兰"), ("review1", "王审核")]


@pytest.mark.parametrize("node", ["review2", "review1", "apply", "start", "nowhere", "", "fill\0"])
def test_a_request_cannot_be_returned_to_a_step_it_has_not_passed(
    hall: Hall, no: str, node: str
) -> None:
    before = hall.picture()
    with pytest.raises(errors.Refused, match="重新选择退回位置"):
        hall.send_back(no, REVIEWER, node)
    assert hall.picture() == before


def test_a_request_cannot_be_returned_past_a_point_of_no_return(empty_hall: Hall) -> None:
    paying = diagrams.process(
        "pay",
        diagrams.start(),
        diagrams.form("fill"),
        diagrams.user("review1", "初审", verbs="approve"),
        diagrams.user("pay_out", "付款", verbs="approve", irreversible="true"),
        diagrams.user("review2", "复核", verbs="approve,return"),
        diagrams.end(),
        diagrams.flows("start", "fill", "review1", "pay_out", "review2", "end"),
        lanes=diagrams.lane("单位经办人", "fill")
        + diagrams.lane("归集审核岗", "review1", "pay_out", "review2"),
    )
    hall = empty_hall
    hall.deploy(paying, "pay")
    no = hall.file(key="pay")
    hall.approve(no, REVIEWER)
    hall.approve(no, REVIEWER_2)
    assert engine.view(hall.rt, EVERYWHERE, no).targets == []
    with pytest.raises(errors.Refused, match="不能退回"):
        hall.send_back(no, EVERYWHERE, "fill")


def test_refusal_leads_to_the_refused_end_and_nothing_takes_effect(hall: Hall, no: str) -> None:
    outcome = engine.refuse(hall.rt, REVIEWER, hall.task(no), opinion="法人证件已过期")
    assert (outcome.status, outcome.label) == ("refused", "不予办理")
    assert hall.desk.calls == ["note"]
    assert hall.messages() == ["refused"]
    view = engine.view(hall.rt, APPLICANT, no)
    assert view.history[0].opinion == "法人证件已过期"
    assert view.marks["end_refused"] == "done"
    assert view.marks["end"] == "next"


def test_the_second_reviewer_may_refuse_too(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    outcome = engine.refuse(hall.rt, SECONDER, hall.task(no), opinion="账号不符")
    assert outcome.status == "refused"


@pytest.mark.parametrize("opinion", ["", "   ", "\n\t", "\x00"])
def test_refusing_and_returning_need_a_reason(hall: Hall, no: str, opinion: str) -> None:
    before = hall.picture()
    task = hall.task(no)
    with pytest.raises(errors.ReasonMissing, match="驳回时必须填写意见") as said:
        engine.refuse(hall.rt, REVIEWER, task, opinion=opinion)
    assert said.value.problem.field == "opinion"
    with pytest.raises(errors.ReasonMissing, match="退回时必须填写意见"):
        engine.return_to(hall.rt, REVIEWER, task, node="fill", opinion=opinion)
    assert hall.picture() == before


def test_an_opinion_has_at_most_500_characters(hall: Hall, no: str) -> None:
    with pytest.raises(errors.Refused, match="意见不能超过 500 字"):
        hall.approve(no, REVIEWER, opinion="好" * 501)
    assert hall.where(no) == ["review1"]
    hall.approve(no, REVIEWER, opinion="好" * 500)
    assert hall.where(no) == ["review2"]


def test_a_request_can_be_withdrawn_before_anybody_has_decided(hall: Hall, no: str) -> None:
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    outcome = engine.withdraw(hall.rt, COLLEAGUE, no, reason="填错了")
    assert (outcome.status, outcome.label) == ("withdrawn", "已撤回")
    assert hall.where(no) == []
    assert hall.case(no).next_timer_at is None
    assert hall.verbs(no) == ["start", "claim", "withdraw"]


def test_a_request_cannot_be_withdrawn_after_the_first_decision(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    with pytest.raises(errors.Forbidden, match="中心已开始审批，不能撤回"):
        engine.withdraw(hall.rt, APPLICANT, no)
    hall.send_back(no, SECONDER)
    with pytest.raises(errors.Forbidden, match="已退回"):
        engine.withdraw(hall.rt, APPLICANT, no)
    hall.resubmit(no)
    with pytest.raises(errors.Forbidden, match="中心已开始审批"):
        engine.withdraw(hall.rt, APPLICANT, no)


@pytest.mark.parametrize(
    ("rule", "claimed", "sentence"),
    [("until_claimed", True, "已领取这件业务，不能撤回"), ("never", False, "提交后不能撤回")],
)
def test_the_diagram_says_how_long_a_request_can_be_withdrawn(
    hall: Hall, rule: str, claimed: bool, sentence: str
) -> None:
    hall.deploy(diagrams.two_reviews(withdraw=rule))
    no = hall.file()
    if claimed:
        engine.claim(hall.rt, REVIEWER, hall.task(no))
    with pytest.raises(errors.Forbidden, match=sentence):
        engine.withdraw(hall.rt, APPLICANT, no)


def test_only_a_returned_request_can_be_ended(hall: Hall, no: str) -> None:
    with pytest.raises(errors.Forbidden, match="只有被退回的业务可以结束流程"):
        engine.end(hall.rt, APPLICANT, no)
    hall.send_back(no, REVIEWER)
    assert engine.end(hall.rt, APPLICANT, no).status == "ended"
    assert hall.where(no) == []
    with pytest.raises(errors.Conflict, match="已结束"):
        engine.end(hall.rt, APPLICANT, no)


def test_deciding_what_is_decided_tells_who_was_faster_and_when(hall: Hall, no: str) -> None:
    task = hall.task(no)
    engine.approve(hall.rt, REVIEWER, task)
    with pytest.raises(errors.Conflict, match="该步骤已由王审核于7月15日 09:30 同意"):
        engine.approve(hall.rt, REVIEWER_2, task)
    with pytest.raises(errors.Conflict, match="王审核"):
        engine.return_to(hall.rt, REVIEWER_2, task, node="fill", opinion="缺章")
    assert hall.verbs(no) == ["start", "approve"]


def test_a_step_closed_by_withdrawal_says_what_became_of_the_request(hall: Hall, no: str) -> None:
    task = hall.task(no)
    engine.withdraw(hall.rt, APPLICANT, no)
    with pytest.raises(errors.Conflict, match="已撤回"):
        engine.approve(hall.rt, REVIEWER, task)


def test_a_page_older_than_somebody_elses_decision_is_refused(hall: Hall, no: str) -> None:
    seen = engine.view(hall.rt, REVIEWER, no).revision
    hall.send_back(no, REVIEWER)
    hall.resubmit(no)
    with pytest.raises(errors.Conflict, match="杨秀兰刚刚办理过这件业务"):
        hall.approve(no, REVIEWER, seen=seen)
    hall.approve(no, REVIEWER, seen=engine.view(hall.rt, REVIEWER, no).revision)


def test_a_claim_does_not_make_a_page_stale(hall: Hall, no: str) -> None:
    seen = engine.view(hall.rt, REVIEWER, no).revision
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    hall.approve(no, REVIEWER, seen=seen)
    assert hall.where(no) == ["review2"]


def test_the_page_shows_the_diagram_as_far_as_it_is_walked(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    view = engine.view(hall.rt, SECONDER, no)
    assert view.marks["fill"] == view.marks["review1"] == view.marks["gate1__review2"] == "done"
    assert view.marks["review2"] == "current"
    assert view.marks["apply"] == view.marks["gate1__tell"] == "next"
    assert [node.id for node in view.ahead] == ["apply"]
    assert view.verbs == {"claim", "approve", "refuse", "return", "transfer", "ask"} | {
        "add_sign",
        "copy",
        "comment",
    }


def test_every_ended_request_has_its_time(hall: Hall, no: str) -> None:
    engine.refuse(hall.rt, REVIEWER, hall.task(no), opinion="不符")
    with hall.sessions() as session:
        row = session.scalars(select(Instance)).one()
        assert row.ended_at == hall.clock()
        assert row.in_flight is None


def test_a_reviewer_who_goes_with_nobody_left_is_replaced(hall: Hall, no: str) -> None:
    """SECONDER_2 takes what SECONDER released after a return."""
    hall.approve(no, REVIEWER)
    hall.send_back(no, SECONDER)
    hall.resubmit(no)
    hall.approve(no, REVIEWER)
    engine.release(hall.rt, SECONDER, hall.task(no))
    assert hall.approve(no, SECONDER_2).status == "completed"
