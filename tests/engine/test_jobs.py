"""Long jobs: they say how far they are, let others have their turn, go on behind their cursor, and
end when they are told to."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import pytest

from engine import Runtime
from engine.boxes import job_desk
from engine.database import transaction
from engine.errors import Conflict, NotFound
from engine.owed import jobs
from engine.owed.jobs import LEASE_SECONDS, Work
from tests.engine.counting import (
    KIND,
    OWNER,
    STRANGER,
    Counting,
    Killed,
    cut_behind_every_piece,
    dies_behind,
    due,
    fail_for_good,
    order,
    pieces,
    row,
    run,
    seen,
)
from tests.engine.hall import KEEPER, Hall, standing_in

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
