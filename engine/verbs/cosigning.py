"""会签, 加签 and 委派: several people under one step.

The token does not know them: they are rows below the step's row, which is held while it waits.
When nothing is left to wait for, the step goes on by itself: back to who asked, on to the next in
turn, or, when a vote or an added approval has settled it, along the diagram.

* before (前加签): opinions the reviewer wanted first; a refusal there ends nothing.
* after (后加签): people who must approve as well once the reviewer has.  His decision is kept on
  the held row; all approve: the step is approved, decided by him; one refuses: the step is refused,
  or comes back to him where the diagram knows no refusal.
"""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table, bindparam, select, update

from engine.diagrams import tallying
from engine.models import OPEN_STATES, Task
from engine.requests import advancing, cases, parts, voting
from engine.requests.cases import Case, OpenTask
from engine.requests.parts import Part, tree
from engine.requests.voting import open_votes
from engine.runtime import Actor, Runtime
from engine.verbs.moves import Move, Outcome, close_task, decided, finish, finish_in_place, tell_end

__all__ = [
    "Part",
    "decide_part",
    "go_on",
    "has_after",
    "has_signed",
    "open_votes",
    "retract",
    "tree",
]

_TASK = cast(Table, Task.__table__)
_CLOSE = update(_TASK).where(_TASK.c.id == bindparam("this"), _TASK.c.status.in_(OPEN_STATES))


def has_after(move: Move) -> bool:
    """Are there people who were added to decide after this one (后加签)?"""
    if move.verb != "approve" or len(move.case.open) == 1:
        return False
    return any(row.part == "after" for row in parts.children(move.case, move.step))


def decide_part(move: Move) -> Outcome:
    """Approve or refuse on a row below a step, or on a step others decide after."""
    part = move.step.part
    if part == "step":
        _keep(move)
    elif part == "after" and move.verb == "refuse":
        _object(move)
    else:
        _say(move)
    return move.outcome


def go_on(move: Move, above: OpenTask) -> None:
    """Something `above` waited for is gone: open what is next, and save the request."""
    rt, case = move.rt, move.case
    if above.status == "open":  # who was dropped would have decided after it: nothing waited yet
        return finish_in_place(move)
    waiting = parts.children(case, above)
    if above.decision is None:
        waiting = [row for row in waiting if row.part != "after"]
    if _is_vote(case, above):
        cast_votes = voting.votes(rt, above)
        sign = case.deployed.nodes[above.node].props["sign"]
        result = tallying.tally(sign, [vote.decision for vote in cast_votes])
        if result is not None:
            last = [vote for vote in cast_votes if vote.decision == result][-1]
            return _conclude(move, above, result, (last.person, last.opinion))
    if waiting:
        parts.open_next(rt, case, waiting)
    elif above.decision is not None:
        return _conclude(move, above, above.decision, _decided(rt, above))
    else:
        _reopen(rt, case, above)
    return finish_in_place(move)


def _keep(move: Move) -> None:
    """The reviewer approves; the people added after him come next."""
    rt, case, step, actor = move.rt, move.case, move.step, move.actor
    behalf = move.behalf
    owner = behalf or actor
    parts.change(
        rt,
        case,
        step,
        status="held",
        assignee=owner.id,
        assignee_name=owner.name,
        completed_by=actor.id,
        completed_by_name=actor.name,
        completed_for=behalf.id if behalf else None,
        completed_for_name=behalf.name if behalf else None,
        decision="approve",
        opinion=move.opinion or None,
    )
    decided(move, "approve")
    after = parts.children(case, step)
    move.detail = {**(move.detail or {}), "after": [row.assignee_name for row in after]}
    parts.open_next(rt, case, after)
    finish_in_place(move)


def has_signed(case: Case, root: OpenTask) -> bool:
    """Has anybody added after the reviewer decided already?"""
    return any(who[3:] == [str(root.id)] for who in case.deciders.values())


def retract(move: Move, root: OpenTask) -> None:
    """取回 of an approval nobody has signed yet: the people after wait for a new one."""
    rt, case = move.rt, move.case
    for row in parts.children(case, root):
        parts.cancel(rt, case, parts.children(case, row))
        parts.change(rt, case, row, status="held")
    _void(case, root)
    _reopen(rt, case, root)
    finish_in_place(move)


def _void(case: Case, root: OpenTask) -> None:
    """Nothing is decided at this step any more: everybody may be asked again."""
    for key in [key for key, who in case.deciders.items() if who[3:] == [str(root.id)]]:
        del case.deciders[key]
    case.deciders.pop(root.node, None)
    case.forget_principals(root.node)


def _say(move: Move) -> None:
    """An opinion, a vote or an added approval: close the row and see what comes next."""
    case, task, decision = move.case, move.step, move.verb
    above = parts.find(case, task.parent_id)
    close_task(move)
    if task.part in ("vote", "after"):
        _count(move, decision)
    move.detail = {**(move.detail or {}), "part": task.part}
    if task.part == "vote":
        move.verb, move.detail["decision"] = "vote", decision
    go_on(move, above)


def _count(move: Move, decision: str) -> None:
    """Whoever votes has decided, for the four eyes of other steps; so has their principal."""
    task = move.step
    for person in (move.actor, move.behalf):
        if person is not None:
            key = f"{task.node}/{person.id}"
            move.case.deciders[key] = [person.id, person.name, decision, str(task.parent_id)]


def _object(move: Move) -> None:
    """Somebody added after the reviewer refuses."""
    rt, case, task = move.rt, move.case, move.step
    above = parts.find(case, task.parent_id)
    close_task(move)
    move.detail = {"part": task.part}
    if "refuse" in case.deployed.nodes[task.node].verbs:
        _count(move, "refuse")
        return _conclude(move, above, "refuse", (move.actor, move.opinion))
    parts.cancel(rt, case, parts.children(case, above))
    _void(case, above)
    _reopen(rt, case, above)
    return finish_in_place(move)


def _reopen(rt: Runtime, case: Case, above: OpenTask) -> None:
    """Back into the hands it was in; what had been decided there meanwhile is void."""
    parts.change(
        rt,
        case,
        above,
        status="open",
        decision=None,
        opinion=None,
        completed_by=None,
        completed_by_name=None,
        completed_for=None,
        completed_for_name=None,
    )


def _conclude(move: Move, root: OpenTask, decision: str, by: tuple[Actor, str]) -> None:
    """The step is decided: close it with all that is left below and run the request on."""
    rt, case, (who, opinion) = move.rt, move.case, by
    cases.unpack(rt, case, move.actor)
    token = cases.spiff_task(case, root)
    token.data["decision"], token.data["opinion"] = decision, opinion
    if _is_vote(case, root):
        cast_votes = voting.as_data(voting.votes(rt, root))
        if cast_votes:
            token.data["votes"] = cast_votes
            move.detail = {**(move.detail or {}), "result": decision, "votes": len(cast_votes)}
    if root.decision != decision:  # else the reviewer has decided, and is remembered
        case.forget_principals(root.node)
        case.deciders[root.node] = [who.id, who.name, decision]
    parts.cancel(rt, case, parts.children(case, root))
    closing = {"decision": decision, "opinion": opinion or None, "completed_by": who.id}
    values = closing | {"completed_by_name": who.name, "completed_at": rt.clock(), "status": "done"}
    rt.session.execute(_CLOSE, {"this": root.id, **values})
    case.open = [row for row in case.open if row.id != root.id]
    advancing.advance(case, token)
    finish(move)
    tell_end(move)


def _decided(rt: Runtime, above: OpenTask) -> tuple[Actor, str]:
    query = select(_TASK.c.completed_by, _TASK.c.completed_by_name, _TASK.c.opinion)
    row = rt.session.execute(query.where(_TASK.c.id == above.id)).one()
    return Actor(row[0], row[1]), row[2] or ""


def _is_vote(case: Case, row: OpenTask) -> bool:
    return row.part == "step" and "sign" in case.deployed.nodes[row.node].props
