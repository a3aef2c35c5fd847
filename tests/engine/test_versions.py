"""What people read when two versions of a service are compared, and which requests run on which."""

from __future__ import annotations

from xml.sax.saxutils import escape

import pytest

import engine
from engine import Deployed
from engine.diagrams import dialect, versions
from engine.diagrams.versions import Comparison
from tests.builders.diagrams import (
    FIRST,
    OPERATOR,
    SECOND,
    end,
    flow,
    flows,
    form,
    gateway,
    lane,
    process,
    service,
    start,
    timer,
    two_reviews,
    user,
)
from tests.engine.hall import APPLICANT, REVIEWER, SECONDER, STRANGER, Hall

TABLE = """<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="路线">
<decision id="route" name="办理方式"><decisionTable id="t" hitPolicy="{policy}">
<input id="i" label="金额"><inputExpression id="ie"><text>cents</text></inputExpression></input>
<output id="o" label="方式" name="way"/>{rules}</decisionTable></decision></definitions>"""
RULE = """<rule id="{id}"><inputEntry id="{id}i"><text>{when}</text></inputEntry>
<outputEntry id="{id}o"><text>{then}</text></outputEntry></rule>"""


def drawn(*parts: str, roles: dict[str, str] | None = None, **props: object) -> Deployed:
    """A form, whatever `parts` say, an end."""
    where = {"fill": OPERATOR} | (roles or {})
    lanes = "".join(
        lane(role, *(node for node, its in where.items() if its == role))
        for role in dict.fromkeys(where.values())
    )
    file = process("versions", start(), form("fill"), *parts, end(), lanes=lanes, **props)
    return dialect.parse("versions", {"versions.bpmn": file})


def review(name: str = "初审", role: str = FIRST, when: str = "", **props: object) -> Deployed:
    way = flow("start", "fill") + flow("fill", "review", when) + flow("review", "end")
    return drawn(user("review", name, **props), way, roles={"review": role})


def said(found: Comparison) -> list[str]:
    return [change.text for each in found.changed for change in each.changes]


def tables(policy: str = "FIRST", **rules: tuple[str, str]) -> Deployed:
    text = "".join(
        RULE.format(id=i, when=escape(when), then=then) for i, (when, then) in rules.items()
    )
    table = TABLE.format(policy=policy, rules=text).encode()
    decide = (
        "<businessRuleTask id='decide' name='分流'><extensionElements>"
        "<spiffworkflow:calledDecisionId>route</spiffworkflow:calledDecisionId>"
        "</extensionElements></businessRuleTask>"
    )
    lanes = lane(OPERATOR, "fill")
    way = flows("start", "fill", "decide", "end")
    file = process("versions", start(), form("fill"), decide, end(), way, lanes=lanes)
    return dialect.parse("versions", {"versions.bpmn": file, "route.dmn": table})


@pytest.mark.parametrize(
    ("new", "text"),
    [
        (review(name="初核"), "名称由“初审”改为“初核”"),
        (review(role=SECOND), f"岗位由“{FIRST}”改为“{SECOND}”"),
        (review(form="tests.Other"), "增加表单“tests.Other”"),
        (review(due_working_days=2), "增加期限（工作日）“2”"),
        (review(odd="x"), "增加属性 odd“x”"),
        (review(when="n > 1"), "增加条件“n > 1”"),
    ],
)
def test_each_kind_of_change_is_told_in_words(new: Deployed, text: str) -> None:
    assert said(versions.compare(review(), new)) == [text]
    assert not versions.compare(new, new).changed


def test_a_new_operation_and_a_new_parameter_are_told() -> None:
    way = flows("start", "fill", "apply", "end")
    old = drawn(service("apply", "tests/echo", a="1"), way)
    new = drawn(service("apply", "tests/note", a="2", b="3"), way)
    assert said(versions.compare(old, new)) == [
        "操作由“tests/echo”改为“tests/note”",
        "参数 a由“1”改为“2”",
        "增加参数 b“3”",
    ]


def test_steps_put_in_and_taken_out_come_with_their_flows() -> None:
    old = review()
    new = drawn(
        user("review", "初审") + user("second", "复核"),
        flows("start", "fill", "review", "second", "end"),
        roles={"review": FIRST, "second": SECOND},
    )
    found = versions.compare(old, new)
    assert [(each.kind, each.name) for each in found.added] == [
        ("人工步骤", "复核"),
        ("连线", "初审 → 复核"),
        ("连线", "复核 → end"),
    ]
    assert [each.name for each in found.removed] == ["初审 → end"]
    assert not found.changed
    back = versions.compare(new, old)
    assert [each.id for each in back.removed] == [each.id for each in found.added]


def test_a_deadline_at_a_step_is_told_with_its_time() -> None:
    def late(hours: str) -> Deployed:
        return drawn(
            user("review", "初审") + timer("late", "review", timeDuration=hours) + end("gone"),
            flows("start", "fill", "review", "end") + flows("late", "gone"),
            roles={"review": FIRST},
        )

    assert said(versions.compare(late("'PT1H'"), late("'PT2H'"))) == [
        "等待时长由“'PT1H'”改为“'PT2H'”"
    ]


def test_decision_tables_are_compared_row_by_row() -> None:
    old = tables(r1=("< 100", '"none"'), r2=("", '"two"'))
    new = tables(r1=("< 500", '"none"'), r3=("", '"one"'))
    found = versions.compare(old, new)
    assert said(found) == ["如果“金额”由“< 100”改为“< 500”"]
    assert [each.name for each in found.changed] == ["办理方式第 1 行"]
    assert [each.name for each in found.added] == ["办理方式第 2 行"]
    assert [each.id for each in found.removed] == ["route/r2"]
    assert said(
        versions.compare(old, tables("UNIQUE", r1=("< 100", '"none"'), r2=("", '"two"')))
    ) == ["命中方式由“FIRST”改为“UNIQUE”"]


def test_where_things_stand_on_the_sheet_is_no_difference() -> None:
    def at(x: int) -> Deployed:
        shape = (
            "<bpmndi:BPMNDiagram xmlns:bpmndi='http://www.omg.org/spec/BPMN/20100524/DI'"
            " xmlns:dc='http://www.omg.org/spec/DD/20100524/DC' id='sheet'>"
            "<bpmndi:BPMNPlane id='plane' bpmnElement='two_reviews'>"
            f"<bpmndi:BPMNShape id='s' bpmnElement='fill'><dc:Bounds x='{x}' y='0' width='1'"
            " height='1'/></bpmndi:BPMNShape></bpmndi:BPMNPlane></bpmndi:BPMNDiagram>"
        ).encode()
        file = two_reviews().replace(b"</definitions>", shape + b"</definitions>")
        return dialect.parse("two_reviews", {"two_reviews.bpmn": file})

    assert versions.compare(at(0), at(500)).same


def test_namesakes_are_told_apart() -> None:
    def to(target: str) -> Deployed:
        return drawn(
            gateway("gate", "a") + user("a", "审核") + user("b", "审核"),
            flows("start", "fill", "gate", "a", "end")
            + f"<sequenceFlow id='f' sourceRef='gate' targetRef='{target}'>"
            "<conditionExpression>n</conditionExpression></sequenceFlow>" + flows("b", "end"),
            roles={"a": FIRST, "b": SECOND},
        )

    assert said(versions.compare(to("a"), to("b"))) == ["终点由“审核（a）”改为“审核（b）”"]


def test_versions_say_how_many_requests_run_on_each(hall: Hall) -> None:
    first = hall.file()
    hall.deploy(two_reviews(name="新名字"))
    hall.file(STRANGER, scope="unit:0999")
    hall.approve(first, REVIEWER)  # still runs
    found = versions.of(hall.rt, "two_reviews")
    assert [(each.version, each.name, each.running) for each in found] == [
        (2, "新名字", 1),
        (1, "测试业务", 1),
    ]
    hall.send_back(first, SECONDER)
    assert [each.running for each in versions.of(hall.rt, "two_reviews")] == [1, 1]
    engine.end(hall.rt, APPLICANT, first)
    assert [each.running for each in versions.of(hall.rt, "two_reviews")] == [1, 0]
    assert versions.of(hall.rt, "nothing\x00") == []
