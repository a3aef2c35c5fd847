"""A bank statement is taken in, and what it leaves in suspense is cleared (SX-7.3, XZ-2.4c).

A statement is a roster of receipts that 财务岗 files; each row stands for itself.  Clearing one
receipt by hand is an application that somebody else reviews, for it moves money.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from engine.errors import HallError, OperationFailed, Problem
from engine.operations import Call, operation
from engine.runtime import Actor, Runtime
from handlers.amounts import parse_money
from handlers.banking import matching, receiving
from handlers.banking.models import (
    AWAITING,
    CLEARED,
    REFUNDED,
    SUSPENDED,
    UNCLAIMED,
    BankReceipt,
    DebitAgreement,
    Payment,
)
from handlers.banking.receiving import Arrived
from handlers.contributions import allocating
from handlers.identifiers import compact
from handlers.rosters.applying import Application, applier
from handlers.rosters.store import Line
from handlers.units import queries as units
from handlers.units.models import Unit
from handlers.units.states import CLOSED as UNIT_CLOSED

STATEMENT_PIECE = 50  # each row is a voucher, most are a payment posted to its members too

TREATMENTS = {
    "claim": "认领到单位",
    "settle": "用于缴款",
    "advance": "转入预缴户",
    "refund": "退回单位",
}
# Which of them a receipt of this state may take.
POSSIBLE = {UNCLAIMED: ("claim",), SUSPENDED: ("settle", "advance", "refund")}

_GONE = Problem("banking.gone", "没有找到这笔到账，请退回重新选择。")
_MOVED = Problem("banking.moved", "这笔到账在审批期间已被处理，请驳回本申请。")


@applier("banking.Statement", piece=STATEMENT_PIECE)
def take_in(work: Application, rows: Sequence[Line]) -> list[Problem | None]:
    """Record, book and match the rows of a statement."""
    branch = work.branch
    arrived = [_arrived(row) for row in rows]
    owners = [receiving.whose(work.session, branch, each) for each in arrived]
    receiving.lock_units(work.session, owners)
    known = receiving.known_serials(work.session, branch, [each.bank_serial for each in arrived])
    outcomes: list[Problem | None] = []
    for each, owner in zip(arrived, owners, strict=True):
        if each.bank_serial in known:
            outcomes.append(_known(each))
            continue
        known.add(each.bank_serial)
        outcomes.append(_take(work, each, owner))
    return outcomes


def _known(arrived: Arrived) -> Problem:
    text = f"流水号 {arrived.bank_serial} 已经导入过，没有重复入账。"
    return Problem("banking.known", text, "bank_serial")


def _take(work: Application, arrived: Arrived, owner: str) -> Problem | None:
    rt, actor = work.rt, work.actor
    try:
        with work.session.begin_nested():
            receipt = receiving.record(rt, actor, work.branch, arrived, no=work.no, unit=owner)
    except HallError as refusal:
        return refusal.problem
    except IntegrityError as error:
        if "bank_serial" not in str(error.orig):
            raise
        return _known(arrived)  # by another desk, at this very moment
    if owner:
        _try_match(rt, actor, receipt, no=work.no)
    return None


def _try_match(rt: Runtime, actor: Actor, receipt: BankReceipt, *, no: str) -> None:
    """Matching that is refused leaves the money in suspense with the reason."""
    try:
        with rt.session.begin_nested():
            matching.match(rt, actor, receipt, no=no)
    except HallError as refusal:
        rt.session.refresh(receipt)
        receipt.why = refusal.text[:200]


def _arrived(row: Line) -> Arrived:
    values = row.values
    cents = parse_money(values["amount_in"])
    assert isinstance(cents, int), "checked when the row was"
    return Arrived(
        bank_serial=values["bank_serial"],
        arrived_on=date.fromisoformat(values["arrived_on"]),
        amount_cents=cents,
        payer_name=values.get("payer_name", ""),
        payer_account_no=values.get("payer_account_no", ""),
        memo=values.get("memo", ""),
    )


@operation("banking/clear")
def clear(call: Call) -> dict[str, Any]:
    """What was decided about one receipt: claim, settle, advance or refund."""
    values = call.data["values"]
    first = call.session.get(BankReceipt, int(values["receipt"]))
    if first is None or call.instance.scope != f"branch:{first.branch_code}":
        raise OperationFailed(_GONE)
    owner = values.get("unit_account_no") or first.unit_account_no
    receiving.lock_units(call.session, [owner])
    receipt = call.session.scalars(
        select(BankReceipt)
        .where(BankReceipt.id == first.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    treatment = values["treatment"]
    if treatment not in POSSIBLE.get(receipt.state, ()):
        raise OperationFailed(_MOVED)
    if treatment == "claim":  # what uses the money then names itself
        receiving.book(call.rt, call.actor, receipt, owner)
        _try_match(call.rt, call.actor, receipt, no=call.no)
        return _told(treatment, receipt)
    receipt.settled_no = call.no
    if treatment == "settle":
        _settle(call, receipt, int(values["payment"]))
    else:
        _move_out(call, receipt, treatment)
    return _told(treatment, receipt)


def _told(treatment: str, receipt: BankReceipt) -> dict[str, Any]:
    return {"treatment": treatment, "cents": receipt.amount_cents, "unit": receipt.unit_account_no}


def _settle(call: Call, receipt: BankReceipt, payment_id: int) -> None:
    """More than the payment asks for stays in suspense; less is refused."""
    payment = call.session.get(Payment, payment_id, with_for_update=True)
    if (
        payment is None
        or payment.unit_account_no != receipt.unit_account_no
        or payment.state != AWAITING
    ):
        text = "没有找到这个单位待收款的缴款单，请核对后重新选择。"
        raise OperationFailed(Problem("banking.payment", text))
    if payment.amount_cents > receipt.open_cents:
        text = "这笔到账在审批期间已用去一部分，余款不足以缴款，请驳回本申请后重新处理。"
        raise OperationFailed(Problem("banking.short", text))
    allocating.settle(call.rt, call.actor, payment, source="suspense", receipts=[receipt])


def for_nothing(unit: Unit | None, treatment: str) -> Problem | None:
    """Money in advance of a unit that is closed would never be used.  Pure."""
    if treatment != "advance" or unit is None or unit.unit_status != UNIT_CLOSED:
        return None
    text = "单位已销户，款项不能转入预缴户，请选择退回单位。"
    return Problem("banking.closed_unit", text, "treatment")


def _move_out(call: Call, receipt: BankReceipt, treatment: str) -> None:
    unit = units.unit(call.session, receipt.unit_account_no)
    assert unit is not None
    problem = for_nothing(unit, treatment)
    if problem is not None:
        raise OperationFailed(problem)
    cents = receipt.open_cents
    if treatment == "advance":
        target, business = receiving.advance(call.rt, unit), "advance_deposit"
    else:
        target, business = receiving.bank(call.rt, unit.branch_code), "suspense_clearing"
    receiving.move(call.rt, call.actor, receipt, target, business=business, cents=cents)
    receipt.state = CLEARED if treatment == "advance" else REFUNDED
    receipt.why = TREATMENTS[treatment]
    receipt.settled_at, receipt.settled_by = call.rt.clock(), call.actor.name


@operation("banking/sign")
def sign(call: Call) -> dict[str, Any]:
    """签约 (CX-U24a): the former agreement ends when the new one begins."""
    values = call.data["values"]
    unit = units.locked_unit(call.session, values["unit_account_no"])
    if unit is None or f"branch:{unit.branch_code}" != call.instance.scope:
        text = "没有找到本管理部的这个单位账号，请退回核对。"
        raise OperationFailed(Problem("banking.unit", text, "unit_account_no"))
    since = date.fromisoformat(values["since"])
    running = call.session.scalars(
        select(DebitAgreement).where(
            DebitAgreement.unit_account_no == unit.unit_account_no, DebitAgreement.until.is_(None)
        )
    )
    for agreement in running:
        agreement.until = max(since, agreement.since)
    call.session.add(
        DebitAgreement(
            unit_account_no=unit.unit_account_no,
            branch_code=unit.branch_code,
            bank_name=values["bank_name"],
            bank_account_no=compact(values["bank_account_no"]),
            account_name=values["account_name"],
            since=since,
            no=call.no,
            signed_by=call.instance.starter_name,
        )
    )
    call.session.flush()
    return {"unit": unit.unit_account_no}
