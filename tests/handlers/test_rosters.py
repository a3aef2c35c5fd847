"""Rosters: rows in and out in bulk, what is filed moves, what is applied is applied once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from engine import Actor, Runtime, Weekdays
from engine.database import transaction
from engine.errors import NotFound, OperationFailed, Problem
from engine.models import Job
from engine.operations import Call
from engine.owed import jobs
from handlers.rosters import applying, store
from handlers.rosters.applying import PIECE_ROWS, Application, applier, finisher
from handlers.rosters.models import APPLIED, APPLYING, FAILED, FAULTY, SOUND, Roster
from handlers.rosters.store import Line, Sums
from tests.builders import people
from tests.conftest import Clock

ME = Actor("operator:1", "杨秀兰")
KEY, FORM, SCOPE = "seal_accounts", "tests.Roster", "unit:020810042637"
BAD = Problem("members.status", "个人账户现在是封存状态。", "account")
Shop = SimpleNamespace

seen: list[int] = []
ended: list[str] = []


@applier(FORM)
def _note(work: Application, rows: Sequence[Line]) -> list[Problem | None]:
    """Refuses every row whose value says so."""
    seen.extend(row.seq for row in rows)
    return [BAD if row.values.get("fail") else None for row in rows]


@finisher(FORM)
def _end(work: Application, roster: Roster) -> None:
    ended.append(f"{work.no} {roster.applied} {roster.failed}")


@pytest.fixture
def sessions(database_url: str) -> Iterator[sessionmaker[Session]]:
    seen.clear()
    ended.clear()
    with people.store(database_url) as opened:
        yield opened


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    with sessions() as opened:
        yield opened


def runtime(session: Session, clock: Clock) -> Runtime:
    return Runtime(session=session, clock=clock, calendar=Weekdays())


def opened(rt: Runtime, scope: str = SCOPE) -> Roster:
    return store.open_roster(rt, ME, KEY, FORM, scope=scope, branch="QDN01")


def line(name: str, *problems: Problem, cents: int = 100, **values: str) -> Line:
    return Line({"name": name} | values, problems, subject=name, amount_cents=cents)


def names(session: Session, roster: Roster, **asked: Any) -> list[str]:
    return [one.values["name"] for one in store.rows(session, roster.id, limit=99, **asked)]


def test_a_unit_has_one_open_roster_for_a_service(session: Session, clock: Clock) -> None:
    rt = runtime(session, clock)
    first = opened(rt)
    assert opened(rt).id == first.id
    assert opened(rt, "unit:020810000001").id != first.id


def test_two_operators_who_open_the_page_at_once_share_the_roster(
    sessions: sessionmaker[Session], clock: Clock
) -> None:
    ids, gate = [], threading.Barrier(2)

    def visit() -> None:
        with sessions() as own, transaction(own):
            if own.get_bind().dialect.name == "postgresql":
                gate.wait(5)
            ids.append(opened(runtime(own, clock)).id)

    visitors = [threading.Thread(target=visit) for _ in range(2)]
    for one in visitors:
        one.start()
    for one in visitors:
        one.join()
    assert len(set(ids)) == 1


def test_rows_keep_their_order_their_words_and_what_is_wrong_with_them(
    session: Session, clock: Clock
) -> None:
    roster = opened(runtime(session, clock))
    assert store.add(session, roster, [line("甲"), line("乙", BAD), line("丙", cents=50)]) == 1
    assert store.add(session, roster, [line("丁")]) == 4
    assert names(session, roster) == ["甲", "乙", "丙", "丁"]
    assert names(session, roster, after=2) == ["丙", "丁"]
    assert names(session, roster, state=FAULTY) == ["乙"]
    second = store.row(session, roster.id, 2)
    assert second is not None
    assert (second.problems, second.sound) == ([BAD], False)
    assert store.sums(session, roster.id) == Sums(4, 3, 1, 0, 0, 350, 250)


def test_a_row_is_mended_in_its_place_and_a_number_is_never_given_twice(
    session: Session, clock: Clock
) -> None:
    roster = opened(runtime(session, clock))
    store.add(session, roster, [line("甲", BAD), line("乙")])
    assert store.replace(session, roster, 1, line("甲改"))
    assert not store.replace(session, roster, 9, line("没有"))
    assert store.remove(session, roster, [2, 9]) == 1
    assert store.add(session, roster, [line("丙")]) == 3
    assert names(session, roster) == ["甲改", "丙"]


def test_faulty_rows_are_removed_together(session: Session, clock: Clock) -> None:
    roster = opened(runtime(session, clock))
    store.add(session, roster, [line(str(n), *([BAD] if n % 3 else [])) for n in range(1_200)])
    assert store.remove(session, roster, None, state=FAULTY) == 800
    assert store.remove(session, roster, range(1, 1_201)) == 400


def test_whom_a_row_is_about_is_found_again_among_many(session: Session, clock: Clock) -> None:
    roster = opened(runtime(session, clock))
    store.add(session, roster, [line(f"人{n}") for n in range(1_100)] + [line("人7")])
    assert store.taken(session, roster.id, ["人7", "人1099", "没有", ""]) == {
        "人7": 8,
        "人1099": 1_100,
    }


def test_filing_moves_the_chosen_sound_rows_and_leaves_the_rest(
    session: Session, clock: Clock
) -> None:
    rt = runtime(session, clock)
    roster = opened(rt)
    store.add(session, roster, [line("甲"), line("乙", BAD), line("丙"), line("丁")])
    filed = store.submit(rt, roster, "QDN-1", [1, 2, 3])
    assert names(session, filed) == ["甲", "丙"]
    assert names(session, roster) == ["乙", "丁"]
    assert opened(rt).id == roster.id
    found = store.of_request(session, "QDN-1", FORM)
    assert found is not None
    assert found.id == filed.id
    assert store.of_request(session, "QDN-1", "tests.Other") is None


def test_a_roster_that_is_gone_says_so(session: Session) -> None:
    for number in (4711, 0, -1, 10**30):
        with pytest.raises(NotFound, match="没有找到这张清册"):
            store.locked(session, number)


def test_nothing_of_a_row_is_readable_in_the_database(session: Session, clock: Clock) -> None:
    roster = opened(runtime(session, clock))
    store.add(session, roster, [line("机密姓名", id_no="522601199001011234")])
    session.flush()
    raw = session.connection().exec_driver_sql("select content from hall_roster_row").scalar_one()
    assert b"522601199001011234" not in bytes(raw)
    assert "机密姓名".encode() not in bytes(raw)


# ── applying ───────────────────────────────────────────────────────────────────────────────────


def filed(session: Session, clock: Clock, lines: Sequence[Line], no: str = "QDN-1") -> Roster:
    rt = runtime(session, clock)
    roster = opened(rt)
    store.add(session, roster, lines)
    moved = store.submit(rt, roster, no, None)
    session.commit()
    return moved


def call(session: Session, clock: Clock, no: str = "QDN-1") -> Call:
    started = datetime(2026, 7, 14, 17, 0, tzinfo=UTC)  # the 15th in Shanghai
    instance: Any = SimpleNamespace(
        no=no, scope=SCOPE, starter_id=ME.id, starter_name=ME.name, started_at=started, name="封存"
    )
    return Call(runtime(session, clock), instance, ME, f"{no}:apply:1", {}, {})


def test_a_small_roster_takes_effect_at_once_row_by_row(session: Session, clock: Clock) -> None:
    roster = filed(session, clock, [line("甲"), line("乙", fail="1"), line("丙")])
    assert applying.apply(call(session, clock)) == {"pending": False, "applied": 2, "failed": 1}
    assert (seen, ended) == ([1, 2, 3], ["QDN-1 2 1"])
    assert roster.state == APPLIED
    (failed,) = store.rows(session, roster.id, limit=9, state=FAILED)
    assert (failed.values["name"], failed.result) == ("乙", BAD.text)


def test_applied_again_nothing_happens_and_the_answer_is_the_same(
    session: Session, clock: Clock
) -> None:
    filed(session, clock, [line("甲"), line("乙", fail="1")])
    first = applying.apply(call(session, clock))
    assert applying.apply(call(session, clock)) == first
    assert len(seen) == 2


def test_a_request_without_a_roster_is_refused_in_words(session: Session, clock: Clock) -> None:
    with pytest.raises(OperationFailed, match="没有找到申请的清册"):
        applying.apply(call(session, clock))


@pytest.mark.parametrize("die_behind", [None, 1])
def test_a_long_roster_is_applied_by_a_job_in_pieces_also_when_its_worker_dies(
    sessions: sessionmaker[Session], clock: Clock, die_behind: int | None
) -> None:
    many = 2 * PIECE_ROWS + 10
    with sessions() as session, transaction(session):
        roster_id = filed(session, clock, [line(f"人{n}") for n in range(many)]).id
        found = applying.apply(call(session, clock))
        assert found == {"pending": True, "applied": 0, "failed": 0}
        assert (store.locked(session, roster_id).state, seen) == (APPLYING, [])
    shop: Any = SimpleNamespace(sessions=sessions, runtime=lambda own: runtime(own, clock))
    if die_behind is not None:
        with sessions() as session, transaction(session):  # one piece done, then the power went
            roster = store.locked(session, roster_id)
            work = applying._application(runtime(session, clock), roster, ME, clock())
            applying._piece(work, roster)
    with sessions() as session:
        job_id = session.scalars(select(Job.id)).one()
    assert jobs.run_one(shop, job_id, clock=clock)
    assert sorted(seen) == list(range(1, many + 1)), "every row once"
    assert ended == [f"QDN-1 {many} 0"]
    with sessions() as session:
        job = session.get_one(Job, job_id)
        assert (job.status, job.result["applied"]) == ("done", many)
        assert store.sums(session, roster_id).done == many
        assert store.rows(session, roster_id, limit=1, state=SOUND) == []
