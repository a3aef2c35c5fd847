"""Operations and listeners: they take effect with the verb, once, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

import engine
from engine import errors, operations
from engine.models import Effect, OutboxItem
from engine.operations import Call
from engine.requests import cases
from engine.runtime import SYSTEM
from tests.builders import diagrams
from tests.engine.hall import (
    REVIEWER,
    SECONDER,
    Hall,
)


@pytest.fixture
def no(hall: Hall) -> str:
    """A request just filed, at the first review."""
    return hall.file()


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


def test_an_operation_with_a_bug_takes_no_effect_and_loses_no_decision(hall: Hall, no: str) -> None:
    def bug(call: Call) -> None:
        call.session.add(OutboxItem(key="x"))
        raise KeyError(7)

    hall.approve(no, REVIEWER)
    before = hall.picture()
    hall.desk.when["apply"] = bug
    assert hall.approve(no, SECONDER).label == "系统处理中"
    after = hall.picture()
    for table in ("hall_effect", "hall_outbox", "hall_message"):
        assert after[table] == before[table]
    assert hall.verbs(no) == ["start", "approve", "approve"]


def test_a_database_that_went_away_is_no_fault_of_the_step(hall: Hall, no: str) -> None:
    def away(call: Call) -> None:
        raise OperationalError("select 1", None, Exception("server closed the connection"))

    hall.approve(no, REVIEWER)
    before = hall.picture()
    hall.desk.when["apply"] = away
    with pytest.raises(OperationalError):
        hall.approve(no, SECONDER)
    assert hall.picture() == before


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
