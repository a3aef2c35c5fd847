"""PostgreSQL: every table of the hall as COPY lines, read in one REPEATABLE READ transaction.

Not pg_dump: restoring a dump runs whatever SQL is in it, and needs a tool as new as the server.
Here the tables are made by our own migrations and an archive can only ever add rows to them, in
one transaction.  Indexes, foreign keys and triggers are away while rows go in: faster, in any
order, and a trigger that numbers or checks new rows does not judge old ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from psycopg import Connection, errors, sql
from sqlalchemy import make_url

from webapp.backup.archive import CHUNK_BYTES, DATABASE, BackupError, damaged
from webapp.backup.manifest import Facts, Kind, Manifest
from webapp.backup.stores import OURS, Open, busy, facts, not_migrated
from webapp.migrations.tables import config

LOCK_SECONDS = 5  # somebody who has the empty database open does not let go by himself
_IN_OURS = f"n.nspname = current_schema() and c.relname like '{OURS}'"
_FROM = "from pg_class c join pg_namespace n on n.oid = c.relnamespace"
_COLUMNS = f"""
select c.relname, array_agg(a.attname::text order by a.attnum) {_FROM}
  join pg_attribute a on a.attrelid = c.oid
  where {_IN_OURS} and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
    and a.attgenerated = ''
  group by 1 order by 1"""
_SEQUENCES = f"""
select sequencename, last_value from pg_sequences where schemaname = current_schema()
  and sequencename like '{OURS}' and last_value is not null order by 1"""
_FOREIGN_KEYS = f"""
select c.relname, k.conname, pg_get_constraintdef(k.oid) {_FROM}
  join pg_constraint k on k.conrelid = c.oid where {_IN_OURS} and k.contype = 'f' order by 1, 2"""
_INDEXES = f"""
select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) {_FROM}
  join pg_index i on i.indrelid = c.oid
  where {_IN_OURS} and c.relkind = 'r'
    and not exists (select from pg_constraint k where k.conindid = i.indexrelid)"""
_REVISION = "select version_num from alembic_version"


class PostgresStore:
    kind: Kind = "postgresql"

    def __init__(self, url: str) -> None:
        self._url = url

    @contextmanager
    def snapshot(self, _folder: Path) -> Iterator[RowsSnapshot]:
        with closing(self._connect()) as connection:
            expected = _columns(connection)
            if not expected:
                raise not_migrated()
            connection.rollback()
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            # Before the snapshot exists: an ALTER TABLE that commits between the two would leave
            # us looking at an empty table.
            names = sql.SQL(", ").join(map(sql.Identifier, expected))
            connection.execute(sql.SQL("lock table {} in access share mode").format(names))
            if _columns(connection) != expected:
                raise BackupError("migrating", "数据库正在升级，请在 hall migrate 完成后再备份。")
            yield RowsSnapshot(connection, expected)

    def has_rows(self) -> bool:
        with closing(self._connect()) as connection:
            return _has_rows(connection, _columns(connection))

    def load(self, manifest: Manifest, opened: Open) -> None:
        self._make_tables(manifest.facts.revision)
        with closing(self._connect()) as connection:
            expected = _columns(connection)
            told = {name: table.columns for name, table in manifest.facts.tables.items()}
            if {name: set(them) for name, them in told.items()} != {
                name: set(them) for name, them in expected.items()
            }:
                raise damaged("数据表与清单所说的版本不符")
            connection.execute(f"set local lock_timeout = '{LOCK_SECONDS}s'")
            try:
                names = sql.SQL(", ").join(map(sql.Identifier, expected))
                connection.execute(sql.SQL("lock table {}").format(names))
            except errors.LockNotAvailable:
                raise busy() from None
            if _has_rows(connection, expected):  # since we looked last
                raise busy()
            _fill(connection, manifest, opened)
            connection.commit()
            connection.autocommit = True
            connection.execute("analyze")

    def _make_tables(self, revision: str) -> None:
        """By our migrations, as far as the archive's own revision."""
        with closing(self._connect()) as connection:
            have = connection.execute(_REVISION).fetchall() if _columns(connection) else []
        if have and have[0][0] != revision:
            text = "目标数据库的空表是另一个版本建的，请新建一个空的 PostgreSQL 数据库再恢复。"
            raise BackupError("other_revision", text)
        command.upgrade(config(self._url), revision)

    def _connect(self) -> Connection[Any]:
        address = make_url(self._url)
        places, names = address.get_dialect()().create_connect_args(address)
        return psycopg.connect(*places, **names)


class RowsSnapshot:
    def __init__(self, connection: Connection[Any], columns: dict[str, tuple[str, ...]]) -> None:
        self._connection = connection

        def ask(query: str) -> list[Any]:
            return connection.execute(query.encode()).fetchall()

        self.facts: Facts = facts(ask, columns, dict(ask(_SEQUENCES)))

    def parts(self) -> Iterable[tuple[str, Iterable[bytes]]]:
        for name, table in self.facts.tables.items():
            yield member(name), self._lines(name, table.columns)

    def _lines(self, name: str, columns: tuple[str, ...]) -> Iterator[bytes]:
        query = sql.SQL("copy {} ({}) to stdout").format(*_named(name, columns))
        gathered = bytearray()  # a line at a time would cost more than compressing it
        with self._connection.cursor() as cursor, cursor.copy(query) as lines:
            for line in lines:
                gathered += line
                if len(gathered) >= CHUNK_BYTES:
                    yield bytes(gathered)
                    gathered.clear()
        yield bytes(gathered)


def member(table: str) -> str:
    return f"{DATABASE}{table}.copy.gz"


def _columns(connection: Connection[Any]) -> dict[str, tuple[str, ...]]:
    """Table → columns one writes to."""
    return {name: tuple(them) for name, them in connection.execute(_COLUMNS)}


def _has_rows(connection: Connection[Any], names: Iterable[str]) -> bool:
    queries = (sql.SQL("select 1 from {} limit 1").format(sql.Identifier(one)) for one in names)
    return any(connection.execute(query).fetchone() for query in queries)


def _fill(connection: Connection[Any], manifest: Manifest, opened: Open) -> None:
    tables = manifest.facts.tables
    with _bare(connection, tables):
        for name, table in tables.items():
            query = sql.SQL("copy {} ({}) from stdin").format(*_named(name, table.columns))
            with connection.cursor() as cursor:
                with cursor.copy(query) as lines:
                    for chunk in opened(member(name)):
                        lines.write(chunk)
                if cursor.rowcount != table.rows:
                    raise damaged(f"{name} 的行数与清单不符")
    for name, last in manifest.facts.sequences.items():
        connection.execute("select setval(quote_ident(%s)::regclass, %s)", [name, last])


@contextmanager
def _bare(connection: Connection[Any], tables: Iterable[str]) -> Iterator[None]:
    """Tables without foreign keys, indexes and triggers; afterwards they are back, and hold.

    Their definitions come from this database's own catalogue, never from the archive.
    """
    keys = connection.execute(_FOREIGN_KEYS).fetchall()
    indexes = connection.execute(_INDEXES).fetchall()
    for table, key, _ in keys:
        _run(connection, "alter table {} drop constraint {}", table, key)
    for name, _ in indexes:
        connection.execute(f"drop index {name}".encode())
    for table in tables:
        _run(connection, "alter table {} disable trigger user", table)
    yield
    for _, definition in indexes:
        connection.execute(definition.encode())
    for table, key, definition in keys:
        _run(connection, "alter table {} add constraint {} " + definition, table, key)
    for table in tables:
        _run(connection, "alter table {} enable trigger user", table)


def _run(connection: Connection[Any], statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _named(name: str, columns: tuple[str, ...]) -> tuple[sql.Composable, sql.Composable]:
    return sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns))
