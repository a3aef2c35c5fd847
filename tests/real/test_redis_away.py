"""Redis only says "look now": people work on without it, and nothing is lost with it."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable

import httpx
import pytest

from deploy.servers import free_port
from tests.real.programs import eventually, finished
from tests.real.setup import RealHall
from tests.real.visitor import Visitor

ANSWER_SECONDS_MAX = 3.0


def take_away(hall: RealHall, how: str) -> None:
    if how == "stopped":
        hall.redis.stop()
    else:
        hall.redis.signal(signal.SIGSTOP)  # takes connections and says nothing: the worse fault


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_people_work_on_while_redis_is_away_and_the_message_goes_out_when_it_is_back(
    hall: RealHall, login: str, visitor: Callable[[str], Visitor], how: str
) -> None:
    people = operator, first, second = visitor(login), visitor("qdn001"), visitor("qdn003")
    take_away(hall, how)
    for one in people:
        one.seconds_max = 0.0
    no = operator.file(pay_day=str((hall.unit(login).pay_day or 1) % 28 + 1))
    assert first.approve(no).status_code == 303
    assert second.approve(no).status_code == 303
    assert [one.status for one in hall.messages(no)] == ["queued"]
    waited = [round(one.seconds_max, 1) for one in people]
    assert max(waited) < ANSWER_SECONDS_MAX, waited
    hall.heal()  # Redis is back, and systemd has restarted whoever could not bear it
    assert eventually(lambda: hall.sent(no)), hall.log()[-4000:]
    assert len(hall.asked(no)) == 1


def sign_in_seconds(hall: RealHall, login: str) -> float:
    with Visitor(hall.url) as one:
        return one.sign_in(login).seconds_max


def test_people_sign_in_while_redis_is_stopped(hall: RealHall, login: str) -> None:
    take_away(hall, "stopped")
    assert sign_in_seconds(hall, login) < ANSWER_SECONDS_MAX


def test_people_sign_in_while_redis_is_frozen(hall: RealHall, login: str) -> None:
    for pid in hall.web_pids():  # new ones, which have not yet learnt to do without Redis
        os.kill(pid, signal.SIGKILL)
    hall.heal()
    take_away(hall, "frozen")
    assert sign_in_seconds(hall, login) < ANSWER_SECONDS_MAX


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_the_health_page_says_at_once_that_redis_is_away_and_serves_on(
    hall: RealHall, how: str
) -> None:
    assert hall.health() | {"parts": 0} == {"ok": True, "degraded": False, "parts": 0}
    take_away(hall, how)
    answer = httpx.get(f"{hall.url}/healthz", timeout=10)
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() < ANSWER_SECONDS_MAX
    found = answer.json()
    assert (found["ok"], found["degraded"], found["parts"]["redis"]["ok"]) == (True, True, False)


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_scheduler_and_workers_stop_when_told_although_redis_is_away(
    hall: RealHall, how: str
) -> None:
    take_away(hall, how)
    time.sleep(1.5)  # the scheduler has noticed, or is in the middle of asking
    told = [hall.scheduler, hall.workers[0]] if how == "stopped" else [hall.scheduler]
    for program in told:
        program.signal(signal.SIGTERM)
    codes = [program.wait(10) for program in told]
    assert codes[0] == 0
    # a worker may not sign off from an absent Redis, or not have come as far as to be able to
    assert set(codes) <= {0, 1, -signal.SIGTERM}
    for program in told:
        assert not re.search("^Traceback", program.log(), re.MULTILINE), program.log()


def test_a_worker_that_cannot_reach_redis_says_so_in_one_sentence(hall: RealHall) -> None:
    nowhere = hall.environ | {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    done = finished(["webapp.cli", "worker"], nowhere)
    assert done.returncode == 1
    assert done.stderr.strip().startswith("✗ Redis 用不了：")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_flush_in_the_middle_loses_nothing_and_the_health_page_recovers(
    hall: RealHall, login: str
) -> None:
    for worker in hall.workers:
        worker.signal(signal.SIGSTOP)  # so that what is queued stays in Redis
    no = hall.complete(login, ("qdn001", "qdn003"))
    time.sleep(1.5)  # a sweep is queued
    with hall.redis_client() as connection:
        assert connection.keys("rq:job:*")
        connection.flushall()
    for worker in hall.workers:
        worker.signal(signal.SIGCONT)
    assert eventually(lambda: hall.sent(no)), hall.log()[-4000:]
    assert len(hall.asked(no)) == 1
    assert eventually(lambda: not hall.health()["degraded"]), hall.health()
