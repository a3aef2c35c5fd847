"""会签: one step, several voters, one result.

The diagram says who votes (`signers`) and how votes are counted (`sign`):

* `all` 会签: everybody must approve; the first refusal is the result;
* `any` 或签: the first decision is the result;
* `ratio:0.6` 按比例: approved when so many of all voters have approved, refused as soon as that
  cannot be reached any more;
* `in_turn` 依次会签: like `all`, one after the other.

The starter never votes, nobody votes twice, and whoever votes here cannot decide another step.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import ceil
from typing import Any, cast

from sqlalchemy import Table, select

from engine import parts
from engine.cases import Case, OpenTask
from engine.models import Task
from engine.parts import Adding, Seat
from engine.runtime import Actor, Runtime

_TASK = cast(Table, Task.__table__)


@dataclass(frozen=True, slots=True)
class Vote:
    """A voter's row; `decision` is None until they have voted."""

    decision: str | None
    person: Actor
    opinion: str


def needed(sign: str, voters: int) -> int:
    """How many approvals make the result; ValueError for a `sign` that means nothing."""
    kind, _, share = sign.partition(":")
    if kind in ("all", "in_turn") and not share:
        return voters
    if kind == "any" and not share:
        return 1
    try:
        ratio = Decimal(share)
    except InvalidOperation:
        raise ValueError(sign) from None
    if kind != "ratio" or not 0 < ratio <= 1:
        raise ValueError(sign)
    return ceil(ratio * voters)


def tally(sign: str, decisions: list[str | None]) -> str | None:
    """The result of a vote, "approve" or "refuse", or None while it is open.

    `decisions` has an entry for every voter, None for one who has not voted.
    """
    if sign == "any":
        return next((each for each in decisions if each), None)
    yes, undecided = decisions.count("approve"), decisions.count(None)
    wanted = needed(sign, len(decisions))
    if decisions and yes >= wanted:
        return "approve"
    return "refuse" if yes + undecided < wanted else None


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
