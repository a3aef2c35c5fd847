"""Processes do anything to one set of books over the end of a year, and are killed in the middle:
every invariant holds, and everybody's interest is right to the 分."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import select

from engine.database import transaction
from engine.errors import HallError
from handlers.ledger import accounts, closing, settling, verifying
from handlers.ledger.drafts import Line
from handlers.ledger.models import Entry, InterestSettlement, LedgerAccount, Voucher
from tests.builders import parameters
from tests.builders.books import CLERK, Books
from tests.engine.killing import copy_at_work
from tests.handlers import ledger_model
from tests.handlers.ledger_rivals import let_go, opened

# The hall is opened on these days; on each of them both processes are killed.
DAYS = ("2026-06-20", "2026-06-29", "2026-06-30", "2026-07-01", "2026-07-04")
DEEDS_MIN, DEEDS_MAX = 10, 25  # heard of before the kill
YEAR, SETTLED_FROM = 2026, date(2026, 6, 30)


class Wanderer:
    """One process: posts, takes back, freezes, closes days and pays interest, as luck has it."""

    def __init__(self, books: Books, people: list[int], seed: str) -> None:
        self.books, self.people, self.seed = books, people, seed
        self.luck = random.Random(seed)
        self.bank, self.clearing = books.account("bank"), books.account("payout_clearing")

    def deeds(self) -> Iterator[str]:
        """For ever: the key of each voucher that is posted, "-" for what else was tried."""
        verbs = [self.pay] * 4 + [self.withdraw, self.move] * 2
        verbs += [self.undo, self.undo, self.turn, self.end_of_day]
        number = 0
        while True:
            number += 1
            key = f"{self.seed}:{number}"
            verb = self.luck.choice(verbs)
            try:
                verb(key)
            except HallError:
                yield "-"
            else:
                yield "-" if verb in (self.turn, self.end_of_day) else key

    def pay(self, key: str) -> None:
        some = self.luck.sample(self.people, 2)
        self.books.pay({id_: self.luck.randint(1, 900_000) for id_ in some}, key=key)

    def withdraw(self, key: str) -> None:
        cents = self.luck.randint(1, 300_000)
        lines = [Line(self.luck.choice(self.people), -cents), Line(self.clearing, cents)]
        self.books.post("partial_withdrawal", lines, key=key)

    def move(self, key: str) -> None:
        source, target = self.luck.sample(self.people, 2)
        cents = self.luck.randint(1, 300_000)
        lines = [Line(target, cents), Line(source, -cents)]
        self.books.post("internal_transfer", lines, key=key)

    def undo(self, key: str) -> None:
        ids = self.books.session.scalars(select(Voucher.id).order_by(Voucher.id.desc()).limit(20))
        known = ids.all()
        if known:
            self.books.reverse(self.luck.choice(known), key=key)

    def turn(self, _key: str) -> None:
        verb = self.luck.choice([accounts.freeze, accounts.unfreeze, accounts.unfreeze])
        with transaction(self.books.session) as session:
            verb(session, self.luck.choice(self.people))

    def end_of_day(self, _key: str) -> None:
        end_of_day(self.books)


def end_of_day(books: Books) -> None:
    if books.rt.clock().date() >= SETTLED_FROM:
        row = books.session.get(InterestSettlement, YEAR)
        if row is None or row.finished_at is None:
            settling.settle(books.rt, CLERK, YEAR, chunk_accounts=2)
    closing.close_yesterday(books.rt)


def live_and_die(books: Books, day: str, people: list[int]) -> set[str]:
    """Two processes from morning until they are killed; the keys of what they said was done."""
    url = let_go(books)
    reading, writing = os.pipe()

    def work(name: str) -> None:
        with opened(url, day) as own:
            for key in Wanderer(own, people, f"{day}/{name}").deeds():
                os.write(writing, f"{key}\n".encode())

    copies = [copy_at_work(lambda name=name: work(name)) for name in "ab"]
    os.close(writing)
    enough = random.Random(day).randint(DEEDS_MIN, DEEDS_MAX)
    with os.fdopen(reading, "rb", buffering=0) as file:
        heard = b""
        while heard.count(b"\n") < enough:
            more = file.read(64)
            assert more, "both processes have ended: see their tracebacks above"
            heard += more
        for copy in copies:
            os.kill(copy, signal.SIGKILL)
            assert os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]) == -signal.SIGKILL
        heard += file.readall()
    return set(heard.decode().splitlines()) - {"-"}


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    with opened(database_url, "2026-06-19") as made:
        rates = [parameters.row("2016-02-21", "1.50"), parameters.row("2026-03-10", "1.75")]
        base = [parameters.row("2016-02-21", "360")]
        parameters.enter(made.session, deposit_rate=rates, interest_day_base=base)
        made.session.commit()
        yield made


def test_whoever_does_what_and_dies_when_the_books_are_whole(books: Books) -> None:
    people = [books.member(n, unit=f"U{n % 3}") for n in range(6)]
    books.pay({id_: 3_000_000 + id_ for id_ in people})
    told: set[str] = set()
    for day in DAYS:
        told |= live_and_die(books, day, people)
        assert verifying.verify(books.session).faults == ()
    end_of_day(books.on("2026-07-05"))
    assert verifying.verify(books.session).faults == ()
    keys = set(books.session.scalars(select(Voucher.key)))
    assert len(told) >= 20, "too little was done"
    assert told <= keys
    for id_ in people:
        assert interest_paid(books, id_) == interest_due(books, id_)


def interest_paid(books: Books, id_: int) -> int:
    """What the account was given on 30 June; it was settled once."""
    settled = books.session.get_one(LedgerAccount, id_).settled_on
    assert settled == date(YEAR, 7, 1)
    query = select(Entry.amount_cents).join(Voucher, Voucher.id == Entry.voucher_id)
    query = query.where(Entry.account_id == id_, Voucher.business == "interest")
    (cents,) = books.session.scalars(query).all()
    return cents


def interest_due(books: Books, id_: int) -> int:
    query = select(Entry.value_on, Entry.amount_cents).where(Entry.account_id == id_)
    entries = [(on, cents, 0) for on, cents in books.session.execute(query)]
    return ledger_model.interest(entries, date(YEAR - 1, 7, 1), date(YEAR, 7, 1))
