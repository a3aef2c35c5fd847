"""A hall over a fresh database of either kind, with a clock that stands still."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from engine import Runtime, events
from engine.calendar import Weekdays
from engine.models import Base
from tests.builders import diagrams
from tests.conftest import Clock
from tests.engine.hall import Desk, Hall, Town, database
from tests.servers import Databases
from webapp.migrations.tables import metadata


@pytest.fixture(scope="session")
def _everything_is_imported() -> None:
    """Making a database imports the handlers, and they begin to listen."""
    metadata()


@pytest.fixture(autouse=True)
def _nobody_else_listens(monkeypatch: pytest.MonkeyPatch, _everything_is_imported: None) -> None:
    """The fund's handlers may be loaded in this process; here they have no centre to speak for."""
    monkeypatch.setattr(events, "_listeners", defaultdict(list))


@pytest.fixture(scope="session")
def shared_postgresql(databases: Databases) -> Iterator[Engine]:
    """Creating a database costs more than most tests here: they share one and clean up."""
    made = create_engine(databases.postgres())
    yield made
    made.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """An empty database with all tables; the test runs once on each kind."""
    if request.param == "sqlite":
        url = databases.sqlite()
        yield url
        databases.drop(url)
        return
    shared: Engine = request.getfixturevalue("shared_postgresql")
    yield shared.url.render_as_string(hide_password=False)
    with shared.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())


@pytest.fixture
def rt(database_url: str, clock: Clock) -> Iterator[Runtime]:
    with database(database_url) as made, Session(made) as session:
        yield Runtime(session, clock, Weekdays(), "QDN", Desk(), Town())


@pytest.fixture
def empty_hall(rt: Runtime, clock: Clock) -> Hall:
    """Nothing deployed yet."""
    return Hall(rt, clock, rt.session.get_bind().engine, rt.profile)


@pytest.fixture
def hall(empty_hall: Hall) -> Hall:
    """The two-review service is deployed."""
    empty_hall.deploy(diagrams.two_reviews())
    return empty_hall
