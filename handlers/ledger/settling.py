"""年终结息: every member's interest of a fund year, dated 30 June; then 当年归集 is 上年结转.

A million accounts are settled in chunks of whole units, each a transaction under the lock of its
branch (`settling_sql`).  `settled_on` of an account says whether it is done, so a run that was
killed is simply run again, and two runs at once share the work without doubling any of it.  When
nothing is left the branches' interest is accrued and the year is finished, in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.database import one_at_a_time, transaction
from engine.errors import Problem, Refused
from engine.runtime import Actor, Runtime
from handlers.ledger import accounts, accrual, interest, posting, settling_sql
from handlers.ledger.drafts import Draft, Line
from handlers.ledger.models import InterestSettlement, LedgerBranch, Voucher
from handlers.ledger.settling_sql import Chunk, Writer, Year

# About half a second of work: so long a branch, and with SQLite every writer, waits for us.
CHUNK_ACCOUNTS = 20_000
CHUNK_UNITS = 1_000  # named in one statement; SQLite takes 32,766 parameters
A_DAY = timedelta(days=1)

Report = Callable[[int, int], None]  # accounts settled, accounts in all; called between commits


@dataclass(frozen=True, slots=True)
class Settled:
    """What the books say behind a settlement."""

    fund_year: int
    accounts: int
    interest_cents: int


def _silent(_done: int, _total: int) -> None:
    pass


def settle(
    rt: Runtime,
    actor: Actor,
    fund_year: int,
    *,
    report: Report = _silent,
    chunk_accounts: int = CHUNK_ACCOUNTS,
) -> Settled:
    """Settle the fund year that ends on 30 June of this year, or go on where a run was killed.

    Commits in chunks; a `report` that raises ends it between two of them.  Raises Refused, before
    anything is written: `interest.year_not_over`, `interest.settled_already`,
    `interest.earlier_year_open`, `interest.day_closed`, `interest.rate_gap`.
    """
    year = _begin(rt, actor, fund_year)
    finished = False
    while not finished:  # again for those who have opened an account meanwhile
        done = _row(rt.session, fund_year).accounts
        chunks = list(_chunks(rt.session, year, chunk_accounts))
        total = done + sum(chunk.accounts for chunk in chunks)
        rt.session.rollback()
        report(done, total)
        for chunk in chunks:
            done = _settle_chunk(rt, actor, year, chunk)
            report(min(done, total), total)
        finished = _finish(rt, actor, year)
    row = _row(rt.session, fund_year)
    settled = Settled(fund_year, row.accounts, row.interest_cents)
    rt.session.rollback()
    return settled


# ── may it be ──────────────────────────────────────────────────────────────────────────────────


def _begin(rt: Runtime, actor: Actor, number: int) -> Year:
    """The year's row, made unless a killed run has left it; its rates."""
    session = rt.session
    today = rt.clock().astimezone(ZONE).date()
    start, end = interest.fund_year(number)
    if today < end - A_DAY:
        text = f"{number} 年度到 {end - A_DAY} 才结束，请在当日业务全部入账后结息。"
        raise Refused(Problem("interest.year_not_over", text))
    with transaction(session):
        one_at_a_time(session, "ledger.settle_interest")
        row = session.get(InterestSettlement, number)
        problem = _refusal(session, number, row)
        if problem is not None:
            raise Refused(problem)
        rates = accrual.rates_between(session, start, end)
        day_base = accrual.day_base(session, end - A_DAY)
        if row is None:
            session.add(
                InterestSettlement(
                    fund_year=number,
                    posted_on=end - A_DAY,
                    started_at=rt.clock(),
                    started_by=actor.name,
                )
            )
    return Year(number, rates, day_base)


def _refusal(session: Session, number: int, row: InterestSettlement | None) -> Problem | None:
    if row is not None and row.finished_at is not None:
        day = row.finished_at.astimezone(ZONE).date()
        text = f"{number} 年度已在 {day} 结息，不能重复结息。"
        return Problem("interest.settled_already", text)
    latest = session.scalar(select(func.max(InterestSettlement.fund_year)))
    if latest is not None and latest > number:
        text = f"{latest} 年度已开始结息，更早的 {number} 年度不能再结，请核对年度。"
        return Problem("interest.later_year", text)
    open_year = _first_open(session)
    if open_year is not None and open_year < number:
        text = f"{open_year} 年度还没有结息，请先结清 {open_year} 年度。"
        return Problem("interest.earlier_year_open", text)
    day = interest.fund_year(number)[1] - A_DAY
    closed = session.scalars(
        select(LedgerBranch.branch_code)
        .where(LedgerBranch.closed_through >= day)
        .order_by(LedgerBranch.branch_code)
    ).all()
    if closed and settling_sql.is_due(session, day + A_DAY, branches=closed):
        text = (
            f"{'、'.join(closed)} 在 {day} 已日终结账，利息不能再记入这一天；"
            "结息应在当日结账之前办理，请联系系统管理员核对。"
        )
        return Problem("interest.day_closed", text)
    return None


def _first_open(session: Session) -> int | None:
    """The first fund year not settled yet; None while nothing was ever posted."""
    last = session.scalar(
        select(func.max(InterestSettlement.fund_year)).where(
            InterestSettlement.finished_at.is_not(None)
        )
    )
    if last is not None:
        return last + 1
    # Interest is due from the day money enters (条例 art. 21), so books begin with their first one.
    first = session.scalar(select(func.min(Voucher.value_on)))
    return None if first is None else interest.fund_year_of(first)


# ── the work ───────────────────────────────────────────────────────────────────────────────────


def _row(session: Session, number: int) -> InterestSettlement:
    return session.get_one(InterestSettlement, number, populate_existing=True)


def _chunks(session: Session, year: Year, accounts_max: int) -> Iterator[Chunk]:
    """Units of one branch together, never a unit in two."""
    code, units, accounts = "", list[str](), 0
    for branch_code, unit, count in settling_sql.units_due(session, year.end):
        full = accounts + count > accounts_max or len(units) == CHUNK_UNITS
        if units and (full or branch_code != code):
            yield Chunk(code, tuple(units), accounts)
            units, accounts = [], 0
        code, accounts = branch_code, accounts + count
        units.append(unit)
    if units:
        yield Chunk(code, tuple(units), accounts)


def _settle_chunk(rt: Runtime, actor: Actor, year: Year, chunk: Chunk) -> int:
    """One transaction; how many accounts are settled now."""
    today = rt.clock().astimezone(ZONE).date()
    with transaction(rt.session) as session:
        posting.hold_branch(session, chunk.branch_code, year.posted_on, today=today)
        settled, cents = Writer(session, year, chunk, actor, rt.clock()).write()
        row = session.get_one(InterestSettlement, year.number, with_for_update=True)
        row.accounts += settled
        row.interest_cents += cents
        return row.accounts


def _finish(rt: Runtime, actor: Actor, year: Year) -> bool:
    """Accrue each branch's interest and close the year; False while accounts are left."""
    today = rt.clock().astimezone(ZONE).date()
    with transaction(rt.session) as session:
        for branch_code in session.scalars(
            select(LedgerBranch.branch_code)
            .where(
                or_(
                    LedgerBranch.closed_through.is_(None),
                    LedgerBranch.closed_through < year.posted_on,
                )
            )
            .order_by(LedgerBranch.branch_code)
        ).all():
            posting.hold_branch(session, branch_code, year.posted_on, today=today)
        if settling_sql.is_due(session, year.end):
            return False
        row = session.get_one(InterestSettlement, year.number, with_for_update=True)
        if row.finished_at is not None:
            return True
        posted = settling_sql.interest_by_branch(session, year)
        assert sum(posted.values()) == row.interest_cents, "vouchers and progress disagree"
        for branch_code, cents in posted.items():
            posting.post(rt, actor, _accrual(session, year, branch_code, cents))
        row.finished_at = rt.clock()
    return True


def _accrual(session: Session, year: Year, branch_code: str, cents: int) -> Draft:
    """利息支出 / 应付利息: what the members' vouchers have drawn on."""
    expense, payable = (
        accounts.of_branch(session, kind, branch_code, opened_on=year.posted_on)
        for kind in ("interest_expense", "interest_payable")
    )
    return Draft(
        key=f"interest_accrual:{year.number}:{branch_code}",
        business="interest_accrual",
        branch_code=branch_code,
        lines=(Line(expense, -cents), Line(payable, cents)),
        posted_on=year.posted_on,
        memo=f"计提 {year.number} 年度利息",
    )
