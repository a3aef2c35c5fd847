"""缴款登记: a unit says how it pays what was assessed, and gets a slip number for its transfer.

A payment names its remittances and they wait for it (待收款); cancelled, they are free to be paid
otherwise.  What was assessed by the very request that also pays goes with it (CX: 汇缴 assesses and
pays at once).  Locks: unit, then payment, then remittances.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine import events
from engine.errors import Conflict, HallError, OperationFailed, Problem, Refused
from engine.operations import Call, operation
from engine.owed import messages
from engine.runtime import Actor, Runtime
from handlers.amounts import capitals, money_text, parse_money
from handlers.banking import debiting
from handlers.banking.models import (
    AWAITING,
    BANK_SLIP,
    CANCELLED,
    DEBITING,
    DECLINED,
    FOR_ADVANCE,
    METHODS,
    PAID,
    REALTIME,
    SUSPENDED,
    TRANSFER,
    UNCLAIMED,
    BankReceipt,
    DebitOrder,
    Payment,
)
from handlers.contributions import models as due
from handlers.contributions.assessing import held_unit, starter
from handlers.contributions.models import Remittance
from handlers.identifiers import luhn_check_digit
from handlers.rosters import store
from handlers.units import queries as units

SLIP = "JK"  # 缴款; then nine digits and their Luhn digit, so that a slip of the pen is no number
SLIP_DIGITS = 9
REMARK_CHARS_MAX = 120  # the column
RELEASED = "业务没有办成，缴款单已取消。"

_NOTHING = Problem("payments.nothing", "没有可以缴款的核定，请先办理汇缴核定或补缴核定。")
_TAKEN = Problem("payments.taken", "所选的核定已登记缴款或已取消，请刷新后重新选择。")
_DEBITING = Problem("payments.debiting", "银行正在扣款，有结果以前不能撤回或终止，请稍后再试。")


def slip_of(number: int) -> str:
    """JK0000000125 for payment 12: what the unit writes on its transfer."""
    digits = f"{number:0{SLIP_DIGITS}d}"
    assert len(digits) == SLIP_DIGITS, "more payments than slip numbers"
    return f"{SLIP}{digits}{luhn_check_digit(digits)}"


def of_request(session: Session, no: str) -> Payment | None:
    """The newest payment of a request."""
    return session.scalar(
        select(Payment).where(Payment.no == no).order_by(Payment.id.desc()).limit(1)
    )


def locked(session: Session, payment_id: int) -> Payment:
    """The payment, held until commit and read anew."""
    session.flush()
    return session.get_one(Payment, payment_id, with_for_update=True, populate_existing=True)


def payable(session: Session, unit_account_no: str) -> list[Remittance]:
    """What is assessed and not on its way to be paid, in the order it is to be paid."""
    found = session.scalars(
        select(Remittance)
        .where(Remittance.unit_account_no == unit_account_no, Remittance.state == due.ASSESSED)
        .order_by(Remittance.month, Remittance.id)
    )
    return list(found)


def chosen(owed: Sequence[Remittance], through: str) -> list[Remittance]:
    """Pure: what a choice of the form means; empty when it means nothing now.

    "all": everything; "2026-08": 汇缴 through this month; "b17": back payment 17.
    """
    if through == "all":
        return list(owed)
    if through.startswith("b"):
        return [one for one in owed if one.kind == due.BACK_PAYMENT and f"b{one.id}" == through]
    months = [one for one in owed if one.kind == due.REMITTANCE and one.month <= through]
    return months if months and months[-1].month == through else []


def register(
    rt: Runtime,
    actor: Actor,
    unit_account_no: str,
    remittances: Sequence[Remittance],
    *,
    method: str,
    no: str,
    remark: str = "",
) -> Payment:
    """One payment for these remittances, which await it from now on; the unit is locked.

    Raises Refused when there is nothing to pay, Conflict when somebody else was faster.
    """
    session = rt.session
    if not remittances:
        raise Refused(_NOTHING)
    held = _held(session, [one.id for one in remittances])
    if any(one.state != due.ASSESSED or one.unit_account_no != unit_account_no for one in held):
        raise Conflict(_TAKEN)
    total = sum(one.total_cents for one in held)
    branch = held[0].branch_code
    payment = _new(rt, actor, (unit_account_no, branch), (method, total), no=no, remark=remark)
    for one in held:
        one.state, one.payment_id = due.AWAITING, payment.id
    session.flush()
    return payment


def register_advance(
    rt: Runtime, actor: Actor, unit_account_no: str, cents: int, *, no: str, remark: str = ""
) -> Payment:
    """预缴 (CX-U24b): money for the unit's advance account, by real-time debit only."""
    unit = units.unit(rt.session, unit_account_no)
    assert unit is not None, "the caller holds it"
    where, what = (unit_account_no, unit.branch_code), (REALTIME, cents)
    payment = _new(rt, actor, where, what, no=no, remark=remark)
    payment.purpose = FOR_ADVANCE
    rt.session.flush()
    return payment


def _new(
    rt: Runtime,
    actor: Actor,
    where: tuple[str, str],
    what: tuple[str, int],
    *,
    no: str,
    remark: str,
) -> Payment:
    method, cents = what
    assert method in METHODS, method
    payment = Payment(
        no=no,
        slip_no=uuid4().hex[:20],  # until its own number is known
        unit_account_no=where[0],
        branch_code=where[1],
        method=method,
        amount_cents=cents,
        remark=remark[:REMARK_CHARS_MAX],
        registered_at=rt.clock(),
        registered_by=actor.name,
    )
    rt.session.add(payment)
    rt.session.flush()
    payment.slip_no = slip_of(payment.id)
    return payment


def _held(session: Session, ids: Sequence[int]) -> list[Remittance]:
    return list(
        session.scalars(
            select(Remittance)
            .where(Remittance.id.in_(ids))
            .order_by(Remittance.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def owed(session: Session, payment_id: int) -> list[Remittance]:
    """The remittances of a payment, held until commit, in the order they are posted."""
    return list(
        session.scalars(
            select(Remittance)
            .where(Remittance.payment_id == payment_id)
            .order_by(Remittance.month, Remittance.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def release(rt: Runtime, actor: Actor, payment: Payment, *, why: str = RELEASED) -> bool:
    """Cancel a payment nobody has settled: what awaited it is assessed again, or not assessed at
    all when the payment's own request had assessed it.  False when it is settled or over.

    Raises Refused while the bank may be moving the money.  What has arrived for it stays in
    suspense for the next payment.
    """
    session = rt.session
    units.locked_unit(session, payment.unit_account_no)
    payment = locked(session, payment.id)
    waiting = [one for one in owed(session, payment.id) if one.state == due.AWAITING]
    over = payment.state == CANCELLED or (payment.state == PAID and not waiting)
    if over or (payment.state == DECLINED and not waiting):
        return False
    if payment.state == DEBITING and _asking(session, payment):
        raise Refused(_DEBITING)
    for one in waiting:
        one.payment_id = None
        if one.assessed_no == payment.no:
            cancelled(one, rt.clock(), actor, payment.no)
        else:
            one.state = due.ASSESSED
    if payment.state != DECLINED:  # what the bank said stays to be read
        payment.state, payment.result = CANCELLED, why
    _set_free(session, payment)
    session.flush()
    return True


def cancelled(one: Remittance, now: datetime, actor: Actor, no: str) -> None:
    """It is owed no more; its lines stay to be read."""
    one.state, one.payment_id = due.CANCELLED, None
    one.cancelled_at, one.cancelled_by, one.cancelled_no = now, actor.name, no


def _asking(session: Session, payment: Payment) -> bool:
    living = select(func.count()).where(
        DebitOrder.payment_id == payment.id, DebitOrder.state.in_(("queued", "unknown"))
    )
    return bool(session.scalar(living))


def _set_free(session: Session, payment: Payment) -> None:
    """Money that has arrived for it already is the unit's, without a purpose."""
    for receipt in session.scalars(
        select(BankReceipt)
        .where(
            BankReceipt.unit_account_no == payment.unit_account_no,
            BankReceipt.payment_id == payment.id,
            BankReceipt.open_cents > 0,
        )
        .with_for_update()
    ):
        receipt.payment_id, receipt.why = None, "缴款单已取消，请处理这笔款项。"
        receipt.state = UNCLAIMED if receipt.voucher_id is None else SUSPENDED


def _over(event: events.Event) -> None:
    """A request that ends without having paid takes its payment with it; while the money is being
    posted the applicant cannot withdraw any more."""
    session = event.session
    for payment in session.scalars(
        select(Payment).where(
            Payment.no == event.instance.no, Payment.state.in_((AWAITING, DEBITING, DECLINED, PAID))
        )
    ).all():
        ours = payment.unit_account_no == units.account_of(event.instance.scope)
        if ours and not release(event.rt, event.actor, payment):
            _not_while_posting(event, payment)


def _not_while_posting(event: events.Event, payment: Payment) -> None:
    if event.kind == "withdrawn" and payment.state == PAID:
        text = "款项已到账，正在计入职工账户，不能撤回。"
        raise Refused(Problem("payments.posting", text))


for _kind in ("withdrawn", "ended", "refused"):
    events.on(_kind)(_over)


# ── what diagrams call ──────────────────────────────────────────────────────────────────────────
@operation("payments/register")
def register_request(call: Call) -> dict[str, Any]:
    """Register what the request pays: what it has assessed itself, else what `values.through` names
    (see `chosen`); with `values.amount` alone, money for the advance account.

    Result: {"id", "slip_no", "method", "amount_cents"}.
    """
    unit = held_unit(call)
    values, actor = call.data["values"], starter(call)
    number, remark = unit.unit_account_no, str(values.get("remark", ""))
    try:
        if "amount" in values and "through" not in values:
            cents = parse_money(str(values["amount"]))
            if isinstance(cents, Problem):
                raise OperationFailed(cents)
            payment = register_advance(call.rt, actor, number, cents, no=call.no, remark=remark)
        else:
            open_ = payable(call.session, number)
            mine = [one for one in open_ if one.assessed_no == call.no]
            picked = mine or chosen(open_, str(values.get("through", "")))
            more = {"method": _method(call), "no": call.no, "remark": remark}
            payment = register(call.rt, actor, number, picked, **more)
    except HallError as refusal:
        raise OperationFailed(*refusal.problems) from refusal
    if payment.method in (TRANSFER, BANK_SLIP):
        _tell_slip(call, payment)
    return {
        "id": payment.id,
        "slip_no": payment.slip_no,
        "method": payment.method,
        "amount_cents": payment.amount_cents,
    }


def _tell_slip(call: Call, payment: Payment) -> None:
    """The applicant learns what to write on the transfer."""
    cents = payment.amount_cents
    body = (
        f"缴款单号 {payment.slip_no}，应缴 {money_text(cents)} 元（{capitals(cents)}）。"
        "汇款时请在附言中填写缴款单号，金额须与应缴金额一致，到账后计入职工账户。"
    )
    title, who = f"请汇款：{money_text(cents)} 元", call.instance.starter_id
    messages.about(call.rt, call.instance, who, title=title, body=body, channel="缴款")


def _method(call: Call) -> str:
    """By the form, by the diagram, by what was chosen for the roster (CX-U26), or the only one the
    centre offers."""
    method = call.data["values"].get("method") or call.params.get("method")
    if not method:
        roster = store.of_request(call.session, call.no)
        method = roster.choices.get("method") if roster else None
    if not method and call.rt.profile is not None:
        texts = call.rt.profile.services.get(call.instance.key)
        method = texts.options.get("methods") if texts else None
    if method not in METHODS:
        raise OperationFailed(Problem("payments.method", "请选择缴款方式。", "method"))
    return str(method)


@operation("payments/debit")
def debit(call: Call) -> dict[str, Any]:
    """Have the bank take the money of the request's payment; the message `debit_result` follows."""
    held_unit(call)
    try:
        order = debiting.order(call.rt, starter(call), own(call))
    except HallError as refusal:
        raise OperationFailed(*refusal.problems) from refusal
    call.session.flush()
    return {"order_no": order.order_no}


def own(call: Call) -> Payment:
    """The payment of the request; raises OperationFailed when it has none."""
    payment = of_request(call.session, call.no)
    if payment is None:
        text = "这件业务没有登记缴款，请退回重新办理。"
        raise OperationFailed(Problem("payments.none", text))
    return payment


def words(payment: Payment) -> str:
    """缴款单 JK0000000125，68,368.00 元"""
    return f"缴款单 {payment.slip_no}，{money_text(payment.amount_cents)} 元"
