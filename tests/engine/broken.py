"""Diagrams that cannot run: each with the sentence and the element its refusal must name."""

from __future__ import annotations

from typing import Any

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

LANES = lane("单位经办人", "fill") + lane("归集审核岗", "review", "review1")


def plain(*parts: str, way: str = "", begin: str = "", **props: Any) -> bytes:
    """start → fill → (way) with the parts; the way begins at fill."""
    first = (begin or start(), form("fill"))
    ways = (flows("start", "fill"), way)
    return process("p", *first, *parts, end(), *ways, lanes=LANES, **props)


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
    "event sub-process": (
        plain(
            "<subProcess id='watch' name='超时处理' triggeredByEvent='true'>"
            + start("ring")
            + end("rung")
            + flows("ring", "rung")
            + "</subProcess>",
            way=flows("fill", "end"),
        ),
        "事件子流程“超时处理”的开始事件没有触发条件",
        "ring",
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
