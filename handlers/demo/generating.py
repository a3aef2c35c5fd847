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
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.database import transaction
from engine.runtime import SYSTEM, Runtime
from handlers import parameters
from handlers.contributions import terms as contributions
from handlers.contributions.terms import Terms
from handlers.demo import crews, firms, lending, loading, owing, staffing
from handlers.demo.billing import Billing, paid_by, payers
from handlers.demo.crews import Firm, TermsOf
from handlers.demo.desk import Clock, Desk
from handlers.demo.firms import Plan
from handlers.demo.history import History
from handlers.demo.lending import Market, Portfolio
from handlers.demo.names import Names
from handlers.demo.numbers import Numbers
from handlers.demo.payroll import Roster
from handlers.demo.remitting import Remitting
from handlers.demo.repaying import Repaying
from handlers.demo.staffing import Office
from handlers.demo.window import Size, Window, ended
from handlers.demo.withdrawing import Withdrawing
from handlers.ledger import settling
from handlers.ledger.interest import fund_year
from handlers.ledger.models import Entry, Voucher
from handlers.members.models import IndividualAccount
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
    services = frozenset(rt.profile.services)
    plan = Plan(facts, window, size.units, size.members, size.seed, services)
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
    owing.leave(rt, plan, all_firms)
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
    offices = {code: _Branch.open(work, code, offered, troubles) for code in by_branch}
    for year, months in plan.window.years().items():
        for code, some in by_branch.items():
            _write_branch(work, offices[code], months, rosters=_rosters(work, some, year))
        if ended(year, plan.window.last_day):
            on = Clock(fund_year(year)[1] - A_DAY)
            settling.settle(replace(work.rt, clock=on), SYSTEM, year)


@dataclass(frozen=True, slots=True)
class _Branch:
    """What is kept of a branch from year to year."""

    desk: Desk
    loans: Portfolio
    billing: Billing
    history: History

    @classmethod
    def open(cls, work: _Work, code: str, offered: Market, troubles: deque[Any]) -> _Branch:
        session, plan = work.session, work.plan
        loans = lending.lend(session, plan, code, offered, troubles=troubles)
        desk = Desk(work.rt, code, plan.window.first_day)
        paying = payers(session, code)
        billing = Billing(desk, plan.window, paid_by(work.rt.profile), paying)
        return cls(desk, loans, billing, History(session, plan, work.terms, paying))


def _rosters(work: _Work, some: Sequence[Firm], year: int) -> list[Roster]:
    """Who is paid for in that year, and with how much."""
    if not some:
        return []
    plan, found = work.plan, []
    account = IndividualAccount
    rows = work.session.execute(
        select(account.unit_account_no, account.id, account.ledger_account_id)
        .where(account.branch_code == some[0].branch_code)
        .order_by(account.individual_account_no)
    ).all()
    ids: dict[str, list[tuple[int, int]]] = {}
    for unit, account_id, ledger_id in rows:
        ids.setdefault(unit, []).append((account_id, ledger_id))
    for firm in some:
        average = staffing.average_yuan(work.terms, firm, plan)
        members = crews.crew(plan.window, firm, average, plan.seed)
        pays = [crews.pay_in(plan.window, firm, each, work.terms, year=year) for each in members]
        mine = ids.get(firm.account_no, [])
        found.append(
            Roster(
                firm,
                members,
                [each[0] for each in mine],
                [each[1] for each in mine],
                pays,
                [pay.shares.total_cents for pay in pays],
            )
        )
    return found


def _write_branch(
    work: _Work, branch: _Branch, months: range, *, rosters: Sequence[Roster]
) -> None:
    plan, window, desk = work.plan, work.plan.window, branch.desk
    code = desk.branch_code
    rent = parameters.value(work.session, WITHDRAWAL_RENT_YEAR_MAX, window.today, branch=code)
    withdrawing, repaying = Withdrawing(desk, window, rent), Repaying(desk, window, branch.loans)
    for month in months:
        deeds = [
            *withdrawing.deeds(rosters, month, plan.seed),
            *repaying.deeds(month),
        ]
        for roster in rosters:
            deeds += Remitting(desk, window, roster, month, plan.seed, branch.billing).deeds()
        deeds.sort(key=lambda deed: deed[:2])
        with transaction(work.session):
            branch.history.store(rosters, month)
            for deed in deeds:
                desk.clock.day = deed.day
                deed.do()
            branch.billing.store()
        work.progress.further(sum(len(roster.members) for roster in rosters))


def _made(session: Session, units: int) -> Made:
    members, vouchers, entries = (
        session.scalar(select(func.count()).select_from(table)) or 0
        for table in (IndividualAccount, Voucher, Entry)
    )
    session.rollback()
    return Made(units, members, vouchers, entries)
