"""The finance desk: a statement is taken in, what fits is posted, the rest is cleared by hand.

DZ-U-06.6, XZ-2.4c (matching), SX-7.3 (suspense), CX-U24a (agreements), CX-U25b (the cheque).
"""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from engine.calendar import ZONE
from engine.database import transaction
from engine.errors import HallError, OperationFailed
from engine.operations import Call
from handlers.banking import clearing, receiving
from handlers.banking.models import BankReceipt, DebitAgreement
from handlers.ledger import accounts
from handlers.rosters.applying import Application
from handlers.rosters.store import Line
from handlers.units.models import Unit
from tests.builders.books import BRANCH, CLERK, UNIT
from tests.builders.dues import Dues
from tests.builders.members import OTHER_UNIT

MONTHLY = 128_000


def take_in(dues: Dues, *rows: dict[str, str], no: str = "B-1") -> list[str]:
    """The statement as its applier gets it; why rows were refused, "" for the others."""
    with transaction(dues.session):
        today = dues.rt.clock().astimezone(ZONE).date()
        work = Application(
            rt=dues.rt,
            actor=CLERK,
            no=no,
            key="roster:1",
            scope=f"branch:{BRANCH}",
            branch=BRANCH,
            choices={},
            accepted_on=today,
            today=today,
        )
        lines = [Line(row, seq=n) for n, row in enumerate(rows, 1)]
        return [problem.text if problem else "" for problem in clearing.take_in(work, lines)]


def row(serial: str, amount: str, **more: str) -> dict[str, str]:
    return {"bank_serial": serial, "arrived_on": "2026-03-02", "amount_in": amount} | more


def decide(dues: Dues, **values: Any) -> dict[str, Any]:
    instance: Any = SimpleNamespace(
        no="C-1", scope=f"branch:{BRANCH}", starter_id=CLERK.id, starter_name=CLERK.name
    )
    said = {name: str(value) for name, value in values.items()}
    with transaction(dues.session):
        call = Call(dues.rt, instance, CLERK, "1:clear:1", {"values": said}, {})
        return clearing.clear(call)


def receipts(dues: Dues) -> list[BankReceipt]:
    dues.session.rollback()
    dues.session.expire_all()
    return list(dues.session.scalars(select(BankReceipt).order_by(BankReceipt.id)))


def name_of(dues: Dues) -> str:
    return dues.session.scalars(select(Unit.unit_name).where(Unit.unit_account_no == UNIT)).one()


def test_xz_2_4c_money_that_fits_a_registered_payment_is_posted_to_everybody(dues: Dues) -> None:
    ann, bob = dues.people(1, 2)
    dues.assess("2026-03")
    payment = dues.register()
    assert take_in(dues, row("S1", "2560.00", memo=f"公积金 {payment.slip_no}")) == [""]
    assert dues.states() == [("2026-03", "posted")]
    assert (dues.saved(ann), dues.saved(bob)) == (MONTHLY, MONTHLY)
    assert dues.balance("suspense") == 0
    assert dues.balance("bank", BRANCH) == -2 * MONTHLY
    dues.whole()


def test_sx_and_qdn_pay_without_registering_the_oldest_months_first(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-05")
    assert take_in(dues, row("S1", "2560.00", memo=f"单位账号{UNIT}")) == [""]
    assert dues.states() == [
        ("2026-03", "posted"),
        ("2026-04", "posted"),
        ("2026-05", "assessed"),
    ]
    dues.whole()


def test_the_payer_is_known_by_name_whatever_brackets_the_bank_writes(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-03")
    take_in(dues, row("S1", "1280.00", payer_name=name_of(dues)))
    assert dues.states() == [("2026-03", "posted")]


def test_an_account_that_has_paid_for_one_unit_is_known_the_next_time(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-04")
    account = "6222020000000001234"
    take_in(dues, row("S1", "1280.00", payer_account_no=account, memo=UNIT))
    take_in(dues, row("S2", "1280.00", payer_account_no=account))
    assert [state for _, state in dues.states()] == ["posted", "posted"]


def test_whoever_imports_what_another_desk_is_just_importing_is_told_so(
    dues: Dues, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one's row is there only when ours is about to be stored."""
    take_in(dues, row("S1", "1280.00", memo=UNIT), row("S2", "5.00"))
    monkeypatch.setattr(receiving, "known_serials", lambda *_: set())
    twice = take_in(dues, row("S1", "1280.00", memo=UNIT), row("S2", "5.00"), row("S3", "6.00"))
    assert twice == [
        "流水号 S1 已经导入过，没有重复入账。",
        "流水号 S2 已经导入过，没有重复入账。",
        "",
    ]
    assert dues.balance("bank", BRANCH) == -MONTHLY
    dues.whole()


def test_a_statement_imported_twice_counts_once(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-03")
    again = row("S1", "1280.00", memo=UNIT)
    assert take_in(dues, again, again) == ["", "流水号 S1 已经导入过，没有重复入账。"]
    assert take_in(dues, again) == ["流水号 S1 已经导入过，没有重复入账。"]
    assert dues.balance("bank", BRANCH) == -MONTHLY


def test_sx_7_3_money_that_fits_nothing_stays_in_suspense_and_says_why(dues: Dues) -> None:
    (ann,) = dues.people(1)
    dues.assess("2026-03")
    take_in(dues, row("S1", "1279.00", memo=UNIT))
    (receipt,) = receipts(dues)
    assert (receipt.state, receipt.open_cents) == ("suspended", 127_900)
    assert receipt.why == "到账 1,279.00 元，待缴 1,280.00 元，相差 1.00 元，请与中心核对。"
    assert (dues.balance("suspense"), dues.saved(ann)) == (127_900, 0)
    assert take_in(dues, row("S2", "1.00", memo=UNIT)) == [""]
    assert dues.states() == [("2026-03", "posted")], "the rest has arrived"
    assert dues.balance("suspense") == 0
    dues.whole()


def test_nobodys_money_waits_to_be_claimed_and_is_then_used(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-03")
    take_in(dues, row("S1", "1280.00", payer_name="某某劳务公司"))
    (receipt,) = receipts(dues)
    assert (receipt.state, receipt.why) == ("unclaimed", "没有找到缴款单位，请认领")
    assert dues.balance("bank", BRANCH) == 0, "not booked before anybody knows whose it is"
    decide(dues, receipt=receipt.id, treatment="claim", unit_account_no=UNIT)
    assert dues.states() == [("2026-03", "posted")]
    dues.whole()


def test_dz_u_06_6_money_for_a_bank_slip_waits_for_the_centre(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-03")
    payment = dues.register(method="bank_slip")
    take_in(dues, row("S1", "1280.00", memo=payment.slip_no))
    (receipt,) = receipts(dues)
    assert (receipt.state, receipt.why) == ("suspended", "已到账，待中心受理")
    assert dues.states() == [("2026-03", "awaiting")]
    assert not dues.settle(payment)
    assert dues.states() == [("2026-03", "posted")]


def test_surplus_is_used_for_a_payment_and_the_rest_is_sent_back(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-03")
    payment = dues.register()
    take_in(dues, row("S1", "1300.00", memo=UNIT))
    (receipt,) = receipts(dues)
    decide(dues, receipt=receipt.id, treatment="settle", payment=payment.id)
    assert dues.states() == [("2026-03", "posted")]
    assert dues.balance("suspense") == 2_000
    decide(dues, receipt=receipt.id, treatment="refund")
    (receipt,) = receipts(dues)
    assert (receipt.state, receipt.open_cents) == ("refunded", 0)
    assert (dues.balance("suspense"), dues.balance("bank", BRANCH)) == (0, -MONTHLY)
    dues.whole()


def test_cx_u25b_the_cheque_of_the_treasury_goes_to_the_advance_account(dues: Dues) -> None:
    take_in(dues, row("S1", "5000.00", memo=UNIT))
    (receipt,) = receipts(dues)
    decide(dues, receipt=receipt.id, treatment="advance")
    assert (dues.balance("advance"), dues.balance("suspense")) == (500_000, 0)
    assert receipts(dues)[0].state == "cleared"
    dues.whole()


def test_what_was_decided_about_a_receipt_is_not_decided_again(dues: Dues) -> None:
    take_in(dues, row("S1", "5000.00", memo=UNIT))
    (receipt,) = receipts(dues)
    decide(dues, receipt=receipt.id, treatment="refund")
    for action in ("refund", "advance", "claim"):
        with pytest.raises(OperationFailed, match="审批期间已被处理"):
            decide(dues, receipt=receipt.id, treatment=action, unit_account_no=UNIT)
    with pytest.raises(OperationFailed, match="没有找到这笔到账"):
        decide(dues, receipt=4711, treatment="refund")


def test_a_payment_of_another_unit_is_not_paid_with_this_ones_money(dues: Dues) -> None:
    take_in(dues, row("S1", "1280.00", memo=OTHER_UNIT))
    dues.people(1)
    dues.assess("2026-03")
    payment = dues.register()
    (receipt,) = receipts(dues)
    with pytest.raises(HallError, match="没有找到这个单位待收款的缴款单"):
        decide(dues, receipt=receipt.id, treatment="settle", payment=payment.id)
    assert dues.states() == [("2026-03", "awaiting")]


def test_a_receipt_used_in_part_meanwhile_is_not_topped_up_with_other_money(dues: Dues) -> None:
    """What was reviewed is this receipt, not whatever else the unit has in suspense."""
    dues.people(1)
    dues.assess("2026-03")
    take_in(dues, row("S1", "900.00", memo=UNIT), row("S2", "500.00", memo=UNIT))
    payment = dues.register()
    first, _ = receipts(dues)
    with pytest.raises(HallError, match="余款不足以缴款"):
        decide(dues, receipt=first.id, treatment="settle", payment=payment.id)
    assert [one.open_cents for one in receipts(dues)] == [90_000, 50_000]
    assert dues.states() == [("2026-03", "awaiting")]


def test_money_is_kept_in_suspense_when_its_payment_cannot_be_posted(dues: Dues) -> None:
    (ann,) = dues.people(1)
    dues.assess("2026-03")
    payment = dues.register()
    with transaction(dues.session):
        accounts.close(dues.session, ann.ledger_account_id)
    assert take_in(dues, row("S1", "1280.00", memo=payment.slip_no)) == [""]
    (receipt,) = receipts(dues)
    assert receipt.state == "suspended"
    assert receipt.why
    assert dues.balance("suspense") == MONTHLY


def test_cx_u24a_a_new_agreement_ends_the_former(dues: Dues) -> None:
    instance: Any = SimpleNamespace(no="D-1", scope=f"branch:{BRANCH}", starter_name="财务甲")
    for since, number in (("2026-01-05", "5200 1234"), ("2026-03-01", "52005678")):
        values = {
            "unit_account_no": UNIT,
            "bank_name": "建设银行凯里分行",
            "bank_account_no": number,
            "account_name": "某公司",
            "since": since,
        }
        with transaction(dues.session):
            call = Call(dues.rt, instance, CLERK, "1:sign:1", {"values": values}, {})
            clearing.sign(call)
    found = dues.session.scalars(select(DebitAgreement).order_by(DebitAgreement.id)).all()
    assert [(one.bank_account_no, one.until) for one in found] == [
        ("52001234", date(2026, 3, 1)),
        ("52005678", None),
    ]
