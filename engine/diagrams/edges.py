"""Boundary events that a step got or lost after it had been passed.

The library stands a split before a step with boundary events, and a join that leads nowhere behind
them all.  A passed step is given these, or loses them, as if it had been drawn so from the
beginning: nothing happens now, but a return to the step arms what the new version draws.
"""

from __future__ import annotations

from typing import Any

from SpiffWorkflow.bpmn.specs.control import BoundaryEventJoin, BoundaryEventSplit
from SpiffWorkflow.bpmn.specs.mixins.events.intermediate_event import BoundaryEvent
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

SPLIT, JOIN = ".BoundaryEventSplit", ".BoundaryEventJoin"
_COMPLETED, _CANCELLED = TaskState.COMPLETED, TaskState.CANCELLED


def replaceable(task: Any, specs: dict[str, Any]) -> bool:
    """A part of the edge of a passed step that may be missing in the other version."""
    spec = task.task_spec
    if isinstance(spec, BoundaryEvent):
        return bool(task._state == _CANCELLED)
    step = spec.name.removesuffix(SPLIT).removesuffix(JOIN)
    passed = task.has_state(TaskState.FINISHED_MASK)
    return isinstance(spec, BoundaryEventSplit | BoundaryEventJoin) and passed and step in specs


def redraw(tree: Any, specs: dict[str, Any]) -> None:
    """Bring the edges of all passed steps of one process in line with the other version."""
    for task in list(tree.tasks.values()):
        name = task.task_spec.name
        if not task.has_state(TaskState.FINISHED_MASK):
            continue
        if isinstance(task.task_spec, BoundaryEventSplit):
            _events(task, specs)
        elif name + SPLIT in specs and name + SPLIT not in tree.spec.task_specs:
            _put_around(task, specs)


def _events(split: Any, specs: dict[str, Any]) -> None:
    """Those of a passed step that has some: drop the ones that are gone, add the new ones."""
    tree, parent = split.workflow, split.parent
    step = next(each for each in split.children if not isinstance(each.task_spec, BoundaryEvent))
    if not step.has_state(TaskState.FINISHED_MASK):
        return
    for event in [each for each in split.children if each is not step]:
        if event.task_spec.name not in specs:
            split._children.remove(event.id)
            del tree.tasks[event.id]
    if split.task_spec.name in specs:
        _arm_none(split, specs[split.task_spec.name])
        return
    for join in [each for each in step.children if isinstance(each.task_spec, BoundaryEventJoin)]:
        _forget(join, step)
    parent._children[parent._children.index(split.id)] = step.id
    step._parent = parent.id
    _forget(split, step)


def _put_around(step: Any, specs: dict[str, Any]) -> None:
    """A split before a step that had no edge, a join beside what came after it."""
    name, parent = step.task_spec.name, step.parent
    split = Task(step.workflow, specs[name + SPLIT], parent, state=_COMPLETED)
    parent._children.remove(split.id)
    parent._children[parent._children.index(step.id)] = split.id
    step._parent, split._children = split.id, [step.id]
    split.data, split.last_state_change = dict(parent.data), parent.last_state_change
    _arm_none(split, specs[name + SPLIT])
    join = Task(step.workflow, specs[name + JOIN], step, state=step._state)
    join.data, join.last_state_change = dict(step.data), step.last_state_change


def _arm_none(split: Any, spec: Any) -> None:
    """An event that never came, for each one the version draws."""
    known = {each.task_spec.name for each in split.children}
    for output in spec.outputs:
        if output.name not in known and isinstance(output, BoundaryEvent):
            Task(split.workflow, output, split, state=_CANCELLED)


def _forget(task: Any, instead: Any) -> None:
    tree = task.workflow
    if task.id in instead._children:
        instead._children.remove(task.id)
    if tree.last_task is task:
        tree.last_task = instead
    del tree.tasks[task.id]
