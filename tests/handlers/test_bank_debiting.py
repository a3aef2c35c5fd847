"""A real-time debit: ordered once, done once at the bank and once in the books."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

import engine
from engine.database import transaction
from engine.errors import Refused
from handlers.banking import debiting, receiving
from handlers.banking.agreements import agreement
from handlers.banking.models import DebitAgreement, DebitOrder, Payment
from handlers.banking.settings import BankSettings
from tests.builders.banking import CENTS, DONE, Scripted, Till, booked, till
from tests.builders.units import ACCOUNT
from tests.conftest import Clock
from tests.engine.hall import APPLICANT


@pytest.fixture
def desk(database_url: str, clock: Clock, tmp_path: Path) -> Iterator[Till]:
    with till(database_url, clock, tmp_path) as made:
        yield made


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
