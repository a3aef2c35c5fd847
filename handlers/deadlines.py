"""Terms the law sets, and the day each ends on.

The Regulation (住房公积金管理条例) counts in 日 without saying working days, so calendar days are
the default and the stricter reading.  The start day never counts; a term ending on a day off ends
on the next working day (民法典 art. 201 and 203).  The text in force on the start day decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from engine.calendar import ZONE, add_working_days

Unit = Literal["calendar", "working"]
# A year: the longest statutory term is 30 days; more is a slip of the keyboard.
TERM_DAYS_MAX = 366
DECREE_844 = date(2026, 9, 20)  # the 2026 text of the Regulation takes effect


@dataclass(frozen=True, slots=True)
class StatutoryTerm:
    """`days` from the event `starts_with`; `article` of the text valid on its start day.

    `valid_from` None: already in the 2019 text, earlier ones were not read; `valid_until` is the
    first day it no longer holds.
    """

    key: str
    title: str
    starts_with: str
    days: int
    article: str
    valid_from: date | None = None
    valid_until: date | None = None
    unit: Unit = "calendar"


# Glossary §9.  Fines and bars are not terms and are not here.
TERMS = (
    StatutoryTerm("unit_registration", "新设单位缴存登记", "单位设立", 30, "第十四条"),
    StatutoryTerm("account_opening", "为职工办理账户设立", "缴存登记", 20, "第十四条"),
    StatutoryTerm("unit_change", "单位变更、终止登记", "发生变更或终止", 30, "第十四条"),
    StatutoryTerm("unit_change_accounts", "变更后账户转移或封存", "变更或注销登记", 20, "第十四条"),
    StatutoryTerm("employment_change", "录用或终止劳动关系登记", "录用或终止", 30, "第十五条"),
    StatutoryTerm("remittance", "单位汇缴", "发放工资", 5, "第十九条"),
    StatutoryTerm("withdrawal_decision", "提取审核", "受理申请", 3, "第二十五条"),
    StatutoryTerm(
        "loan_decision", "贷款审核", "受理申请", 15, "第二十六条", valid_until=DECREE_844
    ),
    StatutoryTerm("loan_decision", "贷款审核", "受理申请", 10, "第二十六条", valid_from=DECREE_844),
    StatutoryTerm(
        "dispute_answer", "余额异议书面答复", "收到异议", 5, "第三十六条", valid_until=DECREE_844
    ),
    StatutoryTerm(
        "dispute_answer", "余额异议书面答复", "收到异议", 5, "第三十七条", valid_from=DECREE_844
    ),
)


@dataclass(frozen=True, slots=True)
class _Days:
    """A bare question as the calendar the engine knows."""

    is_working: Callable[[date], bool]


def due_on(
    start: date,
    term: int,
    unit: Unit,
    is_working: Callable[[date], bool],
    *,
    moves: bool = True,
) -> date:
    """Last day of a term of so many days after `start`.

    `moves`: a calendar-day term ending on a day off ends on the next working day.
    """
    assert 1 <= term <= TERM_DAYS_MAX, "a statutory term in days"
    if unit == "working":
        return _working_day(start, term, is_working)
    last = start + timedelta(days=term)
    return _working_day(last, 0, is_working) if moves else last


def term_on(key: str, day: date) -> StatutoryTerm:
    """The term as the text in force on `day` sets it; for a request the day of acceptance."""
    (found,) = (
        term
        for term in TERMS
        if term.key == key
        and (term.valid_from is None or term.valid_from <= day)
        and (term.valid_until is None or day < term.valid_until)
    )
    return found


def statutory_due_on(
    key: str,
    start: date,
    is_working: Callable[[date], bool],
    *,
    unit: Unit | None = None,
    moves: bool = True,
) -> date:
    """The day the law's term ends that began on `start`; `unit` is the centre's own reading."""
    term = term_on(key, start)
    return due_on(start, term.days, unit or term.unit, is_working, moves=moves)


def _working_day(day: date, days: int, is_working: Callable[[date], bool]) -> date:
    """The `days`-th working day after `day`; with 0 that day or the next working one."""
    morning = datetime.combine(day, time.min, ZONE)
    return add_working_days(_Days(is_working), morning, days).astimezone(ZONE).date()
