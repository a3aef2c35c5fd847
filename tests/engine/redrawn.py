"""A diagram as somebody else would have drawn it: steps put in and taken out at random."""

from __future__ import annotations

from random import Random

from lxml import etree

from tests.builders.diagrams import BPMN, FIRST, SPIFF

STEPS = ("userTask", "scriptTask", "manualTask", "serviceTask", "subProcess")


def redrawn(content: bytes, chance: Random, edits: int) -> bytes:
    """The same file after so many edits; each puts a step into a flow or takes one out of it."""
    root = etree.fromstring(content)
    for number in range(edits):
        edit = chance.choice((_put_in, _put_in, _take_out, _put_to_edge, _take_from_edge))
        edit(root, chance, number)
    return etree.tostring(root)


def _put_in(root: etree._Element, chance: Random, number: int) -> None:
    flow = chance.choice(list(root.iter(f"{{{BPMN}}}sequenceFlow")))
    scope = flow.getparent()
    kind = chance.choice(("userTask", "userTask", "scriptTask", "parallelGateway"))
    node = etree.SubElement(scope, f"{{{BPMN}}}{kind}", id=f"new{number}", name=f"新{number}")
    if kind == "scriptTask":
        etree.SubElement(node, f"{{{BPMN}}}script").text = f"new{number} = {number}"
    target = flow.get("targetRef")
    flow.set("targetRef", node.get("id"))
    if kind == "userTask":
        _work(root, node)
    last = node
    if kind == "parallelGateway":
        last = etree.SubElement(scope, f"{{{BPMN}}}{kind}", id=f"new{number}j")
        for side in "ab":
            step = etree.SubElement(
                scope, f"{{{BPMN}}}userTask", id=f"new{number}{side}", name=side
            )
            _work(root, step)
            _flow(scope, node.get("id"), step.get("id"))
            _flow(scope, step.get("id"), last.get("id"))
    _flow(scope, last.get("id"), target)


def _take_out(root: etree._Element, chance: Random, _number: int) -> None:
    """A step with one way in and one way out, and nothing at its edge."""
    held = {each.get("attachedToRef") for each in root.iter(f"{{{BPMN}}}boundaryEvent")}
    found = []
    for node in root.iter(*(f"{{{BPMN}}}{kind}" for kind in STEPS)):
        into = [f for f in node.getparent().iterfind(f"{{{BPMN}}}sequenceFlow")]
        before = [f for f in into if f.get("targetRef") == node.get("id")]
        after = [f for f in into if f.get("sourceRef") == node.get("id")]
        if len(before) == len(after) == 1 and node.get("id") not in (*held, "fill"):
            found.append((node, before[0], after[0]))
    if not found:
        return
    node, before, after = chance.choice(found)
    before.set("targetRef", after.get("targetRef"))
    inside = {each.get("id") for each in node.iter() if isinstance(each.tag, str)}
    for ref in list(root.iter(f"{{{BPMN}}}flowNodeRef")):
        if (ref.text or "").strip() in inside:
            ref.getparent().remove(ref)
    after.getparent().remove(after)
    node.getparent().remove(node)


def _put_to_edge(root: etree._Element, chance: Random, number: int) -> None:
    """A deadline at a step."""
    steps = [each for each in root.iter(f"{{{BPMN}}}userTask") if each.get("id") != "fill"]
    if not steps:
        return
    step = chance.choice(steps)
    event = etree.SubElement(step.getparent(), f"{{{BPMN}}}boundaryEvent", id=f"late{number}")
    event.set("attachedToRef", step.get("id"))
    event.set("cancelActivity", chance.choice(("true", "false")))
    timer = etree.SubElement(event, f"{{{BPMN}}}timerEventDefinition", id=f"late{number}t")
    etree.SubElement(timer, f"{{{BPMN}}}timeDuration").text = "'PT30H'"
    etree.SubElement(step.getparent(), f"{{{BPMN}}}endEvent", id=f"late{number}e")
    _flow(step.getparent(), f"late{number}", f"late{number}e")


def _take_from_edge(root: etree._Element, chance: Random, _number: int) -> None:
    """An event at the edge of a step, with a way that leads to an end at once."""
    found = list(root.iter(f"{{{BPMN}}}boundaryEvent"))
    if not found:
        return
    event = chance.choice(found)
    scope = event.getparent()
    after = [f for f in scope.iterfind(f"{{{BPMN}}}sequenceFlow")]
    after = [f for f in after if f.get("sourceRef") == event.get("id")]
    into = [f for f in scope.iterfind(f"{{{BPMN}}}sequenceFlow") if f not in after]
    targets = {f.get("targetRef") for f in after} - {f.get("targetRef") for f in into}
    ends = [e for e in scope.iterfind(f"{{{BPMN}}}endEvent") if e.get("id") in targets]
    if len(ends) == len(after) == 1:
        for each in (*after, *ends, event):
            scope.remove(each)


def _work(root: etree._Element, node: etree._Element) -> None:
    """A review in the lane of the first reviewers."""
    extensions = etree.SubElement(node, f"{{{BPMN}}}extensionElements")
    props = etree.SubElement(extensions, f"{{{SPIFF}}}properties")
    etree.SubElement(props, f"{{{SPIFF}}}property", name="verbs", value="approve,return")
    lane = next((each for each in root.iter(f"{{{BPMN}}}lane") if each.get("name") == FIRST), None)
    if lane is None:
        lanes = next(root.iter(f"{{{BPMN}}}laneSet"))
        lane = etree.SubElement(lanes, f"{{{BPMN}}}lane", id="lane_new", name=FIRST)
    etree.SubElement(lane, f"{{{BPMN}}}flowNodeRef").text = node.get("id")


def _flow(scope: etree._Element, source: str, target: str) -> None:
    etree.SubElement(
        scope,
        f"{{{BPMN}}}sequenceFlow",
        id=f"{source}__{target}",
        sourceRef=source,
        targetRef=target,
    )
