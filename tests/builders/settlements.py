"""Books that can be settled: rates, a few people of several units, and what is left behind."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from engine.database import configure
from handlers.ledger import settling
from handlers.ledger.drafts import Line
from handlers.ledger.models import Entry, InterestSettlement, LedgerAccount, UnitTotal, Voucher
from handlers.ledger.settling import Settled
from tests.builders import parameters
from tests.builders.books import CLERK, Books
from tests.builders.parameters import row
from tests.conftest import Clock

OTHER_UNIT, OTHER_BRANCH = "020810099999", "QDN02"
RATES = [row("2016-02-21", "1.50")]
FEW = Settled(2026, accounts=5, interest_cents=30_417 + 1_825 + 1_065 + 1_521)
FEW_VOUCHERS = (3 + 2, 4 + 2)  # before and of the settlement
Picture = list[list[tuple[Any, ...]]]  # accounts, vouchers, entries, totals of units, settlements


def open_books(url: str, clock: Clock, *rates: Any) -> Books:
    """On 1 July 2025."""
    books = Books(configure(create_engine(url)), clock)
    parameters.enter(
        books.session,
        today="2025-01-01",
        deposit_rate=list(rates) or RATES,
        interest_day_base=[row("2002-03-24", "360")],
        closing_interest_until=[row("2002-03-24", "day_before")],
    )
    return books.on("2025-07-01")


def let_go(books: Books) -> None:
    """Before a copy of this process opens the same database."""
    books.session.close()
    books.engine.dispose()


def brought(books: Books, member: int, cents: int, **more: Any) -> Voucher:
    """期初余额: settled elsewhere before."""
    bank = books.account("bank")
    lines = [Line(bank, -cents), Line(member, cents, carried_forward_cents=cents)]
    return books.post("opening_balance", lines, **more)


def few(books: Books) -> None:
    """Two branches, four units, one member with a single cent; on 30 June 2026."""
    anna, bert, carl = books.member(1), books.member(2), books.member(3, unit=OTHER_UNIT)
    dora = books.member(4, unit="020899999999")
    brought(books, anna, 2_000_000)
    brought(books, carl, 70_000)
    books.pay({bert: 120_000})
    books.pay({dora: 1})
    far = books.member(5, unit="", branch=OTHER_BRANCH)
    lines = {books.account("bank", OTHER_BRANCH, branch=OTHER_BRANCH): -100_000, far: 100_000}
    books.post("remittance", lines, branch_code=OTHER_BRANCH)
    books.on("2026-06-30")


def settle(books: Books, year: int, **more: Any) -> Settled:
    return settling.settle(books.rt, CLERK, year, **more)


def picture(session: Session) -> Picture:
    """All of the books without the numbers the database chooses."""
    account, voucher, entry = LedgerAccount.__table__.c, Voucher.__table__.c, Entry.__table__.c
    named = (account.kind, account.owner)
    mine = [entry.account_id == account.id, entry.voucher_id == voucher.id]
    queries = (
        select(*named, *(c for c in account if c.name != "id")).order_by(*named),
        select(*(c for c in voucher if c.name != "id")).order_by(voucher.key),
        select(*named, voucher.key, *(c for c in entry if not c.name.endswith("_id")))
        .where(*mine)
        .order_by(*named, entry.seq),
        select(UnitTotal.__table__).order_by(UnitTotal.unit_account_no),
        select(InterestSettlement.__table__),
    )
    found = [[tuple(each) for each in session.execute(query)] for query in queries]
    session.rollback()
    return found


def seen(url: str) -> Picture:
    """On a connection of its own."""
    engine = configure(create_engine(url))
    with Session(engine) as session:
        found = picture(session)
    engine.dispose()
    return found


def numbers_of(found: Picture, day: date) -> list[tuple[str, int]]:
    """(branch, number) of the vouchers of a day."""
    return sorted(
        (branch, number) for branch, posted_on, number, *_ in found[1] if posted_on == day
    )


def settle_there(books: Books, **more: Any) -> Any:
    """For a copy of this process, with connections of its own; what it says, as JSON can."""

    def deed(engine: Engine) -> list[int]:
        there = Books(engine, books.clock)
        found = settle(there, 2026, **more)
        return [found.accounts, found.interest_cents]

    return deed
