"""A unit with an agreement, a request that waits for its debit, and a bank on loopback."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session, sessionmaker

import engine
from engine import Runtime, events
from engine.calendar import Weekdays
from engine.database import configure, transaction
from engine.models import Incident, OutboxItem
from engine.owed import outbox
from handlers.banking import debiting
from handlers.banking.gateways import Answer, BankGateway, Debited, Order
from handlers.banking.gateways.http import HttpGateway
from handlers.banking.models import REALTIME, BankReceipt, DebitAgreement, DebitOrder, Payment
from handlers.banking.settings import BankSettings
from handlers.banking.simulator.server import Bank, serving
from handlers.ledger import verifying
from tests.builders import diagrams, units
from tests.builders.diagrams import FIRST, OPERATOR, flows
from tests.builders.units import ACCOUNT
from tests.conftest import Clock
from tests.engine.hall import APPLICANT, Hall, Town
from tests.engine.hall import Desk as NoCentre
from tests.servers import compiled_once

GOOD = "5200161234560000"  # an account every debit of which succeeds
CENTS = 123_456
DONE = Debited("2026071500000001", date(2026, 7, 15), CENTS)
_numbers = count(1)


def waiting(key: str = "pay") -> bytes:
    """A form, then two debits that are waited for one after the other, then a review."""
    catches = "".join(
        f"<intermediateCatchEvent id='{node}' name='等待扣款结果'>"
        "<messageEventDefinition messageRef='m'><extensionElements>"
        f"<spiffworkflow:messageVariable>{node}_result</spiffworkflow:messageVariable>"
        "</extensionElements></messageEventDefinition></intermediateCatchEvent>"
        for node in ("first", "second")
    )
    content = diagrams.process(
        key,
        diagrams.start(),
        diagrams.form("fill"),
        catches,
        diagrams.user("review", "审核", verbs="approve,return"),
        diagrams.end(),
        flows("start", "fill", "first", "second", "review", "end"),
        lanes=diagrams.lane(OPERATOR, "fill") + diagrams.lane(FIRST, "review"),
    )
    return content.replace(b"<process", b"<message id='m' name='debit_result'/><process", 1)


@dataclass
class Till:
    """Shorthand for what every test of debits does; each call is a transaction of its own."""

    hall: Hall
    bank: Bank
    settings: BankSettings

    @property
    def clock(self) -> Clock:
        return self.hall.clock

    @property
    def sessions(self) -> sessionmaker[Session]:
        return self.hall.sessions

    def use(self, gateway: BankGateway | None = None, **settings: Any) -> None:
        """Another bank, or other patience with this one."""
        self.settings = self.settings.model_copy(update=settings)
        door = self.settings.door()
        assert door is not None
        ours = HttpGateway(door, self.settings, clock=lambda: self.clock().timestamp())
        debiting.configure(self.settings, gateway or ours)

    def agree(self, account_no: str = GOOD, **values: Any) -> None:
        with self.sessions() as session, transaction(session):
            row = DebitAgreement(
                **{
                    "unit_account_no": ACCOUNT,
                    "branch_code": "QDN01",
                    "bank_name": "中国建设银行凯里分行",
                    "bank_account_no": account_no,
                    "account_name": "凯里市云谷文旅发展有限公司",
                    "since": date(2026, 1, 1),
                }
                | values
            )
            session.add(row)

    def file(self) -> str:
        """A request that waits for `debit_result`."""
        return self.hall.file(key="pay")

    def payment(self, no: str, cents: int = CENTS, **values: Any) -> int:
        with self.sessions() as session, transaction(session):
            row = Payment(
                **{
                    "no": no,
                    "slip_no": f"JK{next(_numbers):010d}",
                    "unit_account_no": ACCOUNT,
                    "branch_code": "QDN01",
                    "method": REALTIME,
                    "amount_cents": cents,
                    "registered_at": self.clock(),
                    "registered_by": "杨秀兰",
                }
                | values
            )
            session.add(row)
            session.flush()
            return row.id

    def order(self, payment_id: int) -> str:
        with self.sessions() as session, transaction(session):
            rt = self.hall.runtime(session)
            payment = session.get_one(Payment, payment_id)
            return debiting.order(rt, APPLICANT, payment).order_no

    def ordered(self, cents: int = CENTS) -> tuple[str, int, str]:
        """A new request, its payment and the order of its debit."""
        no = self.file()
        payment_id = self.payment(no, cents)
        return no, payment_id, self.order(payment_id)

    def run(self) -> int:
        """Do what is due now; how many items were finished."""
        with self.sessions() as session:
            due = outbox.due(session, self.clock())
        return sum(self.run_one(one) for one in due)

    def run_one(self, item_id: int) -> bool:
        return outbox.run_one(self.sessions, item_id, clock=self.clock, runtime=self.hall.runtime)

    def all(self, model: type[Any]) -> list[Any]:
        with self.sessions() as session:
            return list(session.scalars(select(model).order_by(model.id)))

    def state(self, payment_id: int) -> tuple[str, str]:
        """Of the payment and its newest order."""
        with self.sessions() as session:
            payment = session.get_one(Payment, payment_id)
            query = select(DebitOrder.state).where(DebitOrder.payment_id == payment_id)
            order = session.scalars(query.order_by(DebitOrder.id.desc())).first()
            return payment.state, order or ""

    def receipts(self) -> list[BankReceipt]:
        return self.all(BankReceipt)

    def incidents(self) -> list[Incident]:
        return self.all(Incident)

    def items(self) -> list[OutboxItem]:
        return self.all(OutboxItem)

    def debits(self) -> list[str]:
        """Order numbers whose money has moved at the bank."""
        day = self.clock().date().isoformat()
        return [one.order_no for one in self.bank.vault.credits(day) if one.kind == "debit"]

    def told(self, no: str, at: str = "first") -> dict[str, Any] | None:
        """What the request knows of the debit it waited for at this event."""
        with self.sessions() as session:
            seen = engine.view(self.hall.runtime(session), APPLICANT, no)
            said: dict[str, Any] | None = seen.data.get(f"{at}_result")
            return said


@contextmanager
def till(url: str, clock: Clock, folder: Path) -> Iterator[Till]:
    """The hall with its unit, the bank, and the diagram that waits; the gateway is configured."""
    made = compiled_once(configure(create_engine(url)))
    nobody_listens = patch.object(events, "_listeners", defaultdict(list))  # notices need a centre
    with (
        nobody_listens,
        serving(folder / "bank.sqlite3", clock=clock) as bank,
        Session(made) as session,
    ):
        units.unit(session)
        hall = Hall(
            Runtime(session, clock, Weekdays(), "QDN", NoCentre(), Town()), clock, made,
            NoCentre(),
        )  # fmt: skip
        hall.deploy(waiting(), "pay")
        port = int(bank.url.rpartition(":")[2])
        settings = BankSettings(
            kind="simulator", simulator_port=port, connect_seconds=0.5, timeout_seconds=0.5
        )
        one = Till(hall, bank, settings)
        one.use()
        try:
            yield one
        finally:
            debiting.configure(BankSettings())
    made.dispose()


def reopened(one: Till, engine: Engine) -> Till:
    """The same till over connections of its own, in a copy of the process."""
    with_own = replace(one.hall.rt, session=Session(engine))
    return replace(one, hall=replace(one.hall, rt=with_own, database=engine))


def booked(desk: Till, no: str, payment_id: int) -> None:
    """Exactly one debit, one receipt in the unit's suspense, and one word to the request."""
    (receipt,) = desk.receipts()
    assert desk.debits() == [desk.all(DebitOrder)[-1].order_no]
    assert (receipt.amount_cents, receipt.open_cents) == (CENTS, CENTS)
    assert (receipt.state, receipt.method, receipt.payment_id, receipt.unit_account_no) == (
        *("suspended", "realtime", payment_id, ACCOUNT),
    )
    assert desk.told(no) == {
        "ok": True,
        "text": "",
        "serial": receipt.bank_serial,
        "order": desk.debits()[0],
    }
    assert desk.hall.verbs(no) == ["start", "event"]
    with desk.sessions() as session:
        assert verifying.verify(session).faults == ()


class Scripted:
    """A bank that answers what a test says, in turn, and remembers what it was asked."""

    def __init__(self, *answers: Answer | Callable[[], Answer]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def debit(self, order: Order) -> Answer:
        return self._next("debit")

    def query(self, order_no: str) -> Answer:
        return self._next("query")

    def _next(self, what: str) -> Answer:
        self.asked.append(what)
        answer = self.answers.pop(0)
        return answer() if callable(answer) else answer
