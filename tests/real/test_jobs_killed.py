"""RQ's worker dies at every point of a job or a timer: another one does it, once.

Where it stands when it dies, a lock of PostgreSQL decides that the test holds meanwhile.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, text, update

from engine.models import History, Instance, Job
from engine.verbs import bulk
from tests.real.programs import Program, eventually
from tests.real.setup import LEASE_AND_MORE, RealHall

LEAVING, HEIR, ADMIN = "qdn001", "qdn002", "qdn012"
_WAITING = text("select count(*) from pg_locks where not granted")


@contextmanager
def locked(hall: RealHall, model: Any, row_id: int) -> Iterator[None]:
    """Nobody else writes this row meanwhile."""
    with hall.shop.engine.begin() as connection:
        connection.execute(select(model.id).where(model.id == row_id).with_for_update())
        yield


@contextmanager
def frozen_workers(hall: RealHall) -> Iterator[None]:
    """Until everything is prepared for them."""
    for worker in hall.workers:
        worker.signal(signal.SIGSTOP)
    yield
    for worker in hall.workers:
        worker.signal(signal.SIGCONT)


def standing_still(hall: RealHall) -> list[Program]:
    """The workers that wait for our lock: both, when what is due has been announced again."""

    def waiting() -> list[Program]:
        with hall.shop.engine.connect() as connection:
            if not connection.scalar(_WAITING):
                return []
        return [worker for worker in hall.workers if len(worker.members()) > 1]

    found: list[Program] = eventually(waiting)
    assert found, hall.log()[-4000:]
    return found


@contextmanager
def killed_there(hall: RealHall) -> Iterator[None]:
    """They die, and are there again (Restart=always) when we have seen what is left."""
    killed = standing_still(hall)
    for worker in killed:
        worker.kill()
    yield
    for worker in killed:
        worker.start()


def job_row(hall: RealHall, job_id: int) -> Job:
    with hall.shop.sessions() as session:
        return session.get_one(Job, job_id)


def verbs(hall: RealHall, no: str) -> list[str]:
    with hall.shop.sessions() as session:
        query = select(History.verb).join(Instance).where(Instance.no == no)
        return list(session.scalars(query.order_by(History.seq)))


def instance_id(hall: RealHall, no: str) -> int:
    with hall.shop.sessions() as session:
        found = session.scalar(select(Instance.id).where(Instance.no == no))
        assert found is not None
        return found


@pytest.mark.parametrize("point", ["before the lease", "in the handler", "before the record"])
def test_a_job_whose_worker_is_killed_is_done_once(hall: RealHall, login: str, point: str) -> None:
    no = hall.file(login)
    hall.claim(LEAVING, no)
    case_id = instance_id(hall, no)
    with ExitStack() as at_the_case, ExitStack() as at_the_job:
        with frozen_workers(hall), hall.runtime() as rt:
            who = {"leaving": hall.actor(LEAVING).id, "to": hall.actor(HEIR).id}
            job_id = bulk.order_handover(rt, hall.actor(ADMIN), reason="离职", **who)
            at_the_case.enter_context(locked(hall, Instance, case_id))
            if point == "before the lease":
                at_the_job.enter_context(locked(hall, Job, job_id))
        if point == "before the record":
            standing_still(hall)  # at the request, with the lease in hand
            at_the_job.enter_context(locked(hall, Job, job_id))
            at_the_case.close()
            assert eventually(lambda: "handover" in verbs(hall, no))
        with killed_there(hall):
            assert job_row(hall, job_id).status == ("queued" if "lease" in point else "running")
    with hall.shop.engine.begin() as connection:  # what two minutes of waiting do
        ours = update(Job).where(Job.id == job_id, Job.finished_at.is_(None))
        connection.execute(ours.values(due_at=datetime.now(UTC) - LEASE_AND_MORE))
    assert eventually(lambda: job_row(hall, job_id).status == "done"), hall.log()[-4000:]
    assert verbs(hall, no) == ["start", "claim", "handover"]
    assert job_row(hall, job_id).result["left"] == 0


def test_a_timer_whose_worker_is_killed_rings_once(hall: RealHall, login: str) -> None:
    no = hall.file(login)
    case_id = instance_id(hall, no)
    with ExitStack() as at_the_case:
        with frozen_workers(hall):
            with hall.shop.engine.begin() as connection:
                overdue = update(Instance).where(Instance.id == case_id)
                connection.execute(overdue.values(next_timer_at=datetime.now(UTC)))
            at_the_case.enter_context(locked(hall, Instance, case_id))
        with killed_there(hall):
            assert verbs(hall, no) == ["start"]
    assert eventually(lambda: "timer" in verbs(hall, no)), hall.log()[-4000:]
    assert verbs(hall, no) == ["start", "timer"]
