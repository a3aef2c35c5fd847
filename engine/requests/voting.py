"""会签: one step, several voters, one result; `tallying` says how votes count.

The diagram names the voters (`signers`).  The starter never votes, nobody votes twice, and whoever
votes here cannot decide another step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, select

from engine.models import Task
from engine.requests import parts
from engine.requests.cases import Case, OpenTask
from engine.requests.parts import Adding, Seat
from engine.runtime import Actor, Runtime

_TASK = cast(Table, Task.__table__)


@dataclass(frozen=True, slots=True)
class Vote:
    """A voter's row; `decision` is None until they have voted."""

    decision: str | None
    person: Actor
    opinion: str


def votes(rt: Runtime, root: OpenTask) -> list[Vote]:
    """All votes of a step, cast and open, in the order of the list of voters."""
    query = (
        select(_TASK.c.decision, _TASK.c.completed_by, _TASK.c.completed_by_name, _TASK.c.opinion)
        .where(_TASK.c.parent_id == root.id, _TASK.c.part == "vote", _TASK.c.status != "cancelled")
        .order_by(_TASK.c.completed_at.is_(None), _TASK.c.completed_at, _TASK.c.id)
    )
    rows = rt.session.execute(query)
    return [Vote(row[0], Actor(row[1] or "", row[2] or ""), row[3] or "") for row in rows]


def as_data(cast_votes: list[Vote]) -> list[dict[str, Any]]:
    """What the diagram sees as `votes`: those cast, in the order of their time."""
    return [
        {
            "id": vote.person.id,
            "name": vote.person.name,
            "decision": vote.decision,
            "opinion": vote.opinion,
        }
        for vote in cast_votes
        if vote.decision
    ]


def open_votes(rt: Runtime, case: Case, root: OpenTask, voters: tuple[Seat, ...]) -> None:
    """One row per voter below the held row of the step."""
    in_turn = case.deployed.nodes[root.node].props["sign"] == "in_turn"
    parts.add(rt, case, root, Adding("vote", voters, in_turn=in_turn))
