"""Taking a running request from one version of its diagram into another, token by token.

The state names elements, not specs: every step taken and every token stays what it is and is bound
to the element of the same name and kind in the other version; what was only predicted is forgotten
and predicted again.  Nothing is reset: timers keep their times, votes and loops their progress.
`obstacle` says what stands against it, before anything is touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from SpiffWorkflow.bpmn.specs.control import _EndJoin
from SpiffWorkflow.bpmn.specs.defaults import ParallelGateway
from SpiffWorkflow.bpmn.specs.mixins import SubWorkflowTaskMixin
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask
from SpiffWorkflow.bpmn.specs.mixins.unstructured_join import UnstructuredJoin
from SpiffWorkflow.util.task import TaskState

from engine.diagrams import edges
from engine.diagrams.dialect import Deployed
from engine.tokens import codec
from engine.tokens.pruning import JOINED
from engine.tokens.scopes import EventHost
from engine.tokens.workflow import Workflow

_TOKEN = TaskState.WAITING | TaskState.READY | TaskState.STARTED
_PREDICTED = TaskState.FUTURE | TaskState.PREDICTED_MASK
_LOOP_FACTS = ("data_input", "data_output", "input_item", "output_item", "cardinality")


@dataclass(frozen=True, slots=True)
class _Scope:
    """One process or sub-process of the request, and the two drawings of it."""

    tree: Any
    old: dict[str, Any]  # task specs by name
    new: dict[str, Any]

    def taken(self) -> Iterator[Any]:
        """Everything that really happened or stands open; predictions are nothing."""
        return (task for task in self.tree.tasks.values() if not task._state & _PREDICTED)

    def tokens(self) -> list[Any]:
        return [task for task in self.tree.tasks.values() if task._state & _TOKEN]


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """What was predicted after a token: for `sure` or perhaps, and the exits it will not take."""

    sure: bool
    closed: frozenset[str]


def obstacle(workflow: Workflow, new: Deployed) -> str | None:
    """Why this request cannot go into that version, in one sentence; None when it can."""
    found: list[_Scope] = []
    for tree in (workflow, *workflow.subprocesses.values()):
        specs = _specs(tree, workflow, new)
        if specs is None:
            host = workflow.get_task_from_id(tree.parent_task_id)
            return f"“{_name(host.task_spec)}”在新版本中没有了。"
        found.append(_Scope(tree, tree.spec.task_specs, specs))
    for scope in found:
        for check in (_elements, _listeners, _joins):
            text = check(scope)
            if text is not None:
                return text
    return None


def _specs(tree: Any, workflow: Workflow, new: Deployed) -> Any:
    """Elements by name of the same process in the other version; None when there is none."""
    spec = new.spec if tree is workflow else new.subspecs.get(tree.spec.name)
    return None if spec is None else spec.task_specs


def rebind(workflow: Workflow, new: Deployed, script_engine: Any) -> Workflow:
    """The same request on the new version; `obstacle` has found nothing."""
    foreseen = dict(_forget(workflow))
    for tree in (workflow, *workflow.subprocesses.values()):
        edges.redraw(tree, _specs(tree, workflow, new))
    bound = codec.loads(codec.dumps(workflow), new.spec, new.subspecs, script_engine)
    for task in list(bound.everything()):
        if task.id in foreseen:
            _predict(task, foreseen[task.id])
    return bound


def _forget(workflow: Workflow) -> Iterator[tuple[Any, _Foreseen]]:
    """Take away all predictions; which tokens had some, and which."""
    for tree in (workflow, *workflow.subprocesses.values()):
        for task in list(tree.tasks.values()):
            if not task._state & _TOKEN:
                continue
            guesses = [child for child in task.children if child._state & _PREDICTED]
            names = {child.task_spec.name for child in guesses}
            if guesses:
                sure = any(child._state == TaskState.FUTURE for child in guesses)
                yield task.id, _Foreseen(sure, frozenset(task.task_spec._outputs) - names)
            for child in guesses:
                tree._remove_task(child.id)


def stuck(workflow: Workflow) -> str | None:
    """The join a foretold request waits at for ever; None when it has ended or waits for something
    that can still come."""
    joins = []
    for tree in (workflow, *workflow.subprocesses.values()):
        for task in tree.tasks.values():
            if not task._state & _TOKEN or isinstance(task.task_spec, SubWorkflowTaskMixin):
                continue
            if not isinstance(task.task_spec, UnstructuredJoin):
                return None
            joins.append(_name(task.task_spec))
    return joins[0] if joins and not workflow.completed else None


def _predict(token: Any, before: _Foreseen) -> None:
    """What comes after a token, as surely as before.  The library only guesses on from a guess, and
    from a token it would begin the steps anew that rounds of a timer have sent out."""
    if before.sure:
        token.task_spec._predict(token, mask=TaskState.NOT_FINISHED_MASK)
        return
    for output in token.task_spec.outputs:
        if output.name not in before.closed:
            child = token._add_child(output, TaskState.MAYBE)
            output._predict(child)


# ── what stands against it ─────────────────────────────────────────────────────────────────────


def _elements(scope: _Scope) -> str | None:
    """Every element passed or open is still there and of the same kind."""
    for task in sorted(scope.taken(), key=lambda task: not task._state & _TOKEN):
        before, is_open = task.task_spec, bool(task._state & _TOKEN)
        after, name = scope.new.get(before.name), _name(before)
        if after is None and edges.replaceable(task, scope.new):
            continue
        if is_open and _guards(scope.old, before.name) != _guards(scope.new, before.name):
            return f"正停在“{name}”，它的边界事件在新版本中有增减，不能在等待途中改变。"
        if after is None:
            return f"“{name}”{'正在办理' if is_open else '已经办过'}，在新版本中没有了。"
        if _kind(before) != _kind(after):
            return f"“{name}”在新版本中换成了另一种元素，不能接着办理。"
        if is_open and _running(before) != _running(after):
            return f"“{name}”正在进行，它的循环或等待的事件在新版本中有变化。"
    return None


def _kind(spec: Any) -> tuple[Any, ...]:
    """What an element is; the end of a scope is the end, whether it has patience or not."""
    kind = _EndJoin if isinstance(spec, _EndJoin) else type(spec)
    called = spec.spec if isinstance(spec, SubWorkflowTaskMixin) else None
    inner = spec.task_spec if isinstance(spec, LoopTask) else None
    return kind, called, inner, type(getattr(spec, "event_definition", None))


def _running(spec: Any) -> list[Any]:
    """What a token of this element relies on while it stands there."""
    facts: list[Any] = []
    if isinstance(spec, LoopTask):
        for name in _LOOP_FACTS:
            value = getattr(spec, name, None)
            facts.append(getattr(value, "bpmn_id", value))
    events = getattr(getattr(spec, "event_definition", None), "event_definitions", None)
    if events:  # of an event-based gateway: its token keeps one slot for each, in this order
        facts += zip(map(type, events), (each.name for each in spec.outputs), strict=False)
    return facts


def _guards(specs: dict[str, Any], name: str) -> frozenset[str]:
    """Names of the events at the boundary of an activity."""
    split = specs.get(name + edges.SPLIT)
    return frozenset(each for each in split._outputs if each != name) if split else frozenset()


def _listeners(scope: _Scope) -> str | None:
    """Event sub-processes fall asleep when their scope begins: later nobody puts them to bed."""
    if not scope.tokens():
        return None
    for name, spec in scope.new.items():
        if isinstance(spec, EventHost) and name not in scope.old:
            return f"新版本增加了事件子流程“{_name(spec)}”，已经开始的业务不能补上。"
    return None


def _joins(scope: _Scope) -> str | None:
    """Each parallel join still gets a token from every entrance it waits for."""
    here = {task.task_spec.name for task in scope.tokens()}
    for name, join in scope.new.items():
        if not isinstance(join, ParallelGateway) or len(join._inputs) < 2:
            continue
        arrived = {
            task.parent.task_spec.name
            for task in scope.taken()
            if task.task_spec.name == name
            and JOINED not in task.internal_data
            and task.parent.has_state(TaskState.COMPLETED)
        }
        if not arrived <= set(join._inputs):
            return f"已有分支到达汇合处“{_name(join)}”，这条分支在新版本中换了走向。"
        missing = [each for each in join._inputs if each not in arrived]
        ways = [_before(scope.new, name, [each]) for each in missing]
        reached = [bool(here & way) for way in ways]
        if not all(reached) and (arrived or any(reached) or name in here):
            return f"新版本的并行汇合“{_name(join)}”要等一条没有开始过的分支，会一直等下去。"
    return None


def _before(specs: dict[str, Any], join: str, entrances: Iterable[str]) -> set[str]:
    """Names of all elements from which an entrance is reached without passing the join."""
    found: set[str] = set()
    ahead = list(entrances)
    while ahead:
        name = ahead.pop()
        if name not in found and name != join:
            found.add(name)
            ahead.extend(specs[name]._inputs)
    return found


def _name(spec: Any) -> str:
    """As people know it; the library's own elements go by the step they belong to."""
    name = getattr(spec, "bpmn_name", None) or re.split(r"\.| \[", spec.name)[0]
    return str(re.sub(r"\s+", "", name))
