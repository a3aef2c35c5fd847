"""What a posting says to the database, each statement built once.

A voucher of two lines is a dozen statements; building them anew each time cost more than running
them.  The same text runs on SQLite and PostgreSQL.
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import BigInteger, Integer, Table, bindparam, func, insert, select, text, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from handlers.ledger.models import Entry, LedgerAccount, LedgerBranch, UnitTotal, Voucher
from handlers.ledger.rules import State

ACCOUNT, ENTRY, VOUCHER, BRANCH, TOTAL = (
    cast(Table, table.__table__)
    for table in (LedgerAccount, Entry, Voucher, LedgerBranch, UnitTotal)
)
_DIALECTS: dict[str, Any] = {"postgresql": postgresql, "sqlite": sqlite}


def _unless_there(table: Table) -> dict[str, Any]:
    return {
        name: dialect.insert(table).on_conflict_do_nothing() for name, dialect in _DIALECTS.items()
    }


def store_entries(session: Session, rows: list[dict[str, Any]]) -> None:
    """Every row has all columns of an entry."""
    if session.get_bind().dialect.name == "postgresql":
        columns = {column.name: [row[column.name] for row in rows] for column in ENTRY.c}
        columns["value_on"] = [day.toordinal() for day in columns["value_on"]]
        session.execute(_NEW_ENTRIES_AT_ONCE, columns)
    else:
        session.execute(_NEW_ENTRIES, rows)


def of_dialect(session: Session, statements: dict[str, Any]) -> Any:
    return statements[session.get_bind().dialect.name]


NEW_BRANCH = _unless_there(BRANCH)
HELD_BRANCH = (
    select(BRANCH.c.closed_through).where(BRANCH.c.branch_code == bindparam("branch_code"))
).with_for_update()
BY_KEY = select(Voucher).where(Voucher.key == bindparam("key"))
LAST_NUMBER = select(func.max(VOUCHER.c.number)).where(
    VOUCHER.c.branch_code == bindparam("branch_code"), VOUCHER.c.posted_on == bindparam("day")
)
LOCKED_STATES = (
    select(*(ACCOUNT.c[name] for name in State.__dataclass_fields__))
    .where(ACCOUNT.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(ACCOUNT.c.id)  # in one order everywhere: nobody waits in a circle
    .with_for_update()
)
_NEW_ENTRIES = insert(ENTRY)
# PostgreSQL takes all lines of a voucher as one statement: half the time of one for each.
_NEW_ENTRIES_AT_ONCE = text(
    "insert into hall_entry (account_id, seq, voucher_id, value_on, "
    "amount_cents, carried_forward_cents, interest_cents, balance_cents) "
    "select * from unnest(cast(:account_id as integer[]), cast(:seq as integer[]), "
    "cast(:voucher_id as integer[]), cast(:value_on as integer[]), "
    "cast(:amount_cents as bigint[]), cast(:carried_forward_cents as bigint[]), "
    "cast(:interest_cents as bigint[]), cast(:balance_cents as bigint[]))"
)
ENTRIES_OF = select(ENTRY.c.account_id, ENTRY.c.amount_cents).where(
    ENTRY.c.voucher_id == bindparam("voucher_id")
)

_moved = (
    select(
        ENTRY.c.account_id,
        sql_cast(func.sum(ENTRY.c.amount_cents), BigInteger).label("amount"),
        sql_cast(func.sum(ENTRY.c.carried_forward_cents), BigInteger).label("carried"),
        sql_cast(func.count(), Integer).label("count"),
    )
    .where(ENTRY.c.voucher_id == bindparam("voucher_id"))
    .group_by(ENTRY.c.account_id)
    .subquery()
)
# Balances follow the entries just stored, in one statement; constraints look on.
MOVE_BALANCES = (
    update(ACCOUNT)
    .where(ACCOUNT.c.id == _moved.c.account_id)
    .values(
        balance_cents=ACCOUNT.c.balance_cents + _moved.c.amount,
        carried_forward_cents=ACCOUNT.c.carried_forward_cents + _moved.c.carried,
        entries=ACCOUNT.c.entries + _moved.c.count,
    )
)
NEW_TOTAL = _unless_there(TOTAL)
MOVE_TOTAL = (
    update(TOTAL)
    .where(TOTAL.c.unit_account_no == bindparam("unit"))
    .values(balance_cents=TOTAL.c.balance_cents + bindparam("cents", type_=BigInteger))
)
