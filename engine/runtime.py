"""Who acts and with what: the two values every verb receives.

The engine knows no people and no fund: an `Actor` is an id, a name and the posts it holds; a
`Runtime` carries the session, the clock and the calendar, so that tests inject all three.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from engine.calendar import Calendar

ANYWHERE = "*"


@dataclass(frozen=True, slots=True)
class Actor:
    """`posts` are (role, domain) pairs: ("归集审核岗", "branch:QDN01"), ("单位经办人", "unit:02…").

    The domain "*" holds everywhere.
    """

    id: str
    name: str
    posts: frozenset[tuple[str, str]] = frozenset()
    title: str = ""

    def holds(self, role: str, domain: str) -> bool:
        return (role, domain) in self.posts or (role, ANYWHERE) in self.posts

    @property
    def domains(self) -> frozenset[str]:
        return frozenset(domain for _, domain in self.posts)


SYSTEM = Actor(id="system", name="系统")


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a verb needs besides its arguments."""

    session: Session
    clock: Callable[[], datetime]
    calendar: Calendar
    prefix: str = "HALL"
    profile: Any = field(default=None, repr=False)  # the centre; handed to operations untouched
