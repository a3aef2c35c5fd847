"""One verb under way: lock the request, ask `permissions`, change, record, save.

Every verb in `decisions`, `returning`, `handing`, `cosigning`, `sharing` and `ending` is written
with these; none commits by itself, `durably` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from engine import events, history
from engine.calendar import ZONE
from engine.errors import Conflict, Forbidden, Problem, ReasonMissing, Refused, not_found
from engine.models import OPEN_STATES, History, Task
from engine.requests import advancing, cases, saving
from engine.requests.advancing import durably
from engine.requests.cases import FOR_OTHER, Case, OpenTask
from engine.runtime import Actor, Runtime
from engine.verbs import permissions

__all__ = ["Move", "Outcome", "durably"]

OPINION_CHARS_MAX = 500
CORRECTING = ("submit", "edit")  # verbs that change what a person below a step has read
_TASK = cast(Table, Task.__table__)
# built once, Core and not ORM: every decision pays for it
_CLOSE = update(_TASK).where(_TASK.c.id == bindparam("this"), _TASK.c.status.in_(OPEN_STATES))
Also = Callable[[Session, Case], None] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb leaves behind: the request's number and its new state."""

    no: str
    status: str
    label: str


@dataclass(slots=True)
class Move:
    """One verb under way; `behalf` is the principal when a substitute acts."""

    rt: Runtime
    case: Case
    actor: Actor
    verb: str
    task: OpenTask | None = None
    opinion: str = ""
    detail: dict[str, Any] | None = None
    behalf: Actor | None = None

    @property
    def step(self) -> OpenTask:
        assert self.task is not None
        return self.task

    @property
    def outcome(self) -> Outcome:
        return Outcome(self.case.no, self.case.status, self.case.label)

    def event(self, kind: str) -> events.Event:
        return events.Event(kind, self.rt, self.case, self.actor, self.opinion, self.task)


def open_request(rt: Runtime, actor: Actor, verb: str, no: str) -> Move:
    """Lock a request for a verb that concerns it as a whole."""
    actor = actor.at(rt.clock)
    case = cases.load(rt, no=no)
    if not permissions.may_see(rt, actor, case):
        raise not_found()
    return _permitted(Move(rt, case, actor, verb))


def open_task(rt: Runtime, actor: Actor, verb: str, task_id: int) -> Move:
    """Lock the request of an open task for a verb.

    Conflict, with a name and a time, when the task is no longer open.
    """
    actor = actor.at(rt.clock)
    case = cases.load_for_task(rt, task_id)
    task = next((each for each in case.open if each.id == task_id), None)
    if not permissions.may_see(rt, actor, case):
        raise not_found("待办")
    if task is None:
        raise _too_late(rt, case, task_id)
    return _permitted(Move(rt, case, actor, verb, task))


def _permitted(move: Move) -> Move:
    verdict = permissions.judge(move.actor, move.verb, move.case, move.task)
    problem = verdict.problem
    if problem is None:
        move.behalf = verdict.behalf
        return move
    if problem.code in ("task.claimed", "request.closed", "task.held"):
        raise Conflict(problem)
    raise Forbidden(problem)


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


def fresh(move: Move, seen: int | None) -> None:
    """Refuse a decision taken on a page older than somebody else's decision.

    People below a step speak side by side: the others' words do not make their page old.
    """
    if seen is None or seen == move.case.revision:
        return
    other = move.rt.session.scalar(
        select(History.actor_name).where(
            History.instance_id == move.case.id,
            History.seq > seen,
            History.verb.in_(CORRECTING if move.task and move.task.parent_id else history.DECIDING),
            History.actor_id != move.actor.id,
        )
    )
    if other is not None:
        text = f"{other}刚刚办理过这件业务，页面已更新，请核对后再决定。"
        raise Conflict(Problem("request.stale", text))


def close_task(move: Move) -> None:
    """The open row of this verb is decided by this actor; Conflict when somebody was faster."""
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
            "completed_for": move.behalf.id if move.behalf else None,
            "completed_for_name": move.behalf.name if move.behalf else None,
            "decision": move.verb,
            "opinion": move.opinion or None,
        },
    )
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(Problem("task.decided", "该步骤刚刚由他人办理，页面已更新。"))
    move.case.open = [each for each in move.case.open if each.id != task.id]


def complete(move: Move, token: Any) -> None:
    """Close the row and run the request on from its token."""
    close_task(move)
    advancing.advance(move.case, token)


def finish(move: Move) -> None:
    """Record the verb as the next revision and write the request back, its path included."""
    _record(move)
    saving.save(move.rt, move.case)


def finish_in_place(move: Move) -> None:
    """The same for a verb that moves no token: the state blob stays as it is."""
    _record(move)
    saving.touch(move.rt, move.case)


def _record(move: Move) -> None:
    move.case.revision += 1
    detail = move.detail
    if move.behalf is not None:
        detail = {**(detail or {}), "for": {"id": move.behalf.id, "name": move.behalf.name}}
    history.append(
        move.rt,
        move.case,
        move.actor,
        move.verb,
        task=move.task,
        opinion=move.opinion,
        detail=detail,
    )


def decided(move: Move, decision: str) -> None:
    """Remember who decided this step, for the four eyes: a substitute and the principal both."""
    case, node = move.case, move.step.node
    case.forget_principals(node)
    case.deciders[node] = [move.actor.id, move.actor.name, decision]
    if move.behalf is not None:
        owner = move.behalf
        case.deciders[f"{node}/{owner.id}"] = [owner.id, owner.name, decision, FOR_OTHER]


def tell_end(move: Move) -> None:
    """Tell the listeners when this verb has ended the request."""
    if not move.case.running:
        events.emit(move.event(move.case.status))


def opinion_of(text: str, what: str = "意见") -> str:
    """What somebody has written as it is kept; Refused when it is too long or not text a database
    can hold.  `what` is its name in the sentence."""
    text = text.replace("\x00", "").strip()
    text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is no letter
    if len(text) > OPINION_CHARS_MAX:
        raise Refused(
            Problem("opinion.long", f"{what}不能超过 {OPINION_CHARS_MAX} 字，请精简。", "opinion")
        )
    return text


def reason_of(text: str, verb: str, what: str = "意见", ask: str = "意见，说明原因和怎么改") -> str:
    """The same, and mandatory; `ask` is what the sentence asks for."""
    text = opinion_of(text, what)
    if not text:
        raise ReasonMissing(Problem("opinion.missing", f"{verb}时必须填写{ask}。", "opinion"))
    return text
