"""退回: going back along the path a request has really taken.

Ordinarily the token goes back: Spiff resets it and forgets the steps in between; the history keeps
them, and the state keeps one line to undo it (`taking`).  Straight (更正后交回) the token stays:
the step is held, a row below it asks for the correction and gives the step back when it is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson
from SpiffWorkflow.bpmn.specs.defaults import InclusiveGateway, ParallelGateway
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask
from SpiffWorkflow.util.task import TaskState
from sqlalchemy import Table, insert, select

from engine import events
from engine.diagrams.dialect import Node
from engine.diagrams.rehearsal import open_tasks
from engine.errors import Problem, Refused
from engine.models import NEVER, Task
from engine.requests import candidates, cases, parts
from engine.requests.candidates import Assignment
from engine.requests.cases import Case, OpenTask
from engine.runtime import Actor, Runtime
from engine.verbs.moves import (
    Move,
    Outcome,
    close_task,
    decided,
    durably,
    finish,
    finish_in_place,
    fresh,
    open_task,
    reason_of,
)

_TASK = cast(Table, Task.__table__)
_ADD = insert(_TASK).inline()
Person = tuple[str | None, str | None]  # id and name; None: whoever has the post


@dataclass(frozen=True, slots=True)
class Target:
    """A step a request may be returned to."""

    node: str
    name: str
    who: str


def return_to(
    rt: Runtime,
    actor: Actor,
    task_id: int,
    *,
    node: str,
    opinion: str,
    seen: int | None = None,
    straight: bool = False,
) -> Outcome:
    """退回: make an earlier, really visited step current again; what came after is undone.

    `straight`: only that step is corrected, then the request comes back to this actor; what others
    have decided in between stands.
    """

    def deed(rt: Runtime) -> Outcome:
        move = open_task(rt, actor, "return", task_id)
        fresh(move, seen)
        move.opinion = reason_of(opinion, "退回")
        cases.unpack(move.rt, move.case, actor)
        place = _place(move, node)
        move.detail = {"target": node, **({"straight": True} if straight else {})}
        if straight:
            _ask_to_correct(move, move.case.deployed.nodes[node])
        else:
            _go_back(move, place, move.case.deployed.nodes[node])
        if move.case.status == "returned":
            events.emit(move.event("returned"))
        return move.outcome

    return durably(rt, deed)


def _place(move: Move, node: str) -> Any:
    here = cases.spiff_task(move.case, move.step)
    places = {each.task_spec.name: each for each in _visited(move.case, here)}
    if node not in places:
        raise Refused(Problem("return.target", "不能退回到该步骤，请重新选择退回位置。"))
    return places[node]


def _go_back(move: Move, place: Any, target: Node) -> None:
    case = move.case
    case.undo = _undo(move)
    close_task(move)
    decided(move, "return")
    reset(case, place, target)
    case.status = "returned" if target.kind == "form" else "running"
    case.label = "已退回"
    finish(move)


def reset(case: Case, token: Any, node: Node) -> None:
    """The token stands at this step again, in the hands of whoever did it last."""
    filed = deepcopy(token.data)
    case.workflow.reset_from_task_id(token.id)
    if node.kind == "form":
        token.data = filed  # what was last filed in it, not what the request began with
    case.again(node.id)


def _undo(move: Move) -> bytes:
    """Two more lines of the state: who went back from where, and the state before."""
    task, case = move.step, move.case
    note = {
        "seq": case.revision + 1,
        "node": task.node,
        "people": [move.actor.id, *([move.behalf.id] if move.behalf else [])],
        "deciders": case.deciders,
    }
    owner = move.behalf or move.actor
    note["owner"] = [owner.id, owner.name]
    return b"\n" + orjson.dumps(note) + b"\n" + case.stored.partition(b"\n")[0]


def returnable(case: Case, task: OpenTask) -> list[Target]:
    """Steps `task` may be returned to, the first one first; the workflow must be unpacked."""
    here = cases.spiff_task(case, task)
    found = {}
    for place in _visited(case, here):
        node = case.deployed.nodes[place.task_spec.name]
        last = case.last_hand(node.id)
        found[node.id] = Target(node.id, node.name, last[1] if last else case.starter_name)
    return list(found.values())


def _visited(case: Case, here: Any) -> list[Any]:
    """Completed human steps before `here` on its own path, none across a fork or a point of no
    return, and none whose reset would take away somebody else's open step."""
    found: list[Any] = []
    elsewhere = {
        above.id for other in open_tasks(case.workflow) if other is not here for above in up(other)
    }
    for task in up(here):
        spec = task.task_spec
        completed = task.has_state(TaskState.COMPLETED)
        if isinstance(spec, ParallelGateway | InclusiveGateway) or task.id in elsewhere:
            break
        if isinstance(spec, LoopTask) and not completed:
            break  # one of several instances: the others are no business of this one
        node = case.deployed.nodes.get(spec.name)
        if node is not None and node.props.get("irreversible") == "true":
            break
        if node is not None and node.human and completed:
            found.append(task)
    return found[::-1]


def up(task: Any) -> Iterator[Any]:
    """The way a token has come, backwards, out of sub-processes into what started them."""
    while True:
        if task.parent is not None:
            task = task.parent
        elif getattr(task.workflow, "parent_task_id", None) is not None:
            task = task.workflow.top_workflow.get_task_from_id(task.workflow.parent_task_id)
        else:
            return
        yield task


# ── straight: correct it and give it back ──────────────────────────────────────────────────────


def straight_offered(case: Case, task: OpenTask) -> bool:
    """Node property `straight`; one voice of several cannot hold the step for itself."""
    return task.part == "step" and case.deployed.nodes[task.node].props.get("straight") != "false"


def _ask_to_correct(move: Move, target: Node) -> None:
    case, task = move.case, move.step
    if not straight_offered(case, task):
        text = f"“{task.node_name}”退回后须重新逐级办理，请选择普通退回。"
        raise Refused(Problem("return.not_straight", text))
    decided(move, "return")
    owner = move.behalf or move.actor
    mine = replace(task, assignee=owner.id, assignee_name=owner.name)
    add_fix(move, target, who_did(move.rt, case, target), mine)
    finish_in_place(move)


def add_fix(move: Move, target: Node, who: Person, held: OpenTask) -> None:
    """The step waits in its holder's hands for a correction by `who`; the request says so."""
    case, rt = move.case, move.rt
    holder = {"assignee": held.assignee, "assignee_name": held.assignee_name}
    parts.change(rt, case, held, status="held", **holder)
    rt.session.execute(
        _ADD,
        {
            "instance_id": case.id,
            "spiff_id": held.spiff_id,
            "visit": 1,
            "parent_id": held.id,
            "part": "fix",
            "position": 0,
            "note": move.opinion or None,
            "key": case.key,
            "starter_id": case.starter_id,
            "batch": False,
            "node": target.id,
            "node_name": target.name,
            "kind": target.kind,
            "form": target.form,
            "role": target.role,
            "domain": case.domain_of(target),
            "status": "open",
            "assignee": who[0],
            "assignee_name": who[1],
            "created_at": rt.clock(),
            "due_at": held.due_at,
            "order_at": held.due_at or NEVER,
            "asked_by": held.assignee,
            "asked_by_name": held.assignee_name,
        },
    )
    back_to_form = target.kind == "form"
    case.status = "returned" if back_to_form else "running"
    case.label = "已退回" if back_to_form else target.label


def who_did(rt: Runtime, case: Case, node: Node) -> Person:
    """Whoever did this step last; the principal of a substitute."""
    query = (
        select(Task.completed_by, Task.completed_by_name)
        .add_columns(Task.completed_for, Task.completed_for_name)
        .where(Task.instance_id == case.id, Task.node == node.id, Task.status == "done")
        .where(Task.completed_by.is_not(None), Task.part.in_(("step", "fix")))
        .order_by(Task.id.desc())
    )
    row = rt.session.execute(query.limit(1)).one_or_none()
    if row is None:
        return (case.starter_id, case.starter_name) if node.kind == "form" else (None, None)
    who = (row[2], row[3]) if row[2] else (row[0], row[1])
    post = Assignment(node.role, case.domain_of(node))
    return who if candidates.still_there(rt, who[0], post) else (None, None)


def corrected(move: Move, data: dict[str, Any]) -> None:
    """A corrected form gives the held step back; every step since the form learns of it, so that a
    later return does not find the old data.  The caller saves."""
    token = cases.spiff_task(move.case, move.step)
    for place in up(token):
        place.data.update(data)
        if place.task_spec.name == move.step.node:
            break
    _give_back(move)


def approved(move: Move) -> Outcome:
    """The same for a review asked to correct its own work."""
    decided(move, "approve")
    _give_back(move)
    finish_in_place(move)
    return move.outcome


def _give_back(move: Move) -> None:
    held = parts.find(move.case, move.step.parent_id)
    close_task(move)
    move.detail = {**(move.detail or {}), "back_to": held.node}
    give_back(move, held)


def give_back(move: Move, held: OpenTask) -> None:
    """A held step is open again, for the one in whose hands it waited."""
    parts.change(move.rt, move.case, held, status="open")
    move.case.status = "running"
    move.case.label = move.case.deployed.nodes[held.node].label
