"""预缴 (CX-U24b), to every end."""

from __future__ import annotations

import pytest

from tests.bpmn.desks import Desk, Open
from tests.bpmn.tills import Bank, held, panels, payment, sign

KEY = "advance_deposit"


@pytest.fixture
def desk(house: Open) -> Desk:
    return house("chuxiong").unit(paid_through_month="2026-06")


def test_cx_u24b_money_goes_from_the_signed_account_to_the_advance_account(
    desk: Desk, bank: Bank
) -> None:
    sign(desk)
    no = desk.apply(KEY, amount="3,880.00", remark="个人扣款部分")
    assert desk.case(no).status == "running"
    desk.house.run_jobs()
    assert (desk.case(no).status, payment(desk).state) == ("completed", "paid")
    assert (held(desk, "advance"), held(desk, "suspense")) == (388_000, 0)
    assert panels(desk, KEY)["预缴户"] == [["可用余额", "3,880.00"]]
    assert [order.amount_cents for order in bank.asked] == [388_000]
    desk.house.verify()


def test_cx_u24b_a_debit_declined_books_nothing(desk: Desk, bank: Bank) -> None:
    sign(desk)
    bank.empty = True
    no = desk.apply(KEY, amount="3,880.00")
    desk.house.run_jobs()
    assert (desk.case(no).status, payment(desk).state) == ("refused", "declined")
    assert held(desk, "advance") == 0


def test_cx_u24a_nothing_is_paid_in_advance_without_an_agreement(desk: Desk, bank: Bank) -> None:
    _, problems = desk.judged(KEY, amount="3,880.00")
    assert problems == ["本单位没有签约缴存银行账户，请先到中心柜台办理签约，或选择其他缴款方式。"]
    assert bank.asked == []


def test_cx_u24b_nothing_is_no_amount(desk: Desk, bank: Bank) -> None:
    sign(desk)
    _, problems = desk.judged(KEY, amount="0")
    assert problems == ["预缴金额应大于 0，请填写。"]
    assert bank.asked == []
