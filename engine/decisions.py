"""The verbs: each one function, one transaction, one history row.

Load and lock, ask `permissions.may`, change, save, tell the listeners, commit.  Whatever fails on
the way leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from SpiffWorkflow.bpmn.specs.defaults import InclusiveGateway, ParallelGateway
from SpiffWorkflow.util.task import TaskState
from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from engine import cases, events, history, permissions, rehearsal
from engine.calendar import ZONE
from engine.cases import Case, OpenTask
from engine.database import transaction
from engine.errors import Conflict, Forbidden, Problem, ReasonMissing, Refused, not_found
from engine.models import History, Instance, Task
from engine.runtime import Actor, Runtime
from engine.script import as_json

OPINION_CHARS_MAX = 500
_TASK = cast(Table, Task.__table__)
# built once, Core and not ORM: every decision pays for it
_CLOSE = update(_TASK).where(_TASK.c.id == bindparam("this"), _TASK.c.status == "open")
Also = Callable[[Session, Case], None] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb leaves behind: the request's number and its new state."""

    no: str
    status: str
    label: str


@dataclass(frozen=True, slots=True)
class Target:
    """A step a request may be returned to."""

    node: str
    name: str
    who: str


def claim(rt: Runtime, actor: Actor, task_id: int) -> Outcome:
    """领取: take a step out of the pool."""
    return _assign(rt, actor, task_id, "claim")


def release(rt: Runtime, actor: Actor, task_id: int) -> Outcome:
    """退领: put one's own step back into the pool."""
    return _assign(rt, actor, task_id, "release")


def approve(
    rt: Runtime, actor: Actor, task_id: int, *, opinion: str = "", seen: int | None = None
) -> Outcome:
    """同意: complete a review step and run on to the next human step."""
    with transaction(rt.session):
        return _decide(_open(rt, actor, "approve", task_id), opinion, seen)


def refuse(
    rt: Runtime, actor: Actor, task_id: int, *, opinion: str, seen: int | None = None
) -> Outcome:
    """驳回: the diagram leads a refused request to its end; the opinion is the reason given."""
    with transaction(rt.session):
        return _decide(_open(rt, actor, "refuse", task_id), opinion, seen)


def submit(
    rt: Runtime,
    actor: Actor,
    task_id: int,
    *,
    data: dict[str, Any],
    summary: str,
    also: Also = None,
) -> Outcome:
    """重新提交: complete a form step that came back, with the corrected data."""
    as_json(data)
    with transaction(rt.session) as session:
        move = _open(rt, actor, "submit", task_id)
        case = move.case
        cases.unpack(rt, case, actor)
        token = cases.spiff_task(case, move.step)
        token.data.update(data)
        case.status, case.summary = "running", summary[:300]
        case.path = [node.id for node in rehearsal.from_start(case.deployed, rt, token.data)]
        _complete(move, token)
        _finish(move)
        if also is not None:
            also(session, case)
        if not case.running:
            events.emit(move.event(case.status))
        return move.outcome


def return_to(
    rt: Runtime,
    actor: Actor,
    task_id: int,
    *,
    node: str,
    opinion: str,
    seen: int | None = None,
) -> Outcome:
    """退回: make an earlier, really visited step current again; what came after is undone."""
    with transaction(rt.session):
        move = _open(rt, actor, "return", task_id)
        case, task = move.case, move.step
        _fresh(move, seen)
        move.opinion = _reason(opinion, "退回")
        cases.unpack(rt, case, actor)
        here = cases.spiff_task(case, task)
        places = {each.task_spec.name: each for each in _visited(case, here)}
        if node not in places:
            raise Refused(Problem("return.target", "不能退回到该步骤，请重新选择退回位置。"))
        _close_task(move)
        case.deciders[task.node] = [actor.id, actor.name, "return"]
        case.workflow.reset_from_task_id(places[node].id)
        back_to_form = case.deployed.nodes[node].kind == "form"
        if not back_to_form:
            case.deciders[node][2] = "again"  # the person the page named gets it, not the pool
        case.status = "returned" if back_to_form else "running"
        case.label = "已退回"
        move.detail = {"target": node}
        _finish(move)
        if back_to_form:
            events.emit(move.event("returned"))
        return move.outcome


def withdraw(rt: Runtime, actor: Actor, no: str, *, reason: str = "") -> Outcome:
    """撤回: the applicant takes the request back before the centre has decided anything."""
    with transaction(rt.session):
        return _end_by_applicant(_request(rt, actor, "withdraw", no), reason)


def end(rt: Runtime, actor: Actor, no: str, *, reason: str = "") -> Outcome:
    """结束流程: the applicant ends a returned request, so that a new one can be filed."""
    with transaction(rt.session):
        return _end_by_applicant(_request(rt, actor, "end", no), reason)


def returnable(case: Case, task: OpenTask) -> list[Target]:
    """Steps `task` may be returned to, the first one first; the workflow must be unpacked."""
    here = cases.spiff_task(case, task)
    found = []
    for place in _visited(case, here):
        node = case.deployed.nodes[place.task_spec.name]
        last = case.deciders.get(node.id)
        found.append(Target(node.id, node.name, last[1] if last else case.starter_name))
    return found


def _visited(case: Case, here: Any) -> list[Any]:
    """Completed human steps before `here` on its own path, none across a fork or a point of no
    return."""
    found: list[Any] = []
    task = here.parent
    while task is not None:
        spec = task.task_spec
        if isinstance(spec, ParallelGateway | InclusiveGateway):
            break
        node = case.deployed.nodes.get(spec.name)
        if node is not None and node.props.get("irreversible") == "true":
            break
        if node is not None and node.human and task.has_state(TaskState.COMPLETED):
            found.append(task)
        task = task.parent
    return found[::-1]


@dataclass(slots=True)
class _Move:
    """One verb under way."""

    rt: Runtime
    case: Case
    actor: Actor
    verb: str
    task: OpenTask | None = None
    opinion: str = ""
    detail: dict[str, Any] | None = None

    @property
    def step(self) -> OpenTask:
        assert self.task is not None
        return self.task

    @property
    def outcome(self) -> Outcome:
        return Outcome(self.case.no, self.case.status, self.case.label)

    def event(self, kind: str) -> events.Event:
        return events.Event(kind, self.rt, self.case, self.actor, self.opinion, self.task)


def _assign(rt: Runtime, actor: Actor, task_id: int, verb: str) -> Outcome:
    taking = verb == "claim"
    with transaction(rt.session) as session:
        move = _open(rt, actor, verb, task_id)
        session.execute(
            update(Task)
            .where(Task.id == move.step.id)
            .values(
                assignee=actor.id if taking else None,
                assignee_name=actor.name if taking else None,
                claimed_at=rt.clock() if taking else None,
            )
        )
        move.case.revision += 1
        history.append(rt, move.case, actor, verb, task=move.task)
        session.execute(
            update(Instance)
            .where(Instance.id == move.case.id)
            .values(revision=move.case.revision, updated_at=rt.clock())
        )
        return move.outcome


def _decide(move: _Move, opinion: str, seen: int | None) -> Outcome:
    """Approve or refuse: complete the review step with the decision in the data."""
    case, verb = move.case, move.verb
    _fresh(move, seen)
    move.opinion = _reason(opinion, "驳回") if verb == "refuse" else _opinion(opinion)
    cases.unpack(move.rt, case, move.actor)
    token = cases.spiff_task(case, move.step)
    token.data["decision"] = verb
    token.data["opinion"] = move.opinion
    case.deciders[move.step.node] = [move.actor.id, move.actor.name, verb]
    _complete(move, token)
    _finish(move)
    if not case.running:
        events.emit(move.event(case.status))
    return move.outcome


def _complete(move: _Move, token: Any) -> None:
    _close_task(move)
    cases.advance(move.case, token)


def _finish(move: _Move) -> None:
    case = move.case
    case.revision += 1
    history.append(
        move.rt,
        case,
        move.actor,
        move.verb,
        task=move.task,
        opinion=move.opinion,
        detail=move.detail,
    )
    cases.save(move.rt, case)


def _end_by_applicant(move: _Move, reason: str) -> Outcome:
    case = move.case
    move.opinion = _opinion(reason)
    cases.unpack(move.rt, case, move.actor).cancel()
    withdrawn = move.verb == "withdraw"
    case.status = "withdrawn" if withdrawn else "ended"
    case.label = "已撤回" if withdrawn else "已结束"
    case.ended_at = move.rt.clock()
    _finish(move)
    events.emit(move.event(case.status))
    return move.outcome


def _request(rt: Runtime, actor: Actor, verb: str, no: str) -> _Move:
    """Lock a request for a verb of the applicant."""
    case = cases.load(rt, no=no)
    if not permissions.may_see(actor, case.scope, case.branch, case.starter_id):
        raise not_found()
    _require(actor, verb, case, None)
    return _Move(rt, case, actor, verb)


def _open(rt: Runtime, actor: Actor, verb: str, task_id: int) -> _Move:
    """Lock the request of an open task for a verb.

    Conflict, with a name and a time, when the task is no longer open.
    """
    case = cases.load_for_task(rt, task_id)
    if not permissions.may_see(actor, case.scope, case.branch, case.starter_id):
        raise not_found("待办")
    task = next((each for each in case.open if each.id == task_id), None)
    if task is None:
        raise _too_late(rt, case, task_id)
    _require(actor, verb, case, task)
    return _Move(rt, case, actor, verb, task)


def _too_late(rt: Runtime, case: Case, task_id: int) -> Conflict:
    row = rt.session.get(Task, task_id)
    if row is None or row.completed_by is None:
        text = f"该步骤已经关闭，业务目前{case.label}，页面已更新。"
        return Conflict(Problem("task.closed", text))
    assert row.completed_at is not None
    at = row.completed_at.astimezone(ZONE)
    verb = history.LABELS.get(row.decision or "", "办理")
    when = f"{at.month}月{at.day}日 {at:%H:%M}"
    text = f"该步骤已由{row.completed_by_name}于{when} {verb}，页面已更新。"
    return Conflict(Problem("task.decided", text))


def _fresh(move: _Move, seen: int | None) -> None:
    """Refuse a decision taken on a page older than somebody else's decision."""
    if seen is None or seen == move.case.revision:
        return
    other = move.rt.session.scalar(
        select(History.actor_name).where(
            History.instance_id == move.case.id,
            History.seq > seen,
            History.verb.in_(history.DECIDING),
            History.actor_id != move.actor.id,
        )
    )
    if other is not None:
        text = f"{other}刚刚办理过这件业务，页面已更新，请核对后再决定。"
        raise Conflict(Problem("request.stale", text))


def _require(actor: Actor, verb: str, case: Case, task: OpenTask | None) -> None:
    problem = permissions.may(actor, verb, case, task)
    if problem is None:
        return
    if problem.code in ("task.claimed", "request.closed"):
        raise Conflict(problem)
    raise Forbidden(problem)


def _close_task(move: _Move) -> None:
    task, actor, now = move.step, move.actor, move.rt.clock()
    result = move.rt.session.execute(
        _CLOSE,
        {
            "this": task.id,
            "status": "done",
            "assignee": actor.id,
            "assignee_name": actor.name,
            "completed_at": now,
            "completed_by": actor.id,
            "completed_by_name": actor.name,
            "decision": move.verb,
            "opinion": move.opinion or None,
        },
    )
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(Problem("task.decided", "该步骤刚刚由他人办理，页面已更新。"))
    move.case.open = [each for each in move.case.open if each.id != task.id]


def _opinion(text: str) -> str:
    text = text.replace("\x00", "").strip()
    if len(text) > OPINION_CHARS_MAX:
        raise Refused(
            Problem("opinion.long", f"意见不能超过 {OPINION_CHARS_MAX} 字，请精简。", "opinion")
        )
    return text


def _reason(text: str, verb: str) -> str:
    text = _opinion(text)
    if not text:
        raise ReasonMissing(
            Problem("opinion.missing", f"{verb}时必须填写意见，说明原因和怎么改。", "opinion")
        )
    return text
