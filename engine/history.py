"""History: one row for every verb, never changed.

`seq` is the revision the verb produced, so a gap or a double cannot be written: the database
refuses it. Automatic steps that ran inside the verb travel in `detail["auto"]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Table, insert

from engine.models import History
from engine.runtime import Actor, Runtime

if TYPE_CHECKING:
    from engine.cases import Case, OpenTask

LABELS = {
    "start": "提交申请",
    "submit": "重新提交",
    "claim": "领取",
    "release": "退领",
    "approve": "同意",
    "refuse": "驳回",
    "return": "退回",
    "withdraw": "撤回",
    "end": "结束流程",
    "timer": "到时自动",
}
# built once, Core and not ORM: every verb pays for this statement
_INSERT = insert(cast(Table, History.__table__)).inline()
DECIDING = ("submit", "approve", "refuse", "return", "withdraw", "end")


def append(
    rt: Runtime,
    case: Case,
    actor: Actor,
    verb: str,
    *,
    task: OpenTask | None = None,
    opinion: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write the row of the verb that is about to be saved as `case.revision`."""
    assert verb in LABELS, verb
    more = dict(detail or {})
    if case.automatic:
        more["auto"] = case.automatic
    rt.session.execute(
        _INSERT,
        {
            "instance_id": case.id,
            "seq": case.revision,
            "at": rt.clock(),
            "actor_id": actor.id,
            "actor_name": actor.name,
            "actor_title": actor.title,
            "verb": verb,
            "node": task.node if task else None,
            "node_name": task.node_name if task else None,
            "opinion": opinion or None,
            "detail": more,
        },
    )
