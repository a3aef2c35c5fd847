"""SpiffWorkflow with flat scans, never looking deeper than the tree is kept (`pruning`).

Stock walks its task tree on every question and silently stops at depth 1,000; ours looks at the
task dictionary.  What a step costs: `make bench-engine`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from time import time
from typing import Any

import SpiffWorkflow.task as spiff_task
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask
from SpiffWorkflow.bpmn.util.subworkflow import BpmnSubWorkflow
from SpiffWorkflow.bpmn.util.task import BpmnTaskIterator
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.task import Task as SpiffTask
from SpiffWorkflow.util.task import TaskIterator, TaskState

from engine.tokens import pruning
from engine.tokens.marks import HALTED
from engine.tokens.scopes import sleepers

UNLIMITED = 1 << 60
_stock_set_state = SpiffTask._set_state
_stock_extras = SpiffTask.collect_log_extras
# It says a line at every change of a state, with people's data in it at DEBUG: not for our log.
logging.getLogger("spiff").setLevel(logging.WARNING)


def _set_state(self: Any, value: int) -> None:
    """The library words two sentences at every state change even when nobody listens."""
    if spiff_task.logger.isEnabledFor(20):
        _stock_set_state(self, value)
    elif value != self._state:
        self._state, self.last_state_change = value, time()


def _log_extras(self: Any, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """The library collects these even when nobody listens."""
    if not spiff_task.logger.isEnabledFor(20):
        return {}
    extras: dict[str, Any] = _stock_extras(self, extra)
    return extras


class TaskId(int):
    """128 random bits, told apart like a UUID but hashed in C: the library looks a task up by its
    id some hundred times a step."""

    __slots__ = ()

    @classmethod
    def random(cls) -> TaskId:
        return cls.from_bytes(os.urandom(16))

    @property
    def hex(self) -> str:
        return f"{self:032x}"

    def __str__(self) -> str:
        return self.hex

    __repr__ = __str__


SpiffTask._set_state = _set_state
SpiffTask.collect_log_extras = _log_extras
spiff_task.uuid4 = TaskId.random


class _Flat:
    """Looks tasks up in the dictionary; several matches keep the library's depth-first order."""

    tasks: dict[Any, Any]
    task_tree: Any
    top_workflow: Any

    def _having(self, state: int) -> list[Any]:
        hits = [task for task in self.tasks.values() if task._state == state]
        if len(hits) > 1:
            hits = list(TaskIterator(self.task_tree, state=state, max_depth=UNLIMITED))
        return hits

    def update_waiting_tasks(self) -> None:
        for task in self._having(TaskState.WAITING):
            task.task_spec._update(task)
        if self.top_workflow.subprocesses:  # what was done may be what a handler waits for
            for _, start in list(sleepers(self)):
                start.task_spec._update(start)

    def ready_tasks(self) -> list[Any]:
        return self._having(TaskState.READY)

    def _task_removed_notify(self, task: Any) -> None:
        """The library leaves the sub-process and the ears of a removed task behind."""
        top = self.top_workflow
        top.event_manager.remove_task(task)
        sub = top.subprocesses.pop(task.id, None)
        if sub is not None:
            for inner in list(sub.tasks.values()):
                sub._task_removed_notify(inner)

    def get_tasks_iterator(self, first_task: Any = None, **wanted: Any) -> Iterator[Any]:
        wanted.setdefault("max_depth", UNLIMITED)
        iterator: Iterator[Any] = BpmnTaskIterator(first_task or self.task_tree, **wanted)
        return iterator


class SubWorkflow(_Flat, BpmnSubWorkflow):  # type: ignore[misc]
    """A sub-process or call activity of a running request."""


Callback = Callable[[Any], Any] | None


class Workflow(_Flat, BpmnWorkflow):  # type: ignore[misc]
    """The token state of one request; `outgoing` is what it has sent (see `subscriptions`)."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self.outgoing: list[Any] = []
        self._forget_above = pruning.PRUNE_RUNNING_AT
        super().__init__(*args, **more)

    def create_subprocess(self, my_task: Any, spec_name: str) -> SubWorkflow:
        spec = self.subprocess_specs[spec_name]
        subprocess = SubWorkflow(spec, parent_task_id=my_task.id, top_workflow=self)
        self.subprocesses[my_task.id] = subprocess
        return subprocess

    def do_engine_steps(
        self, will_complete_task: Callback = None, did_complete_task: Callback = None
    ) -> None:
        """Run everything that is ready; the library's scan for due timers at the end is left out,
        for timers ring in `engine.verbs.timers` alone."""
        while self._do_engine_steps(will_complete_task, did_complete_task):
            self._forget()

    def _do_engine_steps(
        self, will_complete_task: Callback = None, did_complete_task: Callback = None
    ) -> bool:
        if not self.subprocesses:
            count = _run_all(self.ready_tasks(), will_complete_task, did_complete_task)
            return count > 0 or bool(self.subprocesses)
        active = self.get_active_subprocesses()
        for subprocess in sorted(active, key=lambda sp: sp.depth, reverse=True):
            while _run_all(subprocess.ready_tasks(), will_complete_task, did_complete_task):
                self._forget()
            if self.subprocesses.get(subprocess.parent_task_id) is subprocess:
                task = self.get_task_from_id(subprocess.parent_task_id)
                task.task_spec._update(task)
        # the library's own top-level scan also descends into active sub-processes
        ready = self.get_tasks(state=TaskState.READY)
        count = _run_all(ready, will_complete_task, did_complete_task)
        return count > 0 or len(self.get_active_subprocesses()) > len(active)

    def _forget(self) -> None:
        """A loop of many rounds in one verb must not look through ever more of them."""
        if pruning.prune(self, self._forget_above):
            left = sum(1 for _ in self.everything())
            self._forget_above = max(pruning.PRUNE_RUNNING_AT, 2 * left)

    def everything(self) -> Iterator[Any]:
        """Every task of the request, those of sub-processes included."""
        yield from self.tasks.values()
        for subprocess in self.subprocesses.values():
            yield from subprocess.tasks.values()


def _run_all(tasks: list[Any], will: Callback, did: Callback) -> int:
    count = 0
    for task in tasks:
        if task.task_spec.manual or HALTED in task.internal_data:
            continue
        if task._state != TaskState.READY:  # one of those before it has ended its branch
            continue
        if will is not None and will(task) is False:
            continue
        task.run()
        count += 1
        if did is not None:
            did(task)
    return count


def connect_loops(spec: Any) -> None:
    """The library's deserialiser does this; a freshly parsed multi-instance never ends without."""
    for task_spec in list(spec.task_specs.values()):
        if isinstance(task_spec, LoopTask):
            child = spec.task_specs[task_spec.task_spec]
            if not child.completed_event.is_connected(task_spec.merge_child):
                child.completed_event.connect(task_spec.merge_child)
