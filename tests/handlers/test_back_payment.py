"""补缴 (SX-13.1, CX-U26, DZ-U-07): who, which months, how much; and then paid like a 汇缴."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from engine.calendar import ZONE
from engine.database import transaction
from forms.payments_roster import BackPayment
from forms.rosters import checking
from forms.rosters.base import Desk, Row
from handlers.contributions import allocating, back_paying
from handlers.contributions.back_paying import REASONS
from handlers.members.models import IndividualAccount
from handlers.rosters.applying import Application
from handlers.rosters.models import Roster
from tests.builders import members, units
from tests.builders.books import BRANCH, CLERK, UNIT
from tests.builders.dues import Dues, owing
from tests.builders.members import OTHER_UNIT, name_of, resident_id
from tests.conftest import Clock

MONTHLY = 128_000
CAP = 576_000  # 8,000.00 × 3 × 12 % × 2


@pytest.fixture
def changed() -> dict[str, str]:
    return {}


@pytest.fixture
def dues(database_url: str, clock: Clock, changed: dict[str, str]) -> Iterator[Dues]:
    with owing(database_url, clock, **changed) as made:
        yield made


def paid(dues: Dues, *numbers: int) -> list[IndividualAccount]:
    """These people, March to May 2026 paid; it is 2026-05-20."""
    people = dues.people(*numbers)
    dues.pay("2026-05")
    dues.books.on("2026-05-20")
    return people


def desk(dues: Dues, choices: Mapping[str, str] | None = None, **options: Any) -> Desk:
    dues.session.rollback()
    return Desk(
        session=dues.session,
        actor=CLERK,
        scope=f"unit:{UNIT}",
        branch=BRANCH,
        today=dues.rt.clock().astimezone(ZONE).date(),
        texts=units.texts(options=options),
        choices=choices or {},
    )


def row(seq: int = 1, **texts: str) -> Row:
    typed = {"month": "2026-04", "amount_monthly": "100.00", "reason": "漏缴"} | texts
    return Row(seq=seq, texts={name: text for name, text in typed.items() if text})


def checked(dues: Dues, *rows: Row, **more: Any) -> list[Row]:
    checking.check(desk(dues, **more), BackPayment, list(rows))
    return list(rows)


def codes(found: Row) -> list[str]:
    return [problem.code for problem in found.problems]


def work(dues: Dues, **choices: str) -> Application:
    return Application(
        rt=dues.rt,
        actor=CLERK,
        no="K-1",
        key="roster:1",
        scope=f"unit:{UNIT}",
        branch=BRANCH,
        choices=dict(choices),
        accepted_on=dues.rt.clock().astimezone(ZONE).date(),
        today=dues.rt.clock().astimezone(ZONE).date(),
    )


def apply(dues: Dues, *rows: Row, pieces: int = 100, **choices: str) -> list[str]:
    """What each row was refused for, "" for one that was taken; piece by piece, then the end."""
    lines = [checking.to_line(one) for one in rows]
    outcomes: list[str] = []
    for start in range(0, len(lines), pieces):
        with transaction(dues.session):
            found = back_paying.assess_rows(work(dues, **choices), lines[start : start + pieces])
            outcomes += [one.code if one else "" for one in found]
    with transaction(dues.session):
        back_paying.assessed(work(dues), Roster())
    return outcomes


# ── rows ────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("how", ["individual_account_no", "id_no", "person_name"])
def test_a_member_is_found_by_number_paper_or_name(dues: Dues, how: str) -> None:
    (anna,) = paid(dues, 1)
    said = {
        "individual_account_no": anna.individual_account_no,
        "id_no": resident_id(1),
        "person_name": name_of(1),
    }
    (found,) = checked(dues, row(**{how: said[how]}))
    assert found.problems == []
    assert found.values["individual_account_no"] == anna.individual_account_no
    assert (found.amount_cents, found.values["total"]) == (10_000, "100.00")


def test_a_range_of_months_is_summed(dues: Dues) -> None:
    """CX-U26"""
    paid(dues, 1)
    (found,) = checked(dues, row(person_name=name_of(1), month="2026-03", month_to="2026-05"))
    assert (found.problems, found.amount_cents) == ([], 30_000)


def test_somebody_of_another_unit_is_not_found(dues: Dues) -> None:
    paid(dues, 1)
    (stranger,) = dues.people(2, unit_account_no=OTHER_UNIT)
    (found,) = checked(dues, row(individual_account_no=stranger.individual_account_no))
    assert codes(found) == ["changes.not_found"]


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ({"month": "2026-06"}, "back_paying.late"),
        ({"month": "2025-12"}, "back_paying.early"),
        ({"month": "2026-05", "month_to": "2026-04"}, "back_paying.order"),
        ({"amount_monthly": "0"}, "back_paying.amount"),
        ({"amount_monthly": "4480.01"}, "contribution.back_payment"),
        ({"reason": ""}, "back_paying.reason"),
    ],
)
def test_what_a_row_is_refused_for(dues: Dues, texts: dict[str, str], code: str) -> None:
    """SX-13.1: this year, not later than 缴至年月, not above the month's cap."""
    paid(dues, 1)
    (found,) = checked(dues, row(person_name=name_of(1), **texts))
    assert codes(found) == [code]


def test_exactly_the_cap_is_allowed_with_what_was_paid_already(dues: Dues) -> None:
    paid(dues, 1)
    (found,) = checked(dues, row(person_name=name_of(1), amount_monthly="4480.00"))
    assert found.problems == []


def test_what_was_paid_before_there_were_remittances_counts_too(dues: Dues) -> None:
    (anna,) = dues.people(1)
    members.remit(dues.books, "2026-02", anna, cents=CAP - 100)
    dues.pay("2026-05")
    dues.books.on("2026-05-20")
    first, second = checked(
        dues,
        row(1, person_name=name_of(1), month="2026-02", amount_monthly="1.00"),
        row(2, person_name=name_of(1), month="2026-02", amount_monthly="0.01"),
    )
    assert (codes(first), codes(second)[0]) == ([], "contribution.back_payment")


@pytest.mark.parametrize(
    ("changed", "allowed"),
    [
        ({"back_payment_span": "fund_year"}, "2025-07"),
        ({"back_payment_span": "any"}, "2019-01"),
    ],
)
def test_how_far_back_is_the_centres_rule(dues: Dues, allowed: str) -> None:
    paid(dues, 1)
    (found,) = checked(dues, row(person_name=name_of(1), month=allowed))
    assert found.problems == []


@pytest.mark.parametrize("changed", [{"back_payment_span": "any"}])
def test_a_month_the_centre_has_no_cap_for_goes_to_the_counter(dues: Dues) -> None:
    paid(dues, 1)
    (found,) = checked(dues, row(person_name=name_of(1), month="2015-12"))
    assert codes(found) == ["back_paying.terms"]


def test_a_unit_that_never_paid_has_nothing_to_pay_back(dues: Dues) -> None:
    dues.people(1)
    assert [one.code for one in BackPayment.gate(desk(dues))] == ["back_paying.never"]


def test_one_kind_for_all_rows_where_the_centre_asks_so(dues: Dues) -> None:
    """CX-U26: 补缴类型 first"""
    paid(dues, 1)
    asked = {"reason_for_all": True, "methods": "realtime,advance"}
    assert [one.name for one in BackPayment.choose(desk(dues, **asked))] == ["reason", "method"]
    (found,) = checked(dues, row(person_name=name_of(1), reason=""), **asked)
    assert codes(found) == ["back_paying.kind"]
    chosen = {"reason": "02", "method": "advance"}
    (found,) = checked(dues, row(person_name=name_of(1), reason=""), choices=chosen, **asked)
    assert found.problems == []


# ── assessed, paid, posted ──────────────────────────────────────────────────────────────────────
def test_rows_become_one_assessment_and_money_reaches_the_members(dues: Dues) -> None:
    people = paid(dues, 1, 2, 3)
    rows = checked(
        dues,
        row(1, person_name=name_of(1), month="2026-03", month_to="2026-05"),
        row(2, person_name=name_of(2), amount_monthly="33.33"),
    )
    assert apply(dues, *rows, pieces=1) == ["", ""]
    made = dues.remittances()[-1]
    assert (made.kind, made.state, made.headcount, made.total_cents) == (
        *("back_payment", "assessed"),
        *(4, 33_333),
    )
    assert (made.month, made.month_to, made.reason) == ("2026-03", "2026-05", REASONS["01"])
    assert [(one.position, one.unit_cents, one.individual_cents) for one in dues.lines(made)] == [
        *((place, 5_000, 5_000) for place in (1, 2, 3)),
        (4, 1_667, 1_666),
    ]
    payment = dues.register()
    dues.arrive(payment.amount_cents)
    dues.settle(payment)
    assert [dues.saved(one) - 3 * MONTHLY for one in people] == [30_000, 3_333, 0]
    assert dues.paid_through() == ["2026-05"]
    dues.whole()


def test_half_an_assessment_cannot_be_paid(dues: Dues) -> None:
    paid(dues, 1)
    rows = [checking.to_line(one) for one in checked(dues, row(person_name=name_of(1)))]
    with transaction(dues.session):
        back_paying.assess_rows(work(dues), rows)
    assert dues.remittances()[-1].state == "awaiting"
    assert allocating.payments.payable(dues.session, UNIT) == []


def test_rows_are_judged_again_when_they_are_applied(dues: Dues) -> None:
    """Two rosters, each within the cap, together above it."""
    paid(dues, 1)
    one = checked(dues, row(person_name=name_of(1), amount_monthly="4000.00"))
    two = checked(dues, row(person_name=name_of(1), amount_monthly="480.01"))
    assert apply(dues, *one) == [""]
    assert apply(dues, *two) == ["contribution.back_payment"]
    assert len(dues.remittances()) == 4  # March, April, May, and one back payment


def test_an_application_without_a_single_right_row_assesses_nothing(dues: Dues) -> None:
    paid(dues, 1)
    found = row(person_name="查无此人")
    assert apply(dues, *checked(dues, found)) == ["changes.not_found"]
    assert {one.kind for one in dues.remittances()} == {"remittance"}
