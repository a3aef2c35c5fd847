"""What operators and reviewers may decide, and what every decision leaves behind."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

import engine
from engine import Actor, cases, errors, operations
from engine.models import Effect, Instance, OutboxItem
from engine.operations import Call
from engine.runtime import SYSTEM
from tests.builders import diagrams
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    COLLEAGUE,
    EVERYWHERE,
    FAR,
    INSIDER,
    OTHER_UNIT,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    SECONDER_2,
    STRANGER,
    UNIT,
    Hall,
    filing,
    person,
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


def test_the_number_tells_the_centre_and_the_day_in_shanghai(hall: Hall, no: str) -> None:
    assert no.startswith("QDN-20260715-")
    assert len(no) == len("QDN-20260715-000001")


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


def test_claiming_takes_a_request_out_of_the_pool_and_releasing_puts_it_back(
    hall: Hall, no: str
) -> None:
    task = hall.task(no)
    engine.claim(hall.rt, REVIEWER, task)
    with pytest.raises(errors.Conflict, match="王审核已领取"):
        engine.approve(hall.rt, REVIEWER_2, task)
    with pytest.raises(errors.Conflict, match="王审核已领取"):
        engine.claim(hall.rt, REVIEWER_2, task)
    engine.release(hall.rt, REVIEWER, task)
    engine.approve(hall.rt, REVIEWER_2, task)
    assert hall.verbs(no) == ["start", "claim", "release", "approve"]


def test_only_the_one_who_claimed_can_release(hall: Hall, no: str) -> None:
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    with pytest.raises(errors.Forbidden, match="不在您名下"):
        engine.release(hall.rt, REVIEWER_2, hall.task(no))
    assert hall.tasks(no)[0].assignee == REVIEWER.id


def test_deciding_without_claiming_claims(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    (row,) = engine.inbox.done(hall.rt, REVIEWER).rows
    assert (row.no, row.assignee_name, row.decision) == (no, "王审核", "approve")


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
    assert hall.where(no) == ["review1"]
    hall.approve(no, REVIEWER_2)
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


@pytest.mark.parametrize("verb", [engine.withdraw, engine.end])
def test_a_reviewer_cannot_withdraw_or_end_for_the_applicant(
    hall: Hall, no: str, verb: Any
) -> None:
    with pytest.raises(errors.Forbidden, match="只有申请单位"):
        verb(hall.rt, REVIEWER, no)
    with pytest.raises(errors.NotFound):
        verb(hall.rt, STRANGER, no)


def test_nobody_reviews_what_they_filed(hall: Hall) -> None:
    no = hall.file(INSIDER)
    task = hall.task(no)
    for verb in (engine.claim, engine.approve):
        with pytest.raises(errors.Forbidden, match="不能办理自己发起的业务"):
            verb(hall.rt, INSIDER, task)
    assert engine.inbox.todo(hall.rt, INSIDER).rows == []
    hall.approve(no, REVIEWER)


def test_the_second_reviewer_is_another_person(hall: Hall, no: str) -> None:
    hall.approve(no, BOTH)
    with pytest.raises(errors.Forbidden, match="须由另一位人员办理"):
        hall.approve(no, BOTH)
    assert engine.inbox.todo(hall.rt, BOTH).rows == []
    hall.approve(no, SECONDER)


def test_who_returned_at_the_second_review_does_not_do_the_first(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    hall.send_back(no, BOTH, "review1")
    with pytest.raises(errors.Forbidden, match="须由另一位人员办理"):
        hall.approve(no, BOTH)


def test_the_inbox_offers_what_may_be_done_after_somebody_else_took_over_the_first_review(
    hall: Hall, no: str
) -> None:
    hall.approve(no, BOTH)
    hall.send_back(no, SECONDER, "review1")
    hall.approve(no, REVIEWER)
    view = engine.view(hall.rt, BOTH, no)
    offered = any(row.no == no for row in engine.inbox.todo(hall.rt, BOTH).rows)
    assert offered == ("approve" in view.verbs)


@pytest.mark.parametrize("who", [STRANGER, FAR, person("staff:99", "无岗")])
def test_a_request_of_another_unit_or_branch_does_not_exist(
    hall: Hall, no: str, who: Actor
) -> None:
    task = hall.task(no)
    for verb in (engine.claim, engine.release, engine.approve):
        with pytest.raises(errors.NotFound, match="没有找到这件待办"):
            verb(hall.rt, who, task)
    with pytest.raises(errors.NotFound):
        engine.view(hall.rt, who, no)


@pytest.mark.parametrize("who", [SECONDER, APPLICANT])
def test_a_wrong_post_may_look_but_not_decide(hall: Hall, no: str, who: Actor) -> None:
    with pytest.raises(errors.Forbidden, match="由归集审核岗办理，您没有该岗位"):
        hall.approve(no, who)
    view = engine.view(hall.rt, who, no)
    assert not view.verbs & {"claim", "approve", "refuse", "return", "submit"}


def test_a_reviewer_of_all_branches_decides_everywhere(hall: Hall) -> None:
    no = hall.file(branch="QDN07")
    assert hall.approve(no, EVERYWHERE).label == "复核中"


def test_a_unit_files_only_for_itself(hall: Hall) -> None:
    for who, scope in ((APPLICANT, OTHER_UNIT), (STRANGER, UNIT), (REVIEWER, UNIT)):
        with pytest.raises(errors.Forbidden, match="只有单位经办人可以申请"):
            hall.file(who, scope=scope)
    with pytest.raises(errors.NotFound):
        hall.file(key="unknown_service")


@pytest.mark.parametrize("task", [-1, 0, 999_999, 2**31, 2**63, 2**70])
def test_a_step_that_never_existed_is_not_found(hall: Hall, task: int) -> None:
    with pytest.raises(errors.NotFound, match="没有找到这件待办"):
        engine.approve(hall.rt, REVIEWER, task)


@pytest.mark.parametrize("no", ["", "QDN-1", "QDN\x00", "'; drop table hall_task; --", "长" * 500])
def test_a_number_that_never_existed_is_not_found(hall: Hall, no: str) -> None:
    with pytest.raises(errors.NotFound):
        engine.view(hall.rt, REVIEWER, no)
    with pytest.raises(errors.NotFound):
        engine.withdraw(hall.rt, APPLICANT, no)


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


def test_an_operation_that_refuses_leaves_the_request_exactly_where_it_was(
    hall: Hall, no: str
) -> None:
    hall.approve(no, REVIEWER)
    before = hall.picture()
    hall.desk.failing = {"apply"}
    with pytest.raises(errors.OperationFailed, match="登记机关没有答应"):
        hall.approve(no, SECONDER)
    assert hall.desk.calls == ["apply"]
    assert hall.picture() == before
    hall.desk.failing = set()
    assert hall.approve(no, SECONDER).status == "completed"
    assert hall.messages() == ["applied"]


def test_an_operation_with_a_bug_leaves_the_request_and_says_a_sentence(
    hall: Hall, no: str
) -> None:
    def bug(call: Call) -> None:
        call.session.add(OutboxItem(key="x"))
        raise KeyError(7)

    hall.approve(no, REVIEWER)
    before = hall.picture()
    hall.desk.when["apply"] = bug
    with pytest.raises(errors.OperationFailed, match="“变更生效”没有成功，业务停留在原处"):
        hall.approve(no, SECONDER)
    assert hall.picture() == before


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


def test_an_operation_takes_effect_once_and_then_repeats_its_first_answer(
    hall: Hall, no: str
) -> None:
    hall.approve(no, REVIEWER)
    hall.approve(no, SECONDER)
    with hall.sessions() as session:
        effect = session.scalars(select(Effect)).one()
        assert (effect.operation, effect.result) == ("tests/apply", {"applied": True})
        case = cases.load(hall.rt, no=no)
        call = Call(hall.rt, case, SYSTEM, effect.key, {}, {})
    assert operations.run_once(call, "tests/apply") == {"applied": True}
    hall.rt.session.commit()
    assert hall.desk.calls == ["apply"]
    assert hall.messages() == ["applied"]


def test_listeners_hear_what_happened_in_the_same_transaction(hall: Hall) -> None:
    heard: list[tuple[str, str]] = []
    for kind in engine.events.KINDS:
        engine.events.on(kind)(lambda event: heard.append((event.kind, event.opinion)))
    no = hall.file()
    hall.send_back(no, REVIEWER, opinion="缺章")
    hall.resubmit(no)
    hall.approve(no, REVIEWER)
    hall.approve(no, SECONDER, opinion="好")
    assert heard == [("started", ""), ("returned", "缺章"), ("completed", "好")]


def test_a_listener_that_fails_undoes_the_verb(hall: Hall, no: str) -> None:
    @engine.events.on("returned")
    def broken(event: Any) -> None:
        raise RuntimeError("no notice")

    before = hall.picture()
    with pytest.raises(RuntimeError):
        hall.send_back(no, REVIEWER)
    assert hall.picture() == before


def test_completion_by_resubmitting_is_heard_too(empty_hall: Hall) -> None:
    """The corrected request may need no review any more."""
    hall = empty_hall
    hall.deploy(
        diagrams.process(
            "maybe",
            diagrams.start(),
            diagrams.form("fill"),
            diagrams.gateway("how", "review"),
            diagrams.user("review", "审核", verbs="approve,return"),
            diagrams.end(),
            diagrams.flows("start", "fill", "how", "review", "end"),
            diagrams.flow("how", "end", 'values.get("light")'),
            lanes=diagrams.lane("单位经办人", "fill") + diagrams.lane("归集审核岗", "review"),
        ),
        "maybe",
    )
    heard: list[str] = []
    engine.events.on("completed")(lambda event: heard.append(event.instance.no))
    no = hall.file(key="maybe")
    hall.send_back(no, REVIEWER)
    assert hall.resubmit(no, values={"light": True}).status == "completed"
    assert heard == [no]


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


def test_the_page_shows_the_diagram_as_far_as_it_is_walked(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    view = engine.view(hall.rt, SECONDER, no)
    assert view.marks["fill"] == view.marks["review1"] == view.marks["gate1__review2"] == "done"
    assert view.marks["review2"] == "current"
    assert view.marks["apply"] == view.marks["gate1__tell"] == "next"
    assert [node.id for node in view.ahead] == ["apply"]
    assert view.verbs == {"claim", "approve", "refuse", "return"}


def test_what_the_page_offers_is_what_can_be_done(hall: Hall, no: str) -> None:
    deeds: dict[str, Any] = {
        "claim": lambda who: engine.claim(hall.rt, who, hall.task(no)),
        "release": lambda who: engine.release(hall.rt, who, hall.task(no)),
        "withdraw": lambda who: engine.withdraw(hall.rt, who, no),
        "end": lambda who: engine.end(hall.rt, who, no),
        "approve": lambda who: hall.approve(no, who),
    }
    for who in (APPLICANT, REVIEWER, SECONDER, BOTH):
        offered = engine.view(hall.rt, who, no).verbs
        for verb in deeds.keys() - offered:
            before = hall.picture()
            with pytest.raises((errors.Forbidden, errors.Conflict)):
                deeds[verb](who)
            assert hall.picture() == before


def test_every_ended_request_has_its_time(hall: Hall, no: str) -> None:
    _refuse(hall, no)
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
