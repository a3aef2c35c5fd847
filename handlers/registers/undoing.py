"""撤销数据查询: changes and assessments that were taken back, in one list."""

from __future__ import annotations

from sqlalchemy import and_, case, literal, select, union_all

from engine.models import Instance, Task
from handlers.contributions.models import (
    BACK_PAYMENT,
    CANCELLED,
    CHANGE_KINDS,
    REMITTANCE_KINDS,
    TRANSFER,
    MemberChange,
    Remittance,
)
from handlers.members.models import IndividualAccount, Person
from handlers.registers.asking import on_days
from handlers.registers.columns import (
    ask_choice,
    ask_days,
    ask_months,
    by,
    moment,
    money,
    month,
    note,
    request_no,
)
from handlers.registers.declaring import Column, Order, Reach, Register

_CHANGE_UNDONE, _BACK_UNDONE, _MOVE_UNDONE, _DUE_UNDONE = "change", "back", "transfer", "due"
_UNDO_KINDS = {
    _CHANGE_UNDONE: "变更撤销",
    _BACK_UNDONE: "个人补缴",
    _MOVE_UNDONE: "职工转移",
    _DUE_UNDONE: "汇缴核定",
}
_change, _due = MemberChange, Remittance
_changes = (
    select(
        literal(1).label("source"),
        _change.id.label("id"),
        case((_change.kind == TRANSFER, _MOVE_UNDONE), else_=_CHANGE_UNDONE).label("business"),
        _change.kind.label("kind"),
        _change.unit_account_no.label("unit"),
        _change.branch_code.label("branch"),
        _change.month.label("month"),
        Person.person_name.label("name"),
        (_change.new_unit_cents + _change.new_individual_cents).label("amount"),
        _change.new_individual_cents.label("own"),
        _change.undone_at.label("at"),
        _change.undone_by.label("by"),
        _change.undone_no.label("no"),
        _change.undone_reason.label("reason"),
    )
    .join(IndividualAccount, IndividualAccount.id == _change.individual_account_id)
    .join(Person, Person.id == IndividualAccount.person_id)
    .where(_change.undone_at.is_not(None))
)
_cancelled = select(
    literal(2),
    _due.id,
    case((_due.kind == BACK_PAYMENT, _BACK_UNDONE), else_=_DUE_UNDONE),
    _due.kind,
    _due.unit_account_no,
    _due.branch_code,
    _due.month,
    literal(""),
    _due.unit_cents + _due.individual_cents,
    _due.individual_cents,
    _due.cancelled_at,
    _due.cancelled_by,
    _due.cancelled_no,
    literal(""),  # its own `reason` is why it was paid late
).where(_due.state == CANCELLED, _due.cancelled_at.is_not(None))
# Each half is narrowed by its unit's index all the same: both databases push conditions into it.
_UNDONE = union_all(_changes, _cancelled).subquery("undone")
_WHAT = _UNDONE.c
_OPINION = (
    select(Task.opinion)
    .join(Instance, Instance.id == Task.instance_id)
    .where(and_(Instance.no == _WHAT.no, Task.decision.is_not(None), Task.kind == "review"))
    .order_by(Task.completed_at.desc(), Task.id.desc())
    .limit(1)
    .correlate(_UNDONE)
    .scalar_subquery()
)


UNDO_LOG = Register(
    key="undo_log",
    title="撤销数据查询",
    sources=("XZ-6.3c",),
    source=select().select_from(_UNDONE),
    reach=Reach(((_WHAT.unit, _WHAT.branch),)),
    order=(Order(_WHAT.at, "moment"), Order(_WHAT.source, "int"), Order(_WHAT.id, "int")),
    extra={"no": _WHAT.no},
    icon="arrow-back-up",
    empty="没有撤销过业务，或可以放宽汇缴年月再查询。",
    columns=(
        Column(name="business", label="撤销业务", of=_WHAT.business, words=_UNDO_KINDS),
        Column(name="name", label="职工姓名", of=_WHAT.name, kind="name", phone="head"),
        moment("at", "撤销时间", _WHAT.at, phone="row"),
        month("month", "汇缴年月", _WHAT.month),
        Column(name="kind", label="变更类型", of=_WHAT.kind, words=CHANGE_KINDS | REMITTANCE_KINDS),
        money("amount", "月缴存额", _WHAT.amount, total=True, phone="key"),
        money("own", "职工月缴存额", _WHAT.own, total=True, phone="off"),
        note("reason", "撤销原因", _WHAT.reason),
        note("opinion", "审批意见", _OPINION, phone="row"),
        by(_WHAT.by),
        request_no(_WHAT.no),
    ),
    filters=(
        ask_choice("business", "撤销业务", _UNDO_KINDS, _WHAT.business),
        ask_months("month", "汇缴年月", _WHAT.month),
        ask_choice("kind", "变更类型", CHANGE_KINDS, _WHAT.kind),
        ask_days("day", "撤销日期", where=on_days(_WHAT.at), default="year"),
    ),
)

REGISTERS = (UNDO_LOG,)
