"""年终结息: who gets what, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import func, select

from engine.database import transaction
from engine.errors import HallError
from handlers.ledger import accounts, accrual
from handlers.ledger.models import MEMBER_CENTS_MAX, Entry, LedgerBranch, UnitTotal, Voucher
from handlers.ledger.settling import Settled
from tests.builders.books import BRANCH, UNIT, Books
from tests.builders.parameters import row
from tests.builders.settlements import (
    OTHER_BRANCH,
    OTHER_UNIT,
    brought,
    let_go,
    open_books,
    picture,
    settle,
)
from tests.conftest import Clock


@pytest.fixture
def books(database_url: str, clock: Clock) -> Iterator[Books]:
    made = open_books(database_url, clock)
    yield made
    let_go(made)


def refused(books: Books, year: int) -> HallError:
    before = picture(books.session)
    with pytest.raises(HallError) as found:
        settle(books, year)
    assert picture(books.session) == before, "a refusal writes nothing"
    assert found.value.text.endswith("。")
    return found.value


# ── what everybody gets ────────────────────────────────────────────────────────────────────────


def test_the_year_of_the_glossary_ends_with_29_795_51(books: Books) -> None:
    anna = books.member(1)
    brought(books, anna, 2_000_000)
    for month in range(12):
        year, place = divmod(2025 * 12 + 6 + month, 12)
        books.on(f"{year}-{place + 1:02d}-10").pay({anna: 120_000})
        if (year, place + 1) == (2026, 3):
            books.on("2026-03-20").withdraw(anna, 500_000)
    settled = settle(books.on("2026-06-30"), 2026)
    assert settled == Settled(2026, accounts=1, interest_cents=39_551)
    state = books.state(anna)
    assert (state.balance_cents, state.carried_forward_cents) == (2_979_551, 2_979_551)
    assert state.settled_on == date(2026, 7, 1)
    assert books.session.get_one(UnitTotal, UNIT).balance_cents == 2_979_551


def test_interest_is_a_voucher_of_30_june_and_an_expense_of_the_branch(books: Books) -> None:
    anna, bert = books.member(1), books.member(2)
    brought(books, anna, 2_000_000)
    brought(books, bert, 1_000_000)
    settle(books.on("2026-07-03"), 2026)
    found = books.session.scalars(
        select(Voucher).where(Voucher.posted_on == date(2026, 6, 30)).order_by(Voucher.number)
    ).all()
    paid, accrued = found
    assert (paid.business, paid.unit_account_no, paid.headcount) == ("interest", UNIT, 2)
    assert (paid.credit_cents, paid.value_on) == (30_417 + 15_208, date(2026, 7, 1))
    assert (accrued.business, accrued.credit_cents) == ("interest_accrual", 45_625)
    assert books.balance(books.account("interest_payable")) == 0
    assert books.balance(books.account("interest_expense")) == -45_625


def test_accounts_without_interest_are_settled_without_an_entry(books: Books) -> None:
    empty, poor, late = books.member(1), books.member(2), books.member(3)
    books.on("2026-06-29").pay({poor: 100})
    books.on("2026-06-30").pay({late: 100_000})
    entries = select(func.count()).select_from(Entry).where(Entry.account_id == empty)
    assert settle(books, 2026) == Settled(2026, accounts=3, interest_cents=4)
    assert books.session.scalar(entries) == 0
    states = [books.state(each) for each in (empty, poor, late)]
    assert [each.carried_forward_cents for each in states] == [0, 100, 100_004]
    assert {each.settled_on for each in states} == {date(2026, 7, 1)}


def test_frozen_accounts_earn_and_closed_ones_do_not(books: Books) -> None:
    frozen, closed = books.member(1), books.member(2)
    brought(books, frozen, 2_000_000)
    brought(books, closed, 2_000_000)
    books.on("2026-05-15").withdraw(closed, 2_000_000)
    with transaction(books.session):
        accounts.freeze(books.session, frozen)
        accounts.close(books.session, closed)
    assert settle(books.on("2026-06-30"), 2026) == Settled(2026, 1, 30_417)
    assert (books.state(closed).settled_on, books.balance(closed)) == (None, 0)


def test_members_without_a_unit_and_units_without_members(books: Books) -> None:
    alone, elsewhere = books.member(1, unit=""), books.member(2, unit="", branch=OTHER_BRANCH)
    books.account("suspense", OTHER_UNIT, unit=OTHER_UNIT)
    brought(books, alone, 2_000_000)
    lines = {books.account("bank", OTHER_BRANCH, branch=OTHER_BRANCH): -100_000, elsewhere: 100_000}
    books.post("remittance", lines, branch_code=OTHER_BRANCH)
    assert settle(books.on("2026-06-30"), 2026) == Settled(2026, 2, 30_417 + 1_521)
    vouchers = select(Voucher.branch_code, Voucher.credit_cents).where(
        Voucher.business == "interest"
    )
    found = books.session.execute(vouchers.order_by(Voucher.branch_code)).all()
    assert [tuple(each) for each in found] == [(BRANCH, 30_417), (OTHER_BRANCH, 1_521)]


def test_interest_counts_from_the_value_day_also_when_it_was_dated_back(books: Books) -> None:
    anna = books.member(1)
    books.on("2025-09-15").pay({anna: 1_000_000}, value_on=date(2025, 7, 1))
    wrong = books.on("2026-02-01").pay({anna: 5_000_000})
    books.on("2026-04-01").reverse(wrong)
    assert settle(books.on("2026-06-30"), 2026).interest_cents == 15_208


def test_a_reversal_behind_30_june_takes_nothing_from_the_settled_year(books: Books) -> None:
    anna = books.member(1)
    wrong = books.on("2026-01-01").pay({anna: 1_000_000})
    first = settle(books.on("2026-06-30"), 2026).interest_cents
    books.on("2026-07-20").reverse(wrong)
    assert first == round(181 * 1_000_000 * 0.015 / 360)
    second = settle(books.on("2027-06-30"), 2027).interest_cents
    assert second == round((1_000_000 * 19 + first * 365) * 0.015 / 360)


def test_a_late_run_pays_the_old_year_and_leaves_the_new_one_alone(books: Books) -> None:
    anna, bert = books.member(1), books.member(2)
    brought(books, anna, 2_000_000)
    brought(books, bert, 2_000_000)
    books.on("2026-07-01").pay({anna: 120_000})
    books.on("2026-07-02").withdraw(bert, 500_000)
    assert settle(books.on("2026-07-05"), 2026).interest_cents == 2 * 30_417
    states = [books.state(anna), books.state(bert)]
    assert [each.current_year_cents for each in states] == [120_000, 0]
    assert [each.balance_cents for each in states] == [2_150_417, 1_530_417]
    assert settle(books.on("2027-06-30"), 2027).interest_cents == sum(
        round(product * 0.015 / 360)
        for product in (2_150_417 * 365, 2_030_417 * 365 - 500_000 * 364)
    )


def test_what_comes_in_on_the_evening_of_30_june_belongs_to_the_new_year(books: Books) -> None:
    anna = books.member(1)
    brought(books, anna, 2_000_000)
    settle(books.on("2026-06-30"), 2026)
    evening = books.pay({anna: 120_000})
    assert (evening.value_on, books.state(anna).current_year_cents) == (date(2026, 7, 1), 120_000)


def test_an_account_opened_behind_the_settlement_loses_no_day(books: Books) -> None:
    brought(books, books.member(1), 2_000_000)
    settle(books.on("2026-06-30"), 2026)
    late = books.member(2)
    paid = books.pay({late: 1_000_000})
    assert paid.value_on == date(2026, 7, 1)
    settle(books.on("2027-06-30"), 2027)
    assert books.balance(late) == 1_000_000 + 15_208
    with pytest.raises(HallError) as found:
        books.pay({books.member(3): 100}, value_on=date(2027, 6, 29))
    assert found.value.code == "ledger.settled"


def test_nobody_owes_interest_however_a_withdrawal_was_dated_back(books: Books) -> None:
    anna = books.member(1)
    books.on("2026-06-01").pay({anna: 1_000_000})
    books.on("2026-06-02").withdraw(anna, 1_000_000, value_on=date(2025, 7, 1))
    assert settle(books.on("2026-06-30"), 2026) == Settled(2026, 1, 0)
    assert books.balance(anna) == 0


def test_who_joins_a_unit_that_is_done_gets_another_voucher(books: Books) -> None:
    """An account opened while the settlement runs is settled by it too."""
    anna = books.member(1)
    brought(books, anna, 2_000_000)
    made: list[int] = []

    def join(done: int, _total: int) -> None:
        if done and not made:
            made.append(books.on("2026-06-30").member(2))
            books.pay({made[0]: 240_000})

    assert settle(books.on("2026-06-30"), 2026, report=join) == Settled(2026, 2, 30_417 + 10)
    assert books.state(made[0]).carried_forward_cents == 240_010


# ── what is refused ────────────────────────────────────────────────────────────────────────────


def test_a_year_that_is_not_over_is_refused_until_its_last_day(books: Books) -> None:
    brought(books, books.member(1), 2_000_000)
    assert refused(books.on("2026-06-29"), 2026).code == "interest.year_not_over"
    assert settle(books.on("2026-06-30"), 2026).accounts == 1


def test_a_year_is_settled_once_and_in_its_turn(books: Books) -> None:
    anna = books.member(1)
    brought(books, anna, 2_000_000)
    books.on("2028-07-01")
    assert refused(books, 2027).code == "interest.earlier_year_open"
    settle(books, 2026)
    settled = refused(books, 2026)
    assert (settled.code, "2028-07-01" in settled.text) == ("interest.settled_already", True)
    later = refused(books, 2028)
    assert (later.code, "2027" in later.text) == ("interest.earlier_year_open", True)
    settle(books, 2027)
    assert refused(books, 2025).code == "interest.later_year"


def test_a_billion_is_refused_before_it_is_posted(books: Books) -> None:
    brought(books, books.member(1), MEMBER_CENTS_MAX)
    with pytest.raises(HallError) as found:
        settle(books.on("2026-06-30"), 2026)
    assert (found.value.code, "G000000001" in found.value.text) == (
        "ledger.one_persons_money",
        True,
    )


def test_a_closed_30_june_is_refused(books: Books) -> None:
    brought(books, books.member(1), 2_000_000)
    with transaction(books.session):
        books.session.get_one(LedgerBranch, BRANCH).closed_through = date(2026, 6, 30)
    found = refused(books.on("2026-07-02"), 2026)
    assert (found.code, BRANCH in found.text) == ("interest.day_closed", True)


def test_a_day_without_a_rate_is_refused(database_url: str, clock: Clock) -> None:
    books = open_books(database_url, clock, row("2025-12-01", "1.50"))
    anna = books.member(1)
    brought(books, anna, 2_000_000)
    found = refused(books.on("2026-07-02"), 2026)
    assert (found.code, "2025-07-01" in found.text) == ("interest.rate_gap", True)
    with pytest.raises(HallError) as closing:
        accrual.closing(books.session, books.state(anna), date(2026, 7, 2))
    assert closing.value.code == "interest.rate_gap"
    let_go(books)


# ── closing an account ─────────────────────────────────────────────────────────────────────────


def test_closing_interest_counts_from_the_last_settlement_to_the_day_before(books: Books) -> None:
    anna, empty = books.member(1), books.member(2)
    brought(books, anna, 2_000_000)
    settle(books.on("2026-06-30"), 2026)
    found = accrual.closing(books.session, books.state(anna), date(2026, 8, 1))
    assert (found.since, found.until) == (date(2026, 7, 1), date(2026, 8, 1))
    assert found.interest_cents == round(2_030_417 * 31 * 0.015 / 360)
    for account, day in ((empty, "2026-08-01"), (anna, "2026-07-01")):
        paid_on = date.fromisoformat(day)
        assert accrual.closing(books.session, books.state(account), paid_on).interest_cents == 0
