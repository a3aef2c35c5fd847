"""What people and machines do to money at the wrong moment: none is lost, doubled or stuck."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from engine.boxes import job_desk
from engine.database import transaction
from engine.errors import Conflict, OperationFailed, Refused
from engine.models import Job
from engine.owed import jobs
from handlers.banking import receiving
from handlers.banking.models import REALTIME, BankReceipt
from handlers.contributions import allocating, unposting
from handlers.contributions.models import Remittance
from handlers.ledger import accounts
from handlers.members.models import IndividualAccount
from tests.builders.books import BRANCH, CLERK, UNIT
from tests.builders.dues import Dues
from tests.builders.members import OTHER_UNIT
from tests.handlers.test_bank_desk import decide, row, take_in
from tests.handlers.test_unposting import undo

MONTHLY = 128_000


def open_cents(dues: Dues) -> int:
    """What receipts say is without a purpose: the books must say the same."""
    dues.session.rollback()
    open_ = select(func.coalesce(func.sum(BankReceipt.open_cents), 0))
    return dues.session.scalar(open_.where(BankReceipt.unit_account_no == UNIT)) or 0


def test_a_posting_under_way_is_not_cancelled(dues: Dues, small_pieces: None) -> None:
    """Half a month posted and the rest never: nobody could put that right."""
    dues.people(1, 2, 3, 4, 5)
    dues.assess("2026-03")
    payment = dues.register()
    dues.arrive(payment.amount_cents)
    assert dues.settle(payment)
    job = dues.session.scalars(select(Job.id)).one()
    assert not job_desk.view(dues.rt, CLERK, job).cancellable
    dues.session.rollback()
    with pytest.raises(Conflict) as refused:
        job_desk.cancel(dues.rt, CLERK, job)
    assert "不能取消" in refused.value.text
    dues.work()
    assert dues.states() == [("2026-03", "posted")]
    dues.whole()


def test_one_of_two_is_not_undone_while_the_other_is_being_posted(
    dues: Dues, small_pieces: None
) -> None:
    """The job that posts would post again what was just taken back."""
    people = dues.people(1, 2)
    dues.assess("2026-04")
    march, april = dues.remittances()
    with transaction(dues.session):  # an old back payment stands before them in the order of months
        back = dues.session.get_one(Remittance, march.id)
        back.kind, back.month_to = "back_payment", "2026-03"
    payment = dues.register()
    dues.arrive(payment.amount_cents)
    assert dues.settle(payment)
    job = dues.session.scalars(select(Job.id)).one()
    with transaction(dues.session):
        assert allocating.step(dues.rt, CLERK, payment)  # the first month is in
    assert [state for _, state in dues.states()] == ["posted", "posting"]
    with pytest.raises(Refused) as refused:
        undo(dues, march)
    assert refused.value.code == "unposting.under_way"
    assert jobs.run_one(dues, job, clock=dues.rt.clock)
    assert [dues.saved(one) for one in people] == [2 * MONTHLY] * 2
    undo(dues, dues.remittances()[0])
    assert [dues.saved(one) for one in people] == [MONTHLY] * 2
    assert dues.balance("suspense") == open_cents(dues) == 2 * MONTHLY
    dues.whole()


@pytest.mark.parametrize("action", ["refund", "advance"])
def test_money_undone_is_found_again_when_its_rest_has_gone_elsewhere(
    dues: Dues, action: str
) -> None:
    """A receipt pays a month, its rest is sent back; then the month is undone."""
    dues.people(1)
    dues.assess("2026-03")
    payment = dues.register()
    receipt = dues.arrive(MONTHLY + 5_000)
    other = dues.arrive(7_000)
    dues.settle(payment, receipts=[receipt])
    decide(dues, receipt=receipt.id, treatment=action)
    decide(dues, receipt=other.id, treatment=action)
    undo(dues, dues.remittances()[0])
    assert dues.balance("suspense") == open_cents(dues) == MONTHLY
    first = dues.session.get_one(BankReceipt, receipt.id, populate_existing=True)
    assert (first.state, first.open_cents) == ("suspended", MONTHLY)
    dues.assess("2026-03")
    dues.settle(dues.register(no="P-2"))
    assert dues.balance("suspense") == open_cents(dues) == 0
    dues.whole()


def test_a_slip_paid_twice_leaves_the_second_sum_free(dues: Dues) -> None:
    """DZ-U-06.6: both wait for the centre; one is used, the other pays the next month."""
    dues.people(1)
    dues.assess("2026-03")
    payment = dues.register(method="bank_slip")
    memo = f"公积金 {payment.slip_no}"
    take_in(dues, row("S1", "1280.00", memo=memo), row("S2", "1280.00", memo=memo))
    dues.settle(payment)
    dues.assess("2026-04")
    dues.settle(dues.register(method="bank_slip", no="P-2"))
    assert [state for _, state in dues.states()] == ["posted", "posted"]
    assert dues.balance("suspense") == open_cents(dues) == 0


def test_money_of_a_debit_under_way_pays_nothing_else_when_the_statement_is_faster(
    dues: Dues,
) -> None:
    """The bank's line names the payment being debited; the next month owes the same sum."""
    dues.people(1)
    dues.assess("2026-04")
    march, _ = dues.remittances()
    payment = dues.register(march, method=REALTIME)
    with transaction(dues.session):
        payment.state = "debiting"
    assert take_in(dues, row("S1", "1280.00", memo=f"公积金{payment.slip_no}")) == [""]
    assert dues.states() == [("2026-03", "awaiting"), ("2026-04", "assessed")]
    (receipt,) = dues.session.scalars(select(BankReceipt)).all()
    assert (receipt.state, receipt.open_cents) == ("suspended", MONTHLY)
    assert payment.slip_no in receipt.why


def test_money_is_claimed_also_when_what_it_would_pay_cannot_be_posted(dues: Dues) -> None:
    (ann,) = dues.people(1)
    dues.assess("2026-03")
    with transaction(dues.session):
        accounts.close(dues.session, ann.ledger_account_id)
    take_in(dues, row("S1", "1280.00"))
    (receipt,) = dues.session.scalars(select(BankReceipt)).all()
    decide(dues, receipt=receipt.id, treatment="claim", unit_account_no=UNIT)
    dues.session.refresh(receipt)
    assert (receipt.state, receipt.unit_account_no) == ("suspended", UNIT)
    assert "取消核定" in receipt.why
    assert dues.balance("suspense") == MONTHLY


def test_a_receipt_of_another_branch_does_not_exist_for_this_one(dues: Dues) -> None:
    """A number typed over, and a form of another branch."""
    with transaction(dues.session):
        arrived = receiving.Arrived("X1", dues.rt.clock().date(), 500)
        strange = receiving.record(dues.rt, CLERK, "QDN99", arrived, no="B-9", unit="")
    with pytest.raises(OperationFailed, match="没有找到这笔到账"):
        decide(dues, receipt=strange.id, treatment="claim", unit_account_no=UNIT)


def test_a_month_is_not_taken_from_somebody_who_is_with_another_unit_now(dues: Dues) -> None:
    """The other unit would find its people poorer without anybody there having done anything."""
    ann, _ = dues.people(1, 2)
    dues.pay("2026-03")
    over = dues.books.account("interbranch")
    dues.books.post("internal_transfer", {ann.ledger_account_id: -MONTHLY, over: MONTHLY})
    with transaction(dues.session):
        dues.session.get_one(IndividualAccount, ann.id).unit_account_no = OTHER_UNIT
        to = {"branch_code": BRANCH, "unit_account_no": OTHER_UNIT}
        accounts.move(dues.session, ann.ledger_account_id, **to)
    dues.books.post("internal_transfer", {over: -MONTHLY, ann.ledger_account_id: MONTHLY})
    (march,) = dues.remittances()
    with pytest.raises(Refused, match="转出"):
        undo(dues, march)
    assert dues.states() == [("2026-03", "posted")]


def test_undo_of_a_posting_is_not_cancelled_halfway(dues: Dues, small_pieces: None) -> None:
    dues.people(1, 2, 3, 4, 5)
    dues.assess("2026-03")
    payment = dues.register()
    dues.arrive(payment.amount_cents)
    dues.settle(payment)
    dues.work()
    (march,) = dues.remittances()
    assert undo(dues, march)
    job = dues.session.scalars(select(Job.id).where(Job.kind == unposting.JOB)).one()
    dues.session.rollback()
    with pytest.raises(Conflict):
        job_desk.cancel(dues.rt, CLERK, job)
    dues.work()
    assert dues.states() == [("2026-03", "cancelled")]
    dues.whole()
