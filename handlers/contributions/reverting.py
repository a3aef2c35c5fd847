"""The deed of 撤销, newest change first: an account returns to what it was before the change.

One change at a time, because two of them may be about one account; each wholly or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import update

from engine.errors import Problem
from handlers.contributions import changes, finding, moving, undoing
from handlers.contributions.changes import CHANGE_TABLE, Outcomes
from handlers.contributions.finding import Held
from handlers.contributions.models import BASE, MERGE, OPEN, SEAL, TRANSFER, UNSEAL
from handlers.contributions.moving import ACCRUAL, IN, OUT, Moved
from handlers.contributions.undoing import CHANGE_NO, REASON, Facts, Undone
from handlers.ledger import accounts, posting, reversing
from handlers.members import states
from handlers.rosters.applying import Application, applier
from handlers.rosters.store import Line
from handlers.units.models import Unit
from handlers.units.states import CLOSED as UNIT_CLOSED

_UNIT_CLOSED = Problem(
    "undo.unit_closed", "原单位已销户，职工不能退回原单位，请到中心柜台核对。", CHANGE_NO
)


@applier("contributions.UndoChanges", piece=moving.PIECE_ROWS)
def undo_changes(work: Application, rows: Sequence[Line]) -> Outcomes:
    session = work.session
    typed = [line.values.get(CHANGE_NO, "") for line in rows]
    first = undoing.find(session, work.unit_account_no, typed)
    numbers = {
        unit
        for one in first
        if isinstance(one, Undone)
        for unit in (one.change.from_unit_account_no, one.held.unit_account_no)
        if unit
    }
    units = changes.hold_units(session, numbers | {work.unit_account_no})
    problem = changes.standing(units[work.unit_account_no])
    problem = problem or undoing.gate(session, work.accepted_on)
    if problem is not None:
        return [problem] * len(rows)
    found = undoing.find(session, work.unit_account_no, typed)  # anew, under the locks
    known = [one for one in found if isinstance(one, Undone)]
    money = [one for one in known if one.change.amount_cents + one.change.interest_cents]
    codes = {held.branch_code for one in known for held in (one.held, one.other) if held}
    codes |= {str(one.change.before["branch_code"]) for one in known if one.moves}
    moving.hold_branches(session, codes if money or any(one.moves for one in known) else ())
    desk = _Desk(work, units, undoing.facts(session, known, work.today))
    outcomes: dict[int, Problem | None] = {}
    order = sorted(range(len(rows)), key=lambda place: -_number(found[place]))
    for place in order:
        one = found[place]
        outcomes[place] = one if isinstance(one, Problem) else desk.undo(rows[place], one)
    return [outcomes[place] for place in range(len(rows))]


def _number(one: Undone | Problem) -> int:
    return 0 if isinstance(one, Problem) else one.change.id


@dataclass(slots=True)
class _Desk:
    """`done`: changes undone in this piece."""

    work: Application
    units: Mapping[str, Unit]
    facts: Facts
    done: set[int] = field(default_factory=set)

    def undo(self, line: Line, undone: Undone) -> Problem | None:
        work, change = self.work, undone.change
        if change.id in self.done:
            return Problem("changes.twice", "这笔变更在本次清册中已有一行。", CHANGE_NO)
        held = finding.by_ids(work.session, [undone.held.id])[undone.held.id]  # as it is by now
        undone = Undone(change, held, undone.other)
        problem = self.facts.follows(undone) or self.facts.refusal(undone)
        problem = problem or self.facts.stands(undone) or self._home(undone)
        if problem is not None:
            return problem
        moved = moving.whole(work.session, lambda: self._books(line, undone))
        if isinstance(moved, Problem):
            return moved
        self._account(undone)
        mark = {
            "undone_at": work.rt.clock(),
            "undone_by": work.actor.name,
            "undone_no": work.no,
            "undone_reason": (line.values.get(REASON) or undoing.USUAL_REASON)[:200],
        }
        mine = CHANGE_TABLE.c.id == change.id
        work.session.execute(update(CHANGE_TABLE).where(mine).values(mark))
        self.done.add(change.id)
        for standing in self.facts.later.values():
            standing.discard(change.id)
        work.session.expire(change)  # updated behind its back
        return None

    def _home(self, undone: Undone) -> Problem | None:
        if not undone.moves:
            return None
        unit = self.units.get(undone.change.from_unit_account_no)
        return _UNIT_CLOSED if unit is None or unit.unit_status == UNIT_CLOSED else None

    # ── the books ──────────────────────────────────────────────────────────────────────────────
    def _books(self, line: Line, undone: Undone) -> Moved:
        """Vouchers turned round, the account of the books closed, opened again or moved back."""
        change, held = undone.change, undone.held
        session, ledger_id = self.work.session, undone.held.ledger_account_id
        if change.kind == OPEN:
            accounts.close(session, ledger_id)
        elif change.kind in (TRANSFER, MERGE):
            self._reverse(line, undone, IN)
            if undone.moves:
                before = change.before
                accounts.move(
                    session,
                    ledger_id,
                    branch_code=str(before["branch_code"]),
                    unit_account_no=str(before["unit_account_no"]),
                )
            else:
                accounts.reopen(session, held.ledger_account_id)
            self._reverse(line, undone, OUT)
            self._reverse(line, undone, ACCRUAL)
        return Moved()

    def _reverse(self, line: Line, undone: Undone, part: str) -> None:
        session = self.work.session
        voucher = posting.by_key(session, f"{undone.change.operation_key}:{part}")
        if voucher is None:
            return
        reversing.reverse(
            self.work.rt,
            self.work.actor,
            voucher.id,
            key=f"{self.work.key}:{line.seq}:{part}",
            reason=line.values.get(REASON) or undoing.USUAL_REASON,
        )

    # ── the account ────────────────────────────────────────────────────────────────────────────
    def _account(self, undone: Undone) -> None:
        change, held = undone.change, undone.held
        columns: dict[str, Any] = {"id": held.id}
        if change.kind == OPEN:
            ended = states.transition(held.status, "undo_opening")
            assert isinstance(ended, str), "it stands as it was opened"
            columns |= {"account_status": ended, "closed_on": self.work.today}
        else:
            columns["account_status"] = change.old_status
        if change.kind == SEAL:
            columns |= {"sealed_on": None, "seal_or_close_reason": ""}
        elif change.kind in (TRANSFER, MERGE):
            columns["closed_on"] = None
        if change.kind in (BASE, UNSEAL) or undone.moves:
            columns |= {
                "contribution_base_cents": change.old_base_cents,
                "unit_monthly_amount_cents": change.old_unit_cents,
                "individual_monthly_amount_cents": change.old_individual_cents,
            }
        columns |= _restored(change.before)
        changes.update_accounts(self.work.session, [columns])
        self._count(held, columns)

    def _count(self, held: Held, columns: Mapping[str, Any]) -> None:
        changes.count(self.units[held.unit_account_no], held.status, "")
        home = str(columns.get("unit_account_no", held.unit_account_no))
        changes.count(self.units[home], "", columns["account_status"])


def _restored(before: Mapping[str, Any]) -> dict[str, Any]:
    """Columns out of what a change has kept as text."""
    found = dict(before)
    for name in ("unit_rate", "individual_rate"):
        if name in found:
            found[name] = Decimal(found[name])
    if found.get("sealed_on"):
        found["sealed_on"] = date.fromisoformat(found["sealed_on"])
    return found
