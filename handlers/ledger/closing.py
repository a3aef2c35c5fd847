"""日终结账: a day's postings are added up, found balanced, and the day is closed for good.

Every day from a branch's first voucher on leaves one row per kind of account that had a balance or
moved (试算平衡表), each opening where the day before ended.  What the rows say in the end must be
what the accounts hold; where it is not, nothing is closed.  30 June waits for the year's interest,
which is posted on that day (条例 art. 21; glossary §6).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

from sqlalchemy import BigInteger, Table, and_, func, insert, select, true, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.database import transaction
from engine.errors import HallError, Problem, Refused
from engine.runtime import Runtime
from handlers.amounts import money_text
from handlers.ledger import posting
from handlers.ledger.kinds import KINDS
from handlers.ledger.models import (
    Entry,
    InterestSettlement,
    LedgerAccount,
    LedgerBranch,
    TrialBalance,
    Voucher,
)

ROWS_AT_ONCE = 5_000
UNSETTLED = "ledger.unsettled"
NOTHING = (0, 0)
Moved = dict[date, dict[str, tuple[int, int]]]  # day → kind → (debits, negative; credits)

_ACCOUNT, _ENTRY, _VOUCHER, _BRANCH, _TRIAL, _SETTLEMENT = (
    cast(Table, table.__table__)
    for table in (LedgerAccount, Entry, Voucher, LedgerBranch, TrialBalance, InterestSettlement)
)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of account on one day of one branch, in 分; debits are negative."""

    kind: str
    opening_cents: int
    debit_cents: int
    credit_cents: int

    @property
    def closing_cents(self) -> int:
        return self.opening_cents + self.debit_cents + self.credit_cents


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one branch: how many days were closed, and why not more."""

    branch_code: str
    days: int
    closed_through: date | None
    problem: Problem | None


def close_day(rt: Runtime, branch_code: str, day: date, *, unsettled: bool = False) -> None:
    """Close this day; part of the caller's transaction.

    Raises Refused for a day to come or closed before (`ledger.future_day`, `ledger.day_closed`),
    when an earlier one with vouchers is open (`ledger.earlier_day_open`), before the year's
    interest is paid (`ledger.unsettled`) and when the books do not balance
    (`ledger.trial_balance`); nothing is closed then.
    """
    closed = _hold(rt, branch_code, day)
    first = _first_day(rt.session, branch_code, closed)
    if first is not None and first < day:
        text = f"{first:%Y-%m-%d} 的凭证还没有日终结账，请先结这一天。"
        raise Refused(Problem("ledger.earlier_day_open", text))
    close_through(rt, branch_code, day, unsettled=unsettled)


def close_through(rt: Runtime, branch_code: str, day: date, *, unsettled: bool = False) -> int:
    """Close every open day up to this one, in order, all or none; how many days there were.

    `unsettled`: close a 30 June although that year's interest is not paid; it cannot be posted on
    that day any more.  Refuses as `close_day` does.
    """
    session = rt.session
    closed = _hold(rt, branch_code, day)
    first = _first_day(session, branch_code, closed)
    start = closed + _DAY if closed else min(first or day, day)
    waiting = None if unsettled else _unsettled(session, branch_code, start, day)
    if waiting is not None:
        raise Refused(_wait_for(waiting))
    moved = _movements(session, branch_code, start, day)
    last = _closing(session, branch_code, closed)
    batch: list[dict[str, object]] = []
    for number in range((day - start).days + 1):
        one = start + number * _DAY
        rows = _day_rows(last, moved.get(one, {}))
        _require_balance(branch_code, one, rows)
        batch += [_stored(branch_code, one, row) for row in rows]
        last = {row.kind: row.closing_cents for row in rows if row.closing_cents}
        if len(batch) >= ROWS_AT_ONCE:
            session.execute(insert(_TRIAL), batch)
            batch = []
    if batch:
        session.execute(insert(_TRIAL), batch)
    _require_accounts(session, branch_code, day, last)
    mine = _BRANCH.c.branch_code == branch_code
    session.execute(update(_BRANCH).where(mine).values(closed_through=day))
    return (day - start).days + 1


def close_branch(rt: Runtime, branch_code: str, day: date, *, unsettled: bool = False) -> Outcome:
    """Close what is open up to this day, or as far as it goes, in a transaction of its own; what is
    closed already is no problem."""
    session, days, problem = rt.session, 0, None
    try:
        with transaction(session):
            require_branch(session, branch_code)
            closed = _closed_through(session, branch_code)
            start = closed + _DAY if closed else _first_day(session, branch_code, closed)
            if start is not None and not unsettled:
                waiting = _unsettled(session, branch_code, start, day)
                day, problem = (waiting - _DAY, _wait_for(waiting)) if waiting else (day, None)
            if start is not None and start <= day:
                days = close_through(rt, branch_code, day, unsettled=unsettled)
    except HallError as error:
        problem = error.problem
    through = _closed_through(session, branch_code)
    session.rollback()
    return Outcome(branch_code, days, through, problem)


def close_yesterday(rt: Runtime) -> list[Outcome]:
    """Every branch, as `close_branch`.  Done every night; harmless when done again."""
    codes = branches(rt.session)
    return [close_branch(rt, code, _today(rt) - _DAY) for code in codes]


def branches(session: Session) -> list[str]:
    """Codes of all branches in which anything was ever posted."""
    return list(session.scalars(select(_BRANCH.c.branch_code).order_by(_BRANCH.c.branch_code)))


def require_branch(session: Session, branch_code: str) -> None:
    if branch_code not in branches(session):
        text = f"管理部 {branch_code} 还没有账，请核对管理部代码。"
        raise Refused(Problem("ledger.unknown_branch", text))


def trial_balance(session: Session, branch_code: str, day: date) -> list[Row]:
    """The trial balance of a day, closed or still open; kinds without balance and movement are
    left out."""
    closed = _closed_through(session, branch_code)
    if closed is not None and day <= closed:
        stored = select(_TRIAL).where(_TRIAL.c.branch_code == branch_code, _TRIAL.c.day == day)
        found = {
            row.kind: Row(row.kind, row.opening_cents, row.debit_cents, row.credit_cents)
            for row in session.execute(stored)
        }
        return [found[kind] for kind in KINDS if kind in found]
    last = _closing(session, branch_code, closed)
    moved = _movements(session, branch_code, closed + _DAY if closed else date.min, day)
    today = moved.pop(day, {})
    for kinds in moved.values():
        for kind, (debit, credit) in kinds.items():
            last[kind] = last.get(kind, 0) + debit + credit
    return _day_rows(last, today)


def _day_rows(opening: dict[str, int], moved: dict[str, tuple[int, int]]) -> list[Row]:
    rows = (Row(kind, opening.get(kind, 0), *moved.get(kind, NOTHING)) for kind in KINDS)
    return [row for row in rows if row.opening_cents or row.debit_cents or row.credit_cents]


def _stored(branch_code: str, day: date, row: Row) -> dict[str, object]:
    return {
        "branch_code": branch_code,
        "day": day,
        "kind": row.kind,
        "opening_cents": row.opening_cents,
        "debit_cents": row.debit_cents,
        "credit_cents": row.credit_cents,
        "closing_cents": row.closing_cents,
    }


# ── what may be closed ─────────────────────────────────────────────────────────────────────────
def _hold(rt: Runtime, branch_code: str, day: date) -> date | None:
    """Nobody posts in the branch until commit; until which day it is closed."""
    if day > _today(rt):
        text = f"{day:%Y-%m-%d} 还没有到，不能日终结账，请核对日期。"
        raise Refused(Problem("ledger.future_day", text))
    require_branch(rt.session, branch_code)
    closed = posting.hold(rt.session, branch_code)
    if closed is not None and day <= closed:
        text = f"{day:%Y-%m-%d} 已日终结账，不必再结。"
        raise Refused(Problem("ledger.day_closed", text))
    return closed


def _require_balance(branch_code: str, day: date, rows: list[Row]) -> None:
    moved = sum(row.debit_cents + row.credit_cents for row in rows)
    off = moved or sum(row.closing_cents for row in rows)
    if off:
        text = (
            f"{branch_code} {day:%Y-%m-%d} 借贷合计相差 {money_text(abs(off))} 元，没有结账，"
            "请执行 hall ledger verify 查明原因。"
        )
        raise Refused(Problem("ledger.trial_balance", text))


def _require_accounts(session: Session, branch_code: str, day: date, last: dict[str, int]) -> None:
    """The accounts hold what the vouchers say: a second way to the same figures."""
    held = _balances(session, branch_code)
    for kinds in _movements(session, branch_code, day + _DAY, date.max).values():
        for kind, (debit, credit) in kinds.items():
            held[kind] = held.get(kind, 0) - debit - credit
    for kind in KINDS:
        said, is_held = last.get(kind, 0), held.get(kind, 0)
        if said != is_held:
            text = (
                f"{branch_code} {day:%Y-%m-%d} {KINDS[kind].name}按凭证应为 {money_text(said)} 元，"
                f"各账户余额合计 {money_text(is_held)} 元，没有结账，"
                "请执行 hall ledger verify 查明原因。"
            )
            raise Refused(Problem("ledger.trial_balance", text))


def _unsettled(session: Session, branch_code: str, first: date, last: date) -> date | None:
    """The first 30 June of these days whose interest is still to be paid to somebody."""
    years = range(first.year, last.year + 1)
    ends = [day for year in years if first <= (day := date(year, 6, 30)) <= last]
    if not ends:
        return None
    years_paid = select(func.max(_SETTLEMENT.c.fund_year))
    paid = session.scalar(years_paid.where(_SETTLEMENT.c.finished_at.is_not(None))) or 0
    mine = and_(_ACCOUNT.c.kind == "member", _ACCOUNT.c.branch_code == branch_code)
    oldest = session.scalar(select(func.min(_ACCOUNT.c.opened_on)).where(mine))
    if oldest is None:
        return None
    return next((day for day in ends if day.year > paid and oldest <= day), None)


def _wait_for(day: date) -> Problem:
    text = (
        f"{day:%Y-%m-%d} 要等 {day.year} 年度结息后才能日终结账，"
        f"请先执行 hall ledger settle-interest --year {day.year}。"
    )
    return Problem(UNSETTLED, text)


# ── what the books say ─────────────────────────────────────────────────────────────────────────
def _today(rt: Runtime) -> date:
    return rt.clock().astimezone(ZONE).date()


def _closed_through(session: Session, branch_code: str) -> date | None:
    mine = _BRANCH.c.branch_code == branch_code
    return session.scalar(select(_BRANCH.c.closed_through).where(mine))


def _first_day(session: Session, branch_code: str, after: date | None) -> date | None:
    """The first day with a voucher behind this one."""
    later = _VOUCHER.c.posted_on > after if after else true()
    mine = _VOUCHER.c.branch_code == branch_code
    first: date | None = session.scalar(select(func.min(_VOUCHER.c.posted_on)).where(mine, later))
    return first


def _closing(session: Session, branch_code: str, closed: date | None) -> dict[str, int]:
    of_day = and_(_TRIAL.c.branch_code == branch_code, _TRIAL.c.day == closed)
    rows = session.execute(select(_TRIAL.c.kind, _TRIAL.c.closing_cents).where(of_day))
    return {kind: cents for kind, cents in rows if cents}


def _balances(session: Session, branch_code: str) -> dict[str, int]:
    total = sql_cast(func.sum(_ACCOUNT.c.balance_cents), BigInteger)
    mine = _ACCOUNT.c.branch_code == branch_code
    query = select(_ACCOUNT.c.kind, total).where(mine).group_by(_ACCOUNT.c.kind)
    return {kind: cents for kind, cents in session.execute(query)}


def _movements(session: Session, branch_code: str, first: date, last: date) -> Moved:
    amount = _ENTRY.c.amount_cents
    sides = (func.sum(amount).filter(side) for side in (amount < 0, amount > 0))
    query = (
        select(
            _VOUCHER.c.posted_on,
            _ACCOUNT.c.kind,
            *(sql_cast(func.coalesce(side, 0), BigInteger) for side in sides),
        )
        .join_from(_VOUCHER, _ENTRY, _ENTRY.c.voucher_id == _VOUCHER.c.id)
        .join(_ACCOUNT, _ACCOUNT.c.id == _ENTRY.c.account_id)
        .where(
            _VOUCHER.c.branch_code == branch_code,
            _VOUCHER.c.posted_on >= first,
            _VOUCHER.c.posted_on <= last,
        )
        .group_by(_VOUCHER.c.posted_on, _ACCOUNT.c.kind)
    )
    found: Moved = {}
    for day, kind, debit, credit in session.execute(query):
        found.setdefault(day, {})[kind] = (debit, credit)
    return found
