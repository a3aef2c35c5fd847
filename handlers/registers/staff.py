"""Registers of a unit's people: accounts, loans and what was repaid."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, select
from sqlalchemy.orm import aliased

from handlers.ledger.models import LedgerAccount
from handlers.loans.models import Loan, LoanRepayment
from handlers.members.codes import ACCOUNT_STATUSES, CLOSED, FROZEN, NORMAL, SEALED
from handlers.members.models import IndividualAccount, Person
from handlers.members.queries import CLOSED_KINDS
from handlers.registers.asking import Asked
from handlers.registers.columns import ask_choice, ask_days, count, day, money, month, rate, state
from handlers.registers.declaring import Column, Drill, Filter, Order, Register
from handlers.registers.who import ASK_WHO, MEMBER, MEMBERS_REACH, STATUS_TONES, WHO
from handlers.units.rules import rates_text

_ACCOUNT = IndividualAccount
_NORMAL = _ACCOUNT.account_status == NORMAL
_MONTHLY = _ACCOUNT.unit_monthly_amount_cents + _ACCOUNT.individual_monthly_amount_cents
_STATUSES = {code: "销户" if code in CLOSED else words for code, words in ACCOUNT_STATUSES.items()}
_ASK_STATUS = {NORMAL: "正常", SEALED: "封存", FROZEN: "冻结", CLOSED_KINDS: "销户"}


def _status(value: str, _asked: Asked) -> ColumnElement[bool]:
    if value == CLOSED_KINDS:
        return _ACCOUNT.account_status.in_(CLOSED)
    return _ACCOUNT.account_status == value


def _card(bank: str, number: str) -> str:
    """建设银行 8765: which bank, and how the number ends."""
    return f"{bank} {number[-4:]}".strip()


MEMBERS = Register(
    key="members",
    title="职工信息查询",
    sources=("XZ-6.1a", "CX-U07", "QDN-06.1", "SX-4.2"),
    source=select()
    .select_from(_ACCOUNT)
    .join(Person, Person.id == _ACCOUNT.person_id)
    .join(LedgerAccount, LedgerAccount.id == _ACCOUNT.ledger_account_id),
    reach=MEMBERS_REACH,
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
        day("opened_on", "开户日期", _ACCOUNT.opened_on, phone="off"),
        month("month", "汇缴年月", _ACCOUNT.paid_through_month),
        Column(
            name="rates",
            label="缴存比例",
            of=(_ACCOUNT.unit_rate, _ACCOUNT.individual_rate),
            read=rates_text,
            phone="off",
        ),
        # 月缴存额 and 工资基数 of 正常 accounts alone, like the sums of the page
        money(
            "base",
            "工资基数",
            case((_NORMAL, _ACCOUNT.contribution_base_cents), else_=None),
            total=True,
            phone="off",
        ),
        money("monthly", "月缴存额", case((_NORMAL, _MONTHLY), else_=None), total=True),
        money("balance", "余额", LedgerAccount.balance_cents, total=True, phone="key"),
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
        ask_choice("status", "账户状态", _ASK_STATUS, where=_status),
        ask_days("opened", "开户日期", _ACCOUNT.opened_on),
    ),
)


# ── loans ──────────────────────────────────────────────────────────────────────────────────────


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


_LOAN_STATES = {"normal": "正常", "overdue": "逾期", "settled": "结清"}

MEMBER_LOANS = Register(
    key="member_loans",
    title="职工贷款查询",
    sources=("XZ-6.1d",),
    source=_loans(),
    reach=MEMBERS_REACH,
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
        day("disbursed_on", "放款日期", Loan.disbursed_on),
        money("amount", "贷款金额", Loan.contract_amount_cents, total=True, phone="off"),
        count("periods", "期数", Loan.periods, phone="off"),
        rate("rate", "年利率", Loan.loan_rate, phone="off"),
        # 委托贷款 is a debit account
        money("balance", "贷款余额", -LedgerAccount.balance_cents, total=True, phone="key"),
        day("due", "到期日期", Loan.due_maturity, phone="off"),
        state(
            Loan.loan_status,
            {"正常": "done", "逾期": "stop"},
            label="贷款状态",
            words=_LOAN_STATES,
        ),
    ),
    filters=(*ASK_WHO, ask_choice("state", "贷款状态", _LOAN_STATES, Loan.loan_status)),
)

_PART = LoanRepayment

LOAN_REPAYMENTS = Register(
    key="loan_repayments",
    title="还款信息查询",
    sources=("XZ-6.1d",),
    source=_loans().join(_PART, _PART.loan_id == Loan.id),
    reach=MEMBERS_REACH,
    order=(Order(_PART.id, "int"), Order(_ACCOUNT.id, "int")),
    extra=MEMBER,
    needs=("loan", "name", "person", "account"),
    noun="笔",
    icon="home-dollar",
    empty="这段时间没有还款，可以放宽还款日期再查询。",
    columns=(
        *WHO,
        Column(name="contract", label="借款合同号", of=Loan.loan_contract_no, phone="off"),
        count("period", "期次", _PART.period),
        day("due_on", "应还日期", _PART.due_on, phone="off"),
        day("repaid_on", "还款日期", _PART.repaid_on),
        money("principal", "归还本金", _PART.principal_cents, total=True, phone="key"),
        money("interest", "利息", _PART.interest_cents, total=True),
        money("penalty", "罚息", _PART.penalty_cents, total=True),
        money("balance", "贷款余额", _PART.balance_cents),
    ),
    filters=(
        *ASK_WHO,
        Filter(name="loan", label="贷款", kind="number", of=Loan.id),
        ask_days("repaid", "还款日期", _PART.repaid_on, default="year"),
    ),
)

REGISTERS = (MEMBERS, MEMBER_LOANS, LOAN_REPAYMENTS)
