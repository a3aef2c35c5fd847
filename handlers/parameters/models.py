"""The table of parameters: one row for each value and the day it takes effect.

Written by `operations.sync` alone.  A row whose first day has come is history: its value is never
changed, a new row follows it.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from engine.models import Base
from handlers.parameters.kinds import VALUE_CHARS_MAX


class ParameterValue(Base):
    """`ends_on` is the first day without the value; null: until the next row starts."""

    __tablename__ = "hall_parameter"
    __table_args__ = (
        # also the index every reading uses
        UniqueConstraint("key", "branch", "starts_on", name="uq_hall_parameter_key_branch_start"),
        CheckConstraint("ends_on is null or ends_on > starts_on", name="ends_after_start"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    center: Mapped[str] = mapped_column(String(40))  # the same in all rows: see `sync`
    key: Mapped[str] = mapped_column(String(60))
    branch: Mapped[str] = mapped_column(String(20), default="")  # empty: the whole centre
    starts_on: Mapped[date]
    ends_on: Mapped[date | None] = mapped_column(default=None)
    value: Mapped[str] = mapped_column(String(VALUE_CHARS_MAX))
    source: Mapped[str] = mapped_column(String(200))
    recorded_at: Mapped[datetime]  # when this value was entered: may be after its first day
