"""Something in every register: one unit with a year of changes, payments, loans and requests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from engine.database import transaction
from handlers.banking.models import BankReceipt, Payment
from handlers.contributions.models import (
    AnnualAssessment,
    MemberChange,
    Remittance,
    RemittanceLine,
    UnitRateChange,
)
from handlers.ledger.drafts import Line
from handlers.loans.models import Loan, LoanRepayment
from handlers.members.models import IndividualAccount
from handlers.registers.models import ExportRecord
from handlers.units.models import UnitChange
from tests.builders import requests
from tests.builders.books import BRANCH, UNIT, Books
from tests.builders.members import OTHER_UNIT, open_member, remit

AT = datetime(2026, 7, 10, 2, 30, tzinfo=UTC)  # 10:30 in Shanghai
DAY = date(2026, 7, 10)
THIRD_UNIT = "020810099999"


@dataclass
class World:
    """`people`: three members of UNIT, then one of OTHER_UNIT."""

    books: Books
    people: list[IndividualAccount]
    ids: dict[str, int]

    @property
    def session(self) -> Session:
        return self.books.session


def change(account: IndividualAccount, number: int, **values: Any) -> MemberChange:
    """A change of this account's unit on 10 July; `number` makes its key its own."""
    facts: dict[str, Any] = {
        "operation_key": f"test:change:{account.id}:{number}",
        "kind": "base",
        "unit_account_no": account.unit_account_no,
        "branch_code": account.branch_code,
        "individual_account_id": account.id,
        "month": "2026-07",
        "effective_on": DAY,
        "no": f"QDN-20260710-{number:06d}",
        "old_base_cents": 800_000,
        "new_base_cents": 900_000,
        "old_unit_cents": 64_000,
        "new_unit_cents": 72_000,
        "old_individual_cents": 64_000,
        "new_individual_cents": 72_000,
        "changed_at": AT,
        "changed_by": "杨秀兰",
    }
    return MemberChange(**(facts | values))


def due(number: int, month: str, **values: Any) -> Remittance:
    facts: dict[str, Any] = {
        "kind": "remittance",
        "unit_account_no": UNIT,
        "branch_code": BRANCH,
        "month": month,
        "state": "posted",
        "headcount": 2,
        "unit_cents": 128_000,
        "individual_cents": 128_000,
        "summary": [{"name": "本月正常汇缴", "headcount": 2, "cents": 256_000}],
        "assessed_no": f"QDN-20260710-{number:06d}",
        "assessed_on": DAY,
        "assessed_at": AT,
        "assessed_by": "杨秀兰",
        "posted_on": DAY,
        "allocated": 2,
    }
    return Remittance(**(facts | values))


def world(books: Books) -> World:
    """Everything the registers of this house can show, once."""
    people = [open_member(books, number) for number in (1, 2, 3)]
    people.append(open_member(books, 4, unit_account_no=OTHER_UNIT))
    _money(books, people)
    ids: dict[str, int] = {}
    with transaction(books.session) as session:
        session.add_all(_changes(people))
        _dues(session, people, ids)
        _unit(session)
        requests.file_some(session)
        session.add_all(_taken())
    _loan(books, people[0], ids)
    books.on("2026-07-15")
    return World(books, people, ids)


def _money(books: Books, people: list[IndividualAccount]) -> None:
    """March to May paid, one month twice by mistake, something drawn, interest on 30 June."""
    for month in ("2026-03", "2026-04", "2026-05"):
        remit(books.on(f"{month}-20"), month, *people[:3])
    wrong = remit(books, "2026-05", people[0])
    books.reverse(wrong, "重复入账")
    clearing = books.account("payout_clearing")
    first = people[0].ledger_account_id
    taken = {first: -50_000, clearing: 50_000}
    books.on("2026-06-10").post("partial_withdrawal", taken, unit_account_no=UNIT)
    paid, payable = 1_234, books.account("interest_payable")
    lines = [Line(payable, -paid), Line(first, paid, interest_cents=paid)]
    books.on("2026-06-30").post("interest", lines, unit_account_no=UNIT)


def _changes(people: list[IndividualAccount]) -> list[MemberChange]:
    first, second, third, other = people
    return [
        change(first, 1, kind="open", old_base_cents=0),
        change(first, 2, kind="base"),
        change(second, 3, kind="seal", reason="01", old_status="01", new_status="02"),
        change(
            second,
            4,
            kind="unseal",
            old_status="02",
            new_status="01",
            effective_on=date(2026, 6, 9),
            undone_at=AT,
            undone_by="杨秀兰",
            undone_no="QDN-20260710-000021",
            undone_reason="选错了人，应为 522601198801010011",
        ),
        change(
            other,
            5,
            kind="transfer",
            from_unit_account_no=UNIT,
            to_unit_account_no=OTHER_UNIT,
            amount_cents=300_000,
        ),
        change(third, 6, kind="merge", other_account_id=first.id, amount_cents=12_300),
    ]


def _dues(session: Session, people: list[IndividualAccount], ids: dict[str, int]) -> None:
    payment = Payment(
        no="QDN-20260710-000011",
        slip_no="JK0000000001",
        unit_account_no=UNIT,
        branch_code=BRANCH,
        method="transfer",
        amount_cents=256_000,
        state="paid",
        registered_at=AT,
        registered_by="杨秀兰",
        paid_on=DAY,
    )
    session.add(payment)
    session.flush()
    rows = {
        "june": due(11, "2026-06", payment_id=payment.id),
        "july": due(12, "2026-07", state="assessed", posted_on=None, allocated=0),
        "dropped": due(
            13,
            "2026-08",
            state="cancelled",
            cancelled_at=AT,
            cancelled_by="杨秀兰",
            cancelled_no="QDN-20260710-000022",
        ),
        "back": due(14, "2025-11", kind="back_payment", month_to="2025-12", reason="漏缴"),
    }
    session.add_all(rows.values())
    session.flush()
    ids |= {name: row.id for name, row in rows.items()}
    for name, months in (("june", ("2026-06", "2026-06")), ("back", ("2025-11", "2025-12"))):
        session.add_all(
            RemittanceLine(
                remittance_id=rows[name].id,
                position=position,
                individual_account_id=people[position - 1].id,
                month=month,
                base_cents=800_000,
                unit_cents=64_000,
                individual_cents=64_000,
            )
            for position, month in enumerate(months, 1)
        )
    session.add(
        BankReceipt(
            branch_code=BRANCH,
            bank_serial="S001",
            arrived_on=DAY,
            amount_cents=300_000,
            open_cents=44_000,
            payer_name="云谷文旅",
            payer_account_no="6217001230000098765",
            unit_account_no=UNIT,
            state="suspended",
            why="金额与核定不符",
            no="QDN-20260710-000031",
            recorded_at=AT,
            recorded_by="财务甲",
        )
    )


def _unit(session: Session) -> None:
    session.add_all(
        (
            UnitChange(
                operation_key="test:unit:1",
                unit_account_no=UNIT,
                field="unit_address",
                label="单位地址",
                old="甲路 1 号",
                new="乙路 2 号",
                old_text="甲路 1 号",
                new_text="乙路 2 号",
                no="QDN-20260710-000041",
                changed_at=AT,
                changed_by="杨秀兰",
            ),
            UnitRateChange(
                operation_key="test:rate:1",
                unit_account_no=UNIT,
                branch_code=BRANCH,
                month="2026-07",
                effective_on=DAY,
                no="QDN-20260710-000042",
                old_unit_rate=Decimal("8.00"),
                new_unit_rate=Decimal("10.00"),
                old_individual_rate=Decimal("8.00"),
                new_individual_rate=Decimal("10.00"),
                headcount=3,
                changed_at=AT,
                changed_by="杨秀兰",
            ),
            AnnualAssessment(
                unit_account_no=UNIT,
                branch_code=BRANCH,
                fund_year=2026,
                no="QDN-20260710-000043",
                headcount=3,
                old_base_cents=2_400_000,
                new_base_cents=2_700_000,
                old_amount_cents=384_000,
                new_amount_cents=432_000,
                assessed_on=DAY,
                assessed_at=AT,
                assessed_by="杨秀兰",
            ),
        )
    )


def _taken() -> list[ExportRecord]:
    """One workbook taken alone, one file somebody agreed to (in the request of `file_some` that a
    reviewer has decided)."""
    alone = ExportRecord(
        at=AT,
        actor_id="operator:1",
        actor_name="杨秀兰",
        scope=f"unit:{UNIT}",
        branch=BRANCH,
        register="openings",
        title="开户查询",
        conditions="职工账号：0108；备注 522601198801010011",
        kind="xlsx",
        rows=12,
    )
    agreed = ExportRecord(
        at=AT + timedelta(hours=1),
        actor_id="operator:1",
        actor_name="杨秀兰",
        scope=f"unit:{UNIT}",
        branch=BRANCH,
        register="members",
        title="职工信息查询",
        conditions="单位账号：020810042637",
        kind="file",
        rows=6_000,
        no="QDN-20260710-000021",
    )
    return [alone, agreed]


def _loan(books: Books, borrower: IndividualAccount, ids: dict[str, int]) -> None:
    number = "D000000001"
    ledger = books.account("loan_principal", number, branch=BRANCH)
    bank = books.account("bank")
    books.on("2026-06-05").post("loan_disbursement", {ledger: -1_000_000, bank: 1_000_000})
    paid = books.post("loan_repayment", {ledger: 100_000, bank: -100_000})
    with transaction(books.session) as session:
        loan = Loan(
            loan_contract_no="HT000000001",
            loan_account_no=number,
            person_id=borrower.person_id,
            ledger_account_id=ledger,
            branch_code=BRANCH,
            contract_amount_cents=1_000_000,
            periods=120,
            loan_rate=Decimal("2.60"),
            disbursed_on=date(2026, 6, 5),
            due_maturity=date(2036, 6, 5),
            repayment_day=5,
        )
        session.add(loan)
        session.flush()
        ids["loan"] = loan.id
        session.add(
            LoanRepayment(
                loan_id=loan.id,
                voucher_id=paid.id,
                period=1,
                due_on=date(2026, 7, 5),
                repaid_on=date(2026, 7, 5),
                principal_cents=100_000,
                interest_cents=21_700,
                balance_cents=900_000,
            )
        )
