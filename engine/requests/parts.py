"""Rows below a step: opening them, holding what waits for them, letting it go on.

A row is *held* while it waits: a step for the rows below it, a row for its turn among its
neighbours, people added after a decision for that decision.  Of the rows below one row those with
the lowest `position` are open; parallel ones share a position, those in turn count up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, insert, or_, select, update

from engine.errors import Conflict, Problem
from engine.models import NEVER, OPEN_STATES, Task
from engine.requests import cases
from engine.requests.cases import Case, OpenTask
from engine.requests.rules_review import NAMED
from engine.runtime import Actor, Runtime

_TASK = cast(Table, Task.__table__)
_INSERT = insert(_TASK).inline()
_CHANGE = update(_TASK).where(_TASK.c.id == bindparam("this"), _TASK.c.status.in_(OPEN_STATES))
NAMES = {
    "step": "办理",
    "vote": "会签",
    "before": "前加签",
    "after": "后加签",
    "ask": "委派",
    "fix": "更正",
}


@dataclass(frozen=True, slots=True)
class Seat:
    """Whom a new row is for: one person, or a post when `person` is None."""

    person: str | None = None
    name: str | None = None
    role: str = ""
    domain: str = NAMED
    note: str | None = None

    @classmethod
    def of(cls, person: Actor) -> Seat:
        return cls(person.id, person.name)


@dataclass(frozen=True, slots=True)
class Adding:
    """What rows are added for: which part, who asked, what for, and when they open."""

    part: str
    seats: tuple[Seat, ...]
    by: Actor | None = None
    note: str = ""
    in_turn: bool = False
    waits: bool = False  # for the row above to be decided


@dataclass(frozen=True, slots=True)
class Part:
    """One row of the co-sign tree, finished ones included; a step is its root."""

    id: int
    parent_id: int | None
    part: str  # step | vote | before | after | ask | fix
    part_name: str
    person_name: str  # a post in brackets while nobody has taken its row
    for_name: str | None  # the principal, when a substitute has decided
    status: str  # open | held | done | cancelled
    decision: str | None
    opinion: str | None
    at: datetime | None  # when it was decided
    note: str | None  # what was asked
    position: int
    node: str
    node_name: str
    asked_by_name: str | None


def add(rt: Runtime, case: Case, above: OpenTask, adding: Adding) -> None:
    """Insert one row per seat below `above`; the caller holds what has to wait."""
    live = [row.position for row in children(case, above) if row.part == adding.part]
    first = max(live, default=0) + 1
    for number, seat in enumerate(adding.seats):
        position = first + number if adding.in_turn else first
        waits = adding.waits or position > first
        rt.session.execute(
            _INSERT,
            {
                **_of_step(case, above),
                "created_at": rt.clock(),
                "parent_id": above.id,
                "part": adding.part,
                "position": position,
                "status": "held" if waits else "open",
                "role": seat.role,
                "domain": seat.domain,
                "assignee": seat.person,
                "assignee_name": seat.name,
                "asked_by": adding.by.id if adding.by else None,
                "asked_by_name": adding.by.name if adding.by else None,
                "note": adding.note or seat.note,
                "batch": above.batch and adding.part == "vote",
            },
        )


def _of_step(case: Case, above: OpenTask) -> dict[str, Any]:
    return {
        "instance_id": case.id,
        "spiff_id": above.spiff_id,
        "visit": 1,  # rows below a step are never counted: its own row is
        "node": above.node,
        "node_name": above.node_name,
        "kind": "review",
        "form": None,
        "due_at": above.due_at,
        "order_at": above.due_at or NEVER,
        "key": case.key,
        "starter_id": case.starter_id,
    }


def change(rt: Runtime, case: Case, task: OpenTask, **values: Any) -> None:
    """Update one undecided row and read the rows of the request again."""
    result = rt.session.execute(_CHANGE, {"this": task.id, **values})
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(Problem("task.decided", "该步骤刚刚由他人办理，页面已更新。"))
    case.open = cases.open_rows(rt, case.id)


def cancel(rt: Runtime, case: Case, rows: Iterable[OpenTask]) -> None:
    """Close rows that nobody needs any more, with everything below them."""
    doomed = {row.id for row in rows}
    for row in case.open:  # in the order of their ids: a parent comes before its children
        if row.parent_id in doomed:
            doomed.add(row.id)
    if not doomed:
        return
    rt.session.execute(
        update(_TASK)
        .where(_TASK.c.id.in_(doomed), _TASK.c.status.in_(OPEN_STATES))
        .values(status="cancelled", completed_at=rt.clock())
    )
    case.open = [row for row in case.open if row.id not in doomed]


def children(case: Case, above: OpenTask) -> list[OpenTask]:
    """The undecided rows directly below a row."""
    return [row for row in case.open if row.parent_id == above.id]


def open_next(rt: Runtime, case: Case, waiting: list[OpenTask]) -> None:
    """Open those whose turn it is; a row that waits for rows of its own goes on waiting."""
    turn = min(row.position for row in waiting)
    for row in waiting:
        if row.position == turn and row.status == "held" and not children(case, row):
            change(rt, case, row, status="open")


def find(case: Case, task_id: int | None) -> OpenTask:
    """The undecided row with this id; it must be there."""
    return next(row for row in case.open if row.id == task_id)


def tree(rt: Runtime, case_id: int) -> list[Part]:
    """Every row below a step and the steps they belong to, oldest first; empty for most."""
    here = _TASK.c.instance_id == case_id
    roots = select(_TASK.c.parent_id).where(here, _TASK.c.parent_id.is_not(None))
    query = select(Task).where(here, or_(_TASK.c.parent_id.is_not(None), _TASK.c.id.in_(roots)))
    rows = rt.session.scalars(query.order_by(_TASK.c.id).execution_options(populate_existing=True))
    return [_part(row) for row in rows]


def _part(row: Task) -> Part:
    return Part(
        id=row.id,
        parent_id=row.parent_id,
        part=row.part,
        part_name=NAMES[row.part],
        person_name=row.completed_by_name or row.assignee_name or f"（{row.role}）",
        for_name=row.completed_for_name,
        status=row.status,
        decision=row.decision,
        opinion=row.opinion,
        at=row.completed_at,
        note=row.note,
        position=row.position,
        node=row.node,
        node_name=row.node_name,
        asked_by_name=row.asked_by_name,
    )
