"""What other businesses ask of contributions before they touch an account: is it owed money?

An account with a line in a 汇缴 or 补缴 that is assessed and not yet posted must stay where it is:
the money that is on its way is meant for it.  Ask under the lock of the unit, which whoever
assesses holds too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeVar, cast

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session

from engine.errors import Problem
from handlers.contributions.models import (
    ASSESSED,
    AWAITING,
    CANCELLED,
    POSTING,
    Remittance,
    RemittanceLine,
)

IN_MAX = 2_000  # ids in one statement; SQLite takes 32,766 parameters
UNPOSTED = (ASSESSED, AWAITING, POSTING)
T = TypeVar("T")

_BILL, _LINE = (cast(Table, table.__table__) for table in (Remittance, RemittanceLine))


def parts(values: Collection[T]) -> Iterator[list[T]]:
    """So many at a time, for IN lists."""
    ordered = list(values)
    for start in range(0, len(ordered), IN_MAX):
        yield ordered[start : start + IN_MAX]


def unposted(session: Session, account_ids: Collection[int]) -> dict[int, str]:
    """Which of these individual accounts (ids) have assessed lines that are not posted yet, each
    with the first such month."""
    found: dict[int, str] = {}
    for some in parts(account_ids):
        query = (
            select(_LINE.c.individual_account_id, func.min(_LINE.c.month))
            .join(_BILL, _BILL.c.id == _LINE.c.remittance_id)
            .where(_LINE.c.individual_account_id.in_(some), _BILL.c.state.in_(UNPOSTED))
            .group_by(_LINE.c.individual_account_id)
        )
        found |= {account: month for account, month in session.execute(query)}
    return found


def has_lines(session: Session, account_ids: Collection[int]) -> set[int]:
    """Which of these accounts were ever in a 汇缴 or 补缴 that was not cancelled."""
    found: set[int] = set()
    for some in parts(account_ids):
        query = (
            select(_LINE.c.individual_account_id)
            .join(_BILL, _BILL.c.id == _LINE.c.remittance_id)
            .where(_LINE.c.individual_account_id.in_(some), _BILL.c.state != CANCELLED)
        )
        found |= set(session.scalars(query))
    return found


def owed(month: str, business: str) -> Problem:
    """The sentence for an account of `unposted`."""
    text = f"该职工 {month} 的汇缴（补缴）已核定未入账，请待入账或取消核定后再办理{business}。"
    return Problem("changes.assessed", text)
