"""What lies in somebody's hands now: read before it is handed over to somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from engine.database import possible
from engine.errors import Forbidden, Problem
from engine.models import OPEN_STATES, Instance, Task
from engine.requests.parts import NAMES
from engine.runtime import Actor, Runtime
from engine.verbs.handing import HANDOVER_MAX
from engine.verbs.permissions import administered, administers


@dataclass(frozen=True, slots=True)
class Holding:
    """One open row in somebody's hands; `held`: it waits for others first."""

    no: str
    key: str
    name: str
    scope_name: str
    branch: str
    node_name: str
    part_name: str
    held: bool
    due_at: datetime | None


def of(rt: Runtime, actor: Actor, person_id: str) -> list[Holding]:
    """Everything a handover would move, the oldest first: of the branches this 流程管理员 looks
    after; Forbidden for anybody else."""
    if not administers(actor):
        raise Forbidden(Problem("task.not_admin", "只有流程管理员可以办理离职转办。"))
    query = (
        select(Task, Instance)
        .join(Instance, Instance.id == Task.instance_id)
        .where(Task.assignee == person_id, Task.status.in_(OPEN_STATES), administered(actor))
        .order_by(Task.id)
        .limit(HANDOVER_MAX)
    )
    rows = rt.session.execute(query).all() if possible(person_id) else []
    return [
        Holding(
            no=request.no,
            key=request.key,
            name=request.name,
            scope_name=request.scope_name,
            branch=request.branch,
            node_name=task.node_name,
            part_name=NAMES[task.part],
            held=task.status == "held",
            due_at=task.due_at,
        )
        for task, request in rows
    ]
