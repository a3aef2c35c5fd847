"""One browser and one hall of each kind per test process; other people for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.builders import files
from tests.e2e.live import LiveHall
from tests.e2e.tabs import Tabs
from tests.e2e.visitors import Team, Visitors
from tests.servers import Databases


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


OpenHall = Callable[[str, str], LiveHall]


@pytest.fixture(scope="session")
def open_hall(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenHall]:
    """A hall of this centre on this kind of database; started when first asked for."""
    running: dict[tuple[str, str], LiveHall] = {}

    def opened(center: str, kind: str) -> LiveHall:
        if (center, kind) not in running:
            url = databases.sqlite() if kind == "sqlite" else databases.postgres()
            home = tmp_path_factory.mktemp(f"hall-{center}-{kind}")
            running[center, kind] = LiveHall(home, url, center).start()
        return running[center, kind]

    yield opened
    for hall in running.values():
        hall.stop()
    for name, hall in running.items():
        assert "Traceback" not in hall.log(), f"{name}: {hall.log()[-4000:]}"


@pytest.fixture(scope="module")
def own_hall(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHall]:
    """黔东南 for one module alone: it may draw the service anew, and its desks are empty."""
    hall = LiveHall(tmp_path_factory.mktemp("own-hall"), databases.sqlite(), "qiandongnan").start()
    yield hall
    hall.stop()
    assert "Traceback" not in hall.log(), hall.log()[-4000:]


@pytest.fixture(scope="session")
def tabs(chromium: Browser) -> Tabs:
    return Tabs(chromium)


@pytest.fixture(scope="module")
def team(own_hall: LiveHall, tabs: Tabs) -> Iterator[Team]:
    """The people of the module's own hall, each signed in once."""
    people = Visitors(tabs)
    yield Team(people, own_hall)
    people.close()
    assert not people.verdict(), people.verdict()


@pytest.fixture
def hall(open_hall: OpenHall) -> LiveHall:
    """黔东南 on SQLite."""
    return open_hall("qiandongnan", "sqlite")


@pytest.fixture(params=["sqlite", "postgresql"])
def hall_on_both(open_hall: OpenHall, request: pytest.FixtureRequest) -> LiveHall:
    return open_hall("qiandongnan", request.param)


@pytest.fixture
def xizang(open_hall: OpenHall) -> LiveHall:
    return open_hall("xizang", "sqlite")


@pytest.fixture
def visitors(tabs: Tabs) -> Iterator[Visitors]:
    people = Visitors(tabs)
    yield people
    people.close()
    assert not people.verdict(), people.verdict()


@pytest.fixture(scope="session")
def licence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan of a 营业执照, as a phone makes one."""
    file = tmp_path_factory.mktemp("scans") / "营业执照副本.jpg"
    file.write_bytes(files.jpeg((900, 640), quality=80))
    return file
