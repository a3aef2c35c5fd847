"""How the rooms below are opened: handlers registered, the centre read, its calendar made.

Web processes, workers and the command line all start here, so they cannot differ.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from sqlalchemy import Engine

import engine
import forms
import handlers
from engine import Deployed, Runtime
from engine.calendar import ZONE, Calendar
from engine.diagrams.lint import Known, service_files
from engine.runtime import SYSTEM
from forms import registry
from handlers import calendars, centers
from handlers.banking import debiting
from handlers.calendars import WorkingCalendar
from handlers.centers import Center
from handlers.notices import delivery, texts
from handlers.parameters import operations as parameters
from handlers.people.operations import sync_branches, sync_roles
from handlers.registers import catalog
from webapp import keys
from webapp.settings import Settings, SettingsError

ENGINE_JOBS = ("engine.verbs.bulk", "engine.verbs.migrating")  # long jobs the engine does itself
ROSTER_JOBS = ("forms.rosters.importing", "forms.rosters.judging")


def register_handlers() -> None:
    """Import every handler, so that its operations, listeners, outbox handlers and jobs are
    known."""
    for name in (*ENGINE_JOBS, *ROSTER_JOBS):
        importlib.import_module(name)
    for room in (handlers, forms):  # rosters are imported and judged by jobs of `forms`
        for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            importlib.import_module(found.name)


def open_rooms(settings: Settings) -> Center:
    """Handlers registered, keys and gateways ready, the centre read and checked; no connection."""
    register_handlers()
    keys.open_keys(settings)
    delivery.configure(settings.sms)
    debiting.configure(settings.bank)
    center = centers.load(settings.root, settings.center)
    catalog.check(center)
    for problem in texts.check_templates(center):
        raise SettingsError(problem.text)
    return center


def open_center(rt: Runtime, settings: Settings) -> Iterator[str]:
    """Bring the database in line with the centre's folder; yields one line for each diagram.

    Branches, parameters and the calendar of the coming years are written, diagrams deployed.
    Running it again changes nothing.
    """
    center: Center = rt.profile
    parameters.sync(rt.session, center, now=rt.clock())  # first: it refuses a wrong database
    sync_branches(rt.session, center.branches)
    sync_roles(rt.session, center.roles)
    calendars.seed(rt.session, rt.clock().astimezone(ZONE).year)
    yield from deploy_diagrams(rt, settings)


def calendar_of(database: Engine, _center: Center) -> Calendar:
    """Reads its table when first asked, so it may be made before a fork."""
    return WorkingCalendar(database)


def deploy_diagrams(rt: Runtime, settings: Settings) -> Iterator[str]:
    """Deploy each service the centre offers, with its own files on top; a line for each."""
    roles = frozenset(role.name for role in rt.profile.roles)
    known = Known(roles, registry.known())
    for key, _, files in service_files(settings.root / "bpmn", settings.center):
        if key not in rt.profile.services:
            continue
        made = engine.deploy(rt, key, files, SYSTEM, known=known)
        _check_fit(rt.profile, made)
        yield f"{made.name} · {key} · 第 {made.version} 版"


def _check_fit(center: Center, deployed: Deployed) -> None:
    """Form and center.toml must name the same things: say so before anybody files."""
    form, offered = deployed.first.form or "", center.services.get(deployed.key)
    for problem in registry.find(form).misfits(offered) if offered is not None else ():
        raise SettingsError(problem.text)
