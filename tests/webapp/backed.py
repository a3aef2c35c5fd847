"""A hall that was backed up, and a machine it is brought back to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import create_engine, text

from engine.database import configure
from tests.builders import keys
from tests.conftest import Clock
from tests.servers import Databases
from tests.webapp.hall import Hall, make_app, seeded_copy
from tests.webapp.steps import filed, upload
from webapp.backup import making
from webapp.backup.commands import in_words
from webapp.backup.making import make
from webapp.backup.manifest import Manifest
from webapp.backup.restoring import restore
from webapp.migrations import tables
from webapp.settings import Settings, load

SECRET = "s" * 40
OTHER_SECRET = "o" * 40


def machine(url: str, home: Path, **changes: Any) -> Settings:
    chosen: dict[str, Any] = {"mode": "demo", "data_dir": home, "database": {"url": url}}
    chosen |= {"secret_key": SECRET, "keys": {"file": str(keys.FILE)}} | changes
    return load(environ={}, **chosen)


@dataclass(frozen=True)
class Backed:
    """A hall with a request and its file, and the archive of it."""

    settings: Settings
    archive: Path
    made: making.Made


def backed_up(databases: Databases, clock: Clock, kind: str, home: Path) -> Backed:
    url = seeded_copy(databases, clock, kind)
    app = make_app(url, home / "there", clock, secret_key=SECRET)
    hall = Hall(app, clock)
    operator = hall.signed_in("operator")
    assert upload(operator).status_code == 200
    filed(operator)
    hall.close()
    command.stamp(tables.config(url), "head")  # the tests' databases are made without Alembic
    settings = machine(url, home / "there")
    made = make(settings, home, clock)
    return Backed(settings, made.path, made)


def bring_back(here: Settings, archive: Path, **how: Any) -> Manifest:
    how.setdefault("migrate", lambda: tables.upgrade(here.database_url))
    with in_words("恢复没有做完"):
        return restore(here, archive, tell=lambda _text: None, **how)


def stored_files(settings: Settings) -> dict[str, bytes]:
    root = settings.materials_path
    found = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def all_rows(url: str) -> dict[str, list[Any]]:
    """Every row of every table, in an order of its own."""
    engine = configure(create_engine(url))
    with engine.connect() as connection:
        found = {
            name: sorted(map(repr, connection.execute(text(f'select * from "{name}"'))))
            for name in tables.metadata().tables
        }
    engine.dispose()
    return found
