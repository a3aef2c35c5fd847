"""Everything a database keeps, as the bytes somebody who copies its files would search."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from engine.database import configure
from engine.models import Base
from handlers.privacy.columns import Encrypted
from tests.servers import compiled_once

NUMBER = re.compile(r"\d{11,19}|\d{17}X")


def numbers_in(session: Session) -> set[str]:
    """Every personal number on record, from every encrypted column of every table."""
    found: set[str] = set()
    for mapper in Base.registry.mappers:
        for column in mapper.columns:
            if isinstance(column.type, Encrypted):
                found |= set(session.scalars(select(column).distinct()))
    # anything shorter may be found by chance, and a longer text is no number
    return {each for each in found if NUMBER.fullmatch(each)}


def stored(url: str) -> bytes:
    """The bytes of the SQLite file, or every column of every table of PostgreSQL.

    PostgreSQL writes binary columns in hexadecimal: they are read here as what they hold.
    """
    if url.startswith("sqlite"):
        return _files(url)
    found = bytearray()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as line:
        tables = line.execute("select tablename from pg_tables where schemaname = 'public'")
        for (table,) in tables.fetchall():
            columns = line.execute(
                "select column_name, data_type from information_schema.columns"
                " where table_schema = 'public' and table_name = %s",
                [table],
            ).fetchall()
            for name, kind in columns:
                shown = f"encode(\"{name}\", 'escape')" if kind == "bytea" else f'"{name}"::text'
                query = f'copy (select {shown} from "{table}") to stdout'  # noqa: S608
                with line.cursor().copy(query.encode()) as rows:
                    for row in rows:
                        found += row
    return bytes(found)


def _files(url: str) -> bytes:
    engine = compiled_once(configure(create_engine(url)))
    with engine.connect() as connection:
        connection.connection.dbapi_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    engine.dispose()
    file = Path(url.removeprefix("sqlite:///"))
    beside = file.with_name(f"{file.name}-wal")
    return file.read_bytes() + (beside.read_bytes() if beside.exists() else b"")
