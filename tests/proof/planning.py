"""Draws a plan, month by month: people first, then what is due."""

from __future__ import annotations

from dataclasses import replace

from tests.proof import plan as p
from tests.proof.dues import Dues
from tests.proof.plan import (
    FIRST,
    JULY,
    MONTHS,
    PEOPLE_MAX,
    PEOPLE_MIN,
    Deed,
    Plan,
    month_text,
    person_of,
)
from tests.proof.sketch import Crew, Member


class Planner(Dues):
    """`plan()` draws it."""

    def plan(self) -> Plan:
        for step in range(self.months):
            self._one_month(step)
            self.year, self.month = (
                (self.year, self.month + 1) if self.month < 12 else (self.year + 1, 1)
            )
        order = {verb: place for place, verb in enumerate(_ORDER)}
        self.deeds.sort(key=lambda deed: (deed.day, order[deed.verb]))
        first = month_text(*self.first)
        return Plan(self.entry, self.units, self.people, tuple(self.deeds), first)

    # ── a month ────────────────────────────────────────────────────────────────────────────────
    def _one_month(self, step: int) -> None:
        self._new = []
        for unit, town in enumerate(self.towns):
            if not step:
                self._found(unit, town)
                continue
            self._late(unit, town)
            if self.month == JULY:
                self._bases(unit, town)
            self._come_and_go(unit, town)
        if step:
            for unit in range(len(self.units)):
                if self._chance(0.10) and len(self.units) > 1:
                    self._move(unit)
        for unit, town in enumerate(self.towns):
            if step:
                self._rates(unit, town)
            self._due(unit, town, step)
        self.deeds += self._new

    def _found(self, unit: int, town: Crew) -> None:
        """The first month: people are enrolled, some units let themselves be debited."""
        if self.units[unit].signed:
            self._do("late", unit, p.SIGN)
        count = self.luck.randint(PEOPLE_MIN, PEOPLE_MAX)
        self._enrol(unit, town, [self._born() for _ in range(count)])

    # ── people ─────────────────────────────────────────────────────────────────────────────────
    def _bases(self, unit: int, town: Crew) -> None:
        """July: everybody who is paid for gets a new base, in nine units of ten."""
        if self._chance(0.1):
            return
        members = [one for one in town.members.values() if not one.sealed]
        typed = tuple(self._typed(self._base(one), town.rates) for one in members)
        labels = tuple(one.label for one in members)
        made = self._do("people", unit, p.BASE, who=labels, cents=typed, rival=self._two(0.2))
        for one in members:
            one.busy = self.now
        if self._chance(0.4):
            self._undo(unit, made, labels[-1:])

    def _come_and_go(self, unit: int, town: Crew) -> None:
        if self._chance(0.15):
            people = [self._born() for _ in range(self.luck.randint(1, 2))]
            made = self._enrol(unit, town, people)
            if self._chance(0.3):  # enrolled by mistake, and then rightly
                label = made.who[-1]
                self._undo(unit, made, (label,))
                del town.members[label]
                if self._chance(0.7):
                    self._enrol(unit, town, [person_of(label)], day="again")
        if self._chance(0.12) and len(staying := town.some(self.now, sealed=False)) > 2:
            one = self.luck.choice(staying)
            made = self._seal(unit, one)
            if self._chance(0.3):
                self._undo(unit, made, (one.label,))
                one.sealed = False
        if self._chance(0.15) and (away := town.some(self.now, sealed=True)):
            one = self.luck.choice(away)
            typed = self._typed(self._base(one), town.rates) if self._chance(0.5) else 0
            made = self._do("people", unit, p.UNSEAL, who=(one.label,), cents=(typed,))
            one.sealed, one.busy = False, self.now
            if self._chance(0.3):
                self._undo(unit, made, (one.label,))
                one.sealed = True

    def _seal(self, unit: int, one: Member) -> Deed:
        one.sealed, one.busy = True, self.now
        return self._do("people", unit, p.SEAL, who=(one.label,), rival=self._two(0.2))

    def _undo(self, unit: int, made: Deed, who: tuple[str, ...], *, day: str = "undo") -> None:
        rival = self._two(0.2)
        self._do(day, unit, p.UNDO, who=who, other=made.id, rival=rival)

    def _move(self, unit: int) -> None:
        """Somebody of this unit goes to another one."""
        town = self.towns[unit]
        leaving = town.some(self.now, sealed=True)
        if not leaving and len(town.some(self.now, sealed=False)) > 2:
            leaving = town.some(self.now, sealed=False)
        others = [n for n in range(len(self.units)) if n != unit]
        to = self.luck.choice(others)
        person_there = {person_of(label) for label in self.towns[to].members}
        leaving = [one for one in leaving if person_of(one.label) not in person_there]
        if not leaving:
            return
        one = self.luck.choice(leaving)
        if not one.sealed:
            self._seal(unit, one)
        one.busy = self.now
        if self.entry == "amount":
            self._send(unit, to, one)
        else:
            self._take_over(unit, to, one)

    def _send(self, unit: int, to: int, one: Member) -> None:
        """The new unit enrols, the old one sends the money, and its account ends."""
        new = self._enrol(to, self.towns[to], [person_of(one.label)]).who[0]
        made = self._do(
            "move", unit, p.TRANSFER, who=(one.label,), other=new, to=to, rival=self._two(0.3)
        )
        if self._chance(0.3):
            self._undo(unit, made, (one.label,))
        else:
            del self.towns[unit].members[one.label]

    def _take_over(self, unit: int, to: int, one: Member) -> None:
        """The account itself goes; somebody enrolled there already has two, and they are merged."""
        there = self.towns[to]
        new = ""
        if self._chance(0.4):
            new = self._enrol(to, there, [person_of(one.label)]).who[0]
        made = self._do(
            "move", to, p.TRANSFER, who=(one.label,), other=new, to=to, rival=self._two(0.3)
        )
        if not new and self._chance(0.3):
            self._undo(to, made, (one.label,))
            return
        del self.towns[unit].members[one.label]
        if not new:
            there.members[one.label] = replace(one, sealed=False)
            return
        merged = self._do("merge", to, p.MERGE, who=(one.label,), other=new)
        if self._chance(0.4):
            self._undo(to, merged, (one.label,), day="again")
            there.members[one.label] = replace(one, twin=new)
            there.members[new].twin = one.label

    def _rates(self, unit: int, town: Crew) -> None:
        year = self.year - (self.month < JULY)
        if town.rate_year == year or not self._chance(0.03):
            return
        rate = self.luck.choice([n for n in range(5, 13) if n not in town.rates])
        town.rate_year, town.rates = year, (rate, rate)
        self._do("rate", unit, p.RATE, rates=(rate, rate), rival=self._two(0.2))


_ORDER = (
    *(
        p.SIGN,
        p.ARRIVE,
        p.BASE,
        p.SEAL,
        p.UNSEAL,
        p.OPEN,
        p.DEPOSIT,
        p.TRANSFER,
        p.UNDO,
        p.MERGE,
        p.RATE,
    ),
    *(p.CANCEL, p.ASSESS, p.REGISTER, p.CLEAR, p.BACK),
)


def drawn(
    seed: int, *, units: int, entry: str, months: int = MONTHS, first: tuple[int, int] = FIRST
) -> Plan:
    """The plan of this seed: the same one for ever."""
    return Planner(seed, units, months, entry, first=first).plan()
