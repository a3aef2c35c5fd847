"""Do the closed days still say what was posted on them?

A voucher that came to a day after it was closed, or went from it, shows here: the day's trial
balance was written without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import String, func, literal, or_, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from handlers.ledger.checks.faults import (
    BRANCH,
    SETTLEMENT,
    TRIAL,
    VOUCHER,
    Fault,
    day_text,
    number,
    sane,
    total,
    yuan,
)
from handlers.ledger.checks.vouchers import Movements
from handlers.ledger.kinds import KINDS

_NOTHING, _NONE = (0, 0), (0, 0, 0, 0)


def check(session: Session, movements: Movements) -> Iterator[Fault]:
    """Every branch, day by day through the last closed one."""
    through = session.execute(select(BRANCH.c.branch_code, number(BRANCH.c.closed_through)))
    closed: dict[str, int | None] = {branch: day for branch, day in through}
    posted = select(VOUCHER.c.branch_code, func.min(number(VOUCHER.c.posted_on)))
    of_branch = session.execute(posted.group_by(VOUCHER.c.branch_code))
    first: dict[str, int] = {branch: day for branch, day in of_branch}
    for branch in sorted(first.keys() - closed.keys()):
        text = "管理部有凭证而没有记账控制记录：记录被删除。"
        yield Fault(f"管理部 {branch}", "day.branch", text)
    found = session.execute(_stored()).all()
    rows = {branch: list(group) for branch, group in groupby(found, lambda row: row.branch_code)}
    for branch in sorted(closed.keys() | rows.keys()):
        days = range(first.get(branch, 0), (closed.get(branch) or -1) + 1)
        yield from _check_branch(branch, days, rows.get(branch, []), movements)


def _stored() -> Any:
    columns = (column for column in TRIAL.c if column.name != "day")
    query = select(*columns, number(TRIAL.c.day).label("day"))
    return query.order_by(TRIAL.c.branch_code, TRIAL.c.day, TRIAL.c.kind)


def check_settlements(session: Session) -> list[Fault]:
    """A finished year has paid and accrued what it says (glossary §6)."""
    row = SETTLEMENT.c
    # Interest of those who left is accrued by other vouchers, perhaps on the same day.
    its_key = literal("interest_accrual:") + sql_cast(row.fund_year, String) + literal(":%")
    paid, accrued = (
        select(total(sane(VOUCHER.c.credit_cents)))
        .where(VOUCHER.c.posted_on == row.posted_on, VOUCHER.c.reversal_of.is_(None), its_own)
        .scalar_subquery()
        for its_own in (VOUCHER.c.business == "interest", VOUCHER.c.key.like(its_key))
    )
    query = (
        select(row.fund_year, row.interest_cents, paid, accrued)
        .where(row.finished_at.is_not(None))
        .where(or_(row.interest_cents != paid, row.interest_cents != accrued))
        .order_by(row.fund_year)
    )
    text = "结息合计 {}，凭证中付出 {}、计提 {}，三者应相同。"
    return [
        Fault(f"{year} 年度结息", "settlement.interest", text.format(*map(yuan, cents)))
        for year, *cents in session.execute(query)
    ]


def _check_branch(
    branch: str, days: range, rows: list[Any], movements: Movements
) -> Iterator[Fault]:
    stored: dict[int, dict[str, Any]] = {}
    for row in rows:
        stored.setdefault(row.day, {})[row.kind] = row
    moved = {day for code, day, _ in movements.sums if code == branch}
    # A day without postings has rows too; the first one that lacks them is told, not all of them.
    looked_at = stored.keys() | moved
    looked_at |= {day + 1 for day in looked_at}
    last: dict[str, int] = {}
    for day in sorted(looked_at):
        where = f"{branch} {day_text(day)}"
        if day not in days:
            if day in stored:
                yield Fault(where, "day.stray", "试算平衡表不在已结账的日期内。")
            continue
        closing = {}
        for kind in sorted(KINDS.keys() | stored.get(day, {}).keys()):
            opening, row = last.get(kind, 0), stored.get(day, {}).get(kind)
            debit, credit = movements.sums.get((branch, day, kind), _NOTHING)
            closing[kind] = opening + debit + credit if row is None else row.closing_cents
            said = _NONE if row is None else _figures(row)
            if said != (opening, debit, credit, opening + debit + credit):
                name = KINDS[kind].name if kind in KINDS else kind
                text = f"{name}的试算平衡表与当天的凭证不符：结账后凭证或报表被改动。"
                yield Fault(where, "day.trial_balance", text)
        last = closing


def _figures(row: Any) -> tuple[int, int, int, int]:
    return row.opening_cents, row.debit_cents, row.credit_cents, row.closing_cents
