"""A small set of books for tests: a branch, a unit, people with accounts, and money moving."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from engine import Actor, Runtime
from engine.calendar import ZONE, Calendar
from engine.database import transaction
from handlers.ledger import accounts, posting, reversing
from handlers.ledger.drafts import Draft, Line
from handlers.ledger.models import LedgerAccount, Voucher
from tests.conftest import Clock

BRANCH, UNIT = "QDN01", "020810042637"
OPENED = date(2020, 1, 1)
CLERK = Actor(id="staff:1", name="财务甲")


class EveryDay(Calendar):
    def is_working(self, day: date) -> bool:
        return True


@dataclass
class Books:
    """`books.pay({member: 120000})` and the like; every call is a transaction of its own."""

    engine: Engine
    clock: Clock
    _keys: int = 0
    session: Session = field(init=False)

    def __post_init__(self) -> None:
        self.session = Session(self.engine)

    @property
    def rt(self) -> Runtime:
        return Runtime(session=self.session, clock=self.clock, calendar=EveryDay())

    def on(self, day: str) -> Books:
        """From now on it is noon of this day."""
        self.clock.set(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZONE))
        return self

    def account(
        self, kind: str, owner: str = BRANCH, *, unit: str = "", branch: str = BRANCH
    ) -> int:
        with transaction(self.session):
            return accounts.open_account(
                self.session,
                kind,
                owner,
                branch_code=branch,
                opened_on=OPENED,
                unit_account_no=unit,
            )

    def member(self, number: int, *, unit: str = UNIT, branch: str = BRANCH) -> int:
        return self.account("member", f"G{number:09d}", unit=unit, branch=branch)

    def post(self, business: str, lines: dict[int, int] | list[Line], **more: Any) -> Voucher:
        self._keys += 1
        values: dict[str, Any] = {"key": f"test:{self._keys}", "branch_code": BRANCH} | more
        if isinstance(lines, dict):
            lines = [Line(account, cents) for account, cents in lines.items()]
        draft = Draft(business=business, lines=tuple(lines), **values)
        with transaction(self.session):
            return posting.post(self.rt, CLERK, draft)

    def pay(self, cents: dict[int, int], **more: Any) -> Voucher:
        """汇缴: from the bank account to members."""
        bank = self.account("bank")
        lines = {bank: -sum(cents.values())} | cents
        return self.post("remittance", lines, unit_account_no=UNIT, **more)

    def withdraw(self, member: int, cents: int, **more: Any) -> Voucher:
        clearing = self.account("payout_clearing")
        return self.post("partial_withdrawal", {member: -cents, clearing: cents}, **more)

    def reverse(self, voucher: Voucher | int, reason: str = "记错账户", **more: Any) -> Voucher:
        self._keys += 1
        voucher_id = voucher if isinstance(voucher, int) else voucher.id
        with transaction(self.session):
            key = more.get("key", f"test:{self._keys}")
            return reversing.reverse(self.rt, CLERK, voucher_id, key=key, reason=reason)

    def balance(self, account: int) -> int:
        return self.state(account).balance_cents

    def state(self, account: int) -> LedgerAccount:
        self.session.rollback()
        found = self.session.get(LedgerAccount, account, populate_existing=True)
        assert found is not None
        return found
