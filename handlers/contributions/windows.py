"""When a base may be changed, and how often: the fund year, the window, the count of changes.

A fund year runs from 1 July to 30 June and is named here by the year it begins in (SX-11.1).  A
change belongs to the year in which it was asked for: a review, or a long roster at midnight, must
not take somebody's turn of the new year away.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, func, or_, select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.errors import Problem
from engine.models import Instance
from handlers.contributions.models import BASE, MemberChange, UnitRateChange
from handlers.contributions.reads import parts
from handlers.ledger.interest import YEAR_START

JULY = YEAR_START[0]
_CHANGE = cast(Table, MemberChange.__table__)


def fund_year(day: date) -> int:
    """2026 for 2026-07-01 … 2027-06-30."""
    return day.year - (day < date(day.year, *YEAR_START))


def first_day(year: int) -> date:
    return date(year, *YEAR_START)


def base_window(rule: str, day: date) -> Problem | None:
    """BASE_WINDOW (QDN-02: July; XZ-2.2a: as the centre announces)."""
    if rule == "closed":
        text = "现在不办理基数调整，办理时间由中心另行通知。"
        return Problem("base.closed", text)
    if rule == "july" and day.month != JULY:
        text = "基数调整只在每年 7 月办理，请在 7 月 1 日至 31 日提交。"
        return Problem("base.july", text)
    return None


def too_often(done: int, allowed: int, name: str) -> Problem | None:
    """DZ-U-06.2, XZ-2.2a, XZ-2.3: at most so many changes in a fund year."""
    if done < allowed:
        return None
    text = f"本年度（7 月 1 日起）已调整 {done} 次{name}，每年最多 {allowed} 次，请下一年度再办。"
    return Problem("changes.too_often", text)


def base_changes(session: Session, account_ids: Collection[int], year: int) -> dict[int, int]:
    """How often the base of each of these accounts was changed in the fund year, if ever; what
    was undone does not count."""
    found: dict[int, int] = {}
    for some in parts(account_ids):
        query = (
            select(_CHANGE.c.individual_account_id, func.count())
            .outerjoin(Instance, Instance.no == _CHANGE.c.no)
            .where(
                _CHANGE.c.individual_account_id.in_(some),
                _CHANGE.c.kind == BASE,
                _CHANGE.c.undone_at.is_(None),
                _asked_in(year, _CHANGE.c.effective_on),
            )
            .group_by(_CHANGE.c.individual_account_id)
        )
        found |= {account: count for account, count in session.execute(query)}
    return found


def rate_changes(session: Session, unit_account_no: str, year: int) -> int:
    """How often the unit changed its rates in the fund year."""
    query: Any = (
        select(func.count())
        .select_from(UnitRateChange)
        .outerjoin(Instance, Instance.no == UnitRateChange.no)
        .where(
            UnitRateChange.unit_account_no == unit_account_no,
            _asked_in(year, UnitRateChange.effective_on),
        )
    )
    return int(session.scalar(query) or 0)


def _asked_in(year: int, effective_on: Any) -> ColumnElement[bool]:
    """By the day the request was accepted, or, without one, the day it took effect."""
    first, end = (first_day(each) for each in (year, year + 1))
    began, over = (datetime.combine(day, time(), ZONE) for day in (first, end))
    asked = and_(Instance.started_at >= began, Instance.started_at < over)
    by_effect = and_(Instance.id.is_(None), effective_on < end)
    return and_(effective_on >= first, or_(asked, by_effect))
