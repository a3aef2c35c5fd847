"""汇缴 that assesses and pays at once: 楚雄 by debit or from 预缴户, 达州 with its rosters."""

from __future__ import annotations

import pytest

from engine.database import transaction
from handlers.contributions import allocating
from handlers.ledger import accounts
from tests.bpmn import tills
from tests.bpmn.desks import Desk, Open, typed
from tests.bpmn.tills import NO_MONEY, Bank, arrive, held, panels, payment, remittances, sign

KEY = "remit"
MONTHLY = 128_000
JUNE = {"paid_through_month": "2026-06"}
SLIP = ("remittance_change_form",)


@pytest.fixture
def cx(house: Open) -> Desk:
    desk = house("chuxiong").unit(**JUNE)
    desk.member()
    desk.member()
    return desk


@pytest.fixture
def dz(house: Open) -> Desk:
    desk = house("dazhou").unit(**JUNE)
    desk.member()
    return desk


# ── 楚雄 ────────────────────────────────────────────────────────────────────────────────────────
def test_cx_u25a_the_bank_debits_and_everybody_is_credited(cx: Desk, bank: Bank) -> None:
    sign(cx)
    shown = panels(cx, KEY, through="2026-08", method="realtime")["缴款金额"]
    assert [row[1] for row in shown] == ["5,120.00", "5,120.00", "0.00", "0.00"]
    no = cx.apply(KEY, through="2026-08", method="realtime")
    assert (cx.case(no).status, payment(cx).state) == ("running", "debiting")
    cx.house.run_jobs()
    assert (cx.case(no).status, payment(cx).state) == ("completed", "paid")
    assert remittances(cx) == [
        ("remittance", "2026-07", "posted"),
        ("remittance", "2026-08", "posted"),
    ]
    assert [order.amount_cents for order in bank.asked] == [4 * MONTHLY]
    assert (held(cx, "suspense"), cx.unit.paid_through_month) == (0, "2026-08")


def test_cx_u25a_a_debit_declined_leaves_nothing_behind(cx: Desk, bank: Bank) -> None:
    sign(cx)
    bank.empty = True
    no = cx.apply(KEY, through="2026-07", method="realtime")
    cx.house.run_jobs()
    assert (cx.case(no).status, payment(cx).state) == ("refused", "declined")
    assert payment(cx).result == NO_MONEY
    assert remittances(cx) == [("remittance", "2026-07", "cancelled")]
    bank.empty = False
    again = cx.apply(KEY, through="2026-07", method="realtime")
    cx.house.run_jobs()
    assert cx.case(again).status == "completed"


def test_cx_u24a_without_an_agreement_no_debit_is_offered(cx: Desk, bank: Bank) -> None:
    _, problems = cx.judged(KEY, through="2026-07", method="realtime")
    assert problems == ["本单位没有签约缴存银行账户，请先到中心柜台办理签约，或选择其他缴款方式。"]
    assert bank.asked == []


def test_cx_u25b_the_cheque_is_booked_in_advance_and_then_remitted(cx: Desk) -> None:
    """The centre's finance puts the cheque's money on the advance account."""
    _, problems = cx.judged(KEY, through="2026-07", method="advance")
    assert problems == ["预缴户可用 0.00 元，应缴 2,560.00 元，余额不足，请先办理预缴。"]
    arrive(cx, 2 * MONTHLY)
    _cleared(cx, "advance")
    assert held(cx, "advance") == 2 * MONTHLY
    no = cx.apply(KEY, through="2026-07", method="advance")
    assert cx.case(no).status == "completed"
    assert (held(cx, "advance"), remittances(cx)) == (0, [("remittance", "2026-07", "posted")])


def test_cx_u25c_two_parts_paid_in_advance_are_remitted_together(cx: Desk, bank: Bank) -> None:
    sign(cx)
    for amount in ("1,000.00", "2,000.00"):
        cx.apply("advance_deposit", amount=amount)
        cx.house.run_jobs()
    no = cx.apply(KEY, through="2026-07", method="advance")
    assert (cx.case(no).status, held(cx, "advance")) == ("completed", 300_000 - 2 * MONTHLY)


def test_cx_u25a_many_people_are_posted_in_the_background(
    cx: Desk, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocating, "AT_ONCE_LINES", 1)
    sign(cx)
    no = cx.apply(KEY, through="2026-07", method="realtime")
    cx.house.run_jobs()
    assert (cx.case(no).status, remittances(cx)[0][2]) == ("completed", "posted")
    cx.house.verify()


def test_cx_u25a_money_debited_for_an_account_that_is_gone_stays_the_units(
    cx: Desk, bank: Bank
) -> None:
    """Nobody is there to read a refusal: the request ends, the money waits in suspense."""
    sign(cx)
    gone = cx.member()
    no = cx.apply(KEY, through="2026-07", method="realtime")
    _turn(cx, gone, "closed")
    cx.house.run_jobs()
    _turn(cx, gone, "open")  # others verify the same books
    assert (cx.case(no).status, held(cx, "suspense")) == ("refused", 3 * MONTHLY)
    assert remittances(cx) == [("remittance", "2026-07", "cancelled")]
    assert len(bank.asked) == 1


def _turn(desk: Desk, member: str, status: str) -> None:
    """What the guards of every business keep from happening."""
    with desk.rt() as rt, transaction(rt.session):
        ledger = accounts.locked(rt.session, desk.account(member).ledger_account_id)
        ledger.status = status


def _cleared(desk: Desk, treatment: str) -> None:
    """财务岗 decides about the unit's newest receipt, somebody else confirms."""
    house, branch = desk.house, desk.unit.branch_code
    who = house.staff("财务岗", branch=branch)
    receipt = tills.newest_receipt(desk)
    typed_ = {"receipt": str(receipt), "treatment": treatment, "reason": "支票款"}
    no = tills.staff_apply(house, who, "suspense_clearing", branch, **typed_)
    desk.approve(no, "归集复核岗", other_than=who)


# ── 达州 ────────────────────────────────────────────────────────────────────────────────────────
def test_dz_u_06_4_months_are_checked_one_by_one_before_they_are_handed_in(dz: Desk) -> None:
    shown = panels(dz, KEY, through="2026-09")
    assert [row[0] for row in shown["逐月金额"]] == [f"2026 年 {month} 月" for month in (7, 8, 9)]
    no = dz.apply(KEY, through="2026-09", materials=SLIP)
    assert (dz.case(no).status, remittances(dz)) == ("running", [])


def test_dz_u_06_5_the_change_form_has_to_be_uploaded(dz: Desk) -> None:
    _, problems = dz.judged(KEY, through="2026-07")
    assert problems == ["请上传“汇缴基数变更表”。"]


def test_dz_u_06_6_accepted_when_the_bank_slip_is_there(dz: Desk) -> None:
    """DZ-U-06.1 to 06.3: what was prepared takes effect with it."""
    (opened,) = dz.type("open_accounts", dz.person(contribution_base="5,000.00"))
    assert typed(opened) == []
    shown = panels(dz, KEY, through="2026-07")
    assert shown["一并递交的清册"] == [["个人开户", "1", "0", "800.00"]]
    assert shown["清册生效后预计"] == [["2026 年 7 月", "2", "2,080.00"]]
    no = dz.apply(KEY, through="2026-07", materials=SLIP)
    assert dz.lines("open_accounts") == []
    assert dz.heads == (1, 0)
    arrive(dz, 208_000)
    first = dz.house.staff("财务岗")
    dz.approve(no, "财务岗")
    dz.approve(no, "归集审核岗", other_than=first)
    assert dz.case(no).status == "completed"
    assert (dz.heads, remittances(dz)) == ((2, 0), [("remittance", "2026-07", "posted")])
    assert held(dz, "suspense") == 0


def test_dz_u_06_3_bases_and_seals_go_along_and_are_foreseen(dz: Desk) -> None:
    """DZ-U-06.2: the base once a year, DZ-U-06.3: seal, unseal"""
    stays, leaves = dz.member(), dz.member()
    base = {"individual_account_no": stays, "contribution_base": "10,000.00"}
    for key, row in (
        ("base_adjustment", base),
        ("seal_accounts", {"individual_account_no": leaves, "reason": "退休"}),
    ):
        (line,) = dz.type(key, row)
        assert typed(line) == []
    shown = panels(dz, KEY, through="2026-07")["清册生效后预计"]
    assert shown == [["2026 年 7 月", "2", "2,880.00"]]
    no = dz.apply(KEY, through="2026-07", materials=SLIP)
    arrive(dz, 288_000)
    dz.approve(no, "财务岗")
    dz.approve(no, "归集审核岗", other_than=dz.house.staff("财务岗"))
    assert (dz.case(no).status, dz.heads) == ("completed", (2, 1))
    assert dz.balance(stays).balance_cents == 160_000
    assert dz.balance(leaves).balance_cents == 0


def test_dz_u_06_6_refused_nothing_has_changed(dz: Desk) -> None:
    dz.type("open_accounts", dz.person(contribution_base="5,000.00"))
    no = dz.apply(KEY, through="2026-07", materials=SLIP)
    dz.refuse(no, "财务岗", "没有收到回单")
    assert (dz.case(no).status, dz.heads, remittances(dz)) == ("refused", (1, 0), [])
