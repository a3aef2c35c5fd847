"""The one place that writes vouchers and entries of people's requests.

A posting locks the branch, which makes its number the next one and keeps the day open; then its
accounts, in the order of their ids, so that postings never wait for each other in a circle.  It is
part of the caller's transaction: nobody here commits.  (The yearly settlement writes a million
entries at once and has a writer of its own, `settling`, under the same locks and constraints.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, cast

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.errors import Conflict, Problem, Refused
from engine.runtime import Actor, Runtime
from handlers.ledger import drafts, rules
from handlers.ledger import posting_sql as sql
from handlers.ledger.drafts import Draft, Line
from handlers.ledger.models import Voucher
from handlers.ledger.rules import State

IN_MAX = 5_000  # ids in one statement; SQLite takes 32,766 parameters


@dataclass(frozen=True, slots=True)
class Written:
    """One entry about to be stored."""

    state: State
    line: Line
    carried_forward_cents: int


def post(rt: Runtime, actor: Actor, draft: Draft) -> Voucher:
    """Post a voucher; the same key again returns the first one and writes nothing.

    Raises Refused with every reason (`ledger.…`) before anything is written.
    """
    problems = drafts.check(draft)
    if problems:
        raise Refused(*problems)
    session = rt.session
    session.flush()
    today = rt.clock().astimezone(ZONE).date()
    posted_on = draft.posted_on or today
    closed_through = hold(session, draft.branch_code)
    earlier = by_key(session, draft.key)
    if earlier is not None:  # also when its day has been closed meanwhile
        return _same(session, earlier, draft)
    require_open(posted_on, closed_through, today=today)
    if draft.value_on is not None and draft.value_on > posted_on:
        raise Refused(Problem("ledger.value_day", "起息日不能晚于记账日，请核对日期。"))
    states = locked(session, {line.account_id for line in draft.lines})
    value_on = draft.value_on or rules.value_day(posted_on, last_settled(states))
    draft = replace(draft, posted_on=posted_on, value_on=value_on)
    return write(rt, actor, draft, judge(states, draft))


def by_key(session: Session, key: str) -> Voucher | None:
    return session.scalar(sql.BY_KEY, {"key": key})


def hold_branch(session: Session, branch_code: str, posted_on: date, *, today: date) -> None:
    """Until commit nobody else posts in this branch; refuses a day that is closed or to come."""
    require_open(posted_on, hold(session, branch_code), today=today)


def require_open(posted_on: date, closed_through: date | None, *, today: date) -> None:
    """Only under `hold` of the branch, which keeps the day open."""
    if posted_on > today:
        raise Refused(Problem("ledger.future_day", "记账日期不能晚于今天，请核对日期。"))
    if closed_through is not None and posted_on <= closed_through:
        text = f"{posted_on:%Y-%m-%d} 已日终结账，请记在 {closed_through:%Y-%m-%d} 之后的日期。"
        raise Refused(Problem("ledger.closed_day", text))


def hold(session: Session, branch_code: str) -> date | None:
    """Wait for the branch and keep it until commit; through which day it is closed."""
    mine = {"branch_code": branch_code}
    row = session.execute(sql.HELD_BRANCH, mine).one_or_none()
    if row is None:
        session.execute(sql.of_dialect(session, sql.NEW_BRANCH), mine)
        row = session.execute(sql.HELD_BRANCH, mine).one()
    return cast("date | None", row.closed_through)


def next_number(session: Session, branch_code: str, posted_on: date) -> int:
    """Only under `hold_branch`: numbers have no gap because nobody else is counting."""
    of_day = {"branch_code": branch_code, "day": posted_on}
    return (session.scalar(sql.LAST_NUMBER, of_day) or 0) + 1


def _same(session: Session, earlier: Voucher, draft: Draft) -> Voucher:
    rows = session.execute(sql.ENTRIES_OF, {"voucher_id": earlier.id}).all()
    asked = sorted((line.account_id, line.amount_cents) for line in draft.lines)
    if earlier.business != draft.business or sorted(tuple(row) for row in rows) != asked:
        raise key_reused()
    return earlier


def key_reused() -> Conflict:
    text = "这笔业务已用另一组金额记过账，不能重复入账，请刷新后核对。"
    return Conflict(Problem("ledger.key_reused", text))


def locked(session: Session, ids: Iterable[int]) -> dict[int, State]:
    ordered = sorted(ids)
    found: dict[int, State] = {}
    for start in range(0, len(ordered), IN_MAX):
        some = {"ids": ordered[start : start + IN_MAX]}
        found |= {row[0]: State(*row) for row in session.execute(sql.LOCKED_STATES, some)}
    return found


def last_settled(states: Mapping[int, State]) -> date | None:
    return max((s.settled_on for s in states.values() if s.settled_on), default=None)


def judge(states: dict[int, State], draft: Draft) -> list[Written]:
    """Every line on its account in turn; nothing is stored before all of them agreed."""
    assert draft.value_on is not None
    problems = rules.standing(states, draft.lines, branch=draft.branch_code)
    if problems:
        raise Refused(*problems)
    written: list[Written] = []
    for line in draft.lines:
        before = states[line.account_id]
        after = rules.apply(before, line, draft.business, draft.value_on)
        if isinstance(after, Problem):
            problems.append(after)
            continue
        states[line.account_id] = after
        carried = after.carried_forward_cents - before.carried_forward_cents
        written.append(Written(after, line, carried))
    if problems:
        raise Refused(*problems)
    assert sum(one.line.amount_cents for one in written) == 0
    return written


def write(
    rt: Runtime,
    actor: Actor,
    draft: Draft,
    written: Sequence[Written],
    *,
    reversal_of: int | None = None,
    reason: str = "",
) -> Voucher:
    """Store what was judged; the draft's days are filled in."""
    assert draft.posted_on is not None
    assert draft.value_on is not None
    session = rt.session
    voucher = Voucher(
        branch_code=draft.branch_code,
        posted_on=draft.posted_on,
        number=next_number(session, draft.branch_code, draft.posted_on),
        key=draft.key,
        business=draft.business,
        value_on=draft.value_on,
        debit_cents=-sum(min(one.line.amount_cents, 0) for one in written),
        credit_cents=draft.credit_cents,
        interest_cents=draft.interest_cents,
        headcount=draft.headcount,
        unit_account_no=draft.unit_account_no,
        contribution_month=draft.contribution_month,
        contribution_month_to=draft.contribution_month_to or draft.contribution_month,
        memo=draft.memo[: drafts.MEMO_CHARS_MAX],
        business_no=draft.business_no,
        channel=draft.channel,
        reversal_of=reversal_of,
        reason=reason,
        posted_at=rt.clock(),
        posted_by=actor.id,
        posted_by_name=actor.name,
    )
    session.add(voucher)
    _store(session, voucher)
    sql.store_entries(session, [_entry(voucher, one) for one in written])
    done = session.execute(sql.MOVE_BALANCES, {"voucher_id": voucher.id})
    accounts = {one.state.id for one in written}
    assert cast(Any, done).rowcount == len(accounts), "an account was not where it was locked"
    _move_totals(session, written)
    return voucher


def _store(session: Session, voucher: Voucher) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        if "uq_hall_voucher_key" not in str(error.orig):
            raise
        raise key_reused() from error  # by another branch, at this very moment


def _entry(voucher: Voucher, one: Written) -> dict[str, Any]:
    return {
        "account_id": one.state.id,
        "seq": one.state.entries,
        "voucher_id": voucher.id,
        "value_on": voucher.value_on,
        "amount_cents": one.line.amount_cents,
        "carried_forward_cents": one.carried_forward_cents,
        "interest_cents": one.line.interest_cents,
        "balance_cents": one.state.balance_cents,
    }


def _move_totals(session: Session, written: Sequence[Written]) -> None:
    """单位账户余额 moves with its members' accounts."""
    moved: dict[str, int] = {}
    for one in written:
        if one.state.kind == rules.MEMBER:
            unit = one.state.unit_account_no
            moved[unit] = moved.get(unit, 0) + one.line.amount_cents
    for unit in sorted(unit for unit, cents in moved.items() if cents):
        move_total(session, unit, moved[unit])


def move_total(session: Session, unit_account_no: str, cents: int) -> None:
    """Only under `hold_branch` of the unit's branch."""
    values = {"unit": unit_account_no, "cents": cents}
    if not cast(Any, session.execute(sql.MOVE_TOTAL, values)).rowcount:
        new = {"unit_account_no": unit_account_no, "balance_cents": 0}
        session.execute(sql.of_dialect(session, sql.NEW_TOTAL), new)
        session.execute(sql.MOVE_TOTAL, values)
