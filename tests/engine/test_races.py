"""Several people at once: one wins, the others are told, nothing waits for ever."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import engine
from engine import Runtime, errors, outbox, timers
from engine.definitions import Deployed
from tests.builders import diagrams
from tests.engine.hall import (
    APPLICANT,
    COLLEAGUE,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    Hall,
    filing,
)

ROOT = Path(__file__).resolve().parents[2]
Deed = Callable[[Runtime], Any]


def approve(who: Any, task: int) -> Deed:
    return lambda rt: engine.approve(rt, who, task)


def send_back(who: Any, task: int) -> Deed:
    return lambda rt: engine.return_to(rt, who, task, node="fill", opinion="缺章")


def refuse(who: Any, task: int) -> Deed:
    return lambda rt: engine.refuse(rt, who, task, opinion="不符")


def claim(who: Any, task: int) -> Deed:
    return lambda rt: engine.claim(rt, who, task)


def winners(results: list[Any]) -> list[engine.Outcome]:
    lost = [each for each in results if not isinstance(each, engine.Outcome)]
    for each in lost:
        assert isinstance(each, errors.Conflict | errors.Forbidden), repr(each)
        assert each.text.endswith("。")
    return [each for each in results if isinstance(each, engine.Outcome)]


@pytest.mark.parametrize("first", [approve, send_back, refuse])
@pytest.mark.parametrize("second", [approve, send_back, refuse])
def test_of_two_reviewers_deciding_at_once_exactly_one_decides(
    hall: Hall, first: Any, second: Any
) -> None:
    no = hall.file()
    task = hall.task(no)
    results = hall.together(first(REVIEWER, task), second(REVIEWER_2, task))
    assert len(winners(results)) == 1
    assert len(hall.verbs(no)) == 2


def test_of_eight_clicks_of_one_reviewer_one_counts(hall: Hall) -> None:
    no = hall.file()
    results = hall.together(*[approve(REVIEWER, hall.task(no))] * 8)
    assert len(winners(results)) == 1
    assert hall.verbs(no) == ["start", "approve"]
    assert hall.where(no) == ["review2"]


def test_of_four_reviewers_claiming_one_gets_it(hall: Hall) -> None:
    no = hall.file()
    task = hall.task(no)
    results = hall.together(*[claim(who, task) for who in (REVIEWER, REVIEWER_2) * 2])
    assert len(winners(results)) == 1
    assert hall.verbs(no) == ["start", "claim"]


def test_withdrawing_and_approving_at_once_leave_one_truth(hall: Hall) -> None:
    for _ in range(4):
        no = hall.file()
        task = hall.task(no)

        def withdraw(rt: Runtime, no: str = no) -> engine.Outcome:
            return engine.withdraw(rt, APPLICANT, no)

        assert len(winners(hall.together(withdraw, approve(REVIEWER, task)))) == 1
        if hall.case(no).status == "running":
            assert hall.verbs(no) == ["start", "approve"]
            engine.refuse(hall.rt, SECONDER, hall.task(no), opinion="重来")
        else:
            assert hall.verbs(no) == ["start", "withdraw"]


def test_the_operation_behind_a_contested_step_runs_once(hall: Hall) -> None:
    no = hall.file()
    hall.approve(no, REVIEWER)
    task = hall.task(no)
    assert len(winners(hall.together(*[approve(SECONDER, task)] * 4))) == 1
    assert hall.messages() == ["applied"]


def test_two_people_of_a_unit_filing_at_once_file_one_request(hall: Hall) -> None:
    def file(who: Any) -> Deed:
        return lambda rt: engine.start(rt, who, "two_reviews", **filing(token=f"{who.id}:t"))

    results = hall.together(file(APPLICANT), file(COLLEAGUE))
    filed = [each for each in results if isinstance(each, engine.Outcome)]
    blocked = [each for each in results if isinstance(each, engine.InFlight)]
    assert (len(filed), len(blocked)) == (1, 1), results
    assert blocked[0].no == filed[0].no


def test_a_page_filed_twice_in_the_same_instant_is_one_request(hall: Hall) -> None:
    def file(rt: Runtime) -> engine.Outcome:
        return engine.start(rt, APPLICANT, "two_reviews", **filing(token="t1"))

    results = hall.together(*[file] * 4)
    assert len({each.no for each in results}) == 1
    assert len(hall.picture()["hall_instance"]) == 1


def test_many_requests_are_decided_side_by_side_without_a_deadlock(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(diagrams.two_reviews(in_flight="scope"))
    numbers = [hall.file(scope="unit:0208", key="two_reviews")]
    hall.deploy(diagrams.one_review(), "one_review")
    numbers = [hall.file(key="one_review") for _ in range(6)]
    tasks = [hall.task(no) for no in numbers]

    def all_of_them(order: list[int]) -> Deed:
        def run(rt: Runtime) -> int:
            won = 0
            for task in order:
                try:
                    engine.approve(rt, REVIEWER, task)
                    won += 1
                except errors.Conflict:
                    pass
            return won

        return run

    won = hall.together(all_of_them(tasks), all_of_them(tasks[::-1]), all_of_them(tasks))
    assert sum(won) == len(tasks), won
    for no in numbers:
        assert hall.verbs(no) == ["start", "approve"]


def test_two_workers_fire_a_timer_once(hall: Hall) -> None:
    no = hall.file()
    case = hall.case(no)
    hall.clock.set(case.due_at)
    results = hall.together(*[lambda rt: timers.fire(rt, case.id)] * 3)
    assert sorted(results) == [False, False, True]
    assert hall.verbs(no) == ["start", "timer"]
    assert hall.messages() == ["reminder"]


def test_a_timer_and_a_decision_at_once_leave_a_gapless_history(hall: Hall) -> None:
    no = hall.file()
    case, task = hall.case(no), hall.task(no)
    hall.clock.set(case.due_at)
    hall.together(lambda rt: timers.fire(rt, case.id), approve(REVIEWER, task))
    assert hall.where(no) == ["review2"]
    assert hall.verbs(no)[0] == "start"
    assert "approve" in hall.verbs(no)


def test_two_workers_run_an_outbox_item_once(hall: Hall) -> None:
    ran: list[int] = []
    with hall.sessions() as session:
        outbox.put(session, "tests.race", {}, key="race", now=hall.clock())
        session.commit()
        (item,) = outbox.due(session, hall.clock())
    outbox._handlers["tests.race"] = lambda job: ran.append(job.attempt)
    run = lambda rt: outbox.run_one(hall.sessions, item, clock=hall.clock)  # noqa: E731
    assert sorted(hall.together(run, run, run)) == [False, False, True]
    assert ran == [1]


def test_the_same_diagram_deployed_by_several_processes_is_one_version(empty_hall: Hall) -> None:
    content = diagrams.two_reviews()

    def deploy(rt: Runtime) -> Deployed:
        return engine.deploy(rt, "two_reviews", {"two_reviews.bpmn": content})

    results = empty_hall.together(*[deploy] * 4)
    assert {getattr(each, "version", each) for each in results} == {1}
    assert len(empty_hall.picture()["hall_definition"]) == 1


def test_two_processes_deciding_twenty_requests_decide_each_once(hall: Hall) -> None:
    hall.deploy(diagrams.one_review(), "one_review")
    numbers = [hall.file(key="one_review") for _ in range(20)]
    url = hall.database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.engine.processes", "decide", url]
    children = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for child in children:  # both have imported everything and wait for the gun
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    won = [json.loads(child.communicate(timeout=60)[0]) for child in children]
    assert sorted(won[0] + won[1]) == sorted(hall_tasks(hall, numbers)), won
    for no in numbers:
        assert hall.verbs(no) == ["start", "approve"]


def hall_tasks(hall: Hall, numbers: list[str]) -> list[int]:
    rows = hall.picture()["hall_task"]
    return [row.id for row in rows if row.decision == "approve"]
