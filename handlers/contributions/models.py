"""What happens to contributions from month to month: changes of people, assessments, payments due.

A change (`MemberChange`) is what took effect on one account; registers, 撤销, the summary of a
month and the once-a-year rules all read it.  A `Remittance` is what one unit owes for one month, or
for a back payment, with a line for every member: once assessed it stays as it is.
Money is in 分; a month is "2026-07"; balances are in the ledger alone.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Numeric,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from engine.models import Base

_RATE = Numeric(5, 2)
CENTS = BigInteger

# Kinds of change; codes of table A.5 where it has one.
OPEN, SEAL, UNSEAL, BASE, RATE, TRANSFER, MERGE = (
    *("open", "seal", "unseal", "base"),
    *("rate", "transfer", "merge"),
)
CHANGE_KINDS = {
    OPEN: "开户",
    SEAL: "封存",
    UNSEAL: "启封",
    BASE: "基数调整",
    RATE: "比例调整",
    TRANSFER: "内部转移",
    MERGE: "账户合并",
}

# States of a remittance (glossary §3.3)
ASSESSED, AWAITING, POSTING, POSTED, CANCELLED = (
    *("assessed", "awaiting", "posting"),
    *("posted", "cancelled"),
)
REMITTANCE_STATES = {
    ASSESSED: "已核定",
    AWAITING: "待收款",
    POSTING: "入账中",
    POSTED: "已入账",
    CANCELLED: "已取消",
}
REMITTANCE, BACK_PAYMENT = "remittance", "back_payment"
REMITTANCE_KINDS = {REMITTANCE: "汇缴", BACK_PAYMENT: "补缴"}


def _listed(keys: Any) -> str:
    return ", ".join(f"'{key}'" for key in keys)


class MemberChange(Base):
    """One effective change of one account.  Only `undone_*` is ever written later (撤销).

    `unit_account_no` is the unit that asked.  Old and new values are those of the account around
    the change; a transfer names both units and the money that moved, a merge the other account.
    `month`: the business month the change belongs to.
    """

    __tablename__ = "hall_member_change"
    __table_args__ = (
        UniqueConstraint("operation_key", name="uq_hall_member_change_operation"),
        Index("ix_hall_member_change_unit", "unit_account_no", "kind", "month", "id"),
        Index("ix_hall_member_change_account", "individual_account_id", "kind", "id"),
        Index("ix_hall_member_change_from", "from_unit_account_no", "id"),
        Index("ix_hall_member_change_to", "to_unit_account_no", "id"),
        CheckConstraint(f"kind in ({_listed(CHANGE_KINDS)})", name="kind_known"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    operation_key: Mapped[str] = mapped_column(String(160))
    kind: Mapped[str] = mapped_column(String(10))
    unit_account_no: Mapped[str] = mapped_column(String(20))
    branch_code: Mapped[str] = mapped_column(String(20))
    individual_account_id: Mapped[int] = mapped_column(ForeignKey("hall_individual_account.id"))
    month: Mapped[str] = mapped_column(String(7))
    effective_on: Mapped[date]
    no: Mapped[str] = mapped_column(String(40), index=True)
    reason: Mapped[str] = mapped_column(String(60), default="")
    old_status: Mapped[str] = mapped_column(String(2), default="")
    new_status: Mapped[str] = mapped_column(String(2), default="")
    old_base_cents: Mapped[int] = mapped_column(CENTS, default=0)
    new_base_cents: Mapped[int] = mapped_column(CENTS, default=0)
    old_unit_cents: Mapped[int] = mapped_column(CENTS, default=0)
    new_unit_cents: Mapped[int] = mapped_column(CENTS, default=0)
    old_individual_cents: Mapped[int] = mapped_column(CENTS, default=0)
    new_individual_cents: Mapped[int] = mapped_column(CENTS, default=0)
    from_unit_account_no: Mapped[str] = mapped_column(String(20), default="")
    to_unit_account_no: Mapped[str] = mapped_column(String(20), default="")
    other_account_id: Mapped[int | None] = mapped_column(
        ForeignKey("hall_individual_account.id"), default=None
    )
    amount_cents: Mapped[int] = mapped_column(CENTS, default=0)
    interest_cents: Mapped[int] = mapped_column(CENTS, default=0)
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(120))
    undone_at: Mapped[datetime | None] = mapped_column(default=None)
    undone_by: Mapped[str] = mapped_column(String(120), default="")
    undone_no: Mapped[str] = mapped_column(String(40), default="")
    undone_reason: Mapped[str] = mapped_column(String(200), default="")
    # what 撤销 puts back besides the old values above, by column of the account; days as text
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)


class UnitRateChange(Base):
    """单位缴存比例调整: both rates before and after, and how many people it moved."""

    __tablename__ = "hall_unit_rate_change"
    __table_args__ = (
        UniqueConstraint("operation_key", name="uq_hall_unit_rate_change_operation"),
        Index("ix_hall_unit_rate_change_unit", "unit_account_no", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    operation_key: Mapped[str] = mapped_column(String(160))
    unit_account_no: Mapped[str] = mapped_column(String(20))
    branch_code: Mapped[str] = mapped_column(String(20))
    month: Mapped[str] = mapped_column(String(7))
    effective_on: Mapped[date]
    no: Mapped[str] = mapped_column(String(40), index=True)
    old_unit_rate: Mapped[Decimal] = mapped_column(_RATE)
    new_unit_rate: Mapped[Decimal] = mapped_column(_RATE)
    old_individual_rate: Mapped[Decimal] = mapped_column(_RATE)
    new_individual_rate: Mapped[Decimal] = mapped_column(_RATE)
    headcount: Mapped[int]
    reason: Mapped[str] = mapped_column(String(200), default="")
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(120))


class AnnualAssessment(Base):
    """年度核定 of one unit for one fund year (named by the year it begins in, SX-11.1)."""

    __tablename__ = "hall_annual_assessment"
    __table_args__ = (
        UniqueConstraint("unit_account_no", "fund_year", name="uq_hall_annual_assessment_year"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_account_no: Mapped[str] = mapped_column(String(20))
    branch_code: Mapped[str] = mapped_column(String(20))
    fund_year: Mapped[int]
    no: Mapped[str] = mapped_column(String(40), index=True)
    headcount: Mapped[int]
    old_base_cents: Mapped[int] = mapped_column(CENTS)
    new_base_cents: Mapped[int] = mapped_column(CENTS)
    old_amount_cents: Mapped[int] = mapped_column(CENTS)
    new_amount_cents: Mapped[int] = mapped_column(CENTS)
    assessed_on: Mapped[date]
    assessed_at: Mapped[datetime]
    assessed_by: Mapped[str] = mapped_column(String(120))


class Remittance(Base):
    """What a unit owes: 汇缴 of one month, or one 补缴 of many months (`month` … `month_to`).

    `summary`: the lines of XZ-2.4a, each {"name", "headcount", "cents"}.  `assessed_no`: by which
    request; `payment_id`: the payment it is to be paid by; `allocated`: lines posted so
    far; `posted_on`: the day the last of them was.
    """

    __tablename__ = "hall_remittance"
    __table_args__ = (
        CheckConstraint(f"kind in ({_listed(REMITTANCE_KINDS)})", name="kind_known"),
        CheckConstraint(f"state in ({_listed(REMITTANCE_STATES)})", name="state_known"),
        CheckConstraint("unit_cents >= 0 and individual_cents >= 0", name="not_negative"),
        CheckConstraint("allocated <= headcount", name="allocated_within"),
        # one living 汇缴 for a unit and a month
        Index(
            "uq_hall_remittance_month",
            "unit_account_no",
            "month",
            unique=True,
            sqlite_where=text("kind = 'remittance' and state <> 'cancelled'"),
            postgresql_where=text("kind = 'remittance' and state <> 'cancelled'"),
        ),
        Index("ix_hall_remittance_unit", "unit_account_no", "month", "id"),
        Index("ix_hall_remittance_branch", "branch_code", "state", "id"),
        Index("ix_hall_remittance_payment", "payment_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))
    unit_account_no: Mapped[str] = mapped_column(String(20))
    branch_code: Mapped[str] = mapped_column(String(20))
    month: Mapped[str] = mapped_column(String(7))
    month_to: Mapped[str] = mapped_column(String(7), default="")
    state: Mapped[str] = mapped_column(String(9), default=ASSESSED)
    headcount: Mapped[int]  # lines: people of a month; (person, month) pairs of a 补缴
    unit_cents: Mapped[int] = mapped_column(CENTS)
    individual_cents: Mapped[int] = mapped_column(CENTS)
    summary: Mapped[list[Any]] = mapped_column(default=list)
    reason: Mapped[str] = mapped_column(String(60), default="")
    assessed_no: Mapped[str] = mapped_column(String(40), index=True)
    assessed_on: Mapped[date]
    assessed_at: Mapped[datetime]
    assessed_by: Mapped[str] = mapped_column(String(120))
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("hall_payment.id"), default=None)
    source: Mapped[str] = mapped_column(String(10), default="")  # suspense or advance
    allocated: Mapped[int] = mapped_column(default=0)
    posted_on: Mapped[date | None] = mapped_column(default=None)
    cancelled_at: Mapped[datetime | None] = mapped_column(default=None)
    cancelled_by: Mapped[str] = mapped_column(String(120), default="")
    cancelled_no: Mapped[str] = mapped_column(String(40), default="")

    @property
    def total_cents(self) -> int:
        return self.unit_cents + self.individual_cents


class RemittanceLine(Base):
    """What one member is due in it; `month` differs from the remittance's in a 补缴 alone."""

    __tablename__ = "hall_remittance_line"
    __table_args__ = (
        Index("ix_hall_remittance_line_account", "individual_account_id", "month"),
        CheckConstraint("unit_cents >= 0 and individual_cents >= 0", name="not_negative"),
        {"sqlite_with_rowid": False},
    )

    remittance_id: Mapped[int] = mapped_column(ForeignKey("hall_remittance.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    individual_account_id: Mapped[int] = mapped_column(ForeignKey("hall_individual_account.id"))
    month: Mapped[str] = mapped_column(String(7))
    base_cents: Mapped[int] = mapped_column(CENTS)
    unit_cents: Mapped[int] = mapped_column(CENTS)
    individual_cents: Mapped[int] = mapped_column(CENTS)
