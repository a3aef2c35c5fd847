"""Short messages and the state of the gateways.

A row of `SmsMessage` is written with the verb that causes it and is the only truth about its
delivery; the unique key makes a notice that is announced twice one message.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from engine.models import Base
from engine.sealing import SealedJson
from handlers.privacy.columns import INDEX_CHARS, Encrypted, indexed

# queued → sending → sent | delivered; or failed (it will never arrive), limited (too many today)
STATUSES = ("queued", "sending", "sent", "delivered", "failed", "limited")
FINAL = ("sent", "delivered", "failed", "limited")
ERROR_CHARS_MAX = 255


@indexed("mobile", "mobile_index")
class SmsMessage(Base):
    """One short message to one number."""

    __tablename__ = "hall_sms_message"
    __table_args__ = (
        CheckConstraint(
            "status in ('queued','sending','sent','delivered','failed','limited')",
            name="status_known",
        ),
        CheckConstraint(
            "(sent_at is not null) = (status in ('sent','delivered'))", name="sent_has_time"
        ),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        # The limit per number counts hand-overs to a gateway, not the moment of writing: messages
        # that wait for their minute must not block each other.
        Index("ix_hall_sms_message_mobile", "mobile_index", "claimed_at"),
        Index("ix_hall_sms_message_instance", "instance_no", "id"),
        Index("ix_hall_sms_message_status", "status"),
        Index("ix_hall_sms_message_gateway", "gateway", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    mobile: Mapped[str] = mapped_column(Encrypted("person.mobile"))
    mobile_index: Mapped[str] = mapped_column(String(INDEX_CHARS), default="")
    recipient: Mapped[str | None] = mapped_column(String(80))  # "operator:12"
    text: Mapped[str] = mapped_column(Encrypted("sms.text", None))
    template: Mapped[str] = mapped_column(String(120))  # "unit_info_change.completed"
    # what the template was filled with: Aliyun takes no free text
    params: Mapped[dict[str, Any]] = mapped_column(SealedJson("hall_sms_message.params"))
    status: Mapped[str] = mapped_column(String(12))
    gateway: Mapped[str | None] = mapped_column(String(20))
    gateway_id: Mapped[str | None] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(String(ERROR_CHARS_MAX))
    instance_no: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]  # last handed to a gateway
    sent_at: Mapped[datetime | None]

    @property
    def request_id(self) -> str:
        """What gateways know the message by: the same on every try, without personal data."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:32]


class SmsGateway(Base):
    """A gateway that has been failing.  In the database, because an RQ worker forgets every job."""

    __tablename__ = "hall_sms_gateway"
    __table_args__ = (CheckConstraint("failures >= 0", name="failures_not_negative"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    rest_until: Mapped[datetime | None]
