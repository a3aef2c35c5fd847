"""Long work somebody waits for: migrate 3,000 requests, post a roster of 100,000 rows.

The row is the truth: who runs it holds a lease, says how far it is, keeps a cursor.  A run is cut
into slices: after a few seconds `Work.report` lets go and the job goes back to the queue, so that
no job starves the others, and a restart or a killed worker costs one slice at most.  A handler
therefore commits its own work in pieces, hands `report` the cursor behind each, and must not mind
when the last piece is done again.  What people see and do about jobs is in `job_desk`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn, Protocol, cast

from sqlalchemy import Table, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, sessionmaker

from engine.database import give_way, transaction
from engine.models import Job
from engine.models.base import UtcDateTime
from engine.requests import incidents
from engine.runtime import Actor, Runtime

LEASE_SECONDS = 120  # longer than any piece of work between two reports
SLICE_SECONDS = 5.0  # then others have their turn: a worker that does everything is asked soon
REPORT_SECONDS = 0.5  # progress is written no oftener, for nobody reads faster
BACKOFF_SECONDS = (15, 120, 900)  # then the job has failed
FAILURES_MAX = len(BACKOFF_SECONDS) + 1
MESSAGE_CHARS_MAX = 300  # the columns
TITLE_CHARS_MAX = 160
KEY_CHARS_MAX = 160
_log = logging.getLogger("hall.jobs")

_TABLE = cast(Table, Job.__table__)
_PUT = {
    "postgresql": postgresql.insert(_TABLE).on_conflict_do_nothing(index_elements=["key"]).inline(),
    "sqlite": sqlite.insert(_TABLE).on_conflict_do_nothing(index_elements=["key"]).inline(),
}


class Shop(Protocol):
    """Where work finds a session and what it needs besides."""

    @property
    def sessions(self) -> sessionmaker[Session]: ...

    def runtime(self, session: Session) -> Runtime: ...


class _Stop(BaseException):
    """Ends a run from inside `report`; a handler's `except Exception` must not swallow it."""


class _Pause(_Stop):
    pass


class _Cancelled(_Stop):
    pass


class _Lost(_Stop):
    """The lease ran out and somebody else goes on: nothing more may be written."""


@dataclass(slots=True)
class Work:
    """One run of one job.  `cursor` is what the last report of the run before has said."""

    shop: Shop
    id: int
    payload: dict[str, Any]
    cursor: dict[str, Any]
    attempt: int
    done: int
    total: int
    clock: Callable[[], datetime]
    stopped: Callable[[], bool]
    died: bool = False  # so the run before this one: that this one gets further is told at once
    _from: str = ""  # the cursor this run has started behind
    _behind: str = ""  # everything before it is committed
    _message: str | None = None
    _ending: type[_Stop] | None = None
    _started: float = field(default_factory=time.monotonic)
    _told: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._from = self._behind = json.dumps(self.cursor)

    def report(
        self,
        done: int,
        *,
        total: int | None = None,
        message: str | None = None,
        cursor: dict[str, Any] | None = None,
    ) -> None:
        """Say how far the work is, holding no transaction; everything before `cursor` is committed.

        May not return: when the job was cancelled, its slice is over or its lease was lost.  Only a
        new cursor is progress: without one a run is not cut, and its failures add up.
        """
        assert done >= 0, "how many, not how many are left"
        if self._ending is not None:  # a handler that catches everything does not get further
            raise self._ending
        self.done, self.total = done, self.total if total is None else total
        if cursor is not None:
            self._behind = json.dumps(cursor)  # at once: the handler goes on writing into its own
        if message is not None:
            self._message = incidents.plain(message)[:MESSAGE_CHARS_MAX]
        now = time.monotonic()
        over = self.stopped() or (self.moved and now - self._started >= SLICE_SECONDS)
        if now - self._told >= REPORT_SECONDS or over or (self.died and self.moved):
            self._told, self.died = now, False
            self._write()
        if over:
            self._stop(_Pause)
        give_way()

    @property
    def moved(self) -> bool:
        """Whether this run has got anywhere."""
        return self._behind != self._from

    @property
    def pausing(self) -> bool:
        """This run was only cut: the job goes on soon, perhaps in this very process."""
        return self._ending is _Pause

    def progress(self) -> dict[str, Any]:
        """The columns that say how far the work is."""
        said = {} if self._message is None else {"message": self._message}
        return {
            "done": self.done,
            "total": self.total,
            "cursor": json.loads(self._behind),
        } | said

    def _write(self) -> None:
        lease = self.clock() + timedelta(seconds=LEASE_SECONDS)
        forgiven = {"failures": 0} if self.moved else {}
        try:
            cancelling = _update(self, {"due_at": lease} | forgiven)
        except _Lost:
            self._stop(_Lost)
        if cancelling:
            self._stop(_Cancelled)

    def _stop(self, how: type[_Stop]) -> NoReturn:
        self._ending = how
        raise how

    def check(self) -> None:
        """Whoever swallowed the end of this run has not finished the job."""
        if self._ending is not None:
            raise self._ending


Handler = Callable[[Work], dict[str, Any] | None]
_handlers: dict[str, Handler] = {}
_whole: set[str] = set()


def handler(kind: str, *, whole: bool = False) -> Callable[[Handler], Handler]:
    """Register the function that does jobs of this kind; what it returns is the job's result.

    `whole`: nobody may cancel it, for a request waits for its end and half of it is wrong.
    """

    def register(function: Handler) -> Handler:
        assert _handlers.get(kind, function) is function, f"two handlers for {kind}"
        _handlers[kind] = function
        if whole:
            _whole.add(kind)
        return function

    return register


def cancellable(kind: str) -> bool:
    """Whether a job of this kind may end before it is done."""
    return kind not in _whole


def put(
    rt: Runtime, owner: Actor, kind: str, payload: dict[str, Any], *, key: str, title: str
) -> int:
    """Order a job; part of the caller's transaction.  The same key twice is one job: its id."""
    assert len(key) <= KEY_CHARS_MAX, key
    now = rt.clock()
    rt.session.flush()
    rt.session.execute(
        _PUT[rt.session.get_bind().dialect.name],
        {
            "key": key,
            "kind": kind,
            "title": title[:TITLE_CHARS_MAX],
            "owner_id": owner.id,
            "owner_name": owner.name,
            "payload": payload,
            "status": "queued",
            "cursor": {},
            "result": {},
            "created_at": now,
            "due_at": now,
        },
    )
    found = rt.session.scalar(select(Job.id).where(Job.key == key))
    assert found is not None
    return found


def due(session: Session, now: datetime, limit: int = 100) -> list[int]:
    """Ids of jobs that may run now: new ones, and those whose runner has died."""
    query = select(Job.id).where(Job.finished_at.is_(None), Job.due_at <= now)
    return list(session.scalars(query.order_by(Job.due_at, Job.id).limit(limit)))


def run_one(
    shop: Shop,
    job_id: int,
    *,
    clock: Callable[[], datetime],
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Run one slice of a job if it is due and nobody else runs it; True when it got further.

    `stopped`: asked at every report; a runner that has to go lets go of the job at once.
    """
    leased = _lease(shop, job_id, clock(), (clock, stopped))
    if leased is None:
        return False
    work, order = leased
    try:
        _update(work, _perform(work, order))
    except _Lost:
        _log.warning("job %s was taken over by another runner", job_id)
    except Exception as error:  # whatever a handler does, the queue goes on
        _log.exception("job %s (%s) failed", job_id, order.kind)
        _fail(work, error)
    else:
        return True
    return False


@dataclass(frozen=True, slots=True)
class _Order:
    """What the row says about a run besides its work; `failures` counts this run already."""

    kind: str
    failures: int
    cancelling: bool


def _perform(work: Work, order: _Order) -> dict[str, Any]:
    """Run the handler; the columns that say how its run has ended."""
    if order.cancelling:
        return _cancelled(work)
    if order.failures > FAILURES_MAX:
        raise RuntimeError("every runner died: look for a job that kills its worker")
    if order.kind not in _handlers:
        raise LookupError(f"no handler for {order.kind}: is its module imported by this worker?")
    try:
        result = _handlers[order.kind](work) or {}
        work.check()
    except _Pause:
        failures = 0 if work.moved else order.failures - 1  # nobody's fault
        return {"status": "queued", "due_at": work.clock(), "failures": failures}
    except _Cancelled:
        return _cancelled(work)
    over = {"status": "done", "finished_at": work.clock(), "failures": 0}
    return over | {"result": result, "message": ""}


def _cancelled(work: Work) -> dict[str, Any]:
    text = cancelled_text(work.done)
    return {"status": "cancelled", "message": text, "finished_at": work.clock()}


def cancelled_text(done: int) -> str:
    """What a cancelled job says for ever."""
    return f"已办 {done} 件后取消，已办的不会撤回。" if done else "还没有开始办理就取消了。"


def _lease(
    shop: Shop,
    job_id: int,
    now: datetime,
    hands: tuple[Callable[[], datetime], Callable[[], bool]],
) -> tuple[Work, _Order] | None:
    columns = _TABLE.c
    query = (
        update(_TABLE)
        .where(columns.id == job_id, columns.finished_at.is_(None), columns.due_at <= now)
        .values(
            status="running",
            due_at=now + timedelta(seconds=LEASE_SECONDS),
            started_at=func.coalesce(columns.started_at, literal(now, UtcDateTime())),
            attempts=columns.attempts + 1,
            # a runner that dies says nothing: counted before, forgotten with the first progress
            failures=columns.failures + 1,
        )
        .returning(
            *(columns[name] for name in ("payload", "cursor", "attempts", "done", "total")),
            *(columns[name] for name in _Order.__slots__),
        )
    )
    with shop.sessions() as session, transaction(session):
        row = session.execute(query).one_or_none()
    if row is None:
        return None
    payload, cursor, attempt, done, total, *order = row
    said = _Order(*order)
    work = Work(shop, job_id, payload, cursor, attempt, done, total, *hands, died=said.failures > 1)
    return work, said


def _update(work: Work, values: dict[str, Any]) -> bool:
    """Write as the holder of the lease; True when somebody wants the job cancelled."""
    columns = _TABLE.c
    mine = (columns.id == work.id, columns.attempts == work.attempt, columns.finished_at.is_(None))
    query = update(_TABLE).where(*mine).values(**work.progress() | values)
    with work.shop.sessions() as session, transaction(session):
        cancelling = session.scalar(query.returning(columns.cancelling))
    if cancelling is None:
        raise _Lost
    return bool(cancelling)


def _fail(work: Work, error: Exception) -> None:
    """Try again later; after the last try the job has failed and is an incident."""
    now = work.clock()
    with work.shop.sessions() as session, transaction(session):
        mine = (Job.id == work.id, Job.attempts == work.attempt, Job.finished_at.is_(None))
        job = session.scalar(select(Job).where(*mine).with_for_update())
        if job is None:
            return
        for name, value in work.progress().items():
            setattr(job, name, value)
        job.failures = 1 if work.moved else max(1, job.failures)
        job.last_error = incidents.failure_of(job.kind, error)["error"]
        if job.cancelling:
            job.status, job.finished_at = "cancelled", now
            job.message = cancelled_text(work.done)
        elif job.failures >= FAILURES_MAX:
            job.status, job.finished_at = "failed", now
            job.message = "多次重试没有成功，已转流程管理员处理。"
            incidents.record_job(work.shop.runtime(session), job, error)
        else:
            job.status = "queued"
            job.due_at = now + timedelta(seconds=BACKOFF_SECONDS[job.failures - 1])
