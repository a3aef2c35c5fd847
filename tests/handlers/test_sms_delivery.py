"""From the outbox to the phone: tried again, handed over, limited, killed — and rung once."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from engine.database import configure
from engine.owed import outbox
from handlers.notices import delivery, queries
from handlers.notices.gateways import Gateway, Outcome, Outgoing, Receipt
from handlers.notices.settings import SmsSettings
from tests.conftest import Clock
from tests.handlers.sms_desk import MOBILE, OTHER, Desk, settings_for
from tests.handlers.sms_server import Phone, sms_server
from tests.servers import compiled_once

ROOT = Path(__file__).resolve().parents[2]


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


def test_a_message_reaches_the_phone_and_says_so(desk: Desk, phones: Phones) -> None:
    phone = phones()
    delivery.configure(settings_for(phone.url))
    one = desk.queue()
    assert desk.run() == 1
    sms = desk.sms(one)
    assert (sms.status, sms.gateway, sms.attempts, sms.error) == ("sent", "http", 1, None)
    assert sms.sent_at == desk.clock()
    assert phone.rung == {sms.request_id: (MOBILE, "尊敬的杨秀兰，您已完成办理。")}
    assert desk.item().done_at is not None


def test_the_demo_phone_receives_and_shows(desk: Desk) -> None:
    delivery.configure(SmsSettings())
    first, second = desk.queue(), desk.queue(OTHER)
    desk.run()
    assert desk.statuses() == ["delivered", "delivered"]
    with desk.sessions() as session:
        assert [sms.id for sms in queries.demo_inbox(session)] == [second, first]
        assert [sms.id for sms in queries.demo_inbox(session, limit=1)] == [second]


def test_the_same_job_delivered_twice_sends_once(desk: Desk, phones: Phones) -> None:
    phone = phones()
    delivery.configure(settings_for(phone.url))
    one = desk.queue()
    delivery.deliver(desk.job(one))
    delivery.deliver(desk.job(one))
    assert desk.run() == 1
    assert len(phone.asked) == 1
    assert desk.sms(one).attempts == 1


def test_a_message_queued_twice_under_one_key_is_one_message(desk: Desk, phones: Phones) -> None:
    phone = phones()
    delivery.configure(settings_for(phone.url))
    assert desk.queue(key="same") == desk.queue(key="same")
    desk.run()
    assert len(phone.asked) == 1


def test_two_runners_at_once_send_once(desk: Desk, phones: Phones) -> None:
    phone = phones("hold", "hold")
    delivery.configure(settings_for(phone.url, timeout_seconds=10))
    one = desk.queue()
    item = desk.item().id
    results: list[bool] = []
    first = threading.Thread(target=lambda: results.append(desk.run_one(item)))
    first.start()
    assert phone.arrived.wait(5)
    assert desk.run_one(item) is False  # leased
    with pytest.raises(outbox.Retry) as refusal:
        delivery.deliver(desk.job(one))  # even past the lease
    assert refusal.value.counted is False
    phone.let_go.set()
    first.join(10)
    assert results == [True]
    assert len(phone.asked) == 1
    assert desk.sms(one).status == "sent"


def test_many_jobs_for_one_message_at_once_send_once(desk: Desk, phones: Phones) -> None:
    phone = phones()
    delivery.configure(settings_for(phone.url, timeout_seconds=10))
    one = desk.queue()
    start = threading.Barrier(6)

    def deliver() -> None:
        start.wait(5)
        with suppress(outbox.Retry):
            delivery.deliver(desk.job(one))

    crowd = [threading.Thread(target=deliver) for _ in range(6)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join(10)
    assert len(phone.asked) == 1
    assert (desk.sms(one).status, desk.sms(one).attempts) == ("sent", 1)


@pytest.mark.parametrize("fault", ["status:500", "status:503", "slow:0.9", "reset", "garbage"])
def test_a_fault_is_tried_again_later_with_the_same_id(
    desk: Desk, phones: Phones, fault: str
) -> None:
    phone = phones(fault)
    delivery.configure(settings_for(phone.url))
    one = desk.queue()
    assert desk.run() == 0
    waiting = desk.sms(one)
    assert waiting.status == "queued"
    assert (waiting.error or "").startswith("http：")
    assert waiting.sent_at is None
    desk.clock.advance(seconds=14)
    assert desk.run() == 0
    desk.clock.advance(seconds=1)
    assert desk.run() == 1
    assert (desk.sms(one).status, desk.sms(one).attempts) == ("sent", 2)
    assert phone.ids() == [desk.sms(one).request_id] * 2
    assert len(phone.rung) == 1


def test_after_six_tries_it_has_failed_and_is_left_alone(desk: Desk, phones: Phones) -> None:
    phone = phones(*["status:500"] * 20)
    delivery.configure(settings_for(phone.url))
    one = desk.queue()
    for _ in range(8):
        desk.run()
        desk.clock.advance(hours=3)
    assert len(phone.asked) == 6
    assert (desk.sms(one).status, desk.sms(one).attempts) == ("failed", 6)
    assert "500" in (desk.sms(one).error or "")
    assert desk.item().failed_at is not None


@pytest.mark.parametrize(("code", "status"), [("1001", "failed"), ("1002", "limited")])
def test_what_cannot_be_helped_is_not_tried_again(
    desk: Desk, phones: Phones, code: str, status: str
) -> None:
    phone, second = phones(f"code:{code}"), phones()
    delivery.configure(settings_for(phone.url, second.url))
    one = desk.queue()
    assert desk.run() == 1
    desk.clock.advance(hours=3)
    assert desk.run() == 0
    assert desk.sms(one).status == status
    assert (len(phone.asked), len(second.asked)) == (1, 0)


@pytest.mark.parametrize("fault", ["status:503", "slow:0.9", "reset", "code:7"])
def test_the_second_gateway_takes_over(desk: Desk, phones: Phones, fault: str) -> None:
    first, second = phones(fault), phones()
    delivery.configure(settings_for(first.url, second.url))
    one = desk.queue()
    assert desk.run() == 1
    assert (desk.sms(one).status, desk.sms(one).gateway) == ("sent", "http_second")
    assert first.ids() == second.ids() == [desk.sms(one).request_id]


def test_with_both_gateways_down_the_error_names_both(desk: Desk, phones: Phones) -> None:
    first, second = phones("status:503"), phones("code:7")
    delivery.configure(settings_for(first.url, second.url))
    one = desk.queue()
    desk.run()
    assert desk.sms(one).status == "queued"
    assert desk.sms(one).error == "http：短信网关返回状态码 503；http_second：短信网关拒绝，代码 7"


@dataclass
class Probe:
    """A gateway that looks around while it is being called."""

    look: Callable[[], Receipt]
    name: str = "probe"

    def send(self, message: Outgoing) -> Receipt:
        return self.look()


def configure_with(*gateways: Gateway) -> None:
    delivery.configure(SmsSettings(), gateways)


def test_no_connection_is_held_while_the_gateway_is_called(desk: Desk) -> None:
    seen: list[Any] = []

    def look() -> Receipt:
        engine = desk.sessions.kw["bind"]
        seen.append(engine.pool.checkedout())
        seen.append(desk.sms(1).status)
        seen.append(desk.queue(OTHER))  # the write lock is free too
        return Receipt(Outcome.ACCEPTED)

    configure_with(Probe(look))
    desk.queue()
    desk.run_one(desk.item().id)
    assert seen == [0, "sending", 2]
    assert desk.sms(1).status == "sent"


def test_a_gateway_with_a_bug_is_passed_over(desk: Desk) -> None:
    def broken() -> Receipt:
        raise ZeroDivisionError

    configure_with(Probe(broken, "broken"), Probe(lambda: Receipt(Outcome.ACCEPTED, "7"), "sound"))
    one = desk.queue()
    assert desk.run() == 1
    assert (desk.sms(one).gateway, desk.sms(one).gateway_id) == ("sound", "7")


def test_a_run_that_was_overtaken_changes_nothing(desk: Desk) -> None:
    """So slow that the claim grew old and another run took the message and finished it."""

    def overtake() -> Receipt:
        desk.clock.advance(seconds=delivery.CLAIM_SECONDS + 1)
        configure_with(Probe(lambda: Receipt(Outcome.DELIVERED, "winner")))
        delivery.deliver(desk.job(1))
        return Receipt(Outcome.BUSY, error="too late")

    configure_with(Probe(overtake))
    desk.queue()
    delivery.deliver(desk.job(1))
    assert (desk.sms(1).status, desk.sms(1).gateway_id) == ("delivered", "winner")


def test_a_worker_without_gateways_keeps_the_message(desk: Desk) -> None:
    one = desk.queue()
    assert desk.run() == 0
    assert desk.sms(one).status == "queued"
    assert "configure" in (desk.item().last_error or "")


VICTIM = """
import sys
from datetime import datetime
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from engine.owed import outbox
from engine.database import configure
from handlers.notices import delivery
from tests.builders import keys
from tests.handlers.sms_desk import settings_for
url, gateway, item, now = sys.argv[1:]
keys.configure()
delivery.configure(settings_for(gateway, timeout_seconds=20))
sessions = sessionmaker(configure(create_engine(url)))
outbox.run_one(sessions, int(item), clock=lambda: datetime.fromisoformat(now))
"""


def test_a_worker_killed_while_sending_loses_nothing_and_doubles_nothing(
    desk: Desk, phones: Phones, database_url: str
) -> None:
    phone = phones("hold")
    delivery.configure(settings_for(phone.url))
    one = desk.queue()
    arguments = [database_url, phone.url, str(desk.item().id), desk.clock().isoformat()]
    worker = subprocess.Popen([sys.executable, "-c", VICTIM, *arguments], cwd=ROOT)
    assert phone.arrived.wait(30)
    worker.kill()
    worker.wait(10)
    assert desk.sms(one).status == "sending"  # the phone rang, nobody wrote it down

    desk.clock.advance(seconds=60)
    assert desk.run() == 0  # still leased to the dead
    desk.clock.advance(seconds=60)
    assert desk.run() == 1
    assert (desk.sms(one).status, desk.sms(one).attempts) == ("sent", 2)
    assert phone.ids() == [desk.sms(one).request_id] * 2
    assert len(phone.rung) == 1
    assert desk.statuses() == ["sent"]


def test_the_claim_outlives_two_slow_gateways_but_not_the_lease() -> None:
    slowest = SmsSettings(connect_seconds=10, timeout_seconds=20)
    worst = 2 * (slowest.connect_seconds + 2 * slowest.timeout_seconds)
    assert timedelta(seconds=worst) <= timedelta(seconds=delivery.CLAIM_SECONDS)
    assert delivery.CLAIM_SECONDS < outbox.LEASE_SECONDS
