"""A unit's record: changed by an approved request, once, never over another change."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine import Actor, HallError, Runtime, Weekdays
from engine.errors import OperationFailed
from engine.operations import Call
from forms.units import UnitInfoChange
from handlers.people.models import Operator
from handlers.units import queries
from handlers.units.models import Unit, UnitChange
from handlers.units.operations import apply_changes
from handlers.units.rules import check_id_no, from_text, reading
from tests.builders import people, units
from tests.builders.units import ACCOUNT, OPERATOR_ID, RECORD, SCOPE
from tests.conftest import Clock


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    with people.store(database_url) as sessions, sessions() as opened:
        units.unit(opened)
        yield opened


@pytest.fixture
def starter(session: Session) -> str:
    return people.operator(session, id_no=OPERATOR_ID, phone="0855-8236117")


def change(field: str, old: str, new: str, label: str = "单位地址") -> dict[str, str]:
    return dict(field=field, label=label, old=old, new=new, old_text=old, new_text=new)


def call(
    session: Session, clock: Clock, starter: str, changes: Any, *, key: str = "1:apply:1"
) -> Call:
    instance: Any = SimpleNamespace(
        no="QDN-20260715-0001", scope=SCOPE, starter_id=starter, starter_name="杨秀兰"
    )
    return Call(
        rt=Runtime(session=session, clock=clock, calendar=Weekdays()),
        instance=instance,
        actor=Actor(id="staff:3", name="王审核"),
        key=key,
        data={"changes": changes},
        params={},
    )


MOVE = change("unit_address", "凯里市宁波路 18 号", "凯里市清江大道 126 号")


def test_the_form_loads_what_the_record_holds(session: Session, starter: str) -> None:
    actor = Actor(id=starter, name="杨秀兰")
    assert UnitInfoChange.load(session, actor, SCOPE) == RECORD


@pytest.mark.parametrize("scope", ["unit:000000000000", "person:1", "", "unit:"])
def test_an_unknown_scope_is_not_found(session: Session, starter: str, scope: str) -> None:
    with pytest.raises(HallError, match="没有找到"):
        UnitInfoChange.load(session, Actor(id=starter, name="杨秀兰"), scope)


def test_an_operator_cannot_load_the_record_of_another_unit(session: Session) -> None:
    stranger = people.operator(session, unit_account_no="020810000001", login="020810000001")
    with pytest.raises(HallError, match="没有找到"):
        UnitInfoChange.load(session, Actor(id=stranger, name="李四"), SCOPE)


def test_an_approved_change_is_written_and_registered(
    session: Session, clock: Clock, starter: str
) -> None:
    changes = [
        MOVE,
        change("pay_day", "15", "10", "发薪日"),
        change("operator_mobile", "13808556021", "13908556022", "经办人手机号码"),
    ]
    result = apply_changes(call(session, clock, starter, changes))
    session.commit()
    unit = queries.unit(session, ACCOUNT)
    operator = session.scalars(select(Operator)).one()
    assert unit is not None
    assert result == {"applied": ["unit_address", "pay_day", "operator_mobile"]}
    assert (unit.unit_address, unit.pay_day) == ("凯里市清江大道 126 号", 10)
    assert operator.mobile == "13908556022"
    rows = queries.changes(session, ACCOUNT)
    assert [(row.field, row.new, row.no) for row in reversed(rows)] == [
        ("unit_address", "凯里市清江大道 126 号", "QDN-20260715-0001"),
        ("pay_day", "10", "QDN-20260715-0001"),
        ("operator_mobile", "13908556022", "QDN-20260715-0001"),
    ]
    assert {(row.changed_by, row.changed_at) for row in rows} == {("杨秀兰", clock())}


def test_running_it_again_with_the_same_key_changes_nothing(
    session: Session, clock: Clock, starter: str
) -> None:
    first = apply_changes(call(session, clock, starter, [MOVE]))
    session.commit()
    again = apply_changes(call(session, clock, starter, [MOVE]))
    session.commit()
    assert again == first
    assert len(queries.changes(session, ACCOUNT)) == 1


def test_a_change_made_meanwhile_is_not_overwritten(
    session: Session, clock: Clock, starter: str
) -> None:
    unit = queries.unit(session, ACCOUNT)
    assert unit is not None
    unit.unit_address = "凯里市博南大道 1 号"
    session.commit()
    postcode = change("unit_postcode", "556000", "556011", "邮政编码")
    with pytest.raises(OperationFailed) as refused:
        apply_changes(call(session, clock, starter, [postcode, MOVE]))
    assert refused.value.text == (
        "单位地址在审批期间已被改为“凯里市博南大道 1 号”，请退回重新填报。"
    )
    # Even if the verb went on and committed, nothing of this request would be half written.
    session.commit()
    assert queries.unit_texts(unit)["unit_postcode"] == "556000"
    assert queries.changes(session, ACCOUNT) == []


def test_the_sentence_about_a_conflict_masks_personal_numbers(
    session: Session, clock: Clock, starter: str
) -> None:
    stale = change("operator_mobile", "13000000000", "13908556022", "经办人手机号码")
    with pytest.raises(OperationFailed, match=r"138\*\*\*\*6021"):
        apply_changes(call(session, clock, starter, [stale]))


def test_an_operator_who_left_the_unit_changes_no_operator(
    session: Session, clock: Clock, starter: str
) -> None:
    session.scalars(select(Operator)).one().unit_account_no = "020810000001"
    session.commit()
    phone = change("operator_phone", "0855-8236117", "0855-8236120", "固定电话")
    with pytest.raises(OperationFailed, match="已不是该单位经办人"):
        apply_changes(call(session, clock, starter, [phone]))


@pytest.mark.parametrize(
    "changes",
    [
        None,
        [],
        {},
        "unit_address",
        [None],
        [{"field": "unit_address"}],
        [MOVE | {"new": 1}],
        [MOVE, MOVE],
        [change("unit_rate", "8.00", "5.00", "单位缴存比例")],
        [change("id", "1", "2", "编号")],
        [change("operator_password_hash", "", "x", "密码")],
        [change("pay_day", "15", "99", "发薪日")],
    ],
)
def test_data_that_did_not_come_from_the_form_changes_nothing(
    session: Session, clock: Clock, starter: str, changes: Any
) -> None:
    with pytest.raises(OperationFailed) as refused:
        apply_changes(call(session, clock, starter, changes))
    assert refused.value.text.endswith("。")
    session.commit()
    assert queries.changes(session, ACCOUNT) == []


@pytest.mark.parametrize("values", [{"pay_day": 32}, {"unit_status": "07"}, {"unit_rate": 101}])
def test_the_database_itself_refuses_impossible_units(
    session: Session, values: dict[str, Any]
) -> None:
    session.add(Unit(unit_account_no="020810000009", unit_name="某", branch_code="Q", **values))
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()


def test_the_database_itself_registers_a_change_once(session: Session, clock: Clock) -> None:
    def row() -> UnitChange:
        return UnitChange(
            operation_key="1:apply:1",
            unit_account_no=ACCOUNT,
            no="QDN-1",
            changed_at=clock(),
            changed_by="杨秀兰",
            **MOVE,
        )

    session.add_all([row(), row()])
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("pay_day", "15", "每月 15 日"),
        ("unit_industry", "R", "文化、体育和娱乐业"),
        ("unit_economic_type", "", "（空）"),
        ("legal_rep_id_no", "522601197003153010", "522601********3010"),
        ("unit_address", "宁波路 18 号", "宁波路 18 号"),
    ],
)
def test_a_value_reads_in_words(field: str, value: str, words: str) -> None:
    assert reading(field, value) == words


def test_an_emptied_pay_day_is_stored_as_unknown() -> None:
    assert from_text("pay_day", "") is None
    assert from_text("pay_day", "10") == 10


def test_a_document_number_follows_the_kind_of_document(clock: Clock) -> None:
    today = clock().date()
    assert check_id_no("03", " e1234 5678", today) == "E12345678"
    assert check_id_no("01", "11010519491231002x", today) == "11010519491231002X"
    assert not isinstance(check_id_no("03", "E1", today), str)
