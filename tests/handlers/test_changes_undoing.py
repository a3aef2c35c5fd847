"""撤销: a change is taken back, wholly or not at all, as long as nothing rests on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from handlers.ledger.models import UnitTotal
from tests.builders.changes import A, B, C, Ground, ground, newcomer
from tests.conftest import Clock

RICH = 10_000_000


@pytest.fixture
def here(database_url: str, clock: Clock) -> Iterator[Ground]:
    with ground(database_url, clock, day="2026-07-02") as made:
        yield made


@pytest.fixture
def sent(database_url: str, clock: Clock) -> Iterator[Ground]:
    """A centre where the old unit starts (XZ)."""
    with ground(database_url, clock, "2026-07-02", transfer_started_by="old_unit") as made:
        yield made


def total(here: Ground, unit: str) -> int:
    here.books.session.rollback()
    row = here.books.session.get(UnitTotal, unit, populate_existing=True)
    return row.balance_cents if row else 0


@pytest.mark.parametrize("unit", [B, C])
def test_xz_4f_a_transfer_taken_back_leaves_everything_as_it_was(here: Ground, unit: str) -> None:
    no = here.sealed(1, unit, cents=RICH)
    row, carried = here.account(no), here.money(no).carried_forward_cents
    facts = {column.name: getattr(row, column.name) for column in row.__table__.columns}
    assert here.apply("InternalTransfer", newcomer(1)) == [""]
    (change,) = here.changes(kind="transfer")
    here.books.on("2026-07-20")
    assert here.undo(change.id) == [""]
    row = here.account(no)
    assert {name: getattr(row, name) for name in facts} == facts
    assert here.money(no).carried_forward_cents == carried
    assert (total(here, unit), total(here, A)) == (RICH, 0)
    (change,) = here.changes(kind="transfer")
    assert (change.undone_by, change.undone_reason) == ("杨秀兰", "撤销本月变更")
    assert change.undone_at is not None
    here.verify()
    assert here.undo(change.id) == ["undo.undone"]
    assert here.apply("InternalTransfer", newcomer(1)) == [""]


def test_xz_4f_a_sent_transfer_is_taken_back_with_its_interest(sent: Ground) -> None:
    old, new = sent.sealed(1, A, cents=RICH), sent.member(1, C)
    sent.books.on("2026-07-12")
    assert sent.apply("InternalTransfer", {"individual_account_no": old, "to_unit": C}) == [""]
    (change,) = sent.changes(kind="transfer")
    assert sent.undo(change.id) == [""]
    assert (sent.money(old).balance_cents, sent.money(new).balance_cents) == (RICH, 0)
    assert (sent.account(old).account_status, sent.heads(A)) == ("02", (0, 1))
    assert sent.account(old).closed_on is None
    sent.verify()


def test_xz_2_1e_an_opening_taken_back_ends_the_account_for_good(here: Ground) -> None:
    assert here.apply("OpenAccounts", newcomer(1)) == [""]
    (change,) = here.changes()
    assert here.undo(change.id) == [""]
    account = here.account("010100000001")
    assert (account.account_status, account.closed_on) == ("99", date(2026, 7, 2))
    assert (here.money("010100000001").status, here.heads()) == ("closed", (0, 0))
    here.verify()
    assert here.apply("OpenAccounts", newcomer(1)) == [""], "and may be opened anew"


def test_xz_2_1e_newest_first_whatever_the_order_of_the_rows(here: Ground) -> None:
    no = here.member(1)
    who = {"individual_account_no": no}
    for form, more in (
        ("SealAccounts", {"reason": "04"}),
        ("UnsealAccounts", {"contribution_base": "9,000.00"}),
        ("SealAccounts", {"reason": "02"}),
        ("UnsealAccounts", {}),
        ("BaseAdjustment", {"contribution_base": "9,500.00"}),
    ):
        assert here.apply(form, who | more) == [""]
    numbers = [change.id for change in here.changes()]
    assert here.undo(numbers[1]) == ["undo.later"]
    assert here.undo(*numbers[3:]) == ["", ""]
    account = here.account(no)
    assert (account.account_status, account.seal_or_close_reason) == ("02", "02")
    assert here.undo(*numbers[1:3]) == ["", ""]
    account = here.account(no)
    assert (account.account_status, account.seal_or_close_reason) == ("02", "04")
    assert account.contribution_base_cents == 800_000
    assert account.sealed_on == date(2026, 7, 2)
    assert here.undo(numbers[0]) == [""]
    assert (here.account(no).account_status, here.heads()) == ("01", (1, 0))
    here.verify()


def test_xz_2_1e_only_this_months_changes_of_this_unit(here: Ground) -> None:
    no = here.member(1)
    assert here.apply("SealAccounts", {"individual_account_no": no}) == [""]
    (change,) = here.changes()
    assert here.undo(change.id, unit=B) == ["undo.not_found"]
    assert here.undo(0) == ["undo.not_found"]
    here.books.on("2026-08-01")
    assert here.undo(change.id) == ["undo.month"]


def test_what_rests_on_a_change_keeps_it(here: Ground) -> None:
    assert here.apply("OpenAccounts", newcomer(1), newcomer(2)) == ["", ""]
    opened, other = here.changes()
    here.books.clock.advance(minutes=1)
    here.books.pay({here.account("010100000001").ledger_account_id: 100})
    assert here.undo(opened.id) == ["undo.used"]
    here.assess("010100000002")
    assert here.undo(other.id) == ["undo.assessed"]


def test_money_that_came_in_since_keeps_a_transfer(here: Ground) -> None:
    no = here.sealed(1, B, cents=RICH)
    assert here.apply("InternalTransfer", newcomer(1)) == [""]
    here.books.pay({here.account(no).ledger_account_id: 100})
    assert here.undo(here.changes(kind="transfer")[0].id) == ["undo.posted"]


def test_a_frozen_account_is_not_taken_back(here: Ground) -> None:
    no = here.sealed(1, B, cents=RICH)
    assert here.apply("InternalTransfer", newcomer(1)) == [""]
    here.deed("freeze", no)
    assert here.undo(here.changes(kind="transfer")[0].id) == ["undo.status"]


def test_a_centre_that_undoes_nothing_says_so(sqlite_url: str, clock: Clock) -> None:
    with ground(sqlite_url, clock, undo_span="none") as here:
        assert here.apply("OpenAccounts", newcomer(1)) == [""]
        assert here.undo(here.changes()[0].id) == ["undo.none"]
