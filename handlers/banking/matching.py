"""What arrived money is for: the unit's payment that waits for exactly this sum.

Pure choice (`fit`), then its consequences.  Nothing is guessed: a sum that fits nothing stays in
suspense (汇补缴不符暂存款, SX-7.3) with a sentence that says what it was compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from engine.runtime import Actor, Runtime
from handlers.amounts import money_text
from handlers.banking import payments, receiving
from handlers.banking.models import AWAITING, BANK_SLIP, DEBITING, TRANSFER, BankReceipt, Payment
from handlers.contributions import allocating
from handlers.contributions.models import ASSESSED, REMITTANCE, Remittance


@dataclass(frozen=True, slots=True)
class Due:
    """One thing money may be for.  `payment` 0: assessed months nobody registered a payment for."""

    cents: int
    payment: int = 0
    slip_no: str = ""
    remittances: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Fit:
    """`together`: the sum fits only with everything else the unit has in suspense."""

    due: Due
    together: bool = False


def fit(cents: int, before_cents: int, slip_no: str, dues: Sequence[Due]) -> Fit | str:
    """What a sum is for, or the sentence why not; `before_cents` lies in suspense already.

    In this order: the payment whose slip number the payer wrote; the oldest due of the same sum;
    either of them paid in parts.
    """
    named = [due for due in dues if slip_no and due.slip_no == slip_no]
    if named and named[0].cents not in (cents, cents + before_cents):
        return (
            f"缴款单 {slip_no} 应缴 {money_text(named[0].cents)} 元，"
            f"到账 {money_text(cents)} 元，金额不符，请与中心核对。"
        )
    for due in named or dues:
        if due.cents == cents:
            return Fit(due)
    for due in named or dues:
        if before_cents and due.cents == cents + before_cents:
            return Fit(due, together=True)
    if not dues:
        return "单位没有待缴款的汇缴或补缴，请先核定，再由中心处理这笔款项。"
    nearest = min(dues, key=lambda due: abs(due.cents - cents))
    return (
        f"到账 {money_text(cents)} 元，待缴 {money_text(nearest.cents)} 元，"
        f"相差 {money_text(abs(nearest.cents - cents))} 元，请与中心核对。"
    )


def dues(rt: Runtime, unit_account_no: str) -> list[Due]:
    """Everything the unit may be paying now, oldest first.

    Registered payments, then assessed months without one: each run of them that begins with the
    oldest, and each back payment by itself (SX and QDN pay without registering).
    """
    session = rt.session
    waiting = session.scalars(
        select(Payment)
        .where(
            Payment.unit_account_no == unit_account_no,
            Payment.state == AWAITING,
            Payment.method.in_((TRANSFER, BANK_SLIP)),
        )
        .order_by(Payment.id)
        .with_for_update()
    ).all()
    found = [Due(one.amount_cents, one.id, one.slip_no) for one in waiting]
    assessed = session.scalars(
        select(Remittance)
        .where(Remittance.unit_account_no == unit_account_no, Remittance.state == ASSESSED)
        .order_by(Remittance.month, Remittance.id)
        .with_for_update()
    ).all()
    run: list[Remittance] = []
    for one in assessed:
        if one.kind != REMITTANCE:
            found.append(Due(one.total_cents, remittances=(one.id,)))
            continue
        run.append(one)
        found.append(
            Due(sum(each.total_cents for each in run), remittances=tuple(each.id for each in run))
        )
    if len(assessed) > len(run) > 0:
        everything = tuple(each.id for each in assessed)
        found.append(Due(sum(each.total_cents for each in assessed), remittances=everything))
    return [due for due in found if due.cents]


def match(rt: Runtime, actor: Actor, receipt: BankReceipt, *, no: str) -> bool:
    """Use a receipt for what it fits; False when it stays in suspense.  The unit is locked."""
    suspended = receiving.open_receipts(rt.session, receipt.unit_account_no)
    before = sum(one.open_cents for one in suspended if one.id != receipt.id)
    slip = receiving.slip_in(receipt.memo)
    if _debiting(rt, receipt.unit_account_no, slip):
        receipt.why = f"缴款单 {slip} 正在实时扣款，等银行答复后入账。"
        return False
    found = fit(receipt.open_cents, before, slip, dues(rt, receipt.unit_account_no))
    if isinstance(found, str):
        receipt.why = found[:200]
        return False
    used = suspended if found.together else [receipt]
    payment = _payment(rt, actor, receipt, found.due)
    if payment.method == BANK_SLIP:
        # DZ-U-06.6: the centre accepts when it has the slip; the money waits for that decision.
        receipt.why, receipt.payment_id = "已到账，待中心受理", payment.id
        return False
    for one in used:
        one.settled_no = no
    allocating.settle(rt, actor, payment, source="suspense", receipts=used)
    return True


def _debiting(rt: Runtime, unit_account_no: str, slip: str) -> bool:
    """The statement was faster than the bank's answer: the debit comes for its money itself."""
    same = (Payment.slip_no == slip, Payment.unit_account_no == unit_account_no)
    query = select(Payment.id).where(*same, Payment.state == DEBITING)
    return bool(slip) and rt.session.scalar(query) is not None


def _payment(rt: Runtime, actor: Actor, receipt: BankReceipt, due: Due) -> Payment:
    """The registered payment, or one made for months nobody registered, named by the receipt."""
    if due.payment:
        return rt.session.get_one(Payment, due.payment)
    remittances = [rt.session.get_one(Remittance, each) for each in due.remittances]
    return payments.register(
        rt, actor, receipt.unit_account_no, remittances, method=TRANSFER, no=receipt.no
    )
