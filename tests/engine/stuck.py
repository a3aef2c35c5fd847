"""A request that stands still before a failed step, and how a test looks at its incident."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from engine.boxes import incident_desk as desk
from engine.boxes.incident_desk import IncidentRow
from engine.models import History, Instance
from engine.operations import Call
from tests.builders import diagrams
from tests.builders.diagrams import FIRST, OPERATOR, flows, gateway
from tests.engine.hall import (
    KEEPER_2,
    REVIEWER,
    SECONDER,
    Hall,
)


def broken(call: Call) -> None:
    raise KeyError("no such account")


def stuck(hall: Hall, **filed: Any) -> str:
    """A request whose operation fails after the last approval."""
    no = hall.file(**filed)
    hall.approve(no, REVIEWER)
    hall.desk.when["apply"] = broken
    hall.approve(no, SECONDER, opinion="同意")
    return no


def mend(hall: Hall) -> None:
    hall.desk.when.pop("apply", None)


def open_ones(hall: Hall) -> list[IncidentRow]:
    hall.rt.session.rollback()
    return desk.page(hall.rt, KEEPER_2).rows


def the_one(hall: Hall) -> IncidentRow:
    (row,) = open_ones(hall)
    return row


def last(hall: Hall, no: str) -> History:
    with hall.sessions() as session:
        query = select(History).join(Instance).where(Instance.no == no)
        return session.scalars(query.order_by(History.seq.desc()).limit(1)).one()


def two_branches(operation: str = "") -> bytes:
    """A fork: an operation beside a review (or beside a second operation)."""
    review = diagrams.user("review", "审核", verbs="approve,return")
    other = diagrams.service("other", operation) if operation else review
    name = "other" if operation else "review"
    return diagrams.process(
        "forked",
        diagrams.start(),
        diagrams.form("fill"),
        gateway("fork", kind="parallel"),
        diagrams.service("apply", "tests/apply"),
        other,
        gateway("join", kind="parallel"),
        diagrams.end(),
        flows("start", "fill", "fork", "apply", "join", "end"),
        flows("fork", name, "join"),
        lanes=diagrams.lane(OPERATOR, "fill") + diagrams.lane(FIRST, "apply", name),
    )


def scripted(text: str) -> bytes:
    return diagrams.one_review(
        "scripted",
        between=diagrams.script("sum", text),
        way=flows("review", "sum", "end"),
    )
