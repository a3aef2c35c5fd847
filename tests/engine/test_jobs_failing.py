"""Long jobs that fail, lose their lease or are killed: nothing is lost and nothing done twice."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from engine.boxes import incident_desk, job_desk
from engine.boxes.incident_desk import IncidentFilter
from engine.errors import Conflict
from engine.owed import jobs
from engine.owed.jobs import BACKOFF_SECONDS, LEASE_SECONDS, Work
from engine.verbs import repairing
from tests.engine.counting import (
    KIND,
    OWNER,
    Counting,
    Killed,
    dies_behind,
    due,
    fail_for_good,
    order,
    pieces,
    row,
    run,
    seen,
)
from tests.engine.hall import KEEPER_2, Hall
from tests.engine.killing import killed

# ── failure ────────────────────────────────────────────────────────────────────────────────────


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


def test_a_job_that_gets_further_between_two_deaths_is_not_given_up(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However soon behind a piece its runner dies: nobody has read of that piece yet."""

    def two_pieces_and_dead(work: Work) -> None:
        while work.done < 12:
            after = work.cursor.get("after", 0) + 1
            work.cursor["after"] = after
            work.report(after, total=12, cursor=work.cursor)
            if after % 2 == 0 and after < 12:
                raise Killed

    monkeypatch.setitem(jobs._handlers, KIND, two_pieces_and_dead)
    job_id = order(hall)
    for _ in range(30):
        with suppress(Killed):
            run(hall, job_id)
        hall.clock.advance(seconds=LEASE_SECONDS)
    assert (row(hall, job_id).status, row(hall, job_id).done) == ("done", 12)


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
