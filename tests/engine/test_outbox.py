"""What is owed to the outside world is done after the commit, once, or tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from engine.database import transaction
from engine.models import OutboxItem
from engine.owed import outbox
from engine.owed.outbox import BACKOFF_SECONDS, LEASE_SECONDS, Job, Retry
from tests.engine.hall import REVIEWER, SECONDER, Hall

Letter = Callable[[Job], None]


@pytest.fixture
def on_delivery(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Letter], None]]:
    def use(function: Letter) -> None:
        monkeypatch.setitem(outbox._handlers, "tests.letter", function)

    return use


def owe(hall: Hall, key: str = "k", **more: Any) -> int:
    with transaction(hall.rt.session) as session:
        outbox.put(session, "tests.letter", {"to": key}, key=key, now=hall.clock(), **more)
    return item(hall, key).id


def item(hall: Hall, key: str = "k") -> OutboxItem:
    with hall.sessions() as session:
        return session.query(OutboxItem).filter_by(key=key).one()


def due(hall: Hall) -> list[int]:
    with hall.sessions() as session:
        return outbox.due(session, hall.clock())


def run(hall: Hall, item_id: int, **more: Any) -> bool:
    return outbox.run_one(hall.sessions, item_id, clock=hall.clock, **more)


def test_an_item_is_delivered_with_what_it_needs(hall: Hall, on_delivery: Any) -> None:
    seen: list[Job] = []
    on_delivery(seen.append)
    item_id = owe(hall)
    assert run(hall, item_id, profile="centre")
    (job,) = seen
    assert (job.payload, job.attempt, job.key) == ({"to": "k"}, 1, "k")
    assert (job.profile, job.now) == ("centre", hall.clock())
    assert item(hall).done_at == hall.clock()
    assert due(hall) == []
    assert not run(hall, item_id)
    assert len(seen) == 1


def test_the_same_key_is_owed_once(hall: Hall) -> None:
    first = owe(hall)
    with transaction(hall.rt.session) as session:
        outbox.put(session, "tests.letter", {"to": "else"}, key="k", now=hall.clock())
    assert due(hall) == [first]
    assert item(hall).payload == {"to": "k"}


def test_what_a_verb_owes_is_owed_when_the_verb_is_committed(hall: Hall) -> None:
    no = hall.file()
    hall.approve(no, REVIEWER)
    assert due(hall) == []
    hall.approve(no, SECONDER)
    assert len(due(hall)) == 1


def test_nothing_is_delivered_before_its_time(hall: Hall, on_delivery: Any) -> None:
    on_delivery(lambda job: None)
    item_id = owe(hall, not_before=hall.clock() + timedelta(hours=1))
    assert due(hall) == []
    assert not run(hall, item_id)
    hall.clock.advance(hours=1)
    assert due(hall) == [item_id]
    assert run(hall, item_id)


def test_the_oldest_comes_first_and_a_batch_is_bounded(hall: Hall) -> None:
    late = owe(hall, "late", not_before=hall.clock())
    early = owe(hall, "early", not_before=hall.clock() - timedelta(minutes=1))
    assert due(hall) == [early, late]
    with hall.sessions() as session:
        assert outbox.due(session, hall.clock(), limit=1) == [early]


def test_a_second_runner_leaves_a_leased_item_alone(hall: Hall, on_delivery: Any) -> None:
    inner: list[bool] = []
    item_id = owe(hall)
    on_delivery(lambda job: inner.append(run(hall, item_id)))
    assert run(hall, item_id)
    assert inner == [False]
    assert item(hall).attempts == 1


def test_a_handler_runs_without_a_lock_on_the_database(hall: Hall, on_delivery: Any) -> None:
    item_id = owe(hall)
    on_delivery(lambda job: hall.file())  # would wait for ever on SQLite
    assert run(hall, item_id)


def test_a_failing_delivery_is_tried_six_times_further_and_further_apart(
    hall: Hall, on_delivery: Any
) -> None:
    def broken(job: Job) -> None:
        raise ConnectionError("no route")

    on_delivery(broken)
    item_id = owe(hall)
    waits = []
    for _ in BACKOFF_SECONDS:
        assert not run(hall, item_id)
        assert not run(hall, item_id), "not before the wait is over"
        waits.append((item(hall).due_at - hall.clock()).total_seconds())
        hall.clock.set(item(hall).due_at)
    assert waits == [15, 60, 300, 1800, 7200]
    assert not run(hall, item_id)
    failed = item(hall)
    assert (failed.attempts, failed.failed_at, failed.done_at) == (6, hall.clock(), None)
    assert failed.last_error == "ConnectionError: no route"
    hall.clock.advance(days=365)
    assert due(hall) == []
    assert not run(hall, item_id)


def test_a_delivery_that_recovers_is_done(hall: Hall, on_delivery: Any) -> None:
    def second_time(job: Job) -> None:
        if job.attempt < 2:
            raise Retry("busy")

    on_delivery(second_time)
    item_id = owe(hall)
    assert not run(hall, item_id)
    hall.clock.advance(seconds=15)
    assert run(hall, item_id)
    assert item(hall).last_error is None


def test_a_handler_may_say_when_to_come_back(hall: Hall, on_delivery: Any) -> None:
    def later(job: Job) -> None:
        raise Retry("tomorrow", after=86_400)

    on_delivery(later)
    item_id = owe(hall)
    run(hall, item_id)
    assert item(hall).due_at == hall.clock() + timedelta(days=1)


def test_waiting_for_a_rate_limit_uses_up_no_tries(hall: Hall, on_delivery: Any) -> None:
    def limited(job: Job) -> None:
        raise Retry("one a minute", after=60, counted=False)

    on_delivery(limited)
    item_id = owe(hall)
    for _ in range(20):
        assert not run(hall, item_id)
        hall.clock.advance(seconds=60)
    waiting = item(hall)
    assert (waiting.attempts, waiting.failed_at) == (0, None)
    assert due(hall) == [item_id]


def test_an_unknown_kind_waits_for_a_worker_that_knows_it(hall: Hall) -> None:
    item_id = owe(hall)
    assert not run(hall, item_id)
    assert "no handler for tests.letter" in (item(hall).last_error or "")
    assert item(hall).failed_at is None


def test_a_lease_that_ran_out_is_taken_over_and_the_late_loser_changes_nothing(
    hall: Hall, on_delivery: Any
) -> None:
    """The first runner hangs beyond its lease and then fails; the second has delivered."""
    item_id = owe(hall)
    delivered: list[int] = []

    def slow(job: Job) -> None:
        if job.attempt == 1:
            hall.clock.advance(seconds=LEASE_SECONDS)
            assert run(hall, item_id)
            raise TimeoutError("at last")
        delivered.append(job.attempt)

    on_delivery(slow)
    assert not run(hall, item_id)
    assert delivered == [2]
    done = item(hall)
    assert done.done_at is not None
    assert (done.failed_at, done.last_error) == (None, None)


def test_an_item_that_kills_every_runner_is_given_up(hall: Hall, on_delivery: Any) -> None:
    """The lease counts as a try, or a poisoned item would kill workers for ever."""
    item_id = owe(hall)

    class Killed(BaseException):
        """Stands for SIGKILL: nothing after it runs."""

    def deadly(job: Job) -> None:
        raise Killed

    on_delivery(deadly)
    deaths = 0
    for _ in range(20):
        try:
            run(hall, item_id)
        except Killed:
            deaths += 1
        hall.clock.advance(seconds=LEASE_SECONDS)
    assert deaths == len(BACKOFF_SECONDS) + 1
    assert item(hall).failed_at is not None
    assert due(hall) == []
