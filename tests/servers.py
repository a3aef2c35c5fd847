"""Real PostgreSQL and Redis for the tests: one private pair per pytest process, started when asked.

A fresh database per test is a clone of a template that holds the schema: tens of milliseconds.  The
servers die with the process that started them, so a killed test run leaves nothing behind.
"""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg
from sqlalchemy import create_engine

from deploy.servers import Postgres, Redis
from engine.database import configure
from webapp.migrations.tables import metadata

TEMPLATE = "hall_template"


class Databases:
    """Hands out empty databases that have the schema, of either kind."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="hall-tests-"))
        self._home.chmod(0o755)  # PostgreSQL may run as another user and must get through
        self._count = itertools.count(1)
        self._postgres: Postgres | None = None
        self._redis: Redis | None = None
        self._filled: dict[tuple[str, str], str] = {}

    def sqlite(self) -> str:
        template = self._home / "template.sqlite3"
        if not template.exists():
            _create_tables(f"sqlite:///{template}")
        copy = self._home / f"test_{next(self._count)}.sqlite3"
        shutil.copyfile(template, copy)
        return f"sqlite:///{copy}"

    def postgres(self) -> str:
        server = self._postgres_server()
        name = f"test_{next(self._count)}"
        self._say(server, f"create database {name} template {TEMPLATE}")
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
        elif self._postgres is not None:
            name = url.rpartition("/test_")[2].partition("?")[0]
            if name.isdigit():
                self._say(self._postgres, f"drop database if exists test_{name} with (force)")

    def filled(self, kind: str, name: str, fill: Callable[[str], None]) -> str:
        """A copy of the database `name`, which `fill` has filled once in this process."""
        if (kind, name) not in self._filled:
            url = self.sqlite() if kind == "sqlite" else self.postgres()
            fill(url)
            self._filled[kind, name] = url
        template = self._filled[kind, name]
        if kind == "sqlite":
            url = self.sqlite()
            shutil.copyfile(*(Path(u.removeprefix("sqlite:///")) for u in (template, url)))
            return url
        source, copy = re.findall(r"test_\d+", template)[-1], f"test_{next(self._count)}"
        self._say(self._postgres_server(), f"create database {copy} template {source}")
        return self._postgres_server().url(copy)

    def redis(self) -> Redis:
        if self._redis is None:
            self._redis = Redis(self._home / "redis").start()
        return self._redis

    def close(self) -> None:
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

    def _say(self, server: Postgres, statement: str) -> None:
        plain = server.url("postgres").replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(statement.encode())


def _create_tables(url: str) -> None:
    engine = configure(create_engine(url))
    metadata().create_all(engine)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            # The copy must be one complete file, without a log beside it.
            connection.connection.dbapi_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    engine.dispose()
