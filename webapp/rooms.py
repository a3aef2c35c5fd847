"""How the rooms below are opened: handlers registered, the centre read, its calendar made.

Web processes, workers and the command line all start here, so they cannot differ.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from sqlalchemy import Engine

import engine
import handlers
from engine import Runtime
from engine.calendar import Calendar
from engine.lint import service_files
from engine.runtime import SYSTEM
from handlers import centers
from handlers.calendars import WorkingCalendar
from handlers.centers import Center
from webapp.settings import Settings


def register_handlers() -> None:
    """Import every handler, so that its operations, listeners and outbox handlers are known."""
    for found in pkgutil.walk_packages(handlers.__path__, "handlers."):
        importlib.import_module(found.name)


def center_of(settings: Settings) -> Center:
    return centers.load(settings.root, settings.center)


def calendar_of(database: Engine, _center: Center) -> Calendar:
    """Reads its table when first asked, so it may be made before a fork."""
    return WorkingCalendar(database)


def deploy_diagrams(rt: Runtime, settings: Settings) -> Iterator[str]:
    """Deploy every process of bpmn/ with this centre's own files on top; yields one line for each."""
    for key, _, files in service_files(settings.root / "bpmn", settings.center):
        made = engine.deploy(rt, key, files, SYSTEM)
        yield f"{made.name} · {key} · 第 {made.version} 版"
