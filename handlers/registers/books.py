"""Registers read from the ledger: a member's entries, a unit's vouchers, interest, yearly sums.

A correction (冲账) stands in the column of what it corrects, with a minus, so that the sums of both
columns are what really came in and went out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from handlers.ledger.interest import fund_year
from handlers.ledger.kinds import BUSINESSES
from handlers.ledger.models import Day, Entry, LedgerAccount, Voucher
from handlers.members.models import IndividualAccount, Person
from handlers.members.statements import entry_wording, wording
from handlers.people.models import Branch
from handlers.registers.asking import Asked
from handlers.registers.declaring import Column, Drill, Filter, Order, Reach, Register
from handlers.registers.who import ASK_WHO, MEMBER, WHO

_ACCOUNT = IndividualAccount
_MEMBERS_REACH = Reach(((_ACCOUNT.unit_account_no, _ACCOUNT.branch_code),))
_CHANNELS = {"hall": "网厅", "counter": "柜台", "bank": "银行"}
_DAY = timedelta(days=1)


def _money(name: str, label: str, of: Any, **more: Any) -> Column:
    return Column(name=name, label=label, of=of, kind="money", **more)


# ── 个人明细账 ─────────────────────────────────────────────────────────────────────────────────

_COMES_IN = (Entry.amount_cents > 0) == Voucher.reversal_of.is_(None)


def _entries() -> Select[Any]:
    return (
        select()
        .select_from(_ACCOUNT)
        .join(Person, Person.id == _ACCOUNT.person_id)
        .join(Entry, Entry.account_id == _ACCOUNT.ledger_account_id)
        .join(Voucher, Voucher.id == Entry.voucher_id)
    )


def _month(first: str, last: str) -> str:
    return last or first


INDIVIDUAL_LEDGER = Register(
    key="individual_ledger",
    title="个人明细账查询",
    sources=("SX-4.1", "XZ-6.1c"),
    source=_entries,
    reach=_MEMBERS_REACH,
    order=(Order(Entry.account_id, "int"), Order(Entry.seq, "int")),
    extra=MEMBER,
    needs=("name", "person", "account"),
    noun="笔",
    icon="receipt",
    empty="这段日期没有入账，可以放宽入账日期再查询。",
    columns=(
        *WHO,
        Column(
            name="month",
            label="汇缴年月",
            of=(Voucher.contribution_month, Voucher.contribution_month_to),
            read=_month,
            phone="off",
        ),
        Column(name="day", label="入账日期", of=Voucher.posted_on, kind="day"),
        _money(
            "income",
            "收入",
            case((_COMES_IN, Entry.amount_cents), else_=0),
            total=True,
            phone="key",
        ),
        _money("expense", "支出", case((_COMES_IN, 0), else_=-Entry.amount_cents), total=True),
        _money("balance", "余额", Entry.balance_cents),
        Column(name="text", label="业务类型", of=(Entry, Voucher), read=entry_wording, phone="row"),
    ),
    filters=(
        *ASK_WHO,
        Filter(name="day", label="入账日期", kind="days", of=Voucher.posted_on),
    ),
)


# ── 年度个人对账 ───────────────────────────────────────────────────────────────────────────────

# The books count days, accounts write dates: each end of the year is bound as both.
_FIRST, _LAST = bindparam("first", type_=Day), bindparam("last", type_=Day)
_FIRST_DATE, _LAST_DATE = bindparam("first_date", type_=Date), bindparam("last_date", type_=Date)


def _year(asked: Asked) -> Mapping[str, date]:
    first, end = fund_year(int(asked.values["year"]))
    last = end - _DAY
    return {"first": first, "last": last, "first_date": first, "last_date": last}


def _statement_members() -> Select[Any]:
    """Who had an account in that year, with all their entries: one walk adds everything up."""
    return (
        select()
        .select_from(_ACCOUNT)
        .join(Person, Person.id == _ACCOUNT.person_id)
        .outerjoin(Entry, Entry.account_id == _ACCOUNT.ledger_account_id)
        .outerjoin(Voucher, Voucher.id == Entry.voucher_id)
        .where(
            _ACCOUNT.opened_on <= _LAST_DATE,
            or_(_ACCOUNT.closed_on.is_(None), _ACCOUNT.closed_on >= _FIRST_DATE),
        )
    )


def _posted(what: Any, *when: ColumnElement[bool]) -> Any:
    return cast(func.coalesce(func.sum(case((and_(*when), what), else_=0)), 0), BigInteger)


_IN_YEAR = and_(Voucher.posted_on >= _FIRST, Voucher.posted_on <= _LAST)
_OWN = Entry.amount_cents - Entry.interest_cents
_IN = (_OWN > 0) == Voucher.reversal_of.is_(None)

YEARLY_STATEMENT = Register(
    key="yearly_statement",
    title="年度个人对账",
    sources=("SX-4.3",),
    source=_statement_members,
    reach=_MEMBERS_REACH,
    order=(Order(_ACCOUNT.individual_account_no, "text"),),
    newest_first=False,
    extra=MEMBER | {"first": _FIRST, "last": _LAST},
    grouped=(_ACCOUNT.id, Person.id),
    params=_year,
    needs=("year",),
    noun="人",
    icon="report-analytics",
    empty="这个年度没有符合条件的职工，可以减少条件再查询。",
    columns=(
        *WHO,
        _money(
            "opening",
            "年初余额",
            _posted(Entry.amount_cents, Voucher.posted_on < _FIRST),
            total=True,
        ),
        _money("income", "本年缴存", _posted(_OWN, _IN, _IN_YEAR), total=True),
        _money("expense", "本年支出", _posted(-_OWN, ~_IN, _IN_YEAR), total=True),
        _money("interest", "本年利息", _posted(Entry.interest_cents, _IN_YEAR), total=True),
        _money(
            "closing",
            "年末余额",
            _posted(Entry.amount_cents, Voucher.posted_on <= _LAST),
            total=True,
            phone="key",
        ),
        Column(
            name="sheet",
            label="个人对账单",
            of=_ACCOUNT.individual_account_no,
            read=lambda _no: "查看",
            action=True,
            phone="row",
            drill=Drill(
                "register:individual_ledger",
                {"account": "account_no", "day_from": "first", "day_to": "last"},
            ),
        ),
    ),
    filters=(
        Filter(name="year", label="公积金年度", kind="fund_year", default="latest"),
        *ASK_WHO,
    ),
)


# ── 单位流水账 ─────────────────────────────────────────────────────────────────────────────────

_BOOKED = Voucher
_UNDO = aliased(Voucher)
_UNDONE = select(_UNDO.id).where(_UNDO.reversal_of == _BOOKED.id).correlate(_BOOKED).exists()
_SIGNED = case((_BOOKED.reversal_of.is_(None), _BOOKED.credit_cents), else_=-_BOOKED.credit_cents)
# The journal is of the members' money.  What waits in suspense or advance is not theirs yet, and
# would count twice when it is; it has registers of its own (suspense, payments).
_OUT = ("partial_withdrawal", "closing_withdrawal", "transfer_out")
# Some go either way, and some stay within the unit: their few entries say what the members got.
_EITHER_WAY = ("internal_transfer", "account_merge", "interest_adjustment")
_OF_MEMBERS = (
    *("remittance", "back_payment", "internal_transfer", "transfer_out", "transfer_in"),
    *("interest", "partial_withdrawal", "closing_withdrawal", "account_merge"),
    *("interest_adjustment", "opening_balance"),
)
_PRINCIPAL = _SIGNED - _BOOKED.interest_cents
_NET = cast(
    select(func.coalesce(func.sum(Entry.amount_cents), 0))
    .join(LedgerAccount, LedgerAccount.id == Entry.account_id)
    .where(Entry.voucher_id == _BOOKED.id, LedgerAccount.kind == "member")
    .correlate(_BOOKED)
    .scalar_subquery(),
    BigInteger,
)
_SIGN = case((_BOOKED.reversal_of.is_(None), 1), else_=-1)
_MOVED = (_NET - _BOOKED.interest_cents) * _SIGN  # of what a correction corrects
_IS_OUT, _IS_EITHER = _BOOKED.business.in_(_OUT), _BOOKED.business.in_(_EITHER_WAY)
_INCOME = case(
    (_IS_OUT, 0),
    (_IS_EITHER, case((_MOVED > 0, _MOVED * _SIGN), else_=0)),
    else_=_PRINCIPAL,
)
_EXPENSE = case(
    (_IS_OUT, _PRINCIPAL),
    (_IS_EITHER, case((_MOVED < 0, -_MOVED * _SIGN), else_=0)),
    else_=0,
)
_RUNNING, _CORRECTED, _CORRECTION = "正常", "已冲账", "冲账"


def _vouchers() -> Select[Any]:
    return select().select_from(_BOOKED).where(_BOOKED.business.in_(_OF_MEMBERS))


_BRANCH_NAME = (
    select(Branch.name)
    .where(Branch.code == _BOOKED.branch_code)
    .correlate(_BOOKED)
    .scalar_subquery()
)

UNIT_JOURNAL = Register(
    key="unit_journal",
    title="单位流水账",
    sources=("XZ-6.2b", "SX-7.2", "CX-U09"),
    source=_vouchers,
    reach=Reach(((_BOOKED.unit_account_no, _BOOKED.branch_code),)),
    order=(Order(_BOOKED.posted_on, "day"), Order(_BOOKED.id, "int")),
    noun="笔",
    icon="book",
    empty="这段日期没有入账，可以放宽日期或换一种业务类型。",
    columns=(
        Column(name="day", label="确认日期", of=_BOOKED.posted_on, kind="day", phone="head"),
        Column(name="business", label="业务类型", of=_BOOKED, read=wording, phone="row"),
        Column(
            name="month",
            label="汇缴年月",
            of=(_BOOKED.contribution_month, _BOOKED.contribution_month_to),
            read=_month,
            phone="off",
        ),
        Column(name="headcount", label="人数", of=_BOOKED.headcount, kind="count"),
        _money("income", "收入", _INCOME, total=True),
        _money("expense", "支出", _EXPENSE, total=True),
        _money("interest", "利息", _BOOKED.interest_cents, total=True, phone="off"),
        _money(
            "amount",
            "本息合计",
            _INCOME - _EXPENSE + _BOOKED.interest_cents,
            total=True,
            phone="key",
        ),
        Column(name="branch", label="经办单位", of=_BRANCH_NAME, phone="off"),
        Column(
            name="state",
            label="业务状态",
            of=case(
                (_BOOKED.reversal_of.is_not(None), _CORRECTION),
                (_UNDONE, _CORRECTED),
                else_=_RUNNING,
            ),
            kind="state",
            tones={_RUNNING: "done", _CORRECTED: "stop", _CORRECTION: "wait"},
        ),
        Column(name="channel", label="办理渠道", of=_BOOKED.channel, words=_CHANNELS, phone="off"),
        Column(name="voucher", label="凭证号", of=_BOOKED, read=lambda row: row.no, phone="off"),
    ),
    filters=(
        Filter(
            name="business",
            label="业务类型",
            kind="choice",
            of=_BOOKED.business,
            options={key: BUSINESSES[key].name for key in _OF_MEMBERS},
        ),
        Filter(name="day", label="确认日期", kind="days", of=_BOOKED.posted_on, default="year"),
        Filter(name="month", label="汇缴年月", kind="months", of=_BOOKED.contribution_month),
    ),
)


# ── 单位结息对账单 ─────────────────────────────────────────────────────────────────────────────


def _interest() -> Select[Any]:
    """From the unit's vouchers of one day, not from its people's entries of all years."""
    return (
        select()
        .select_from(_BOOKED)
        .join(Entry, Entry.voucher_id == _BOOKED.id)
        .join(_ACCOUNT, _ACCOUNT.ledger_account_id == Entry.account_id)
        .join(Person, Person.id == _ACCOUNT.person_id)
        .where(
            _BOOKED.business == "interest",
            _BOOKED.posted_on == bindparam("settled_on", type_=Day),
            _BOOKED.reversal_of.is_(None),
            Entry.amount_cents != 0,
            ~_UNDONE,
        )
    )


def _settled_on(asked: Asked) -> Mapping[str, date]:
    return {"settled_on": fund_year(int(asked.values["year"]))[1] - _DAY}


INTEREST_STATEMENT = Register(
    key="interest_statement",
    title="单位结息对账单",
    sources=("CX-U13",),
    source=_interest,
    # The unit the interest was paid under, wherever the account lies now.
    reach=Reach(((_BOOKED.unit_account_no, _BOOKED.branch_code),)),
    order=(Order(_ACCOUNT.individual_account_no, "text"), Order(Entry.seq, "int")),
    newest_first=False,
    params=_settled_on,
    needs=("year",),
    noun="人",
    icon="percentage",
    empty="这个年度还没有结息，或没有符合条件的职工。",
    columns=(
        WHO[0],
        Column(name="name", label="职工姓名", of=Person.person_name, kind="name", phone="head"),
        WHO[2],
        Column(name="day", label="结息日期", of=_BOOKED.posted_on, kind="day"),
        _money(
            "before",
            "结息前余额",
            Entry.balance_cents - Entry.amount_cents,
            total=True,
            phone="off",
        ),
        _money("interest", "利息", Entry.amount_cents, total=True),
        _money("after", "本息合计", Entry.balance_cents, total=True, phone="key"),
    ),
    filters=(
        Filter(name="year", label="公积金年度", kind="fund_year", default="latest"),
        *ASK_WHO,
    ),
)

REGISTERS = (INDIVIDUAL_LEDGER, YEARLY_STATEMENT, UNIT_JOURNAL, INTEREST_STATEMENT)
