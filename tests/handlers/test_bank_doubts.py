"""A bank that answers late, badly or not at all: asked again, never debited twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.database import transaction
from engine.models import OutboxItem
from engine.owed import outbox
from handlers.banking.gateways import Answer, Debited, Unknown, Untouched
from handlers.banking.models import DebitOrder
from tests.builders.banking import CENTS, DONE, Scripted, Till, booked, till
from tests.conftest import Clock

LEASE = outbox.LEASE_SECONDS + 1


@pytest.fixture
def desk(database_url: str, clock: Clock, tmp_path: Path) -> Iterator[Till]:
    with till(database_url, clock, tmp_path) as made:
        yield made


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


def test_a_run_that_was_overtaken_does_not_forget_what_the_other_risked(desk: Till) -> None:
    """The slow one never got through; the other one may have."""

    def overtake() -> Answer:
        desk.clock.advance(seconds=LEASE)
        assert desk.run() == 0
        return Untouched("连不上")

    desk.agree()
    desk.use(Scripted(overtake, Unknown("断线")), patience_seconds=10)
    no, payment_id, _ = desk.ordered()
    desk.run()
    assert desk.state(payment_id) == ("debiting", "unknown")
    assert desk.told(no) is None


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
