"""Who is paid for in a unit, and with how much, as long as bases stay the same: one fund year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from handlers.demo.crews import Firm, Member, Pay
from handlers.ledger.drafts import Line


@dataclass(frozen=True, slots=True)
class Roster:
    """A unit's people in one fund year: accounts and monthly pay of each."""

    firm: Firm
    members: list[Member]
    account_ids: list[int]
    ledger_ids: list[int]
    pays: list[Pay]
    monthly_cents: list[int]

    def places(self, month: int, *, open_in: int) -> list[int]:
        """Who is paid for in that month; whoever has closed by `open_in` is not."""
        return [
            place
            for place, member in enumerate(self.members)
            if member.paid_in(month) and not (member.closes and member.left <= open_in)
        ]

    def lines(self, month: int, *, open_in: int) -> list[Line]:
        """What that month brings each of them."""
        return self.lines_of(self.places(month, open_in=open_in))

    def lines_of(self, places: Sequence[int]) -> list[Line]:
        return [Line(self.ledger_ids[place], self.monthly_cents[place]) for place in places]


class Bill(NamedTuple):
    """One month (of the window) and whom it is paid for."""

    month: int
    places: list[int]
