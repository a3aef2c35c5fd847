"""A hall over a fresh database of either kind, with a clock that stands still."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.orm import Session

from engine import Runtime, events
from engine.calendar import Weekdays
from engine.owed import jobs
from tests.builders import diagrams
from tests.conftest import Clock
from tests.engine.counting import KIND, Counting
from tests.engine.hall import Desk, Hall, Town, database
from tests.engine.moved import Moved
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


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Every report is written; a slice ends when a test says so."""
    made = Counting()
    monkeypatch.setitem(jobs._handlers, KIND, made)
    monkeypatch.setattr(jobs, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 3600.0)
    return made


@pytest.fixture
def between(empty_hall: Hall) -> Callable[..., Moved]:
    """Deploy `old`, file a request, do what `then` says with it, deploy `new`."""

    def make(old: bytes, new: bytes, *then: Callable[[Hall, str], Any], key: str = "line") -> Moved:
        empty_hall.deploy(old, key)
        no = empty_hall.file(key=key)
        for deed in then:
            deed(empty_hall, no)
        return Moved(empty_hall, no, empty_hall.deploy(new, key).id)

    return make
