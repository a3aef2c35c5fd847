"""What a reviewer or an applicant decides about an open step: approve, refuse, submit.

Each verb is one function, one transaction, one history row; whatever fails leaves nothing behind.
"""

from __future__ import annotations

from typing import Any

from engine.diagrams import rehearsal
from engine.errors import HallError
from engine.requests import cases
from engine.runtime import Actor, Runtime
from engine.tokens import codec
from engine.verbs import cosigning, returning
from engine.verbs.moves import (
    Also,
    Move,
    Outcome,
    complete,
    decided,
    durably,
    finish,
    fresh,
    open_task,
    opinion_of,
    reason_of,
    tell_end,
)

SUMMARY_CHARS_MAX = 300  # the column; lists show one line of it


def approve(
    rt: Runtime, actor: Actor, task_id: int, *, opinion: str = "", seen: int | None = None
) -> Outcome:
    """同意: complete a review step and run on to the next human step."""
    return durably(rt, lambda rt: _decide(open_task(rt, actor, "approve", task_id), opinion, seen))


def refuse(
    rt: Runtime, actor: Actor, task_id: int, *, opinion: str, seen: int | None = None
) -> Outcome:
    """驳回: the diagram leads a refused request to its end; the opinion is the reason given."""
    return durably(rt, lambda rt: _decide(open_task(rt, actor, "refuse", task_id), opinion, seen))


def submit(
    rt: Runtime,
    actor: Actor,
    task_id: int,
    *,
    data: dict[str, Any],
    summary: str,
    also: Also = None,
) -> Outcome:
    """重新提交: complete a form step that came back, with the corrected data.

    `also(session, case)` runs in the same transaction.
    """
    data = codec.accepted(data)

    def deed(rt: Runtime) -> Outcome:
        move = open_task(rt, actor, "submit", task_id)
        _submit(move, data, summary)
        if also is not None:
            also(rt.session, move.case)
        tell_end(move)
        return move.outcome

    return durably(rt, deed)


def _submit(move: Move, data: dict[str, Any], summary: str) -> None:
    case = move.case
    cases.unpack(move.rt, case, move.actor)
    token = cases.spiff_task(case, move.step)
    token.data.update(data)
    case.status, case.summary = "running", summary[:SUMMARY_CHARS_MAX]
    case.path = [node.id for node in rehearsal.from_start(case.deployed, move.rt, token.data)]
    if move.step.part == "fix":
        returning.corrected(move, data)
    else:
        complete(move, token)
    finish(move)


def _decide(move: Move, opinion: str, seen: int | None) -> Outcome:
    """Approve or refuse: complete the review step with the decision in the data."""
    verb = move.verb
    fresh(move, seen)
    move.opinion = reason_of(opinion, "驳回") if verb == "refuse" else opinion_of(opinion)
    if move.step.part == "fix":
        return returning.approved(move)
    if move.step.part != "step" or cosigning.has_after(move):
        return cosigning.decide_part(move)
    decide_step(move, verb)
    return move.outcome


def decide_step(move: Move, decision: str) -> None:
    """Complete the review step of this move; `decision` is what the diagram's gateways read."""
    case = move.case
    cases.unpack(move.rt, case, move.actor)
    token = cases.spiff_task(case, move.step)
    token.data["decision"] = decision
    token.data["opinion"] = move.opinion
    decided(move, decision)
    complete(move, token)
    finish(move)
    tell_end(move)


def approve_many(
    rt: Runtime, actor: Actor, task_ids: list[int], *, opinion: str = ""
) -> list[tuple[int, Outcome | HallError]]:
    """批量同意: each step its own transaction; what could not be approved is told, not raised."""
    found: list[tuple[int, Outcome | HallError]] = []
    for task_id in task_ids:
        try:
            found.append((task_id, _approve_in_batch(rt, actor, task_id, opinion)))
        except HallError as refusal:
            found.append((task_id, refusal))
    return found


def _approve_in_batch(rt: Runtime, actor: Actor, task_id: int, opinion: str) -> Outcome:
    def deed(rt: Runtime) -> Outcome:
        move = open_task(rt, actor, "batch", task_id)
        move.verb = "approve"
        move.detail = {"batch": True}
        return _decide(move, opinion, None)

    return durably(rt, deed)
