"""换版本: a running request goes on along another version of its diagram."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import engine
from engine import audit
from engine.diagrams import versions
from engine.models import History, Incident
from engine.owed import drafts
from engine.verbs import migrating, repairing
from engine.verbs.migrating import Verdict
from tests.builders.diagrams import (
    FIRST,
    OPERATOR,
    SECOND,
    end,
    flows,
    form,
    joint_review,
    lane,
    one_review,
    process,
    service,
    start,
    subprocess,
    timer,
    two_branches,
    user,
)
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    EVERYWHERE,
    KEEPER,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    Hall,
)
from tests.engine.moved import LATE_TWO, ONE, TWO, WHY, approve, claim, straight

# ── the whole request goes on ──────────────────────────────────────────────────────────────────


def test_a_request_goes_on_along_the_new_version_to_its_end(between: Any) -> None:
    moved = between(ONE, TWO)
    hall, no = moved.hall, moved.no
    assert moved.go() == Verdict(no, True, "第 1 版 → 第 2 版，停在“初核”。")
    case = hall.case(no)
    assert (case.definition_id, case.label, case.progress) == (moved.to, "初核中", "dc-")
    assert case.path == ["fill", "a", "b"]
    assert [(task.node_name, task.role) for task in hall.tasks(no)] == [("初核", FIRST)]
    hall.approve(no, REVIEWER)
    assert hall.where(no) == ["b"]
    assert hall.approve(no, SECONDER).status == "completed"
    assert hall.verbs(no) == ["start", "migrate", "approve", "approve"]


def test_the_history_says_who_why_and_between_which_versions(between: Any) -> None:
    moved = between(ONE, TWO)
    moved.go()
    with moved.hall.sessions() as session:
        row = session.query(History).filter_by(verb="migrate").one()
    assert (row.actor_id, row.opinion, row.detail) == (KEEPER.id, WHY, {"from": 1, "to": 2})
    assert audit.verify(moved.hall.rt).clean


def test_a_claim_and_a_draft_stay(between: Any) -> None:
    moved = between(ONE, TWO, claim)
    hall, no = moved.hall, moved.no
    drafts.save(hall.rt, REVIEWER, f"request:{no}", {"opinion": "看到一半"})
    moved.go()
    (task,) = hall.tasks(no)
    assert (task.assignee, task.node_name) == (REVIEWER.id, "初核")
    kept = drafts.load(hall.rt, REVIEWER, f"request:{no}")
    assert kept is not None
    assert kept.data == {"opinion": "看到一半"}


def test_a_running_timer_keeps_its_time(between: Any) -> None:
    def late(hours: int, name: str) -> bytes:
        return straight(
            f"a={name}",
            parts=timer("late", "a", interrupting=True, timeDuration=f"'PT{hours}H'")
            + end("late_end", outcome="refused")
            + flows("late", "late_end"),
        )

    moved = between(late(5, "初审"), late(50, "初核"))
    hall, no = moved.hall, moved.no
    at = hall.case(no).next_timer_at
    assert at == hall.clock() + timedelta(hours=5)
    assert moved.go().ok
    assert hall.case(no).next_timer_at == at
    hall.clock.advance(hours=6)
    assert engine.timers.fire(hall.rt, hall.case(no).id)
    assert hall.case(no).status == "refused"


def test_a_returned_request_is_filed_again_on_the_new_version(between: Any) -> None:
    moved = between(ONE, TWO, lambda hall, no: hall.send_back(no, REVIEWER))
    hall, no = moved.hall, moved.no
    assert moved.go().ok
    assert hall.case(no).status == "returned"
    hall.resubmit(no, APPLICANT)
    hall.approve(no, REVIEWER)
    assert hall.where(no) == ["b"]


def test_after_it_a_step_can_be_returned_and_taken_back(between: Any) -> None:
    moved = between(TWO, straight("a=初审", "b=复审", "c=终审", roles={"b": SECOND}), approve)
    hall, no = moved.hall, moved.no
    assert moved.go().ok
    engine.take_back(hall.rt, REVIEWER, no)
    assert hall.where(no) == ["a"]
    hall.approve(no, REVIEWER)
    hall.send_back(no, SECONDER, "a")
    hall.approve(no, REVIEWER)
    hall.approve(no, SECONDER)
    assert hall.approve(no, EVERYWHERE).status == "completed"


def test_parallel_branches_go_on_where_they_are(between: Any) -> None:
    old = two_branches()
    new = two_branches(label="最后一审").replace("左二".encode(), "左侧二审".encode())

    def left(hall: Hall, no: str) -> None:
        task = next(each for each in hall.tasks(no) if each.node == "left1")
        engine.approve(hall.rt, REVIEWER, task.id)

    moved = between(old, new, left, key="branches")
    hall, no = moved.hall, moved.no
    assert moved.go().text == "第 1 版 → 第 2 版，停在“右、左侧二审”。"
    for task in hall.tasks(no):
        who = SECONDER if task.node == "left2" else REVIEWER_2
        engine.approve(hall.rt, who, task.id)
    assert hall.where(no) == ["final"]
    assert hall.case(no).label == "最后一审"


def test_a_step_done_several_times_keeps_its_progress(between: Any) -> None:
    def thrice(name: str) -> bytes:
        loop = (
            "<multiInstanceLoopCharacteristics isSequential='true'>"
            "<loopCardinality>3</loopCardinality></multiInstanceLoopCharacteristics></userTask>"
        )
        return straight(f"a={name}").replace(b"</userTask><endEvent", f"{loop}<endEvent".encode())

    moved = between(thrice("逐个审"), thrice("逐项审"), approve)
    hall, no = moved.hall, moved.no
    assert moved.go().text == "第 1 版 → 第 2 版，停在“逐项审”。"
    hall.approve(no, REVIEWER)
    assert hall.case(no).status == "running"
    assert hall.approve(no, REVIEWER).status == "completed"


def test_votes_already_cast_count(between: Any) -> None:
    old = joint_review(sign="all", signers=f"users:{REVIEWER.id},{REVIEWER_2.id}")
    new = joint_review(
        sign="all", signers=f"users:{REVIEWER.id},{REVIEWER_2.id}", final="终审", label="会审中"
    )

    def vote(hall: Hall, no: str, who: engine.Actor = REVIEWER) -> None:
        task = next(each for each in hall.tasks(no) if each.assignee == who.id)
        engine.approve(hall.rt, who, task.id)

    moved = between(old, new, vote, key="joint_review")
    hall, no = moved.hall, moved.no
    assert moved.go().ok
    vote(hall, no, REVIEWER_2)
    assert hall.where(no) == ["last"]
    assert hall.approve(no, SECONDER).status == "completed"


def test_a_request_inside_a_sub_process_goes_on_inside(between: Any) -> None:
    def inside(*steps: str) -> bytes:
        part = subprocess(
            "part",
            start("p_start"),
            *(user(each, each, verbs="approve,return") for each in steps),
            end("p_end"),
            flows("p_start", *steps, "p_end"),
        )
        return process(
            "line",
            start(),
            form("fill"),
            part,
            end(),
            flows("start", "fill", "part", "end"),
            lanes=lane(OPERATOR, "fill") + lane(FIRST, *steps),
        )

    moved = between(inside("a"), inside("a", "b"))
    hall, no = moved.hall, moved.no
    assert moved.go().ok
    hall.approve(no, REVIEWER)
    assert hall.where(no) == ["b"]
    assert hall.approve(no, REVIEWER_2).status == "completed"


def test_a_failed_step_can_be_retried_on_the_new_version(between: Any) -> None:
    apply = service("apply", "tests/apply")
    old = one_review("line", between=apply, way=flows("review", "apply", "end"))
    new = one_review("line", between=apply, way=flows("review", "apply", "end"), withdraw="never")

    def broken(_call: Any) -> None:
        raise ZeroDivisionError

    hall = between(old, new).hall
    hall.desk.when["apply"] = broken
    definition = versions.of(hall.rt, "line")
    no = hall.file(key="line")
    hall.approve(no, REVIEWER)
    assert hall.case(no).incidents == 1
    back = migrating.migrate_one(hall.rt, KEEPER, no, to=definition[1].id, reason=WHY)
    assert back.ok, back.text
    gone = hall.deploy(one_review("line"), "line")
    refused = migrating.migrate_one(hall.rt, KEEPER, no, to=gone.id, reason=WHY)
    assert refused.text == "“生效”正在办理，在新版本中没有了。"
    del hall.desk.when["apply"]
    with hall.sessions() as session:
        (incident,) = session.query(Incident).filter_by(resolved_at=None)
    repairing.retry(hall.rt, KEEPER, incident.id)
    assert hall.case(no).status == "completed"


def test_a_deadline_drawn_to_a_passed_step_counts_after_a_return(between: Any) -> None:
    moved = between(TWO, LATE_TWO, approve)
    hall, no = moved.hall, moved.no
    assert moved.go().ok
    assert hall.case(no).next_timer_at is None
    hall.send_back(no, SECONDER, "a")
    assert hall.case(no).next_timer_at == hall.clock() + timedelta(hours=5)
    hall.approve(no, REVIEWER)
    assert hall.case(no).next_timer_at is None
    assert hall.approve(no, SECONDER).status == "completed"


def test_a_deadline_taken_from_a_passed_step_is_gone_after_a_return(between: Any) -> None:
    moved = between(LATE_TWO, TWO, approve)
    hall, no = moved.hall, moved.no
    assert moved.go().ok
    hall.send_back(no, SECONDER, "a")
    assert hall.case(no).next_timer_at is None
    hall.approve(no, REVIEWER)
    assert hall.approve(no, SECONDER).status == "completed"


def test_a_deadline_that_has_rung_cannot_be_taken_away(between: Any) -> None:
    def late(hall: Hall, no: str) -> None:
        hall.clock.advance(hours=6)
        assert engine.timers.fire(hall.rt, hall.case(no).id)

    moved = between(LATE_TWO, TWO, late, approve)
    assert moved.go().text == "“late”已经办过，在新版本中没有了。"


# ── whose it is then ───────────────────────────────────────────────────────────────────────────


def test_a_step_in_the_pool_goes_to_the_post_of_the_new_version(between: Any) -> None:
    moved = between(ONE, straight("a=初审", roles={"a": SECOND}))
    moved.go()
    (task,) = moved.hall.tasks(moved.no)
    assert (task.role, task.assignee) == (SECOND, None)
    assert moved.hall.approve(moved.no, SECONDER).status == "completed"


def test_a_claim_by_somebody_without_the_new_post_goes_back_to_the_pool(between: Any) -> None:
    moved = between(ONE, straight("a=初审", roles={"a": SECOND}), claim)
    moved.go()
    (task,) = moved.hall.tasks(moved.no)
    assert (task.role, task.assignee) == (SECOND, None)


def test_a_claim_by_somebody_with_both_posts_stays(between: Any) -> None:
    new = straight("a=初审", roles={"a": SECOND})
    moved = between(ONE, new, lambda hall, no: engine.claim(hall.rt, BOTH, hall.task(no)))
    moved.go()
    (task,) = moved.hall.tasks(moved.no)
    assert (task.role, task.assignee) == (SECOND, BOTH.id)


def test_a_step_in_the_pool_goes_to_the_people_the_new_version_names(between: Any) -> None:
    new = straight("a=初审", props={"a": {"candidates": f"user:{BOTH.id}"}})
    moved = between(ONE, new)
    moved.go()
    (task,) = moved.hall.tasks(moved.no)
    assert (task.role, task.assignee) == ("", BOTH.id)
