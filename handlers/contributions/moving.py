"""Money goes with people: a whole account to another unit, or one account into another.

Each branch's books balance by themselves, so what leaves a unit goes over 管理部往来 and comes back
from there, also within one branch: each unit's journal then shows its own side.  上年结转 stays
上年结转 on the way.  An account that ends is paid its interest up to the day before; what arrives
earns from that day on, so that no day is lost and none is counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.errors import HallError, Problem
from handlers.contributions.finding import Held
from handlers.ledger import accounts, accrual, posting
from handlers.ledger.drafts import Draft, Line
from handlers.ledger.models import InterestSettlement, Voucher
from handlers.rosters.applying import Application
from handlers.units.models import Unit

PIECE_ROWS = 60  # rows of one transaction: each has vouchers of its own, about 10 ms together
TRANSFER_BUSINESS, MERGE_BUSINESS = "internal_transfer", "account_merge"
OUT, IN, ACCRUAL = "out", "in", "accrual"  # what the keys of the vouchers end in
_SETTLING = Problem(
    "changes.settling", "年终结息正在进行，暂时不能转移或合并账户，请在结息完成后再办。"
)


@dataclass(frozen=True, slots=True)
class Moved:
    """What went along, in 分."""

    cents: int = 0
    interest_cents: int = 0


def settling(session: Session) -> Problem | None:
    """While the year's interest is being paid, of two accounts one may have it and one not: there
    is no day from which a transfer would be right for both."""
    running = select(InterestSettlement.fund_year).where(InterestSettlement.finished_at.is_(None))
    return _SETTLING if session.scalar(running.limit(1)) is not None else None


def hold_branches(session: Session, codes: Iterable[str]) -> None:
    """All branches a piece will post in, in order, before the first posting."""
    for code in sorted(set(codes)):
        posting.hold(session, code)


def whole(session: Session, deed: Callable[[], Moved]) -> Moved | Problem:
    """The deed, or nothing of it and the sentence why not."""
    try:
        with session.begin_nested():
            return deed()
    except HallError as error:
        return error.problem


def move_account(work: Application, key: str, held: Held, unit: Unit) -> Moved | Problem:
    """The account goes to `unit` with all that is in it; units and branches are held."""
    return whole(work.session, lambda: _move(work, key, held, unit))


def _move(work: Application, key: str, held: Held, unit: Unit) -> Moved:
    session = work.session
    account = accounts.locked(session, held.ledger_account_id)
    cents, carried = account.balance_cents, account.carried_forward_cents
    session.expire(account)  # posting changes it behind the session's back
    old = _Side(work, key, TRANSFER_BUSINESS, held.branch_code, held.unit_account_no)
    new = _Side(work, key, TRANSFER_BUSINESS, unit.branch_code, unit.unit_account_no)
    day = None
    if cents:
        day = old.post(OUT, [Line(held.ledger_account_id, -cents)]).value_on
    accounts.move(
        session,
        held.ledger_account_id,
        branch_code=unit.branch_code,
        unit_account_no=unit.unit_account_no,
    )
    if cents:
        new.post(IN, [Line(held.ledger_account_id, cents, carried)], value_on=day)
    return Moved(cents)


def merge(
    work: Application, key: str, source: Held, target: Held, *, business: str
) -> Moved | Problem:
    """Balance and interest of the source go into the target, and the source's account of the books
    is closed; units and branches are held."""
    return whole(work.session, lambda: _merge(work, key, (source, target), business))


def _merge(work: Application, key: str, pair: tuple[Held, Held], business: str) -> Moved:
    session, (source, target) = work.session, pair
    account = accounts.locked(session, source.ledger_account_id)
    cents, carried = account.balance_cents, account.carried_forward_cents
    interest = accrual.closing(session, account, work.today, rule="day_before").interest_cents
    session.expire(account)
    old, new = (_Side(work, key, business, held.branch_code, held.unit_account_no) for held in pair)
    if cents + interest:
        taken = old.interest(source, interest)
        taken += [Line(source.ledger_account_id, -cents - interest)]
        given = [Line(target.ledger_account_id, cents + interest, carried)]
        if source.unit_account_no == target.unit_account_no:
            old.post(OUT, taken + given)
        else:
            new.post(IN, given, value_on=old.post(OUT, taken).value_on)
    if interest:
        old.accrue(interest)
    accounts.close(session, source.ledger_account_id)
    return Moved(cents, interest)


@dataclass(frozen=True, slots=True)
class _Side:
    """One unit's side of a move, and the vouchers it gets."""

    work: Application
    key: str
    business: str
    branch: str
    unit: str

    def post(self, part: str, lines: Sequence[Line], *, value_on: date | None = None) -> Voucher:
        """What does not balance goes over 管理部往来."""
        off = sum(line.amount_cents for line in lines)
        over = [Line(self._account("interbranch"), -off)] if off else []
        draft = Draft(
            key=f"{self.key}:{part}",
            business=self.business,
            branch_code=self.branch,
            lines=(*lines, *over),
            value_on=value_on,
            unit_account_no=self.unit,
            headcount=1,
            business_no=self.work.no,
        )
        return posting.post(self.work.rt, self.work.actor, draft)

    def interest(self, source: Held, cents: int) -> list[Line]:
        if not cents:
            return []
        earned = Line(source.ledger_account_id, cents, interest_cents=cents)
        return [Line(self._account("interest_payable"), -cents), earned]

    def accrue(self, cents: int) -> None:
        """计提: what the account that ended has drawn on 应付利息."""
        expense, payable = map(self._account, ("interest_expense", "interest_payable"))
        draft = Draft(
            key=f"{self.key}:{ACCRUAL}",
            business="interest_accrual",
            branch_code=self.branch,
            lines=(Line(expense, -cents), Line(payable, cents)),
            memo="计提转移、合并账户的利息",
            business_no=self.work.no,
        )
        posting.post(self.work.rt, self.work.actor, draft)

    def _account(self, kind: str) -> int:
        return accounts.of_branch(self.work.session, kind, self.branch, opened_on=self.work.today)
