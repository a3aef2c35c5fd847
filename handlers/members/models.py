"""A person and the individual account a unit keeps for them.

Column names are the glossary's (§1.2, JGJ/T 320).  The account here says whose it is, from what
base it is paid and in which state it is; its balance lies in the ledger alone
(`ledger_account_id`).  Numbers of papers, telephones and cards are encrypted, with a blind index
for exact look-up.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Numeric, String
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models import Base
from handlers.members.codes import ACCOUNT_STATUSES, CLOSED
from handlers.privacy.columns import INDEX_CHARS, Encrypted, indexed

_RATE = Numeric(5, 2)
_STATUSES = ", ".join(f"'{code}'" for code in ACCOUNT_STATUSES)
_CLOSED = ", ".join(f"'{code}'" for code in sorted(CLOSED))


@indexed("id_no", "id_no_index")
@indexed("mobile", "mobile_index")
class Person(Base):
    """缴存人.  One row for one document (身份证) however many accounts were opened."""

    __tablename__ = "hall_person"
    __table_args__ = (Unique("id_type", "id_no_index", name="uq_hall_person_id_no"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_name: Mapped[str] = mapped_column(String(120), index=True)
    id_type: Mapped[str] = mapped_column(String(2), default="01")
    id_no: Mapped[str] = mapped_column(Encrypted("person.id_no"))
    id_no_index: Mapped[str] = mapped_column(String(INDEX_CHARS))
    gender: Mapped[str] = mapped_column(String(1), default="")
    birth_month: Mapped[str] = mapped_column(String(7), default="")
    mobile: Mapped[str] = mapped_column(Encrypted("person.mobile"), default="")
    mobile_index: Mapped[str] = mapped_column(String(INDEX_CHARS), default="", index=True)
    phone: Mapped[str] = mapped_column(String(20), default="")
    postcode: Mapped[str] = mapped_column(String(6), default="")
    home_address: Mapped[str] = mapped_column(String(255), default="")
    marital_status: Mapped[str] = mapped_column(String(2), default="")
    occupation: Mapped[str] = mapped_column(String(3), default="")
    title: Mapped[str] = mapped_column(String(3), default="")
    post: Mapped[str] = mapped_column(String(4), default="")
    education: Mapped[str] = mapped_column(String(2), default="")
    family_monthly_income_cents: Mapped[int | None] = mapped_column(BigInteger, default=None)


class IndividualAccount(Base):
    """个人账户.  `status_before_freeze` is where 解冻 leads back to (glossary §3.1)."""

    __tablename__ = "hall_individual_account"
    __table_args__ = (
        CheckConstraint(f"account_status in ({_STATUSES})", name="account_status_known"),
        CheckConstraint("contribution_base_cents >= 0", name="base_not_negative"),
        CheckConstraint(
            "unit_monthly_amount_cents >= 0 and individual_monthly_amount_cents >= 0",
            name="amounts_not_negative",
        ),
        CheckConstraint(
            f"(account_status in ({_CLOSED})) = (closed_on is not null)",
            name="closed_has_a_day",
        ),
        Index("ix_hall_individual_account_unit", "unit_account_no", "individual_account_no"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    individual_account_no: Mapped[str] = mapped_column(String(20), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("hall_person.id"), index=True)
    ledger_account_id: Mapped[int] = mapped_column(
        ForeignKey("hall_ledger_account.id"), unique=True
    )
    unit_account_no: Mapped[str] = mapped_column(String(20))
    branch_code: Mapped[str] = mapped_column(String(20))
    employee_no: Mapped[str] = mapped_column(String(30), default="")
    contribution_base_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    unit_rate: Mapped[Decimal] = mapped_column(_RATE, default=Decimal(0))
    individual_rate: Mapped[Decimal] = mapped_column(_RATE, default=Decimal(0))
    unit_monthly_amount_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    individual_monthly_amount_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    account_status: Mapped[str] = mapped_column(String(2), default="01")
    status_before_freeze: Mapped[str] = mapped_column(String(2), default="")
    opened_on: Mapped[date]
    closed_on: Mapped[date | None] = mapped_column(default=None)
    sealed_on: Mapped[date | None] = mapped_column(default=None)
    seal_or_close_reason: Mapped[str] = mapped_column(String(2), default="")
    paid_through_month: Mapped[str] = mapped_column(String(7), default="")
    payout_bank_name: Mapped[str] = mapped_column(String(255), default="")
    payout_bank_code: Mapped[str] = mapped_column(String(3), default="")
    payout_account_no: Mapped[str] = mapped_column(Encrypted("person.bank_card"), default="")
    joint_card_no: Mapped[str] = mapped_column(Encrypted("person.bank_card"), default="")
    joint_card_bank: Mapped[str] = mapped_column(String(120), default="")

    person: Mapped[Person] = relationship()

    @property
    def monthly_amount_cents(self) -> int:
        return self.unit_monthly_amount_cents + self.individual_monthly_amount_cents
