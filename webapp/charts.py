"""Small bar charts drawn on the server: twelve months at a glance, every number beside them.

Bars begin at zero, so that twice as high means twice as much; the words and the table that go with
the picture say the same to somebody who does not see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from handlers.units.books import Remitted
from webapp.format import money, month

WIDTH, HEIGHT = 272, 132  # user units of the picture; it scales with its card
BASE, TOP = 108.5, 26  # where bars stand, and how high the highest may reach
BAR_SHARE = 0.65  # of its slot; the rest is air
LABEL_EVERY = 2  # twelve names of months do not fit under twelve bars
WAN_CENTS = 1_000_000  # 1 万元


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    label: str  # under the bar; "" for every other one
    title: str  # what the mouse reads
    newest: bool


@dataclass(frozen=True, slots=True)
class Chart:
    bars: list[Bar]
    newest: str  # the amount above the last bar
    summary: str  # the picture in one sentence
    rows: Sequence[Remitted]


def remittances(rows: Sequence[Remitted]) -> Chart | None:
    """The months of a unit, oldest first; None when nothing was remitted in any of them."""
    highest = max((row.cents for row in rows), default=0)
    if highest <= 0:
        return None
    slot = WIDTH / len(rows)
    width = slot * BAR_SHARE
    bars = []
    for place, row in enumerate(rows):
        height = max(row.cents, 0) / highest * (BASE - TOP)
        named = (len(rows) - 1 - place) % LABEL_EVERY == 0
        bars.append(
            Bar(
                x=round(place * slot + (slot - width) / 2, 1),
                y=round(BASE - height, 1),
                width=round(width, 1),
                height=round(height, 1),
                label=f"{int(row.month[5:])}月" if named else "",
                title=f"{month(row.month)} {money(row.cents)} 元",
                newest=place == len(rows) - 1,
            )
        )
    return Chart(bars, round_amount(rows[-1].cents), _summary(rows), rows)


def round_amount(cents: int) -> str:
    """26.84 万元, 8,432.00 元"""
    if abs(cents) < WAN_CENTS:
        return f"{money(cents)} 元"
    hundredths = (abs(cents) + WAN_CENTS // 200) // (WAN_CENTS // 100)
    return f"{'-' if cents < 0 else ''}{hundredths // 100:,}.{hundredths % 100:02d} 万元"


def _summary(rows: Sequence[Remitted]) -> str:
    first, last = rows[0], rows[-1]
    total = sum(row.cents for row in rows)
    return (
        f"{month(first.month)} {round_amount(first.cents)}，"
        f"{month(last.month)} {round_amount(last.cents)}，合计 {round_amount(total)}"
    )
