"""The unit's record and the register of what was changed in it.

Column names are the glossary's (§1.1, JGJ/T 320).  Empty text means "not known"; the record is
written by operations alone, and every written field leaves one row in the register.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from engine.models import Base
from handlers.privacy.columns import Encrypted

_RATE = Numeric(5, 2)


class Unit(Base):
    """缴存单位."""

    __tablename__ = "hall_unit"
    __table_args__ = (
        CheckConstraint("pay_day between 1 and 31", name="pay_day_in_month"),
        CheckConstraint(
            "unit_status in ('01', '02', '03', '04', '05', '99')", name="unit_status_known"
        ),
        CheckConstraint(
            "unit_rate between 0 and 100 and individual_rate between 0 and 100",
            name="rates_are_percent",
        ),
        CheckConstraint(
            "active_headcount >= 0 and sealed_headcount >= 0", name="headcounts_not_negative"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_account_no: Mapped[str] = mapped_column(String(20), unique=True)
    unit_name: Mapped[str] = mapped_column(String(255), index=True)
    unit_address: Mapped[str] = mapped_column(String(255), default="")
    uscc: Mapped[str] = mapped_column(String(18), default="", index=True)
    unit_economic_type: Mapped[str] = mapped_column(String(3), default="")
    unit_industry: Mapped[str] = mapped_column(String(4), default="")
    unit_postcode: Mapped[str] = mapped_column(String(6), default="")
    unit_email: Mapped[str] = mapped_column(String(120), default="")
    unit_phone: Mapped[str] = mapped_column(String(20), default="")
    legal_rep_name: Mapped[str] = mapped_column(String(120), default="")
    legal_rep_id_type: Mapped[str] = mapped_column(String(2), default="01")
    legal_rep_id_no: Mapped[str] = mapped_column(Encrypted("person.id_no"), default="")
    pay_day: Mapped[int | None] = mapped_column(default=None)
    unit_founded_on: Mapped[date | None] = mapped_column(default=None)
    unit_opened_on: Mapped[date | None] = mapped_column(default=None)
    entrusted_bank_name: Mapped[str] = mapped_column(String(255), default="")
    entrusted_bank_code: Mapped[str] = mapped_column(String(3), default="")
    bank_account_no: Mapped[str] = mapped_column(Encrypted("bank_account_no"), default="")
    unit_rate: Mapped[Decimal] = mapped_column(_RATE, default=Decimal(0))
    individual_rate: Mapped[Decimal] = mapped_column(_RATE, default=Decimal(0))
    active_headcount: Mapped[int] = mapped_column(default=0)
    sealed_headcount: Mapped[int] = mapped_column(default=0)
    unit_status: Mapped[str] = mapped_column(String(2), default="01")
    paid_through_month: Mapped[str] = mapped_column(String(7), default="")
    branch_code: Mapped[str] = mapped_column(String(20), index=True)


class UnitChange(Base):
    """One changed field of one unit (单位信息变更记录); rows are only appended."""

    __tablename__ = "hall_unit_change"
    __table_args__ = (
        # The same approved request never changes the same field twice.
        UniqueConstraint("operation_key", "field", name="uq_hall_unit_change_operation_field"),
        Index("ix_hall_unit_change_unit", "unit_account_no", "changed_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    operation_key: Mapped[str] = mapped_column(String(160))
    unit_account_no: Mapped[str] = mapped_column(String(20))
    field: Mapped[str] = mapped_column(String(60))
    label: Mapped[str] = mapped_column(String(60))
    old: Mapped[str] = mapped_column(Encrypted("unit_change.value", None))
    new: Mapped[str] = mapped_column(Encrypted("unit_change.value", None))
    old_text: Mapped[str] = mapped_column(String(300))  # what people read, masked where needed
    new_text: Mapped[str] = mapped_column(String(300))
    no: Mapped[str] = mapped_column(String(40), index=True)
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(120))
