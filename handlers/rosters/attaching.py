"""Rosters that go along with another request (DZ-U-06: 开户、调基数、封启封 are filed with 汇缴).

Their sound rows become rosters of that request, and are applied when it is accepted.  Returned to
its applicant, it gives them back: they are mended where they were made, and go along again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from engine import events
from engine.errors import OperationFailed, Problem
from engine.operations import Call, operation
from handlers.contributions.reads import parts
from handlers.members.models import IndividualAccount
from handlers.rosters import store
from handlers.rosters.models import OPEN, SOUND, SUBMITTED, Roster, RosterFile, RosterRow

# In the order in which they are applied.
KEYS = ("open_accounts", "base_adjustment", "seal_accounts", "unseal_accounts")
_IMPORTING = Problem("rosters.importing", "有清册还在导入，请等导入完成后再提交。")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A 待提交清册 with rows; `cents`: the sum of its sound ones; `busy`: a job writes into it."""

    roster: Roster
    sound: int
    faulty: int
    cents: int
    busy: bool


def waiting(session: Session, scope: str) -> list[Waiting]:
    """What the unit has prepared, in the order it is applied."""
    rosters = session.scalars(
        select(Roster).where(Roster.scope == scope, Roster.state == OPEN, Roster.key.in_(KEYS))
    ).all()
    found = []
    for roster in sorted(rosters, key=lambda one: KEYS.index(one.key)):
        sums = store.sums(session, roster.id)
        if sums.rows:
            busy = store.busy(session, roster)
            found.append(Waiting(roster, sums.sound, sums.faulty, sums.sound_cents, busy))
    return found


def present_cents(session: Session, one: Waiting) -> int:
    """What the members named in a roster pay a month now, together."""
    numbers = [
        line.values.get("individual_account_no", "")
        for line in store.rows(session, one.roster.id, limit=one.sound, state=SOUND)
    ]
    account = IndividualAccount
    monthly = account.unit_monthly_amount_cents + account.individual_monthly_amount_cents
    found = 0
    for some in parts(numbers):
        query = select(func.coalesce(func.sum(monthly), 0))
        found += int(session.scalar(query.where(account.individual_account_no.in_(some))) or 0)
    return found


def problems(prepared: Sequence[Waiting]) -> list[Problem]:
    """Why they cannot go along: one is still being imported, or has rows that are wrong."""
    found = [_IMPORTING] if any(one.busy for one in prepared) else []
    faulty = sum(one.faulty for one in prepared)
    if faulty:
        text = f"待提交清册中有 {faulty} 行没有通过校验，请先修改或删除，再办理汇缴。"
        found.append(Problem("rosters.faulty", text))
    return found


@operation("rosters/attach")
def attach(call: Call) -> dict[str, Any]:
    """Move the sound rows of the unit's open rosters to the request.

    Result: {"forms": forms of the rosters in the order they are applied, "rows": how many}.
    """
    prepared = waiting(call.session, call.instance.scope)
    wrong = problems(prepared)
    if wrong:
        raise OperationFailed(*wrong)
    forms, rows = [], 0
    for one in prepared:
        roster = store.locked(call.session, one.roster.id)
        if roster.state == OPEN and not store.busy(call.session, roster):
            filed = store.submit(call.rt, roster, call.no, None)
            rows += store.sums(call.session, filed.id).rows
            forms.append(filed.form)
    return {"forms": forms, "rows": rows}


@events.on("returned")
def give_back(event: events.Event) -> None:
    """Its rows stand in the 待提交清册 again, under the numbers they have had there."""
    session, case = event.session, event.instance
    lent = session.scalars(
        select(Roster)
        .where(
            Roster.no == case.no,
            Roster.state == SUBMITTED,
            Roster.key.in_(KEYS),
            Roster.key != case.key,
        )
        .order_by(Roster.id)
        .with_for_update()
    ).all()
    for filed in lent:
        where = {"scope": filed.scope, "branch": filed.branch_code}
        made = store.open_roster(event.rt, event.actor, filed.key, filed.form, **where)
        home = store.locked(session, made.id)
        rows = update(RosterRow).where(RosterRow.roster_id == filed.id)
        session.execute(rows.values(roster_id=home.id))
        home.next_seq = max(home.next_seq, filed.next_seq)
        home.choices = home.choices or dict(filed.choices)
        home.updated_at = event.rt.clock()
        session.flush()
        session.execute(delete(RosterFile).where(RosterFile.roster_id == filed.id))
        session.execute(delete(Roster).where(Roster.id == filed.id))
