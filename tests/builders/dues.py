"""A unit that owes and pays: months assessed, payments registered, money arriving, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from engine import Runtime
from engine.calendar import ZONE
from engine.database import transaction
from engine.models import OutboxItem
from engine.owed import jobs
from handlers.banking import payments, receiving
from handlers.banking.models import BankReceipt, Payment
from handlers.banking.receiving import Arrived
from handlers.contributions import allocating, assessing
from handlers.contributions.assessing import Asked
from handlers.contributions.models import Remittance, RemittanceLine
from handlers.ledger import verifying
from handlers.ledger.models import LedgerAccount
from handlers.members.models import IndividualAccount
from handlers.units import queries as units
from tests.builders import members, parameters
from tests.builders.books import BRANCH, CLERK, UNIT, Books
from tests.conftest import Clock

LONG_AGO = "2016-01-01"
# What every centre has; one test is about one of them and says so.
PARAMETERS = {
    "deposit_rate": "1.50",
    "interest_day_base": "360",
    "fund_year_start_month": "7",
    "contribution_rate_min": "5.00",
    "contribution_rate_max": "12.00",
    "average_monthly_wage": "8000.00",
    "base_cap_multiple": "3",
    "base_floor": "1890.00",
    "contribution_entry": "base",
    "rounding_unit": "fen",
    "rounding_mode": "half_up",
    "remit_months_max": "6",
    "remit_gate": "none",
    "fund_year_gate": "none",
    "back_payment_span": "this_year",
}


def enter(session: Session, **changed: str) -> None:
    values = PARAMETERS | changed
    rows = {name: [parameters.row(LONG_AGO, value)] for name, value in values.items()}
    parameters.enter(session, **rows)
    session.commit()


@dataclass
class Dues:
    """`dues.assess("2026-03")`; every call is a transaction of its own.  `unit` is UNIT unless said
    otherwise."""

    books: Books
    _serial: int = field(default=0)

    @property
    def session(self) -> Session:
        return self.books.session

    @property
    def rt(self) -> Runtime:
        return self.books.rt

    def people(self, *numbers: int, **values: Any) -> list[IndividualAccount]:
        return [members.open_member(self.books, number, **values) for number in numbers]

    def asked(self, through: str, *, unit: str = UNIT, no: str = "A-1") -> Asked:
        found = units.locked_unit(self.session, unit)
        assert found is not None
        return Asked(found, through, self.rt.clock().astimezone(ZONE).date(), no)

    def assess(self, through: str, **more: Any) -> list[Remittance]:
        with transaction(self.session):
            return assessing.assess(self.rt, CLERK, self.asked(through, **more))

    def register(
        self, *which: Remittance, method: str = "transfer", no: str = "P-1", unit: str = UNIT
    ) -> Payment:
        """Without `which`, everything that is assessed."""
        with transaction(self.session):
            units.locked_unit(self.session, unit)
            owed = which or payments.payable(self.session, unit)
            return payments.register(self.rt, CLERK, unit, owed, method=method, no=no)

    def arrive(self, cents: int, *, unit: str = UNIT, memo: str = "") -> BankReceipt:
        """Money on the collection account, booked on the unit's suspense account."""
        self._serial += 1
        arrived = Arrived(
            bank_serial=f"S{self._serial:06d}",
            arrived_on=self.rt.clock().astimezone(ZONE).date(),
            amount_cents=cents,
            memo=memo,
        )
        with transaction(self.session):
            receiving.lock_units(self.session, [unit])
            return receiving.record(self.rt, CLERK, BRANCH, arrived, no="B-1", unit=unit)

    def settle(self, payment: Payment, source: str = "suspense", **more: Any) -> bool:
        with transaction(self.session):
            return allocating.settle(self.rt, CLERK, payment, source=source, **more)

    def pay(self, through: str) -> Payment:
        """Assessed, registered, arrived and posted."""
        self.assess(through)
        payment = self.register()
        self.arrive(payment.amount_cents)
        assert not self.settle(payment)
        return payment

    def work(self) -> None:
        """Every job there is, to its end."""
        while due := jobs.due(self.session, self.rt.clock()):
            self.session.rollback()
            for job in due:
                assert jobs.run_one(self, job, clock=self.rt.clock)

    # a `Shop`, as jobs want one
    @property
    def sessions(self) -> sessionmaker[Session]:
        return sessionmaker(self.books.engine)

    def runtime(self, session: Session) -> Runtime:
        return Runtime(session, self.rt.clock, self.rt.calendar)

    # ── what is there now ────────────────────────────────────────────────────────────────────
    def balance(self, kind: str, owner: str = UNIT) -> int:
        self.session.rollback()
        found = select(LedgerAccount.balance_cents).where(
            LedgerAccount.kind == kind, LedgerAccount.owner == owner
        )
        return self.session.scalar(found) or 0

    def saved(self, person: IndividualAccount) -> int:
        return self.books.balance(person.ledger_account_id)

    def remittances(self) -> list[Remittance]:
        self.session.rollback()
        self.session.expire_all()
        return list(self.session.scalars(select(Remittance).order_by(Remittance.id)))

    def states(self) -> list[tuple[str, str]]:
        return [(one.month, one.state) for one in self.remittances()]

    def lines(self, one: Remittance) -> list[RemittanceLine]:
        query = select(RemittanceLine).where(RemittanceLine.remittance_id == one.id)
        return list(self.session.scalars(query.order_by(RemittanceLine.position)))

    def sent(self) -> list[str]:
        """Names of the messages that wait to go out."""
        query = select(OutboxItem).where(OutboxItem.kind == "engine.message")
        return [item.payload["name"] for item in self.session.scalars(query)]

    def paid_through(self, people: Sequence[IndividualAccount] = ()) -> list[str]:
        """Of the unit, or of these people."""
        self.session.rollback()
        self.session.expire_all()
        if not people:
            found = units.unit(self.session, UNIT)
            assert found is not None
            return [found.paid_through_month]
        return [
            self.session.get_one(IndividualAccount, one.id).paid_through_month for one in people
        ]

    def whole(self) -> None:
        """The books agree with themselves."""
        self.session.rollback()
        assert verifying.verify(self.session).faults == ()


@contextmanager
def owing(url: str, clock: Clock, **changed: str) -> Iterator[Dues]:
    """Two units of one branch on 2026-03-02, nobody in them; parameters of `PARAMETERS`."""
    with members.two_units(url, clock) as books:
        enter(books.session, **changed)
        yield Dues(books)
