"""What a unit has in suspense is used for a payment: receipts are drawn upon, oldest first.

`open_cents` of a receipt is what of it has no purpose yet; it goes down when the money is reserved,
before the vouchers that move it are posted.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.errors import Problem, Refused
from engine.runtime import Actor, Runtime
from handlers.amounts import money_text
from handlers.banking import receiving
from handlers.banking.models import MATCHED, BankReceipt, Payment


def use(rt: Runtime, actor: Actor, payment: Payment, given: Sequence[BankReceipt] = ()) -> None:
    """Reserve the money of a payment; unit and payment are locked.

    First `given`, then the payment's own receipts, then the unit's others.  One used up is matched
    with the payment, the rest of another stays in suspense.  Raises Refused when it is not enough.
    """
    usable = _usable(rt.session, payment, given)
    there = sum(one.open_cents for one in usable)
    missing = payment.amount_cents - there
    if missing > 0:
        text = (
            f"缴款单 {payment.slip_no} 应缴 {money_text(payment.amount_cents)} 元，"
            f"已到账可用 {money_text(there)} 元，"
            f"还差 {money_text(missing)} 元，请在到账后再办理。"
        )
        raise Refused(Problem("spending.short", text))
    left = payment.amount_cents
    for one in usable:
        if not left:
            if one.payment_id == payment.id:  # the slip was paid twice
                one.payment_id, one.why = None, f"缴款单 {payment.slip_no} 已缴清，多出的款项暂存。"
            continue
        if one.voucher_id is None:
            receiving.book(rt, actor, one, payment.unit_account_no)
        part = min(left, one.open_cents)
        left -= part
        one.open_cents -= part
        if one.open_cents:
            one.payment_id, one.why = None, f"已用 {money_text(part)} 元缴款，余款暂存。"
            continue
        one.state, one.payment_id, one.why = MATCHED, payment.id, ""
        one.settled_at, one.settled_by = rt.clock(), actor.name
        one.settled_no = one.settled_no or payment.no
    rt.session.flush()


def _usable(session: Session, payment: Payment, given: Sequence[BankReceipt]) -> list[BankReceipt]:
    """Held until commit.  Money that has arrived for another payment is not there for this one."""
    own = session.scalars(
        select(BankReceipt)
        .where(
            BankReceipt.unit_account_no == payment.unit_account_no,  # the index begins with it
            BankReceipt.payment_id == payment.id,
            BankReceipt.open_cents > 0,
        )
        .order_by(BankReceipt.id)
        .with_for_update()
    ).all()
    free = [
        one
        for one in receiving.open_receipts(session, payment.unit_account_no)
        if one.payment_id in (None, payment.id)
    ]
    found = {one.id: one for one in (*given, *own, *free)}
    return [one for one in found.values() if one.open_cents > 0]
