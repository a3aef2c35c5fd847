"""开户, 封存 and 启封 of a unit's members, as rows of a roster take effect."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from handlers.contributions import ages
from handlers.contributions.ages import MAN, WOMAN, Born
from handlers.members.models import Person
from tests.builders.changes import A, B, C, Ground, ground, newcomer
from tests.builders.members import resident_id
from tests.conftest import Clock


@pytest.fixture
def here(database_url: str, clock: Clock) -> Iterator[Ground]:
    with ground(database_url, clock) as made:
        yield made


# ── opening ──────────────────────────────────────────────────────────────────────────────────


def test_opening_makes_person_account_ledger_account_change_and_head(here: Ground) -> None:
    assert here.apply("OpenAccounts", newcomer(1), newcomer(2, employee_no="Y7")) == ["", ""]
    first, second = here.changes(kind="open")
    assert (first.old_status, first.new_status, first.month) == ("", "01", "2026-07")
    assert (first.old_base_cents, first.new_base_cents) == (0, 800_000)
    assert (first.new_unit_cents, first.new_individual_cents) == (64_000, 64_000)
    account = here.account("010100000002")
    assert (account.id, account.employee_no) == (second.individual_account_id, "Y7")
    assert (account.unit_rate, account.branch_code) == (8, "QDN01")
    person = account.person
    assert (person.person_name, person.gender, person.birth_month) == ("杨秀兰", "2", "1988-01")
    assert here.heads() == (2, 0)
    here.verify()


def test_xz_2_1a_the_base_follows_from_a_typed_monthly_amount(
    database_url: str, clock: Clock
) -> None:
    with ground(database_url, clock, contribution_entry="amount", rounding_unit="yuan") as here:
        row = newcomer(1, contribution_base="", monthly_amount="1,280.00")
        assert here.apply("OpenAccounts", row) == [""]
        (change,) = here.changes()
        assert (change.new_base_cents, change.new_unit_cents) == (800_000, 64_000)


def test_somebody_else_in_the_same_piece_is_opened_although_one_is_refused(here: Ground) -> None:
    here.member(5)
    rows = [newcomer(4), newcomer(5), newcomer(6, contribution_base="100"), newcomer(4)]
    found = here.apply("OpenAccounts", *rows)
    assert found == ["", "members.open_already", "contribution.base_low", "changes.twice"]
    assert here.heads() == (2, 0)
    here.verify()


def test_a_known_person_is_not_stored_twice_and_must_have_the_same_name(here: Ground) -> None:
    here.member(1, B)
    assert here.apply("OpenAccounts", newcomer(1)) == [""]
    assert here.apply("OpenAccounts", newcomer(1, person_name="王小二"), unit=C) == [
        "members.other_name"
    ]
    assert here.books.session.scalar(select(func.count()).select_from(Person)) == 1


@pytest.mark.parametrize(
    ("status", "code"), [("03", "units.deferred"), ("04", "units.closed"), ("05", "units.status")]
)
def test_a_unit_that_does_not_work_changes_nobody(here: Ground, status: str, code: str) -> None:
    sealed = here.sealed(1)
    here.set(A, unit_status=status)
    who = {"individual_account_no": sealed}
    assert here.apply("OpenAccounts", newcomer(2)) == [code]
    assert here.apply("UnsealAccounts", who) == [code]
    assert here.apply("InternalTransfer", {**newcomer(1)}) == [code]


def test_qdn_07b_a_rate_chosen_for_the_roster_is_the_accounts_rate(here: Ground) -> None:
    assert here.apply("OpenAccounts", newcomer(1), choices={"rate": "12/10"}) == [""]
    account = here.account("010100000001")
    assert (account.unit_rate, account.individual_rate) == (12, 10)
    assert (account.unit_monthly_amount_cents, account.individual_monthly_amount_cents) == (
        96_000,
        80_000,
    )


@pytest.mark.parametrize(
    ("birth", "number", "code"),
    [
        ("20100716", 1, "changes.too_young"),
        ("20100715", 1, ""),
        ("19660801", 1, ""),
        ("19660715", 1, "changes.too_old"),
        ("19710801", 2, ""),
        ("19710701", 2, "changes.too_old"),
    ],
)
def test_sx_3_1_only_people_of_working_age_are_enrolled_online(
    sqlite_url: str, clock: Clock, birth: str, number: int, code: str
) -> None:
    with ground(sqlite_url, clock, age_rule="fixed", open_documents="resident") as here:
        row = newcomer(number, id_no=resident_id(number, birth=birth))
        assert here.apply("OpenAccounts", row) == [code]
        passport = newcomer(8, id_type="03", id_no="E12345678")
        assert here.apply("OpenAccounts", passport) == ["open.document"]


@pytest.mark.parametrize(
    ("born", "today", "code"),
    [
        (Born("1965-01", MAN), "2025-01-31", None),
        (Born("1965-01", MAN), "2025-02-01", "changes.too_old"),
        (Born("1965-01", MAN, date(1965, 1, 20)), "2025-02-19", None),
        (Born("1965-01", MAN, date(1965, 1, 20)), "2025-02-20", "changes.too_old"),
        (Born("1976-09", MAN), "2039-08-31", None),
        (Born("1981-09", WOMAN), "2039-08-31", None),
        (Born("1981-09", WOMAN), "2039-09-01", "changes.too_old"),
        (Born("2010-03", MAN, date(2010, 3, 8)), "2026-03-07", "changes.too_young"),
        (Born("2010-03", MAN, date(2010, 3, 8)), "2026-03-08", None),
        (Born("", MAN), "2026-03-08", None),
        (None, "2026-03-08", None),
    ],
)
def test_sx_3_1_the_age_of_retirement_comes_later_by_steps(
    born: Born | None, today: str, code: str | None
) -> None:
    problem = ages.check("retirement", born, date.fromisoformat(today))
    assert (problem and problem.code) == code


def test_three_hundred_people_are_opened_while_nobody_waits(here: Ground) -> None:
    rows = [newcomer(number) for number in range(1, 301)]
    start = time.perf_counter()
    assert set(here.apply("OpenAccounts", *rows)) == {""}
    assert time.perf_counter() - start < 3, "0.3 s on a quiet machine"
    assert here.heads() == (300, 0)


# ── sealing and unsealing ────────────────────────────────────────────────────────────────────


def test_sealing_by_account_paper_or_name_and_unsealing_with_a_new_base(here: Ground) -> None:
    numbers = [here.member(number) for number in (1, 2, 3)]
    rows = [
        {"individual_account_no": numbers[0], "reason": "02"},
        {"id_no": resident_id(2).lower(), "reason": "01"},
        {"person_name": "吴佳琪"},
    ]
    assert here.apply("SealAccounts", *rows) == ["", "", ""]
    assert here.heads() == (0, 3)
    account = here.account(numbers[0])
    assert (account.account_status, account.seal_or_close_reason) == ("02", "02")
    reasons = [change.reason for change in here.changes(kind="seal")]
    assert reasons == ["退休", "离职/终止劳动关系", "其他"]
    back = {"individual_account_no": numbers[0], "contribution_base": "10,000.00"}
    assert here.apply("UnsealAccounts", back, {"person_name": "吴佳琪"}) == ["", ""]
    assert here.account(numbers[0]).contribution_base_cents == 1_000_000
    assert here.account(numbers[0]).unit_monthly_amount_cents == 80_000
    assert here.account(numbers[2]).contribution_base_cents == 800_000
    assert (here.account(numbers[0]).sealed_on, here.heads()) == (None, (2, 1))
    here.verify()


def test_xz_2_1c_unsealed_as_before_keeps_the_base_although_the_rates_have_changed(
    database_url: str, clock: Clock
) -> None:
    """4,264.00 at 10 % is 426 yuan each, but 852 yuan at 20 % is 4,260.00: the form shows the
    amount in the row, and that must not count as typed anew."""
    with ground(database_url, clock, contribution_entry="amount", rounding_unit="yuan") as here:
        amounts = {"unit_monthly_amount_cents": 42_600, "individual_monthly_amount_cents": 42_600}
        ten = {"unit_rate": Decimal(10), "individual_rate": Decimal(10)}
        no = here.member(1, contribution_base_cents=426_400, **amounts)
        here.set(no, **ten)
        for shown in ({}, {"monthly_amount": "852.00"}):
            here.deed("seal", no, reason="01")
            assert here.apply("UnsealAccounts", {"individual_account_no": no} | shown) == [""]
            account = here.account(no)
            assert account.contribution_base_cents == 426_400
            assert account.unit_monthly_amount_cents == 42_600


def test_who_is_meant_must_be_clear_and_everything_said_must_agree(here: Ground) -> None:
    first, namesake, other = here.member(1), here.member(10), here.member(2, B)
    cases = [
        ({}, "changes.nobody"),
        ({"person_name": "龙德昌"}, "changes.namesakes"),
        ({"individual_account_no": other}, "changes.not_found"),
        ({"individual_account_no": "9"}, "changes.not_found"),
        ({"id_no": resident_id(2)}, "changes.not_found"),
        ({"individual_account_no": first, "person_name": "杨秀兰"}, "changes.other_name"),
        ({"individual_account_no": first, "id_no": resident_id(2)}, "changes.other_paper"),
        ({"individual_account_no": first, "id_no": resident_id(1)}, ""),
        ({"individual_account_no": first}, "members.status"),
        ({"person_name": "龙德昌"}, "changes.namesakes"),
    ]
    for row, code in cases:
        assert here.apply("SealAccounts", row) == [code], row
    here.deed("close", namesake, reason="03")
    assert here.apply("UnsealAccounts", {"person_name": "龙德昌"}) == [""]


def test_a_frozen_account_is_neither_sealed_nor_unsealed(here: Ground) -> None:
    no = here.member(1)
    here.deed("freeze", no)
    who = {"individual_account_no": no}
    for form in ("SealAccounts", "UnsealAccounts"):
        assert here.apply(form, who) == ["members.frozen"]


def test_sx_9_3_an_account_sealed_this_month_is_not_unsealed(
    database_url: str, clock: Clock
) -> None:
    with ground(database_url, clock, unseal_same_month="barred") as here:
        no = here.member(1)
        who = {"individual_account_no": no}
        assert here.apply("SealAccounts", who) == [""]
        assert here.apply("UnsealAccounts", who) == ["unseal.same_month"]
        here.books.on("2026-08-01")
        assert here.apply("UnsealAccounts", who) == [""]


def test_sx_9_3_who_came_from_another_unit_this_month_may_be_unsealed(
    sqlite_url: str, clock: Clock
) -> None:
    with ground(sqlite_url, clock, unseal_same_month="barred") as here:
        no = here.sealed(1, B)
        assert here.apply("InternalTransfer", newcomer(1)) == [""]
        who = {"individual_account_no": no}
        assert here.apply("UnsealAccounts", who) == [""]
        assert here.apply("SealAccounts", who) == [""]
        assert here.apply("UnsealAccounts", who) == ["unseal.same_month"]


def test_sx_9_3_the_age_of_retirement_bars_unsealing_and_youth_does_not(
    sqlite_url: str, clock: Clock
) -> None:
    with ground(sqlite_url, clock, age_rule="fixed") as here:
        for number, birth, code in ((1, "19660101", "changes.too_old"), (3, "20110101", "")):
            no = here.member(number, id_no=resident_id(number, birth=birth))
            here.deed("seal", no, reason="01")
            assert here.apply("UnsealAccounts", {"individual_account_no": no}) == [code]


def test_sx_9_1_in_july_nobody_is_sealed_before_the_annual_assessment(
    database_url: str, clock: Clock
) -> None:
    with ground(database_url, clock, fund_year_gate="annual_assessment", day="2026-06-30") as here:
        no, newer = here.member(1), here.member(2, B)
        here.books.on("2026-07-02")
        assert here.apply("SealAccounts", {"individual_account_no": no}) == ["annual.first"]
        here.set(newer, opened_on=date(2026, 7, 1))
        assert here.apply("SealAccounts", {"individual_account_no": newer}, unit=B) == [""]
        here.books.on("2026-08-01")
        assert here.apply("SealAccounts", {"individual_account_no": no}) == [""]
