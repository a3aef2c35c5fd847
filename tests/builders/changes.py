"""Units of two branches whose people change, without diagrams: appliers called with rows.

`Ground` has units A and B in one branch and C in another, parameters of a plain centre, and does
each piece of rows in a transaction of its own, as a filed roster would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import create_engine, select, update

from engine.calendar import ZONE
from engine.database import configure, transaction
from engine.runtime import Actor
from handlers.contributions import (  # noqa: F401 (they register themselves)
    annual,
    bases,
    merging,
    opening,
    reverting,
    sealing,
    transferring,
)
from handlers.contributions.models import (
    ASSESSED,
    REMITTANCE,
    MemberChange,
    Remittance,
    RemittanceLine,
)
from handlers.ledger import verifying
from handlers.ledger.models import LedgerAccount
from handlers.members.models import IndividualAccount
from handlers.months import month_of
from handlers.rosters import applying
from handlers.rosters.applying import Application
from handlers.rosters.store import Line
from handlers.units.models import Unit
from tests.builders import members, parameters, units
from tests.builders.books import UNIT, Books
from tests.builders.members import OTHER_UNIT
from tests.builders.parameters import row
from tests.conftest import Clock
from tests.servers import compiled_once

A, B, C = UNIT, OTHER_UNIT, "020810049999"
FAR = "QDN02"  # the branch of C
OPERATOR = Actor("operator:1", "杨秀兰")
START = "2002-03-24"
PLAIN = {
    "deposit_rate": "1.50",
    "interest_day_base": "360",
    "closing_interest_until": "day_before",
    "contribution_rate_min": "5",
    "contribution_rate_max": "12",
    "average_monthly_wage": "8000.00",
    "base_cap_multiple": "3",
    "base_floor": "1800.00",
    "contribution_entry": "base",
    "rounding_unit": "fen",
    "rounding_mode": "half_up",
    "rate_changes_per_year": "1",
    "base_changes_per_year": "1",
    "retirement_rule": "gradual",
    "age_rule": "none",
    "open_documents": "any",
    "fund_year_gate": "none",
    "unseal_same_month": "allowed",
    "transfer_started_by": "new_unit",
    "transfer_arrives": "sealed",
    "base_window": "open",
    "base_out_of_range": "refused",
    "undo_span": "same_month",
}


def plain(**other: str) -> dict[str, list[Any]]:
    """The parameters of a centre that differs in these."""
    return {key: [row(START, value)] for key, value in (PLAIN | other).items()}


@dataclass
class Ground:
    books: Books
    _calls: int = 0

    # ── people ─────────────────────────────────────────────────────────────────────────────────
    def member(self, number: int, unit: str = A, *, cents: int = 0, **values: Any) -> str:
        """Somebody with an account in this unit, and so much money; the account's number."""
        account = members.open_member(self.books, number, **({"unit_account_no": unit} | values))
        no, ledger_id = account.individual_account_no, account.ledger_account_id
        if cents:
            branch = account.branch_code
            bank = self.books.account("bank", branch, branch=branch)
            lines = {bank: -cents, ledger_id: cents}
            self.books.post("remittance", lines, branch_code=branch, unit_account_no=unit)
        return no

    def sealed(self, number: int, unit: str = A, *, cents: int = 0) -> str:
        no = self.member(number, unit, cents=cents)
        self.deed("seal", no, reason="01")
        return no

    def deed(self, name: str, account_no: str, **values: Any) -> None:
        members.do(self.books, name, account_no, **values)

    def set(self, number: str, **values: Any) -> None:
        """Columns of an account, or of a unit, written behind everybody's back."""
        account = IndividualAccount.individual_account_no == number
        mine = update(IndividualAccount).where(account)
        if number in (A, B, C):
            mine = update(Unit).where(Unit.unit_account_no == number)
        with transaction(self.books.session):
            self.books.session.execute(mine.values(**values))

    # ── rosters ────────────────────────────────────────────────────────────────────────────────
    def apply(self, form: str, *rows: Mapping[str, str], unit: str = A, **more: Any) -> list[str]:
        """Codes of what became of each row; "" where it took effect."""
        self._calls += 1
        key = more.pop("key", f"roster:{id(self)}:{self._calls}")
        lines = [Line(values=each, seq=seq) for seq, each in enumerate(rows, start=1)]
        work = self.work(unit, key, **more)
        with transaction(self.books.session):
            applier, _ = applying._appliers[f"contributions.{form}"]
            found = applier(work, lines)
            self.books.session.flush()
        return ["" if problem is None else problem.code for problem in found]

    def work(self, unit: str = A, key: str = "roster:1", **more: Any) -> Application:
        rt = self.books.rt
        today = rt.clock().astimezone(ZONE).date()
        facts: dict[str, Any] = {
            "rt": rt,
            "actor": OPERATOR,
            "no": key,
            "key": key,
            "scope": f"unit:{unit}",
            "branch": self.unit(unit).branch_code,
            "choices": {},
            "accepted_on": today,
            "today": today,
        }
        return Application(**(facts | more))

    def undo(self, *numbers: int, unit: str = A) -> list[str]:
        return self.apply("UndoChanges", *({"change_no": str(one)} for one in numbers), unit=unit)

    # ── the record ─────────────────────────────────────────────────────────────────────────────
    def account(self, no: str) -> IndividualAccount:
        self.books.session.rollback()
        query = select(IndividualAccount).where(IndividualAccount.individual_account_no == no)
        return self.books.session.scalars(query.execution_options(populate_existing=True)).one()

    def money(self, no: str) -> LedgerAccount:
        return self.books.state(self.account(no).ledger_account_id)

    def unit(self, number: str = A) -> Unit:
        return members.unit_of(self.books, number)

    def heads(self, number: str = A) -> tuple[int, int]:
        unit = self.unit(number)
        return unit.active_headcount, unit.sealed_headcount

    def changes(self, **only: Any) -> list[MemberChange]:
        self.books.session.rollback()
        query = select(MemberChange).filter_by(**only).order_by(MemberChange.id)
        return list(self.books.session.scalars(query.execution_options(populate_existing=True)))

    def assess(self, *accounts_no: str, unit: str = A, month: str = "") -> None:
        """A 汇缴 of these people, as if it had been assessed now."""
        people = [self.account(no) for no in accounts_no]
        rt = self.books.rt
        today = rt.clock().astimezone(ZONE).date()
        with transaction(self.books.session):
            bill = Remittance(
                kind=REMITTANCE,
                unit_account_no=unit,
                branch_code=self.unit(unit).branch_code,
                month=month or month_of(today),
                state=ASSESSED,
                headcount=len(people),
                unit_cents=0,
                individual_cents=0,
                assessed_no="",
                assessed_on=today,
                assessed_at=rt.clock(),
                assessed_by="",
            )
            self.books.session.add(bill)
            self.books.session.flush()
            for position, account in enumerate(people, start=1):
                self.books.session.add(
                    RemittanceLine(
                        remittance_id=bill.id,
                        position=position,
                        individual_account_id=account.id,
                        month=bill.month,
                        base_cents=0,
                        unit_cents=0,
                        individual_cents=0,
                    )
                )

    def verify(self) -> None:
        assert verifying.verify(self.books.session).faults == ()


@contextmanager
def ground(url: str, clock: Clock, day: str = "2026-07-15", **other: str) -> Iterator[Ground]:
    """The units on an empty database, on this day."""
    with reopened(url, clock, day) as made:
        session = made.books.session
        units.unit(session)
        units.unit(session, unit_account_no=B, unit_name="凯里市清水江实验中学")
        units.unit(session, unit_account_no=C, unit_name="镇远县古城旅游公司", branch_code=FAR)
        parameters.enter(session, today=day, **plain(**other))
        session.commit()
        yield made


@contextmanager
def reopened(url: str, clock: Clock, day: str) -> Iterator[Ground]:
    """The same units, as another process finds them."""
    engine = compiled_once(configure(create_engine(url)))
    books = Books(engine, clock).on(day)
    try:
        yield Ground(books)
    finally:
        books.session.close()
        engine.dispose()


def newcomer(number: int, **values: str) -> dict[str, str]:
    """A row of 开户 about the person with this number."""
    facts = {
        "person_name": members.name_of(number),
        "id_no": members.resident_id(number),
        "mobile": f"1380000{number:04d}",
        "contribution_base": "8,000.00",
    }
    return facts | values
