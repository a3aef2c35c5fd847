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
from handlers.registers.columns import (
    action,
    ask_choice,
    ask_days,
    ask_fund_year,
    ask_months,
    count,
    day,
    money,
    state,
)
from handlers.registers.declaring import Column, Drill, Order, Reach, Register
from handlers.registers.who import ACCOUNT, ASK_WHO, ID_NO, MEMBER, MEMBERS_REACH, NAME_ALONE, WHO

_ACCOUNT = IndividualAccount
_CHANNELS = {"hall": "网厅", "counter": "柜台", "bank": "银行"}
_DAY = timedelta(days=1)


# ── 个人明细账 ─────────────────────────────────────────────────────────────────────────────────

_COMES_IN = (Entry.amount_cents > 0) == Voucher.reversal_of.is_(None)
_MONTH = Column(
    name="month",
    label="汇缴年月",
    of=(Voucher.contribution_month, Voucher.contribution_month_to),
    read=lambda first, last: last or first,  # an entry of several months stands at the last
    phone="off",
)

INDIVIDUAL_LEDGER = Register(
    key="individual_ledger",
    title="个人明细账查询",
    sources=("SX-4.1", "XZ-6.1c"),
    source=select()
    .select_from(_ACCOUNT)
    .join(Person, Person.id == _ACCOUNT.person_id)
    .join(Entry, Entry.account_id == _ACCOUNT.ledger_account_id)
    .join(Voucher, Voucher.id == Entry.voucher_id),
    reach=MEMBERS_REACH,
    order=(Order(Entry.account_id, "int"), Order(Entry.seq, "int")),
    extra=MEMBER,
    needs=("name", "person", "account"),
    noun="笔",
    icon="receipt",
    empty="这段日期没有入账，可以放宽入账日期再查询。",
    columns=(
        *WHO,
        _MONTH,
        day("day", "入账日期", Voucher.posted_on),
        money(
            "income",
            "收入",
            case((_COMES_IN, Entry.amount_cents), else_=0),
            total=True,
            phone="key",
        ),
        money("expense", "支出", case((_COMES_IN, 0), else_=-Entry.amount_cents), total=True),
        money("balance", "余额", Entry.balance_cents),
        Column(name="text", label="业务类型", of=(Entry, Voucher), read=entry_wording, phone="row"),
    ),
    filters=(*ASK_WHO, ask_days("day", "入账日期", Voucher.posted_on)),
)


# ── 年度个人对账 ───────────────────────────────────────────────────────────────────────────────

# The books count days, accounts write dates: each end of the year is bound as both.
_FIRST, _LAST = bindparam("first", type_=Day), bindparam("last", type_=Day)
_FIRST_DATE, _LAST_DATE = bindparam("first_date", type_=Date), bindparam("last_date", type_=Date)


def _year(asked: Asked) -> Mapping[str, date]:
    first, end = fund_year(int(asked.values["year"]))
    last = end - _DAY
    return {"first": first, "last": last, "first_date": first, "last_date": last}


def _posted(what: Any, *when: ColumnElement[bool]) -> Any:
    return cast(func.coalesce(func.sum(case((and_(*when), what), else_=0)), 0), BigInteger)


_IN_YEAR = and_(Voucher.posted_on >= _FIRST, Voucher.posted_on <= _LAST)
_OWN = Entry.amount_cents - Entry.interest_cents
_IN = (_OWN > 0) == Voucher.reversal_of.is_(None)

YEARLY_STATEMENT = Register(
    key="yearly_statement",
    title="年度个人对账",
    sources=("SX-4.3",),
    # Who had an account in that year, with all their entries: one walk adds everything up.
    source=select()
    .select_from(_ACCOUNT)
    .join(Person, Person.id == _ACCOUNT.person_id)
    .outerjoin(Entry, Entry.account_id == _ACCOUNT.ledger_account_id)
    .outerjoin(Voucher, Voucher.id == Entry.voucher_id)
    .where(
        _ACCOUNT.opened_on <= _LAST_DATE,
        or_(_ACCOUNT.closed_on.is_(None), _ACCOUNT.closed_on >= _FIRST_DATE),
    ),
    reach=MEMBERS_REACH,
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
        money(
            "opening",
            "年初余额",
            _posted(Entry.amount_cents, Voucher.posted_on < _FIRST),
            total=True,
        ),
        money("income", "本年缴存", _posted(_OWN, _IN, _IN_YEAR), total=True),
        money("expense", "本年支出", _posted(-_OWN, ~_IN, _IN_YEAR), total=True),
        money("interest", "本年利息", _posted(Entry.interest_cents, _IN_YEAR), total=True),
        money(
            "closing",
            "年末余额",
            _posted(Entry.amount_cents, Voucher.posted_on <= _LAST),
            total=True,
            phone="key",
        ),
        action(
            "sheet",
            "个人对账单",
            _ACCOUNT.individual_account_no,
            text="查看",
            drill=Drill(
                "register:individual_ledger",
                {"account": "account_no", "day_from": "first", "day_to": "last"},
            ),
            phone="row",
        ),
    ),
    filters=(ask_fund_year(), *ASK_WHO),
)


# ── 单位流水账 ─────────────────────────────────────────────────────────────────────────────────

_UNDO = aliased(Voucher)
_UNDONE = select(_UNDO.id).where(_UNDO.reversal_of == Voucher.id).correlate(Voucher).exists()
_SIGNED = case((Voucher.reversal_of.is_(None), Voucher.credit_cents), else_=-Voucher.credit_cents)
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
_PRINCIPAL = _SIGNED - Voucher.interest_cents
_NET = cast(
    select(func.coalesce(func.sum(Entry.amount_cents), 0))
    .join(LedgerAccount, LedgerAccount.id == Entry.account_id)
    .where(Entry.voucher_id == Voucher.id, LedgerAccount.kind == "member")
    .correlate(Voucher)
    .scalar_subquery(),
    BigInteger,
)
_SIGN = case((Voucher.reversal_of.is_(None), 1), else_=-1)
_MOVED = (_NET - Voucher.interest_cents) * _SIGN  # of what a correction corrects
_IS_OUT, _IS_EITHER = Voucher.business.in_(_OUT), Voucher.business.in_(_EITHER_WAY)
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
_BRANCH_NAME = (
    select(Branch.name)
    .where(Branch.code == Voucher.branch_code)
    .correlate(Voucher)
    .scalar_subquery()
)

UNIT_JOURNAL = Register(
    key="unit_journal",
    title="单位流水账",
    sources=("XZ-6.2b", "SX-7.2", "CX-U09"),
    source=select().select_from(Voucher).where(Voucher.business.in_(_OF_MEMBERS)),
    reach=Reach(((Voucher.unit_account_no, Voucher.branch_code),)),
    order=(Order(Voucher.posted_on, "day"), Order(Voucher.id, "int")),
    noun="笔",
    icon="book",
    empty="这段日期没有入账，可以放宽日期或换一种业务类型。",
    columns=(
        day("day", "确认日期", Voucher.posted_on, phone="head"),
        Column(name="business", label="业务类型", of=Voucher, read=wording, phone="row"),
        _MONTH,
        count("headcount", "人数", Voucher.headcount),
        money("income", "收入", _INCOME, total=True),
        money("expense", "支出", _EXPENSE, total=True),
        money("interest", "利息", Voucher.interest_cents, total=True, phone="off"),
        money(
            "amount",
            "本息合计",
            _INCOME - _EXPENSE + Voucher.interest_cents,
            total=True,
            phone="key",
        ),
        Column(name="branch", label="经办单位", of=_BRANCH_NAME, phone="off"),
        state(
            case(
                (Voucher.reversal_of.is_not(None), _CORRECTION),
                (_UNDONE, _CORRECTED),
                else_=_RUNNING,
            ),
            {_RUNNING: "done", _CORRECTED: "stop", _CORRECTION: "wait"},
            label="业务状态",
        ),
        Column(name="channel", label="办理渠道", of=Voucher.channel, words=_CHANNELS, phone="off"),
        Column(name="voucher", label="凭证号", of=Voucher, read=lambda row: row.no, phone="off"),
    ),
    filters=(
        ask_choice(
            "business",
            "业务类型",
            {key: BUSINESSES[key].name for key in _OF_MEMBERS},
            Voucher.business,
        ),
        ask_days("day", "确认日期", Voucher.posted_on, default="year"),
        ask_months("month", "汇缴年月", Voucher.contribution_month),
    ),
)


# ── 单位结息对账单 ─────────────────────────────────────────────────────────────────────────────


def _settled_on(asked: Asked) -> Mapping[str, date]:
    return {"settled_on": fund_year(int(asked.values["year"]))[1] - _DAY}


INTEREST_STATEMENT = Register(
    key="interest_statement",
    title="单位结息对账单",
    sources=("CX-U13",),
    # From the unit's vouchers of one day, not from its people's entries of all years.
    source=select()
    .select_from(Voucher)
    .join(Entry, Entry.voucher_id == Voucher.id)
    .join(_ACCOUNT, _ACCOUNT.ledger_account_id == Entry.account_id)
    .join(Person, Person.id == _ACCOUNT.person_id)
    .where(
        Voucher.business == "interest",
        Voucher.posted_on == bindparam("settled_on", type_=Day),
        Voucher.reversal_of.is_(None),
        Entry.amount_cents != 0,
        ~_UNDONE,
    ),
    # The unit the interest was paid under, wherever the account lies now.
    reach=Reach(((Voucher.unit_account_no, Voucher.branch_code),)),
    order=(Order(_ACCOUNT.individual_account_no, "text"), Order(Entry.seq, "int")),
    newest_first=False,
    params=_settled_on,
    needs=("year",),
    noun="人",
    icon="percentage",
    empty="这个年度还没有结息，或没有符合条件的职工。",
    columns=(
        *(ACCOUNT, NAME_ALONE, ID_NO),
        day("day", "结息日期", Voucher.posted_on),
        money(
            "before",
            "结息前余额",
            Entry.balance_cents - Entry.amount_cents,
            total=True,
            phone="off",
        ),
        money("interest", "利息", Entry.amount_cents, total=True),
        money("after", "本息合计", Entry.balance_cents, total=True, phone="key"),
    ),
    filters=(ask_fund_year(), *ASK_WHO),
)

REGISTERS = (INDIVIDUAL_LEDGER, YEARLY_STATEMENT, UNIT_JOURNAL, INTEREST_STATEMENT)
