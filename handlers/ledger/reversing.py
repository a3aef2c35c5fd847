"""冲账: how a mistake is corrected.  Nothing is changed; a second voucher undoes the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import cast

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.database import possible
from engine.errors import Conflict, Problem, Refused
from engine.runtime import Actor, Runtime
from handlers.ledger import posting, rules
from handlers.ledger.drafts import Draft, Line
from handlers.ledger.models import Entry, Voucher
from handlers.ledger.rules import State

REASON_CHARS_MAX = 200  # the column

_ENTRY = cast(Table, Entry.__table__)


def reverse(rt: Runtime, actor: Actor, voucher_id: int, *, key: str, reason: str) -> Voucher:
    """冲账: a second voucher with every sign turned round, posted today (A.9 02).

    Interest is put right too: the reversal counts from the same day as what it corrects, unless
    that day has been settled meanwhile.
    """
    session = rt.session
    reason = reason.strip()
    if not reason or len(reason) > REASON_CHARS_MAX or not reason.isprintable():
        text = f"请用一行文字填写冲账原因，最多 {REASON_CHARS_MAX} 个字。"
        raise Refused(Problem("ledger.reason", text))
    original = session.get(Voucher, voucher_id) if possible(voucher_id) else None
    if original is None:
        raise Refused(Problem("ledger.unknown_voucher", "没有找到要冲销的凭证，请核对凭证号。"))
    today = rt.clock().astimezone(ZONE).date()
    closed_through = posting.hold(session, original.branch_code)
    earlier = posting.by_key(session, key)
    if earlier is not None:
        if earlier.reversal_of != voucher_id:
            raise posting.key_reused()
        return earlier
    posting.require_open(today, closed_through, today=today)
    _reversible(session, original)
    lines = _turned(session, original)
    states = posting.locked(session, {line.account_id for line in lines})
    settled_on = posting.last_settled(states)
    fresh = settled_on is None or original.value_on >= settled_on
    _settled_alike(states, original.value_on)
    draft = Draft(
        key=key,
        business=original.business,
        branch_code=original.branch_code,
        lines=tuple(lines if fresh else map(_carried, lines)),
        posted_on=today,
        value_on=original.value_on if fresh else rules.value_day(today, settled_on),
        unit_account_no=original.unit_account_no,
        contribution_month=original.contribution_month,
        contribution_month_to=original.contribution_month_to,
        headcount=original.headcount,
        memo=f"冲销 {original.no}",
        business_no=original.business_no,
    )
    written = posting.judge(states, draft)
    return posting.write(rt, actor, draft, written, reversal_of=voucher_id, reason=reason)


def _reversible(session: Session, original: Voucher) -> None:
    if original.reversal_of is not None:
        text = "冲账凭证不能再冲销；如需恢复，请重新办理原业务。"
        raise Refused(Problem("ledger.reversal_of_reversal", text))
    if original.business == "interest":
        text = "年终结息不能整张冲销，请用利息调整凭证更正差额。"
        raise Refused(Problem("ledger.settlement", text))
    again = select(Voucher).where(Voucher.reversal_of == original.id)
    if session.scalar(again) is not None:
        raise Conflict(Problem("ledger.reversed", f"凭证 {original.no} 已冲销，不能重复冲销。"))


def _settled_alike(states: Mapping[int, State], value_on: date) -> None:
    """While a settlement runs one of two members may have been paid interest already: there is no
    day from which the correction would be right for both."""
    members = (state.settled_on for state in states.values() if state.kind == rules.MEMBER)
    if len({settled_on is not None and value_on < settled_on for settled_on in members}) > 1:
        text = "年终结息正在进行，凭证中有的账户已结息、有的还没有，请在结息完成后再冲账。"
        raise Conflict(Problem("ledger.settling", text))


def _turned(session: Session, original: Voucher) -> list[Line]:
    """What undoes a voucher: what it took comes back first, so that nothing is overdrawn."""
    rows = session.execute(
        select(_ENTRY)
        .where(_ENTRY.c.voucher_id == original.id)
        .order_by(_ENTRY.c.amount_cents, _ENTRY.c.account_id, _ENTRY.c.seq.desc())
    )
    return [
        Line(row.account_id, -row.amount_cents, -row.carried_forward_cents, -row.interest_cents)
        for row in rows
    ]


def _carried(line: Line) -> Line:
    """Since a 30 June in between, what was 当年归集 is 上年结转."""
    return replace(line, carried_forward_cents=line.amount_cents)
