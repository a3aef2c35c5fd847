"""One thing in the books that does not fit, and how a check reads columns it does not trust."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    Select,
    Table,
    and_,
    case,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from handlers.amounts import money_text
from handlers.ledger.kinds import KINDS
from handlers.ledger.models import (
    AMOUNT_CENTS_MAX,
    Entry,
    InterestSettlement,
    LedgerAccount,
    LedgerBranch,
    TrialBalance,
    UnitTotal,
    Voucher,
)

FAULTS_MAX = 1_000  # a report longer than this says no more than its beginning
ACCOUNT, ENTRY, VOUCHER, BRANCH, TOTAL, TRIAL, SETTLEMENT = (
    cast(Table, table.__table__)
    for table in (
        *(LedgerAccount, Entry, Voucher, LedgerBranch),
        *(UnitTotal, TrialBalance, InterestSettlement),
    )
)


@dataclass(frozen=True, slots=True)
class Fault:
    """`where` names the account, voucher, unit or day; `code` is stable (`voucher.sum`)."""

    where: str
    code: str
    text: str


def sane(cents: ColumnElement[int]) -> ColumnElement[int]:
    """An amount as it can be posted, or 0: SQLite would stop at a sum beyond 64 bits, and holds
    fractions and words in a column of whole numbers if somebody puts them there."""
    possible = and_(
        cents.between(-AMOUNT_CENTS_MAX, AMOUNT_CENTS_MAX), cents == sql_cast(cents, BigInteger)
    )
    return case((possible, cents), else_=0)


def total(cents: ColumnElement[int]) -> ColumnElement[int]:
    return sql_cast(func.coalesce(func.sum(cents), 0), BigInteger)


def number(day: Column[Any]) -> ColumnElement[int]:
    """A day as the number it is stored as: not every number is a day."""
    return type_coerce(day, Integer)


def day_text(stored: int) -> str:
    possible = date.min.toordinal() <= stored <= date.max.toordinal()
    return f"{date.fromordinal(stored):%Y-%m-%d}" if possible else f"第 {stored} 天"


def account_text(kind: str, owner: str) -> str:
    return f"{KINDS[kind].name if kind in KINDS else kind} {owner}"


def yuan(cents: Any) -> str:
    """12.30 元; what is no whole number of 分 is shown as it is."""
    return f"{money_text(cents)} 元" if isinstance(cents, int) else f"{cents} 分"


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids from `low` to `high`; ids are no wider than 64 bits."""

    low: int
    high: int

    def of(self, column: Column[Any]) -> ColumnElement[bool]:
        return column.between(literal(self.low, BigInteger), literal(self.high, BigInteger))


def pieces(session: Session, ids: Column[Any], size: int) -> Iterator[Ids]:
    """Some rows of the table each; together they cover every number there is."""
    low = -(2**63)
    while True:
        query = select(ids).where(Ids(low, 2**63 - 1).of(ids)).order_by(ids)
        high: int | None = session.scalar(query.offset(size - 1).limit(1))
        if high is None:
            yield Ids(low, 2**63 - 1)
            return
        yield Ids(low, high)
        low = high + 1


def told(session: Session, query: Select[Any], code: str, text: str) -> list[Fault]:
    """One fault for each row of a query for what must not be: its first column says where, the
    others go into the text."""
    rows = session.execute(query.limit(FAULTS_MAX))
    return [Fault(str(row[0]), code, text.format(*row[1:])) for row in rows]
