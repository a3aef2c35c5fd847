"""A centre with its demonstration data and its real diagram, once per kind of database.

Every test takes a unit nobody has used yet, so that one seeded database serves them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

import engine
from engine import Runtime
from engine.diagrams.lint import service_files
from handlers import centers, demo
from handlers.calendars import WorkingCalendar
from handlers.units.models import Unit
from tests.bpmn import desks, houses, tills
from tests.bpmn.centre import Centre
from tests.builders import people
from tests.conftest import Clock
from tests.servers import Databases
from webapp.rooms import register_handlers

ROOT = Path(__file__).resolve().parents[2]
Open = Callable[[str], Centre]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def seeded(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Callable[[str], str]]:
    """The url of a database with this centre's demonstration in it."""
    urls: dict[str, str] = {}

    def of(name: str) -> str:
        if name not in urls:
            url = databases.sqlite() if request.param == "sqlite" else databases.postgres()
            _seed(url, name)
            urls[name] = url
        return urls[name]

    yield of
    for url in urls.values():
        databases.drop(url)


@pytest.fixture
def centre(seeded: Callable[[str], str], clock: Clock) -> Iterator[Open]:
    """centre("qiandongnan") opens it with a unit of its own."""
    with ExitStack() as stack:

        def open_it(name: str) -> Centre:
            sessions = stack.enter_context(people.store(seeded(name)))
            session = stack.enter_context(sessions())
            return Centre(_runtime(sessions, session, clock, name), sessions)

        yield open_it


def _seed(url: str, name: str) -> None:
    register_handlers()
    with people.store(url) as sessions, sessions() as session:
        rt = _runtime(sessions, session, Clock(), name)
        demo.load(session, rt.profile, now=rt.clock())
        for key, _, files in service_files(ROOT / "bpmn", name):
            if key in rt.profile.services:
                engine.deploy(rt, key, files)
        assert session.scalar(select(Unit.id).limit(1)) is not None


def _runtime(sessions: sessionmaker[Session], session: Session, clock: Clock, name: str) -> Runtime:
    center = centers.load(ROOT, name)
    calendar = WorkingCalendar(session.get_bind().engine)
    return Runtime(session, clock, calendar, center.prefix, center)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Callable[[str], str]]:
    """The url of a database with this centre's parameters, staff and diagrams, and no unit."""
    urls: dict[str, str] = {}

    def of(name: str) -> str:
        if name not in urls:
            url = databases.sqlite() if request.param == "sqlite" else databases.postgres()
            houses.fill(url, name)
            urls[name] = url
        return urls[name]

    yield of
    for url in urls.values():
        databases.drop(url)


@pytest.fixture
def house(filled: Callable[[str], str], clock: Clock) -> Iterator[desks.Open]:
    """house("xizang").unit() is a new unit's desk."""
    with ExitStack() as stack:

        def open_it(name: str) -> desks.House:
            made = houses.house_on(filled(name), centers.load(ROOT, name), clock)
            return stack.enter_context(made)

        yield open_it


@pytest.fixture
def bank() -> Iterator[tills.Bank]:
    with tills.bank() as made:
        yield made
