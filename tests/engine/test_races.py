"""Several people at once: one wins, the others are told, nothing waits for ever."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

import engine
from engine import Actor, Runtime, audit, errors
from engine.diagrams.definitions import Deployed
from engine.models import Task
from engine.owed import outbox
from engine.verbs import timers
from tests.builders import diagrams
from tests.builders.diagrams import SECOND
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    COLLEAGUE,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    SECONDER_2,
    Hall,
    filing,
)
from tests.engine.killing import raced

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


# ── eight processes, two hundred requests ──────────────────────────────────────────────────────


PROCESSES, REQUESTS = 8, 200
FIRSTS, SECONDS = (REVIEWER, REVIEWER_2, BOTH), (SECONDER, SECONDER_2)
DECIDING = ("approve", "refuse", "return", "vote")


@dataclass
class Runner:
    """One of the processes: it meets the requests in an order of its own and tries something."""

    hall: Hall
    numbers: list[str]
    luck: random.Random
    tally: Counter[str] = field(default_factory=Counter)

    def run(self) -> dict[str, int]:
        self.hall.database.dispose(close=False)
        for no in self.luck.sample(self.numbers, len(self.numbers)):
            self.attempt(no, self.luck.choice(self.deeds()))
        for no in self.numbers:  # and whatever is left
            self.attempt(no, self.decide)
        return self.tally

    def attempt(self, no: str, deed: Callable[[str, Task, Actor], Any]) -> None:
        rows = self.hall.tasks(no)
        if not rows:
            return
        row = self.luck.choice(rows)
        who = self.luck.choice(SECONDS if row.role == SECOND else FIRSTS)
        mine = [each for each in (*FIRSTS, *SECONDS) if each.id == row.assignee]
        try:
            deed(no, row, mine[0] if mine else who)
        except errors.HallError as refusal:
            self.tally[f"{deed.__name__} {type(refusal).__name__}"] += 1
        else:
            self.tally[f"{deed.__name__} won"] += 1

    def deeds(self) -> list[Callable[[str, Task, Actor], Any]]:
        return [self.decide, self.decide, self.go_back, self.take_back, self.claim, self.transfer]

    def decide(self, no: str, row: Task, who: Actor) -> None:
        if row.kind == "form":
            engine.submit(self.hall.rt, APPLICANT, row.id, data={}, summary="改好了")
        else:
            engine.approve(self.hall.rt, who, row.id)

    def go_back(self, no: str, row: Task, who: Actor) -> None:
        engine.return_to(self.hall.rt, who, row.id, node="fill", opinion="缺章")

    def take_back(self, no: str, row: Task, who: Actor) -> None:
        engine.take_back(self.hall.rt, self.luck.choice((*FIRSTS, APPLICANT)), no)

    def claim(self, no: str, row: Task, who: Actor) -> None:
        engine.claim(self.hall.rt, who, row.id)

    def transfer(self, no: str, row: Task, who: Actor) -> None:
        to = self.luck.choice(FIRSTS).id
        engine.transfer(self.hall.rt, who, row.id, to=to, reason="出差")


def test_eight_processes_on_the_same_requests_decide_each_step_once(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(diagrams.two_reviews(in_flight=None))
    voters = f"users:{','.join(who.id for who in FIRSTS)}"
    hall.deploy(diagrams.joint_review(sign="all", signers=voters), "joint_review")
    numbers = []
    for key in ("two_reviews", "joint_review"):
        filings = [engine.Filing(**filing()) for _ in range(REQUESTS // 2)]
        numbers += [filed.no for filed in engine.start_many(hall.rt, APPLICANT, key, filings)]
    first = {row.id for row in hall.picture()["hall_task"] if row.status in ("open", "held")}
    hall.rt.session.close()
    hall.database.dispose()
    runners = [Runner(hall, numbers, random.Random(n)) for n in range(PROCESSES)]
    tally = sum((Counter(said) for said in raced([one.run for one in runners])), Counter[str]())

    picture = hall.picture()
    assert audit.verify(hall.rt).faults == ()
    assert {row.status for row in picture["hall_task"] if row.id in first} == {"done"}, "progress"
    decided, told = Counter[int](), Counter[int]()
    for row in picture["hall_task"]:
        if row.decision in DECIDING and not (row.node == "joint" and row.part == "step"):
            decided[row.instance_id] += 1
    for row in picture["hall_history"]:
        told[row.instance_id] += row.verb in DECIDING
    assert decided == told, "a step is decided once, and every decision is in the history"
    assert min(tally[f"{verb} won"] for verb in ("decide", "go_back", "claim", "transfer")) > 5
    assert tally["take_back won"] > 0, tally
    assert tally["decide Conflict"] + tally["claim Conflict"] > 0, "nobody was in anybody's way"
    assert tally.total() > PROCESSES * REQUESTS / 4, "they tried"
    for no in numbers:
        assert hall.case(no).ended_at is not None or hall.where(no), f"{no} is stuck"
