"""Long jobs: they say how far they are, let others have their turn, go on behind their cursor, and
survive whoever runs them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import Engine, select

from engine import Runtime
from engine.boxes import incident_desk, job_desk
from engine.boxes.incident_desk import IncidentFilter
from engine.database import transaction
from engine.errors import Conflict, NotFound
from engine.models import Job, OutboxItem
from engine.owed import jobs, outbox
from engine.owed.jobs import BACKOFF_SECONDS, LEASE_SECONDS, Work
from engine.verbs import repairing
from tests.engine.hall import KEEPER, KEEPER_2, REVIEWER, SECONDER, Hall, standing_in
from tests.engine.killing import killed

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


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Every report is written; a slice ends when a test says so."""
    made = Counting()
    monkeypatch.setitem(jobs._handlers, KIND, made)
    monkeypatch.setattr(jobs, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 3600.0)
    return made


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


# ── progress ───────────────────────────────────────────────────────────────────────────────────


def test_a_job_says_how_far_it_is_and_what_came_of_it(hall: Hall, counting: Counting) -> None:
    said: list[job_desk.JobView] = []
    counting.behind = {n: lambda work: said.append(seen(hall, work.id)) for n in (1, 2, 3)}
    job_id = order(hall)
    assert (seen(hall, job_id).label, due(hall)) == ("排队中", [job_id])
    assert run(hall, job_id)
    progress = [(it.label, it.done, it.percent, it.message) for it in said]
    assert progress == [
        ("进行中", 0, 0, ""),
        ("进行中", 1, 33, "第 1 件"),
        ("进行中", 2, 66, "第 2 件"),
    ]
    done = seen(hall, job_id)
    assert (done.label, done.done, done.total, done.percent) == ("已完成", 3, 3, 100)
    assert (done.result, done.over, done.error) == ({"pieces": 3}, True, None)
    assert (done.started_at, done.finished_at) == (hall.clock(), hall.clock())
    assert due(hall) == []
    assert not run(hall, job_id)
    assert counting.runs == [1]


def test_progress_is_written_no_oftener_than_anybody_reads_it_but_never_forgotten(
    hall: Hall, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "REPORT_SECONDS", 3600.0)
    said: list[int] = []

    def fail(work: Work) -> None:
        said.append(row(hall, work.id).done)
        raise ConnectionError("no route")

    counting.behind[3] = fail
    job_id = order(hall)
    assert not run(hall, job_id)
    assert said == [0]
    assert (row(hall, job_id).done, row(hall, job_id).cursor) == (2, {"after": 2})
    assert row(hall, job_id).message == "第 2 件"


def test_the_same_key_orders_one_job(hall: Hall, counting: Counting) -> None:
    first = order(hall, "twice")
    assert order(hall, "twice") == first
    assert run(hall, first)
    assert order(hall, "twice") == first
    assert due(hall) == []


def test_the_same_key_at_the_same_moment_orders_one_job(hall: Hall) -> None:
    def put(rt: Runtime) -> int:
        with transaction(rt.session):
            return jobs.put(rt, OWNER, KIND, {}, key="race", title="数一数")

    found = hall.together(*[put] * 4)
    assert len(set(found)) == 1
    assert isinstance(found[0], int)


def test_an_order_that_is_rolled_back_was_never_given(hall: Hall) -> None:
    with suppress(ZeroDivisionError), transaction(hall.rt.session):
        jobs.put(hall.rt, OWNER, KIND, {}, key="never", title="数一数")
        raise ZeroDivisionError
    assert due(hall) == []


def test_whatever_a_message_or_an_error_quotes_can_be_stored(
    hall: Hall, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest shows what was logged, and its workers cannot send each other a lone surrogate
    monkeypatch.setattr(logging.getLogger("hall.jobs"), "disabled", True)

    def fail(work: Work) -> None:
        work.report(1, message="坏\x00字\ud800" + "长" * 400)
        raise ValueError("坏\x00字\ud800" + "长" * 4000)

    counting.behind[1] = fail
    job_id = order(hall)
    assert not run(hall, job_id)
    assert row(hall, job_id).message.startswith("坏字?长")
    assert (row(hall, job_id).last_error or "").startswith("坏字?长")


# ── slices ─────────────────────────────────────────────────────────────────────────────────────


def test_after_its_slice_a_job_lets_others_go_first_and_goes_on_behind_its_cursor(
    hall: Hall, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_behind_every_piece(monkeypatch)
    long = order(hall, "long")
    hall.clock.advance(seconds=1)
    other = order(hall, "other")
    hall.clock.advance(seconds=1)
    assert due(hall) == [long, other]
    assert run(hall, long)
    assert due(hall) == [other, long]
    assert (row(hall, long).status, seen(hall, long).label) == ("queued", "进行中")
    assert run(hall, long)
    assert run(hall, long)
    assert counting.runs == [1, 2, 3]
    assert run(hall, long)
    assert (counting.runs[3:], seen(hall, long).label) == ([4], "已完成")
    assert pieces(hall, "long") == ["long/1", "long/2", "long/3"]
    assert row(hall, long).failures == 0


def test_a_run_that_has_got_nowhere_is_not_cut_or_it_never_would(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_behind_every_piece(monkeypatch)

    def without_cursor(work: Work) -> None:
        for step in range(1, 5):
            work.report(step, total=4)

    monkeypatch.setitem(jobs._handlers, KIND, without_cursor)
    job_id = order(hall)
    assert run(hall, job_id)
    assert seen(hall, job_id).label == "已完成"


def test_a_runner_that_must_go_lets_go_of_its_job_at_once(hall: Hall, counting: Counting) -> None:
    job_id = order(hall)
    assert run(hall, job_id, stopped=lambda: pieces(hall) == ["one/1", "one/2"])
    assert due(hall) == [job_id]
    assert row(hall, job_id).failures == 0
    assert run(hall, job_id)
    assert counting.runs == [1, 3]


def test_a_handler_that_catches_everything_cannot_hold_on_to_the_job(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its report has ended the run; it goes on all the same and says that it is done."""
    tries: list[str] = []

    def stubborn(work: Work) -> dict[str, Any]:
        for piece in (1, 2, 3):
            try:
                work.report(piece, total=3, cursor={"after": piece})
            except BaseException as stop:
                tries.append(type(stop).__name__)
        return {"finished": True}

    monkeypatch.setitem(jobs._handlers, KIND, stubborn)
    cut_behind_every_piece(monkeypatch)
    job_id = order(hall)
    assert run(hall, job_id)
    assert tries == ["_Pause"] * 3
    assert row(hall, job_id).status == "queued"
    assert (row(hall, job_id).done, row(hall, job_id).result) == (1, {})


# ── cancel ─────────────────────────────────────────────────────────────────────────────────────


def test_a_waiting_job_is_cancelled_at_once(hall: Hall, counting: Counting) -> None:
    job_id = order(hall)
    assert job_desk.cancel(hall.rt, OWNER, job_id).label == "已取消"
    assert (due(hall), run(hall, job_id), pieces(hall)) == ([], False, [])
    assert seen(hall, job_id).message == "还没有开始办理就取消了。"


def test_a_running_job_is_cancelled_at_its_next_report_and_what_is_done_stays(
    hall: Hall, counting: Counting
) -> None:
    said: list[str] = []
    counting.behind[2] = lambda work: said.append(job_desk.cancel(hall.rt, OWNER, work.id).label)
    job_id = order(hall)
    assert run(hall, job_id)
    assert said == ["正在取消"]
    gone = seen(hall, job_id)
    assert (gone.label, gone.done, gone.message) == (
        "已取消",
        2,
        "已办 2 件后取消，已办的不会撤回。",
    )
    assert pieces(hall) == ["one/1", "one/2"]
    assert due(hall) == []


def test_a_job_between_two_slices_is_cancelled_at_once(
    hall: Hall, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_behind_every_piece(monkeypatch)
    job_id = order(hall)
    assert run(hall, job_id)
    gone = job_desk.cancel(hall.rt, KEEPER, job_id)
    assert (gone.label, gone.message) == ("已取消", "已办 1 件后取消，已办的不会撤回。")


def test_a_job_whose_runner_has_died_is_cancelled_when_its_lease_is_over(
    hall: Hall, counting: Counting
) -> None:
    job_id = order(hall)
    dies_behind(counting, 2)
    with pytest.raises(Killed):
        run(hall, job_id)
    assert job_desk.cancel(hall.rt, OWNER, job_id).label == "正在取消"
    assert not run(hall, job_id)
    hall.clock.advance(seconds=LEASE_SECONDS)
    assert run(hall, job_id)
    assert (seen(hall, job_id).label, counting.runs) == ("已取消", [1])


def test_a_job_that_fails_while_it_is_being_cancelled_is_cancelled(
    hall: Hall, counting: Counting
) -> None:
    def cancelled_and_broken(work: Work) -> None:
        job_desk.cancel(hall.rt, OWNER, work.id)
        raise ConnectionError("no route")

    counting.behind[2] = cancelled_and_broken
    job_id = order(hall)
    assert not run(hall, job_id)
    assert (seen(hall, job_id).label, due(hall)) == ("已取消", [])


@pytest.mark.parametrize("how", ["done", "failed", "cancelled"])
def test_what_is_over_cannot_be_cancelled(hall: Hall, counting: Counting, how: str) -> None:
    job_id = order(hall)
    if how == "cancelled":
        job_desk.cancel(hall.rt, OWNER, job_id)
    elif how == "failed":
        fail_for_good(hall, counting, job_id)
    else:
        run(hall, job_id)
    with pytest.raises(Conflict, match="不能再取消"):
        job_desk.cancel(hall.rt, OWNER, job_id)
    assert row(hall, job_id).status == how


def test_a_handler_that_catches_everything_is_cancelled_all_the_same(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "REPORT_SECONDS", 0.0)

    def stubborn(work: Work) -> None:
        job_desk.cancel(hall.rt, OWNER, work.id)
        try:
            work.report(1)
        except BaseException:
            return

    monkeypatch.setitem(jobs._handlers, KIND, stubborn)
    job_id = order(hall)
    assert run(hall, job_id)
    assert seen(hall, job_id).label == "已取消"


# ── failure ────────────────────────────────────────────────────────────────────────────────────


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


def incidents_open(hall: Hall) -> list[incident_desk.IncidentRow]:
    hall.rt.session.rollback()
    return incident_desk.page(hall.rt, KEEPER_2).rows


def test_a_failing_job_is_tried_again_further_and_further_apart_and_becomes_an_incident(
    hall: Hall, counting: Counting
) -> None:
    job_id = order(hall)
    waits = fail_for_good(hall, counting, job_id)
    # the first failure came behind progress, so the second one waits the same time
    assert waits == [BACKOFF_SECONDS[0], *BACKOFF_SECONDS[1:]]
    failed = seen(hall, job_id)
    assert (failed.label, failed.error) == ("未完成", "no route")
    assert failed.message == "多次重试没有成功，已转流程管理员处理。"
    (incident,) = incidents_open(hall)
    assert (incident.kind, incident.node_name, incident.error) == ("job", KIND, "no route")
    hall.clock.advance(days=365)
    assert (due(hall), run(hall, job_id)) == ([], False)


def test_while_it_waits_to_be_tried_again_the_page_says_so(hall: Hall, counting: Counting) -> None:
    dies: list[int] = []

    def once(work: Work) -> None:
        dies.append(1)
        if len(dies) == 1:
            raise ConnectionError("no route")

    counting.behind[2] = once
    job_id = order(hall)
    run(hall, job_id)
    assert (seen(hall, job_id).label, seen(hall, job_id).error) == ("稍后重试", None)
    hall.clock.advance(seconds=BACKOFF_SECONDS[0])
    assert run(hall, job_id)
    assert (counting.runs, seen(hall, job_id).label) == ([1, 2], "已完成")


def test_a_job_that_gets_further_between_its_failures_is_not_given_up(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_at_a_time(work: Work) -> None:
        after = work.cursor.get("after", 0) + 1
        work.report(after, total=10, cursor={"after": after})
        if after < 10:
            raise ConnectionError("no route")

    monkeypatch.setitem(jobs._handlers, KIND, one_at_a_time)
    job_id = order(hall)
    for _ in range(9):
        assert not run(hall, job_id)
        assert row(hall, job_id).failures == 1
        hall.clock.advance(seconds=BACKOFF_SECONDS[0])
    assert run(hall, job_id)


def test_saying_the_same_again_is_no_progress(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that opens with a report must not be tried for ever."""

    def polite(work: Work) -> None:
        work.report(work.done, total=3, message="开始", cursor=dict(work.cursor))
        raise ConnectionError("no route")

    monkeypatch.setattr(jobs, "REPORT_SECONDS", 0.0)
    monkeypatch.setitem(jobs._handlers, KIND, polite)
    job_id = order(hall)
    for _ in range(jobs.FAILURES_MAX):
        assert row(hall, job_id).finished_at is None
        run(hall, job_id)
        hall.clock.set(max(hall.clock(), row(hall, job_id).due_at))
    assert row(hall, job_id).status == "failed"


@pytest.mark.parametrize("how", ["owner", "incident"])
def test_a_retried_job_goes_on_behind_its_cursor_and_is_no_incident_any_more(
    hall: Hall, counting: Counting, how: str
) -> None:
    job_id = order(hall)
    fail_for_good(hall, counting, job_id)
    (incident,) = incidents_open(hall)
    if how == "owner":
        assert job_desk.retry(hall.rt, OWNER, job_id).label == "进行中"
    else:
        assert repairing.retry(hall.rt, KEEPER_2, incident.id).status == "queued"
    assert incidents_open(hall) == []
    with pytest.raises(Conflict):
        job_desk.retry(hall.rt, OWNER, job_id)
    with pytest.raises(Conflict):
        repairing.retry(hall.rt, KEEPER_2, incident.id)
    counting.runs.clear()
    assert run(hall, job_id)
    assert (counting.runs, seen(hall, job_id).label) == ([2], "已完成")
    over = incident_desk.page(hall.rt, KEEPER_2, IncidentFilter(resolved=True)).rows
    assert [(each.id, each.resolution) for each in over] == [(incident.id, "retried")]


def test_a_retried_job_that_fails_again_opens_its_incident_again(
    hall: Hall, counting: Counting
) -> None:
    job_id = order(hall)
    fail_for_good(hall, counting, job_id)
    job_desk.retry(hall.rt, OWNER, job_id)
    assert fail_for_good(hall, counting, job_id) == list(BACKOFF_SECONDS)
    (incident,) = incidents_open(hall)
    assert incident.attempts == 2


@pytest.mark.parametrize("how", ["queued", "done"])
def test_what_has_not_failed_is_not_retried(hall: Hall, counting: Counting, how: str) -> None:
    job_id = order(hall)
    if how == "done":
        run(hall, job_id)
    with pytest.raises(Conflict, match="不需要重试"):
        job_desk.retry(hall.rt, OWNER, job_id)
    assert len(counting.runs) == (how == "done")


def test_an_unknown_kind_and_a_result_that_cannot_be_stored_become_incidents(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(jobs._handlers, KIND, lambda work: {"at": work.clock()})
    for job_id in (order(hall, "unknown", "tests.nobody"), order(hall, "unfit")):
        while row(hall, job_id).finished_at is None:
            assert not run(hall, job_id)
            hall.clock.set(max(hall.clock(), row(hall, job_id).due_at))
    found = {each.node_name: each.error for each in incidents_open(hall)}
    assert "no handler for tests.nobody" in found["tests.nobody"]
    assert "not JSON serializable" in found[KIND]


def test_a_job_that_kills_every_runner_is_given_up(hall: Hall, counting: Counting) -> None:
    dies_behind(counting, 1)
    job_id = order(hall)
    deaths = 0
    for _ in range(20):
        try:
            run(hall, job_id)
        except Killed:
            deaths += 1
        hall.clock.advance(seconds=LEASE_SECONDS)
    assert deaths == jobs.FAILURES_MAX
    assert row(hall, job_id).status == "failed"
    (incident,) = incidents_open(hall)
    assert "every runner died" in incident.error


# ── two runners ────────────────────────────────────────────────────────────────────────────────


def test_a_leased_job_is_left_alone(hall: Hall, counting: Counting) -> None:
    inner: list[bool] = []
    counting.behind[1] = lambda work: inner.append(run(hall, work.id))
    job_id = order(hall)
    assert run(hall, job_id)
    assert (inner, counting.runs) == ([False], [1])


def test_of_eight_runners_one_gets_the_job(hall: Hall, counting: Counting) -> None:
    job_id = order(hall)
    found = hall.together(*[lambda rt: run(hall, job_id)] * 8)
    assert sorted(found) == [False] * 7 + [True]
    assert (counting.runs, row(hall, job_id).attempts) == ([1], 1)


@pytest.mark.parametrize("end", ["goes on", "returns", "fails", "catches everything"])
def test_who_lost_the_lease_writes_nothing_more(hall: Hall, counting: Counting, end: str) -> None:
    """The first runner hangs for longer than its lease; a second has finished the job."""
    further: list[int] = []

    def hang(work: Work) -> None:
        if work.attempt > 1:
            return
        hall.clock.advance(seconds=LEASE_SECONDS)
        assert run(hall, work.id)
        if end == "fails":
            raise ConnectionError("at last")
        if end == "catches everything":
            for done in (70, 80):
                try:
                    work.report(done, total=99, cursor={"after": 99})
                except BaseException:
                    further.append(done)
        if end == "goes on":
            work.report(70, total=99, cursor={"after": 99})
            further.append(70)

    counting.behind[2] = hang
    job_id = order(hall)
    assert not run(hall, job_id)
    assert further == ([70, 80] if end == "catches everything" else [])
    done = row(hall, job_id)
    assert (done.status, done.done, done.total, done.result) == ("done", 3, 3, {"pieces": 3})
    assert (done.attempts, done.last_error) == (2, None)
    assert pieces(hall) == ["one/1", "one/2", "one/3"]


def test_every_report_prolongs_the_lease(hall: Hall, counting: Counting) -> None:
    stolen: list[bool] = []

    def slow(work: Work) -> None:
        hall.clock.advance(seconds=LEASE_SECONDS - 1)
        stolen.append(run(hall, work.id))

    counting.behind = {1: slow, 2: slow, 3: slow}
    job_id = order(hall)
    assert run(hall, job_id)
    assert (stolen, counting.runs) == ([False] * 3, [1])


def test_cancelling_races_with_running_and_one_of_them_wins(hall: Hall, counting: Counting) -> None:
    for turn in range(5):
        job_id = order(hall, f"race-{turn}")
        ran, told = hall.together(
            lambda rt, it=job_id: run(hall, it),
            lambda rt, it=job_id: job_desk.cancel(rt, OWNER, it).label,
        )
        end = row(hall, job_id)
        assert end.finished_at is not None
        assert end.status in ("done", "cancelled")
        assert isinstance(told, str | Conflict)
        assert ran or end.status == "cancelled"
        if isinstance(told, Conflict):
            assert end.status == "done"


# ── kill -9 ────────────────────────────────────────────────────────────────────────────────────


def _run_elsewhere(hall: Hall, job_id: int, made: Engine) -> None:
    run(replace(hall, database=made), job_id)


def test_a_runner_killed_at_any_moment_loses_and_doubles_nothing(
    hall: Hall, counting: Counting
) -> None:
    url = hall.database.url.render_as_string(hide_password=False)
    moment, alive = 0, False
    while not alive:
        moment += 1
        name = f"kill-{moment}"
        job_id = order(hall, name)
        hall.rt.session.rollback()
        alive = not killed(
            url, moment, lambda made, it=job_id: run(replace(hall, database=made), it)
        )
        before = row(hall, job_id)
        assert before.done <= len(pieces(hall, name)) <= before.done + 1
        hall.clock.advance(seconds=LEASE_SECONDS)
        assert run(hall, job_id) is (before.finished_at is None)
        after = row(hall, job_id)
        assert (after.status, after.done, after.result) == ("done", 3, {"pieces": 3})
        assert pieces(hall, name) == [f"{name}/{n}" for n in (1, 2, 3)]
        assert after.attempts == before.attempts + (before.finished_at is None)
    assert moment > 15, "it was killed at every statement and commit"


# ── whose it is ────────────────────────────────────────────────────────────────────────────────


def test_a_job_is_there_for_its_owner_and_process_admins_only(
    hall: Hall, counting: Counting
) -> None:
    job_id = order(hall)
    for deed in (job_desk.view, job_desk.cancel, job_desk.retry):
        for number in (job_id, 0, -1, 2**40):
            with pytest.raises(NotFound):
                deed(hall.rt, STRANGER, number)
    assert row(hall, job_id).cancelling is False
    assert job_desk.of_owner(hall.rt, STRANGER) == []
    assert [it.id for it in job_desk.of_owner(hall.rt, OWNER)] == [job_id]
    for admin in (KEEPER, standing_in(STRANGER, KEEPER)):
        assert job_desk.view(hall.rt, admin, job_id).owner_name == OWNER.name
    assert job_desk.cancel(hall.rt, KEEPER, job_id).label == "已取消"


def test_the_list_shows_the_newest_and_how_many_are_not_over(
    hall: Hall, counting: Counting
) -> None:
    ids = [order(hall, f"n{n}") for n in range(job_desk.LIST_ROWS_MAX + 2)]
    run(hall, ids[-1])
    hall.rt.session.rollback()
    listed = job_desk.of_owner(hall.rt, OWNER)
    assert [it.id for it in listed] == ids[:1:-1]
    assert (listed[0].label, listed[0].result) == ("已完成", {})
    assert job_desk.unfinished(hall.rt, OWNER) == len(ids) - 1
    assert job_desk.unfinished(hall.rt, STRANGER) == 0
