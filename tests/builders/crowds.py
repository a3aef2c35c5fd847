"""The rows there are, many times more under other numbers, so that PostgreSQL plans as in a centre.

A planner that sees one page of rows may read all of them as well as any; which it takes then hangs
on what autovacuum has looked at last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, UniqueConstraint, text
from sqlalchemy.orm import Session

from engine.database import transaction
from webapp.migrations.tables import metadata

_APART = 100_000  # between the numbers of one copy and of the next
_CODES = ("kind", "month", "state", "branch_code", "id_type")  # their constraints know every value


def crowd(session: Session, names: Sequence[str], *, rows: int) -> None:
    """At least so many rows in each of these tables that has any, on PostgreSQL; its statistics.

    Numbers and keys move together: what belonged together still does, and nothing more joins UNIT.
    """
    with transaction(session):
        session.execute(text("set local session_replication_role = replica"))  # nobody posts here
        for name in names:
            there = session.scalar(text(f"select count(*) from {name}")) or rows
            copy = text(_copy(metadata().tables[name]))
            session.execute(copy, {"copies": -(-rows // there)})
    with transaction(session):
        for name in names:
            session.execute(text(f"analyze {name}"))


def _copy(table: Table) -> str:
    moved = set(_moved(table))
    values = [_other(column) if column.name in moved else column.name for column in table.columns]
    names = ", ".join(column.name for column in table.columns)
    series = "generate_series(1, :copies) as copy"
    return (
        f"insert into {table.name} ({names}) select {', '.join(values)} from {table.name}, {series}"
    )


def _moved(table: Table) -> Iterator[str]:
    """Columns that differ from copy to copy: keys, and whatever else has to be unique."""
    keys = {c.name for c in table.columns if c.foreign_keys and isinstance(c.type, Integer)}
    keys |= {c.name for c in table.primary_key if isinstance(c.type, Integer) and c.name == "id"}
    keys |= {"unit_account_no", "scope", "start_scope"} & set(table.columns.keys())
    uniques = [u.columns for u in table.constraints if isinstance(u, UniqueConstraint)]
    uniques += [i.columns for i in table.indexes if isinstance(i, Index) and i.unique]
    for columns in (table.primary_key.columns, *uniques):
        if not keys & {c.name for c in columns}:
            keys |= {next(c.name for c in columns if c.name not in _CODES)}
    yield from keys


def _other(column: Column[object]) -> str:
    if isinstance(column.type, LargeBinary):
        return f"sha256({column.name} || copy::text::bytea)"
    if isinstance(column.type, String):
        return f"left(md5({column.name} || copy), {column.type.length or 32})"
    return f"{column.name} + copy * {_APART}"
