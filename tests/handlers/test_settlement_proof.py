"""The proof: two thousand people's interest of two years, against a count day by day.

The count is written here, shares no code with what it checks, and starts from what was asked to be
posted, not from what the tables say.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal, localcontext

from sqlalchemy import func, select

from engine.database import transaction
from handlers.ledger import accounts, verifying
from handlers.ledger.models import LedgerAccount, Voucher
from handlers.ledger.settling import Settled
from tests.builders.books import BRANCH, Books
from tests.builders.parameters import row
from tests.builders.settlements import let_go, open_books, settle
from tests.conftest import Clock

PEOPLE, UNITS = 2_000, 8
CHANGES = {date(2016, 2, 21): "1.50", date(2025, 2, 10): "1.35", date(2025, 11, 20): "1.1"}
Movements = dict[int, list[tuple[date, int]]]  # account → (value day, amount)


class Fund:
    """Random deposits, withdrawals, late and reversed ones; keeps its own record of them."""

    def __init__(self, books: Books, seed: int) -> None:
        self.books, self.chance = books, random.Random(seed)  # noqa: S311 - the same every time
        self.units: dict[str, list[int]] = {}
        self.movements: Movements = {}
        self.posted: list[tuple[Voucher, dict[int, int]]] = []
        self._open()

    def _open(self) -> None:
        opened = {"branch_code": BRANCH, "opened_on": date(2025, 1, 1)}
        rows = [
            accounts.row("member", f"G{n:09d}", unit_account_no=f"0208{n % UNITS:08d}", **opened)
            for n in range(PEOPLE)
        ]
        with transaction(self.books.session):
            accounts.open_many(self.books.session, rows)
        found = select(LedgerAccount.unit_account_no, LedgerAccount.id).order_by(LedgerAccount.id)
        for number, account in self.books.session.execute(found):
            self.units.setdefault(number, []).append(account)
            self.movements[account] = []

    def live(self, first: date, last: date, *, vouchers: int) -> None:
        """So many vouchers on random days of this time, in order."""
        days = sorted(
            first + timedelta(days=self.chance.randint(0, (last - first).days))
            for _ in range(vouchers)
        )
        for day in days:
            self.books.on(str(day))
            self.chance.choice([self._pay, self._pay, self._pay, self._withdraw, self._undo])(
                first, day
            )

    def _some(self) -> list[int]:
        members = self.units[self.chance.choice(list(self.units))]
        return self.chance.sample(members, self.chance.randint(1, len(members)))

    def _pay(self, first: date, day: date) -> None:
        value_on = self.chance.choice([day, day, first, day - (day - first) / 2])
        amounts = {member: self.chance.randint(1, 3_000_00) for member in self._some()}
        voucher = self.books.pay(amounts, value_on=value_on)
        self._note(amounts, value_on)
        self.posted.append((voucher, amounts))

    def _withdraw(self, _first: date, day: date) -> None:
        held = {each: sum(cents for _, cents in self.movements[each]) for each in self._some()}
        amounts = {each: -self.chance.randint(1, cents) for each, cents in held.items() if cents}
        if amounts:
            clearing = self.books.account("payout_clearing")
            lines = amounts | {clearing: -sum(amounts.values())}
            self.books.post("partial_withdrawal", lines)
            self._note(amounts, day)

    def _undo(self, first: date, day: date) -> None:
        """冲账 counts from the day of what it corrects, or from today once that is settled."""
        while self.posted:
            voucher, amounts = self.posted.pop(self.chance.randrange(len(self.posted)))
            if all(sum(c for _, c in self.movements[m]) >= cents for m, cents in amounts.items()):
                self.books.reverse(voucher)
                value_on = voucher.value_on if voucher.value_on >= first else day
                self._note({member: -cents for member, cents in amounts.items()}, value_on)
                return

    def _note(self, amounts: dict[int, int], value_on: date) -> None:
        for member, cents in amounts.items():
            self.movements[member].append((value_on, cents))


def rate_of(day: date) -> Decimal:
    return Decimal(CHANGES[max(change for change in CHANGES if change <= day)])


def straight(movements: list[tuple[date, int]], rates: dict[date, Decimal]) -> int:
    """Interest of one person: every day's closing balance times its rate, added up day by day."""
    first = min(rates)
    coming: dict[date, int] = {}
    for value_on, cents in movements:
        day = max(value_on, first)
        coming[day] = coming.get(day, 0) + cents
    balance, interest = Decimal(0), Decimal(0)
    with localcontext(prec=60):
        for day, rate in rates.items():
            balance += coming.get(day, 0)
            interest += balance * rate
        return int((interest / 100 / 360).quantize(Decimal(1), "ROUND_HALF_UP"))


def test_two_thousand_people_get_to_the_cent_what_a_count_day_by_day_says(
    database_url: str, clock: Clock
) -> None:
    books = open_books(database_url, clock, *(row(str(day), r) for day, r in CHANGES.items()))
    fund = Fund(books, seed=7)
    for year, vouchers in ((2025, 25), (2026, 90)):
        first, last = max(date(year - 1, 7, 1), date(2025, 1, 2)), date(year, 6, 30)
        fund.live(first, last, vouchers=vouchers)
        settled = settle(books.on(str(last)), year, chunk_accounts=600)
        days = [date(year - 1, 7, 1) + timedelta(days=n) for n in range(365)]
        rates = {day: rate_of(day) for day in days}
        expected = {member: straight(own, rates) for member, own in fund.movements.items()}
        held = {m: sum(cents for _, cents in own) for m, own in fund.movements.items()}
        found = books.session.execute(
            select(LedgerAccount.id, LedgerAccount.balance_cents).where(
                LedgerAccount.kind == "member"
            )
        )
        paid = {account: balance - held[account] for account, balance in found}
        assert paid == expected
        assert settled == Settled(year, PEOPLE, sum(expected.values()))
        assert settled.interest_cents > 100_00
        for member, cents in expected.items():
            fund.movements[member].append((date(year, 7, 1), cents))
    current = select(func.count()).where(
        LedgerAccount.kind == "member",
        LedgerAccount.balance_cents != LedgerAccount.carried_forward_cents,
    )
    assert books.session.scalar(current) == 0
    assert verifying.verify(books.session).faults == ()
    let_go(books)
