"""补缴 on the centres' own diagrams, to every end."""

from __future__ import annotations

import pytest

from engine.errors import HallError, Refused
from forms.rosters import editing
from tests.bpmn import tills
from tests.bpmn.desks import Open, typed
from tests.bpmn.tills import Bank, arrive, held, payment, remittances, sign

KEY = "back_payment"
JUNE = {"paid_through_month": "2026-06"}


def row(member: str, **texts: str) -> dict[str, str]:
    typed_ = {"reason": "漏缴", "month": "2026-03", "amount_monthly": "100.00"} | texts
    return {"individual_account_no": member} | typed_


def test_sx_13_1_a_single_back_payment_is_assessed_at_once(house: Open) -> None:
    desk = house("shaanxi").unit(**JUNE)
    member = desk.member(paid_through="2026-06")
    no = desk.file(KEY, row(member))
    assert desk.case(no).status == "completed"
    assert remittances(desk) == [("back_payment", "2026-03", "assessed")]


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ({"month": "2025-12"}, "网上只办理 2026-01 以后的补缴，更早的请到中心柜台办理。"),
        ({"month": "2026-07"}, "补缴月份不能晚于单位缴至年月 2026-06，以后的月份请办理汇缴。"),
        ({"amount_monthly": "99,999.00"}, "该月已缴 0.00 元，上限"),
    ],
)
def test_sx_13_1_what_is_refused(house: Open, texts: dict[str, str], sentence: str) -> None:
    desk = house("shaanxi").unit(**JUNE)
    (line,) = desk.type(KEY, row(desk.member(paid_through="2026-06"), **texts))
    assert typed(line)[0].startswith(sentence)


def test_sx_13_2_a_batch_is_paid_by_a_transfer_and_posted(house: Open) -> None:
    desk = house("shaanxi").unit(**JUNE)
    members = [desk.member(paid_through="2026-06") for _ in range(3)]
    desk.file(KEY, *(row(member, month_to="2026-04") for member in members))
    arrive(desk, 60_000)
    assert remittances(desk) == [("back_payment", "2026-03", "posted")]
    assert [desk.balance(member).balance_cents for member in members] == [20_000] * 3


def test_sx_14_1_a_back_payment_is_cancelled(house: Open) -> None:
    desk = house("shaanxi").unit(**JUNE)
    desk.file(KEY, row(desk.member(paid_through="2026-06")))
    (which,) = tills.choices(desk, "cancel_assessment", "which")
    desk.apply("cancel_assessment", which=which)
    assert remittances(desk) == [("back_payment", "2026-03", "cancelled")]


def test_xz_i_01_a_back_payment_is_registered_with_the_month(house: Open) -> None:
    desk = house("xizang").unit(**JUNE)
    member = desk.member(paid_through="2026-06")
    desk.file(KEY, row(member))
    desk.apply("remittance_assessment", through="2026-07")
    assert tills.choices(desk, "payment", "through")[-1] == "all"
    no = desk.apply("payment", through="all", method="transfer")
    assert payment(desk).amount_cents == 10_000 + 128_000
    arrive(desk, 138_000)
    assert desk.case(no).status == "completed"
    assert desk.balance(member).balance_cents == 138_000


def test_cx_u26_paid_by_debit(house: Open, bank: Bank) -> None:
    desk = house("chuxiong").unit(**JUNE)
    sign(desk)
    member = desk.member(paid_through="2026-06")
    typed_ = row(member, month_to="2026-05")
    del typed_["reason"]
    no = desk.file(KEY, typed_, reason="02", method="realtime")
    assert desk.case(no).status == "running"
    desk.house.run_jobs()
    assert (desk.case(no).status, remittances(desk)) == (
        "completed",
        [("back_payment", "2026-03", "posted")],
    )
    assert desk.balance(member).balance_cents == 30_000
    assert len(bank.asked) == 1


def test_cx_u26_kind_and_way_are_chosen_one_after_the_other(house: Open) -> None:
    desk = house("chuxiong").unit(**JUNE)
    typed_ = row(desk.member(paid_through="2026-06"))
    del typed_["reason"]
    roster = desk.roster(KEY)
    with desk.rt() as rt:
        editing.choose(rt, desk.operator, roster, {"reason": "02", "method": ""})
    (line,) = desk.type(KEY, typed_)
    assert typed(line) == []
    with pytest.raises(Refused, match="请先选择缴款方式"):
        desk.submit(KEY)


def test_cx_u26_a_debit_declined_leaves_nothing_behind(house: Open, bank: Bank) -> None:
    desk = house("chuxiong").unit(**JUNE)
    sign(desk)
    bank.empty = True
    no = desk.file(KEY, row(desk.member(paid_through="2026-06")), reason="02", method="realtime")
    desk.house.run_jobs()
    assert (desk.case(no).status, remittances(desk)[0][2]) == ("refused", "cancelled")


def test_cx_u26_paid_from_the_advance_account_if_it_holds_enough(house: Open, bank: Bank) -> None:
    desk = house("chuxiong").unit(**JUNE)
    sign(desk)
    member = desk.member(paid_through="2026-06")
    desk.type(KEY, row(member), reason="02", method="advance")
    with pytest.raises(HallError) as refused:
        desk.submit(KEY)
    assert refused.value.code == "advancing.short"
    desk.apply("advance_deposit", amount="150.00")
    desk.house.run_jobs()
    no = desk.submit(KEY)
    assert (desk.case(no).status, held(desk, "advance")) == ("completed", 5_000)
    assert len(bank.asked) == 1


def test_dz_u_07_accepted_when_the_bank_slip_is_there(house: Open) -> None:
    desk = house("dazhou").unit(**JUNE)
    member = desk.member(paid_through="2026-06")
    name = desk.account(member).person.person_name
    no = desk.file(KEY, row("", person_name=name), row("", person_name=name, month="2026-04"))
    assert (desk.case(no).status, remittances(desk)) == ("running", [])
    arrive(desk, 20_000)
    first = desk.house.staff("财务岗")
    desk.approve(no, "财务岗")
    desk.approve(no, "归集审核岗", other_than=first)
    assert (desk.case(no).status, desk.balance(member).balance_cents) == ("completed", 20_000)


def test_dz_u_07_refused_without_a_slip(house: Open) -> None:
    desk = house("dazhou").unit(**JUNE)
    no = desk.file(KEY, row(desk.member(paid_through="2026-06")))
    desk.refuse(no, "财务岗", "没有收到回单")
    assert (desk.case(no).status, remittances(desk)) == ("refused", [])
