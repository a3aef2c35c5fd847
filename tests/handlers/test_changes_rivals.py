"""Several at once at the same people: two units, two processes, and chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import pytest
from sqlalchemy import select

from handlers.members.codes import CLOSED
from handlers.members.models import IndividualAccount
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
    rows = [newcomer(number, from_unit=C) for number in range(1, 7)]
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
    assert taken in ([""], ["transfer.not_sealed"], ["members.moved"])
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


KINDS = ("open", "seal", "unseal", "transfer", "transfer", "merge", "pay", "undo")


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_heads_money_and_books_stay_right(here: Ground, seed: int) -> None:
    """Random deeds of three units on four people, who come to have several accounts."""
    world = World(here, Random(seed))
    for step in range(60):
        if step % 15 == 0:
            here.books.on(f"2026-07-{2 + step // 3:02d}")
        world.do()
    assert {change.kind for change in here.changes()} >= {"open", "seal", "transfer"}
    assert any(change.undone_at for change in here.changes())
    for unit in UNITS:
        states = [account.account_status for account in world.accounts(unit)]
        assert here.heads(unit) == (states.count("01"), states.count("02"))
    everybody = [account for unit in UNITS for account in world.accounts(unit)]
    held = sum(here.books.balance(account.ledger_account_id) for account in everybody)
    interest = sum(change.interest_cents for change in here.changes(undone_at=None))
    assert held == world.paid_cents + interest
    here.verify()


@dataclass
class World:
    here: Ground
    chance: Random
    paid_cents: int = 0

    def do(self) -> None:
        kind, unit = self.chance.choice(KINDS), self.chance.choice(UNITS)
        row = newcomer(self.chance.choice(range(1, 5)))
        someone = self._someone()
        if kind == "open" or someone is None:
            self.here.apply("OpenAccounts", row, unit=unit)
            return
        its_unit = someone.unit_account_no
        mine = {"individual_account_no": someone.individual_account_no}
        if kind in ("seal", "unseal"):
            self.here.apply(f"{kind.title()}Accounts", mine, unit=its_unit)
        elif kind == "transfer" and unit != its_unit:
            mine |= {"person_name": someone.person.person_name, "from_unit": its_unit}
            self.here.apply("InternalTransfer", mine, unit=unit)
        elif kind == "merge":
            self._merge(someone)
        elif kind == "pay":
            self._pay(someone)
        elif kind == "undo":
            standing = self.here.changes(unit_account_no=unit, undone_at=None)
            self.here.undo(*(change.id for change in standing[-2:]), unit=unit)

    def accounts(self, unit: str) -> list[IndividualAccount]:
        self.here.books.session.rollback()
        query = select(IndividualAccount).where(IndividualAccount.unit_account_no == unit)
        return list(self.here.books.session.scalars(query.order_by(IndividualAccount.id)))

    def _someone(self) -> IndividualAccount | None:
        everybody = [account for unit in UNITS for account in self.accounts(unit)]
        living = [account for account in everybody if account.account_status not in CLOSED]
        return self.chance.choice(living) if living else None

    def _pay(self, account: IndividualAccount) -> None:
        cents, branch = self.chance.randrange(1, 10_000_000), account.branch_code
        ledger_id = account.ledger_account_id
        bank = self.here.books.account("bank", branch, branch=branch)
        lines = {bank: -cents, ledger_id: cents}
        self.here.books.post("remittance", lines, branch_code=branch)
        self.paid_cents += cents

    def _merge(self, source: IndividualAccount) -> None:
        for target in self.accounts(source.unit_account_no):
            same = target.person_id == source.person_id and target.id != source.id
            if same and target.account_status not in CLOSED:
                pair = {
                    "source_account_no": source.individual_account_no,
                    "target_account_no": target.individual_account_no,
                }
                unit = source.unit_account_no
                assert self.here.apply("AccountMerge", pair, unit=unit) == [""]
                return
