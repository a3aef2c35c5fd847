"""Does each voucher balance, say what its entries say, and stand where it was numbered?

On the way the movements of every day are added up, for `days` to compare.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, func, or_, select, union_all
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from handlers.ledger.checks.faults import (
    ACCOUNT,
    ENTRY,
    FAULTS_MAX,
    VOUCHER,
    Fault,
    Ids,
    day_text,
    number,
    sane,
    total,
    yuan,
)

INTEREST = "interest"
# The year's interest, and what is posted on the evening of 30 June after it, count from 1 July.
SETTLED_DAY = (6, 30)
_V = VOUCHER.c
_FACTS = (_V.id, _V.branch_code, number(_V.posted_on).label("posted_on"), _V.number, _V.business)
_SAID = (_V.debit_cents, _V.credit_cents, _V.interest_cents)


@dataclass(slots=True)
class Movements:
    """By branch, day and kind: debits (negative) and credits of all vouchers seen."""

    sums: dict[tuple[str, int, str], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0])
    )

    def add(self, voucher: Row[Any], lines: list[Row[Any]]) -> None:
        for line in lines:
            if line.kind is not None:
                both = self.sums[voucher.branch_code, voucher.posted_on, line.kind]
                both[0] += line.debit
                both[1] += line.credit


def check(session: Session, ids: Ids, movements: Movements) -> Iterator[Fault]:
    """Every voucher with one of these ids, and every entry that names one of them."""
    lines: dict[int, list[Row[Any]]] = {}
    strange = False
    for line in session.execute(_lines(ids)):
        lines.setdefault(line.voucher_id, []).append(line)
    vouchers = select(*_FACTS, *_SAID, number(_V.value_on).label("value_on"), _V.posted_at)
    for voucher in session.execute(vouchers.where(ids.of(_V.id)).order_by(_V.id)):
        mine = lines.pop(voucher.id, [])
        movements.add(voucher, mine)
        for code, text in _reasons(voucher, mine):
            yield Fault(where(voucher), code, text)
        strange = strange or any(line.branch_code != voucher.branch_code for line in mine)
    if strange:
        yield from _strange_branches(session, ids)
    for voucher_id in list(lines)[:FAULTS_MAX]:
        yield Fault(f"凭证 #{voucher_id}", "voucher.lost", "分录所属的凭证已不存在：凭证被删除。")


def where(voucher: Any) -> str:
    day = day_text(voucher.posted_on).replace("-", "")
    return f"凭证 {voucher.branch_code}-{day}-{voucher.number:06d}"


def _lines(ids: Ids) -> Any:
    """What the entries of each voucher add up to, by kind of account, its branch and value day: a
    right voucher has one branch and one day, so this is two or three rows for each."""
    amount = sane(ENTRY.c.amount_cents)
    value_on = number(ENTRY.c.value_on)
    by = (ENTRY.c.voucher_id, ACCOUNT.c.kind, ACCOUNT.c.branch_code, value_on)
    return (
        select(
            *by[:3],
            value_on.label("value_on"),
            func.count().label("entries"),
            total(case((amount < 0, amount), else_=0)).label("debit"),
            total(case((amount > 0, amount), else_=0)).label("credit"),
            total(sane(ENTRY.c.interest_cents)).label("interest"),
        )
        .outerjoin_from(ENTRY, ACCOUNT, ACCOUNT.c.id == ENTRY.c.account_id)
        .where(ids.of(ENTRY.c.voucher_id))
        .group_by(*by)
        .order_by(ENTRY.c.voucher_id)
    )


def _strange_branches(session: Session, ids: Ids) -> Iterator[Fault]:
    """Entries on accounts of another branch.  A member's account may have gone there since (内部
    转移), but only empty: at this entry or behind it the branch's own vouchers brought it to 0.
    """
    later, its_voucher = ENTRY.alias("later"), VOUCHER.alias("its_voucher")
    left_empty = (
        select(later.c.seq)
        .join(its_voucher, its_voucher.c.id == later.c.voucher_id)
        .where(
            later.c.account_id == ENTRY.c.account_id,
            later.c.seq >= ENTRY.c.seq,
            later.c.balance_cents == 0,
            its_voucher.c.branch_code == _V.branch_code,
        )
        .exists()
    )
    found = (
        select(*_FACTS)
        .join(ENTRY, ENTRY.c.voucher_id == _V.id)
        .join(ACCOUNT, ACCOUNT.c.id == ENTRY.c.account_id)
        .where(
            ids.of(_V.id),
            ACCOUNT.c.branch_code != _V.branch_code,
            or_(ACCOUNT.c.kind != "member", ~left_empty),
        )
        .distinct()
        .order_by(_V.id)
        .limit(FAULTS_MAX)
    )
    for voucher in session.execute(found):
        yield Fault(where(voucher), "voucher.branch", "有分录记在其他管理部的账户上。")


def _reasons(voucher: Row[Any], lines: list[Row[Any]]) -> Iterator[tuple[str, str]]:
    debit, credit = sum(line.debit for line in lines), sum(line.credit for line in lines)
    count = sum(line.entries for line in lines)
    # A unit whose members earned nothing moves their money to 上年结转 and has no other side.
    moves_only = voucher.business == INTEREST and credit == 0
    if count < (1 if moves_only else 2):
        yield "voucher.lines", f"凭证只有 {count} 条分录，至少应有一借一贷。"
    if debit + credit:
        yield "voucher.sum", f"分录借贷不平，相差 {yuan(abs(debit + credit))}。"
    said = (voucher.debit_cents, voucher.credit_cents, voucher.interest_cents)
    if said != (-debit, credit, sum(line.interest for line in lines)):
        yield "voucher.columns", "凭证上的借方、贷方或利息合计与分录不符。"
    if any(line.kind is None for line in lines):
        yield "voucher.account", "有分录所属的账户已不存在：账户被删除。"
    if any(line.value_on != voucher.value_on for line in lines):
        yield "voucher.value_day", "分录的起息日与凭证不同。"
    elif voucher.value_on > voucher.posted_on + _days_ahead(voucher.posted_on):
        yield "voucher.value_day", "起息日晚于记账日。"
    if voucher.posted_on > _day(voucher.posted_at):
        yield "voucher.posted_day", "记账日晚于实际记账的时间。"


def _days_ahead(posted_on: int) -> int:
    return int(day_text(posted_on).endswith("-{:02d}-{:02d}".format(*SETTLED_DAY)))


def _day(at: datetime) -> int:
    return at.astimezone(ZONE).toordinal()


def check_numbers(session: Session) -> list[Fault]:
    """1, 2, 3 … within branch and day."""
    day, last = number(_V.posted_on), func.max(_V.number)
    gap = or_(
        func.min(_V.number) != 1,
        last != func.count(),
        func.count() != func.count(_V.number.distinct()),
    )
    query = (
        select(_V.branch_code, day, func.count(), last)
        .group_by(_V.branch_code, day)
        .having(gap)
        .order_by(_V.branch_code, day)
        .limit(FAULTS_MAX)
    )
    text = "凭证号应为 1 至 {0}，实有 {0} 张凭证而最大号为 {1}：有凭证被删除或插入。"
    return [
        Fault(f"{branch} {day_text(day)}", "voucher.number", text.format(count, last))
        for branch, day, count, last in session.execute(query)
    ]


def check_reversals(session: Session) -> Iterator[Fault]:
    """A reversal undoes one voucher, the whole of it, and no voucher is undone twice."""
    first = VOUCHER.alias("first")
    alike = ("branch_code", "business", "unit_account_no", "contribution_month", "headcount")
    wrong = {
        "冲账所指的原凭证已不存在。": first.c.id.is_(None),
        "冲账凭证又被冲销，或冲销的是年终结息。": or_(
            first.c.reversal_of.is_not(None), first.c.business == INTEREST
        ),
        "冲账凭证与原凭证的业务不是同一件。": or_(*(_V[name] != first.c[name] for name in alike)),
        "冲账早于原凭证。": or_(_V.posted_on < first.c.posted_on, _V.id <= first.c.id),
        "冲账没有写明原因。": _V.reason == "",
    }
    reversals = select(*_FACTS).outerjoin_from(VOUCHER, first, first.c.id == _V.reversal_of)
    for text, condition in wrong.items():
        query = reversals.where(_V.reversal_of.is_not(None), condition).order_by(_V.id)
        for row in session.execute(query.limit(FAULTS_MAX)):
            yield Fault(where(row), "reversal.original", text)
    for row in session.execute(_unlike()):
        yield Fault(where(row), "reversal.mirror", "冲账分录与原凭证分录不是逐户相反。")
    twice = select(_V.reversal_of).where(_V.reversal_of.is_not(None))
    twice = twice.group_by(_V.reversal_of).having(func.count() > 1)
    again = select(*_FACTS).where(_V.id.in_(twice)).order_by(_V.id).limit(FAULTS_MAX)
    for row in session.execute(again):
        yield Fault(where(row), "reversal.twice", "同一张凭证被冲销了不止一次。")


def _unlike() -> Any:
    """Reversals that leave a rest on some account."""
    columns = (
        ENTRY.c.account_id,
        sane(ENTRY.c.amount_cents).label("cents"),
        sane(ENTRY.c.interest_cents).label("interest"),
    )
    reverses = _V.reversal_of.is_not(None)
    sides = (
        select(_V.id, *columns).join_from(VOUCHER, ENTRY, ENTRY.c.voucher_id == id_).where(reverses)
        for id_ in (_V.id, _V.reversal_of)
    )
    both = union_all(*sides).subquery()
    rests = (
        select(both.c.id)
        .group_by(both.c.id, both.c.account_id)
        .having(or_(total(both.c.cents) != 0, total(both.c.interest) != 0))
    )
    return select(*_FACTS).where(_V.id.in_(rests)).order_by(_V.id).limit(FAULTS_MAX)
