"""Who may be enrolled online by age (SX-3.1, SX-9.3): sixteen, and not of retirement age.

Pure.  Others go to the counter with further papers.  Without a birth day nothing can be said: only
resident numbers carry one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from engine.errors import Problem
from handlers.identifiers import birth_of
from handlers.months import month_after, month_of
from handlers.parameters.cycle import NO_RULE
from handlers.retirement import IN_FORCE_FROM, Kind, retirement_month

WORKING_AGE = 16  # 劳动法 art. 15
MAN, WOMAN = "1", "2"  # GB/T 2261.1
FIXED_YEARS = {MAN: 60, WOMAN: 55}
ORDER_PLACE = 16  # of a resident number (GB 11643): odd for men, even for women


@dataclass(frozen=True, slots=True)
class Born:
    """`month` YYYY-MM; `day` where it is known."""

    month: str
    gender: str
    day: date | None = None


def born_of(resident_id: str) -> Born:
    """Of a resident number that is right."""
    day = birth_of(resident_id)
    return Born(month_of(day), MAN if int(resident_id[ORDER_PLACE]) % 2 else WOMAN, day)


def check(rule: str, born: Born | None, today: date, *, gradual: bool = True) -> Problem | None:
    """AGE_RULE; `gradual`: the law of 2025 moves the retirement age (RETIREMENT_RULE)."""
    if rule == NO_RULE or born is None or not born.month:
        return None
    if _too_young(born, today):
        text = f"职工未满 {WORKING_AGE} 周岁，网上不能办理，请携带补充资料到中心柜台办理。"
        return Problem("changes.too_young", text, "id_no")
    if born.gender not in FIXED_YEARS:
        return None
    if rule == "fixed":
        years = FIXED_YEARS[born.gender]
        end, said = month_after(born.month, 12 * years), f"已满 {years} 周岁"
    else:
        kind = Kind.MEN if born.gender == MAN else Kind.WOMEN_55
        law_on = today if gradual else date.fromordinal(IN_FORCE_FROM.toordinal() - 1)
        end, said = retirement_month(born.month, kind, law_on), "已达到法定退休年龄"
    if month_of(today) < end or (end == month_of(today) and _later_this_month(born, today)):
        return None
    text = f"职工{said}，网上不能办理，请携带补充资料到中心柜台办理。"
    return Problem("changes.too_old", text, "id_no")


def _later_this_month(born: Born, today: date) -> bool:
    return born.day is not None and born.day.day > today.day


def _too_young(born: Born, today: date) -> bool:
    reached = month_after(born.month, 12 * WORKING_AGE)
    if month_of(today) != reached:
        return month_of(today) < reached
    return _later_this_month(born, today)
