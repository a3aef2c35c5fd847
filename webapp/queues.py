"""Due work through RQ: who queues what, what workers run, who looks for what got lost.

Redis holds wake-ups only.  Short work (outbox, timers) goes to one queue, slices of long jobs to
another that workers look at when the first is empty.  RQ's own scheduler runs `sweep` every
worker.sweep_seconds: a killed worker or a flushed Redis costs time, never work.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC
from typing import Any

import redis
import structlog
from redis.exceptions import RedisError
from rq import Queue, Worker, worker_registration

from webapp.jobs import TIDY_SECONDS, Workshop, tidy, utc_now, workshop
from webapp.settings import Settings, load, require_whole

QUEUE = "hall"
LONG = "hall-long"  # workers look at it when there is nothing short to do
QUEUES = (QUEUE, LONG)  # in this order
TICKET_SECONDS = 60  # an item is not queued twice within this time
REDIS_SECONDS = 1.0  # what a request may wait for Redis
REDIS_REST_SECONDS = 10.0  # after it did not answer; the sweeper finds what is not announced
JOB_SECONDS = 110  # shorter than the lease of an outbox item or a long job
_log = structlog.get_logger("hall.jobs")


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


def queue_once(
    connection: redis.Redis, ticket: str, function: Any, *args: int, queue: str = QUEUE
) -> bool:
    """Queue the call unless the same one is already waiting.

    The ticket is torn up when the job *starts*, so work committed while it runs is queued again; it
    expires by itself, so a job that got lost does not block its successor.
    """
    key = f"hall:ticket:{ticket}"
    if not connection.set(key, "1", nx=True, ex=TICKET_SECONDS):
        return False
    Queue(queue, connection=connection).enqueue(
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
        require_whole(settings)
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
    queued += sum(queue_once(line, f"timer-{one}", fire_timer, one) for one in instances)
    jobs = prepare().due_jobs()
    return queued + sum(queue_once(line, f"job-{one}", run_job, one, queue=LONG) for one in jobs)


def housekeeping() -> None:
    tidy(prepare())


def run_outbox(item_id: int) -> None:
    _tear_up(f"outbox-{item_id}")
    prepare().run_outbox(item_id)


def run_job(job_id: int) -> None:
    """One slice; the job asks for its next one itself, and the sweeper does if that gets lost."""
    line = _tear_up(f"job-{job_id}")
    if prepare().run_job(job_id) and job_id in prepare().due_jobs():
        queue_once(line, f"job-{job_id}", run_job, job_id, queue=LONG)


def fire_timer(instance_id: int) -> None:
    _tear_up(f"timer-{instance_id}")
    prepare().fire_timer(instance_id)


# ── looking for what got lost ──────────────────────────────────────────────────────────────────
def schedule(settings: Settings) -> None:
    """RQ's cron scheduler with our two entries; returns when told to stop."""
    from rq.cron import CronScheduler  # slow to import, and only one process needs it

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
