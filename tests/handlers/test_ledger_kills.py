"""kill -9 at any moment leaves all of a posting or nothing; doing it again completes it."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import count

import pytest
from sqlalchemy import Engine, select

from engine.database import transaction
from handlers.ledger import accounts, closing, posting, verifying
from handlers.ledger.drafts import Draft, Line
from handlers.ledger.models import Voucher
from tests.builders.books import BRANCH, CLERK, Books
from tests.conftest import Clock
from tests.engine.killing import copy_at_work, killed
from tests.handlers.ledger_rivals import TODAY, let_go, opened

MOMENTS_MIN = 6  # a deed with fewer is not killed where it matters
LIVES = 5
DAY = timedelta(days=1)
Deed = Callable[[Books], object]


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    with opened(database_url) as made:
        yield made


def whole(books: Books) -> None:
    assert verifying.verify(books.session).faults == ()


def everywhere(books: Books, deed: Callable[[int], Deed], day: Callable[[int], str]) -> int:
    """Kill the deed at its first moment, the next time at its second …, each time doing it again
    undisturbed; how often it was killed.  Each time the number given to the deed is another one."""
    for moment in count(1):

        def alone(engine: Engine, number: int = moment) -> None:
            own = Books(engine, Clock()).on(day(number))
            deed(number)(own)
            own.session.close()

        was_killed = killed(let_go(books), moment, alone)
        whole(books)
        deed(moment)(books.on(day(moment)))
        if not was_killed:
            whole(books)
            assert moment > MOMENTS_MIN
            return moment - 1
    raise AssertionError("it never ends")


def test_posting(books: Books) -> None:
    anna, bert, bank = books.member(1), books.member(2, unit="U2"), books.account("bank")
    lines = [Line(bank, -300), Line(anna, 100), Line(bert, 200)]
    times = everywhere(
        books,
        lambda n: lambda own: own.post("remittance", lines, key=f"pay:{n}"),
        lambda n: TODAY,
    )
    assert (books.balance(anna), books.balance(bert)) == (100 * (times + 1), 200 * (times + 1))
    numbers = books.session.scalars(select(Voucher.number).order_by(Voucher.id)).all()
    assert numbers == list(range(1, times + 2))


def test_reversing(books: Books) -> None:
    anna = books.member(1)
    paid = [books.pay({anna: 100}).id for _ in range(30)]
    times = everywhere(
        books,
        lambda n: lambda own: own.reverse(paid[n], key=f"undo:{n}"),
        lambda n: TODAY,
    )
    assert books.balance(anna) == 100 * (30 - times - 1)


def test_posting_and_closing_the_account_together(books: Books) -> None:
    """One verb of a service: the last money goes, then the account."""
    people = [books.member(n) for n in range(30)]
    books.pay(dict.fromkeys(people, 100))
    clearing = books.account("payout_clearing")

    def leave(number: int) -> Deed:
        lines = (Line(people[number], -100), Line(clearing, 100))
        draft = Draft(f"leave:{number}", "closing_withdrawal", BRANCH, lines)

        def deed(own: Books) -> None:
            with transaction(own.session) as session:
                if accounts.locked(session, people[number]).status == "open":
                    posting.post(own.rt, CLERK, draft)
                    accounts.close(session, people[number])

        return deed

    times = everywhere(books, leave, lambda n: TODAY)
    left = [books.state(id_) for id_ in people[1 : times + 2]]
    assert {(one.status, one.balance_cents) for one in left} == {("closed", 0)}


def test_closing_a_day(books: Books) -> None:
    books.pay({books.member(1): 100})
    start = date.fromisoformat(TODAY)

    def close(number: int) -> Deed:
        return lambda own: closing.close_branch(own.rt, BRANCH, start + number * DAY)

    times = everywhere(books, close, lambda n: (start + (n + 1) * DAY).isoformat())
    rows = closing.trial_balance(books.session, BRANCH, start + times * DAY)
    assert [row.closing_cents for row in rows] == [100, -100]


def test_writers_killed_at_any_time_lose_nothing_they_were_told_of(books: Books) -> None:
    """What a process has been told is done is there; of the rest at most what it was at."""
    luck = random.Random(11)
    people = [books.member(n) for n in range(3)]
    told: set[str] = set()
    for life in range(LIVES):
        url = let_go(books)
        reading, writing = os.pipe()

        def work(who: str, url: str = url, writing: int = writing) -> None:
            with opened(url) as own:
                for number in count():
                    key = f"{who}:{number}"
                    own.pay(dict.fromkeys(people[:2], 1) | {people[2]: number + 1}, key=key)
                    os.write(writing, f"{key}\n".encode())

        names = [f"{life}:{number}" for number in range(2)]
        copies = [copy_at_work(lambda who=who: work(who)) for who in names]
        os.close(writing)
        with os.fdopen(reading, "rb", buffering=0) as file:
            heard = b""
            enough = luck.randint(2, 20)
            while heard.count(b"\n") < enough:
                heard += file.read(64)
            for copy in copies:
                os.kill(copy, signal.SIGKILL)
                os.waitpid(copy, 0)
            heard += file.readall()
        told |= set(heard.decode().splitlines())
    whole(books)
    keys = set(books.session.scalars(select(Voucher.key)))
    assert told <= keys
    assert len(keys - told) <= 2 * LIVES
