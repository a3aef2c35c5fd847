"""What a request waits for, found by an index, and what it sends out.

A message goes to whoever waits for its name and correlation, a signal to all who wait for its name.
`Instance.waits` repeats the rows of `hall_subscription` as text, so that a request whose waits have
not changed costs no statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Table, delete, insert

from engine.models import Subscription
from engine.owed import outbox
from engine.runtime import Runtime
from engine.tokens.bpmn_events import waiting

if TYPE_CHECKING:
    from engine.requests.cases import Case

_TABLE = cast(Table, Subscription.__table__)


def facts(workflow: Any) -> set[tuple[str, str, str]]:
    """(kind, name, correlation) of everything it waits for."""
    return {
        (one.kind, one.name, task.internal_data.get(one.here("correlation"), ""))
        for task, one in waiting(workflow)
    }


def keep(rt: Runtime, case: Case) -> None:
    """Bring rows and `case.waits` in step with the workflow, owe what it sent; part of a save."""
    if case.workflow.outgoing:
        _owe(rt, case)
    found = (
        sorted(facts(case.workflow)) if case.running and case.workflow.event_manager.tasks else []
    )
    waits = "\n".join("\t".join(fact) for fact in found) or None
    if waits == case.waits:
        return
    if case.waits is not None:
        rt.session.execute(delete(_TABLE).where(_TABLE.c.instance_id == case.id))
    if found:
        names = ("kind", "name", "correlation")
        rows = [{"instance_id": case.id} | dict(zip(names, one, strict=True)) for one in found]
        rt.session.execute(insert(_TABLE), rows)
    case.waits = waits


def _owe(rt: Runtime, case: Case) -> None:
    for thrown in case.workflow.outgoing:
        payload = {
            "name": thrown.name,
            "correlation": thrown.correlation,
            "payload": thrown.payload,
            "from": case.no,
        }
        key = f"{case.id}:{thrown.key}:{thrown.kind}"
        outbox.put(
            rt.session,
            f"engine.{thrown.kind}",
            payload,
            key=key,
            now=rt.clock(),
            instance_id=case.id,
        )
    case.workflow.outgoing.clear()
