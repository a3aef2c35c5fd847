"""年终结息 that is killed, or run twice at once: it goes on where it was and doubles nothing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from engine.database import configure
from engine.errors import HallError
from handlers.ledger import verifying
from tests.builders.books import BRANCH, Books
from tests.builders.settlements import (
    FEW,
    OTHER_BRANCH,
    Picture,
    few,
    let_go,
    numbers_of,
    open_books,
    seen,
    settle,
    settle_there,
)
from tests.conftest import Clock
from tests.engine.killing import killed, raced
from tests.servers import Databases

ACCOUNTS, VOUCHERS, ENTRIES, TOTALS, SETTLEMENTS = range(5)
EVENING = date(2026, 6, 30)


@pytest.fixture
def url(database_url: str, clock: Clock) -> str:
    """Two branches and five people on 30 June."""
    books = open_books(database_url, clock)
    few(books)
    let_go(books)
    return database_url


def check(url: str, clock: Clock) -> None:
    books = Books(configure(create_engine(url)), clock)
    assert verifying.verify(books.session).faults == ()
    let_go(books)


def undisturbed(databases: Databases, url: str, clock: Clock) -> Picture:
    """What one run from beginning to end leaves."""
    other = databases.sqlite() if url.startswith("sqlite") else databases.postgres()
    books = open_books(other, clock)
    few(books)
    assert settle(books, 2026, chunk_accounts=2) == FEW
    let_go(books)
    found = seen(other)
    databases.drop(other)
    return found


def test_killed_behind_every_statement_it_ends_as_if_nothing_had_happened(
    url: str, databases: Databases, clock: Clock
) -> None:
    """Killed later and later, each going on where the last one died, until one gets through."""
    expected = undisturbed(databases, url, clock)
    deed = settle_there(Books(create_engine(url), clock), chunk_accounts=2)

    def go_on(engine: Engine) -> None:
        try:
            deed(engine)
        except HallError as error:  # the last one died behind its last commit
            if error.code != "interest.settled_already":
                raise

    # two databases say the same things: on the slower one every second moment will do
    states, moment, step = [seen(url)], 1, 1 if url.startswith("sqlite") else 2
    while killed(url, moment, go_on):
        found = seen(url)
        if found != states[-1]:
            states.append(found)
            check(url, clock)
        moment += step
    assert seen(url) == expected
    assert moment > 30, "it dies behind every statement of a chunk"
    done = [found[SETTLEMENTS][0][-2] if found[SETTLEMENTS] else 0 for found in states]
    assert done == sorted(done), "nothing is lost again"
    assert set(done) == {0, 2, 4, 5}, "chunk after chunk"
    numbers = [*((BRANCH, n) for n in range(1, 5)), *((OTHER_BRANCH, n) for n in (1, 2))]
    assert numbers_of(expected, EVENING) == numbers


def test_runs_at_once_share_the_work_and_double_none_of_it(
    url: str, databases: Databases, clock: Clock
) -> None:
    def run() -> Any:
        engine = configure(create_engine(url))
        try:
            return settle_there(Books(engine, clock), chunk_accounts=1)(engine)
        except HallError as error:
            return error.code

    said = raced([run, run, run])
    answer = [FEW.accounts, FEW.interest_cents]
    assert answer in said
    assert all(each in (answer, "interest.settled_already") for each in said)
    expected, found = undisturbed(databases, url, clock), seen(url)
    assert [found[part] for part in (ACCOUNTS, TOTALS, SETTLEMENTS)] == [
        expected[part] for part in (ACCOUNTS, TOTALS, SETTLEMENTS)
    ]
    assert numbers_of(found, EVENING) == numbers_of(expected, EVENING)
    check(url, clock)
