"""Several at once at the same people: two units, two processes, and chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from handlers.members.codes import CLOSED
from tests.builders.books import Books
from tests.builders.changes import A, B, C, Ground, ground, newcomer
from tests.conftest import Clock
from tests.handlers.ledger_rivals import rivals

DAY = "2026-07-02"
UNITS = (A, B, C)


@pytest.fixture
def here(database_url: str, clock: Clock) -> Iterator[Ground]:
    with ground(database_url, clock, DAY) as made:
        yield made


def does(form: str, *rows: dict[str, str], unit: str, key: str) -> Callable[[Books], list[str]]:
    def deed(books: Books) -> list[str]:
        return Ground(books).apply(form, *rows, unit=unit, key=key)

    return deed


def test_of_two_units_that_take_the_same_accounts_over_one_gets_each(here: Ground) -> None:
    numbers = [here.sealed(number, C, cents=100 * number) for number in range(1, 7)]
    rows = [newcomer(number) for number in range(1, 7)]
    mine = does("InternalTransfer", *rows, unit=A, key="a")
    theirs = does("InternalTransfer", *reversed(rows), unit=B, key="b")
    first, second = rivals(here.books, mine, theirs, day=DAY)
    won = [first.count(""), second.count("")]
    assert sum(won) == 6
    assert {here.account(no).unit_account_no for no in numbers} <= {A, B}
    assert (here.heads(A)[1], here.heads(B)[1], here.heads(C)) == (*won, (0, 0))
    here.verify()


def test_two_units_that_open_the_same_people_make_each_person_once(here: Ground) -> None:
    rows = [newcomer(number) for number in range(1, 41)]
    mine = does("OpenAccounts", *rows, unit=A, key="a")
    theirs = does("OpenAccounts", *reversed(rows), unit=C, key="c")
    assert rivals(here.books, mine, theirs, day=DAY) == [[""] * 40, [""] * 40]
    assert (here.heads(A), here.heads(C)) == ((40, 0), (40, 0))
    here.verify()


def test_units_that_take_from_each_other_never_wait_in_a_circle(here: Ground) -> None:
    for number in range(1, 5):
        here.sealed(number, A, cents=100)
        here.sealed(number + 4, C, cents=100)

    def one_by_one(numbers: range, unit: str) -> Callable[[Books], list[str]]:
        def deed(books: Books) -> list[str]:
            own = Ground(books)
            return [
                own.apply("InternalTransfer", newcomer(n), unit=unit, key=f"{unit}{n}")[0]
                for n in numbers
            ]

        return deed

    there, back = one_by_one(range(1, 5), C), one_by_one(range(5, 9), A)
    assert rivals(here.books, there, back, day=DAY) == [[""] * 4, [""] * 4]
    assert (here.heads(A), here.heads(C)) == ((0, 4), (0, 4))
    here.verify()


def test_sealing_here_while_it_is_taken_there_leaves_one_of_two_sound_ends(here: Ground) -> None:
    no = here.member(1, B, cents=100)
    seal = does("SealAccounts", {"individual_account_no": no}, unit=B, key="seal")
    take = does("InternalTransfer", newcomer(1), unit=A, key="take")
    sealed, taken = rivals(here.books, seal, take, day=DAY)
    assert sealed == [""]
    assert taken in ([""], ["transfer.not_sealed"])
    assert here.account(no).unit_account_no == (A if taken == [""] else B)
    here.verify()


def test_a_change_is_undone_once_whoever_presses(here: Ground) -> None:
    here.sealed(1, C, cents=100)
    assert here.apply("InternalTransfer", newcomer(1)) == [""]
    (change,) = here.changes(kind="transfer")
    row = {"change_no": str(change.id)}
    deeds = [does("UndoChanges", row, unit=A, key=key) for key in "xy"]
    assert sorted(rivals(here.books, *deeds, day=DAY)) == [[""], ["undo.undone"]]
    here.verify()


# ── chance ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_heads_money_and_books_stay_right(here: Ground, seed: int) -> None:
    """Random deeds of three units on four people, who come to have several accounts."""
    chance, people = Random(seed), range(1, 5)
    money = 0
    for step in range(120):
        if step % 24 == 0:
            here.books.on(f"2026-07-{2 + step // 24:02d}")
        unit = chance.choice(UNITS)
        other = chance.choice([each for each in UNITS if each != unit])
        number = chance.choice(people)
        deeds: dict[str, Any] = {
            "OpenAccounts": newcomer(number),
            "SealAccounts": {"id_no": newcomer(number)["id_no"]},
            "UnsealAccounts": {"id_no": newcomer(number)["id_no"]},
            "InternalTransfer": newcomer(number, from_unit=other),
        }
        kind = chance.choice([*deeds, "InternalTransfer", "AccountMerge", "pay", "undo"])
        if kind == "pay":
            money += pay(here, chance)
        elif kind == "undo":
            standing = here.changes(unit_account_no=unit, undone_at=None)
            if standing:
                here.undo(standing[-1].id, unit=unit)
        elif kind == "AccountMerge":
            merge(here, unit, number)
        else:
            here.apply(kind, deeds[kind], unit=unit)
    assert len(here.changes()) > 15
    for unit in UNITS:
        held = accounts_of(here, unit)
        states = [account.account_status for account in held]
        assert here.heads(unit) == (states.count("01"), states.count("02"))
    all_money = sum(
        here.books.balance(account.ledger_account_id)
        for unit in UNITS
        for account in accounts_of(here, unit)
    )
    interest = sum(change.interest_cents for change in here.changes(undone_at=None))
    assert all_money == money + interest
    here.verify()


def accounts_of(here: Ground, unit: str) -> list[Any]:
    from sqlalchemy import select

    from handlers.members.models import IndividualAccount

    here.books.session.rollback()
    query = select(IndividualAccount).where(IndividualAccount.unit_account_no == unit)
    return list(here.books.session.scalars(query.order_by(IndividualAccount.id)))


def pay(here: Ground, chance: Random) -> int:
    """Money for somebody whose account is open."""
    living = [
        account
        for unit in UNITS
        for account in accounts_of(here, unit)
        if account.account_status not in CLOSED
    ]
    if not living:
        return 0
    account = chance.choice(living)
    cents, branch = chance.randrange(1, 10_000_000), account.branch_code
    bank = here.books.account("bank", branch, branch=branch)
    lines = {bank: -cents, account.ledger_account_id: cents}
    here.books.post("remittance", lines, branch_code=branch)
    return cents


def merge(here: Ground, unit: str, number: int) -> None:
    """Two accounts of a person in a unit, if there are two."""
    mine = [
        account.individual_account_no
        for account in accounts_of(here, unit)
        if account.person.person_name == newcomer(number)["person_name"]
        and account.person.id_no == newcomer(number)["id_no"]
        and account.account_status not in CLOSED
    ]
    if len(mine) > 1:
        pair = {"source_account_no": mine[0], "target_account_no": mine[1]}
        assert here.apply("AccountMerge", pair, unit=unit) == [""]
