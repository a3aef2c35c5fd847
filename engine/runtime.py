"""Who acts and with what: the values every verb receives.

The engine knows no people and no fund: an `Actor` is an id, a name and the posts it holds; a
`Directory` finds other people; a `Runtime` carries session, clock and calendar, so that tests
inject all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.orm import Session

from engine.calendar import Calendar

if TYPE_CHECKING:
    from engine.requests.advancing import Halt

ANYWHERE = "*"
ADMIN = "流程管理员"  # the post that repairs, migrates, hands over and ends what is stuck


@dataclass(frozen=True, slots=True)
class Actor:
    """`posts` are (role, domain) pairs: ("归集审核岗", "branch:QDN01"), ("单位经办人", "unit:02…").

    The domain "*" holds everywhere.  `mandates`: for whom this person stands in now (代理).
    """

    id: str
    name: str
    posts: frozenset[tuple[str, str]] = frozenset()
    title: str = ""
    mandates: tuple[Mandate, ...] = ()

    def holds(self, role: str, domain: str) -> bool:
        return (role, domain) in self.posts or (role, ANYWHERE) in self.posts

    @property
    def domains(self) -> frozenset[str]:
        return frozenset(domain for _, domain in self.posts)

    def at(self, clock: Callable[[], datetime]) -> Actor:
        """The same person with the mandates that have not ended by now."""
        if not self.mandates:
            return self
        now = clock()
        return replace(self, mandates=tuple(m for m in self.mandates if now < m.until))


@dataclass(frozen=True, slots=True)
class Mandate:
    """代理: what a substitute may do in `principal`'s name until `until`."""

    principal: Actor
    until: datetime
    services: frozenset[str] = frozenset()  # empty: every service

    def covers(self, service: str) -> bool:
        return not self.services or service in self.services


SYSTEM = Actor(id="system", name="系统")


class Directory(Protocol):
    """Finds people; the room above knows where they are kept."""

    def find(self, person_id: str) -> Actor | None:
        """The person with this id; None for somebody unknown or disabled."""

    def holders(self, role: str, domain: str) -> list[Actor]:
        """Who holds the post, those who hold it everywhere included."""


class _Nobody:
    def find(self, person_id: str) -> Actor | None:
        return None

    def holders(self, role: str, domain: str) -> list[Actor]:
        return []


NOBODY = _Nobody()


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a verb needs besides its arguments."""

    session: Session
    clock: Callable[[], datetime]
    calendar: Calendar
    prefix: str = "HALL"
    profile: Any = field(default=None, repr=False)  # the centre; handed to operations untouched
    directory: Directory = field(default=NOBODY, repr=False)
    secret: bytes = field(default=b"", repr=False)  # key of the history's seals
    halts: tuple[Halt, ...] = ()  # steps that failed when this verb was tried: stop before them
