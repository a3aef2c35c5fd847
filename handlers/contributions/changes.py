"""What every change of people has in common: the unit is held, rows become accounts, and what took
effect is stored as changes (`MemberChange`), all in bulk.

Locks in the house's order: units by number, then people, branches, accounts.  Whoever changes an
individual account holds its unit, so the accounts themselves need no lock of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from engine.errors import Problem
from handlers.contributions import finding
from handlers.contributions.amounts import Derived
from handlers.contributions.finding import Held
from handlers.contributions.models import MemberChange
from handlers.members.codes import NORMAL, SEALED
from handlers.members.models import IndividualAccount
from handlers.months import month_of
from handlers.rosters.applying import Application
from handlers.rosters.store import Line
from handlers.units import queries as units
from handlers.units import states
from handlers.units.models import Unit

CHANGE_TABLE = cast(Table, MemberChange.__table__)
_ACCOUNT = cast(Table, IndividualAccount.__table__)
_TWICE = Problem("changes.twice", "该职工在本次清册中已有一行，请删去其中一行。")

Outcomes = list[Problem | None]
Rule = Callable[[Line, Held], Problem | None]


# ── units ──────────────────────────────────────────────────────────────────────────────────────


def standing(unit: Unit | None) -> Problem | None:
    """Why nothing about the people of this unit can be changed now (glossary §3.2)."""
    if unit is None:
        return Problem("units.not_found", "没有找到该单位，请核对单位账号。")
    answer = states.transition(unit.unit_status, "change_members")
    return answer if isinstance(answer, Problem) else None


def held_unit(work: Application) -> Unit | Problem:
    """The unit that asks, locked, if its people may be changed."""
    unit = units.locked_unit(work.session, work.unit_account_no)
    problem = standing(unit)
    return problem if problem is not None else cast(Unit, unit)


def hold_units(session: Session, numbers: Collection[str]) -> dict[str, Unit]:
    """These units, locked in the order of their numbers."""
    found = session.scalars(
        select(Unit)
        .where(Unit.unit_account_no.in_(sorted(set(numbers))))
        .order_by(Unit.unit_account_no)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {unit.unit_account_no: unit for unit in found}


def count(unit: Unit, before: str, after: str) -> None:
    """正常 and 封存 are counted on the unit's card, every other state is not."""
    unit.active_headcount += (after == NORMAL) - (before == NORMAL)
    unit.sealed_headcount += (after == SEALED) - (before == SEALED)


# ── rows ───────────────────────────────────────────────────────────────────────────────────────


def find(
    work: Application, rows: Sequence[Line], *, wanted: Collection[str]
) -> list[Held | Problem]:
    """The accounts of the asking unit that the rows mean."""
    asked = [finding.said(line.values) for line in rows]
    return finding.identify(work.session, work.unit_account_no, asked, wanted=wanted)


def choose(
    rows: Sequence[Line], found: Sequence[Held | Problem], rule: Rule
) -> tuple[Outcomes, list[tuple[Line, Held]]]:
    """What becomes of each row, and the rows that the rule lets through, nobody twice."""
    outcomes: Outcomes = []
    chosen: list[tuple[Line, Held]] = []
    seen: set[int] = set()
    for line, held in zip(rows, found, strict=True):
        problem = held if isinstance(held, Problem) else None
        if isinstance(held, Held):
            problem = _TWICE if held.id in seen else rule(line, held)
            if problem is None:
                seen.add(held.id)
                chosen.append((line, held))
        outcomes.append(problem)
    return outcomes, chosen


def update_accounts(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Each names the account (`id`) and the same columns with their new values."""
    if not rows:
        return
    names = [name for name in rows[0] if name != "id"]
    statement = (
        update(_ACCOUNT)
        .where(_ACCOUNT.c.id == bindparam("this_id"))
        .values({name: bindparam(f"new_{name}") for name in names})
    )
    values = [{"this_id": row["id"]} | {f"new_{name}": row[name] for name in names} for row in rows]
    session.flush()
    session.connection().execute(statement, values)


# ── changes ────────────────────────────────────────────────────────────────────────────────────


def change(work: Application, line: Line, kind: str, held: Held, **new: Any) -> dict[str, Any]:
    """A row for `record`: everything as it was, but for what `new` says."""
    return {
        "operation_key": f"{work.key}:{line.seq}",
        "kind": kind,
        "unit_account_no": work.unit_account_no,
        "branch_code": held.branch_code,
        "individual_account_id": held.id,
        "month": month_of(work.today),
        "effective_on": work.today,
        "no": work.no,
        "reason": "",
        "old_status": held.status,
        "new_status": held.status,
        "old_base_cents": held.base_cents,
        "new_base_cents": held.base_cents,
        "old_unit_cents": held.unit_cents,
        "new_unit_cents": held.unit_cents,
        "old_individual_cents": held.individual_cents,
        "new_individual_cents": held.individual_cents,
        "from_unit_account_no": "",
        "to_unit_account_no": "",
        "other_account_id": None,
        "amount_cents": 0,
        "interest_cents": 0,
        "changed_at": work.rt.clock(),
        "changed_by": work.actor.name,
        "undone_at": None,
        "undone_by": "",
        "undone_no": "",
        "undone_reason": "",
        "before": {},
    } | new


def paying(derived: Derived) -> dict[str, int]:
    """The new base and shares, as `change` names them."""
    return {
        "new_base_cents": derived.base_cents,
        "new_unit_cents": derived.shares.unit_cents,
        "new_individual_cents": derived.shares.individual_cents,
    }


def on_account(derived: Derived) -> dict[str, int]:
    """The same, as the account's columns."""
    return {
        "contribution_base_cents": derived.base_cents,
        "unit_monthly_amount_cents": derived.shares.unit_cents,
        "individual_monthly_amount_cents": derived.shares.individual_cents,
    }


def record(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        session.flush()
        session.execute(insert(CHANGE_TABLE), list(rows))
