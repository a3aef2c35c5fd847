"""What the books must say at the end of a plan: one straight line through its days, in whole 分.

Nothing of the product is imported.  The rules are written down once more, as an accountant would
with a pencil: who is due what (glossary §4), where money lies that fits nothing (SX-7.3), interest
of a day at 1.50 % ÷ 360, paid on 30 June and when an account ends, rounded half up once (§6).
What is undone in its month never happened (XZ-2.1e).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.proof import plan as p
from tests.proof.plan import Deed, Plan, month_text

RATE_PPM, DAY_BASE = 15_000, 360
MILLION = 1_000_000
YUAN = 100
NORMAL, SEALED, MERGED, UNDONE = "01", "02", "03", "99"
PART_OF = (2, 5)  # what the first of two transfers brings


def half_up(numerator: int, denominator: int) -> int:
    """Of a fraction that is not negative."""
    return (2 * numerator + denominator) // (2 * denominator)


@dataclass
class Account:
    """`product`: of each day's closing balance, since the last time interest was paid."""

    unit: int
    base: int
    shares: tuple[int, int]
    status: str = NORMAL
    balance: int = 0
    carried: int = 0
    product: int = 0
    paid_through: str = ""
    interest: int = 0

    @property
    def earned(self) -> int:
        return half_up(self.product * RATE_PPM, MILLION * DAY_BASE)

    @property
    def closed(self) -> bool:
        return self.status in (MERGED, UNDONE)


@dataclass
class Bill:
    """What a unit owes: a month, or a back payment; lines by label."""

    month: str
    lines: dict[str, int]
    back: bool = False

    @property
    def cents(self) -> int:
        return sum(self.lines.values())


@dataclass
class Unit:
    """`receipts`: what of each arrival (by deed) lies in suspense."""

    branch: int
    rates: tuple[int, int]
    bills: list[Bill] = field(default_factory=list)
    receipts: dict[str, int] = field(default_factory=dict)
    advance: int = 0
    assessed: str = ""
    paid_through: str = ""

    @property
    def due(self) -> int:
        return sum(bill.cents for bill in self.bills)

    @property
    def suspense(self) -> int:
        return sum(self.receipts.values())


@dataclass
class Branch:
    bank: int = 0
    interest: int = 0
    between: int = 0  # 管理部往来: plus when money has gone


@dataclass
class Books:
    """`arrivals`: what the payer of each deed transfers, by deed id; the bank will say so."""

    plan: Plan
    accounts: dict[str, Account] = field(default_factory=dict)
    units: list[Unit] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)
    arrivals: dict[str, int] = field(default_factory=dict)
    unclaimed: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.units = [Unit(unit.branch, unit.rates) for unit in self.plan.units]
        self.branches = [Branch() for _ in range(p.BRANCHES)]
        self.undone = {
            (deed.other, label)
            for deed in self.plan.deeds
            if deed.verb == p.UNDO
            for label in deed.who
        }

    # ── days ───────────────────────────────────────────────────────────────────────────────────
    def run(self, until: date) -> Books:
        """From the first deed to the end of this day."""
        by_day: dict[date, list[Deed]] = {}
        for deed in self.plan.deeds:
            by_day.setdefault(deed.day, []).append(deed)
        day = min(by_day)
        while day <= until:
            for deed in by_day.get(day, ()):
                verbs: dict[str, Callable[[Deed], None]] = self._verbs()
                verbs[deed.verb](deed)
            for account in self.accounts.values():
                account.product += account.balance
            if (day.month, day.day) == (6, 30):
                self._settle()
            day += timedelta(days=1)
        return self

    def _verbs(self) -> dict[str, Callable[[Deed], None]]:
        return {
            p.SIGN: lambda deed: None,
            p.UNDO: lambda deed: None,
            p.OPEN: self.open,
            p.SEAL: self.seal,
            p.UNSEAL: self.unseal,
            p.BASE: self.base,
            p.RATE: self.rate,
            p.TRANSFER: self.transfer,
            p.MERGE: self.merge,
            p.DEPOSIT: self.deposit,
            p.ASSESS: self.assess,
            p.CANCEL: self.cancel,
            p.REGISTER: self.register,
            p.BACK: self.back,
            p.ARRIVE: self.arrive,
            p.CLEAR: self.clear,
        }

    def _settle(self) -> None:
        for account in self.accounts.values():
            if account.closed:
                continue
            cents = account.earned
            account.balance += cents
            account.interest += cents
            account.carried, account.product = account.balance, 0
            self.branches[self.units[account.unit].branch].interest += cents

    # ── people ─────────────────────────────────────────────────────────────────────────────────
    def _typed(self, cents: int, rates: tuple[int, int]) -> tuple[int, tuple[int, int]]:
        """Base and shares from what is written into a roster."""
        if self.plan.entry == "base":
            return cents, self._shares(cents, rates)
        both = sum(rates)
        base = half_up(cents, both) * YUAN if cents % YUAN == 0 else -1
        assert base > 0, "a monthly amount is whole yuan"
        unit = cents // 2 if rates[0] == rates[1] else half_up(cents * rates[0], both * YUAN) * YUAN
        return base, (unit, cents - unit)

    def _shares(self, base: int, rates: tuple[int, int]) -> tuple[int, int]:
        step = YUAN if self.plan.entry == "amount" else 1
        unit, person = (half_up(base * rate, 100 * step) * step for rate in rates)
        return unit, person

    def _said(self, deed: Deed) -> list[tuple[str, int]]:
        """Accounts the deed is about, without those for whom it was undone."""
        cents = deed.cents or (0,) * len(deed.who)
        pairs = zip(deed.who, cents, strict=True)
        return [(label, typed) for label, typed in pairs if (deed.id, label) not in self.undone]

    def open(self, deed: Deed) -> None:
        for label, typed in zip(deed.who, deed.cents, strict=True):
            base, shares = self._typed(typed, self.units[deed.unit].rates)
            status = UNDONE if (deed.id, label) in self.undone else NORMAL
            self.accounts[label] = Account(deed.unit, base, shares, status)

    def seal(self, deed: Deed) -> None:
        for label, _ in self._said(deed):
            self.accounts[label].status = SEALED

    def unseal(self, deed: Deed) -> None:
        for label, typed in self._said(deed):
            account = self.accounts[label]
            account.status = NORMAL
            if typed:
                self._base(account, typed)

    def base(self, deed: Deed) -> None:
        for label, typed in self._said(deed):
            self._base(self.accounts[label], typed)

    def _base(self, account: Account, typed: int) -> None:
        account.base, account.shares = self._typed(typed, self.units[account.unit].rates)

    def rate(self, deed: Deed) -> None:
        self.units[deed.unit].rates = deed.rates
        for account in self.accounts.values():
            if account.unit == deed.unit and not account.closed:
                account.shares = self._shares(account.base, deed.rates)

    # ── moving ─────────────────────────────────────────────────────────────────────────────────
    def transfer(self, deed: Deed) -> None:
        for label, _ in self._said(deed):
            if self.plan.entry == "amount":
                self._into(label, deed.other)
                continue
            account = self.accounts[label]
            self._between(account.unit, deed.to, account.balance)
            old, account.unit = self.units[account.unit].rates, deed.to
            if deed.other not in self.accounts:
                account.status = NORMAL
            if old != self.units[deed.to].rates:
                account.shares = self._shares(account.base, self.units[deed.to].rates)

    def merge(self, deed: Deed) -> None:
        for label, _ in self._said(deed):
            self._into(label, deed.other)

    def _into(self, label: str, other: str) -> None:
        """Interest until yesterday goes along; what was carried forward stays so."""
        source, target = self.accounts[label], self.accounts[other]
        interest = source.earned
        self.branches[self.units[source.unit].branch].interest += interest
        self._between(source.unit, target.unit, source.balance + interest)
        source.interest += interest
        target.balance += source.balance + interest
        target.carried += source.carried
        source.balance = source.carried = source.product = 0
        source.status = MERGED

    def _between(self, old: int, new: int, cents: int) -> None:
        self.branches[self.units[old].branch].between += cents
        self.branches[self.units[new].branch].between -= cents

    # ── what is owed ───────────────────────────────────────────────────────────────────────────
    def assess(self, deed: Deed) -> None:
        unit = self.units[deed.unit]
        last = max(unit.assessed, unit.paid_through)
        month = _next(last) if last else self.plan.first
        while month <= deed.month:
            lines = {
                label: sum(account.shares)
                for label, account in self.accounts.items()
                if account.unit == deed.unit
                and account.status == NORMAL
                and account.paid_through < month
            }
            unit.bills.append(Bill(month, lines))
            unit.assessed = month
            month = _next(month)

    def cancel(self, deed: Deed) -> None:
        unit = self.units[deed.unit]
        unit.bills = [bill for bill in unit.bills if bill.back or bill.month < deed.month]
        unit.assessed = ""

    def back(self, deed: Deed) -> None:
        bill = Bill(deed.month, dict(zip(deed.who, deed.cents, strict=True)), back=True)
        self.units[deed.unit].bills.append(bill)

    # ── money ──────────────────────────────────────────────────────────────────────────────────
    def register(self, deed: Deed) -> None:
        unit = self.units[deed.unit]
        if deed.how == "realtime":
            self.branches[unit.branch].bank += unit.due
            self._post(unit)
        elif deed.how == "advance":
            unit.advance -= unit.due
            assert unit.advance >= 0
            self._post(unit)

    def deposit(self, deed: Deed) -> None:
        unit = self.units[deed.unit]
        self.branches[unit.branch].bank += deed.cents[0]
        unit.advance += deed.cents[0]

    def arrive(self, deed: Deed) -> None:
        """Used when the sum is what is due, alone or with all that lies there already."""
        unit = self.units[deed.unit]
        due, before, odd = unit.due, unit.suspense, deed.cents[0] if deed.cents else 0
        first, parts = PART_OF
        cents = self.arrivals[deed.id] = {
            p.ALL: due,
            p.PART: due * first // parts,
            p.REST: due - before,
            p.SHORT: due - odd,
            p.OVER: due + odd,
        }[deed.how]
        assert cents > 0, deed
        if deed.memo == p.NOTHING:
            self.unclaimed[deed.id] = cents
            return
        self._book(unit, deed.id, cents)

    def _book(self, unit: Unit, deed_id: str, cents: int) -> None:
        self.branches[unit.branch].bank += cents
        due, before = unit.due, unit.suspense
        unit.receipts[deed_id] = cents
        if cents == due:
            del unit.receipts[deed_id]
            self._post(unit)
        elif cents + before == due:
            unit.receipts.clear()
            self._post(unit)

    def clear(self, deed: Deed) -> None:
        unit = self.units[deed.unit]
        if deed.how == p.CLAIM:
            self._book(unit, deed.other, self.unclaimed.pop(deed.other))
            return
        cents = unit.receipts.pop(deed.other)
        if deed.how == p.SETTLE:
            unit.receipts[deed.other] = cents - unit.due
            self._post(unit)
        elif deed.how == p.REFUND:
            self.branches[unit.branch].bank -= cents
        else:
            unit.advance += cents

    def _post(self, unit: Unit) -> None:
        for bill in unit.bills:
            for label, cents in bill.lines.items():
                account = self.accounts[label]
                account.balance += cents
                if not bill.back:
                    account.paid_through = max(account.paid_through, bill.month)
            if not bill.back:
                unit.paid_through = max(unit.paid_through, bill.month)
        unit.bills = []


def _next(month: str) -> str:
    return month_text(int(month[:4]), int(month[5:]), 1)
