"""Odd values, repeated tries and two people at once: the books refuse in a sentence, on both
databases alike, and write nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from engine.database import transaction
from engine.errors import HallError
from handlers.ledger import closing, verifying
from handlers.ledger.drafts import Line
from handlers.ledger.models import Voucher
from handlers.members.models import Person
from tests.builders import settlements
from tests.builders.books import BRANCH, Books
from tests.builders.members import OTHER_UNIT, do, open_member, resident_id, two_units
from tests.conftest import Clock


@pytest.fixture
def books(database_url: str, clock: Clock) -> Iterator[Books]:
    with two_units(database_url, clock) as made:
        yield made


def code_of(deed: Callable[..., object], *given: Any, **values: Any) -> str:
    with pytest.raises(HallError) as refused:
        deed(*given, **values)
    assert refused.value.text.endswith("。")
    return refused.value.code


def close(books: Books, day: str) -> None:
    with transaction(books.session):
        closing.close_through(books.rt, BRANCH, date.fromisoformat(day))


# ── vouchers ─────────────────────────────────────────────────────────────────────────────────


def test_a_second_try_finds_its_voucher_also_when_the_day_was_closed_meanwhile(
    books: Books,
) -> None:
    anna, bank = books.member(1), books.account("bank")
    posting: dict[str, Any] = {"key": "request-7/pay", "posted_on": date(2026, 3, 2)}
    first = books.post("remittance", {bank: -100, anna: 100}, **posting)
    undone = books.reverse(first, key="request-7/undo")
    close(books, "2026-03-02")
    assert books.post("remittance", {bank: -100, anna: 100}, **posting).id == first.id
    assert books.reverse(first, key="request-7/undo").id == undone.id
    posting["key"] = "request-8/pay"
    lines = {bank: -100, anna: 100}
    assert code_of(books.post, "remittance", lines, **posting) == "ledger.closed_day"
    assert books.session.scalar(select(func.count(Voucher.id))) == 2


ODD: dict[str, tuple[dict[str, Any], str]] = {
    "a value day of another millennium": ({"value_on": date(1026, 3, 2)}, "ledger.day"),
    "a posting day before there was a fund": ({"posted_on": date(1, 1, 1)}, "ledger.day"),
    "the last day there is": ({"posted_on": date(9999, 12, 31)}, "ledger.future_day"),
    "a thirteenth month": ({"contribution_month": "2026-13"}, "ledger.month"),
    "a month of the year 0": ({"contribution_month": "0000-05"}, "ledger.month"),
    "a month and more": ({"contribution_month": "2026-03-02"}, "ledger.month"),
    "months that run backwards": (
        {"contribution_month": "2026-03", "contribution_month_to": "2026-02"},
        "ledger.month",
    ),
    "months without end": (
        {"contribution_month": "2026-03", "contribution_month_to": "9999-12"},
        "ledger.month",
    ),
    "a memo no screen shows": ({"memo": "汇缴\0"}, "ledger.memo"),
}


def test_days_months_and_memos_that_cannot_be_are_refused(books: Books) -> None:
    anna, bank = books.member(1), books.account("bank")
    for name, (values, code) in ODD.items():
        lines = {bank: -100, anna: 100}
        assert code_of(books.post, "remittance", lines, **values) == code, name
    assert books.session.scalar(select(func.count(Voucher.id))) == 0


def test_amounts_that_are_no_whole_cents_are_refused(books: Books) -> None:
    anna, bank = books.member(1), books.account("bank")
    for one in (1.0, Decimal(1), "1", True, None):
        lines = [Line(bank, -1), Line(anna, one)]
        assert code_of(books.post, "remittance", lines) == "ledger.not_cents"


def test_a_reversal_names_a_voucher_there_is_and_a_reason_people_can_read(books: Books) -> None:
    paid = books.pay({books.member(1): 100})
    for reason in ("", "  ", "记错\0账户", "错" * 201):
        assert code_of(books.reverse, paid, reason) == "ledger.reason"
    for voucher in (0, -1, 2**31, 10**30):
        assert code_of(books.reverse, voucher) == "ledger.unknown_voucher"
    assert books.reverse(paid, "错" * 200).reason == "错" * 200


def test_a_voucher_is_not_reversed_while_half_of_it_is_settled(
    database_url: str, clock: Clock
) -> None:
    books = settlements.open_books(database_url, clock)
    anna, carl = books.member(1), books.member(3, unit=settlements.OTHER_UNIT)
    books.pay({anna: 100_000})
    moved = books.post("internal_transfer", {anna: -40_000, carl: 40_000})
    books.on("2026-06-30")

    def killed(done: int, _total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        settlements.settle(books, 2026, chunk_accounts=1, report=killed)
    books.session.rollback()
    assert code_of(books.reverse, moved) == "ledger.settling"
    settlements.settle(books, 2026)
    books.reverse(moved)
    assert books.balance(anna) + books.balance(carl) == 100_000 + 1_521
    assert verifying.verify(books.session).clean
    settlements.let_go(books)


# ── people ───────────────────────────────────────────────────────────────────────────────────

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a name as long as a page": ({"person_name": "龙" * 121}, "members.name"),
    "a name with a NUL": ({"person_name": "龙\0昌"}, "members.name"),
    "a kind of paper there is not": ({"id_type": "9999", "id_no": "A1"}, "members.id_type"),
    "another paper's endless number": ({"id_type": "03", "id_no": "A" * 21}, "members.id_no"),
    "another paper's broken number": ({"id_type": "03", "id_no": "A\0B"}, "members.id_no"),
    "the old number of 15 digits": ({"id_no": "522601880101001"}, "resident_id.old"),
    "a mobile that is none": ({"mobile": "电话"}, "mobile.character"),
    "an endless mobile": ({"mobile": "1" * 150}, "mobile.length"),
    "an endless number of the unit's own": ({"employee_no": "E" * 31}, "members.employee_no"),
    "a base below nothing": ({"contribution_base_cents": -1}, "members.money"),
    "a base beyond all money": ({"contribution_base_cents": 10**30}, "members.money"),
    "a base in floating point": ({"contribution_base_cents": 8000.5}, "members.money"),
    "an amount below nothing": ({"unit_monthly_amount_cents": -1}, "members.money"),
    "a rate that is no number": ({"unit_rate": Decimal("NaN")}, "members.rate"),
    "a rate above the whole wage": ({"individual_rate": Decimal(101)}, "members.rate"),
    "tomorrow": ({"opened_on": date(2026, 3, 3)}, "members.opened_on"),
    "a gender of no table": ({"gender": "male"}, "members.gender"),
    "a month of birth there is not": ({"birth_month": "1988-13"}, "members.birth_month"),
    "a unit with a NUL": ({"unit_account_no": "0208\0"}, "units.not_found"),
}


def test_people_who_cannot_be_are_not_opened(books: Books) -> None:
    for name, (values, code) in WRONG.items():
        assert code_of(open_member, books, 1, **values) == code, name
    assert books.session.scalar(select(func.count(Person.id))) == 0


def test_everything_that_is_wrong_with_an_opening_is_said_at_once(books: Books) -> None:
    with pytest.raises(HallError) as refused:
        open_member(books, 1, person_name="", mobile="1", contribution_base_cents=-1)
    fields = [problem.field for problem in refused.value.problems]
    assert fields == ["person_name", "contribution_base_cents", "mobile"]


def test_papers_of_every_kind_and_length_fit_encrypted(books: Books) -> None:
    number = "武字第〇一二三四五六七八九〇一二三四五号"  # three bytes each
    assert len(number) == 20
    account = open_member(books, 1, id_type="02", id_no=number)
    assert (account.person.id_no, account.person.birth_month) == (number, "")


def test_a_small_x_is_the_same_person_in_both_units(books: Books) -> None:
    number = next(n for n in range(1, 99) if resident_id(n).endswith("X"))
    first = open_member(books, number)
    small = resident_id(number).lower()
    assert code_of(open_member, books, number, id_no=small) == "members.open_already"
    other = open_member(books, number, id_no=small, unit_account_no=OTHER_UNIT)
    assert other.person_id == first.person_id


def test_reasons_come_from_their_tables(books: Books) -> None:
    number = open_member(books, 1).individual_account_no
    for reason in ("", "zz", "01\0", "长" * 99):
        assert code_of(do, books, "seal", number, reason=reason) == "members.seal_reason"
        if reason:
            assert code_of(do, books, "close", number, reason=reason) == "members.close_reason"


def test_nothing_happens_to_an_account_before_it_was_opened_or_tomorrow(books: Books) -> None:
    number = open_member(books, 1).individual_account_no
    for day in (date(2026, 3, 1), date(2026, 3, 3), date.max):
        for deed, reason in (("seal", "01"), ("close", "03")):
            assert code_of(do, books, deed, number, reason=reason, on=day) == "members.day"
    assert do(books, "seal", number, reason="01").sealed_on == date(2026, 3, 2)


def test_accounts_nobody_has_are_not_found(books: Books) -> None:
    for number in ("", "\0", "’; --", "9" * 500, "😀"):
        assert code_of(do, books, "unseal", number) == "members.not_found"
