"""House rules for a diagram, checked at deploy: every finding names an element and how to mend it.

The parser has already refused what cannot run at all; these rules refuse what would run and then
leave people stuck: a step without a lane, a review that can be refused with no way drawn for it, a
dead end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lxml import etree

from engine import operations
from engine.dialect import BPMN, NS, REVIEW_VERBS, SPIFF, Deployed, Node, parse, read_xml
from engine.errors import BadDefinition, Problem
from engine.rehearsal import beginning
from engine.script import compiled

PROCESS_PROPS = frozenset({"due_working_days", "in_flight", "withdraw"})
NODE_PROPS = frozenset({"form", "verbs", "label", "due_working_days", "irreversible"})
NAME_CHARS_MAX = 50  # what the columns and the pages have room for
EXPRESSIONS = ("conditionExpression", "script", "timeDate", "timeDuration", "completionCondition")
INNER = frozenset(
    (*EXPRESSIONS, "timeCycle", "timerEventDefinition", "parameter", "parameters")
    + ("serviceTaskOperator", "extensionElements", "multiInstanceLoopCharacteristics")
    + ("inputExpression", "outputEntry", "input", "rule", "decisionTable")
)
FLOWING = (
    ("Task", "task", "Gateway", "startEvent", "CatchEvent", "ThrowEvent", "boundaryEvent")
    + ("callActivity", "subProcess")
)  # fmt: skip
WITHDRAW = ("never", "until_claimed", "until_decided")


@dataclass(frozen=True, slots=True)
class Finding:
    file: str
    element: str
    text: str


def check(deployed: Deployed, files: dict[str, bytes]) -> list[Problem]:
    """Everything that is wrong with a parsed diagram; empty when it may be deployed."""
    roots = [read_xml(name, data) for name, data in files.items() if name.endswith(".bpmn")]
    problems = [*_process(deployed), *_beginning(deployed)]
    for node in deployed.nodes.values():
        problems += _node(deployed, node)
    for name, data in files.items():
        if name.endswith(".dmn"):
            problems += _table(read_xml(name, data))
    for root in roots:
        problems += [*_expressions(root), *_dead_ends(root), *_not_yet(root)]
    return problems


def check_folder(folder: Path) -> list[Finding]:
    """Lint every process folder below `folder` with every centre's tables laid over it."""
    findings: list[Finding] = []
    for key, name, files in service_files(folder):
        try:
            problems = check(parse(key, files), files)
        except BadDefinition as error:
            problems = list(error.problems)
        findings += [Finding(name, each.field or "", each.text) for each in problems]
    return findings


def service_files(
    folder: Path, centre: str | None = None
) -> Iterator[tuple[str, str, dict[str, bytes]]]:
    """(key, where, files) of each process; a centre's file replaces the general one."""
    centres = folder / "centers"
    for name in [centre] if centre else _folders(centres):
        general = [key for key in _folders(folder) if key != centres.name]
        for key in sorted({*general, *_folders(centres / name)}):
            files = {**_diagrams(folder / key), **_diagrams(centres / name / key)}
            if any(file.endswith(".bpmn") for file in files):
                yield key, f"{key} ({name})", files


def _folders(folder: Path) -> list[str]:
    found = folder.iterdir() if folder.is_dir() else ()  # a centre may have no folder of its own
    return sorted(path.name for path in found if path.is_dir())


def _diagrams(folder: Path) -> dict[str, bytes]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.name: path.read_bytes() for path in found if path.suffix in (".bpmn", ".dmn")}


def _process(deployed: Deployed) -> Iterator[Problem]:
    for name in deployed.props.keys() - PROCESS_PROPS:
        yield Problem("prop.unknown", f"流程属性“{name}”不认识，请删除或改正拼写。", deployed.key)
    days = deployed.props.get("due_working_days", "1")
    if not days.isdecimal() or not 0 < int(days) <= 365:
        yield Problem("prop.due", "办结期限应为 1 到 365 的工作日数。", deployed.key)
    if deployed.props.get("in_flight", "scope") != "scope":
        yield Problem("prop.in_flight", "属性 in_flight 只能是 scope。", deployed.key)
    if deployed.props.get("withdraw", "never") not in WITHDRAW:
        yield Problem(
            "prop.withdraw", f"属性 withdraw 只能是 {'、'.join(WITHDRAW)}。", deployed.key
        )
    if not any(node.kind == "form" for node in deployed.nodes.values()):
        yield Problem("form.none", "没有填写步骤：请给第一个用户任务设置表单。", deployed.key)
    for end, outcome in deployed.outcomes.items():
        if outcome not in ("completed", "refused"):
            yield Problem("end.outcome", "结束事件的 outcome 只能是 completed 或 refused。", end)


def _beginning(deployed: Deployed) -> Iterator[Problem]:
    if not any(node.kind == "form" for node in deployed.nodes.values()):
        return
    first = beginning(deployed)
    if [node.kind for node in first] == ["form"]:
        return
    names = "、".join(f"“{node.name}”" for node in first) or "没有办理步骤"
    text = f"流程要由一个填写步骤开始，现在最先到达的是：{names}，请调整顺序。"
    yield Problem("form.first", text, first[0].id if first else deployed.key)


def _node(deployed: Deployed, node: Node) -> Iterator[Problem]:
    name = node.name
    if node.human and not node.role:
        yield Problem("node.lane", f"“{name}”不在任何泳道中，请把它放进办理岗位的泳道。", node.id)
    for prop in node.props.keys() - NODE_PROPS:
        yield Problem("prop.unknown", f"“{name}”的属性“{prop}”不认识，请删除或改正。", node.id)
    if len(name) > NAME_CHARS_MAX or len(node.id) > NAME_CHARS_MAX or len(node.role) > 80:
        yield Problem("node.name", f"“{name[:20]}…”的名称过长，请缩短到 50 字以内。", node.id)
    due = node.props.get("due_working_days", "1")
    if not due.isdecimal() or not 0 < int(due) <= 365:
        yield Problem("prop.due", f"“{name}”的期限应为 1 到 365 的工作日数。", node.id)
    if node.operation is not None and not operations.known(node.operation):
        yield Problem("node.operation", f"“{name}”调用的操作“{node.operation}”不存在。", node.id)
    if node.operation is not None and node.operation in deployed.nodes:
        yield Problem("node.operation", f"“{name}”的操作与步骤 id 同名，请改名。", node.id)
    if node.kind != "review":
        return
    for verb in node.verbs - REVIEW_VERBS:
        yield Problem("node.verbs", f"“{name}”的 verbs 中“{verb}”不认识。", node.id)
    if "refuse" in node.verbs and not _handles_refusal(deployed, node):
        yield Problem(
            "node.refuse",
            f'“{name}”可以驳回，但后面的网关没有 decision == "refuse" 的出口：'
            "请画出驳回的去向，或把 verbs 设为 approve,return。",
            node.id,
        )


def _handles_refusal(deployed: Deployed, node: Node) -> bool:
    targets = [flow.target for flow in deployed.flows if flow.source == node.id]
    flows = [flow.id for flow in deployed.flows if flow.source in targets]
    root = etree.fromstring(deployed.bpmn.encode())
    for flow in root.iter(f"{{{BPMN}}}sequenceFlow"):
        condition = flow.findtext("bpmn:conditionExpression", "", NS) or ""
        if flow.get("id") in flows and "decision" in condition and "refuse" in condition:
            return True
    return False


def _expressions(root: etree._Element) -> Iterator[Problem]:
    for element in root.iter(*(f"{{{BPMN}}}{name}" for name in EXPRESSIONS)):
        mode: Literal["eval", "exec"] = "exec" if element.tag.endswith("script") else "eval"
        yield from _expression(element, element.text or "", mode)
    for parameter in root.iter(f"{{{SPIFF}}}parameter"):
        yield from _expression(parameter, parameter.get("value") or "None", "eval")


def _table(root: etree._Element) -> Iterator[Problem]:
    """A decision table: what it asks and what it answers; its conditions have a grammar of their
    own."""
    for element in root.iter("{*}inputExpression", "{*}outputEntry"):
        source = element.findtext("{*}text") or ""
        if source.strip():
            yield from _expression(element, source, "eval")


def _expression(
    element: etree._Element, source: str, mode: Literal["eval", "exec"]
) -> Iterator[Problem]:
    try:
        compiled(source.strip(), mode)
    except SyntaxError as error:
        reason = str(error.msg if not isinstance(error.msg, tuple) else error.msg[0])
        owner = _owner(element)
        label = owner.get("name") or owner.get("id")
        text = f"“{label}”的表达式“{source.strip()[:60]}”不能用：{reason}。"
        yield Problem("expression", text, owner.get("id"))


def _owner(element: etree._Element) -> etree._Element:
    """The element people see: helpers such as a timer's definition lie in between."""
    owner = element
    while etree.QName(owner).localname in INNER or owner.get("id") is None:
        parent = owner.getparent()
        if parent is None:
            break
        owner = parent
    return owner


def _not_yet(root: etree._Element) -> Iterator[Problem]:
    """What the library would run wrongly.

    It repeats timers by the wall clock, which neither stops nor restarts with ours; and a request
    with an event sub-process that never started never ends.
    """
    for element in root.iter(f"{{{BPMN}}}subProcess"):
        if element.get("triggeredByEvent") == "true":
            label = element.get("name") or element.get("id")
            text = f"“{label}”是事件子流程，暂不能执行，请改用附在步骤上的边界事件。"
            yield Problem("event_subprocess", text, element.get("id"))
    for cycle in root.iter(f"{{{BPMN}}}timeCycle"):
        owner = _owner(cycle)
        label = owner.get("name") or owner.get("id")
        text = f"“{label}”使用了循环定时，暂不能执行，请改用时间点或时长。"
        yield Problem("timer.cycle", text, owner.get("id"))


def _dead_ends(root: etree._Element) -> Iterator[Problem]:
    for process in root.iter(f"{{{BPMN}}}process"):
        sources = {flow.get("sourceRef") for flow in process.iter(f"{{{BPMN}}}sequenceFlow")}
        for element in process.iter():
            tag = etree.QName(element).localname if isinstance(element.tag, str) else ""
            flowing = tag.endswith(FLOWING) and element.get("triggeredByEvent") != "true"
            if flowing and element.get("id") not in sources:
                label = re.sub(r"\s+", "", element.get("name") or "") or element.get("id")
                yield Problem(
                    "dead_end", f"“{label}”没有出口，请连到下一步或结束事件。", element.get("id")
                )
