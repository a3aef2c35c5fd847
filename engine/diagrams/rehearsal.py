"""Foretelling: where a request will go if everybody agrees.

The diagram itself is run without effects: services answer nothing, reviewers approve, messages
that are waited for come, timers do not fire.  What 怎么走, 下一步 and the progress track show is
therefore never a guess drawn beside the diagram.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from SpiffWorkflow.bpmn.specs.mixins.events.intermediate_event import ReceiveTask
from SpiffWorkflow.exceptions import SpiffWorkflowException
from SpiffWorkflow.util.task import TaskState

from engine.diagrams.dialect import Deployed, Node
from engine.runtime import Runtime
from engine.scripts.script import Rehearsal
from engine.tokens import codec
from engine.tokens.marks import HALTED
from engine.tokens.workflow import Workflow

ROUNDS_MAX = 200
STEPS_MAX = 2_000  # a loop that only a service can end never ends here, where services are silent
_SILENCE = SimpleNamespace(payload={})  # a message, as far as a token looks at it
# what every filing carries (forms/base.py); an empty one shows the way a plain request goes
PLAIN: dict[str, Any] = {"form": "", "values": {}, "changes": [], "materials": [], "facts": {}}


def from_start(
    deployed: Deployed, rt: Runtime, data: dict[str, Any], engine: Rehearsal | None = None
) -> tuple[Node, ...]:
    """The activities a request with this data passes, in order; `engine`: one that takes notes."""
    workflow = Workflow(deployed.spec, deployed.subspecs, script_engine=engine or Rehearsal(rt))
    workflow.task_tree.data.update({**PLAIN, **data})
    return _walk(deployed, workflow)


def beginning(deployed: Deployed) -> list[Node]:
    """The human steps a plain request meets first."""
    workflow = Workflow(deployed.spec, deployed.subspecs, script_engine=Rehearsal())
    workflow.task_tree.data.update(PLAIN)
    with contextlib.suppress(Exception):  # what fails before the first step fails every request
        workflow.do_engine_steps(did_complete_task=_limit())
        return [deployed.nodes[task.task_spec.name] for task in open_tasks(workflow)]
    return []


def from_state(deployed: Deployed, rt: Runtime, state: bytes) -> tuple[Node, ...]:
    """What is still ahead of a stored request: the open step is not included."""
    return foretell(deployed, rt, state)[0]


def foretell(deployed: Deployed, rt: Runtime, state: bytes) -> tuple[tuple[Node, ...], Workflow]:
    """The same, and the request as it will then stand: ended, or waiting for something."""
    engine = Rehearsal(rt)
    workflow = codec.loads(state, deployed.spec, deployed.subspecs, engine)
    here = {task.task_spec.name for task in (*open_tasks(workflow), *receiving(workflow))}
    ahead = tuple(node for node in _walk(deployed, workflow) if node.id not in here)
    return ahead, workflow


def open_tasks(workflow: Workflow) -> list[Any]:
    """The human steps at which tokens stand."""
    return [
        task
        for task in workflow.everything()
        if task._state == TaskState.READY
        and task.task_spec.manual
        and HALTED not in task.internal_data
    ]


def receiving(workflow: Workflow) -> list[Any]:
    """The receive tasks at which tokens wait for a message."""
    return [
        task
        for task in workflow.everything()
        if task._state == TaskState.WAITING and isinstance(task.task_spec, ReceiveTask)
    ]


def _limit() -> Callable[[Any], None]:
    steps = itertools.count(1)

    def count(_task: Any) -> None:
        if next(steps) > STEPS_MAX:
            raise SpiffWorkflowException("far enough")

    return count


def _walk(deployed: Deployed, workflow: Workflow) -> tuple[Node, ...]:
    passed: list[Node] = []
    seen: set[str] = set()

    count = _limit()

    def note(task: Any) -> None:
        count(task)
        node = deployed.nodes.get(task.task_spec.name)
        if node is not None and node.id not in seen:
            seen.add(node.id)
            passed.append(node)

    try:
        for _ in range(ROUNDS_MAX):
            workflow.do_engine_steps(did_complete_task=note)
            if not _go_on(workflow, note):
                break
    except Exception:  # noqa: S110 - an expression may raise anything
        pass  # data the path depends on is not there yet: show the part that can be foretold
    return tuple(passed)


def _go_on(workflow: Workflow, note: Callable[[Any], None]) -> bool:
    """People approve; where nobody is asked, what is waited for comes and says nothing."""
    ready = open_tasks(workflow)
    for task in ready:
        task.data["decision"] = "approve"
        task.run()
        note(task)
    awaited = [] if ready else receiving(workflow)
    for task in awaited:
        task.task_spec.event_definition.catch(task, _SILENCE)
        task.task_spec._update(task)
    return bool(ready or awaited)
