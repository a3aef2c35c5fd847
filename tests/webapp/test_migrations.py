"""What the migrations build is what the models say, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine import audit
from engine.calendar import Weekdays
from engine.database import configure
from engine.models import NEVER, DraftRow, History, Instance, Task
from engine.runtime import Runtime
from handlers.notices.models import SmsMessage
from handlers.people.models import Staff
from handlers.privacy.columns import is_value
from tests.builders.stored import stored
from tests.servers import Databases
from webapp.migrations import tables


def test_upgrading_an_empty_database_yields_exactly_the_models(empty_database_url: str) -> None:
    tables.upgrade(empty_database_url)
    engine = configure(create_engine(empty_database_url))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, tables.metadata()) == []
    finally:
        engine.dispose()


def test_an_upgraded_database_allows_what_the_models_allow(
    databases: Databases, empty_database_url: str
) -> None:
    """Alembic compares no conditions, and an old one left behind refuses new values."""
    tables.upgrade(empty_database_url)
    kind = "sqlite" if empty_database_url.startswith("sqlite") else "postgresql"
    made = databases.sqlite() if kind == "sqlite" else databases.postgres()
    assert _conditions(empty_database_url) == _conditions(made)


def _conditions(url: str) -> set[tuple[str, str, str]]:
    """(table, name, condition)"""
    engine = configure(create_engine(url))
    found = inspect(engine)
    kept = {
        (table, str(one["name"]), "".join(one["sqltext"].split()))
        for table in found.get_table_names()
        for one in found.get_check_constraints(table)
    }
    engine.dispose()
    return kept


def test_upgrading_twice_changes_nothing(empty_database_url: str) -> None:
    tables.upgrade(empty_database_url)
    tables.upgrade(empty_database_url)
    engine = configure(create_engine(empty_database_url))
    with engine.connect() as connection:
        heads = MigrationContext.configure(connection).get_current_heads()
    engine.dispose()
    assert len(heads) == 1


FIRST_TABLES = "88ace24672c1"
BEFORE_THE_COPY = "4c0e7d5ab912"
MOBILE = "13985507788"
MORNING = datetime(2026, 7, 15, 1, 30, tzinfo=UTC)


def _filed_with_the_first_version(url: str) -> None:
    """One request at its review, as the first version of the hall has written it."""
    engine = configure(create_engine(url))
    old = MetaData()
    with engine.begin() as connection:
        old.reflect(connection, only=["hall_definition", "hall_instance", "hall_task"])
        old.reflect(
            connection, only=["hall_history", "hall_staff", "hall_sms_message", "hall_draft"]
        )
        at = MORNING.replace(tzinfo=None) if engine.dialect.name == "sqlite" else MORNING
        common = {"id": 1, "key": "k", "name": "单位信息变更"}
        made = {"version": 1, "sha256": "", "files": "{}", "deployed_at": at, "deployed_by": ""}
        request = {
            **common,
            **{"no": "QDN-1", "definition_id": 1, "status": "running", "label": "初审中"},
            **{"path": "[]", "progress": "dc", "deciders": "{}", "summary": "", "scope": "unit:1"},
            **{"scope_name": "", "branch": "QDN01", "starter_id": "operator:1"},
            **{"starter_name": "杨秀兰", "revision": 2, "state": MOBILE.encode(), "started_at": at},
            **{"updated_at": at, "timer_failures": 0},
        }
        step = {
            **{"instance_id": 1, "visit": 1, "node_name": "", "role": "", "domain": ""},
            **{"created_at": at, "completed_at": None, "due_at": None},
        }
        row = {
            **{"instance_id": 1, "at": at, "actor_id": "operator:1", "actor_name": "杨秀兰"},
            **{"actor_title": "", "verb": "start", "detail": '{"definition": 1}'},
        }
        json = {"files": {}, "path": [], "deciders": {}, "detail": {"definition": 1}}
        json |= {"data": {"mobile": MOBILE}, "params": {"mobile": MOBILE}}
        person = {
            **{"login": "qdn001", "name": "王审核", "mobile": MOBILE, "password_hash": ""},
            **{"must_change_password": False, "enabled": True, "branch_code": "QDN01"},
        }
        sms = {
            **{"key": "k", "mobile": MOBILE, "text": f"请拨打 {MOBILE}", "template": "t"},
            **{"params": "", "status": "queued", "attempts": 0, "created_at": at},
        }
        draft = {"actor_id": "operator:1", "scope_key": "k", "data": "", "updated_at": at}
        for table, values in (
            ("hall_staff", person),
            ("hall_sms_message", sms),
            ("hall_draft", draft),
            ("hall_definition", common | made),
            ("hall_instance", request),
            (
                "hall_task",
                step
                | {"id": 1, "spiff_id": "a", "node": "fill", "kind": "form"}
                | {"status": "done", "completed_at": at},
            ),
            (
                "hall_task",
                step
                | {"id": 2, "spiff_id": "b", "node": "review", "kind": "review"}
                | {"status": "open", "due_at": at},
            ),
            ("hall_history", row | {"id": 1, "seq": 1}),
            ("hall_history", row | {"id": 2, "seq": 2, "verb": "claim"}),
        ):
            fitting = {name: json.get(name, value) for name, value in values.items()}
            connection.execute(old.tables[table].insert().values(fitting))
    engine.dispose()


def test_requests_of_the_first_version_are_brought_over_and_sealed(
    empty_database_url: str,
) -> None:
    command.upgrade(tables.config(empty_database_url), FIRST_TABLES)
    _filed_with_the_first_version(empty_database_url)
    tables.upgrade(empty_database_url)
    engine = configure(create_engine(empty_database_url))
    with Session(engine) as session:
        rt = Runtime(session, lambda: MORNING + timedelta(days=1), Weekdays(), secret=b"key")
        assert not audit.verify(rt).clean
        session.rollback()
        assert audit.adopt(rt) == 2
        assert audit.verify(rt).clean
        session.rollback()
        assert audit.adopt(rt) == 0
        done, waiting = session.scalars(select(Task).order_by(Task.id))
        assert (done.key, done.starter_id, done.part) == ("k", "operator:1", "step")
        assert done.order_at == NEVER
        assert waiting.order_at == waiting.due_at == MORNING
        waiting.status = "nonsense"
        with pytest.raises(IntegrityError):
            session.flush()
    engine.dispose()


def test_a_table_that_rows_point_to_is_copied_and_keeps_them(databases: Databases) -> None:
    """SQLite drops the old table, and what points into it must not be in the way."""
    url = databases.empty("sqlite")
    command.upgrade(tables.config(url), FIRST_TABLES)
    _filed_with_the_first_version(url)
    command.upgrade(tables.config(url), BEFORE_THE_COPY)
    engine = configure(create_engine(url))
    with Session(engine) as session:
        asked = session.get_one(Task, 2)
        names = [column.name for column in Task.__table__.columns if column.name != "id"]
        values = {name: getattr(asked, name) for name in names}
        session.add(Task(**values | {"spiff_id": "c", "parent_id": asked.id, "part": "ask"}))
        session.commit()
    tables.upgrade(url)
    with Session(engine) as session:
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []
        assert session.scalars(select(Task.parent_id).where(Task.spiff_id == "c")).one() == 2
        session.get_one(Task, 2).status = "held"  # it waits for the one that was asked
        session.flush()
    engine.dispose()


def test_numbers_of_older_versions_are_sealed_and_still_read_and_found(
    empty_database_url: str,
) -> None:
    command.upgrade(tables.config(empty_database_url), FIRST_TABLES)
    _filed_with_the_first_version(empty_database_url)
    assert MOBILE.encode() in stored(empty_database_url)
    tables.upgrade(empty_database_url)
    engine = configure(create_engine(empty_database_url))
    with Session(engine) as session:
        assert session.scalar(select(Staff.mobile)) == MOBILE
        wanted = is_value(SmsMessage.mobile_index, "person.mobile", MOBILE)
        sms = session.scalars(select(SmsMessage).where(wanted)).one()
        assert (sms.text, sms.params) == (f"请拨打 {MOBILE}", {"mobile": MOBILE})
        assert session.scalar(select(DraftRow.data)) == {"mobile": MOBILE}
        assert session.scalar(select(Instance.state)) == MOBILE.encode()
        assert session.scalars(select(History.detail)).all() == [{"definition": 1}] * 2
    engine.dispose()
    assert MOBILE.encode() not in stored(empty_database_url)
