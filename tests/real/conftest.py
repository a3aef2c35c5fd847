"""One real set-up per test process, healed after every test that broke it."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.live import unit_login
from tests.handlers.sms_server import sms_server
from tests.real.setup import RealHall
from tests.real.visitor import Visitor
from webapp.settings import ROOT


@pytest.fixture(scope="session")
def running_hall() -> Iterator[RealHall]:
    # Not tmp_path: PostgreSQL may run as another user, and the path of its socket must be short.
    home = Path(tempfile.mkdtemp(prefix="hall-real-"))
    home.chmod(0o755)
    with sms_server() as phone:
        hall = RealHall(home, phone)
        try:
            yield hall.start()
        finally:
            hall.stop()
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def hall(running_hall: RealHall) -> Iterator[RealHall]:
    yield running_hall
    running_hall.heal()


_lines = itertools.count()


@pytest.fixture
def login() -> str:
    """The operator of a unit in 凯里 that no other test touches."""
    return unit_login(next(_lines))


@pytest.fixture
def visitor(hall: RealHall) -> Iterator[Callable[[str], Visitor]]:
    """visitor("qdn001"): signed in over HTTP."""
    made: list[Visitor] = []

    def signed_in(login: str) -> Visitor:
        made.append(Visitor(hall.url))
        return made[-1].sign_in(login)

    yield signed_in
    for one in made:
        one.http.close()


@pytest.fixture(scope="module")
def product() -> Iterator[Path]:
    """A copy of the product, for commands that keep their data in its own folder."""
    home = Path(tempfile.mkdtemp(prefix="hall-copy-"))
    home.chmod(0o755)
    skip = shutil.ignore_patterns("node_modules", "__pycache__")
    for room in ("bpmn", "deploy", "engine", "forms", "handlers", "webapp"):
        shutil.copytree(ROOT / room, home / "hall" / room, ignore=skip)
    for file in ("config.toml", "pyproject.toml"):
        shutil.copy(ROOT / file, home / "hall")
    yield home / "hall"
    shutil.rmtree(home, ignore_errors=True)
