"""预缴 (CX-U24b): money a unit has with the fund before it owes anything.

It lies on the unit's advance account; a 汇缴 or 补缴 paid by 预缴户转出 takes it from there.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.errors import Conflict, HallError, OperationFailed, Problem, Refused
from engine.operations import Call, operation
from handlers.amounts import money_text
from handlers.banking import payments, receiving, spending
from handlers.banking.models import CANCELLED, DECLINED, PAID
from handlers.contributions.assessing import held_unit, starter
from handlers.contributions.models import POSTING, Remittance, RemittanceLine
from handlers.ledger import accounts, posting
from handlers.ledger.drafts import Draft, Line

SUSPENSE, ADVANCE = "suspense", "advance"  # what a payment may be paid from
_OVER = Problem("payments.over", "缴款单已取消或扣款失败，请重新办理预缴。")


def free_cents(session: Session, unit_account_no: str) -> int:
    """What the unit has in advance, less what is being posted from it."""
    account = accounts.find(session, ADVANCE, unit_account_no)
    if account is None:
        return 0
    session.refresh(account)
    line = RemittanceLine
    reserved = session.scalar(
        select(func.coalesce(func.sum(line.unit_cents + line.individual_cents), 0))
        .join(Remittance, Remittance.id == line.remittance_id)
        .where(
            Remittance.unit_account_no == unit_account_no,
            Remittance.state == POSTING,
            Remittance.source == ADVANCE,
            line.position > Remittance.allocated,
        )
    )
    return account.balance_cents - int(reserved or 0)


def short(session: Session, unit_account_no: str, cents: int) -> Problem | None:
    """Why the advance account cannot pay so much."""
    free = free_cents(session, unit_account_no)
    if free >= cents:
        return None
    text = (
        f"预缴户可用 {money_text(free)} 元，应缴 {money_text(cents)} 元，余额不足，请先办理预缴。"
    )
    return Problem("advancing.short", text, "method")


def require(session: Session, unit_account_no: str, cents: int) -> None:
    """Raises Refused unless there is so much; the unit is locked."""
    problem = short(session, unit_account_no, cents)
    if problem is not None:
        raise Refused(problem)


@operation("payments/credit_advance")
def credit(call: Call) -> dict[str, Any]:
    """The debited money of the request goes from suspense to the unit's advance account, once."""
    unit = held_unit(call)
    rt, actor = call.rt, starter(call)
    payment = payments.locked(call.session, payments.own(call).id)
    try:
        if payment.state in (CANCELLED, DECLINED):
            raise Conflict(_OVER)
        spending.use(rt, actor, payment)
        lines = (
            Line(receiving.suspense(rt, unit), -payment.amount_cents),
            Line(receiving.advance(rt, unit), payment.amount_cents),
        )
        draft = Draft(
            key=f"advance:{payment.id}",
            business="advance_deposit",
            branch_code=payment.branch_code,
            lines=lines,
            unit_account_no=unit.unit_account_no,
            memo=f"公积金预缴{payment.remark}",
            business_no=payment.no,
        )
        posting.post(rt, actor, draft)
    except HallError as refusal:
        raise OperationFailed(*refusal.problems) from refusal
    today = rt.clock().astimezone(ZONE).date()
    payment.state, payment.paid_on = PAID, payment.paid_on or today
    return {"pending": False, "ok": True, "text": payments.words(payment)}
