"""A centre's parameters: a shipped centre with other rows, entered on a day."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from engine.calendar import ZONE
from handlers import centers
from handlers.centers import Center, DatedValue
from handlers.parameters import operations

ROOT = Path(__file__).resolve().parents[2]
SHIPPED: Center = centers.load(ROOT, "qiandongnan")


def row(starts_on: str, value: str, **more: Any) -> DatedValue:
    """row("2026-07-01", "1.50", through="2027-06-30", branch="QDN01")"""
    through = more.pop("through", None)
    return DatedValue(
        starts_on=date.fromisoformat(starts_on),
        through=date.fromisoformat(through) if through else None,
        value=value,
        **({"source": "测试"} | more),
    )


def center(**parameters: list[DatedValue]) -> Center:
    """The shipped centre with these parameters and no others; unchecked, as `sync` may get it."""
    return SHIPPED.model_copy(update={"parameters": parameters})


def enter(session: Session, *, today: str = "2026-07-15", **parameters: list[DatedValue]) -> int:
    """What starting the hall on that day does with this file."""
    return operations.sync(session, center(**parameters), now=noon(today))


def noon(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(12), ZONE)
