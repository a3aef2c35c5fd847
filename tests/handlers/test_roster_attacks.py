"""Rosters and their jobs at the wrong moment: applied once, never half, nothing unfiled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from engine.boxes import job_desk
from engine.database import transaction
from engine.errors import Conflict
from engine.models import Job
from engine.owed import jobs
from engine.verbs import occurrences
from handlers.rosters import applying, attaching, store
from handlers.rosters.applying import PIECE_ROWS
from handlers.rosters.models import Roster
from tests.builders import people
from tests.conftest import Clock
from tests.handlers.test_rosters import FORM, ME, SCOPE, Shop, call, filed, line, runtime, seen


@pytest.fixture
def sessions(database_url: str) -> Iterator[sessionmaker[Session]]:
    seen.clear()
    with people.store(database_url) as opened:
        yield opened


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    with sessions() as opened:
        yield opened


def under_way(session: Session, clock: Clock, no: str = "QDN-1") -> Job:
    """A roster so long that a job applies it."""
    roster = filed(session, clock, [line(f"人{n}") for n in range(PIECE_ROWS + 1)], no)
    assert applying.apply(call(session, clock, no))["pending"]
    session.commit()
    found = session.get(Job, roster.job_id)
    assert found is not None
    return found


def test_a_roster_being_applied_is_not_cancelled(
    session: Session, sessions: sessionmaker[Session], clock: Clock
) -> None:
    """Its request waits for the end, and could never be ended or withdrawn without it."""
    job = under_way(session, clock)
    with pytest.raises(Conflict, match="不能取消"):
        job_desk.cancel(runtime(session, clock), ME, job.id)
    session.rollback()
    shop: Any = Shop(sessions=sessions, runtime=lambda own: runtime(own, clock))
    assert jobs.run_one(shop, job.id, clock=clock)
    assert len(seen) == PIECE_ROWS + 1


def test_an_answer_given_twice_is_the_answer_of_its_own_roster(
    session: Session,
    sessions: sessionmaker[Session],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DZ-U-06: rosters of one request are applied one behind the other; a worker that is killed
    behind its answer answers again, when the request waits for the next roster."""
    heard: list[str] = []

    def deliver(*_: Any, once: str, **__: Any) -> list[str]:
        heard.append(once)
        return []

    monkeypatch.setattr(occurrences, "deliver", deliver)
    shop: Any = Shop(sessions=sessions, runtime=lambda own: runtime(own, clock))
    first, second = under_way(session, clock, "QDN-1"), under_way(session, clock, "QDN-2")
    for job in (first, second):
        assert jobs.run_one(shop, job.id, clock=clock)
    with transaction(session):  # killed: nobody knows that it was done
        session.refresh(first)
        first.status, first.finished_at = "running", None
    clock.advance(seconds=jobs.LEASE_SECONDS + 1)
    assert jobs.run_one(shop, first.id, clock=clock)
    assert heard[0] == heard[2] != heard[1]


def test_a_job_that_failed_writes_no_more_into_what_was_filed(
    session: Session, clock: Clock
) -> None:
    """An import fails, what it had stored is filed, then somebody presses 重试."""
    rt = runtime(session, clock)
    roster = store.open_roster(rt, ME, "seal_accounts", FORM, scope=SCOPE, branch="QDN01")
    store.add(session, roster, [line("甲")])
    roster.job_id = 4711
    assert store.submit(rt, roster, "QDN-1", None).job_id is None


def test_a_failed_import_does_not_bar_the_month(session: Session, clock: Clock) -> None:
    """DZ-U-06: 汇缴 takes the rosters along; one whose import has failed is there to be mended."""
    rt = runtime(session, clock)
    roster = store.open_roster(rt, ME, "open_accounts", FORM, scope=SCOPE, branch="QDN01")
    store.add(session, roster, [line("甲")])
    roster.job_id = jobs.put(rt, ME, "tests/none", {}, key="k", title="导入")
    session.commit()
    assert [one.code for one in attaching.problems(attaching.waiting(session, SCOPE))] == [
        "rosters.importing"
    ]
    with transaction(session):
        job = session.scalars(select(Job)).one()
        job.status, job.finished_at = "failed", clock()
    assert attaching.problems(attaching.waiting(session, SCOPE)) == []
    assert attaching.attach(call(session, clock)) == {"forms": [FORM], "rows": 1}
    assert session.scalars(select(Roster.no).where(Roster.state == "submitted")).all() == ["QDN-1"]
