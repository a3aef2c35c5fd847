"""Money has arrived on the collection account: whose it is, and into which account it goes.

A receipt whose unit is known is booked at once, bank against that unit's suspense account; what it
is for is `matching`'s question.  One nobody can be found for waits (待认领) until a clerk says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.errors import Conflict, Problem, Refused
from engine.runtime import Actor, Runtime
from handlers.banking.models import (
    CLEARED,
    MATCHED,
    SUSPENDED,
    TRANSFER,
    UNCLAIMED,
    BankReceipt,
    DebitAgreement,
    Payment,
)
from handlers.ledger import accounts, posting
from handlers.ledger.drafts import Draft, Line
from handlers.ledger.models import Voucher
from handlers.privacy.columns import is_value
from handlers.units import queries as units
from handlers.units.models import Unit

MOVES = ("advance_deposit", "suspense_clearing")  # businesses of `move`
PAYER_PURPOSE = "bank.payer_account"
_SLIP = re.compile(r"JK\d{10}", re.ASCII)
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)", re.ASCII)
_BRACKETS = str.maketrans("（）【】", "()[]")


@dataclass(frozen=True, slots=True)
class Arrived:
    """One credit as the bank tells it; money in 分."""

    bank_serial: str
    arrived_on: date
    amount_cents: int
    payer_name: str = ""
    payer_account_no: str = ""
    memo: str = ""
    method: str = TRANSFER


def known_serials(session: Session, branch: str, serials: Iterable[str]) -> set[str]:
    """Which of these are in already: a statement may be imported twice."""
    return set(
        session.scalars(
            select(BankReceipt.bank_serial).where(
                BankReceipt.branch_code == branch, BankReceipt.bank_serial.in_(list(serials))
            )
        )
    )


def whose(session: Session, branch: str, arrived: Arrived) -> str:
    """The unit's account number, or "" when nobody can be found for certain.

    Looked for in the order of certainty: a slip number or a unit's account number in the memo, an
    account that is agreed for debits or has paid for one unit before, the exact name of one unit.
    """
    for find in (_by_slip, _by_number, _by_account, _by_name):
        found = find(session, branch, arrived)
        if found:
            return found
    return ""


def slip_in(memo: str) -> str:
    """The 缴款单号 somebody wrote into the purpose of a transfer."""
    found = _SLIP.search(unicodedata.normalize("NFKC", memo).upper())
    return found[0] if found else ""


def _by_slip(session: Session, branch: str, arrived: Arrived) -> str:
    slip = slip_in(arrived.memo)
    if not slip:
        return ""
    found = select(Payment.unit_account_no).where(
        Payment.slip_no == slip, Payment.branch_code == branch
    )
    return session.scalar(found) or ""


def _by_number(session: Session, branch: str, arrived: Arrived) -> str:
    numbers = set(_ACCOUNT.findall(unicodedata.normalize("NFKC", arrived.memo)))
    return _only(session, branch, Unit.unit_account_no.in_(numbers)) if numbers else ""


def _by_account(session: Session, branch: str, arrived: Arrived) -> str:
    number = "".join(arrived.payer_account_no.split())
    if not number:
        return ""
    agreed = select(DebitAgreement.unit_account_no).where(
        DebitAgreement.branch_code == branch,
        is_value(DebitAgreement.bank_account_index, PAYER_PURPOSE, number),
    )
    paid = select(BankReceipt.unit_account_no).where(
        BankReceipt.branch_code == branch,
        BankReceipt.state.in_((MATCHED, CLEARED)),
        is_value(BankReceipt.payer_account_index, PAYER_PURPOSE, number),
    )
    found = set(session.scalars(agreed.distinct())) | set(session.scalars(paid.distinct()))
    return found.pop() if len(found) == 1 else ""


def _by_name(session: Session, branch: str, arrived: Arrived) -> str:
    name = "".join(arrived.payer_name.split())
    if not name:
        return ""
    writings = {name, name.translate(_BRACKETS), name.replace("(", "（").replace(")", "）")}
    return _only(session, branch, Unit.unit_name.in_(writings))


def _only(session: Session, branch: str, condition: object) -> str:
    found = session.scalars(
        select(Unit.unit_account_no).where(Unit.branch_code == branch, condition).limit(2)  # type: ignore[arg-type]
    ).all()
    return found[0] if len(found) == 1 else ""


def lock_units(session: Session, numbers: Iterable[str]) -> None:
    """In one order, before anything of theirs is locked."""
    for number in sorted(set(numbers) - {""}):
        units.locked_unit(session, number)


def record(
    rt: Runtime, actor: Actor, branch: str, arrived: Arrived, *, no: str, unit: str
) -> BankReceipt:
    """Store a receipt and, when its unit is known, book it; the unit must be locked."""
    receipt = BankReceipt(
        branch_code=branch,
        bank_serial=arrived.bank_serial,
        arrived_on=arrived.arrived_on,
        amount_cents=arrived.amount_cents,
        open_cents=arrived.amount_cents,
        payer_name=arrived.payer_name,
        payer_account_no="".join(arrived.payer_account_no.split()),
        memo=arrived.memo,
        state=UNCLAIMED,
        why="" if unit else "没有找到缴款单位，请认领",
        method=arrived.method,
        no=no,
        recorded_at=rt.clock(),
        recorded_by=actor.name,
    )
    rt.session.add(receipt)
    rt.session.flush()
    if unit:
        book(rt, actor, receipt, unit)
    return receipt


def book(rt: Runtime, actor: Actor, receipt: BankReceipt, unit_account_no: str) -> None:
    """暂存款入账: the money is in the books, as money of this unit without a purpose yet."""
    if receipt.state != UNCLAIMED:
        raise Conflict(Problem("banking.claimed", "这笔到账已被认领，请刷新后核对。"))
    unit = units.unit(rt.session, unit_account_no)
    if unit is None or unit.branch_code != receipt.branch_code:
        text = "没有找到本管理部的这个单位账号，请核对后重新填写。"
        raise Refused(Problem("banking.unit", text, "unit_account_no"))
    draft = Draft(
        key=f"receipt:{receipt.id}",
        business="suspense_deposit",
        branch_code=receipt.branch_code,
        lines=(
            Line(bank(rt, receipt.branch_code), -receipt.amount_cents),
            Line(suspense(rt, unit), receipt.amount_cents),
        ),
        unit_account_no=unit_account_no,
        memo=f"到账流水 {receipt.bank_serial}"[:120],
        business_no=receipt.no,
    )
    receipt.voucher_id = posting.post(rt, actor, draft).id
    receipt.unit_account_no, receipt.state, receipt.why = unit_account_no, SUSPENDED, "待匹配"
    rt.session.flush()


def move(
    rt: Runtime, actor: Actor, receipt: BankReceipt, target: int, *, business: str, cents: int
) -> None:
    """Suspended money of a receipt goes to another account of the same branch (预缴户, 退回)."""
    unit = units.unit(rt.session, receipt.unit_account_no)
    assert unit is not None
    assert business in MOVES, business
    if not 0 < cents <= receipt.open_cents:
        text = "这笔到账可用的金额不足，请刷新后核对。"
        raise Refused(Problem("banking.open", text))
    draft = Draft(
        key=f"receipt:{receipt.id}:{receipt.settled_no}:{business}",
        business=business,
        branch_code=receipt.branch_code,
        lines=(Line(suspense(rt, unit), -cents), Line(target, cents)),
        unit_account_no=unit.unit_account_no,
        memo=f"到账流水 {receipt.bank_serial}"[:120],
        business_no=receipt.settled_no,
    )
    posting.post(rt, actor, draft)
    receipt.open_cents -= cents
    rt.session.flush()


def moved_cents(session: Session, receipt: BankReceipt) -> int:
    """What of a receipt was moved to advance or sent back, not used for payments."""
    query = select(func.coalesce(func.sum(Voucher.credit_cents), 0)).where(
        Voucher.unit_account_no == receipt.unit_account_no,
        Voucher.business.in_(MOVES),
        Voucher.key.startswith(f"receipt:{receipt.id}:"),
    )
    return int(session.scalar(query) or 0)


def suspense(rt: Runtime, unit: Unit) -> int:
    """The ledger account of the unit's 汇补缴不符暂存款."""
    return _of_unit(rt, "suspense", unit)


def advance(rt: Runtime, unit: Unit) -> int:
    """The ledger account of the unit's 预缴户."""
    return _of_unit(rt, "advance", unit)


def _of_unit(rt: Runtime, kind: str, unit: Unit) -> int:
    return accounts.open_account(
        rt.session,
        kind,
        unit.unit_account_no,
        branch_code=unit.branch_code,
        opened_on=rt.clock().astimezone(ZONE).date(),
        unit_account_no=unit.unit_account_no,
    )


def bank(rt: Runtime, branch: str) -> int:
    """The ledger account of the branch's collection account (归集户)."""
    return accounts.of_branch(
        rt.session, "bank", branch, opened_on=rt.clock().astimezone(ZONE).date()
    )


def open_receipts(
    session: Session, unit_account_no: str, *, payment_id: int | None = None
) -> Sequence[BankReceipt]:
    """Money of the unit in suspense, oldest first, held until commit.

    Without what is kept for another payment than this one (a debit's, a bank slip's).
    """
    kept_for = BankReceipt.payment_id
    return session.scalars(
        select(BankReceipt)
        .where(
            BankReceipt.unit_account_no == unit_account_no,
            BankReceipt.state == SUSPENDED,
            BankReceipt.open_cents > 0,
            or_(kept_for.is_(None), kept_for == payment_id),
        )
        .order_by(BankReceipt.id)
        .with_for_update()
    ).all()
