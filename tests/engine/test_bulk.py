"""What an admin does to more requests than a page can wait for: whole, once, and told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import engine
from engine import errors
from engine.boxes import incident_desk, job_desk
from engine.operations import Call
from engine.owed import jobs
from engine.owed.jobs import LEASE_SECONDS
from engine.verbs import bulk, repairing
from tests.builders.diagrams import flows, one_review, service
from tests.engine.hall import (
    BRANCH,
    FAR_KEEPER,
    INSIDER,
    KEEPER,
    KEEPER_2,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    Hall,
    standing_in,
)
from tests.engine.killing import killed

CAUSE = "one_review/apply/KeyError"


@pytest.fixture(autouse=True)
def _every_report_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(bulk, "BATCH", 2)


def run(hall: Hall, job_id: int) -> job_desk.JobView:
    """Until it is over."""
    while True:
        hall.rt.session.rollback()
        seen = job_desk.view(hall.rt, KEEPER_2, job_id)
        if seen.over:
            return seen
        assert jobs.run_one(hall, job_id, clock=hall.clock), seen


def broken(call: Call) -> None:
    raise KeyError("no such account")


@pytest.fixture
def stuck(hall: Hall) -> list[str]:
    """Five requests whose operation has failed after the last approval."""
    apply, way = service("apply", "tests/apply", "变更生效"), flows("review", "apply", "end")
    hall.deploy(one_review(between=apply, way=way), "one_review")
    hall.desk.when["apply"] = broken
    numbers = [hall.file(key="one_review") for _ in range(5)]
    for no in numbers:
        hall.approve(no, REVIEWER)
    return numbers


def status(hall: Hall, numbers: list[str]) -> list[str]:
    return [hall.case(no).status for no in numbers]


# ── 重试同类全部 ───────────────────────────────────────────────────────────────────────────────


def test_all_of_a_kind_are_retried_and_those_still_failing_are_told(
    hall: Hall, stuck: list[str]
) -> None:
    def still_broken(call: Call) -> None:
        if call.no == stuck[1]:
            raise KeyError("no such account")

    hall.desk.when["apply"] = still_broken
    job_id = bulk.order_retry(hall.rt, KEEPER, CAUSE)
    done = run(hall, job_id)
    assert (done.title, done.owner_name) == ("重试同类异常：测试业务变更生效", "石管理")
    assert (done.label, done.done, done.total) == ("已完成", 5, 5)
    assert (done.result["moved"], done.result["left"]) == (4, 1)
    ((no, text),) = done.result["rows"]
    assert no == stuck[1]
    assert "仍没有成功" in text
    assert status(hall, stuck) == ["completed", "running"] + ["completed"] * 3
    assert incident_desk.count(hall.rt, KEEPER) == 1


def test_retrying_is_cut_into_slices_and_each_is_retried_once(
    hall: Hall, stuck: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0.0)
    tried: list[str] = []
    hall.desk.when["apply"] = lambda call: tried.append(call.no)
    done = run(hall, bulk.order_retry(hall.rt, KEEPER, CAUSE))
    assert tried == stuck
    assert done.result == {"total": 5, "moved": 5, "left": 0, "rows": []}


def test_one_odd_request_does_not_keep_the_others_waiting(
    hall: Hall, stuck: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hall.desk.when.clear()
    retry, ids = repairing.retry, incident_desk.ids_of_kind(hall.rt, KEEPER, CAUSE, 9)

    def odd(rt: Any, actor: Any, incident_id: int) -> Any:
        assert incident_id != ids[0], "a bug"
        return retry(rt, actor, incident_id)

    monkeypatch.setattr(repairing, "retry", odd)
    done = run(hall, bulk.order_retry(hall.rt, KEEPER, CAUSE))
    assert (done.result["moved"], done.result["rows"]) == (4, [[stuck[0], bulk.ODD]])


def test_an_admin_retries_what_lies_in_the_own_branches(hall: Hall, stuck: list[str]) -> None:
    with pytest.raises(errors.Refused, match="没有需要重试的"):
        bulk.order_retry(hall.rt, FAR_KEEPER, CAUSE)
    with pytest.raises(errors.Refused, match="没有需要重试的"):
        bulk.order_retry(hall.rt, REVIEWER, CAUSE)


def test_what_the_orderer_may_not_do_any_more_is_not_done(hall: Hall, stuck: list[str]) -> None:
    """Posts are those held when the job runs, not when it was ordered."""
    hall.desk.when.clear()
    job_id = bulk.order_retry(hall.rt, KEEPER, CAUSE)
    hall.rt.directory.move_in(replace(KEEPER, posts=frozenset()))  # type: ignore[attr-defined]
    run(hall, job_id)
    assert status(hall, stuck) == ["running"] * 5


def test_a_substitute_orders_in_the_name_of_the_admin(hall: Hall, stuck: list[str]) -> None:
    hall.desk.when.clear()
    now = hall.clock()
    span = {"starts_at": now, "ends_at": now.replace(day=now.day + 1)}
    engine.substitutes.appoint(
        hall.rt, KEEPER_2, principal=KEEPER.id, substitute=REVIEWER.id,
        services=[], reason="出差", **span,
    )  # fmt: skip
    deputy = standing_in(REVIEWER, KEEPER)
    done = run(hall, bulk.order_retry(hall.rt, deputy, CAUSE))
    assert done.result["moved"] == 5
    assert status(hall, stuck) == ["completed"] * 5


def test_the_same_order_twice_is_one_job_until_it_is_over(hall: Hall, stuck: list[str]) -> None:
    first = bulk.order_retry(hall.rt, KEEPER, CAUSE)
    assert bulk.order_retry(hall.rt, KEEPER, CAUSE) == first
    assert bulk.order_retry(hall.rt, KEEPER_2, CAUSE) != first
    run(hall, first)
    again = bulk.order_retry(hall.rt, KEEPER, CAUSE)
    assert again != first
    hall.desk.when.clear()
    assert run(hall, again).result["moved"] == 5


# ── 离职转办 ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def five(hall: Hall) -> list[str]:
    """Five requests in REVIEWER's hands; the third was filed by INSIDER."""
    hall.deploy(one_review(), "one_review")
    numbers = []
    for place in range(5):
        who = {"who": INSIDER} if place == 2 else {}
        numbers.append(hall.file(key="one_review", **who))
        engine.claim(hall.rt, REVIEWER, hall.task(numbers[-1]))
    return numbers


def order(hall: Hall, to: engine.Actor | None, **more: Any) -> int:
    said = {"leaving": REVIEWER.id, "to": to.id if to else None, "reason": "离职"} | more
    return bulk.order_handover(hall.rt, KEEPER_2, **said)


def holders(hall: Hall, numbers: list[str]) -> list[str | None]:
    return [hall.tasks(no)[0].assignee for no in numbers]


def test_everything_is_handed_over_and_the_heir_is_told_once(
    hall: Hall, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0.0)
    done = run(hall, order(hall, INSIDER))
    assert done.title == "离职转办：王审核 → 姚兼职"
    assert done.result == {"total": 5, "moved": 5, "left": 0, "rows": []}
    other = INSIDER.id
    assert holders(hall, five) == [other, other, None, other, other]
    assert hall.messages(INSIDER) == ["田管理将 4 件业务转给您办理"]
    assert hall.verbs(five[0]) == ["start", "claim", "handover"]


def test_what_cannot_be_handed_over_stays_and_is_told(hall: Hall, five: list[str]) -> None:
    keeper = replace(KEEPER, id="staff:95")
    hall.rt.directory.move_in(keeper)  # type: ignore[attr-defined]
    far = hall.file(key="one_review", branch="QDN07")
    engine.transfer(hall.rt, KEEPER_2, hall.task(far), to="staff:12", reason="代管")
    near = hall.file(key="one_review", branch=BRANCH)
    engine.transfer(hall.rt, KEEPER_2, hall.task(near), to="staff:12", reason="代管")
    said = {"leaving": "staff:12", "to": REVIEWER_2.id, "reason": "离职"}
    done = run(hall, bulk.order_handover(hall.rt, keeper, **said))
    assert (done.result["moved"], done.result["left"]) == (1, 1)
    assert done.result["rows"][0][0] == far
    assert holders(hall, [near, far]) == [REVIEWER_2.id, "staff:12"]


def test_an_order_is_refused_like_a_handover(hall: Hall, five: list[str]) -> None:
    with pytest.raises(errors.Forbidden, match="只有流程管理员"):
        bulk.order_handover(hall.rt, REVIEWER, leaving=REVIEWER.id, to=None, reason="离职")
    with pytest.raises(errors.ReasonMissing):
        order(hall, REVIEWER_2, reason=" ")
    with pytest.raises(errors.Refused, match="不能是离职人员本人"):
        order(hall, REVIEWER)
    with pytest.raises(errors.Refused, match="没有待办业务"):
        order(hall, REVIEWER, leaving=SECONDER.id)


def test_a_runner_killed_in_the_middle_hands_each_step_over_once(
    hall: Hall, five: list[str]
) -> None:
    url = hall.database.url.render_as_string(hide_password=False)
    job_id = order(hall, REVIEWER_2)

    def work(made: Any) -> None:
        jobs.run_one(replace(hall, database=made), job_id, clock=hall.clock)

    hall.rt.session.rollback()
    for moment in (6, 15, 20):  # jobs of three runs, each cut off somewhere
        assert killed(url, moment, work)
        hall.clock.advance(seconds=LEASE_SECONDS)
    done = run(hall, job_id)
    assert (done.label, done.result["left"]) == ("已完成", 0)
    assert holders(hall, five) == [REVIEWER_2.id] * 5
    assert [hall.verbs(no) for no in five] == [["start", "claim", "handover"]] * 5
    assert len(hall.messages(REVIEWER_2)) == 1
