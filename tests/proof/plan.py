"""What two years bring to a town of units: who is enrolled, leaves, moves, and how each month is
paid or not.  Drawn from a seed and nothing else: no product code is asked, not even for a rule.

A month has fixed days (`DAYS`), so that what a deed needs has happened before it: people change on
the 3rd, move on the 5th, think better of it on the 6th; months are assessed on the 10th and paid
from the 12th.  Within a day nothing follows from another unit, so two processes may share it.
Money in 分.  An account is a label: person@unit it was opened in, "#2" for the second one there.
"""

from __future__ import annotations

from dataclasses import dataclass
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
