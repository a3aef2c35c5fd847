"""Real PostgreSQL and Redis for the tests: one private pair per pytest process, started when asked.

A fresh database per test: SQLite copies a file; PostgreSQL clones a template once and from then on
puts a database that is given back as it was, for a clone costs ten times as much.  The servers die
with the process that started them, so a killed test run leaves nothing behind.
"""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Dialect, Engine, create_engine

from deploy.servers import Postgres, Redis
from engine.database import configure
from webapp.migrations.tables import metadata

TEMPLATE = "hall_template"
# What a filled template holds, kept beside its tables: giving back copies it from there.
KEEP = """
create schema keep;
do $$ declare t record; begin
  for t in select tablename from pg_tables where schemaname = 'public' loop
    execute format('create table keep.%1$I as table public.%1$I', t.tablename);
  end loop;
end $$;
create table keep._sequences as select sequencename, last_value from pg_sequences
  where schemaname = 'public' and last_value is not null;
"""
RESTORE = """
select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid();
set lock_timeout = '5s';
set session_replication_role = replica;  -- in any order, whoever refers to whom
do $$ declare t record; begin
  for t in select tablename from pg_tables where schemaname = 'public' loop
    execute format('delete from public.%I', t.tablename);
  end loop;
  perform setval(format('public.%I', sequencename)::regclass, 1, false) from pg_sequences
    where schemaname = 'public' and last_value is not null;
  if exists (select from pg_namespace where nspname = 'keep') then
    for t in select tablename from pg_tables where schemaname = 'keep' and tablename <> '_sequences'
    loop execute format('insert into public.%1$I select * from keep.%1$I', t.tablename); end loop;
    perform setval(format('public.%I', sequencename)::regclass, last_value) from keep._sequences;
  end if;
end $$;
"""


class Databases:
    """Hands out empty databases that have the schema, of either kind."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="hall-tests-"))
        self._home.chmod(0o755)  # PostgreSQL may run as another user and must get through
        self._count = itertools.count(1)
        self._postgres: Postgres | None = None
        self._redis: Redis | None = None
        self._filled: dict[tuple[str, str], str] = {}
        self._lines: dict[str, psycopg.Connection] = {}
        self._source: dict[str, str] = {}  # PostgreSQL database → the template it was cloned from
        self._idle: dict[str, list[str]] = defaultdict(list)  # template → databases given back

    def sqlite(self) -> str:
        template = self._home / "template.sqlite3"
        if not template.exists():
            _create_tables(f"sqlite:///{template}")
        copy = self._home / f"test_{next(self._count)}.sqlite3"
        shutil.copyfile(template, copy)
        return f"sqlite:///{copy}"

    def postgres(self) -> str:
        self._postgres_server()
        return self._clone(TEMPLATE)

    def _clone(self, template: str) -> str:
        server = self._postgres_server()
        if self._idle[template]:
            return server.url(self._idle[template].pop())
        name = f"test_{next(self._count)}"
        self._say(server, f"create database {name} template {template}")
        self._source[name] = template
        return server.url(name)

    def empty(self, kind: str) -> str:
        """A database without any table, for tests of migrations."""
        name = f"empty_{next(self._count)}"
        if kind == "sqlite":
            return f"sqlite:///{self._home / name}.sqlite3"
        server = self._postgres_server()
        server.create_database(name)
        return server.url(name)

    def drop(self, url: str) -> None:
        if url.startswith("sqlite"):
            path = Path(url.removeprefix("sqlite:///"))
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        elif self._postgres is not None and (found := re.search(r"test_\d+", url)):
            self._give_back(self._postgres, found[0])

    def _give_back(self, server: Postgres, name: str) -> None:
        """Put it as it was; a database whose tables are not what they were is dropped."""
        template = self._source[name]
        try:
            self._say(server, RESTORE, name)
        except psycopg.Error:
            self._lines.pop(name).close()
            self._say(server, f"drop database if exists {name} with (force)")
        else:
            self._idle[template].append(name)

    def filled(self, kind: str, name: str, fill: Callable[[str], None]) -> str:
        """A copy of the database `name`, which `fill` has filled once in this process."""
        if (kind, name) not in self._filled:
            url = self.sqlite() if kind == "sqlite" else self.postgres()
            fill(url)
            self._filled[kind, name] = url
            if kind == "postgresql":
                made = re.findall(r"test_\d+", url)[-1]
                self._say(self._postgres_server(), KEEP, made)
                self._lines.pop(made).close()  # nobody may be in it while it is cloned
        template = self._filled[kind, name]
        if kind == "sqlite":
            url = self.sqlite()
            shutil.copyfile(*(Path(u.removeprefix("sqlite:///")) for u in (template, url)))
            return url
        return self._clone(re.findall(r"test_\d+", template)[-1])

    def redis(self) -> Redis:
        if self._redis is None:
            self._redis = Redis(self._home / "redis").start()
        return self._redis

    def close(self) -> None:
        for line in self._lines.values():
            line.close()
        for server in (self._redis, self._postgres):
            if server is not None:
                server.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def _postgres_server(self) -> Postgres:
        if self._postgres is None:
            run = self._home / "pg"  # short: the path of a unix socket has at most 107 characters
            self._postgres = Postgres(self._home / "pgdata", run, durable=False).start()
            self._postgres.create_database(TEMPLATE)
            _create_tables(self._postgres.url(TEMPLATE))
        return self._postgres

    def _say(self, server: Postgres, statement: str, database: str = "postgres") -> None:
        """On a connection that stays open: a new one costs more than what it is asked."""
        line = self._lines.get(database)
        if line is None or line.closed:
            plain = server.url(database).replace("+psycopg", "")
            line = self._lines[database] = psycopg.connect(plain, autocommit=True)
        line.execute(statement.encode())


_statements: dict[str, tuple[Dialect, dict[Any, Any]]] = {}


def compiled_once(engine: Engine) -> Engine:
    """Let this engine know every statement another of its kind has compiled in this process: doing
    that for each new database was half of what a test cost.  Call it before the first connection.
    """
    kind = engine.dialect.name
    if kind not in _statements:
        engine.connect().close()  # the dialect learns how old its server is, and compiles for it
        _statements[kind] = (engine.dialect, {})
    engine.dialect, compiled = _statements[kind]
    engine.update_execution_options(compiled_cache=compiled)
    return engine


def _create_tables(url: str) -> None:
    engine = configure(create_engine(url))
    metadata().create_all(engine)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            # The copy must be one complete file, without a log beside it.
            connection.connection.dbapi_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    engine.dispose()
