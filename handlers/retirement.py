"""法定退休年龄 since the Decision of 2024-09-13: later by steps from 2025-01-01 on.

The age of a person follows from the birth month and the kind of post alone: who was born early
enough keeps the old age.  Before 2025-01-01 the old ages held for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from handlers.months import month_after, months_between

IN_FORCE_FROM = date(2025, 1, 1)


class Kind(StrEnum):
    """Who retires: men, women whose old age is 55 (干部), women whose old age is 50 (工人)."""

    MEN = "men"
    WOMEN_55 = "women_55"
    WOMEN_50 = "women_50"


@dataclass(frozen=True, slots=True)
class _Step:
    """One month later for every `every` months born after `first_month`, `most` at most."""

    old_years: int
    first_month: str
    every: int
    most: int


# 全国人大常委会关于实施渐进式延迟法定退休年龄的决定 (2024-09-13), 办法 art. 1; glossary §7.
_STEPS: Mapping[Kind, _Step] = {
    Kind.MEN: _Step(60, "1965-01", 4, 36),
    Kind.WOMEN_55: _Step(55, "1970-01", 4, 36),
    Kind.WOMEN_50: _Step(50, "1975-01", 2, 60),
}


@dataclass(frozen=True, slots=True)
class Retirement:
    """The age in years and months, and the month it is reached (YYYY-MM)."""

    years: int
    months: int
    month: str


def retirement(birth_month: str, kind: Kind, law_on: date | None = None) -> Retirement:
    """Statutory retirement of somebody born in that month (YYYY-MM).

    `law_on`: the day whose law is asked for; None is the law since 2025-01-01.
    """
    step = _STEPS[kind]
    delay = 0
    late = months_between(step.first_month, birth_month)
    if late >= 0 and (law_on is None or law_on >= IN_FORCE_FROM):
        delay = min(step.most, late // step.every + 1)
    age = step.old_years * 12 + delay
    return Retirement(age // 12, age % 12, month_after(birth_month, age))


def retirement_month(birth_month: str, kind: Kind, law_on: date | None = None) -> str:
    """The month the retirement age is reached (YYYY-MM)."""
    return retirement(birth_month, kind, law_on).month
