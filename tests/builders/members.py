"""People with accounts, for tests that need a unit with somebody in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import create_engine

from engine import Runtime
from engine.calendar import ZONE
from engine.database import configure, transaction
from handlers.identifiers import resident_check_digit
from handlers.ledger import accounts, posting, reversing
from handlers.ledger.drafts import Draft, Line
from handlers.ledger.models import Voucher
from handlers.members import operations
from handlers.members.models import IndividualAccount
from handlers.months import day_in, month_after, month_of
from handlers.units.models import Unit
from tests.builders import units
from tests.builders.books import CLERK, UNIT, Books
from tests.conftest import Clock
from tests.servers import compiled_once

OTHER_UNIT = "020810043259"
_NAMES = (
    "龙德昌",
    "杨秀兰",
    "吴佳琪",
    "潘明贵",
    "石玉梅",
    "欧阳志强",
    "张春燕",
    "罗永福",
    "姜文斌",
)


def resident_id(number: int, *, birth: str = "19880101") -> str:
    """A right one for every number from 1 to 999; odd ones are men's."""
    first17 = f"522601{birth}{number:03d}"
    return first17 + resident_check_digit(first17)


def name_of(number: int) -> str:
    return _NAMES[(number - 1) % len(_NAMES)]


@contextmanager
def two_units(url: str, clock: Clock) -> Iterator[Books]:
    """Books with the unit of the design and another one of its branch; nobody in either yet."""
    engine = compiled_once(configure(create_engine(url)))
    books = Books(engine, clock).on("2026-03-02")
    units.unit(books.session)
    units.unit(books.session, unit_account_no=OTHER_UNIT, unit_name="凯里市清水江实验中学")
    try:
        yield books
    finally:
        books.session.close()
        engine.dispose()


def opening(number: int, **values: Any) -> operations.Opening:
    """开户 of the person with this number: base 8,000.00, 640.00 + 640.00 a month."""
    facts: dict[str, Any] = {
        "unit_account_no": UNIT,
        "person_name": name_of(number),
        "id_no": resident_id(number),
        "mobile": f"1380000{number:04d}",
        "employee_no": f"Y{number:03d}",
        "contribution_base_cents": 800_000,
        "unit_monthly_amount_cents": 64_000,
        "individual_monthly_amount_cents": 64_000,
    }
    return operations.Opening(**(facts | values))


def open_member(books: Books, number: int, **values: Any) -> IndividualAccount:
    with transaction(books.session):
        return operations.open_account(books.rt, opening(number, **values))


def do(books: Books, deed: str, account_no: str, **values: Any) -> IndividualAccount:
    """One of the operations, in a transaction of its own."""
    with transaction(books.session):
        changed: IndividualAccount = getattr(operations, deed)(books.rt, account_no, **values)
        return changed


def remit(books: Books, month: str, *people: IndividualAccount, cents: int = 128_000) -> Voucher:
    """One month's 汇缴 of these people, the same for each."""
    ids = [person.ledger_account_id for person in people]
    return books.pay(dict.fromkeys(ids, cents), contribution_month=month, headcount=len(people))


def in_hall(hall: Any, number: int = 901, **values: Any) -> str:
    """开户 in the demonstration's unit of the design; the account's number."""
    with hall.app.app_context():
        rt = hall.runtime()
        with transaction(rt.session):
            account = operations.open_account(rt, opening(number, **values))
            return account.individual_account_no


def unit_of(books: Books, account_no: str = UNIT) -> Unit:
    books.session.rollback()
    found = books.session.query(Unit).filter_by(unit_account_no=account_no).one()
    books.session.refresh(found)
    return found


def a_year(rt: Runtime, numbers: Sequence[int], **values: Any) -> list[IndividualAccount]:
    """These people, opened two years ago and paid for twelve months up to the one before today,
    one day of each month; the first one drew 500.00 and had a month posted twice by mistake."""
    session, today = rt.session, rt.clock().astimezone(ZONE).date()
    opened_on = today.replace(year=today.year - 2, day=1)
    with transaction(session):
        people = [
            operations.open_account(rt, opening(n, opened_on=opened_on, **values)) for n in numbers
        ]
        ids = [person.ledger_account_id for person in people]
        branch, unit = people[0].branch_code, people[0].unit_account_no
        bank, clearing = (
            accounts.of_branch(session, kind, branch, opened_on=opened_on)
            for kind in ("bank", "payout_clearing")
        )
        months = [month_after(month_of(today), back) for back in range(-12, 0)]
        for month in months:
            draft = _remittance(branch, unit, month, bank, ids)
            posting.post(rt, CLERK, draft)
        wrong = posting.post(rt, CLERK, _remittance(branch, unit, months[-1], bank, ids[:1], "b"))
        reversing.reverse(rt, CLERK, wrong.id, key=f"{wrong.key}/undo", reason="重复入账")
        lines = (Line(ids[0], -50_000), Line(clearing, 50_000))
        taken = Draft(f"test:take:{ids[0]}", "partial_withdrawal", branch, lines)
        posting.post(rt, CLERK, taken)
        for person in people:
            person.paid_through_month = months[-1]
            person.joint_card_no, person.joint_card_bank = "6217001230000098765", "建设银行"
    return people


def _remittance(
    branch: str, unit: str, month: str, bank: int, ids: Sequence[int], mark: str = ""
) -> Draft:
    lines = (Line(bank, -128_000 * len(ids)), *(Line(member, 128_000) for member in ids))
    return Draft(
        key=f"test:{ids[0]}:{month}{mark}",
        business="remittance",
        branch_code=branch,
        lines=lines,
        posted_on=day_in(month, 25),
        unit_account_no=unit,
        contribution_month=month,
        headcount=len(ids),
    )
