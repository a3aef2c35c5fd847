"""A long job that counts pieces, what a test does behind each of them, and what is seen of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from engine.boxes import job_desk
from engine.database import transaction
from engine.models import Job, OutboxItem
from engine.owed import jobs, outbox
from engine.owed.jobs import Work
from tests.engine.hall import REVIEWER, SECONDER, Hall

KIND = "tests.count"
PIECES = 3
OWNER, STRANGER = REVIEWER, SECONDER


@dataclass
class Counting:
    """A handler that commits a row for each piece; a test may act behind any of them."""

    behind: dict[int, Callable[[Work], None]] = field(default_factory=dict)
    runs: list[int] = field(default_factory=list)  # the piece each run began with

    def __call__(self, work: Work) -> dict[str, Any]:
        first = work.cursor.get("after", 0) + 1
        self.runs.append(first)
        for piece in range(first, PIECES + 1):
            with work.shop.sessions() as session, transaction(session):
                name = f"{work.payload['name']}/{piece}"
                outbox.put(session, "tests.piece", {}, key=name, now=work.clock())
            if piece in self.behind:
                self.behind[piece](work)
            said = {"total": PIECES, "message": f"第 {piece} 件", "cursor": {"after": piece}}
            work.report(piece, **said)
        return {"pieces": PIECES}


def order(hall: Hall, name: str = "one", kind: str = KIND) -> int:
    with transaction(hall.rt.session):
        return jobs.put(hall.rt, OWNER, kind, {"name": name}, key=name, title="数一数")


def run(hall: Hall, job_id: int, **more: Any) -> bool:
    return jobs.run_one(hall, job_id, clock=hall.clock, **more)


def row(hall: Hall, job_id: int) -> Job:
    with hall.sessions() as session:
        found = session.get(Job, job_id)
        assert found is not None
        return found


def due(hall: Hall) -> list[int]:
    with hall.sessions() as session:
        return jobs.due(session, hall.clock())


def pieces(hall: Hall, name: str = "one") -> list[str]:
    with hall.sessions() as session:
        query = select(OutboxItem.key).where(OutboxItem.key.like(f"{name}/%"))
        return sorted(session.scalars(query))


def seen(hall: Hall, job_id: int) -> job_desk.JobView:
    hall.rt.session.rollback()
    return job_desk.view(hall.rt, OWNER, job_id)


def cut_behind_every_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0.0)


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


def dies_behind(counting: Counting, piece: int) -> None:
    def die(work: Work) -> None:
        raise Killed

    counting.behind[piece] = die


def fail_for_good(hall: Hall, counting: Counting, job_id: int) -> list[float]:
    """Fails behind the second piece until it is given up; the waits in between."""

    def broken(work: Work) -> None:
        raise ConnectionError("no route")

    counting.behind[2] = broken
    waits = []
    while row(hall, job_id).finished_at is None:
        assert not run(hall, job_id)
        if row(hall, job_id).finished_at is None:
            waits.append((row(hall, job_id).due_at - hall.clock()).total_seconds())
            assert not run(hall, job_id), "not before the wait is over"
            hall.clock.set(row(hall, job_id).due_at)
    del counting.behind[2]
    return waits
