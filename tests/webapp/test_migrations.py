"""What the migrations build is what the models say, on both databases."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from engine.database import configure
from webapp.migrations import tables


def test_upgrading_an_empty_database_yields_exactly_the_models(empty_database_url: str) -> None:
    tables.upgrade(empty_database_url)
    engine = configure(create_engine(empty_database_url))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, tables.metadata()) == []
    finally:
        engine.dispose()


def test_upgrading_twice_changes_nothing(empty_database_url: str) -> None:
    tables.upgrade(empty_database_url)
    tables.upgrade(empty_database_url)
    engine = configure(create_engine(empty_database_url))
    with engine.connect() as connection:
        heads = MigrationContext.configure(connection).get_current_heads()
    engine.dispose()
    assert len(heads) == 1
