"""Timers: requests whose clock has run out, found by an index and advanced one by one.

A timer that fails is tried again later, further and further apart; the request itself stays
workable.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import cases, events, history
from engine.database import transaction
from engine.models import Instance
from engine.runtime import SYSTEM, Runtime

BACKOFF_SECONDS = (60, 300, 1800, 7200, 43200)
_log = logging.getLogger("hall.timers")


def due(session: Session, now: datetime, limit: int = 100) -> list[int]:
    """Ids of requests with a timer that should have fired by `now`, oldest first."""
    query = select(Instance.id).where(Instance.next_timer_at <= now)
    return list(session.scalars(query.order_by(Instance.next_timer_at).limit(limit)))


def fire(rt: Runtime, instance_id: int) -> bool:
    """Advance one request past its due timers; False when there was nothing to do or it failed."""
    try:
        return _fire(rt, instance_id)
    except Exception:
        _log.exception("timer of request %s failed", instance_id)
        _postpone(rt, instance_id)
        return False


def _fire(rt: Runtime, instance_id: int) -> bool:
    with transaction(rt.session) as session:
        # locked before it is read: a second worker must see that the first has fired it
        timer = select(Instance.next_timer_at).where(Instance.id == instance_id)
        due_at = session.scalar(timer.with_for_update())
        if due_at is None or due_at > rt.clock():
            return False
        case = cases.load(rt, case_id=instance_id)
        workflow = cases.unpack(rt, case)
        workflow.script_engine.ringing = True
        workflow.refresh_timers()
        workflow.script_engine.ringing = False
        cases.advance(case)
        case.timer_failures = 0
        case.revision += 1
        history.append(rt, case, SYSTEM, "timer")
        cases.save(rt, case)
        if not case.running:
            events.emit(events.Event(case.status, rt, case, SYSTEM))
        return True


def _postpone(rt: Runtime, instance_id: int) -> None:
    with transaction(rt.session) as session:
        count = select(Instance.timer_failures).where(
            Instance.id == instance_id, Instance.next_timer_at.is_not(None)
        )
        failures = session.scalar(count.with_for_update())
        if failures is None:  # gone, or ended in the meantime
            return
        wait = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)]
        session.execute(
            update(Instance)
            .where(Instance.id == instance_id)
            .values(timer_failures=failures + 1, next_timer_at=rt.clock() + timedelta(seconds=wait))
        )
