"""基数调整, 年度核定 and 比例调整, as they take effect."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from engine.database import transaction
from engine.errors import Problem
from handlers.contributions import amounts, annual, rates, windows
from handlers.contributions.amounts import Rounding
from handlers.contributions.models import AnnualAssessment, UnitRateChange
from handlers.members.models import IndividualAccount
from handlers.rosters import applying
from handlers.rosters.models import Roster
from tests.builders.changes import A, Ground, ground
from tests.conftest import Clock

ROSTER = "roster:77"


@pytest.fixture
def here(database_url: str, clock: Clock) -> Iterator[Ground]:
    with ground(database_url, clock) as made:
        yield made


def to(no: str, base: str) -> dict[str, str]:
    return {"individual_account_no": no, "contribution_base": base}


# ── bases ────────────────────────────────────────────────────────────────────────────────────


def test_a_new_base_gives_new_shares_and_leaves_the_old_ones_in_the_register(here: Ground) -> None:
    no = here.member(1)
    assert here.apply("BaseAdjustment", to(no, "9,120.55")) == [""]
    account = here.account(no)
    assert account.contribution_base_cents == 912_055
    assert account.unit_monthly_amount_cents == 72_964
    (change,) = here.changes()
    assert (change.old_base_cents, change.new_base_cents) == (800_000, 912_055)
    assert (change.old_unit_cents, change.new_unit_cents) == (64_000, 72_964)


def test_dz_u_06_2_a_base_is_adjusted_once_in_a_fund_year(here: Ground) -> None:
    no = here.member(1)
    assert here.apply("BaseAdjustment", to(no, "9,000.00")) == [""]
    assert here.apply("BaseAdjustment", to(no, "9,500.00")) == ["changes.too_often"]
    here.books.on("2027-06-30")
    assert here.apply("BaseAdjustment", to(no, "9,500.00")) == ["changes.too_often"]
    here.books.on("2027-07-01")
    assert here.apply("BaseAdjustment", to(no, "9,500.00")) == [""]


def test_an_adjustment_that_was_undone_does_not_count(here: Ground) -> None:
    no = here.member(1)
    assert here.apply("BaseAdjustment", to(no, "9,000.00")) == [""]
    assert here.undo(here.changes()[0].id) == [""]
    assert here.account(no).contribution_base_cents == 800_000
    assert here.account(no).unit_monthly_amount_cents == 64_000
    assert here.apply("BaseAdjustment", to(no, "9,500.00")) == [""]


@pytest.mark.parametrize(
    ("base", "code"),
    [
        ("1,799.99", "contribution.base_low"),
        ("1,800.00", ""),
        ("24,000.00", ""),
        ("24,000.01", "contribution.base_high"),
        ("", "form.missing"),
    ],
)
def test_qdn_02_a_base_outside_the_limits_is_refused(
    sqlite_url: str, clock: Clock, base: str, code: str
) -> None:
    with ground(sqlite_url, clock) as here:
        assert here.apply("BaseAdjustment", to(here.member(1), base)) == [code]


def test_xz_2_2a_where_the_centre_reviews_them_they_take_effect(
    sqlite_url: str, clock: Clock
) -> None:
    with ground(sqlite_url, clock, base_out_of_range="reviewed") as here:
        assert here.apply("BaseAdjustment", to(here.member(1), "30,000.00")) == [""]


def test_only_members_in_state_normal_are_adjusted(here: Ground) -> None:
    assert here.apply("BaseAdjustment", to(here.sealed(1), "9,000.00")) == ["members.status"]


def test_qdn_02_a_row_left_as_it_was_is_no_change(here: Ground) -> None:
    same, other = here.member(1), here.member(2)
    assert here.apply("BaseAdjustment", to(same, "8000"), to(other, "8100")) == ["", ""]
    assert len(here.changes()) == 1


@pytest.mark.parametrize(
    ("rule", "day", "code"),
    [
        ("open", "2026-03-01", None),
        ("closed", "2026-07-01", "base.closed"),
        ("july", "2026-07-31", None),
        ("july", "2026-08-01", "base.july"),
    ],
)
def test_qdn_02_the_window_of_base_adjustment(rule: str, day: str, code: str | None) -> None:
    problem = windows.base_window(rule, date.fromisoformat(day))
    assert (problem and problem.code) == code


# ── annual assessment ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("last", "paid_through", "day", "expected"),
    [
        (None, "2026-06", "2026-07-01", 2026),
        (None, "2026-05", "2026-07-01", "annual.june"),
        (None, "2026-06", "2026-06-30", 2025),
        (2025, "2026-06", "2026-07-15", 2026),
        (2026, "2026-06", "2026-07-15", "annual.done"),
        (2026, "2027-06", "2027-06-30", "annual.done"),
        (2024, "2026-06", "2026-07-15", 2025),
        (2025, "", "2026-07-15", "annual.june"),
    ],
)
def test_sx_11_1_years_are_assessed_once_in_order_and_when_june_is_remitted(
    last: int | None, paid_through: str, day: str, expected: int | str
) -> None:
    found = annual.due(last, paid_through, date.fromisoformat(day))
    assert (found.code if isinstance(found, Problem) else found) == expected


def test_sx_11_1_the_year_is_done_when_the_last_row_took_effect(here: Ground) -> None:
    first, second, late = here.member(1), here.member(2), here.member(3)
    for number in (A, first, second):
        here.set(number, paid_through_month="2026-06")
    rows = [to(first, "8,500.00"), to(second, "8,000.00"), to(late, "9,000.00")]
    assert here.apply("AnnualAssessment", *rows, key=ROSTER) == ["", "", "annual.not_covered"]
    with transaction(here.books.session):
        applying._finishers["contributions.AnnualAssessment"](
            here.work(key=ROSTER), Roster(applied=2, failed=1)
        )
    (done,) = here.books.session.scalars(select(AnnualAssessment))
    assert (done.fund_year, done.headcount) == (2026, 2)
    assert (done.old_base_cents, done.new_base_cents) == (1_600_000, 1_650_000)
    assert (done.old_amount_cents, done.new_amount_cents) == (256_000, 264_000)
    assert here.apply("AnnualAssessment", to(first, "9,000.00")) == ["annual.done"]
    assert annual.gate(here.books.session, A, date(2026, 7, 20)) is None


# ── rates ────────────────────────────────────────────────────────────────────────────────────


def test_xz_2_3_rates_within_the_limits_once_a_year_and_really_changed(here: Ground) -> None:
    def asked(*new: str) -> list[str]:
        rules = rates.adjusting(here.books.session, here.unit(), date(2026, 7, 15))
        return [problem.code for problem in rules.problems((Decimal(new[0]), Decimal(new[1])))]

    assert asked("5", "12") == asked("8.5", "8.5") == []
    assert asked("8", "8") == ["rate.unchanged"]
    assert asked("4.99", "4.99") == ["contribution.rate"]
    assert asked("4", "13") == ["contribution.rate", "contribution.rate"]
    facts = {"unit_account_no": A, "branch_code": "QDN01", "month": "2026-07", "headcount": 1}
    old = dict.fromkeys(("old_unit_rate", "new_unit_rate"), Decimal(8))
    old |= dict.fromkeys(("old_individual_rate", "new_individual_rate"), Decimal(8))
    with transaction(here.books.session):
        moment = {"changed_at": here.books.rt.clock(), "changed_by": "", "no": ""}
        day = {"effective_on": date(2026, 7, 1), "operation_key": "x"}
        here.books.session.add(UnitRateChange(**facts, **old, **moment, **day))
    assert asked("9", "9") == ["changes.too_often"]


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("both", {"unit_rate": "10", "individual_rate": "9"}, ("10", "9")),
        ("both", {"unit_rate": "10"}, "individual_rate"),
        ("one", {"rate": "12"}, ("12", "12")),
        ("one", {}, "rate"),
        ("unit", {"unit_rate": "7.5"}, ("7.5", "6")),
        ("listed", {"offer": "12/10"}, ("12", "10")),
        ("listed", {"offer": "abc"}, "offer"),
    ],
)
def test_each_centre_asks_for_a_rate_in_its_own_way(
    mode: str, values: dict[str, str], expected: tuple[str, str] | str
) -> None:
    new = rates.wished(mode, values, (Decimal(8), Decimal(6)))
    if isinstance(new, Problem):
        assert new.field == expected
    else:
        assert new == tuple(map(Decimal, expected))


def test_everybody_of_the_unit_gets_the_new_shares_as_one_by_one_would(here: Ground) -> None:
    chance = random.Random("shares")
    numbers = [here.member(number) for number in range(1, 13)]
    for unit in amounts.UNITS:
        for mode in amounts.MODES:
            bases = [chance.randrange(0, 3_000_000) for _ in numbers]
            new = (Decimal(chance.randrange(500, 1201)) / 100, Decimal("7.35"))
            for no, base in zip(numbers, bases, strict=True):
                here.set(no, contribution_base_cents=base)
            with transaction(here.books.session):
                assert rates.reprice(here.books.session, A, new, Rounding(unit, mode)) == 12
            for no, base in zip(numbers, bases, strict=True):
                account = here.account(no)
                shares = amounts.shares(base, *new, Rounding(unit, mode))
                assert account.unit_monthly_amount_cents == shares.unit_cents
                assert account.individual_monthly_amount_cents == shares.individual_cents
                assert (account.unit_rate, account.individual_rate) == new


def test_who_has_left_keeps_the_old_rate(here: Ground) -> None:
    gone, sealed = here.member(1), here.sealed(2)
    here.deed("close", gone, reason="03")
    with transaction(here.books.session):
        assert rates.reprice(here.books.session, A, (Decimal(12), Decimal(12)), Rounding()) == 1
    found = {
        account.individual_account_no: account.unit_rate
        for account in here.books.session.scalars(select(IndividualAccount))
    }
    assert found == {gone: 8, sealed: 12}
