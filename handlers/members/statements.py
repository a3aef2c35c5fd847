"""职工明细: one account's entries as a person reads them, newest first.

A correction (冲账) stands in the column of what it corrects, with a minus, so that the sums of
both columns are what really came in and went out; it and its original know each other's place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, func, select
from sqlalchemy.orm import Session, aliased

from handlers.ledger.kinds import BUSINESSES
from handlers.ledger.models import Entry, Voucher
from handlers.privacy.masking import masked_text

# Businesses whose name tells the months they are about (XZ §6.1: 公积金汇缴201906至201906).
MONTHLY = {"remittance": "公积金汇缴", "back_payment": "公积金补缴"}
NAMES = {"interest": "个人公积金结息", "opening_balance": "期初余额"}


@dataclass(frozen=True, slots=True)
class Span:
    """Posting days, both included; None: open on that side."""

    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """One line; money in 分.  `other_seq`: the correction of this one, or what this one corrects.

    `month`: 汇缴年月, "" where there is none.  `note`: what a withdrawal was for, why a correction.
    """

    seq: int
    month: str
    posted_on: date
    income_cents: int
    expense_cents: int
    balance_cents: int
    text: str
    voucher_no: str
    is_reversal: bool
    other_seq: int | None
    note: str


@dataclass(frozen=True, slots=True)
class Statement:
    """`next`: the `before` of the next page, None at the end; sums are of the whole span."""

    rows: list[Movement]
    next: int | None
    entries: int
    income_cents: int
    expense_cents: int


def statement(
    session: Session,
    ledger_account_id: int,
    span: Span,
    *,
    before: int | None = None,
    limit: int,
) -> Statement:
    """The entries before the `before`th, at most `limit`."""
    conditions = _conditions(ledger_account_id, span)
    rows = session.execute(_entries(conditions, before).limit(limit + 1)).all()
    shown = [(entry, voucher) for entry, voucher in rows[:limit]]
    others = _counterparts(session, ledger_account_id, [voucher for _, voucher in shown])
    entries, income, expense = session.execute(_sums(conditions)).one()
    return Statement(
        rows=[_movement(entry, voucher, others.get(voucher.id)) for entry, voucher in shown],
        next=shown[-1][0].seq if len(rows) > limit else None,
        entries=entries,
        income_cents=income,
        expense_cents=expense,
    )


def wording(voucher: Voucher) -> str:
    """公积金汇缴2026-05至2026-05 · 个人公积金结息 · 部分提取."""
    name = NAMES.get(voucher.business, BUSINESSES[voucher.business].name)
    first, last = voucher.contribution_month, voucher.contribution_month_to
    if voucher.business in MONTHLY:
        name = MONTHLY[voucher.business] + (f"{first}至{last or first}" if first else "")
    return f"冲账：{name}" if voucher.reversal_of else name


def _conditions(ledger_account_id: int, span: Span) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [Entry.account_id == ledger_account_id]
    if span.first:
        found.append(Voucher.posted_on >= span.first)
    if span.last:
        found.append(Voucher.posted_on <= span.last)
    return found


def _entries(conditions: list[ColumnElement[bool]], before: int | None) -> Select[Entry, Voucher]:
    found = (
        select(Entry, Voucher)
        .join(Voucher, Voucher.id == Entry.voucher_id)
        .where(*conditions)
        .order_by(Entry.seq.desc())
    )
    return found if before is None else found.where(Entry.seq < before)


def _sums(conditions: list[ColumnElement[bool]]) -> Select[Any]:
    # A correction counts in the column of what it corrects.
    comes_in = (Entry.amount_cents > 0) == Voucher.reversal_of.is_(None)

    def total(column: Any) -> Any:
        return cast(func.coalesce(func.sum(column), 0), BigInteger)

    return (
        select(
            func.count(),
            total(case((comes_in, Entry.amount_cents), else_=0)),
            total(case((comes_in, 0), else_=-Entry.amount_cents)),
        )
        .join(Voucher, Voucher.id == Entry.voucher_id)
        .where(*conditions)
    )


def _counterparts(
    session: Session, ledger_account_id: int, vouchers: list[Voucher]
) -> dict[int, int]:
    """Voucher id → place of its correction, or of what it corrects, on this account."""
    corrected = {v.reversal_of: v.id for v in vouchers if v.reversal_of}
    correction = aliased(Voucher)
    ids = [voucher.id for voucher in vouchers]
    corrections = session.execute(
        select(correction.id, correction.reversal_of).where(correction.reversal_of.in_(ids))
    )
    wanted = corrected | {id: original for id, original in corrections if original}
    places = session.execute(
        select(Entry.voucher_id, func.min(Entry.seq))
        .where(Entry.account_id == ledger_account_id, Entry.voucher_id.in_(wanted))
        .group_by(Entry.voucher_id)
    )
    return {wanted[voucher_id]: seq for voucher_id, seq in places}


def _movement(entry: Entry, voucher: Voucher, other_seq: int | None) -> Movement:
    comes_in = (entry.amount_cents > 0) == (voucher.reversal_of is None)
    return Movement(
        seq=entry.seq,
        month=voucher.contribution_month_to or voucher.contribution_month,
        posted_on=voucher.posted_on,
        income_cents=entry.amount_cents if comes_in else 0,
        expense_cents=0 if comes_in else -entry.amount_cents,
        balance_cents=entry.balance_cents,
        text=entry_wording(entry, voucher),
        voucher_no=voucher.no,
        is_reversal=voucher.reversal_of is not None,
        other_seq=other_seq,
        note=_note(voucher),
    )


def entry_wording(entry: Entry, voucher: Voucher) -> str:
    """A closing pays interest and money by one voucher: two lines of one name would puzzle."""
    if entry.interest_cents and voucher.business != "interest":
        return f"{wording(voucher)}结息"
    return wording(voucher)


def _note(voucher: Voucher) -> str:
    if voucher.reversal_of is not None:
        return masked_text(voucher.reason)  # typed by hand
    plain = voucher.business in MONTHLY or voucher.business in NAMES
    return "" if plain else masked_text(voucher.memo)
