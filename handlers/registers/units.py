"""Registers about the unit itself: its registration, what was changed in it, rates, assessments."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from handlers.contributions.models import AnnualAssessment, UnitRateChange
from handlers.registers.asking import on_days
from handlers.registers.declaring import Column, Drill, Filter, Order, Reach, Register
from handlers.units.codes import ECONOMIC_TYPES, UNIT_STATUSES
from handlers.units.models import Unit, UnitChange
from handlers.units.rules import rates_text

_REQUEST = Drill("request", {"no": "no"})


def _units() -> Select[Any]:
    return select().select_from(Unit)


UNIT_REGISTRATION = Register(
    key="unit_registration",
    title="单位缴存登记查询",
    sources=("CX-U14",),
    source=_units,
    reach=Reach(((Unit.unit_account_no, Unit.branch_code),)),
    order=(Order(Unit.unit_account_no, "text"),),
    newest_first=False,
    narrow=False,
    extra={"unit": Unit.unit_account_no},
    noun="个单位",
    icon="building-community",
    empty="没有符合条件的单位，可以减少条件再查询。",
    columns=(
        Column(name="account", label="单位账号", of=Unit.unit_account_no, phone="row"),
        Column(
            name="name",
            label="单位名称",
            of=Unit.unit_name,
            phone="head",
            drill=Drill("unit", {"account_no": "unit"}),
        ),
        Column(name="uscc", label="统一社会信用代码", of=Unit.uscc, phone="off"),
        Column(
            name="type",
            label="单位性质",
            of=Unit.unit_economic_type,
            words=ECONOMIC_TYPES,
            phone="off",
        ),
        Column(name="opened_on", label="缴存登记日期", of=Unit.unit_opened_on, kind="day"),
        Column(
            name="rates",
            label="缴存比例",
            of=(Unit.unit_rate, Unit.individual_rate),
            read=rates_text,
            phone="off",
        ),
        Column(name="active", label="汇缴人数", of=Unit.active_headcount, kind="count", total=True),
        Column(
            name="sealed",
            label="封存人数",
            of=Unit.sealed_headcount,
            kind="count",
            total=True,
            phone="off",
        ),
        Column(name="paid_through", label="缴至年月", of=Unit.paid_through_month, kind="month"),
        Column(
            name="status",
            label="缴存状态",
            of=Unit.unit_status,
            kind="state",
            words=UNIT_STATUSES,
            tones={"正常": "done", "缓缴": "wait"},
        ),
    ),
    filters=(
        Filter(
            name="status",
            label="缴存状态",
            kind="choice",
            of=Unit.unit_status,
            options=UNIT_STATUSES,
        ),
        Filter(name="opened", label="缴存登记日期", kind="days", of=Unit.unit_opened_on),
    ),
)


def _changes() -> Select[Any]:
    found = select().select_from(UnitChange)
    return found.join(Unit, Unit.unit_account_no == UnitChange.unit_account_no)


UNIT_CHANGES = Register(
    key="unit_changes",
    title="单位信息变更记录",
    sources=("SX-6.2", "QDN-04", "XZ-6.3a"),
    source=_changes,
    # the change's own column, for its index; a unit stays with its branch
    reach=Reach(((UnitChange.unit_account_no, Unit.branch_code),)),
    order=(Order(UnitChange.changed_at, "moment"), Order(UnitChange.id, "int")),
    extra={"no": UnitChange.no},
    icon="history",
    empty="这段日期没有变更单位信息，可以放宽变更日期再查询。",
    columns=(
        Column(name="at", label="变更时间", of=UnitChange.changed_at, kind="moment", phone="row"),
        Column(name="label", label="变更项目", of=UnitChange.label, phone="head"),
        Column(name="old", label="变更前", of=UnitChange.old_text, kind="note", phone="row"),
        Column(name="new", label="变更后", of=UnitChange.new_text, kind="note", phone="row"),
        Column(name="by", label="办理人", of=UnitChange.changed_by, phone="off"),
        Column(name="no", label="流水号", of=UnitChange.no, drill=_REQUEST),
        Column(
            name="receipt",
            label="凭证",
            of=UnitChange.no,
            read=lambda _no: "打印",
            action=True,
            drill=Drill("receipt", {"no": "no"}),
        ),
    ),
    filters=(
        Filter(
            name="day",
            label="变更日期",
            kind="days",
            default="year",
            where=on_days(UnitChange.changed_at),
        ),
        Filter(name="label", label="变更项目", kind="words", of=UnitChange.label),
    ),
)


def _rates() -> Select[Any]:
    return select().select_from(UnitRateChange)


RATE_CHANGES = Register(
    key="rate_changes",
    title="比例调整查询",
    sources=("CX-U11",),
    source=_rates,
    reach=Reach(((UnitRateChange.unit_account_no, UnitRateChange.branch_code),)),
    order=(Order(UnitRateChange.id, "int"),),
    extra={"no": UnitRateChange.no},
    icon="percentage",
    empty="这段日期没有调整缴存比例，可以放宽生效日期再查询。",
    columns=(
        Column(
            name="day", label="生效日期", of=UnitRateChange.effective_on, kind="day", phone="head"
        ),
        Column(name="month", label="生效年月", of=UnitRateChange.month, kind="month"),
        Column(name="old_unit", label="原单位比例", of=UnitRateChange.old_unit_rate, kind="rate"),
        Column(name="new_unit", label="新单位比例", of=UnitRateChange.new_unit_rate, kind="rate"),
        Column(
            name="old_own", label="原职工比例", of=UnitRateChange.old_individual_rate, kind="rate"
        ),
        Column(
            name="new_own", label="新职工比例", of=UnitRateChange.new_individual_rate, kind="rate"
        ),
        Column(name="headcount", label="调整人数", of=UnitRateChange.headcount, kind="count"),
        Column(name="reason", label="调整原因", of=UnitRateChange.reason, kind="note", phone="row"),
        Column(name="by", label="经办人", of=UnitRateChange.changed_by, phone="off"),
        Column(name="no", label="流水号", of=UnitRateChange.no, phone="row", drill=_REQUEST),
    ),
    filters=(Filter(name="day", label="生效日期", kind="days", of=UnitRateChange.effective_on),),
)

_YEAR = AnnualAssessment


def _assessments() -> Select[Any]:
    return select().select_from(_YEAR)


ANNUAL_ASSESSMENTS = Register(
    key="annual_assessments",
    title="年度核定查询",
    sources=("SX-11.2",),
    source=_assessments,
    reach=Reach(((_YEAR.unit_account_no, _YEAR.branch_code),)),
    order=(Order(_YEAR.fund_year, "int"), Order(_YEAR.id, "int")),
    extra={"no": _YEAR.no},
    icon="clipboard-check",
    empty="还没有办理年度核定，可以放宽办理日期再查询。",
    columns=(
        Column(
            name="year",
            label="公积金年度",
            of=_YEAR.fund_year,
            read=lambda year: f"{year}年7月至{year + 1}年6月",
            phone="head",
        ),
        Column(name="day", label="办理日期", of=_YEAR.assessed_on, kind="day"),
        Column(name="headcount", label="人数", of=_YEAR.headcount, kind="count", phone="key"),
        Column(
            name="old_base",
            label="核定前基数",
            of=_YEAR.old_base_cents,
            kind="money",
            phone="off",
        ),
        Column(name="new_base", label="核定后基数", of=_YEAR.new_base_cents, kind="money"),
        Column(
            name="old_amount",
            label="核定前月缴存额",
            of=_YEAR.old_amount_cents,
            kind="money",
            phone="off",
        ),
        Column(name="new_amount", label="核定后月缴存额", of=_YEAR.new_amount_cents, kind="money"),
        Column(name="by", label="经办人", of=_YEAR.assessed_by, phone="off"),
        Column(name="no", label="流水号", of=_YEAR.no, phone="row", drill=_REQUEST),
        Column(
            name="receipt",
            label="凭证",
            of=_YEAR.no,
            read=lambda _no: "打印",
            action=True,
            drill=Drill("receipt", {"no": "no"}),
        ),
    ),
    filters=(Filter(name="day", label="办理日期", kind="days", of=_YEAR.assessed_on),),
)

REGISTERS = (UNIT_REGISTRATION, UNIT_CHANGES, RATE_CHANGES, ANNUAL_ASSESSMENTS)
