"""Many requests by one call: the same rows as one by one, all of them or none."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

import engine
from engine import Filing, RowRefused, audit, errors, events
from engine.diagrams.routes import Routes
from engine.models import Incident, Task
from engine.verbs.batches import BATCH_MAX
from tests.builders import diagrams
from tests.builders.diagrams import OPERATOR
from tests.engine.hall import (
    APPLICANT,
    COLLEAGUE,
    OTHER_UNIT,
    REVIEWER,
    Hall,
    filing,
    person,
)

AGENT = person("operator:5", "代办员", *((OPERATOR, f"unit:{n}") for n in range(20)))
# what two ways of starting may not share: ids of tokens, seals over them
OWN = ("id", "no", "spiff_id", "state", "seal", "chain", "token", "instance_id", "body")
UNITS_OWN = ("scope", "domain", "in_flight")


def many(count: int, first: int = 0) -> list[Filing]:
    """One filing for each of the agent's units."""
    return [
        Filing(**filing(scope=f"unit:{first + n}", summary=f"第 {n} 件", token=f"t{first + n}"))
        for n in range(count)
    ]


def start_many(hall: Hall, filings: list[Filing], **more: Any) -> list[str]:
    key = more.pop("key", "two_reviews")
    return [each.no for each in engine.start_many(hall.rt, AGENT, key, filings, **more)]


@pytest.fixture
def automatic(hall: Hall) -> Hall:
    """A service whose operation runs as soon as it is filed."""
    hall.deploy(
        diagrams.process(
            "auto",
            diagrams.start(),
            diagrams.form("fill"),
            diagrams.service("apply", "tests/apply"),
            diagrams.end(),
            diagrams.flows("start", "fill", "apply", "end"),
            lanes=diagrams.lane(OPERATOR, "fill"),
        ),
        "auto",
    )
    return hall


def facts(hall: Hall) -> dict[str, list[Any]]:
    """What the tables say of each request in turn, without what no two requests share."""
    picture = {}
    for name in ("hall_instance", "hall_task", "hall_history", "hall_message"):
        rows = [row._mapping for row in hall.picture()[name]]
        rows.sort(key=lambda row: (row.get("instance_id", 0), row["id"]))
        left_out = (*OWN, *UNITS_OWN)
        picture[name] = [{k: v for k, v in row.items() if k not in left_out} for row in rows]
    return picture


@pytest.mark.parametrize("key", ["two_reviews", "auto"])
def test_a_batch_writes_what_single_starts_write(automatic: Hall, key: str) -> None:
    hall = automatic
    heard: list[str] = []
    events.on("started")(lambda event: heard.append(event.instance.no))
    numbers = start_many(hall, many(5), key=key)
    assert heard == numbers
    for each in many(5, first=10):
        engine.start(hall.rt, AGENT, key, **vars_of(each))
    for table, rows in facts(hall).items():
        half = len(rows) // 2
        assert rows[:half] == rows[half:], table
        assert rows or table == "hall_message"


def vars_of(filing: Filing) -> dict[str, Any]:
    return {name: getattr(filing, name) for name in Filing.__slots__}


def test_a_request_of_a_batch_goes_on_like_any_other(hall: Hall) -> None:
    numbers = start_many(hall, many(3))
    assert len(set(numbers)) == 3
    for no in numbers:
        assert hall.approve(no, REVIEWER).label == "复核中"
        assert hall.verbs(no) == ["start", "approve"]
    assert not audit.verify(hall.rt).faults


def test_the_same_batch_twice_is_one_batch(hall: Hall) -> None:
    first = engine.start_many(hall.rt, AGENT, "two_reviews", many(3))
    before = hall.picture()
    assert engine.start_many(hall.rt, AGENT, "two_reviews", many(3)) == first
    assert hall.picture() == before


@pytest.mark.parametrize(
    ("change", "row", "sentence"),
    [
        (lambda f: f[:2] + f[:1], 2, "第 3 件：与第 1 件重复；整批没有提交。"),
        (lambda f: [*f, Filing(**filing(scope="unit:1"))], 4, "第 5 件：与第 2 件是同一个单位"),
        (lambda f: [*f, Filing(**filing(scope="unit:9"))], 4, "第 5 件：存在未审批完成的测试业务"),
        (lambda f: [*f, Filing(**filing(scope="unit:8", token="known"))], 4, "第 5 件：已经提交过"),
        (lambda f: [*f, Filing(**filing(scope="unit:7") | {"data": {"a": {1}}})], 4, "第 5 件"),
    ],
)
def test_one_filing_that_cannot_be_filed_refuses_the_batch_and_is_named(
    hall: Hall, change: Any, row: int, sentence: str
) -> None:
    engine.start(hall.rt, AGENT, "two_reviews", **filing(scope="unit:9", token="known"))
    before = hall.picture()
    with pytest.raises(RowRefused, match=sentence) as said:
        start_many(hall, change(many(4)))
    assert said.value.row == row
    assert hall.picture() == before


def test_nobody_files_for_a_unit_that_is_not_theirs(hall: Hall) -> None:
    with pytest.raises(errors.Forbidden, match="只有单位经办人可以申请"):
        start_many(hall, [*many(2), Filing(**filing(scope=OTHER_UNIT))])
    assert hall.picture()["hall_instance"] == []


@pytest.mark.parametrize("count", [0, BATCH_MAX + 1])
def test_a_batch_has_a_size(hall: Hall, count: int) -> None:
    with pytest.raises(errors.Refused, match="一次可以提交 1 至 1000 件"):
        start_many(hall, [Filing(**filing())] * count)


def test_what_is_filed_along_with_a_batch_is_filed_or_not_with_it(hall: Hall) -> None:
    seen: list[str] = []

    def also(session: Any, found: list[engine.Case]) -> None:
        seen.extend(case.no for case in found)
        assert session.scalar(select(func.count(Task.id))) == 2 * len(found)
        if len(found) == 2:
            raise RuntimeError("disk full")

    before = hall.picture()
    with pytest.raises(RuntimeError):
        start_many(hall, many(2), also=also)
    assert hall.picture() == before
    seen.clear()
    assert start_many(hall, many(3), also=also) == seen


def test_an_operation_that_refuses_one_filing_refuses_the_batch(automatic: Hall) -> None:
    hall = automatic
    before = hall.picture()

    def third_fails(call: Any) -> None:
        hall.desk.failing = {"apply"} if call.instance.scope == "unit:2" else set()

    hall.desk.when["apply"] = third_fails
    with pytest.raises(RowRefused, match="第 3 件：登记机关没有答应，请稍后再试；整批没有提交。"):
        start_many(hall, many(5), key="auto")
    assert hall.picture() == before


def test_a_step_with_a_bug_halts_its_own_request_and_no_other(automatic: Hall) -> None:
    hall = automatic

    def broken(call: Any) -> None:
        if call.instance.scope in ("unit:1", "unit:3"):
            raise ZeroDivisionError

    hall.desk.when["apply"] = broken
    numbers = start_many(hall, many(5), key="auto")
    statuses = [hall.case(no).status for no in numbers]
    assert statuses == ["completed", "running", "completed", "running", "completed"]
    with hall.sessions() as session:
        stopped = list(session.scalars(select(Incident.instance_id).order_by(Incident.id)))
    assert stopped == [hall.case(numbers[1]).id, hall.case(numbers[3]).id]
    assert hall.messages(AGENT) == ["applied"] * 3


def test_two_people_with_the_same_unit_in_their_batches_do_not_both_win(hall: Hall) -> None:
    mine = [Filing(**filing())]
    for_both = lambda who: lambda rt: engine.start_many(rt, who, "two_reviews", mine)  # noqa: E731
    results = hall.together(for_both(APPLICANT), for_both(COLLEAGUE))
    refused = [each for each in results if isinstance(each, Exception)]
    assert len(refused) == 1
    assert "存在未审批完成的" in str(refused[0])
    assert len(hall.picture()["hall_instance"]) == 1


def test_filings_that_answer_alike_share_a_path_and_others_do_not(hall: Hall) -> None:
    hall.deploy(
        diagrams.process(
            "sized",
            diagrams.start(),
            diagrams.form("fill"),
            diagrams.gateway("size", "small"),
            diagrams.user("big", "大额", verbs="approve,return"),
            diagrams.user("small", "小额", verbs="approve,return"),
            diagrams.end(),
            diagrams.flows("start", "fill", "size"),
            diagrams.flow("size", "big", 'values["amount"] > 100'),
            diagrams.flows("size", "small", "end"),
            diagrams.flows("big", "end"),
            lanes=diagrams.lane(OPERATOR, "fill") + diagrams.lane("归集审核岗", "big", "small"),
        ),
        "sized",
    )
    amounts = [1, 500, 2, 501]
    filings = [
        Filing(**filing(scope=f"unit:{n}") | {"data": {"values": {"amount": amount}}})
        for n, amount in enumerate(amounts)
    ]
    numbers = start_many(hall, filings, key="sized")
    singles = [engine.start(hall.rt, AGENT, "sized", **vars_of(each)).no for each in filings]
    paths = [hall.case(no).path for no in numbers]
    assert paths == [hall.case(no).path for no in singles]
    assert paths[0] == ["fill", "small"]
    assert paths[1] == paths[3] == ["fill", "big"]
    deployed = engine.definitions.current(hall.rt, "sized")
    assert deployed is not None
    routes = Routes(deployed, hall.rt)
    first = routes.of({"values": {"amount": 1}})
    assert routes.of({"values": {"amount": 2}}) is first
    assert routes.of({"values": {}}) is not first
