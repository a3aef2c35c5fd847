"""Versions of a service: how many requests run on each, and what is different between two.

Two diagrams are compared as people read them: element by element, by id, with the words of the
drawing (岗位, 表单, 条件, 期限 …), decision tables row by row.  Where things stand on the sheet is
no difference.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree
from sqlalchemy import func, select

from engine.database import possible
from engine.diagrams.diagram_files import BPMN, NS, label, properties, read_xml
from engine.diagrams.dialect import Deployed
from engine.models import RUNNING_STATES, Definition, Instance
from engine.runtime import Runtime

KINDS = {
    "process": "流程",
    "userTask": "人工步骤",
    "manualTask": "人工步骤",
    "serviceTask": "系统操作",
    "scriptTask": "脚本",
    "businessRuleTask": "决策",
    "sendTask": "发送",
    "receiveTask": "接收",
    "callActivity": "调用流程",
    "subProcess": "子流程",
    "transaction": "事务子流程",
    "exclusiveGateway": "排他网关",
    "parallelGateway": "并行网关",
    "inclusiveGateway": "包容网关",
    "eventBasedGateway": "事件网关",
    "startEvent": "开始",
    "endEvent": "结束",
    "boundaryEvent": "边界事件",
    "intermediateCatchEvent": "等待事件",
    "intermediateThrowEvent": "触发事件",
    "sequenceFlow": "连线",
    "decision": "决策表",
    "rule": "决策表规则",
}
PROPERTIES = {
    "form": "表单",
    "due_working_days": "期限（工作日）",
    "label": "办理中的说法",
    "verbs": "可作的决定",
    "outcome": "结果",
    "batch": "批量办理",
    "irreversible": "不可撤销",
    "in_flight": "同时在办",
    "withdraw": "撤回",
    "urge_per_day": "每天催办次数",
    "candidates": "办理人",
    "nobody": "无人可办时",
    "sign": "会签规则",
    "signers": "会签人",
    "straight": "更正后交回",
    "money": "涉及资金",
    "correlation": "对应关系",
}
EVENTS = {
    "timeDate": "时间",
    "timeDuration": "等待时长",
    "timeCycle": "重复",
    "condition": "条件",
}
REFERENCES = ("messageRef", "signalRef", "errorRef", "escalationRef")


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that is different; None: not there."""

    what: str
    before: str | None
    after: str | None

    @property
    def text(self) -> str:
        if self.before is None:
            return f"增加{self.what}“{self.after}”"
        if self.after is None:
            return f"删除{self.what}“{self.before}”"
        return f"{self.what}由“{self.before}”改为“{self.after}”"


@dataclass(frozen=True, slots=True)
class Difference:
    """An element that was added, removed or changed."""

    id: str
    name: str
    kind: str
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    added: tuple[Difference, ...]
    removed: tuple[Difference, ...]
    changed: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        return not (self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Version:
    """A deployed version; `running`: requests in hand on it."""

    id: int
    version: int
    name: str
    deployed_at: datetime
    deployed_by: str
    running: int


@dataclass(frozen=True, slots=True)
class _Element:
    name: str
    kind: str
    facts: dict[str, str] = field(default_factory=dict)


def of(rt: Runtime, key: str) -> list[Version]:
    """All versions of a service, the newest first; empty for a service never deployed."""
    if not possible(key):
        return []
    counts = (
        select(Instance.definition_id, func.count().label("running"))
        .where(Instance.key == key, Instance.status.in_(RUNNING_STATES))
        .group_by(Instance.definition_id)
        .subquery()
    )
    query = (
        select(
            Definition.id,
            Definition.version,
            Definition.name,
            Definition.deployed_at,
            Definition.deployed_by,
            func.coalesce(counts.c.running, 0),
        )
        .join(counts, counts.c.definition_id == Definition.id, isouter=True)
        .where(Definition.key == key)
        .order_by(Definition.version.desc())
    )
    return [Version(*row) for row in rt.session.execute(query)]


def compare(old: Deployed, new: Deployed) -> Comparison:
    """What `new` adds, leaves out and does differently, in the order of the drawings."""
    names = {**_names(old), **_names(new)}  # a step with a new name is still the same step
    before, after = _elements(old, names), _elements(new, names)
    changed = []
    for each in after:
        if each in before:
            changes = tuple(_changes(before[each], after[each]))
            if changes:
                changed.append(_difference(each, after[each], changes))
    return Comparison(
        added=tuple(_difference(each, after[each]) for each in after if each not in before),
        removed=tuple(_difference(each, before[each]) for each in before if each not in after),
        changed=tuple(changed),
    )


def _difference(key: str, what: _Element, changes: tuple[Change, ...] = ()) -> Difference:
    return Difference(key, what.name, what.kind, changes)


def _changes(before: _Element, after: _Element) -> Iterator[Change]:
    if before.kind != after.kind:
        yield Change("类型", before.kind, after.kind)
    if before.name != after.name and before.kind not in ("连线", "决策表规则"):
        yield Change("名称", before.name, after.name)
    for what in dict.fromkeys((*before.facts, *after.facts)):
        was, now = before.facts.get(what), after.facts.get(what)
        if was != now:
            yield Change(what, was, now)


# ── reading the drawings ───────────────────────────────────────────────────────────────────────


def _names(deployed: Deployed) -> dict[str, str]:
    """What people call each element; namesakes are told apart by their ids."""
    found: dict[str, str] = {}
    for name, content in sorted(deployed.files.items()):
        if not name.endswith(".dmn"):
            for each in read_xml(name, content).iter(f"{{{BPMN}}}*"):
                if each.get("id"):
                    found[str(each.get("id"))] = label(each)
    seen = Counter(found.values())
    return {key: f"{name}（{key}）" if seen[name] > 1 else name for key, name in found.items()}


def _elements(deployed: Deployed, names: dict[str, str]) -> dict[str, _Element]:
    found: dict[str, _Element] = {}
    for name, content in sorted(deployed.files.items()):
        tree = read_xml(name, content)
        found |= dict(_tables(tree) if name.endswith(".dmn") else _drawn(tree, names))
    return found


def _drawn(root: etree._Element, names: dict[str, str]) -> Iterator[tuple[str, _Element]]:
    references = {
        str(each.get("id")): str(each.get("name") or each.get("id"))
        for each in root
        if isinstance(each.tag, str)
    }
    for process in root.findall("bpmn:process", NS):
        lanes = {
            (ref.text or "").strip(): str(lane.get("name") or lane.get("id"))
            for lane in process.iter(f"{{{BPMN}}}lane")
            for ref in lane.findall("bpmn:flowNodeRef", NS)
        }
        for element in process.iter(f"{{{BPMN}}}*"):
            tag = etree.QName(element).localname
            if tag not in KINDS or not element.get("id"):
                continue
            key = str(element.get("id"))
            if tag == "sequenceFlow":
                yield key, _flow(element, names)
            else:
                facts = dict(_facts(element, names, references))
                if key in lanes:
                    facts = {"岗位": lanes[key], **facts}
                yield key, _Element(label(element), KINDS[tag], facts)


def _flow(element: etree._Element, names: dict[str, str]) -> _Element:
    ends = [str(element.get(each)) for each in ("sourceRef", "targetRef")]
    facts = dict(zip(("起点", "终点"), (names.get(each, each) for each in ends), strict=True))
    condition = element.findtext("bpmn:conditionExpression", namespaces=NS)
    if condition and condition.strip():
        facts["条件"] = condition.strip()
    if element.get("name"):
        facts["名称"] = _words(element.get("name"))
    return _Element(" → ".join(names.get(each, each) for each in ends), "连线", facts)


def _facts(
    element: etree._Element, names: dict[str, str], references: dict[str, str]
) -> Iterator[tuple[str, str]]:
    """What an element says besides its name, as (what, text)."""
    for name, value in properties(element).items():
        yield PROPERTIES.get(name, f"属性 {name}"), str(value)
    operator = element.find("bpmn:extensionElements/spiff:serviceTaskOperator", NS)
    if operator is not None:
        yield "操作", str(operator.get("id"))
        for each in operator.iterfind("spiff:parameters/spiff:parameter", NS):
            yield f"参数 {each.get('id')}", str(each.get("value"))
    yield from _expressions(element, references)
    for attribute, what in (("attachedToRef", "所在步骤"), ("default", "默认出口")):
        target = element.get(attribute)
        if target:
            yield what, names.get(target, target)
    if element.get("calledElement"):
        yield "调用的流程", str(element.get("calledElement"))
    if element.get("cancelActivity") == "false" or element.get("isInterrupting") == "false":
        yield "中断", "不中断"


def _expressions(element: etree._Element, references: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Scripts, tables, events and loops of one element, not of those inside it."""
    script = element.findtext("bpmn:script", namespaces=NS)
    if script:
        yield "脚本", script.strip()
    for child in element:
        tag = etree.QName(child).localname if isinstance(child.tag, str) else ""
        if tag.endswith("EventDefinition"):
            yield from _event(child, tag, references)
        elif tag.endswith("LoopCharacteristics"):
            yield "循环", _loop(child, tag)
        elif tag == "extensionElements":
            called = child.findtext("spiff:calledDecisionId", namespaces=NS)
            if called:
                yield "决策表", called.strip()
    for reference in REFERENCES:
        if element.get(reference):
            yield "等待或发出", references.get(str(element.get(reference)), "")


def _event(
    definition: etree._Element, tag: str, references: dict[str, str]
) -> Iterator[tuple[str, str]]:
    yield "事件", tag.removesuffix("EventDefinition")
    for child in definition:
        name = etree.QName(child).localname if isinstance(child.tag, str) else ""
        if name in EVENTS:
            yield EVENTS[name], (child.text or "").strip()
    for reference in REFERENCES:
        target = definition.get(reference)
        if target:
            yield "等待或发出", references.get(target, target)


def _loop(element: etree._Element, tag: str) -> str:
    words = ["依次" if element.get("isSequential") == "true" else "同时"]
    if tag.startswith("standard"):
        words = ["循环"]
    for child in element.iter():
        text = (child.text or child.get("name") or "").strip() if child is not element else ""
        if text:
            words.append(text)
    return " ".join(words)


def _tables(root: etree._Element) -> Iterator[tuple[str, _Element]]:
    """A decision table and its rules; an unnamed rule goes by its row."""
    for decision in root.iterfind("{*}decision"):
        key = str(decision.get("id"))
        name = _words(decision.get("name")) or key
        for table in decision.iterfind("{*}decisionTable"):
            heads = [_head(each) for each in table.iterfind("{*}input")]
            outs = [
                str(each.get("label") or each.get("name") or "结果")
                for each in table.iterfind("{*}output")
            ]
            facts = {"命中方式": table.get("hitPolicy", "UNIQUE")}
            facts |= {"条件列": "、".join(heads), "结果列": "、".join(outs)}
            yield key, _Element(name, "决策表", facts)
            for row, rule in enumerate(table.iterfind("{*}rule"), start=1):
                place = f"{key}/{rule.get('id') or row}"
                yield place, _Element(f"{name}第 {row} 行", "决策表规则", _rule(rule, heads, outs))


def _head(entry: etree._Element) -> str:
    expression = entry.findtext("{*}inputExpression/{*}text") or ""
    return str(entry.get("label") or expression.strip() or "条件")


def _rule(rule: etree._Element, heads: list[str], outs: list[str]) -> dict[str, str]:
    facts = {}
    for what, kind, names in (("如果", "inputEntry", heads), ("则", "outputEntry", outs)):
        for name, entry in zip(names, rule.iterfind(f"{{*}}{kind}"), strict=False):
            facts[f"{what}“{name}”"] = (entry.findtext("{*}text") or "").strip() or "任意"
    return facts


def _words(text: str | None) -> str:
    """Names are broken into lines on the sheet."""
    return re.sub(r"\s+", "", text or "")
