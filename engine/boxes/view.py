"""One request as its page shows it to one actor: state, diagram, history, what may be done.

Everything here is read-only; the verbs come from the same `permissions.may` that executes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from SpiffWorkflow.util.task import TaskState
from sqlalchemy import select

from engine import history
from engine.database import possible
from engine.diagrams import rehearsal
from engine.diagrams.dialect import Node
from engine.errors import not_found
from engine.models import History, Instance
from engine.requests import cases
from engine.requests.cases import Case, OpenTask
from engine.requests.parts import Part
from engine.runtime import Actor, Runtime
from engine.verbs import cosigning, permissions, returning, sharing, taking
from engine.verbs.returning import Target
from engine.verbs.sharing import CopyRow

TONES = {
    "running": "doing",
    "returned": "stop",
    "completed": "done",
    "refused": "stop",
    "withdrawn": "idle",
    "ended": "idle",
}
TAKING = ("approve", "submit", "answer", "claim")
_HERE = (TaskState.READY, TaskState.STARTED)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of 办理记录."""

    seq: int
    at: datetime
    actor_id: str
    actor_name: str
    actor_title: str
    verb: str
    verb_label: str
    node: str | None
    node_name: str | None
    opinion: str | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request for one pair of eyes."""

    no: str
    key: str
    name: str
    version: int
    status: str
    label: str
    tone: str
    summary: str
    scope: str
    scope_name: str
    branch: str
    starter_id: str
    starter_name: str
    started_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
    progress: str
    data: dict[str, Any]
    bpmn: str
    marks: dict[str, str]  # element id → done | current | next
    tasks: list[OpenTask]
    history: list[Entry]
    ahead: list[Node]
    task: OpenTask | None  # the open step this actor stands before
    verbs: frozenset[str]
    targets: list[Target]
    straight: bool  # may a return ask for a correction that comes straight back?
    revision: int
    parts: list[Part]  # several people under one step: the co-sign tree, finished rows included
    signs: dict[str, str]  # 会签 of the diagram: node → all | any | ratio:… | in_turn
    droppable: frozenset[int]  # rows of it this actor may drop (减签)
    copies: list[CopyRow]
    urges_left: int  # today
    behalf_name: str  # the principal in whose name this actor would work on `task`


def view(rt: Runtime, actor: Actor, no: str) -> RequestView:
    """The request with this number; NotFound when there is none or it is not theirs to see."""
    columns = [c for c in Instance.__table__.c if c.name not in ("token", "updated_at")]
    query = select(*columns).where(Instance.no == no)
    row = rt.session.execute(query).one_or_none() if possible(no) else None
    actor = actor.at(rt.clock)
    if row is None or not permissions.may_see(rt, actor, row):
        raise not_found()
    case = cases.from_row(rt, row)
    cases.unpack(rt, case)
    task = _mine(actor, case)
    verbs = _offered(rt, actor, case, task)
    urges_left = sharing.urges_left(rt, case) if "urge" in verbs else 0
    if urges_left == 0:
        verbs -= {"urge"}
    parts = cosigning.tree(rt, case.id)
    ahead = rehearsal.from_state(case.deployed, rt, case.stored) if case.running else ()
    going_back = task is not None and "return" in verbs
    return RequestView(
        no=case.no,
        key=case.key,
        name=case.name,
        version=case.deployed.version,
        status=case.status,
        label=case.label,
        tone=TONES[case.status],
        summary=case.summary,
        scope=case.scope,
        scope_name=case.scope_name,
        branch=case.branch,
        starter_id=case.starter_id,
        starter_name=case.starter_name,
        started_at=case.started_at,
        due_at=case.due_at,
        ended_at=case.ended_at,
        progress=case.progress,
        data=_data(case),
        bpmn=case.deployed.bpmn,
        marks=marks(case),
        tasks=case.open,
        history=entries(rt, case.id),
        ahead=list(ahead),
        task=task,
        verbs=verbs,
        targets=returning.returnable(case, task) if going_back and task else [],
        straight=going_back and task is not None and returning.straight_offered(case, task),
        revision=case.revision,
        parts=parts,
        signs={
            part.node: case.deployed.nodes[part.node].props["sign"]
            for part in parts
            if "sign" in case.deployed.nodes[part.node].props
        },
        droppable=frozenset(
            row.id for row in case.open if not permissions.may(actor, "drop_sign", case, row)
        ),
        copies=sharing.copies_of(rt, case.id),
        urges_left=urges_left,
        behalf_name=_behalf(actor, case, task),
    )


def _offered(rt: Runtime, actor: Actor, case: Case, task: OpenTask | None) -> frozenset[str]:
    """What the page offers: a verb that has been used up is not shown."""
    verbs = permissions.verbs_of(actor, case, task)
    if "take_back" in verbs and taking.takeable(rt, case, actor) is None:
        verbs -= {"take_back"}
    return verbs


def _behalf(actor: Actor, case: Case, task: OpenTask | None) -> str:
    if task is None or not actor.mandates:
        return ""
    verdicts = (permissions.judge(actor, verb, case, task) for verb in TAKING)
    return next((v.behalf.name for v in verdicts if v.problem is None and v.behalf), "")


def entries(rt: Runtime, case_id: int) -> list[Entry]:
    """The history, newest first."""
    query = select(History).where(History.instance_id == case_id).order_by(History.seq.desc())
    return [entry(row) for row in rt.session.scalars(query)]


def entry(row: History) -> Entry:
    return Entry(
        seq=row.seq,
        at=row.at,
        actor_id=row.actor_id,
        actor_name=row.actor_name,
        actor_title=row.actor_title,
        verb=row.verb,
        verb_label=history.LABELS[row.verb],
        node=row.node,
        node_name=row.node_name,
        opinion=row.opinion,
        detail=row.detail,
    )


def marks(case: Case) -> dict[str, str]:
    """Done, current and coming elements of the diagram, sequence flows included."""
    ids = set(case.deployed.nodes) | {
        end for f in case.deployed.flows for end in (f.source, f.target)
    }
    found = dict.fromkeys(ids, "next")
    edges: set[tuple[str, str]] = set()
    awaited = {task.id for task in rehearsal.receiving(case.workflow)}
    for task in case.workflow.everything():
        name = task.task_spec.name
        if name not in ids:
            continue
        if task._state == TaskState.COMPLETED:
            found[name] = "done" if found[name] != "current" else "current"
        elif case.running and (task._state in _HERE or task.id in awaited):
            found[name] = "current"
        else:
            continue
        source = _drawn_parent(task, ids)
        if source is not None:
            edges.add((source, name))
    for flow in case.deployed.flows:
        found[flow.id] = "done" if (flow.source, flow.target) in edges else "next"
    return found


def _drawn_parent(task: Any, ids: set[str]) -> str | None:
    """The nearest ancestor that is drawn: the library puts helpers of its own in between."""
    parent = task.parent
    while parent is not None and parent.task_spec.name not in ids:
        parent = parent.parent
    return None if parent is None else str(parent.task_spec.name)


def _data(case: Case) -> dict[str, Any]:
    """What the request knows: the data at the open step, or at its end."""
    tokens = rehearsal.open_tasks(case.workflow)
    if tokens:
        data: dict[str, Any] = tokens[0].data
        return data
    last = case.workflow.last_task
    return case.workflow.data or (last.data if last is not None else {})


def _mine(actor: Actor, case: Case) -> OpenTask | None:
    """The row this actor works on or could take, else one they may only look at."""
    ranked = [(_rank(actor, case, row), -row.id, row) for row in case.open]
    rank, _, row = max(ranked, key=lambda each: each[:2], default=(0, 0, None))
    return row if rank else None


def _rank(actor: Actor, case: Case, row: OpenTask) -> int:
    """How near a row is: in one's own hands, to be taken, waiting for others, of one's post."""
    ids = {actor.id, *(mandate.principal.id for mandate in actor.mandates)}
    own = row.assignee is not None and row.assignee in ids
    if row.status == "open":
        if own:
            return 5 if row.assignee == actor.id else 4
        if any(permissions.may(actor, verb, case, row) is None for verb in TAKING):
            return 3
    if own:
        return 2
    return 1 if actor.holds(row.role, row.domain) else 0
