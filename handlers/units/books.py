"""What the books say of a unit: its money, its monthly sums, and what it remitted month by month.

Sums of people come from their accounts, money from the ledger; the unit's balance is the ledger's
second book (`UnitTotal`), so a page asks for one row instead of adding up ten thousand.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Select, case, cast, func, or_, select
from sqlalchemy.orm import Session, aliased

from handlers.ledger.models import LedgerAccount, UnitTotal, Voucher
from handlers.members.codes import CLOSED, NORMAL
from handlers.members.models import IndividualAccount
from handlers.months import day_in, month_after, months_between
from handlers.units.models import Unit
from handlers.units.reach import within

CHART_MONTHS = 12
# A month is assessed in advance by a few months at most; it also keeps the read within the index.
AHEAD_MONTHS = 12
QUERY_CHARS_MAX = 40


@dataclass(frozen=True, slots=True)
class UnitBooks:
    """Money in 分; sums of bases and monthly amounts are those of 正常 accounts.

    `members`: accounts that are not closed, whatever else their state.
    """

    members: int
    balance_cents: int
    suspense_cents: int
    advance_cents: int
    base_cents: int
    unit_monthly_cents: int
    individual_monthly_cents: int

    @property
    def monthly_cents(self) -> int:
        return self.unit_monthly_cents + self.individual_monthly_cents


@dataclass(frozen=True, slots=True)
class Remitted:
    """What was remitted for one month, less what was reversed."""

    month: str
    cents: int = 0
    headcount: int = 0


@dataclass(frozen=True, slots=True)
class UnitRow:
    """One unit in a list."""

    unit: Unit
    balance_cents: int


def unit_within(session: Session, domains: Set[str], account_no: str) -> Unit | None:
    """The unit, if it is there and theirs."""
    return session.scalar(
        select(Unit).where(
            Unit.unit_account_no == account_no,
            within(domains, Unit.unit_account_no, Unit.branch_code),
        )
    )


def find(
    session: Session, domains: Set[str], q: str, *, after: str = "", limit: int
) -> tuple[list[UnitRow], str]:
    """Units by the beginning of their number or words of their name; and where the next page
    begins, "" at the end."""
    rows = session.execute(_found(domains, q, after).limit(limit + 1)).all()
    shown = [UnitRow(unit, balance) for unit, balance in rows[:limit]]
    return shown, shown[-1].unit.unit_account_no if len(rows) > limit else ""


def _found(domains: Set[str], q: str, after: str) -> Select[Unit, int]:
    statement = (
        select(Unit, func.coalesce(UnitTotal.balance_cents, 0))
        .outerjoin(UnitTotal, UnitTotal.unit_account_no == Unit.unit_account_no)
        .where(within(domains, Unit.unit_account_no, Unit.branch_code))
        .order_by(Unit.unit_account_no)
    )
    if q:
        statement = statement.where(
            or_(
                Unit.unit_account_no.startswith(q, autoescape=True),
                Unit.unit_name.icontains(q, autoescape=True),
            )
        )
    return statement.where(Unit.unit_account_no > after) if after else statement


def books(session: Session, account_no: str) -> UnitBooks:
    """Three statements, however many people the unit has."""
    balance = session.scalar(
        select(UnitTotal.balance_cents).where(UnitTotal.unit_account_no == account_no)
    )
    held = session.execute(
        select(LedgerAccount.kind, LedgerAccount.balance_cents).where(
            LedgerAccount.unit_account_no == account_no,
            LedgerAccount.kind.in_(("suspense", "advance")),
        )
    )
    by_kind: dict[str, int] = {}
    for kind, cents in held:
        by_kind[kind] = by_kind.get(kind, 0) + cents
    members, base, unit_monthly, individual_monthly = session.execute(_sums(account_no)).one()
    return UnitBooks(
        members=members,
        balance_cents=balance or 0,
        suspense_cents=by_kind.get("suspense", 0),
        advance_cents=by_kind.get("advance", 0),
        base_cents=base,
        unit_monthly_cents=unit_monthly,
        individual_monthly_cents=individual_monthly,
    )


def _sums(account_no: str) -> Select[Any]:
    normal = IndividualAccount.account_status == NORMAL

    def total(column: Any) -> Any:
        return cast(func.coalesce(func.sum(case((normal, column), else_=0)), 0), BigInteger)

    return select(
        func.count(),
        total(IndividualAccount.contribution_base_cents),
        total(IndividualAccount.unit_monthly_amount_cents),
        total(IndividualAccount.individual_monthly_amount_cents),
    ).where(
        IndividualAccount.unit_account_no == account_no,
        IndividualAccount.account_status.not_in(CLOSED),
    )


def first_month(session: Session, account_no: str) -> str:
    """首次汇缴年月 of what was not reversed; "" before the first one."""
    undone = aliased(Voucher)
    earliest = select(func.min(Voucher.contribution_month)).where(
        Voucher.unit_account_no == account_no,
        Voucher.business == "remittance",
        Voucher.contribution_month != "",
        Voucher.reversal_of.is_(None),
        ~select(undone.id).where(undone.reversal_of == Voucher.id).exists(),
    )
    return session.scalar(earliest) or ""


def remitted(
    session: Session, account_no: str, last_month: str, *, months: int = CHART_MONTHS
) -> list[Remitted]:
    """The months up to `last_month`, oldest first; a voucher over several months is spread."""
    wanted = [month_after(last_month, back) for back in range(1 - months, 1)]
    rows = session.execute(
        select(
            Voucher.contribution_month,
            Voucher.contribution_month_to,
            Voucher.credit_cents,
            Voucher.headcount,
            Voucher.reversal_of,
        ).where(
            Voucher.unit_account_no == account_no,
            Voucher.business == "remittance",
            Voucher.posted_on >= day_in(month_after(wanted[0], -AHEAD_MONTHS), 1),
            Voucher.contribution_month != "",
            Voucher.contribution_month <= wanted[-1],
        )
    )
    cents, heads = dict.fromkeys(wanted, 0), dict.fromkeys(wanted, 0)
    for first, last, credit, headcount, reversal_of in rows:
        sign = -1 if reversal_of else 1
        for month, part in _spread(first, last or first, credit):
            if month in cents:
                cents[month] += sign * part
                heads[month] += sign * headcount
    return [Remitted(month, cents[month], heads[month]) for month in wanted]


def _spread(first: str, last: str, cents: int) -> list[tuple[str, int]]:
    """Equal parts for each month; the last takes what is left over."""
    count = max(months_between(first, last), 0) + 1
    part = cents // count
    parts = [part] * (count - 1) + [cents - part * (count - 1)]
    return [(month_after(first, step), share) for step, share in enumerate(parts)]
