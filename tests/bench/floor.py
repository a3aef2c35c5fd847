"""The floor: what one approval must say to the database, as straight code without an engine.

The same statements with the same bytes through the same layer (SQLAlchemy Core on a session), built
once and not at every step, because that is how anybody would write it by hand.  Rows are fetched
and row counts looked at.  `recording.difference` proves before every run that this is still what
the engine says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Row, Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from engine.models import Effect, History, Instance, OutboxItem, Task
from tests.bench import filings
from tests.bench.filings import EFFECT, NOW, REVIEWER, UNIT

_INSTANCE = cast(Table, Instance.__table__)
_TASK = cast(Table, Task.__table__)
_HISTORY = cast(Table, History.__table__)
_EFFECT = cast(Table, Effect.__table__)
_OUTBOX = cast(Table, OutboxItem.__table__)


def _columns(table: Table, *without: str) -> list[Any]:
    return [column for column in table.c if column.name not in without]


def _open_columns() -> list[Any]:
    names = "id spiff_id node node_name kind form role domain assignee assignee_name created_at due_at"
    return [_TASK.c[name] for name in names.split()]


WHOSE = select(_TASK.c.instance_id).where(_TASK.c.id == bindparam("task"))
LOCK = (
    select(*_columns(_INSTANCE, "token", "updated_at"))
    .where(_INSTANCE.c.id == bindparam("case"))
    .with_for_update()
)
OPEN = (
    select(*_open_columns())
    .where(_TASK.c.instance_id == bindparam("case"), _TASK.c.status == "open")
    .order_by(_TASK.c.id)
)
CLOSE = (
    update(_TASK)
    .where(_TASK.c.id == bindparam("task"), _TASK.c.status == "open")
    .values(
        status="done",
        **{
            name: bindparam(name)
            for name in (
                "assignee",
                "assignee_name",
                "completed_at",
                "completed_by",
                "completed_by_name",
                "decision",
                "opinion",
            )
        },
    )
)
DONE_BEFORE = select(_EFFECT).where(_EFFECT.c.key == bindparam("once"))
OWED = select(_OUTBOX.c.id).where(_OUTBOX.c.key == bindparam("once"))
VISITS = select(_TASK.c.id).where(
    _TASK.c.instance_id == bindparam("case"), _TASK.c.spiff_id == bindparam("token")
)
SAVE = (
    update(_INSTANCE)
    .where(_INSTANCE.c.id == bindparam("case"), _INSTANCE.c.revision == bindparam("before"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "status",
                "label",
                "path",
                "progress",
                "deciders",
                "summary",
                "revision",
                "state",
                "updated_at",
                "ended_at",
                "in_flight",
                "next_timer_at",
                "timer_failures",
            )
        }
    )
)


@dataclass(frozen=True, slots=True)
class Written:
    """The rows a real step has left behind: the floor writes the same again for other requests."""

    instance: dict[str, Any]
    task: dict[str, Any]  # the opened one
    history: dict[str, Any]
    effect: dict[str, Any]
    outbox: dict[str, Any]


def written(session: Session, task_id: int) -> Written:
    """Read back what the engine wrote when it approved this task."""
    case = session.execute(WHOSE, {"task": task_id}).scalar_one()

    def last(table: Table, *which: Any) -> dict[str, Any]:
        row: Row[Any] = session.execute(
            select(table).where(*which).order_by(table.c.id.desc()).limit(1)
        ).one()
        return dict(row._mapping)

    found = Written(
        last(_INSTANCE, _INSTANCE.c.id == case),
        last(_TASK, _TASK.c.instance_id == case, _TASK.c.status == "open"),
        last(_HISTORY, _HISTORY.c.instance_id == case),
        last(_EFFECT),
        last(_OUTBOX, _OUTBOX.c.instance_id == case),
    )
    session.rollback()
    return found


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


class Floor:
    """One approval after the other; everything that can be known beforehand is."""

    def __init__(self, session: Session, model: Written) -> None:
        self._session = session
        self._close = {
            "assignee": REVIEWER.id,
            "assignee_name": REVIEWER.name,
            "completed_at": NOW,
            "completed_by": REVIEWER.id,
            "completed_by_name": REVIEWER.name,
            "decision": "approve",
            "opinion": filings.OPINION,
        }
        self._unit = {"unit": UNIT, "address": filings.ADDRESS}
        self._save = {
            name: value for name, value in model.instance.items() if name in SAVE.compile().params
        }
        self._task = _without(model.task, *_IDLE_TASK, "id")
        self._history = _without(model.history, "id")
        self._effect = _without(model.effect, "id")
        self._outbox = _without(model.outbox, *_IDLE_OUTBOX, "id")

    def approve(self, task_id: int) -> None:
        session = self._session
        session.connection(execution_options={"hall_write": True})
        case = session.execute(WHOSE, {"task": task_id}).scalar_one()
        row = session.execute(LOCK, {"case": case}).one()
        (mine,) = session.execute(OPEN, {"case": case}).all()
        self._owe(session, case, row.no, mine.spiff_id)
        if session.execute(CLOSE, {**self._close, "task": task_id}).rowcount != 1:  # type: ignore[attr-defined]
            raise AssertionError("decided by somebody else")
        revision = row.revision + 1
        session.execute(insert(_HISTORY), {**self._history, "instance_id": case, "seq": revision})
        session.commit()
