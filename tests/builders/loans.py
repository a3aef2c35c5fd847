"""The loan of the glossary (§7), and variations of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from handlers.loans.rates import Rate
from handlers.loans.terms import EQUAL_INSTALMENTS, Terms, new_terms

DISBURSED_ON = date(2026, 1, 20)
PERCENT = Decimal("2.60")


def loan(principal_cents: int = 500_000_00, periods: int = 240, **changes: Any) -> Terms:
    """500 000 at 2.60 % over 240 months in equal instalments, paid out on 2026-01-20."""
    terms = new_terms(
        principal_cents,
        changes.pop("rates", PERCENT),
        periods,
        method=changes.pop("method", EQUAL_INSTALMENTS),
        disbursed_on=changes.pop("disbursed_on", DISBURSED_ON),
        **changes,
    )
    assert isinstance(terms, Terms), terms
    return terms


def rates(*pairs: tuple[str, str]) -> tuple[Rate, ...]:
    """rates(("2026-01-20", "2.60"), ("2027-01-01", "2.35"))"""
    return tuple(Rate(date.fromisoformat(day), Decimal(percent)) for day, percent in pairs)
