"""单位信息变更 walked from end to end: real diagram, real tables of the centre, real handlers.

Names carry the rows of the feature list: QDN-01 黔东南, XZ-5.1 西藏, DZ-U-04 达州.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

import engine
from engine import errors
from engine.verbs import timers
from handlers.units.models import Unit
from tests.bpmn.centre import Centre
from tests.conftest import Clock

Open = Callable[[str], Centre]


@pytest.fixture
def qdn(centre: Open) -> Centre:
    return centre("qiandongnan")


def test_qdn_01_an_approved_change_is_in_the_record_the_register_and_the_box(
    qdn: Centre,
) -> None:
    before = qdn.unit
    no = qdn.file(unit_address="凯里市新街 1 号", pay_day="28")
    assert qdn.case(no).summary == qdn.check(unit_address="凯里市新街 1 号", pay_day="28").summary
    assert qdn.unit.unit_address == before.unit_address, "not before it is approved"
    assert qdn.approve(no, qdn.reviewer).label == "复核中"
    assert qdn.unit.unit_address == before.unit_address
    assert qdn.approve(no, qdn.second, opinion="同意").status == "completed"
    after = qdn.unit
    assert (after.unit_address, after.pay_day) == ("凯里市新街 1 号", 28)
    assert after.unit_name == before.unit_name
    assert qdn.register() == [
        ("unit_address", before.unit_address, "凯里市新街 1 号"),
        ("pay_day", str(before.pay_day), "28"),
    ]
    (message,) = qdn.messages(no)
    assert "您已完成办理单位信息变更" in message.title
    assert no in message.body
    (sms,) = qdn.sms(no)
    assert (sms.mobile, sms.status) == (qdn.mobile(qdn.operator), "queued")
    assert no in sms.text
    (owed,) = qdn.owed(no)
    assert (owed.kind, owed.done_at) == ("sms", None)


def test_qdn_01_the_operators_own_telephone_changes_with_it(qdn: Centre) -> None:
    no = qdn.file(operator_mobile="13900008888")
    qdn.approve(no, qdn.reviewer)
    qdn.approve(no, qdn.second)
    assert qdn.mobile(qdn.operator) == "13900008888"
    assert [sms.mobile for sms in qdn.sms(no)] == ["13900008888"]


@pytest.mark.parametrize("step", ["first", "second"])
def test_qdn_01_a_refused_change_changes_nothing_and_says_why(qdn: Centre, step: str) -> None:
    before = qdn.unit
    no = qdn.file(unit_address="凯里市假街 404 号")
    who = qdn.reviewer
    if step == "second":
        qdn.approve(no, who)
        who = qdn.second
    outcome = engine.refuse(qdn.rt, who, qdn.task(no).id, opinion="地址与执照不符")
    assert (outcome.status, outcome.label) == ("refused", "不予办理")
    assert qdn.unit.unit_address == before.unit_address
    assert qdn.register() == []
    (message,) = qdn.messages(no)
    assert "未通过审核" in message.title
    assert "地址与执照不符" in message.body
    assert len(qdn.sms(no)) == 1
    qdn.file(unit_address="凯里市真街 1 号")


def test_qdn_01_a_returned_change_is_corrected_and_approved(qdn: Centre) -> None:
    reviewer = qdn.reviewer
    no = qdn.file(unit_address="凯里市错街 1 号", pay_day="9")
    task = qdn.task(no).id
    engine.return_to(qdn.rt, reviewer, task, node="fill", opinion="门牌号有误")
    (message,) = qdn.messages(no)
    assert "已退回" in message.title
    assert "门牌号有误" in message.body
    assert engine.inbox.todo(qdn.rt, qdn.operator).rows[0].last_opinion == "门牌号有误"
    qdn.resubmit(no, unit_address="凯里市对街 2 号")
    assert qdn.task(no).assignee == reviewer.id
    qdn.approve(no, reviewer)
    qdn.approve(no, qdn.second)
    assert qdn.unit.unit_address == "凯里市对街 2 号"
    assert [field for field, _, _ in qdn.register()] == ["unit_address"]
    titles = [each.title for each in qdn.messages(no)]
    assert len(titles) == 2
    assert len(qdn.sms(no)) == 2


def test_qdn_01_returned_twice_the_applicant_is_told_twice(qdn: Centre) -> None:
    no = qdn.file(pay_day="11")
    for opinion in ("缺章", "还是缺章"):
        who = qdn.reviewer
        engine.return_to(qdn.rt, who, qdn.task(no).id, node="fill", opinion=opinion)
        qdn.resubmit(no, pay_day="12")
    assert [message.body.count("缺章") for message in qdn.messages(no)] == [1, 1]


def test_every_straight_return_of_the_same_step_is_announced(qdn: Centre) -> None:
    no = qdn.file(pay_day="25")
    for opinion in ("缺章", "缺签字"):
        task = qdn.task(no).id
        engine.return_to(qdn.rt, qdn.reviewer, task, node="fill", opinion=opinion, straight=True)
        qdn.resubmit(no, pay_day="25")
    assert [each.body.count("缺") for each in qdn.messages(no)] == [1, 1]
    assert qdn.task(no).assignee == qdn.reviewer.id


def test_qdn_01_reviewers_are_reminded_before_the_deadline(qdn: Centre, clock: Clock) -> None:
    no = qdn.file(unit_address="凯里市慢街 1 号")
    case = qdn.case(no)
    assert case.due_at is not None
    assert case.next_timer_at == case.due_at - timedelta(hours=8)
    assert not timers.fire(qdn.rt, case.id)
    clock.set(case.next_timer_at)
    assert timers.fire(qdn.rt, case.id)
    assert not timers.fire(qdn.rt, case.id)
    everybody = qdn.holders("归集审核岗")
    assert everybody
    for who in everybody:
        (message,) = qdn.messages(no, who)
        assert "即将到期" in message.title
    assert qdn.messages(no) == [], "the applicant is not the one to hurry"
    assert {sms.mobile for sms in qdn.sms(no)} == {qdn.mobile(who) for who in everybody}
    qdn.approve(no, qdn.reviewer)
    assert qdn.approve(no, qdn.second).status == "completed"


def test_qdn_01_a_reminder_goes_to_the_one_who_claimed_alone(qdn: Centre, clock: Clock) -> None:
    no = qdn.file(unit_address="凯里市慢街 2 号")
    engine.claim(qdn.rt, qdn.reviewer, qdn.task(no).id)
    case = qdn.case(no)
    assert case.next_timer_at is not None
    clock.set(case.next_timer_at)
    timers.fire(qdn.rt, case.id)
    assert len(qdn.messages(no, qdn.reviewer)) == 1
    assert len(qdn.sms(no)) == 1


def test_qdn_01_a_record_changed_meanwhile_is_not_overwritten(qdn: Centre) -> None:
    no = qdn.file(unit_address="凯里市申请街 1 号", pay_day="3")
    qdn.approve(no, qdn.reviewer)
    with qdn.sessions() as session:
        mine = Unit.unit_account_no == qdn.account
        session.execute(update(Unit).where(mine).values(unit_address="凯里市柜台街 9 号"))
        session.commit()
    revision, second = qdn.case(no).revision, qdn.second
    with pytest.raises(
        errors.OperationFailed, match="单位地址在审批期间已被改为“凯里市柜台街 9 号”"
    ):
        qdn.approve(no, second)
    case = qdn.case(no)
    assert (case.status, case.label, case.revision) == ("running", "复核中", revision)
    assert qdn.register() == []
    assert qdn.unit.pay_day != 3, "nothing half-written"
    assert qdn.messages(no) == qdn.sms(no) == []
    assert "return" in engine.view(qdn.rt, second, no).verbs
    engine.return_to(qdn.rt, second, qdn.task(no).id, node="fill", opinion="请重新填报")
    qdn.resubmit(no, unit_address="凯里市申请街 1 号")
    qdn.approve(no, qdn.reviewer)
    qdn.approve(no, second)
    assert qdn.unit.unit_address == "凯里市申请街 1 号"
    assert qdn.register() == [("unit_address", "凯里市柜台街 9 号", "凯里市申请街 1 号")]


@pytest.mark.parametrize(
    ("typed", "steps"),
    [
        ({"unit_address": "凯里市两审街 1 号"}, ["review1", "review2"]),
        (
            {"unit_email": "new@example.cn", "unit_address": "凯里市两审街 2 号"},
            ["review1", "review2"],
        ),
        ({"unit_email": "one@example.cn"}, ["review1"]),
        ({"unit_postcode": "556011"}, ["review1"]),
        ({"unit_email": "two@example.cn", "unit_postcode": "556012"}, ["review1"]),
    ],
)
def test_qdn_01_only_postcode_and_email_need_a_single_review(
    qdn: Centre, typed: dict[str, str], steps: list[str]
) -> None:
    no = qdn.file(**typed)
    ahead = [node.id for node in engine.view(qdn.rt, qdn.operator, no).ahead]
    passed = []
    for who in (qdn.reviewer, qdn.second):
        if qdn.case(no).status == "running":
            passed.append(qdn.task(no).node)
            qdn.approve(no, who)
    assert passed == steps
    assert qdn.case(no).status == "completed"
    assert [node for node in ahead if node.startswith("review")] == steps[1:]
    assert {field for field, _, _ in qdn.register()} == set(typed)


def test_qdn_01_a_correction_can_need_more_reviews_than_the_first_filing(qdn: Centre) -> None:
    no = qdn.file(unit_email="first@example.cn")
    reviewer = qdn.reviewer
    engine.return_to(qdn.rt, reviewer, qdn.task(no).id, node="fill", opinion="地址也要改")
    qdn.resubmit(no, unit_address="凯里市补街 1 号")
    assert qdn.approve(no, reviewer).label == "复核中"
    assert qdn.approve(no, qdn.second).status == "completed"


def test_qdn_01_one_unapproved_request_at_a_time(qdn: Centre) -> None:
    no = qdn.file(pay_day="7")
    with pytest.raises(engine.InFlight, match="存在未审批完成的单位信息变更业务") as said:
        qdn.file(pay_day="8")
    assert said.value.no == no
    engine.withdraw(qdn.rt, qdn.operator, no)
    qdn.file(pay_day="8")


def test_qdn_01_a_first_reviewer_holding_both_posts_cannot_do_the_second(qdn: Centre) -> None:
    no = qdn.file(pay_day="6")
    both = {who.id for who in qdn.holders("归集复核岗")} & {
        who.id for who in qdn.holders("归集审核岗")
    }
    if not both:
        qdn.approve(no, qdn.reviewer)
        with pytest.raises(errors.Forbidden, match="您没有该岗位"):
            qdn.approve(no, qdn.reviewer)
        return
    who = qdn.actor(both.pop())
    qdn.approve(no, who)
    with pytest.raises(errors.Forbidden, match="须由另一位人员办理"):
        qdn.approve(no, who)


def test_xz_5_1_a_change_takes_effect_at_once(centre: Open) -> None:
    xz = centre("xizang")
    before = xz.unit.unit_email
    no = xz.file(unit_email="xz@example.cn")
    case = xz.case(no)
    assert (case.status, case.label) == ("completed", "已办结")
    assert case.ended_at == xz.rt.clock()
    assert xz.unit.unit_email == "xz@example.cn"
    assert xz.register() == [("unit_email", before, "xz@example.cn")]
    (message,) = xz.messages(no)
    assert "业务自动办结" in message.body
    assert len(xz.sms(no)) == 1
    (entry,) = engine.view(xz.rt, xz.operator, no).history
    steps = [step["name"] for step in entry.detail["auto"]]
    assert steps[-2:] == ["变更生效", "通知办结"]
    assert xz.file(unit_email="again@example.cn") != no, "nothing is in flight"


def test_xz_5_1_fails_as_a_whole_when_the_record_was_changed_meanwhile(centre: Open) -> None:
    xz = centre("xizang")
    data = xz.filed(unit_email="late@example.cn")
    xz.file(unit_email="early@example.cn")
    unit = xz.unit
    with pytest.raises(errors.OperationFailed, match="在审批期间已被改为"):
        engine.start(
            xz.rt,
            xz.operator,
            "unit_info_change",
            data=data,
            scope=xz.scope,
            scope_name=unit.unit_name,
            branch=unit.branch_code,
            summary="",
        )
    assert xz.unit.unit_email == "early@example.cn"
    assert len(engine.inbox.started(xz.rt, xz.operator).rows) == 1


LOCKED_IN_XIZANG = {
    "unit_industry": "A",
    "legal_rep_name": "多吉",
    "pay_day": "31",
}


@pytest.mark.parametrize(("name", "value"), LOCKED_IN_XIZANG.items())
def test_xz_5_1_locks_what_needs_the_counter_and_qdn_01_does_not(
    centre: Open, name: str, value: str
) -> None:
    locked = centre("xizang").check(**{name: value})
    assert [problem.field for problem in locked.problems if problem.field == name] == [name]
    open_here = centre("qiandongnan").check(**{name: value})
    assert name not in {problem.field for problem in open_here.problems}


@pytest.mark.parametrize("typed", [{"unit_address": "达州市一审街 1 号"}, {"unit_email": "d@x.cn"}])
def test_dz_u_04_one_review_by_the_centre_decides(centre: Open, typed: dict[str, str]) -> None:
    dz = centre("dazhou")
    no = dz.file(**typed)
    assert dz.task(no).node == "review1"
    assert dz.approve(no, dz.reviewer).status == "completed"
    assert {field: new for field, _, new in dz.register()} == typed


def test_dz_u_04_the_centre_may_reject(centre: Open) -> None:
    dz = centre("dazhou")
    no = dz.file(unit_email="no@example.cn")
    outcome: Any = engine.refuse(dz.rt, dz.reviewer, dz.task(no).id, opinion="不符")
    assert outcome.status == "refused"
    assert dz.register() == []


def test_the_centres_folder_alone_makes_the_difference(centre: Open) -> None:
    ways = {}
    for name in ("qiandongnan", "xizang", "dazhou"):
        here = centre(name)
        deployed = engine.definitions.current(here.rt, "unit_info_change")
        assert deployed is not None
        ways[name] = [node.id for node in deployed.steps]
    assert ways["qiandongnan"] == ["fill", "route", "review1", "review2", "apply", "tell_done"]
    assert ways["xizang"] == ["fill", "route", "apply", "tell_done"]
    assert ways["dazhou"] == ["fill", "route", "review1", "apply", "tell_done"]
