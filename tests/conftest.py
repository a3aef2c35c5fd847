"""What every test may ask for: a database of either kind, Redis, a clock."""

from __future__ import annotations

import gc
import ipaddress
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.builders import keys, passwords, remembered
from tests.servers import Databases

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
    # nothing but this machine has an address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

# Programs the tests start compile what they import once for all of them, not each for itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
keys.configure()  # databases are filled before the first test begins
passwords.make_cheap()
remembered.install()


def pytest_collection_finish() -> None:
    """What is imported by now stays: walking it again and again took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 10)


_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex


class Clock:
    """A clock that stands still until it is told to move; a Wednesday morning unless set."""

    def __init__(self) -> None:
        self._now = datetime(2026, 7, 15, 9, 30, tzinfo=ZoneInfo("Asia/Shanghai"))

    def __call__(self) -> datetime:
        return self._now.astimezone(UTC)

    def advance(self, **units: float) -> None:
        """advance(hours=3); the units of timedelta."""
        self._now += timedelta(**units)

    def set(self, moment: datetime) -> None:
        assert moment.tzinfo is not None, "an aware time"
        self._now = moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    made = Databases()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def sqlite_url(databases: Databases) -> Iterator[str]:
    url = databases.sqlite()
    yield url
    databases.drop(url)


@pytest.fixture
def postgresql_url(databases: Databases) -> Iterator[str]:
    url = databases.postgres()
    yield url
    databases.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """A fresh database with all tables; the test runs once on each kind."""
    url = databases.sqlite() if request.param == "sqlite" else databases.postgres()
    yield url
    databases.drop(url)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """The same for a whole module, for tests that only read or go on from each other."""
    url = databases.sqlite() if request.param == "sqlite" else databases.postgres()
    yield url
    databases.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, databases: Databases) -> str:
    return databases.empty(request.param)


@pytest.fixture
def redis_url(databases: Databases) -> str:
    """A real Redis, flushed."""
    server = databases.redis()
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as line:
        line.sendall(b"FLUSHALL\r\n")
        assert line.recv(16).startswith(b"+OK")
    return server.url


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One real browser per process: its driver may be started only once."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


def _allowed(family: int, address: Any) -> bool:
    if family == socket.AF_UNIX:
        return True
    host = str(address[0]).partition("%")[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True)
def _test_keys() -> None:
    keys.configure()


@pytest.fixture(autouse=True, scope="session")
def _only_this_machine() -> Iterator[None]:
    """A test that reaches for the network must not pass because the network was there."""

    def connect(self: socket.socket, address: Any) -> None:
        assert _allowed(self.family, address), f"a test tried to reach {address}"
        return _connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        assert _allowed(self.family, address), f"a test tried to reach {address}"
        return _connect_ex(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", connect)
    patch.setattr(socket.socket, "connect_ex", connect_ex)
    yield
    patch.undo()
