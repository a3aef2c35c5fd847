"""Two web processes and one database: each may vanish for a moment, and people hardly notice."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import httpx

from tests.real.programs import eventually
from tests.real.setup import METRICS_TOKEN, WEB_PROCESSES, RealHall
from tests.real.visitor import Visitor, found

ASK_TIMES = 12
BEAT_KEY = "last_heartbeat"


def only(hall: RealHall, pid: int | None) -> None:
    """Freeze all web processes but this one; None lets all go on."""
    for one in hall.web_pids():
        os.kill(one, signal.SIGCONT if pid in (None, one) else signal.SIGSTOP)


def test_when_a_web_process_is_killed_the_next_requests_are_answered(
    hall: RealHall, login: str, visitor: Callable[[str], Visitor]
) -> None:
    operator = visitor(login)
    victim = hall.web_pids()[0]
    os.kill(victim, signal.SIGKILL)
    assert eventually(lambda: victim not in hall.web_pids())
    cookies = operator.http.cookies
    for _ in range(ASK_TIMES):  # a connection each: both processes get their share
        answer = httpx.get(hall.url, cookies=cookies, timeout=10, trust_env=False)
        assert answer.status_code == 200
        assert "登录" not in found(answer, r"<title>(.*?)</title>")
    assert eventually(lambda: len(hall.web_pids()) == WEB_PROCESSES)


def test_two_reviewers_decide_at_the_same_moment_on_two_processes_and_one_wins(
    hall: RealHall, login: str, visitor: Callable[[str], Visitor]
) -> None:
    no = hall.file(login)
    reviewers = [visitor("qdn001"), visitor("qdn002")]
    for one, pid in zip(reviewers, hall.web_pids(), strict=True):
        one.http.close()
        one.http = httpx.Client(
            base_url=hall.url, cookies=one.http.cookies, timeout=30, trust_env=False
        )
        only(hall, pid)  # its connection stays with the process that took it
        one.get("/review")
    only(hall, None)
    pages = [one.open_request(no) for one in reviewers]
    ready, answers = threading.Barrier(2), {}

    def decide(number: int) -> None:
        ready.wait()
        answers[number] = reviewers[number].approve(no, pages[number])

    threads = [threading.Thread(target=decide, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers.values()) == [303, 409]
    loser = next(answer for answer in answers.values() if answer.status_code == 409)
    assert "该业务已由" in loser.text
    assert "页面已更新，请核对后再操作" in loser.text
    decisions = [entry for entry in hall.view(login, no).history if entry.verb == "approve"]
    assert len(decisions) == 1
    assert hall.view(login, no).label == "复核中"


def test_the_next_page_works_after_postgresql_was_restarted(
    hall: RealHall, login: str, visitor: Callable[[str], Visitor]
) -> None:
    operator = visitor(login)
    for _ in range(ASK_TIMES):
        assert operator.get("/").status_code == 200  # connections are open in both processes
    hall.postgres.stop()
    away = hall.health()
    assert (away["ok"], away["parts"]["database"]["ok"]) == (False, False)
    hall.postgres.start()
    hall.shop.engine.dispose()
    for _ in range(ASK_TIMES):
        assert operator.get("/").status_code == 200
    no = hall.complete(login, ("qdn001", "qdn003"))
    assert eventually(lambda: hall.sent(no)), hall.log()[-4000:]


def test_without_its_database_the_hall_still_says_so_in_chinese(
    hall: RealHall, login: str, visitor: Callable[[str], Visitor]
) -> None:
    operator = visitor(login)
    hall.postgres.stop()
    page = operator.get("/")
    assert page.status_code >= 500
    assert "系统出错了" in page.text


def test_the_health_page_tells_when_no_worker_has_been_heard_of_for_long(hall: RealHall) -> None:
    for worker in hall.workers:
        worker.kill()
    with hall.redis_client() as connection:
        # Two minutes of silence, without waiting for them.
        for key in connection.scan_iter("rq:worker:*"):
            connection.hset(key, BEAT_KEY, "2026-01-01T00:00:00.000000Z")
    found = hall.health()
    assert (found["ok"], found["degraded"]) == (True, True)
    assert found["parts"]["redis"]["ok"]
    assert not found["parts"]["worker"]["ok"]
    hall.workers[0].start()
    assert eventually(lambda: not hall.health()["degraded"]), hall.health()


def test_the_numbers_are_for_this_machine_and_for_whoever_has_the_token(hall: RealHall) -> None:
    def ask(**headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(f"{hall.url}/metrics", headers=sent, timeout=10, trust_env=False)

    here = ask()
    assert here.status_code == 200
    assert 'hall_outbox_items{state="failed"}' in here.text
    assert ask(X_Forwarded_For="203.0.113.9").status_code == 404
    assert ask(X_Forwarded_For="127.0.0.1").status_code == 404, "a visitor's own claim"
    bearer = f"Bearer {METRICS_TOKEN}"
    assert ask(X_Forwarded_For="203.0.113.9", Authorization=bearer).status_code == 200
    assert ask(X_Forwarded_For="203.0.113.9", Authorization="Bearer guess").status_code == 404
