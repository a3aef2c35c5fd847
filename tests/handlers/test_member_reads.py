"""What the pages read of accounts and units: lists, sums, statements; nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from handlers.members import queries
from handlers.members.models import IndividualAccount
from handlers.members.queries import CLOSED_KINDS, NOBODY, Filter
from handlers.members.statements import Span, statement
from handlers.units import books as unit_books
from tests.builders.books import UNIT, Books
from tests.builders.members import (
    OTHER_UNIT,
    do,
    name_of,
    open_member,
    remit,
    resident_id,
    two_units,
)
from tests.conftest import Clock

OWN = {f"unit:{UNIT}"}


@pytest.fixture
def books(database_url: str, clock: Clock) -> Iterator[Books]:
    with two_units(database_url, clock) as made:
        yield made


# ── a unit's people ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def people(books: Books) -> list[IndividualAccount]:
    """Five of the unit: two have paid, the fourth is sealed; the ninth belongs to another unit."""
    made = [open_member(books, n) for n in range(1, 6)]
    open_member(books, 9, unit_account_no=OTHER_UNIT)
    remit(books, "2026-02", *made[:2])
    do(books, "seal", made[3].individual_account_no, reason="01")
    for account in made:
        books.session.refresh(account)
    return made


def listed(books: Books, asked: Filter, domains: set[str] = OWN, **paging: Any) -> queries.Page:
    values: dict[str, Any] = {"limit": 20} | paging
    return queries.members(books.session, domains, asked, **values)


def shown(page: queries.Page) -> list[str]:
    return [row.person.person_name for row in page.rows]


def test_a_unit_sees_its_people_and_their_sums(
    books: Books, people: list[IndividualAccount]
) -> None:
    page = listed(books, Filter())
    assert shown(page) == [name_of(n) for n in range(1, 6)]
    assert [row.balance_cents for row in page.rows] == [128_000, 128_000, 0, 0, 0]
    # The sealed one is counted, but nobody pays for them.
    assert page.totals == queries.Totals(5, 256_000, 4 * 128_000, 4 * 800_000)
    assert (page.before, page.next) == (0, "")


def test_pages_follow_each_other_without_gap_or_double(
    books: Books, people: list[IndividualAccount]
) -> None:
    found, after, befores = [], "", []
    while True:
        page = listed(books, Filter(), after=after, limit=2)
        found += shown(page)
        befores.append(page.before)
        if not page.next:
            break
        after = page.next
    assert found == [name_of(n) for n in range(1, 6)]
    assert befores == [0, 2, 4]


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({"status": "02"}, [4]),
    ({"status": "01"}, [1, 2, 3, 5]),
    ({"status": CLOSED_KINDS}, []),
    ({"unit_account_no": UNIT, "name": "德"}, [1]),
    ({"name": "龙德"}, []),  # without a unit only a whole name
    ({"name": "龙德昌"}, [1]),
    ({"account_no": "010100000003"}, [3]),
    ({"opened_from": date(2026, 3, 3)}, []),
    ({"opened_from": date(2026, 3, 2), "opened_to": date(2026, 3, 2)}, [1, 2, 3, 4, 5]),
    ({"person_id": NOBODY}, []),
    ({"unit_account_no": OTHER_UNIT}, []),
    ({"unit_account_no": UNIT, "name": "%"}, []),
]


def test_filters_find_what_they_say(books: Books, people: list[IndividualAccount]) -> None:
    for asked, found in FILTERS:
        page = listed(books, Filter(**asked))
        assert shown(page) == [name_of(n) for n in found], asked
        assert page.totals.people == len(found), asked


def test_a_whole_id_number_finds_its_person_and_a_part_of_it_nobody(
    books: Books, people: list[IndividualAccount]
) -> None:
    person = queries.holder(books.session, OWN, f" {resident_id(2)[:6]} {resident_id(2)[6:]} ")
    assert shown(listed(books, Filter(person_id=person))) == [name_of(2)]
    assert queries.holder(books.session, OWN, resident_id(2)[:17]) == NOBODY
    assert queries.holder(books.session, OWN, "") == NOBODY


def test_nobody_reads_beyond_their_unit_or_branches(
    books: Books, people: list[IndividualAccount]
) -> None:
    number = people[0].individual_account_no
    for domain, count in (
        (f"unit:{UNIT}", 5),
        (f"unit:{OTHER_UNIT}", 1),
        ("branch:QDN01", 6),
        ("branch:QDN02", 0),
        ("*", 6),
        ("person:1", 0),
    ):
        assert listed(books, Filter(), {domain}).totals.people == count, domain
        found = queries.account_within(books.session, {domain}, number)
        assert (found is not None) == (count >= 5), domain
    assert listed(books, Filter(), set()).totals.people == 0


def test_the_facts_of_a_member_come_from_books_and_loans(books: Books) -> None:
    account = open_member(books, 1)
    assert queries.facts(books.session, account).last_paid_on is None
    remit(books.on("2026-03-05"), "2026-02", account)
    remit(books.on("2026-03-20"), "2026-03", account, cents=100)
    wrong = remit(books.on("2026-03-25"), "2026-03", account)
    books.on("2026-03-26").reverse(wrong)
    books.session.rollback()
    facts = queries.facts(books.session, account)
    assert (facts.unit_name, facts.balance_cents) == ("凯里市云谷文旅发展有限公司", 128_100)
    assert (facts.carried_forward_cents, facts.current_year_cents) == (0, 128_100)
    assert facts.last_paid_on == date(2026, 3, 20)
    assert not facts.has_loan


# ── one member's ledger ──────────────────────────────────────────────────────────────────────


def told(books: Books, account: IndividualAccount, span: Span) -> list[str]:
    found = statement(books.session, account.ledger_account_id, span, limit=50)
    return [row.text for row in found.rows]


def test_a_statement_reads_newest_first_in_the_manuals_words(books: Books) -> None:
    account = open_member(books, 1)
    remit(books.on("2026-03-05"), "2026-02", account)
    books.on("2026-03-10").withdraw(account.ledger_account_id, 50_000, memo="租房提取")
    found = statement(books.session, account.ledger_account_id, Span(), limit=50)
    assert [
        (row.text, row.month, row.income_cents, row.expense_cents, row.balance_cents)
        for row in found.rows
    ] == [
        ("部分提取", "", 0, 50_000, 78_000),
        ("公积金汇缴2026-02至2026-02", "2026-02", 128_000, 0, 128_000),
    ]
    assert [row.note for row in found.rows] == ["租房提取", ""]
    assert (found.entries, found.income_cents, found.expense_cents) == (2, 128_000, 50_000)


def test_a_correction_and_what_it_corrects_point_at_each_other(books: Books) -> None:
    account, other = open_member(books, 1), open_member(books, 2)
    wrong = remit(books, "2026-02", account, other)
    remit(books, "2026-02", account)
    books.reverse(wrong, reason="重复入账")
    found = statement(books.session, account.ledger_account_id, Span(), limit=50)
    assert [(row.seq, row.is_reversal, row.other_seq) for row in found.rows] == [
        (3, True, 1),
        (2, False, None),
        (1, False, 3),
    ]
    correction = found.rows[0]
    assert (correction.text, correction.note) == ("冲账：公积金汇缴2026-02至2026-02", "重复入账")
    assert (correction.income_cents, correction.expense_cents) == (-128_000, 0)
    assert (found.income_cents, found.expense_cents) == (128_000, 0)
    # On another page of the same statement the link still leads there.
    page = statement(books.session, account.ledger_account_id, Span(), limit=1)
    assert (page.rows[0].other_seq, page.next) == (1, 3)


def test_a_statement_is_read_page_by_page_and_by_posting_day(books: Books) -> None:
    account = open_member(books, 1)
    for day in ("2026-03-05", "2026-04-05", "2026-05-05"):
        remit(books.on(day), day[:7], account)
    first = statement(books.session, account.ledger_account_id, Span(), limit=2)
    assert [row.month for row in first.rows] == ["2026-05", "2026-04"]
    rest = statement(books.session, account.ledger_account_id, Span(), before=first.next, limit=2)
    assert [row.month for row in rest.rows] == ["2026-03"]
    assert rest.next is None
    assert rest.entries == 3
    april = Span(date(2026, 4, 1), date(2026, 4, 30))
    assert told(books, account, april) == ["公积金汇缴2026-04至2026-04"]
    assert told(books, account, Span(last=date(2026, 3, 4))) == []


# ── a unit's books ───────────────────────────────────────────────────────────────────────────


def test_the_books_of_a_unit_add_up_its_accounts(
    books: Books, people: list[IndividualAccount]
) -> None:
    bank, suspense = books.account("bank"), books.account("suspense", UNIT, unit=UNIT)
    books.post("suspense_deposit", {bank: -120_400, suspense: 120_400})
    found = unit_books.books(books.session, UNIT)
    assert found == unit_books.UnitBooks(
        members=5,
        balance_cents=256_000,
        suspense_cents=120_400,
        advance_cents=0,
        base_cents=4 * 800_000,
        unit_monthly_cents=4 * 64_000,
        individual_monthly_cents=4 * 64_000,
    )
    assert found.monthly_cents == 4 * 128_000
    assert unit_books.books(books.session, "029999999999").members == 0


def test_remitted_months_leave_out_what_was_reversed_and_spread_what_covers_several(
    books: Books,
) -> None:
    account = open_member(books, 1)
    books.reverse(remit(books, "2025-10", account))
    remit(books, "2026-01", account)
    books.reverse(remit(books, "2026-02", account))
    remit(books, "2026-02", account, cents=100)
    ids = {account.ledger_account_id: 200_001}
    books.pay(ids, contribution_month="2025-11", contribution_month_to="2025-12", headcount=1)
    found = unit_books.remitted(books.session, UNIT, "2026-02", months=5)
    assert [(row.month, row.cents, row.headcount) for row in found] == [
        ("2025-10", 0, 0),
        ("2025-11", 100_000, 1),
        ("2025-12", 100_001, 1),
        ("2026-01", 128_000, 1),
        ("2026-02", 100, 1),
    ]
    assert unit_books.first_month(books.session, UNIT) == "2025-11"
    assert unit_books.first_month(books.session, OTHER_UNIT) == ""


def test_units_are_found_by_number_or_name(books: Books) -> None:
    for q, found in (
        ("", [UNIT, OTHER_UNIT]),
        ("0208100432", [OTHER_UNIT]),
        ("云谷", [UNIT]),
        ("%", []),
    ):
        rows, following = unit_books.find(books.session, {"branch:QDN01"}, q, limit=5)
        assert ([row.unit.unit_account_no for row in rows], following) == (found, ""), q
        assert unit_books.find(books.session, {"branch:QDN02"}, q, limit=5)[0] == []


def test_the_list_of_units_goes_on_behind_the_last_one(books: Books) -> None:
    first, following = unit_books.find(books.session, {"*"}, "", limit=1)
    rest, end = unit_books.find(books.session, {"*"}, "", after=following, limit=1)
    assert [row.unit.unit_account_no for row in (*first, *rest)] == [UNIT, OTHER_UNIT]
    assert end == ""
