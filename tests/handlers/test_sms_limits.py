"""How many messages one number gets, when a gateway rests, what the database itself refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import sessionmaker

from engine.database import configure
from engine.owed import outbox
from handlers.notices import delivery, queries
from handlers.notices.models import SmsGateway, SmsMessage
from tests.conftest import Clock
from tests.handlers.sms_desk import OTHER, Desk, settings_for
from tests.handlers.sms_server import Phone, sms_server
from tests.servers import compiled_once


@pytest.fixture
def desk(database_url: str, clock: Clock) -> Iterator[Desk]:
    engine = compiled_once(configure(create_engine(database_url)))
    yield Desk(sessionmaker(engine), clock)
    delivery._post = None
    engine.dispose()


@pytest.fixture
def phones() -> Iterator[Callable[..., Phone]]:
    with ExitStack() as stack:
        yield lambda *script: stack.enter_context(sms_server(*script))


Phones = Callable[..., Phone]


def test_a_gateway_that_keeps_failing_rests_and_comes_back(desk: Desk, phones: Phones) -> None:
    first, second = phones(*["status:503"] * 3), phones()
    delivery.configure(settings_for(first.url, second.url, per_minute=60))
    for _ in range(3):
        desk.queue()
        desk.run()
    assert len(first.asked) == 3
    desk.queue()
    desk.run()
    assert (len(first.asked), len(second.asked)) == (3, 4)  # not asked while it rests
    desk.clock.advance(seconds=61)
    one = desk.queue()
    desk.run()
    assert desk.sms(one).gateway == "http"
    with desk.sessions() as session:
        assert session.scalars(select(SmsGateway.failures)).all() == [0]


def test_a_resting_gateway_is_still_asked_when_the_other_fails(desk: Desk, phones: Phones) -> None:
    first, second = phones(*["status:503"] * 3), phones("ok", "ok", "ok", "status:503")
    delivery.configure(settings_for(first.url, second.url, per_minute=60))
    for _ in range(3):
        desk.queue()
        desk.run()
    one = desk.queue()
    desk.run()
    assert (desk.sms(one).status, desk.sms(one).gateway) == ("sent", "http")


def test_the_fourth_message_of_a_minute_waits_for_the_next(desk: Desk, phones: Phones) -> None:
    phone = phones()
    delivery.configure(settings_for(phone.url))
    for _ in range(4):
        desk.queue()
    other = desk.queue(OTHER)
    assert desk.run() == 4
    assert desk.statuses() == ["sent", "sent", "sent", "queued", "sent"]
    assert desk.sms(other).status == "sent"
    desk.clock.advance(seconds=59)
    assert desk.run() == 0
    desk.clock.advance(seconds=1)
    assert desk.run() == 1
    assert desk.statuses() == ["sent"] * 5


def test_waiting_for_the_minute_uses_up_no_tries(desk: Desk, phones: Phones) -> None:
    phone = phones()
    delivery.configure(settings_for(phone.url, per_minute=1))
    for _ in range(10):
        desk.queue()
    for _ in range(10):
        desk.run()
        desk.clock.advance(seconds=60)
    assert desk.statuses() == ["sent"] * 10


def test_the_day_has_a_limit_and_says_so(desk: Desk, phones: Phones) -> None:
    phone = phones()
    delivery.configure(settings_for(phone.url, per_minute=60, per_day=2))
    for _ in range(3):
        desk.queue()
    assert desk.run() == 3  # nothing is owed any more
    assert desk.statuses() == ["sent", "sent", "limited"]
    assert desk.sms(3).error == "该号码 24 小时内已发送 2 条短信，达到上限"
    assert len(phone.asked) == 2
    desk.clock.advance(hours=24)
    desk.queue()
    desk.run()
    assert desk.statuses()[-1] == "sent"


def test_two_workers_cannot_both_take_the_last_place(desk: Desk, phones: Phones) -> None:
    phone = phones()
    delivery.configure(settings_for(phone.url, per_minute=1, timeout_seconds=10))
    ids = [desk.queue() for _ in range(8)]
    start = threading.Barrier(len(ids))

    def deliver(one: int) -> None:
        start.wait(5)
        with suppress(outbox.Retry):
            delivery.deliver(desk.job(one))

    workers = [threading.Thread(target=deliver, args=(one,)) for one in ids]
    for each in workers:
        each.start()
    for each in workers:
        each.join(10)
    assert len(phone.asked) == 1
    assert sorted(desk.statuses()) == ["queued"] * 7 + ["sent"]


def test_the_database_refuses_an_unknown_status(desk: Desk) -> None:
    one = desk.queue()
    with desk.sessions() as session:
        session.get_one(SmsMessage, one).status = "lost"
        with pytest.raises(IntegrityError, match="status_known"):
            session.flush()


def test_the_database_refuses_a_sent_message_without_a_time(desk: Desk) -> None:
    one = desk.queue()
    with desk.sessions() as session:
        session.get_one(SmsMessage, one).status = "sent"
        with pytest.raises(IntegrityError, match="sent_has_time"):
            session.flush()


def test_counts_name_every_status(desk: Desk, phones: Phones) -> None:
    phone = phones("code:1001")
    delivery.configure(settings_for(phone.url))
    desk.queue()
    desk.queue(OTHER)
    desk.run()
    with desk.sessions() as session:
        assert queries.counts(session) == {
            "queued": 0,
            "sending": 0,
            "sent": 1,
            "delivered": 0,
            "failed": 1,
            "limited": 0,
        }
