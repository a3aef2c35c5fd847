"""What the books should do, written down a second time, plainly and without a database.

Shares no code with the ledger: accounts are lists of (day, amount), interest is counted day by day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

DAY = timedelta(days=1)
RATES = ((date(2016, 2, 21), Fraction("1.5")), (date(2026, 3, 10), Fraction("1.75")))
INTO_FROZEN = ("remittance",)


@dataclass
class Account:
    kind: str
    status: str = "open"
    entries: list[tuple[date, int, int]] = field(default_factory=list)  # cents; of it 上年结转
    settled: date | None = None

    @property
    def balance(self) -> int:
        return sum(cents for _, cents, _ in self.entries)

    @property
    def carried(self) -> int:
        return sum(part for _, _, part in self.entries)

    def overdrawn(self, balance: int) -> bool:
        return {"bank": balance > 0, "interest": False}.get(self.kind, balance < 0)

    def part(self, cents: int, wish: int | None) -> int:
        """How much of a movement is 上年结转: what goes out takes that first."""
        if cents > 0:
            return wish or 0
        out, current = -cents, self.balance - self.carried
        taken = self.carried if wish is None else min(-wish, self.carried)
        return -max(min(taken, out), out - current)


@dataclass
class Posted:
    business: str
    lines: list[tuple[int, int, int]]  # account, cents, of which 上年结转
    value_on: date
    reversed: bool = False
    reverses: bool = False


@dataclass
class Model:
    """One branch.  A method returns the code of the refusal, or None when it is done."""

    today: date
    accounts: dict[int, Account] = field(default_factory=dict)
    posted: dict[int, Posted] = field(default_factory=dict)  # by the order in which they came
    closed: date | None = None
    days: dict[date, int] = field(default_factory=dict)  # vouchers of each day

    def post(
        self,
        business: str,
        lines: list[tuple[int, int, int | None]],
        posted_on: date,
        value_on: date | None,
    ) -> str | None:
        if any(cents == 0 for _, cents, _ in lines):
            return "ledger.zero"
        if sum(cents for _, cents, _ in lines):
            return "ledger.unbalanced"
        if posted_on > self.today:
            return "ledger.future_day"
        if self.closed and posted_on <= self.closed:
            return "ledger.closed_day"
        if value_on and value_on > posted_on:
            return "ledger.value_day"
        settled = [s for id_, *_ in lines if (s := self.accounts[id_].settled)]
        if value_on is None:
            value_on = self.value_day(posted_on, settled)
        return self.write(Posted(business, [], value_on), lines, posted_on)

    @staticmethod
    def value_day(posted_on: date, settled: list[date]) -> date:
        """On the evening of 30 June, when that day is settled, money counts from the next."""
        evening = bool(settled) and max(settled) == posted_on + DAY
        return posted_on + DAY if evening else posted_on

    def write(
        self, voucher: Posted, lines: list[tuple[int, int, int | None]], posted_on: date
    ) -> str | None:
        """All lines or none; the first refusal is told."""
        before = {id_: len(one.entries) for id_, one in self.accounts.items()}
        refusals = [
            code
            for id_, cents, wish in lines
            if (code := self.enter(self.accounts[id_], voucher, (id_, cents, wish)))
        ]
        if refusals:
            for id_, count in before.items():
                del self.accounts[id_].entries[count:]
            return refusals[0]
        self.add(voucher, posted_on)
        return None

    def enter(
        self, account: Account, voucher: Posted, line: tuple[int, int, int | None]
    ) -> str | None:
        id_, cents, wish = line
        if account.status == "closed":
            return "ledger.account_closed"
        if account.status == "frozen" and (cents < 0 or voucher.business not in INTO_FROZEN):
            return "ledger.account_frozen"
        if account.settled and voucher.value_on < account.settled:
            return "ledger.settled"
        if account.overdrawn(account.balance + cents):
            return "ledger.overdraft"
        part = account.part(cents, wish) if account.kind == "member" else 0
        account.entries.append((voucher.value_on, cents, part))
        voucher.lines.append((id_, cents, part))
        return None

    def reverse(self, number: int) -> str | None:
        original = self.posted[number]
        if self.closed and self.today <= self.closed:
            return "ledger.closed_day"
        if original.reverses:
            return "ledger.reversal_of_reversal"
        if original.business == "interest":
            return "ledger.settlement"
        if original.reversed:
            return "ledger.reversed"
        settled = [s for id_, *_ in original.lines if (s := self.accounts[id_].settled)]
        fresh = not settled or original.value_on >= max(settled)
        value_on = original.value_on
        if not fresh:
            value_on = self.value_day(self.today, settled)
        # what it took comes back first
        lines = sorted(enumerate(original.lines), key=lambda it: (it[1][1], it[1][0], -it[0]))
        turned = [(id_, -cents, -part if fresh else -cents) for _, (id_, cents, part) in lines]
        voucher = Posted(original.business, [], value_on, reverses=True)
        refusal = self.write(voucher, turned, self.today)
        original.reversed = original.reversed or refusal is None
        return refusal

    def turn(self, id_: int, before: str, after: str) -> str | None:
        account = self.accounts[id_]
        if after == "closed" and account.balance:
            return "ledger.not_empty"
        if account.status != before:
            return "ledger.account_status"
        account.status = after
        return None

    def close_through(self, day: date, settled: set[int]) -> None:
        first = self.closed + DAY if self.closed else min(self.days, default=None)
        if first is None:
            return
        june = [
            end
            for year in (2026, 2027)
            if first <= (end := date(year, 6, 30)) <= day and year not in settled
        ]
        last = june[0] - DAY if june else day
        if last >= first:
            self.closed = last

    def settle(self, year: int, payable: int, expense: int) -> int:
        """年终结息; the interest of all members together."""
        first, end = date(year - 1, 7, 1), date(year, 7, 1)
        lines: list[tuple[int, int, int]] = []
        for id_, account in self.accounts.items():
            if account.kind != "member" or account.status == "closed":
                continue
            cents = interest(account.entries, first, end)
            current = account.balance - account.carried
            new = sum(cents - part for on, cents, part in account.entries if on >= end)
            moved = min(max(current - new, 0), current)
            if cents or moved:
                account.entries.append((end, cents, cents + moved))
                lines.append((id_, cents, cents + moved))
            account.settled = end
        total = sum(cents for _, cents, _ in lines)
        if lines:
            self.add(Posted("interest", lines, end), end - DAY)
        if total:
            accrual = [(expense, -total, 0), (payable, total, 0)]
            self.add(Posted("interest_accrual", accrual, end - DAY), end - DAY)
            for id_, cents in ((payable, -total), (expense, -total), (payable, total)):
                self.accounts[id_].entries.append((end - DAY, cents, 0))
        return total

    def add(self, voucher: Posted, posted_on: date) -> None:
        self.posted[len(self.posted)] = voucher
        self.days[posted_on] = self.days.get(posted_on, 0) + 1


def interest(entries: list[tuple[date, int, int]], first: date, end: date) -> int:
    """Each day's balance at that day's rate, over 360; to the 分, half up, never less than none."""
    product, day = Fraction(0), first
    while day < end:
        rate = max(pair for pair in RATES if pair[0] <= day)[1]
        product += sum(cents for on, cents, _ in entries if on <= day) * rate
        day += DAY
    return max(0, int(product / 100 / 360 + Fraction(1, 2)))
