"""Mending incidents: retry one or all of a kind, edit the data, skip the step.

Each is a verb like any other: one transaction, one history row, judged by `permissions`.  Where
money moves (process property `money`), edit and skip are only proposed, and a second admin must
confirm.  What fails again stays an incident: its try is counted, its newest trace kept, and the
admin is told by StillFailing once that is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from engine.boxes import incident_desk
from engine.database import possible, transaction
from engine.errors import Conflict, Forbidden, HallError, OperationFailed, Problem, Refused
from engine.errors import not_found as missing
from engine.models import History, Incident, Instance, Repair
from engine.requests import advancing, cases, incidents
from engine.requests.advancing import StepFailed
from engine.requests.cases import Case
from engine.runtime import Actor, Runtime
from engine.tokens import codec
from engine.tokens.marks import HALTED
from engine.verbs import requeueing, timers
from engine.verbs.moves import (
    Move,
    Outcome,
    durably,
    finish,
    finish_in_place,
    fresh,
    open_request,
    reason_of,
    tell_end,
)

RETRIES_MAX = 200  # of a kind at once: a page waits for them
KEY_CHARS_MAX = 80
NAMES = {"edit": "修改数据", "skip": "跳过"}


class StillFailing(OperationFailed):
    """Tried again, written down, and failed again."""


@dataclass(slots=True)
class _Errand:
    """One repair under way: the incident, its request as a `Move`, what the history will say."""

    move: Move
    incident: Incident
    detail: dict[str, Any]
    failed: bool = False

    @property
    def rt(self) -> Runtime:
        return self.move.rt

    @property
    def case(self) -> Case:
        return self.move.case


# ── the verbs ──────────────────────────────────────────────────────────────────────────────────


def retry(rt: Runtime, actor: Actor, incident_id: int) -> Outcome:
    """重试: run the step, the timer, the delivery or the job again."""
    if _kind(rt, actor, incident_id) not in incidents.TOKENS:
        return requeueing.retry(rt, actor, incident_id)

    def deed(rt: Runtime) -> _Errand:
        errand = _open(rt, actor, "retry", incident_id)
        _run(errand, _token(errand))
        return errand

    return _try(rt, incident_id, deed)


def retry_kind(rt: Runtime, actor: Actor, cause: str) -> list[tuple[int, Outcome | HallError]]:
    """重试同类全部: each in its own transaction, the oldest first, at most RETRIES_MAX; what could
    not be mended is told, not raised."""
    found: list[tuple[int, Outcome | HallError]] = []
    for incident_id in incident_desk.ids_of_kind(rt, actor, cause, RETRIES_MAX):
        try:
            found.append((incident_id, retry(rt, actor, incident_id)))
        except HallError as refusal:
            found.append((incident_id, refusal))
    return found


def edit(
    rt: Runtime,
    actor: Actor,
    incident_id: int,
    *,
    data: dict[str, Any],
    reason: str,
    seen: int | None = None,
) -> Outcome:
    """修改数据并重试: set top-level keys of the token's data, then run it again."""
    _check(data)

    def deed(rt: Runtime) -> _Errand:
        errand = _open(rt, actor, "edit", incident_id, reason=reason)
        fresh(errand.move, seen)
        if incident_desk.needs_two(errand.case):
            return _propose(errand, data)
        _edit(errand, data)
        return errand

    return _try(rt, incident_id, deed)


def skip(
    rt: Runtime, actor: Actor, incident_id: int, *, reason: str, seen: int | None = None
) -> Outcome:
    """跳过: the step counts as done without running, and gives nothing; a timer that leads on has
    rung, one at the edge of a step never will."""
    kind = _kind(rt, actor, incident_id)
    if kind not in incidents.TOKENS or not _ref(rt, incident_id):
        return requeueing.put_aside(rt, actor, incident_id, reason)

    def deed(rt: Runtime) -> _Errand:
        errand = _open(rt, actor, "skip", incident_id, reason=reason)
        fresh(errand.move, seen)
        if incident_desk.needs_two(errand.case):
            _skippable(errand)
            return _propose(errand, {})
        _skip(errand)
        return errand

    return _try(rt, incident_id, deed)


def confirm(rt: Runtime, actor: Actor, repair_id: int) -> Outcome:
    """确认: a second admin lets a proposed repair happen."""
    incident_id = _incident_of(rt, actor, repair_id)

    def deed(rt: Runtime) -> _Errand:
        errand = _open(rt, actor, _pending(rt, repair_id).kind, incident_id)
        repair, behalf = _pending(rt, repair_id), errand.move.behalf
        if _proposers(errand, repair) & {actor.id, behalf.id if behalf else actor.id}:
            text = "修改数据和跳过须由另一位流程管理员确认，不能确认自己提出的修复。"
            raise Forbidden(Problem("repair.same_person", text))
        repair.confirmed_by, repair.confirmed_by_name = actor.id, actor.name
        repair.confirmed_at = rt.clock()
        errand.move.opinion = repair.reason
        errand.detail["repair"] = repair.id
        errand.detail["proposed_by"] = {"id": repair.proposed_by, "name": repair.proposed_by_name}
        if repair.kind == "edit":
            _edit(errand, repair.data)
        else:
            _skip(errand)
        return errand

    return _try(rt, incident_id, deed)


def drop(rt: Runtime, actor: Actor, repair_id: int) -> Outcome:
    """撤销: a proposed repair is not wanted any more."""
    incident_id = _incident_of(rt, actor, repair_id)

    def deed(rt: Runtime) -> Outcome:
        _pending(rt, repair_id)
        errand = _open(rt, actor, "retry", incident_id)
        repair = _pending(rt, repair_id)
        repair.dropped_at = rt.clock()
        errand.move.verb, errand.detail["repair"] = "drop", repair.id
        _stay(errand)
        return errand.move.outcome

    return durably(rt, deed)


# ── what they have in common ───────────────────────────────────────────────────────────────────


def _open(
    rt: Runtime, actor: Actor, verb: str, incident_id: int, *, reason: str | None = None
) -> _Errand:
    """Lock the request of an open incident; `reason` is mandatory where there is one."""
    found = select(Instance.no).join(Incident, Incident.instance_id == Instance.id)
    no = rt.session.scalar(found.where(Incident.id == incident_id))
    if no is None:
        raise missing("异常")
    move = open_request(rt, actor, verb, no)
    incident = rt.session.get(Incident, incident_id, populate_existing=True)
    assert incident is not None
    incident_desk.still_open(incident)
    if reason is not None:
        move.opinion = reason_of(reason, NAMES[verb])
    return _Errand(move, incident, {"incident": incident_id})


def _try(rt: Runtime, incident_id: int, deed: Callable[[Runtime], _Errand]) -> Outcome:
    """Do it; what an operation refuses is counted although nothing else has happened."""
    try:
        errand = durably(rt, deed)
    except OperationFailed as refusal:
        with transaction(rt.session):
            failure = incidents.failure_of("", refusal)
            if isinstance(refusal, StepFailed):
                failure["trace"] = refusal.halt.trace
            del failure["cause"]  # it stays of its kind
            unsolved = select(Incident.id).where(Incident.id == incident_id)
            unsolved = unsolved.where(Incident.resolved_at.is_(None)).with_for_update()
            if rt.session.scalar(unsolved) is not None:  # else another admin was luckier
                incidents.again(rt.session, incident_id, rt.clock(), failure)
        raise
    if errand.failed:
        name = errand.incident.node_name
        text = f"已重试，“{name}”仍没有成功，新的错误已记录，请查看详情后再处理。"
        raise StillFailing(Problem("incident.again", text))
    return errand.move.outcome


def _token(errand: _Errand) -> Any:
    """The token of the incident."""
    workflow = cases.unpack(errand.rt, errand.case, errand.move.actor)
    ref = errand.incident.ref
    token = next((each for each in incidents.halted(workflow) if each.id.hex == ref), None)
    if token is None:
        text = "这一步没有停在原处，不能重试：请办理人重新办理，或写明原因后关闭这项异常。"
        raise Refused(Problem("incident.loose", text))
    return token


def _run(errand: _Errand, token: Any, *, skipped: bool = False) -> None:
    """Let the token go on, and write down how that went."""
    case, mark = errand.case, token.internal_data.pop(HALTED)
    if errand.incident.kind == "timer":
        timers.ring(case.workflow)
        advancing.advance(case)
    elif skipped or mark == advancing.WAS_DECIDED:
        advancing.advance(case, token, skipped=skipped)
    else:
        advancing.advance(case)
    errand.failed = any(each.token is token for each in case.halted)
    _close(errand, "skipped" if skipped else "retried")


def _close(errand: _Errand, resolution: str) -> None:
    if not errand.failed:
        incidents.close(errand.rt, errand.incident.id, resolution, errand.move.actor)
    errand.move.detail = errand.detail | ({"failed": True} if errand.failed else {})
    finish(errand.move)
    tell_end(errand.move)


def _edit(errand: _Errand, data: dict[str, Any]) -> None:
    token = _token(errand)
    errand.detail["before"] = {key: token.data[key] for key in data if key in token.data}
    errand.detail["after"] = data
    token.data.update(data)
    _run(errand, token)


def _skippable(errand: _Errand) -> Any:
    token = _token(errand)
    if not incident_desk.skippable(errand.case, token, errand.incident.node):
        name = errand.incident.node_name
        text = f"“{name}”不能跳过：流程要靠它决定去向。请修改数据后重试，或终止这件业务。"
        raise Refused(Problem("incident.no_skip", text))
    return token


def _skip(errand: _Errand) -> None:
    token = _skippable(errand)
    if errand.incident.kind != "timer":
        _run(errand, token, skipped=True)
    elif timers.leads_on(token):
        del token.internal_data[HALTED]
        timers.ring_now(token)
        advancing.advance(errand.case)
        _close(errand, "skipped")
    else:  # stays silent for ever
        _close(errand, "skipped")


def _check(data: dict[str, Any]) -> None:
    """Refused unless an edit is a JSON object of a few named values."""
    problem = None
    try:
        codec.accepted(data)
    except Refused:
        problem = "修改的数据不是有效的 JSON，或内容过大、嵌套过深，请检查后再提交。"
    else:
        if not data or any(not 0 < len(key) <= KEY_CHARS_MAX for key in data):
            problem = "没有修改任何数据，或数据项的名称过长，请核对后再提交。"
    if problem is not None:
        raise Refused(Problem("incident.data", problem, "data"))


# ── two people ─────────────────────────────────────────────────────────────────────────────────


def _propose(errand: _Errand, data: dict[str, Any]) -> _Errand:
    """Write down what a second person shall confirm; nothing else happens yet."""
    session = errand.rt.session
    waiting = select(Repair.proposed_by_name).where(
        Repair.incident_id == errand.incident.id,
        Repair.confirmed_at.is_(None),
        Repair.dropped_at.is_(None),
    )
    name = session.scalar(waiting.limit(1))
    if name is not None:
        text = f"{name}提出的修复正在等待另一位流程管理员确认，请先确认或撤销。"
        raise Conflict(Problem("repair.pending", text))
    repair = _proposal(errand, data)
    session.add(repair)
    session.flush()
    errand.detail |= {"repair": repair.id, "kind": errand.move.verb, "after": data}
    errand.move.verb = "propose"
    _stay(errand)
    return errand


def _proposal(errand: _Errand, data: dict[str, Any]) -> Repair:
    return Repair(
        incident_id=errand.incident.id,
        kind=errand.move.verb,
        data=data,
        reason=errand.move.opinion,
        proposed_by=errand.move.actor.id,
        proposed_by_name=errand.move.actor.name,
        proposed_at=errand.rt.clock(),
    )


def _stay(errand: _Errand) -> None:
    errand.move.detail = errand.detail
    finish_in_place(errand.move)


def _incident_of(rt: Runtime, actor: Actor, repair_id: int) -> int:
    """The incident of a proposed repair, when this admin may see it."""
    query = select(Repair.incident_id).where(Repair.id == repair_id)
    incident_id = rt.session.scalar(query) if possible(repair_id) else None
    if incident_id is None:
        raise missing("修复")
    _kind(rt, actor, incident_id)
    return incident_id


def _proposers(errand: _Errand, repair: Repair) -> set[str]:
    """Whoever has proposed it, and in whose name."""
    query = select(History.detail).where(
        History.instance_id == errand.case.id, History.verb == "propose"
    )
    details = errand.rt.session.scalars(query)
    said = next(detail for detail in details if detail.get("repair") == repair.id)
    return {repair.proposed_by, said.get("for", {}).get("id", repair.proposed_by)}


def _pending(rt: Runtime, repair_id: int) -> Repair:
    """Whoever holds the lock of the request asks again: it alone keeps others from settling it."""
    repair = rt.session.get(Repair, repair_id, populate_existing=True)
    assert repair is not None
    if repair.confirmed_at is not None or repair.dropped_at is not None:
        raise Conflict(Problem("repair.closed", "这项修复已经确认或撤销，请刷新后查看。"))
    return repair


def _kind(rt: Runtime, actor: Actor, incident_id: int) -> str:
    """Of an incident this admin may see; NotFound otherwise."""
    row = incident_desk.find(rt, actor, incident_id)
    if row is None:
        raise missing("异常")
    return row.kind


def _ref(rt: Runtime, incident_id: int) -> str:
    return rt.session.scalar(select(Incident.ref).where(Incident.id == incident_id)) or ""
