"""Two engines run the same diagram in step: the library as it comes, and ours saved and loaded
before every step.  What each of them did is a `Run`, to be compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine, TaskDataEnvironment
from SpiffWorkflow.bpmn.specs.event_definitions import timer as stock_timer
from SpiffWorkflow.bpmn.util import BpmnEvent
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.spiff.parser.process import SpiffBpmnParser
from SpiffWorkflow.spiff.specs.event_definitions import (
    MessageEventDefinition,
    SignalEventDefinition,
)
from SpiffWorkflow.util.task import TaskState

from engine import Runtime
from engine.diagrams import dialect
from engine.scripts.script import ScriptEngine
from engine.tokens import codec
from engine.tokens.bpmn_events import Message, Signal
from engine.tokens.workflow import Workflow
from tests.conftest import Clock

STEPS_MAX = 200
SEED: dict[str, Any] = {
    "rounds": 3,
    "items": [1, 2, 3],
    "nothing": [],
    "gaps": [1, None, 2],
    "shared": {},
    "ready": False,
}
Happening = tuple[str, Any]  # ("hours", 5) | ("message", "回执") | ("signal", "停办")


@dataclass
class Run:
    """What an engine did with a diagram."""

    path: list[str] = field(default_factory=list)
    data: Any = None
    completed: bool = False
    open: list[Any] = field(default_factory=list)  # (element, state) of everything not predicted

    @property
    def seen(self) -> tuple[Any, ...]:
        return (self.path, self.completed, json.dumps(self.data, sort_keys=True), self.open)


class Stock:
    """The library as it comes."""

    def __init__(self, key: str, files: dict[str, bytes], clock: Clock) -> None:
        parser = SpiffBpmnParser()
        for name, content in files.items():
            (parser.add_dmn_str if name.endswith(".dmn") else parser.add_bpmn_str)(content)
        spec, subs = parser.get_spec(key), parser.get_subprocess_specs(key)
        engine = PythonScriptEngine(_StockServices())
        self.workflow: Any = BpmnWorkflow(spec, subs, script_engine=engine)
        self._clock = clock

    def before_each(self) -> None:
        """It lives in memory from beginning to end."""

    def happen(self, kind: str, what: Any) -> None:
        if kind == "hours":
            self._clock.advance(hours=what, seconds=1)  # the library wants the time to be past
        elif kind == "message":
            event = BpmnEvent(MessageEventDefinition(what), {"from": what})
            self.workflow.event_manager.catch(event, internal=False)
        else:
            event = BpmnEvent(SignalEventDefinition(what), {"from": what})
            self.workflow.event_manager.catch(event, internal=False)
        self.workflow.refresh_timers()


class Ours:
    """Ours, saved and loaded before every step."""

    def __init__(self, key: str, files: dict[str, bytes], clock: Clock) -> None:
        self._deployed = dialect.parse(key, files)
        self._clock = clock
        deployed = self._deployed
        self.workflow: Any = Workflow(
            deployed.spec, deployed.subspecs, script_engine=self._engine()
        )

    def _engine(self) -> ScriptEngine:
        session = SimpleNamespace(begin_nested=nullcontext)
        return _Services(cast(Runtime, SimpleNamespace(clock=self._clock, session=session)))

    def before_each(self) -> None:
        blob = codec.dumps(self.workflow)
        deployed = self._deployed
        self.workflow = codec.loads(blob, deployed.spec, deployed.subspecs, self._engine())

    def happen(self, kind: str, what: Any) -> None:
        if kind == "hours":
            self._clock.advance(hours=what, seconds=1)
        else:
            definition = (Message if kind == "message" else Signal)(what)
            event = BpmnEvent(definition, {"from": what}, cast(Any, ""))
            self.workflow.event_manager.catch(event, internal=False)
        self.workflow.script_engine.ringing = True
        self.workflow.refresh_timers()
        self.workflow.script_engine.ringing = False


class _Services(ScriptEngine):
    def call_service(self, task: Any, **kwargs: Any) -> str:
        return '{"ok": 1}'


class _StockServices(TaskDataEnvironment):  # type: ignore[misc]
    def call_service(self, *_args: Any, **_kwargs: Any) -> str:
        return '{"ok": 1}'


def files_of(path: Path) -> dict[str, bytes]:
    """The diagram with the decision table of the same name, if there is one."""
    table = path.with_suffix(".dmn")
    files = {path.name: path.read_bytes()}
    return files | ({table.name: table.read_bytes()} if table.exists() else {})


def run(make: Callable[..., Any], path: Path, story: tuple[Happening, ...]) -> Run:
    """Run what needs nobody; then comes the next thing of the story, and after it people act.

    The form that starts a request is always filled in first; `("people", 1)` lets them act earlier.
    """
    clock, done = Clock(), Run()
    with library_time(clock):
        one = make(path.stem, files_of(path), clock)
        one.workflow.task_tree.data.update(json.loads(json.dumps(SEED)))
        ahead: list[Happening] = [("people", 1), *story]
        for _ in range(STEPS_MAX):
            one.before_each()
            ready = one.workflow.get_tasks(state=TaskState.READY)
            automatic = [task for task in ready if not task.task_spec.manual]
            told = ahead.pop(0) if ahead and not automatic else ("people", 1)
            if automatic:
                act(automatic[0], done)
            elif told[0] != "people":
                one.happen(*told)
            elif ready:
                act(ready[0], done)
            elif not ahead:
                break
            wake_parents(one.workflow)
    done.completed, done.data = one.workflow.completed, one.workflow.data
    definite = one.workflow.get_tasks(state=TaskState.DEFINITE_MASK)
    done.open = sorted((task.task_spec.name, task.state) for task in definite)
    return done


def act(task: Any, done: Run) -> None:
    if task.task_spec.manual:
        task.data[f"u{len(done.path)}"] = {"typename": "x", "step": len(done.path)}
        if "item" in task.data:  # one of several: what it gives back
            task.data["item_out"] = task.data["item"] + 1
    done.path.append(task.task_spec.name)
    task.run()


def wake_parents(workflow: Any) -> None:
    for task_id, sub in list(workflow.subprocesses.items()):
        host = sub.parent_workflow.tasks.get(task_id)
        if host is not None and host.state == TaskState.STARTED:
            host.task_spec._update(host)


@contextmanager
def library_time(clock: Clock) -> Iterator[None]:
    """The library reads the wall clock: give it ours."""

    class Now(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return clock().astimezone(tz)

    before = stock_timer.datetime
    stock_timer.datetime = Now
    try:
        yield
    finally:
        stock_timer.datetime = before
