"""Nothing the database keeps says a personal number in plain: the files themselves are searched.

A request that changes the numbers is walked from its draft to its end, one that fails is repaired;
then every byte of the SQLite file, and every column of every PostgreSQL table, is looked through.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import engine
from engine import operations
from engine.models import Incident, OutboxItem
from engine.owed import outbox
from handlers.notices.models import SmsMessage
from handlers.units.models import Unit, UnitChange
from tests.builders.stored import numbers_in, stored
from tests.webapp.hall import UNIT, Hall, post
from tests.webapp.steps import PAGE, act, filed, submit, upload
from webapp.runtime import db

NEW_ID, NEW_MOBILE, NEW_CARD = "522632198807152210", "13985507788", "6217007160001234565"
LATER_ID = "522601199204040017"


@pytest.fixture
def numbers(hall: Hall) -> list[str]:
    """What must not be found: what is on record of everybody, and what the test will type."""
    with hall.app.app_context():
        session = db.session()
        unit = session.scalars(select(Unit).where(Unit.unit_account_no == UNIT)).one()
        unit.bank_account_no = NEW_CARD
        session.commit()
        return sorted({NEW_ID, NEW_MOBILE, NEW_CARD, LATER_ID} | numbers_in(session))


def found(app: Flask, numbers: list[str]) -> list[str]:
    """The numbers somebody who gets hold of the database can read."""
    with app.app_context():
        db.session.remove()
    content = stored(app.config["SQLALCHEMY_DATABASE_URI"])
    return [number for number in numbers if number.encode() in content]


def test_the_search_finds_a_number_that_is_there(hall: Hall, numbers: list[str]) -> None:
    no = hall.file(legal_rep_name=NEW_ID)
    with hall.app.app_context():
        session = db.session()
        session.execute(engine.models.Instance.__table__.update().values(summary=NEW_ID))
        session.commit()
    assert no
    assert found(hall.app, [NEW_ID])


def test_a_request_leaves_no_number_behind(
    hall: Hall, numbers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = hall.signed_in("operator")
    typed = {"legal_rep_id_no": NEW_ID, "operator_mobile": NEW_MOBILE}
    assert post(operator, PAGE, {"action": "save", **typed}).status_code == 200
    assert not found(hall.app, numbers), "a draft"
    for slot in ("business_licence", "legal_rep_id_card", "change_application"):
        assert upload(operator, slot).status_code == 200
    no = filed(operator, pay_day="12", **typed)
    assert not found(hall.app, numbers), "a filed request"

    reviewer = hall.signed_in("reviewer")
    for verb in ("claim", "return"):
        act(reviewer, no, verb, opinion="法定代表人证件号码请再核对。", node="fill")
    edit = f"/requests/{no}/edit"
    post(operator, edit, {"action": "save", "legal_rep_id_no": LATER_ID})
    assert not found(hall.app, numbers), "a draft of the correction"
    assert submit(operator, edit, legal_rep_id_no=LATER_ID).status_code == 303

    for name in ("reviewer", "second_reviewer"):
        act(hall.signed_in(name), no, "approve", opinion="情况属实。")
    with hall.app.app_context():
        session = db.session()
        unit = session.scalars(select(Unit).where(Unit.unit_account_no == UNIT)).one()
        assert unit.legal_rep_id_no == LATER_ID
        changes = session.scalars(select(UnitChange).where(UnitChange.no == no)).all()
        assert {NEW_MOBILE, LATER_ID} <= {row.new for row in changes}
        assert _carry_out(hall) >= 1
        assert NEW_MOBILE in session.scalars(select(SmsMessage.mobile)).all()
    assert not found(hall.app, numbers), "a completed request"


def test_a_failure_and_its_repair_leave_no_number_behind(
    hall: Hall, numbers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(call: Any) -> None:
        raise LookupError(f"no such person: {json.dumps(call.data, ensure_ascii=False)}")

    monkeypatch.setitem(operations._registry, "units/apply_changes", fail)
    no = hall.file(legal_rep_id_no=NEW_ID)
    for name in ("reviewer", "second_reviewer"):
        task = hall.task_of(no, name)
        with hall.app.app_context():
            engine.approve(hall.runtime(), hall.actor(name), task)
    with hall.app.app_context():
        (incident,) = db.session.scalars(select(Incident)).all()
        assert NEW_ID in incident.trace
        data = {"values": {"bank_account_no": NEW_CARD, "mobile": NEW_MOBILE}}
        with pytest.raises(engine.errors.OperationFailed):
            engine.verbs.repairing.edit(
                hall.runtime(), hall.actor("admin"), incident.id, data=data, reason="补卡号"
            )
    assert not found(hall.app, numbers)


def test_work_that_is_owed_keeps_its_numbers_sealed(hall: Hall, numbers: list[str]) -> None:
    with hall.app.app_context():
        rt = hall.runtime()
        outbox.put(rt.session, "no_such", {"to": NEW_MOBILE}, key="one", now=rt.clock())
        rt.session.commit()
        item = rt.session.scalars(select(OutboxItem).where(OutboxItem.key == "one")).one()
        assert item.payload == {"to": NEW_MOBILE}
    assert not found(hall.app, numbers)


def _carry_out(hall: Hall) -> int:
    from webapp import jobs

    with hall.app.app_context():
        shop = jobs.workshop(hall.app.extensions["hall"].settings, db.engine, hall.clock)
        return jobs.drain(shop)
