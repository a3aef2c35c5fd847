"""汇缴核定 (XZ-2.4a, SX-12.1, QDN-03.1) and 取消核定 (SX-14.1, QDN-03.2)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.database import transaction
from engine.errors import Refused
from handlers.banking import payments
from handlers.contributions import assessing, cancelling, summary
from handlers.contributions.models import AnnualAssessment
from handlers.rosters import store
from handlers.rosters.store import Line
from handlers.units import queries as units
from tests.builders import members
from tests.builders.books import CLERK, UNIT
from tests.builders.dues import Dues, owing
from tests.builders.members import OTHER_UNIT
from tests.conftest import Clock

MONTHLY = 128_000


@pytest.fixture
def changed() -> dict[str, str]:
    """What this centre's parameters say otherwise."""
    return {}


@pytest.fixture
def dues(database_url: str, clock: Clock, changed: dict[str, str]) -> Iterator[Dues]:
    with owing(database_url, clock, **changed) as made:
        yield made


def refusal(dues: Dues, through: str, **more: str) -> str:
    with pytest.raises(Refused) as refused:
        dues.assess(through, **more)
    return refused.value.code


def summed(dues: Dues, month: str) -> dict[str, tuple[int, int]]:
    one = next(each for each in dues.remittances() if each.month == month)
    return {line["name"]: (line["headcount"], line["cents"]) for line in one.summary}


def cancel(dues: Dues, which: str) -> int:
    with transaction(dues.session):
        units.locked_unit(dues.session, UNIT)
        return cancelling.cancel(dues.rt, CLERK, UNIT, which, no="C-1")


def test_a_month_has_a_line_for_everybody_who_is_normal(dues: Dues) -> None:
    anna, bert, _ = dues.people(1, 2, 3)
    members.do(dues.books, "seal", bert.individual_account_no, reason="01")
    (march,) = dues.assess("2026-03")
    assert (march.headcount, march.total_cents) == (2, 2 * MONTHLY)
    assert [line.position for line in dues.lines(march)] == [1, 2]
    first = dues.lines(march)[0]
    assert (first.individual_account_id, first.unit_cents) == (anna.id, 64_000)
    assert first.base_cents == 800_000


def test_a_frozen_member_is_due_for_the_freeze_bars_the_owner(dues: Dues) -> None:
    anna, bert = dues.people(1, 2)
    members.do(dues.books, "freeze", anna.individual_account_no)
    members.do(dues.books, "seal", bert.individual_account_no, reason="01")
    members.do(dues.books, "freeze", bert.individual_account_no)
    (march,) = dues.assess("2026-03")
    assert [line.individual_account_id for line in dues.lines(march)] == [anna.id]


def test_who_is_paid_for_by_another_unit_is_not_due_twice(dues: Dues) -> None:
    anna, bert = dues.people(1, 2)
    with transaction(dues.session):
        bert.paid_through_month = "2026-03"
    march, april = dues.assess("2026-04")
    assert [one.headcount for one in (march, april)] == [1, 2]
    assert summed(dues, "2026-04")[summary.INCREASE] == (1, MONTHLY)
    assert dues.lines(march)[0].individual_account_id == anna.id


def test_the_summary_tells_last_month_and_every_reason_why_this_one_differs(dues: Dues) -> None:
    """XZ-2.4a"""
    people = dues.people(1, 2, 3)
    dues.assess("2026-03")
    dues.people(4)
    members.do(dues.books, "seal", people[0].individual_account_no, reason="01")
    with transaction(dues.session):
        people[1].unit_monthly_amount_cents -= 4_000
    dues.assess("2026-04")
    assert summed(dues, "2026-04") == {
        "上月正常汇缴": (3, 3 * MONTHLY),
        "本月增加汇缴": (1, MONTHLY),
        "本月调整基数": (1, -4_000),
        "本月减少汇缴": (1, MONTHLY),
        "本月正常汇缴": (3, 3 * MONTHLY - 4_000),
        "本月补缴": (0, 0),
    }


def test_several_months_at_once_are_one_record_each(dues: Dues) -> None:
    """DZ-U-06.4"""
    dues.people(1)
    assert [one.month for one in dues.assess("2026-05")] == ["2026-03", "2026-04", "2026-05"]
    assert [len(dues.lines(one)) for one in dues.remittances()] == [1, 1, 1]
    assert summed(dues, "2026-05")[summary.LAST] == (1, MONTHLY)


def test_months_are_consecutive_and_later_than_what_is_paid(dues: Dues) -> None:
    """SX-12.1"""
    dues.people(1)
    dues.assess("2026-03")
    assert refusal(dues, "2026-03") == "assessing.again"
    assert refusal(dues, "2026-10") == "assessing.gap"
    assert refusal(dues, "gestern") == "assessing.month"
    with transaction(dues.session) as session:
        unit = units.unit(session, UNIT)
        assert unit is not None
        unit.paid_through_month = "2026-06"
    assert refusal(dues, "2026-05") == "assessing.again"
    assert [one.month for one in dues.assess("2026-07")] == ["2026-07"]


@pytest.mark.parametrize("changed", [{"remit_months_max": "1"}])
def test_where_the_centre_allows_one_month_two_are_refused(dues: Dues) -> None:
    dues.people(1)
    assert refusal(dues, "2026-04") == "assessing.gap"
    assert len(dues.assess("2026-03")) == 1


def test_a_very_large_unit_assesses_fewer_months_at_once(
    dues: Dues, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line of every month is written before the page answers."""
    dues.people(1, 2)
    monkeypatch.setattr(assessing, "LINES_AT_ONCE_MAX", 5)
    assert refusal(dues, "2026-05") == "assessing.gap"
    assert len(dues.assess("2026-04")) == 2
    monkeypatch.setattr(assessing, "LINES_AT_ONCE_MAX", 1)
    assert len(dues.assess("2026-05")) == 1


def test_nobody_assesses_further_ahead_than_a_year(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-08")
    dues.assess("2027-02")
    dues.assess("2027-03")
    assert refusal(dues, "2027-04") == "assessing.ahead"


def test_a_new_unit_begins_with_the_month_its_first_member_was_opened_in(dues: Dues) -> None:
    dues.people(1)
    dues.books.on("2026-05-04")
    unit = units.unit(dues.session, UNIT)
    assert unit is not None
    assert assessing.next_month(dues.session, unit, dues.asked("").day) == "2026-03"


def test_a_unit_without_members_or_in_deferral_is_refused(dues: Dues) -> None:
    assert refusal(dues, "2026-03") == "assessing.nobody"
    dues.people(1)
    with transaction(dues.session) as session:
        unit = units.unit(session, UNIT)
        assert unit is not None
        unit.unit_status = "03"
    assert refusal(dues, "2026-03") == "units.deferred"


@pytest.mark.parametrize("changed", [{"fund_year_gate": "annual_assessment"}])
def test_july_waits_for_the_annual_assessment(dues: Dues) -> None:
    """SX-12.1"""
    dues.people(1)
    dues.assess("2026-06")
    assert refusal(dues, "2026-07") == "assessing.fund_year"
    with transaction(dues.session) as session:
        numbers = dict.fromkeys(
            *[("headcount", "old_base_cents", "new_base_cents", "old_amount_cents")], 1
        )
        now = dues.rt.clock()
        session.add(
            AnnualAssessment(
                unit_account_no=UNIT,
                branch_code="QDN01",
                fund_year=2026,
                no="Y-1",
                new_amount_cents=1,
                assessed_on=now.date(),
                assessed_at=now,
                assessed_by="x",
                **numbers,
            )
        )
    assert len(dues.assess("2026-07")) == 1


@pytest.mark.parametrize("changed", [{"remit_gate": "unfinished"}])
def test_rosters_not_submitted_are_named_before_a_month_is_assessed(dues: Dues) -> None:
    """QDN-03.1"""
    dues.people(1)
    with transaction(dues.session) as session:
        roster = store.open_roster(
            dues.rt,
            CLERK,
            "seal_accounts",
            "contributions.SealAccounts",
            scope=f"unit:{UNIT}",
            branch="QDN01",
        )
        store.add(session, roster, [Line(values={})])
    with pytest.raises(Refused, match="封存 1 条") as refused:
        dues.assess("2026-03")
    assert refused.value.code == "assessing.unsubmitted"
    dues.people(2, unit_account_no=OTHER_UNIT)
    assert len(dues.assess("2026-03", unit=OTHER_UNIT)) == 1  # it is not theirs


def test_what_was_assessed_is_cancelled_newest_first(dues: Dues) -> None:
    """SX-14.1, QDN-03.2"""
    dues.people(1)
    dues.assess("2026-05")
    assert cancel(dues, "2026-04") == 2
    assert [state for _, state in dues.states()] == ["assessed", "cancelled", "cancelled"]
    assert [one.month for one in dues.assess("2026-04")] == ["2026-04"]


def test_what_is_being_paid_is_not_cancelled(dues: Dues) -> None:
    """SX-14.1"""
    dues.people(1)
    first, _ = dues.assess("2026-04")
    payment = dues.register(first)
    with pytest.raises(Refused) as refused:
        cancel(dues, "2026-03")
    assert refused.value.code == "cancelling.state"
    assert cancel(dues, "2026-04") == 1
    with transaction(dues.session):
        assert payments.release(dues.rt, CLERK, payment)
    assert cancel(dues, "2026-03") == 1
