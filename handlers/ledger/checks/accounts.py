"""Does each account hold what its entries say, one after the other?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from handlers.ledger.checks.faults import (
    ACCOUNT,
    ENTRY,
    FAULTS_MAX,
    TOTAL,
    VOUCHER,
    Fault,
    Ids,
    account_text,
    number,
    sane,
    total,
    yuan,
)
from handlers.ledger.kinds import KINDS
from handlers.ledger.models import MEMBER_CENTS_MAX

_STATUSES = ("open", "frozen", "closed")
_COLUMNS = ("kind", "owner", "balance_cents", "carried_forward_cents", "entries")
_SIDE = case({kind.key: kind.side for kind in KINDS.values()}, value=ACCOUNT.c.kind, else_="")


def check(session: Session, ids: Ids) -> Iterator[Fault]:
    """Every account with one of these ids."""
    for row in session.execute(_wrong(ids)):
        where = account_text(row.kind, row.owner)
        yield from (Fault(where, code, text) for code, text in _reasons(row))


def _wrong(ids: Ids) -> Any:
    """The accounts that differ from their entries, with both figures."""
    sums = _sums(ids)
    count, amount, carried, last, broken, beyond = (
        func.coalesce(sums.c[name], 0)
        for name in ("lines", "amount", "carried", "last", "broken", "beyond")
    )
    gap = or_(last != count, func.coalesce(sums.c.first, 1) != 1)
    lowest, highest = func.coalesce(sums.c.lowest, 0), func.coalesce(sums.c.highest, 0)
    over = or_(
        and_(_SIDE == "credit", or_(lowest < 0, ACCOUNT.c.balance_cents < 0)),
        and_(_SIDE == "debit", or_(highest > 0, ACCOUNT.c.balance_cents > 0)),
        and_(ACCOUNT.c.kind == "member", ACCOUNT.c.balance_cents > MEMBER_CENTS_MAX),
        and_(ACCOUNT.c.kind != "member", ACCOUNT.c.carried_forward_cents != 0),
        beyond > 0,
    )
    faults: dict[str, ColumnElement[Any]] = {
        "wrong_balance": ACCOUNT.c.balance_cents != amount,
        "wrong_carried": ACCOUNT.c.carried_forward_cents != carried,
        "wrong_count": or_(ACCOUNT.c.entries != count, gap),
        "broken_chain": broken > 0,
        "over": over,
        "full_and_closed": and_(ACCOUNT.c.status == "closed", ACCOUNT.c.balance_cents != 0),
        "wrong_kind": or_(ACCOUNT.c.side != _SIDE, ACCOUNT.c.status.not_in(_STATUSES)),
    }
    columns = (ACCOUNT.c[name] for name in _COLUMNS)
    figures = (count.label("lines"), amount.label("amount"), carried.label("carried"))
    flags = (case((wrong, 1), else_=0).label(name) for name, wrong in faults.items())
    return (
        select(*columns, *figures, *flags)
        .outerjoin_from(ACCOUNT, sums, sums.c.account_id == ACCOUNT.c.id)
        .where(ids.of(ACCOUNT.c.id), or_(*faults.values()))
        .order_by(ACCOUNT.c.id)
        .limit(FAULTS_MAX)
    )


def _sums(ids: Ids) -> Any:
    """By account: what its entries add up to, and how often they do not follow on each other."""
    in_order: dict[str, Any] = {
        "partition_by": ENTRY.c.account_id,
        "order_by": ENTRY.c.seq,
        "rows": (None, 0),
    }
    amount, carried = sane(ENTRY.c.amount_cents), sane(ENTRY.c.carried_forward_cents)
    one = (
        select(
            ENTRY.c.account_id,
            ENTRY.c.seq,
            ENTRY.c.balance_cents,
            amount.label("amount"),
            carried.label("carried"),
            func.sum(amount).over(**in_order).label("balance"),
            func.sum(carried).over(**in_order).label("kept"),
        )
        .where(ids.of(ENTRY.c.account_id))
        .subquery()
    )
    broken = one.c.balance_cents != one.c.balance
    beyond = and_(one.c.kept != 0, or_(one.c.kept < 0, one.c.kept > one.c.balance))
    return (
        select(
            one.c.account_id,
            func.count().label("lines"),
            func.min(one.c.seq).label("first"),
            func.max(one.c.seq).label("last"),
            total(one.c.amount).label("amount"),
            total(one.c.carried).label("carried"),
            func.min(one.c.balance).label("lowest"),
            func.max(one.c.balance).label("highest"),
            func.sum(case((broken, 1), else_=0)).label("broken"),
            func.sum(case((beyond, 1), else_=0)).label("beyond"),
        )
        .group_by(one.c.account_id)
        .subquery()
    )


def _reasons(row: Row[Any]) -> Iterator[tuple[str, str]]:
    if row.wrong_balance:
        said, held = yuan(row.amount), yuan(row.balance_cents)
        yield "account.balance", f"分录合计 {said}，账户余额为 {held}。"
    if row.wrong_carried:
        said, held = yuan(row.carried), yuan(row.carried_forward_cents)
        yield "account.carried", f"分录中上年结转合计 {said}，账户为 {held}。"
    if row.wrong_count:
        text = f"账户应有 {row.entries} 条分录，实有 {row.lines} 条：有分录被删除或插入。"
        yield "account.entries", text
    if row.broken_chain:
        yield "account.chain", "分录后的余额或序号前后不衔接：有分录被改动、删除或插入。"
    if row.over:
        yield "account.side", "余额曾在不应有的方向，或上年结转超出余额。"
    if row.full_and_closed:
        yield "account.closed", f"账户已销户，余额仍有 {yuan(row.balance_cents)}。"
    if row.wrong_kind:
        yield "account.kind", "账户的余额方向或状态与账户种类不符。"


def check_settled(session: Session) -> list[Fault]:
    """Nothing counts for a day whose interest was paid before it was posted."""
    paid, later = ENTRY.alias("paid"), ENTRY.alias("later")
    query = (
        select(ACCOUNT.c.kind, ACCOUNT.c.owner, func.min(later.c.seq))
        .join_from(VOUCHER, paid, paid.c.voucher_id == VOUCHER.c.id)
        .join(later, and_(later.c.account_id == paid.c.account_id, later.c.seq > paid.c.seq))
        .join(ACCOUNT, ACCOUNT.c.id == paid.c.account_id)
        .where(
            VOUCHER.c.business == "interest",
            VOUCHER.c.reversal_of.is_(None),
            ACCOUNT.c.kind == "member",
            number(later.c.value_on) < number(paid.c.value_on),
        )
        .group_by(ACCOUNT.c.id, ACCOUNT.c.kind, ACCOUNT.c.owner)
        .order_by(ACCOUNT.c.id)
        .limit(FAULTS_MAX)
    )
    text = "第 {} 条分录的起息日早于已结息的日期，这笔利息没有人计算。"
    return [
        Fault(account_text(kind, owner), "account.settled", text.format(seq))
        for kind, owner, seq in session.execute(query)
    ]


def check_units(session: Session) -> list[Fault]:
    """单位账户余额 (DWZHYE) is the sum of its members' balances."""
    members = select(
        ACCOUNT.c.unit_account_no,
        sane(ACCOUNT.c.balance_cents).label("held"),
        literal(0).label("said"),
    ).where(ACCOUNT.c.kind == "member")
    totals = select(TOTAL.c.unit_account_no, literal(0), sane(TOTAL.c.balance_cents))
    both = union_all(members, totals).subquery()
    held, said = total(both.c.held), total(both.c.said)
    query = (
        select(both.c.unit_account_no, held, said)
        .group_by(both.c.unit_account_no)
        .having(held != said)
        .order_by(both.c.unit_account_no)
        .limit(FAULTS_MAX)
    )
    return [
        Fault(
            f"单位 {unit}",
            "unit.balance",
            f"职工账户余额合计 {yuan(held)}，单位账户余额为 {yuan(said)}。",
        )
        for unit, held, said in session.execute(query)
    ]


def check_branches(session: Session) -> list[Fault]:
    """Each branch's books balance by themselves."""
    rest = total(sane(ACCOUNT.c.balance_cents))
    query = (
        select(ACCOUNT.c.branch_code, rest)
        .group_by(ACCOUNT.c.branch_code)
        .having(rest != 0)
        .order_by(ACCOUNT.c.branch_code)
        .limit(FAULTS_MAX)
    )
    return [
        Fault(f"管理部 {code}", "branch.balance", f"各账户余额借贷相差 {yuan(cents)}。")
        for code, cents in session.execute(query)
    ]
