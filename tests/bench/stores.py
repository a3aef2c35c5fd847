"""The three stores of the benchmark, each private, on a real disk and gone at the end.

`/var/tmp` and not `/tmp`: the latter may be memory, where writing durably costs nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from deploy.servers import Postgres
from engine.database import configure

DISK = Path("/var/tmp")
NAMES = ("sqlite_normal_core", "sqlite_full_core", "pg_core")
TITLES = {
    "sqlite_normal_core": "SQLite WAL NORMAL",
    "sqlite_full_core": "SQLite WAL FULL",
    "pg_core": "PostgreSQL, fsync",
}


@contextmanager
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hall-bench-", dir=DISK))
    folder.chmod(0o755)  # PostgreSQL may run as another user and must get through
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def store(name: str, folder: Path) -> Iterator[Engine]:
    """An empty database; dropped with the folder."""
    if name == "pg_core":
        server = Postgres(folder / "pgdata", folder / "pg", durable=True).start()
        try:
            server.create_database("bench")
            with _engine(server.url("bench")) as engine:
                _insist_on_durability(engine)
                yield engine
        finally:
            server.stop()
        return
    synchronous = {"sqlite_normal_core": "NORMAL", "sqlite_full_core": "FULL"}[name]
    with _engine(f"sqlite:///{folder / name}.sqlite3", synchronous) as engine:
        yield engine


@contextmanager
def _engine(url: str, synchronous: str = "NORMAL") -> Iterator[Engine]:
    engine = configure(create_engine(url), synchronous=synchronous)
    try:
        yield engine
    finally:
        engine.dispose()


def _insist_on_durability(engine: Engine) -> None:
    with engine.connect() as connection:
        for setting in ("fsync", "synchronous_commit"):
            value = connection.execute(text(f"show {setting}")).scalar_one()
            assert value == "on", f"{setting} is {value}: the numbers would flatter"


def filesystem(path: Path) -> str:
    """Type of the file system under `path`: tmpfs would make every fsync free."""
    best = ("", "?")
    for line in Path("/proc/self/mounts").read_text().splitlines():
        point, kind = line.split()[1:3]
        if path.is_relative_to(point) and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]
