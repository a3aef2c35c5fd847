"""The receipt of a debit: booked with the bank's answer, never twice for one serial number.

The same movement is on the day's statement too; whichever comes first writes the row.  The money
lies on the unit's suspense account, named for its payment, until the request uses it.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.runtime import SYSTEM, Runtime
from handlers.banking import receiving
from handlers.banking.gateways import Debited
from handlers.banking.models import (
    DEBITING,
    REALTIME,
    SUSPENDED,
    UNCLAIMED,
    BankReceipt,
    DebitAgreement,
    DebitOrder,
    Payment,
)

WAITING = "实时扣款，待入账"
NOBODYS = "业务已结束，实时扣款的款项无人使用，请核实后清理。"


def of_debit(
    rt: Runtime, payment: Payment, order: DebitOrder, debited: Debited
) -> BankReceipt | None:
    """The booked receipt of this debit; the caller holds unit, payment and order.

    None: the bank's serial number stands for money that has been used otherwise.
    """
    session, unit = rt.session, payment.unit_account_no
    receipt = _by_serial(session, payment.branch_code, debited.serial)
    if receipt is None:
        signed = session.get_one(DebitAgreement, order.agreement_id)
        arrived = receiving.Arrived(
            bank_serial=debited.serial,
            arrived_on=debited.debited_on,
            amount_cents=debited.amount_cents,
            payer_name=signed.account_name,
            payer_account_no=signed.bank_account_no,
            memo=f"公积金{payment.slip_no}",
            method=REALTIME,
        )
        receipt = receiving.record(
            rt, SYSTEM, payment.branch_code, arrived, no=payment.no, unit=unit
        )
    elif receipt.payment_id == payment.id:
        return receipt  # a person has matched it by the statement
    elif not _unused(receipt, unit, debited):
        return None
    elif receipt.state == UNCLAIMED:
        receiving.book(rt, SYSTEM, receipt, unit)
    waiting = payment.state == DEBITING
    receipt.method = REALTIME
    receipt.payment_id = payment.id if waiting else None
    receipt.why = WAITING if waiting else NOBODYS
    return receipt


def let_go(session: Session, payment: Payment, order: DebitOrder) -> None:
    """The request is over and never took the money: it stays in suspense for a clerk.  Part of the
    caller's transaction."""
    receipt = _by_serial(session, payment.branch_code, order.bank_serial)
    if receipt is not None and receipt.state == SUSPENDED and receipt.payment_id == payment.id:
        receipt.payment_id, receipt.why = None, NOBODYS


def _by_serial(session: Session, branch_code: str, serial: str) -> BankReceipt | None:
    query = select(BankReceipt).where(
        BankReceipt.branch_code == branch_code, BankReceipt.bank_serial == serial
    )
    return session.scalar(query.with_for_update())


def _unused(receipt: BankReceipt, unit_account_no: str, debited: Debited) -> bool:
    ours = receipt.state == UNCLAIMED or (
        receipt.state == SUSPENDED and receipt.unit_account_no == unit_account_no
    )
    whole = receipt.amount_cents == receipt.open_cents == debited.amount_cents
    return ours and whole and receipt.payment_id is None
