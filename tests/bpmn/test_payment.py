"""缴款登记 (XZ-2.4b), 到账匹配入账 (XZ-2.4c), 缴款确认 (XZ-3), to every end."""

from __future__ import annotations

import pytest

from engine.errors import HallError
from handlers.contributions import allocating
from tests.bpmn.desks import Desk, Open
from tests.bpmn.tills import arrive, choices, held, payment, remittances, withdraw

KEY, ASSESS = "payment", "remittance_assessment"
MONTHLY = 128_000
POSTED = [("remittance", "2026-07", "posted")]


@pytest.fixture
def desk(house: Open) -> Desk:
    """A unit of 西藏 that owes July for two people."""
    made = house("xizang").unit(paid_through_month="2026-06")
    made.member()
    made.member()
    made.apply(ASSESS, through="2026-07")
    return made


def register(desk: Desk) -> str:
    return desk.apply(KEY, through="2026-07", method="transfer")


def test_xz_2_4b_a_registered_payment_waits_for_the_money(desk: Desk) -> None:
    assert choices(desk, KEY, "method") == ["transfer"]
    no = register(desk)
    assert (desk.case(no).status, payment(desk).state) == ("running", "awaiting")
    assert payment(desk).amount_cents == 2 * MONTHLY
    assert remittances(desk) == [("remittance", "2026-07", "awaiting")]
    assert desk.told(no) == ["请汇款：2,560.00 元"]


def test_xz_2_4c_the_money_arrives_and_is_matched_and_posted(desk: Desk) -> None:
    no = register(desk)
    arrive(desk, 2 * MONTHLY, memo=f"公积金 {payment(desk).slip_no}")
    assert remittances(desk) == POSTED
    assert (desk.case(no).status, payment(desk).state) == ("completed", "paid")
    assert held(desk, "suspense") == 0
    assert desk.unit.paid_through_month == "2026-07"
    assert len(desk.told(no)) == 2  # the slip number, and the end


def test_xz_2_4c_a_sum_that_fits_nothing_stays_in_suspense(desk: Desk) -> None:
    no = register(desk)
    arrive(desk, MONTHLY)
    assert (desk.case(no).status, held(desk, "suspense")) == ("running", MONTHLY)
    arrive(desk, MONTHLY)  # the rest of it
    assert (desk.case(no).status, remittances(desk)) == ("completed", POSTED)


def test_xz_2_4c_many_people_are_posted_in_the_background(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocating, "AT_ONCE_LINES", 1)
    monkeypatch.setattr(allocating, "PIECE_LINES", 1)
    no = register(desk)
    arrive(desk, 2 * MONTHLY, memo=payment(desk).slip_no)
    assert (desk.case(no).status, remittances(desk)) == ("completed", POSTED)
    desk.house.verify()


def test_xz_3_a_withdrawn_payment_leaves_the_month_assessed(desk: Desk) -> None:
    no = register(desk)
    withdraw(desk, no)
    assert payment(desk).state == "cancelled"
    assert remittances(desk) == [("remittance", "2026-07", "assessed")]
    again = register(desk)
    assert desk.case(again).status == "running"


def test_xz_3_a_paid_month_is_not_paid_twice(desk: Desk) -> None:
    register(desk)
    _, problems = desk.judged(KEY, through="2026-07", method="transfer")
    assert problems == ["没有待缴款的汇缴或补缴，请先办理核定，再来登记缴款。"]


def test_xz_2_4b_while_it_is_posted_nobody_withdraws(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocating, "AT_ONCE_LINES", 1)
    monkeypatch.setattr(allocating, "step", lambda *_: True)
    no = register(desk)
    monkeypatch.setattr(type(desk.house), "run_jobs", lambda _: 0)
    arrive(desk, 2 * MONTHLY, memo=payment(desk).slip_no)
    assert payment(desk).state == "paid"
    with pytest.raises(HallError) as refused:
        withdraw(desk, no)
    assert refused.value.code == "payments.posting"
