"""What may be drawn: the shape of a diagram, judged before the library sees it.

The library ignores what it does not know and stumbles over what does not fit; people would get
stuck in it, or a stack trace.  Every finding names the element and says how to mend it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from engine.diagrams import drawn_events
from engine.diagrams.diagram_files import BPMN, NS, label, tag
from engine.diagrams.drawn_events import GATEWAYS, NODES, SCOPES, TASKS, kind_of, waking
from engine.errors import BadDefinition, Problem

ELEMENTS_MAX = 400  # in all files of a service; more is a mistake of export, and slow to parse
REFERRED = frozenset(("message", "signal", "error", "escalation", "process"))
WAY_MAX = 120  # steps in a row: the library goes down them one inside the other
DEPTH_MAX = 5  # sub-processes in sub-processes: more cannot be read on a screen
BRANCHING = frozenset(("exclusiveGateway", "inclusiveGateway"))
# what would run wrongly or not at all, and what to draw instead
REFUSED = {
    "task": "没有选择任务类型，请改为用户任务、服务任务或其他类型",
    "complexGateway": "使用了不支持执行的元素，请换用排他、包容或并行网关",
    "adHocSubProcess": "是临时子流程，不支持执行，请改为普通子流程",
    "choreographyTask": "使用了不支持执行的元素，请换用任务或网关",
    "subChoreography": "使用了不支持执行的元素，请换用任务或网关",
    "callChoreography": "使用了不支持执行的元素，请换用任务或网关",
    "implicitThrowEvent": "使用了不支持执行的元素，请换用中间抛出事件",
    "event": "使用了不支持执行的元素，请换用具体的事件",
    "compensateEventDefinition": "是补偿事件，不支持执行，请改为画出撤销的步骤",
    "linkEventDefinition": "是链接事件，不支持执行，请直接用连线连接",
    "dataStoreReference": "是数据存储，不支持执行，请删除，并改用服务任务读写",
    "correlationKey": "是相关键，不支持执行，请改用消息事件的属性 correlation",
    "correlationProperty": "是相关属性，不支持执行，请改用消息事件的属性 correlation",
}


def check(roots: list[etree._Element]) -> list[Problem]:
    """Everything wrong with the shape of these files."""
    problems = [*_ids(roots), *_refused(roots)]
    named = {str(each.get("id")): each for root in roots for each in root if tag(each)}
    for root in roots:
        for process in root.iter(f"{{{BPMN}}}process"):
            problems += _scope(process, named)
    return problems


def refuse_monsters(roots: list[etree._Element]) -> None:
    """BadDefinition for a diagram so large that looking closer would take as long as running it."""
    for problem in _sizes(roots):
        raise BadDefinition(problem)


@dataclass(slots=True)
class Scope:
    """The elements of one process or sub-process and how they are connected."""

    element: etree._Element
    nodes: dict[str, etree._Element] = field(default_factory=dict)
    out: dict[str, list[etree._Element]] = field(default_factory=lambda: defaultdict(list))
    into: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    attached: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def targets(self, node: str) -> list[str]:
        return [str(flow.get("targetRef")) for flow in self.out[node]]


def _sizes(roots: list[etree._Element]) -> Iterator[Problem]:
    count = sum(1 for root in roots for each in root.iter() if tag(each) in NODES)
    if count > ELEMENTS_MAX:
        text = f"流程共有 {count} 个元素，超过 {ELEMENTS_MAX} 个，请拆成几个流程互相调用。"
        yield Problem("drawing.size", text)
    for root in roots:
        for each in root.iter():
            if tag(each) in SCOPES and _depth(each) > DEPTH_MAX:
                text = f"“{label(each)}”是第 {DEPTH_MAX + 1} 层子流程，请改为调用另一个流程。"
                yield Problem("drawing.depth", text, each.get("id"))
                return


def _depth(scope: etree._Element) -> int:
    return 1 + sum(1 for each in scope.iterancestors() if tag(each) in SCOPES)


def _ids(roots: list[etree._Element]) -> Iterator[Problem]:
    """Once in a file; what people see also once in all files of the service."""
    everywhere: set[str] = set()
    for root in roots:
        here: set[str] = set()
        for each in root.iter():
            name, kind = each.get("id"), tag(each)
            if kind in NODES | REFERRED and not name:
                yield Problem("id.missing", f"“{label(each)}”没有 id，请用流程设计器重新导出。")
            if not name or not kind:
                continue
            if name in here or name in everywhere:
                text = f"“{label(each)}”的 id “{name}”重复，请给其中一个换一个 id。"
                yield Problem("id.double", text, name)
            here.add(name)
        seen = {name for each in root.iter() if tag(each) in NODES and (name := each.get("id"))}
        everywhere |= seen


def _refused(roots: list[etree._Element]) -> Iterator[Problem]:
    for root in roots:
        for each in root.iter():
            kind = tag(each)
            parent = each.getparent()
            inner = kind.endswith("Definition") and parent is not None
            about = parent if inner and parent is not None else each
            if kind in REFUSED:
                text = f"“{label(about)}”{REFUSED[kind]}。"
                yield Problem("element.unsupported", text, about.get("id"))
            if each.get("isForCompensation") == "true":
                text = f"“{label(each)}”是补偿步骤，不支持执行，请改为画出撤销的步骤。"
                yield Problem("element.unsupported", text, each.get("id"))


def _scope(element: etree._Element, named: dict[str, etree._Element]) -> Iterator[Problem]:
    scope = Scope(element)
    for each in element:
        if tag(each) in NODES and each.get("id"):
            scope.nodes[str(each.get("id"))] = each
    yield from _flows(scope)
    yield from _starts(scope)
    yield from _attachments(scope)
    for node in scope.nodes.values():
        yield from drawn_events.check(node, named)
        if tag(node) in GATEWAYS:
            yield from _gateway(scope, node)
        if tag(node) in SCOPES:
            yield from _scope(node, named)
    yield from _ways(scope)
    yield from _circles(scope)


def _flows(scope: Scope) -> Iterator[Problem]:
    for flow in scope.element.findall("bpmn:sequenceFlow", NS):
        source, target = str(flow.get("sourceRef")), str(flow.get("targetRef"))
        if source not in scope.nodes:
            text = f"连线“{label(flow)}”没有起点或起点不在同一层，请重新连接。"
            yield Problem("flow.source", text, flow.get("id"))
            continue
        owner = scope.nodes[source]
        scope.out[source].append(flow)
        if target not in scope.nodes:
            text = f"“{label(owner)}”的连线指向不存在的元素，请重新连接。"
            yield Problem("flow.target", text, source)
            continue
        scope.into[target].append(source)
        if tag(scope.nodes[target]) in ("startEvent", "boundaryEvent") or waking(
            scope.nodes[target]
        ):
            text = f"“{label(scope.nodes[target])}”不能有入口，请改为从它连出。"
            yield Problem("flow.into", text, target)
        conditional = flow.find("bpmn:conditionExpression", NS) is not None
        if conditional and tag(owner) not in BRANCHING:
            text = f"“{label(owner)}”的出口写了条件，但条件只在排他或包容网关后有效，请加一个网关。"
            yield Problem("flow.condition", text, flow.get("id"))
    for name, node in scope.nodes.items():
        if len(scope.out[name]) > 1 and tag(node) not in GATEWAYS:
            text = f"“{label(node)}”有多条出口，请在后面加一个网关再分支。"
            yield Problem("flow.several", text, name)


def _starts(scope: Scope) -> Iterator[Problem]:
    element = scope.element
    if tag(element) == "process" and element.get("isExecutable", "true") != "true":
        text = f"流程“{label(element)}”没有勾选可执行，请在流程属性中勾选。"
        yield Problem("process.idle", text, element.get("id"))
    starts = [node for node in scope.nodes.values() if tag(node) == "startEvent"]
    what = "流程" if tag(element) == "process" else f"子流程“{label(element)}”"
    if not starts:
        text = f"{what}缺少开始事件，请从左侧拖入一个开始事件。"
        yield Problem("start.none", text, element.get("id"))
    elif len(starts) > 1:
        text = f"{what}有 {len(starts)} 个开始事件，请只保留一个。"
        yield Problem("start.several", text, starts[1].get("id"))
    if not any(tag(node) == "endEvent" for node in scope.nodes.values()):
        text = f"{what}缺少结束事件，请从左侧拖入一个结束事件。"
        yield Problem("end.none", text, element.get("id"))
    for start in starts:
        kinds = kind_of(start)
        if waking(element) and not kinds:
            text = (
                f"事件子流程“{label(element)}”的开始事件没有触发条件，请选择消息、定时或其他类型。"
            )
            yield Problem("start.plain", text, start.get("id"))
        elif kinds and not waking(element):
            text = f"“{label(start)}”不能带触发条件：业务由申请人提交开始，请改为普通开始事件。"
            yield Problem("start.event", text, start.get("id"))


def _attachments(scope: Scope) -> Iterator[Problem]:
    for name, node in scope.nodes.items():
        if tag(node) != "boundaryEvent":
            continue
        host = scope.nodes.get(str(node.get("attachedToRef")))
        if host is None or tag(host) not in TASKS | SCOPES or waking(host):
            text = f"“{label(node)}”没有附在步骤上，请把它拖到步骤的边框上。"
            yield Problem("boundary.lost", text, name)
            continue
        scope.attached[str(host.get("id"))].append(name)
        if "cancel" in kind_of(node) and tag(host) != "transaction":
            text = f"“{label(node)}”是取消事件，只能附在事务子流程上，请换一种事件。"
            yield Problem("boundary.cancel", text, name)
        if "error" in kind_of(node) and node.get("cancelActivity") == "false":
            text = f"“{label(node)}”是错误事件，总会中断步骤，请去掉“不中断”。"
            yield Problem("boundary.error", text, name)


def _gateway(scope: Scope, gateway: etree._Element) -> Iterator[Problem]:
    node_id, name = str(gateway.get("id")), label(gateway)
    flows, default = scope.out[node_id], gateway.get("default")
    if tag(gateway) == "eventBasedGateway":
        yield from _event_gateway(scope, gateway)
        return
    if tag(gateway) not in BRANCHING:
        return
    if default is not None and default not in [flow.get("id") for flow in flows]:
        text = f"“{name}”的默认出口不存在，请重新设置默认出口。"
        yield Problem("gateway.default", text, node_id)
        return
    open_ways = [flow for flow in flows if not _condition(flow) and flow.get("id") != default]
    if len(flows) > 1:
        for flow in open_ways:
            target = label(scope.nodes.get(str(flow.get("targetRef")), flow))
            text = f"“{name}”到“{target}”的出口没有条件，请写上条件或设为默认出口。"
            yield Problem("gateway.condition", text, flow.get("id"))
    if flows and default is None and not open_ways:
        text = f"“{name}”没有默认出口，所有条件都不成立时业务会停住，请把其中一条设为默认出口。"
        yield Problem("gateway.no_default", text, node_id)


def _condition(flow: etree._Element) -> str:
    return (flow.findtext("bpmn:conditionExpression", "", NS) or "").strip()


def _event_gateway(scope: Scope, gateway: etree._Element) -> Iterator[Problem]:
    name = label(gateway)
    targets = [
        scope.nodes[each] for each in scope.targets(str(gateway.get("id"))) if each in scope.nodes
    ]
    if len(targets) < 2:
        text = f"“{name}”是事件网关，至少要有两条出口，请补上或换用其他网关。"
        yield Problem("gateway.events", text, gateway.get("id"))
    for target in targets:
        node_id = str(target.get("id"))
        if tag(target) not in ("intermediateCatchEvent", "receiveTask"):
            text = f"事件网关“{name}”后面的“{label(target)}”不是捕获事件，请换成消息、定时等事件。"
            yield Problem("gateway.events", text, node_id)
        elif len(scope.into[node_id]) > 1 or scope.attached[node_id]:
            text = f"事件网关“{name}”后面的“{label(target)}”只能有一个入口，且不能附边界事件。"
            yield Problem("gateway.events", text, node_id)


def _ways(scope: Scope) -> Iterator[Problem]:
    """Dead ends, what nobody can reach, and ways too long for the library."""
    depth: dict[str, int] = {}
    todo = [(name, 1) for name, node in scope.nodes.items() if _begins(node)]
    while todo:
        name, steps = todo.pop(0)
        if name in depth or name not in scope.nodes:
            continue
        depth[name] = steps
        todo += [(each, steps + 1) for each in (*scope.targets(name), *scope.attached[name])]
    for name, node in scope.nodes.items():
        if not scope.out[name] and tag(node) != "endEvent" and not waking(node):
            text = f"“{label(node)}”没有出口，请连到下一步或结束事件。"
            yield Problem("dead_end", text, name)
        if name not in depth and (
            tag(node) != "boundaryEvent" or node.get("attachedToRef") in depth
        ):
            text = f"“{label(node)}”走不到：没有从开始事件连到它，请连接或删除。"
            yield Problem("unreachable", text, name)
    furthest = max(depth.values(), default=0)
    if furthest > WAY_MAX:
        text = f"一条路上有 {furthest} 个元素，超过 {WAY_MAX} 个，请把一部分改为调用另一个流程。"
        yield Problem("drawing.long", text, scope.element.get("id"))


def _circles(scope: Scope) -> Iterator[Problem]:
    """A loop with no gateway that may leave it: the library foresees it for ever."""
    deciding = (*BRANCHING, "eventBasedGateway")
    ways = {
        name: [each for each in scope.targets(name) if each in scope.nodes]
        for name, node in scope.nodes.items()
        if tag(node) not in deciding
    }
    while True:  # take away whatever leads out; a circle is what stays
        out = [name for name, targets in ways.items() if not any(each in ways for each in targets)]
        if not out:
            break
        for name in out:
            del ways[name]
    if ways:
        name, seen = next(iter(ways)), set()
        while name not in seen:  # from whatever leads into the circle
            seen.add(name)
            name = next(each for each in ways[name] if each in ways)
        text = f"“{label(scope.nodes[name])}”在一个走不出去的循环里，请加一个排他网关决定何时离开。"
        yield Problem("flow.circle", text, name)


def _begins(node: etree._Element) -> bool:
    return tag(node) == "startEvent" or waking(node)
