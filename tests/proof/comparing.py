"""What the hall's books hold, beside what the straight line says; to the 分.

The hall's own checks come along: `hall ledger verify`, the trial balances, the sealed history.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine import audit
from engine.models import Incident, Instance, Job, OutboxItem
from handlers.banking.models import BankReceipt
from handlers.contributions.models import OPEN, MemberChange
from handlers.ledger import closing, verifying
from handlers.ledger.models import Entry, LedgerAccount, Voucher
from handlers.members.models import IndividualAccount, Person
from handlers.units.models import Unit
from tests.proof.plan import person_of
from tests.proof.recompute import Books
from tests.proof.running import KILLED, Proof

Facts = dict[str, Any]


def differences(one: Proof, session: Session, *, half: int) -> list[str]:
    """One line for each thing that is not as it must be behind the first (0) or second half (1)."""
    books = one.expected[half]
    pairs = (
        (accounts_expected(one, books), accounts_held(one, session)),
        (units_expected(one, books), units_held(one, session)),
        (branches_expected(one, books), branches_held(one, session)),
    )
    found = []
    for expected, held in pairs:
        for name in expected.keys() | held.keys():
            if expected.get(name) != held.get(name):
                found.append(f"{name}: {expected.get(name)} expected, {held.get(name)} held")
    last = one.halves[half][-1] - timedelta(days=half)
    return sorted(found) + faults(one, session, last)


def faults(one: Proof, session: Session, last: date) -> list[str]:
    """What the hall itself finds wrong by this day; what was left undone."""
    rt = one.town.runtime(session)
    found = [str(fault) for fault in verifying.verify(session).faults]
    found += [str(fault) for fault in audit.verify(rt).faults]
    for code in one.town.branches:
        rows = closing.trial_balance(session, code, last)
        if sum(row.closing_cents for row in rows):
            found.append(f"{code}: the trial balance is off")
    left = {
        "requests": Instance.status == "running",
        "outbox": OutboxItem.done_at.is_(None),
        "jobs": Job.finished_at.is_(None),
        "incidents": Incident.resolved_at.is_(None),
    }
    for name, still in left.items():
        count = session.scalar(select(func.count()).where(still))
        found += [f"{count} {name} left"] if count else []
    for each in session.scalars(select(Incident)):
        if each.resolved_at is not None and KILLED in each.error:
            continue
        found.append(f"incident {each.kind} {each.cause}: {each.error} {each.trace[-600:]}")
    return found


# ── people ─────────────────────────────────────────────────────────────────────────────────────
def accounts_expected(one: Proof, books: Books) -> dict[str, Facts]:
    return {
        label: {
            "unit": one.plan.units[account.unit].no,
            "status": account.status,
            "base": account.base,
            "shares": account.shares,
            "paid_through": account.paid_through,
            "balance": account.balance,
            "carried": account.carried,
            "interest": account.interest,
        }
        for label, account in books.accounts.items()
    }


def accounts_held(one: Proof, session: Session) -> dict[str, Facts]:
    numbers = {unit.no: place for place, unit in enumerate(one.plan.units)}
    people = {person.id_no: key for key, person in one.plan.people.items()}
    interest = _interest(session)
    query = (
        select(MemberChange.unit_account_no, Person.id_no, IndividualAccount, LedgerAccount)
        .join(IndividualAccount, IndividualAccount.id == MemberChange.individual_account_id)
        .join(Person, Person.id == IndividualAccount.person_id)
        .join(LedgerAccount, LedgerAccount.id == IndividualAccount.ledger_account_id)
        .where(MemberChange.kind == OPEN)
        .order_by(MemberChange.id)
    )
    found: dict[str, Facts] = {}
    times: Counter[str] = Counter()
    for opened_by, id_no, account, ledger in session.execute(query):
        label = f"{people[id_no]}@{numbers[opened_by]:03d}"
        times[label] += 1
        label += f"#{times[label]}" if times[label] > 1 else ""
        found[label] = {
            "unit": account.unit_account_no,
            "status": account.account_status,
            "base": account.contribution_base_cents,
            "shares": (account.unit_monthly_amount_cents, account.individual_monthly_amount_cents),
            "paid_through": account.paid_through_month,
            "balance": ledger.balance_cents,
            "carried": ledger.carried_forward_cents,
            "interest": int(interest.get(ledger.id) or 0),
        }
    assert set(map(person_of, found)) <= set(one.plan.people)
    return found


def _interest(session: Session) -> dict[int, int]:
    """By account of the books: what 30 June has brought, and what came when an account ended."""
    yearly = (
        select(Entry.account_id, func.sum(Entry.amount_cents))
        .join(Voucher, Voucher.id == Entry.voucher_id)
        .where(Voucher.business == "interest")
        .group_by(Entry.account_id)
    )
    closing_ = (
        select(Entry.account_id, func.sum(Entry.interest_cents))
        .join(Voucher, Voucher.id == Entry.voucher_id)
        .where(Voucher.business != "interest")
        .group_by(Entry.account_id)
    )
    paid: Counter[int] = Counter()
    for query in (yearly, closing_):
        for account, cents in session.execute(query):
            paid[account] += int(cents)
    return dict(paid)


# ── units and branches ─────────────────────────────────────────────────────────────────────────
def units_expected(one: Proof, books: Books) -> dict[str, Facts]:
    found = {}
    for place, unit in enumerate(books.units):
        states = Counter(
            account.status for account in books.accounts.values() if account.unit == place
        )
        found[one.plan.units[place].no] = {
            "rates": unit.rates,
            "paid_through": unit.paid_through,
            "suspense": unit.suspense,
            "advance": unit.advance,
            "normal": states["01"],
            "sealed": states["02"],
        }
    return found


def units_held(one: Proof, session: Session) -> dict[str, Facts]:
    money = {
        (kind, owner): cents
        for kind, owner, cents in session.execute(
            select(LedgerAccount.kind, LedgerAccount.owner, LedgerAccount.balance_cents).where(
                LedgerAccount.kind.in_(("suspense", "advance"))
            )
        )
    }
    return {
        unit.unit_account_no: {
            "rates": (int(unit.unit_rate), int(unit.individual_rate)),
            "paid_through": unit.paid_through_month,
            "suspense": money.get(("suspense", unit.unit_account_no), 0),
            "advance": money.get(("advance", unit.unit_account_no), 0),
            "normal": unit.active_headcount,
            "sealed": unit.sealed_headcount,
        }
        for unit in session.scalars(select(Unit))
    }


def branches_expected(one: Proof, books: Books) -> dict[str, Facts]:
    return {
        code: {
            "bank": -branch.bank,
            "interest_expense": -branch.interest,
            "interest_payable": 0,
            "interbranch": branch.between,
        }
        for code, branch in zip(one.town.branches, books.branches, strict=True)
    }


def branches_held(one: Proof, session: Session) -> dict[str, Facts]:
    kinds = ("bank", "interest_expense", "interest_payable", "interbranch")
    found: dict[str, Facts] = {code: dict.fromkeys(kinds, 0) for code in one.town.branches}
    query = select(LedgerAccount).where(LedgerAccount.kind.in_(kinds))
    for account in session.scalars(query):
        found[account.branch_code][account.kind] += account.balance_cents
    return found


# ── how much it was ────────────────────────────────────────────────────────────────────────────
def counted(session: Session) -> dict[str, int]:
    """Rows of what a run has made."""
    tables = {
        "requests": Instance,
        "changes": MemberChange,
        "receipts": BankReceipt,
        "vouchers": Voucher,
        "entries": Entry,
        "accounts": IndividualAccount,
    }
    return {
        name: int(session.scalar(select(func.count()).select_from(table)) or 0)
        for name, table in tables.items()
    }
