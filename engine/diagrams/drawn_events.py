"""Which elements may be drawn at all, which events may stand where, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from engine.diagrams.diagram_files import label, tag
from engine.errors import Problem

NAME_CHARS_MAX = 120  # of a message or signal: what the column holds
TASKS = frozenset(
    ("userTask", "manualTask", "serviceTask", "scriptTask", "businessRuleTask", "sendTask")
    + ("receiveTask", "callActivity")
)
SCOPES = frozenset(("subProcess", "transaction"))
GATEWAYS = frozenset(
    ("exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway")
)
EVENTS = frozenset(
    ("startEvent", "endEvent", "intermediateCatchEvent", "intermediateThrowEvent", "boundaryEvent")
)
NODES = TASKS | SCOPES | GATEWAYS | EVENTS
_CATCHING = ("message", "signal", "timer", "conditional")
# which events each element may carry
MAY = {
    "startEvent": (),
    "endEvent": ("message", "signal", "error", "escalation", "terminate", "cancel"),
    "intermediateCatchEvent": _CATCHING,
    "intermediateThrowEvent": ("message", "signal", "escalation"),
    "boundaryEvent": (*_CATCHING, "error", "escalation", "cancel"),
}
WAKING = (*_CATCHING, "error", "escalation")  # at the start of an event sub-process
WORDS = {
    "message": "消息",
    "signal": "信号",
    "timer": "定时",
    "conditional": "条件",
    "error": "错误",
    "escalation": "升级",
    "terminate": "终止",
    "cancel": "取消",
}


def kind_of(event: etree._Element) -> list[str]:
    """The kinds of events an element carries: ["timer"]."""
    found = [tag(each) for each in event if tag(each).endswith("EventDefinition")]
    return [name.removesuffix("EventDefinition") for name in found]


def waking(scope: etree._Element) -> bool:
    """Is it an event sub-process?"""
    return scope.get("triggeredByEvent") == "true"


def check(node: etree._Element, named: dict[str, etree._Element]) -> Iterator[Problem]:
    kind, carried = tag(node), kind_of(node)
    name, node_id = label(node), node.get("id")
    allowed: tuple[str, ...] = MAY.get(kind, ())
    parent = node.getparent()
    if kind == "startEvent" and parent is not None and waking(parent):
        allowed = WAKING
    if kind in MAY and len(carried) > 1:
        text = f"“{name}”有多个触发条件，请拆成几个事件。"
        yield Problem("event.several", text, node_id)
    elif not carried and kind in MAY and kind not in ("startEvent", "endEvent"):
        words = "、".join(WORDS[each] for each in allowed)
        text = f"“{name}”没有选择事件类型，请选择{words}之一。"
        yield Problem("event.plain", text, node_id)
    for each in carried if kind != "startEvent" or allowed else ():
        if kind in MAY and each in WORDS and each not in allowed:
            text = f"“{name}”不能是{WORDS[each]}事件，请换一种事件。"
            yield Problem("event.kind", text, node_id)
    yield from _references(node, named)


def _references(node: etree._Element, named: dict[str, etree._Element]) -> Iterator[Problem]:
    """What an event refers to must be there and have a name."""
    name, node_id = label(node), node.get("id")
    wanted = [(each, kind_of(node)[place]) for place, each in enumerate(_definitions(node))]
    if tag(node) in ("sendTask", "receiveTask"):
        wanted.append((node, "message"))
    for holder, kind in wanted:
        if kind not in ("message", "signal", "error", "escalation"):
            continue
        ref = holder.get(f"{kind}Ref")
        if ref is None:
            if kind in ("message", "signal"):
                text = f"“{name}”没有选择{WORDS[kind]}，请在属性中选择，或新建一个并起名。"
                yield Problem(f"{kind}.none", text, node_id)
            continue
        target = named.get(ref)
        if target is None or tag(target) != kind:
            text = f"“{name}”引用的{WORDS[kind]}“{ref}”不存在，请重新选择。"
            yield Problem(f"{kind}.unknown", text, node_id)
            continue
        called = (target.get("name") or "").strip()
        if kind in ("message", "signal") and not 0 < len(called) <= NAME_CHARS_MAX:
            text = f"“{name}”的{WORDS[kind]}没有名称或名称过长，请起一个 120 字以内的名称。"
            yield Problem(f"{kind}.name", text, node_id)
        thrown = tag(node) in ("endEvent", "intermediateThrowEvent")
        if kind in ("error", "escalation") and thrown and not target.get(f"{kind}Code"):
            text = f"“{name}”抛出的{WORDS[kind]}没有代码，请填写代码。"
            yield Problem(f"{kind}.code", text, node_id)


def _definitions(node: etree._Element) -> list[etree._Element]:
    return [each for each in node if tag(each).endswith("EventDefinition")]
