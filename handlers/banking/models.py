"""What units pay, what the bank says has arrived, and what joins the two.

A payment is a promise of a unit (缴款单); a receipt is money on the collection account, from a
statement file or a debit.  Money in 分.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from engine.models import Base
from handlers.privacy.columns import INDEX_CHARS, Encrypted, indexed

# How a unit pays
TRANSFER, BANK_SLIP, REALTIME, ADVANCE = "transfer", "bank_slip", "realtime", "advance"
METHODS = {
    TRANSFER: "转账汇款",
    BANK_SLIP: "银行回单",
    REALTIME: "实时结算",
    ADVANCE: "预缴户转出",
}
# States of a payment
AWAITING, DEBITING, PAID, DECLINED, CANCELLED = (
    *("awaiting", "debiting", "paid"),
    *("declined", "cancelled"),
)
PAYMENT_STATES = {
    AWAITING: "待收款",
    DEBITING: "扣款中",
    PAID: "已缴款",
    DECLINED: "扣款失败",
    CANCELLED: "已取消",
}
# What a payment is for
FOR_REMITTANCE, FOR_ADVANCE = "remittance", "advance"
# States of a receipt
UNCLAIMED, SUSPENDED, MATCHED, CLEARED, REFUNDED = (
    *("unclaimed", "suspended", "matched"),
    *("cleared", "refunded"),
)
RECEIPT_STATES = {
    UNCLAIMED: "待认领",
    SUSPENDED: "暂存",
    MATCHED: "已匹配",
    CLEARED: "已清理",
    REFUNDED: "已退回",
}


def _listed(keys: Any) -> str:
    return ", ".join(f"'{key}'" for key in keys)


class Payment(Base):
    """缴款单.  `no`: the request it belongs to; `slip_no`: what the unit writes on its transfer."""

    __tablename__ = "hall_payment"
    __table_args__ = (
        CheckConstraint(f"method in ({_listed(METHODS)})", name="method_known"),
        CheckConstraint(f"state in ({_listed(PAYMENT_STATES)})", name="state_known"),
        CheckConstraint("amount_cents > 0", name="positive"),
        UniqueConstraint("slip_no", name="uq_hall_payment_slip_no"),
        Index("ix_hall_payment_unit", "unit_account_no", "state", "id"),
        Index("ix_hall_payment_branch", "branch_code", "state", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    no: Mapped[str] = mapped_column(String(40), index=True)
    slip_no: Mapped[str] = mapped_column(String(20))
    purpose: Mapped[str] = mapped_column(String(10), default=FOR_REMITTANCE)
    unit_account_no: Mapped[str] = mapped_column(String(20))
    branch_code: Mapped[str] = mapped_column(String(20))
    method: Mapped[str] = mapped_column(String(10))
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(9), default=AWAITING)
    remark: Mapped[str] = mapped_column(String(120), default="")
    result: Mapped[str] = mapped_column(String(200), default="")  # what the bank said
    registered_at: Mapped[datetime]
    registered_by: Mapped[str] = mapped_column(String(120))
    paid_on: Mapped[date | None] = mapped_column(default=None)


@indexed("payer_account_no", "payer_account_index")
class BankReceipt(Base):
    """One credit on a collection account; the bank's serial number keeps it from counting twice.

    `voucher_id`: where it was booked (bank → suspense).  `open_cents`: what of it is not used yet.
    """

    __tablename__ = "hall_bank_receipt"
    __table_args__ = (
        UniqueConstraint("branch_code", "bank_serial", name="uq_hall_bank_receipt_serial"),
        CheckConstraint(f"state in ({_listed(RECEIPT_STATES)})", name="state_known"),
        CheckConstraint("amount_cents > 0", name="positive"),
        CheckConstraint("open_cents between 0 and amount_cents", name="open_within"),
        Index("ix_hall_bank_receipt_unit", "unit_account_no", "state", "id"),
        Index("ix_hall_bank_receipt_branch", "branch_code", "state", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    branch_code: Mapped[str] = mapped_column(String(20))
    bank_serial: Mapped[str] = mapped_column(String(60))
    arrived_on: Mapped[date]
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    open_cents: Mapped[int] = mapped_column(BigInteger)
    payer_name: Mapped[str] = mapped_column(String(255), default="")
    payer_account_no: Mapped[str] = mapped_column(Encrypted("bank.payer_account"), default="")
    payer_account_index: Mapped[str] = mapped_column(String(INDEX_CHARS), default="", index=True)
    memo: Mapped[str] = mapped_column(String(255), default="")
    unit_account_no: Mapped[str] = mapped_column(String(20), default="")
    state: Mapped[str] = mapped_column(String(9), default=UNCLAIMED)
    why: Mapped[str] = mapped_column(String(200), default="")  # why it was not matched
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("hall_payment.id"), default=None)
    voucher_id: Mapped[int | None] = mapped_column(ForeignKey("hall_voucher.id"), default=None)
    method: Mapped[str] = mapped_column(String(10), default=TRANSFER)
    no: Mapped[str] = mapped_column(String(40), index=True)  # the request that brought it in
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(120))
    settled_at: Mapped[datetime | None] = mapped_column(default=None)
    settled_by: Mapped[str] = mapped_column(String(120), default="")
    settled_no: Mapped[str] = mapped_column(String(40), default="")


@indexed("bank_account_no", "bank_account_index")
class DebitAgreement(Base):
    """网厅单位缴存银行账户签约 (CX-U24a): the account a unit lets the fund debit."""

    __tablename__ = "hall_debit_agreement"
    __table_args__ = (Index("ix_hall_debit_agreement_unit", "unit_account_no", "since"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_account_no: Mapped[str] = mapped_column(String(20))
    branch_code: Mapped[str] = mapped_column(String(20))
    bank_name: Mapped[str] = mapped_column(String(255))
    bank_account_no: Mapped[str] = mapped_column(Encrypted("bank.payer_account"))
    bank_account_index: Mapped[str] = mapped_column(String(INDEX_CHARS), default="", index=True)
    account_name: Mapped[str] = mapped_column(String(255))
    since: Mapped[date]
    until: Mapped[date | None] = mapped_column(default=None)
    no: Mapped[str] = mapped_column(String(40), default="")
    signed_by: Mapped[str] = mapped_column(String(120), default="")


class DebitOrder(Base):
    """One real-time debit; `order_no` is the bank's key against doing it twice.

    queued: the bank has certainly never seen it; unknown: it may have, since `asked_at`.
    """

    __tablename__ = "hall_debit_order"
    __table_args__ = (
        UniqueConstraint("order_no", name="uq_hall_debit_order_no"),
        CheckConstraint(
            "state in ('queued', 'unknown', 'debited', 'declined')", name="state_known"
        ),
        # never two debits that may move money for one payment
        Index(
            "uq_hall_debit_order_living",
            "payment_id",
            unique=True,
            sqlite_where=sql("state <> 'declined'"),
            postgresql_where=sql("state <> 'declined'"),
        ),
        Index("ix_hall_debit_order_asked", "asked_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_no: Mapped[str] = mapped_column(String(40))
    payment_id: Mapped[int] = mapped_column(ForeignKey("hall_payment.id"), index=True)
    agreement_id: Mapped[int] = mapped_column(ForeignKey("hall_debit_agreement.id"))
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(9), default="queued")
    tries: Mapped[int] = mapped_column(default=0)
    bank_serial: Mapped[str] = mapped_column(String(60), default="")
    code: Mapped[str] = mapped_column(String(40), default="")
    text: Mapped[str] = mapped_column(String(200), default="")
    ordered_at: Mapped[datetime]
    ordered_by: Mapped[str] = mapped_column(String(120), default="")
    asked_at: Mapped[datetime | None] = mapped_column(default=None)  # last handed to the gateway
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
