"""Messages and signals from outside and from other requests reach whoever waits for them, once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, text

import engine
from engine import errors
from engine.models import Instance, OutboxItem, Subscription
from engine.owed import outbox
from engine.runtime import SYSTEM
from engine.verbs import occurrences
from tests.builders import diagrams
from tests.builders.diagrams import FIRST, flows
from tests.engine.hall import APPLICANT, REVIEWER, Hall, filing
from tests.engine.test_vocabulary import diagram, file, happen, statements
from tests.engine.twins import SEED


def waits(hall: Hall, no: str) -> list[tuple[str, str, str]]:
    with hall.sessions() as session:
        query = select(Subscription.kind, Subscription.name, Subscription.correlation)
        return [
            tuple(row) for row in session.execute(query.join(Instance).where(Instance.no == no))
        ]


def test_a_message_reaches_only_the_request_that_waits_for_it(empty_hall: Hall) -> None:
    hall = empty_hall
    first, second = file(hall, "message_catch"), file(hall, "message_catch", scope="unit:0208")
    assert waits(hall, first) == [("message", "回执", first)]
    assert hall.case(first).waits == f"message\t回执\t{first}"
    said: dict[str, Any] = {"result": "ok"}
    assert occurrences.deliver(hall.rt, SYSTEM, "别的", correlation=first, payload=said) == []
    assert occurrences.deliver(hall.rt, SYSTEM, "回执", correlation="QDN-0", payload=said) == []
    assert occurrences.deliver(hall.rt, SYSTEM, "回执", correlation=first, payload=said) == [first]
    assert occurrences.deliver(hall.rt, SYSTEM, "回执", correlation=first, payload=said) == []
    assert (hall.where(first), hall.where(second)) == (["review"], [])
    assert engine.view(hall.rt, REVIEWER, first).data["answer"] == said
    assert hall.verbs(first) == ["start", "event"]
    assert (waits(hall, first), hall.case(first).waits) == ([], None)


def test_requests_of_one_version_do_not_wake_each_others_handlers(empty_hall: Hall) -> None:
    """The library changes the shared diagram when a handler is first triggered."""
    hall = empty_hall
    told, untold = file(hall, "handler_message"), file(hall, "handler_message")
    late = file(hall, "handler_message")
    task = hall.task(told)
    happen(hall, told, ("message", "回执"))
    assert hall.case(told).status == "completed"
    with pytest.raises(errors.Conflict, match="该步骤已经关闭"):
        engine.approve(hall.rt, REVIEWER, task)
    for no in (untold, late, file(hall, "handler_message")):
        assert hall.where(no) == ["review"]
        assert hall.approve(no, REVIEWER).status == "completed"
        assert waits(hall, no) == []


def test_a_handler_beside_the_steps_answers_every_time(empty_hall: Hall) -> None:
    hall = empty_hall
    no = file(hall, "handler_message_beside")
    for _ in range(3):
        happen(hall, no, ("message", "回执"))
        assert hall.where(no) == ["review"]
        assert waits(hall, no) == [("message", "回执", no)]
    assert hall.verbs(no) == ["start", "event", "event", "event"]
    assert hall.approve(no, REVIEWER).status == "completed"


def test_a_returned_request_still_listens(empty_hall: Hall) -> None:
    hall = empty_hall
    no = file(hall, "handler_message")
    hall.send_back(no, REVIEWER)
    assert hall.where(no) == ["fill"]
    assert waits(hall, no) == [("message", "回执", no)]
    hall.resubmit(no)
    happen(hall, no, ("message", "回执"))
    assert hall.case(no).status == "completed"


def test_a_withdrawn_request_waits_for_nothing(empty_hall: Hall) -> None:
    hall = empty_hall
    files = diagram("message_boundary")
    may = b'<spiffworkflow:property name="withdraw" value="until_decided"/>'
    wrapped = b"<extensionElements><spiffworkflow:properties>" + may
    wrapped += b"</spiffworkflow:properties></extensionElements><laneSet"
    content = files["message_boundary.bpmn"].replace(b"<laneSet", wrapped, 1)
    engine.deploy(hall.rt, "message_boundary", {"message_boundary.bpmn": content})
    no = hall.file(key="message_boundary", data=filing()["data"] | SEED)
    assert waits(hall, no) == [("message", "回执", no)]
    engine.withdraw(hall.rt, APPLICANT, no)
    assert (waits(hall, no), hall.case(no).waits) == ([], None)
    assert occurrences.deliver(hall.rt, SYSTEM, "回执", correlation=no, payload={}) == []


def test_a_request_that_goes_on_waiting_costs_no_statement_for_it(empty_hall: Hall) -> None:
    hall = empty_hall
    no = file(hall, "handler_message")
    hall.send_back(no, REVIEWER)
    with statements(hall) as said:
        hall.resubmit(no)
    assert not any("hall_subscription" in each for each in said)


def correlated(name: str, correlation: str, body: str, key: str) -> bytes:
    prop = f"<spiffworkflow:property name='correlation' value='{correlation}'/>"
    inner = (
        "<extensionElements><spiffworkflow:properties>"
        f"{prop}</spiffworkflow:properties></extensionElements>"
    )
    node = (
        f"<{body} id='node' name='{name}'>{inner}<messageEventDefinition messageRef='m'/></{body}>"
    )
    content = diagrams.process(
        key,
        diagrams.start(),
        diagrams.form("fill"),
        node,
        diagrams.user("review", "审核", verbs="approve,return"),
        diagrams.end(),
        flows("start", "fill", "node", "review", "end"),
        lanes=diagrams.lane(diagrams.OPERATOR, "fill") + diagrams.lane(FIRST, "review"),
    )
    return content.replace(b"<process", b"<message id='m' name='contract'/><process", 1)


def test_what_a_request_sends_reaches_another_after_its_commit_and_once(empty_hall: Hall) -> None:
    hall = empty_hall
    word = 'values["contract"]'.replace('"', "&quot;")
    hall.deploy(correlated("等待合同", word, "intermediateCatchEvent", "waiter"), "waiter")
    hall.deploy(correlated("发出合同", word, "intermediateThrowEvent", "sender"), "sender")
    data = {"form": "tests.Form", "changes": [], "materials": []}
    mine = hall.file(key="waiter", data=data | {"values": {"contract": "A-1"}})
    other = hall.file(key="waiter", data=data | {"values": {"contract": "B-2"}})
    sender = hall.file(key="sender", data=data | {"values": {"contract": "A-1"}})
    assert (hall.where(mine), hall.where(sender)) == ([], ["review"])
    with hall.sessions() as session:
        (item,) = session.scalars(select(OutboxItem))
    assert (item.kind, item.payload["correlation"]) == ("engine.message", "A-1")
    deliver_again(hall, item.id)
    assert (hall.where(mine), hall.where(other)) == (["review"], [])
    before = hall.picture()["hall_history"]
    hall.clock.advance(hours=1)
    with hall.sessions.begin() as session:  # as if its runner had died before saying so
        session.execute(text("update hall_outbox set done_at = null"))
    deliver_again(hall, item.id)
    assert hall.picture()["hall_history"] == before


def deliver_again(hall: Hall, item: int) -> None:
    hall.rt.session.rollback()
    done = outbox.run_one(
        hall.sessions,
        item,
        clock=hall.clock,
        runtime=lambda session: replace(hall.rt, session=session),
    )
    assert done


def test_a_signal_reaches_everybody_and_one_that_cannot_take_it_keeps_nobody_else_from_it(
    empty_hall: Hall,
) -> None:
    hall = empty_hall
    part = (
        "<intermediateCatchEvent id='wait' name='等停办'>"
        "<signalEventDefinition signalRef='s'/></intermediateCatchEvent>"
        + diagrams.service("apply", "tests/apply")
    )
    content = diagrams.one_review(between=part, way=flows("review", "wait", "apply", "end"))
    content = content.replace(b"<process", b"<signal id='s' name='stop'/><process", 1)
    hall.deploy(content, "one_review")
    numbers = [hall.file(key="one_review") for _ in range(3)]
    for no in numbers:
        hall.approve(no, REVIEWER)
    second = hall.case(numbers[1]).id

    def refuse(call: Any) -> None:
        if call.instance.id == second:
            raise errors.OperationFailed(engine.Problem("tests.refused", "登记机关没有答应。"))

    hall.desk.when["apply"] = refuse
    assert occurrences.broadcast(hall.rt, SYSTEM, "stop", {}) == [numbers[0], numbers[2]]
    assert [hall.case(no).status for no in numbers] == ["completed", "running", "completed"]
    assert waits(hall, numbers[1]) == [("signal", "stop", "")]
    hall.desk.when.clear()
    assert occurrences.broadcast(hall.rt, SYSTEM, "stop", {}) == [numbers[1]]


def test_a_message_whose_step_refuses_says_why(empty_hall: Hall) -> None:
    hall = empty_hall
    part = "<receiveTask id='wait' name='等回执' messageRef='m'/>" + diagrams.service(
        "apply", "tests/apply"
    )
    content = diagrams.one_review(between=part, way=flows("review", "wait", "apply", "end"))
    hall.deploy(
        content.replace(b"<process", b"<message id='m' name='r'/><process", 1), "one_review"
    )
    no = hall.file(key="one_review")
    hall.approve(no, REVIEWER)
    hall.desk.failing = {"apply"}
    before = hall.picture()
    with pytest.raises(errors.OperationFailed, match="登记机关没有答应"):
        occurrences.deliver(hall.rt, SYSTEM, "r", correlation=no, payload={})
    assert hall.picture() == before


def test_a_request_that_waits_for_a_message_says_what_it_waits_for(empty_hall: Hall) -> None:
    hall = empty_hall
    prop = "<spiffworkflow:property name='label' value='待收款'/>"
    part = (
        "<receiveTask id='wait' name='等待到账' messageRef='m'><extensionElements>"
        f"<spiffworkflow:properties>{prop}</spiffworkflow:properties></extensionElements>"
        "</receiveTask>" + diagrams.service("apply", "tests/apply")
    )
    content = diagrams.one_review(between=part, way=flows("review", "wait", "apply", "end"))
    deployed = hall.deploy(
        content.replace(b"<process", b"<message id='m' name='money'/><process", 1), "one_review"
    )
    assert [step.id for step in deployed.steps] == ["fill", "review", "wait", "apply"]
    no = hall.file(key="one_review")
    assert hall.case(no).label != "待收款"
    hall.approve(no, REVIEWER)
    seen = engine.view(hall.rt, REVIEWER, no)
    assert (seen.label, seen.marks["wait"], seen.marks["apply"]) == ("待收款", "current", "next")
    assert [step.id for step in seen.ahead] == ["apply"]
    assert seen.progress == "ddc-", "what is waited for is not done yet"
    assert "urge" not in engine.view(hall.rt, APPLICANT, no).verbs, "nobody is there to be urged"
    occurrences.deliver(hall.rt, SYSTEM, "money", correlation=no, payload={})
    assert hall.case(no).label == "已办结"
