"""Timers: requests whose clock has run out, found by an index and advanced one by one.

A timer that fails is tried again later, further and further apart, then it is an incident and
waits for an admin; the request itself stays workable.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from SpiffWorkflow.bpmn.specs.mixins.events.intermediate_event import BoundaryEvent
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import events, history
from engine.database import transaction
from engine.models import Instance
from engine.requests import advancing, cases, saving
from engine.requests.advancing import durably
from engine.runtime import SYSTEM, Runtime
from engine.tokens import timer_events
from engine.tokens.marks import HALTED

BACKOFF_SECONDS = (60, 300, 1800, 7200, 43200)
_log = logging.getLogger("hall.timers")


def due(session: Session, now: datetime, limit: int = 100) -> list[int]:
    """Ids of requests with a timer that should have fired by `now`, oldest first."""
    query = select(Instance.id).where(Instance.next_timer_at <= now)
    return list(session.scalars(query.order_by(Instance.next_timer_at).limit(limit)))


def fire(rt: Runtime, instance_id: int) -> bool:
    """Advance one request past its due timers; False when there was nothing to do or it failed."""
    try:
        return durably(rt, lambda rt: _fire(rt, instance_id))
    except Exception as error:
        _log.exception("timer of request %s failed", instance_id)
        if not _postpone(rt, instance_id):
            _give_up(rt, instance_id, error)
        return False


def _fire(rt: Runtime, instance_id: int) -> bool:
    # locked before it is read: a second worker must see that the first has fired it
    timer = select(Instance.next_timer_at).where(Instance.id == instance_id)
    due_at = rt.session.scalar(timer.with_for_update())
    if due_at is None or due_at > rt.clock():
        return False
    case = cases.load(rt, case_id=instance_id)
    workflow = cases.unpack(rt, case)
    ring(workflow)
    advancing.advance(case)
    case.timer_failures = 0
    case.revision += 1
    history.append(rt, case, SYSTEM, "timer")
    saving.save(rt, case)
    if not case.running:
        events.emit(events.Event(case.status, rt, case, SYSTEM))
    return True


def ring(workflow: Any) -> None:
    """Let every timer go off that is due."""
    workflow.script_engine.ringing = True
    workflow.refresh_timers()
    workflow.script_engine.ringing = False


def ring_now(token: Any) -> None:
    """Let one timer go off whatever the clock says."""
    token._set_internal_data(**{timer_events.FIRED: True})
    token.task_spec._update(token)


def leads_on(token: Any) -> bool:
    """A timer on the way itself, not at the edge of a step: without it the request stands still."""
    return not isinstance(token.task_spec, BoundaryEvent)


def _postpone(rt: Runtime, instance_id: int) -> bool:
    """Try again later; False when it has been tried often enough."""
    with transaction(rt.session) as session:
        count = select(Instance.timer_failures).where(
            Instance.id == instance_id, Instance.next_timer_at.is_not(None)
        )
        failures = session.scalar(count.with_for_update())
        if failures is None:  # gone, or ended in the meantime
            return True
        if failures >= len(BACKOFF_SECONDS):
            return False
        wait = BACKOFF_SECONDS[failures]
        session.execute(
            update(Instance)
            .where(Instance.id == instance_id)
            .values(timer_failures=failures + 1, next_timer_at=rt.clock() + timedelta(seconds=wait))
        )
        return True


def _give_up(rt: Runtime, instance_id: int, error: Exception) -> None:
    """Each timer that is due waits for an admin from now on; the others go on."""
    with transaction(rt.session):
        case = cases.load(rt, case_id=instance_id)
        if not case.running:
            return
        workflow = cases.unpack(rt, case)
        for token, at in list(timer_events.alarms(workflow)):
            if at <= rt.clock() and HALTED not in token.internal_data:
                halt = advancing.halt_of(error, token, kind="timer")
                name = token.task_spec.bpmn_name or halt.name
                own = replace(halt, at=token.task_spec.name, name=name)
                advancing.hold(case, token, own)
        case.timer_failures = 0
        saving.park(rt, case)
