"""Money goes out: partial withdrawals, closings with their interest, the bank's payout, freezing.

Withdrawals are paid on fixed days; what they take from the members is paid out by one voucher.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import NamedTuple

from handlers.demo import crews
from handlers.demo.deeds import MONTH_END, PAYOUT, WITHDRAWING, Deed
from handlers.demo.desk import Desk
from handlers.demo.payroll import Roster
from handlers.demo.window import Window
from handlers.ledger import accounts, accrual
from handlers.ledger.drafts import Line
from handlers.members.codes import FROZEN, NORMAL, TRANSFERRED_CLOSED

WITHDRAWN_PER_MONTH = 0.004  # of a unit's people
LEAST_CENTS = 100_000  # for less nobody comes
STEP_CENTS = 10_000


class Reason(NamedTuple):
    """Why money is withdrawn (table A.7), how often, and how much of the balance."""

    name: str
    weight: int
    percent: int
    rent: bool = False  # the year's limit for rent holds


REASONS = (
    Reason("租房提取", 6, 60, rent=True),
    Reason("偿还贷款本息提取", 3, 70),
    Reason("购买住房提取", 1, 90),
)


@dataclass(slots=True)
class Withdrawing:
    """One branch in one fund year; nobody withdraws twice in it."""

    desk: Desk
    window: Window
    rent_cents_max: int
    _done: set[int] = field(default_factory=set)
    _to_pay: int = 0
    _interest: int = 0

    def deeds(self, rosters: Sequence[Roster], month: int, seed: int) -> Iterator[Deed]:
        chance = Random(f"{seed}/{self.desk.branch_code}/{month}/withdrawals")
        for roster in rosters:
            yield from self._wishes(roster, month, chance)
            yield from self._closings(roster, month)
        for number in crews.PAYOUT_DAYS:
            yield Deed(self.window.working_day(month, number), PAYOUT, self._pay_out)
        if month == self.window.count - 1:
            yield Deed(self.window.last_day, MONTH_END, partial(self._freeze, rosters))

    def _wishes(self, roster: Roster, month: int, chance: Random) -> Iterator[Deed]:
        count = int(len(roster.members) * WITHDRAWN_PER_MONTH + chance.random())
        for _ in range(count):
            place = chance.randrange(len(roster.members))
            member, ledger_id = roster.members[place], roster.ledger_ids[place]
            day = self.window.working_day(month, chance.choice(crews.PAYOUT_DAYS))
            reason = chance.choices(REASONS, [each.weight for each in REASONS])[0]
            # Those who are there all the time: nobody closed, frozen or just joined.
            if member.status == NORMAL and member.joined < month and ledger_id not in self._done:
                self._done.add(ledger_id)
                what = partial(self._withdraw, roster, ledger_id, reason=reason, month=month)
                yield Deed(day, WITHDRAWING, what)

    def _withdraw(self, roster: Roster, ledger_id: int, *, reason: Reason, month: int) -> None:
        cents = self.desk.balance(ledger_id) * reason.percent // 100
        if reason.rent:
            cents = min(cents, self.rent_cents_max)
        cents = cents // STEP_CENTS * STEP_CENTS
        if cents < LEAST_CENTS:
            return
        self._to_pay += cents
        self.desk.post(
            "partial_withdrawal",
            f"{ledger_id}:{self.window.month(month)}:withdrawal",
            [Line(ledger_id, -cents), Line(self.desk.account("payout_clearing"), cents)],
            unit_account_no=roster.firm.account_no,
            headcount=1,
            memo=reason.name,
        )

    def _closings(self, roster: Roster, month: int) -> Iterator[Deed]:
        for member, ledger_id in zip(roster.members, roster.ledger_ids, strict=True):
            if member.closes and member.left == month:
                day = crews.closed_on(self.window, member)
                assert day is not None
                business = "transfer_out"
                if member.status != TRANSFERRED_CLOSED:
                    business = "closing_withdrawal"
                yield Deed(day, WITHDRAWING, partial(self._close, roster, ledger_id, business))

    def _close(self, roster: Roster, ledger_id: int, business: str) -> None:
        """Balance and interest up to the day before, together (glossary §6)."""
        desk = self.desk
        account = accounts.locked(desk.session, ledger_id)
        interest = accrual.closing(desk.session, account, desk.clock.day).interest_cents
        balance = account.balance_cents
        desk.session.expire(account)  # posting changes it behind the session's back
        if balance:
            paid = balance + interest
            self._to_pay += paid
            self._interest += interest
            lines = [
                Line(desk.account("interest_payable"), -interest),
                Line(ledger_id, interest, interest_cents=interest),
                Line(ledger_id, -paid),
                Line(desk.account("payout_clearing"), paid),
            ]
            unit = roster.firm.account_no
            key = f"{ledger_id}:closing"
            desk.post(business, key, lines, unit_account_no=unit, headcount=1)
        accounts.close(desk.session, ledger_id)

    # ── the branch itself ──────────────────────────────────────────────────────────────────────
    def _pay_out(self) -> None:
        """提取划款: what the bank pays for the day's withdrawals; and 计提利息: the interest that
        its closings have drawn."""
        self._move("payout", self._to_pay, "payout_clearing", "bank")
        self._move("interest_accrual", self._interest, "interest_expense", "interest_payable")
        self._to_pay = self._interest = 0

    def _move(self, business: str, cents: int, debit: str, credit: str) -> None:
        if cents:
            desk = self.desk
            lines = [Line(desk.account(debit), -cents), Line(desk.account(credit), cents)]
            desk.post(business, f"{desk.branch_code}:{desk.clock.day}:{business}", lines)

    def _freeze(self, rosters: Sequence[Roster]) -> None:
        ids = [
            ledger_id
            for roster in rosters
            for member, ledger_id in zip(roster.members, roster.ledger_ids, strict=True)
            if member.status == FROZEN
        ]
        for ledger_id in ids:
            accounts.freeze(self.desk.session, ledger_id)
