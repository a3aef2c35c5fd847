"""取消核定 (SX-14.1, QDN-03.2): what was assessed and nobody pays yet is owed no more.

Months go newest first, for months are consecutive: to cancel one is to cancel all behind it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.errors import HallError, OperationFailed, Problem, Refused
from engine.operations import Call, operation
from engine.runtime import Actor, Runtime
from handlers.banking import payments
from handlers.contributions.assessing import held_unit, starter
from handlers.contributions.models import (
    ASSESSED,
    BACK_PAYMENT,
    CANCELLED,
    POSTED,
    REMITTANCE,
    REMITTANCE_STATES,
    Remittance,
)


def living(session: Session, unit_account_no: str) -> list[Remittance]:
    """What is assessed or on its way into the books, oldest first."""
    found = session.scalars(
        select(Remittance)
        .where(
            Remittance.unit_account_no == unit_account_no,
            Remittance.state.not_in((CANCELLED, POSTED)),
        )
        .order_by(Remittance.month, Remittance.id)
    )
    return list(found)


def picked(owed: Sequence[Remittance], which: str) -> list[Remittance] | Problem:
    """Pure: what `which` means ("2026-08": this month and all behind it; "b17": back payment 17),
    newest first, or why it cannot be cancelled."""
    if which.startswith("b"):
        found = [one for one in owed if one.kind == BACK_PAYMENT and f"b{one.id}" == which]
    else:
        found = [one for one in owed if one.kind == REMITTANCE and one.month >= which]
        if not any(one.month == which for one in found):
            found = []
    if not found:
        text = "所选的核定已取消或已入账，请刷新后重新选择。"
        return Problem("cancelling.gone", text, "which")
    fixed = next((one for one in found if one.state != ASSESSED), None)
    if fixed is not None:
        text = (
            f"{fixed.month} 的核定是{REMITTANCE_STATES[fixed.state]}状态，不能取消；"
            "已登记缴款的，请先撤回缴款登记。"
        )
        return Problem("cancelling.state", text, "which")
    return found[::-1]


def cancel(rt: Runtime, actor: Actor, unit_account_no: str, which: str, *, no: str) -> int:
    """Cancel; how many assessments that were.  Part of the caller's transaction, which holds the
    unit.  Raises Refused."""
    found = picked(living(rt.session, unit_account_no), which)
    if isinstance(found, Problem):
        raise Refused(found)
    for one in found:
        payments.cancelled(one, rt.clock(), actor, no)
    rt.session.flush()
    return len(found)


def take_back(rt: Runtime, actor: Actor, unit_account_no: str, *, no: str) -> int:
    """What a request has assessed itself and could not pay is assessed no more; how many that were.
    Part of the caller's transaction, which holds the unit."""
    payment = payments.of_request(rt.session, no)
    before = _made_by(rt.session, unit_account_no, no)
    if payment is not None:
        payments.release(rt, actor, payment)
    for one in _made_by(rt.session, unit_account_no, no):
        if one.state == ASSESSED:
            payments.cancelled(one, rt.clock(), actor, no)
    rt.session.flush()
    return len(before) - len(_made_by(rt.session, unit_account_no, no))


def _made_by(session: Session, unit_account_no: str, no: str) -> list[Remittance]:
    return [one for one in living(session, unit_account_no) if one.assessed_no == no]


@operation("contributions/cancel_assessment")
def cancel_request(call: Call) -> dict[str, int]:
    """Cancel what the request names (`values.which`, see `picked`); one that names nothing takes
    back what it has assessed itself (CX: the bank declined).  Result: {"cancelled": n}."""
    unit = held_unit(call)
    number, actor = unit.unit_account_no, starter(call)
    which = call.data["values"].get("which")
    try:
        if which is None:
            return {"cancelled": take_back(call.rt, actor, number, no=call.no)}
        return {"cancelled": cancel(call.rt, actor, number, str(which), no=call.no)}
    except HallError as refusal:
        raise OperationFailed(*refusal.problems) from refusal
