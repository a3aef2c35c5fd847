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
from handlers.registers.columns import (
    action,
    ask_choice,
    ask_days,
    ask_months,
    by,
    count,
    day,
    moment,
    money,
    month,
    note,
    request_no,
    state,
)
from handlers.registers.declaring import Column, Drill, Filter, Order, Reach, Register
from handlers.registers.who import ASK_WHO, WHO, member_of

_DUE, _LINE = Remittance, RemittanceLine
_TOTAL = _DUE.unit_cents + _DUE.individual_cents
_STATE_TONES = {"已入账": "done", "待收款": "wait", "入账中": "doing"}
_DUE_REACH = Reach(((_DUE.unit_account_no, _DUE.branch_code),))
_DUE_ORDER = (Order(_DUE.month, "text"), Order(_DUE.id, "int"))
_OPEN_MONEY = "open"  # the filter for money that waits to be dealt with


def _span(first: str, last: str) -> str:
    return f"{first} 至 {last}" if last and last != first else first


def _dues(kind: str) -> Select[Any]:
    paid = Payment.id == _DUE.payment_id
    return select().select_from(_DUE).outerjoin(Payment, paid).where(_DUE.kind == kind)


_DUE_COLUMNS = (
    count("headcount", "人数", _DUE.headcount, total=True),
    money("unit", "单位缴存额", _DUE.unit_cents, total=True, phone="off"),
    money("own", "职工缴存额", _DUE.individual_cents, total=True, phone="off"),
    money("total", "合计", _TOTAL, total=True, phone="key"),
    state(_DUE.state, _STATE_TONES, words=REMITTANCE_STATES),
    Column(
        name="method",
        label="缴款方式",
        of=func.coalesce(Payment.method, ""),
        words=METHODS,
        phone="off",
    ),
    day("assessed_on", "核定日期", _DUE.assessed_on, phone="off"),
    day("posted_on", "入账日期", _DUE.posted_on),
    request_no(_DUE.assessed_no, phone="off"),
    action(
        "lines",
        "清册",
        _DUE.id,
        text="查看",
        drill=Drill("register:remittance_lines", {"remittance": "id"}),
        phone="end",
    ),
    action("slip", "汇缴书", _DUE.id, text="打印", drill=Drill("slip", {"id": "id"}), phone="end"),
)
_DUE_EXTRA = {"id": _DUE.id, "no": _DUE.assessed_no}
_ASK_ASSESSED = ask_days("assessed", "核定日期", _DUE.assessed_on, default="year")
_ASK_DUE = (
    _ASK_ASSESSED,
    ask_months("month", "汇缴年月", _DUE.month),
    ask_choice("state", "状态", REMITTANCE_STATES, _DUE.state),
)
_BACK_REASON = note("reason", "补缴原因", _DUE.reason)

REMITTANCES = Register(
    key="remittances",
    title="汇缴查询",
    sources=("SX-12.2", "QDN-03.2", "XZ-3", "DZ-U-06.7"),
    source=_dues(REMITTANCE),
    reach=_DUE_REACH,
    order=_DUE_ORDER,
    extra=_DUE_EXTRA,
    noun="笔",
    icon="coins",
    empty="这段日期没有汇缴核定，可以放宽核定日期再查询。",
    columns=(month("month", "汇缴年月", _DUE.month, phone="head"), *_DUE_COLUMNS),
    filters=_ASK_DUE,
)

BACK_PAYMENTS = Register(
    key="back_payments",
    title="补缴查询",
    sources=("SX-13.3",),
    source=_dues(BACK_PAYMENT),
    reach=_DUE_REACH,
    order=_DUE_ORDER,
    extra=_DUE_EXTRA,
    noun="笔",
    icon="coins",
    empty="这段日期没有补缴核定，可以放宽核定日期再查询。",
    columns=(
        Column(
            name="month", label="补缴年月", of=(_DUE.month, _DUE.month_to), read=_span, phone="head"
        ),
        *_DUE_COLUMNS,
        _BACK_REASON,
    ),
    filters=_ASK_DUE,
)

_LINES = who.joined(
    select().select_from(_LINE).join(_DUE, _DUE.id == _LINE.remittance_id),
    _LINE.individual_account_id,
)
_LINE_COLUMNS = (
    *WHO,
    month("month", "汇缴年月", _LINE.month),
    money("base", "缴存基数", _LINE.base_cents, phone="off"),
    money("unit", "单位缴存额", _LINE.unit_cents, total=True, phone="off"),
    money("own", "职工缴存额", _LINE.individual_cents, total=True, phone="off"),
    money("total", "合计", _LINE.unit_cents + _LINE.individual_cents, total=True, phone="key"),
)
_LINE_ORDER = (Order(_LINE.remittance_id, "int"), Order(_LINE.position, "int"))
_LINE_STATE = state(_DUE.state, _STATE_TONES, label="业务状态", words=REMITTANCE_STATES)

REMITTANCE_LINES = Register(
    key="remittance_lines",
    title="汇缴清册",
    sources=("QDN-03.2", "SX-12.2", "SX-13.3"),
    source=_LINES,
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
        ask_months("month", "汇缴年月", _LINE.month),
        *ASK_WHO,
    ),
)

BACK_PAYMENT_ROSTER = Register(
    key="back_payment_roster",
    title="补缴清册查询",
    sources=("XZ-6.2d",),
    source=_LINES.where(_DUE.kind == BACK_PAYMENT, _DUE.state != CANCELLED),
    reach=_DUE_REACH,
    order=_LINE_ORDER,
    extra=member_of(_DUE.unit_account_no) | {"no": _DUE.assessed_no},
    icon="clipboard-list",
    empty="这段时间没有补缴，可以放宽核定日期再查询。",
    columns=(
        *_LINE_COLUMNS,
        _BACK_REASON,
        day("assessed_on", "核定日期", _DUE.assessed_on, phone="off"),
        request_no(_DUE.assessed_no, phone="off"),
        _LINE_STATE,
    ),
    filters=(ask_months("month", "补缴年月", _LINE.month), _ASK_ASSESSED, *ASK_WHO),
)


# ── payments and what the bank says ────────────────────────────────────────────────────────────

PAYMENTS = Register(
    key="payments",
    title="付款记录查询",
    sources=("XZ-6.3b", "XZ-3"),
    source=select().select_from(Payment),
    reach=Reach(((Payment.unit_account_no, Payment.branch_code),)),
    order=(Order(Payment.id, "int"),),
    extra={"no": Payment.no},
    noun="笔",
    icon="wallet",
    empty="这段日期没有付款，可以放宽登记日期再查询。",
    columns=(
        Column(name="slip_no", label="缴款单号", of=Payment.slip_no, phone="head"),
        moment("at", "登记时间", Payment.registered_at, phone="row"),
        Column(
            name="purpose",
            label="用途",
            of=Payment.purpose,
            words={"remittance": "汇补缴", "advance": "预缴"},
            phone="off",
        ),
        Column(name="method", label="缴款方式", of=Payment.method, words=METHODS),
        money("amount", "金额", Payment.amount_cents, total=True, phone="key"),
        state(
            Payment.state,
            {"已缴款": "done", "待收款": "wait", "扣款中": "doing", "扣款失败": "stop"},
            words=PAYMENT_STATES,
        ),
        note("result", "银行回应", Payment.result),
        day("paid_on", "到账日期", Payment.paid_on),
        by(Payment.registered_by),
        request_no(Payment.no, phone="off"),
    ),
    filters=(
        ask_days("day", "登记日期", default="year", where=on_days(Payment.registered_at)),
        ask_choice("method", "缴款方式", METHODS, Payment.method),
        ask_choice("state", "状态", PAYMENT_STATES, Payment.state),
    ),
)


def _receipt_state(value: str, _asked: Asked) -> ColumnElement[bool]:
    if value == _OPEN_MONEY:
        return BankReceipt.state.in_((UNCLAIMED, SUSPENDED))
    return BankReceipt.state == value


SUSPENSE = Register(
    key="suspense",
    title="汇补缴不符暂存款查询",
    sources=("SX-7.3",),
    source=select().select_from(BankReceipt),
    reach=Reach(((BankReceipt.unit_account_no, BankReceipt.branch_code),)),
    order=(Order(BankReceipt.id, "int"),),
    narrow=False,  # a branch's receipts lie together in an index of their own
    noun="笔",
    icon="cash",
    empty="没有暂存款。汇款金额与核定金额不符时，款项会先记在这里，请及时与中心联系清理。",
    columns=(
        day("arrived_on", "到账日期", BankReceipt.arrived_on),
        Column(name="serial", label="银行流水号", of=BankReceipt.bank_serial, phone="off"),
        Column(name="payer", label="付款户名", of=BankReceipt.payer_name, phone="head"),
        Column(
            name="payer_account",
            label="付款账号",
            of=BankReceipt.payer_account_no,
            kind="bank_card",
            phone="off",
        ),
        money("amount", "到账金额", BankReceipt.amount_cents, total=True),
        money("open", "暂存余额", BankReceipt.open_cents, total=True, phone="key"),
        state(
            BankReceipt.state,
            {"已匹配": "done", "已清理": "done", "待认领": "stop", "暂存": "wait"},
            words=RECEIPT_STATES,
        ),
        note("why", "未匹配原因", BankReceipt.why, phone="row"),
        note("memo", "附言", BankReceipt.memo),
        moment("settled_at", "清理时间", BankReceipt.settled_at),
    ),
    filters=(
        ask_days("arrived", "到账日期", BankReceipt.arrived_on, default="year"),
        ask_choice(
            "state",
            "状态",
            {_OPEN_MONEY: "未清理"} | RECEIPT_STATES,
            where=_receipt_state,
            default="first",
        ),
    ),
)

REGISTERS = (
    *(REMITTANCES, REMITTANCE_LINES, BACK_PAYMENTS),
    *(BACK_PAYMENT_ROSTER, PAYMENTS, SUSPENSE),
)
