"""撤销: what took effect this month is taken back by its contrary (XZ-2.1e, XZ-4f).

Only as long as nothing rests on it: no later change of the account, no month assessed since, no
money that came in since.  Vouchers are reversed, the account gets back what it was before, and the
change says who undid it; nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from engine.database import number_in
from engine.errors import Problem
from handlers.contributions import annual, finding, moving, reads
from handlers.contributions.finding import Held
from handlers.contributions.models import (
    BASE,
    CANCELLED,
    CHANGE_KINDS,
    MERGE,
    OPEN,
    RATE,
    REMITTANCE,
    SEAL,
    TRANSFER,
    UNSEAL,
    MemberChange,
    Remittance,
    UnitRateChange,
)
from handlers.ledger.models import Entry, Voucher
from handlers.months import month_of
from handlers.parameters import cycle, queries

CHANGE_NO, REASON = "change_no", "reason"  # columns
UNDOABLE = (OPEN, SEAL, UNSEAL, BASE, TRANSFER, MERGE)
USUAL_REASON = "撤销本月变更"
_MONEY = (TRANSFER, MERGE)
_UNKNOWN = Problem(
    "undo.not_found", "没有找到这笔变更，请从“本月已提交数据”载入后再选择。", CHANGE_NO
)


@dataclass(frozen=True, slots=True)
class Undone:
    """A change with its account as it is now, and the other account of a merge."""

    change: MemberChange
    held: Held
    other: Held | None = None

    @property
    def moves(self) -> bool:
        """The account itself went to another unit (not its money to another account)."""
        return self.change.kind == TRANSFER and self.change.other_account_id is None

    @property
    def where(self) -> Held:
        """The account that the money, if any, lies on now."""
        return self.other or self.held


@dataclass(slots=True)
class Facts:
    """What the rules ask, read once for a piece.

    `later`: by account (id), its changes that stand; `last_posted`: by ledger account, key and
    time of its newest voucher that stands; `assessed`, `repriced`: by unit, when it last had a
    month assessed or its rates changed; `used`: accounts that were ever in a 汇缴 or 补缴.
    """

    today: date
    later: dict[int, set[int]] = field(default_factory=dict)
    last_posted: dict[int, tuple[str, datetime]] = field(default_factory=dict)
    assessed: dict[str, datetime] = field(default_factory=dict)
    repriced: dict[str, datetime] = field(default_factory=dict)
    owed: dict[int, str] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    running: Problem | None = None

    def follows(self, undone: Undone) -> Problem | None:
        """A later change of one of its accounts that still stands."""
        ids = [undone.held.id, *([undone.other.id] if undone.other else [])]
        if not any(later > undone.change.id for one in ids for later in self.later.get(one, ())):
            return None
        text = "该职工此后又办理了其他变更，请先撤销（或一并撤销）后来的变更。"
        return Problem("undo.later", text, CHANGE_NO)

    def refusal(self, undone: Undone) -> Problem | None:
        """Why it cannot be undone, later changes apart.  Pure."""
        change = undone.change
        if change.undone_at is not None:
            return Problem("undo.undone", "这笔变更已经撤销，不能重复撤销。", CHANGE_NO)
        if change.kind not in UNDOABLE or change.reason == annual.REASON:
            name = change.reason or CHANGE_KINDS[change.kind]
            return Problem("undo.kind", f"{name}不能逐笔撤销，请重新办理。", CHANGE_NO)
        if change.month != month_of(self.today):
            text = f"这笔变更在 {change.month} 生效，只有当月生效的变更可以撤销。"
            return Problem("undo.month", text, CHANGE_NO)
        return self._rests_on(undone) or self._money(undone)

    def stands(self, undone: Undone) -> Problem | None:
        """The account is still as the change has left it."""
        change, held = undone.change, undone.held
        if held.status == change.new_status:
            return None
        text = "账户状态此后已经变动（例如冻结、销户），不能撤销，请到中心柜台核对。"
        return Problem("undo.status", text, CHANGE_NO)

    def _rests_on(self, undone: Undone) -> Problem | None:
        change = undone.change
        units = {
            change.unit_account_no,
            change.from_unit_account_no,
            change.to_unit_account_no,
        }
        if _since(self.assessed, units, change.changed_at):
            text = "生效后已办理汇缴核定，请先取消核定，再撤销这笔变更。"
            return Problem("undo.assessed", text, CHANGE_NO)
        for one in (undone.held, undone.other):
            if one is not None and one.id in self.owed:
                return reads.owed(self.owed[one.id], "撤销")
        priced = change.kind not in (OPEN, SEAL)
        if priced and _since(self.repriced, units, change.changed_at):
            text = "生效后单位已调整缴存比例，不能撤销，请重新办理变更。"
            return Problem("undo.repriced", text, CHANGE_NO)
        return None

    def _money(self, undone: Undone) -> Problem | None:
        change = undone.change
        posted = self.last_posted.get(undone.where.ledger_account_id)
        if change.kind == OPEN and (posted is not None or undone.held.id in self.used):
            text = "账户已有核定或入账，不能撤销开户，请办理封存。"
            return Problem("undo.used", text, CHANGE_NO)
        if change.kind not in _MONEY:
            return None
        if self.running is not None:
            return self.running
        if posted is None:
            return None
        key, at = posted
        ours = key.startswith(f"{change.operation_key}:")
        carried = change.amount_cents + change.interest_cents
        if ours if carried else at < change.changed_at:
            return None
        text = "转移（合并）后账户又有资金入账，不能撤销，请到中心柜台核对。"
        return Problem("undo.posted", text, CHANGE_NO)


def _since(newest: Mapping[str, datetime], units: Collection[str], moment: datetime) -> bool:
    return any(unit in newest and newest[unit] >= moment for unit in units)


# ── reading ────────────────────────────────────────────────────────────────────────────────────


def gate(session: Session, day: date) -> Problem | None:
    """UNDO_SPAN: whether the centre undoes anything."""
    if queries.value(session, cycle.UNDO_SPAN, day) != cycle.NO_RULE:
        return None
    text = "本中心不办理已生效变更的撤销，请办理相反的业务，或到中心柜台咨询。"
    return Problem("undo.none", text)


def of_month(session: Session, unit: str, day: date) -> Any:
    """This month's changes of a unit that stand, newest first (本月已提交数据)."""
    table = MemberChange
    return (
        select(table)
        .where(
            table.unit_account_no == unit,
            table.kind.in_(UNDOABLE),
            table.month == month_of(day),
            table.undone_at.is_(None),
            table.reason != annual.REASON,
        )
        .order_by(table.id.desc())
    )


def find(session: Session, unit: str, typed: Sequence[str]) -> list[Undone | Problem]:
    """The changes of this unit that these numbers name, with their accounts."""
    ids = [number_in(text) or 0 for text in typed]
    found: dict[int, MemberChange] = {}
    for some in reads.parts(set(ids)):
        query = select(MemberChange).where(
            MemberChange.id.in_(some), MemberChange.unit_account_no == unit
        )
        fresh = session.scalars(query.execution_options(populate_existing=True))
        found |= {change.id: change for change in fresh}
    both = [(one.individual_account_id, one.other_account_id) for one in found.values()]
    held = finding.by_ids(session, {one for pair in both for one in pair if one is not None})
    return [
        Undone(
            found[number],
            held[found[number].individual_account_id],
            held.get(found[number].other_account_id or 0),
        )
        if number in found
        else _UNKNOWN
        for number in ids
    ]


def facts(session: Session, found: Sequence[Undone], today: date) -> Facts:
    """A handful of statements for a piece of changes."""
    ids = {one.id for each in found for one in (each.held, each.other) if one is not None}
    units = {
        unit
        for each in found
        for unit in (
            each.change.unit_account_no,
            each.change.from_unit_account_no,
            each.change.to_unit_account_no,
        )
        if unit
    }
    later: dict[int, set[int]] = {}
    table = MemberChange
    columns: tuple[Any, ...] = (table.individual_account_id, table.other_account_id)
    for some in reads.parts(ids):
        for column in columns:
            query = select(column, table.id).where(
                column.in_(some), table.undone_at.is_(None), table.kind != RATE
            )
            for account, change in session.execute(query):
                later.setdefault(account, set()).add(change)
    living = (Remittance.state != CANCELLED, Remittance.kind == REMITTANCE)
    return Facts(
        today=today,
        later=later,
        last_posted=_last_posted(session, {one.where.ledger_account_id for one in found}),
        assessed=_newest(session, Remittance, Remittance.assessed_at, units, *living),
        repriced=_newest(session, UnitRateChange, UnitRateChange.changed_at, units),
        owed=reads.unposted(session, ids),
        used=reads.has_lines(session, [one.held.id for one in found if one.change.kind == OPEN]),
        running=moving.settling(session),
    )


def _newest(
    session: Session, table: Any, moment: Any, units: Collection[str], *conditions: Any
) -> dict[str, datetime]:
    query = (
        select(table.unit_account_no, func.max(moment))
        .where(table.unit_account_no.in_(units), *conditions)
        .group_by(table.unit_account_no)
    )
    return {unit: at for unit, at in session.execute(query)}


def _last_posted(session: Session, ids: Collection[int]) -> dict[int, tuple[str, datetime]]:
    """What was taken back by a reversal is as if it had never been."""
    found: dict[int, tuple[str, datetime]] = {}
    undone = aliased(Voucher)
    taken_back = select(undone.id).where(undone.reversal_of == Voucher.id).exists()
    for some in reads.parts(ids):
        newest = (
            select(Entry.account_id, func.max(Entry.seq).label("seq"))
            .join(Voucher, Voucher.id == Entry.voucher_id)
            .where(Entry.account_id.in_(some), Voucher.reversal_of.is_(None), ~taken_back)
            .group_by(Entry.account_id)
            .subquery()
        )
        last = (Entry.account_id == newest.c.account_id) & (Entry.seq == newest.c.seq)
        query = (
            select(Entry.account_id, Voucher.key, Voucher.posted_at)
            .join(newest, last)
            .join(Voucher, Voucher.id == Entry.voucher_id)
        )
        found |= {account: (key, at) for account, key, at in session.execute(query)}
    return found
