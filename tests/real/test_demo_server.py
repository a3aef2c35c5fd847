"""The demonstration's one process, SQLite and the embedded worker: killed, and started again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from engine.models import OutboxItem
from tests.e2e.live import LiveHall, unit_login
from tests.handlers.sms_server import Phone, sms_server
from tests.real.programs import Program, eventually, finished
from tests.real.setup import RealHall, sms_settings


class SmallHall(RealHall):
    """Without PostgreSQL, Redis and RQ."""

    def __init__(self, home: Path, phone: Phone) -> None:
        LiveHall.__init__(self, home, f"sqlite:///{home}/hall.sqlite3", "qiandongnan")
        self.phone = phone
        self._environment |= sms_settings(phone)
        self.web = Program("web", ["webapp.cli", "serve"], self._environment, home)
        self.programs = [self.web]

    def start(self) -> SmallHall:
        for command in (["migrate"], ["load-demo", "--months", "0"]):
            done = finished(["webapp.cli", *command], self._environment)
            assert done.returncode == 0, done.stderr
        return self.start_again()

    def start_again(self) -> SmallHall:
        self.web.start()
        assert eventually(self._answers), self.web.log()
        return self

    def stop(self) -> None:
        self.web.kill()
        self.shop.engine.dispose()


@pytest.fixture
def small_hall(tmp_path: Path) -> Iterator[SmallHall]:
    with sms_server("hold") as phone:
        hall = SmallHall(tmp_path, phone)
        try:
            yield hall.start()
        finally:
            hall.stop()


def test_what_a_killed_server_owed_is_sent_after_its_restart(small_hall: SmallHall) -> None:
    hall, phone = small_hall, small_hall.phone
    being_sent = hall.complete(unit_login(0), ("qdn001", "qdn003"))
    assert phone.arrived.wait(20), "the gateway was never asked"
    not_begun = hall.complete(unit_login(1), ("qdn001", "qdn003"))
    hall.web.kill()
    assert [one.status for one in hall.messages(being_sent)] == ["sending"]
    assert [one.status for one in hall.messages(not_begun)] == ["queued"]
    phone.let_go.set()
    hall.let_the_lease_run_out(being_sent)
    hall.start_again()
    assert eventually(lambda: hall.sent(being_sent) and hall.sent(not_begun)), hall.web.log()
    assert len(hall.asked(being_sent)) == 2
    assert len(set(hall.asked(being_sent))) == 1, "the gateway can tell that it is the same"
    assert len(hall.asked(not_begun)) == 1
    with hall.shop.sessions() as session:
        assert all(session.scalars(select(OutboxItem.done_at)))
