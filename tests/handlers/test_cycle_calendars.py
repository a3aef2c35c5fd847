"""The monthly cycle on the days on which something ends and something begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from engine.calendar import ZONE
from engine.database import transaction
from engine.errors import Refused
from engine.models import Definition
from handlers.contributions import annual, assessing, rates, windows
from handlers.contributions.assessing import Asked
from handlers.contributions.models import UnitRateChange
from handlers.ledger import closing, settling
from handlers.units import queries as units
from tests.builders import requests
from tests.builders.books import CLERK, UNIT
from tests.builders.changes import A, B, Ground, ground, newcomer
from tests.builders.dues import Dues, owing
from tests.conftest import Clock

RICH = 10_000_000
LAST_MINUTE, FIRST_MINUTE = "2026-06-30T23:59", "2026-07-01T00:01"


@pytest.fixture
def dues(sqlite_url: str, clock: Clock) -> Iterator[Dues]:
    with owing(sqlite_url, clock) as made:
        yield made


@pytest.fixture
def here(database_url: str, clock: Clock) -> Iterator[Ground]:
    with ground(database_url, clock, day="2026-06-30") as made:
        yield made


def local(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=ZONE)


def filed(here: Ground, no: str, moment: str) -> str:
    """A request of this number, accepted at this moment."""
    with transaction(here.books.session) as session:
        definition = Definition(
            key=f"key-{no}",
            version=1,
            name="基数调整",
            sha256=no.rjust(64, "0"),
            files={},
            deployed_at=local(moment),
            deployed_by="系统",
        )
        session.add(definition)
        session.flush()
        session.add(requests.request(definition, 1, no=no, started_at=local(moment)))
    return no


def adjust(here: Ground, account: str, base: str, no: str, moment: str) -> list[str]:
    """A row of request `no` takes effect at this moment."""
    here.books.clock.set(local(moment))
    row = {"individual_account_no": account, "contribution_base": base}
    day = date.fromisoformat("2026-06-30" if no == "OLD" else "2026-07-02")
    return here.apply("BaseAdjustment", row, key=f"roster:{no}:{account}", no=no, accepted_on=day)


# ── 30 June, 1 July ─────────────────────────────────────────────────────────────────────────────


def test_a_roster_that_midnight_cuts_in_two_is_one_adjustment_of_the_old_year(here: Ground) -> None:
    """DZ-U-06.2: both have their turn of the new fund year, whichever minute they took effect."""
    before, behind = here.member(1), here.member(2)
    filed(here, "OLD", "2026-06-30T23:50")
    filed(here, "NEW", "2026-07-02T09:00")
    assert adjust(here, before, "9,000.00", "OLD", LAST_MINUTE) == [""]
    assert adjust(here, behind, "9,000.00", "OLD", FIRST_MINUTE) == [""]
    found = windows.base_changes(here.books.session, here_ids(here, before, behind), 2025)
    assert sorted(found.values()) == [1, 1]
    for account in (before, behind):
        assert adjust(here, account, "9,500.00", "NEW", "2026-07-02T09:01") == [""]
        assert adjust(here, account, "9,600.00", "NEW", "2026-07-02T09:02") == ["changes.too_often"]


def here_ids(here: Ground, *numbers: str) -> list[int]:
    return [here.account(no).id for no in numbers]


def test_rates_reviewed_over_the_turn_of_the_year_are_those_of_the_year_asked_in(
    here: Ground,
) -> None:
    """XZ-2.3"""
    filed(here, "OLD", "2026-06-29T10:00")
    common = {"unit_account_no": A, "branch_code": "QDN01", "month": "2026-07", "headcount": 1}
    both = dict.fromkeys(("old_unit_rate", "old_individual_rate"), 8)
    new = dict.fromkeys(("new_unit_rate", "new_individual_rate"), 7)
    with transaction(here.books.session) as session:
        session.add(
            UnitRateChange(
                operation_key="1", effective_on=date(2026, 7, 2), no="OLD", **common, **both, **new,
                changed_at=local("2026-07-02T10:00"), changed_by="x",
            )
        )  # fmt: skip
    unit = units.unit(here.books.session, A)
    assert unit is not None
    done = [
        rates.adjusting(here.books.session, unit, day).done
        for day in (date(2026, 6, 30), date(2026, 7, 3))
    ]
    assert done == [1, 0]


@pytest.mark.parametrize("paid_through", ["2026-06", "2026-05"])
def test_sx_12_1_a_unit_whose_people_left_in_june_is_not_kept_out_of_july(
    sqlite_url: str, clock: Clock, paid_through: str
) -> None:
    """Nobody who is there now was paid through June: there is nothing to assess for the year."""
    with ground(sqlite_url, clock, fund_year_gate="annual_assessment", **CYCLE) as here:
        left = here.sealed(1)
        here.set(left, paid_through_month="2026-06")
        here.set(A, paid_through_month=paid_through)
        new = here.member(2)
        here.set(new, opened_on=date(2026, 7, 3))
        assert annual.gate(here.books.session, A, date(2026, 7, 15)) is None
        assert ("assessing.fund_year" in refusals(here, "2026-07")) is False
        here.set(new, opened_on=date(2026, 6, 20))
        blocked = paid_through < "2026-06"  # June is still to be paid, and then there is somebody
        gate = annual.gate(here.books.session, A, date(2026, 7, 15))
        assert (gate is not None) == blocked


def test_sx_12_1_one_who_is_paid_through_june_is_assessed_first(
    sqlite_url: str, clock: Clock
) -> None:
    with ground(sqlite_url, clock, fund_year_gate="annual_assessment", **CYCLE) as here:
        for number in (here.member(1), A):
            here.set(number, paid_through_month="2026-06")
        here.member(2)
        gate = annual.gate(here.books.session, A, date(2026, 7, 31))
        assert gate is not None
        assert gate.code == "annual.first"
        assert annual.gate(here.books.session, A, date(2026, 8, 1)) is None
        assert refusals(here, "2026-07") == ["assessing.fund_year"]


CYCLE = {"remit_months_max": "1", "remit_gate": "none"}


def refusals(here: Ground, month: str) -> list[str]:
    session = here.books.session
    unit = units.unit(session, A)
    assert unit is not None
    day = here.books.rt.clock().astimezone(ZONE).date()
    return [one.code for one in assessing.problems(session, Asked(unit, month, day))]


@pytest.mark.parametrize("deed", ["moved", "moved and back", "merged"])
def test_july_before_the_interest_of_june_is_paid(here: Ground, deed: str) -> None:
    """Settled late, whoever moved meanwhile has what those who stayed have, this year and next."""
    stays = here.member(1, cents=RICH)
    goes = here.sealed(2, A if deed == "merged" else B, cents=RICH)
    here.books.on("2026-07-01")
    if deed == "merged":
        other = here.member(3)
        here.set(other, person_id=here.account(goes).person_id)
        row = {"source_account_no": goes, "target_account_no": other}
        assert here.apply("AccountMerge", row) == [""]
        goes = other
    else:
        assert here.apply("InternalTransfer", newcomer(2)) == [""]
    if deed == "moved and back":
        here.books.on("2026-07-02")
        assert here.undo(here.changes(kind="transfer")[0].id) == [""]
    for year, day in ((2026, "2026-07-03"), (2027, "2027-06-30")):
        here.books.on(day)
        settling.settle(here.books.rt, CLERK, year)
        both = [here.money(one).balance_cents for one in (stays, goes)]
        assert both[0] == both[1] > RICH
    here.verify()


def test_a_day_set_back_behind_a_closed_one_waits_in_words(dues: Dues) -> None:
    """The machine's clock was wrong: nothing is posted into closed books, nothing is lost."""
    (anna,) = dues.people(1)
    dues.assess("2026-03")
    payment = dues.register()
    dues.books.on("2026-03-04")
    dues.arrive(payment.amount_cents)
    closing.close_through(dues.rt, "QDN01", date(2026, 3, 3))
    dues.session.commit()
    dues.books.on("2026-03-03")
    with pytest.raises(Refused, match="已日终结账"):
        dues.settle(payment)
    assert (dues.states(), dues.saved(anna)) == ([("2026-03", "awaiting")], 0)
    dues.books.on("2026-03-04")
    assert not dues.settle(payment)
    assert dues.states() == [("2026-03", "posted")]
    dues.whole()


# ── midnight ────────────────────────────────────────────────────────────────────────────────────


def test_assessed_before_midnight_and_paid_behind_it(dues: Dues) -> None:
    """The month stays what it was; the day is the one on which the money was posted."""
    dues.people(1)
    dues.books.clock.set(local("2026-12-31T23:59"))
    dues.assess("2026-08")
    payment = dues.register()
    dues.books.clock.set(local("2027-01-01T00:01"))
    dues.arrive(payment.amount_cents)
    assert not dues.settle(payment)
    found = {(one.assessed_on, one.posted_on) for one in dues.remittances()}
    assert found == {(date(2026, 12, 31), date(2027, 1, 1))}
    assert dues.paid_through() == ["2026-08"]
    dues.whole()


def test_new_years_day_is_one_where_the_unit_is(dues: Dues) -> None:
    """Half past midnight in Shanghai: UTC is still in the old year."""
    dues.books.clock.set(datetime(2026, 12, 31, 16, 30, tzinfo=UTC))
    dues.people(1, opened_on=date(2027, 1, 1))
    unit = units.unit(dues.session, UNIT)
    assert unit is not None
    today = dues.rt.clock().astimezone(ZONE).date()
    assert assessing.next_month(dues.session, unit, today) == "2027-01"
    assert [one.month for one in dues.assess("2027-02")] == ["2027-01", "2027-02"]


@pytest.mark.parametrize(
    ("done", "undone", "code"),
    [
        ("2028-02-29T09:00", "2028-02-29T23:59", ""),
        ("2028-02-29T23:59", "2028-03-01T00:01", "undo.month"),
        ("2026-12-31T23:59", "2027-01-01T00:01", "undo.month"),
        ("2026-07-01T00:01", "2026-07-31T23:59", ""),
    ],
)
def test_xz_2_1e_the_month_of_a_change_ends_at_midnight(
    sqlite_url: str, clock: Clock, done: str, undone: str, code: str
) -> None:
    with ground(sqlite_url, clock, day=done[:10]) as here:
        account = here.member(1)
        here.books.clock.set(local(done))
        row = {"individual_account_no": account, "reason": "01"}
        assert here.apply("SealAccounts", row) == [""]
        here.books.clock.set(local(undone))
        assert here.undo(here.changes()[0].id) == [code]
        assert here.account(account).account_status == ("02" if code else "01")


@pytest.mark.parametrize(
    ("unsealed", "code"), [("2027-02-28", "unseal.same_month"), ("2027-03-01", "")]
)
def test_sx_9_3_sealed_in_february_unsealed_in_march(
    sqlite_url: str, clock: Clock, unsealed: str, code: str
) -> None:
    with ground(sqlite_url, clock, day="2027-02-28", unseal_same_month="barred") as here:
        account = here.sealed(1)
        here.books.on(unsealed)
        row = {"individual_account_no": account, "contribution_base": "8,000.00"}
        assert here.apply("UnsealAccounts", row) == [code]
