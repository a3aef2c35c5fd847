"""Tables of the books.

A day is stored as its proleptic Gregorian number (`date.toordinal`), so that both databases count
days by subtraction.  Vouchers and entries are only ever inserted: triggers refuse anything else,
and an entry is numbered within its account (`seq`), so two writers who read the same balance
collide.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapped, mapped_column

from engine.models import Base, UtcDateTime
from engine.models.guards import guard
from handlers.ledger.kinds import BUSINESSES, KINDS

AMOUNT_CENTS_MAX = 10**15  # 10 万亿元: above any fund, below what a browser holds exactly
# 10 亿元 in one person's account is a slip of the keyboard; it also keeps a year's day products
# times a rate inside 64 bits, where SQLite would silently go over to floating point.
MEMBER_CENTS_MAX = 10**11


class Day(TypeDecorator[date]):
    """A date as a number of days, in SQL too: `b - a` is how many days lie between."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> int | None:
        return None if value is None else value.toordinal()

    def process_result_value(self, value: int | None, dialect: Dialect) -> date | None:
        return None if value is None else date.fromordinal(value)


def _listed(keys: object) -> str:
    assert isinstance(keys, dict)
    return ", ".join(f"'{key}'" for key in keys)


class LedgerAccount(Base):
    """One account.  `owner` is an individual account, unit, loan or branch number, by kind.

    `balance_cents` is the sum of its entries; of a member's, `carried_forward_cents` is what was
    settled on 30 June (上年结转) and the rest belongs to the current year (当年归集).
    `settled_on`: interest is paid for every day before this one.
    """

    __tablename__ = "hall_ledger_account"
    __table_args__ = (
        UniqueConstraint("kind", "owner", name="uq_hall_ledger_account_kind_owner"),
        Index("ix_hall_ledger_account_unit", "unit_account_no", "kind"),
        Index("ix_hall_ledger_account_branch", "branch_code", "kind"),
        CheckConstraint(f"kind in ({_listed(KINDS)})", name="kind_known"),
        CheckConstraint("status in ('open', 'frozen', 'closed')", name="status_known"),
        CheckConstraint("side in ('credit', 'debit', 'either')", name="side_known"),
        CheckConstraint("side <> 'credit' or balance_cents >= 0", name="not_overdrawn"),
        CheckConstraint("side <> 'debit' or balance_cents <= 0", name="not_overpaid"),
        CheckConstraint(
            "case when kind = 'member' then carried_forward_cents between 0 and balance_cents "
            "else carried_forward_cents = 0 end",
            name="carried_forward_within",
        ),
        CheckConstraint(
            f"kind <> 'member' or balance_cents <= {MEMBER_CENTS_MAX}", name="one_persons_money"
        ),
        CheckConstraint("status <> 'closed' or balance_cents = 0", name="closed_is_empty"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    owner: Mapped[str] = mapped_column(String(20))
    branch_code: Mapped[str] = mapped_column(String(20))
    unit_account_no: Mapped[str] = mapped_column(String(20), default="")
    side: Mapped[str] = mapped_column(String(6))
    status: Mapped[str] = mapped_column(String(6), default="open")
    balance_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    carried_forward_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    entries: Mapped[int] = mapped_column(default=0)
    opened_on: Mapped[date] = mapped_column(Day)
    settled_on: Mapped[date | None] = mapped_column(Day, default=None)

    @property
    def current_year_cents(self) -> int:
        return self.balance_cents - self.carried_forward_cents


class Voucher(Base):
    """凭证.  `number` counts 1, 2, 3 … within branch and day; `key` makes a second try harmless.

    `value_on`: interest counts from this day (起息日).  `total_cents` is the sum of the credits.
    """

    __tablename__ = "hall_voucher"
    __table_args__ = (
        UniqueConstraint("branch_code", "posted_on", "number", name="uq_hall_voucher_number"),
        UniqueConstraint("key", name="uq_hall_voucher_key"),
        UniqueConstraint("reversal_of", name="uq_hall_voucher_reversal_of"),
        Index("ix_hall_voucher_unit", "unit_account_no", "posted_on", "id"),
        Index("ix_hall_voucher_business_no", "business_no"),
        CheckConstraint("number > 0", name="number_positive"),
        CheckConstraint(f"business in ({_listed(BUSINESSES)})", name="business_known"),
        CheckConstraint("debit_cents = credit_cents", name="balanced"),
        CheckConstraint(
            f"credit_cents <= {AMOUNT_CENTS_MAX} and (credit_cents > 0 or business = 'interest')",
            name="total_possible",
        ),
        CheckConstraint("reversal_of is null or reason <> ''", name="reversal_has_reason"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    branch_code: Mapped[str] = mapped_column(String(20))
    posted_on: Mapped[date] = mapped_column(Day)
    number: Mapped[int]
    key: Mapped[str] = mapped_column(String(160))
    business: Mapped[str] = mapped_column(String(26))
    value_on: Mapped[date] = mapped_column(Day)
    debit_cents: Mapped[int] = mapped_column(BigInteger)
    credit_cents: Mapped[int] = mapped_column(BigInteger)
    interest_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    headcount: Mapped[int] = mapped_column(default=0)
    unit_account_no: Mapped[str] = mapped_column(String(20), default="")
    contribution_month: Mapped[str] = mapped_column(String(7), default="")
    contribution_month_to: Mapped[str] = mapped_column(String(7), default="")
    memo: Mapped[str] = mapped_column(String(120), default="")
    business_no: Mapped[str] = mapped_column(String(40), default="")
    channel: Mapped[str] = mapped_column(String(10), default="hall")
    reversal_of: Mapped[int | None] = mapped_column(ForeignKey("hall_voucher.id"), default=None)
    reason: Mapped[str] = mapped_column(String(200), default="")
    posted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    posted_by: Mapped[str] = mapped_column(String(40))
    posted_by_name: Mapped[str] = mapped_column(String(120), default="")

    @property
    def no(self) -> str:
        """QDN01-20261121-000012"""
        return voucher_no(self.branch_code, self.posted_on, self.number)


def voucher_no(branch_code: str, posted_on: date, number: int) -> str:
    return f"{branch_code}-{posted_on:%Y%m%d}-{number:06d}"


class Entry(Base):
    """One line of a voucher on one account; `seq` counts 1, 2, 3 … within the account.

    `carried_forward_cents` and the rest of `amount_cents` are the two parts of a member's entry
    (SNJZFSE, DNGJFSE); `balance_cents` is the account's balance behind this entry.
    """

    __tablename__ = "hall_entry"
    __table_args__ = (
        Index("ix_hall_entry_voucher", "voucher_id"),
        CheckConstraint("amount_cents <> 0 or carried_forward_cents <> 0", name="not_empty"),
        CheckConstraint("seq > 0", name="seq_positive"),
        # The account's entries lie side by side: a statement and a year's interest read one range.
        {"sqlite_with_rowid": False},
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("hall_ledger_account.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    voucher_id: Mapped[int] = mapped_column(ForeignKey("hall_voucher.id"))
    value_on: Mapped[date] = mapped_column(Day)
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    carried_forward_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    interest_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    balance_cents: Mapped[int] = mapped_column(BigInteger)


class LedgerBranch(Base):
    """Whose row is locked by whoever posts in the branch; no day up to `closed_through` is open."""

    __tablename__ = "hall_ledger_branch"

    branch_code: Mapped[str] = mapped_column(String(20), primary_key=True)
    closed_through: Mapped[date | None] = mapped_column(Day, default=None)


class UnitTotal(Base):
    """单位账户余额 (DWZHYE): a second book of the same money, kept beside the members' accounts."""

    __tablename__ = "hall_unit_total"
    __table_args__ = (CheckConstraint("balance_cents >= 0", name="not_negative"),)

    unit_account_no: Mapped[str] = mapped_column(String(20), primary_key=True)
    balance_cents: Mapped[int] = mapped_column(BigInteger, default=0)


class TrialBalance(Base):
    """试算平衡: one kind of account in one branch on one closed day; debits are negative."""

    __tablename__ = "hall_trial_balance"
    __table_args__ = (
        CheckConstraint(
            "closing_cents = opening_cents + debit_cents + credit_cents", name="adds_up"
        ),
    )

    branch_code: Mapped[str] = mapped_column(String(20), primary_key=True)
    day: Mapped[date] = mapped_column(Day, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    opening_cents: Mapped[int] = mapped_column(BigInteger)
    debit_cents: Mapped[int] = mapped_column(BigInteger)
    credit_cents: Mapped[int] = mapped_column(BigInteger)
    closing_cents: Mapped[int] = mapped_column(BigInteger)


class InterestSettlement(Base):
    """年终结息 of one fund year (named by the year it ends in); one row, whatever happens."""

    __tablename__ = "hall_interest_settlement"

    fund_year: Mapped[int] = mapped_column(primary_key=True)
    posted_on: Mapped[date] = mapped_column(Day)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_by: Mapped[str] = mapped_column(String(120), default="")
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    accounts: Mapped[int] = mapped_column(default=0)
    interest_cents: Mapped[int] = mapped_column(BigInteger, default=0)


APPEND_ONLY = ("hall_voucher", "hall_entry")
for _name in APPEND_ONLY:
    guard(Base.metadata.tables[_name])
