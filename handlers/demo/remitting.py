"""Units pay: opening balances, the month's remittance, and everything that goes wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from random import Random

from handlers.demo import crews
from handlers.demo.billing import Billing
from handlers.demo.crews import Firm
from handlers.demo.deeds import CORRECTING, MONEY_IN, PAYING, TWICE, Deed
from handlers.demo.desk import Desk
from handlers.demo.payroll import Bill, Roster
from handlers.demo.window import LAST_DAY, Window
from handlers.ledger.drafts import Line

PAY_DAYS_MAX = 5  # 条例 art. 19: within five days from the pay day
MONTHS_AHEAD = 6  # what a unit that pays ahead brings along
ODD_CENTS_MAX = 50_000  # how far a deposit may be off the bill
REFUND_DAY = 8  # of the month behind, or the first working day after it
WRONG = "重复入账"
BANK, SUSPENSE, ADVANCE = "bank", "suspense", "advance"  # kinds of accounts money is paid from


def bills(firm: Firm, window: Window, month: int) -> tuple[int, ...]:
    """The months a unit pays for in this one, oldest first."""
    habits = firm.habits
    if not habits.opened <= month < window.count - habits.behind:
        return ()
    late = habits.late
    if late is not None and late <= month <= late + 1:
        return ()
    return (month - 2, month - 1, month) if late is not None and month == late + 2 else (month,)


@dataclass(frozen=True, slots=True)
class Remitting:
    """The deeds of one unit in one month."""

    desk: Desk
    window: Window
    roster: Roster
    month: int
    seed: int
    billing: Billing

    @property
    def _unit(self) -> str:
        return self.roster.firm.account_no

    def deeds(self) -> Iterator[Deed]:
        firm, month = self.roster.firm, self.month
        habits, chance = firm.habits, Random(f"{self.seed}/{self._unit}/{month}")
        if month == 0:
            yield Deed(self.window.first_day, MONEY_IN, self._open)
        day = self._pay_day(chance)
        if habits.advance == month:
            yield Deed(self.window.working_day(month, 2), MONEY_IN, self._pay_ahead)
        if month in (habits.refund, habits.stray):
            yield Deed(day, MONEY_IN, partial(self._misfit, chance.randrange(1, ODD_CENTS_MAX)))
        due = bills(firm, self.window, month)
        if due:
            yield Deed(day, PAYING, partial(self._remit, due))
        if habits.twice == month:
            yield Deed(day, TWICE, self._twice)
        if habits.refund is not None and habits.refund + 1 == month:
            yield Deed(self.window.working_day(month, REFUND_DAY), CORRECTING, self._refund)

    def _pay_day(self, chance: Random) -> date:
        day = min(self.roster.firm.pay_day + chance.randrange(PAY_DAYS_MAX), LAST_DAY)
        # Not before those who leave are sealed and those who join are there.
        return self.window.working_day(self.month, max(day, crews.PAYOUT_DAYS[0] - 1))

    def _open(self) -> None:
        """期初余额: what people had before the window."""
        roster = self.roster
        rows = zip(roster.members, roster.ledger_ids, roster.monthly_cents, strict=True)
        lines = []
        for member, ledger_id, monthly in rows:
            cents, carried = crews.opening(self.window, member, monthly)
            if cents:
                lines.append(Line(ledger_id, cents, carried))
        self._credit("opening_balance", "opening", lines, self.desk.account("bank"))

    def _remit(self, months: Sequence[int]) -> None:
        """One payment for these months; what it is paid from is told to the billing."""
        roster, window = self.roster, self.window
        due = [Bill(bill, roster.places(bill, open_in=self.month)) for bill in months]
        due = [bill for bill in due if bill.places]
        total = sum(roster.monthly_cents[place] for bill in due for place in bill.places)
        if not total:
            return
        kind = self._source(total)
        source, arrived = self.desk.account(kind, self._unit if kind != BANK else ""), 0
        if kind == BANK and (len(due) > 1 or self.billing.shows_lines(self.month)):
            key = f"arrived:{window.month(self.month)}"
            arrived, source = self._deposit(SUSPENSE, "suspense_deposit", total, key=key)
        for bill in due:
            voucher = self._credit(
                "back_payment" if bill.month < self.month else "remittance",
                window.month(bill.month),
                roster.lines_of(bill.places),
                source,
                month=window.month(bill.month),
            )
            arrived = arrived or voucher
        self.billing.paid(roster, due, self.desk.clock.day, source=kind, arrived=arrived)

    def _source(self, cents: int) -> str:
        """Paid from what is already here, if that is enough."""
        desk, habits = self.desk, self.roster.firm.habits
        if self.month == habits.refund:
            return SUSPENSE
        ahead = habits.advance is not None and self.month >= habits.advance
        if ahead and desk.balance(desk.account(ADVANCE, self._unit)) >= cents:
            return ADVANCE
        return BANK

    def _credit(
        self, business: str, key: str, lines: list[Line], source: int, *, month: str = ""
    ) -> int:
        """Members get it, `source` gives it; the voucher's id, 0 when nobody gets anything."""
        if not lines:
            return 0
        given = Line(source, -sum(line.amount_cents for line in lines))
        voucher = self.desk.post(
            business,
            f"{self._unit}:{key}",
            [given, *lines],
            unit_account_no=self._unit,
            contribution_month=month,
            headcount=len(lines),
        )
        return voucher.id

    # ── troubles ───────────────────────────────────────────────────────────────────────────────
    def _month_cents(self) -> int:
        return sum(line.amount_cents for line in self.roster.lines(self.month, open_in=self.month))

    def _pay_ahead(self) -> None:
        """Arrives like all money, then lies in advance."""
        cents = MONTHS_AHEAD * self._month_cents()
        if not cents:
            return
        voucher, suspense = self._deposit(SUSPENSE, "suspense_deposit", cents, key="ahead")
        advance = self.desk.account(ADVANCE, self._unit)
        self.desk.post(
            "advance_deposit",
            f"{self._unit}:{ADVANCE}",
            [Line(suspense, -cents), Line(advance, cents)],
            unit_account_no=self._unit,
        )
        self.billing.ahead(self.roster.firm, cents, self.desk.clock.day, voucher)

    def _misfit(self, odd_cents: int) -> None:
        """A deposit that fits no bill: with the month's money, or all alone."""
        refunded = self.month == self.roster.firm.habits.refund
        cents = odd_cents + (self._month_cents() if refunded else 0)
        voucher, _ = self._deposit(SUSPENSE, "suspense_deposit", cents, key=SUSPENSE)
        back = self.window.working_day(self.month + 1, REFUND_DAY) if refunded else None
        self.billing.misfit(self.roster.firm, cents, self.desk.clock.day, voucher, refunded_on=back)

    def _deposit(self, kind: str, business: str, cents: int, *, key: str) -> tuple[int, int]:
        """Money from the bank into an account of the unit: (voucher, account)."""
        account = self.desk.account(kind, self._unit)
        lines = [Line(self.desk.account(BANK), -cents), Line(account, cents)]
        voucher = self.desk.post(business, f"{self._unit}:{key}", lines, unit_account_no=self._unit)
        return voucher.id, account

    def _refund(self) -> None:
        """What was too much goes back to the unit."""
        suspense = self.desk.account("suspense", self._unit)
        cents = self.desk.balance(suspense)
        lines = [Line(suspense, -cents), Line(self.desk.account("bank"), cents)]
        memo = "多缴款项退回单位"
        self.desk.post(
            "suspense_clearing",
            f"{self._unit}:refund",
            lines,
            unit_account_no=self._unit,
            memo=memo,
        )

    def _twice(self) -> None:
        """Booked a second time by mistake and corrected before the day is over (冲账)."""
        month = self.window.month(self.month)
        lines = list(self.roster.lines(self.month, open_in=self.month))
        bank = self.desk.account("bank")
        wrong = self._credit("remittance", f"{month}:twice", lines, bank, month=month)
        if wrong:
            self.desk.reverse(wrong, f"{self._unit}:{month}:corrected", WRONG)
