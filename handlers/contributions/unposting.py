"""撤销入账 (XZ-6.3c): a 汇缴 or 补缴 posted this month is taken out of the books again.

Each of its vouchers is reversed, so the money lies again where it was paid from, and what was
assessed is cancelled: put right, it is assessed and paid anew.  Long ones are done by a job, a
voucher at a time; until it is over the remittance is 入账中 once more.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from engine.calendar import ZONE
from engine.database import number_in, transaction
from engine.errors import HallError, OperationFailed, Problem, Refused
from engine.operations import Call, operation
from engine.owed import jobs
from engine.owed.jobs import Work
from engine.runtime import Actor, Runtime
from engine.verbs import occurrences
from handlers.banking import receiving
from handlers.banking.models import MATCHED, SUSPENDED, UNCLAIMED, BankReceipt, Payment
from handlers.contributions import allocating
from handlers.contributions.advancing import SUSPENSE
from handlers.contributions.assessing import last_month, starter
from handlers.contributions.models import (
    CANCELLED,
    POSTED,
    POSTING,
    REMITTANCE,
    Remittance,
    RemittanceLine,
)
from handlers.identifiers import mask_name
from handlers.ledger import reversing
from handlers.ledger.models import Entry, LedgerAccount, Voucher
from handlers.members.models import IndividualAccount, Person
from handlers.months import month_of
from handlers.units import queries as units

JOB = "contributions/unpost"
MESSAGE = "posting_undone"
_GONE = Problem("unposting.gone", "没有找到这笔入账，请刷新后重新选择。", "remittance")
_MOVED = Problem("unposting.moved", "这笔入账在审批期间已被撤销，请驳回本申请。")


def problems(session: Session, one: Remittance, today_month: str) -> list[Problem]:
    """Why a posted remittance cannot be taken back; empty when it can."""
    if one.state != POSTED or one.posted_on is None:
        return [_GONE]
    if month_of(one.posted_on) != today_month:
        text = f"只能撤销本月入账的业务，这笔在 {one.posted_on} 入账，请按错账更正办理。"
        return [Problem("unposting.month", text, "remittance")]
    if _under_way(session, one):
        text = "同一笔缴款还在入账或撤销，请等办完后再撤销这笔入账。"
        return [Problem("unposting.under_way", text, "remittance")]
    unit = units.unit(session, one.unit_account_no)
    assert unit is not None
    if one.kind == REMITTANCE and (last := last_month(session, unit)) != one.month:
        text = f"{last} 已核定或已缴，请从最后一个月开始撤销。"
        return [Problem("unposting.later", text, "remittance")]
    return _not_there(session, one)


def _under_way(session: Session, one: Remittance) -> bool:
    """Whoever posts the rest of its payment would post this one again."""
    same = (Remittance.payment_id == one.payment_id, Remittance.state == POSTING)
    return session.scalar(select(Remittance.id).where(*same).limit(1)) is not None


def _not_there(session: Session, one: Remittance) -> list[Problem]:
    """Members whose account cannot give the money back: frozen, closed, or drawn upon."""
    line, account, ledger = RemittanceLine, IndividualAccount, LedgerAccount
    got = (
        select(
            line.individual_account_id.label("account"),
            func.sum(line.unit_cents + line.individual_cents).label("cents"),
        )
        .where(line.remittance_id == one.id)
        .group_by(line.individual_account_id)
        .subquery("got")
    )
    people = session.execute(
        select(Person.person_name, account.individual_account_no)
        .select_from(got)
        .join(account, account.id == got.c.account)
        .join(ledger, ledger.id == account.ledger_account_id)
        .join(Person, Person.id == account.person_id)
        .where(
            or_(
                ledger.status != "open",
                ledger.branch_code != one.branch_code,
                account.unit_account_no != one.unit_account_no,
                ledger.balance_cents < got.c.cents,
            )
        )
        .limit(allocating.NAMED_MAX)
    ).all()
    if not people:
        return []
    named = "、".join(f"{mask_name(name)}（{number}）" for name, number in people)
    text = f"职工 {named} 的账户已冻结、转出、销户或余额不足，不能撤销这笔入账。"
    return [Problem("unposting.account", text, "remittance")]


def undo_posted(rt: Runtime, actor: Actor, one: Remittance, reason: str, *, no: str = "") -> bool:
    """Take it out of the books; part of the caller's transaction.  True when a job goes on with it
    (the message `posting_undone` follows).  Raises Refused."""
    session = rt.session
    units.locked_unit(session, one.unit_account_no)
    session.flush()
    session.refresh(one, with_for_update=True)
    today = rt.clock().astimezone(ZONE).date()
    wrong = problems(session, one, month_of(today))
    if wrong:
        raise Refused(*wrong)
    one.state, one.cancelled_no, one.cancelled_by = POSTING, no, actor.name
    session.flush()
    if one.headcount <= allocating.AT_ONCE_LINES:
        while step(rt, actor, one, reason):
            pass
        return False
    work = {"remittance": one.id, "reason": reason, "actor": [actor.id, actor.name]}
    title = f"{one.unit_account_no} 撤销入账 {one.headcount:,} 笔"
    jobs.put(rt, actor, JOB, work, key=f"{JOB}:{one.id}", title=title)
    return True


def step(rt: Runtime, actor: Actor, one: Remittance, reason: str) -> bool:
    """Reverse the last voucher that stands; False when none is left and the remittance is over."""
    session = rt.session
    units.locked_unit(session, one.unit_account_no)
    session.refresh(one, with_for_update=True)
    if one.state != POSTING:
        return False
    voucher = _standing(session, one)
    if voucher is not None:
        if one.kind == REMITTANCE:
            _before_the_books(session, voucher)
        reversing.reverse(rt, actor, voucher.id, key=f"{voucher.key}:undo", reason=reason)
        one.allocated = int(voucher.key.removeprefix(allocating.keys_of(one))) - 1
        session.flush()
        if one.kind == REMITTANCE:
            _paid_before(session, voucher)
    if one.allocated:
        return True
    _over(rt, one)
    return False


def _standing(session: Session, one: Remittance) -> Voucher | None:
    """Found by the payment's request, for a key is no range in every collation."""
    assert one.payment_id is not None
    payment, undone = session.get_one(Payment, one.payment_id), aliased(Voucher)
    return session.scalar(
        select(Voucher)
        .where(
            Voucher.business_no == payment.no,
            Voucher.key.startswith(allocating.keys_of(one), autoescape=True),
            Voucher.reversal_of.is_(None),
            ~exists().where(undone.reversal_of == Voucher.id),
        )
        .order_by(Voucher.id.desc())
        .limit(1)
    )


def _of_voucher(voucher: Voucher) -> ColumnElement[bool]:
    posted = select(Entry.account_id).where(Entry.voucher_id == voucher.id)
    return IndividualAccount.ledger_account_id.in_(posted)


def _before_the_books(session: Session, voucher: Voucher) -> None:
    """People are locked before the branch and its accounts."""
    people = select(IndividualAccount.id).where(_of_voucher(voucher))
    session.execute(people.order_by(IndividualAccount.id).with_for_update())


def _paid_before(session: Session, voucher: Voucher) -> None:
    """缴至年月 as the books say without this voucher: one read, and an update for each month."""
    account, undone = IndividualAccount, aliased(Voucher)
    rows = session.execute(
        select(account.ledger_account_id, account.id).where(
            _of_voucher(voucher), account.paid_through_month == voucher.contribution_month
        )
    )
    people = {ledger: number for ledger, number in rows}
    latest = session.execute(
        select(Entry.account_id, func.max(Voucher.contribution_month_to))
        .join(Voucher, Voucher.id == Entry.voucher_id)
        .where(
            Entry.account_id.in_(people),
            Voucher.business == REMITTANCE,
            Voucher.reversal_of.is_(None),
            ~exists().where(undone.reversal_of == Voucher.id),
        )
        .group_by(Entry.account_id)
    )
    before = dict.fromkeys(people, "") | {ledger: month for ledger, month in latest}
    by_month: dict[str, list[int]] = {}
    for ledger, month in before.items():
        by_month.setdefault(month, []).append(people[ledger])
    for month, ids in by_month.items():
        session.execute(
            update(account)
            .where(account.id.in_(ids))
            .values(paid_through_month=month)
            .execution_options(synchronize_session=False)
        )


def _over(rt: Runtime, one: Remittance) -> None:
    session, now = rt.session, rt.clock()
    one.state, one.cancelled_at, one.posted_on = CANCELLED, now, None
    session.flush()
    if one.kind == REMITTANCE:
        unit = units.unit(session, one.unit_account_no)
        assert unit is not None
        if unit.paid_through_month == one.month:
            unit.paid_through_month = allocating.paid_through(session, unit) or _by_the_books(
                session, unit.unit_account_no
            )
    if one.source == SUSPENSE and one.payment_id is not None:
        _give_back(session, session.get_one(Payment, one.payment_id), one.total_cents)
    session.flush()
    if one.cancelled_no:
        payload = {"pending": False, "ok": True, "text": f"{one.month} 已撤销入账。"}
        key = f"{MESSAGE}:{one.id}"
        occurrences.send_later(rt, MESSAGE, correlation=one.cancelled_no, payload=payload, key=key)


def _by_the_books(session: Session, unit_account_no: str) -> str:
    """The latest month anybody of the unit is paid for: what was paid before this hall kept
    remittances has vouchers alone."""
    latest = select(func.max(IndividualAccount.paid_through_month)).where(
        IndividualAccount.unit_account_no == unit_account_no
    )
    return session.scalar(latest) or ""


def _give_back(session: Session, payment: Payment, cents: int) -> None:
    """What was used of receipts is open again, newest first: money of the unit in suspense."""
    payment.result = "已撤销入账，款项转回暂存。"
    used = session.scalars(
        select(BankReceipt)
        .where(
            BankReceipt.unit_account_no == payment.unit_account_no,
            BankReceipt.state.not_in((UNCLAIMED,)),
            BankReceipt.open_cents < BankReceipt.amount_cents,
        )
        .order_by(
            case((BankReceipt.payment_id == payment.id, 0), else_=1),
            case((BankReceipt.state.in_((MATCHED, SUSPENDED)), 0), else_=1),
            BankReceipt.id.desc(),
        )
        .with_for_update()
    )
    for receipt in used:
        spent = receipt.amount_cents - receipt.open_cents - receiving.moved_cents(session, receipt)
        part = min(cents, spent)
        if not part:
            continue
        cents -= part
        receipt.open_cents += part
        receipt.state, receipt.payment_id = SUSPENDED, None
        receipt.why = "入账已撤销，请重新处理这笔款项。"
        if not cents:
            return
    raise AssertionError("money in suspense that no receipt shows")


@jobs.handler(JOB, whole=True)
def _undo(work: Work) -> dict[str, Any]:
    actor, reason = Actor(*work.payload["actor"]), str(work.payload["reason"])
    more, left = True, 0
    while more:
        with work.shop.sessions() as session, transaction(session):
            one = session.get_one(Remittance, int(work.payload["remittance"]))
            more = step(work.shop.runtime(session), actor, one, reason)
            left, total = one.allocated, one.headcount
        work.report(total - left, total=total, cursor={"left": left})
    return {}


@operation("contributions/undo_posted")
def undo_request(call: Call) -> dict[str, Any]:
    """Take back what the request names (`values.remittance`, for `values.reason`).

    Result: {"pending": True when a job goes on and `posting_undone` will follow}.
    """
    values = call.data["values"]
    number = number_in(str(values.get("remittance", "")))
    one = call.session.get(Remittance, number) if number is not None else None
    if one is None or call.instance.scope != f"branch:{one.branch_code}":
        raise OperationFailed(_GONE)
    if one.state != POSTED:
        raise OperationFailed(_MOVED)
    try:
        reason = str(values.get("reason", ""))
        pending = undo_posted(call.rt, starter(call), one, reason, no=call.no)
    except HallError as refusal:
        raise OperationFailed(*refusal.problems) from refusal
    return {"pending": pending, "ok": True, "text": ""}
