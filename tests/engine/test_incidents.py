"""What fails by itself waits in front of the step that failed, until an admin has mended it."""

from __future__ import annotations

from typing import Any

import pytest

import engine
from engine.boxes import incident_desk as desk
from engine.boxes.incident_desk import IncidentFilter
from engine.errors import Conflict, Forbidden, NotFound, OperationFailed, ReasonMissing, Refused
from engine.operations import Call
from engine.verbs import repairing
from engine.verbs.repairing import StillFailing
from tests.builders import diagrams
from tests.builders.diagrams import OPERATOR
from tests.engine.hall import (
    APPLICANT,
    BRANCH,
    FAR_KEEPER,
    KEEPER,
    KEEPER_2,
    REVIEWER,
    SECONDER,
    STRANGER,
    UNIT,
    Hall,
    person,
)
from tests.engine.stuck import broken, last, mend, open_ones, scripted, stuck, the_one, two_branches

INSIDER_KEEPER = person("staff:93", "杨兼职", (OPERATOR, UNIT), ("流程管理员", f"branch:{BRANCH}"))


# ── standing still ─────────────────────────────────────────────────────────────────────────────


def test_the_decision_stands_and_the_request_waits_before_the_failed_step(hall: Hall) -> None:
    no = stuck(hall)
    assert hall.verbs(no) == ["start", "approve", "approve"]
    assert (hall.case(no).label, hall.case(no).status) == ("系统处理中", "running")
    assert hall.case(no).incidents == 1
    assert hall.where(no) == []
    seen = engine.view(hall.rt, APPLICANT, no)
    assert "KeyError" not in repr(seen)
    assert seen.progress == "dddc"
    row = the_one(hall)
    assert (row.no, row.node_name, row.kind, row.attempts) == (no, "变更生效", "step", 1)
    assert row.error == "'no such account'"
    assert row.cause == "two_reviews/apply/KeyError"


def test_an_admin_sees_trace_and_data_and_that_is_logged(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    stuck(hall)
    with caplog.at_level("INFO", "hall.audit"):
        found = desk.detail(hall.rt, KEEPER, the_one(hall).id)
    assert 'raise KeyError("no such account")' in found.trace
    assert found.data is not None
    assert found.data["values"] == {"pay_day": "20"}
    assert found.verbs == {"retry", "edit", "skip"}
    assert f"staff:90 looked at incident {found.row.id}" in caplog.text


@pytest.mark.parametrize("who", [REVIEWER, SECONDER, APPLICANT, FAR_KEEPER])
def test_nobody_else_learns_that_there_is_an_incident(hall: Hall, who: engine.Actor) -> None:
    stuck(hall)
    row = the_one(hall)
    assert desk.page(hall.rt, who).rows == []
    assert desk.facets(hall.rt, who) == []
    assert desk.count(hall.rt, who) == 0
    with pytest.raises(NotFound):
        desk.detail(hall.rt, who, row.id)
    deeds = [
        lambda: repairing.retry(hall.rt, who, row.id),
        lambda: repairing.edit(hall.rt, who, row.id, data={"a": 1}, reason="x"),
        lambda: repairing.skip(hall.rt, who, row.id, reason="x"),
    ]
    for deed in deeds:
        with pytest.raises((NotFound, Forbidden)):
            deed()
    assert repairing.retry_kind(hall.rt, who, row.cause) == []
    assert the_one(hall) == row


def test_other_branches_go_on_while_one_stands_still(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(two_branches(), "forked")
    hall.desk.when["apply"] = broken
    no = hall.file(key="forked")
    assert hall.where(no) == ["review"]
    assert hall.case(no).label == "审核中"
    hall.approve(no, REVIEWER)
    assert hall.case(no).label == "系统处理中"
    mend(hall)
    assert repairing.retry(hall.rt, KEEPER, the_one(hall).id).status == "completed"


def test_several_steps_may_fail_in_one_verb(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(two_branches("tests/apply"), "forked")
    hall.desk.when["apply"] = broken
    no = hall.file(key="forked")
    first, second = sorted(row.id for row in open_ones(hall))
    mend(hall)
    assert repairing.retry(hall.rt, KEEPER, first).label == "系统处理中"
    assert repairing.retry(hall.rt, KEEPER, second).status == "completed"
    assert hall.messages() == ["applied", "applied"]
    assert hall.verbs(no) == ["start", "retry", "retry"]


# ── mending ────────────────────────────────────────────────────────────────────────────────────


def test_a_retry_runs_the_step_once_and_the_request_goes_on(hall: Hall) -> None:
    no = stuck(hall)
    mend(hall)
    assert repairing.retry(hall.rt, KEEPER, the_one(hall).id).status == "completed"
    assert hall.messages() == ["applied"]
    assert hall.verbs(no) == ["start", "approve", "approve", "retry"]
    assert last(hall, no).actor_name == "石管理"
    assert open_ones(hall) == []
    (done,) = desk.page(hall.rt, KEEPER, IncidentFilter(resolved=True)).rows
    assert (done.resolution, done.resolved_by_name) == ("retried", "石管理")
    assert hall.case(no).incidents == 0


def test_what_fails_again_is_counted_with_its_newest_error(hall: Hall) -> None:
    no = stuck(hall)
    row = the_one(hall)

    def otherwise(call: Call) -> None:
        raise ZeroDivisionError("another reason")

    hall.desk.when["apply"] = otherwise
    hall.clock.advance(minutes=5)
    with pytest.raises(StillFailing, match="“变更生效”仍没有成功"):
        repairing.retry(hall.rt, KEEPER, row.id)
    again = the_one(hall)
    assert (again.id, again.attempts, again.error) == (row.id, 2, "another reason")
    assert (again.opened_at, again.last_at) == (row.opened_at, hall.clock())
    assert "ZeroDivisionError" in desk.detail(hall.rt, KEEPER, row.id).trace
    assert hall.verbs(no)[-1] == "retry"
    assert hall.case(no).label == "系统处理中"


def test_what_the_operation_refuses_is_counted_and_told(hall: Hall) -> None:
    no = stuck(hall)
    mend(hall)
    hall.desk.failing = {"apply"}
    with pytest.raises(OperationFailed, match="登记机关没有答应"):
        repairing.retry(hall.rt, KEEPER, the_one(hall).id)
    assert (the_one(hall).attempts, the_one(hall).error[:8]) == (2, "登记机关没有答应")
    assert hall.verbs(no)[-1] == "approve"


def test_all_of_a_kind_are_retried_each_for_itself(hall: Hall) -> None:
    hall.deploy(diagrams.two_reviews(in_flight="scope", withdraw="never"))
    first, second = stuck(hall), stuck(hall, scope="unit:0999", who=STRANGER)
    hall.desk.when["apply"] = lambda call: broken(call) if call.no == first else None
    cause = open_ones(hall)[0].cause
    (_, still), (_, done) = repairing.retry_kind(hall.rt, KEEPER, cause)
    assert isinstance(still, StillFailing)
    assert isinstance(done, engine.Outcome)
    assert done.no == second
    mend(hall)
    ((_, done),) = repairing.retry_kind(hall.rt, KEEPER, cause)
    assert (done.no, done.status) == (first, "completed")
    assert repairing.retry_kind(hall.rt, KEEPER, cause) == []


def test_edited_data_reaches_the_step_and_the_history_knows_before_and_after(
    empty_hall: Hall,
) -> None:
    hall = empty_hall
    hall.deploy(scripted("total = values['pay_day'] + 1"), "scripted")
    no = hall.file(key="scripted")
    hall.approve(no, REVIEWER)
    row = the_one(hall)
    assert (row.node_name, row.kind) == ("计算", "step")
    out = repairing.edit(
        hall.rt, KEEPER, row.id, data={"values": {"pay_day": 20}}, reason="发薪日误存为文本"
    )
    assert out.status == "completed"
    said = last(hall, no)
    assert (said.verb, said.opinion) == ("edit", "发薪日误存为文本")
    assert said.detail["before"] == {"values": {"pay_day": "20"}}
    assert said.detail["after"] == {"values": {"pay_day": 20}}


@pytest.mark.parametrize(
    "data",
    [{}, {"x": float("nan")}, {"x": {1, 2}}, {"": 1}, {"x": "字" * 700_000}, {"x": "\ud800"}],
)
def test_an_edit_that_is_no_json_is_a_sentence(hall: Hall, data: dict[str, Any]) -> None:
    stuck(hall)
    before = hall.picture()
    with pytest.raises(Refused):
        repairing.edit(hall.rt, KEEPER, the_one(hall).id, data=data, reason="改数据")
    assert hall.picture() == before


def test_a_skipped_step_has_no_effect_and_the_request_goes_on(hall: Hall) -> None:
    no = stuck(hall)
    row = the_one(hall)
    hall.desk.calls.clear()
    assert repairing.skip(hall.rt, KEEPER, row.id, reason="已在柜台办理").status == "completed"
    assert hall.desk.calls == []
    assert hall.messages() == []
    assert (last(hall, no).verb, last(hall, no).opinion) == ("skip", "已在柜台办理")


def test_edit_and_skip_need_a_reason(hall: Hall) -> None:
    stuck(hall)
    row = the_one(hall)
    with pytest.raises(ReasonMissing, match="修改数据"):
        repairing.edit(hall.rt, KEEPER, row.id, data={"a": 1}, reason=" ")
    with pytest.raises(ReasonMissing, match="跳过"):
        repairing.skip(hall.rt, KEEPER, row.id, reason="")


def test_an_admin_repairs_no_request_of_their_own(hall: Hall) -> None:
    stuck(hall, who=INSIDER_KEEPER)
    row = the_one(hall)
    with pytest.raises(Forbidden, match="自己发起"):
        repairing.skip(hall.rt, INSIDER_KEEPER, row.id, reason="我自己的")
    assert desk.detail(hall.rt, INSIDER_KEEPER, row.id).verbs == {"retry"}


def test_two_admins_at_once_repair_once(hall: Hall) -> None:
    no = stuck(hall)
    mend(hall)
    row = the_one(hall)
    results = hall.together(
        lambda rt: repairing.retry(rt, KEEPER, row.id),
        lambda rt: repairing.skip(rt, KEEPER_2, row.id, reason="不办了"),
    )
    assert sum(isinstance(each, engine.Outcome) for each in results) == 1
    assert sum(isinstance(each, Conflict) for each in results) == 1
    assert len(hall.verbs(no)) == 4


# ── two people where money moves ───────────────────────────────────────────────────────────────


@pytest.fixture
def money(empty_hall: Hall) -> Hall:
    empty_hall.deploy(diagrams.two_reviews(money="true"))
    return empty_hall


def test_where_money_moves_a_repair_happens_when_another_admin_confirms(money: Hall) -> None:
    no = stuck(money)
    row, state = the_one(money), money.case(no).state
    assert repairing.skip(money.rt, KEEPER, row.id, reason="银行已到账").label == "系统处理中"
    assert money.case(no).state == state
    assert the_one(money).pending
    repair = desk.detail(money.rt, KEEPER, row.id).pending
    assert repair is not None
    with pytest.raises(Forbidden, match="不能确认自己提出的"):
        repairing.confirm(money.rt, KEEPER, repair.id)
    assert repairing.confirm(money.rt, KEEPER_2, repair.id).status == "completed"
    assert money.verbs(no)[-2:] == ["propose", "skip"]
    said = last(money, no)
    assert (said.actor_name, said.opinion) == ("田管理", "银行已到账")
    assert said.detail["proposed_by"] == {"id": "staff:90", "name": "石管理"}
    with pytest.raises(Conflict, match="已经确认或撤销"):
        repairing.confirm(money.rt, KEEPER_2, repair.id)


def test_one_proposal_at_a_time_and_it_may_be_dropped(money: Hall) -> None:
    no = stuck(money)
    row = the_one(money)
    repairing.edit(money.rt, KEEPER, row.id, data={"amount": "1.00"}, reason="金额有误")
    with pytest.raises(Conflict, match="石管理提出的修复"):
        repairing.skip(money.rt, KEEPER_2, row.id, reason="跳过算了")
    repair = desk.detail(money.rt, KEEPER, row.id).pending
    assert repair is not None
    repairing.drop(money.rt, KEEPER, repair.id)
    assert not the_one(money).pending
    assert money.verbs(no)[-2:] == ["propose", "drop"]
    with pytest.raises(Conflict):
        repairing.confirm(money.rt, KEEPER_2, repair.id)


def test_a_confirmed_edit_that_does_not_help_stays_an_incident(money: Hall) -> None:
    stuck(money)
    row = the_one(money)
    repairing.edit(money.rt, KEEPER, row.id, data={"amount": "1.00"}, reason="金额有误")
    repair = desk.detail(money.rt, KEEPER, row.id).pending
    assert repair is not None
    with pytest.raises(StillFailing):
        repairing.confirm(money.rt, KEEPER_2, repair.id)
    found = desk.detail(money.rt, KEEPER, row.id)
    assert (found.row.attempts, found.pending) == (2, None)
    assert found.data is not None
    assert found.data["amount"] == "1.00"


# ── the list ───────────────────────────────────────────────────────────────────────────────────


def test_the_list_is_cut_by_key_and_counts_by_kind(hall: Hall) -> None:
    keys = ["two_reviews", "second", "third"]
    for key in keys[1:]:
        hall.deploy(diagrams.two_reviews(key), key)
    for key in keys:
        stuck(hall, key=key)
        hall.clock.advance(minutes=1)
    first = desk.page(hall.rt, KEEPER, limit=2)
    assert [row.key for row in first.rows] == ["third", "second"]
    rest = desk.page(hall.rt, KEEPER, None, first.next, limit=2)
    assert [row.key for row in rest.rows] == ["two_reviews"]
    assert rest.next is None
    assert [row.key for row in desk.page(hall.rt, KEEPER, IncidentFilter(key="second")).rows] == [
        "second"
    ]
    assert [(each.cause, each.count) for each in desk.facets(hall.rt, KEEPER, "third")] == [
        ("third/apply/KeyError", 1)
    ]
    assert desk.count(hall.rt, KEEPER) == 3
