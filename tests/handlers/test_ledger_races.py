"""Two processes at the same books: nothing is lost, nothing is doubled, nobody waits for ever."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from engine.database import transaction
from handlers.ledger import accounts, closing, posting, verifying
from handlers.ledger.drafts import Draft, Line
from handlers.ledger.models import Entry, LedgerBranch, TrialBalance, Voucher
from tests.builders.books import BRANCH, CLERK, Books
from tests.handlers.ledger_rivals import Deed, opened, outcome, rivals

ROUNDS = 15


def sound(books: Books) -> bool:
    report = verifying.verify(books.session)
    assert report.faults == ()
    return True


def numbers(books: Books) -> list[int]:
    return list(books.session.scalars(select(Voucher.number).order_by(Voucher.number)))


def test_two_writers_on_one_account_lose_nothing(database_url: str) -> None:
    with opened(database_url) as books:
        anna = books.member(1)

        def pay(cents: int, name: str) -> Deed:
            def deed(own: Books) -> None:
                for number in range(ROUNDS):
                    own.pay({anna: cents}, key=f"{name}:{number}")

            return deed

        assert rivals(books, pay(1, "a"), pay(1_000, "b")) == [None, None]
        assert books.balance(anna) == 1_001 * ROUNDS
        assert numbers(books) == list(range(1, 2 * ROUNDS + 1))
        assert sound(books)


def test_what_is_refused_takes_no_number(database_url: str) -> None:
    with opened(database_url) as books:
        anna = books.member(1)
        books.pay({anna: 10})

        def take(name: str) -> Deed:
            def deed(own: Books) -> list[str]:
                return [
                    outcome(lambda n=n: own.withdraw(anna, 1, key=f"{name}:{n}") and "done")
                    for n in range(ROUNDS)
                ]

            return deed

        both = sum(rivals(books, take("a"), take("b")), [])
        assert (both.count("done"), both.count("ledger.overdraft")) == (10, 2 * ROUNDS - 10)
        assert numbers(books) == list(range(1, 12))
        assert books.balance(anna) == 0
        assert sound(books)


def test_one_key_posts_once_whoever_comes_first(database_url: str) -> None:
    with opened(database_url) as books:
        anna = books.member(1)

        def deed(own: Books) -> list[int]:
            return [own.pay({anna: 100}, key=f"request-{n}").id for n in range(ROUNDS)]

        first, second = rivals(books, deed, deed)
        assert first == second
        assert books.balance(anna) == 100 * ROUNDS
        assert sound(books)


def test_one_key_with_two_meanings_is_told_to_the_second(database_url: str) -> None:
    with opened(database_url) as books:
        anna = books.member(1)
        far = books.member(2, unit="U2", branch="QDN02")
        bank = books.account("bank", "QDN02", branch="QDN02")

        def near(own: Books) -> list[str]:
            return [
                outcome(lambda n=n: own.pay({anna: 1}, key=f"k{n}") and "done") for n in range(8)
            ]

        def away(own: Books) -> list[str]:
            lines = {bank: -1, far: 1}
            more = {"branch_code": "QDN02"}
            return [
                outcome(lambda n=n: own.post("remittance", lines, key=f"k{n}", **more) and "done")
                for n in range(8)
            ]

        pairs = zip(*rivals(books, near, away), strict=True)
        assert {frozenset(pair) for pair in pairs} == {frozenset({"done", "ledger.key_reused"})}
        assert sound(books)


def test_accounts_named_in_any_order_never_wait_in_a_circle(database_url: str) -> None:
    with opened(database_url) as books:
        anna, bert = books.member(1), books.member(2)
        books.pay({anna: 1_000, bert: 1_000})

        def move(source: int, target: int) -> Deed:
            def deed(own: Books) -> None:
                for _ in range(ROUNDS):
                    own.post(
                        "internal_transfer",
                        [Line(source, -1), Line(target, 1)],
                        key=f"{source}:{own._keys}",
                    )

            return deed

        assert rivals(books, move(anna, bert), move(bert, anna)) == [None, None]
        assert (books.balance(anna), books.balance(bert)) == (1_000, 1_000)
        assert sound(books)


def test_freezing_one_account_and_posting_to_another_never_wait_in_a_circle(
    database_url: str,
) -> None:
    with opened(database_url) as books:
        anna, bert, bank = books.member(1), books.member(2), books.account("bank")

        def freeze_and_post(mine: int, other: int) -> Deed:
            def deed(own: Books) -> None:
                for number in range(ROUNDS):
                    with transaction(own.session) as session:
                        accounts.freeze(session, mine)
                        accounts.unfreeze(session, mine)
                        lines = (Line(bank, -2), Line(other, 1), Line(mine, 1))
                        draft = Draft(f"{mine}:{number}", "remittance", BRANCH, lines)
                        posting.post(own.rt, CLERK, draft)

            return deed

        both = rivals(books, freeze_and_post(anna, bert), freeze_and_post(bert, anna))
        assert both == [None, None]
        assert books.balance(anna) == books.balance(bert) == 2 * ROUNDS
        assert sound(books)


def test_a_voucher_is_reversed_by_one_of_two(database_url: str) -> None:
    with opened(database_url) as books:
        anna = books.member(1)
        paid = [books.pay({anna: 100}).id for _ in range(6)]

        def undo(name: str) -> Deed:
            def deed(own: Books) -> list[str]:
                return [
                    outcome(lambda id_=id_: own.reverse(id_, key=f"{name}:{id_}") and "done")
                    for id_ in paid
                ]

            return deed

        pairs = zip(*rivals(books, undo("a"), undo("b")), strict=True)
        assert {frozenset(pair) for pair in pairs} == {frozenset({"done", "ledger.reversed"})}
        assert books.balance(anna) == 0
        assert sound(books)


def test_a_day_is_closed_with_every_voucher_that_came_in_time(database_url: str) -> None:
    yesterday = date(2026, 3, 2)
    with opened(database_url) as books:
        anna = books.member(1)
        books.pay({anna: 1})

        def pay(own: Books) -> list[str]:
            return [
                outcome(lambda n=n: own.pay({anna: 1}, posted_on=yesterday, key=f"p{n}") and "done")
                for n in range(2 * ROUNDS)
            ]

        def close(own: Books) -> int:
            for number in range(ROUNDS // 2):  # some come before, some after
                own.pay({anna: 1}, key=f"c{number}")
            return closing.close_branch(own.rt, BRANCH, yesterday).days

        said, closed, again = rivals(books, pay, close, close, day="2026-03-03")
        assert sorted((closed, again)) == [0, 1]
        in_time = said.count("done")
        assert said == ["done"] * in_time + ["ledger.closed_day"] * (2 * ROUNDS - in_time)
        of_day = select(TrialBalance.credit_cents).where(TrialBalance.kind == "member")
        assert books.session.scalars(of_day).all() == [1 + in_time]
        assert books.session.get_one(LedgerBranch, BRANCH).closed_through == yesterday
        assert sound(books)


def test_the_first_postings_of_a_branch_open_its_accounts_once(database_url: str) -> None:
    with opened(database_url) as books:

        def begin(number: int) -> Deed:
            return lambda own: own.pay({own.member(number): 100}, key=f"first:{number}").number

        assert sorted(rivals(books, *(begin(n) for n in (1, 2, 3)))) == [1, 2, 3]
        held = select(Entry.balance_cents).where(Entry.amount_cents < 0).order_by(Entry.seq)
        assert books.session.scalars(held).all() == [-100, -200, -300]
        assert sound(books)
