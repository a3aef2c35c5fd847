"""Posting and reversing: what the books take and refuse; a refusal writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import DBAPIError

from engine.database import configure, transaction
from engine.errors import HallError
from handlers.ledger import accounts
from handlers.ledger.drafts import Line
from handlers.ledger.models import Entry, LedgerBranch, UnitTotal, Voucher
from tests.builders.books import BRANCH, UNIT, Books
from tests.conftest import Clock
from tests.servers import compiled_once


@pytest.fixture
def books(database_url: str, clock: Clock) -> Iterator[Books]:
    engine = compiled_once(configure(create_engine(database_url)))
    made = Books(engine, clock).on("2026-03-02")
    yield made
    made.session.close()
    engine.dispose()


def test_a_payment_raises_the_members_the_unit_and_the_bank(books: Books) -> None:
    anna, bert = books.member(1), books.member(2)
    voucher = books.pay({anna: 120_000, bert: 80_050}, contribution_month="2026-02", headcount=2)
    assert voucher.no == "QDN01-20260302-000001"
    assert (books.balance(anna), books.balance(bert)) == (120_000, 80_050)
    assert books.balance(books.account("bank")) == -200_050
    assert books.session.get_one(UnitTotal, UNIT).balance_cents == 200_050


def test_numbers_count_without_a_gap_within_branch_and_day(books: Books) -> None:
    anna = books.member(1)
    with pytest.raises(HallError):
        books.withdraw(anna, 1)
    numbers = [books.pay({anna: 100}).number for _ in range(3)]
    books.on("2026-03-03")
    assert [*numbers, books.pay({anna: 100}).number] == [1, 2, 3, 1]


def test_the_same_key_posts_once(books: Books) -> None:
    anna = books.member(1)
    first = books.pay({anna: 100}, key="request-7/pay")
    assert books.pay({anna: 100}, key="request-7/pay").id == first.id
    assert books.balance(anna) == 100
    with pytest.raises(HallError) as refused:
        books.pay({anna: 200}, key="request-7/pay")
    assert refused.value.code == "ledger.key_reused"


def test_what_goes_out_takes_what_was_carried_forward_first(books: Books) -> None:
    anna, bank = books.member(1), books.account("bank")
    books.post("opening_balance", [Line(bank, -500), Line(anna, 500, carried_forward_cents=500)])
    books.pay({anna: 300})
    books.withdraw(anna, 600)
    state = books.state(anna)
    assert (state.carried_forward_cents, state.current_year_cents) == (0, 200)


def test_a_reversal_puts_everything_back_and_happens_once(books: Books) -> None:
    anna = books.member(1)
    wrong = books.pay({anna: 120_000}, contribution_month="2026-02", headcount=1)
    books.on("2026-03-20")
    undone = books.reverse(wrong)
    assert (undone.reversal_of, undone.value_on) == (wrong.id, date(2026, 3, 2))
    assert books.balance(anna) == books.balance(books.account("bank")) == 0
    assert books.session.get_one(UnitTotal, UNIT).balance_cents == 0
    for voucher, code in ((wrong, "ledger.reversed"), (undone, "ledger.reversal_of_reversal")):
        with pytest.raises(HallError) as refused:
            books.reverse(voucher)
        assert refused.value.code == code


def test_a_reversal_takes_the_money_where_it_is_now(books: Books) -> None:
    anna, bank = books.member(1), books.account("bank")
    books.post("opening_balance", [Line(bank, -500), Line(anna, 500, carried_forward_cents=500)])
    wrong = books.pay({anna: 300})
    books.withdraw(anna, 500)
    books.pay({anna: 100})
    books.withdraw(anna, 50)  # of the current year: 350 of 400 are left
    books.reverse(wrong)
    assert books.balance(anna) == 50


REFUSED = {
    "one line alone": ("ledger.empty", lambda b, a, bank: [Line(a, 100)]),
    "more credit than debit": ("ledger.unbalanced", lambda b, a, bank: {a: 100, bank: -99}),
    "a line of nothing": ("ledger.zero", lambda b, a, bank: {a: 0, bank: 0}),
    "parts of a cent": ("ledger.not_cents", lambda b, a, bank: {a: 1.5, bank: -1.5}),
    "truth for money": ("ledger.not_cents", lambda b, a, bank: {a: True, bank: -1}),
    "beyond ten trillion": (
        "ledger.too_large",
        lambda b, a, bank: {a: 10**15 + 1, bank: -(10**15) - 1},
    ),
    "a billion for one person": (
        "ledger.one_persons_money",
        lambda b, a, bank: {a: 10**11 + 1, bank: -(10**11) - 1},
    ),
    "an account nobody has": ("ledger.unknown_account", lambda b, a, bank: {10**6: 5, bank: -5}),
    "more than there is": ("ledger.overdraft", lambda b, a, bank: {a: -5, bank: 5}),
    "two branches at once": (
        "ledger.mixed_branches",
        lambda b, a, bank: {b.member(9, unit="U9", branch="QDN02"): 5, bank: -5},
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refuses(what: str, books: Books) -> None:
    code, lines = REFUSED[what]
    anna, bank = books.member(1), books.account("bank")
    with pytest.raises(HallError) as refused:
        books.post("remittance", lines(books, anna, bank))
    assert refused.value.code == code
    assert refused.value.text.endswith("。")
    counts = select(func.count()).select_from(Voucher), select(func.count()).select_from(Entry)
    assert [books.session.scalar(count) for count in counts] == [0, 0]


def test_a_closed_day_and_a_day_to_come_are_refused(books: Books) -> None:
    anna = books.member(1)
    books.pay({anna: 100})
    with transaction(books.session):
        books.session.get_one(LedgerBranch, BRANCH).closed_through = date(2026, 3, 1)
    for day, code in ((date(2026, 3, 1), "closed_day"), (date(2026, 3, 3), "future_day")):
        with pytest.raises(HallError) as refused:
            books.pay({anna: 100}, posted_on=day)
        assert refused.value.code == f"ledger.{code}"
    assert books.balance(anna) == 100


def test_a_frozen_account_takes_contributions_and_gives_nothing(books: Books) -> None:
    anna = books.member(1)
    books.pay({anna: 100})
    with transaction(books.session):
        accounts.freeze(books.session, anna)
    books.pay({anna: 100})
    with pytest.raises(HallError) as refused:
        books.withdraw(anna, 50)
    assert (refused.value.code, books.balance(anna)) == ("ledger.account_frozen", 200)


def test_only_an_empty_account_closes_and_then_takes_nothing(books: Books) -> None:
    anna = books.member(1)
    books.pay({anna: 100})
    with pytest.raises(HallError) as refused, transaction(books.session):
        accounts.close(books.session, anna)
    assert refused.value.code == "ledger.not_empty"
    books.withdraw(anna, 100)
    with transaction(books.session):
        accounts.close(books.session, anna)
    with pytest.raises(HallError) as refused:
        books.pay({anna: 100})
    assert refused.value.code == "ledger.account_closed"


@pytest.mark.parametrize(
    "statement",
    [
        "update hall_entry set amount_cents = 1",
        "delete from hall_entry",
        "update hall_voucher set memo = 'x'",
        "delete from hall_voucher",
        "update hall_ledger_account set balance_cents = -1 where kind = 'member'",
    ],
)
def test_the_database_itself_refuses_to_change_what_is_posted(books: Books, statement: str) -> None:
    books.pay({books.member(1): 100})
    books.session.rollback()
    with pytest.raises(DBAPIError):
        books.session.execute(text(statement))
    books.session.rollback()


def test_no_account_grows_beyond_what_can_be_counted_exactly(books: Books) -> None:
    bank, suspense = books.account("bank"), books.account("suspense", "U1")
    books.post("suspense_deposit", {bank: -(10**15), suspense: 10**15})
    with pytest.raises(HallError) as refused:
        books.post("suspense_deposit", {bank: -1, suspense: 1})
    assert refused.value.code == "ledger.too_large"
    assert books.balance(suspense) == 10**15
