"""Who works in a unit, since when, until when and for how much: lives made up, nothing stored.

Everything follows from the seed and the unit alone, so a crew is made up again wherever it is
needed instead of being kept: people of one branch cost no memory while another's books are written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from handlers import retirement
from handlers.contributions.amounts import YUAN, Derived, Shares, from_amount, shares
from handlers.contributions.terms import Terms
from handlers.demo import wages
from handlers.demo.window import Window
from handlers.ledger.interest import fund_year, fund_year_of
from handlers.members.codes import FROZEN, NORMAL, SEALED, TRANSFERRED_CLOSED, WITHDRAWN_CLOSED
from handlers.months import day_in, month_after, month_of, months_between

BEFORE = -1  # joined before the window
NEVER = 10_000  # has not left
JOINED_PER_MONTH = 0.007  # of those who are there now
CLOSED_SHARE, SEALED_SHARE, FROZEN_SHARE = 0.04, 0.09, 0.0025
AGE_MIN, AGE_USUAL, AGE_HIRED_MAX, AGE_MAX = 20, 25, 45, 58
YEARS_IN_UNIT, YEARS_IN_UNIT_MAX = 6.0, 18.0
# Days on which the centre pays out; leavers are sealed before the first of them.
PAYOUT_DAYS = (6, 13, 20, 27)
MEN_RETIRE, WOMEN_RETIRE = 60, 55  # the old ages; how much later follows from the birth month
RETIRED, GONE_ABROAD, OTHER = "03", "05", "99"  # table A.7
LEFT = "01"  # SEAL_REASONS


@dataclass(frozen=True, slots=True)
class Heads:
    """How many accounts of each kind a unit has in the end."""

    active: int
    sealed: int
    closed: int
    frozen: int

    @property
    def total(self) -> int:
        return self.active + self.sealed + self.closed + self.frozen


@dataclass(frozen=True, slots=True)
class Habits:
    """What happens to a unit, in places of the window; None: it does not.

    opened: its first month; behind: months unpaid in the end; late: a month paid two months later;
    refund, stray: a deposit that fits no bill, given back or still lying there; advance: pays ahead
    from then on; twice: a month booked twice and corrected.
    """

    opened: int = 0
    behind: int = 0
    deferred: bool = False
    late: int | None = None
    refund: int | None = None
    stray: int | None = None
    advance: int | None = None
    twice: int | None = None


@dataclass(frozen=True, slots=True)
class Firm:
    """A unit as far as its books need it.

    `kept`: the fund year in which nobody's base was adjusted; `rates_before`: of unit and person,
    until that year began.
    """

    account_no: str
    branch_code: str
    industry: str
    opened_on: date
    pay_day: int
    unit_rate: Decimal
    individual_rate: Decimal
    heads: Heads
    habits: Habits
    kept: int = 0
    rates_before: tuple[Decimal, Decimal] | None = None

    def in_year(self, year: int) -> Firm:
        """With the rates of that fund year."""
        if self.rates_before is None or year >= self.kept:
            return self
        unit, person = self.rates_before
        return replace(self, unit_rate=unit, individual_rate=person)


@dataclass(frozen=True, slots=True)
class Member:
    """One account's life; `joined` is the first month paid, `left` the first one not paid any more.

    `yuan` is the wage in the window's first year, or the account's; `kept_percent`: how much of
    what was paid before the window is still there.
    """

    woman: bool
    born: date
    opened_on: date
    joined: int
    left: int
    status: str  # in the end
    reason: str
    yuan: int
    raise_percent: int
    kept_percent: int

    def paid_in(self, month: int) -> bool:
        return self.joined <= month < self.left

    @property
    def closes(self) -> bool:
        return self.status in (WITHDRAWN_CLOSED, TRANSFERRED_CLOSED)


@dataclass(frozen=True, slots=True)
class Pay:
    base_cents: int
    shares: Shares


TermsOf = Callable[[str, int], Terms]  # of a branch in a fund year


def heads_of(total: int) -> Heads:
    """A unit of so many accounts, split as they usually are."""
    sealed, closed, frozen = (
        int(total * share) for share in (SEALED_SHARE, CLOSED_SHARE, FROZEN_SHARE)
    )
    return Heads(total - sealed - closed - frozen, sealed, closed, frozen)


def crew(window: Window, firm: Firm, average_yuan: int, seed: int) -> list[Member]:
    """The members of a unit in the order of their accounts, oldest first."""
    chance = Random(f"{seed}/{firm.account_no}/crew")
    heads = firm.heads
    fates = [(NORMAL, "")] * heads.active + [(FROZEN, "")] * heads.frozen
    fates += [(SEALED, LEFT)] * heads.sealed
    fates += [_closing(chance) for _ in range(heads.closed)]
    made = [_member(window, firm, fate, average_yuan, chance=chance) for fate in fates]
    return sorted(made, key=lambda member: member.opened_on)


def _closing(chance: Random) -> tuple[str, str]:
    if chance.random() < 0.3:
        return TRANSFERRED_CLOSED, OTHER
    return WITHDRAWN_CLOSED, RETIRED if chance.random() < 0.7 else GONE_ABROAD


def _member(
    window: Window, firm: Firm, fate: tuple[str, str], average_yuan: int, *, chance: Random
) -> Member:
    status, reason = fate
    joined, left = _span(window, firm.habits.opened, status, chance)
    woman = chance.random() < 0.47
    if joined == BEFORE:
        since = (window.first_day - firm.opened_on).days
        years = min(chance.expovariate(1 / YEARS_IN_UNIT), YEARS_IN_UNIT_MAX)
        opened_on = window.first_day - timedelta(days=max(1, min(int(years * 365) + 30, since)))
    else:
        opened_on = window.day(joined, chance.randrange(1, 5))
    in_unit = (window.first_day - opened_on).days / 365.25
    hired_at = chance.triangular(AGE_MIN, AGE_HIRED_MAX, AGE_USUAL)
    hired_at = max(AGE_MIN, min(hired_at, AGE_MAX - in_unit - window.count / 12))
    born = opened_on - timedelta(days=int(hired_at * 365.25))
    if reason == RETIRED:
        born = _retiring(window.month(left), woman, day=chance.randrange(1, 29))
    worked = (window.first_day - born).days / 365.25 - AGE_MIN
    return Member(
        woman=woman,
        born=born,
        opened_on=opened_on,
        joined=joined,
        left=left,
        status=status,
        reason=reason,
        yuan=wages.monthly_yuan(chance, average_yuan, firm.industry, max(0.0, worked)),
        raise_percent=chance.randrange(0, 9),
        # Wages were lower, and some of it has been withdrawn.
        kept_percent=chance.randrange(15, 71),
    )


def _span(window: Window, opened: int, status: str, chance: Random) -> tuple[int, int]:
    """First month paid and first month not paid any more."""
    last = window.count - 1
    joined = opened or BEFORE
    if status in (NORMAL, FROZEN):
        if last > opened and chance.random() < JOINED_PER_MONTH * last:
            joined = chance.randrange(opened + 1, last + 1)
        return joined, NEVER
    if joined == BEFORE and status == SEALED and chance.random() < 0.5:
        return joined, 0
    first = max(joined, 0) + 1
    return joined, chance.randrange(first, last + 1) if first <= last else last


def _retiring(month: str, woman: bool, *, day: int) -> date:
    """A birthday that makes somebody retire in that month (or, when none does, the one before)."""
    kind = retirement.Kind.WOMEN_55 if woman else retirement.Kind.MEN
    old = 12 * (WOMEN_RETIRE if woman else MEN_RETIRE)
    for later in range(37):
        birth = month_after(month, -old - later)
        if retirement.retirement_month(birth, kind) <= month:
            return day_in(birth, day)
    raise AssertionError("nobody retires more than three years later than before")


# ── days and money of a life ───────────────────────────────────────────────────────────────────
def sealed_on(window: Window, member: Member) -> date | None:
    if member.left == NEVER:
        return None
    if member.left == 0:
        before = window.first_day - timedelta(days=10 + member.yuan % 500)
        return max(before, member.opened_on)
    return window.day(member.left, 1 + member.yuan % 4)


def closed_on(window: Window, member: Member) -> date | None:
    if not member.closes:
        return None
    return window.working_day(member.left, PAYOUT_DAYS[1 + member.yuan % 3])


def months_paid(window: Window, firm: Firm, member: Member) -> range:
    """The months of the window that were paid for this member, late ones too."""
    last = window.count - firm.habits.behind
    late = firm.habits.late
    left = member.left
    if late is not None and member.closes and late < left <= late + 2:
        left = late  # closed before the unit paid
    return range(max(member.joined, firm.habits.opened), min(left, last))


def paid_through(window: Window, firm: Firm, member: Member) -> str:
    """缴至年月; empty when nothing was ever paid."""
    paid = months_paid(window, firm, member)
    if paid:
        return window.month(paid[-1])
    if member.joined != BEFORE:
        return ""
    gone = sealed_on(window, member) if member.left == 0 else window.first_day
    assert gone is not None
    return month_after(month_of(gone), -1)


def pay(firm: Firm, member: Member, terms: Terms, raises: int) -> Pay:
    """Base and shares after so many Julys; within the limits of that year's `terms`."""
    yuan = member.yuan
    for _ in range(raises):
        yuan = wages.raised_yuan(yuan, member.raise_percent)
    base = min(max(yuan * YUAN, terms.bases.low_cents), terms.bases.high_cents)
    if terms.entry == "base":
        return Pay(base, shares(base, firm.unit_rate, firm.individual_rate, terms.rounding))
    both = firm.unit_rate + firm.individual_rate
    typed = int(base * both / 100) // YUAN * YUAN
    while True:
        derived = from_amount(typed, firm.unit_rate, firm.individual_rate)
        assert isinstance(derived, Derived), derived
        if derived.base_cents >= terms.bases.low_cents:
            return Pay(derived.base_cents, derived.shares)
        typed += YUAN  # whole yuan below the floor: the next one


def pay_in(window: Window, firm: Firm, member: Member, terms: TermsOf, *, year: int) -> Pay:
    """What is paid for somebody in that fund year.

    Where bases were kept, those of the year before are paid on, at the rates of this one.
    """
    first = max(window.year(0), fund_year_of(member.opened_on))
    based = year - 1 if first < year == firm.kept else year
    then = firm.in_year(based)
    found = pay(then, member, terms(firm.branch_code, based), raises_of(window, member, based))
    now = firm.in_year(year)
    rates = now.unit_rate, now.individual_rate
    if rates == (then.unit_rate, then.individual_rate):
        return found
    rounding = terms(firm.branch_code, year).rounding
    return Pay(found.base_cents, shares(found.base_cents, *rates, rounding))


def raises_of(window: Window, member: Member, year: int) -> int:
    """Julys between the account's first year in the window and that year."""
    first = max(window.year(0), fund_year_of(member.opened_on))
    return max(0, year - first)


def opening(window: Window, member: Member, monthly_cents: int) -> tuple[int, int]:
    """Balance at the beginning of the window, and the part of it that is 上年结转."""
    if member.joined != BEFORE:
        return 0, 0
    gone = sealed_on(window, member) if member.left == 0 else None
    months = max(0, months_between(month_of(member.opened_on), month_of(gone or window.first_day)))
    cents = monthly_cents * months * member.kept_percent // 100
    start = fund_year(fund_year_of(window.first_day))[0]
    current = 0 if gone else min(months, months_between(month_of(start), window.first))
    return cents, max(0, cents - monthly_cents * current)
