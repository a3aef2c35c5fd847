"""What an approved request does to a unit's record.

Runs inside the transaction of the approval: either every change of the request is written or none.
A value that was changed by somebody else while the request was under review is never overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from engine.errors import OperationFailed, Problem
from engine.operations import Call, operation
from handlers.people import queries as people
from handlers.people.models import Operator
from handlers.units import queries
from handlers.units.models import Unit, UnitChange
from handlers.units.rules import CHANGEABLE, OPERATOR_FIELDS, from_text, reading, to_text

CHANGES_MAX = 40  # more than a form has fields: such data did not come from a form

_MALFORMED = Problem("units.malformed", "申请中没有可以生效的变更清册，请退回经办人重新填报。")
_NO_UNIT = Problem("units.gone", "没有找到申请所属的单位，请联系系统管理员核对单位账号。")
_NO_OPERATOR = Problem(
    "units.no_operator", "申请人已不是该单位经办人，经办人信息无法变更，请退回重新填报。"
)


@dataclass(frozen=True, slots=True)
class _Write:
    """One value about to be stored; nothing is stored before every change was judged."""

    row: Unit | Operator
    attribute: str
    value: str | int | None


@operation("units/apply_changes")
def apply_changes(call: Call) -> dict[str, Any]:
    """Write the 待变更清册 of the request to the record and to the register of changes."""
    done = call.session.scalars(
        select(UnitChange.field).where(UnitChange.operation_key == call.key).order_by(UnitChange.id)
    ).all()
    if done:
        return {"applied": list(done)}
    changes = _changes(call.data)
    unit = queries.locked_unit(call.session, queries.account_of(call.instance.scope) or "")
    if unit is None:
        raise OperationFailed(_NO_UNIT)
    writes = [_judge(call, unit, change) for change in changes]
    problems = [write for write in writes if isinstance(write, Problem)]
    if problems:
        raise OperationFailed(*problems)
    for write in writes:
        assert isinstance(write, _Write)
        setattr(write.row, write.attribute, write.value)
    _register(call, unit.unit_account_no, changes)
    return {"applied": [change["field"] for change in changes]}


def _changes(data: Mapping[str, Any]) -> list[dict[str, str]]:
    changes = data.get("changes")
    keys = ("field", "label", "old", "new", "old_text", "new_text")
    sound = (
        isinstance(changes, list)
        and 0 < len(changes) <= CHANGES_MAX
        and all(
            isinstance(change, Mapping) and all(isinstance(change.get(key), str) for key in keys)
            for change in changes
        )
    )
    if not sound:
        raise OperationFailed(_MALFORMED)
    assert isinstance(changes, list)
    if len({change["field"] for change in changes}) != len(changes):
        raise OperationFailed(_MALFORMED)
    return [{key: change[key] for key in keys} for change in changes]


def _target(call: Call, unit: Unit, field: str) -> tuple[Unit | Operator, str]:
    """The row and attribute a field is stored in."""
    if field in CHANGEABLE:
        return unit, field
    if field not in OPERATOR_FIELDS:
        raise OperationFailed(
            Problem("units.not_changeable", "申请中有不能在网上变更的项目，请退回重新填报。", field)
        )
    operator = people.operator(call.session, call.instance.starter_id)
    if operator is None or operator.unit_account_no != unit.unit_account_no:
        raise OperationFailed(_NO_OPERATOR)
    return operator, OPERATOR_FIELDS[field]


def _judge(call: Call, unit: Unit, change: dict[str, str]) -> _Write | Problem:
    field = change["field"]
    row, attribute = _target(call, unit, field)
    current = to_text(getattr(row, attribute))
    if current != change["old"]:
        return Problem(
            "units.conflict",
            f"{change['label']}在审批期间已被改为“{reading(field, current)}”，请退回重新填报。",
            field,
        )
    value = from_text(field, change["new"])
    if isinstance(value, Problem):
        return Problem(value.code, value.text, field)
    return _Write(row, attribute, value)


def _register(call: Call, account_no: str, changes: list[dict[str, str]]) -> None:
    now = call.rt.clock()
    call.session.add_all(
        UnitChange(
            operation_key=call.key,
            unit_account_no=account_no,
            no=call.no,
            changed_at=now,
            changed_by=call.instance.starter_name,
            **change,
        )
        for change in changes
    )
    call.session.flush()
