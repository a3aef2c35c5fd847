"""What several people do to one step, killed at every statement: all of it or nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import engine
from engine.verbs import substitutes
from tests.builders import diagrams
from tests.engine.crashing import Deed, Trial, Trials, survives
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    EVERYWHERE,
    KEEPER,
    KEEPER_2,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    Hall,
    standing_in,
)
from tests.engine.team import add, joint, rows, say

trials = Trials()


@pytest.mark.parametrize("trial", trials, ids=str)
def test_what_people_do_together_killed_anywhere_has_happened_or_not(
    hall: Hall, trial: Trial
) -> None:
    survives(hall, trial)


# ── in whose hands ─────────────────────────────────────────────────────────────────────────────


@trials
def claim(hall: Hall) -> Deed:
    task = hall.task(hall.file())
    return lambda: engine.claim(hall.rt, REVIEWER, task)


@trials
def release(hall: Hall) -> Deed:
    task = claimed(hall)
    return lambda: engine.release(hall.rt, REVIEWER, task)


@trials
def transfer(hall: Hall) -> Deed:
    task = claimed(hall)
    return lambda: engine.transfer(hall.rt, REVIEWER, task, to=REVIEWER_2.id, reason="出差")


@trials
def approve_in_anothers_name(hall: Hall) -> Deed:
    task = claimed(hall)
    deputy = standing_in(EVERYWHERE, REVIEWER)
    return lambda: engine.approve(hall.rt, deputy, task, opinion="代为同意")


@trials.of(commits=3, modulo={"hall_message"})
def handover_of_two_steps(hall: Hall) -> Deed:
    """Each step its own transaction, and then the message about them: who does the rest after a
    crash tells of the rest, the others lie in the heir's inbox all the same."""
    hall.deploy(diagrams.one_review(), "one_review")
    for _ in range(2):
        engine.claim(hall.rt, REVIEWER, hall.task(hall.file(key="one_review")))
    who: dict[str, Any] = {"leaving": REVIEWER.id, "to": REVIEWER_2.id, "reason": "离职"}
    return lambda: engine.handover(hall.rt, KEEPER_2, **who)


@trials
def appoint_a_substitute(hall: Hall) -> Deed:
    order = appointment(hall)
    return lambda: substitutes.appoint(hall.rt, REVIEWER, **order)


@trials
def cancel_a_substitute(hall: Hall) -> Deed:
    made = substitutes.appoint(hall.rt, REVIEWER, **appointment(hall))
    return lambda: substitutes.cancel(hall.rt, REVIEWER, made)


# ── asked and added ────────────────────────────────────────────────────────────────────────────


@trials
def ask(hall: Hall) -> Deed:
    task = hall.task(hall.file())
    return lambda: engine.ask(hall.rt, REVIEWER, task, to=BOTH.id, question="您看呢？")


@trials
def answer(hall: Hall) -> Deed:
    no = hall.file()
    engine.ask(hall.rt, REVIEWER, hall.task(no), to=BOTH.id, question="您看呢？")
    task = hall.task(no)
    return lambda: engine.answer(hall.rt, BOTH, task, opinion="可以")


@trials
def add_sign_before(hall: Hall) -> Deed:
    task, who = hall.task(hall.file()), [REVIEWER_2.id, BOTH.id]
    return lambda: engine.add_sign(hall.rt, REVIEWER, task, people=who, when="before")


@trials
def add_sign_after(hall: Hall) -> Deed:
    task, who = hall.task(hall.file()), [REVIEWER_2.id, BOTH.id]
    how: dict[str, Any] = {"people": who, "when": "after", "in_turn": True}
    return lambda: engine.add_sign(hall.rt, REVIEWER, task, **how)


@trials
def drop_sign(hall: Hall) -> Deed:
    no = hall.file()
    add(hall, no, REVIEWER_2, BOTH)
    task = rows(hall, no)[BOTH.id].id
    return lambda: engine.drop_sign(hall.rt, REVIEWER, task, reason="不必")


@trials
def drop_the_last_sign(hall: Hall) -> Deed:
    no = hall.file()
    add(hall, no, BOTH)
    task = hall.task(no)
    return lambda: engine.drop_sign(hall.rt, REVIEWER, task, reason="不必")


@trials
def approve_before_those_who_sign_after(hall: Hall) -> Deed:
    no = hall.file()
    add(hall, no, REVIEWER_2, when="after")
    task = hall.task(no)
    return lambda: engine.approve(hall.rt, REVIEWER, task, opinion="同意")


@trials
def take_back_what_nobody_has_signed(hall: Hall) -> Deed:
    no, _ = signing(hall)
    return lambda: engine.take_back(hall.rt, REVIEWER, no)


@trials
def sign_after(hall: Hall) -> Deed:
    _, task = signing(hall)
    return lambda: engine.approve(hall.rt, REVIEWER_2, task, opinion="同意")


@trials
def object_after(hall: Hall) -> Deed:
    _, task = signing(hall)
    return lambda: engine.refuse(hall.rt, REVIEWER_2, task, opinion="不妥")


# ── votes ──────────────────────────────────────────────────────────────────────────────────────


@trials
def submit_to_a_vote(hall: Hall) -> Deed:
    no = joint(hall, "all", verbs="approve,refuse,return")
    say(hall, no, BOTH, "return_to", node="fill", opinion="缺章")
    task = hall.task(no)
    return lambda: engine.submit(hall.rt, APPLICANT, task, data={}, summary="改好了")


@trials
def vote(hall: Hall) -> Deed:
    task = rows(hall, joint(hall, "all"))[REVIEWER.id].id
    return lambda: engine.approve(hall.rt, REVIEWER, task, opinion="同意")


@trials
def vote_in_turn(hall: Hall) -> Deed:
    task = hall.task(joint(hall, "in_turn"))
    return lambda: engine.approve(hall.rt, REVIEWER, task, opinion="同意")


@trials
def the_vote_that_settles_it(hall: Hall) -> Deed:
    task = rows(hall, joint(hall, "ratio:0.6"))
    engine.approve(hall.rt, REVIEWER, task[REVIEWER.id].id)
    return lambda: engine.approve(hall.rt, BOTH, task[BOTH.id].id, opinion="同意")


@trials
def the_vote_that_refuses_it(hall: Hall) -> Deed:
    task = rows(hall, joint(hall, "all"))[REVIEWER.id].id
    return lambda: engine.refuse(hall.rt, REVIEWER, task, opinion="不妥")


# ── said about it ──────────────────────────────────────────────────────────────────────────────


@trials
def copy(hall: Hall) -> Deed:
    no = hall.file()
    people = [SECONDER.id, BOTH.id]
    return lambda: engine.copy(hall.rt, REVIEWER, no, to=people, note="请知悉")


@trials
def mark_a_copy_read(hall: Hall) -> Deed:
    no = hall.file()
    engine.copy(hall.rt, REVIEWER, no, to=[SECONDER.id])
    return lambda: engine.mark_read(hall.rt, SECONDER, no)


@trials.of(repeats=True)
def urge(hall: Hall) -> Deed:
    no = hall.file()
    return lambda: engine.urge(hall.rt, APPLICANT, no, note="请尽快")


@trials.of(repeats=True)
def comment(hall: Hall) -> Deed:
    no = hall.file()
    return lambda: engine.comment(hall.rt, KEEPER, no, text="请补一份说明")


def claimed(hall: Hall) -> int:
    task = hall.task(hall.file())
    engine.claim(hall.rt, REVIEWER, task)
    return task


def signing(hall: Hall) -> tuple[str, int]:
    """A request whose reviewer has approved; somebody signs after him."""
    no = hall.file()
    add(hall, no, REVIEWER_2, when="after")
    hall.approve(no, REVIEWER)
    return no, hall.task(no)


def appointment(hall: Hall) -> dict[str, Any]:
    return {
        "principal": REVIEWER.id,
        "substitute": REVIEWER_2.id,
        "starts_at": hall.clock(),
        "ends_at": hall.clock() + timedelta(days=3),
        "services": [],
        "reason": "休假",
    }
