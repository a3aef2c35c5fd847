"""Forgetting finished steps nobody will ask for again, so that a request may loop for ever.

A request of ordinary size keeps everything.  Above PRUNE_AT tasks, of the way to every token the
latest visit of each element stays, in order, with the step before it (where a reset takes its data
from), and of human steps the VISITS_KEPT latest; earlier ones go.  So a return reaches the same
steps as before, with the same forks and irreversible steps in between, and a second return right
after it still finds the round before.  The drawing still shows what has been passed.  Earlier
rounds are in the history, which is never pruned.

What else still asks the tree keeps its answer: a join that has not fired (who has arrived, from
where, since which fork), a boundary event or its join (the split with all its children), a loop
(its running instances), the end of a process (the data of every branch that has ended).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from SpiffWorkflow.bpmn.specs.control import EventSplit, _EndJoin
from SpiffWorkflow.bpmn.specs.mixins.unstructured_join import UnstructuredJoin
from SpiffWorkflow.util.deep_merge import DeepMerge
from SpiffWorkflow.util.task import TaskState

PRUNE_AT = 64  # a request that has not looped stays below: everything it did can still be drawn
# while one verb runs: low, for the library looks through the tree at every step
PRUNE_RUNNING_AT = 128

VISITS_KEPT = 2  # of a human step: a return uses up the latest
JOINED = "joined"  # in a join's internal data: it has fired with this arrival, which is used up

_LIVE = TaskState.NOT_FINISHED_MASK
_FINISHED = TaskState.FINISHED_MASK
_COMPLETED = TaskState.COMPLETED


def prune(workflow: Any, above: int = PRUNE_AT) -> int:
    """Drop finished tasks of a workflow with more than `above`; how many were dropped.

    Call it between steps only: a task in the middle of its run may still look around.
    """
    trees = [workflow, *workflow.subprocesses.values()]
    before = sum(len(tree.tasks) for tree in trees)
    if before <= above:
        return 0
    for tree in trees:
        _splice(tree, _kept(tree))
    _forget_subprocesses(workflow)
    return before - sum(1 for _ in workflow.everything())


def _kept(tree: Any) -> set[Any]:
    """Ids of the tasks of one process that stay."""
    tasks = tree.tasks
    keep = {tree.task_tree.id}
    trodden: set[Any] = set()
    for end in _ends(tree):
        keep.add(end.id)
        if not _below_live(tasks, end):
            keep |= _way_to(tasks, end, trodden)
    keep |= _ended(tree)
    keep |= _drawn(tree, keep)
    for task_id in list(keep):
        task = tasks[task_id]
        if isinstance(task.task_spec, EventSplit):
            keep.update(task._children)  # its join counts them, a reset re-arms them
        keep |= _hanging(tasks, task, keep)
    return keep


def _hanging(tasks: dict[Any, Any], task: Any, keep: set[Any]) -> set[Any]:
    """What `task` hangs by when the next kept one above is live: only its own children may hang on
    a live task, for it may look at them again."""
    below, parent = task, tasks.get(task._parent)
    while parent is not None and parent.id not in keep:
        below, parent = parent, tasks.get(parent._parent)
    return {below.id} if parent is not None and parent._state & _LIVE else set()


def _ends(tree: Any) -> Iterator[Any]:
    """Where the ways end that matter: tokens, arrivals at a join that has not fired, the last
    step."""
    yield from (task for task in tree.tasks.values() if task._state & _LIVE)
    if tree.last_task is not None and tree.last_task.id in tree.tasks:
        yield tree.last_task
    for task in tree.tasks.values():
        if (
            task._state & _FINISHED
            and _waits_for_branches(task.task_spec)
            and JOINED not in task.internal_data
        ):
            yield task


def _waits_for_branches(spec: Any) -> bool:
    return (
        isinstance(spec, UnstructuredJoin)
        and len(spec._inputs) > 1
        and not isinstance(spec, _EndJoin)
    )


def _below_live(tasks: dict[Any, Any], task: Any) -> bool:
    """A prediction or an instance of a loop: its live parent's way is its own."""
    parent = tasks.get(task._parent)
    return parent is not None and bool(parent._state & _LIVE)


def _way_to(tasks: dict[Any, Any], end: Any, trodden: set[Any]) -> set[Any]:
    """The latest visits of every element on the way to `end`, the steps before them, and the fork
    where this way leaves one already trodden."""
    keep: set[Any] = set()
    visits: Counter[str] = Counter()
    alone = True
    task = tasks.get(end._parent)
    while task is not None:
        if alone and task.id in trodden:
            keep.add(task.id)
            alone = False
        trodden.add(task.id)
        name = task.task_spec.name
        visits[name] += 1
        if visits[name] <= VISITS_KEPT:
            keep.add(task.id)
            if task._parent is not None:
                keep.add(task._parent)
        task = tasks.get(task._parent)
    trodden.add(end.id)
    return keep


def _ended(tree: Any) -> set[Any]:
    """Branches that have ended, with the end event before: the end of the process merges their
    data in the order of time.  Of each end event the latest stays and takes in the earlier ones."""
    arrivals = [
        task
        for task in tree.tasks.values()
        if task._state & _FINISHED and isinstance(task.task_spec, _EndJoin)
    ]
    arrivals.sort(key=lambda task: task.last_state_change)
    latest = {task.parent.task_spec.name: task for task in arrivals}
    keep: set[Any] = set()
    earlier: dict[str, Any] | None = None
    for task in arrivals:
        end = task.parent
        if latest[end.task_spec.name] is not task:
            earlier = DeepMerge.merge(deepcopy(earlier or {}), end.data)
            continue
        if earlier is not None:
            end.data, earlier = DeepMerge.merge(earlier, end.data), None
        keep |= {task.id, end.id}
    return keep


def _drawn(tree: Any, keep: set[Any]) -> set[Any]:
    """One completed visit of every element on no way that is left, so that it shows as passed."""
    shown = {tree.tasks[task_id].task_spec.name for task_id in keep}
    latest = {
        task.task_spec.name: task.id
        for task in tree.tasks.values()
        if task._state == _COMPLETED and not isinstance(task.task_spec, UnstructuredJoin)
    }
    return {task_id for name, task_id in latest.items() if name not in shown}


def _splice(tree: Any, keep: set[Any]) -> None:
    """Take out all other tasks; who hung on one hangs on the nearest kept task above it."""
    tasks = tree.tasks
    if len(keep) == len(tasks):
        return
    children: dict[Any, list[Any]] = {task_id: [] for task_id in keep}
    stack = [(tree.task_tree, tree.task_tree)]
    while stack:  # in the order of the tree: joins and predictions depend on it
        task, above = stack.pop()
        if task.id in keep and task is not above:
            task._parent = above.id
            children[above.id].append(task.id)
            above = task
        stack.extend((tasks[child], above) for child in reversed(task._children))
    for task_id in [each for each in tasks if each not in keep]:
        del tasks[task_id]
    for task_id, found in children.items():
        tasks[task_id]._children = found
    if tree.last_task is not None and tree.last_task.id not in tasks:
        tree.last_task = None


def _forget_subprocesses(workflow: Any) -> None:
    """Sub-processes whose activity is gone, and those inside them."""
    while True:
        known = {task.id for task in workflow.everything()}
        gone = [task_id for task_id in workflow.subprocesses if task_id not in known]
        if not gone:
            return
        for task_id in gone:
            for task in workflow.subprocesses.pop(task_id).tasks.values():
                workflow.event_manager.remove_task(task)
