"""What is due gets done: by two threads of the web process, or by RQ workers (`queues`).

The outbox, timers and jobs in the database are the truth; everything here only says "look now".  A
wake-up that gets lost costs time, never work: the threads poll, RQ's scheduler sweeps.  Leases in
the engine make a second runner harmless.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session, sessionmaker

from engine import Runtime, audit
from engine.calendar import Calendar
from engine.database import configure
from engine.models import Job, OutboxItem
from engine.owed import jobs as long_jobs
from engine.owed import outbox
from engine.verbs import timers
from handlers import documents
from handlers.centers import Center
from handlers.ledger import closing
from handlers.people import sign_in
from handlers.people.directory import PeopleDirectory
from handlers.registers import exporting
from webapp.rooms import calendar_of, open_rooms
from webapp.settings import Settings

BATCH = 100  # due items looked at in one go
ROUNDS_MAX = 50  # then the thread goes back to sleep, so that it can be stopped
BACKOFF_SECONDS_MAX = 60.0
TIDY_SECONDS = 24 * 3600
_log = structlog.get_logger("hall.jobs")


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What work needs when there is no web request."""

    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]
    center: Center
    calendar: Calendar
    clock: Callable[[], datetime]

    def runtime(self, session: Session) -> Runtime:
        return Runtime(
            session=session,
            clock=self.clock,
            calendar=self.calendar,
            prefix=self.center.prefix,
            profile=self.center,
            directory=PeopleDirectory(session),
            secret=self.settings.history_key(),
        )

    def run_outbox(self, item_id: int) -> bool:
        return outbox.run_one(
            self.sessions,
            item_id,
            clock=self.clock,
            profile=self.center,
            runtime=self.runtime,
        )

    def fire_timer(self, instance_id: int) -> bool:
        with self.sessions() as session:
            return timers.fire(self.runtime(session), instance_id)

    def run_job(self, job_id: int, stopped: Callable[[], bool] = lambda: False) -> bool:
        """One slice of a long job; True when it got further."""
        return long_jobs.run_one(self, job_id, clock=self.clock, stopped=stopped)

    def due(self) -> tuple[list[int], list[int]]:
        """Ids of outbox items and of instances with a timer that may run now."""
        now = self.clock()
        with self.sessions() as session:
            return outbox.due(session, now, BATCH), timers.due(session, now, BATCH)

    def due_jobs(self) -> list[int]:
        with self.sessions() as session:
            return long_jobs.due(session, self.clock(), BATCH)


def workshop(
    settings: Settings, engine: Engine | None = None, clock: Callable[[], datetime] = utc_now
) -> Workshop:
    """Builds everything but opens no connection, so it may be made before a fork."""
    center = open_rooms(settings)
    engine = engine or configure(create_engine(settings.database_url, **settings.engine_options()))
    return Workshop(
        settings, engine, sessionmaker(engine), center, calendar_of(engine, center), clock
    )


def drain(shop: Workshop, stopped: Callable[[], bool] = lambda: False) -> int:
    """Do everything due but long jobs, here and now; returns how many things were done."""
    done = 0
    for _ in range(ROUNDS_MAX):
        before = done
        items, instances = shop.due()
        for run, ids in ((shop.run_outbox, items), (shop.fire_timer, instances)):
            for one in ids:
                if stopped():
                    return done
                done += _guarded(run, one)
        if done == before:  # nothing due, or only what others hold or what failed
            break
    return done


def drain_jobs(shop: Workshop, stopped: Callable[[], bool] = lambda: False) -> int:
    """Give each long job that is due a slice; returns how many got further."""
    done = 0
    for job_id in shop.due_jobs():
        if stopped():
            break
        done += _guarded(shop.run_job, job_id, stopped)
    return done


def tidy(shop: Workshop) -> None:
    """Once a day: forget expired sign-ins and captchas, delete files removed long ago, seal the
    history, close yesterday's books."""
    now = shop.clock()
    with shop.sessions() as session:
        forgotten = sign_in.purge(session, now)
        deleted = documents.purge(session, shop.settings.materials_path, now)
        exporting.purge(session, now)
        audit.seal(shop.runtime(session))
        for closed in closing.close_yesterday(shop.runtime(session)):
            if closed.problem:
                said = {"branch": closed.branch_code, "text": closed.problem.text}
                _log.warning("books not closed", **said)
    _log.info("tidied", forgotten=forgotten, deleted_files=deleted)


def _guarded(run: Callable[..., bool], one: int, *more: Any) -> bool:
    try:
        return run(one, *more)
    except Exception:
        # One thing that cannot be done must not keep the others waiting.
        _log.exception("due work failed", step=run.__qualname__, id=one)
        return False


class Runner(Protocol):
    """What the web process tells about new work, and asks for its health."""

    def notify(self) -> None: ...
    def beat_age_seconds(self) -> float | None: ...
    def stop(self) -> None: ...


class Embedded:
    """Two threads of this process, for one machine: short messages do not wait for long jobs."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._stopping = threading.Event()
        self._wakes = (threading.Event(), threading.Event())
        self._beat: float | None = None
        self._tidied: float | None = None
        works = (("hall-worker", self._short), ("hall-jobs", self._long))
        self._threads = [
            threading.Thread(target=self._keep, args=(work, wake), name=name, daemon=True)
            for (name, work), wake in zip(works, self._wakes, strict=True)
        ]

    def start(self) -> Embedded:
        for thread in self._threads:
            thread.start()
        return self

    def notify(self) -> None:
        for wake in self._wakes:
            wake.set()

    def beat_age_seconds(self) -> float | None:
        if self._beat is None or not all(thread.is_alive() for thread in self._threads):
            return None
        return time.monotonic() - self._beat

    def stop(self, timeout: float = 10.0) -> None:
        """A long job is let go of at its next report."""
        self._stopping.set()
        self.notify()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _keep(self, work: Callable[[], bool], wake: threading.Event) -> None:
        """Work, and sleep when there is no more of it."""
        pause = poll = self._shop.settings.worker.poll_seconds
        while not self._stopping.is_set():
            more = False
            try:
                more = work()
                pause = poll
            except Exception as error:
                # The database is away: wait longer each time, never give up.
                pause = min(pause * 2, BACKOFF_SECONDS_MAX)
                _log.warning("worker cannot reach its database", error=str(error), wait=pause)
            if not more:
                wake.wait(pause)
                wake.clear()

    def _short(self) -> bool:
        self._beat = time.monotonic()
        drain(self._shop, self._stopping.is_set)
        if self._tidied is None or self._beat - self._tidied > TIDY_SECONDS:
            self._tidied = self._beat
            tidy(self._shop)
        return False

    def _long(self) -> bool:
        return drain_jobs(self._shop, self._stopping.is_set) > 0


# ── noticing new work ──────────────────────────────────────────────────────────────────────────
_owed = threading.local()


def watch(engine: Engine, notify: Callable[[], None]) -> None:
    """Call `notify` after every commit on this engine that owes work, and only then.

    The statement is what all ways of writing (ORM, Core) have in common; the notice waits for the
    commit, because a worker that looks earlier sees nothing.
    """
    starts = tuple(f"INSERT INTO {model.__tablename__} " for model in (OutboxItem, Job))

    def written(*event_args: Any) -> None:
        if event_args[2].startswith(starts):
            _owed.notify = notify

    event.listen(engine, "after_cursor_execute", written)
    event.listen(engine, "rollback", _forget)
    if not event.contains(Session, "after_commit", _committed):
        event.listen(Session, "after_commit", _committed)


def _forget(_connection: Any) -> None:
    _owed.notify = None


def _committed(_session: Session) -> None:
    notify, _owed.notify = getattr(_owed, "notify", None), None
    if notify is not None:
        notify()


@contextmanager
def running(settings: Settings, engine: Engine) -> Iterator[Runner]:
    """Start what the settings ask for, tell it of new work, stop it at the end."""
    runner: Runner
    if settings.worker.kind == "rq":
        from webapp.queues import RqRunner  # it builds on this module

        runner = RqRunner(settings)
    else:
        runner = Embedded(workshop(settings, engine)).start()
    watch(engine, runner.notify)
    try:
        yield runner
    finally:
        runner.stop()
