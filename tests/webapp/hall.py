"""The hall as tests use it: who is who, signing in, filing a request, reading a page.

The demonstration is loaded once per test process into a template; every test gets its own copy.
"""

from __future__ import annotations

import re
import secrets
import tempfile
from pathlib import Path
from typing import Any

from flask import Flask, session
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import select
from sqlalchemy.orm import Session

import engine
from engine import Actor, Runtime
from engine.diagrams.lint import service_files
from engine.runtime import SYSTEM
from handlers import demo
from handlers.people import queries, sign_in
from handlers.people.models import Operator, Staff
from handlers.units.models import Unit
from tests.builders import diagrams, keys
from tests.conftest import Clock
from tests.servers import Databases, compiled_once
from webapp import parking, settings
from webapp.app import create_app
from webapp.rooms import deploy_diagrams
from webapp.runtime import db, runtime
from webapp.settings import ROOT

UNIT = "020810042637"  # 凯里市云谷文旅发展有限公司, branch QDN01
SERVICE = "unit_info_change"
# The tests' names for the demonstration's people, and where they sign in.
PEOPLE = {
    "operator": ("unit", UNIT),
    "colleague": ("unit", f"{UNIT}-2"),
    "stranger": ("unit", "020810043259"),
    "reviewer": ("staff", "qdn001"),
    "other_reviewer": ("staff", "qdn002"),
    "second_reviewer": ("staff", "qdn003"),
    "far_reviewer": ("staff", "qdn006"),
    "admin": ("staff", "qdn012"),
    "other_admin": ("staff", "qdn013"),
}


class Templates(BytecodeCache):
    """Every test has an app of its own, and each would compile the same pages again."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._compiled.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key, bucket.checksum] = bucket.code


TEMPLATES = Templates()


def make_app(url: str, home: Path, clock: Clock, **changes: Any) -> Flask:
    chosen: dict[str, Any] = {"mode": "demo", "data_dir": home, "database": {"url": url}}
    chosen |= {"keys": {"file": str(keys.FILE)}} | changes
    app = create_app(settings.load(environ={}, **chosen), clock=clock)
    app.testing = True
    app.jinja_env.bytecode_cache = TEMPLATES
    with app.app_context():
        compiled_once(db.engine)
    return app


def seeded_copy(databases: Databases, clock: Clock, kind: str = "sqlite") -> str:
    """A database of this kind with the demonstration in it."""
    return databases.filled(kind, "demo", lambda url: _seed(url, clock))


def _seed(url: str, clock: Clock) -> None:
    with tempfile.TemporaryDirectory() as home:
        app = make_app(url, Path(home), clock)
    with app.app_context():
        seed(app)
        if url.startswith("sqlite"):
            db.session.remove()
            with db.engine.connect() as connection:
                connection.connection.dbapi_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    Hall(app, clock).close()


def seed(app: Flask) -> None:
    """People, units and diagrams, in the app's own context."""
    rt = runtime()
    demo.load(rt.session, rt.profile, now=rt.clock())
    rt.session.commit()
    assert list(deploy_diagrams(rt, app.extensions["hall"].settings))


class Hall:
    def __init__(self, app: Flask, clock: Clock) -> None:
        self.app = app
        self.clock = clock

    def close(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def browser(self) -> FlaskClient:
        return self.app.test_client()

    def signed_in(self, name: str) -> FlaskClient:
        """A browser with a session, without the detour over the sign-in page."""
        client = self.browser()
        user_id = self.user_id(name)
        with self.app.app_context():
            token = sign_in.open_session(db.session(), user_id, now=self.clock())
        with client.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"] = token, True
            cookie[parking.OWNER] = user_id
        return client

    def user_id(self, name: str) -> str:
        door, login = PEOPLE[name]
        table: type[Operator] | type[Staff] = Operator if door == "unit" else Staff
        with self.app.app_context():
            row = db.session.scalars(select(table).where(table.login == login)).one()
            return row.user_id

    def actor(self, name: str) -> Actor:
        user_id = self.user_id(name)
        with self.app.app_context():
            found = queries.actor(db.session(), user_id)
        assert found is not None
        return found

    def runtime(self) -> Runtime:
        return runtime()

    def session(self) -> Session:
        return db.session()

    def file(self, name: str = "operator", **changed: str) -> str:
        """提交: a request of this person's unit; returns its number."""
        actor = self.actor(name)
        with self.app.app_context():
            rt = runtime()
            account = next(d.removeprefix("unit:") for _, d in actor.posts)
            unit = rt.session.scalars(select(Unit).where(Unit.unit_account_no == account)).one()
            started = engine.start(
                rt,
                actor,
                SERVICE,
                data=_filing(unit, changed or {"pay_day": "10"}),
                scope=f"unit:{account}",
                scope_name=unit.unit_name,
                branch=unit.branch_code,
                summary="发薪日 1 项变更",
                token=None,
            )
            return started.no

    def task_of(self, no: str, name: str) -> int:
        with self.app.app_context():
            task = engine.view(runtime(), self.actor(name), no).task
        assert task is not None, f"{name} has nothing to do on {no}"
        return task.id

    def return_it(self, no: str, name: str = "reviewer", opinion: str = "请补正营业执照。") -> None:
        task = self.task_of(no, name)
        actor = self.actor(name)
        with self.app.app_context():
            rt = runtime()
            engine.claim(rt, actor, task)
            target = engine.view(rt, actor, no).targets[0]
            engine.return_to(rt, actor, task, node=target.node, opinion=opinion)

    def redraw(self, node: str = "review1", **props: str) -> None:
        """Deploy the service with these properties on one of its steps."""
        house = self.app.extensions["hall"]
        files = next(f for key, _, f in service_files(ROOT / "bpmn", house.settings.center)
                     if key == SERVICE)  # fmt: skip
        name = f"{SERVICE}.bpmn"
        changed = files | {name: diagrams.annotated(files[name], node, **props)}
        with self.app.app_context():
            engine.deploy(runtime(), SERVICE, changed, SYSTEM)

    def message(self, name: str = "operator", **words: Any) -> int:
        """Put one message into somebody's box; returns its id."""
        user_id = self.user_id(name)
        facts = {
            "title": "尊敬的杨秀兰，您已完成办理单位信息变更！",
            "body": "新的登记信息已生效。",
            "business": "单位信息变更",
            "channel": "网上大厅",
            "no": None,
        } | words
        with self.app.app_context():
            rt = runtime()
            engine.messages.put(rt.session, recipient=user_id, now=self.clock(), **facts)
            rt.session.commit()
            found = engine.inbox.messages(rt, self.actor(name)).rows
            return int(found[0].id)


def _filing(unit: Unit, changed: dict[str, str]) -> dict[str, Any]:
    changes = [
        {
            "field": field,
            "label": field,
            "old": str(getattr(unit, field) or ""),
            "new": new,
            "old_text": str(getattr(unit, field) or ""),
            "new_text": new,
        }
        for field, new in changed.items()
    ]
    return {"form": "units.UnitInfoChange", "values": {}, "changes": changes, "materials": []}


def csrf_of(client: FlaskClient, path: str = "") -> str:
    """The token of this browser's session: made as every page makes it, or read from this one."""
    if path:
        found = re.search(r'name="csrf-token" content="([^"]+)"', client.get(path).text)
        assert found, f"{path} carries no CSRF token"
        return found[1]
    with client.session_transaction() as cookie:
        secret = cookie.setdefault("csrf_token", secrets.token_hex(20))
    with client.application.test_request_context():
        session["csrf_token"] = secret
        return str(generate_csrf())


def post(client: FlaskClient, path: str, data: dict[str, Any] | None = None, **how: Any) -> Any:
    """POST as a page does: with the token of the session."""
    return client.post(path, data={"csrf_token": csrf_of(client), **(data or {})}, **how)
