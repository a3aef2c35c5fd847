"""分摊: money of a unit that lies in suspense or in advance is posted to its members.

A payment is settled once: what it is paid from is reserved at that moment, its remittances go from
待收款 to 入账中, and their lines are posted in pieces, each a voucher in a transaction of its own,
so that a hundred thousand people keep nobody waiting.  A piece remembers how far it came
(`allocated`) in the transaction that posts it: killed, the work goes on behind the last piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.database import transaction
from engine.errors import Conflict, HallError, OperationFailed, Problem, Refused
from engine.operations import Call, operation
from engine.owed import jobs
from engine.owed.jobs import Work
from engine.runtime import SYSTEM, Actor, Runtime
from engine.verbs import occurrences
from handlers.banking import payments, receiving, spending
from handlers.banking.models import (
    CANCELLED,
    DECLINED,
    PAID,
    BankReceipt,
    Payment,
)
from handlers.contributions import advancing
from handlers.contributions.advancing import ADVANCE, SUSPENSE
from handlers.contributions.assessing import held_unit, starter
from handlers.contributions.models import (
    ASSESSED,
    AWAITING,
    BACK_PAYMENT,
    POSTED,
    POSTING,
    REMITTANCE,
    Remittance,
    RemittanceLine,
)
from handlers.identifiers import mask_name
from handlers.ledger import posting
from handlers.ledger.drafts import Draft, Line
from handlers.ledger.models import LedgerAccount
from handlers.members.models import IndividualAccount, Person
from handlers.units import queries as units
from handlers.units import states
from handlers.units.models import Unit

AT_ONCE_LINES = 1_000  # a quarter of a second inside the verb; more goes to a job
PIECE_LINES = 500  # of one voucher: nobody waits longer than half a second for SQLite's writer
JOB = "contributions/allocate"
MESSAGE = "payment_settled"
NAMED_MAX = 3  # people named in one sentence
_UNPAID = (ASSESSED, AWAITING, POSTING)


@dataclass(frozen=True, slots=True)
class Piece:
    """The next lines of one remittance."""

    unit: Unit
    remittance: Remittance
    rows: Sequence[Any]

    @property
    def first(self) -> int:
        return int(self.rows[0].position)

    @property
    def last(self) -> int:
        return int(self.rows[-1].position)


# ── settling ────────────────────────────────────────────────────────────────────────────────────
def settle(
    rt: Runtime,
    actor: Actor,
    payment: Payment,
    *,
    source: str,
    receipts: Sequence[BankReceipt] = (),
) -> bool:
    """Pay what awaits this payment, from `suspense` or `advance`; part of the caller's transaction.

    True when a job goes on with it; the message `payment_settled` follows when all is posted, in
    either case.  Suspense is paid from `receipts` first, then from the payment's own, then from the
    unit's others, oldest first.  Settling again changes nothing.
    Raises Refused when there is not enough money or an account cannot take it, Conflict when the
    payment is over; nothing is written then.
    """
    assert source in (SUSPENSE, ADVANCE), source
    session = rt.session
    unit = _unit(session, payment.unit_account_no)
    payment = payments.locked(session, payment.id)
    owed = payments.owed(session, payment.id)
    waiting = [one for one in owed if one.state == AWAITING]
    if not waiting:
        if payment.state in (CANCELLED, DECLINED):
            text = "缴款单已取消或扣款失败，请重新登记缴款。"
            raise Conflict(Problem("payments.over", text))
        return any(one.state == POSTING for one in owed)
    assert sum(one.total_cents for one in waiting) == payment.amount_cents
    _postable(session, [one.id for one in waiting])
    if source == SUSPENSE:
        spending.use(rt, actor, payment, receipts)
    else:
        advancing.require(session, unit.unit_account_no, payment.amount_cents)
    payment.state, payment.paid_on = PAID, payment.paid_on or _today(rt)
    for one in waiting:
        one.state, one.source = POSTING, source
    session.flush()
    lines = sum(one.headcount for one in waiting)
    if lines <= AT_ONCE_LINES:
        while step(rt, actor, payment):
            pass
        return False
    title = f"{unit.unit_name} 缴款入账 {lines:,} 笔"
    work = {"payment": payment.id, "lines": lines, "actor": [actor.id, actor.name]}
    jobs.put(rt, actor, JOB, work, key=f"{JOB}:{payment.id}", title=title)
    return True


def _unit(session: Session, unit_account_no: str) -> Unit:
    unit = units.locked_unit(session, unit_account_no)
    assert unit is not None, "a payment names a unit that is there"
    return unit


def _today(rt: Runtime) -> date:
    return rt.clock().astimezone(ZONE).date()


def _postable(session: Session, ids: Sequence[int]) -> None:
    """Every account still there, open, and with the unit that pays: one that is not would hold up
    all behind it, so it is said before any money moves."""
    line, account, ledger = RemittanceLine, IndividualAccount, LedgerAccount
    strange = session.execute(
        select(Person.person_name, account.individual_account_no)
        .select_from(line)
        .join(Remittance, Remittance.id == line.remittance_id)
        .join(account, account.id == line.individual_account_id)
        .join(ledger, ledger.id == account.ledger_account_id)
        .join(Person, Person.id == account.person_id)
        .where(
            line.remittance_id.in_(ids),
            or_(
                ledger.status == "closed",
                account.unit_account_no != Remittance.unit_account_no,
                ledger.branch_code != Remittance.branch_code,
            ),
        )
        .limit(NAMED_MAX)
    ).all()
    if strange:
        named = "、".join(f"{mask_name(name)}（{number}）" for name, number in strange)
        text = f"职工 {named} 的账户已销户或已转出，不能入账，请取消核定后重新核定。"
        raise Refused(Problem("allocating.account", text))


# ── posting ─────────────────────────────────────────────────────────────────────────────────────
def step(rt: Runtime, actor: Actor, payment: Payment) -> bool:
    """Post the next piece of a payment; False when that was the last one, or none was left."""
    session = rt.session
    unit = _unit(session, payment.unit_account_no)
    posting_ = [one for one in payments.owed(session, payment.id) if one.state == POSTING]
    if not posting_:
        return False
    current = posting_[0]
    rows = _next_rows(session, current)
    if rows:
        _post(rt, actor, payment, Piece(unit, current, rows))
    if current.allocated < current.headcount:
        return True
    _finish(rt, unit, current)
    if len(posting_) > 1:
        return True
    payload = {"pending": False, "ok": True, "text": payments.words(payment)}
    key = f"{MESSAGE}:{payment.id}"
    occurrences.send_later(rt, MESSAGE, correlation=payment.no, payload=payload, key=key)
    return False


def _next_rows(session: Session, remittance: Remittance) -> Sequence[Any]:
    line, account = RemittanceLine, IndividualAccount
    return session.execute(
        select(
            line.position,
            line.individual_account_id,
            account.ledger_account_id,
            (line.unit_cents + line.individual_cents).label("cents"),
        )
        .join(account, account.id == line.individual_account_id)
        .where(
            line.remittance_id == remittance.id,
            line.position > remittance.allocated,
            line.position <= remittance.allocated + PIECE_LINES,
        )
        .order_by(line.position)
    ).all()


def _post(rt: Runtime, actor: Actor, payment: Payment, piece: Piece) -> None:
    """People before the books, as everywhere; then one voucher."""
    one = piece.remittance
    assert piece.first == one.allocated + 1, "lines are numbered without a gap"
    if one.kind == REMITTANCE:
        people = [row.individual_account_id for row in piece.rows]
        rt.session.execute(
            update(IndividualAccount)
            .where(
                IndividualAccount.id.in_(people),
                IndividualAccount.paid_through_month < one.month,
            )
            .values(paid_through_month=one.month)
            .execution_options(synchronize_session=False)
        )
    source = (receiving.advance if one.source == ADVANCE else receiving.suspense)(rt, piece.unit)
    total = sum(row.cents for row in piece.rows)
    lines = (Line(source, -total), *(Line(row.ledger_account_id, row.cents) for row in piece.rows))
    draft = Draft(
        key=key_of(one, piece.first),
        business=one.kind,
        branch_code=one.branch_code,
        lines=lines,
        unit_account_no=one.unit_account_no,
        contribution_month=one.month,
        contribution_month_to=one.month_to,
        headcount=len({row.individual_account_id for row in piece.rows}),
        memo=_memo(one),
        business_no=payment.no,
    )
    posting.post(rt, actor, draft)
    one.allocated = piece.last
    rt.session.flush()


def key_of(remittance: Remittance, first: int) -> str:
    return f"{keys_of(remittance)}{first}"


def keys_of(remittance: Remittance) -> str:
    """How the keys of all its vouchers begin."""
    return f"alloc:{remittance.id}:"


def _memo(one: Remittance) -> str:
    """公积金汇缴201906至201906, as statements of account read (XZ-6.1c)."""
    name = "补缴" if one.kind == BACK_PAYMENT else "汇缴"
    first, last = (month.replace("-", "") for month in (one.month, one.month_to or one.month))
    return f"公积金{name}{first}至{last}"


def _finish(rt: Runtime, unit: Unit, one: Remittance) -> None:
    one.state, one.posted_on = POSTED, _today(rt)
    rt.session.flush()
    if one.kind != REMITTANCE:
        return
    unit.paid_through_month = max(unit.paid_through_month, paid_through(rt.session, unit))
    if unit.unit_status == states.OPENED:
        status = states.transition(unit.unit_status, "post_first")
        assert isinstance(status, str)
        unit.unit_status = status
    rt.session.flush()


def so_far(session: Session, payment_id: int) -> str:
    """How far a job has come with a payment, for whoever waits for it; "" when none is at it."""
    mine = Remittance.payment_id == payment_id
    posted, lines = session.execute(
        select(
            func.coalesce(func.sum(Remittance.allocated), 0),
            func.coalesce(func.sum(Remittance.headcount), 0),
        ).where(mine)
    ).one()
    going = select(Remittance.id).where(mine, Remittance.state == POSTING)
    if session.scalar(going.limit(1)) is None:
        return ""
    return f"款项已到账，正在计入职工账户，已计入 {posted:,} / {lines:,} 笔"


def paid_through(session: Session, unit: Unit) -> str:
    """缴至年月 by the remittances: the last posted month before the first that is not; "" for none.
    Two months may be paid in the wrong order."""
    mine = (Remittance.unit_account_no == unit.unit_account_no, Remittance.kind == REMITTANCE)
    unpaid = session.scalar(
        select(func.min(Remittance.month)).where(*mine, Remittance.state.in_(_UNPAID))
    )
    posted = select(func.max(Remittance.month)).where(*mine, Remittance.state == POSTED)
    if unpaid:
        posted = posted.where(Remittance.month < unpaid)
    return session.scalar(posted) or ""


@jobs.handler(JOB, whole=True)
def _allocate(work: Work) -> dict[str, Any]:
    """Piece by piece, a transaction each; done again it finds nothing left to do."""
    actor = Actor(*work.payload["actor"])
    total = int(work.payload["lines"])
    done, more = int(work.cursor.get("done", 0)), True
    while more:
        with work.shop.sessions() as session, transaction(session):
            rt = work.shop.runtime(session)
            payment = session.get_one(Payment, int(work.payload["payment"]))
            more = step(rt, actor, payment)
            done = sum(one.allocated for one in payments.owed(session, payment.id))
        work.report(done, total=total, cursor={"done": done})
    return {"lines": done}


# ── what diagrams call ──────────────────────────────────────────────────────────────────────────
@operation("payments/settle")
def settle_request(call: Call) -> dict[str, Any]:
    """Settle the payment of the request.  Parameter `source`: suspense or advance; without it by
    the method of the payment.

    Result: {"pending": True when a job goes on and `payment_settled` will follow, "ok", "text"}.
    A person is told why it is refused; where nobody is there (a debit was answered) the diagram is,
    by `ok` False.
    """
    held_unit(call)
    payment = payments.own(call)
    by_method = ADVANCE if payment.method == ADVANCE else SUSPENSE
    source = str(call.params.get("source") or by_method)
    try:
        with call.session.begin_nested():
            pending = settle(call.rt, starter(call), payment, source=source)
    except HallError as refusal:
        if call.actor.id != SYSTEM.id:
            raise OperationFailed(*refusal.problems) from refusal
        return {"pending": False, "ok": False, "text": refusal.text}
    return {"pending": pending, "ok": True, "text": payments.words(payment)}
