"""One real set-up per test process, healed after every test that broke it."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.live import LINES_OF_KAILI, unit_login
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


_lines = itertools.cycle(range(LINES_OF_KAILI))


@pytest.fixture
def login(hall: RealHall) -> str:
    """The operator of a unit in 凯里 whose requests have all ended."""
    for line in itertools.islice(_lines, LINES_OF_KAILI):
        found = unit_login(line)
        if all(hall.view(found, no).ended_at for no in hall.requests_of(found)):
            return found
    raise AssertionError("every unit in 凯里 has a request on its way")


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
    skip = shutil.ignore_patterns("node_modules")  # what is compiled comes along
    for room in ("bpmn", "deploy", "engine", "forms", "handlers", "webapp"):
        shutil.copytree(ROOT / room, home / "hall" / room, ignore=skip)
    for file in ("config.toml", "pyproject.toml"):
        shutil.copy(ROOT / file, home / "hall")
    yield home / "hall"
    shutil.rmtree(home, ignore_errors=True)
