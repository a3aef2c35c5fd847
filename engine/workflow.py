"""SpiffWorkflow with flat scans and a parallel join that loses no data.

Stock walks its task tree on every question and silently stops at depth 1,000; ours looks at the
task dictionary.  Stock's parallel join keeps only the data of the last branch; ours merges all
branches against the data at the split.  What a step costs: `make bench-engine`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from time import time
from typing import Any

import SpiffWorkflow.task as spiff_task
from SpiffWorkflow.bpmn.specs.defaults import ParallelGateway
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask
from SpiffWorkflow.bpmn.util.subworkflow import BpmnSubWorkflow
from SpiffWorkflow.bpmn.util.task import BpmnTaskIterator
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.task import Task as SpiffTask
from SpiffWorkflow.util.task import TaskIterator, TaskState

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

    def _having(self, state: int) -> list[Any]:
        hits = [task for task in self.tasks.values() if task._state == state]
        if len(hits) > 1:
            hits = list(TaskIterator(self.task_tree, state=state, max_depth=UNLIMITED))
        return hits

    def update_waiting_tasks(self) -> None:
        for task in self._having(TaskState.WAITING):
            task.task_spec._update(task)

    def ready_tasks(self) -> list[Any]:
        return self._having(TaskState.READY)

    def get_tasks_iterator(self, first_task: Any = None, **wanted: Any) -> Iterator[Any]:
        wanted.setdefault("max_depth", UNLIMITED)
        iterator: Iterator[Any] = BpmnTaskIterator(first_task or self.task_tree, **wanted)
        return iterator


class SubWorkflow(_Flat, BpmnSubWorkflow):  # type: ignore[misc]
    """A sub-process or call activity of a running request."""


Callback = Callable[[Any], None] | None


class Workflow(_Flat, BpmnWorkflow):  # type: ignore[misc]
    """The token state of one request."""

    def create_subprocess(self, my_task: Any, spec_name: str) -> SubWorkflow:
        spec = self.subprocess_specs[spec_name]
        subprocess = SubWorkflow(spec, parent_task_id=my_task.id, top_workflow=self)
        self.subprocesses[my_task.id] = subprocess
        return subprocess

    def do_engine_steps(
        self, will_complete_task: Callback = None, did_complete_task: Callback = None
    ) -> None:
        """Run everything that is ready; the library's scan for due timers at the end is left out,
        for timers ring in `engine.timers` alone."""
        while self._do_engine_steps(will_complete_task, did_complete_task):
            pass

    def _do_engine_steps(
        self, will_complete_task: Callback = None, did_complete_task: Callback = None
    ) -> bool:
        if not self.subprocesses:
            count = _run_all(self.ready_tasks(), will_complete_task, did_complete_task)
            return count > 0 or bool(self.subprocesses)
        active = self.get_active_subprocesses()
        for subprocess in sorted(active, key=lambda sp: sp.depth, reverse=True):
            while _run_all(subprocess.ready_tasks(), will_complete_task, did_complete_task):
                pass
            if subprocess.parent_task_id is not None:
                task = self.get_task_from_id(subprocess.parent_task_id)
                task.task_spec._update(task)
        # the library's own top-level scan also descends into active sub-processes
        ready = self.get_tasks(state=TaskState.READY)
        count = _run_all(ready, will_complete_task, did_complete_task)
        return count > 0 or len(self.get_active_subprocesses()) > len(active)

    def everything(self) -> Iterator[Any]:
        """Every task of the request, those of sub-processes included."""
        yield from self.tasks.values()
        for subprocess in self.subprocesses.values():
            yield from subprocess.tasks.values()


def _run_all(tasks: list[Any], will: Callback, did: Callback) -> int:
    count = 0
    for task in tasks:
        if task.task_spec.manual:
            continue
        if will is not None:
            will(task)
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


def merge_branches(
    base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]
) -> dict[str, Any]:
    """Three-way merge of task data: what a branch changed since the split wins over what it did
    not."""
    merged = dict(ours)
    for key, value in theirs.items():
        if key in base and base[key] == value:
            continue
        mine = merged.get(key)
        if isinstance(value, dict) and isinstance(mine, dict):
            before = base.get(key)
            merged[key] = merge_branches(before if isinstance(before, dict) else {}, mine, value)
        else:
            merged[key] = value
    for key, value in base.items():
        if key not in theirs and key in merged and merged[key] == value:
            del merged[key]
    return merged


class MergingParallelGateway(ParallelGateway):  # type: ignore[misc]
    """A parallel gateway whose join keeps what every branch has written."""

    def _run_hook(self, my_task: Any) -> bool:
        arrived = [
            task
            for task in my_task.workflow.tasks.values()
            if task.task_spec is self
            and task is not my_task
            and task.has_state(TaskState.FINISHED_MASK)
            and not my_task.is_descendant_of(task)
        ]
        ends = [task.parent for task in arrived] + [my_task.parent]
        ends.sort(key=lambda task: task.last_state_change)
        base = _split_data([_path(task) for task in ends])
        data = dict(base)
        for end in ends:
            data = merge_branches(base, data, end.data)
        for task in arrived:
            if task.has_state(TaskState.COMPLETED):
                task._drop_children(force=True)
        my_task.data = data
        return True


def _path(task: Any) -> list[Any]:
    path = []
    while task is not None:
        path.append(task)
        task = task.parent
    return path[::-1]


def _split_data(paths: list[list[Any]]) -> dict[str, Any]:
    depth = 0
    while all(len(path) > depth for path in paths) and len({p[depth].id for p in paths}) == 1:
        depth += 1
    data: dict[str, Any] = paths[0][depth - 1].data
    return data
