"""Registers of what a unit owes and pays: 汇缴, 补缴, their lines, payments, money not matched."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from handlers.banking.models import (
    METHODS,
    PAYMENT_STATES,
    RECEIPT_STATES,
    SUSPENDED,
    UNCLAIMED,
    BankReceipt,
    Payment,
)
from handlers.contributions.models import (
    BACK_PAYMENT,
    CANCELLED,
    REMITTANCE,
    REMITTANCE_KINDS,
    REMITTANCE_STATES,
    Remittance,
    RemittanceLine,
)
from handlers.registers import who
from handlers.registers.asking import Asked, on_days
from handlers.registers.declaring import Column, Drill, Filter, Order, Reach, Register
from handlers.registers.who import ASK_WHO, WHO, member_of

_DUE, _LINE = Remittance, RemittanceLine
_TOTAL = _DUE.unit_cents + _DUE.individual_cents
_TONES = {"已入账": "done", "已取消": "idle", "待收款": "wait", "入账中": "doing"}
_DUE_REACH = Reach(((_DUE.unit_account_no, _DUE.branch_code),))
_OPEN_MONEY = "open"  # the filter for money that waits to be dealt with


def _span(first: str, last: str) -> str:
    return f"{first} 至 {last}" if last and last != first else first


def _money(name: str, label: str, of: Any, **more: Any) -> Column:
    return Column(name=name, label=label, of=of, kind="money", total=True, **more)


def _dues(kind: str) -> Any:
    def source() -> Select[Any]:
        paid = Payment.id == _DUE.payment_id
        return select().select_from(_DUE).outerjoin(Payment, paid).where(_DUE.kind == kind)

    return source


_HEAD = (
    Column(
        name="headcount",
        label="人数",
        of=_DUE.headcount,
        kind="count",
        total=True,
    ),
    _money("unit", "单位缴存额", _DUE.unit_cents, phone="off"),
    _money("own", "职工缴存额", _DUE.individual_cents, phone="off"),
    _money("total", "合计", _TOTAL, phone="key"),
    Column(
        name="state",
        label="状态",
        of=_DUE.state,
        kind="state",
        words=REMITTANCE_STATES,
        tones=_TONES,
    ),
    Column(
        name="method",
        label="缴款方式",
        of=func.coalesce(Payment.method, ""),
        words=METHODS,
        phone="off",
    ),
    Column(name="assessed_on", label="核定日期", of=_DUE.assessed_on, kind="day", phone="off"),
    Column(name="posted_on", label="入账日期", of=_DUE.posted_on, kind="day"),
    Column(
        name="no",
        label="流水号",
        of=_DUE.assessed_no,
        phone="off",
        drill=Drill("request", {"no": "no"}),
    ),
    Column(
        name="lines",
        label="清册",
        of=_DUE.id,
        read=lambda _id: "查看",
        action=True,
        phone="row",
        drill=Drill("register:remittance_lines", {"remittance": "id"}),
    ),
    Column(
        name="slip",
        label="汇缴书",
        of=_DUE.id,
        read=lambda _id: "打印",
        action=True,
        phone="row",
        drill=Drill("slip", {"id": "id"}),
    ),
)
_EXTRA = {"id": _DUE.id, "no": _DUE.assessed_no, "state": _DUE.state}
_ASK_DUE = (
    Filter(name="assessed", label="核定日期", kind="days", of=_DUE.assessed_on, default="year"),
    Filter(name="month", label="汇缴年月", kind="months", of=_DUE.month),
    Filter(name="state", label="状态", kind="choice", of=_DUE.state, options=REMITTANCE_STATES),
)

REMITTANCES = Register(
    key="remittances",
    title="汇缴查询",
    sources=("SX-12.2", "QDN-03.2", "XZ-3", "DZ-U-06.7"),
    source=_dues(REMITTANCE),
    reach=_DUE_REACH,
    order=(Order(_DUE.month, "text"), Order(_DUE.id, "int")),
    extra=_EXTRA,
    noun="笔",
    icon="coins",
    empty="这段日期没有汇缴核定，可以放宽核定日期再查询。",
    columns=(
        Column(name="month", label="汇缴年月", of=_DUE.month, kind="month", phone="head"),
        *_HEAD,
    ),
    filters=_ASK_DUE,
)

BACK_PAYMENTS = Register(
    key="back_payments",
    title="补缴查询",
    sources=("SX-13.3",),
    source=_dues(BACK_PAYMENT),
    reach=_DUE_REACH,
    order=(Order(_DUE.month, "text"), Order(_DUE.id, "int")),
    extra=_EXTRA,
    noun="笔",
    icon="coins",
    empty="这段日期没有补缴核定，可以放宽核定日期再查询。",
    columns=(
        Column(
            name="month", label="补缴年月", of=(_DUE.month, _DUE.month_to), read=_span, phone="head"
        ),
        *_HEAD,
        Column(name="reason", label="补缴原因", of=_DUE.reason, kind="note", phone="off"),
    ),
    filters=_ASK_DUE,
)


def _lines() -> Select[Any]:
    source = select().select_from(_LINE).join(_DUE, _DUE.id == _LINE.remittance_id)
    return who.joined(source, _LINE.individual_account_id)


def _back_lines() -> Select[Any]:
    return _lines().where(_DUE.kind == BACK_PAYMENT, _DUE.state != CANCELLED)


_LINE_COLUMNS = (
    *WHO,
    Column(name="month", label="汇缴年月", of=_LINE.month, kind="month"),
    Column(name="base", label="缴存基数", of=_LINE.base_cents, kind="money", phone="off"),
    _money("unit", "单位缴存额", _LINE.unit_cents, phone="off"),
    _money("own", "职工缴存额", _LINE.individual_cents, phone="off"),
    _money("total", "合计", _LINE.unit_cents + _LINE.individual_cents, phone="key"),
)
_LINE_ORDER = (Order(_LINE.remittance_id, "int"), Order(_LINE.position, "int"))
_LINE_STATE = Column(
    name="state",
    label="业务状态",
    of=_DUE.state,
    kind="state",
    words=REMITTANCE_STATES,
    tones=_TONES,
)

REMITTANCE_LINES = Register(
    key="remittance_lines",
    title="汇缴清册",
    sources=("QDN-03.2", "SX-12.2", "SX-13.3"),
    source=_lines,
    reach=_DUE_REACH,
    order=_LINE_ORDER,
    newest_first=False,
    extra=member_of(_DUE.unit_account_no),
    needs=("remittance", "name", "person", "account"),
    noun="人",
    icon="clipboard-list",
    columns=(
        *_LINE_COLUMNS,
        Column(name="kind", label="业务类型", of=_DUE.kind, words=REMITTANCE_KINDS, phone="off"),
        _LINE_STATE,
    ),
    filters=(
        Filter(name="remittance", label="核定", kind="number", of=_LINE.remittance_id),
        Filter(name="month", label="汇缴年月", kind="months", of=_LINE.month),
        *ASK_WHO,
    ),
)

BACK_PAYMENT_ROSTER = Register(
    key="back_payment_roster",
    title="补缴清册查询",
    sources=("XZ-6.2d",),
    source=_back_lines,
    reach=_DUE_REACH,
    order=_LINE_ORDER,
    extra=member_of(_DUE.unit_account_no) | {"no": _DUE.assessed_no},
    icon="clipboard-list",
    empty="这段时间没有补缴，可以放宽核定日期再查询。",
    columns=(
        *_LINE_COLUMNS,
        Column(name="reason", label="补缴原因", of=_DUE.reason, kind="note", phone="off"),
        Column(name="assessed_on", label="核定日期", of=_DUE.assessed_on, kind="day", phone="off"),
        Column(
            name="no",
            label="流水号",
            of=_DUE.assessed_no,
            phone="off",
            drill=Drill("request", {"no": "no"}),
        ),
        _LINE_STATE,
    ),
    filters=(
        Filter(name="month", label="补缴年月", kind="months", of=_LINE.month),
        Filter(
            name="assessed",
            label="核定日期",
            kind="days",
            of=_DUE.assessed_on,
            default="year",
        ),
        *ASK_WHO,
    ),
)


# ── payments and what the bank says ────────────────────────────────────────────────────────────


def _payments() -> Select[Any]:
    return select().select_from(Payment)


PAYMENTS = Register(
    key="payments",
    title="付款记录查询",
    sources=("XZ-6.3b", "XZ-3"),
    source=_payments,
    reach=Reach(((Payment.unit_account_no, Payment.branch_code),)),
    order=(Order(Payment.id, "int"),),
    extra={"no": Payment.no},
    noun="笔",
    icon="wallet",
    empty="这段日期没有付款，可以放宽登记日期再查询。",
    columns=(
        Column(name="slip_no", label="缴款单号", of=Payment.slip_no, phone="head"),
        Column(name="at", label="登记时间", of=Payment.registered_at, kind="moment", phone="row"),
        Column(
            name="purpose",
            label="用途",
            of=Payment.purpose,
            words={"remittance": "汇补缴", "advance": "预缴"},
            phone="off",
        ),
        Column(name="method", label="缴款方式", of=Payment.method, words=METHODS),
        _money("amount", "金额", Payment.amount_cents, phone="key"),
        Column(
            name="state",
            label="状态",
            of=Payment.state,
            kind="state",
            words=PAYMENT_STATES,
            tones={"已缴款": "done", "待收款": "wait", "扣款中": "doing", "扣款失败": "stop"},
        ),
        Column(name="result", label="银行回应", of=Payment.result, kind="note", phone="off"),
        Column(name="paid_on", label="到账日期", of=Payment.paid_on, kind="day"),
        Column(name="by", label="经办人", of=Payment.registered_by, phone="off"),
        Column(
            name="no",
            label="流水号",
            of=Payment.no,
            phone="off",
            drill=Drill("request", {"no": "no"}),
        ),
    ),
    filters=(
        Filter(
            name="day",
            label="登记日期",
            kind="days",
            default="year",
            where=on_days(Payment.registered_at),
        ),
        Filter(name="method", label="缴款方式", kind="choice", of=Payment.method, options=METHODS),
        Filter(name="state", label="状态", kind="choice", of=Payment.state, options=PAYMENT_STATES),
    ),
)


def _receipts() -> Select[Any]:
    return select().select_from(BankReceipt)


def _receipt_state(value: str, _asked: Asked) -> ColumnElement[bool]:
    if value == _OPEN_MONEY:
        return BankReceipt.state.in_((UNCLAIMED, SUSPENDED))
    return BankReceipt.state == value


SUSPENSE = Register(
    key="suspense",
    title="汇补缴不符暂存款查询",
    sources=("SX-7.3",),
    source=_receipts,
    reach=Reach(((BankReceipt.unit_account_no, BankReceipt.branch_code),)),
    order=(Order(BankReceipt.id, "int"),),
    narrow=False,  # a branch's receipts lie together in an index of their own
    noun="笔",
    icon="cash",
    empty="没有暂存款。汇款金额与核定金额不符时，款项会先记在这里，请及时与中心联系清理。",
    columns=(
        Column(name="arrived_on", label="到账日期", of=BankReceipt.arrived_on, kind="day"),
        Column(name="serial", label="银行流水号", of=BankReceipt.bank_serial, phone="off"),
        Column(name="payer", label="付款户名", of=BankReceipt.payer_name, phone="head"),
        Column(
            name="payer_account",
            label="付款账号",
            of=BankReceipt.payer_account_no,
            kind="card",
            phone="off",
        ),
        _money("amount", "到账金额", BankReceipt.amount_cents),
        _money("open", "暂存余额", BankReceipt.open_cents, phone="key"),
        Column(
            name="state",
            label="状态",
            of=BankReceipt.state,
            kind="state",
            words=RECEIPT_STATES,
            tones={"已匹配": "done", "已清理": "done", "待认领": "stop", "暂存": "wait"},
        ),
        Column(name="why", label="未匹配原因", of=BankReceipt.why, kind="note", phone="row"),
        Column(name="memo", label="附言", of=BankReceipt.memo, kind="note", phone="off"),
        Column(
            name="settled_at",
            label="清理时间",
            of=BankReceipt.settled_at,
            kind="moment",
            phone="off",
        ),
    ),
    filters=(
        Filter(
            name="arrived",
            label="到账日期",
            kind="days",
            of=BankReceipt.arrived_on,
            default="year",
        ),
        Filter(
            name="state",
            label="状态",
            kind="choice",
            options={_OPEN_MONEY: "未清理"} | RECEIPT_STATES,
            where=_receipt_state,
        ),
    ),
)

REGISTERS = (
    *(REMITTANCES, REMITTANCE_LINES, BACK_PAYMENTS),
    *(BACK_PAYMENT_ROSTER, PAYMENTS, SUSPENSE),
)
