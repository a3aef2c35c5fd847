"""Who does what is due: a thread of the web process, or RQ workers.

The outbox and the timers in the database are the truth; everything here only says "look now".  A
wake-up that gets lost (a killed worker, a flushed Redis) costs time, never work: the thread polls,
and RQ's scheduler runs `sweep` twice a minute.  Leases in the engine make a second runner harmless.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import redis
import structlog
from redis.exceptions import RedisError
from rq import Queue, Worker, worker_registration
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session, sessionmaker

from engine import Runtime, outbox, timers
from engine.calendar import Calendar
from engine.database import configure
from engine.models import OutboxItem
from handlers import documents
from handlers.centers import Center
from handlers.people import sign_in
from webapp.rooms import calendar_of, open_rooms
from webapp.settings import Settings, load

QUEUE = "hall"
BATCH = 100  # due items looked at in one go
ROUNDS_MAX = 50  # then the thread goes back to sleep, so that it can be stopped
BACKOFF_SECONDS_MAX = 60.0
TICKET_SECONDS = 60  # an item is not queued twice within this time
REDIS_SECONDS = 1.0  # what a request may wait for Redis
REDIS_REST_SECONDS = 10.0  # after it did not answer; the sweeper finds what is not announced
TIDY_SECONDS = 24 * 3600
JOB_SECONDS = 110  # shorter than the lease of an outbox item
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
        )

    def run_outbox(self, item_id: int) -> bool:
        return outbox.run_one(self.sessions, item_id, clock=self.clock, profile=self.center)

    def fire_timer(self, instance_id: int) -> bool:
        with self.sessions() as session:
            return timers.fire(self.runtime(session), instance_id)

    def due(self) -> tuple[list[int], list[int]]:
        """Ids of outbox items and of instances with a timer that may run now."""
        now = self.clock()
        with self.sessions() as session:
            return outbox.due(session, now, BATCH), timers.due(session, now, BATCH)


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
    """Do everything due, here and now; returns how many things were done."""
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


def tidy(shop: Workshop) -> None:
    """Once a day: forget expired sign-ins and captchas, delete files removed long ago."""
    now = shop.clock()
    with shop.sessions() as session:
        forgotten = sign_in.purge(session, now)
        deleted = documents.purge(session, shop.settings.materials_path, now)
    _log.info("tidied", forgotten=forgotten, deleted_files=deleted)


def _guarded(run: Callable[[int], bool], one: int) -> bool:
    try:
        return bool(run(one))
    except Exception:
        # One thing that cannot be done must not keep the others waiting.
        _log.exception("due work failed", step=run.__name__, id=one)
        return False


class Runner(Protocol):
    """What the web process tells about new work, and asks for its health."""

    def notify(self) -> None: ...
    def beat_age_seconds(self) -> float | None: ...
    def stop(self) -> None: ...


class Embedded:
    """A thread of this process; for one machine."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._beat: float | None = None
        self._thread = threading.Thread(target=self._run, name="hall-worker", daemon=True)

    def start(self) -> Embedded:
        self._thread.start()
        return self

    def notify(self) -> None:
        self._wake.set()

    def beat_age_seconds(self) -> float | None:
        return None if self._beat is None else time.monotonic() - self._beat

    def stop(self, timeout: float = 10.0) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        pause = poll = self._shop.settings.worker.poll_seconds
        tidied: float | None = None
        while not self._stopping.is_set():
            try:
                self._beat = time.monotonic()
                drain(self._shop, self._stopping.is_set)
                if tidied is None or self._beat - tidied > TIDY_SECONDS:
                    tidied = self._beat
                    tidy(self._shop)
                pause = poll
            except Exception as error:
                # The database is away: wait longer each time, never give up.
                pause = min(pause * 2, BACKOFF_SECONDS_MAX)
                _log.warning("worker cannot reach its database", error=str(error), wait=pause)
            self._wake.wait(pause)
            self._wake.clear()


class RqRunner:
    """Tells RQ's workers; a Redis that does not answer is the sweeper's business."""

    def __init__(self, settings: Settings) -> None:
        self._redis = connect_redis(settings)
        self._rest_until = 0.0

    def notify(self) -> None:
        if time.monotonic() < self._rest_until:
            return  # not every commit waits for a Redis that hangs
        try:
            queue_once(self._redis, "sweep", sweep)
        except (RedisError, OSError) as error:
            self._rest_until = time.monotonic() + REDIS_REST_SECONDS
            _log.warning("redis does not answer; the sweeper will find the work", error=str(error))

    def beat_age_seconds(self) -> float | None:
        beats = [worker.last_heartbeat for worker in Worker.all(connection=self._redis)]
        known = [beat.replace(tzinfo=UTC) for beat in beats if beat]
        return min(((utc_now() - beat).total_seconds() for beat in known), default=None)

    def ping(self) -> bool:
        return bool(self._redis.ping())

    def stop(self) -> None:
        self._redis.close()


def connect_redis(settings: Settings, timeout: float | None = REDIS_SECONDS) -> redis.Redis:
    """RQ's workers pass `timeout=None`: they wait on purpose."""
    return redis.Redis.from_url(
        settings.redis.url, socket_timeout=timeout, socket_connect_timeout=REDIS_SECONDS
    )


def queue_once(connection: redis.Redis, ticket: str, function: Any, *args: int) -> bool:
    """Queue the call unless the same one is already waiting.

    The ticket is torn up when the job *starts*, so work committed while it runs is queued again; it
    expires by itself, so a job that got lost does not block its successor.
    """
    key = f"hall:ticket:{ticket}"
    if not connection.set(key, "1", nx=True, ex=TICKET_SECONDS):
        return False
    Queue(QUEUE, connection=connection).enqueue(
        function,
        args=args,
        result_ttl=0,
        failure_ttl=3600,
        ttl=TICKET_SECONDS * 10,
        job_timeout=JOB_SECONDS,
        description=ticket,
    )
    return True


class FlushProofWorker(Worker):
    """Enters itself again with every beat, so that /healthz finds it after Redis was flushed."""

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        super().heartbeat(timeout, pipeline)
        worker_registration.register(self, pipeline)


# ── what RQ workers run ────────────────────────────────────────────────────────────────────────
_shop: Workshop | None = None
_line: redis.Redis | None = None


def prepare(settings: Settings | None = None) -> Workshop:
    """Once per process; a forked work horse inherits it without any open connection."""
    global _shop, _line  # noqa: PLW0603 - RQ names functions, it cannot be handed objects
    if _shop is None or settings is not None:
        settings = settings or load()
        _shop, _line = workshop(settings), connect_redis(settings)
    return _shop


def _tear_up(ticket: str) -> redis.Redis:
    prepare()
    assert _line is not None
    _line.delete(f"hall:ticket:{ticket}")
    return _line


def sweep() -> int:
    """Queue one job for each thing that is due, so that all workers share them."""
    line = _tear_up("sweep")
    items, instances = prepare().due()
    queued = sum(queue_once(line, f"outbox-{one}", run_outbox, one) for one in items)
    return queued + sum(queue_once(line, f"timer-{one}", fire_timer, one) for one in instances)


def housekeeping() -> None:
    tidy(prepare())


def run_outbox(item_id: int) -> None:
    _tear_up(f"outbox-{item_id}")
    prepare().run_outbox(item_id)


def fire_timer(instance_id: int) -> None:
    _tear_up(f"timer-{instance_id}")
    prepare().fire_timer(instance_id)


# ── noticing new work ──────────────────────────────────────────────────────────────────────────
_owed = threading.local()


def watch(engine: Engine, notify: Callable[[], None]) -> None:
    """Call `notify` after every commit on this engine that wrote to the outbox, and only then.

    The statement is what all ways of writing (ORM, Core) have in common; the notice waits for the
    commit, because a worker that looks earlier sees nothing.
    """
    start = f"INSERT INTO {OutboxItem.__tablename__} "

    def written(*event_args: Any) -> None:
        if event_args[2].startswith(start):
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
        runner = RqRunner(settings)
    else:
        runner = Embedded(workshop(settings, engine)).start()
    watch(engine, runner.notify)
    try:
        yield runner
    finally:
        runner.stop()


def schedule(settings: Settings) -> None:
    """RQ's cron scheduler with our two entries; returns when told to stop."""
    from rq.cron import CronScheduler

    class Clerk(CronScheduler):
        def register_death(self, pipeline: Any = None) -> None:
            # A Redis that is away forgets us by itself; it must not keep us from stopping.
            with suppress(RedisError, OSError):
                super().register_death(pipeline)

    clerk = Clerk(connection=connect_redis(settings))
    clerk.register(
        sweep,
        QUEUE,
        interval=settings.worker.sweep_seconds,
        job_timeout=JOB_SECONDS,
        result_ttl=0,
        ttl=settings.worker.sweep_seconds * 4,
        failure_ttl=3600,
    )
    clerk.register(
        housekeeping, QUEUE, interval=TIDY_SECONDS, job_timeout=JOB_SECONDS, result_ttl=0
    )
    clerk.start()
