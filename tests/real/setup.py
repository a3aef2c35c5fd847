"""The real set-up for the demo centre: PostgreSQL, Redis, gunicorn with two processes, two RQ
workers, RQ's scheduler, and an SMS gateway on loopback.

All of it is started by the product's own commands.  What a test breaks, `heal` repairs as systemd
would, so that one set-up serves a whole test process.
"""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import redis
from sqlalchemy import select, update

from deploy.servers import Postgres, Redis, free_port
from engine.models import Instance, OutboxItem
from handlers.notices.models import SmsMessage
from tests.builders import keys
from tests.e2e.live import LiveHall
from tests.handlers.sms_server import Phone
from tests.real.programs import Program, children, eventually, finished
from webapp import jobs
from webapp.settings import load

WEB_PROCESSES = 2
METRICS_TOKEN = "metrics-token-of-the-tests"
LEASE_AND_MORE = timedelta(minutes=5)


def sms_settings(phone: Phone) -> dict[str, str]:
    return {
        "HALL_SMS_GATEWAY": "http",
        "HALL_SMS_HTTP_URL": f"{phone.url}/send",
        "HALL_SMS_HTTP_BODY": '{"mobile":"{mobile}","text":"{text}","id":"{id}"}',
        "HALL_SMS_HTTP_SUCCESS_JSON_PATH": "code",
        "HALL_SMS_HTTP_SUCCESS_EQUALS": "0",
        "HALL_SMS_HTTP_SUCCESS_ID_PATH": "data.sid",
        # Patience enough for a test to act while the gateway holds a request.
        "HALL_SMS_TIMEOUT_SECONDS": "15",
    }


class RealHall(LiveHall):
    """Its people and records come from LiveHall; its processes are its own."""

    def __init__(self, home: Path, phone: Phone) -> None:
        self.home, self.phone = home, phone
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.postgres = Postgres(home / "pgdata", home / "pg")
        self.redis = Redis(home / "redis")
        self.environ = {
            "HALL_CENTER": "qiandongnan",
            "HALL_MODE": "demo",
            "HALL_DATA_DIR": str(home / "data"),
            "DATABASE_URL": self.postgres.url("hall"),
            "REDIS_URL": self.redis.url,
            "HALL_WEB_PORT": str(port),
            "HALL_WEB_PROCESSES": str(WEB_PROCESSES),
            "HALL_WEB_TRUSTED_PROXIES": "1",
            "HALL_WEB_METRICS_TOKEN": METRICS_TOKEN,
            "HALL_WORKER_KIND": "rq",
            "HALL_WORKER_SWEEP_SECONDS": "1",
            "HALL_LOG_FORMAT": "json",
            "HALL_KEYS_FILE": str(keys.FILE),
        } | sms_settings(phone)
        self.settings = load(environ=self.environ)
        self.shop = jobs.workshop(self.settings)
        self.web = self._program("web", "serve")
        self.scheduler = self._program("scheduler", "scheduler")
        self.workers = [self._program(f"worker-{n}", "worker") for n in (1, 2)]
        self.programs = [self.web, self.scheduler, *self.workers]

    def _program(self, name: str, command: str) -> Program:
        return Program(name, ["webapp.cli", command], self.environ, self.home)

    # ── all of it ─────────────────────────────────────────────────────────────────────────────
    def start(self) -> RealHall:
        self.postgres.start().create_database("hall")
        self.redis.start()
        for command in (["migrate"], ["load-demo", "--months", "0"]):
            done = finished(["webapp.cli", *command], self.environ)
            assert done.returncode == 0, done.stderr
        for program in self.programs:
            program.start()
        self.expect_healthy()
        return self

    def stop(self) -> None:
        for program in self.programs:
            program.kill()
        self.shop.engine.dispose()
        self.redis.stop()
        self.postgres.stop()

    def heal(self) -> None:
        """As it was before the test: everything runs, the gateway answers, nothing is owed."""
        self.phone.let_go.set()
        self.phone.script.clear()
        self.redis.signal(signal.SIGCONT)
        self.redis.start()
        self.postgres.start()
        for program in self.programs:
            program.signal(signal.SIGCONT)
        self.expect_healthy()
        assert eventually(lambda: self.owed() == 0, 30), f"{self.owed()} items still owed"
        self.phone.let_go.clear()
        self.phone.arrived.clear()

    def expect_healthy(self) -> None:
        assert eventually(self._restarted_and_well, 30), f"{self.health()} {self.log()[-4000:]}"
        assert eventually(lambda: len(self.web_pids()) == WEB_PROCESSES)
        assert eventually(lambda: all(one.minds(signal.SIGTERM) for one in self.programs))

    def _restarted_and_well(self) -> bool:
        """RQ's workers end when Redis goes away in the middle of a job: Restart=always."""
        for program in self.programs:
            if not program.alive():
                program.kill()
                program.start()
        return not self.health().get("degraded", True)

    def health(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = httpx.get(f"{self.url}/healthz", timeout=10).json()
        except httpx.TransportError as error:
            return {"error": str(error)}
        return found

    def owed(self) -> int:
        return int(self.health()["parts"]["database"]["outbox"]["pending"])

    def web_pids(self) -> list[int]:
        """The processes of gunicorn that answer; their parent only watches them."""
        return children(self.web.pid)

    def log(self) -> str:
        return "\n".join(program.log() for program in self.programs)

    # ── its short messages ────────────────────────────────────────────────────────────────────
    def messages(self, no: str) -> list[SmsMessage]:
        with self.shop.sessions() as session:
            return list(session.scalars(select(SmsMessage).where(SmsMessage.instance_no == no)))

    def sent(self, no: str) -> bool:
        found = self.messages(no)
        return bool(found) and all(one.status == "sent" for one in found)

    def rung(self, no: str) -> list[str]:
        """Texts about this request that reached a phone."""
        return [text for _, text in self.phone.rung.values() if no in text]

    def asked(self, no: str) -> list[str]:
        """Ids with which the gateway was asked about this request, in order."""
        return [one.json["id"] for one in self.phone.asked if no in one.json["text"]]

    def let_the_lease_run_out(self, no: str) -> None:
        """What two minutes of waiting do: nobody may take over a younger lease or claim."""
        with self.shop.sessions() as session:
            instance = select(Instance.id).where(Instance.no == no).scalar_subquery()
            owed = update(OutboxItem).where(OutboxItem.instance_id == instance)
            claimed = update(SmsMessage).where(SmsMessage.instance_no == no)
            long_ago = datetime.now(UTC) - LEASE_AND_MORE
            session.execute(owed.where(OutboxItem.done_at.is_(None)).values(due_at=long_ago))
            session.execute(claimed.values(claimed_at=long_ago))
            session.commit()

    def redis_client(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis.url, socket_timeout=5)
