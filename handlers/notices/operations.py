"""What diagrams call (`notices/send`) and what happens without them (a request sent back).

In a diagram: operator `notices/send`, parameter `event` = one of `texts.EVENTS`; `reason` if the
diagram knows it better than the last decision does.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from engine import events
from engine.errors import OperationFailed, Problem
from engine.models import Task
from engine.operations import Call, operation
from handlers.notices.announcements import announce
from handlers.notices.texts import EVENTS


@operation("notices/send")
def send(call: Call) -> dict[str, Any]:
    """Announce the event to those concerned; the result is empty, so that data stays clean."""
    event = str(call.params.get("event", ""))
    if event not in EVENTS:
        known = "、".join(EVENTS)
        text = f"流程图中“发送通知”的参数 event 为“{event}”，可用的有 {known}，请联系中心管理员。"
        raise OperationFailed(Problem("notice.event", text))
    announce(call.rt, call.instance, event, key=call.key, reason=_reason(call))
    return {}


def _reason(call: Call) -> str:
    given = call.params.get("reason") or call.data.get("opinion")
    if given:
        return str(given)
    last = select(Task.opinion).where(
        Task.instance_id == call.instance.id, Task.decision.is_not(None)
    )
    return call.session.scalar(last.order_by(Task.completed_at.desc(), Task.id.desc())) or ""


@events.on("returned")
def tell_returned(event: events.Event) -> None:
    subject = event.instance
    # Every verb has a revision of its own; a step may return straight (更正后交回) several times.
    key = f"{event.kind}:{subject.id}:r{subject.revision}"
    announce(event.rt, subject, event.kind, key=key, reason=event.opinion)
