"""What an account says to a line: closed, frozen, overdrawn, a day that is settled already.

Pure: accounts come in as values, the next state of each goes out, or the reason why not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from engine.errors import Problem
from handlers.amounts import money_text
from handlers.ledger.drafts import Line
from handlers.ledger.kinds import BUSINESSES, KINDS
from handlers.ledger.models import AMOUNT_CENTS_MAX, MEMBER_CENTS_MAX

MEMBER = "member"


@dataclass(frozen=True, slots=True)
class State:
    """An account as it stands, locked by whoever looks at it."""

    id: int
    kind: str
    owner: str
    branch_code: str
    unit_account_no: str
    status: str
    balance_cents: int
    carried_forward_cents: int
    entries: int
    settled_on: date | None

    @property
    def shown(self) -> str:
        return f"{KINDS[self.kind].name} {self.owner}"


def standing(states: Mapping[int, State], lines: tuple[Line, ...], *, branch: str) -> list[Problem]:
    """All accounts there, and all of one branch: each branch's books balance by themselves."""
    if any(line.account_id not in states for line in lines):
        text = "凭证中有不存在的账户，请核对账号后重新提交。"
        return [Problem("ledger.unknown_account", text)]
    strange = next((state for state in states.values() if state.branch_code != branch), None)
    if strange is not None:
        text = f"{strange.shown}属于其他管理部，跨管理部的款项须经管理部往来各记一张凭证。"
        return [Problem("ledger.mixed_branches", text)]
    return []


def apply(state: State, line: Line, business: str, value_on: date) -> State | Problem:
    """The account behind this line, or the sentence why it refuses."""
    if state.status == "closed":
        return Problem("ledger.account_closed", f"{state.shown}已销户，不能再记账。")
    if state.status == "frozen" and not (
        BUSINESSES[business].into_frozen and line.amount_cents > 0
    ):
        return Problem("ledger.account_frozen", f"{state.shown}已冻结，解除冻结前不能办理。")
    if state.settled_on is not None and value_on < state.settled_on:
        text = f"{state.shown}在 {state.settled_on:%Y-%m-%d} 之前的利息已结清，起息日不能更早。"
        return Problem("ledger.settled", text)
    balance = state.balance_cents + line.amount_cents
    side = KINDS[state.kind].side
    if (side == "credit" and balance < 0) or (side == "debit" and balance > 0):
        text = (
            f"{state.shown}余额 {money_text(abs(state.balance_cents))} 元，不足以支付，请核对金额。"
        )
        return Problem("ledger.overdraft", text)
    if abs(balance) > AMOUNT_CENTS_MAX:
        text = f"{state.shown}余额将超过 10 万亿元，请核对金额是否多填了数字。"
        return Problem("ledger.too_large", text)
    if state.kind != MEMBER:
        return replace(state, balance_cents=balance, entries=state.entries + 1)
    if balance > MEMBER_CENTS_MAX:
        text = f"{state.shown}余额将超过 10 亿元，请核对金额是否多填了数字。"
        return Problem("ledger.one_persons_money", text)
    carried = state.carried_forward_cents + carried_part(state, line)
    assert 0 <= carried <= balance, state
    return replace(
        state, balance_cents=balance, carried_forward_cents=carried, entries=state.entries + 1
    )


def carried_part(state: State, line: Line) -> int:
    """The part of a line that belongs to 上年结转; what goes out takes it first."""
    wish = line.carried_forward_cents
    if line.amount_cents > 0:
        assert wish is None or 0 <= wish <= line.amount_cents, line
        return wish or 0
    out = -line.amount_cents
    carried = state.carried_forward_cents
    current = state.balance_cents - carried
    wanted = carried if wish is None else -wish
    return -min(max(wanted, out - current, 0), carried, out)


def value_day(posted_on: date, settled_on: date | None) -> date:
    """From when interest counts when nobody says: the day it is posted; in the evening of 30 June,
    when that day is settled already, the next one."""
    if settled_on is not None and posted_on == settled_on - timedelta(days=1):
        return settled_on
    return posted_on
