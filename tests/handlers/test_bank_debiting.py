"""A real-time debit: ordered once, done once at the bank and once in the books, never forgotten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

import engine
from engine import events
from engine.database import transaction
from engine.errors import Refused
from engine.models import OutboxItem
from engine.owed import outbox
from handlers.banking import debiting, receiving
from handlers.banking.agreements import agreement
from handlers.banking.gateways import Answer, Debited, Order, Unknown, Untouched
from handlers.banking.models import DebitAgreement, DebitOrder, Payment
from handlers.banking.settings import BankSettings
from handlers.ledger import verifying
from tests.builders.banking import CENTS, Till, till
from tests.builders.units import ACCOUNT
from tests.conftest import Clock
from tests.engine.hall import APPLICANT

LEASE = outbox.LEASE_SECONDS + 1


@pytest.fixture
def desk(
    database_url: str, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Till]:
    monkeypatch.setattr(events, "_listeners", defaultdict(list))  # notices have no centre here
    with till(database_url, clock, tmp_path) as made:
        yield made


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


def test_a_debit_is_booked_and_the_request_is_told(desk: Till) -> None:
    desk.agree()
    no, payment_id, order_no = desk.ordered()
    assert desk.state(payment_id) == ("debiting", "queued")
    assert desk.debits() == []  # nothing leaves before the commit, nor in the verb
    assert desk.run() == 1
    assert desk.state(payment_id) == ("debiting", "debited")  # the request makes it paid
    (receipt,) = desk.receipts()
    assert receipt.arrived_on == date(2026, 7, 15)
    assert receipt.memo.startswith("公积金JK")
    assert order_no.startswith(receipt.memo.removeprefix("公积金"))
    booked(desk, no, payment_id)


def test_nothing_is_owed_when_the_verb_is_undone(desk: Till) -> None:
    desk.agree()
    payment_id = desk.payment(desk.file())
    with desk.sessions() as session:
        debiting.order(desk.hall.runtime(session), APPLICANT, session.get_one(Payment, payment_id))
        session.rollback()
    assert desk.run() == 0
    assert (desk.items(), desk.state(payment_id)) == ([], ("awaiting", ""))


@pytest.mark.parametrize(
    ("ending", "word"),
    [("9001", "余额不足"), ("9002", "扣款协议"), ("9003", "冻结")],
)
def test_a_declined_debit_is_told_in_words_and_moves_nothing(
    desk: Till, ending: str, word: str
) -> None:
    desk.agree(f"520016123456{ending}")
    no, payment_id, _ = desk.ordered()
    assert desk.run() == 1
    assert desk.state(payment_id) == ("declined", "declined")
    said = desk.told(no)
    assert said is not None
    assert (said["ok"], word in said["text"]) == (False, True)
    with desk.sessions() as session:
        assert session.get_one(Payment, payment_id).result == said["text"]
    assert (desk.receipts(), desk.debits(), desk.incidents()) == ([], [], [])


def test_a_declined_payment_may_be_tried_again_under_another_number(desk: Till) -> None:
    desk.agree("5200161234569001")
    no, payment_id, first = desk.ordered()
    desk.run()
    with desk.sessions() as session, transaction(session):
        session.execute(update(DebitAgreement).values(until=date(2026, 7, 14)))
    desk.agree("5200161234560000", since=date(2026, 7, 15))
    second = desk.order(payment_id)
    assert (first[-2:], second[-2:]) == ("-1", "-2")
    desk.run()
    assert desk.debits() == [second]
    told = desk.told(no, "second")
    assert told is not None
    assert told["ok"] is True


def test_a_payment_is_never_ordered_twice_while_its_debit_may_move_money(desk: Till) -> None:
    desk.agree()
    _, payment_id, order_no = desk.ordered()
    assert desk.order(payment_id) == order_no
    desk.run()
    assert desk.order(payment_id) == order_no
    assert (len(desk.items()), len(desk.debits())) == (1, 1)
    (first,) = desk.all(DebitOrder)
    with desk.sessions() as session:  # nor by anybody else's code
        session.add(
            DebitOrder(
                order_no="another",
                payment_id=payment_id,
                agreement_id=first.agreement_id,
                amount_cents=CENTS,
                ordered_at=desk.clock(),
            )
        )
        with pytest.raises(IntegrityError):
            session.flush()


def refused(desk: Till, payment_id: int) -> str:
    with pytest.raises(Refused) as refusal:
        desk.order(payment_id)
    return refusal.value.code


def test_without_agreement_bank_or_open_payment_nothing_is_ordered(desk: Till) -> None:
    payment_id = desk.payment(desk.file())
    assert refused(desk, payment_id) == "bank.no_agreement"
    desk.agree(until=date(2026, 7, 14))
    desk.agree(since=date(2026, 7, 16))
    assert refused(desk, payment_id) == "bank.no_agreement"
    desk.agree()
    assert refused(desk, desk.payment("QDN-2", state="paid")) == "payment.not_awaiting"
    debiting.configure(BankSettings())
    assert refused(desk, payment_id) == "bank.closed"
    assert not debiting.available()


def test_the_newer_of_two_agreements_counts_and_numbers_are_sealed(desk: Till) -> None:
    desk.agree("5200161234560001", since=date(2026, 1, 1))
    desk.agree("5200161234560002", since=date(2026, 7, 15))
    with desk.sessions() as session:
        days = (date(2025, 12, 31), date(2026, 7, 14), date(2026, 7, 15))
        found = [agreement(session, ACCOUNT, day) for day in days]
        raw = "select bank_account_no from hall_debit_agreement"
        stored = session.connection().exec_driver_sql(raw).scalars().all()
    assert len(stored) == 2
    assert not any("5200161234" in each for each in stored)
    assert [one and one.bank_account_no[-1] for one in found] == [None, "1", "2"]


# ── the bank answers badly ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("word", ["drop", "garbage", "huge", "unsigned", "delay:0.8", "500"])
def test_an_answer_that_is_lost_is_asked_for_and_never_debited_again(desk: Till, word: str) -> None:
    desk.agree()
    desk.bank.script = [word]
    no, payment_id, order_no = desk.ordered()
    assert desk.run() == 0
    assert desk.state(payment_id) == ("debiting", "unknown")
    assert (desk.receipts(), desk.told(no)) == ([], None)
    desk.clock.advance(seconds=16)
    assert desk.run() == 1
    again = ["POST /debits"] if word == "500" else []
    assert desk.bank.asked == ["POST /debits", f"GET /debits/{order_no}", *again]
    booked(desk, no, payment_id)


def test_a_debit_the_bank_settles_later_is_waited_for(desk: Till) -> None:
    desk.agree("5200161234569008")
    no, payment_id, _ = desk.ordered()
    assert desk.run() == 0
    for _ in range(3):  # asked again as often as it takes: no try is used up
        desk.run()
    assert desk.told(no) is None
    desk.clock.advance(seconds=31)
    assert desk.run() == 1
    booked(desk, no, payment_id)
    assert desk.items()[0].attempts == 1


def test_a_debit_the_bank_refuses_later_is_told_then(desk: Till) -> None:
    desk.agree("5200161234569009")
    no, payment_id, _ = desk.ordered()
    desk.run()
    desk.clock.advance(seconds=31)
    assert desk.run() == 1
    assert desk.state(payment_id) == ("declined", "declined")
    told = desk.told(no)
    assert told is not None
    assert "余额不足" in told["text"]


def test_a_result_nobody_can_learn_becomes_an_incident_and_is_found_when_tried_again(
    desk: Till,
) -> None:
    desk.agree()
    desk.use(rest_after=100)
    desk.bank.script = ["drop"] * 20
    no, payment_id, order_no = desk.ordered()
    for _ in range(8):
        desk.run()
        desk.clock.advance(hours=3)
    assert desk.state(payment_id) == ("debiting", "unknown")
    (incident,) = desk.incidents()
    assert order_no in incident.error
    assert "向银行核实" in incident.error
    assert incident.instance_id == desk.hall.case(no).id
    assert len(desk.bank.asked) == outbox.TRIES_MAX
    desk.bank.script = []
    desk.clock.set(desk.clock() - timedelta(hours=24))  # the day whose debits are looked at
    with desk.sessions() as session, transaction(session):
        (item,) = session.query(OutboxItem).all()
        outbox.again(session, item.id, desk.clock())
    assert desk.run() == 1
    booked(desk, no, payment_id)


def test_a_bank_that_cannot_be_reached_is_given_up_soon_and_nothing_was_debited(
    desk: Till,
) -> None:
    desk.agree()
    desk.use(kind="simulator", simulator_port=1, patience_seconds=60)
    no, payment_id, _ = desk.ordered()
    assert desk.run() == 0
    assert desk.state(payment_id) == ("debiting", "queued")
    desk.clock.advance(seconds=61)
    assert desk.run() == 1
    assert desk.state(payment_id) == ("declined", "declined")
    told = desk.told(no)
    assert told is not None
    assert (told["ok"], "没有扣款" in told["text"]) == (False, True)


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


DONE = Debited("2026071500000001", date(2026, 7, 15), CENTS)


def test_an_order_that_may_have_arrived_is_never_given_up_as_not_debited(desk: Till) -> None:
    """The first try got lost on the way, later the bank cannot be reached at all."""
    desk.agree()
    lost, away = Unknown("断线"), Untouched("连不上")
    bank = Scripted(lost, away, away, lost, DONE)
    desk.use(bank, patience_seconds=10)
    no, payment_id, _ = desk.ordered()
    for _ in range(3):
        assert desk.run() == 0
        assert desk.state(payment_id) == ("debiting", "unknown")
        assert desk.told(no) is None
        desk.clock.advance(hours=1)
    assert desk.run() == 1
    assert bank.asked == ["debit", "query", "debit", "query", "query"]
    assert desk.state(payment_id) == ("debiting", "debited")


def test_another_amount_than_ordered_is_not_booked_but_looked_at(desk: Till) -> None:
    desk.agree()
    desk.use(Scripted(Debited("1", date(2026, 7, 15), CENTS + 1)))
    _, payment_id, _ = desk.ordered()
    assert desk.run() == 0
    assert (desk.receipts(), desk.state(payment_id)) == ([], ("debiting", "unknown"))
    assert "金额与指令不符" in (desk.items()[0].last_error or "")


def test_a_gateway_with_a_bug_leaves_the_matter_open(desk: Till) -> None:
    def broken() -> Answer:
        raise ZeroDivisionError

    desk.agree()
    bank = Scripted(broken, DONE)
    desk.use(bank)
    no, _, _ = desk.ordered()
    assert desk.run() == 0
    desk.clock.advance(seconds=16)
    assert desk.run() == 1
    assert bank.asked == ["debit", "query"]
    told = desk.told(no)
    assert told is not None
    assert told["ok"] is True


def test_no_connection_is_held_while_the_bank_is_asked(desk: Till) -> None:
    seen: list[Any] = []

    def look() -> Answer:
        seen.append(desk.hall.database.pool.checkedout())  # type: ignore[attr-defined]
        seen.append(desk.all(DebitOrder)[0].state)
        desk.payment("QDN-3")  # the write lock is free too
        return DONE

    desk.agree()
    desk.use(Scripted(look))
    _, payment_id, _ = desk.ordered()
    desk.hall.rt.session.close()
    (item,) = desk.items()
    assert desk.run_one(item.id)
    assert seen == [0, "unknown"]


def test_a_run_that_was_overtaken_books_nothing_twice(desk: Till) -> None:
    """So slow that the lease ran out and another run took the order to its end."""

    def overtake() -> Answer:
        desk.clock.advance(seconds=LEASE)
        assert desk.run() == 1
        return DONE

    desk.agree()
    desk.use(Scripted(overtake, DONE))
    no, payment_id, _ = desk.ordered()
    desk.run()
    assert len(desk.receipts()) == 1
    assert desk.hall.verbs(no) == ["start", "event"]


def test_a_bank_that_does_not_answer_is_asked_by_one_order_at_a_time(desk: Till) -> None:
    desk.agree()
    desk.use(rest_after=2, rest_seconds=60)
    desk.bank.script = ["drop"] * 3
    orders = [desk.ordered() for _ in range(4)]
    assert desk.run() == 0
    assert len(desk.bank.asked) == 2  # then it rests
    desk.clock.advance(seconds=61)
    assert desk.run() == 0
    assert len(desk.bank.asked) == 3  # one of the four asks, and waits in vain
    desk.clock.advance(seconds=61)
    desk.run()
    desk.clock.advance(seconds=61)
    desk.run()
    assert [desk.state(payment_id)[1] for _, payment_id, _ in orders] == ["debited"] * 4
    assert len(desk.debits()) == len(desk.receipts()) == 4
    assert desk.incidents() == []


# ── who takes the money ────────────────────────────────────────────────────────────────────────


def test_the_statement_may_be_imported_before_the_bank_answers(desk: Till) -> None:
    """The same movement by its serial number: one receipt, whoever wrote it first."""
    desk.agree()
    desk.bank.script = ["drop"]
    no, payment_id, order_no = desk.ordered()
    desk.run()
    moved = desk.bank.vault.find(order_no)
    assert moved is not None
    with desk.sessions() as session, transaction(session):
        rt = desk.hall.runtime(session)
        arrived = receiving.Arrived(moved.serial, date(2026, 7, 15), CENTS)
        receiving.record(rt, APPLICANT, "QDN01", arrived, no="QDN-9", unit="")
    desk.clock.advance(seconds=16)
    assert desk.run() == 1
    booked(desk, no, payment_id)


def test_a_serial_used_for_other_money_is_an_incident_and_not_a_second_receipt(
    desk: Till,
) -> None:
    desk.agree()
    with desk.sessions() as session, transaction(session):
        rt = desk.hall.runtime(session)
        arrived = receiving.Arrived(DONE.serial, date(2026, 7, 15), 500)
        receiving.record(rt, APPLICANT, "QDN01", arrived, no="QDN-9", unit="")
    desk.use(Scripted(DONE, *[DONE] * 9))
    _, payment_id, _ = desk.ordered()
    for _ in range(8):
        desk.run()
        desk.clock.advance(hours=3)
    assert [one.amount_cents for one in desk.receipts()] == [500]
    (incident,) = desk.incidents()
    assert DONE.serial in incident.error


def test_money_for_a_request_that_is_over_stays_in_suspense_for_a_clerk(desk: Till) -> None:
    desk.agree()
    no, payment_id, _ = desk.ordered()
    with desk.sessions() as session:
        rt = desk.hall.runtime(session)
        keeper = engine.Actor("staff:90", "石管理", frozenset({("流程管理员", "*")}))
        engine.terminate(rt, keeper, no, reason="单位已注销")
    assert desk.run() == 1
    (receipt,) = desk.receipts()
    assert (receipt.state, receipt.payment_id) == ("suspended", None)
    assert "业务已结束" in receipt.why
    assert (len(desk.debits()), desk.incidents()) == (1, [])
