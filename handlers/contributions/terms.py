"""The rules of contribution in force on a day, gathered from the parameters.

For a back payment the day is one of the month that is paid, not today.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Session

from handlers.contributions.amounts import Limits, Rounding, amount_limits, base_limits
from handlers.parameters import declared, queries


@dataclass(frozen=True, slots=True)
class Terms:
    """`entry`: base (typed, amount follows) or amount (typed, base follows)."""

    lowest_rate: Decimal
    highest_rate: Decimal
    bases: Limits
    amounts: Limits  # of a month, both shares together
    rounding: Rounding
    entry: str


def terms(session: Session, day: date, branch: str = "") -> Terms:
    """Raises ParameterGap naming the first parameter that has no value on the day."""
    lowest = queries.value(session, declared.CONTRIBUTION_RATE_MIN, day)
    highest = queries.value(session, declared.CONTRIBUTION_RATE_MAX, day)
    bases = base_limits(
        queries.value(session, declared.AVERAGE_MONTHLY_WAGE, day),
        queries.value(session, declared.BASE_CAP_MULTIPLE, day),
        queries.value(session, declared.BASE_FLOOR, day, branch=branch),
    )
    rounding = Rounding(
        queries.value(session, declared.ROUNDING_UNIT, day),
        queries.value(session, declared.ROUNDING_MODE, day),
    )
    return Terms(
        lowest_rate=lowest,
        highest_rate=highest,
        bases=bases,
        amounts=amount_limits(bases, lowest, highest, rounding),
        rounding=rounding,
        entry=queries.value(session, declared.CONTRIBUTION_ENTRY, day),
    )
