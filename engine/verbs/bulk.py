"""Work of process admins on more requests than a page can wait for, as long jobs.

Everything happens as it would one by one: each request is its own transaction, judged for whoever
ordered the job with the posts held now.  What was refused is told in the result, never raised.
A result is {"total", "moved", "left", "rows": [[number, reason]]}; `rows` is bounded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from engine.boxes import incident_desk
from engine.database import transaction
from engine.errors import HallError, Problem, Refused
from engine.models import Job
from engine.owed import jobs
from engine.owed.jobs import Work
from engine.runtime import Actor, Runtime
from engine.verbs import handing, repairing, substitutes

RETRY_KIND = "engine.retry_kind"
HANDOVER = "engine.handover"
AT_ONCE_MAX = 50  # a page waits for so many; more is a job
TOTAL_MAX = 10_000  # of one job; what is left is ordered again
BATCH = 50  # ids read at a time
LEFT_SHOWN_MAX = 200  # people read no more, and the result is one row
ODD = "没有办成，业务未受影响；请联系中心技术人员查看日志。"
_log = logging.getLogger("hall.jobs")

Things = Callable[[Runtime, Actor, int], list[tuple[int, str]]]  # (id, number) behind an id
Deed = Callable[[Runtime, Actor, int, str], None]  # refuses with a HallError


# ── 重试同类全部 ───────────────────────────────────────────────────────────────────────────────


def order_retry(rt: Runtime, actor: Actor, cause: str) -> int:
    """A job that retries all open incidents of a kind this admin looks after; its id."""
    found = incident_desk.ids_of_kind(rt, actor, cause, TOTAL_MAX)
    first = incident_desk.find(rt, actor, found[0]) if found else None
    if first is None:
        raise Refused(Problem("incident.none", "这一类异常已经处理完，没有需要重试的。"))
    title = f"重试同类异常：{first.name or ''}{first.node_name or ''}"
    return _order(rt, actor, RETRY_KIND, {"cause": cause}, title=title, found=found)


@jobs.handler(RETRY_KIND)
def _retry_kind(work: Work) -> dict[str, Any]:
    cause = work.payload["cause"]

    def things(rt: Runtime, actor: Actor, after: int) -> list[tuple[int, str]]:
        ids = incident_desk.ids_of_kind(rt, actor, cause, BATCH, after=after)
        return [(each, _number(rt, actor, each)) for each in ids]

    def deed(rt: Runtime, actor: Actor, incident_id: int, _no: str) -> None:
        repairing.retry(rt, actor, incident_id)

    return _each(work, things, deed, {})


def _number(rt: Runtime, actor: Actor, incident_id: int) -> str:
    row = incident_desk.find(rt, actor, incident_id)
    return row.no or "" if row is not None else ""


# ── 离职转办 ───────────────────────────────────────────────────────────────────────────────────


def order_handover(rt: Runtime, actor: Actor, *, leaving: str, to: str | None, reason: str) -> int:
    """A job that hands over everything in somebody's hands; its id.  Refused like `handover`."""
    order = handing.leave(rt, actor, leaving=leaving, to=to, reason=reason)
    found = [each for each, _ in handing.in_hands(rt, leaving, limit=TOTAL_MAX)]
    if not found:
        raise Refused(Problem("transfer.nothing", "这位人员名下没有待办业务，不需要转办。"))
    person = rt.directory.find(leaving)
    goes = order.heir.name if order.heir is not None else "待办池"
    title = f"离职转办：{person.name if person is not None else '已离岗人员'} → {goes}"
    payload = {"leaving": leaving, "to": to, "reason": order.reason}
    return _order(rt, actor, HANDOVER, payload, title=title, found=found)


@jobs.handler(HANDOVER)
def _handover(work: Work) -> dict[str, Any]:
    wanted = {name: work.payload[name] for name in ("leaving", "to", "reason")}
    kept = {"given": work.cursor.get("given", 0), "numbers": work.cursor.get("numbers", [])}

    def things(rt: Runtime, actor: Actor, after: int) -> list[tuple[int, str]]:
        return handing.in_hands(rt, wanted["leaving"], after=after, limit=BATCH)

    def deed(rt: Runtime, actor: Actor, task_id: int, no: str) -> None:
        order = handing.leave(rt, actor, **wanted)
        _, to_heir = handing.hand_over(rt, actor, task_id, order)
        if to_heir:
            kept["given"] += 1
            kept["numbers"] += [no] if len(kept["numbers"]) < handing.TOLD_MAX else []

    result = _each(work, things, deed, kept)
    with work.shop.sessions() as session:
        rt = work.shop.runtime(session)
        heir = rt.directory.find(wanted["to"]) if wanted["to"] is not None else None
        order = handing.Leave(wanted["leaving"], heir, wanted["reason"])
        told = {"count": kept["given"], "key": f"{HANDOVER}:{work.id}"}
        handing.announce(rt, _orderer(rt, work), order, kept["numbers"], **told)
    return result


# ── what they have in common ───────────────────────────────────────────────────────────────────


def _order(
    rt: Runtime,
    actor: Actor,
    kind: str,
    payload: dict[str, Any],
    *,
    title: str,
    found: list[int],
) -> int:
    """The same errand ordered again while it is under way is one job: a second click."""
    with transaction(rt.session):
        mine = (Job.owner_id == actor.id, Job.kind == kind, Job.finished_at.is_(None))
        for job_id, ordered in rt.session.execute(select(Job.id, Job.payload).where(*mine)):
            if payload.items() <= ordered.items():
                return int(job_id)
        bounds = {"actor": actor.id, "until": found[-1], "total": len(found)}
        key = f"{kind}:{actor.id}:{uuid4().hex}"
        return jobs.put(rt, actor, kind, payload | bounds, key=key, title=title)


def _each(work: Work, things: Things, deed: Deed, kept: dict[str, Any]) -> dict[str, Any]:
    """Keyset by id.  A thing done by a run that was killed is not among the things any more."""
    until, total = work.payload["until"], work.payload["total"]
    after, left = work.cursor.get("after", 0), work.cursor.get("left", 0)
    rows: list[list[str]] = work.cursor.get("rows", [])
    done = work.done
    while True:
        with work.shop.sessions() as session:
            rt = work.shop.runtime(session)
            actor = _orderer(rt, work)
            batch = [each for each in things(rt, actor, after) if each[0] <= until]
            for after, no in batch:
                text = _refusal(rt, actor, deed, (after, no))
                if text is not None:
                    left += 1
                    rows += [[no, text]] if len(rows) < LEFT_SHOWN_MAX else []
                done += 1
                cursor = kept | {"after": after, "left": left, "rows": rows}
                work.report(min(done, total), total=total, cursor=cursor)
        if not batch:
            return {"total": total, "moved": total - left, "left": left, "rows": rows}


def _refusal(rt: Runtime, actor: Actor, deed: Deed, thing: tuple[int, str]) -> str | None:
    try:
        deed(rt, actor, *thing)
    except HallError as refusal:
        return refusal.text
    except SQLAlchemyError:
        raise  # the database is away for all of them
    except Exception:  # one odd request must not keep thousands of others waiting
        _log.exception("%s %s failed", deed.__qualname__, thing)
        return ODD
    return None


def _orderer(rt: Runtime, work: Work) -> Actor:
    """Whoever ordered the job, with the posts and mandates held now."""
    person = rt.directory.find(work.payload["actor"])
    if person is None:
        raise LookupError("whoever ordered this is no longer in the hall")
    return replace(person, mandates=substitutes.mandates_of(rt, person.id))
