"""Registers of what changed about a unit's people: everything that took effect, kind by kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import aliased

from handlers.contributions.models import (
    BASE,
    CHANGE_KINDS,
    MERGE,
    OPEN,
    SEAL,
    TRANSFER,
    UNSEAL,
    MemberChange,
)
from handlers.members.codes import ACCOUNT_STATUSES, SEAL_REASONS
from handlers.members.models import IndividualAccount
from handlers.registers import who
from handlers.registers.asking import Asked
from handlers.registers.columns import (
    ask_choice,
    ask_days,
    ask_months,
    by,
    day,
    money,
    month,
    note,
    request_no,
    state,
)
from handlers.registers.declaring import Column, Filter, Order, Reach, Register
from handlers.registers.who import ACCOUNT, ASK_WHO, ID_NO, NAME_ALONE, WHO, member_of
from handlers.units.models import Unit

_CHANGE = MemberChange
_VALID, _UNDONE = "有效", "已撤销"
_NEW = _CHANGE.new_unit_cents + _CHANGE.new_individual_cents
_OLD = _CHANGE.old_unit_cents + _CHANGE.old_individual_cents
_CARRIED = _CHANGE.amount_cents + _CHANGE.interest_cents  # what has gone along, to the last 分

_KIND = Column(name="kind", label="变更类型", of=_CHANGE.kind, words=CHANGE_KINDS)
_MONTH = month("month", "汇缴年月", _CHANGE.month, phone="off")
_DAY = day("day", "变更日期", _CHANGE.effective_on)
_REASON = note("reason", "原因", _CHANGE.reason, words=SEAL_REASONS)
_MONTHLY = money("monthly", "月缴存额", _NEW, total=True, phone="key")
_OWN_PART = money("own_part", "职工月缴存额", _CHANGE.new_individual_cents, total=True, phone="off")
_BY = by(_CHANGE.changed_by)
_NO = request_no(_CHANGE.no)
_STATE = state(
    case((_CHANGE.undone_at.is_(None), _VALID), else_=_UNDONE),
    {_VALID: "done", _UNDONE: "stop"},
    label="业务状态",
)
_ASK_DAY = ask_days("day", "变更日期", _CHANGE.effective_on, default="year")
_ASK_MONTH = ask_months("month", "汇缴年月", _CHANGE.month)


def _source(*kinds: str) -> Select[Any]:
    """Changes of these kinds (all when none is named), with the account and its person."""
    found = who.joined(select().select_from(_CHANGE), _CHANGE.individual_account_id)
    return found.where(_CHANGE.kind.in_(kinds)) if kinds else found


def _ask_kind(*kinds: str) -> Filter:
    options = {kind: CHANGE_KINDS[kind] for kind in kinds or CHANGE_KINDS}
    return ask_choice("kind", "变更类型", options, _CHANGE.kind)


def _register(key: str, title: str, sources: tuple[str, ...], **more: Any) -> Register:
    """A register of changes: the newest first, of the unit that asked for them."""
    values: dict[str, Any] = {
        "reach": Reach(((_CHANGE.unit_account_no, _CHANGE.branch_code),)),
        "order": (Order(_CHANGE.id, "int"),),
        "extra": member_of(_CHANGE.unit_account_no) | {"no": _CHANGE.no},
    }
    return Register(key=key, title=title, sources=sources, **(values | more))


OPENINGS = _register(
    "openings",
    "开户查询",
    ("SX-3.3",),
    source=_source(OPEN),
    noun="人",
    icon="user-plus",
    empty="这段日期没有开户，可以放宽开户日期再查询。",
    columns=(
        *WHO,
        replace(_DAY, label="开户日期"),
        money("base", "缴存基数", _CHANGE.new_base_cents, total=True),
        _MONTHLY,
        _OWN_PART,
        _BY,
        _NO,
        _STATE,
    ),
    filters=(replace(_ASK_DAY, label="开户日期"), *ASK_WHO),
)

CHANGE_ROSTER = _register(
    "change_roster",
    "变更清册查询",
    ("XZ-6.2d",),
    source=_source(),
    icon="clipboard-list",
    empty="这段时间没有变更，可以放宽汇缴年月或换一种变更类型。",
    columns=(
        *WHO,
        Column(name="employee_no", label="职工工号", of=IndividualAccount.employee_no, phone="off"),
        _KIND,
        _DAY,
        _MONTH,
        _MONTHLY,
        _OWN_PART,
        _REASON,
        _NO,
        _STATE,
    ),
    filters=(_ask_kind(), replace(_ASK_MONTH, default="year"), *ASK_WHO),
)

SEAL_CHANGES = _register(
    "seal_changes",
    "封存启封查询",
    ("SX-9.5", "CX-U10", "QDN-06.3"),
    source=_source(SEAL, UNSEAL),
    icon="lock",
    empty="这段日期没有封存和启封，可以放宽变更日期再查询。",
    columns=(
        *WHO,
        _KIND,
        _DAY,
        _MONTH,
        Column(
            name="old_status",
            label="变更前状态",
            of=_CHANGE.old_status,
            words=ACCOUNT_STATUSES,
            phone="off",
        ),
        Column(
            name="new_status",
            label="变更后状态",
            of=_CHANGE.new_status,
            words=ACCOUNT_STATUSES,
            phone="off",
        ),
        _REASON,
        _BY,
        _NO,
        _STATE,
    ),
    filters=(_ASK_DAY, _ask_kind(SEAL, UNSEAL), *ASK_WHO),
)

BASE_CHANGES = _register(
    "base_changes",
    "基数调整查询",
    ("CX-U12", "XZ-2.2c", "XZ-6.2d"),
    source=_source(BASE),
    noun="人",
    icon="adjustments-horizontal",
    empty="这段日期没有调整基数，可以放宽变更日期再查询。",
    columns=(
        *WHO,
        _DAY,
        _MONTH,
        money("old_base", "调整前基数", _CHANGE.old_base_cents, total=True, phone="off"),
        money("new_base", "调整后基数", _CHANGE.new_base_cents, total=True),
        money("old_monthly", "调整前月缴存额", _OLD, total=True, phone="off"),
        replace(_MONTHLY, label="调整后月缴存额"),
        _BY,
        _NO,
        _STATE,
    ),
    filters=(replace(_ASK_DAY, default="month"), _ASK_MONTH, *ASK_WHO),
)


# ── between units, between accounts ────────────────────────────────────────────────────────────


def _unit_name(account_no: Any) -> Any:
    return (
        select(Unit.unit_name).where(Unit.unit_account_no == account_no).correlate(_CHANGE)
    ).scalar_subquery()


def _direction(value: str, asked: Asked) -> ColumnElement[bool]:
    side = _CHANGE.from_unit_account_no if value == "out" else _CHANGE.to_unit_account_no
    return side == asked.unit if asked.unit else side != ""


TRANSFERS = _register(
    "transfers",
    "职工转移查询",
    ("XZ-6.2c", "SX-10.3", "CX-U06"),
    source=_source(TRANSFER),
    # both units see it: who left it and who took it up
    reach=Reach(
        (
            (_CHANGE.unit_account_no, _CHANGE.branch_code),
            (_CHANGE.from_unit_account_no, _CHANGE.branch_code),
            (_CHANGE.to_unit_account_no, _CHANGE.branch_code),
        )
    ),
    extra={"no": _CHANGE.no},
    noun="人",
    icon="arrow-right",
    empty="这段时间没有职工转入或转出，可以放宽汇缴年月再查询。",
    columns=(
        *(ACCOUNT, NAME_ALONE, ID_NO),
        replace(_DAY, label="确认日期"),
        replace(_MONTH, label="转出年月"),
        Column(name="from_no", label="转出单位账号", of=_CHANGE.from_unit_account_no, phone="off"),
        Column(
            name="from_unit",
            label="转出单位",
            of=_unit_name(_CHANGE.from_unit_account_no),
            phone="row",
        ),
        Column(name="to_no", label="转入单位账号", of=_CHANGE.to_unit_account_no, phone="off"),
        Column(
            name="to_unit",
            label="转入单位",
            of=_unit_name(_CHANGE.to_unit_account_no),
            phone="row",
        ),
        money("amount", "转移金额", _CARRIED, total=True, phone="key"),
        _NO,
        _STATE,
    ),
    filters=(
        ask_choice("side", "业务类型", {"out": "转出", "in": "转入"}, where=_direction),
        ask_months("month", "转移年月", _CHANGE.month, default="year"),
        ask_days("day", "确认日期", _CHANGE.effective_on),
        *ASK_WHO,
    ),
)

_KEPT = aliased(IndividualAccount, name="kept")

MERGES = _register(
    "merges",
    "个人账户合并查询",
    ("SX-8.2",),
    source=_source(MERGE).outerjoin(_KEPT, _KEPT.id == _CHANGE.other_account_id),
    icon="git-branch",
    empty="没有合并过个人账户，或可以减少条件再查询。",
    columns=(
        *WHO,
        Column(
            name="other",
            label="合并到的账号",
            of=func.coalesce(_KEPT.individual_account_no, ""),
            phone="row",
        ),
        replace(_DAY, label="合并日期"),
        money("amount", "合并金额", _CARRIED, total=True, phone="key"),
        money("interest", "其中利息", _CHANGE.interest_cents, total=True, phone="off"),
        _BY,
        _NO,
        _STATE,
    ),
    filters=(
        replace(who.ASK_ACCOUNT, label="源账号"),
        Filter(name="other", label="目标账号", kind="account", of=_KEPT.individual_account_no),
        replace(_ASK_DAY, label="合并日期"),
    ),
)

REGISTERS = (OPENINGS, CHANGE_ROSTER, SEAL_CHANGES, BASE_CHANGES, TRANSFERS, MERGES)
