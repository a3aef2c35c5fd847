"""个人住房贷款: the contract, its instalments' state, and what was repaid.

Column names are the glossary's (§1.4).  Principal lies in the ledger (`loan_principal`, owner =
loan account number); this row says what was agreed and how far it is.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from engine.models import Base


class Loan(Base):
    """One disbursed loan of one person (the main borrower)."""

    __tablename__ = "hall_loan"
    __table_args__ = (
        CheckConstraint("loan_status in ('normal', 'overdue', 'settled')", name="status_known"),
        CheckConstraint("periods between 1 and 360", name="periods_possible"),
        CheckConstraint("repayment_day between 1 and 31", name="repayment_day_in_month"),
        CheckConstraint("contract_amount_cents > 0", name="amount_positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    loan_contract_no: Mapped[str] = mapped_column(String(30), unique=True)
    loan_account_no: Mapped[str] = mapped_column(String(20), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("hall_person.id"), index=True)
    ledger_account_id: Mapped[int] = mapped_column(
        ForeignKey("hall_ledger_account.id"), unique=True
    )
    branch_code: Mapped[str] = mapped_column(String(20), index=True)
    contract_amount_cents: Mapped[int] = mapped_column(BigInteger)
    periods: Mapped[int]
    loan_rate: Mapped[Decimal] = mapped_column(Numeric(8, 5))  # percent a year
    repayment_method: Mapped[str] = mapped_column(String(2), default="01")
    disbursed_on: Mapped[date]
    due_maturity: Mapped[date]
    repayment_day: Mapped[int]
    loan_status: Mapped[str] = mapped_column(String(10), default="normal")
    house_location: Mapped[str] = mapped_column(String(255), default="")
    house_price_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    overdue_count: Mapped[int] = mapped_column(default=0)


class LoanRepayment(Base):
    """One posted repayment (还款明细): how the money was split; rows are only appended."""

    __tablename__ = "hall_loan_repayment"
    __table_args__ = (
        Index("ix_hall_loan_repayment_loan", "loan_id", "id"),
        CheckConstraint(
            "principal_cents >= 0 and interest_cents >= 0 and penalty_cents >= 0",
            name="parts_not_negative",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    loan_id: Mapped[int] = mapped_column(ForeignKey("hall_loan.id"))
    voucher_id: Mapped[int] = mapped_column(ForeignKey("hall_voucher.id"), index=True)
    period: Mapped[int]
    due_on: Mapped[date]
    repaid_on: Mapped[date]
    principal_cents: Mapped[int] = mapped_column(BigInteger)
    interest_cents: Mapped[int] = mapped_column(BigInteger)
    penalty_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    balance_cents: Mapped[int] = mapped_column(BigInteger)  # 贷款余额 behind it
