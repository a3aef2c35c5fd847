"""Registers of a unit's people: accounts, loans and what was repaid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, select
from sqlalchemy.orm import aliased

from handlers.ledger.models import LedgerAccount
from handlers.loans.models import Loan, LoanRepayment
from handlers.members.codes import ACCOUNT_STATUSES, CLOSED, FROZEN, NORMAL, SEALED
from handlers.members.models import IndividualAccount, Person
from handlers.members.queries import CLOSED_KINDS
from handlers.registers.asking import Asked
from handlers.registers.declaring import Column, Drill, Filter, Order, Reach, Register
from handlers.registers.who import ACCOUNT, ASK_WHO, ID_NO, MEMBER, NAME, STATUS_TONES, WHO
from handlers.units.rules import rates_text

_ACCOUNT = IndividualAccount
_NORMAL = _ACCOUNT.account_status == NORMAL
_MONTHLY = _ACCOUNT.unit_monthly_amount_cents + _ACCOUNT.individual_monthly_amount_cents
_STATUSES = {code: "销户" if code in CLOSED else words for code, words in ACCOUNT_STATUSES.items()}
_LOAN_STATES = {"normal": "正常", "overdue": "逾期", "settled": "结清"}


def _members() -> Select[Any]:
    return (
        select()
        .select_from(_ACCOUNT)
        .join(Person, Person.id == _ACCOUNT.person_id)
        .join(LedgerAccount, LedgerAccount.id == _ACCOUNT.ledger_account_id)
    )


def _status(value: str, _asked: Asked) -> ColumnElement[bool]:
    if value == CLOSED_KINDS:
        return _ACCOUNT.account_status.in_(CLOSED)
    return _ACCOUNT.account_status == value


def _card(bank: str, number: str) -> str:
    """建设银行 8765: which bank, and how the number ends."""
    return f"{bank} {number[-4:]}".strip()


def _rates(unit: Decimal, individual: Decimal) -> str:
    return str(rates_text(unit, individual))


MEMBERS = Register(
    key="members",
    title="职工信息查询",
    sources=("XZ-6.1a", "CX-U07", "QDN-06.1", "SX-4.2"),
    source=_members,
    reach=Reach(((_ACCOUNT.unit_account_no, _ACCOUNT.branch_code),)),
    order=(Order(_ACCOUNT.individual_account_no, "text"),),
    newest_first=False,
    extra=MEMBER,
    noun="人",
    page="members.index",
    icon="users",
    empty="职工开户后会出现在这里。",
    columns=(
        *WHO,
        Column(name="mobile", label="手机号", of=Person.mobile, kind="mobile", phone="off"),
        Column(
            name="status",
            label="账户状态",
            of=_ACCOUNT.account_status,
            kind="state",
            words=_STATUSES,
            tones=STATUS_TONES,
        ),
        Column(name="opened_on", label="开户日期", of=_ACCOUNT.opened_on, kind="day", phone="off"),
        Column(name="month", label="汇缴年月", of=_ACCOUNT.paid_through_month, kind="month"),
        Column(
            name="rates",
            label="缴存比例",
            of=(_ACCOUNT.unit_rate, _ACCOUNT.individual_rate),
            read=_rates,
            phone="off",
        ),
        # 月缴存额 and 工资基数 of 正常 accounts alone, like the sums of the page
        Column(
            name="base",
            label="工资基数",
            of=case((_NORMAL, _ACCOUNT.contribution_base_cents), else_=None),
            kind="money",
            total=True,
            phone="off",
        ),
        Column(
            name="monthly",
            label="月缴存额",
            of=case((_NORMAL, _MONTHLY), else_=None),
            kind="money",
            total=True,
        ),
        Column(
            name="balance",
            label="余额",
            of=LedgerAccount.balance_cents,
            kind="money",
            total=True,
            phone="key",
        ),
        Column(
            name="card",
            label="联名卡",
            of=(_ACCOUNT.joint_card_bank, _ACCOUNT.joint_card_no),
            read=_card,
            phone="off",
        ),
    ),
    filters=(
        *ASK_WHO,
        Filter(
            name="status",
            label="账户状态",
            kind="choice",
            options={
                NORMAL: "正常",
                SEALED: "封存",
                FROZEN: "冻结",
                CLOSED_KINDS: "销户",
            },
            where=_status,
        ),
        Filter(name="opened", label="开户日期", kind="days", of=_ACCOUNT.opened_on),
    ),
)


def _loans() -> Select[Any]:
    """A borrower with two accounts in a unit (before their merge) is one borrower there."""
    other = aliased(_ACCOUNT)
    earlier = select(other.id).where(
        other.person_id == _ACCOUNT.person_id,
        other.unit_account_no == _ACCOUNT.unit_account_no,
        other.id < _ACCOUNT.id,
    )
    return (
        select()
        .select_from(Loan)
        .join(_ACCOUNT, and_(_ACCOUNT.person_id == Loan.person_id, ~earlier.exists()))
        .join(Person, Person.id == Loan.person_id)
        .join(LedgerAccount, LedgerAccount.id == Loan.ledger_account_id)
    )


_MEMBERS_REACH = Reach(((_ACCOUNT.unit_account_no, _ACCOUNT.branch_code),))
_LOAN_STATE = Column(
    name="state",
    label="贷款状态",
    of=Loan.loan_status,
    kind="state",
    words=_LOAN_STATES,
    tones={"正常": "done", "逾期": "stop"},
)

MEMBER_LOANS = Register(
    key="member_loans",
    title="职工贷款查询",
    sources=("XZ-6.1d",),
    source=_loans,
    reach=_MEMBERS_REACH,
    order=(Order(Loan.id, "int"), Order(_ACCOUNT.id, "int")),
    extra=MEMBER | {"loan": Loan.id},
    noun="笔",
    icon="home-dollar",
    empty="本单位职工没有住房公积金贷款，或可以减少条件再查询。",
    columns=(
        *WHO,
        Column(
            name="contract",
            label="借款合同号",
            of=Loan.loan_contract_no,
            phone="row",
            drill=Drill("register:loan_repayments", {"loan": "loan"}),
        ),
        Column(name="disbursed_on", label="放款日期", of=Loan.disbursed_on, kind="day"),
        Column(
            name="amount",
            label="贷款金额",
            of=Loan.contract_amount_cents,
            kind="money",
            total=True,
            phone="off",
        ),
        Column(name="periods", label="期数", of=Loan.periods, kind="count", phone="off"),
        Column(name="rate", label="年利率", of=Loan.loan_rate, kind="rate", phone="off"),
        Column(
            name="balance",
            label="贷款余额",
            of=-LedgerAccount.balance_cents,  # 委托贷款 is a debit account
            kind="money",
            total=True,
            phone="key",
        ),
        Column(name="due", label="到期日期", of=Loan.due_maturity, kind="day", phone="off"),
        _LOAN_STATE,
    ),
    filters=(
        *ASK_WHO,
        Filter(
            name="state", label="贷款状态", kind="choice", of=Loan.loan_status, options=_LOAN_STATES
        ),
    ),
)


def _repayments() -> Select[Any]:
    return _loans().join(LoanRepayment, LoanRepayment.loan_id == Loan.id)


_PART = LoanRepayment
LOAN_REPAYMENTS = Register(
    key="loan_repayments",
    title="还款信息查询",
    sources=("XZ-6.1d",),
    source=_repayments,
    reach=_MEMBERS_REACH,
    order=(Order(_PART.id, "int"), Order(_ACCOUNT.id, "int")),
    extra=MEMBER,
    needs=("loan", "name", "person", "account"),
    noun="笔",
    icon="home-dollar",
    empty="这段时间没有还款，可以放宽还款日期再查询。",
    columns=(
        ACCOUNT,
        NAME,
        ID_NO,
        Column(name="contract", label="借款合同号", of=Loan.loan_contract_no, phone="off"),
        Column(name="period", label="期次", of=_PART.period, kind="count"),
        Column(name="due_on", label="应还日期", of=_PART.due_on, kind="day", phone="off"),
        Column(name="repaid_on", label="还款日期", of=_PART.repaid_on, kind="day"),
        Column(
            name="principal",
            label="归还本金",
            of=_PART.principal_cents,
            kind="money",
            total=True,
            phone="key",
        ),
        Column(name="interest", label="利息", of=_PART.interest_cents, kind="money", total=True),
        Column(name="penalty", label="罚息", of=_PART.penalty_cents, kind="money", total=True),
        Column(name="balance", label="贷款余额", of=_PART.balance_cents, kind="money"),
    ),
    filters=(
        *ASK_WHO,
        Filter(name="loan", label="贷款", kind="number", of=Loan.id),
        Filter(name="repaid", label="还款日期", kind="days", of=_PART.repaid_on, default="year"),
    ),
)

REGISTERS = (MEMBERS, MEMBER_LOANS, LOAN_REPAYMENTS)
