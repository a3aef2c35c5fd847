"""Money at the centres' desks: statements taken in, staff's own applications, a bank that answers.

Beside `desks`: what a unit pays reaches the centre through these.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select

import engine
from engine import Actor, Outcome
from engine.calendar import ZONE
from engine.database import transaction
from engine.errors import Refused
from forms import registry
from forms.applications import ApplicationForm
from forms.applications import Desk as FormDesk
from forms.rosters import editing, filing
from handlers.amounts import money_text
from handlers.banking import debiting
from handlers.banking.gateways.port import Answer, Debited, Declined, Order
from handlers.banking.models import BankReceipt, Payment
from handlers.banking.settings import BankSettings
from handlers.contributions.models import Remittance
from handlers.ledger.models import LedgerAccount
from handlers.rosters import store
from tests.bpmn.desks import Desk, House

_serials = itertools.count(1)
NO_MONEY = "账户余额不足。"


@dataclass
class Bank:
    """Debits everything, unless it is told not to."""

    empty: bool = False
    asked: list[Order] = field(default_factory=list)
    on: date = date(2026, 7, 15)

    def debit(self, order: Order) -> Answer:
        self.asked.append(order)
        if self.empty:
            return Declined("51", NO_MONEY)
        return Debited(f"D{next(_serials):06d}", self.on, order.amount_cents)

    def query(self, order_no: str) -> Answer:
        raise AssertionError("nobody was in doubt")


@contextmanager
def bank() -> Iterator[Bank]:
    """This centre has a bank it can ask, for as long."""
    made = Bank()
    before = debiting._desk
    debiting.configure(BankSettings(), made)
    try:
        yield made
    finally:
        debiting._desk = before


def sign(desk: Desk) -> None:
    """CX-U24a, at the counter: the unit's account may be debited from now on."""
    house, branch = desk.house, desk.unit.branch_code
    no = staff_apply(
        house,
        house.staff("财务岗", branch=branch),
        "debit_agreement",
        branch,
        unit_account_no=desk.number,
        account_name=desk.unit.unit_name,
        bank_name="建设银行楚雄分行",
        bank_account_no="53001234567890",
        since="2026-01-01",
    )
    desk.approve(no, "归集复核岗", other_than=house.staff("财务岗", branch=branch))
    assert desk.case(no).status == "completed"


def arrive(desk: Desk, cents: int, memo: str = "", *, on: str = "2026-07-15") -> str:
    """A transfer of this unit stands on the bank statement 财务岗 imports (XZ-2.4c)."""
    house, who = desk.house, desk.house.staff("财务岗", branch=desk.unit.branch_code)
    branch = desk.unit.branch_code
    row = {
        "bank_serial": f"S{next(_serials):06d}",
        "arrived_on": on,
        "amount_in": money_text(cents),
        "memo": memo or desk.number,
    }
    with desk.rt() as rt, transaction(rt.session):
        roster = store.open_roster(
            rt, who, "bank_statement", "banking.Statement", scope=f"branch:{branch}", branch=branch
        )
        number = roster.id
    with desk.rt() as rt:
        (line,) = editing.add(rt, who, number, [row])
        assert line.sound, line.problems
        no = filing.submit(rt, who, number, filing.Filed(branch)).no
    house.run_jobs()
    return no


def staff_apply(house: House, who: Actor, key: str, branch: str, **typed: str) -> str:
    """An application filed by somebody of the centre for their branch; Refused as on its page."""
    with house.sessions() as session:
        rt = house.runtime(session)
        deployed = engine.definitions.current(rt, key)
        assert deployed is not None
        form = registry.get(deployed.first.form or "")
        assert issubclass(form, ApplicationForm)
        scope = f"branch:{branch}"
        texts = house.center.services[key]
        today = rt.clock().astimezone(ZONE).date()
        current = form.load(session, who, scope)
        checked = form.check({**current, **typed}, current, texts)
        desk = FormDesk(session, who, scope, branch, today, texts)
        problems = checked.problems or form.judge(desk, checked.values)
        if problems:
            raise Refused(*problems)
        data = {"form": form.form_id, "values": checked.values, "changes": [], "materials": []}
        facts = {"facts": form.route_facts(desk, checked.values)}
        return engine.start(
            rt,
            who,
            key,
            data=data | facts,
            scope=scope,
            scope_name=branch,
            branch=branch,
            summary="",
        ).no


def choices(desk: Desk, key: str, name: str) -> list[str]:
    """What the page of this service offers for one of its fields."""
    form = registry.get(desk._form(key))
    assert issubclass(form, ApplicationForm)
    with desk.rt() as rt:
        today = rt.clock().astimezone(ZONE).date()
        texts = desk.house.center.services[key]
        at = FormDesk(rt.session, desk.operator, desk.scope, desk.unit.branch_code, today, texts)
        return [value for value, _ in form.choices(at)[name]]


def panels(desk: Desk, key: str, **values: str) -> dict[str, list[list[str]]]:
    """The tables under the form: title → rows."""
    form = registry.get(desk._form(key))
    assert issubclass(form, ApplicationForm)
    with desk.rt() as rt:
        today = rt.clock().astimezone(ZONE).date()
        texts = desk.house.center.services[key]
        at = FormDesk(rt.session, desk.operator, desk.scope, desk.unit.branch_code, today, texts)
        return {one.title: [list(row) for row in one.rows] for one in form.panels(at, values)}


def withdraw(desk: Desk, no: str) -> Outcome:
    with desk.rt() as rt:
        return engine.withdraw(rt, desk.operator, no, reason="填错了")


def refuse(desk: Desk, no: str, who: Actor) -> Outcome:
    with desk.rt() as rt:
        return engine.refuse(rt, who, desk.task(no).id, opinion="依据不足")


def remittances(desk: Desk) -> list[tuple[str, str, str]]:
    """Kind, month and state of everything the unit was ever assessed, oldest first."""
    with desk.house.sessions() as session:
        query = select(Remittance).where(Remittance.unit_account_no == desk.number)
        found = session.scalars(query.order_by(Remittance.id))
        return [(one.kind, one.month, one.state) for one in found]


def payment(desk: Desk) -> Payment:
    """The newest one."""
    with desk.house.sessions() as session:
        query = select(Payment).where(Payment.unit_account_no == desk.number)
        return session.scalars(query.order_by(Payment.id.desc()).limit(1)).one()


def held(desk: Desk, kind: str) -> int:
    """What lies on the unit's suspense or advance account."""
    with desk.house.sessions() as session:
        query = select(LedgerAccount.balance_cents)
        mine = query.where(LedgerAccount.kind == kind, LedgerAccount.owner == desk.number)
        return session.scalar(mine) or 0


def newest_receipt(desk: Desk) -> int:
    """The id of the unit's newest receipt."""
    with desk.house.sessions() as session:
        query = select(BankReceipt.id).where(BankReceipt.unit_account_no == desk.number)
        return session.scalars(query.order_by(BankReceipt.id.desc()).limit(1)).one()


def dues(desk: Desk) -> dict[str, int]:
    """Number of a request → the id of (the first of) what it has assessed."""
    with desk.house.sessions() as session:
        query = select(Remittance.assessed_no, Remittance.id)
        mine = query.where(Remittance.unit_account_no == desk.number)
        found = session.execute(mine.order_by(Remittance.id.desc()))
        return {no: number for no, number in found}
