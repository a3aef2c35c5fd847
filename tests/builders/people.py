"""Stores and people for tests that need somebody to be there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from engine.database import configure
from handlers.people.models import Branch, Operator, Post, Role, Staff
from handlers.people.passwords import hashed
from handlers.units.models import Unit
from tests.servers import compiled_once

ACCOUNT = "020810042637"
PASSWORD = "Right&proper1"
_HASH = hashed(PASSWORD)  # once: every test would pay for it


@contextmanager
def store(url: str) -> Iterator[sessionmaker[Session]]:
    """Sessions on a test database; the engine is closed at the end."""
    engine = compiled_once(configure(create_engine(url)))
    try:
        yield sessionmaker(engine)
    finally:
        engine.dispose()


def operator(session: Session, **values: Any) -> str:
    row = Operator(
        **{
            "unit_account_no": ACCOUNT,
            "login": ACCOUNT,
            "name": "杨秀兰",
            "mobile": "13808556021",
            "password_hash": _HASH,
        }
        | values
    )
    return _add(session, row)


def staff(session: Session, *posts: tuple[str, str], **values: Any) -> str:
    row = Staff(
        **{
            "login": "qdn001",
            "name": "王审核",
            "mobile": "13900001111",
            "branch_code": "QDN01",
            "password_hash": _HASH,
        }
        | values
    )
    for role, _ in posts:
        session.merge(Role(name=role))
    row.posts = [Post(role=role, branch_code=code) for role, code in posts]
    return _add(session, row)


def branch(session: Session, code: str = "QDN01", name: str = "凯里管理部") -> None:
    session.add(Branch(code=code, name=name, phone="0855-8060101", address="凯里市"))
    session.commit()


def unit(session: Session, account_no: str = ACCOUNT, branch_code: str = "QDN01") -> None:
    session.add(
        Unit(unit_account_no=account_no, unit_name="演示单位", branch_code=branch_code, pay_day=15)
    )
    session.commit()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _add(session: Session, row: Operator | Staff) -> str:
    session.add(row)
    session.commit()
    return row.user_id
