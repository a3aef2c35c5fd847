"""The desk that writes one branch's books: a clock that stands at the day told of, and one door.

Every voucher goes through `posting.post` on its own day, so dates ascend and numbers have no gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.runtime import SYSTEM, Actor, Runtime
from handlers.ledger import accounts, posting, reversing
from handlers.ledger.drafts import Draft, Line
from handlers.ledger.models import LedgerAccount, Voucher
from handlers.people import queries as people

REVIEWER = "归集审核岗"
NOON = time(12, tzinfo=ZONE)


@dataclass(slots=True)
class Clock:
    """Noon of the day told of."""

    day: date

    def __call__(self) -> datetime:
        return datetime.combine(self.day, NOON).astimezone(UTC)


class Desk:
    """Who posts in a branch, and from which of its accounts."""

    def __init__(self, rt: Runtime, branch_code: str, first_day: date) -> None:
        self.branch_code = branch_code
        self.clock = Clock(first_day)
        self.rt = replace(rt, clock=self.clock)
        self._accounts: dict[tuple[str, str], int] = {}
        reviewers = people.holders(rt.session, REVIEWER, f"branch:{branch_code}")
        self.actor = Actor(*reviewers[0]) if reviewers else SYSTEM

    @property
    def session(self) -> Session:
        return self.rt.session

    def account(self, kind: str, unit: str = "") -> int:
        """An account of the branch or, of these kinds, of the unit; opened when first asked for."""
        key = (kind, unit or self.branch_code)
        if key not in self._accounts:
            self._accounts[key] = accounts.open_account(
                self.session,
                kind,
                unit or self.branch_code,
                branch_code=self.branch_code,
                opened_on=self.clock.day,
                unit_account_no=unit,
            )
        return self._accounts[key]

    def balance(self, account_id: int) -> int:
        """In 分; a debit is negative."""
        found = select(LedgerAccount.balance_cents).where(LedgerAccount.id == account_id)
        return self.session.execute(found).scalar_one()

    def post(self, business: str, key: str, lines: Iterable[Line], **more: Any) -> Voucher:
        """Post today; lines of nothing are left out."""
        draft = Draft(
            key=f"demo:{key}",
            business=business,
            branch_code=self.branch_code,
            lines=tuple(line for line in lines if line.amount_cents),
            **more,
        )
        return posting.post(self.rt, self.actor, draft)

    def reverse(self, voucher_id: int, key: str, reason: str) -> Voucher:
        return reversing.reverse(self.rt, self.actor, voucher_id, key=f"demo:{key}", reason=reason)
