"""Run by Alembic: connects the way the hall connects, compares types, alters SQLite by copying."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool

from engine.database import configure
from webapp.migrations.tables import metadata


def run() -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    assert url, "webapp.migrations.tables.config() sets the address"
    engine = configure(create_engine(url, poolclass=pool.NullPool))
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Altering a table copies it, and the copy is dropped under the old name.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=metadata(),
            compare_type=True,
            render_as_batch=True,
            user_module_prefix="models.",
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
