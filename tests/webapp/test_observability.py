"""Health and metrics say what is wrong, to whom it concerns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from engine.database import configure
from engine.owed import outbox
from webapp.observability import Metrics, health, may_read_metrics

NOW = datetime(2026, 7, 15, 1, 30, tzinfo=UTC)


def test_health_counts_what_is_owed_and_for_how_long(database_url: str) -> None:
    engine = configure(create_engine(database_url))
    with Session(engine) as session:
        outbox.put(session, "sms", {}, key="k", now=NOW - timedelta(minutes=5))
        session.commit()
    found = health(engine, None, NOW)
    engine.dispose()
    assert found["ok"]
    assert found["parts"]["database"]["outbox"] == {"pending": 1, "failed": 0}
    assert found["parts"]["database"]["outbox_late_seconds"] == 300


def test_health_is_bad_without_a_database(tmp_path: object) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/no/such/folder.sqlite3")
    found = health(engine, None, NOW)
    assert not found["ok"]
    assert found["parts"]["database"] == {"ok": False, "error": "OperationalError"}


def test_metrics_count_the_outbox(sqlite_url: str) -> None:
    engine = configure(create_engine(sqlite_url))
    numbers = Metrics()
    with Session(engine) as session:
        outbox.put(session, "sms", {}, key="k", now=NOW)
        numbers.read(session)
    engine.dispose()
    assert numbers.registry.get_sample_value("hall_outbox_items", {"state": "pending"}) == 1


@pytest.mark.parametrize(
    ("remote", "authorization", "token", "allowed"),
    [
        ("127.0.0.1", "", "", True),
        ("::1", "", "", True),
        ("10.0.0.7", "", "", False),
        ("10.0.0.7", "Bearer right", "right", True),
        ("10.0.0.7", "Bearer wrong", "right", False),
        (None, "Bearer ", "", False),
    ],
)
def test_metrics_are_for_this_machine_or_the_token(
    remote: str | None, authorization: str, token: str, allowed: bool
) -> None:
    assert may_read_metrics(remote, authorization, token) is allowed
