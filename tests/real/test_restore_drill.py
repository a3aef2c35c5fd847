"""The drill: a machine is lost while people work; the hall stands on an empty one, by commands."""

from __future__ import annotations

import re
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from engine.models import History, Message
from handlers.demo import PASSWORD
from handlers.documents import Material
from tests.builders import archives, keys
from tests.conftest import Clock
from tests.real.programs import Program, eventually, finished
from tests.servers import Databases
from tests.webapp.hall import PEOPLE, Hall, csrf_of, make_app, seed
from tests.webapp.steps import filed, picture, upload
from tests.webapp.test_signin import fill_in
from webapp.backup import checks
from webapp.backup.commands import FAULTS_FOUND
from webapp.migrations import tables
from webapp.settings import RESTORE_NOTE, load

SECRET = "a-secret-that-is-kept-in-a-safe-elsewhere"


@dataclass(frozen=True)
class Machine:
    url: str
    home: Path

    @property
    def environ(self) -> dict[str, str]:
        return {
            "HALL_CENTER": "qiandongnan",
            "HALL_MODE": "demo",
            "HALL_DATA_DIR": str(self.home),
            "HALL_SECRET_KEY": SECRET,
            "HALL_KEYS_FILE": str(keys.FILE),
            "DATABASE_URL": self.url,
        }

    def run(self, *arguments: str) -> Any:
        return finished(["webapp.cli", *arguments], self.environ)

    def done(self, *arguments: str) -> str:
        ended = self.run(*arguments)
        assert ended.returncode == 0, ended.stderr
        return str(ended.stdout)

    def program(self, *arguments: str) -> Program:
        return Program("command", ["webapp.cli", *arguments], self.environ, self.home.parent)

    @contextmanager
    def hall(self, clock: Clock) -> Iterator[Hall]:
        made = Hall(make_app(self.url, self.home, clock, secret_key=SECRET), clock)
        yield made
        made.close()

    def count(self, table: type[Any]) -> int:
        engine = create_engine(self.url)
        with Session(engine) as session:
            number = session.scalar(select(func.count()).select_from(table))
        engine.dispose()
        return number or 0

    def files(self) -> dict[str, bytes]:
        root = self.home / "materials"
        return {str(f.relative_to(root)): f.read_bytes() for f in root.rglob("*") if f.is_file()}


@pytest.fixture(params=["sqlite", "postgresql"])
def machines(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> tuple[Machine, Machine]:
    """One with a hall, one with nothing; the same kind of database on both."""
    there, here = (
        Machine(databases.empty(request.param), tmp_path / name) for name in ("there", "here")
    )
    there.done("migrate")
    return there, here


class Writer:
    """People who go on while the backup runs: messages arrive, somebody comments with a file."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._operator = hall.signed_in("operator")
        self._reviewer = hall.signed_in("reviewer")
        self._stopped = threading.Event()
        self.wrote = 0
        assert upload(self._operator).status_code == 200
        self.no = filed(self._operator)
        self._thread = threading.Thread(target=self._write)

    def _write(self) -> None:
        while not self._stopped.wait(0.02):
            self._hall.message()
            if self.wrote % 10 == 0:  # a person may comment thirty times a day
                self._comment()
            self.wrote += 1

    def _comment(self) -> None:
        data: dict[str, Any] = {"opinion": f"第 {self.wrote} 次说明"}
        data |= {"csrf_token": csrf_of(self._reviewer), "attachment": (picture(), "说明.jpg")}
        path = f"/requests/{self.no}/comment"
        self._reviewer.post(path, data=data, content_type="multipart/form-data")

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()


COUNTED = (History, Material, Message)


def test_a_lost_machine_comes_back_on_an_empty_one(
    machines: tuple[Machine, Machine], clock: Clock, tmp_path: Path
) -> None:
    there, here = machines
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with there.hall(clock) as hall:
        with hall.app.app_context():
            seed(hall.app)
        with Writer(hall) as writer:
            assert eventually(lambda: writer.wrote > 3)
            before = [there.count(table) for table in COUNTED]
            said = there.done("backup", str(shelf))
        after = [there.count(table) for table in COUNTED]
    no, files = writer.no, there.files()
    assert "密钥" in said
    (archive,) = shelf.iterdir()
    rows = archives.manifest_of(archive)["facts"]["tables"]
    backed = [rows[table.__tablename__]["rows"] for table in COUNTED]
    assert all(b <= x <= a for b, x, a in zip(before, backed, after, strict=True))
    assert before[-1] < after[-1], "somebody did write"
    whole = not any(one.faults for one in checks.run(load(environ=there.environ)))
    shutil.rmtree(there.home)  # the machine is gone

    killed(here, archive)
    ended = here.run("restore", str(archive))
    said = ended.stdout
    # What did not fit before the backup comes back as it was, and is told.
    assert ended.returncode == (0 if whole else FAULTS_FOUND), ended.stderr
    assert "没有做完" in said or "接着升级和检查" in said
    assert "办理记录 hall audit verify：全部相符" in said
    assert [here.count(table) for table in COUNTED] == backed
    assert here.files().items() <= files.items()
    assert len(here.files()) >= here.count(Material) > 0
    assert "全部相符" in here.done("audit", "verify")
    with here.hall(clock) as hall:
        door, login = PEOPLE["operator"]
        browser = hall.browser()
        assert fill_in(browser, door, login, PASSWORD).status_code == 303
        page = browser.get(f"/requests/{no}").text
        link = re.search(r'href="(/materials/[0-9a-f]+)"', page)
        assert link, "the file of the request"
        assert browser.get(link[1], buffered=True).mimetype == "image/jpeg"


def killed(here: Machine, archive: Path) -> None:
    """A restore that ends with kill -9 as soon as it has begun to write."""
    program = here.program("restore", str(archive)).start()
    assert eventually((here.home / RESTORE_NOTE).exists), program.log()
    program.kill()
    assert program.wait(5) == -signal.SIGKILL
    assert (here.home / RESTORE_NOTE).exists()


def test_in_cron_it_is_silent_and_keeps_the_newest(sqlite_url: str, tmp_path: Path) -> None:
    there = Machine(sqlite_url, tmp_path / "there")
    command.stamp(tables.config(sqlite_url), "head")
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "hall-qiandongnan-20250101-020000.tar").touch()
    quiet = there.run("backup", str(shelf), "--keep", "1", "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    (archive,) = shelf.iterdir()
    again = there.run("backup", str(archive), "--quiet")
    assert again.returncode == 1
    assert again.stderr.strip() == f"✗ {archive} 已存在，备份不覆盖原有文件，请换一个名称。"
    assert there.run("backup", str(archive), "--keep", "1").returncode == 2
