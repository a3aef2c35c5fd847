"""The loans of a branch in the books: paid out, repaid every month, late, early, settled.

The bank collects the instalments of a day together, so they are one voucher with a line each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from sqlalchemy import insert

from handlers.demo.deeds import LENDING, Deed
from handlers.demo.desk import Desk
from handlers.demo.lending import Lent, Payment, Portfolio
from handlers.demo.window import Window
from handlers.ledger import accounts
from handlers.ledger.drafts import Line
from handlers.ledger.models import Voucher
from handlers.loans.models import LoanRepayment

TOGETHER = "loan_repayment"


@dataclass(frozen=True, slots=True)
class Repaying:
    desk: Desk
    window: Window
    portfolio: Portfolio

    def deeds(self, month: int) -> Iterator[Deed]:
        window, loans = self.window, self.portfolio.loans
        if month == 0:
            old = [loan for loan in loans if loan.disbursed_on < window.first_day]
            if old:
                yield Deed(window.first_day, LENDING, partial(self._open, old))
        for loan in loans:
            if window.place(f"{loan.disbursed_on:%Y-%m}") == month:
                yield Deed(loan.disbursed_on, LENDING, partial(self._disburse, loan))
        # `Payment` sorts by day, then business: those of one voucher lie together.
        payments = sorted(self.portfolio.payments.get(month, ()))
        for (day, business), some in groupby(payments, key=lambda each: (each.day, each.business)):
            if business == TOGETHER:
                yield Deed(day, LENDING, partial(self._repay, list(some)))
            else:
                for payment in some:
                    yield Deed(day, LENDING, partial(self._repay, [payment]))

    def _open(self, loans: Sequence[Lent]) -> None:
        """期初余额: what was lent before the window, less what was repaid of it."""
        lines, rest = [], 0
        for loan in loans:
            lines.append(Line(loan.ledger_id, -loan.amount_cents))
            lines.append(Line(loan.ledger_id, loan.repaid_before_cents))
            loan.owed_cents = loan.amount_cents - loan.repaid_before_cents
            rest += loan.owed_cents
        lines.append(Line(self.desk.account("bank"), rest))
        key = f"{self.desk.branch_code}:loans"
        voucher = self.desk.post("opening_balance", key, lines, headcount=len(loans))
        self._record(voucher, [_before(loan, self.window) for loan in loans if loan.periods_before])

    def _disburse(self, loan: Lent) -> None:
        loan.owed_cents = loan.amount_cents
        lines = [
            Line(loan.ledger_id, -loan.amount_cents),
            Line(self.desk.account("bank"), loan.amount_cents),
        ]
        self.desk.post("loan_disbursement", f"{loan.account_no}:out", lines, headcount=1)

    def _repay(self, payments: Sequence[Payment]) -> None:
        """Principal on each loan, interest and penalty to the fund's income."""
        loans = [self.portfolio.loans[payment.loan] for payment in payments]
        income = sum(payment.interest_cents + payment.penalty_cents for payment in payments)
        principal = sum(payment.principal_cents for payment in payments)
        lines = [Line(self.desk.account("bank"), -principal - income)]
        lines += [
            Line(loan.ledger_id, payment.principal_cents)
            for loan, payment in zip(loans, payments, strict=True)
        ]
        lines.append(Line(self.desk.account("interest_income"), income))
        first = payments[0]
        name = f"{self.desk.branch_code}:{first.day}"
        if first.business != TOGETHER:
            name = f"{loans[0].account_no}:{first.day}"
        voucher = self.desk.post(
            first.business, f"{name}:{first.business}", lines, headcount=len(loans)
        )
        rows = []
        for loan, payment in zip(loans, payments, strict=True):
            loan.owed_cents -= payment.principal_cents
            rows.append(_row(loan, payment))
        self._record(voucher, rows)
        for loan in loans:
            if not loan.owed_cents:
                accounts.close(self.desk.session, loan.ledger_id)

    def _record(self, voucher: Voucher, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            values = [row | {"voucher_id": voucher.id} for row in rows]
            self.desk.session.execute(insert(LoanRepayment), values)


def _row(loan: Lent, payment: Payment) -> dict[str, Any]:
    return {
        "loan_id": loan.id,
        "period": payment.period,
        "due_on": payment.due_on,
        "repaid_on": payment.day,
        "principal_cents": payment.principal_cents,
        "interest_cents": payment.interest_cents,
        "penalty_cents": payment.penalty_cents,
        "balance_cents": loan.owed_cents,
    }


def _before(loan: Lent, window: Window) -> dict[str, Any]:
    """All repayments before the window as one: their vouchers are in an older system."""
    return {
        "loan_id": loan.id,
        "period": loan.periods_before,
        "due_on": window.first_day,
        "repaid_on": window.first_day,
        "principal_cents": loan.repaid_before_cents,
        "interest_cents": 0,
        "penalty_cents": 0,
        "balance_cents": loan.owed_cents,
    }
