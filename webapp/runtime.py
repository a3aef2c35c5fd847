"""What every page needs besides its request: settings, centre, clock, session, and who is asking.

`House` is built once per app; everything below it reads from `current_app` or `g`, so pages never
import a global that a test would have to patch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import abort, current_app, g
from flask_login import UserMixin, current_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session

from engine import Actor, Runtime
from engine.boxes import inbox as boxes
from engine.calendar import Calendar
from engine.models import Base
from handlers.centers import Center
from handlers.people.directory import PeopleDirectory
from handlers.people.queries import Profile
from webapp.settings import Settings

# The extension owns engine and session; the models stay plain SQLAlchemy (engine.models.Base).
db = SQLAlchemy(metadata=Base.metadata)


@dataclass(frozen=True, slots=True)
class House:
    settings: Settings
    center: Center
    clock: Callable[[], datetime]
    calendar: Calendar


class Person(UserMixin):  # type: ignore[misc]
    """The signed-in person.  Flask-Login keeps the session's token, never the id."""

    def __init__(self, token: str, actor: Actor, profile: Profile) -> None:
        self.token = token
        self.actor = actor
        self.profile = profile

    def get_id(self) -> str:
        return self.token


def house() -> House:
    found = current_app.extensions["hall"]
    assert isinstance(found, House)
    return found


def settings() -> Settings:
    return house().settings


def center() -> Center:
    return house().center


def now() -> datetime:
    return house().clock()


def session() -> Session:
    return db.session()


def runtime() -> Runtime:
    here = house()
    return Runtime(
        session=session(),
        clock=here.clock,
        calendar=here.calendar,
        prefix=here.center.prefix,
        profile=here.center,
        directory=PeopleDirectory(session()),
        secret=here.settings.history_key(),
    )


def person() -> Person | None:
    """Who is signed in; None on pages drawn without people (an error page must not ask again)."""
    if g.get("without_people"):
        return None
    return current_user._get_current_object() if current_user.is_authenticated else None


def actor() -> Actor:
    signed_in = person()
    if signed_in is None:
        abort(401)
    return signed_in.actor


def me() -> Profile | None:
    signed_in = person()
    return signed_in.profile if signed_in else None


class Counts(dict[str, int]):
    """Numbers on the five boxes, each counted when a page shows it, and once."""

    def __missing__(self, box: str) -> int:
        self[box] = boxes.count(runtime(), actor(), box) if person() else 0
        return self[box]


def counts() -> Counts:
    if "counts" not in g:
        g.counts = Counts()
    found: Counts = g.counts
    return found
