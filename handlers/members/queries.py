"""Reads about individual accounts: a unit's people with their sums, and one account's facts.

Every read takes the reader's domains and finds nothing outside them.  A list goes on behind the
last account number shown (keyset), so its last page costs as much as its first.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, func, select
from sqlalchemy.orm import Session, aliased, contains_eager

from handlers.identifiers import compact
from handlers.ledger.models import Entry, LedgerAccount, Voucher
from handlers.loans.models import Loan
from handlers.members.codes import CLOSED, NORMAL
from handlers.members.models import IndividualAccount, Person
from handlers.members.operations import ID_PURPOSE
from handlers.privacy.columns import is_value
from handlers.units.codes import ID_TYPES
from handlers.units.models import Unit
from handlers.units.reach import within

CLOSED_KINDS = "closed"  # the filter for every kind of 销户
NOBODY = 0  # a person id no row has: a document nobody holds


@dataclass(frozen=True, slots=True)
class Filter:
    """`status`: a code of A.6, or CLOSED_KINDS; `name`: words of it, with a unit; days included.

    `person_id` stands for an ID number (see `holder`), so that no address carries one.
    """

    unit_account_no: str = ""
    status: str = ""
    name: str = ""
    account_no: str = ""
    person_id: int | None = None
    opened_from: date | None = None
    opened_to: date | None = None

    @property
    def narrow(self) -> bool:
        """Names somebody: what a reader of many units must do."""
        return bool(
            self.unit_account_no or self.name or self.account_no or self.person_id is not None
        )


@dataclass(frozen=True, slots=True)
class Row:
    account: IndividualAccount
    balance_cents: int

    @property
    def person(self) -> Person:
        return self.account.person


@dataclass(frozen=True, slots=True)
class Totals:
    """Of everything the filter finds; money in 分, bases and monthly amounts of 正常 accounts."""

    people: int
    balance_cents: int
    monthly_cents: int
    base_cents: int


@dataclass(frozen=True, slots=True)
class Page:
    """`before`: how many accounts come before the first row; `next`: "" on the last page."""

    rows: list[Row]
    totals: Totals
    before: int
    next: str


@dataclass(frozen=True, slots=True)
class Facts:
    """职工基本情况; `last_paid_on`: posting day of the newest payment that was not reversed."""

    account: IndividualAccount
    unit_name: str
    balance_cents: int
    carried_forward_cents: int
    last_paid_on: date | None
    has_loan: bool

    @property
    def person(self) -> Person:
        return self.account.person

    @property
    def current_year_cents(self) -> int:
        return self.balance_cents - self.carried_forward_cents


def holder(session: Session, domains: Set[str], id_no: str) -> int:
    """The person who holds this document, by its whole number; NOBODY when there is none.

    Nor when all their accounts are somebody else's: whether a stranger is known is no answer.
    """
    same = is_value(Person.id_no_index, ID_PURPOSE, compact(id_no))
    # Every kind of document, named: the unique index begins with it.
    theirs = within(domains, IndividualAccount.unit_account_no, IndividualAccount.branch_code)
    found = (
        select(Person.id)
        .join(IndividualAccount, IndividualAccount.person_id == Person.id)
        .where(Person.id_type.in_(ID_TYPES), same, theirs)
        .order_by(Person.id)
    )
    return session.scalar(found.limit(1)) or NOBODY


def members(
    session: Session, domains: Set[str], asked: Filter, *, after: str = "", limit: int
) -> Page:
    """Accounts in the order of their numbers, with the sums of all that were asked for."""
    conditions = _conditions(domains, asked)
    number = IndividualAccount.individual_account_no
    statement = (
        select(IndividualAccount, LedgerAccount.balance_cents)
        .join(IndividualAccount.person)
        .join(LedgerAccount, LedgerAccount.id == IndividualAccount.ledger_account_id)
        .options(contains_eager(IndividualAccount.person))
        .where(*conditions)
        .order_by(number)
        .limit(limit + 1)
    )
    if after:
        statement = statement.where(number > after)
    found = [Row(account, balance) for account, balance in session.execute(statement)]
    people, balance, monthly, base, before = session.execute(_sums(conditions, after)).one()
    return Page(
        rows=found[:limit],
        totals=Totals(people, balance, monthly, base),
        before=before,
        next=found[limit - 1].account.individual_account_no if len(found) > limit else "",
    )


def _conditions(domains: Set[str], asked: Filter) -> list[ColumnElement[bool]]:
    table = IndividualAccount
    found = [within(domains, table.unit_account_no, table.branch_code)]
    if asked.unit_account_no:
        found.append(table.unit_account_no == asked.unit_account_no)
    if asked.status == CLOSED_KINDS:
        found.append(table.account_status.in_(CLOSED))
    elif asked.status:
        found.append(table.account_status == asked.status)
    if asked.name and asked.unit_account_no:
        found.append(Person.person_name.icontains(asked.name, autoescape=True))
    elif asked.name:  # among a million people only a whole name is found through the index
        found.append(Person.person_name == asked.name)
    if asked.account_no:
        found.append(table.individual_account_no == asked.account_no)
    if asked.person_id is not None:
        found.append(table.person_id == asked.person_id)
    if asked.opened_from:
        found.append(table.opened_on >= asked.opened_from)
    if asked.opened_to:
        found.append(table.opened_on <= asked.opened_to)
    return found


def _sums(conditions: list[ColumnElement[bool]], after: str) -> Select[Any]:
    table = IndividualAccount
    normal = table.account_status == NORMAL
    monthly = table.unit_monthly_amount_cents + table.individual_monthly_amount_cents

    def total(value: Any) -> Any:
        return cast(func.coalesce(func.sum(value), 0), BigInteger)

    return (
        select(
            func.count(),
            total(LedgerAccount.balance_cents),
            total(case((normal, monthly), else_=0)),
            total(case((normal, table.contribution_base_cents), else_=0)),
            total(case((table.individual_account_no <= after, 1), else_=0)),
        )
        .select_from(table)
        .join(table.person)
        .join(LedgerAccount, LedgerAccount.id == table.ledger_account_id)
        .where(*conditions)
    )


def account_within(session: Session, domains: Set[str], number: str) -> IndividualAccount | None:
    """The account with its person, if it is there and theirs."""
    table = IndividualAccount
    return session.scalar(
        select(table)
        .join(table.person)
        .options(contains_eager(table.person))
        .where(
            table.individual_account_no == number,
            within(domains, table.unit_account_no, table.branch_code),
        )
    )


def facts(session: Session, account: IndividualAccount) -> Facts:
    """What the books and the loans say of an account."""
    ledger = session.get_one(LedgerAccount, account.ledger_account_id)
    name = select(Unit.unit_name).where(Unit.unit_account_no == account.unit_account_no)
    loan = select(Loan.id).where(
        Loan.person_id == account.person_id, Loan.loan_status.in_(("normal", "overdue"))
    )
    return Facts(
        account=account,
        unit_name=session.scalar(name) or "",
        balance_cents=ledger.balance_cents,
        carried_forward_cents=ledger.carried_forward_cents,
        last_paid_on=session.scalar(_last_paid(account.ledger_account_id)),
        has_loan=session.scalar(loan.limit(1)) is not None,
    )


def _last_paid(ledger_account_id: int) -> Select[Any]:
    undone = aliased(Voucher)
    return (
        select(Voucher.posted_on)
        .join(Entry, Entry.voucher_id == Voucher.id)
        .where(
            Entry.account_id == ledger_account_id,
            Voucher.business.in_(("remittance", "back_payment")),
            Voucher.reversal_of.is_(None),
            ~select(undone.id).where(undone.reversal_of == Voucher.id).exists(),
        )
        .order_by(Entry.seq.desc())
        .limit(1)
    )
