"""Real-time debit: ordered with the verb, done after its commit, once at the bank and once here.

Before the bank is asked the order says "unknown" in a committed transaction; from then on the bank
is first asked what became of it, and only a bank that knows no such order is given it again, under
the same number.  What the bank says at last is written together with the receipt, and only then is
the request told, once.  Whoever is killed in between leaves a lease that runs out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.database import transaction
from engine.errors import Problem, Refused
from engine.models import RUNNING_STATES, Instance
from engine.owed import outbox
from engine.owed.outbox import Job, Retry
from engine.runtime import SYSTEM, Actor, Runtime
from engine.verbs import occurrences
from handlers.banking import arrivals, circuit
from handlers.banking.agreements import agreement
from handlers.banking.gateways import (
    Answer,
    BankGateway,
    Debited,
    Declined,
    Order,
    Unknown,
    Untouched,
    build,
)
from handlers.banking.gateways.port import SETTLING, UNREACHABLE
from handlers.banking.models import (
    AWAITING,
    DEBITING,
    DECLINED,
    DebitAgreement,
    DebitOrder,
    Payment,
)
from handlers.banking.settings import BankSettings
from handlers.units import queries as units

KIND = "banking.debit"
RESULT = "debit_result"  # the message the diagram waits for; correlation: the request's number
SETTLING_SECONDS = 30  # a bank that says it is at it is asked again after so long
SETTLING_HOURS_MAX = 24  # then each question counts, and after the last an incident is opened
TEXT_CHARS_MAX = 200
_FINISHED = ("debited", "declined")
_log = logging.getLogger("hall.bank")


@dataclass(frozen=True, slots=True)
class Desk:
    """The bank's door in this process; None when this centre has none."""

    settings: BankSettings
    gateway: BankGateway | None


@dataclass(frozen=True, slots=True)
class Claim:
    """An order about to be asked about, copied out of the database."""

    unit_account_no: str
    at: datetime
    fresh: bool  # the bank has certainly never seen it
    order: Order


_desk = Desk(BankSettings(), None)


def configure(settings: BankSettings, gateway: BankGateway | None = None) -> None:
    """Once per process, before the first job runs; workers forked later inherit it."""
    global _desk  # noqa: PLW0603 - an outbox handler is found by name and cannot be handed objects
    _desk = Desk(settings, gateway or build(settings))


def available() -> bool:
    """Whether units may choose 实时结算 at all."""
    return _desk.gateway is not None


# ── ordering ───────────────────────────────────────────────────────────────────────────────────


def order(rt: Runtime, actor: Actor, payment: Payment) -> DebitOrder:
    """Owe the bank one debit of this payment; part of the caller's transaction.

    A payment being debited already keeps its order; one that was declined gets another.
    Raises Refused (`bank.closed`, `bank.no_agreement`, `payment.not_awaiting`).
    """
    session, now = rt.session, rt.clock()
    session.flush()
    session.refresh(payment, with_for_update=True)
    if not available():
        raise Refused(Problem("bank.closed", "本中心没有开通实时结算，请选择其他缴款方式。"))
    earlier = list(session.scalars(select(DebitOrder).where(DebitOrder.payment_id == payment.id)))
    living = next((one for one in earlier if one.state != "declined"), None)
    if living is not None:
        return living
    if payment.state not in (AWAITING, DECLINED):
        raise Refused(Problem("payment.not_awaiting", "这笔缴款不在待缴状态，请刷新后查看。"))
    signed = agreement(session, payment.unit_account_no, now.astimezone(ZONE).date())
    if signed is None:
        text = "本单位没有签约缴存银行账户，请先到中心柜台办理签约，或选择其他缴款方式。"
        raise Refused(Problem("bank.no_agreement", text))
    made = DebitOrder(
        order_no=f"{payment.slip_no}-{len(earlier) + 1}",
        payment_id=payment.id,
        agreement_id=signed.id,
        amount_cents=payment.amount_cents,
        ordered_at=now,
        ordered_by=actor.name,
    )
    session.add(made)
    payment.state, payment.result = DEBITING, ""
    outbox.put(
        session,
        KIND,
        {"order": made.order_no},
        key=f"{KIND}:{made.order_no}",
        now=now,
        instance_id=session.scalar(select(Instance.id).where(Instance.no == payment.no)),
    )
    return made


# ── performing ─────────────────────────────────────────────────────────────────────────────────


@outbox.handler(KIND)
def perform(job: Job) -> None:
    desk = _desk
    if desk.gateway is None:
        raise Retry("银行接口没有配置：请核对设置 [bank]")
    claim = _claim(job, desk.settings)
    if isinstance(claim, Retry):
        raise claim
    if claim is not None:
        # no session is open: a bank that takes twenty seconds must not hold a connection, nor the
        # write lock of a SQLite hall
        answer = _ask(desk.gateway, claim)
        wait = _record(job, claim, answer, desk.settings)
        if wait is not None:
            raise wait
    _tell(job)


def _claim(job: Job, settings: BankSettings) -> Claim | Retry | None:
    """Mark the order as one the bank may have seen; None when its end is known already."""
    now = job.now
    with job.session_factory() as session, transaction(session):
        payment, order = _locked(session, job.payload["order"])
        if order.state in _FINISHED:
            return None
        fresh = order.state == "queued"
        rest = circuit.rest(session, settings, now)
        if rest:
            if fresh and _too_late(order, settings, now):
                _decline(payment, order, _unreachable(), now)
                return None
            return Retry("银行接口没有应答，稍后再试", after=rest, counted=False)
        signed = session.get_one(DebitAgreement, order.agreement_id)
        order.state, order.asked_at = "unknown", now
        order.tries += 1
        asked = Order(
            order_no=order.order_no,
            amount_cents=order.amount_cents,
            payer_name=signed.account_name,
            payer_account_no=signed.bank_account_no,
            payer_bank=signed.bank_name,
            branch_code=payment.branch_code,
            memo=f"公积金{payment.slip_no}",
        )
        return Claim(payment.unit_account_no, now, fresh, asked)


def _locked(session: Session, order_no: str) -> tuple[Payment, DebitOrder]:
    """Payment first, as whoever cancels one does it."""
    query = select(DebitOrder).where(DebitOrder.order_no == order_no)
    payment_id = session.scalars(query).one().payment_id
    payment = session.get_one(Payment, payment_id, with_for_update=True)
    fresh = query.with_for_update().execution_options(populate_existing=True)
    return payment, session.scalars(fresh).one()


def _ask(gateway: BankGateway, claim: Claim) -> Answer:
    try:
        if not claim.fresh:
            known = gateway.query(claim.order.order_no)
            if not isinstance(known, Untouched):
                return known
        return gateway.debit(claim.order)
    except Exception:
        _log.exception("the gateway broke down over order %s", claim.order.order_no)
        return Unknown("银行接口程序出错")


def _record(job: Job, claim: Claim, answer: Answer, settings: BankSettings) -> Retry | None:
    """Write down what the bank said; a Retry when that is not the end of it."""
    now = job.now
    assert job.runtime is not None, "the workshop gives every outbox job a runtime"
    with job.session_factory() as session, transaction(session):
        if isinstance(answer, Debited):
            units.locked_unit(session, claim.unit_account_no)  # house order: the unit first
        payment, order = _locked(session, claim.order.order_no)
        if order.state in _FINISHED:
            return None  # somebody who took over our lease was told the same
        if isinstance(answer, Debited):
            misfit = _booked(job.runtime(session), payment, order, answer)
            if misfit is None:
                return None
            answer = misfit
        if isinstance(answer, Declined):
            _decline(payment, order, answer, now)
            return None
        if order.asked_at != claim.at:
            return Retry("扣款由另一个进程接手", after=outbox.LEASE_SECONDS, counted=False)
        order.text = answer.text[:TEXT_CHARS_MAX]
        if isinstance(answer, Unknown):
            order.code = answer.code
        else:
            order.code = UNREACHABLE
            if claim.fresh:
                order.state = "queued"
                if _too_late(order, settings, now):
                    _decline(payment, order, _unreachable(), now)
                    return None
        return _next_try(order, now)


def _next_try(order: DebitOrder, now: datetime) -> Retry:
    young = now - order.ordered_at < timedelta(hours=SETTLING_HOURS_MAX)
    if order.code == SETTLING and young:
        return Retry(order.text, after=SETTLING_SECONDS, counted=False)
    told = f"扣款指令 {order.order_no} 的结果不明，请向银行核实后重试：{order.text}"
    return Retry(told if order.state == "unknown" else order.text)


def _too_late(order: DebitOrder, settings: BankSettings, now: datetime) -> bool:
    return now - order.ordered_at > timedelta(seconds=settings.patience_seconds)


def _unreachable() -> Declined:
    return Declined(UNREACHABLE, "暂时无法连接银行，没有扣款，请稍后重新缴款。")


def _decline(payment: Payment, order: DebitOrder, why: Declined, now: datetime) -> None:
    order.state, order.code, order.finished_at = "declined", why.code, now
    order.text = why.text[:TEXT_CHARS_MAX]
    if payment.state == DEBITING:
        payment.state, payment.result = DECLINED, order.text


def _booked(rt: Runtime, payment: Payment, order: DebitOrder, debited: Debited) -> Unknown | None:
    """The money has moved: order and booked receipt say so together.  Unknown: it does not fit, and
    a person has to look."""
    if debited.amount_cents != order.amount_cents:
        return Unknown("银行答复的扣款金额与指令不符")
    if arrivals.of_debit(rt, payment, order, debited) is None:
        return Unknown(f"银行流水 {debited.serial} 已用于其他款项")
    order.state, order.bank_serial, order.finished_at = "debited", debited.serial, rt.clock()
    order.code = order.text = ""
    return None


# ── telling the request ────────────────────────────────────────────────────────────────────────


def _tell(job: Job) -> None:
    """Once, also when killed behind it; a request that is over leaves its money unclaimed."""
    assert job.runtime is not None, "the workshop gives every outbox job a runtime"
    with job.session_factory() as session:
        rt = job.runtime(session)
        query = select(DebitOrder).where(DebitOrder.order_no == job.payload["order"])
        order = session.scalars(query).one()
        payment = session.get_one(Payment, order.payment_id)
        ok, no, once = order.state == "debited", payment.no, f"debit:{order.order_no}"
        said = {"ok": ok, "text": order.text, "serial": order.bank_serial, "order": order.order_no}
        if occurrences.deliver(rt, SYSTEM, RESULT, correlation=no, payload=said, once=once):
            return
        case = session.execute(
            select(Instance.id, Instance.status).where(Instance.no == no)
        ).one_or_none()
        if case is not None and occurrences.has_taken(rt, case.id, once):
            return
        if case is not None and case.status in RUNNING_STATES:
            raise Retry("业务没有在等待扣款结果，请查看该业务的异常")
        if ok:
            with transaction(session):
                arrivals.let_go(session, *_locked(session, job.payload["order"]))
