"""网厅单位缴存银行账户签约 (CX-U24a): which account of a unit the fund may debit on a day."""

from __future__ import annotations

from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from handlers.banking.models import DebitAgreement


def agreement(session: Session, unit_account_no: str, day: date) -> DebitAgreement | None:
    """The one that holds on the day; of two that touch, the newer one."""
    query = select(DebitAgreement).where(
        DebitAgreement.unit_account_no == unit_account_no,
        DebitAgreement.since <= day,
        or_(DebitAgreement.until.is_(None), DebitAgreement.until >= day),
    )
    newest = query.order_by(DebitAgreement.since.desc(), DebitAgreement.id.desc()).limit(1)
    return session.scalar(newest)
