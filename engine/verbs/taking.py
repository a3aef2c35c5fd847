"""取回: whoever just decided takes the decision back while nobody has gone on from it.

The step opens again in their hands.  Refused once a later step on that path is decided, branches
have joined, or something irreversible has happened; an ended request stays ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from SpiffWorkflow.bpmn.specs.defaults import InclusiveGateway, ParallelGateway
from SpiffWorkflow.util.task import TaskState
from sqlalchemy import or_, select

from engine.errors import Conflict, Problem
from engine.history import DECIDING
from engine.models import History, Task
from engine.owed import messages
from engine.requests import cases, parts
from engine.requests.cases import Case, OpenTask
from engine.runtime import SYSTEM, Actor, Runtime
from engine.verbs import cosigning, permissions, returning
from engine.verbs.moves import (
    Move,
    Outcome,
    durably,
    finish,
    finish_in_place,
    open_request,
    opinion_of,
)

ROWS_MAX = 20  # decisions of one person looked at, the latest first: more is another story
_JOINT = Problem("take_back.joint", "这一步由多人会签、加签办结，不能取回。")
_NOTHING = Problem("take_back.nothing", "没有可以取回的步骤：您最近的办理已不能取回。")


@dataclass(frozen=True, slots=True)
class Taking:
    """What can be taken back: a decision (`token`), a correction, a straight return or a decision
    others have yet to sign (`row`), or an ordinary return (`before`: the state it left, `note`:
    whose)."""

    node: str
    row: Any = None
    token: Any = None
    before: bytes = b""
    note: Any = None


def take_back(rt: Runtime, actor: Actor, no: str, *, reason: str = "") -> Outcome:
    """取回: undo one's own latest decision; Conflict with a sentence when it is too late."""

    def deed(rt: Runtime) -> Outcome:
        move = open_request(rt, actor, "take_back", no)
        move.opinion = opinion_of(reason, "说明")
        cases.unpack(rt, move.case, actor)
        found = _search(rt, move.case, _people(actor, move.case))
        if isinstance(found, Problem):
            raise Conflict(found)
        move.detail = {"target": found.node}
        _undo(move, found)
        return move.outcome

    return durably(rt, deed)


def takeable(rt: Runtime, case: Case, actor: Actor) -> Taking | None:
    """What this actor may take back now; the workflow must be unpacked."""
    if permissions.may(actor, "take_back", case) is not None:
        return None
    found = _search(rt, case, _people(actor, case))
    return None if isinstance(found, Problem) else found


def _people(actor: Actor, case: Case) -> frozenset[str]:
    principals = (m.principal.id for m in actor.mandates if m.covers(case.key))
    return frozenset((actor.id, *principals))


# ── what can be taken back ─────────────────────────────────────────────────────────────────────


def _search(rt: Runtime, case: Case, people: frozenset[str]) -> Taking | Problem:
    asked = next((r for r in case.open if r.part == "fix" and r.asked_by in people), None)
    if asked is not None:
        return Taking(parts.find(case, asked.parent_id).node, row=asked)
    kept = next((r for r in case.open if r.decision is not None and r.assignee in people), None)
    if kept is not None:
        return _JOINT if cosigning.has_signed(case, kept) else Taking(kept.node, row=kept)
    gone_back = _gone_back(rt, case, people)
    if gone_back is not None:
        return gone_back
    first: Problem | None = None
    rows = _rows(rt, case, people)
    for number, row in enumerate(rows):
        if any(each.spiff_id == row.spiff_id for each in rows[:number]):
            continue  # an earlier visit of the same step
        found = _judge(rt, case, row)
        if isinstance(found, Taking):
            return found
        first = first or found
    return first or _NOTHING


def _rows(rt: Runtime, case: Case, people: frozenset[str]) -> list[Task]:
    query = (
        select(Task)
        .where(Task.instance_id == case.id, Task.status == "done", Task.part.in_(("step", "fix")))
        .where(or_(Task.completed_by.in_(people), Task.completed_for.in_(people)))
        .where(Task.decision.in_(("approve", "refuse", "submit")))
        .order_by(Task.completed_at.desc(), Task.id.desc())
    )
    return list(rt.session.scalars(query.limit(ROWS_MAX)))


def _gone_back(rt: Runtime, case: Case, people: frozenset[str]) -> Taking | None:
    """A return of theirs after which no token has moved: the state still ends with it."""
    _, _, tail = case.stored.partition(b"\n")
    if not tail:
        return None
    note, _, before = tail.partition(b"\n")
    said = orjson.loads(note)
    # Votes and answers move no token, nor take the tail away.  By the record, not by ids of rows:
    # one opened later may have been decided earlier.
    since = select(History.id).where(
        History.instance_id == case.id,
        History.seq > said["seq"],
        History.verb.in_(DECIDING),
        History.actor_id != SYSTEM.id,
    )
    if not people & set(said["people"]) or rt.session.scalar(since.limit(1)) is not None:
        return None
    return Taking(said["node"], before=before, note=said)


def _judge(rt: Runtime, case: Case, row: Task) -> Taking | Problem:
    if row.part == "fix":
        held = next((each for each in case.open if each.id == row.parent_id), None)
        later = any(each.part != "step" and each.parent_id == row.parent_id for each in case.open)
        if held is None or held.status != "open" or later:
            return _NOTHING
        return Taking(row.node, row=row)
    token = next((t for t in case.workflow.everything() if t.id.hex == row.spiff_id), None)
    if token is None or token._state != TaskState.COMPLETED or not token._children:
        return _NOTHING  # undone since, or so long ago that what came of it is forgotten
    if any(each.spiff_id == row.spiff_id for each in case.open):
        return _NOTHING
    problem = _passed(case, row.node, token) or _joint(rt, row)
    if problem is not None:
        return problem
    below = [task.id.hex for task in _below(token)]
    other = _decided_since(rt, case, row.id, below)
    if other is not None:
        return _decided(other.node_name, other.completed_by_name)
    back = next((r for r in case.open if r.part == "fix" and r.spiff_id in below), None)
    if back is not None:  # returned straight: its step is held, not done
        return _decided(parts.find(case, back.parent_id).node_name, back.asked_by_name)
    return Taking(row.node, row=row, token=token)


def _decided(step: str, name: str | None) -> Problem:
    return Problem("take_back.decided", f"“{step}”已由{name}办理，不能取回。")


def _joint(rt: Runtime, row: Task) -> Problem | None:
    """A decision others have voted on or signed is not one person's any more."""
    below = select(Task.id).where(Task.parent_id == row.id, Task.status == "done")
    if rt.session.scalar(below.where(Task.part.in_(("vote", "after"))).limit(1)) is None:
        return None
    return _JOINT


def _passed(case: Case, node_id: str, token: Any) -> Problem | None:
    """Did the request pass a join or a point of no return since?"""
    if case.deployed.nodes[node_id].props.get("irreversible") == "true":
        return Problem("take_back.irreversible", "这一步办理后不能撤销，不能取回。")
    for task in _below(token):
        if not task.has_state(TaskState.FINISHED_MASK):
            continue
        spec = task.task_spec
        node = case.deployed.nodes.get(spec.name)
        if node is not None and node.props.get("irreversible") == "true":
            text = f"“{node.name}”已经办理，不能撤销，不能取回。"
            return Problem("take_back.irreversible", text)
        if isinstance(spec, ParallelGateway | InclusiveGateway) and len(spec.inputs) > 1:
            return Problem("take_back.joined", "并行的各步骤已经汇合，不能取回。")
    return None


def _decided_since(rt: Runtime, case: Case, row_id: int, tokens: list[str]) -> Task | None:
    """A row decided by a person after the one with this id, at one of these tokens; one that waits
    for those added after it is decided too."""
    query = select(Task).where(
        Task.instance_id == case.id,
        Task.id > row_id,
        Task.status.in_(("done", "held")),
        Task.completed_by != SYSTEM.id,
        Task.spiff_id.in_(tokens),
    )
    return rt.session.scalars(query.order_by(Task.id).limit(1)).one_or_none()


def _below(token: Any) -> Iterator[Any]:
    """Everything that came of this token, in sub-processes and after the one it stands in."""
    top = token.workflow.top_workflow
    stack = [top.tasks.get(each) or token.workflow.tasks[each] for each in token._children]
    inside = token.workflow
    while getattr(inside, "parent_task_id", None) is not None:
        outer = top.get_task_from_id(inside.parent_task_id)
        stack += outer.children
        inside = outer.workflow
    while stack:
        task = stack.pop()
        yield task
        stack += task.children
        if task.id in top.subprocesses:
            stack.append(top.subprocesses[task.id].task_tree)


# ── taking it back ─────────────────────────────────────────────────────────────────────────────


def _undo(move: Move, found: Taking) -> None:
    if found.before:
        _forward_again(move, found)
    elif found.token is not None:
        _reopen(move, found)
    elif isinstance(found.row, OpenTask) and found.row.decision is not None:
        cosigning.retract(move, found.row)
    elif isinstance(found.row, OpenTask):
        _drop_fix(move, found.row)
    else:
        _correct_again(move, found.row)


def _reopen(move: Move, found: Taking) -> None:
    """A decision: the token goes back to its step; a form keeps what was filed in it."""
    case = move.case
    node = case.deployed.nodes[found.node]
    _tell(move, {task.id.hex for task in _below(found.token)})
    returning.reset(case, found.token, node)
    case.status = "returned" if node.kind == "form" else "running"
    case.label = "已取回"
    finish(move)


def _forward_again(move: Move, found: Taking) -> None:
    """A return: the state it left is the state again."""
    case = move.case
    _tell(move, {row.spiff_id for row in case.open})
    case.stored = found.before
    cases.unpack(move.rt, case, move.actor)
    case.deciders = found.note["deciders"]
    case.deciders[found.node] = [*found.note["owner"], "again"]
    case.status = "running"
    finish(move)


def _drop_fix(move: Move, row: OpenTask) -> None:
    """A straight return nobody has answered yet."""
    held = parts.find(move.case, row.parent_id)
    parts.cancel(move.rt, move.case, [row])
    returning.give_back(move, held)
    finish_in_place(move)


def _correct_again(move: Move, row: Task) -> None:
    """A correction handed back too early."""
    case = move.case
    held = parts.find(case, row.parent_id)
    who = (row.completed_for or row.completed_by, row.completed_for_name or row.completed_by_name)
    returning.add_fix(move, case.deployed.nodes[row.node], who, held)
    finish_in_place(move)


def _tell(move: Move, tokens: set[str]) -> None:
    """Whoever had the step that goes away again learns why it is gone."""
    people = _people(move.actor, move.case)
    for row in move.case.open:
        if row.spiff_id not in tokens or row.kind != "review" or row.assignee is None:
            continue
        if row.assignee in people:
            continue
        title = f"{move.actor.name}取回了“{move.case.name}”"
        body = move.opinion or f"“{row.node_name}”暂时不需要您办理。"
        messages.about(move.rt, move.case, row.assignee, title=title, body=body, channel="取回")
