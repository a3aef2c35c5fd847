"""Several people under one step, as its page shows them: 会签, 加签, 委派, 更正.

One table a step: the rule in words, who has said what, who is still missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine import RequestView
from engine.requests.parts import Part

RULES = {
    "all": "会签，全部同意才通过，有一人驳回即驳回。",
    "any": "会签，有一人同意即通过。",
    "in_turn": "会签，按顺序逐个办理，全部同意才通过。",
}
_DROP = {"ask": "收回委派"}
WAITING = ("open", "held")
SAID = {"approve": ("同意", "done"), "refuse": ("驳回", "stop"), "return": ("退回", "stop")}
DECISIONS = SAID | {"answer": ("已回复", "done"), "submit": ("已更正", "done")}


@dataclass(frozen=True, slots=True)
class Seat:
    """One person of the table; `text`: what was asked of them, by whom."""

    id: int
    depth: int
    name: str
    part_name: str
    label: str
    tone: str
    text: str
    opinion: str | None
    at: datetime | None
    drop: str  # 减签, 收回委派; empty: not by this person


@dataclass(frozen=True, slots=True)
class Table:
    step: str
    rule: str
    said: str  # 已表决 1 人，还差 2 人：李复核、王审核
    seats: list[Seat]


def tables(view: RequestView) -> list[Table]:
    """Of the steps that needed several people, the one under way first."""
    roots = [part for part in view.parts if part.parent_id is None]
    found = [_table(view, root) for root in roots]
    return sorted(found, key=lambda table: not any(seat.tone == "wait" for seat in table.seats))


def _table(view: RequestView, root: Part) -> Table:
    seats = list(_below(view, root.id, 0))
    running = root.status in WAITING
    return Table(
        step=root.node_name,
        rule=_rule(view.signs.get(root.node, "")),
        said=_said(view, root) if running else "",
        seats=seats,
    )


def _below(view: RequestView, parent_id: int, depth: int) -> list[Seat]:
    seats: list[Seat] = []
    for part in view.parts:
        if part.parent_id == parent_id:
            seats.append(_seat(view, part, depth))
            seats += _below(view, part.id, depth + 1)
    return seats


def _seat(view: RequestView, part: Part, depth: int) -> Seat:
    label, tone = _state(part)
    asked = f"{part.asked_by_name}：" if part.asked_by_name and part.note else ""
    return Seat(
        id=part.id,
        depth=depth,
        name=part.person_name,
        part_name=part.part_name,
        label=label,
        tone=tone,
        text=f"{asked}{part.note}" if part.note else "",
        opinion=part.opinion,
        at=part.at if part.status == "done" else None,
        drop=_DROP.get(part.part, "减签") if part.id in view.droppable else "",
    )


def _state(part: Part) -> tuple[str, str]:
    if part.status == "cancelled":
        return "不再需要", "idle"
    if part.status == "held":
        return "未轮到" if part.part in ("vote", "before", "after") else "等待他人", "idle"
    if part.status == "open":
        return "待办理", "wait"
    return DECISIONS.get(part.decision or "", ("已办理", "done"))


def _rule(sign: str) -> str:
    kind, _, share = sign.partition(":")
    if kind == "ratio":
        return f"会签，同意达到 {float(share):.0%} 即通过。"
    return RULES.get(kind, "")


def _said(view: RequestView, root: Part) -> str:
    """Who has spoken and who has not, of those asked directly below the step."""
    asked = [p for p in view.parts if p.parent_id == root.id and p.status != "cancelled"]
    missing = [part.person_name for part in asked if part.status in WAITING]
    spoken = len(asked) - len(missing)
    if not missing:
        return f"{spoken} 人都已给出意见。" if spoken > 1 else ""
    if all(part.part == "fix" for part in asked):
        return f"等待{'、'.join(missing)}更正后交回。"
    return f"已有 {spoken} 人给出意见，还差 {len(missing)} 人：{'、'.join(missing)}。"
