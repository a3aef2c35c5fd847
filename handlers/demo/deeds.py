"""What is done in a branch, each on its day; on one day in the order of these ranks.

Money comes in before any goes out, and what went out during the day is paid out at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

MONEY_IN, PAYING, TWICE, CORRECTING, LENDING, WITHDRAWING, PAYOUT, MONTH_END = range(8)


class Deed(NamedTuple):
    """`do` writes its vouchers; whoever runs it has set the clock to `day`."""

    day: date
    rank: int
    do: Callable[[], object]
