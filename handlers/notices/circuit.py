"""A gateway that keeps failing rests: for a while the other one is asked first.

Nothing is ever cut off: with both resting, or only one configured, it is still tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from handlers.notices.gateways import Gateway, Outcome, Receipt
from handlers.notices.models import SmsGateway
from handlers.notices.settings import SmsSettings

_FAULTS = (Outcome.BUSY, Outcome.UNKNOWN, Outcome.REFUSED)


def order(session: Session, gateways: Sequence[Gateway], now: datetime) -> tuple[Gateway, ...]:
    """The preferred order, those that rest last."""
    if len(gateways) < 2:
        return tuple(gateways)
    query = select(SmsGateway.name).where(SmsGateway.rest_until > now)
    resting = set(session.scalars(query))
    return tuple(sorted(gateways, key=lambda gateway: gateway.name in resting))


def note(
    session: Session, tries: Sequence[tuple[str, Receipt]], now: datetime, settings: SmsSettings
) -> None:
    """Count faults in a row.  Sorted, so that two workers lock the rows in the same order."""
    for name, receipt in sorted(tries, key=lambda one: one[0]):
        fault = receipt.outcome in _FAULTS
        row = _row(session, name, make=fault)
        if row is None:
            continue
        if not fault:
            if row.failures:  # a healthy gateway is not written to: the row would be a bottleneck
                row.failures, row.rest_until = 0, None
            continue
        row.failures += 1
        if row.failures >= settings.rest_after:
            row.rest_until = now + timedelta(seconds=settings.rest_seconds)


def _row(session: Session, name: str, *, make: bool) -> SmsGateway | None:
    query = select(SmsGateway).where(SmsGateway.name == name)
    # Read first: a healthy gateway costs no lock.
    row = session.scalar(query)
    if row is None and make:
        try:
            with session.begin_nested():
                session.add(SmsGateway(name=name, failures=0))
        except IntegrityError:
            pass  # another worker was faster
    elif row is None or (not make and row.failures == 0):
        return row
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))
