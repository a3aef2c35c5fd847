"""Several writers do anything to one set of books, in seeded order: the ledger takes, refuses and
holds what a plain model says, and is whole after it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from engine.database import configure, transaction
from handlers.ledger import accounts, closing, settling, verifying
from handlers.ledger.drafts import Line
from handlers.ledger.models import LedgerAccount, Voucher
from tests.builders import parameters
from tests.builders.books import CLERK, UNIT, Books
from tests.conftest import Clock
from tests.handlers.ledger_model import DAY, Account, Model
from tests.handlers.ledger_rivals import outcome

STEPS, WRITERS, MEMBERS = 220, 3, 5
FIRST_DAY = date(2026, 3, 2)


class Walk:
    """One walk; every step is done by one of the writers, and by the model."""

    def __init__(self, books: list[Books], clock: Clock, seed: int) -> None:
        self.writers, self.clock, self.luck = books, clock, random.Random(seed)
        self.model = Model(FIRST_DAY)
        self.settled: set[int] = set()
        self.seen: Counter[str] = Counter()
        self.keys = 0
        self.go_to(FIRST_DAY)
        first = books[0]
        self.bank, self.clearing, self.payable, self.expense = (
            self.has(first.account(kind), as_)
            for kind, as_ in (
                ("bank", "bank"),
                ("payout_clearing", "clearing"),
                ("interest_payable", "interest"),
                ("interest_expense", "interest"),
            )
        )
        self.members = [self.has(first.member(n), "member") for n in range(1, MEMBERS + 1)]

    def has(self, id_: int, kind: str) -> int:
        year = max(self.settled, default=None)
        paid = date(year, 7, 1) if year and kind == "member" else None
        self.model.accounts[id_] = Account(kind, settled=paid)
        return id_

    def go_to(self, day: date) -> None:
        self.model.today = day
        self.writers[0].on(day.isoformat())  # they share the clock

    def step(self) -> None:
        if self.luck.random() < 0.35:
            self.go_to(self.model.today + self.luck.randint(1, 9) * DAY)
        deeds: list[tuple[Callable[[], None], int]] = [
            (self.pay, 8),
            (self.withdraw, 6),
            (self.move, 3),
            (self.blunder, 2),
            (self.undo, 5),
            (self.turn, 3),
            (self.join, 1),
            (self.close, 2),
            (self.settle, 2),
        ]
        self.luck.choices([deed for deed, _ in deeds], [weight for _, weight in deeds])[0]()
        self.compare()

    @property
    def books(self) -> Books:
        return self.luck.choice(self.writers)

    def agree(self, deed: str, expected: str | None, found: Any) -> None:
        refusal = found if isinstance(found, str) else None
        assert refusal == expected, f"{deed} on {self.model.today}"
        self.seen[f"{deed} {expected or 'done'}"] += 1

    # ── what they do ───────────────────────────────────────────────────────────────────────────
    def pay(self) -> None:
        some = self.luck.sample(self.members, self.luck.randint(1, 3))
        lines = [(id_, self.luck.randint(1, 500_000)) for id_ in some]
        self.post("remittance", [(self.bank, -sum(c for _, c in lines)), *lines])

    def withdraw(self) -> None:
        id_ = self.luck.choice(self.members)
        cents = self.some_of(id_)
        self.post("partial_withdrawal", [(id_, -cents), (self.clearing, cents)])

    def move(self) -> None:
        """From one member to another, in two parts."""
        source, target = self.luck.sample(self.members, 2)
        first, second = self.some_of(source), self.luck.randint(1, 100)
        lines = [(source, -first), (target, first + second), (source, -second)]
        self.post("internal_transfer", lines)

    def some_of(self, id_: int) -> int:
        balance = self.model.accounts[id_].balance
        return self.luck.choice([balance, balance + 1, self.luck.randint(1, balance + 2)]) or 1

    def blunder(self) -> None:
        id_ = self.luck.choice(self.members)
        lines = self.luck.choice([[(self.bank, -5), (id_, 4)], [(self.bank, 0), (id_, 0)]])
        self.post("remittance", lines)

    def post(self, business: str, lines: list[tuple[int, int]]) -> None:
        today = self.model.today
        posted_on = today + self.luck.choice([0] * 8 + [-1, -3, -20, 1]) * DAY
        value_on = self.luck.choice([None] * 4 + [posted_on - self.luck.randint(-1, 40) * DAY])
        self.keys += 1
        more: dict[str, Any] = {"posted_on": posted_on, "value_on": value_on}
        more |= {"key": f"walk:{self.keys}", "unit_account_no": UNIT}
        written = [Line(*line) for line in lines]
        found = outcome(lambda: self.books.post(business, written, **more).id)
        asked = [(id_, cents, None) for id_, cents in lines]
        expected = self.model.post(business, asked, posted_on, value_on)
        self.agree(business, expected, found)
        if expected is None and self.luck.random() < 0.3:  # somebody did not see the answer
            assert self.books.post(business, written, **more).id == found

    def undo(self) -> None:
        if self.model.posted:
            number = self.luck.choice(list(self.model.posted)[-25:])
            self.keys += 1
            ids = self.writers[0].session.scalars(select(Voucher.id).order_by(Voucher.id)).all()
            key = f"walk:{self.keys}"
            found = outcome(lambda: self.books.reverse(ids[number], key=key).id)
            self.agree("reverse", self.model.reverse(number), found)

    def turn(self) -> None:
        id_ = self.luck.choice(self.members)
        verb, before, after = self.luck.choice(
            [
                (accounts.freeze, "open", "frozen"),
                (accounts.unfreeze, "frozen", "open"),
                (accounts.close, "open", "closed"),
            ]
        )
        session = self.books.session

        def deed() -> None:
            with transaction(session):
                verb(session, id_)

        self.agree(verb.__name__, self.model.turn(id_, before, after), outcome(deed))

    def join(self) -> None:
        """Somebody new comes, at the latest when few are left."""
        self.members.append(self.has(self.books.member(len(self.members) + 1), "member"))

    def close(self) -> None:
        yesterday = self.model.today - DAY
        closing.close_yesterday(self.books.rt)
        if self.model.days:
            self.model.close_through(yesterday, self.settled)
        self.seen["close"] += 1

    def settle(self) -> None:
        year = max(self.settled, default=2025) + 1
        if self.model.today < date(year, 6, 30) or not self.model.posted:
            return
        settling.settle(self.books.rt, CLERK, year)
        self.settled.add(year)
        self.seen["interest"] += self.model.settle(year, self.payable, self.expense)
        self.seen[f"settled {year}"] += 1

    # ── what must hold ─────────────────────────────────────────────────────────────────────────
    def compare(self) -> None:
        books = self.writers[0]
        books.session.rollback()
        rows = books.session.execute(
            select(
                LedgerAccount.id,
                LedgerAccount.balance_cents,
                LedgerAccount.carried_forward_cents,
                LedgerAccount.entries,
                LedgerAccount.status,
                LedgerAccount.settled_on,
            )
        ).all()
        books.session.rollback()
        for row in rows:
            one = self.model.accounts[row.id]
            held = (one.balance, one.carried, len(one.entries), one.status, one.settled)
            assert tuple(row[1:]) == held, row.id


@pytest.fixture
def writers(database_url: str, clock: Clock) -> Iterator[list[Books]]:
    engine = configure(create_engine(database_url))
    books = [Books(engine, clock) for _ in range(WRITERS)]
    rates = [parameters.row("2016-02-21", "1.50"), parameters.row("2026-03-10", "1.75")]
    base = [parameters.row("2016-02-21", "360")]
    parameters.enter(books[0].session, deposit_rate=rates, interest_day_base=base)
    books[0].session.commit()
    yield books
    for one in books:
        one.session.close()
    engine.dispose()


@pytest.mark.parametrize("seed", [7, 8])
def test_the_ledger_does_what_the_model_says(writers: list[Books], clock: Clock, seed: int) -> None:
    walk = Walk(writers, clock, seed)
    for number in range(STEPS):
        walk.step()
        if number % 40 == 39:
            report = verifying.verify(writers[0].session)
            assert report.faults == (), walk.model.today
    assert walk.seen["interest"] > 0
    done = {name for name in walk.seen if name.endswith(" done")}
    assert len(done) >= 6, walk.seen
    assert len(walk.seen) >= 18, walk.seen
