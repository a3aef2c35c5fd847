"""Requests taken back or ended while their money is on its way: it is posted once, or lies in
suspense; never both, never neither."""

from __future__ import annotations

from unittest.mock import patch

import pytest

import engine
from engine import Actor
from engine.errors import HallError
from engine.owed.outbox import Retry
from handlers.banking import debiting
from handlers.contributions import allocating
from tests.bpmn.desks import Desk, Open
from tests.bpmn.tills import Bank, arrive, held, payment, remittances, sign, withdraw

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
def xz(house: Open) -> Desk:
    desk = house("xizang").unit(**JUNE)
    desk.member()
    desk.member()
    desk.apply("remittance_assessment", through="2026-07")
    return desk


def terminate(desk: Desk, no: str) -> None:
    admin = Actor("staff:900", "流程管理员甲", frozenset({("流程管理员", "*")}))
    with desk.rt() as rt:
        engine.terminate(rt, admin, no, reason="误办，请重新办理")


def test_a_debit_under_way_is_neither_withdrawn_nor_ended(cx: Desk, bank: Bank) -> None:
    sign(cx)
    no = cx.apply("remit", through="2026-07", method="realtime")
    with pytest.raises(HallError, match="不能撤回"):
        withdraw(cx, no)
    with pytest.raises(HallError, match="银行正在扣款"):
        terminate(cx, no)
    cx.house.run_jobs()
    assert (cx.case(no).status, payment(cx).state, len(bank.asked)) == ("completed", "paid", 1)
    assert held(cx, "suspense") == 0
    cx.house.verify()


def test_debited_but_terminated_before_the_request_heard_of_it(cx: Desk, bank: Bank) -> None:
    sign(cx)
    no = cx.apply("remit", through="2026-07", method="realtime")
    with patch.object(debiting, "_tell", side_effect=Retry("没有说完就断了", after=60)):
        cx.house.run_jobs()
    terminate(cx, no)
    assert cx.case(no).status == "ended"
    cx.house.clock.advance(minutes=10)
    cx.house.run_jobs()
    assert [state for _, _, state in remittances(cx)] == ["cancelled"]
    assert (held(cx, "suspense"), len(bank.asked)) == (2 * MONTHLY, 1)
    again = cx.apply("remit", through="2026-07", method="realtime")
    cx.house.run_jobs()
    assert cx.case(again).status == "completed"
    assert held(cx, "suspense") == 2 * MONTHLY, "the first debit waits for a clerk"
    cx.house.verify()


@pytest.mark.parametrize("lines", [1_000, 1])
def test_money_that_has_arrived_is_not_withdrawn_from(
    xz: Desk, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    """Also while it is posted piece by piece, or the message is still on its way."""
    monkeypatch.setattr(allocating, "AT_ONCE_LINES", lines)
    monkeypatch.setattr(allocating, "PIECE_LINES", 1)
    no = xz.apply("payment", through="2026-07", method="transfer")
    with patch.object(type(xz.house), "run_jobs", lambda _: 0):
        arrive(xz, 2 * MONTHLY)
    assert payment(xz).state == "paid"
    with pytest.raises(HallError, match="正在计入职工账户"):
        withdraw(xz, no)
    xz.house.run_jobs()
    assert (xz.case(no).status, held(xz, "suspense")) == ("completed", 0)
    xz.house.verify()


def test_a_payment_ended_while_it_is_posted_is_posted_all_the_same(
    xz: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocating, "AT_ONCE_LINES", 1)
    monkeypatch.setattr(allocating, "PIECE_LINES", 1)
    no = xz.apply("payment", through="2026-07", method="transfer")
    with patch.object(type(xz.house), "run_jobs", lambda _: 0):
        arrive(xz, 2 * MONTHLY)
    terminate(xz, no)
    xz.house.run_jobs()
    assert xz.case(no).status == "ended"
    assert [state for _, _, state in remittances(xz)] == ["posted"]
    assert held(xz, "suspense") == 0
    xz.house.verify()


def test_a_withdrawn_payment_whose_money_comes_later_pays_the_months_all_the_same(xz: Desk) -> None:
    no = xz.apply("payment", through="2026-07", method="transfer")
    slip = payment(xz).slip_no
    withdraw(xz, no)
    assert [state for _, _, state in remittances(xz)] == ["assessed"]
    arrive(xz, 2 * MONTHLY, memo=slip)
    assert [state for _, _, state in remittances(xz)] == ["posted"]
    assert held(xz, "suspense") == 0
    xz.house.verify()


def test_dz_u_06_rosters_of_a_returned_remit_are_not_lost(house: Open) -> None:
    """What went along the first time goes along the second time, with what was added meanwhile."""
    desk = house("dazhou").unit(**JUNE)
    desk.member()
    desk.type("open_accounts", desk.person(contribution_base="5,000.00"))
    no = desk.apply("remit", through="2026-07", materials=SLIP)
    with desk.rt() as rt:
        who = desk.house.staff("财务岗")
        engine.return_to(rt, who, desk.task(no).id, node="fill", opinion="回单不清楚")
    (line,) = desk.type("open_accounts", desk.person(contribution_base="5,000.00"))
    assert line.sound
    data, _ = desk.judged("remit", materials=SLIP, through="2026-07")
    with desk.rt() as rt:
        engine.submit(rt, desk.operator, desk.task(no).id, data=data, summary="")
    arrive(desk, 128_000 + 2 * 80_000)
    desk.approve(no, "财务岗")
    desk.approve(no, "归集审核岗", other_than=desk.house.staff("财务岗"))
    assert (desk.case(no).status, desk.heads) == ("completed", (3, 0))
    assert held(desk, "suspense") == 0
