"""From files to a `Deployed` diagram: the Spiff dialect of BPMN plus our extension properties.

The parsed spec is shared by every request of that version and never changed.  What people see of it
(steps, roles, forms, sequence flows) is read here once; bpmn/README.md lists the properties.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lxml import etree
from SpiffWorkflow.bpmn.parser.BpmnParser import full_tag
from SpiffWorkflow.bpmn.parser.task_parsers import GatewayParser
from SpiffWorkflow.bpmn.parser.ValidationException import ValidationException
from SpiffWorkflow.bpmn.specs.mixins import SubWorkflowTaskMixin
from SpiffWorkflow.exceptions import SpiffWorkflowException
from SpiffWorkflow.spiff.parser.process import SpiffBpmnParser

from engine import timer_events
from engine.errors import BadDefinition, Problem
from engine.workflow import MergingParallelGateway, connect_loops

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
SPIFF = "http://spiffworkflow.org/bpmn/schema/1.0/core"
NS = {"bpmn": BPMN, "spiff": SPIFF}
ACTIVITIES = (
    "userTask",
    "manualTask",
    "serviceTask",
    "scriptTask",
    "businessRuleTask",
    "callActivity",
    "subProcess",
    "sendTask",
    "receiveTask",
)
HUMAN = ("userTask", "manualTask")
FILE_BYTES_MAX = 2_000_000
REVIEW_VERBS = frozenset({"approve", "return", "refuse"})


@dataclass(frozen=True, slots=True)
class Node:
    """One activity of a diagram as people know it."""

    id: str
    name: str
    role: str  # the lane
    kind: str  # form | review | auto
    form: str | None
    props: dict[str, str]
    operation: str | None = None

    @property
    def human(self) -> bool:
        return self.kind != "auto"

    @property
    def verbs(self) -> frozenset[str]:
        """What a reviewer may decide here; property `verbs`, default everything."""
        text = self.props.get("verbs")
        return frozenset(text.replace(" ", "").split(",")) if text else REVIEW_VERBS

    @property
    def label(self) -> str:
        return self.props.get("label") or (f"{self.name}中" if self.kind == "review" else self.name)


@dataclass(frozen=True, slots=True)
class Flow:
    id: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Deployed:
    """A parsed version of a diagram, shared by all its requests."""

    id: int
    key: str
    name: str
    version: int
    bpmn: str
    props: dict[str, str]
    nodes: dict[str, Node]
    outcomes: dict[str, str]  # end event → completed | refused
    flows: tuple[Flow, ...]
    spec: Any
    subspecs: dict[str, Any]
    steps: tuple[Node, ...] = ()  # the way a plain request goes, foretold

    @property
    def first(self) -> Node:
        """The form that starts a request."""
        along = self.steps or tuple(self.nodes.values())  # a file lists its steps in any order
        return next(node for node in along if node.kind == "form")

    @property
    def due_days(self) -> int | None:
        text = self.props.get("due_working_days")
        return int(text) if text else None


class Parser(SpiffBpmnParser):  # type: ignore[misc]
    """The library's Spiff dialect with our parallel join."""

    OVERRIDE_PARSER_CLASSES = {
        **SpiffBpmnParser.OVERRIDE_PARSER_CLASSES,
        full_tag("parallelGateway"): (GatewayParser, MergingParallelGateway),
    }


def read_xml(name: str, content: bytes) -> etree._Element:
    """Parse one file; entities, DTDs and network access are off.  BadDefinition with a sentence."""
    if len(content) > FILE_BYTES_MAX:
        raise bad("file.too_large", f"{name} 超过 2 MB，请检查是否选错了文件。")
    if b"<!DOCTYPE" in content[:4096] or b"<!ENTITY" in content:
        raise bad("file.entities", f"{name} 含有 DOCTYPE 或外部实体，请用流程设计器重新导出。")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        content.decode("utf-8")
        tree = etree.fromstring(content, parser)
        if (tree.getroottree().docinfo.encoding or "UTF-8").upper() not in ("UTF-8", "ASCII"):
            raise UnicodeError
        return tree
    except UnicodeError:
        raise bad("file.encoding", f"{name} 不是 UTF-8 编码，请用流程设计器重新导出。") from None
    except etree.XMLSyntaxError as error:
        line = error.lineno or 0
        raise bad(
            "file.xml", f"{name} 第 {line} 行不是有效的 XML，请用流程设计器重新导出。"
        ) from None


def bad(code: str, text: str, element: str | None = None) -> BadDefinition:
    return BadDefinition(Problem(code, text, element))


def parse(key: str, files: dict[str, bytes], *, row_id: int = 0, version: int = 0) -> Deployed:
    """Parse the files of one process (`*.bpmn`, `*.dmn`) whose process id is `key`."""
    parser = Parser()
    processes: dict[str, etree._Element] = {}
    source = ""
    for name, content in sorted(files.items()):
        tree = read_xml(name, content)
        try:
            if name.endswith(".dmn"):
                parser.add_dmn_xml(tree, name)
            else:
                parser.add_bpmn_xml(tree, name)
        except (ValidationException, SpiffWorkflowException, KeyError, TypeError) as error:
            raise _explain(name, error) from None
        found = {str(each.get("id")): each for each in tree.findall("bpmn:process", NS)}
        processes |= found
        if key in found:
            source = content.decode("utf-8")
    if key not in processes:
        raise bad("process.missing", f"没有找到 id 为“{key}”的流程，请检查流程的 id。")
    root = processes[key]
    for call in (
        call for each in processes.values() for call in each.iter(f"{{{BPMN}}}callActivity")
    ):
        if call.get("calledElement") not in processes:
            label, target = call.get("name") or call.get("id"), call.get("calledElement")
            text = f"“{label}”调用的流程“{target}”不在上传的文件中，请一起上传。"
            raise bad("process.called", text, call.get("id"))
    try:
        spec = parser.get_spec(key)
        subspecs = parser.get_subprocess_specs(key)
    except Exception as error:  # noqa: BLE001 - the parser raises almost anything on odd diagrams
        raise _explain(key, error) from None
    _refuse_cycles(key, {**subspecs, key: spec}, ())
    for each in (spec, *subspecs.values()):
        connect_loops(each)
        timer_events.adopt(each)
    return Deployed(
        id=row_id,
        key=key,
        name=root.get("name") or key,
        version=version,
        bpmn=source,
        props=_props(root),
        nodes={
            node_id: node
            for name in (*(subspecs.keys() & processes.keys() - {key}), key)
            for node_id, node in _nodes(processes[name]).items()
        },
        outcomes=_outcomes(root),
        flows=_flows(root),
        spec=spec,
        subspecs=subspecs,
    )


def _refuse_cycles(key: str, specs: dict[str, Any], above: tuple[str, ...]) -> None:
    """The library goes down a call activity until the memory is full."""
    for task_spec in specs[key].task_specs.values():
        if not isinstance(task_spec, SubWorkflowTaskMixin):
            continue
        if task_spec.spec in (*above, key):
            label = task_spec.bpmn_name or task_spec.name
            text = f"“{label}”使流程互相调用，形成了死循环，请改为调用另一个流程。"
            raise bad("process.cycle", text, task_spec.name)
        _refuse_cycles(task_spec.spec, specs, (*above, key))


def _explain(name: str, error: Exception) -> BadDefinition:
    element = getattr(error, "id", "") or ""
    label = getattr(error, "name", "") or element or name
    known = {
        "No start event found": "缺少开始事件，请从左侧拖入一个开始事件。",
        "A Service Task must have an operator": "没有选择要调用的操作，请在属性中选择操作。",
        "There is no support implemented": "使用了不支持执行的元素，请换用任务或网关。",
        "Multiple outgoing flows": "有多条出口，请在后面加一个网关再分支。",
        "When looking for a task spec": "的连线指向不存在的元素，请重新连接。",
    }
    reason = str(error).split("\n")[0].strip().rstrip(".")[:200]
    for start, sentence in known.items():
        if reason.startswith(start):
            return bad("element.invalid", f"“{label}”{sentence}", element or None)
    if "No DMN Diagram available" in reason:
        return bad(
            "decision.missing", f"“{label}”引用的决策表不存在，请先上传决策表。", element or None
        )
    return bad("element.invalid", f"“{label}”无法执行：{reason}。", element or None)


def _props(element: etree._Element) -> dict[str, str]:
    found = element.findall("bpmn:extensionElements/spiff:properties/spiff:property", NS)
    return {str(each.get("name")): str(each.get("value")) for each in found}


def _nodes(process: etree._Element) -> dict[str, Node]:
    lanes = {
        (ref.text or "").strip(): str(lane.get("name") or lane.get("id"))
        for lane in process.iter(f"{{{BPMN}}}lane")
        for ref in lane.findall("bpmn:flowNodeRef", NS)
    }
    nodes = {}
    for element in process.iter():
        tag = etree.QName(element).localname if isinstance(element.tag, str) else ""
        if tag not in ACTIVITIES:
            continue
        node = _node(element, tag, lanes)
        nodes[node.id] = node
    return nodes


def _node(element: etree._Element, tag: str, lanes: dict[str, str]) -> Node:
    node_id = str(element.get("id"))
    props = _props(element)
    form = props.get("form")
    kind = "auto" if tag not in HUMAN else ("form" if form else "review")
    operator = element.find("bpmn:extensionElements/spiff:serviceTaskOperator", NS)
    return Node(
        id=node_id,
        name=re.sub(r"\s+", "", str(element.get("name") or node_id)),
        role=lanes.get(node_id, ""),
        kind=kind,
        form=form,
        props=props,
        operation=None if operator is None else operator.get("id"),
    )


def _outcomes(process: etree._Element) -> dict[str, str]:
    ends = process.iter(f"{{{BPMN}}}endEvent")
    return {str(end.get("id")): _props(end).get("outcome", "completed") for end in ends}


def _flows(process: etree._Element) -> tuple[Flow, ...]:
    return tuple(
        Flow(str(flow.get("id")), str(flow.get("sourceRef")), str(flow.get("targetRef")))
        for flow in process.iter(f"{{{BPMN}}}sequenceFlow")
    )
