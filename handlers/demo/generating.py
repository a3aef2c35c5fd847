"""The books of a believable centre: everything posted through the ledger's one door.

Fund year by fund year, in it branch by branch, in it day by day; a month of a branch is one
transaction, and on 30 June interest is settled.  The same size, seed and day make the same books.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from itertools import groupby

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.database import transaction
from engine.runtime import SYSTEM, Runtime
from handlers import parameters
from handlers.contributions import terms as contributions
from handlers.contributions.terms import Terms
from handlers.demo import crews, firms, lending, loading, staffing
from handlers.demo.crews import Firm
from handlers.demo.desk import Clock, Desk
from handlers.demo.firms import Plan
from handlers.demo.lending import Portfolio
from handlers.demo.names import Names
from handlers.demo.numbers import Numbers
from handlers.demo.remitting import Remitting, Roster
from handlers.demo.repaying import Repaying
from handlers.demo.staffing import Office, TermsOf
from handlers.demo.window import Size, Window, ended
from handlers.demo.withdrawing import Withdrawing
from handlers.ledger import settling
from handlers.ledger.interest import fund_year
from handlers.ledger.models import Entry, LedgerAccount, Voucher
from handlers.members.models import IndividualAccount
from handlers.members.operations import LEDGER_KIND
from handlers.parameters.declared import WITHDRAWAL_RENT_YEAR_MAX
from handlers.people.models import Operator
from handlers.units.models import Unit

A_DAY = timedelta(days=1)
HIRING_MONTHS = 3  # opening an account costs about as much as posting to it so often
Report = Callable[[float], None]  # how much is done, 0 … 1


@dataclass(frozen=True, slots=True)
class Made:
    """What there is afterwards."""

    units: int
    members: int
    vouchers: int
    entries: int


@dataclass(slots=True)
class _Progress:
    report: Report
    total: int
    done: int = 0

    def further(self, count: int) -> None:
        self.done += count
        self.report(min(1.0, self.done / max(1, self.total)))


@dataclass(frozen=True, slots=True)
class _Work:
    rt: Runtime
    plan: Plan
    terms: TermsOf
    progress: _Progress = field(repr=False)

    @property
    def session(self) -> Session:
        return self.rt.session


def _silent(_share: float) -> None:
    pass


def generate(rt: Runtime, size: Size, *, report: Report = _silent) -> Made | None:
    """Fill the books of the centre `rt.profile`, which `load` has opened; commits as it goes.

    None, and nothing done, when anything was ever posted, when no month is asked for, and for a
    centre without invented facts.
    """
    session = rt.session
    facts = loading.FACTS.get(rt.profile.code)
    posted = session.scalar(select(Voucher.id).limit(1))
    session.rollback()
    if facts is None or posted is not None or not size.months:
        return None
    window = Window(rt.clock().astimezone(ZONE).date(), size.months)
    plan = Plan(facts, window, size.units, size.members, size.seed)
    numbers = Numbers(_taken(session))
    with transaction(session):
        firms.invent(session, plan, numbers, loading.password_hash())
    all_firms = firms.firms(session, plan)
    members = sum(firm.heads.total for firm in all_firms)
    progress = _Progress(report, members * (HIRING_MONTHS + size.months))
    work = _Work(rt, plan, _terms(session), progress)
    by_branch = {code: [f for f in all_firms if f.branch_code == code] for code in facts.areas}
    _hire(work, by_branch, numbers)
    _write(work, by_branch)
    return _made(session, len(all_firms))


def _taken(session: Session) -> list[str]:
    """Resident numbers of the named units' people."""
    return [
        *session.scalars(select(Unit.legal_rep_id_no)),
        *session.scalars(select(Operator.id_no)),
    ]


def _terms(session: Session) -> TermsOf:
    @cache
    def of(branch_code: str, year: int) -> Terms:
        return contributions.terms(session, fund_year(year)[0], branch_code)

    return of


def _hire(work: _Work, by_branch: dict[str, list[Firm]], numbers: Numbers) -> None:
    office = Office(work.session, work.plan, Names(work.plan.facts), numbers, work.terms)
    for some in by_branch.values():
        staffing.hire(
            office, some, report=lambda count: work.progress.further(count * HIRING_MONTHS)
        )


def _write(work: _Work, by_branch: dict[str, list[Firm]]) -> None:
    session, plan = work.session, work.plan
    offered = lending.market(session, plan)
    troubles = deque(lending.TROUBLES)
    loans = {
        code: lending.lend(session, plan, code, offered, troubles=troubles) for code in by_branch
    }
    for year, months in plan.window.years().items():
        for code, some in by_branch.items():
            _write_branch(work, code, months, rosters=_rosters(work, some, year), loans=loans[code])
        if ended(year, plan.window.last_day):
            on = Clock(fund_year(year)[1] - A_DAY)
            settling.settle(replace(work.rt, clock=on), SYSTEM, year)


def _rosters(work: _Work, some: Sequence[Firm], year: int) -> list[Roster]:
    """Who is paid for in that year, and with how much."""
    if not some:
        return []
    plan, found = work.plan, []
    account = LedgerAccount
    rows = work.session.execute(
        select(account.unit_account_no, account.id)
        .where(account.branch_code == some[0].branch_code, account.kind == LEDGER_KIND)
        .order_by(account.owner)
    )
    ids = {unit: [row.id for row in group] for unit, group in groupby(rows, key=lambda row: row[0])}
    for firm in some:
        average = staffing.average_yuan(work.terms, firm, plan)
        members = crews.crew(plan.window, firm, average, plan.seed)
        terms = work.terms(firm.branch_code, year)
        monthly = [
            crews.pay(
                firm, member, terms, crews.raises_of(plan.window, member, year)
            ).shares.total_cents
            for member in members
        ]
        found.append(Roster(firm, members, ids.get(firm.account_no, []), monthly))
    return found


def _write_branch(
    work: _Work, code: str, months: range, *, rosters: Sequence[Roster], loans: Portfolio
) -> None:
    plan, window = work.plan, work.plan.window
    desk = Desk(work.rt, code, window.first_day)
    rent = parameters.value(work.session, WITHDRAWAL_RENT_YEAR_MAX, window.today, branch=code)
    withdrawing, repaying = Withdrawing(desk, window, rent), Repaying(desk, window, loans)
    for month in months:
        deeds = [
            *withdrawing.deeds(rosters, month, plan.seed),
            *repaying.deeds(month),
        ]
        for roster in rosters:
            deeds += Remitting(desk, window, roster, month, plan.seed).deeds()
        deeds.sort(key=lambda deed: deed[:2])
        with transaction(work.session):
            for deed in deeds:
                desk.clock.day = deed.day
                deed.do()
        work.progress.further(sum(len(roster.members) for roster in rosters))


def _made(session: Session, units: int) -> Made:
    members, vouchers, entries = (
        session.scalar(select(func.count()).select_from(table)) or 0
        for table in (IndividualAccount, Voucher, Entry)
    )
    session.rollback()
    return Made(units, members, vouchers, entries)
