"""领取, 退领, 转办, 离职转办: whose hands an open step is in.

Who gets a step is judged like everybody else: without the post, or barred by the four eyes, nobody
can be handed one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update

from engine.database import transaction
from engine.errors import Conflict, Forbidden, HallError, Problem, Refused
from engine.models import OPEN_STATES, Instance, Task
from engine.owed import messages
from engine.requests.cases import Case, OpenTask
from engine.requests.rules_review import Hands, reviewing
from engine.runtime import ADMIN, Actor, Runtime
from engine.verbs import permissions
from engine.verbs.moves import Move, Outcome, durably, finish_in_place, open_task, reason_of
from engine.verbs.rules_request import is_centre

HANDOVER_MAX = 1_000  # steps handed over in one call; somebody with more is handed over twice
TOLD_MAX = 20  # numbers named in the message about them
_TASK = cast(Table, Task.__table__)
_ASSIGN = update(_TASK).where(_TASK.c.id == bindparam("this"))
_WHY = {
    "task.not_your_post": "{name}没有“{role}”岗位，请选择有该岗位的人员。",
    "task.own_request": "这件业务由{name}发起，不能由其本人审核，请选择其他人员。",
    "task.same_person": "{name}已办理过这件业务的其他审核步骤，须由另一位人员办理。",
    "task.voted": "{name}已在这一步表决过，请选择其他人员。",
    "task.not_yours": "这一步由申请单位办理，不能转给{name}。",
}


def claim(rt: Runtime, actor: Actor, task_id: int) -> Outcome:
    """领取: take a step out of the pool; a substitute takes it into the principal's hands."""

    def deed(rt: Runtime) -> Outcome:
        move = open_task(rt, actor, "claim", task_id)
        return _assign(move, move.behalf or actor)

    return durably(rt, deed)


def release(rt: Runtime, actor: Actor, task_id: int) -> Outcome:
    """退领: put one's own step back into the pool."""
    return durably(rt, lambda rt: _assign(open_task(rt, actor, "release", task_id), None))


def transfer(rt: Runtime, actor: Actor, task_id: int, *, to: str, reason: str) -> Outcome:
    """转办: put a step into another person's hands, for good."""

    def deed(rt: Runtime) -> Outcome:
        move = open_task(rt, actor, "transfer", task_id)
        move.opinion = reason_of(reason, "转办", "原因", "原因")
        target = somebody(rt, to)
        problem = _unsuited(move.case, move.step, target)
        if problem is not None:
            raise Refused(problem)
        outcome = _assign(move, target)
        _tell(move, target)
        return outcome

    return durably(rt, deed)


def handover(
    rt: Runtime, actor: Actor, *, leaving: str, to: str | None, reason: str
) -> list[tuple[str, Outcome | HallError]]:
    """离职转办: everything open in `leaving`'s hands goes to `to`, or to the pool when there is
    nobody or `to` may not work on it; each request is its own transaction, refusals are told."""
    order = leave(rt, actor, leaving=leaving, to=to, reason=reason)
    found: list[tuple[str, Outcome | HallError]] = []
    given: list[str] = []
    for task_id, no in in_hands(rt, leaving, limit=HANDOVER_MAX):
        try:
            outcome, to_heir = hand_over(rt, actor, task_id, order)
        except HallError as refusal:
            found.append((no, refusal))
            continue
        found.append((no, outcome))
        given += [no] if to_heir else []
    announce(rt, actor, order, given)
    return found


@dataclass(frozen=True, slots=True)
class Leave:
    """Who leaves, who takes over what they may (None: the pools), and why."""

    leaving: str
    heir: Actor | None
    reason: str


def leave(rt: Runtime, actor: Actor, *, leaving: str, to: str | None, reason: str) -> Leave:
    """A 离职转办 that may be tried; ReasonMissing, Refused or Forbidden otherwise."""
    reason = reason_of(reason, "离职转办", "原因", "原因")
    heir = somebody(rt, to) if to is not None else None
    if not any(role == ADMIN for role, _ in actor.posts):
        raise Forbidden(Problem("task.not_admin", "只有流程管理员可以办理离职转办。"))
    if heir is not None and heir.id == leaving:
        raise Refused(Problem("transfer.same", "接办人不能是离职人员本人，请另选一位。", "to"))
    return Leave(leaving, heir, reason)


def in_hands(rt: Runtime, person_id: str, *, after: int = 0, limit: int) -> list[tuple[int, str]]:
    """(task id, number of its request) of what is open in somebody's hands, by id."""
    query = (
        select(Task.id, Instance.no)
        .join(Instance, Instance.id == Task.instance_id)
        .where(Task.assignee == person_id, Task.status.in_(OPEN_STATES), Task.id > after)
        .order_by(Task.id)
    )
    return [(task_id, no) for task_id, no in rt.session.execute(query.limit(limit))]


def somebody(rt: Runtime, person_id: str) -> Actor:
    """The person with this id; Refused when there is none (any more)."""
    person = rt.directory.find(person_id)
    if person is None:
        raise Refused(Problem("person.unknown", "没有找到这位人员，可能已离岗，请重新选择。", "to"))
    return person


def hand_over(rt: Runtime, actor: Actor, task_id: int, order: Leave) -> tuple[Outcome, bool]:
    """One step of a 离职转办; and whether the heir got it."""
    heir = order.heir

    def deed(rt: Runtime) -> tuple[Outcome, bool]:
        move = open_task(rt, actor, "handover", task_id)
        move.opinion = order.reason
        case, task = move.case, move.step
        if task.assignee != order.leaving:
            raise Conflict(Problem("task.moved", "这一步刚刚已转到他人名下，不需要再转。"))
        problem = _unsuited(case, task, heir) if heir is not None else None
        if heir is not None and problem is None:
            return _assign(move, heir), True
        if not _has_pool(case, task):
            text = "这一步指定由其本人办理，不能退回岗位，请指定可以办理的接办人。"
            raise Refused(problem or Problem("transfer.named", text, "to"))
        return _assign(move, None), False

    return durably(rt, deed)


def _has_pool(case: Case, task: OpenTask) -> bool:
    return bool(task.role) or task.id in case.people


def _unsuited(case: Case, task: OpenTask, target: Actor) -> Problem | None:
    """Why this person cannot be handed this step: asked as if it already were in their hands."""
    if target.id == task.assignee:
        return Problem("transfer.same", f"这件业务已在{target.name}名下。", "to")
    if any(row.assignee == target.id for row in case.open if row.spiff_id == task.spiff_id):
        return Problem("transfer.twice", f"{target.name}已在这一步的名单中，请选择其他人员。", "to")
    theirs = replace(task, status="open", assignee=None if _has_pool(case, task) else target.id)
    if task.kind == "form":
        problem = permissions.may(target, "submit", case, theirs)
    elif not is_centre(target):
        problem = Problem("transfer.stranger", "")
    else:
        problem = reviewing(Hands(target, frozenset({target.id})), case, theirs)
    if problem is None:
        return None
    text = _WHY.get(problem.code, "这一步不能转给{name}，请选择其他人员。")
    return Problem(problem.code, text.format(name=target.name, role=task.role), "to")


def _assign(move: Move, to: Actor | None) -> Outcome:
    task, rt = move.step, move.rt
    values: dict[str, Any] = {
        "this": task.id,
        "assignee": to.id if to else None,
        "assignee_name": to.name if to else None,
        "claimed_at": rt.clock() if to else None,
    }
    if task.status == "held" and to is None:
        text = "这一步正在等待其他人的意见，请指定可以办理的接办人。"
        raise Refused(Problem("transfer.held", text, "to"))
    rt.session.execute(_ASSIGN, values)
    if task.status == "held" and to is not None:
        asked = update(_TASK).where(_TASK.c.parent_id == task.id, _TASK.c.status.in_(OPEN_STATES))
        mine = asked.where(_TASK.c.asked_by == task.assignee)
        rt.session.execute(mine.values(asked_by=to.id, asked_by_name=to.name))
    if move.verb in ("transfer", "handover"):
        move.detail = {"from": _named(task.assignee, task.assignee_name), "to": None}
        if to is not None:
            move.detail["to"] = _named(to.id, to.name)
    finish_in_place(move)
    return move.outcome


def _named(person_id: str | None, name: str | None) -> dict[str, str | None] | None:
    return None if person_id is None else {"id": person_id, "name": name}


def _tell(move: Move, target: Actor) -> None:
    """The new holder, and the old one when somebody else has moved it."""
    case, task, actor = move.case, move.step, move.actor
    title = f"{actor.name}将“{case.name}”转给您办理"
    messages.about(move.rt, case, target.id, title=title, body=move.opinion, channel="转办")
    if task.assignee is not None and task.assignee != actor.id:
        title = f"{actor.name}已将您名下的“{case.name}”转给{target.name}"
        messages.about(move.rt, case, task.assignee, title=title, body=move.opinion, channel="转办")


def announce(
    rt: Runtime,
    actor: Actor,
    order: Leave,
    numbers: list[str],
    *,
    count: int | None = None,
    key: str | None = None,
) -> None:
    """One message to the heir for all of them: the steps themselves lie in the inbox.  `count`:
    how many there are when not all of them are named; the same `key` twice is one message."""
    count = len(numbers) if count is None else count
    if order.heir is None or not count:
        return
    more = "等" if count > TOLD_MAX else ""
    with transaction(rt.session) as session:
        messages.put(
            session,
            recipient=order.heir.id,
            title=f"{actor.name}将 {count} 件业务转给您办理",
            body="、".join(numbers[:TOLD_MAX]) + more,
            business="离职转办",
            channel="离职转办",
            no=None,
            now=rt.clock(),
            key=key,
        )
