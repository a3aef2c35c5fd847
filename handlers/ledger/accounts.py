"""Opening, finding, freezing and closing accounts of the books.

Accounts of a branch (bank, interest payable …) come into being when first asked for; those of
members, units and loans are opened by the service that opens the person's or unit's own record.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import cast

from sqlalchemy import Table, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from engine.errors import Conflict, Problem, Refused
from handlers.ledger import posting
from handlers.ledger.interest import fund_year
from handlers.ledger.kinds import KINDS
from handlers.ledger.models import InterestSettlement, LedgerAccount
from handlers.ledger.rules import MEMBER

_TABLE = cast(Table, LedgerAccount.__table__)
_OPEN = {
    "postgresql": postgresql.insert(_TABLE).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(_TABLE).on_conflict_do_nothing(),
}


def find(session: Session, kind: str, owner: str) -> LedgerAccount | None:
    return session.scalar(
        select(LedgerAccount).where(LedgerAccount.kind == kind, LedgerAccount.owner == owner)
    )


def balances(session: Session, ids: Collection[int]) -> dict[int, int]:
    """What these accounts (ids) hold, in 分."""
    found: dict[int, int] = {}
    ordered = list(ids)
    for start in range(0, len(ordered), posting.IN_MAX):
        some = LedgerAccount.id.in_(ordered[start : start + posting.IN_MAX])
        rows = session.execute(select(LedgerAccount.id, LedgerAccount.balance_cents).where(some))
        found |= {account_id: cents for account_id, cents in rows}
    return found


def open_account(
    session: Session,
    kind: str,
    owner: str,
    *,
    branch_code: str,
    opened_on: date,
    unit_account_no: str = "",
) -> int:
    """The id of this account, opened now unless it exists; part of the caller's transaction."""
    assert kind in KINDS, kind
    values = row(
        kind, owner, branch_code=branch_code, opened_on=opened_on, unit_account_no=unit_account_no
    )
    if kind == MEMBER:
        values["settled_on"] = _settled_through(session)
    session.flush()
    session.execute(_OPEN[session.get_bind().dialect.name], values)
    found = find(session, kind, owner)
    assert found is not None
    if (found.branch_code, found.unit_account_no) != (branch_code, unit_account_no):
        text = f"{KINDS[kind].name} {owner}已在其他单位或管理部开立，请核对账号。"
        raise Conflict(Problem("ledger.account_exists", text))
    return found.id


def _settled_through(session: Session) -> date | None:
    """Interest was paid for all days before: money in a new account earns from this one on, also
    what comes in on the evening of 30 June."""
    year = session.scalar(
        select(func.max(InterestSettlement.fund_year)).where(
            InterestSettlement.finished_at.is_not(None)
        )
    )
    return None if year is None else fund_year(year)[1]


def open_many(session: Session, rows: list[dict[str, object]]) -> None:
    """Many at once, as `row` makes them; none of them may exist."""
    settled_on = _settled_through(session)
    session.execute(
        insert(_TABLE),
        [one | {"settled_on": settled_on if one["kind"] == MEMBER else None} for one in rows],
    )


def row(
    kind: str, owner: str, *, branch_code: str, opened_on: date, unit_account_no: str = ""
) -> dict[str, object]:
    """The columns of a new account."""
    return {
        "kind": kind,
        "owner": owner,
        "branch_code": branch_code,
        "unit_account_no": unit_account_no,
        "side": KINDS[kind].side,
        "status": "open",
        "balance_cents": 0,
        "carried_forward_cents": 0,
        "entries": 0,
        "opened_on": opened_on,
    }


def of_branch(session: Session, kind: str, branch_code: str, *, opened_on: date) -> int:
    """The id of an account the branch itself owns."""
    assert KINDS[kind].owner == "branch", kind
    return open_account(session, kind, branch_code, branch_code=branch_code, opened_on=opened_on)


def locked(session: Session, account_id: int) -> LedgerAccount:
    """The account, held until commit and read anew.

    Its branch first, as postings do: one who holds an account and then posts would otherwise wait
    for somebody who waits for that account.
    """
    of_account = select(LedgerAccount.branch_code).where(LedgerAccount.id == account_id)
    posting.hold(session, session.execute(of_account).scalar_one())
    return session.scalars(
        select(LedgerAccount)
        .where(LedgerAccount.id == account_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def freeze(session: Session, account_id: int) -> None:
    """Nothing goes out any more until `unfreeze` (JGJ/T 320 A.6 06)."""
    _turn(session, account_id, "open", "frozen")


def unfreeze(session: Session, account_id: int) -> None:
    _turn(session, account_id, "frozen", "open")


def close(session: Session, account_id: int) -> None:
    """For good; only an empty account can be closed."""
    account = locked(session, account_id)
    if account.balance_cents:
        text = f"{KINDS[account.kind].name} {account.owner}尚有余额，请先提取或转出后再销户。"
        raise Refused(Problem("ledger.not_empty", text))
    _turn(session, account_id, "open", "closed")


def reopen(session: Session, account_id: int) -> None:
    """Closed by mistake; what was in it comes back by vouchers of its own."""
    _turn(session, account_id, "closed", "open")


def move(session: Session, account_id: int, *, branch_code: str, unit_account_no: str) -> None:
    """An empty account goes to another unit, perhaps of another branch (内部转移).

    What was in it left by a voucher of the old branch and comes back by one of the new branch, so
    that each branch's books balance on every day.
    """
    account = locked(session, account_id)
    posting.hold(session, branch_code)
    assert account.balance_cents == 0, "money moves by vouchers alone"
    account.branch_code, account.unit_account_no = branch_code, unit_account_no
    session.flush()


def _turn(session: Session, account_id: int, before: str, after: str) -> None:
    account = locked(session, account_id)
    if account.status != before:
        words = {"open": "正常", "frozen": "冻结", "closed": "销户"}
        text = (
            f"{KINDS[account.kind].name} {account.owner}现在是{words[account.status]}状态，"
            f"不能改为{words[after]}，请刷新后核对。"
        )
        raise Refused(Problem("ledger.account_status", text))
    account.status = after
    session.flush()
