"""What the banks' papers say about the money the books have moved: remittances, payments, receipts.

Told of while a branch's month is written, stored in bulk when it is over.  Remittances keep their
lines for the last months only: a line for everybody and every month would outweigh the books.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from handlers.banking import models as bank
from handlers.banking.models import BankReceipt, Payment
from handlers.banking.payments import slip_of
from handlers.banking.receiving import PAYER_PURPOSE
from handlers.centers import Center
from handlers.contributions import models as due
from handlers.contributions.back_paying import REASONS
from handlers.contributions.models import Remittance, RemittanceLine
from handlers.contributions.summary import BACK, BASES, DECREASE, INCREASE, LAST, NOW
from handlers.demo.crews import Firm
from handlers.demo.desk import Clock, Desk
from handlers.demo.payroll import Bill, Roster
from handlers.demo.window import Window
from handlers.people import queries as people
from handlers.people.models import Operator
from handlers.privacy.columns import blind
from handlers.units.models import Unit

LINE_MONTHS = 3  # how many months keep a line for everybody
FINANCE = "财务岗"
MISSED = REASONS["01"]
NOTHING_OWED = "单位没有待缴款的汇缴或补缴，请先核定，再由中心处理这笔款项。"
TO_ADVANCE, SENT_BACK = "转入预缴户", "退回单位"  # as the finance desk's own actions read

_PAYMENT, _RECEIPT, _DUE, _LINE = (
    cast(Table, table.__table__) for table in (Payment, BankReceipt, Remittance, RemittanceLine)
)


def paid_by(center: Center) -> str:
    """How units of the centre usually pay: the first of the ways its services offer."""
    for key in ("payment", "remit", "back_payment"):
        texts = center.services.get(key)
        methods = str(texts.options.get("methods", "")) if texts else ""
        if methods:
            return methods.split(",")[0].strip()
    return bank.TRANSFER


@dataclass(frozen=True, slots=True)
class Payer:
    """A unit as its bank knows it, and who acts for it."""

    name: str
    account_no: str
    account_index: str
    bank_name: str
    operator: str


def payers(session: Session, branch_code: str) -> dict[str, Payer]:
    """Every unit of a branch, by its account number."""
    acting: dict[str, str] = {}
    mine = select(Unit).where(Unit.branch_code == branch_code)
    units = session.scalars(mine.order_by(Unit.id)).all()
    people_of = select(Operator.unit_account_no, Operator.name).order_by(Operator.id.desc())
    for number, name in session.execute(
        people_of.where(Operator.unit_account_no.in_(mine.with_only_columns(Unit.unit_account_no)))
    ):
        acting[number] = name
    return {
        unit.unit_account_no: Payer(
            unit.unit_name,
            unit.bank_account_no or "",
            blind(PAYER_PURPOSE, unit.bank_account_no or ""),
            unit.entrusted_bank_name or "",
            acting.get(unit.unit_account_no, ""),
        )
        for unit in units
    }


@dataclass(slots=True)
class _Paid:
    """One payment: `row` and what it is for; `receipt`: money that came for it alone."""

    row: dict[str, Any]
    bills: list[dict[str, Any]] = field(default_factory=list)
    lines: list[Bill] = field(default_factory=list)
    roster: Roster | None = None
    receipt: dict[str, Any] | None = None


@dataclass(slots=True)
class Billing:
    """One branch.  `method`: how units of this centre pay."""

    desk: Desk
    window: Window
    method: str
    payers: Mapping[str, Payer]
    _finance: str = ""
    _before: dict[str, array[int]] = field(default_factory=dict)
    _paid: list[_Paid] = field(default_factory=list)
    _loose: list[dict[str, Any]] = field(default_factory=list)
    _serial: int = 0

    def __post_init__(self) -> None:
        domain = f"branch:{self.desk.branch_code}"
        known = people.holders(self.desk.session, FINANCE, domain)
        self._finance = known[0][1] if known else ""

    def shows_lines(self, month: int) -> bool:
        return month >= self.window.count - LINE_MONTHS

    # ── what is told while a month is written ──────────────────────────────────────────────────
    def paid(
        self, roster: Roster, bills: Sequence[Bill], day: date, *, source: str, arrived: int
    ) -> None:
        """`source`: bank, suspense or advance; `arrived`: the voucher that booked the money."""
        firm, at = roster.firm, Clock(day)()
        late = len(bills) > 1
        rows = [self._bill(roster, bill, at, late=bill is not bills[-1]) for bill in bills]
        total = sum(row["unit_cents"] + row["individual_cents"] for row in rows)
        method = bank.ADVANCE if source == "advance" else self.method
        for row in rows:
            row["source"] = "advance" if source == "advance" else "suspense"
            row["posted_on"] = day
        paid = _Paid(self._payment(firm, total, day, method), rows, roster=roster)
        paid.lines = [
            bill
            for bill in bills
            if self.shows_lines(bill.month) or (late and bill is not bills[-1])
        ]
        if source == "bank":
            paid.receipt = self._receipt(firm, total, day, arrived) | self._settled(at)
        self._paid.append(paid)

    def ahead(self, firm: Firm, cents: int, day: date, voucher: int) -> None:
        """预缴: by debit a payment of the unit, else moved on by the finance desk."""
        receipt = self._receipt(firm, cents, day, voucher) | self._settled(Clock(day)())
        if self.method == bank.REALTIME:
            row = self._payment(firm, cents, day, bank.REALTIME) | {"purpose": bank.FOR_ADVANCE}
            self._paid.append(_Paid(row, receipt=receipt))
        else:
            self._loose.append(receipt | {"state": bank.CLEARED, "why": TO_ADVANCE})

    def misfit(
        self, firm: Firm, cents: int, day: date, voucher: int, *, refunded_on: date | None
    ) -> None:
        """Money that fits nothing: sent back later, or still in suspense."""
        receipt = self._receipt(firm, cents, day, voucher) | {"method": bank.TRANSFER}
        if refunded_on is None:
            receipt |= {"state": bank.SUSPENDED, "open_cents": cents, "why": NOTHING_OWED}
        else:
            back = self._settled(Clock(refunded_on)())
            receipt |= back | {"state": bank.REFUNDED, "why": SENT_BACK}
        self._loose.append(receipt)

    # ── rows ───────────────────────────────────────────────────────────────────────────────────
    def _bill(self, roster: Roster, bill: Bill, at: datetime, *, late: bool) -> dict[str, Any]:
        firm, day = roster.firm, self.desk.clock.day
        unit = sum(roster.pays[place].shares.unit_cents for place in bill.places)
        person = sum(roster.pays[place].shares.individual_cents for place in bill.places)
        return {
            "kind": due.BACK_PAYMENT if late else due.REMITTANCE,
            "unit_account_no": firm.account_no,
            "branch_code": firm.branch_code,
            "month": self.window.month(bill.month),
            "month_to": "",
            "state": due.POSTED,
            "headcount": len(bill.places),
            "unit_cents": unit,
            "individual_cents": person,
            "summary": [] if late else list(self._summary(roster, bill)),
            "reason": MISSED if late else "",
            "assessed_no": "",
            "assessed_on": day,
            "assessed_at": at,
            "assessed_by": self.payers[firm.account_no].operator,
            "allocated": len(bill.places),
            "cancelled_by": "",
            "cancelled_no": "",
        }

    def _summary(self, roster: Roster, bill: Bill) -> Iterator[dict[str, Any]]:
        """The lines of XZ-2.4a: this month's people against those of the last one paid."""
        now = array("q", bytes(8 * len(roster.members)))
        for place in bill.places:
            now[place] = roster.monthly_cents[place]
        before = self._before.get(roster.firm.account_no, now)
        self._before[roster.firm.account_no] = now
        came = left = changed = (0, 0)
        if before != now:
            pairs = [pair for pair in zip(before, now, strict=True) if pair[0] != pair[1]]
            came = _sum(new for old, new in pairs if not old)
            left = _sum(old for old, new in pairs if not new)
            changed = _sum(new - old for old, new in pairs if old and new)
        was, is_ = (_sum(cents for cents in each if cents) for each in (before, now))
        told = {LAST: was, INCREASE: came, BASES: changed, DECREASE: left, NOW: is_, BACK: (0, 0)}
        for name, (count, cents) in told.items():
            yield {"name": name, "headcount": count, "cents": cents}

    def _payment(self, firm: Firm, cents: int, day: date, method: str) -> dict[str, Any]:
        return {
            "no": "",
            "purpose": bank.FOR_REMITTANCE,
            "unit_account_no": firm.account_no,
            "branch_code": firm.branch_code,
            "method": method,
            "amount_cents": cents,
            "state": bank.PAID,
            "remark": "",
            "result": "",
            "registered_at": Clock(day)(),
            "registered_by": self.payers[firm.account_no].operator,
            "paid_on": day,
        }

    def _receipt(self, firm: Firm, cents: int, day: date, voucher: int) -> dict[str, Any]:
        self._serial += 1
        payer = self.payers[firm.account_no]
        return {
            "branch_code": firm.branch_code,
            "bank_serial": f"{day:%Y%m%d}{self._serial:08d}",
            "arrived_on": day,
            "amount_cents": cents,
            "open_cents": 0,
            "payer_name": payer.name,
            "payer_account_no": payer.account_no,
            "payer_account_index": payer.account_index,
            "memo": f"{firm.account_no} 公积金",
            "unit_account_no": firm.account_no,
            "state": bank.MATCHED,
            "why": "",
            "payment_id": None,
            "voucher_id": voucher,
            "method": self.method,
            "no": "",
            "recorded_at": Clock(day)(),
            "recorded_by": self._finance,
            "settled_at": None,
            "settled_by": "",
            "settled_no": "",
        }

    def _settled(self, at: datetime) -> dict[str, Any]:
        return {"settled_at": at, "settled_by": self._finance}

    # ── stored when the month is over ──────────────────────────────────────────────────────────
    def store(self) -> None:
        """Part of the transaction that wrote the vouchers."""
        session, told = self.desk.session, self._paid
        self._paid, loose, self._loose = [], self._loose, []
        for one, payment_id in zip(told, self._store_payments([x.row for x in told]), strict=True):
            for row in one.bills:
                row["payment_id"] = payment_id
            if one.receipt is not None:
                loose.append(one.receipt | {"payment_id": payment_id})
        bills = [(one, row) for one in told for row in one.bills]
        ids = _made(session, _DUE, [row for _, row in bills])
        lines: list[dict[str, Any]] = []
        for (one, row), bill_id in zip(bills, ids, strict=True):
            lines += self._lines(one, row["month"], bill_id)
        for table, rows in ((_LINE, lines), (_RECEIPT, loose)):
            if rows:
                session.execute(insert(table), rows)

    def _store_payments(self, rows: list[dict[str, Any]]) -> list[int]:
        """A slip number is made of the payment's own."""
        for place, row in enumerate(rows):
            row["slip_no"] = f"{self.desk.branch_code}:{place}"  # until its own number is known
        session = self.desk.session
        ids = _made(session, _PAYMENT, rows)
        if ids:
            numbered = update(_PAYMENT).where(_PAYMENT.c.id == bindparam("this"))
            slips = [{"this": each, "slip": slip_of(each)} for each in ids]
            session.connection().execute(numbered.values(slip_no=bindparam("slip")), slips)
        return ids

    def _lines(self, one: _Paid, month: str, bill_id: int) -> Iterator[dict[str, Any]]:
        bill = next((each for each in one.lines if self.window.month(each.month) == month), None)
        if bill is None or one.roster is None:
            return
        for position, place in enumerate(bill.places, start=1):
            pay = one.roster.pays[place]
            yield {
                "remittance_id": bill_id,
                "position": position,
                "individual_account_id": one.roster.account_ids[place],
                "month": month,
                "base_cents": pay.base_cents,
                "unit_cents": pay.shares.unit_cents,
                "individual_cents": pay.shares.individual_cents,
            }


def _sum(cents: Iterator[int]) -> tuple[int, int]:
    """(how many, how much)"""
    found = list(cents)
    return len(found), sum(found)


def _made(session: Session, table: Table, rows: list[dict[str, Any]]) -> list[int]:
    """Insert; their ids in the same order."""
    if not rows:
        return []
    returning = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return list(session.scalars(returning, rows))
