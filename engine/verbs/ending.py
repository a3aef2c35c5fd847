"""撤回 and 结束流程: the applicant ends a request; 终止: an admin ends one that cannot go on."""

from __future__ import annotations

from engine import events
from engine.owed import messages
from engine.requests import cases
from engine.runtime import Actor, Runtime
from engine.verbs.moves import Move, Outcome, durably, finish, open_request, opinion_of, reason_of

_LABELS = {"withdraw": "已撤回", "end": "已结束", "terminate": "已终止"}


def withdraw(rt: Runtime, actor: Actor, no: str, *, reason: str = "") -> Outcome:
    """撤回: the applicant takes the request back before the centre has decided anything."""
    return durably(rt, lambda rt: _end(open_request(rt, actor, "withdraw", no), reason))


def end(rt: Runtime, actor: Actor, no: str, *, reason: str = "") -> Outcome:
    """结束流程: the applicant ends a returned request, so that a new one can be filed."""
    return durably(rt, lambda rt: _end(open_request(rt, actor, "end", no), reason))


def terminate(rt: Runtime, actor: Actor, no: str, *, reason: str) -> Outcome:
    """终止: a 流程管理员 ends a request wherever it stands; the applicant is told why."""

    def deed(rt: Runtime) -> Outcome:
        move = open_request(rt, actor, "terminate", no)
        reason_of(reason, "终止", "原因", "原因")
        outcome = _end(move, reason)
        case = move.case
        title = f"您的“{case.name}”已被中心终止"
        messages.about(rt, case, case.starter_id, title=title, body=move.opinion, channel="终止")
        return outcome

    return durably(rt, deed)


def _end(move: Move, reason: str) -> Outcome:
    case = move.case
    move.opinion = opinion_of(reason, "原因")
    cases.unpack(move.rt, case, move.actor).cancel()
    case.status = "withdrawn" if move.verb == "withdraw" else "ended"
    case.label = _LABELS[move.verb]
    case.ended_at = move.rt.clock()
    finish(move)
    events.emit(move.event(case.status))
    return move.outcome
