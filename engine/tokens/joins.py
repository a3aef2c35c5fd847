"""Joins that lose no data and count every round of a loop for itself.

The library's parallel and inclusive joins keep the data of the branch that came last, and take an
arrival of an earlier round for one of this: a second round fires too early, an inclusive join
fails.  Ours merge all branches against the data at the fork, and mark the arrivals they use up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from SpiffWorkflow.bpmn.exceptions import WorkflowTaskException
from SpiffWorkflow.bpmn.specs.defaults import InclusiveGateway, ParallelGateway
from SpiffWorkflow.util.task import TaskState

from engine.tokens.pruning import JOINED

_TOKEN = TaskState.READY | TaskState.WAITING | TaskState.STARTED


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


class _Join:
    """What the parallel and the inclusive gateway share."""

    def _this_round(self, my_task: Any) -> list[Any]:
        """Where this join stands in the tree and has not yet fired."""
        return [
            task
            for task in my_task.workflow.tasks.values()
            if task.task_spec is self and JOINED not in task.internal_data
        ]

    def _merge(self, my_task: Any) -> None:
        """Give `my_task` what all branches have written; their arrivals are used up."""
        arrived = [
            task
            for task in self._this_round(my_task)
            if task is not my_task and task.has_state(TaskState.FINISHED_MASK)
        ]
        ends = [task.parent for task in arrived] + [my_task.parent]
        ends.sort(key=lambda task: task.last_state_change)
        base = _split_data([_path(task) for task in ends])
        data = dict(base)
        for end in ends:
            data = merge_branches(base, data, end.data)
        for task in (*arrived, my_task):
            task.internal_data[JOINED] = True
        my_task.data = data


class MergingParallelGateway(_Join, ParallelGateway):  # type: ignore[misc]
    """Fires when every entrance has its token."""

    def _check_threshold_unstructured(self, my_task: Any) -> bool:
        waiting = set(self._inputs)
        for task in self._this_round(my_task):
            way = _path(task)
            if task is not my_task and my_task in way:
                # only reached once this join has fired: nothing to wait for
                below = reversed(way[way.index(my_task) + 1 :])
                names = (each.task_spec.name for each in below)
                waiting.discard(next((name for name in names if name in waiting), ""))
            elif task.parent.has_state(TaskState.COMPLETED):
                waiting.discard(task.parent.task_spec.name)
        return not waiting

    def _run_hook(self, my_task: Any) -> bool:
        self._merge(my_task)
        return True


class MergingInclusiveGateway(_Join, InclusiveGateway):  # type: ignore[misc]
    """Fires when no token that could still come is missing (BPMN 2.0, 13.4.3): none that can reach
    an empty entrance, other than by one that has its token already."""

    def _check_threshold_unstructured(self, my_task: Any) -> bool:
        full = {
            task.parent.task_spec.name
            for task in self._this_round(my_task)
            if task.parent.has_state(TaskState.COMPLETED)
        }
        awaited = self._before(set(self._inputs) - full) - self._before(full)
        return not any(
            task.has_state(_TOKEN) and task.task_spec.name in awaited
            for task in my_task.workflow.tasks.values()
        )

    def _before(self, entrances: Iterable[str]) -> set[str]:
        """Names of all elements from which these are reached without passing this gateway."""
        found: set[str] = set()
        ahead = list(entrances)
        while ahead:
            name = ahead.pop()
            if name not in found and name != self.name:
                found.add(name)
                ahead.extend(self._wf_spec.task_specs[name]._inputs)
        return found

    def _run_hook(self, my_task: Any) -> bool:
        self._merge(my_task)
        matches, defaults = self._get_matching_outputs(my_task)
        if not matches and not defaults:
            raise WorkflowTaskException("no condition of this gateway is true", task=my_task)
        my_task._sync_children(matches or defaults, TaskState.FUTURE)
        for child in my_task.children:
            child.task_spec._predict(child, mask=TaskState.FUTURE | TaskState.PREDICTED_MASK)
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
