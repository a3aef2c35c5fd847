"""Registers of what changed about a unit's people: everything that took effect, kind by kind."""

from __future__ import annotations

from collections.abc import Sequence
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
from handlers.registers.declaring import Column, Default, Drill, Filter, Order, Reach, Register
from handlers.registers.who import ASK_WHO, WHO, member_of
from handlers.units.models import Unit

_CHANGE = MemberChange
_UNIT_REACH = Reach(((_CHANGE.unit_account_no, _CHANGE.branch_code),))
_VALID, _UNDONE = "有效", "已撤销"

KIND = Column(name="kind", label="变更类型", of=_CHANGE.kind, words=CHANGE_KINDS)
MONTH = Column(name="month", label="汇缴年月", of=_CHANGE.month, kind="month", phone="off")
DAY = Column(name="day", label="变更日期", of=_CHANGE.effective_on, kind="day")
REASON = Column(
    name="reason", label="原因", of=_CHANGE.reason, kind="note", words=SEAL_REASONS, phone="off"
)
NO = Column(
    name="no",
    label="流水号",
    of=_CHANGE.no,
    phone="row",
    drill=Drill("request", {"no": "no"}),
)
BY = Column(name="by", label="经办人", of=_CHANGE.changed_by, phone="off")
STATE = Column(
    name="state",
    label="业务状态",
    of=case((_CHANGE.undone_at.is_(None), _VALID), else_=_UNDONE),
    kind="state",
    tones={_VALID: "done", _UNDONE: "stop"},
)
_CARRIED = _CHANGE.amount_cents + _CHANGE.interest_cents  # what has gone along, to the last 分
NEW_BASE = Column(
    name="new_base", label="调整后基数", of=_CHANGE.new_base_cents, kind="money", total=True
)
_NEW = _CHANGE.new_unit_cents + _CHANGE.new_individual_cents
_OLD = _CHANGE.old_unit_cents + _CHANGE.old_individual_cents
MONTHLY = Column(name="monthly", label="月缴存额", of=_NEW, kind="money", total=True, phone="key")
OWN_PART = Column(
    name="own_part",
    label="职工月缴存额",
    of=_CHANGE.new_individual_cents,
    kind="money",
    total=True,
    phone="off",
)
EXTRA = member_of(_CHANGE.unit_account_no) | {"no": _CHANGE.no}


def on_day(default: Default = "year") -> Filter:
    return Filter(
        name="day", label="变更日期", kind="days", of=_CHANGE.effective_on, default=default
    )


ASK_MONTH = Filter(name="month", label="汇缴年月", kind="months", of=_CHANGE.month)


def _source(*kinds: str) -> Any:
    def source() -> Select[Any]:
        found = who.joined(select().select_from(_CHANGE), _CHANGE.individual_account_id)
        return found.where(_CHANGE.kind.in_(kinds)) if kinds else found

    return source


def _kinds(*kinds: str) -> Filter:
    options = {kind: CHANGE_KINDS[kind] for kind in kinds or CHANGE_KINDS}
    return Filter(name="kind", label="变更类型", kind="choice", of=_CHANGE.kind, options=options)


def _register(key: str, title: str, sources: Sequence[str], **more: Any) -> Register:
    """A register of changes: the newest first, of the unit that asked for them."""
    values: dict[str, Any] = {
        "reach": _UNIT_REACH,
        "order": (Order(_CHANGE.id, "int"),),
        "extra": EXTRA,
    }
    return Register(key=key, title=title, sources=tuple(sources), **(values | more))


OPENINGS = _register(
    "openings",
    "开户查询",
    ["SX-3.3"],
    source=_source(OPEN),
    noun="人",
    icon="user-plus",
    empty="这段日期没有开户，可以放宽开户日期再查询。",
    columns=(
        *WHO,
        Column(name="day", label="开户日期", of=_CHANGE.effective_on, kind="day"),
        Column(name="base", label="缴存基数", of=_CHANGE.new_base_cents, kind="money", total=True),
        MONTHLY,
        OWN_PART,
        BY,
        NO,
        STATE,
    ),
    filters=(
        Filter(name="day", label="开户日期", kind="days", of=_CHANGE.effective_on, default="year"),
        *ASK_WHO,
    ),
)

CHANGE_ROSTER = _register(
    "change_roster",
    "变更清册查询",
    ["XZ-6.2d"],
    source=_source(),
    icon="clipboard-list",
    empty="这段时间没有变更，可以放宽汇缴年月或换一种变更类型。",
    columns=(
        *WHO,
        Column(name="employee_no", label="职工工号", of=IndividualAccount.employee_no, phone="off"),
        KIND,
        DAY,
        MONTH,
        MONTHLY,
        OWN_PART,
        REASON,
        NO,
        STATE,
    ),
    filters=(
        _kinds(),
        Filter(name="month", label="汇缴年月", kind="months", of=_CHANGE.month, default="year"),
        *ASK_WHO,
    ),
)

SEAL_CHANGES = _register(
    "seal_changes",
    "封存启封查询",
    ["SX-9.5", "CX-U10", "QDN-06.3"],
    source=_source(SEAL, UNSEAL),
    icon="lock",
    empty="这段日期没有封存和启封，可以放宽变更日期再查询。",
    columns=(
        *WHO,
        KIND,
        DAY,
        MONTH,
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
        REASON,
        BY,
        NO,
        STATE,
    ),
    filters=(on_day(), _kinds(SEAL, UNSEAL), *ASK_WHO),
)

BASE_CHANGES = _register(
    "base_changes",
    "基数调整查询",
    ["CX-U12", "XZ-2.2c", "XZ-6.2d"],
    source=_source(BASE),
    noun="人",
    icon="adjustments-horizontal",
    empty="这段日期没有调整基数，可以放宽变更日期再查询。",
    columns=(
        *WHO,
        DAY,
        MONTH,
        Column(
            name="old_base",
            label="调整前基数",
            of=_CHANGE.old_base_cents,
            kind="money",
            total=True,
            phone="off",
        ),
        NEW_BASE,
        Column(
            name="old_monthly",
            label="调整前月缴存额",
            of=_OLD,
            kind="money",
            total=True,
            phone="off",
        ),
        Column(
            name="monthly",
            label="调整后月缴存额",
            of=_NEW,
            kind="money",
            total=True,
            phone="key",
        ),
        BY,
        NO,
        STATE,
    ),
    filters=(on_day("month"), ASK_MONTH, *ASK_WHO),
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
    ["XZ-6.2c", "SX-10.3", "CX-U06"],
    source=_source(TRANSFER),
    # both units see it: who left it and who took it up
    reach=Reach(
        (
            (_CHANGE.unit_account_no, _CHANGE.branch_code),
            (_CHANGE.from_unit_account_no, _CHANGE.branch_code),
            (_CHANGE.to_unit_account_no, _CHANGE.branch_code),
        )
    ),
    extra={"no": _CHANGE.no},  # the account is the other unit's now: no link into it
    noun="人",
    icon="arrow-right",
    empty="这段时间没有职工转入或转出，可以放宽汇缴年月再查询。",
    columns=(
        WHO[0],
        Column(name="name", label="职工姓名", of=WHO[1].of, kind="name", phone="head"),
        WHO[2],
        Column(name="day", label="确认日期", of=_CHANGE.effective_on, kind="day"),
        Column(name="month", label="转出年月", of=_CHANGE.month, kind="month", phone="off"),
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
        Column(
            name="amount",
            label="转移金额",
            of=_CARRIED,
            kind="money",
            total=True,
            phone="key",
        ),
        NO,
        STATE,
    ),
    filters=(
        Filter(
            name="side",
            label="业务类型",
            kind="choice",
            options={"out": "转出", "in": "转入"},
            where=_direction,
        ),
        Filter(name="month", label="转移年月", kind="months", of=_CHANGE.month, default="year"),
        Filter(name="day", label="确认日期", kind="days", of=_CHANGE.effective_on),
        *ASK_WHO,
    ),
)

_KEPT = aliased(IndividualAccount, name="kept")


def _merges() -> Select[Any]:
    source: Select[Any] = _source(MERGE)()
    return source.outerjoin(_KEPT, _KEPT.id == _CHANGE.other_account_id)


MERGES = _register(
    "merges",
    "个人账户合并查询",
    ["SX-8.2"],
    source=_merges,
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
        Column(name="day", label="合并日期", of=_CHANGE.effective_on, kind="day"),
        Column(
            name="amount",
            label="合并金额",
            of=_CARRIED,
            kind="money",
            total=True,
            phone="key",
        ),
        Column(
            name="interest",
            label="其中利息",
            of=_CHANGE.interest_cents,
            kind="money",
            total=True,
            phone="off",
        ),
        BY,
        NO,
        STATE,
    ),
    filters=(
        Filter(
            name="account",
            label="源账号",
            kind="account",
            of=IndividualAccount.individual_account_no,
        ),
        Filter(name="other", label="目标账号", kind="account", of=_KEPT.individual_account_no),
        Filter(name="day", label="合并日期", kind="days", of=_CHANGE.effective_on, default="year"),
    ),
)

REGISTERS = (OPENINGS, CHANGE_ROSTER, SEAL_CHANGES, BASE_CHANGES, TRANSFERS, MERGES)
