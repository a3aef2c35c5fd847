"""Due work gets done whatever is lost on the way: a wake-up, Redis, the database for a while."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis as redis_client
from rq import Queue, SimpleWorker
from sqlalchemy import create_engine, func, insert, select, update
from sqlalchemy.orm import Session

from engine import Actor
from engine.database import configure
from engine.models import Job, OutboxItem
from engine.owed import jobs as long_jobs
from engine.owed import outbox
from webapp import jobs, queues
from webapp.settings import load

PATIENCE_SECONDS = 10.0
done: list[str] = []


@outbox.handler("test_jobs")
def _note(job: outbox.Job) -> None:
    done.append(job.key)


@pytest.fixture(autouse=True)
def _nothing_done_yet() -> Iterator[None]:
    done.clear()
    yield
    if queues._shop is not None and queues._line is not None:
        queues._shop.engine.dispose()
        queues._line.close()
    queues._shop = queues._line = None


@pytest.fixture
def shop(database_url: str) -> Iterator[jobs.Workshop]:
    made = jobs.workshop(
        load(environ={"DATABASE_URL": database_url, "HALL_WORKER_POLL_SECONDS": "60"})
    )
    yield made
    made.engine.dispose()


def owe(shop: jobs.Workshop, *keys: str) -> None:
    with shop.sessions() as session:
        for key in keys:
            outbox.put(session, "test_jobs", {}, key=key, now=datetime.now(UTC))
        session.commit()


def eventually(true: Callable[[], Any]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False


def pending(shop: jobs.Workshop) -> int:
    with shop.sessions() as session:
        waiting = select(func.count()).where(OutboxItem.done_at.is_(None))
        return session.scalar(waiting) or 0


def test_drain_does_everything_due_once(shop: jobs.Workshop) -> None:
    owe(shop, "a", "b")
    assert jobs.drain(shop) == 2
    assert jobs.drain(shop) == 0
    assert sorted(done) == ["a", "b"]


def test_the_thread_is_woken_by_a_commit_and_stops_when_told(shop: jobs.Workshop) -> None:
    with jobs.running(shop.settings, shop.engine) as runner:
        assert eventually(lambda: runner.beat_age_seconds() is not None)
        time.sleep(0.2)  # it sleeps now, for a minute if nobody wakes it
        owe(shop, "woken")
        assert eventually(lambda: pending(shop) == 0)
    assert done == ["woken"]
    assert "hall-worker" not in {thread.name for thread in threading.enumerate()}


def test_only_commits_that_owe_something_wake_the_worker(shop: jobs.Workshop) -> None:
    woken: list[int] = []
    engine = configure(create_engine(shop.engine.url))
    jobs.watch(engine, lambda: woken.append(1))
    row = {"key": "k", "kind": "test_jobs", "payload": {}, "attempts": 0}
    times = {"created_at": datetime.now(UTC), "due_at": datetime.now(UTC)}
    with Session(engine) as session:
        session.execute(select(OutboxItem.id))
        session.commit()
        assert woken == []
        session.execute(insert(OutboxItem).values(**row, **times))
        session.rollback()
        session.commit()
        assert woken == []
        session.execute(insert(OutboxItem).values(**row, **times))
        session.commit()
    engine.dispose()
    assert woken == [1]


def test_the_thread_survives_a_database_that_is_away(
    shop: jobs.Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []
    look = jobs.drain

    def away_at_first(*args: Any) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("gone")
        return look(*args)

    monkeypatch.setattr(jobs, "drain", away_at_first)
    with jobs.running(shop.settings, shop.engine) as runner:
        assert eventually(lambda: tries)
        owe(shop, "later")
        assert eventually(lambda: pending(shop) == 0)
        runner.notify()
    assert done == ["later"]


def rq_settings(shop: jobs.Workshop, redis_url: str, **more: str) -> Any:
    environ = {
        "DATABASE_URL": shop.engine.url.render_as_string(hide_password=False),
        "REDIS_URL": redis_url,
        "HALL_WORKER_KIND": "rq",
    }
    return load(environ=environ | more)


def work_off(redis_url: str) -> None:
    with redis_client.Redis.from_url(redis_url) as connection:
        listened = [Queue(name, connection=connection) for name in queues.QUEUES]
        SimpleWorker(listened, connection=connection).work(burst=True, logging_level="ERROR")


def queued(redis_url: str) -> int:
    with redis_client.Redis.from_url(redis_url) as connection:
        return Queue(queues.QUEUE, connection=connection).count


def test_rq_does_what_a_commit_owes(shop: jobs.Workshop, redis_url: str) -> None:
    settings = rq_settings(shop, redis_url)
    queues.prepare(settings)
    with jobs.running(settings, shop.engine):
        owe(shop, "one")
        owe(shop, "two")
        assert queued(redis_url) == 1  # two commits, one sweep
    work_off(redis_url)
    assert sorted(done) == ["one", "two"]


def test_a_flushed_redis_loses_nothing(shop: jobs.Workshop, redis_url: str) -> None:
    settings = rq_settings(shop, redis_url)
    queues.prepare(settings)
    with jobs.running(settings, shop.engine):
        owe(shop, "kept")
    with redis_client.Redis.from_url(redis_url) as connection:
        connection.flushall()
    work_off(redis_url)
    assert done == []
    assert queues.sweep() == 1
    assert queues.sweep() == 0  # it waits in the queue already
    work_off(redis_url)
    assert done == ["kept"]


def test_a_stopped_redis_does_not_fail_the_commit(shop: jobs.Workshop) -> None:
    settings = rq_settings(shop, "redis://127.0.0.1:1/0")
    with jobs.running(settings, shop.engine):
        owe(shop, "safe")
    assert pending(shop) == 1


# ── long jobs ──────────────────────────────────────────────────────────────────────────────────
PIECES = 3
Count = Callable[[Callable[[int], None]], None]


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Count:
    """counting(deed): a job of three pieces, each done once by `deed`, a slice of its own each."""
    monkeypatch.setattr(long_jobs, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(long_jobs, "SLICE_SECONDS", 0.0)

    def use(deed: Callable[[int], None]) -> None:
        def count(work: long_jobs.Work) -> dict[str, Any]:
            for piece in range(work.cursor.get("after", 0) + 1, PIECES + 1):
                deed(piece)
                work.report(piece, total=PIECES, cursor={"after": piece})
            return {"pieces": PIECES}

        monkeypatch.setitem(long_jobs._handlers, "tests.count", count)

    return use


def order(shop: jobs.Workshop, key: str = "long") -> int:
    with shop.sessions() as session:
        who, rt = Actor("staff:1", "王审核"), shop.runtime(session)
        job_id = long_jobs.put(rt, who, "tests.count", {}, key=key, title="数一数")
        session.commit()
        return job_id


def state(shop: jobs.Workshop, job_id: int) -> tuple[str, int]:
    with shop.sessions() as session:
        job = session.get(Job, job_id)
        assert job is not None
        return job.status, job.done


def let_the_lease_run_out(shop: jobs.Workshop, job_id: int) -> None:
    with shop.sessions() as session:
        long_ago = datetime.now(UTC) - timedelta(minutes=5)
        session.execute(update(Job).where(Job.id == job_id).values(due_at=long_ago))
        session.commit()


def test_the_threads_do_a_long_job_and_short_work_does_not_wait_for_it(
    shop: jobs.Workshop, counting: Count
) -> None:
    go_on = threading.Event()
    pieces: list[int] = []

    def slow(piece: int) -> None:
        pieces.append(piece)
        if piece == 2:
            assert go_on.wait(PATIENCE_SECONDS)

    counting(slow)
    with jobs.running(shop.settings, shop.engine):
        job_id = order(shop)
        assert eventually(lambda: pieces == [1, 2])
        assert state(shop, job_id) == ("running", 1)
        owe(shop, "short")
        assert eventually(lambda: pending(shop) == 0)
        assert state(shop, job_id) == ("running", 1)
        go_on.set()
        assert eventually(lambda: state(shop, job_id) == ("done", PIECES))
    assert pieces == [1, 2, 3]


def test_threads_that_are_told_to_stop_let_go_of_a_long_job_at_once(
    shop: jobs.Workshop, counting: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_jobs, "SLICE_SECONDS", 3600.0)
    reached, go_on = threading.Event(), threading.Event()

    def slow(piece: int) -> None:
        reached.set()
        assert go_on.wait(PATIENCE_SECONDS)

    counting(slow)
    runner = jobs.Embedded(shop).start()
    job_id = order(shop)
    runner.notify()
    assert reached.wait(PATIENCE_SECONDS)
    runner._stopping.set()
    go_on.set()
    runner.stop()
    assert state(shop, job_id) == ("queued", 1)
    assert shop.due_jobs() == [job_id]
    assert runner.beat_age_seconds() is None


def test_a_thread_that_has_died_is_no_longer_healthy(
    shop: jobs.Workshop, counting: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def die(*_: Any) -> int:
        raise SystemExit(3)

    monkeypatch.setattr(jobs, "drain_jobs", die)
    with jobs.running(shop.settings, shop.engine) as runner:
        assert eventually(lambda: runner.beat_age_seconds() is None)


def test_rq_does_a_long_job_slice_by_slice_and_short_work_comes_first(
    shop: jobs.Workshop, redis_url: str, counting: Count
) -> None:
    settings = rq_settings(shop, redis_url)
    queues.prepare(settings)

    def piece_done(piece: int) -> None:
        done.append(str(piece))
        if piece == 1:  # ordered while a slice runs, and announced
            owe(shop, "short")
            queues.sweep()

    counting(piece_done)
    with jobs.running(settings, shop.engine):
        job_id = order(shop)
    work_off(redis_url)
    assert done == ["1", "short", "2", "3"]
    assert state(shop, job_id) == ("done", PIECES)


def test_redis_flushed_in_the_middle_of_a_long_job_costs_time_only(
    shop: jobs.Workshop, redis_url: str, counting: Count
) -> None:
    queues.prepare(rq_settings(shop, redis_url))

    def flushed(piece: int) -> None:
        done.append(str(piece))
        if piece == 2:
            with redis_client.Redis.from_url(redis_url) as connection:
                connection.flushall()

    counting(flushed)
    job_id = order(shop)
    assert queues.sweep() == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queues, "queue_once", lambda *_, **__: False)  # what was queued is lost too
        work_off(redis_url)
    assert state(shop, job_id) == ("queued", 1)
    assert queues.sweep() == 1
    work_off(redis_url)
    assert done == ["1", "2", "3"]
    assert state(shop, job_id) == ("done", PIECES)


def worker_process(redis_url: str) -> int:
    """An RQ worker with work horses, in a process of its own; its id."""
    child = os.fork()
    if child == 0:
        try:
            connection = redis_client.Redis.from_url(redis_url)
            listened = [Queue(name, connection=connection) for name in queues.QUEUES]
            worker = queues.FlushProofWorker(listened, connection=connection)
            worker.work(burst=True, logging_level="ERROR")
        finally:
            os._exit(0)
    return child


def test_a_long_job_outlives_the_worker_that_is_killed_in_the_middle(
    shop: jobs.Workshop, redis_url: str, counting: Count
) -> None:
    queues.prepare(rq_settings(shop, redis_url))
    tests = os.getpid()

    def deadly(piece: int) -> None:
        done.append(str(piece))
        if piece == 2 and os.getppid() != tests and os.getpid() != tests:
            os.kill(os.getppid(), signal.SIGKILL)  # the worker, and its horse
            os.kill(os.getpid(), signal.SIGKILL)

    counting(deadly)
    job_id = order(shop)
    shop.engine.dispose()
    assert queues.sweep() == 1
    _, status = os.waitpid(worker_process(redis_url), 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert state(shop, job_id) == ("running", 1)
    assert queues.sweep() == 0  # its lease is still good
    let_the_lease_run_out(shop, job_id)
    assert queues.sweep() == 1
    work_off(redis_url)
    assert state(shop, job_id) == ("done", PIECES)
    assert done == ["2", "3"]  # the first piece was done by the horse that died


def test_rqs_scheduler_finds_what_nobody_announced(
    shop: jobs.Workshop, redis_url: str, counting: Count
) -> None:
    counting(lambda piece: done.append(str(piece)))
    settings = rq_settings(shop, redis_url, HALL_WORKER_SWEEP_SECONDS="1")
    queues.prepare(settings)
    job_id = order(shop)
    shop.engine.dispose()
    child = os.fork()
    if child == 0:
        try:
            queues.schedule(settings)
        finally:
            os._exit(0)
    over = ("done", PIECES)
    try:
        assert eventually(lambda: work_off(redis_url) or state(shop, job_id) == over)
    finally:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
    assert done == ["1", "2", "3"]
