"""What two years bring to a town of units: who is enrolled, leaves, moves, and how each month is
paid or not.  Drawn from a seed and nothing else: no product code is asked, not even for a rule.

A month has fixed days (`DAYS`), so that what a deed needs has happened before it: people change on
the 3rd, move on the 5th, think better of it on the 6th; months are assessed on the 10th and paid
from the 12th.  Within a day nothing follows from another unit, so two processes may share it.
Money in 分.  An account is a label: person@unit it was opened in, "#2" for the second one there.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

OPEN, SEAL, UNSEAL, BASE = "open", "seal", "unseal", "base"
RATE, TRANSFER, MERGE, UNDO = "rate", "transfer", "merge", "undo"
SIGN, DEPOSIT = "sign", "deposit"
ASSESS, CANCEL, REGISTER, BACK = "assess", "cancel", "register", "back"
ARRIVE, CLEAR = "arrive", "clear"

# What arrives for what is due: all of it, a part, what is still missing, less, more.
ALL, PART, REST, SHORT, OVER = "all", "part", "rest", "short", "over"
# What the payer writes: the slip's number, the unit's number, nothing that says whose it is.
SLIP, NUMBER, NOTHING = "slip", "number", "nothing"
CLAIM, SETTLE, REFUND, ADVANCE = "claim", "settle", "refund", "advance"

DAYS = {
    "late": 2,  # what should have come last month
    "people": 3,
    "deposit": 4,
    "move": 5,
    "undo": 6,
    "merge": 7,
    "again": 8,
    "rate": 9,
    "assess": 10,
    "register": 11,
    "pay": 12,
    "clear": 15,
    "second": 18,
    "back": 20,
    "back_register": 21,
    "back_pay": 22,
}
FIRST, MONTHS = (2024, 7), 24  # two fund years
BRANCHES = 3  # of those the centre has
PEOPLE_MIN, PEOPLE_MAX = 2, 12
BASE_MIN, BASE_MAX = 300_000, 1_200_000  # within the bounds of every centre and year used here
BASE_STEP = 10_000  # less changes a monthly amount of whole yuan by nothing
DEPOSIT_CENTS = 6_000_000  # more than twelve people's month at the highest base and rates
JULY = 7

_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜"
_GIVEN = ("德昌", "秀兰", "佳琪", "明贵", "玉梅", "志强", "春燕", "永福", "文斌", "建军")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    id_no: str
    mobile: str


@dataclass(frozen=True, slots=True)
class Unit:
    """`rates`: of the unit and of its people, whole percents."""

    no: str
    name: str
    branch: int
    rates: tuple[int, int]
    signed: bool  # may be debited


@dataclass(frozen=True, slots=True)
class Deed:
    """`who`: accounts, each with its base (0: as it was) or amount in `cents`.  `other`: the deed
    this one is about, or the other account of a move.  `to`: the unit a person goes to.
    `rival`: two processes do it at once, with a page of their own each; `twice`: a double click."""

    id: str
    day: date
    unit: int
    verb: str
    who: tuple[str, ...] = ()
    cents: tuple[int, ...] = ()
    how: str = ""
    memo: str = ""
    month: str = ""
    other: str = ""
    to: int = -1
    rates: tuple[int, int] = (0, 0)
    rival: bool = False
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """`entry`: "amount" (typed in whole yuan, the base follows; the old unit sends people's money)
    or "base" (to the 分; the new unit takes accounts over).  Deeds are in order."""

    entry: str
    units: tuple[Unit, ...]
    people: dict[str, Person]
    deeds: tuple[Deed, ...]
    first: str  # month

    @property
    def days(self) -> list[date]:
        return sorted({deed.day for deed in self.deeds})

    @property
    def ends_on(self) -> date:
        """30 June of the fund year the last deed lies in."""
        last = self.days[-1]
        return date(last.year + (last >= date(last.year, JULY, 1)), JULY - 1, 30)


def person_of(label: str) -> str:
    return label.partition("@")[0]


def month_text(year: int, month: int, more: int = 0) -> str:
    count = year * 12 + month - 1 + more
    return f"{count // 12:04d}-{count % 12 + 1:02d}"


def resident_id(number: int) -> str:
    """A right one (GB 11643): people born from 1975 on, a new day every 300 of them."""
    day = date.fromordinal(date(1975, 1, 1).toordinal() + number // 300)
    first = f"522601{day:%Y%m%d}{number % 300 + 1:03d}"
    left = sum(int(digit) * weight for digit, weight in zip(first, _ID_WEIGHTS, strict=True)) % 11
    return first + "10X98765432"[left]


@dataclass
class _Member:
    """Of one account: what the planner must know so as not to plan what is refused."""

    label: str
    sealed: bool = False
    busy: str = ""  # the month somebody did something to it
    twin: str = ""  # another account of the person in the same unit
    bases: list[int] = field(default_factory=list)


@dataclass
class _Town:
    """The planner's own, coarse picture of a unit.  `due`: how the month is paid; `owes`: what came
    of last month; `ahead`: months from now on that are paid already."""

    members: dict[str, _Member] = field(default_factory=dict)
    opened: dict[str, int] = field(default_factory=dict)  # how often a person was enrolled here
    style: str = ""
    owes: str = ""
    ahead: int = 0
    skipped: int = 0
    rate_year: int = 0
    back: set[tuple[str, str]] = field(default_factory=set)
    rates: tuple[int, int] = (0, 0)

    def some(self, month: str, *, sealed: bool) -> list[_Member]:
        return [
            one
            for one in self.members.values()
            if one.sealed == sealed and one.busy != month and not one.twin
        ]


class Planner:
    """`plan(seed, …)`; a method for each day of the month."""

    def __init__(
        self, seed: int, units: int, months: int, entry: str, *, first: tuple[int, int]
    ) -> None:
        self.luck = random.Random(f"{seed}/{entry}/{units}")
        self.entry, self.months, self.first = entry, months, first
        self.people: dict[str, Person] = {}
        self.deeds: list[Deed] = []
        self.units = tuple(self._unit(number) for number in range(units))
        self.towns = [_Town(rates=unit.rates) for unit in self.units]
        self.year, self.month = first

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

    # ── words ──────────────────────────────────────────────────────────────────────────────────
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

    def _base(self, one: _Member) -> int:
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

    # ── a month ────────────────────────────────────────────────────────────────────────────────
    def _one_month(self, step: int) -> None:
        self._new: list[Deed] = []
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

    def _found(self, unit: int, town: _Town) -> None:
        """The first month: people are enrolled, some units let themselves be debited."""
        if self.units[unit].signed:
            self._do("late", unit, SIGN)
        count = self.luck.randint(PEOPLE_MIN, PEOPLE_MAX)
        self._enrol(unit, town, [self._born() for _ in range(count)])

    def _born(self) -> str:
        number = len(self.people) + 1
        key = f"P{number:04d}"
        name = self.luck.choice(_SURNAMES) + self.luck.choice(_GIVEN)
        self.people[key] = Person(name, resident_id(number), f"138{number:08d}")
        return key

    def _enrol(self, unit: int, town: _Town, people: Sequence[str], *, day: str = "people") -> Deed:
        labels = []
        for person in people:
            town.opened[person] = times = town.opened.get(person, 0) + 1
            labels.append(f"{person}@{unit:03d}" + (f"#{times}" if times > 1 else ""))
        new = [_Member(label, busy=self.now) for label in labels]
        typed = tuple(self._typed(self._base(one), town.rates) for one in new)
        town.members |= {one.label: one for one in new}
        return self._do(day, unit, OPEN, who=tuple(labels), cents=typed, rival=self._two(0.2))

    # ── people ─────────────────────────────────────────────────────────────────────────────────
    def _bases(self, unit: int, town: _Town) -> None:
        """July: everybody who is paid for gets a new base, in nine units of ten."""
        if self._chance(0.1):
            return
        members = [one for one in town.members.values() if not one.sealed]
        typed = tuple(self._typed(self._base(one), town.rates) for one in members)
        labels = tuple(one.label for one in members)
        made = self._do("people", unit, BASE, who=labels, cents=typed, rival=self._two(0.2))
        for one in members:
            one.busy = self.now
        if self._chance(0.4):
            self._undo(unit, made, labels[-1:])

    def _come_and_go(self, unit: int, town: _Town) -> None:
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
            made = self._do("people", unit, UNSEAL, who=(one.label,), cents=(typed,))
            one.sealed, one.busy = False, self.now
            if self._chance(0.3):
                self._undo(unit, made, (one.label,))
                one.sealed = True

    def _seal(self, unit: int, one: _Member) -> Deed:
        one.sealed, one.busy = True, self.now
        return self._do("people", unit, SEAL, who=(one.label,), rival=self._two(0.2))

    def _undo(self, unit: int, made: Deed, who: tuple[str, ...], *, day: str = "undo") -> None:
        rival = self._two(0.2)
        self._do(day, unit, UNDO, who=who, other=made.id, rival=rival)

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

    def _send(self, unit: int, to: int, one: _Member) -> None:
        """The new unit enrols, the old one sends the money, and its account ends."""
        new = self._enrol(to, self.towns[to], [person_of(one.label)]).who[0]
        made = self._do(
            "move", unit, TRANSFER, who=(one.label,), other=new, to=to, rival=self._two(0.3)
        )
        if self._chance(0.3):
            self._undo(unit, made, (one.label,))
        else:
            del self.towns[unit].members[one.label]

    def _take_over(self, unit: int, to: int, one: _Member) -> None:
        """The account itself goes; somebody enrolled there already has two, and they are merged."""
        there = self.towns[to]
        new = ""
        if self._chance(0.4):
            new = self._enrol(to, there, [person_of(one.label)]).who[0]
        made = self._do(
            "move", to, TRANSFER, who=(one.label,), other=new, to=to, rival=self._two(0.3)
        )
        if not new and self._chance(0.3):
            self._undo(to, made, (one.label,))
            return
        del self.towns[unit].members[one.label]
        if not new:
            there.members[one.label] = replace(one, sealed=False)
            return
        merged = self._do("merge", to, MERGE, who=(one.label,), other=new)
        if self._chance(0.4):
            self._undo(to, merged, (one.label,), day="again")
            there.members[one.label] = replace(one, twin=new)
            there.members[new].twin = one.label

    def _rates(self, unit: int, town: _Town) -> None:
        year = self.year - (self.month < JULY)
        if town.rate_year == year or not self._chance(0.03):
            return
        rate = self.luck.choice([n for n in range(5, 13) if n not in town.rates])
        town.rate_year, town.rates = year, (rate, rate)
        self._do("rate", unit, RATE, rates=(rate, rate), rival=self._two(0.2))

    # ── money ──────────────────────────────────────────────────────────────────────────────────
    def _late(self, unit: int, town: _Town) -> None:
        """What last month left unpaid."""
        if town.owes in (REST, ALL):
            self._do("late", unit, ARRIVE, how=town.owes, memo=SLIP)
            town.owes = ""

    def _due(self, unit: int, town: _Town, step: int) -> None:
        last = step == self.months - 1
        if town.ahead:
            town.ahead -= 1
        else:
            style = self._style(unit, town, last=last)
            getattr(self, f"_pay_{style}")(unit, town)
        if step and self._chance(0.15) and not town.skipped and not town.owes and self.month > 1:
            self._back(unit, town)

    def _style(self, unit: int, town: _Town, *, last: bool) -> str:
        if town.owes == OVER:
            return "use_rest"
        styles = ["exact"] * 5 + ["plain"] * 4
        styles += ["parts", "over_refund", "over_advance", "unclaimed", "cancelled", "ahead"]
        if self.units[unit].signed:
            styles += ["realtime", "realtime", "advance", "advance"]
        if not last:
            styles += ["short", "short_refund", "over_keep"]
            if not town.skipped and town.members:
                styles += ["skip"]
        return self.luck.choice(styles)

    def _assess(
        self,
        unit: int,
        town: _Town,
        *,
        more: int = 0,
        method: str = "transfer",
        day: str = "assess",
    ) -> None:
        """Up to this month, or `more` ahead; registered unless `method` is ""."""
        through = month_text(self.year, self.month, more)
        rival, twice = self._chance(0.15), self._chance(0.1)
        self._do(day, unit, ASSESS, month=through, rival=rival, twice=twice)
        if method:
            rival, twice = self._chance(0.15), self._chance(0.15)
            self._do(
                "register", unit, REGISTER, how=method, month=through, rival=rival, twice=twice
            )
        town.skipped, town.ahead = 0, more

    def _pay(
        self, unit: int, how: str, *, memo: str = SLIP, day: str = "pay", cents: int = 0
    ) -> Deed:
        return self._do(day, unit, ARRIVE, how=how, memo=memo, cents=(cents,))

    def _odd(self) -> int:
        return self.luck.randint(1, 30_000)

    def _pay_exact(self, unit: int, town: _Town) -> None:
        self._assess(unit, town)
        self._pay(unit, ALL)

    def _pay_plain(self, unit: int, town: _Town) -> None:
        """Nobody registers anything: the sum says what it is for."""
        self._assess(unit, town, method="")
        self._pay(unit, ALL, memo=NUMBER)

    def _pay_parts(self, unit: int, town: _Town) -> None:
        self._assess(unit, town)
        self._pay(unit, PART)
        self._pay(unit, REST, day="second")

    def _pay_short(self, unit: int, town: _Town) -> None:
        self._assess(unit, town)
        self._pay(unit, SHORT, cents=self._odd())
        town.owes = REST

    def _pay_short_refund(self, unit: int, town: _Town) -> None:
        """The centre sends back what was too little; the whole sum comes later."""
        self._assess(unit, town)
        paid = self._pay(unit, SHORT, cents=self._odd())
        self._do("clear", unit, CLEAR, how=REFUND, other=paid.id)
        town.owes = ALL

    def _over(self, unit: int, town: _Town) -> Deed:
        self._assess(unit, town)
        paid = self._pay(unit, OVER, cents=self._odd())
        self._do("clear", unit, CLEAR, how=SETTLE, other=paid.id)
        return paid

    def _pay_over_refund(self, unit: int, town: _Town) -> None:
        paid = self._over(unit, town)
        self._do("second", unit, CLEAR, how=REFUND, other=paid.id)

    def _pay_over_advance(self, unit: int, town: _Town) -> None:
        paid = self._over(unit, town)
        self._do("second", unit, CLEAR, how=ADVANCE, other=paid.id)

    def _pay_over_keep(self, unit: int, town: _Town) -> None:
        self._over(unit, town)
        town.owes = OVER

    def _pay_use_rest(self, unit: int, town: _Town) -> None:
        """Less is paid, for some of last month's money is still there."""
        self._assess(unit, town)
        self._pay(unit, REST)
        town.owes = ""

    def _pay_unclaimed(self, unit: int, town: _Town) -> None:
        self._assess(unit, town)
        paid = self._pay(unit, ALL, memo=NOTHING)
        self._do("clear", unit, CLEAR, how=CLAIM, other=paid.id, rival=self._two(0.3))

    def _pay_cancelled(self, unit: int, town: _Town) -> None:
        """核定, and on the next day 取消核定 and 核定 again, of the months it was about."""
        first = month_text(self.year, self.month, -town.skipped)
        self._do("assess", unit, ASSESS, month=self.now)
        self._do("register", unit, CANCEL, month=first)
        self._assess(unit, town, day="register")
        self._pay(unit, ALL)

    def _pay_ahead(self, unit: int, town: _Town) -> None:
        more = self.luck.randint(1, 2)
        self._assess(unit, town, more=more)
        self._pay(unit, ALL)

    def _pay_skip(self, _: int, town: _Town) -> None:
        town.skipped = 1

    def _pay_realtime(self, unit: int, town: _Town) -> None:
        self._assess(unit, town, method="realtime")

    def _pay_advance(self, unit: int, town: _Town) -> None:
        cents = DEPOSIT_CENTS * (1 + town.skipped)
        self._do("deposit", unit, DEPOSIT, cents=(cents,), twice=self._chance(0.5))
        self._assess(unit, town, method="advance")

    def _back(self, unit: int, town: _Town) -> None:
        """补缴 of last month for one or two people."""
        before = month_text(self.year, self.month, -1)
        people = [one for one in town.members.values() if (one.label, before) not in town.back]
        some = self.luck.sample(people, min(len(people), self.luck.randint(1, 2)))
        if not some:
            return
        labels = tuple(one.label for one in some)
        town.back |= {(label, before) for label in labels}
        cents = tuple(self.luck.randint(1_000, 40_000) for _ in labels)
        self._do("back", unit, BACK, who=labels, cents=cents, month=before)
        if self._chance(0.6):
            self._do("back_register", unit, REGISTER, how="transfer", month="back")
            self._do("back_pay", unit, ARRIVE, how=ALL, memo=SLIP, cents=(0,))
        else:
            self._do("back_pay", unit, ARRIVE, how=ALL, memo=NUMBER, cents=(0,))


# On one day: bases before people come, seals before anything needs them, money before decisions.
_ORDER = (
    *(SIGN, ARRIVE, BASE, SEAL, UNSEAL, OPEN, DEPOSIT, TRANSFER, UNDO, MERGE, RATE),
    *(CANCEL, ASSESS, REGISTER, CLEAR, BACK),
)


def drawn(
    seed: int, *, units: int, entry: str, months: int = MONTHS, first: tuple[int, int] = FIRST
) -> Plan:
    """The plan of this seed: the same one for ever."""
    return Planner(seed, units, months, entry, first=first).plan()
