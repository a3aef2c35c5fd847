"""What a unit owes for one month, and how that differs from the month before (XZ-2.4a).

The lines are drawn from two sets of people: those of the month before (its remittance if there is
one) and those due now, compared account by account in the database, so that last month, plus who
came, plus changed amounts, less who left always makes this month.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from handlers.contributions.models import (
    ASSESSED,
    BACK_PAYMENT,
    CANCELLED,
    REMITTANCE,
    MemberChange,
    Remittance,
    RemittanceLine,
)
from handlers.members.codes import FROZEN, NORMAL
from handlers.members.models import IndividualAccount
from handlers.months import month_after

LAST, INCREASE, BASES, DECREASE, NOW, BACK = (
    *("上月正常汇缴", "本月增加汇缴", "本月调整基数"),
    *("本月减少汇缴", "本月正常汇缴", "本月补缴"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the summary; `cents` of BASES is below zero when amounts went down."""

    name: str
    headcount: int
    cents: int


@dataclass(frozen=True, slots=True)
class Due:
    """What a month comes to."""

    headcount: int
    unit_cents: int
    individual_cents: int

    @property
    def total_cents(self) -> int:
        return self.unit_cents + self.individual_cents


@dataclass(frozen=True, slots=True)
class MonthSummary:
    month: str
    due: Due
    lines: tuple[Line, ...]

    def as_data(self) -> list[dict[str, Any]]:
        """What a remittance keeps of it."""
        return [
            {"name": line.name, "headcount": line.headcount, "cents": line.cents}
            for line in self.lines
        ]


def is_due(unit_account_no: str, month: str) -> ColumnElement[bool]:
    """Whom the unit owes for this month: 正常 accounts with an amount.

    Frozen ones too: a freeze bars the owner, not the unit's duty to pay (条例 art. 20).  Whom
    another unit has already paid for this month (transferred in) is not due a second time.
    """
    account = IndividualAccount
    normal = or_(
        account.account_status == NORMAL,
        and_(account.account_status == FROZEN, account.status_before_freeze == NORMAL),
    )
    return and_(
        account.unit_account_no == unit_account_no,
        normal,
        account.paid_through_month < month,
        _monthly() > 0,
    )


def anybody(session: Session, unit_account_no: str, month: str) -> bool:
    """Whether there is anybody to be assessed."""
    found = select(IndividualAccount.id).where(is_due(unit_account_no, month)).limit(1)
    return session.scalar(found) is not None


def months(session: Session, unit_account_no: str, first: str, count: int) -> list[MonthSummary]:
    """Consecutive months, the first of them compared with the one before it as it was assessed."""
    found: list[MonthSummary] = []
    ahead = _paid_ahead(session, unit_account_no)
    for month in _consecutive(first, count):
        if found and ahead < found[-1].month:  # the same people as the month before
            due = found[-1].due
            lines = _lines((due.headcount, due.total_cents), due, (0, 0, 0, 0, 0, 0), (0, 0))
            found.append(MonthSummary(month, due, lines))
        else:
            found.append(_month(session, unit_account_no, month, first=not found))
    return found


def dues(session: Session, unit_account_no: str, first: str, count: int) -> list[tuple[str, Due]]:
    """The same months, only what each of them comes to: a fraction of the work."""
    found: list[tuple[str, Due]] = []
    ahead = _paid_ahead(session, unit_account_no)
    for month in _consecutive(first, count):
        same = found and ahead < found[-1][0]
        found.append((month, found[-1][1] if same else _of_month(session, unit_account_no, month)))
    return found


def _consecutive(first: str, count: int) -> list[str]:
    return [month_after(first, step) for step in range(count)]


def _of_month(session: Session, unit_account_no: str, month: str) -> Due:
    return Due(*(int(part) for part in session.execute(_due(unit_account_no, month)).one()))


def _paid_ahead(session: Session, unit_account_no: str) -> str:
    """The latest month anybody of the unit is paid for already, be it by another unit."""
    account = IndividualAccount
    latest = select(func.max(account.paid_through_month)).where(
        account.unit_account_no == unit_account_no
    )
    return session.scalar(latest) or ""


def _month(session: Session, unit_account_no: str, month: str, *, first: bool) -> MonthSummary:
    before = month_after(month, -1)
    earlier = session.scalar(
        select(Remittance.id).where(
            Remittance.unit_account_no == unit_account_no,
            Remittance.kind == REMITTANCE,
            Remittance.month == before,
            Remittance.state != CANCELLED,
        )
    )
    due = _of_month(session, unit_account_no, month)
    if earlier is None and first:
        moves = _changes(session, unit_account_no, month)
        came, came_cents, left, left_cents, _, changed_cents = moves
        was = (
            max(0, due.headcount - came + left),
            due.total_cents - came_cents + left_cents - changed_cents,
        )
    else:
        told = session.execute(_compared(unit_account_no, month, earlier)).one()
        numbers = [int(number) for number in told]
        was, moves = (numbers[0], numbers[1]), tuple(numbers[2:])
    back = _back_payments(session, unit_account_no) if first else (0, 0)
    return MonthSummary(month, due, _lines(was, due, moves, back))


def _changes(session: Session, unit_account_no: str, month: str) -> tuple[int, ...]:
    """Who came, left and changed by the register of changes: for the first month assessed here,
    which has no month before it to be compared with."""
    change = MemberChange
    new = change.new_unit_cents + change.new_individual_cents
    old = change.old_unit_cents + change.old_individual_cents
    came = and_(change.new_status == NORMAL, change.old_status != NORMAL)
    left = and_(change.old_status == NORMAL, change.new_status != NORMAL)
    stayed = and_(change.old_status == NORMAL, change.new_status == NORMAL, new != old)
    told = session.execute(
        select(
            *(_sum(case((came, value), else_=0)) for value in (1, new)),
            *(_sum(case((left, value), else_=0)) for value in (1, old)),
            *(_sum(case((stayed, value), else_=0)) for value in (1, new - old)),
        ).where(
            or_(
                change.unit_account_no == unit_account_no,
                change.to_unit_account_no == unit_account_no,
            ),
            change.month == month,
            change.undone_at.is_(None),
        )
    ).one()
    return tuple(int(number) for number in told)


def _lines(
    was: tuple[int, int], due: Due, moves: tuple[int, ...], back: tuple[int, int]
) -> tuple[Line, ...]:
    came, came_cents, left, left_cents, changed, changed_cents = moves
    assert was[1] + came_cents - left_cents + changed_cents == due.total_cents
    return (
        Line(LAST, *was),
        Line(INCREASE, came, came_cents),
        Line(BASES, changed, changed_cents),
        Line(DECREASE, left, left_cents),
        Line(NOW, due.headcount, due.total_cents),
        Line(BACK, *back),
    )


def _monthly() -> ColumnElement[int]:
    account = IndividualAccount
    return account.unit_monthly_amount_cents + account.individual_monthly_amount_cents


def _sum(value: Any) -> Any:
    return cast(func.coalesce(func.sum(value), 0), BigInteger)


def _due(unit_account_no: str, month: str) -> Select[Any]:
    account = IndividualAccount
    return select(
        func.count(),
        _sum(account.unit_monthly_amount_cents),
        _sum(account.individual_monthly_amount_cents),
    ).where(is_due(unit_account_no, month))


def _compared(unit_account_no: str, month: str, earlier: int | None) -> Select[Any]:
    """People and sums: before; who came; who left; whose amount has changed, in one pass."""
    account, line = IndividualAccount, RemittanceLine
    if earlier is not None:
        before = select(
            line.individual_account_id.label("account"),
            (line.unit_cents + line.individual_cents).label("was"),
            literal(0).label("now"),
            literal(1).label("had"),
            literal(0).label("has"),
        ).where(line.remittance_id == earlier)
    else:
        before = select(
            account.id.label("account"), _monthly(), literal(0), literal(1), literal(0)
        ).where(is_due(unit_account_no, month_after(month, -1)))
    now = select(account.id, literal(0), _monthly(), literal(0), literal(1)).where(
        is_due(unit_account_no, month)
    )
    both = union_all(before, now).subquery("both_months")
    names = ("was", "now", "had", "has")
    columns = list(both.c)
    per = (
        select(
            *(func.sum(column).label(name) for column, name in zip(columns[1:], names, strict=True))
        )
        .group_by(columns[0])
        .subquery("per_account")
    )
    came, left = per.c.had == 0, per.c.has == 0
    stayed = and_(per.c.had == 1, per.c.has == 1, per.c.was != per.c.now)
    return select(
        _sum(per.c.had),
        _sum(per.c.was),
        _sum(case((came, 1), else_=0)),
        _sum(case((came, per.c.now), else_=0)),
        _sum(case((left, 1), else_=0)),
        _sum(case((left, per.c.was), else_=0)),
        _sum(case((stayed, 1), else_=0)),
        _sum(case((stayed, per.c.now - per.c.was), else_=0)),
    )


def _back_payments(session: Session, unit_account_no: str) -> tuple[int, int]:
    """补缴 assessed and not paid yet."""
    found = session.execute(
        select(
            _sum(Remittance.headcount), _sum(Remittance.unit_cents + Remittance.individual_cents)
        ).where(
            Remittance.unit_account_no == unit_account_no,
            Remittance.kind == BACK_PAYMENT,
            Remittance.state == ASSESSED,
        )
    ).one()
    return int(found[0]), int(found[1])
