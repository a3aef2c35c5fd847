"""Tables whose rows are only ever added: the database itself refuses to change or remove one.

A database administrator can still take the triggers away; then the checks of the books say so.
"""

from __future__ import annotations

from sqlalchemy import DDL, Table, event


def append_only(table: str) -> dict[str, tuple[str, ...]]:
    """The statements, by database; `guard` and the migrations run the same ones."""
    text = f"{table}: rows are only added, never changed"
    sqlite = tuple(
        f"create trigger {table}_no_{verb} before {verb} on {table} "
        f"begin select raise(abort, '{text}'); end"
        for verb in ("update", "delete")
    )
    function = (
        f"create or replace function {table}_append_only() returns trigger language plpgsql as "
        f"$$ begin raise exception '{text}'; end $$"
    )
    trigger = (
        f"create trigger {table}_append_only before update or delete or truncate on {table} "
        f"for each statement execute function {table}_append_only()"
    )
    return {"sqlite": sqlite, "postgresql": (function, trigger)}


def guard(table: Table) -> None:
    """Whoever creates this table creates its triggers."""
    for dialect, statements in append_only(table.name).items():
        for statement in statements:
            made = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", made.execute_if(dialect=dialect))
