"""封存 and 启封 of a unit's members (XZ-2.1b/c, SX-9.1…9.4, CX-U17/18, QDN-09, DZ-U-06.3)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.errors import Problem
from handlers.contributions import ages, annual, bases, changes
from handlers.contributions.changes import Outcomes
from handlers.contributions.finding import Held
from handlers.contributions.models import SEAL, TRANSFER, UNSEAL, MemberChange
from handlers.contributions.terms import Terms, terms
from handlers.members import states
from handlers.members.codes import NORMAL, SEAL_REASONS, SEALED, UNSEAL_REASONS
from handlers.months import month_of
from handlers.parameters import cycle, declared, queries
from handlers.rosters.applying import Application, applier
from handlers.rosters.store import Line

OTHER = "99"  # of both code tables: what is meant where a centre asks for no reason
_BARRED = Problem(
    "unseal.same_month",
    "该账户本月刚在本单位封存，当月不能启封；确有合理原因的，请到中心柜台办理。",
)


# ── sealing ────────────────────────────────────────────────────────────────────────────────────


def seal_problem(held: Held) -> Problem | None:
    return _refused(states.transition(held.status, "seal"))


@applier("contributions.SealAccounts")
def seal_accounts(work: Application, rows: Sequence[Line]) -> Outcomes:
    unit = changes.held_unit(work)
    if isinstance(unit, Problem):
        return [unit] * len(rows)
    gate = annual.gate(work.session, work.unit_account_no, work.accepted_on)
    if gate is not None:
        return [gate] * len(rows)
    found = changes.find(work, rows, wanted={NORMAL})
    outcomes, chosen = changes.choose(rows, found, lambda _, held: seal_problem(held))
    reasons = [line.values.get("reason") or OTHER for line, _ in chosen]
    changes.record(
        work.session,
        [
            changes.change(work, line, SEAL, held, new_status=SEALED, reason=SEAL_REASONS[reason])
            for (line, held), reason in zip(chosen, reasons, strict=True)
        ],
    )
    columns = [
        {
            "id": held.id,
            "account_status": SEALED,
            "sealed_on": work.today,
            "seal_or_close_reason": reason,
        }
        for (_, held), reason in zip(chosen, reasons, strict=True)
    ]
    changes.update_accounts(work.session, columns)
    unit.active_headcount -= len(chosen)
    unit.sealed_headcount += len(chosen)
    return outcomes


# ── unsealing ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Unsealing:
    """What the rules about 启封 follow from, read once for a piece of rows.

    `moved_in`: accounts this unit took over this month from another one, where they were sealed.
    """

    terms: Terms
    age_rule: str
    gradual: bool
    same_month_barred: bool
    moved_in: Collection[int]
    today: date

    def problem(self, held: Held) -> Problem | None:
        refused = _refused(states.transition(held.status, "unseal"))
        if refused is not None:
            return refused
        sealed_now = held.sealed_on and month_of(held.sealed_on) == month_of(self.today)
        if self.same_month_barred and sealed_now and held.id not in self.moved_in:
            return _BARRED
        too_old = ages.check(self.age_rule, held.born, self.today, gradual=self.gradual)
        return None if too_old is None or too_old.code == "changes.too_young" else too_old


def unsealing(session: Session, unit: str, branch: str, day: date, *, today: date) -> Unsealing:
    barred = queries.value(session, cycle.UNSEAL_SAME_MONTH, day) == "barred"
    moved_in: set[int] = set()
    if barred:
        query = select(MemberChange.kind, MemberChange.individual_account_id).where(
            MemberChange.unit_account_no == unit,
            MemberChange.kind.in_((SEAL, TRANSFER)),
            MemberChange.month == month_of(today),
            MemberChange.undone_at.is_(None),
        )
        this_month = session.execute(query).all()
        moved_in = {account for kind, account in this_month if kind == TRANSFER}
        moved_in -= {account for kind, account in this_month if kind == SEAL}
    return Unsealing(
        terms=terms(session, day, branch),
        age_rule=queries.value(session, cycle.AGE_RULE, day),
        gradual=queries.value(session, declared.RETIREMENT_RULE, day) == "gradual",
        same_month_barred=barred,
        moved_in=moved_in,
        today=today,
    )


@applier("contributions.UnsealAccounts")
def unseal_accounts(work: Application, rows: Sequence[Line]) -> Outcomes:
    unit = changes.held_unit(work)
    if isinstance(unit, Problem):
        return [unit] * len(rows)
    rules = unsealing(
        work.session, work.unit_account_no, unit.branch_code, work.accepted_on, today=work.today
    )
    paid: dict[int, Any] = {}

    def rule(line: Line, held: Held) -> Problem | None:
        problem = rules.problem(held)
        if problem is None:
            wish = bases.wish(rules.terms, line.values, held, keep=True)
            problem = wish if isinstance(wish, Problem) else bases.bounds(rules.terms, wish)
            paid[held.id] = wish
        return problem

    outcomes, chosen = changes.choose(rows, changes.find(work, rows, wanted={SEALED}), rule)
    made = []
    for line, held in chosen:
        reason = UNSEAL_REASONS[line.values.get("reason") or OTHER]
        sealed_on = held.sealed_on.isoformat() if held.sealed_on else None
        before = {"sealed_on": sealed_on, "seal_or_close_reason": held.seal_reason}
        new = changes.paying(paid[held.id])
        made.append(
            changes.change(
                work, line, UNSEAL, held, new_status=NORMAL, reason=reason, before=before, **new
            )
        )
    changes.record(work.session, made)
    columns = [
        {"id": held.id, "account_status": NORMAL, "sealed_on": None, "seal_or_close_reason": ""}
        | changes.on_account(paid[held.id])
        for _, held in chosen
    ]
    changes.update_accounts(work.session, columns)
    unit.active_headcount += len(chosen)
    unit.sealed_headcount -= len(chosen)
    return outcomes


def _refused(answer: str | Problem) -> Problem | None:
    return answer if isinstance(answer, Problem) else None
