"""Registers about the unit itself: its registration, what was changed in it, rates, assessments."""

from __future__ import annotations

from sqlalchemy import select

from handlers.contributions.models import AnnualAssessment, UnitRateChange
from handlers.registers.asking import on_days
from handlers.registers.columns import (
    ask_choice,
    ask_days,
    by,
    count,
    day,
    moment,
    money,
    month,
    note,
    rate,
    receipt,
    request_no,
)
from handlers.registers.declaring import Column, Drill, Filter, Order, Reach, Register
from handlers.units.codes import ECONOMIC_TYPES, UNIT_STATUSES
from handlers.units.models import Unit, UnitChange
from handlers.units.rules import rates_text

UNIT_REGISTRATION = Register(
    key="unit_registration",
    title="单位缴存登记查询",
    sources=("CX-U14",),
    source=select().select_from(Unit),
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
        day("opened_on", "缴存登记日期", Unit.unit_opened_on),
        Column(
            name="rates",
            label="缴存比例",
            of=(Unit.unit_rate, Unit.individual_rate),
            read=rates_text,
            phone="off",
        ),
        count("active", "汇缴人数", Unit.active_headcount, total=True),
        count("sealed", "封存人数", Unit.sealed_headcount, total=True, phone="off"),
        month("paid_through", "缴至年月", Unit.paid_through_month),
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
        ask_choice("status", "缴存状态", UNIT_STATUSES, Unit.unit_status),
        ask_days("opened", "缴存登记日期", Unit.unit_opened_on),
    ),
)

UNIT_CHANGES = Register(
    key="unit_changes",
    title="单位信息变更记录",
    sources=("SX-6.2", "QDN-04", "XZ-6.3a"),
    source=select()
    .select_from(UnitChange)
    .join(Unit, Unit.unit_account_no == UnitChange.unit_account_no),
    # the change's own column, for its index; a unit stays with its branch
    reach=Reach(((UnitChange.unit_account_no, Unit.branch_code),)),
    order=(Order(UnitChange.changed_at, "moment"), Order(UnitChange.id, "int")),
    extra={"no": UnitChange.no},
    icon="history",
    empty="这段日期没有变更单位信息，可以放宽变更日期再查询。",
    columns=(
        moment("at", "变更时间", UnitChange.changed_at, phone="row"),
        Column(name="label", label="变更项目", of=UnitChange.label, phone="head"),
        note("old", "变更前", UnitChange.old_text, phone="row"),
        note("new", "变更后", UnitChange.new_text, phone="row"),
        by(UnitChange.changed_by, label="办理人"),
        request_no(UnitChange.no, phone="end"),
        receipt(UnitChange.no),
    ),
    filters=(
        ask_days("day", "变更日期", default="year", where=on_days(UnitChange.changed_at)),
        Filter(name="label", label="变更项目", kind="words", of=UnitChange.label),
    ),
)

_RATES = UnitRateChange

RATE_CHANGES = Register(
    key="rate_changes",
    title="比例调整查询",
    sources=("CX-U11",),
    source=select().select_from(_RATES),
    reach=Reach(((_RATES.unit_account_no, _RATES.branch_code),)),
    order=(Order(_RATES.id, "int"),),
    extra={"no": _RATES.no},
    icon="percentage",
    empty="这段日期没有调整缴存比例，可以放宽生效日期再查询。",
    columns=(
        day("day", "生效日期", _RATES.effective_on, phone="head"),
        month("month", "生效年月", _RATES.month),
        rate("old_unit", "原单位比例", _RATES.old_unit_rate),
        rate("new_unit", "新单位比例", _RATES.new_unit_rate),
        rate("old_own", "原职工比例", _RATES.old_individual_rate),
        rate("new_own", "新职工比例", _RATES.new_individual_rate),
        count("headcount", "调整人数", _RATES.headcount),
        note("reason", "调整原因", _RATES.reason, phone="row"),
        by(_RATES.changed_by),
        request_no(_RATES.no),
    ),
    filters=(ask_days("day", "生效日期", _RATES.effective_on),),
)

_YEAR = AnnualAssessment

ANNUAL_ASSESSMENTS = Register(
    key="annual_assessments",
    title="年度核定查询",
    sources=("SX-11.2",),
    source=select().select_from(_YEAR),
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
        day("day", "办理日期", _YEAR.assessed_on),
        count("headcount", "人数", _YEAR.headcount, phone="key"),
        money("old_base", "核定前基数", _YEAR.old_base_cents, phone="off"),
        money("new_base", "核定后基数", _YEAR.new_base_cents),
        money("old_amount", "核定前月缴存额", _YEAR.old_amount_cents, phone="off"),
        money("new_amount", "核定后月缴存额", _YEAR.new_amount_cents),
        by(_YEAR.assessed_by),
        request_no(_YEAR.no),
        receipt(_YEAR.no),
    ),
    filters=(ask_days("day", "办理日期", _YEAR.assessed_on),),
)

REGISTERS = (UNIT_REGISTRATION, UNIT_CHANGES, RATE_CHANGES, ANNUAL_ASSESSMENTS)
