"""Reads: what became of the short messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from handlers.identifiers import mask_mobile
from handlers.notices.gateways import demo
from handlers.notices.models import STATUSES, SmsMessage

STATUS_NAMES = {
    "queued": "等待发送",
    "sending": "正在发送",
    "sent": "已发送",
    "delivered": "已送达",
    "failed": "发送失败",
    "limited": "超过发送上限",
}
SHOWN_MAX = 50


@dataclass(frozen=True, slots=True)
class SmsLine:
    """One short message as the request page shows it."""

    mobile_masked: str
    text: str
    status: str
    status_name: str
    error: str
    created_at: datetime
    sent_at: datetime | None


def for_request(session: Session, no: str) -> list[SmsLine]:
    """The latest messages of a request, oldest first."""
    query = select(SmsMessage).where(SmsMessage.instance_no == no)
    rows = session.scalars(query.order_by(SmsMessage.id.desc()).limit(SHOWN_MAX)).all()
    return [
        SmsLine(
            mobile_masked=mask_mobile(row.mobile) if row.mobile else "",
            text=row.text,
            status=row.status,
            status_name=STATUS_NAMES[row.status],
            error=row.error or "",
            created_at=row.created_at,
            sent_at=row.sent_at,
        )
        for row in reversed(rows)
    ]


def demo_inbox(session: Session, *, limit: int = SHOWN_MAX) -> list[SmsMessage]:
    """What the demo phone received, newest first."""
    query = select(SmsMessage).where(SmsMessage.gateway == demo.NAME)
    return list(session.scalars(query.order_by(SmsMessage.id.desc()).limit(limit)))


def counts(session: Session) -> dict[str, int]:
    """Messages by status, for /metrics; every status is present."""
    query = select(SmsMessage.status, func.count()).group_by(SmsMessage.status)
    found = {status: number for status, number in session.execute(query)}
    return {status: found.get(status, 0) for status in STATUSES}
