"""Due work gets done whatever is lost on the way: a wake-up, Redis, the database for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis as redis_client
from rq import Queue, SimpleWorker
from sqlalchemy import create_engine, func, insert, select
from sqlalchemy.orm import Session

from engine import outbox
from engine.database import configure
from engine.models import OutboxItem
from webapp import jobs
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
    if jobs._shop is not None and jobs._line is not None:
        jobs._shop.engine.dispose()
        jobs._line.close()
    jobs._shop = jobs._line = None


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


def rq_settings(shop: jobs.Workshop, redis_url: str) -> Any:
    environ = {
        "DATABASE_URL": shop.engine.url.render_as_string(hide_password=False),
        "REDIS_URL": redis_url,
        "HALL_WORKER_KIND": "rq",
    }
    return load(environ=environ)


def work_off(redis_url: str) -> None:
    with redis_client.Redis.from_url(redis_url) as connection:
        queue = Queue(jobs.QUEUE, connection=connection)
        SimpleWorker([queue], connection=connection).work(burst=True, logging_level="ERROR")


def queued(redis_url: str) -> int:
    with redis_client.Redis.from_url(redis_url) as connection:
        return Queue(jobs.QUEUE, connection=connection).count


def test_rq_does_what_a_commit_owes(shop: jobs.Workshop, redis_url: str) -> None:
    settings = rq_settings(shop, redis_url)
    jobs.prepare(settings)
    with jobs.running(settings, shop.engine):
        owe(shop, "one")
        owe(shop, "two")
        assert queued(redis_url) == 1  # two commits, one sweep
    work_off(redis_url)
    assert sorted(done) == ["one", "two"]


def test_a_flushed_redis_loses_nothing(shop: jobs.Workshop, redis_url: str) -> None:
    settings = rq_settings(shop, redis_url)
    jobs.prepare(settings)
    with jobs.running(settings, shop.engine):
        owe(shop, "kept")
    with redis_client.Redis.from_url(redis_url) as connection:
        connection.flushall()
    work_off(redis_url)
    assert done == []
    assert jobs.sweep() == 1
    assert jobs.sweep() == 0  # it waits in the queue already
    work_off(redis_url)
    assert done == ["kept"]


def test_a_stopped_redis_does_not_fail_the_commit(shop: jobs.Workshop) -> None:
    settings = rq_settings(shop, "redis://127.0.0.1:1/0")
    with jobs.running(settings, shop.engine):
        owe(shop, "safe")
    assert pending(shop) == 1
