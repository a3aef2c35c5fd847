"""From files to a `Deployed` diagram: the Spiff dialect of BPMN plus our extension properties.

The parsed spec is shared by every request of that version and never changed.  What people see of it
(steps, roles, forms, sequence flows) is read here once; bpmn/README.md lists the properties.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree
from SpiffWorkflow.bpmn.parser.ValidationException import ValidationException
from SpiffWorkflow.bpmn.specs.mixins import SubWorkflowTaskMixin
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask

from engine.diagrams.diagram_files import BPMN, NS, bad, properties, read_xml
from engine.diagrams.elements import Parser, adopt
from engine.errors import BadDefinition

ACTIVITIES = (
    "userTask",
    "manualTask",
    "serviceTask",
    "scriptTask",
    "businessRuleTask",
    "callActivity",
    "subProcess",
    "transaction",
    "sendTask",
    "receiveTask",
)
HUMAN = ("userTask", "manualTask")
# what the library says, and what we say
_KNOWN = {
    "No start event found": "缺少开始事件，请从左侧拖入一个开始事件。",
    "A Service Task must have an operator": "没有选择要调用的操作，请在属性中选择操作。",
    "There is no support implemented": "使用了不支持执行的元素，请换用任务或网关。",
    "Multiple outgoing flows": "有多条出口，请在后面加一个网关再分支。",
    "When looking for a task spec": "的连线指向不存在的元素，请重新连接。",
    "No DMN Diagram available": "引用的决策表不存在，请先上传决策表。",
}
_PYTHON = re.compile(r"\w+(Error|Exception)?\(")  # an exception of Python it has wrapped
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
    nodes: dict[str, Node]  # by element id; rounds of a loop once more (see `_with_rounds`)
    outcomes: dict[str, str]  # end event → completed | refused
    flows: tuple[Flow, ...]
    spec: Any
    subspecs: dict[str, Any]
    steps: tuple[Node, ...] = ()  # the way a plain request goes, foretold
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # as deployed

    @property
    def first(self) -> Node:
        """The form that starts a request."""
        along = self.steps or tuple(self.nodes.values())  # a file lists its steps in any order
        return next(node for node in along if node.kind == "form")

    @property
    def elements(self) -> tuple[Node, ...]:
        """Every activity once, in the order of the file."""
        return tuple(node for name, node in self.nodes.items() if name == node.id)

    @property
    def due_days(self) -> int | None:
        text = self.props.get("due_working_days")
        return int(text) if text else None


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
        except Exception as error:  # noqa: BLE001 - the parser raises almost anything on odd diagrams
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
        adopt(each)
    return Deployed(
        id=row_id,
        key=key,
        name=root.get("name") or key,
        version=version,
        bpmn=source,
        props=properties(root),
        nodes=_with_rounds(
            {
                node_id: node
                for name in (*(subspecs.keys() & processes.keys() - {key}), key)
                for node_id, node in _nodes(processes[name]).items()
            },
            (spec, *subspecs.values()),
        ),
        outcomes=_outcomes(root),
        flows=_flows(root),
        spec=spec,
        subspecs=subspecs,
        files=files,
    )


def _with_rounds(nodes: dict[str, Node], specs: tuple[Any, ...]) -> dict[str, Node]:
    """A token in one round of a loop stands at a spec with a name of its own: the same step."""
    loops = [each for spec in specs for each in spec.task_specs.values()]
    rounds = {each.task_spec: each.name for each in loops if isinstance(each, LoopTask)}
    return nodes | {child: nodes[name] for child, name in rounds.items() if name in nodes}


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
    reason = str(error).split("\n")[0].strip().rstrip(".")[:200]
    for start, sentence in _KNOWN.items():
        if reason.startswith(start):
            code = "decision.missing" if "DMN" in start else "element.invalid"
            return bad(code, f"“{label}”{sentence}", element or None)
    if isinstance(error, RecursionError) or "recursion" in reason:
        reason = "一条路上的步骤太多，请把一部分改为调用另一个流程"
    elif not isinstance(error, ValidationException) or _PYTHON.match(reason):
        reason = "内容不完整，请用流程设计器打开检查，改正后重新导出"
    return bad("element.invalid", f"“{label}”无法执行：{reason}。", element or None)


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
    props = properties(element)
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
    return {str(end.get("id")): properties(end).get("outcome", "completed") for end in ends}


def _flows(process: etree._Element) -> tuple[Flow, ...]:
    return tuple(
        Flow(str(flow.get("id")), str(flow.get("sourceRef")), str(flow.get("targetRef")))
        for flow in process.iter(f"{{{BPMN}}}sequenceFlow")
    )
