"""Who catches what inside a request: errors and escalations go outwards, event sub-processes wake.

An error or escalation is offered to the boundary of the step that raised it, then to the event
sub-processes of its scope, then to the boundary of that scope, and so on; the library would offer
it to every listener of the request at once.  An event sub-process sleeps beside the steps of its
scope from the beginning: a sub-workflow whose start event waits.  It keeps no scope from ending.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SpiffWorkflow.bpmn.specs.control import BoundaryEventSplit, _EndJoin
from SpiffWorkflow.bpmn.specs.mixins.events.intermediate_event import BoundaryEvent
from SpiffWorkflow.bpmn.specs.mixins.events.start_event import StartEvent
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask
from SpiffWorkflow.bpmn.util import BpmnEvent
from SpiffWorkflow.specs.base import TaskSpec
from SpiffWorkflow.spiff.specs.defaults import EventSubprocess
from SpiffWorkflow.spiff.specs.event_definitions import (
    ErrorEventDefinition,
    EscalationEventDefinition,
)
from SpiffWorkflow.util.task import TaskIterator, TaskState

from engine.tokens.bpmn_events import Message, Signal
from engine.tokens.timer_events import Every

UNLIMITED = 1 << 60


class Uncaught(Exception):
    """An error event that nothing in the diagram catches."""


class Error(ErrorEventDefinition):  # type: ignore[misc]
    """An error with a code; without one it catches every error."""

    def throw(self, my_task: Any) -> bool:
        return hand_out(my_task, self)


class Escalation(EscalationEventDefinition):  # type: ignore[misc]
    """An escalation; one that nobody catches is no mistake."""

    def throw(self, my_task: Any) -> bool:
        return hand_out(my_task, self)


class EventHost(EventSubprocess):  # type: ignore[misc]
    """The token of an event sub-process, asleep until its start event fires."""


class EventStart(StartEvent):  # type: ignore[misc]
    """The start of an event sub-process; `interrupting` ends everything else in its scope."""

    interrupting = True

    def _predict_hook(self, my_task: Any) -> None:
        """The library foresees nothing after rounds, for it hangs a token of its own on each."""
        TaskSpec._predict_hook(self, my_task)

    def _run_hook(self, my_task: Any) -> bool:
        host = _host(my_task)
        last = host.workflow.last_task
        if last is not None:  # it has slept since the scope began: see what was done since
            my_task.data = dict(last.data)
        done: bool = super()._run_hook(my_task)
        if self.interrupting:
            interrupt(host)
        else:
            self._rearm(my_task, host)
        return done

    def _rearm(self, my_task: Any, host: Any) -> None:
        """What can happen again is waited for again: rounds that are left, messages, signals,
        escalations.  A date, a duration or a condition comes true once in a scope."""
        again = self.event_definition
        rounds = isinstance(again, Every) and again.left(my_task) != 0
        if not rounds and not isinstance(again, Message | Signal | Escalation):
            return
        heir = host.parent._add_child(host.task_spec, TaskState.FUTURE)
        heir.triggered = True
        heir.task_spec._predict(heir, mask=TaskState.NOT_FINISHED_MASK)
        heir.task_spec._update(heir)
        if rounds:
            (start,) = _starts(my_task.workflow.top_workflow.subprocesses[heir.id])
            again.carry(my_task, start)


class PatientEnd(_EndJoin):  # type: ignore[misc]
    """The end of a scope with event sub-processes: those that still sleep are not waited for."""

    def _check_threshold_unstructured(self, my_task: Any) -> bool:
        asleep = [host for host, _ in sleepers(my_task.workflow)]
        theirs = {task.id for host in asleep for task in TaskIterator(host, max_depth=UNLIMITED)}
        unfinished = TaskIterator(
            my_task.workflow.task_tree,
            state=TaskState.NOT_FINISHED_MASK,
            end_at_spec=self.name,
            max_depth=UNLIMITED,
        )
        if any(task is not my_task and task.id not in theirs for task in unfinished):
            return False
        for host in asleep:
            host.cancel()
        return True


def sleepers(scope: Any) -> Iterator[tuple[Any, Any]]:
    """(host, waiting start event) of every sleeping event sub-process of a scope."""
    top = scope.top_workflow
    for task_id, sub in list(top.subprocesses.items()):
        host = scope.tasks.get(task_id)
        if host is not None and isinstance(host.task_spec, EventHost) and not sub.completed:
            for start in _starts(sub):
                yield host, start


def catchers(my_task: Any, kind: type) -> Iterator[tuple[Any, Any]]:
    """(activity or host, waiting event) for each listener of this kind, the nearest first."""
    here, top = my_task, my_task.workflow.top_workflow
    while here is not None:
        main = _whole(here)
        for event in _boundary(main):
            if isinstance(event.task_spec.event_definition, kind):
                yield main, event
        for host, start in sleepers(here.workflow):
            if isinstance(start.task_spec.event_definition, kind):
                yield host, start
        outer = here.workflow.parent_task_id
        here = None if outer is None else top.get_task_from_id(outer)


def caught(my_task: Any, thrown: Any) -> list[tuple[Any, Any]]:
    """The catchers of exactly this error or escalation, the nearest first."""
    return [
        (activity, event)
        for activity, event in catchers(my_task, type(thrown))
        if event.task_spec.event_definition == thrown
    ]


def hand_out(my_task: Any, thrown: Any, payload: Any = None) -> bool:
    """Give an error or escalation to its nearest catcher; False when that ends the thrower's way.

    Raises Uncaught for an error that nobody catches.
    """
    if payload is None and thrown.expression is not None:
        payload = my_task.workflow.script_engine.evaluate(my_task, thrown.expression)
    found = caught(my_task, thrown)
    if not found:
        if isinstance(thrown, Error):
            raise Uncaught(f"no boundary event catches the error {thrown.code!r}")
        return True
    activity, event = found[0]
    event.task_spec.catch(event, BpmnEvent(thrown, payload))
    event.internal_data[event.task_spec.event_definition.name] = payload
    event.task_spec._update(event)
    if isinstance(event.task_spec, EventStart):
        if event.task_spec.interrupting:
            interrupt(activity)
            return False
    elif event.task_spec.cancel_activity:
        if activity is not my_task:
            activity.cancel()
        return False
    return True


def interrupt(host: Any) -> None:
    """End everything in the scope of an event sub-process but itself."""
    scope = host.workflow
    own = {task.id for task in TaskIterator(host, max_depth=UNLIMITED)}
    for task in scope.get_tasks(state=TaskState.NOT_FINISHED_MASK):
        if task.workflow is scope and task.id not in own and task.id in scope.tasks:
            task.cancel()


def _host(my_task: Any) -> Any:
    return my_task.workflow.top_workflow.get_task_from_id(my_task.workflow.parent_task_id)


def _starts(sub: Any) -> list[Any]:
    return [
        task
        for task in sub.tasks.values()
        if task._state == TaskState.WAITING and isinstance(task.task_spec, EventStart)
    ]


def _whole(task: Any) -> Any:
    """A boundary is drawn at the whole of a loop, not at one of its rounds."""
    parent = task.parent
    while parent is not None and isinstance(parent.task_spec, LoopTask):
        if task.task_spec.name != parent.task_spec.task_spec:
            break
        task, parent = parent, parent.parent
    return task


def _boundary(activity: Any) -> Iterator[Any]:
    split = activity.parent
    if split is None or not isinstance(split.task_spec, BoundaryEventSplit):
        return
    waiting = [
        event
        for event in split.children
        if isinstance(event.task_spec, BoundaryEvent) and event._state == TaskState.WAITING
    ]
    # an event with a code before one that catches everything
    yield from sorted(waiting, key=lambda event: _code(event) is None)


def _code(event: Any) -> Any:
    return getattr(event.task_spec.event_definition, "code", None)
