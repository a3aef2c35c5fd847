"""What every planner needs: its luck, the crews of the units as it knows them, words for deeds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from tests.proof.plan import (
    BASE_MAX,
    BASE_MIN,
    BASE_STEP,
    BRANCHES,
    DAYS,
    JULY,
    OPEN,
    Deed,
    Person,
    Unit,
    month_text,
    resident_id,
)

_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜"
_GIVEN = ("德昌", "秀兰", "佳琪", "明贵", "玉梅", "志强", "春燕", "永福", "文斌", "建军")


@dataclass
class Member:
    """Of one account: what the planner must know so as not to plan what is refused."""

    label: str
    sealed: bool = False
    busy: str = ""  # the month somebody did something to it
    twin: str = ""  # another account of the person in the same unit
    bases: list[int] = field(default_factory=list)


@dataclass
class Crew:
    """What the planner knows of a unit.  `owes`: what last month has left unpaid; `ahead`: months
    from now on that are paid already; `skipped`: months that were not assessed."""

    members: dict[str, Member] = field(default_factory=dict)
    opened: dict[str, int] = field(default_factory=dict)  # how often a person was enrolled here
    owes: str = ""
    ahead: int = 0
    skipped: int = 0
    rate_year: int = 0
    back: set[tuple[str, str]] = field(default_factory=set)
    rates: tuple[int, int] = (0, 0)

    def some(self, month: str, *, sealed: bool) -> list[Member]:
        return [
            one
            for one in self.members.values()
            if one.sealed == sealed and one.busy != month and not one.twin
        ]


class Sketch:
    """A plan being drawn."""

    def __init__(
        self, seed: int, units: int, months: int, entry: str, *, first: tuple[int, int]
    ) -> None:
        self.luck = random.Random(f"{seed}/{entry}/{units}")
        self.entry, self.months, self.first = entry, months, first
        self.people: dict[str, Person] = {}
        self.deeds: list[Deed] = []
        self._new: list[Deed] = []  # of this month
        self.units = tuple(self._unit(number) for number in range(units))
        self.towns = [Crew(rates=unit.rates) for unit in self.units]
        self.year, self.month = first

    def _unit(self, number: int) -> Unit:
        both = self.luck.randint(5, 12)
        mine = self.luck.randint(5, 12) if self.entry == "amount" and number % 4 == 0 else both
        return Unit(
            no=f"02{number % BRANCHES + 1:02d}{10_000_000 + number * 7:08d}",
            name=f"苗岭第{number + 1:03d}实业有限公司",
            branch=number % BRANCHES,
            rates=(both, mine),
            signed=number % 3 == 0,
        )

    @property
    def now(self) -> str:
        return month_text(self.year, self.month)

    def _day(self, name: str) -> date:
        return date(self.year, self.month, DAYS[name])

    def _chance(self, share: float) -> bool:
        return self.luck.random() < share

    def _two(self, share: float) -> bool:
        """Two processes at it?  Not in July, when one of them might do things in another order."""
        return self._chance(share) and self.month != JULY

    def _base(self, one: Member) -> int:
        """In yuan and 分; never what it was before, which would be refused."""
        while True:
            cents = self.luck.randint(BASE_MIN, BASE_MAX)
            if all(abs(cents - before) > BASE_STEP for before in one.bases):
                one.bases.append(cents)
                return cents

    def _typed(self, base: int, rates: tuple[int, int]) -> int:
        """What a person writes into the roster for somebody with this base."""
        return base if self.entry == "base" else base * sum(rates) // 10_000 * 100

    def _do(self, day: str, unit: int, verb: str, **more: object) -> Deed:
        mark = sum(d.unit == unit and d.verb == verb and d.day == self._day(day) for d in self._new)
        name = f"{self.now}/{unit:03d}/{verb}/{day}{mark or ''}"
        deed = Deed(id=name, day=self._day(day), unit=unit, verb=verb, **more)  # type: ignore[arg-type]
        self._new.append(deed)
        return deed

    def _born(self) -> str:
        number = len(self.people) + 1
        key = f"P{number:04d}"
        name = self.luck.choice(_SURNAMES) + self.luck.choice(_GIVEN)
        self.people[key] = Person(name, resident_id(number), f"138{number:08d}")
        return key

    def _enrol(self, unit: int, town: Crew, people: Sequence[str], *, day: str = "people") -> Deed:
        labels = []
        for person in people:
            town.opened[person] = times = town.opened.get(person, 0) + 1
            labels.append(f"{person}@{unit:03d}" + (f"#{times}" if times > 1 else ""))
        new = [Member(label, busy=self.now) for label in labels]
        typed = tuple(self._typed(self._base(one), town.rates) for one in new)
        town.members |= {one.label: one for one in new}
        return self._do(day, unit, OPEN, who=tuple(labels), cents=typed, rival=self._two(0.2))
