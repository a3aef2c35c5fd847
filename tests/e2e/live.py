"""A hall that really serves: gunicorn in its own process, the embedded worker, a fresh database.

It is started by the product's own command, so what the browser meets here is what people meet.  The
test process looks into the same database through a workshop of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import select
from sqlalchemy.orm import Session

import engine
from deploy.servers import die_with_parent, free_port
from engine import Actor, Runtime
from engine.diagrams.lint import service_files
from forms.units import UnitInfoChange
from handlers import demo as demonstration
from handlers.people import queries, sign_in
from handlers.people.models import Operator, SigninSession, Staff
from handlers.units.models import Unit
from tests.builders import diagrams, keys
from webapp import jobs, parking, rooms
from webapp.settings import ROOT, Settings, load

SERVICE = "unit_info_change"
START_SECONDS_MAX = 30.0
# Accounts of the demonstration centre 黔东南: the unit on line n of handlers/demo/qiandongnan.py.
FIRST_ACCOUNT, ACCOUNT_STEP = 42_637, 311
# Four units a branch, twelve in 凯里: which line belongs to which branch.
LINES_OF_KAILI = 12


def unit_login(line: int) -> str:
    """The account of the unit on this line (0-based); it is also its operator's login."""
    branch = 10 if line < LINES_OF_KAILI else 11 + (line - LINES_OF_KAILI) // 4
    return f"0208{branch}{FIRST_ACCOUNT + line * ACCOUNT_STEP:06d}"


class LiveHall:
    def __init__(self, home: Path, database_url: str, center: str) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._log = home / "server.log"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            "HALL_CENTER": center,
            "HALL_MODE": "demo",
            "HALL_DATA_DIR": str(home),
            "HALL_DATABASE_URL": database_url,
            "HALL_WEB_PORT": str(port),
            "HALL_WORKER_POLL_SECONDS": "0.2",
            "HALL_LOG_LEVEL": "warning",
            "HALL_KEYS_FILE": str(keys.FILE),
        }
        self.settings: Settings = load(environ=self._environment)
        self.shop = jobs.workshop(self.settings)

    # ── the server ────────────────────────────────────────────────────────────────────────────
    def start(self) -> LiveHall:
        self._seed()
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("HALL_", "DATABASE_"))}
        plain.pop("REDIS_URL", None)
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "webapp.cli", "serve"],
                cwd=ROOT, env=plain | self._environment, stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, preexec_fn=die_with_parent, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, f"the hall does not answer: {self.log()}"
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.shop.engine.dispose()

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/about", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _seed(self) -> None:
        with self.shop.sessions() as session:
            demonstration.load(session, self.shop.center, now=datetime.now(UTC))
            session.commit()
            assert list(rooms.deploy_diagrams(self.shop.runtime(session), self.settings))

    def redraw(self, *edits: tuple[str, str], node: str = "review1", **props: str) -> int:
        """Deploy a new version of the drawn service: texts replaced, properties on one step."""
        center = self.settings.center
        files = next(f for key, _, f in service_files(ROOT / "bpmn", center) if key == SERVICE)
        name = f"{SERVICE}.bpmn"
        drawn = diagrams.annotated(files[name], node, **props) if props else files[name]
        for old, new in edits:
            assert old.encode() in drawn, f"{old} is not in the diagram"
            drawn = drawn.replace(old.encode(), new.encode())
        with self.runtime() as rt:
            return engine.deploy(rt, SERVICE, files | {name: drawn}).id

    # ── its people ────────────────────────────────────────────────────────────────────────────
    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        with self.shop.sessions() as session:
            yield self.shop.runtime(session)

    def actor(self, login: str) -> Actor:
        with self.shop.sessions() as session:
            found = queries.actor(session, self._user_id(session, login))
        assert found is not None
        return found

    def cookie_of(self, login: str) -> dict[str, Any]:
        """A session opened behind the door, for tests that are not about the door."""
        with self.shop.sessions() as session:
            user_id = self._user_id(session, login)
            token = sign_in.open_session(session, user_id, now=datetime.now(UTC))
            session.commit()
        words = {"_user_id": token, "_fresh": True, parking.OWNER: user_id}
        signer = Flask("signer")
        signer.secret_key = self.settings.secret()
        serializer = SecureCookieSessionInterface().get_signing_serializer(signer)
        assert serializer is not None
        return {"name": "hall", "value": str(serializer.dumps(words)), "url": self.url}

    def end_sessions(self, login: str) -> None:
        """What twenty idle minutes do to a session."""
        with self.shop.sessions() as session:
            user_id = self._user_id(session, login)
            for row in session.scalars(
                select(SigninSession).where(SigninSession.user_id == user_id)
            ):
                row.ended_at = datetime.now(UTC)
            session.commit()

    def _user_id(self, session: Session, login: str) -> str:
        table: type[Operator] | type[Staff] = Operator if login[0].isdigit() else Staff
        return session.scalars(select(table).where(table.login == login)).one().user_id

    # ── its records ───────────────────────────────────────────────────────────────────────────
    def unit(self, login: str) -> Unit:
        with self.shop.sessions() as session:
            account = login.partition("-")[0]
            return session.scalars(select(Unit).where(Unit.unit_account_no == account)).one()

    def requests_of(self, login: str) -> list[str]:
        with self.runtime() as rt:
            return [row.no for row in engine.inbox.started(rt, self.actor(login)).rows]

    def view(self, login: str, no: str) -> Any:
        with self.runtime() as rt:
            return engine.view(rt, self.actor(login), no)

    def file(self, login: str, **changed: str) -> str:
        """A request on the desk, filed through the form's own check; returns its number."""
        filing = self._filing(login, changed or {"pay_day": "28"})
        with self.runtime() as rt:
            return engine.start(rt, self.actor(login), SERVICE, token=None, **filing).no

    def file_many(self, login: str, count: int) -> list[str]:
        """The same request so many times, where the diagram allows several at once."""
        filings = [engine.Filing(**self._filing(login, {"pay_day": "28"}))] * count
        with self.runtime() as rt:
            filed = engine.start_many(rt, self.actor(login), SERVICE, filings)
        return [each.no for each in filed]

    def _filing(self, login: str, changed: dict[str, str]) -> dict[str, Any]:
        who, unit = self.actor(login), self.unit(login)
        scope = f"unit:{unit.unit_account_no}"
        texts = self.shop.center.services[SERVICE]
        with self.runtime() as rt:
            current = UnitInfoChange.load(rt.session, who, scope)
            checked = UnitInfoChange.check(current | changed, current, texts, materials={})
        assert not checked.problems, checked.problems
        changes = [change.as_data() for change in checked.changes]
        data = {"form": UnitInfoChange.form_id, "values": checked.values, "changes": changes}
        return {
            "data": data | {"materials": []},
            "scope": scope,
            "scope_name": unit.unit_name,
            "branch": unit.branch_code,
            "summary": checked.summary,
        }

    def decide(self, login: str, no: str, verb: str, opinion: str = "") -> None:
        """领取 and then approve, return or refuse, behind the pages."""
        who = self.actor(login)
        task = self.claim(login, no)
        with self.runtime() as rt:
            if verb == "approve":
                engine.approve(rt, who, task.id, opinion=opinion)
            elif verb == "refuse":
                engine.refuse(rt, who, task.id, opinion=opinion)
            else:
                target = engine.view(rt, who, no).targets[0]
                engine.return_to(rt, who, task.id, node=target.node, opinion=opinion)

    def claim(self, login: str, no: str) -> Any:
        """领取, behind the pages; the step that is theirs now."""
        who = self.actor(login)
        with self.runtime() as rt:
            task = engine.view(rt, who, no).task
            assert task is not None, f"{login} has nothing to do on {no}"
            engine.claim(rt, who, task.id)
            return task

    def complete(self, login: str, reviewers: tuple[str, str], **changed: str) -> str:
        no = self.file(login, **changed)
        for reviewer in reviewers:
            self.decide(reviewer, no, "approve", "材料齐全，同意")
        return no
