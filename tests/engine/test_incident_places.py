"""Wherever a request, a timer or a delivery can fail: one incident, and a way on."""

from __future__ import annotations

from typing import Any

import pytest

import engine
from engine.boxes import incident_desk as desk
from engine.boxes.incident_desk import IncidentFilter
from engine.errors import Conflict, OperationFailed, Refused
from engine.owed.outbox import TRIES_MAX
from engine.verbs import repairing, timers
from engine.verbs.repairing import StillFailing
from tests.builders import diagrams
from tests.builders.diagrams import FIRST, OPERATOR, flow, flows, gateway
from tests.engine.hall import (
    KEEPER,
    KEEPER_2,
    REVIEWER,
    SECONDER,
    Hall,
)
from tests.engine.stuck import broken, open_ones, scripted, the_one, two_branches

# ── every place that can fail ──────────────────────────────────────────────────────────────────


def chosen(when: str) -> bytes:
    return diagrams.one_review(
        "chosen",
        between=gateway("which", "end") + diagrams.service("apply", "tests/apply"),
        way=flows("review", "which", "end") + flow("which", "apply", when) + flows("apply", "end"),
    )


def waiting(when: str) -> bytes:
    return diagrams.one_review(
        "waiting",
        between=diagrams.catch_timer("wait", timeDate=when),
        way=flows("review", "wait", "end"),
    )


def for_everybody(items: str) -> bytes:
    return diagrams.process(
        "many",
        diagrams.start(),
        diagrams.form("fill"),
        diagrams.user("review", "审核", verbs="approve,return"),
        diagrams.for_each("each", "逐人确认", items, verbs="approve,return"),
        diagrams.end(),
        flows("start", "fill", "review", "each", "end"),
        lanes=diagrams.lane(OPERATOR, "fill") + diagrams.lane(FIRST, "review", "each"),
    )


def asked(table: str) -> bytes:
    return diagrams.one_review(
        "asked",
        between=f"<businessRuleTask id='ask' name='查表'><extensionElements>"
        f"<spiffworkflow:calledDecisionId>{table}</spiffworkflow:calledDecisionId>"
        "</extensionElements></businessRuleTask>",
        way=flows("review", "ask", "end"),
    )


def called(parameter: str) -> bytes:
    return diagrams.one_review(
        "called",
        between=diagrams.service("echo", "tests/echo", "登记", amount=parameter),
        way=flows("review", "echo", "end"),
    )


TABLE = b"""<definitions xmlns='https://www.omg.org/spec/DMN/20191111/MODEL/' id='d' name='d'
 namespace='urn:hall'><decision id='band' name='band'><decisionTable id='t'><input id='i'>
 <inputExpression id='e' typeRef='number'><text>amount</text></inputExpression></input>
 <output id='o' name='band' typeRef='string'/><rule id='r'><inputEntry id='c'>
 <text>&gt; 5</text></inputEntry><outputEntry id='v'><text>"high"</text></outputEntry></rule>
 </decisionTable></decision></definitions>"""
PLACES: dict[str, tuple[str, bytes, dict[str, Any]]] = {
    "script": ("scripted", scripted("n = values['pay_day'] + 1"), {"values": {"pay_day": 1}}),
    "condition": ("chosen", chosen("amount > 100"), {"amount": 5}),
    "decision table": ("asked", asked("band"), {"amount": 9}),
    "operation's parameter": ("called", called("amount"), {"amount": 9}),
    "timer": ("waiting", waiting("when"), {"when": "2026-07-18T08:00:00+08:00"}),
    "collection": ("many", for_everybody("people"), {"people": ["a", "b"]}),
}


@pytest.mark.parametrize("place", PLACES)
def test_wherever_it_fails_the_decision_stands_and_new_data_lets_it_go_on(
    empty_hall: Hall, place: str
) -> None:
    hall = empty_hall
    key, content, cure = PLACES[place]
    engine.deploy(hall.rt, key, {f"{key}.bpmn": content, "band.dmn": TABLE})
    no = hall.file(key=key)
    hall.approve(no, REVIEWER, opinion="同意")
    assert hall.verbs(no) == ["start", "approve"]
    assert (hall.where(no), hall.case(no).label) == ([], "系统处理中")
    row = the_one(hall)
    with pytest.raises(StillFailing):
        repairing.retry(hall.rt, KEEPER, row.id)
    assert the_one(hall).attempts == 2
    repairing.edit(hall.rt, KEEPER, row.id, data=cure, reason="补上缺少的数据")
    assert open_ones(hall) == []
    assert hall.case(no).label != "系统处理中"


def test_a_gateway_cannot_be_skipped(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(chosen("amount > 100"), "chosen")
    hall.approve(hall.file(key="chosen"), REVIEWER)
    row = the_one(hall)
    assert desk.detail(hall.rt, KEEPER, row.id).verbs == {"retry", "edit"}
    with pytest.raises(Refused, match="不能跳过"):
        repairing.skip(hall.rt, KEEPER, row.id, reason="不判断了")


def test_what_fails_before_the_form_leaves_no_request_but_an_incident(empty_hall: Hall) -> None:
    hall = empty_hall
    early = diagrams.process(
        "early",
        diagrams.start(),
        diagrams.script("prepare", "day = values['pay_day'] + 1"),
        diagrams.form("fill"),
        diagrams.user("review", "审核", verbs="approve,return"),
        diagrams.end(),
        flows("start", "prepare", "fill", "review", "end"),
        lanes=diagrams.lane(OPERATOR, "fill", "prepare") + diagrams.lane(FIRST, "review"),
    )
    deploy_unchecked(hall, "early", early)
    with pytest.raises(OperationFailed, match="“计算”没有成功"):
        hall.file(key="early")
    row = the_one(hall)
    assert (row.no, row.node_name, row.attempts) == (None, "计算", 1)
    assert desk.page(hall.rt, KEEPER).rows == []  # it belongs to no branch
    repairing.skip(hall.rt, KEEPER_2, row.id, reason="已换流程图")
    assert open_ones(hall) == []


def test_a_loop_without_end_is_told_to_admins_and_can_be_put_aside(empty_hall: Hall) -> None:
    hall = empty_hall
    endless = diagrams.one_review(
        "endless",
        between=diagrams.script("again", "n = 1") + gateway("more", "again"),
        way=flows("review", "more", "again", "more") + flow("more", "end", "n == 2"),
    )
    hall.deploy(endless, "endless")
    no = hall.file(key="endless", data={**FILED, "n": 0})
    before = hall.case(no)
    for _ in range(2):
        with pytest.raises(OperationFailed, match="循环不止"):
            hall.approve(no, REVIEWER)
    assert hall.case(no).state == before.state
    row = the_one(hall)
    assert (row.no, row.attempts) == (no, 2)
    with pytest.raises(Refused, match="没有停在原处"):
        repairing.retry(hall.rt, KEEPER, row.id)
    assert repairing.skip(hall.rt, KEEPER, row.id, reason="已换流程图").status == "skipped"
    assert open_ones(hall) == []
    assert hall.case(no).incidents == 0


def deploy_unchecked(hall: Hall, key: str, content: bytes) -> None:
    """As if a later release of the lint had learned to refuse it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.definitions.lint, "check", lambda *_: [])
        hall.deploy(content, key)


FILED = {"form": "tests.Form", "values": {"pay_day": "20"}, "changes": [], "materials": []}


# ── by itself gone ─────────────────────────────────────────────────────────────────────────────


def test_a_request_that_is_over_has_no_incident_any_more(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(two_branches(), "forked")
    hall.desk.when["apply"] = broken
    no = hall.file(key="forked")
    engine.terminate(hall.rt, KEEPER, no, reason="无法办理")
    assert open_ones(hall) == []
    (gone,) = desk.page(hall.rt, KEEPER, IncidentFilter(resolved=True)).rows
    assert (gone.resolution, gone.resolved_by_name) == ("gone", "系统")
    with pytest.raises(Conflict):
        repairing.retry(hall.rt, KEEPER, gone.id)


# ── timers, deliveries ─────────────────────────────────────────────────────────────────────────


def exhausted(hall: Hall) -> str:
    """A reminder whose tries are used up."""
    no = hall.file()
    hall.desk.failing = {"note"}
    for _ in range(len(timers.BACKOFF_SECONDS) + 1):
        due = hall.case(no).next_timer_at
        assert due is not None
        hall.clock.set(due)
        assert not timers.fire(hall.rt, hall.case(no).id)
    return no


def test_a_timer_whose_tries_are_used_up_is_one_incident_and_rings_no_more(hall: Hall) -> None:
    no = exhausted(hall)
    row = the_one(hall)
    assert (row.kind, row.no, row.attempts) == ("timer", no, 1)
    assert row.error == "登记机关没有答应，请稍后再试。"
    assert hall.case(no).next_timer_at is None
    assert hall.where(no) == ["review1"]
    assert hall.verbs(no) == ["start"]
    with pytest.raises(OperationFailed):
        repairing.retry(hall.rt, KEEPER, row.id)
    assert the_one(hall).attempts == 2
    hall.desk.failing = set()
    repairing.retry(hall.rt, KEEPER, row.id)
    assert hall.messages() == ["reminder"]
    assert open_ones(hall) == []


def test_a_failed_timer_stays_silent_while_people_work_and_the_next_one_rings(hall: Hall) -> None:
    no = exhausted(hall)
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    assert hall.case(no).next_timer_at is None
    hall.approve(no, REVIEWER)
    assert open_ones(hall) == []  # its step is over
    hall.desk.failing = set()
    assert timers.fire(hall.rt, hall.case(no).id)
    assert hall.messages() == ["reminder"]


def test_a_skipped_reminder_never_rings(hall: Hall) -> None:
    no = exhausted(hall)
    hall.desk.failing = set()
    repairing.skip(hall.rt, KEEPER, the_one(hall).id, reason="已电话提醒")
    assert (open_ones(hall), hall.messages()) == ([], [])
    assert hall.case(no).next_timer_at is None
    assert hall.where(no) == ["review1"]


def test_a_delivery_that_is_given_up_is_one_incident_however_often_it_fails(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_route(job: engine.outbox.Job) -> None:
        raise ConnectionError("no route")

    monkeypatch.setitem(engine.outbox._handlers, "tests.letter", no_route)
    no = hall.file()
    hall.approve(no, REVIEWER)
    hall.approve(no, SECONDER)
    deliver(hall)
    row = the_one(hall)
    assert (row.kind, row.cause, row.attempts) == (
        "outbox",
        "outbox/tests.letter/ConnectionError",
        1,
    )
    assert repairing.retry(hall.rt, KEEPER_2, row.id).label == "已重新排队"
    deliver(hall)
    assert (the_one(hall).id, the_one(hall).attempts) == (row.id, 2)
    repairing.retry(hall.rt, KEEPER_2, row.id)
    monkeypatch.setitem(engine.outbox._handlers, "tests.letter", lambda job: None)
    assert deliver(hall) == 1
    assert open_ones(hall) == []


def deliver(hall: Hall) -> int:
    """Run what is due until nothing is; how many were delivered."""
    done = 0
    for _ in range(TRIES_MAX):
        hall.clock.advance(days=1)
        hall.rt.session.rollback()
        for item in engine.outbox.due(hall.rt.session, hall.clock()):
            hall.rt.session.rollback()
            done += engine.outbox.run_one(hall.sessions, item, clock=hall.clock)
    return done
