"""What tests of several people under one step do again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import engine
from engine import Actor
from engine.models import Task
from tests.builders import diagrams
from tests.engine.hall import APPLICANT, BOTH, REVIEWER, REVIEWER_2, Hall

VOTERS = f"users:{REVIEWER.id},{REVIEWER_2.id},{BOTH.id}"


def add(hall: Hall, no: str, *people: Actor, when: str = "before", **how: Any) -> engine.Outcome:
    who = how.pop("by", REVIEWER)
    ids = [each.id for each in people]
    return engine.add_sign(hall.rt, who, hall.task(no), people=ids, when=when, **how)


def rows(hall: Hall, no: str) -> dict[str | None, Task]:
    """The rows people can work on now, by the person they lie with."""
    return {row.assignee: row for row in hall.tasks(no)}


def say(hall: Hall, no: str, who: Actor, verb: str = "approve", **more: Any) -> engine.Outcome:
    """Decide the row that lies with this person."""
    decide: Callable[..., engine.Outcome] = getattr(engine, verb)
    said = {"opinion": f"{who.name}看过"} | more
    hall.clock.advance(minutes=1)
    return decide(hall.rt, who, rows(hall, no)[who.id].id, **said)


def joint(hall: Hall, sign: str, signers: str = VOTERS, **props: object) -> str:
    """A request standing at a vote."""
    hall.deploy(diagrams.joint_review(sign=sign, signers=signers, **props), "joint_review")
    return hall.file(key="joint_review")


def data(hall: Hall, no: str) -> dict[str, Any]:
    return engine.view(hall.rt, APPLICANT, no).data


def parts(hall: Hall, no: str) -> list[tuple[str, str, str, str | None]]:
    """(part, person, status, decision) of the whole tree."""
    tree = engine.view(hall.rt, REVIEWER, no).parts
    return [(each.part, each.person_name, each.status, each.decision) for each in tree]
