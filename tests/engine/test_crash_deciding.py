"""Filing, deciding, going back and ending, killed at every statement: all of it or nothing."""

from __future__ import annotations

from typing import Any

import pytest

import engine
from tests.builders import diagrams
from tests.engine.crashing import Deed, Trial, Trials, survives
from tests.engine.hall import (
    APPLICANT,
    KEEPER,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    Hall,
    filing,
)

trials = Trials()


@pytest.mark.parametrize("trial", trials, ids=str)
def test_a_decision_killed_anywhere_has_happened_or_not(hall: Hall, trial: Trial) -> None:
    survives(hall, trial)


@trials
def start(hall: Hall) -> Deed:
    return lambda: engine.start(hall.rt, APPLICANT, "two_reviews", **filing(token="t1"))


@trials
def start_many(hall: Hall) -> Deed:
    hall.deploy(diagrams.one_review(), "one_review")
    filings = [engine.Filing(**filing(token=f"t{n}")) for n in range(3)]
    return lambda: engine.start_many(hall.rt, APPLICANT, "one_review", filings)


@trials
def start_of_a_diagram_that_needs_nobody(hall: Hall) -> Deed:
    """The operation and what it owes belong to the filing."""
    steps = (diagrams.start(), diagrams.form("fill"), diagrams.service("apply", "tests/apply"))
    way = diagrams.flows("start", "fill", "apply", "end")
    lanes = diagrams.lane(diagrams.OPERATOR, "fill")
    hall.deploy(diagrams.process("filed", *steps, diagrams.end(), way, lanes=lanes), "filed")
    return lambda: engine.start(hall.rt, APPLICANT, "filed", **filing(token="t1"))


@trials
def submit(hall: Hall) -> Deed:
    no = hall.file()
    hall.send_back(no, REVIEWER)
    task = hall.task(no)
    data: dict[str, Any] = {"values": {"pay_day": "21"}}
    return lambda: engine.submit(hall.rt, APPLICANT, task, data=data, summary="改好了")


@trials
def approve(hall: Hall) -> Deed:
    task = hall.task(hall.file())
    return lambda: engine.approve(hall.rt, REVIEWER, task, opinion="同意")


@trials
def approve_with_an_operation_behind_it(hall: Hall) -> Deed:
    task = at_second(hall)
    return lambda: engine.approve(hall.rt, SECONDER, task, opinion="同意")


@trials
def approve_with_a_broken_operation_behind_it(hall: Hall) -> Deed:
    """Tried, rolled back, and decided again in front of the incident."""

    def broken(call: Any) -> None:
        raise KeyError("no such account")

    task = at_second(hall)
    hall.desk.when["apply"] = broken
    return lambda: engine.approve(hall.rt, SECONDER, task)


@trials
def approve_where_branches_join(hall: Hall) -> Deed:
    hall.deploy(diagrams.two_branches(), "branches")
    no = hall.file(key="branches")
    left, right = hall.tasks(no)
    engine.approve(hall.rt, REVIEWER, left.id)
    engine.approve(hall.rt, SECONDER, hall.tasks(no)[1].id)
    return lambda: engine.approve(hall.rt, REVIEWER_2, right.id)


@trials.of(commits=2, modulo={"state"})
def approve_many(hall: Hall) -> Deed:
    hall.deploy(batch_review(), "batch")
    tasks = [hall.task(hall.file(key="batch")) for _ in range(2)]
    return lambda: engine.approve_many(hall.rt, REVIEWER, tasks)


@trials
def refuse(hall: Hall) -> Deed:
    task = hall.task(hall.file())
    return lambda: engine.refuse(hall.rt, REVIEWER, task, opinion="不符")


@trials
def return_to_the_form(hall: Hall) -> Deed:
    task = at_second(hall)
    return lambda: engine.return_to(hall.rt, SECONDER, task, node="fill", opinion="缺章")


@trials
def return_to_a_review(hall: Hall) -> Deed:
    task = at_second(hall)
    return lambda: engine.return_to(hall.rt, SECONDER, task, node="review1", opinion="再看看")


@trials
def return_straight(hall: Hall) -> Deed:
    task = at_second(hall)
    how: dict[str, Any] = {"node": "fill", "opinion": "缺章", "straight": True}
    return lambda: engine.return_to(hall.rt, SECONDER, task, **how)


@trials
def submit_straight_back(hall: Hall) -> Deed:
    no = returned_straight(hall)
    fix = hall.task(no)
    return lambda: engine.submit(hall.rt, APPLICANT, fix, data={"late": 1}, summary="改好了")


@trials
def take_back_a_decision(hall: Hall) -> Deed:
    no = hall.file()
    hall.approve(no, REVIEWER)
    engine.claim(hall.rt, SECONDER, hall.task(no))
    return lambda: engine.take_back(hall.rt, REVIEWER, no, reason="看错了")


@trials
def take_back_a_return(hall: Hall) -> Deed:
    no = hall.file()
    hall.send_back(no, REVIEWER)
    return lambda: engine.take_back(hall.rt, REVIEWER, no)


@trials
def take_back_a_straight_return(hall: Hall) -> Deed:
    no = returned_straight(hall)
    return lambda: engine.take_back(hall.rt, SECONDER, no)


@trials
def withdraw(hall: Hall) -> Deed:
    no = hall.file()
    return lambda: engine.withdraw(hall.rt, APPLICANT, no, reason="填错了")


@trials
def end(hall: Hall) -> Deed:
    no = hall.file()
    hall.send_back(no, REVIEWER)
    return lambda: engine.end(hall.rt, APPLICANT, no)


@trials
def terminate(hall: Hall) -> Deed:
    no = hall.file()
    return lambda: engine.terminate(hall.rt, KEEPER, no, reason="重复")


def at_second(hall: Hall) -> int:
    """The step of a request whose approval runs an operation."""
    no = hall.file()
    hall.approve(no, REVIEWER)
    return hall.task(no)


def returned_straight(hall: Hall) -> str:
    no = hall.file()
    hall.approve(no, REVIEWER)
    hall.send_back(no, SECONDER, straight=True)
    return no


def batch_review() -> bytes:
    return diagrams.process(
        "batch",
        diagrams.start(),
        diagrams.form("fill"),
        diagrams.user("review", "审核", verbs="approve,return", batch="true"),
        diagrams.end(),
        diagrams.flows("start", "fill", "review", "end"),
        lanes=diagrams.lane(diagrams.OPERATOR, "fill") + diagrams.lane(diagrams.FIRST, "review"),
    )
