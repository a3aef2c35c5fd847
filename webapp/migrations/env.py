"""Run by Alembic: connects the way the hall connects, compares types, alters SQLite by copying."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import TypeDecorator, create_engine, pool

from engine.database import configure
from webapp.migrations.tables import metadata


def _as_stored(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """A handler's own column type is written as what the database keeps."""
    ours = isinstance(item, TypeDecorator) and type(item).__module__.startswith("handlers.")
    return f"sa.{item.impl!r}" if kind == "type" and ours else False


def run() -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    assert url, "webapp.migrations.tables.config() sets the address"
    engine = configure(create_engine(url, poolclass=pool.NullPool))
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Altering a table copies it, and the copy is dropped under the old name.
            # SQLite listens to this outside a transaction only, and SQLAlchemy would begin one.
            raw = connection.connection.dbapi_connection
            assert raw is not None
            raw.execute("PRAGMA foreign_keys=OFF")
        context.configure(
            connection=connection,
            target_metadata=metadata(),
            compare_type=True,
            render_as_batch=True,
            user_module_prefix="models.",
            render_item=_as_stored,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
