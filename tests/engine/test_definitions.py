"""What can run gets a version for ever; what cannot gets a sentence, and nothing is stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import engine
from engine import definitions
from engine.errors import BadDefinition
from tests.builders import diagrams
from tests.builders.diagrams import (
    end,
    flow,
    flows,
    form,
    gateway,
    lane,
    process,
    service,
    start,
    user,
)
from tests.engine.hall import APPLICANT, REVIEWER, SECONDER, Hall

LANES = lane("单位经办人", "fill") + lane("归集审核岗", "review", "review1")


def test_the_first_deployment_is_version_one(hall: Hall) -> None:
    deployed = definitions.current(hall.rt, "two_reviews")
    assert deployed is not None
    assert (deployed.key, deployed.version, deployed.name) == ("two_reviews", 1, "测试业务")
    assert deployed.first.form == "tests.Form"
    assert [node.id for node in deployed.steps] == ["fill", "review1", "review2", "apply"]
    assert deployed.due_days == 3


def test_the_same_content_again_is_the_same_version(hall: Hall) -> None:
    before = hall.picture()
    assert hall.deploy(diagrams.two_reviews()).version == 1
    assert hall.picture() == before


def test_other_content_is_the_next_version_and_coming_back_is_one_more(hall: Hall) -> None:
    assert hall.deploy(diagrams.two_reviews(due_working_days=5)).version == 2
    assert hall.deploy(diagrams.two_reviews()).version == 3
    (current,) = definitions.all_current(hall.rt)
    assert current.version == 3


def test_a_running_request_stays_on_its_version(hall: Hall) -> None:
    old = hall.file()
    hall.deploy(diagrams.one_review("two_reviews", name="新流程"))
    hall.approve(old, REVIEWER)
    assert hall.where(old) == ["review2"]
    assert engine.view(hall.rt, SECONDER, old).version == 1
    hall.approve(old, SECONDER)
    new = hall.file()
    assert hall.approve(new, REVIEWER).status == "completed"
    view = engine.view(hall.rt, REVIEWER, new)
    assert (view.version, view.name) == (2, "新流程")


def test_a_fresh_process_parses_the_stored_version(hall: Hall) -> None:
    no = hall.file()
    definitions._cache.clear()
    assert hall.approve(no, REVIEWER).label == "复核中"


def test_an_unknown_service_has_no_version(hall: Hall) -> None:
    assert definitions.current(hall.rt, "unknown") is None


def refused(hall: Hall, content: bytes, key: str = "p", **more: bytes) -> BadDefinition:
    with pytest.raises(BadDefinition) as said:
        hall.deploy(content, key, **more)
    assert hall.picture()["hall_definition"] == []
    assert definitions.all_current(hall.rt) == []
    for problem in said.value.problems:
        assert problem.text.endswith("。")
    return said.value


def plain(*parts: str, way: str = "", **props: Any) -> bytes:
    """start → fill → (way) with the parts; the way begins at fill."""
    return process(
        "p", start(), form("fill"), *parts, end(), flows("start", "fill"), way, lanes=LANES, **props
    )


STRAIGHT = flows("fill", "review", "end")
REVIEW = user("review", "材料审核", verbs="approve,return")
BROKEN: dict[str, tuple[bytes, str, str | None]] = {
    "no start": (
        process("p", form("fill"), end(), flows("fill", "end"), lanes=LANES),
        "开始事件",
        None,
    ),
    "no form": (
        process(
            "p",
            start(),
            user("review", "材料审核", verbs="approve"),
            end(),
            flows("start", "review", "end"),
            lanes=LANES,
        ),
        "没有填写步骤",
        "p",
    ),
    "review before the form": (
        process(
            "p",
            start(),
            REVIEW,
            form("fill"),
            end(),
            flows("start", "review", "fill", "end"),
            lanes=LANES,
        ),
        "填写步骤.*开始",
        "review",
    ),
    "two steps at once first": (
        process(
            "p",
            start(),
            gateway("split", kind="parallel"),
            form("fill"),
            form("fill2", "另填"),
            end(),
            flows("start", "split", "fill", "end"),
            flows("split", "fill2", "end"),
            lanes=lane("单位经办人", "fill", "fill2"),
        ),
        "填写步骤.*开始",
        None,
    ),
    "dead end": (plain(REVIEW, way=flows("fill", "review")), "“材料审核”没有出口", "review"),
    "dead end at a gateway": (
        plain(gateway("gate"), way=flows("fill", "gate")),
        "“gate”没有出口",
        "gate",
    ),
    "unknown called process": (
        plain(
            "<callActivity id='call' name='调用核查' calledElement='gone'/>",
            way=flows("fill", "call", "end"),
        ),
        "“调用核查”调用的流程“gone”不在",
        "call",
    ),
    "unknown operation": (
        plain(service("svc", "tests/nothing", "缴款入账"), way=flows("fill", "svc", "end")),
        "“缴款入账”调用的操作“tests/nothing”不存在",
        "svc",
    ),
    "no operation": (
        plain("<serviceTask id='svc' name='缴款入账'/>", way=flows("fill", "svc", "end")),
        "“缴款入账”没有选择要调用的操作",
        "svc",
    ),
    "no lane": (
        plain(user("lost", "无主审核", verbs="approve"), way=flows("fill", "lost", "end")),
        "“无主审核”不在任何泳道中",
        "lost",
    ),
    "refusal without a way": (
        plain(user("review", "材料审核"), way=STRAIGHT),
        "“材料审核”可以驳回，但后面的网关没有",
        "review",
    ),
    "unknown verb": (
        plain(user("review", "材料审核", verbs="approve,bless"), way=STRAIGHT),
        "“材料审核”的 verbs 中“bless”不认识",
        "review",
    ),
    "unknown node property": (
        plain(user("review", "材料审核", verbs="approve", color="red"), way=STRAIGHT),
        "“材料审核”的属性“color”不认识",
        "review",
    ),
    "unknown process property": (
        plain(REVIEW, way=STRAIGHT, colour="red"),
        "流程属性“colour”不认识",
        "p",
    ),
    "due days": (plain(REVIEW, way=STRAIGHT, due_working_days="soon"), "办结期限应为", "p"),
    "due days superscript": (
        plain(REVIEW, way=STRAIGHT, due_working_days="²"),
        "办结期限应为",
        "p",
    ),
    "due days of a step": (
        plain(user("review", "材料审核", verbs="approve", due_working_days="x"), way=STRAIGHT),
        "“材料审核”.*期限应为",
        "review",
    ),
    "in flight": (plain(REVIEW, way=STRAIGHT, in_flight="always"), "in_flight 只能是", "p"),
    "withdraw": (plain(REVIEW, way=STRAIGHT, withdraw="whenever"), "withdraw 只能是", "p"),
    "outcome": (
        plain(end("end2", outcome="lost"), way=flows("fill", "end2")),
        "outcome 只能是 completed 或 refused",
        "end2",
    ),
    "bad condition": (
        plain(
            gateway("gate", "end"),
            REVIEW,
            way=flows("fill", "gate", "end")
            + flow("gate", "review", "a ==")
            + flows("review", "end"),
        ),
        "“a ==”不能用",
        "gate__review",
    ),
    "forbidden condition": (
        plain(
            gateway("gate", "end"),
            REVIEW,
            way=flows("fill", "gate", "end")
            + flow("gate", "review", "a.__class__")
            + flows("review", "end"),
        ),
        "不能用",
        "gate__review",
    ),
    "bad parameter": (
        plain(
            service("svc", "tests/echo", "缴款入账", event="1 +"), way=flows("fill", "svc", "end")
        ),
        "“缴款入账”.*“1 \\+”不能用",
        "svc",
    ),
    "bad timer": (
        plain(
            REVIEW,
            diagrams.timer("late", "review", timeDate="before_due("),
            end("end_late"),
            way=STRAIGHT + flows("late", "end_late"),
        ),
        "“late”.*不能用",
        "late",
    ),
    "missing decision": (
        plain(
            "<businessRuleTask id='rule' name='办理方式'><extensionElements>"
            "<spiffworkflow:calledDecisionId>gone</spiffworkflow:calledDecisionId>"
            "</extensionElements></businessRuleTask>",
            way=flows("fill", "rule", "end"),
        ),
        "“办理方式”引用的决策表不存在",
        "rule",
    ),
    "unsupported element": (
        plain("<complexGateway id='odd' name='复杂网关'/>", way=flows("fill", "odd", "end")),
        "“复杂网关”使用了不支持执行的元素",
        "odd",
    ),
    "flow into nothing": (
        plain(REVIEW, way=flows("fill", "review", "nowhere")),
        "“材料审核”的连线指向不存在的元素",
        "review",
    ),
    "two ways out of a step": (
        plain(REVIEW, end("end2"), way=STRAIGHT + flows("review", "end2")),
        "“材料审核”有多条出口",
        "review",
    ),
    "long name": (
        plain(user("review", "审" * 200, verbs="approve"), way=STRAIGHT),
        "名称过长",
        "review",
    ),
    "wrong process id": (
        process("other", start(), form("fill"), end(), flows("start", "fill", "end"), lanes=LANES),
        "没有找到 id 为“p”的流程",
        None,
    ),
    "not BPMN": (b"<html><body>hello</body></html>", "没有找到 id 为“p”的流程|无法执行", None),
    "bad XML": (b"<definitions><process>", "p.bpmn 第 1 行不是有效的 XML", None),
    "empty file": (b"", "不是有效的 XML", None),
    "not text": (b"\x89PNG\r\n\x1a\n\x00\x00", "不是有效的 XML|UTF-8", None),
    "GBK": (
        "<?xml version='1.0' encoding='GBK'?><definitions name='审'/>".encode("gbk"),
        "UTF-8",
        None,
    ),
    "UTF-16": (
        diagrams.one_review("p").decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        "UTF-8",
        None,
    ),
    "DOCTYPE": (b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:1/x.dtd'><definitions/>", "DOCTYPE", None),
    "entity": (
        b"<?xml version='1.0'?><!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
        b"<definitions>&x;</definitions>",
        "外部实体",
        None,
    ),
    "billion laughs": (
        b"<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;'>]>"
        b"<definitions>&b;</definitions>",
        "DOCTYPE",
        None,
    ),
    "3 MB": (b"<definitions>" + b" " * 3_000_000 + b"</definitions>", "超过 2 MB", None),
}


@pytest.mark.parametrize(("content", "sentence", "element"), BROKEN.values(), ids=BROKEN)
def test_a_diagram_that_cannot_run_is_refused_by_name(
    empty_hall: Hall, content: bytes, sentence: str, element: str | None
) -> None:
    said = refused(empty_hall, content)
    hits = [problem for problem in said.problems if re.search(sentence, problem.text)]
    assert hits, said.problems
    if element is not None:
        assert element in {problem.field for problem in hits}


def called(*parts: str, key: str = "inner") -> bytes:
    return process(key, start(f"{key}_start"), *parts, end(f"{key}_end"))


def calls(target: str, key: str) -> str:
    way = flows(f"{key}_start", f"{key}_call", f"{key}_end")
    return f"<callActivity id='{key}_call' name='转{target}' calledElement='{target}'/>{way}"


def test_processes_that_call_each_other_for_ever_are_refused(empty_hall: Hall) -> None:
    main = plain(
        "<callActivity id='call' name='转甲' calledElement='a'/>", way=flows("fill", "call", "end")
    )
    said = refused(
        empty_hall, main, a=called(calls("b", "a"), key="a"), b=called(calls("a", "b"), key="b")
    )
    assert "死循环" in said.text
    assert said.problem.field in ("a_call", "b_call")


def test_a_process_that_calls_itself_is_refused(empty_hall: Hall) -> None:
    main = plain(
        "<callActivity id='call' name='转自己' calledElement='p'/>",
        way=flows("fill", "call", "end"),
    )
    said = refused(empty_hall, main)
    assert ("死循环" in said.text, said.problem.field) == (True, "call")


def test_people_work_in_a_called_process_too(empty_hall: Hall) -> None:
    inner = process(
        "inner",
        start("i_start"),
        user("check", "现场核查", verbs="approve"),
        end("i_end"),
        flows("i_start", "check", "i_end"),
        lanes=lane("归集审核岗", "check"),
    )
    hall = empty_hall
    main = plain(
        "<callActivity id='call' name='核查' calledElement='inner'/>",
        REVIEW,
        way=flows("fill", "call", "review", "end"),
    )
    hall.deploy(main, "p", inner=inner)
    no = hall.file(key="p")
    assert hall.where(no) == ["check"]
    assert hall.tasks(no)[0].role == "归集审核岗"
    hall.approve(no, REVIEWER)
    assert hall.where(no) == ["review"]


def test_a_step_without_lane_in_a_called_process_is_refused(empty_hall: Hall) -> None:
    inner = called(
        user("check", "现场核查", verbs="approve"), flows("inner_start", "check", "inner_end")
    )
    main = plain(
        "<callActivity id='call' name='核查' calledElement='inner'/>",
        way=flows("fill", "call", "end"),
    )
    assert "“现场核查”不在任何泳道中" in refused(empty_hall, main, inner=inner).text


def test_the_first_form_is_the_first_on_the_way_not_in_the_file(empty_hall: Hall) -> None:
    hall = empty_hall
    content = process(
        "p",
        form("supplement", "补充资料", form="tests.Second"),
        start(),
        end(),
        form("fill"),
        flows("start", "fill", "supplement", "end"),
        lanes=lane("单位经办人", "fill", "supplement"),
    )
    assert hall.deploy(content, "p").first.id == "fill"
    no = hall.file(key="p")
    assert hall.where(no) == ["supplement"]
    assert hall.resubmit(no, APPLICANT, more=1).status == "completed"


def test_every_problem_is_named_at_once(empty_hall: Hall) -> None:
    content = plain(
        user("lost", "无主审核", verbs="approve", color="x"),
        service("svc", "tests/nothing", "缴款入账"),
        way=flows("fill", "lost", "svc", "end"),
    )
    codes = sorted(problem.code for problem in refused(empty_hall, content).problems)
    assert codes == ["node.lane", "node.operation", "prop.unknown"]


def test_a_refused_diagram_leaves_the_deployed_one_in_place(hall: Hall) -> None:
    no = hall.file()
    before = hall.picture()
    with pytest.raises(BadDefinition):
        hall.deploy(process("two_reviews", start(), end(), flows("start", "end")))
    assert hall.picture() == before
    hall.approve(no, REVIEWER)


def test_a_loop_that_only_a_service_can_end_does_not_hang_the_deployment(empty_hall: Hall) -> None:
    """Foretelling the way runs the diagram with silent services."""
    hall = empty_hall
    content = plain(
        service("ask", "tests/echo", "查询", ready="True"),
        gateway("ready", "ask"),
        REVIEW,
        way=flows("fill", "ask", "ready", "ask")
        + flow("ready", "review", 'ask_result.get("ready")')
        + flows("review", "end"),
    )
    hall.deploy(content, "p")
    no = hall.file(key="p")
    assert hall.where(no) == ["review"]


@pytest.mark.parametrize("make", [diagrams.two_reviews, diagrams.one_review])
def test_what_we_build_tests_from_is_clean(empty_hall: Hall, make: Callable[[], bytes]) -> None:
    key = make.__name__
    assert empty_hall.deploy(make(), key).version == 1
