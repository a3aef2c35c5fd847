"""The statements of the yearly settlement: one set of them for each chunk, on either database.

What each account gets is worked out once into a table that lives as long as the transaction; from
there it becomes one voucher a unit, its entries, new balances and totals.  Nothing leaves the
database but counts, which have to agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    MetaData,
    String,
    Table,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable, DropTable

from engine.errors import Problem, Refused
from engine.models import UtcDateTime
from engine.runtime import Actor
from handlers.ledger import accounts, posting
from handlers.ledger.interest import MILLION, Rates
from handlers.ledger.models import (
    MEMBER_CENTS_MAX,
    Day,
    Entry,
    LedgerAccount,
    UnitTotal,
    Voucher,
)
from handlers.ledger.rules import MEMBER

_ACCOUNT, _ENTRY, _VOUCHER, _TOTAL = (
    cast(Table, table.__table__) for table in (LedgerAccount, Entry, Voucher, UnitTotal)
)
# What each account of the chunk gets: `interest_cents`, and `moved_cents` of its 当年归集 becomes
# 上年结转 beside it.  Both zero: the account gets no entry.
_WORK = Table(
    "hall_settling",
    MetaData(),
    Column("unit_account_no", String(20), primary_key=True),
    Column("account_id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer),
    Column("balance_cents", BigInteger),
    Column("interest_cents", BigInteger),
    Column("moved_cents", BigInteger),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,  # a unit's rows side by side: they become its voucher
)
_GETS = or_(_WORK.c.interest_cents > 0, _WORK.c.moved_cents > 0)
_BUSINESS = "interest"
_ENTRY_COLUMNS = [
    *("account_id", "seq", "voucher_id", "value_on", "amount_cents"),
    *("carried_forward_cents", "interest_cents", "balance_cents"),
]


@dataclass(frozen=True, slots=True)
class Year:
    """A fund year under settlement."""

    number: int
    rates: Rates
    day_base: int

    @property
    def end(self) -> date:
        """1 July: the value day of the interest."""
        return self.rates.until

    @property
    def posted_on(self) -> date:
        return self.end - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Units of a branch, whole ones, and how many of their accounts are due."""

    branch_code: str
    units: tuple[str, ...]
    accounts: int


# ── what is left to do ─────────────────────────────────────────────────────────────────────────


def units_due(session: Session, end: date) -> Sequence[tuple[str, str, int]]:
    """(branch, unit, accounts) not settled up to this day yet, in the order of settling."""
    unit = (_ACCOUNT.c.branch_code, _ACCOUNT.c.unit_account_no)
    found = select(*unit, func.count()).where(*_due(end)).group_by(*unit).order_by(*unit)
    return [(branch, number, count) for branch, number, count in session.execute(found)]


def is_due(session: Session, end: date, *, branches: Sequence[str] | None = None) -> bool:
    """Whether anybody is left, anywhere or in these branches."""
    found = select(_ACCOUNT.c.id).where(*_due(end)).limit(1)
    if branches is not None:
        found = found.where(_ACCOUNT.c.branch_code.in_(branches))
    return session.execute(found).first() is not None


def interest_by_branch(session: Session, year: Year) -> dict[str, int]:
    """What the vouchers of this settlement have credited, in 分; branches without any left out."""
    cents = sql_cast(func.sum(_VOUCHER.c.credit_cents), BigInteger)
    found = (
        select(_VOUCHER.c.branch_code, cents)
        .where(_VOUCHER.c.posted_on == year.posted_on, _VOUCHER.c.business == _BUSINESS)
        .group_by(_VOUCHER.c.branch_code)
        .order_by(_VOUCHER.c.branch_code)
    )
    return {branch: total for branch, total in session.execute(found) if total}


def _due(end: date) -> tuple[ColumnElement[bool], ...]:
    """Frozen accounts earn like others; closed ones were paid out when they closed."""
    before = or_(_ACCOUNT.c.settled_on.is_(None), _ACCOUNT.c.settled_on < end)
    return _ACCOUNT.c.kind == MEMBER, _ACCOUNT.c.status != "closed", before


# ── one chunk ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Writer:
    """Settles what is left of one chunk, under the lock of its branch."""

    session: Session
    year: Year
    chunk: Chunk
    actor: Actor
    now: datetime

    def write(self) -> tuple[int, int]:
        """(accounts, interest in 分); part of the caller's transaction.

        Raises Refused `ledger.one_persons_money`.
        """
        postgresql = self.session.get_bind().dialect.name == "postgresql"
        if postgresql:  # compiling these statements takes longer than running them
            self.session.execute(text("set local jit = off"))
        self.session.execute(CreateTable(_WORK))
        settled = self._run(self._work_out())
        if postgresql:  # it knows nothing of a new table, and then may read all accounts for it
            self.session.execute(text(f"analyze {_WORK.name}"))
        if self._paid_since():
            self._keep_the_new_years_part()
        self._run(update(_WORK).where(_WORK.c.interest_cents < 0).values(interest_cents=0))
        self._check_limit()
        sums = select(func.count(), func.sum(_WORK.c.interest_cents)).where(_GETS)
        lines, cents = self.session.execute(sums).one()
        if lines:
            number = posting.next_number(self.session, self.chunk.branch_code, self.year.posted_on)
            ours = self._vouchers_from(number)
            vouchers = self._run(self._vouchers(number))
            entries = self._run(self._member_entries(ours)) + self._draw(ours)
            self._check(ours, vouchers, entries)
            self._raise_totals(ours)
        moved = self._run(self._settle_accounts())
        assert moved == settled, "an account was not as it was locked"
        self.session.execute(DropTable(_WORK))
        return settled, int(cents or 0)

    def _run(self, statement: Any) -> int:
        """How many rows it has written."""
        done = self.session.execute(statement, execution_options={"preserve_rowcount": True})
        return int(cast(Any, done).rowcount)

    def _work_out(self) -> Any:
        """`interest.earned` of every account: a negative result is put right behind it.

        Both databases cut a quotient towards zero, so adding half the divisor rounds half up.
        """
        missed = (
            select(sql_cast(func.sum(_ENTRY.c.amount_cents * _missed(self.year.rates)), BigInteger))
            .where(_ENTRY.c.account_id == _ACCOUNT.c.id, _ENTRY.c.value_on > self.year.rates.first)
            .scalar_subquery()
        )
        divisor = self.year.day_base * MILLION
        numerator = _ACCOUNT.c.balance_cents * literal(self.year.rates.total, BigInteger)
        numerator = numerator - func.coalesce(missed, 0) + literal(divisor // 2, BigInteger)
        found = select(
            _ACCOUNT.c.unit_account_no,
            _ACCOUNT.c.id,
            _ACCOUNT.c.entries + 1,
            _ACCOUNT.c.balance_cents,
            numerator // literal(divisor, BigInteger),
            _ACCOUNT.c.balance_cents - _ACCOUNT.c.carried_forward_cents,
        ).where(
            *_due(self.year.end),
            _ACCOUNT.c.unit_account_no.in_(self.chunk.units),
            # a branch has far more people than these units: its index must not be taken
            _ACCOUNT.c.branch_code.concat("") == self.chunk.branch_code,
        )
        return insert(_WORK).from_select([column.name for column in _WORK.c], found)

    def _check_limit(self) -> None:
        over = _WORK.c.balance_cents + _WORK.c.interest_cents > MEMBER_CENTS_MAX
        owner = select(_ACCOUNT.c.owner).join(_WORK, _WORK.c.account_id == _ACCOUNT.c.id)
        found = self.session.scalar(owner.where(over).limit(1))
        if found is not None:
            said = f"个人账户 {found}结息后余额将超过 10 亿元，请先核对这个账户。"
            raise Refused(Problem("ledger.one_persons_money", said))

    def _paid_since(self) -> bool:
        """Whether this branch has posted anything that belongs to the new year already."""
        found = select(_VOUCHER.c.id).where(
            _VOUCHER.c.branch_code == self.chunk.branch_code,
            _VOUCHER.c.posted_on >= self.year.posted_on,
            _VOUCHER.c.value_on >= self.year.end,
            _VOUCHER.c.business != _BUSINESS,
        )
        return self.session.execute(found.limit(1)).first() is not None

    def _keep_the_new_years_part(self) -> None:
        """What came in from 1 July on stays 当年归集; less what went out of that part again."""
        new = (
            select(
                sql_cast(
                    func.sum(_ENTRY.c.amount_cents - _ENTRY.c.carried_forward_cents), BigInteger
                )
            )
            .where(_ENTRY.c.account_id == _WORK.c.account_id, _ENTRY.c.value_on >= self.year.end)
            .scalar_subquery()
        )
        moved = _WORK.c.moved_cents
        self._run(update(_WORK).values(moved_cents=moved - func.coalesce(new, 0)))
        # more than there is: what went out was the old year's, and all that is left moves
        held = _ACCOUNT.c.balance_cents - _ACCOUNT.c.carried_forward_cents
        right = case((moved < 0, 0), (moved > held, held), else_=moved)
        self._run(
            update(_WORK).where(_ACCOUNT.c.id == _WORK.c.account_id).values(moved_cents=right)
        )

    def _vouchers_from(self, number: int) -> tuple[ColumnElement[bool], ...]:
        """Those this chunk writes: nobody else numbers any under our lock."""
        return (
            _VOUCHER.c.branch_code == self.chunk.branch_code,
            _VOUCHER.c.posted_on == self.year.posted_on,
            _VOUCHER.c.number >= number,
        )

    def _vouchers(self, number: int) -> Any:
        """One a unit, numbered in the order of the units.

        The key names the first account: who joins a unit that is done gets another voucher.
        """
        unit = _WORK.c.unit_account_no
        cents = sql_cast(func.sum(_WORK.c.interest_cents), BigInteger)
        key = literal(f"{_BUSINESS}:{self.year.number}:", String) + unit + literal(":", String)
        columns: dict[str, ColumnElement[Any]] = {
            "branch_code": literal(self.chunk.branch_code),
            "posted_on": literal(self.year.posted_on, Day),
            "number": func.row_number().over(order_by=unit) + (number - 1),
            "key": key + sql_cast(func.min(_WORK.c.account_id), String),
            "business": literal(_BUSINESS),
            "value_on": literal(self.year.end, Day),
            "debit_cents": cents,
            "credit_cents": cents,
            "interest_cents": cents,
            "headcount": func.count(),
            "unit_account_no": unit,
            "memo": literal(f"{self.year.number} 年度结息"),
            "posted_at": literal(self.now, UtcDateTime),
            "posted_by": literal(self.actor.id),
            "posted_by_name": literal(self.actor.name),
        }
        found = select(*columns.values()).where(_GETS).group_by(unit).order_by(unit)
        return insert(_VOUCHER).from_select(list(columns), found)

    def _member_entries(self, ours: tuple[ColumnElement[bool], ...]) -> Any:
        return insert(_ENTRY).from_select(
            _ENTRY_COLUMNS,
            select(
                _WORK.c.account_id,
                _WORK.c.seq,
                _VOUCHER.c.id,
                literal(self.year.end, Day),
                _WORK.c.interest_cents,
                _WORK.c.interest_cents + _WORK.c.moved_cents,
                _WORK.c.interest_cents,
                _WORK.c.balance_cents + _WORK.c.interest_cents,
            )
            .join_from(_WORK, _VOUCHER, _VOUCHER.c.unit_account_no == _WORK.c.unit_account_no)
            .where(_GETS, *ours),
        )

    def _draw(self, ours: tuple[ColumnElement[bool], ...]) -> int:
        """The other side: 应付利息 of the branch, an entry a voucher; how many.

        A voucher that only carries forward has no other side.
        """
        session, opened_on = self.session, self.year.posted_on
        branch_code = self.chunk.branch_code
        payable_id = accounts.of_branch(
            session, "interest_payable", branch_code, opened_on=opened_on
        )
        payable = accounts.locked(session, payable_id)
        number = _VOUCHER.c.number
        running = func.sum(_VOUCHER.c.credit_cents).over(order_by=number)
        drawn = self._run(
            insert(_ENTRY).from_select(
                _ENTRY_COLUMNS,
                select(
                    literal(payable_id, Integer),
                    payable.entries + func.row_number().over(order_by=number),
                    _VOUCHER.c.id,
                    _VOUCHER.c.value_on,
                    -_VOUCHER.c.credit_cents,
                    literal(0, BigInteger),
                    literal(0, BigInteger),
                    payable.balance_cents - sql_cast(running, BigInteger),
                ).where(*ours, _VOUCHER.c.credit_cents > 0),
            )
        )
        cents = select(sql_cast(func.sum(_VOUCHER.c.credit_cents), BigInteger)).where(*ours)
        payable.balance_cents -= session.scalar(cents) or 0
        payable.entries += drawn
        session.flush()
        return drawn

    def _check(self, ours: tuple[ColumnElement[bool], ...], vouchers: int, entries: int) -> None:
        """What was just written, read back: every voucher has its entries and sums to zero."""
        each = (
            select(func.count().label("lines"), func.sum(_ENTRY.c.amount_cents).label("off"))
            .join_from(_VOUCHER, _ENTRY, _ENTRY.c.voucher_id == _VOUCHER.c.id)
            .where(*ours)
            .group_by(_VOUCHER.c.id)
            .subquery()
        )
        wrong = func.count().filter(each.c.off != 0)
        read = select(func.count(), func.sum(each.c.lines), wrong)
        found = tuple(map(int, self.session.execute(read).one()))
        assert found == (vouchers, entries, 0), "vouchers and entries do not agree"

    def _settle_accounts(self) -> Any:
        account = _ACCOUNT.c
        return (
            update(_ACCOUNT)
            .where(
                account.id == _WORK.c.account_id,
                account.unit_account_no.in_(self.chunk.units),
            )
            .values(
                balance_cents=account.balance_cents + _WORK.c.interest_cents,
                carried_forward_cents=account.carried_forward_cents
                + _WORK.c.interest_cents
                + _WORK.c.moved_cents,
                entries=account.entries + case((_GETS, 1), else_=0),
                settled_on=self.year.end,
            )
        )

    def _raise_totals(self, ours: tuple[ColumnElement[bool], ...]) -> None:
        """单位账户余额 grows with its members' accounts; who earns has money, so a total too."""
        with_interest = (*ours, _VOUCHER.c.credit_cents > 0)
        grown = self._run(
            update(_TOTAL)
            .where(_TOTAL.c.unit_account_no == _VOUCHER.c.unit_account_no, *with_interest)
            .values(balance_cents=_TOTAL.c.balance_cents + _VOUCHER.c.credit_cents)
        )
        units = select(func.count()).select_from(_VOUCHER).where(*with_interest)
        assert grown == self.session.scalar(units), "members with money in a unit without a total"


def _missed(rates: Rates) -> ColumnElement[int]:
    """`Rates.missed` of an entry's value day; not of one before them."""
    day = type_coerce(_ENTRY.c.value_on, Integer)
    cases: list[tuple[Any, Any]] = []
    for segment in rates.segments:
        inside = (day - segment.starts_on.toordinal()) * segment.rate_ppm
        so_far = rates.missed(segment.starts_on)
        cases.append((_ENTRY.c.value_on < segment.ends_on, so_far + inside if so_far else inside))
    return case(*cases, else_=rates.total)
