"""Individual accounts: opened, sealed, frozen and closed, and the unit's heads with them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from engine.database import transaction
from engine.errors import HallError
from handlers.ledger import accounts
from handlers.ledger.models import LedgerAccount
from handlers.members import numbers, operations
from handlers.members.models import IndividualAccount, Person
from tests.builders.books import BRANCH, UNIT, Books
from tests.builders.members import (
    OTHER_UNIT,
    do,
    open_member,
    remit,
    resident_id,
    two_units,
    unit_of,
)
from tests.conftest import Clock


@pytest.fixture
def books(database_url: str, clock: Clock) -> Iterator[Books]:
    with two_units(database_url, clock) as made:
        yield made


def refusal(books: Books, number: int, **values: Any) -> str:
    with pytest.raises(HallError) as refused:
        open_member(books, number, **values)
    return refused.value.code


def heads(books: Books, account_no: str = UNIT) -> tuple[int, int]:
    unit = unit_of(books, account_no)
    return unit.active_headcount, unit.sealed_headcount


# ── opening ──────────────────────────────────────────────────────────────────────────────────


def test_an_opening_makes_person_account_ledger_account_and_one_more_head(books: Books) -> None:
    account = open_member(books, 1)
    assert account.individual_account_no == "010100000001"
    assert (account.account_status, account.opened_on) == ("01", date(2026, 3, 2))
    assert (account.unit_rate, account.monthly_amount_cents) == (8, 128_000)
    person = account.person
    assert (person.person_name, person.gender, person.birth_month) == ("龙德昌", "1", "1988-01")
    ledger = books.state(account.ledger_account_id)
    assert (ledger.owner, ledger.unit_account_no, ledger.status) == ("010100000001", UNIT, "open")
    assert heads(books) == (1, 0)


def test_the_same_person_in_another_unit_is_the_same_person(books: Books) -> None:
    first = open_member(books, 1)
    second = open_member(books, 1, unit_account_no=OTHER_UNIT, id_no=resident_id(1).lower())
    assert first.person_id == second.person_id
    assert first.individual_account_no != second.individual_account_no
    assert heads(books, OTHER_UNIT) == (1, 0)


def test_a_second_open_account_in_the_same_unit_is_refused(books: Books) -> None:
    account = open_member(books, 1)
    assert refusal(books, 1) == "members.open_already"
    do(books, "seal", account.individual_account_no, reason="01")
    assert refusal(books, 1) == "members.open_already"
    do(books, "close", account.individual_account_no, reason="03")
    again = open_member(books, 1)
    assert again.individual_account_no != account.individual_account_no
    assert heads(books) == (1, 0)


def test_a_document_under_another_name_is_refused_without_telling_the_name(books: Books) -> None:
    open_member(books, 1)
    with pytest.raises(HallError) as refused:
        open_member(books, 1, unit_account_no=OTHER_UNIT, person_name="王小二")
    assert refused.value.code == "members.other_name"
    assert "龙**" in refused.value.text
    assert "龙德昌" not in refused.value.text


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"id_no": "522601198801010011"}, "resident_id.check"),
        ({"id_no": ""}, "resident_id.empty"),
        ({"id_no": " ", "id_type": "03"}, "members.id_no"),
        ({"person_name": "  "}, "members.name"),
        ({"unit_account_no": "029999999999"}, "units.not_found"),
    ],
)
def test_what_cannot_be_opened_is_refused_and_leaves_nothing(
    books: Books, values: dict[str, str], code: str
) -> None:
    assert refusal(books, 1, **values) == code
    for table in (Person, IndividualAccount, LedgerAccount):
        assert books.session.scalar(select(func.count()).select_from(table)) == 0
    assert heads(books) == (0, 0)


def test_a_unit_that_does_not_work_takes_nobody(books: Books) -> None:
    for status, code in (
        ("03", "units.deferred"),
        ("04", "units.closed"),
        ("05", "units.status"),
    ):
        unit_of(books).unit_status = status
        books.session.commit()
        assert refusal(books, 1) == code


def at_once(books: Books, deeds: list[Callable[[Books], object]]) -> None:
    """Each deed in a thread and a session of its own, all let go together."""
    start, failed = threading.Barrier(len(deeds)), []

    def work(deed: Callable[[Books], object]) -> None:
        mine = Books(books.engine, books.clock)
        try:
            start.wait(5)
            deed(mine)
        except Exception as error:  # a thread's own death would go unnoticed
            failed.append(error)
        finally:
            mine.session.close()

    threads = [threading.Thread(target=work, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failed


def test_openings_at_the_same_time_make_one_person_and_different_numbers(books: Books) -> None:
    at_once(
        books,
        [partial(open_member, number=1, unit_account_no=unit) for unit in (UNIT, OTHER_UNIT)],
    )
    opened = select(IndividualAccount.individual_account_no).order_by(IndividualAccount.id)
    assert sorted(books.session.scalars(opened)) == ["010100000001", "010100000002"]
    assert books.session.scalar(select(func.count()).select_from(Person)) == 1


def test_no_head_is_lost_when_many_states_change_at_once(books: Books) -> None:
    known = [open_member(books, n).individual_account_no for n in (1, 2, 3)]
    books.session.rollback()
    at_once(
        books,
        [
            *(partial(open_member, number=n) for n in (4, 5, 6)),
            *(partial(do, deed="seal", account_no=no, reason="01") for no in known[:2]),
            partial(do, deed="freeze", account_no=known[2]),
        ],
    )
    assert heads(books) == (3, 2)


def test_numbers_count_within_a_branch_and_go_on_behind_those_of_an_older_system(
    books: Books,
) -> None:
    open_member(books, 1)
    books.session.rollback()
    with transaction(books.session) as session:
        assert numbers.take(session, BRANCH, 3) == [f"01010000000{n}" for n in (2, 3, 4)]
        assert numbers.take(session, "QDN02") == ["010200000001"]
    account = open_member(books, 2)
    account.individual_account_no, account.branch_code = "010300457213", "QDN03"
    books.session.commit()
    with transaction(books.session) as session:
        assert numbers.take(session, "QDN03") == ["010300457214"]


# ── states ───────────────────────────────────────────────────────────────────────────────────


def test_heads_follow_every_change_of_state(books: Books) -> None:
    first, second = (open_member(books, n).individual_account_no for n in (1, 2))
    seen = [heads(books)]
    for verb, who, values in (
        ("seal", first, {"reason": "01"}),
        ("freeze", first, {}),
        ("freeze", second, {}),
        ("unfreeze", first, {}),
        ("unseal", first, {}),
        ("unfreeze", second, {}),
        ("close", second, {"reason": "03"}),
    ):
        do(books, verb, who, **values)
        seen.append(heads(books))
    assert seen == [(2, 0), (1, 1), (1, 0), (0, 0), (0, 1), (1, 0), (2, 0), (1, 0)]


def test_sealing_keeps_day_and_reason_until_unsealing(books: Books) -> None:
    number = open_member(books, 1).individual_account_no
    books.on("2026-03-20")
    sealed = do(books, "seal", number, reason="04", on=date(2026, 3, 18))
    assert (sealed.account_status, sealed.sealed_on) == ("02", date(2026, 3, 18))
    assert sealed.seal_or_close_reason == "04"
    unsealed = do(books, "unseal", number)
    assert (unsealed.account_status, unsealed.sealed_on) == ("01", None)
    assert unsealed.seal_or_close_reason == ""


def test_a_seal_needs_a_reason(books: Books) -> None:
    number = open_member(books, 1).individual_account_no
    with pytest.raises(HallError, match="请选择封存原因"):
        do(books, "seal", number, reason="")
    assert heads(books) == (1, 0)


def test_freezing_freezes_the_money_too(books: Books) -> None:
    account = open_member(books, 1)
    remit(books, "2026-02", account)
    do(books, "freeze", account.individual_account_no)
    with pytest.raises(HallError) as refused:
        books.withdraw(account.ledger_account_id, 100)
    assert refused.value.code == "ledger.account_frozen"
    do(books, "unfreeze", account.individual_account_no)
    assert books.withdraw(account.ledger_account_id, 100).credit_cents == 100


def test_an_account_with_money_is_not_closed_and_nothing_changes(books: Books) -> None:
    account = open_member(books, 1)
    remit(books, "2026-02", account)
    number = account.individual_account_no
    with pytest.raises(HallError) as refused:
        do(books, "close", number, reason="03")
    assert refused.value.code == "ledger.not_empty"
    assert heads(books) == (1, 0)
    books.withdraw(account.ledger_account_id, 128_000)
    closed = do(books, "close", number, reason="03")
    assert (closed.account_status, closed.closed_on) == ("05", date(2026, 3, 2))
    assert books.state(account.ledger_account_id).status == "closed"
    with pytest.raises(HallError) as final:
        do(books, "unseal", number)
    assert final.value.code == "members.closed"


@pytest.mark.parametrize(("verb", "status"), [("merge", "03"), ("close", "05")])
def test_the_way_of_closing_is_kept(books: Books, verb: str, status: str) -> None:
    number = open_member(books, 1).individual_account_no
    assert do(books, "close", number, verb=verb).account_status == status


def test_an_unknown_account_is_not_found(books: Books) -> None:
    with pytest.raises(HallError) as refused:
        do(books, "freeze", "019999999999")
    assert refused.value.code == "members.not_found"


def test_the_ledger_account_of_a_number_opened_before_is_not_taken_over(books: Books) -> None:
    """A number of another unit in the books means that something is wrong: nothing is opened."""
    with transaction(books.session) as session:
        accounts.open_account(
            session,
            operations.LEDGER_KIND,
            "010100000001",
            branch_code=BRANCH,
            opened_on=date(2026, 1, 1),
            unit_account_no=OTHER_UNIT,
        )
    with pytest.raises(HallError) as refused:
        open_member(books, 1)
    assert refused.value.code == "ledger.account_exists"
    assert heads(books) == (0, 0)
