"""Loans: who borrowed, what was agreed, and every repayment of the window with its troubles.

Schedules, early repayments and penalties come from `handlers.loans`; of two dozen loans one each
is overdue, was paid late, was repaid early in part (both kinds) or settled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, func, insert, select
from sqlalchemy.orm import Session

from engine.database import transaction
from engine.errors import Problem
from handlers import parameters
from handlers.demo.crews import MEN_RETIRE
from handlers.demo.firms import Plan
from handlers.demo.window import Window
from handlers.ledger import accounts
from handlers.ledger.models import LedgerAccount
from handlers.loans.arrears import Overdue, arrears_cents, pay_arrears
from handlers.loans.early_repayment import Kind, Wish, repay_early
from handlers.loans.models import Loan
from handlers.loans.rates import Rate, Reach, rate_on, rates_for
from handlers.loans.schedules import Instalment, schedule
from handlers.loans.terms import EQUAL_INSTALMENTS, EQUAL_PRINCIPAL, Terms, due_on, new_terms
from handlers.members.codes import NORMAL
from handlers.members.models import IndividualAccount, Person
from handlers.parameters import declared

LEDGER_KIND = "loan_principal"
BORROWERS = 0.052  # of those in 正常 before the window; some are too old for it, 3 % get one
OLD_SHARE = 0.6  # of the loans were paid out before the window
OLD_MONTHS_MAX = 84
YEARS, YEARS_WEIGHTS = (5, 10, 15, 20, 25, 30), (1, 3, 4, 6, 3, 4)
SHORT_YEARS_MAX = 5  # up to here the short rate holds
REPAYMENT_DAYS = (10, 20)
STEP_CENTS, LEAST_CENTS, USUAL_CENTS = 1_000_000, 8_000_000, 22_000_000  # 1, 8, 22 万元
METHOD_EQUAL_PRINCIPAL = 0.15
# What goes otherwise than planned, in turn: one of two dozen loans each.
TROUBLES = (
    *("", "overdue", "", "late", "", Kind.SMALLER, "", Kind.SHORTER, "", Kind.FULL),
    *[""] * 14,
)
DUE_MIN = 4  # for fewer instalments in the window nothing goes wrong
# A branch lends what its members bring in so many months; their savings are twice as much.
MONTHS_LENT = 12
LATE_DAYS, EARLY_DAYS = 18, 9  # behind a due day
OVERDUE_PERIODS = 2


class Payment(NamedTuple):
    """One repayment of a loan, in 分; `loan` is its place among the branch's loans."""

    day: date
    business: str
    loan: int
    period: int
    due_on: date
    principal_cents: int
    interest_cents: int
    penalty_cents: int


@dataclass(slots=True)
class Lent:
    """A loan as the books need it; `owed_cents` moves as they are written."""

    id: int
    account_no: str
    ledger_id: int
    disbursed_on: date
    amount_cents: int
    periods_before: int  # repaid before the window
    repaid_before_cents: int
    owed_cents: int = 0


@dataclass(frozen=True, slots=True)
class Portfolio:
    """One branch's loans and their repayments by month of the window."""

    loans: list[Lent]
    payments: dict[int, list[Payment]]


class _Draft(NamedTuple):
    """A loan made up, not stored yet."""

    terms: Terms
    payments: list[Payment]
    before: tuple[int, int]  # periods and principal repaid before the window
    missed: int = 0
    overdue: bool = False

    @property
    def owed_cents(self) -> int:
        paid = sum(payment.principal_cents for payment in self.payments)
        return self.terms.principal_cents - self.before[1] - paid


@dataclass(frozen=True, slots=True)
class Market:
    """Published rates and the centre's largest loan."""

    short: tuple[Rate, ...]
    long: tuple[Rate, ...]
    reach: Reach
    largest_cents: int


def market(session: Session, plan: Plan) -> Market:
    first = plan.window.first_day - timedelta(days=31 * OLD_MONTHS_MAX)
    today = plan.window.today

    def published(parameter: Any) -> tuple[Rate, ...]:
        found = parameters.periods(session, parameter, first, today)
        return tuple(Rate(period.starts_on, period.value) for period in found)

    return Market(
        short=published(declared.LOAN_RATE_FIRST_SHORT),
        long=published(declared.LOAN_RATE_FIRST_LONG),
        reach=Reach(parameters.value(session, declared.LOAN_RATE_CHANGE, today)),
        largest_cents=parameters.value(session, declared.LOAN_AMOUNT_MAX, today),
    )


def lend(
    session: Session, plan: Plan, branch_code: str, offered: Market, *, troubles: deque[str]
) -> Portfolio:
    """Make up and store the loans of one branch; commits once.

    `troubles` (TROUBLES in the beginning) goes round from loan to loan and branch to branch.
    """
    chance = Random(f"{plan.seed}/{branch_code}/loans")
    window = plan.window
    drafts: list[_Draft] = []
    people: list[int] = []
    room = _monthly_cents(session, branch_code) * MONTHS_LENT
    for person_id, birth_month in _borrowers(session, plan, branch_code, chance):
        terms = _terms(window, offered, birth_month, chance)
        if terms is None or terms.principal_cents > room:
            continue
        made = _made_up(window, terms, troubles)
        if made is not None:
            room -= terms.principal_cents
            drafts.append(made)
            people.append(person_id)
    with transaction(session):
        loans = _store(session, plan, branch_code, drafts=drafts, people=people, chance=chance)
    payments: dict[int, list[Payment]] = {}
    for place, draft in enumerate(drafts):
        for payment in draft.payments:
            month = window.place(f"{payment.day:%Y-%m}")
            payments.setdefault(month, []).append(payment._replace(loan=place))
    return Portfolio(loans, payments)


def _monthly_cents(session: Session, branch_code: str) -> int:
    """What comes in a month, about."""
    account = IndividualAccount
    both = account.unit_monthly_amount_cents + account.individual_monthly_amount_cents
    found = select(func.sum(both)).where(
        account.branch_code == branch_code, account.account_status == NORMAL
    )
    return int(session.scalar(found) or 0)


def _borrowers(
    session: Session, plan: Plan, branch_code: str, chance: Random
) -> list[tuple[int, str]]:
    rows = session.execute(
        select(IndividualAccount.person_id, Person.birth_month)
        .join(Person, Person.id == IndividualAccount.person_id)
        .where(
            IndividualAccount.branch_code == branch_code,
            IndividualAccount.account_status == NORMAL,
            IndividualAccount.opened_on < plan.window.first_day,
        )
        .order_by(IndividualAccount.individual_account_no)
    )
    return [(person, born) for person, born in rows if chance.random() < BORROWERS]


def _terms(window: Window, offered: Market, birth_month: str, chance: Random) -> Terms | None:
    """None for somebody too old to borrow for five years."""
    day = _disbursed_on(window, chance)
    room = MEN_RETIRE - (day.year - int(birth_month[:4]))
    years = min(chance.choices(YEARS, YEARS_WEIGHTS)[0], room // 5 * 5)
    if years < YEARS[0]:
        return None
    published = offered.short if years <= SHORT_YEARS_MAX else offered.long
    most = min(offered.largest_cents, USUAL_CENTS * 3)
    amount = int(chance.triangular(LEAST_CENTS, most, USUAL_CENTS))
    equal_principal = chance.random() < METHOD_EQUAL_PRINCIPAL
    made = new_terms(
        amount // STEP_CENTS * STEP_CENTS,
        rates_for(day, published, offered.reach),
        years * 12,
        method=EQUAL_PRINCIPAL if equal_principal else EQUAL_INSTALMENTS,
        disbursed_on=day,
        repayment_day=chance.choice(REPAYMENT_DAYS),
    )
    assert isinstance(made, Terms), made
    return made


def _disbursed_on(window: Window, chance: Random) -> date:
    if chance.random() < OLD_SHARE or window.count < 3:
        place = -chance.randrange(1, OLD_MONTHS_MAX)
    else:
        place = chance.randrange(1, window.count - 1)
    return window.working_day(place, chance.randrange(3, 26))


# ── what happened to it ────────────────────────────────────────────────────────────────────────
def _made_up(window: Window, terms: Terms, troubles: deque[str]) -> _Draft | None:
    """None for a loan that was over before the window."""
    rows = schedule(terms)
    due = [row for row in rows if window.first_day <= row.due_on <= window.last_day]
    if not due:
        return None
    passed = [row.principal_cents for row in rows if row.due_on < window.first_day]
    before = (len(passed), sum(passed))
    trouble, middle = troubles[0] if len(due) >= DUE_MIN else "", len(due) // 2
    if len(due) >= DUE_MIN:
        troubles.rotate(-1)
    if trouble == "overdue":
        paid = list(map(_on_time, due[:-OVERDUE_PERIODS]))
        return _Draft(terms, paid, before, OVERDUE_PERIODS, overdue=True)
    if trouble == "late":
        paid = [_on_time(row) for row in due if row is not due[middle]]
        return _Draft(terms, [*paid, _late(terms, due[middle])], before, missed=1)
    if trouble:
        return _Draft(terms, list(_early(window, terms, due, Kind(trouble))), before)
    return _Draft(terms, list(map(_on_time, due)), before)


def _on_time(row: Instalment) -> Payment:
    parts = (row.principal_cents, row.interest_cents, 0)
    return Payment(row.due_on, "loan_repayment", 0, row.period, row.due_on, *parts)


def _late(terms: Terms, row: Instalment) -> Payment:
    """Paid before the next one is due, with its penalty."""
    owed = Overdue(row.period, row.due_on, row.principal_cents, row.interest_cents, row.due_on)
    day = row.due_on + timedelta(days=LATE_DAYS)
    paid = pay_arrears((owed,), arrears_cents((owed,), day, terms.rates), day, rates=terms.rates)
    assert not isinstance(paid, Problem), paid
    part = paid.cleared[0]
    parts = (part.principal_cents, part.interest_cents, part.penalty_cents)
    return Payment(day, "loan_overdue_repayment", 0, row.period, row.due_on, *parts)


def _early(
    window: Window, terms: Terms, due: Sequence[Instalment], kind: Kind
) -> Iterator[Payment]:
    """As planned up to the middle, then a fifth of what is owed, or all of it."""
    before = due[: len(due) // 2]
    yield from map(_on_time, before)
    last = before[-1]
    day = last.due_on + timedelta(days=EARLY_DAYS)
    amount = 0 if kind is Kind.FULL else last.balance_cents // 5 // STEP_CENTS * STEP_CENTS
    done = repay_early(terms, Wish(kind, day, amount))
    if isinstance(done, Problem):  # too little is left for a fifth of it
        yield from (_on_time(row) for row in due if row not in before)
        return
    business = "loan_settlement" if kind is Kind.FULL else "loan_early_repayment"
    parts = (done.principal_cents, done.interest_cents, 0)
    yield Payment(day, business, 0, last.period, day, *parts)
    yield from (_on_time(row) for row in done.schedule if row.due_on <= window.last_day)


# ── rows ───────────────────────────────────────────────────────────────────────────────────────
def _store(
    session: Session,
    plan: Plan,
    branch_code: str,
    *,
    drafts: Sequence[_Draft],
    people: Sequence[int],
    chance: Random,
) -> list[Lent]:
    if not drafts:
        return []
    digits = branch_code[-2:]
    nos = [f"03{digits}{place:08d}" for place in range(1, len(drafts) + 1)]
    opened = [max(draft.terms.interest_from, plan.window.first_day) for draft in drafts]
    accounts.open_many(
        session,
        [
            accounts.row(LEDGER_KIND, no, branch_code=branch_code, opened_on=day)
            for no, day in zip(nos, opened, strict=True)
        ],
    )
    ledger = cast(Table, LedgerAccount.__table__).c
    mine = (ledger.kind == LEDGER_KIND) & (ledger.branch_code == branch_code)
    ids = session.scalars(select(ledger.id).where(mine).order_by(ledger.owner)).all()
    town = plan.facts.areas[branch_code][3]
    rows = [
        _row(draft, town, plan.window.today, chance)
        | {
            "loan_contract_no": f"DK{draft.terms.interest_from.year}{digits}{no[-6:]}",
            "loan_account_no": no,
            "person_id": person,
            "ledger_account_id": ledger_id,
            "branch_code": branch_code,
        }
        for draft, no, person, ledger_id in zip(drafts, nos, people, ids, strict=True)
    ]
    made = insert(Loan).returning(Loan.id, sort_by_parameter_order=True)
    return [
        Lent(
            id=loan_id,
            account_no=no,
            ledger_id=ledger_id,
            disbursed_on=draft.terms.interest_from,
            amount_cents=draft.terms.principal_cents,
            periods_before=draft.before[0],
            repaid_before_cents=draft.before[1],
        )
        for draft, no, loan_id, ledger_id in zip(
            drafts, nos, session.scalars(made, rows), ids, strict=True
        )
    ]


def _row(draft: _Draft, town: str, today: date, chance: Random) -> dict[str, Any]:
    terms = draft.terms
    status = "overdue" if draft.overdue else "normal" if draft.owed_cents else "settled"
    share = chance.randrange(40, 76)  # percent of the price
    block, floor = chance.randrange(1, 20), chance.randrange(1, 33)
    return {
        "contract_amount_cents": terms.principal_cents,
        "periods": terms.periods,
        "loan_rate": Decimal(rate_on(terms.rates, today)),
        "repayment_method": terms.method,
        "disbursed_on": terms.interest_from,
        "due_maturity": due_on(terms, terms.periods - 1),
        "repayment_day": terms.repayment_day,
        "loan_status": status,
        "house_location": f"{town}锦绣家园 {block} 栋 {floor}0{chance.randrange(1, 5)} 室",
        "house_price_cents": terms.principal_cents * 100 // share // STEP_CENTS * STEP_CENTS,
        "overdue_count": draft.missed,
    }
