"""One write transaction, the same on SQLite and PostgreSQL.

SQLite takes its write lock at BEGIN IMMEDIATE, so that two verbs never deadlock half-way;
PostgreSQL locks the row of the request (`SELECT … FOR UPDATE`).  Readers never wait on either.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

BUSY_TIMEOUT_MS = 15_000
CACHE_KIB = 16_384  # a connection; SQLite's own 2 MB read a large archive again and again
MMAP_BYTES = 268_435_456  # pages beyond the cache come from the system's without a copy
# SQLite asks for the writer again after a tenth of a second at the latest, whoever else has had it.
GIVE_WAY_SECONDS = 0.5
ID_MAX = 2**31 - 1


def possible(key: int | str) -> bool:
    """False for an id or number no row can have: a database raises on it instead of finding
    nothing, and links can be typed by hand."""
    return key.isprintable() if isinstance(key, str) else 0 < key <= ID_MAX


def number_in(text: str) -> int | None:
    """The number a form or a link names; None for what no column of ours can hold."""
    short = text.isascii() and text.isdecimal() and len(text) <= len(str(ID_MAX))
    return int(text) if short and int(text) <= ID_MAX else None


def configure(engine: Engine, *, synchronous: str = "NORMAL") -> Engine:
    """Prepare a SQLAlchemy engine for the hall; call once per engine.

    `synchronous`: SQLite only, NORMAL (survives a crash of the process) or FULL (of the machine).
    """
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect(synchronous))
        event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(synchronous: str) -> Any:
    assert synchronous in ("NORMAL", "FULL")

    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            f"cache_size=-{CACHE_KIB}",
            f"mmap_size={MMAP_BYTES}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return connect


class _Waiting:
    """How many threads stand before SQLite's writer."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.count += 1

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self.count -= 1


_waiting = _Waiting()


def _sqlite_begin(connection: Any) -> None:
    if connection.get_execution_options().get("hall_write", False):
        with _waiting:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql("BEGIN")


def give_way() -> None:
    """Between two pieces of long work, with no transaction open: SQLite's writer goes to whoever
    waits for it in this process.  It knows no queue: who comes back at once always finds it free,
    and a page that asks now and then never does."""
    until = time.monotonic() + GIVE_WAY_SECONDS
    while _waiting.count and time.monotonic() < until:
        time.sleep(0.005)


def one_at_a_time(session: Session, deed: str) -> None:
    """Until this transaction is over nobody else does what goes by this name."""
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer anyway
        lock = select(func.pg_advisory_xact_lock(func.hashtext(deed)))
        session.execute(lock)


@contextmanager
def transaction(session: Session) -> Iterator[Session]:
    """The transaction of one verb: commits at the end, rolls back on any error.

    Whatever the session had only read before is let go first: a verb decides on fresh rows.
    """
    session.rollback()
    session.connection(execution_options={"hall_write": True})
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
