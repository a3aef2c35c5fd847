"""The months a demonstration tells of: so many, ending with the one before today.

A month is a place in the window, 0 the first.  The contribution of a month is remitted in it, so
the fund year (1 July – 30 June) of the contribution is also that of the posting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from handlers import calendars
from handlers.ledger.interest import fund_year, fund_year_of
from handlers.months import day_in, month_after, month_of, months_between

LAST_DAY = 31  # `day_in` makes it the month's own last one


@dataclass(frozen=True, slots=True)
class Size:
    """What `hall demo` is asked for.

    `members`: individual accounts of all units; the named units of the centre keep their own
    numbers, the others share the rest.
    """

    units: int = 40
    members: int = 2_000
    months: int = 24
    seed: int = 7


@dataclass(frozen=True)
class Window:
    """`count` months up to the one before `today`."""

    today: date
    count: int

    @cached_property
    def first(self) -> str:
        return month_after(month_of(self.today), -self.count)

    @cached_property
    def first_day(self) -> date:
        return day_in(self.first, 1)

    @cached_property
    def last_day(self) -> date:
        return day_in(self.month(self.count - 1), LAST_DAY)

    @cached_property
    def _months(self) -> tuple[str, ...]:
        return tuple(month_after(self.first, place) for place in range(self.count))

    def month(self, place: int) -> str:
        """That month; a place outside counts on."""
        inside = 0 <= place < self.count
        return self._months[place] if inside else month_after(self.first, place)

    def place(self, month: str) -> int:
        return months_between(self.first, month)

    def year(self, place: int) -> int:
        """The fund year of a month, named by the calendar year it ends in."""
        return fund_year_of(day_in(self.month(place), 1))

    def years(self) -> dict[int, range]:
        """Fund year → its months in the window."""
        found: dict[int, list[int]] = {}
        for place in range(self.count):
            found.setdefault(self.year(place), []).append(place)
        return {year: range(places[0], places[-1] + 1) for year, places in found.items()}

    def day(self, place: int, number: int) -> date:
        """That day of the month."""
        return day_in(self.month(place), number)

    def working_day(self, place: int, number: int) -> date:
        """That day of the month or the first working day behind it; the last one of the month
        when none is left."""
        day, step = self.day(place, number), timedelta(days=1)
        month, last = day.month, self.day(place, LAST_DAY)
        while not calendars.usual(day):
            day += step
            if day.month != month:
                day, step = last, timedelta(days=-1)
        return day


def ended(year: int, last_day: date) -> bool:
    """Is 30 June of the fund year reached?"""
    return fund_year(year)[1] - timedelta(days=1) <= last_day
