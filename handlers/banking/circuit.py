"""A bank that does not answer is left alone for a while, but for one question at a time.

Orders remember when they were last asked about and how it went, so no table of its own is needed:
the bank rests while the last few orders asked about all went unanswered.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import select
from sqlalchemy.orm import Session

from handlers.banking.gateways.port import UNANSWERED, UNREACHABLE
from handlers.banking.models import DebitOrder
from handlers.banking.settings import BankSettings

FAULTS = (UNANSWERED, UNREACHABLE)


def rest(session: Session, settings: BankSettings, now: datetime) -> int:
    """For how many more seconds nobody should ask; 0: go on."""
    query = (
        select(DebitOrder.code, DebitOrder.asked_at)
        .where(DebitOrder.asked_at.is_not(None))
        .order_by(DebitOrder.asked_at.desc(), DebitOrder.id.desc())
        .limit(settings.rest_after)
    )
    latest = session.execute(query).all()
    if len(latest) < settings.rest_after or any(code not in FAULTS for code, _ in latest):
        return 0
    over: timedelta = latest[0].asked_at + timedelta(seconds=settings.rest_seconds) - now
    return max(0, ceil(over.total_seconds()))
