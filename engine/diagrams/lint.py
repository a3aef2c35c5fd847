"""House rules for a diagram, checked at deploy: every finding names an element and how to mend it.

The parser has already refused what cannot run at all; these rules refuse what would run and then
leave people stuck: a step without a lane, a review that can be refused with no way drawn for it, a
dead end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from engine import operations
from engine.diagrams import drawing, lint_people, wording
from engine.diagrams.diagram_files import BPMN, NS, bad, label, properties, read_xml, tag
from engine.diagrams.dialect import REVIEW_VERBS, Deployed, Node, parse
from engine.diagrams.drawn_events import EVENTS, GATEWAYS
from engine.diagrams.rehearsal import beginning
from engine.errors import BadDefinition, Problem

PROCESS_PROPS = frozenset({"due_working_days", "in_flight", "withdraw", "money"})
NODE_PROPS = frozenset(
    {"form", "verbs", "label", "due_working_days", "irreversible", "correlation"}
)
NAME_CHARS_MAX = 50  # what the columns and the pages have room for
WITHDRAW = ("never", "until_claimed", "until_decided")


@dataclass(frozen=True, slots=True)
class Finding:
    file: str
    element: str
    text: str


@dataclass(frozen=True, slots=True)
class Known:
    """What a centre has: its posts and its forms; None where nobody can say."""

    roles: frozenset[str] | None = None
    forms: frozenset[str] | None = None


ANY = Known()


def examine(key: str, files: dict[str, bytes], known: Known = ANY) -> Deployed:
    """Parse and check a diagram; BadDefinition with every finding when it may not be deployed."""
    _names(files)
    roots = [read_xml(name, data) for name, data in sorted(files.items())]
    drawn = [root for root in roots if root.tag == f"{{{BPMN}}}definitions"]
    tables = [read_xml(name, data) for name, data in files.items() if name.endswith(".dmn")]
    drawing.refuse_monsters(drawn)
    problems = drawing.check(drawn)
    for root in drawn:
        problems += wording.check(root)
    for table in tables:
        problems += wording.check_table(table)
    try:
        deployed = parse(key, files)
        problems += check(deployed, drawn, known)
    except BadDefinition:
        if not problems:  # what the library says comes second: it says it less well
            raise
    except RecursionError:
        text = "一条路上的步骤太多，或有走不出去的循环，请拆成几个流程。"
        problems.append(Problem("drawing.long", text, key))
    if problems:
        raise BadDefinition(*problems)
    return deployed


def check(deployed: Deployed, drawn: list[etree._Element], known: Known = ANY) -> list[Problem]:
    """What is wrong with a parsed diagram by the rules of the house."""
    problems = [*_process(deployed), *_beginning(deployed), *lint_people.check(deployed)]
    for node in deployed.elements:
        problems += [*_node(deployed, node), *_fits(node, known)]
    for root in drawn:
        problems += _properties(root)
    return problems


def _names(files: dict[str, bytes]) -> None:
    if not files:
        raise bad("file.none", "没有上传文件，请选择流程文件。")
    for name in files:
        if not name.endswith((".bpmn", ".dmn")):
            raise bad("file.kind", f"{name} 不是流程或决策表，请上传 .bpmn 或 .dmn 文件。")


def check_folder(folder: Path) -> list[Finding]:
    """Lint every process folder below `folder` with every centre's tables laid over it."""
    findings: list[Finding] = []
    for key, name, files in service_files(folder):
        try:
            examine(key, files)
        except BadDefinition as error:
            problems = error.problems
        else:
            problems = ()
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
    for name in deployed.props.keys() - PROCESS_PROPS - lint_people.PROCESS_PROPS:
        yield Problem("prop.unknown", f"流程属性“{name}”不认识，请删除或改正拼写。", deployed.key)
    days = deployed.props.get("due_working_days", "1")
    if not days.isdecimal() or not 0 < int(days) <= 365:
        yield Problem("prop.due", "办结期限应为 1 到 365 的工作日数。", deployed.key)
    if deployed.props.get("in_flight", "scope") != "scope":
        yield Problem("prop.in_flight", "属性 in_flight 只能是 scope。", deployed.key)
    if deployed.props.get("money", "false") not in ("true", "false"):
        yield Problem("prop.money", "属性 money 只能是 true 或 false。", deployed.key)
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
    for prop in node.props.keys() - NODE_PROPS - lint_people.NODE_PROPS:
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
    if "refuse" in node.verbs:
        yield from _refusal(deployed, node)


def _refusal(deployed: Deployed, node: Node) -> Iterator[Problem]:
    """A refusal has a way of its own, and no other condition takes it first.

    A gateway takes the first exit whose condition is true, in the order of the file.
    """
    targets = [flow.target for flow in deployed.flows if flow.source == node.id]
    exits = [flow.id for flow in deployed.flows if flow.source in targets]
    root = etree.fromstring(deployed.bpmn.encode())
    conditions = [
        flow.findtext("bpmn:conditionExpression", "", NS) or ""
        for flow in root.iter(f"{{{BPMN}}}sequenceFlow")
        if flow.get("id") in exits
    ]
    asked = [condition for condition in conditions if condition]
    places = [n for n, text in enumerate(asked) if "decision" in text and "refuse" in text]
    if not places:
        yield Problem(
            "node.refuse",
            f'“{node.name}”可以驳回，但后面的网关没有 decision == "refuse" 的出口：'
            "请画出驳回的去向，或把 verbs 设为 approve,return。",
            node.id,
        )
    elif any("decision" not in text for text in asked[: places[0]]):
        yield Problem(
            "node.refuse_first",
            f"“{node.name}”被驳回时，后面的网关会先走另一个条件成立的出口："
            "请在文件里把驳回的出口放在最前面，或在别的条件里加上 decision。",
            node.id,
        )


def _fits(node: Node, known: Known) -> Iterator[Problem]:
    """Does the centre have what the step names?"""
    if node.human and node.role and known.roles is not None and node.role not in known.roles:
        names = "、".join(sorted(known.roles))
        text = f"“{node.name}”所在的泳道“{node.role}”不是本中心的岗位，请改为：{names}。"
        yield Problem("node.role", text, node.id)
    if node.form is not None and known.forms is not None and node.form not in known.forms:
        names = "、".join(sorted(known.forms))
        text = f"“{node.name}”要用的表单 {node.form} 不存在，请改为：{names}。"
        yield Problem("node.form", text, node.id)


def _properties(root: etree._Element) -> Iterator[Problem]:
    """Properties of events and gateways: a misspelt one would silently do nothing."""
    for element in root.iter():
        if tag(element) not in EVENTS | GATEWAYS:
            continue
        allowed = {"outcome"} if tag(element) == "endEvent" else set()
        for name in properties(element).keys() - allowed - {"correlation"}:
            text = f"“{label(element)}”的属性“{name}”不认识，请删除或改正。"
            yield Problem("prop.unknown", text, element.get("id"))
