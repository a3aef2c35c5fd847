"""What happens outside a request and some request waits for: messages and signals.

Who waits is found by an index.  Each request that waits gets it in a transaction of its own, with
one row of history; one that cannot take it does not keep it from the others.  What a diagram sends
goes through the outbox, and then the same way.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, cast

from SpiffWorkflow.bpmn.util import BpmnEvent
from sqlalchemy import Table, insert, select

from engine import events, history
from engine.errors import HallError, Problem, Refused
from engine.models import Effect, Instance, Subscription
from engine.owed import outbox
from engine.requests import advancing, cases, saving
from engine.requests.advancing import durably
from engine.runtime import SYSTEM, Actor, Runtime
from engine.scripts.script import as_json
from engine.tokens.bpmn_events import MESSAGE, SIGNAL, Message, Signal, waiting

PAGE = 200  # requests looked up in one go
_EFFECT = cast(Table, Effect.__table__)
_log = logging.getLogger("hall.occurrences")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """`once`: a key under which each request takes it at most once, however often it is offered;
    `sender`: the number of the request that sent it and does not get it again."""

    kind: str
    name: str
    correlation: str
    payload: Any
    once: str | None = None
    sender: str | None = None


def deliver(
    rt: Runtime,
    actor: Actor,
    name: str,
    *,
    correlation: str,
    payload: dict[str, Any],
    once: str | None = None,
) -> list[str]:
    """A message to every request waiting for this name and correlation; the numbers of those that
    took it.  Raises what the first one that could not take it said, after the others have it.
    `once`: a key under which no request takes it a second time."""
    as_json(payload)
    taken, failed = _spread(rt, actor, Occurrence(MESSAGE, name, correlation, payload, once))
    if failed:
        raise failed[0]
    return taken


def send_later(
    rt: Runtime, name: str, *, correlation: str, payload: dict[str, Any], key: str
) -> None:
    """A message that goes out after the caller's commit, through the outbox; the same `key` is sent
    once.  Nobody need be waiting for it."""
    as_json(payload)
    said = {"name": name, "correlation": correlation, "payload": payload, "from": None}
    outbox.put(rt.session, "engine.message", said, key=key, now=rt.clock())


def has_taken(rt: Runtime, case_id: int, once: str) -> bool:
    """Whether this request has what was offered to it under this key."""
    key = _EFFECT.c.key == f"{once}>{case_id}"
    return rt.session.scalar(select(_EFFECT.c.id).where(key)) is not None


def broadcast(rt: Runtime, actor: Actor, name: str, payload: dict[str, Any]) -> list[str]:
    """A signal to every request waiting for this name; the numbers of those that took it."""
    as_json(payload)
    return _spread(rt, actor, Occurrence(SIGNAL, name, "", payload))[0]


@outbox.handler("engine.message")
def _send_message(job: outbox.Job) -> None:
    _pass_on(job, MESSAGE)


@outbox.handler("engine.signal")
def _send_signal(job: outbox.Job) -> None:
    _pass_on(job, SIGNAL)


def _pass_on(job: outbox.Job, kind: str) -> None:
    """What a diagram has sent, to all other requests that wait for it."""
    if job.runtime is None:
        raise outbox.Retry("this worker was given no runtime to open requests with")
    said = job.payload
    what = Occurrence(
        kind, said["name"], said["correlation"], said["payload"], job.key, said["from"]
    )
    with job.session_factory() as session:
        failed = _spread(job.runtime(session), SYSTEM, what)[1]
    if failed:
        raise outbox.Retry(f"{len(failed)} requests could not take it: {failed[0]}")


def _spread(rt: Runtime, actor: Actor, what: Occurrence) -> tuple[list[str], list[HallError]]:
    taken: list[str] = []
    failed: list[HallError] = []
    last = 0
    while page := _page(rt, what, last):
        last = page[-1]
        for case_id in page:
            try:
                no = _offer(rt, actor, case_id, what)
            except HallError as error:
                failed.append(error)
            except Exception:
                _log.exception("request %s could not take %s %r", case_id, what.kind, what.name)
                text = f"有业务未能接收“{what.name}”，请联系中心管理员处理。"
                failed.append(Refused(Problem("occurrence.failed", text)))
            else:
                taken += [no] if no is not None else []
    return taken, failed


def _page(rt: Runtime, what: Occurrence, after: int) -> list[int]:
    """The next requests, by id, that wait for it."""
    query = select(Subscription.instance_id).where(
        Subscription.kind == what.kind,
        Subscription.name == what.name,
        Subscription.correlation == what.correlation,
        Subscription.instance_id > after,
    )
    if what.sender is not None:
        ours = select(Instance.id).where(Instance.no == what.sender).scalar_subquery()
        query = query.where(Subscription.instance_id != ours)
    rt.session.rollback()  # what it has read before is older than what it may find now
    ordered = query.distinct().order_by(Subscription.instance_id).limit(PAGE)
    return list(rt.session.scalars(ordered))


def _offer(rt: Runtime, actor: Actor, case_id: int, what: Occurrence) -> str | None:
    return durably(rt, lambda rt: _take(rt, actor, case_id, what))


def _take(rt: Runtime, actor: Actor, case_id: int, what: Occurrence) -> str | None:
    """The request's number when it was still waiting; None when not, or when it has it already."""
    case = cases.load(rt, case_id=case_id)
    workflow = cases.unpack(rt, case, actor)
    definition = _definition(what)
    event = BpmnEvent(definition, what.payload, cast(Any, what.correlation))
    tokens = {task.id: task for task, one in waiting(workflow) if one.catches(task, event)}
    if not tokens or (what.once is not None and _has_it(rt, case_id, what)):
        return None
    for token in tokens.values():
        token.task_spec.catch(token, event)
        token.task_spec._update(token)
    advancing.advance(case)
    case.revision += 1
    history.append(rt, case, actor, "event", detail={what.kind: what.name, "from": what.sender})
    saving.save(rt, case)
    if not case.running:
        events.emit(events.Event(case.status, rt, case, actor))
    return case.no


def _definition(what: Occurrence) -> Message | Signal:
    kind = Message if what.kind == MESSAGE else Signal
    made: Message | Signal = kind(what.name)
    return made


def _has_it(rt: Runtime, case_id: int, what: Occurrence) -> bool:
    assert what.once is not None
    if has_taken(rt, case_id, what.once):
        return True
    key = f"{what.once}>{case_id}"
    row = {"key": key, "operation": f"engine.{what.kind}", "result": {}, "at": rt.clock()}
    rt.session.execute(insert(_EFFECT), row)
    return False
