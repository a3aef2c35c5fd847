"""A hall that only sends short messages: queue one, run what is due, see what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from engine.calendar import Weekdays
from engine.database import transaction
from engine.models import OutboxItem
from engine.owed import outbox
from engine.runtime import Runtime
from handlers.notices.announcements import queue_sms
from handlers.notices.models import SmsMessage
from handlers.notices.settings import SmsSettings
from tests.conftest import Clock

MOBILE, OTHER = "13885500001", "13885500002"
BODY = '{"id": "{id}", "mobile": "{mobile}", "text": "{text}"}'
CODES = {"json_path": "code", "equals": "0", "invalid_number": ["1001"], "limited": ["1002"]}


def settings_for(first: str, second: str | None = None, **more: Any) -> SmsSettings:
    """The plain HTTP gateway at `first`, a second one behind it when asked for."""
    values: dict[str, Any] = {
        "gateway": "http",
        "http": {"url": f"{first}/send", "body": BODY, "success": CODES},
        "connect_seconds": 0.5,
        "timeout_seconds": 0.5,
    }
    if second is not None:
        values["fallback"] = "http_second"
        values["http_second"] = values["http"] | {"url": f"{second}/send"}
    return SmsSettings.model_validate(values | more)


@dataclass
class Desk:
    """The database, the clock and the outbox."""

    sessions: sessionmaker[Session]
    clock: Clock
    count: int = field(default=0)

    def queue(self, mobile: str = MOBILE, *, key: str = "") -> int:
        self.count += 1
        with self.sessions() as session, transaction(session):
            message = queue_sms(
                Runtime(session, self.clock, Weekdays()),
                mobile=mobile,
                template="unit_info_change.completed",
                wording=("尊敬的{name}，您已完成办理。", {"name": "杨秀兰"}),
                key=key or f"notice:{self.count}",
            )
            return message.id

    def run(self) -> int:
        """Do what is due now; how many items were finished."""
        with self.sessions() as session:
            due = outbox.due(session, self.clock())
        return sum(self.run_one(one) for one in due)

    def run_one(self, item_id: int) -> bool:
        return outbox.run_one(self.sessions, item_id, clock=self.clock)

    def job(self, message_id: int, attempt: int = 1) -> outbox.Job:
        """The job without the outbox's lease in front of it."""
        return outbox.Job(self.sessions, {"sms": message_id}, attempt, "k", self.clock)

    def sms(self, message_id: int) -> SmsMessage:
        with self.sessions() as session:
            return session.get_one(SmsMessage, message_id)

    def statuses(self) -> list[str]:
        with self.sessions() as session:
            return list(session.scalars(select(SmsMessage.status).order_by(SmsMessage.id)))

    def item(self) -> OutboxItem:
        with self.sessions() as session:
            return session.scalars(select(OutboxItem)).one()
