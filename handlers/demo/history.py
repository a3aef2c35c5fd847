"""What became of people month by month: openings, seals, bases and rates, as the registers read it.

Told from the same lives as the books, so an account, its changes and its money agree.  Nothing is
told of the time before the window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from handlers.contributions.amounts import Shares
from handlers.contributions.annual import REASON
from handlers.contributions.models import (
    BASE,
    OPEN,
    SEAL,
    AnnualAssessment,
    MemberChange,
    UnitRateChange,
)
from handlers.demo import crews
from handlers.demo.billing import Payer
from handlers.demo.crews import Member, Pay, TermsOf
from handlers.demo.desk import Clock
from handlers.demo.firms import ANNUAL, Plan
from handlers.demo.payroll import Roster
from handlers.members.codes import NORMAL, SEALED

JULY = "07"
CHANGING_DAY = 2  # of July: before anybody joins, leaves or pays
RETIRED, ELSEWHERE = "02", "99"  # SEAL_REASONS
NOBODY = Pay(0, Shares(0, 0))

_CHANGE, _RATES, _YEAR = (
    cast(Table, table.__table__) for table in (MemberChange, UnitRateChange, AnnualAssessment)
)


@dataclass(frozen=True, slots=True)
class History:
    """One branch of a centre."""

    session: Session
    plan: Plan
    terms: TermsOf
    payers: Mapping[str, Payer]

    def store(self, rosters: Sequence[Roster], month: int) -> None:
        """What happened in a month of the window, in the order of its days."""
        rows = [row for roster in rosters for row in self._month(roster, month)]
        rows.sort(key=lambda row: row["effective_on"])
        if rows:
            self.session.execute(insert(_CHANGE), rows)
        if month and self.plan.window.month(month).endswith(JULY):
            for roster in rosters:
                self._july(roster, month)

    def _month(self, roster: Roster, month: int) -> Iterator[dict[str, Any]]:
        window = self.plan.window
        for place, member in enumerate(roster.members):
            pay = roster.pays[place]
            if member.joined == month and month:
                yield (
                    self._row(roster, place, OPEN, member.opened_on)
                    | _new(pay)
                    | {
                        "old_status": "",
                        "new_status": NORMAL,
                    }
                )
            if member.left == month:
                day = crews.sealed_on(window, member)
                assert day is not None
                if day >= window.first_day:
                    last = self._paid_last(roster, place, month)
                    row = self._row(roster, place, SEAL, day) | _old(last) | _new(last)
                    yield row | {"new_status": SEALED, "reason": _reason(member)}

    def _paid_last(self, roster: Roster, place: int, month: int) -> Pay:
        """Whoever leaves in July has never been paid for in the new fund year."""
        window = self.plan.window
        year, last = window.year(month), window.year(max(month - 1, 0))
        if year == last:
            return roster.pays[place]
        return crews.pay_in(window, roster.firm, roster.members[place], self.terms, year=last)

    def _row(self, roster: Roster, place: int, kind: str, day: date) -> dict[str, Any]:
        firm = roster.firm
        account = roster.account_ids[place]
        return {
            "operation_key": f"demo:{kind}:{account}:{day:%Y%m}",
            "kind": kind,
            "unit_account_no": firm.account_no,
            "branch_code": firm.branch_code,
            "individual_account_id": account,
            "month": f"{day:%Y-%m}",
            "effective_on": day,
            "no": "",
            "reason": "",
            "old_status": NORMAL,
            "new_status": NORMAL,
            "changed_at": Clock(day)(),
            "changed_by": self.payers[firm.account_no].operator,
            "before": {},
        } | _old(NOBODY)

    # ── July ───────────────────────────────────────────────────────────────────────────────────
    def _july(self, roster: Roster, month: int) -> None:
        """New rates, or new bases for whoever was there before and is paid for on."""
        plan, firm = self.plan, roster.firm
        window = plan.window
        day, year = window.working_day(month, CHANGING_DAY), window.year(month)
        there = [
            place
            for place, member in enumerate(roster.members)
            if member.joined < month and month in crews.months_paid(window, firm, member)
        ]
        if firm.kept == year:
            if firm.rates_before is not None and there:
                self._rates(roster, day, len(there))
            return
        rows, olds = [], []
        for place in there:
            new = roster.pays[place]
            old = crews.pay_in(window, firm, roster.members[place], self.terms, year=year - 1)
            olds.append(old)
            if old != new:
                row = self._row(roster, place, BASE, day) | _old(old) | _new(new)
                rows.append(row | {"reason": REASON if ANNUAL in plan.services else ""})
        if rows:
            self.session.execute(insert(_CHANGE), rows)
        if there and ANNUAL in plan.services:
            self._year(roster, day, olds, [roster.pays[place] for place in there])

    def _rates(self, roster: Roster, day: date, headcount: int) -> None:
        firm = roster.firm
        assert firm.rates_before is not None
        values = _by_unit(self.payers, roster, day) | {
            "operation_key": f"demo:rate:{firm.account_no}:{day:%Y%m}",
            "month": f"{day:%Y-%m}",
            "effective_on": day,
            "old_unit_rate": firm.rates_before[0],
            "new_unit_rate": firm.unit_rate,
            "old_individual_rate": firm.rates_before[1],
            "new_individual_rate": firm.individual_rate,
            "headcount": headcount,
            "reason": "职工代表大会讨论通过",
        }
        values["changed_at"], values["changed_by"] = values.pop("at"), values.pop("by")
        self.session.execute(insert(_RATES).values(values))

    def _year(self, roster: Roster, day: date, old: Sequence[Pay], new: Sequence[Pay]) -> None:
        """The fund year is named here by the calendar year it begins in (SX-11.1)."""
        values = _by_unit(self.payers, roster, day) | {
            "fund_year": day.year,
            "headcount": len(new),
            "old_base_cents": sum(pay.base_cents for pay in old),
            "new_base_cents": sum(pay.base_cents for pay in new),
            "old_amount_cents": sum(pay.shares.total_cents for pay in old),
            "new_amount_cents": sum(pay.shares.total_cents for pay in new),
            "assessed_on": day,
        }
        values["assessed_at"], values["assessed_by"] = values.pop("at"), values.pop("by")
        self.session.execute(insert(_YEAR).values(values))


def _by_unit(payers: Mapping[str, Payer], roster: Roster, day: date) -> dict[str, Any]:
    firm = roster.firm
    return {
        "unit_account_no": firm.account_no,
        "branch_code": firm.branch_code,
        "no": "",
        "at": Clock(day)(),
        "by": payers[firm.account_no].operator,
    }


def _old(pay: Pay) -> dict[str, int]:
    return _pay("old", pay)


def _new(pay: Pay) -> dict[str, int]:
    return _pay("new", pay)


def _pay(which: str, pay: Pay) -> dict[str, int]:
    return {
        f"{which}_base_cents": pay.base_cents,
        f"{which}_unit_cents": pay.shares.unit_cents,
        f"{which}_individual_cents": pay.shares.individual_cents,
    }


def _reason(member: Member) -> str:
    if member.reason == crews.RETIRED:
        return RETIRED
    return member.reason if member.status == SEALED else ELSEWHERE
