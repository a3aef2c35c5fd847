"""Timer events on the engine's own clock: a date, a duration, or rounds (`R3/PT1H`).

The library reads the wall clock and takes naive times; ours asks the runtime, so that tests can
move time, and accepts aware times only.  Timers ring in `timers.fire` alone, never in the middle of
a verb: what then goes wrong must fail the timer, not somebody's decision.  Rounds that were missed
ring once and are used up: nobody wants a month of hourly reminders in one minute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from SpiffWorkflow.bpmn.specs.event_definitions import timer as stock
from SpiffWorkflow.util.task import TaskState

from engine.tokens.marks import HALTED

FIRED = "event_fired"
VALUE = "event_value"
ROUND_SECONDS_MIN = 60  # each round costs a transaction and a line of history
ROUNDS_AHEAD_MAX = 100_000  # calendar months counted one by one must not hang a timer
_TIMES = re.compile(r"R\d{0,6}")
_ENDLESS = re.compile(r"\d{7}|^[^T]*\d{4}[YM]")


class Rounds(NamedTuple):
    """`left` rounds (-1: for ever), the first `at`, then every `duration`."""

    left: int
    at: datetime
    duration: str


class _Ours:
    """`slot` tells the timers of one event-based gateway apart: they share a token."""

    slot = ""

    def _value(self, my_task: Any) -> Any:
        return my_task._get_internal_data(VALUE + self.slot)

    def _keep(self, my_task: Any, value: Any) -> None:
        my_task._set_internal_data(**{VALUE + self.slot: value})

    def _rings(self, my_task: Any, at: str) -> bool:
        if _heard(my_task) and aware(at) <= _now(my_task):
            my_task._set_internal_data(**{FIRED + self.slot: True})
        return bool(my_task._get_internal_data(FIRED + self.slot, False))

    def reset(self, my_task: Any) -> None:
        my_task._set_internal_data(**{FIRED + self.slot: False})


class At(_Ours, stock.TimeDateEventDefinition):  # type: ignore[misc]
    """timeDate: an aware ISO time."""

    def has_fired(self, my_task: Any) -> bool:
        if my_task.workflow.script_engine.rehearsing:
            return False
        at = self._value(my_task)
        if at is None:
            at = aware(_evaluated(self, my_task)).isoformat()
            self._keep(my_task, at)
        return self._rings(my_task, at)


class After(_Ours, stock.DurationTimerEventDefinition):  # type: ignore[misc]
    """timeDuration: an ISO duration from the moment the token arrives."""

    def has_fired(self, my_task: Any) -> bool:
        if my_task.workflow.script_engine.rehearsing:
            return False
        at = self._value(my_task)
        if at is None:
            at = after(_now(my_task), _evaluated(self, my_task)).isoformat()
            self._keep(my_task, at)
        return self._rings(my_task, at)


class Every(_Ours, stock.CycleTimerEventDefinition):  # type: ignore[misc]
    """timeCycle: rounds.  At a boundary each round sends a token along the exit (`spawns`); at the
    start of an event sub-process a round is one firing, and the next one is armed anew."""

    spawns = True

    def has_fired(self, my_task: Any) -> bool:
        engine = my_task.workflow.script_engine
        if engine.rehearsing:
            return False
        if self._value(my_task) is None:
            first = rounds(_evaluated(self, my_task), _now(my_task))
            self._keep(my_task, _stored(first))
        if self.spawns:  # the last round is over
            return bool(my_task._get_internal_data(FIRED, False))
        if self._strikes(my_task):
            my_task._set_internal_data(**{FIRED: True})
        return bool(my_task._get_internal_data(FIRED, False))

    def update_task(self, my_task: Any) -> None:
        if my_task.workflow.script_engine.rehearsing or not self.spawns:
            return
        if self.left(my_task) == 0:  # and the event itself is over
            my_task._set_internal_data(**{FIRED: True})
        elif self._strikes(my_task):
            for output in my_task.task_spec.outputs:
                child = my_task._add_child(output, TaskState.FUTURE)
                child.task_spec._predict(child, mask=TaskState.NOT_FINISHED_MASK)
                child.task_spec._update(child)

    def left(self, my_task: Any) -> int:
        """Rounds still to come, -1 for ever."""
        return int(self._value(my_task)["cycles"])

    def carry(self, my_task: Any, heir: Any) -> None:
        """The rounds that are left go on in another token."""
        self._keep(heir, self._value(my_task))

    def _strikes(self, my_task: Any) -> bool:
        value, now = self._value(my_task), _now(my_task)
        due = aware(value["next"]) <= now and value["cycles"] != 0
        if not (due and _heard(my_task)):
            return False
        past = Rounds(value["cycles"], aware(value["next"]), value["duration"])
        self._keep(my_task, _stored(_past(past, now)))
        return True


_OURS = {
    stock.TimeDateEventDefinition: At,
    stock.DurationTimerEventDefinition: After,
    stock.CycleTimerEventDefinition: Every,
}


def ours(definition: Any, slot: str = "") -> Any:
    """The same timer on the engine's clock; anything else as it is."""
    made = _OURS.get(type(definition))
    if made is None:
        return definition
    timer = made(definition.name, definition.expression, description=definition.description)
    timer.slot = slot
    return timer


def aware(text: Any) -> datetime:
    """An ISO time that says its zone; ValueError otherwise."""
    if not isinstance(text, str):
        raise ValueError(f"a time is text, not {type(text).__name__}")
    at = datetime.fromisoformat(text.strip())
    if at.tzinfo is None:
        raise ValueError("the time has no zone: write +08:00, before_due() or working_days()")
    return at


def after(start: datetime, duration: Any) -> datetime:
    """`duration` (ISO 8601: P3D, PT36H, P1M) later; a day is 24 hours, a month a calendar month."""
    if not isinstance(duration, str) or not duration.strip().upper().startswith("P"):
        raise ValueError("a duration is text such as P3D or PT36H")
    if _ENDLESS.search(duration.upper()):  # the library would count its months one by one
        raise ValueError("a duration of more than a lifetime")
    try:
        parsed = stock.TimerEventDefinition.parse_iso_duration(duration.strip())
        delta = stock.TimerEventDefinition.get_timedelta_from_start(parsed, start)
        later: datetime = start + delta
    except Exception as error:  # the library raises bare exceptions
        raise ValueError(f"not a duration: {error}") from None
    if later <= start:
        raise ValueError("a duration is longer than nothing")
    return later


def rounds(text: Any, now: datetime) -> Rounds:
    """`R3/PT1H`, `R/2026-07-15T09:00:00+08:00/P1D`, `R2/P1D/<end>`; ValueError with the reason."""
    parts = text.strip().split("/") if isinstance(text, str) else []
    if len(parts) not in (2, 3) or not _TIMES.fullmatch(parts[0].upper()):
        raise ValueError("rounds are text such as R3/PT1H")
    left = int(parts[0][1:] or -1)
    if left == 0:
        raise ValueError("R0 never rings")
    if len(parts) == 2:
        duration, first = parts[1], after(now, parts[1])
    elif parts[1].upper().startswith("P"):
        duration, end = parts[1], aware(parts[2])
        first = end - (after(end, duration) - end)
    else:
        duration, first = parts[2], aware(parts[1])
    if (after(first, duration) - first).total_seconds() < ROUND_SECONDS_MIN:
        raise ValueError(f"rounds are at least {ROUND_SECONDS_MIN} seconds apart")
    return Rounds(left, first, duration)


def next_due(workflow: Any) -> datetime | None:
    """The earliest time at which a waiting timer of this workflow will fire."""
    return min((at for _, at in alarms(workflow)), default=None)


def alarms(workflow: Any) -> Iterator[tuple[Any, datetime]]:
    """Every token that waits for a time, and the time; not those an admin has to look at first."""
    for task in workflow.event_manager.tasks.values():
        if task._state != TaskState.WAITING or task.id not in task.workflow.tasks:
            continue  # decided, or undone by a return: the library keeps listening for it
        if HALTED in task.internal_data:
            continue
        for name, value in task.internal_data.items():
            if not name.startswith(VALUE) or task.internal_data.get(FIRED + name[len(VALUE) :]):
                continue
            if isinstance(value, str):
                yield task, aware(value)
            elif value["cycles"]:
                yield task, aware(value["next"])


def _heard(task: Any) -> bool:
    """Timers ring now, and this one has not failed for good."""
    return bool(task.workflow.script_engine.ringing) and HALTED not in task.internal_data


def _now(task: Any) -> datetime:
    rt = task.workflow.script_engine.rt
    assert rt is not None
    now: datetime = rt.clock()
    return now


def _evaluated(timer: Any, my_task: Any) -> Any:
    return my_task.workflow.script_engine.evaluate(my_task, timer.expression)


def _stored(what: Rounds) -> dict[str, Any]:
    return {"cycles": what.left, "next": what.at.isoformat(), "duration": what.duration}


def _past(what: Rounds, now: datetime) -> Rounds:
    """What is left when every round up to `now` has rung, the missed ones together with it."""
    left, at = what.left, what.at
    step = after(at, what.duration) - at
    if not re.search(r"[YM]", what.duration.upper().partition("T")[0]):  # all rounds are alike
        gone = (now - at) // step + 1
        left = left if left < 0 else max(0, left - gone)
        return Rounds(left, at + gone * step, what.duration)
    for _ in range(ROUNDS_AHEAD_MAX):
        if at > now or left == 0:
            break
        left = left if left < 0 else left - 1
        at += after(at, what.duration) - at
    return Rounds(left, at, what.duration)
