"""`hall ledger verify`: are the books whole?  Every invariant of the money, recomputed.

Entries are the truth; accounts, vouchers, unit totals, trial balances, head counts and loans must
follow from them.  Everything is read in one picture of the database, so people may go on working,
and in pieces, so that it needs no more memory for a million accounts than for a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session

from handlers.ledger.checks import accounts, days, guards, records, vouchers
from handlers.ledger.checks.faults import ACCOUNT, ENTRY, FAULTS_MAX, VOUCHER, Fault, pieces

ACCOUNTS_AT_ONCE = 250_000  # PostgreSQL reads and sorts the whole table of entries for each piece
VOUCHERS_AT_ONCE = 5_000

Progress = Callable[[int, int], None]  # done, of how many


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, and up to FAULTS_MAX things that do not fit."""

    accounts: int
    vouchers: int
    entries: int
    faults: tuple[Fault, ...]

    @property
    def clean(self) -> bool:
        return not self.faults


def verify(session: Session, *, report: Progress | None = None) -> Report:
    """Recompute everything; changes nothing.  `report` hears of every piece of accounts and
    vouchers that is done.

    The session must hold nothing unsaved: it begins a new transaction.
    """
    session.rollback()
    if session.get_bind().dialect.name == "postgresql":  # SQLite's readers always have one picture
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    try:
        return _verify(session, report or (lambda done, of: None))
    finally:
        session.rollback()


def _verify(session: Session, report: Progress) -> Report:
    count, posted, entries = (_count(session, table) for table in (ACCOUNT, VOUCHER, ENTRY))
    of, done = count + posted, 0
    faults: list[Fault] = []
    for ids in pieces(session, ACCOUNT.c.id, ACCOUNTS_AT_ONCE):
        _keep(faults, accounts.check(session, ids))
        report(done := min(done + ACCOUNTS_AT_ONCE, count), of)
    movements = vouchers.Movements()
    for ids in pieces(session, VOUCHER.c.id, VOUCHERS_AT_ONCE):
        _keep(faults, vouchers.check(session, ids, movements))
        report(done := min(done + VOUCHERS_AT_ONCE, of), of)
    _keep(faults, accounts.check_settled(session))
    _keep(faults, accounts.check_units(session))
    _keep(faults, accounts.check_branches(session))
    _keep(faults, vouchers.check_numbers(session))
    _keep(faults, vouchers.check_reversals(session))
    _keep(faults, days.check(session, movements))
    _keep(faults, days.check_settlements(session))
    _keep(faults, records.check(session))
    _keep(faults, guards.check(session))
    return Report(count, posted, entries, tuple(faults))


def _count(session: Session, table: Table) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def _keep(faults: list[Fault], found: Iterable[Fault]) -> None:
    """To the end, even when no more are kept: the vouchers' movements must be complete."""
    for fault in found:
        if len(faults) < FAULTS_MAX:
            faults.append(fault)
