"""Do the records of people, units and loans agree with the books that keep their money?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from sqlalchemy import Table, case, func, literal, or_, select
from sqlalchemy.orm import Session

from handlers.ledger.checks.faults import ACCOUNT, VOUCHER, Fault, sane, told, total
from handlers.loans.models import Loan, LoanRepayment
from handlers.members.codes import CLOSED, FROZEN, NORMAL, SEALED
from handlers.members.models import IndividualAccount
from handlers.units.models import Unit

_MEMBER, _UNIT, _LOAN, _REPAID = (
    cast(Table, table.__table__) for table in (IndividualAccount, Unit, Loan, LoanRepayment)
)
# Glossary §3.1: what a state of the individual account means for the ledger's.
_FITTING = {NORMAL: "open", SEALED: "open", FROZEN: "frozen"} | dict.fromkeys(CLOSED, "closed")


def check(session: Session) -> Iterator[Fault]:
    yield from _members(session)
    yield from _headcounts(session)
    yield from _loans(session)


def _members(session: Session) -> Iterator[Fault]:
    row = _MEMBER.c
    fitting = case(_FITTING, value=row.account_status, else_=ACCOUNT.c.status)
    wrong = {
        "个人账户在账上没有对应的账户：账户被删除。": ACCOUNT.c.id.is_(None),
        "个人账户与账上的账户不是同一个：账号、单位或管理部不同。": or_(
            ACCOUNT.c.kind != "member",
            ACCOUNT.c.owner != row.individual_account_no,
            ACCOUNT.c.unit_account_no != row.unit_account_no,
            ACCOUNT.c.branch_code != row.branch_code,
        ),
        "个人账户状态 {} 与账上的状态 {} 不符。": ACCOUNT.c.status != fitting,
    }
    books = select(
        literal("个人账户 ") + row.individual_account_no, row.account_status, ACCOUNT.c.status
    ).outerjoin_from(_MEMBER, ACCOUNT, ACCOUNT.c.id == row.ledger_account_id)
    for text, condition in wrong.items():
        yield from told(session, books.where(condition).order_by(row.id), "member.account", text)


def _headcounts(session: Session) -> Iterator[Fault]:
    """Who is in a unit is who has an account there in 01 (正常) or 02 (封存)."""
    row = _MEMBER.c
    active, sealed = (
        func.coalesce(func.sum(case((row.account_status == status, 1), else_=0)), 0)
        for status in (NORMAL, SEALED)
    )
    counts = select(row.unit_account_no, active.label("active"), sealed.label("sealed"))
    counted = counts.group_by(row.unit_account_no).subquery()
    has = [func.coalesce(counted.c[name], 0) for name in ("active", "sealed")]
    said = [_UNIT.c.active_headcount, _UNIT.c.sealed_headcount]
    units = (
        select(literal("单位 ") + _UNIT.c.unit_account_no, *said, *has)
        .outerjoin_from(_UNIT, counted, counted.c.unit_account_no == _UNIT.c.unit_account_no)
        .where(or_(said[0] != has[0], said[1] != has[1]))
        .order_by(_UNIT.c.id)
    )
    text = "单位登记正常 {} 人、封存 {} 人，实有账户正常 {} 户、封存 {} 户。"
    yield from told(session, units, "unit.headcount", text)
    nowhere = (
        select(literal("个人账户 ") + row.individual_account_no, row.unit_account_no)
        .outerjoin_from(_MEMBER, _UNIT, _UNIT.c.unit_account_no == row.unit_account_no)
        .where(row.unit_account_no != "", _UNIT.c.id.is_(None))
        .order_by(row.id)
    )
    yield from told(session, nowhere, "member.unit", "所在单位 {} 已不存在：单位被删除。")


def _loans(session: Session) -> Iterator[Fault]:
    row = _LOAN.c
    owed = -ACCOUNT.c.balance_cents
    repaid = _repaid()
    rest = row.contract_amount_cents - func.coalesce(repaid.c.cents, 0)
    wrong: dict[str, Any] = {
        "贷款在账上没有对应的本金账户：账户被删除。": ACCOUNT.c.id.is_(None),
        "贷款与账上的本金账户不是同一个：账号或管理部不同。": or_(
            ACCOUNT.c.kind != "loan_principal",
            ACCOUNT.c.owner != row.loan_account_no,
            ACCOUNT.c.branch_code != row.branch_code,
        ),
        "贷款状态与账上的本金余额不符。": (row.loan_status == "settled") != (owed == 0),
        "还款明细的本金合计与账上的本金余额不符。": owed != rest,
    }
    books = (
        select(literal("贷款 ") + row.loan_account_no)
        .outerjoin_from(_LOAN, ACCOUNT, ACCOUNT.c.id == row.ledger_account_id)
        .outerjoin(repaid, repaid.c.loan_id == row.id)
        .order_by(row.id)
    )
    for text, condition in wrong.items():
        yield from told(session, books.where(condition), "loan.account", text)


def _repaid() -> Any:
    """Principal paid back on each loan; a repayment whose voucher was reversed was none."""
    undone = VOUCHER.alias("undone")
    return (
        select(_REPAID.c.loan_id, total(sane(_REPAID.c.principal_cents)).label("cents"))
        .outerjoin_from(_REPAID, undone, undone.c.reversal_of == _REPAID.c.voucher_id)
        .where(undone.c.id.is_(None))
        .group_by(_REPAID.c.loan_id)
        .subquery()
    )
