"""Retirement ages (Decision of 2024-09-13): the checks of the glossary (§7) and some more."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.months import month_after, months_between
from handlers.retirement import Kind, retirement, retirement_month


@pytest.mark.parametrize(
    ("birth_month", "kind", "years", "months", "month"),
    [
        ("1965-01", Kind.MEN, 60, 1, "2025-02"),
        ("1965-04", Kind.MEN, 60, 1, "2025-05"),
        ("1965-05", Kind.MEN, 60, 2, "2025-07"),
        ("1976-08", Kind.MEN, 62, 11, "2039-07"),
        ("1976-09", Kind.MEN, 63, 0, "2039-09"),
        ("1999-12", Kind.MEN, 63, 0, "2062-12"),
        ("1970-01", Kind.WOMEN_55, 55, 1, "2025-02"),
        ("1981-09", Kind.WOMEN_55, 58, 0, "2039-09"),
        ("1975-01", Kind.WOMEN_50, 50, 1, "2025-02"),
        ("1975-03", Kind.WOMEN_50, 50, 2, "2025-05"),
        ("1984-10", Kind.WOMEN_50, 54, 11, "2039-09"),
        ("1984-11", Kind.WOMEN_50, 55, 0, "2039-11"),
        ("2000-01", Kind.WOMEN_50, 55, 0, "2055-01"),
    ],
)
def test_later_by_steps_from_2025_on(
    birth_month: str, kind: Kind, years: int, months: int, month: str
) -> None:
    found = retirement(birth_month, kind)
    assert (found.years, found.months, found.month) == (years, months, month)
    assert retirement_month(birth_month, kind) == month


@pytest.mark.parametrize(
    ("birth_month", "kind", "years"),
    [("1964-12", Kind.MEN, 60), ("1969-12", Kind.WOMEN_55, 55), ("1974-12", Kind.WOMEN_50, 50)],
)
def test_who_was_born_earlier_keeps_the_old_age(birth_month: str, kind: Kind, years: int) -> None:
    assert retirement(birth_month, kind).month == "2024-12"
    assert (retirement(birth_month, kind).years, retirement(birth_month, kind).months) == (years, 0)


def test_before_2025_the_old_ages_held_for_everybody() -> None:
    assert retirement_month("1976-09", Kind.MEN, date(2024, 12, 31)) == "2036-09"
    assert retirement_month("1976-09", Kind.MEN, date(2025, 1, 1)) == "2039-09"


@given(st.sampled_from(Kind), st.integers(0, 800))
def test_a_younger_person_never_retires_earlier_and_nobody_after_the_new_age(
    kind: Kind, place: int
) -> None:
    birth = month_after("1950-01", place)
    here, next_one = retirement(birth, kind), retirement(month_after(birth, 1), kind)
    assert 0 <= months_between(here.month, next_one.month) <= 2
    oldest = {Kind.MEN: 63, Kind.WOMEN_55: 58, Kind.WOMEN_50: 55}[kind]
    assert here.years * 12 + here.months <= oldest * 12
    assert months_between(birth, here.month) == here.years * 12 + here.months
