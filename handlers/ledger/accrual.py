"""What interest money has earned: the rates of the days, and one account's interest until today.

The yearly settlement of everybody is `settling`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session

from engine.errors import Problem, Refused
from handlers import parameters
from handlers.ledger import interest
from handlers.ledger.interest import Rates
from handlers.ledger.models import Entry, LedgerAccount
from handlers.parameters.declared import CLOSING_INTEREST_UNTIL, DEPOSIT_RATE, INTEREST_DAY_BASE

A_DAY = timedelta(days=1)
_ENTRY = cast(Table, Entry.__table__)


@dataclass(frozen=True, slots=True)
class Closing:
    """销户利息: earned on the days `since` … `until`, the latter excluded."""

    since: date
    until: date
    interest_cents: int


def rates_between(session: Session, first: date, until: date) -> Rates:
    """Deposit rates of the days from `first` to before `until`.

    Raises Refused `interest.rate_gap` when a day has none.
    """
    try:
        periods = parameters.periods(session, DEPOSIT_RATE, first, until - A_DAY)
    except parameters.ParameterGap as gap:
        raise Refused(Problem("interest.rate_gap", gap.text)) from gap
    found = interest.rates(periods, first, until)
    if isinstance(found, Problem):
        raise Refused(found)
    return found


def day_base(session: Session, day: date) -> int:
    """360 or 365: by how many days a yearly rate is divided."""
    return parameters.value(session, INTEREST_DAY_BASE, day)


def closing(
    session: Session, account: LedgerAccount, paid_on: date, *, rule: str | None = None
) -> Closing:
    """Interest of a member since the last settlement, until the money leaves on `paid_on`.

    Up to the day before, or that day too, as the centre has it (`closing_interest_until`, or
    `rule`); what counts from a later day earns nothing.  Reads only; the account should be locked.
    """
    assert account.kind == "member", account.kind
    rule = rule or parameters.value(session, CLOSING_INTEREST_UNTIL, paid_on)
    until = paid_on if rule == "day_before" else paid_on + A_DAY
    own = _ENTRY.c.account_id == account.id
    since = account.settled_on or session.scalar(select(func.min(_ENTRY.c.value_on)).where(own))
    if since is None or since >= until:
        return Closing(until, until, 0)
    found = select(_ENTRY.c.value_on, _ENTRY.c.amount_cents)
    rows = session.execute(found.where(own, _ENTRY.c.value_on >= since)).all()
    cents = interest.closing(
        account.balance_cents,
        [(row.value_on, row.amount_cents) for row in rows],
        rates_between(session, since, until),
        day_base(session, paid_on),
    )
    return Closing(since, until, cents)
