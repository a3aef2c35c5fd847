"""A hall over a fresh database of either kind, with a clock that stands still."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from engine import Runtime, events
from engine.calendar import Weekdays
from tests.builders import diagrams
from tests.conftest import Clock
from tests.engine.hall import Desk, Hall, Town, database
from webapp.migrations.tables import metadata


@pytest.fixture(scope="session")
def _everything_is_imported() -> None:
    """Making a database imports the handlers, and they begin to listen."""
    metadata()


@pytest.fixture(autouse=True)
def _nobody_else_listens(monkeypatch: pytest.MonkeyPatch, _everything_is_imported: None) -> None:
    """The fund's handlers may be loaded in this process; here they have no centre to speak for."""
    monkeypatch.setattr(events, "_listeners", defaultdict(list))


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
