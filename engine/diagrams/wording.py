"""What is written into a diagram and its tables: expressions, scripts, times and names.

Each is compiled at deploy as it will be when it runs, so that a typing mistake is found by
who made it.  What only goes wrong with real data becomes an incident when it does.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

from lxml import etree

from engine.diagrams.diagram_files import BPMN, SPIFF, label, owner, properties, tag
from engine.diagrams.drawn_events import NODES, waking
from engine.errors import Problem
from engine.scripts.sandbox import compiled
from engine.tokens import timer_events

Mode = Literal["eval", "exec"]
SEEN = frozenset((*NODES, "sequenceFlow", "message", "signal", "error", "escalation", "process"))
TIMES = ("timeDate", "timeDuration", "timeCycle")
BPMN_EXPRESSIONS = (
    ("conditionExpression", "completionCondition", "loopCondition", "loopCardinality")
    + ("condition", *TIMES)
)  # fmt: skip
SPIFF_EXPRESSIONS = ("messagePayload", "payloadExpression")
SPIFF_NAMES = ("messageVariable", "variableName")
SPIFF_SCRIPTS = ("preScript", "postScript")
INSTANCES_LITERAL_MAX = 1_000
SHOWN_CHARS = 60  # of an expression in a sentence
_EXAMPLES = {
    "timeDate": '"2026-07-18T08:00:00+08:00" 或 working_days(3)',
    "timeDuration": '"P3D" 或 "PT36H"',
    "timeCycle": '"R3/PT1H"，每轮至少一分钟',
}
_SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_INPUT = re.compile(r"(\?)(?=(?:[^'\"]|['\"][^'\"]*['\"])*$)")  # the library's


def check(root: etree._Element) -> Iterator[Problem]:
    """Every expression, script and name of a BPMN file."""
    for element in root.iter(*(f"{{{BPMN}}}{name}" for name in BPMN_EXPRESSIONS)):
        yield from _expression(element, element.text or "")
    for element in root.iter(*(f"{{{SPIFF}}}{name}" for name in SPIFF_EXPRESSIONS)):
        yield from _expression(element, element.text or "")
    for element in root.iter(*(f"{{{SPIFF}}}{name}" for name in SPIFF_SCRIPTS)):
        yield from _expression(element, element.text or "", "exec")
    for element in root.iter(f"{{{SPIFF}}}parameter"):
        yield from _expression(element, element.get("value") or "None")
    for element in root.iter(f"{{{BPMN}}}scriptTask"):
        yield from _expression(element, element.findtext(f"{{{BPMN}}}script") or "", "exec")
    for element in root.iter():
        if tag(element) in NODES:
            yield from _node(element)
    for element in root.iter(f"{{{BPMN}}}timerEventDefinition"):
        yield from _timer(element)
    yield from _names(root)
    yield from _many(root)


def check_table(root: etree._Element) -> Iterator[Problem]:
    """Every cell of a decision table, compiled as the library will put it together."""
    for table in root.iter("{*}decisionTable"):
        inputs = [
            (each.findtext("{*}inputExpression/{*}text") or "").strip()
            for each in table.iterfind("{*}input")
        ]
        for element, text in zip(table.iterfind("{*}input"), inputs, strict=True):
            yield from _expression(element, text, about=_cell(table, element))
        for place, rule in enumerate(table.iterfind("{*}rule"), 1):
            for text, cell in zip(inputs, rule.iterfind("{*}inputEntry"), strict=False):
                for source in _question(text, (cell.findtext("{*}text") or "").strip()):
                    yield from _expression(cell, source, about=_cell(table, cell, place))
            for cell in rule.iterfind("{*}outputEntry"):
                source = (cell.findtext("{*}text") or "").strip()
                if source:
                    yield from _expression(cell, source, about=_cell(table, cell, place))


def problem_with(source: str, mode: Mode = "eval") -> str | None:
    """Why an expression or script cannot be used; None when it can."""
    try:
        compiled(source, mode)
    except SyntaxError as error:
        return str(error.msg if not isinstance(error.msg, tuple) else error.msg[0])
    except (ValueError, RecursionError, MemoryError):
        return "含有无法识别的字符，或嵌套太深"
    return None


def _expression(
    element: etree._Element, source: str, mode: Mode = "eval", *, about: str | None = None
) -> Iterator[Problem]:
    seen = owner(element, SEEN)
    what = about or f"“{label(seen)}”"
    if not source.strip():
        word = "脚本" if mode == "exec" else "表达式"
        yield Problem("expression.empty", f"{what}的{word}是空的，请填写。", seen.get("id"))
        return
    reason = problem_with(source if mode == "exec" else source.strip(), mode)
    if reason is not None:
        shown = source.strip()[:SHOWN_CHARS]
        text = f"{what}的表达式“{shown}”不能用：{reason.rstrip('。')}。"
        yield Problem("expression", text, seen.get("id"))


def _node(element: etree._Element) -> Iterator[Problem]:
    correlation = properties(element).get("correlation")
    if correlation is not None:
        yield from _expression(element, correlation)
        carried = {tag(each) for each in element}
        if "messageEventDefinition" not in carried and not tag(element).endswith(
            ("sendTask", "receiveTask")
        ):
            text = f"“{label(element)}”不是消息，不能设置 correlation，请删除。"
            yield Problem("correlation", text, element.get("id"))
    for definition in element.iterfind(f"{{{BPMN}}}conditionalEventDefinition"):
        if definition.find(f"{{{BPMN}}}condition") is None:
            text = f"“{label(element)}”没有写条件，请填写。"
            yield Problem("expression.empty", text, element.get("id"))


def _timer(definition: etree._Element) -> Iterator[Problem]:
    event = definition.getparent()
    assert event is not None
    times = [each for each in definition if tag(each) in TIMES]
    if len(times) != 1:
        text = f"“{label(event)}”要有且只有一个时间：时间点、时长或循环，请在属性中填写。"
        yield Problem("timer.none", text, event.get("id"))
        return
    kind, source = tag(times[0]), (times[0].text or "").strip()
    if kind == "timeCycle" and not _may_repeat(event):
        text = f"“{label(event)}”不能循环定时：只有不中断的边界事件和事件子流程可以，请改用时长。"
        yield Problem("timer.cycle", text, event.get("id"))
    value = _literal(source)
    if value is not _NO_LITERAL and not _is_time(kind, value):
        text = f"“{label(event)}”的时间“{source[:SHOWN_CHARS]}”不能识别，请写成 {_EXAMPLES[kind]}。"
        yield Problem("timer.value", text, event.get("id"))


def _may_repeat(event: etree._Element) -> bool:
    scope = event.getparent()
    if tag(event) == "startEvent" and scope is not None and waking(scope):
        return event.get("isInterrupting") == "false"
    return tag(event) == "boundaryEvent" and event.get("cancelActivity") == "false"


_NO_LITERAL = object()


def _literal(source: str) -> Any:
    """The value an expression has whatever the data is, if it is that simple."""
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return _NO_LITERAL


def _is_time(kind: str, value: Any) -> bool:
    try:
        if kind == "timeDate":
            timer_events.aware(value)
        elif kind == "timeDuration":
            timer_events.after(_SOME_TIME, value)
        else:
            timer_events.rounds(value, _SOME_TIME)
    except ValueError:
        return False
    return True


def _names(root: etree._Element) -> Iterator[Problem]:
    """Names of data that steps write: they must be usable in expressions."""
    wanted = [
        (each, (each.text or "").strip())
        for each in root.iter(
            *(f"{{{SPIFF}}}{name}" for name in SPIFF_NAMES),
            f"{{{BPMN}}}loopDataInputRef",
            f"{{{BPMN}}}loopDataOutputRef",
        )
    ]
    wanted += [
        (each, each.get("id") or "")
        for each in root.iter(f"{{{BPMN}}}inputDataItem", f"{{{BPMN}}}outputDataItem")
    ]
    wanted += [
        (each, str(each.get("resultVariable")))
        for each in root.iter(f"{{{SPIFF}}}serviceTaskOperator")
        if each.get("resultVariable")
    ]
    for element, name in wanted:
        if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
            seen = owner(element, SEEN)
            what = f"“{label(seen)}”的数据名“{name[:SHOWN_CHARS]}”"
            text = f"{what}不能用，请用字母开头的字母、数字和下划线。"
            yield Problem("data.name", text, seen.get("id"))


def _many(root: etree._Element) -> Iterator[Problem]:
    """Multi-instance steps and loops must say how often."""
    for many in root.iter(f"{{{BPMN}}}multiInstanceLoopCharacteristics"):
        step = owner(many, SEEN)
        counts = [each for each in many if tag(each) in ("loopCardinality", "loopDataInputRef")]
        if len(counts) != 1:
            text = f"“{label(step)}”是多实例，请填写次数或集合之一。"
            yield Problem("many.count", text, step.get("id"))
            continue
        value = _literal((counts[0].text or "").strip())
        literal = tag(counts[0]) == "loopCardinality" and value is not _NO_LITERAL
        if literal and not (type(value) is int and 0 <= value <= INSTANCES_LITERAL_MAX):
            text = f"“{label(step)}”的次数应为 0 到 {INSTANCES_LITERAL_MAX} 的整数，请改正。"
            yield Problem("many.count", text, step.get("id"))
        items = {tag(each) for each in many}
        if ("outputDataItem" in items) != ("loopDataOutputRef" in items):
            text = f"“{label(step)}”的输出集合和输出项要一起填写，或都不填。"
            yield Problem("many.output", text, step.get("id"))
    for loop in root.iter(f"{{{BPMN}}}standardLoopCharacteristics"):
        step, maximum = owner(loop, SEEN), loop.get("loopMaximum")
        bounded = maximum is not None and maximum.isascii() and maximum.isdecimal()
        if maximum is not None and not (bounded and 0 < int(maximum[:9]) <= INSTANCES_LITERAL_MAX):
            text = f"“{label(step)}”的最多次数应为 1 到 {INSTANCES_LITERAL_MAX} 的整数，请改正。"
            yield Problem("loop.maximum", text, step.get("id"))
        if maximum is None and loop.find(f"{{{BPMN}}}loopCondition") is None:
            text = f"“{label(step)}”是循环，请填写最多次数或继续的条件。"
            yield Problem("loop.endless", text, step.get("id"))


def _cell(table: etree._Element, element: etree._Element, row: int | None = None) -> str:
    decision = table.getparent()
    name = label(decision) if decision is not None else ""
    where = f"第 {row} 行" if row is not None else "输入列"
    return f"决策表“{name or table.get('id')}”{where}"


def _question(asked: str, cell: str) -> Iterator[str]:
    """The expression the library makes of an input and a cell; none for a cell that is empty."""
    if cell in ("", "-"):
        return
    replaced = _INPUT.sub("dmninputexpr", cell)
    if "dmninputexpr" in replaced:
        yield replaced
    elif problem_with(cell) is None:
        yield f"({asked}) == ({cell})"
    else:
        yield asked + cell
