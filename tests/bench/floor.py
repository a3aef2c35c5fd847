"""The floor: what one approval must say to the database, as straight code without an engine.

The same statements with the same bytes through the same layer (SQLAlchemy Core on a session), built
once and not at every step, because that is how anybody would write it by hand.  Rows are fetched
and row counts looked at.  `recording.difference` proves before every run that this is still what
the engine says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from engine.models import OPEN_STATES, Effect, History, Instance, OutboxItem, Task
from tests.bench import filings
from tests.bench.filings import EFFECT, NOW, REVIEWER, UNIT

Values = dict[str, Any]
INSTANCE = cast(Table, Instance.__table__)
TASK = cast(Table, Task.__table__)
HISTORY = cast(Table, History.__table__)
EFFECTS = cast(Table, Effect.__table__)
OUTBOX = cast(Table, OutboxItem.__table__)

LOCKED = """
    id no definition_id key name status label path progress deciders summary scope scope_name branch
    starter_id starter_name in_flight revision state started_at due_at ended_at next_timer_at
    timer_failures chain waits incidents"""
OPEN = """
    id parent_id part position status spiff_id node node_name kind form role domain assignee
    assignee_name asked_by asked_by_name note batch created_at due_at decision completed_by
    completed_for"""
SAVED = """
    status label path progress deciders summary revision state updated_at ended_at in_flight
    next_timer_at timer_failures chain waits incidents"""
OWED = "key kind payload instance_id created_at due_at attempts"
OPENED = """
    instance_id spiff_id node node_name kind form role domain status assignee assignee_name
    created_at due_at order_at part position key starter_id batch"""
HAPPENED = """
    instance_id seq at actor_id actor_name actor_title verb node node_name opinion detail seal"""
TAKEN = "key operation result at"

_whose = select(TASK.c.instance_id).where(TASK.c.id == bindparam("task")).scalar_subquery()
LOCK = (
    select(*(INSTANCE.c[name] for name in LOCKED.split()))
    .where(INSTANCE.c.id == _whose)
    .with_for_update(of=INSTANCE)
)
FIND_OPEN = (
    select(*(TASK.c[name] for name in OPEN.split()))
    .where(TASK.c.instance_id == bindparam("request"), TASK.c.status.in_(OPEN_STATES))
    .order_by(TASK.c.id)
)
CLOSE = update(TASK).where(TASK.c.id == bindparam("task"), TASK.c.status.in_(OPEN_STATES))
DONE_BEFORE = select(EFFECTS.c.result).where(EFFECTS.c.key == bindparam("once"))
OWE = {
    "sqlite": sqlite.insert(OUTBOX).on_conflict_do_nothing(index_elements=["key"]).inline(),
    "postgresql": postgresql.insert(OUTBOX).on_conflict_do_nothing(index_elements=["key"]).inline(),
}
KEEP_EFFECT = insert(EFFECTS).inline()
APPEND = insert(HISTORY).inline()
_visit = (
    select(1 + func.count())
    .where(
        TASK.c.instance_id == bindparam("request"),
        TASK.c.spiff_id == bindparam("token"),
        TASK.c.parent_id.is_(None),
    )
    .scalar_subquery()
)
OPEN_NEXT = insert(TASK).values(visit=_visit).inline()
SAVE = update(INSTANCE).where(
    INSTANCE.c.id == bindparam("request"), INSTANCE.c.revision == bindparam("before")
)


@dataclass(frozen=True, slots=True)
class Model:
    """The rows a real step has left behind: the floor writes as many bytes for other requests."""

    instance: Values
    task: Values  # the opened one
    history: Values
    effect: Values
    outbox: Values


def model_of(session: Session, task_id: int) -> Model:
    """Read back what the engine wrote when it approved this task."""
    request = session.scalar(select(TASK.c.instance_id).where(TASK.c.id == task_id))

    def last(table: Table, names: str, *which: Any) -> Values:
        columns = [table.c[name] for name in names.split()]
        found = select(*columns).where(*which).order_by(table.c.id.desc()).limit(1)
        return dict(session.execute(found).one()._mapping)

    found = Model(
        last(INSTANCE, SAVED, INSTANCE.c.id == request),
        last(TASK, OPENED, TASK.c.instance_id == request, TASK.c.status == "open"),
        last(HISTORY, HAPPENED, HISTORY.c.instance_id == request),
        last(EFFECTS, TAKEN),
        last(OUTBOX, OWED, OUTBOX.c.instance_id == request),
    )
    session.rollback()
    return found


class Floor:
    """Approves one task after the other; what the rows are about is taken from the model."""

    def __init__(self, session: Session, model: Model) -> None:
        self._session = session
        self._model = model
        self._owe = OWE[session.get_bind().dialect.name]
        self._close = {
            "status": "done",
            "assignee": REVIEWER.id,
            "assignee_name": REVIEWER.name,
            "completed_at": NOW,
            "completed_by": REVIEWER.id,
            "completed_by_name": REVIEWER.name,
            "completed_for": None,
            "completed_for_name": None,
            "decision": "approve",
            "opinion": filings.OPINION,
        }

    def approve(self, task_id: int) -> None:
        session, model = self._session, self._model
        session.connection(execution_options={"hall_write": True})
        row = session.execute(LOCK, {"task": task_id}).one()
        (step,) = session.execute(FIND_OPEN, {"request": row.id}).all()
        _one(session.execute(CLOSE, {**self._close, "task": step.id}))
        self._take_effect(row, step.spiff_id)
        revision = row.revision + 1
        session.execute(APPEND, {**model.history, "instance_id": row.id, "seq": revision})
        token = model.task["spiff_id"]
        opened = {**model.task, "instance_id": row.id, "request": row.id, "token": token}
        session.execute(OPEN_NEXT, opened)
        saved = {**model.instance, "request": row.id, "before": row.revision, "revision": revision}
        _one(session.execute(SAVE, saved))
        session.commit()

    def _take_effect(self, row: Any, token: str) -> None:
        session, model = self._session, self._model
        key = f"{row.id}:record:{token}"
        assert session.execute(DONE_BEFORE, {"once": key}).one_or_none() is None
        _one(session.execute(EFFECT, {"unit": UNIT, "address": filings.ADDRESS}))
        payload = {"no": row.no}
        owed = {**model.outbox, "instance_id": row.id, "key": f"bench:{key}", "payload": payload}
        session.execute(self._owe, owed)
        session.execute(KEEP_EFFECT, {**model.effect, "key": key})


def _one(result: Any) -> None:
    assert result.rowcount == 1, "decided by somebody else"
