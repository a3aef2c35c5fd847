"""The events of a diagram: messages, signals, conditions, and several of them behind one gateway.

Timers are in `timer_events`, errors and escalations in `scopes`.  What an event needs to remember
it keeps in the internal data of its token; `slot` tells the events of one gateway apart there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from SpiffWorkflow.bpmn.specs.event_definitions import conditional, multiple
from SpiffWorkflow.bpmn.util import BpmnEvent
from SpiffWorkflow.spiff.specs.event_definitions import (
    MessageEventDefinition,
    SignalEventDefinition,
)
from SpiffWorkflow.util.task import TaskState

MESSAGE, SIGNAL = "message", "signal"
CORRELATION_CHARS_MAX = 160  # what the column holds


@dataclass(frozen=True, slots=True)
class Thrown:
    """A message or signal on its way out; `key` names the token that sent it."""

    kind: str
    name: str
    correlation: str
    payload: Any
    key: str


class _Named:
    """What messages and signals share.  `slot` tells the events of one gateway apart."""

    kind: str
    slot = ""
    correlation: str | None = None  # an expression over the data; default: the request's number
    name: str
    expression: str | None

    def has_fired(self, my_task: Any) -> bool:
        if my_task._get_internal_data(self.here("correlation")) is None:
            found = _correlation(my_task, self)
            my_task._set_internal_data(**{self.here("correlation"): found})
        return bool(my_task._get_internal_data(self.here("event_fired"), False))

    def catches(self, my_task: Any, event: Any) -> bool:
        if type(event.event_definition) is not type(self):
            return False
        if event.event_definition.name != self.name:
            return False
        mine = my_task._get_internal_data(self.here("correlation"))
        return self.kind == SIGNAL or (event.correlations or "") == mine

    def catch(self, my_task: Any, event: Any) -> None:
        my_task._set_internal_data(
            **{self.here("payload"): event.payload, self.here("event_fired"): True}
        )

    def update_task(self, my_task: Any) -> None:
        """The library's correlation keys; ours is a property."""

    def update_task_data(self, my_task: Any) -> None:
        payload = my_task.internal_data.pop(self.here("payload"), None)
        if self.variable_name is not None:
            my_task.data[self.variable_name] = payload

    def reset(self, my_task: Any) -> None:
        my_task.internal_data.pop(self.here("payload"), None)
        my_task._set_internal_data(**{self.here("event_fired"): False})

    def throw(self, my_task: Any) -> None:
        """To those who wait inside the request; a message nobody awaits there, and every signal,
        also goes out."""
        top = my_task.workflow.top_workflow
        payload = None
        if self.expression is not None:
            payload = top.script_engine.evaluate(my_task, self.expression)
        correlation = _correlation(my_task, self)
        event = BpmnEvent(self, payload=payload, correlations=cast(Any, correlation))
        caught = top.event_manager.catch(event, internal=False)
        if self.kind == SIGNAL or not caught:
            key = my_task.id.hex
            top.outgoing.append(Thrown(self.kind, self.name, correlation, payload, key))

    @property
    def variable_name(self) -> str | None:
        raise NotImplementedError

    def here(self, what: str) -> str:
        return what + self.slot


class Message(_Named, MessageEventDefinition):  # type: ignore[misc]
    kind = MESSAGE

    @property
    def variable_name(self) -> str | None:
        name: str | None = self.message_var
        return name


class Signal(_Named, SignalEventDefinition):  # type: ignore[misc]
    kind = SIGNAL

    @property
    def variable_name(self) -> str | None:
        name: str | None = self.variable
        return name


def waiting(workflow: Any) -> Iterator[tuple[Any, Any]]:
    """(token, definition) for every message and signal this request waits for."""
    for task in list(workflow.event_manager.tasks.values()):
        if task._state != TaskState.WAITING or task.id not in task.workflow.tasks:
            continue  # decided, or undone by a return: the library keeps listening for it
        definition = task.task_spec.event_definition
        several = isinstance(definition, Several)
        for one in definition.event_definitions if several else (definition,):
            if isinstance(one, Message | Signal):
                yield task, one


class Conditional(conditional.ConditionalEventDefinition):  # type: ignore[misc]
    """A condition over what the request's steps have written so far; at the start of an event
    sub-process those of the scope `outside` it.

    The library asks about the data at the moment the token arrived, which never changes.  A name
    that is not there yet is not yet true.
    """

    outside = False

    def has_fired(self, my_task: Any) -> bool:
        workflow = my_task.workflow
        if self.outside:
            workflow = workflow.parent_workflow
        last = workflow.last_task.data if workflow.last_task is not None else {}
        context = {**workflow.data_objects, **my_task.data, **last}
        try:
            value = workflow.script_engine.environment.evaluate(self.expression, context)
        except Exception as error:
            if _missing(error):
                return False
            raise
        return bool(value)


class Several(multiple.MultipleEventDefinition):  # type: ignore[misc]
    """The events behind an event-based gateway, each with its own slot in the shared token."""

    def has_fired(self, my_task: Any) -> bool:
        return self.first(my_task) is not None

    def first(self, my_task: Any) -> int | None:
        """The place of the event that came first; asking also sets the timers going."""
        fired = [one.has_fired(my_task) for one in self.event_definitions]
        return fired.index(True) if True in fired else None

    def catches(self, my_task: Any, event: Any = None) -> bool:
        return any(one.catches(my_task, event) for one in self.event_definitions)

    def catch(self, my_task: Any, event: Any = None) -> None:
        next(one for one in self.event_definitions if one.catches(my_task, event)).catch(
            my_task, event
        )

    def reset(self, my_task: Any) -> None:
        for one in self.event_definitions:
            one.reset(my_task)


def _correlation(my_task: Any, definition: _Named) -> str:
    engine = my_task.workflow.script_engine
    if definition.kind == SIGNAL:
        return ""
    if definition.correlation is None:
        return engine.case.no if engine.case is not None else ""
    value = engine.evaluate(my_task, definition.correlation)
    text = str(value) if isinstance(value, str | int) else ""
    if not 0 < len(text) <= CORRELATION_CHARS_MAX or not text.isprintable():
        raise ValueError(f"the correlation of {definition.name!r} is no text of 1 to 160 letters")
    return text


def _missing(error: BaseException | None) -> bool:
    """A name the data does not have yet, however the sandbox words it."""
    while error is not None:
        if isinstance(error, NameError) or getattr(error, "kind", None) == "NameError":
            return True
        error = getattr(error, "exception", None) or error.__cause__
    return False
