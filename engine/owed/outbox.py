"""What the outside world is owed: written with the verb, done after its commit, by anybody, once.

A row is leased by moving `due_at` into the future in one UPDATE; whoever wins runs the handler with
no session open, then records the outcome.  A killed runner's lease simply runs out.  Handlers must
be harmless when run twice: a kill between the effect and its record repeats the effect.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, sessionmaker

from engine.database import transaction
from engine.models import OutboxItem
from engine.requests import incidents
from engine.runtime import Runtime

LEASE_SECONDS = 120  # longer than any handler may take
BACKOFF_SECONDS = (15, 60, 300, 1800, 7200)  # then the item has failed
TRIES_MAX = len(BACKOFF_SECONDS) + 1
_log = logging.getLogger("hall.outbox")

_TABLE = cast(Table, OutboxItem.__table__)
# Built once, Core and not ORM; the same key twice is owed once, whoever writes it first.
_OWE = {
    "postgresql": postgresql.insert(_TABLE).on_conflict_do_nothing(index_elements=["key"]).inline(),
    "sqlite": sqlite.insert(_TABLE).on_conflict_do_nothing(index_elements=["key"]).inline(),
}

SessionFactory = sessionmaker[Session]


class Retry(Exception):
    """Raised by a handler: not now.  `after` seconds, or the usual back-off; `counted=False` for a
    wait that is nobody's fault (a rate limit) and must not use up the tries."""

    def __init__(self, text: str, after: int | None = None, *, counted: bool = True) -> None:
        super().__init__(text)
        self.after = after
        self.counted = counted


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one item; `attempt` counts from 1."""

    session_factory: SessionFactory
    payload: dict[str, Any]
    attempt: int
    key: str
    clock: Callable[[], datetime]
    profile: Any = None
    runtime: Callable[[Session], Runtime] | None = None  # for handlers that act on requests

    @property
    def now(self) -> datetime:
        return self.clock()


Handler = Callable[[Job], None]
_handlers: dict[str, Handler] = {}


def handler(kind: str) -> Callable[[Handler], Handler]:
    """Register the function that performs items of this kind."""

    def register(function: Handler) -> Handler:
        assert _handlers.get(kind, function) is function, f"two handlers for {kind}"
        _handlers[kind] = function
        return function

    return register


def put(
    session: Session,
    kind: str,
    payload: dict[str, Any],
    *,
    key: str,
    now: datetime,
    not_before: datetime | None = None,
    instance_id: int | None = None,
) -> None:
    """Owe one thing; part of the caller's transaction.  The same key twice is owed once."""
    session.flush()
    session.execute(
        _OWE[session.get_bind().dialect.name],
        {
            "key": key,
            "kind": kind,
            "payload": payload,
            "instance_id": instance_id,
            "created_at": now,
            "due_at": not_before or now,
        },
    )


def due(session: Session, now: datetime, limit: int = 100) -> list[int]:
    """Ids of items that may run now, oldest first."""
    waiting = (OutboxItem.done_at.is_(None), OutboxItem.failed_at.is_(None))
    query = select(OutboxItem.id).where(*waiting, OutboxItem.due_at <= now)
    return list(session.scalars(query.order_by(OutboxItem.due_at, OutboxItem.id).limit(limit)))


def run_one(
    session_factory: SessionFactory,
    item_id: int,
    *,
    clock: Callable[[], datetime],
    profile: Any = None,
    runtime: Callable[[Session], Runtime] | None = None,
) -> bool:
    """Run one item if it is due and nobody else runs it; True when it is done."""
    leased = _lease(session_factory, item_id, clock())
    if leased is None:
        return False
    kind, key, payload, attempt = leased
    job = Job(session_factory, payload, attempt, key, clock, profile, runtime)
    try:
        if attempt > TRIES_MAX:  # each of them took its runner with it
            raise Retry("every runner died: look for an item that kills its worker")
        if kind not in _handlers:
            raise Retry(f"no handler for {kind}: is its module imported by this worker?")
        _handlers[kind](job)
    except Exception as error:  # whatever a handler does, the queue goes on
        if not isinstance(error, Retry):
            _log.exception("outbox item %s (%s) failed", item_id, kind)
        _record_wait(session_factory, item_id, error, now=clock(), attempt=attempt)
        return False
    with session_factory() as session, transaction(session):
        session.execute(
            update(OutboxItem)
            .where(OutboxItem.id == item_id)
            .values(done_at=clock(), last_error=None)
        )
    return True


def _lease(
    session_factory: SessionFactory, item_id: int, now: datetime
) -> tuple[str, str, dict[str, Any], int] | None:
    with session_factory() as session, transaction(session):
        row = session.execute(
            update(OutboxItem)
            .where(
                OutboxItem.id == item_id,
                OutboxItem.done_at.is_(None),
                OutboxItem.failed_at.is_(None),
                OutboxItem.due_at <= now,
            )
            .values(due_at=now + timedelta(seconds=LEASE_SECONDS), attempts=OutboxItem.attempts + 1)
            .returning(OutboxItem.kind, OutboxItem.key, OutboxItem.payload, OutboxItem.attempts)
        ).one_or_none()
    return None if row is None else (row[0], row[1], row[2], row[3])


def again(session: Session, item_id: int, now: datetime) -> None:
    """An item that was given up gets all its tries once more; part of the caller's transaction."""
    session.execute(
        update(OutboxItem)
        .where(OutboxItem.id == item_id, OutboxItem.done_at.is_(None))
        .values(failed_at=None, attempts=0, due_at=now)
    )


def _record_wait(
    session_factory: SessionFactory, item_id: int, error: Exception, *, now: datetime, attempt: int
) -> None:
    """When to try again; after the last try the item has failed and is an incident."""
    wait = error if isinstance(error, Retry) else Retry(f"{type(error).__name__}: {error}")
    values: dict[str, Any] = {"last_error": str(wait)[:2000]}
    if not wait.counted:
        values["attempts"] = attempt - 1
        values["due_at"] = now + timedelta(seconds=wait.after or BACKOFF_SECONDS[0])
    elif attempt >= TRIES_MAX:
        values["failed_at"] = now
    else:
        values["due_at"] = now + timedelta(seconds=wait.after or BACKOFF_SECONDS[attempt - 1])
    with session_factory() as session, transaction(session):
        # whoever took over an expired lease has counted up: what is done there stays done
        ours = (OutboxItem.done_at.is_(None), OutboxItem.attempts == attempt)
        query = update(OutboxItem).where(OutboxItem.id == item_id, *ours).values(**values)
        row = session.execute(
            query.returning(OutboxItem.kind, OutboxItem.instance_id)
        ).one_or_none()
        if row is not None and "failed_at" in values:
            incidents.record_outbox(session, (item_id, *row), error, now=now)
