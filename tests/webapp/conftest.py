"""A whole hall in one process: the demonstration's centre, units and people on a fresh database.

`hall` makes browsers (test clients); `hall.file(...)` puts a request on the desk the way the page
does, so that a test starts from the state it is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from engine import Actor, Runtime
from tests.conftest import Clock
from tests.servers import Databases
from tests.webapp.hall import Hall, make_app, seeded_copy


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> str:
    """Every page is tested on both; modules that drive a browser choose one."""
    kind: str = request.param
    return kind


@pytest.fixture
def app(databases: Databases, tmp_path: Path, clock: Clock, store: str) -> Iterator[Flask]:
    url = seeded_copy(databases, clock, store)
    made = make_app(url, tmp_path, clock)
    yield made
    Hall(made, clock).close()
    databases.drop(url)


@pytest.fixture
def hall(app: Flask, clock: Clock) -> Hall:
    return Hall(app, clock)


@pytest.fixture
def browser(hall: Hall) -> FlaskClient:
    """Nobody signed in."""
    return hall.browser()


@pytest.fixture
def operator(hall: Hall) -> FlaskClient:
    """杨秀兰 of 凯里市云谷文旅发展有限公司."""
    return hall.signed_in("operator")


@pytest.fixture
def stranger(hall: Hall) -> FlaskClient:
    """An operator of another unit in the same branch."""
    return hall.signed_in("stranger")


@pytest.fixture
def reviewer(hall: Hall) -> FlaskClient:
    """王审核, 归集审核岗 of 凯里管理部, where the unit belongs."""
    return hall.signed_in("reviewer")


@pytest.fixture
def far_reviewer(hall: Hall) -> FlaskClient:
    """吴审核, the same post in another branch."""
    return hall.signed_in("far_reviewer")


@pytest.fixture
def rt(hall: Hall) -> Iterator[Runtime]:
    with hall.app.app_context():
        yield hall.runtime()


@pytest.fixture
def as_actor(hall: Hall) -> Any:
    def look_up(name: str) -> Actor:
        return hall.actor(name)

    return look_up
