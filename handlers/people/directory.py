"""The engine's way to other people: who is this, who holds that post.

Mandates are not passed on: whoever is found here acts for themselves alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from engine.runtime import Actor
from handlers.people import queries


@dataclass(frozen=True, slots=True)
class PeopleDirectory:
    """`engine.runtime.Directory` over the tables of people."""

    session: Session

    def find(self, person_id: str) -> Actor | None:
        """The person with this id; None for somebody unknown or disabled."""
        return queries.actor(self.session, person_id)

    def holders(self, role: str, domain: str) -> list[Actor]:
        """Who holds the post, those who hold it everywhere included; at most
        `queries.HOLDERS_MAX`."""
        return queries.holding_actors(self.session, role, domain)
