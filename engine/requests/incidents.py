"""Incidents: automatic work that failed, one row per thing, kept until an admin has dealt with it.

A step leaves its token marked HALTED in front of it, so does a timer whose tries are used up; an
outbox item and a job are marked in their own rows.  An incident whose token is gone (withdrawn,
ended, returned, migrated) resolves itself.  The rows are written here, read by `incident_desk`,
mended by `repairing`.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from SpiffWorkflow.util.task import TaskState
from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from engine.models import Incident, Instance, Job, Repair
from engine.runtime import SYSTEM, Actor, Runtime
from engine.tokens.marks import HALTED

if TYPE_CHECKING:
    from engine.requests.advancing import Halt
    from engine.requests.cases import Case
    from engine.tokens.workflow import Workflow

ERROR_CHARS_MAX = 500  # the column; a list shows one line of it
TRACE_CHARS_MAX = 20_000  # the end of a trace says what happened, however deep it went
CAUSE_CHARS_MAX = 160  # the column
TOKENS = ("step", "timer")  # kinds whose `ref` is a token of the request

_TABLE = cast(Table, Incident.__table__)
_INSERT = insert(_TABLE).inline()
_OF_REQUEST = select(_TABLE.c.id, _TABLE.c.ref).where(
    _TABLE.c.instance_id == bindparam("here"),
    _TABLE.c.kind.in_(TOKENS),
    _TABLE.c.resolved_at.is_(None),
)


def halted(workflow: Workflow) -> Iterator[Any]:
    """Tokens that wait for an admin."""
    for task in workflow.everything():
        if HALTED in task.internal_data and task._state & TaskState.NOT_FINISHED_MASK:
            yield task


def settle(rt: Runtime, case: Case) -> None:
    """Bring the rows in line with the tokens: new ones, ones that failed again, ones that have
    gone; part of the verb's transaction."""
    rows = rt.session.execute(_OF_REQUEST, {"here": case.id}).all()
    known = {row.ref: row.id for row in rows}
    for each in case.halted:
        ref = each.token.id.hex
        if ref in known:
            again(rt.session, known[ref], rt.clock(), _failure(case.key, each.halt))
        else:
            new = _row(each.halt.kind, ref, rt.clock(), case.id)
            rt.session.execute(_INSERT, new | _place(each.halt) | _failure(case.key, each.halt))
    case.halted = []
    standing = {token.id.hex for token in halted(case.workflow)} if case.running else set()
    for row in rows:
        if row.ref not in standing:
            close(rt, row.id, "gone", SYSTEM)
    left = rt.session.execute(_OF_REQUEST, {"here": case.id}).all()
    case.incidents = len(left)


def record_loose(rt: Runtime, case: Case, halt: Halt) -> None:
    """A failure that cannot be waited for: nothing has happened, and the person was told so."""
    case_id = case.id if case.revision else None  # a first filing has been rolled back
    failure = _failure(case.key, halt)
    query = select(Incident.id).where(
        Incident.ref == "",
        Incident.instance_id.is_(None) if case_id is None else Incident.instance_id == case_id,
        Incident.cause == failure["cause"],
        Incident.resolved_at.is_(None),
    )
    known = rt.session.scalar(query.limit(1))
    if known is not None:
        again(rt.session, known, rt.clock(), failure)
        return
    row = _row(halt.kind, "", rt.clock(), case_id)
    rt.session.execute(_INSERT, row | _place(halt) | failure)
    if case_id is not None:  # counted, so that the next verb that succeeds takes it away
        count = update(Instance).where(Instance.id == case_id)
        rt.session.execute(count.values(incidents=Instance.incidents + 1))


def record_outbox(
    session: Session, item: tuple[int, str, int | None], error: BaseException, *, now: datetime
) -> None:
    """An item (id, kind, request) whose tries are used up; part of the transaction that gives it
    up."""
    item_id, name, instance_id = item
    thing = _row("outbox", str(item_id), now, instance_id)
    _record_thing(session, thing | {"node": None, "node_name": name}, error)


def record_job(rt: Runtime, job: Job, error: BaseException) -> None:
    """A job whose tries are used up; part of the transaction that gives it up."""
    thing = _row("job", str(job.id), rt.clock(), None)
    _record_thing(rt.session, thing | {"node": None, "node_name": job.kind}, error)


def _record_thing(session: Session, row: dict[str, Any], error: BaseException) -> None:
    """One row per thing: an incident that had been retried opens again."""
    failure = failure_of(f"{row['kind']}/{row['node_name']}", error)
    same = (Incident.kind == row["kind"], Incident.ref == row["ref"])
    known = session.scalar(select(Incident.id).where(*same))
    if known is not None:
        again(session, known, row["last_at"], failure)
    else:
        session.execute(_INSERT, row | failure)


def again(session: Session, incident_id: int, now: datetime, failure: dict[str, str]) -> None:
    """It failed once more: counted, and the newest trace is kept."""
    unsolved = {"resolved_at": None, "resolved_by": None, "resolved_by_name": None}
    session.execute(
        update(Incident)
        .where(Incident.id == incident_id)
        .values(attempts=Incident.attempts + 1, last_at=now, resolution=None, **unsolved, **failure)
    )


def close(rt: Runtime, incident_id: int, resolution: str, actor: Actor) -> None:
    """`resolution`: retried, skipped or gone; what was proposed for it is dropped."""
    now = rt.clock()
    rt.session.execute(
        update(Incident)
        .where(Incident.id == incident_id, Incident.resolved_at.is_(None))
        .values(
            resolved_at=now,
            resolved_by=actor.id,
            resolved_by_name=actor.name,
            resolution=resolution,
        )
    )
    rt.session.execute(
        update(Repair)
        .where(
            Repair.incident_id == incident_id,
            Repair.confirmed_at.is_(None),
            Repair.dropped_at.is_(None),
        )
        .values(dropped_at=now)
    )


def failure_of(place: str, error: BaseException) -> dict[str, str]:
    """The columns that say what went wrong; `place` and the class of the error make the kind."""
    text, cause = str(error) or type(error).__name__, type(error).__name__
    trace = "".join(traceback.format_exception(error))
    return _columns(f"{place}/{cause}", text, trace)


def _failure(key: str, halt: Halt) -> dict[str, str]:
    return _columns(f"{key}/{halt.at}/{halt.cause}", halt.error, halt.trace)


def _columns(cause: str, error: str, trace: str) -> dict[str, str]:
    return {
        "cause": plain(cause)[:CAUSE_CHARS_MAX],
        "error": plain(error)[:ERROR_CHARS_MAX],
        "trace": plain(trace)[-TRACE_CHARS_MAX:],
    }


def plain(text: str) -> str:
    """What a database can hold: an error may quote anything."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _place(halt: Halt) -> dict[str, str]:
    return {"node": halt.at[:80], "node_name": halt.name[:120]}


def _row(kind: str, ref: str, now: datetime, instance_id: int | None) -> dict[str, Any]:
    return {
        "kind": kind,
        "instance_id": instance_id,
        "ref": ref,
        "opened_at": now,
        "last_at": now,
    }
