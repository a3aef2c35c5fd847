"""Deadlines: the start day never counts, a day off is not the last, the law of the day rules."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.calendars import usual
from handlers.deadlines import TERMS, Unit, due_on, statutory_due_on, term_on
from handlers.months import day_in, month_after, month_of, months_between


@pytest.mark.parametrize(
    ("start", "term", "unit", "moves", "due"),
    [
        ("2026-07-15", 5, "calendar", True, "2026-07-20"),
        ("2026-07-15", 3, "calendar", True, "2026-07-20"),  # the 18th is a Saturday
        ("2026-07-15", 3, "calendar", False, "2026-07-18"),
        ("2026-07-15", 3, "working", True, "2026-07-20"),
        ("2026-07-15", 1, "working", True, "2026-07-16"),
        ("2026-07-17", 1, "working", True, "2026-07-20"),
        ("2026-07-18", 1, "working", True, "2026-07-20"),  # filed on a Saturday
        ("2026-02-11", 3, "calendar", True, "2026-02-14"),  # a Saturday worked instead
        ("2026-09-28", 3, "calendar", True, "2026-10-08"),  # over National Day
        ("2026-09-28", 3, "working", True, "2026-10-08"),
        ("2026-02-13", 3, "working", True, "2026-02-25"),  # 14th worked, then Spring Festival
        ("2028-01-31", 30, "calendar", False, "2028-03-01"),  # a leap year
    ],
)
def test_the_last_day_of_a_term(start: str, term: int, unit: Unit, moves: bool, due: str) -> None:
    found = due_on(date.fromisoformat(start), term, unit, usual, moves=moves)
    assert found == date.fromisoformat(due)


@given(
    st.dates(date(2024, 1, 1), date(2040, 1, 1)),
    st.integers(1, 60),
    st.sampled_from(("calendar", "working")),
)
def test_a_term_ends_on_a_working_day_and_no_earlier_than_its_days(
    start: date, term: int, unit: Unit
) -> None:
    due = due_on(start, term, unit, usual)
    assert usual(due)
    assert due >= start + timedelta(days=term)
    between = [start + timedelta(days=n + 1) for n in range((due - start).days)]
    if unit == "working":
        assert sum(usual(day) for day in between) == term
    else:
        assert not any(usual(day) for day in between[term - 1 : -1])


@pytest.mark.parametrize(
    ("key", "accepted", "days", "article"),
    [
        ("loan_decision", "2026-09-19", 15, "第二十六条"),
        ("loan_decision", "2026-09-20", 10, "第二十六条"),
        ("withdrawal_decision", "2026-09-19", 3, "第二十五条"),
        ("withdrawal_decision", "2026-09-20", 3, "第二十五条"),
        ("dispute_answer", "2026-09-19", 5, "第三十六条"),
        ("dispute_answer", "2026-09-20", 5, "第三十七条"),
        ("unit_registration", "2026-10-01", 30, "第十四条"),
        ("account_opening", "2026-10-01", 20, "第十四条"),
        ("unit_change", "2026-10-01", 30, "第十四条"),
        ("unit_change_accounts", "2026-10-01", 20, "第十四条"),
        ("employment_change", "2026-10-01", 30, "第十五条"),
        ("remittance", "2026-10-01", 5, "第十九条"),
    ],
)
def test_the_regulation_in_force_on_the_day_of_acceptance_decides(
    key: str, accepted: str, days: int, article: str
) -> None:
    term = term_on(key, date.fromisoformat(accepted))
    assert (term.days, term.article, term.unit) == (days, article, "calendar")


def test_a_loan_accepted_the_day_before_the_new_text_still_has_fifteen_days() -> None:
    before = statutory_due_on("loan_decision", date(2026, 9, 19), usual, moves=False)
    after = statutory_due_on("loan_decision", date(2026, 9, 20), usual, moves=False)
    assert (before, after) == (date(2026, 10, 4), date(2026, 9, 30))
    moved = statutory_due_on("loan_decision", date(2026, 9, 19), usual)
    assert moved == date(2026, 10, 8)


def test_a_centre_may_read_the_law_in_working_days() -> None:
    due = statutory_due_on("withdrawal_decision", date(2026, 7, 16), usual, unit="working")
    assert due == date(2026, 7, 21)


@given(st.sampled_from(sorted({term.key for term in TERMS})), st.dates())
def test_every_term_has_exactly_one_text_on_every_day(key: str, day: date) -> None:
    assert term_on(key, day).key == key


@pytest.mark.parametrize(
    ("month", "months", "expected"),
    [
        ("2026-07", 0, "2026-07"),
        ("2026-07", 6, "2027-01"),
        ("2026-01", -1, "2025-12"),
        ("2026-12", 12, "2027-12"),
    ],
)
def test_months_are_counted_over_years(month: str, months: int, expected: str) -> None:
    assert month_after(month, months) == expected
    assert months_between(month, expected) == months


def test_a_day_a_month_does_not_have_is_its_last() -> None:
    assert day_in("2026-02", 31) == date(2026, 2, 28)
    assert day_in("2028-02", 30) == date(2028, 2, 29)
    assert month_of(day_in("2026-04", 31)) == "2026-04"
