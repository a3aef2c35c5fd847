"""Timer events on the engine's own clock.

The library reads the wall clock and takes naive times; ours asks the runtime, so that tests can
move time, and accepts aware times only.  Timers ring in `timers.fire` alone, never in the middle of
a verb: what then goes wrong must fail the timer, not somebody's decision.  A parsed diagram gets
these in place of the stock definitions.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from SpiffWorkflow.bpmn.specs.event_definitions import timer as stock
from SpiffWorkflow.util.task import TaskState

FIRED = "event_fired"
VALUE = "event_value"


def _now(task: Any) -> datetime:
    rt = task.workflow.script_engine.rt
    assert rt is not None
    now: datetime = rt.clock()
    return now


def _aware(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"the timer {text!r} has no time zone: use before_due() or working_days()")
    return at


def _rings(task: Any, at: str) -> bool:
    if task.workflow.script_engine.ringing and _aware(at) <= _now(task):
        task._set_internal_data(**{FIRED: True})
    return bool(task._get_internal_data(FIRED, False))


def _after(start: datetime, duration: str) -> datetime:
    parsed = stock.TimerEventDefinition.parse_iso_duration(duration)
    delta: timedelta = stock.TimerEventDefinition.get_timedelta_from_start(parsed, start)
    return start + delta


class At(stock.TimeDateEventDefinition):  # type: ignore[misc]
    """timeDate: an aware ISO time."""

    def has_fired(self, my_task: Any) -> bool:
        if my_task.workflow.script_engine.rehearsing:
            return False
        at = my_task._get_internal_data(VALUE)
        if at is None:
            text = my_task.workflow.script_engine.evaluate(my_task, self.expression)
            at = _aware(text).isoformat()
            my_task._set_internal_data(**{VALUE: at})
        return _rings(my_task, at)


class After(stock.DurationTimerEventDefinition):  # type: ignore[misc]
    """timeDuration: an ISO duration from the moment the token arrives."""

    def has_fired(self, my_task: Any) -> bool:
        if my_task.workflow.script_engine.rehearsing:
            return False
        at = my_task._get_internal_data(VALUE)
        if at is None:
            text = my_task.workflow.script_engine.evaluate(my_task, self.expression)
            at = _after(_now(my_task), text).isoformat()
            my_task._set_internal_data(**{VALUE: at})
        return _rings(my_task, at)


_OURS = {stock.TimeDateEventDefinition: At, stock.DurationTimerEventDefinition: After}


def adopt(spec: Any) -> None:
    """Give every timer of a parsed process the engine's clock."""
    for task_spec in spec.task_specs.values():
        definition = getattr(task_spec, "event_definition", None)
        ours = _OURS.get(type(definition))
        if ours is not None and definition is not None:
            task_spec.event_definition = ours(
                definition.name, definition.expression, description=definition.description
            )


def next_due(workflow: Any) -> datetime | None:
    """The earliest time at which a waiting timer of this workflow will fire."""
    times = []
    for task in workflow.event_manager.tasks.values():
        if task._state != TaskState.WAITING or task.id not in task.workflow.tasks:
            continue  # decided, or undone by a return: the library keeps listening for it
        value = task.internal_data.get(VALUE)
        if isinstance(value, str) and not task.internal_data.get(FIRED):
            times.append(_aware(value))
        elif isinstance(value, dict) and value.get("cycles"):
            times.append(_aware(value["next"]))
    return min(times, default=None)
