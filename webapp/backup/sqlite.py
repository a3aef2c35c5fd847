"""SQLite: the whole file, copied by its own online backup while the hall runs.

The copy is made in one step inside one read transaction, which WAL grants beside any writer.
Restoring writes a file beside the real one and renames it: there is never half a database.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from engine.database import BUSY_TIMEOUT_MS
from webapp.backup.archive import CHUNK_BYTES, DATABASE, damaged
from webapp.backup.manifest import Facts, Kind, Manifest
from webapp.backup.stores import OURS, Open, busy, facts, not_migrated

MEMBER = f"{DATABASE}hall.sqlite3.gz"
_TABLES = f"select name from sqlite_master where type = 'table' and name like '{OURS}' escape '\\'"


class SqliteStore:
    kind: Kind = "sqlite"

    def __init__(self, url: str) -> None:
        self._path = Path(make_url(url).database or "")

    @contextmanager
    def snapshot(self, folder: Path) -> Iterator[FileSnapshot]:
        if not self._path.is_file():
            raise not_migrated()
        copy = folder / "hall.sqlite3"
        with closing(_connect(self._path)) as source, closing(sqlite3.connect(copy)) as target:
            target.execute("pragma synchronous = off")  # a copy that is lost is made again
            source.backup(target)
            target.execute("pragma journal_mode = delete")  # one file, no log beside it
        try:
            yield FileSnapshot(copy)
        finally:
            copy.unlink()

    def has_rows(self) -> bool:
        if not self._path.is_file() or not self._path.stat().st_size:
            return False
        with closing(_connect(self._path)) as source:
            return any(
                source.execute(f'select 1 from "{name}" limit 1').fetchone()
                for (name,) in source.execute(_TABLES).fetchall()
            )

    def load(self, manifest: Manifest, opened: Open) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._path.with_name(self._path.name + ".restoring")
        try:
            with fresh.open("wb") as out:
                os.fchmod(out.fileno(), 0o600)
                for chunk in opened(MEMBER):
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            _check(fresh, manifest)
            self._make_way()
            fresh.replace(self._path)
        finally:
            fresh.unlink(missing_ok=True)
        sync(self._path.parent)

    def _make_way(self) -> None:
        """An empty database gives way, with its log: a new file beside an old log is garbage."""
        if self._path.exists():
            with closing(_connect(self._path)) as old:
                old.execute("pragma busy_timeout = 0")
                try:
                    mode = old.execute("pragma journal_mode = delete").fetchone()[0]
                except sqlite3.OperationalError:
                    mode = "locked"
            if mode != "delete":  # somebody has it open
                raise busy()
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


class FileSnapshot:
    def __init__(self, copy: Path) -> None:
        self._copy = copy
        self.facts = _facts(copy)

    def parts(self) -> Iterable[tuple[str, Iterable[bytes]]]:
        yield MEMBER, _chunks(self._copy)


def _connect(path: Path) -> sqlite3.Connection:
    """Never makes a database that is not there."""
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_MS / 1000
    )


def _facts(path: Path) -> Facts:
    with closing(_connect(path)) as connection:

        def ask(query: str) -> list[Any]:
            return connection.execute(query).fetchall()

        names = [name for (name,) in ask(f"{_TABLES} order by 1")]
        if not names:
            raise not_migrated()
        return facts(ask, dict.fromkeys(names, ()), {})


def _check(path: Path, manifest: Manifest) -> None:
    """What was unpacked is a sound database and holds what the manifest says."""
    try:
        with closing(_connect(path)) as connection:
            connection.execute("pragma trusted_schema = off")
            verdict = connection.execute("pragma quick_check(1)").fetchone()[0]
        found = _facts(path) if verdict == "ok" else None
    except sqlite3.DatabaseError:
        found = None
    if found != manifest.facts:
        raise damaged("数据库与清单不符")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def sync(folder: Path) -> None:
    """Make a rename survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
