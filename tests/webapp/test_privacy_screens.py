"""Numbers of people on the screen: masked for everybody, in full for the few who ask for it."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

import engine
from engine import operations
from handlers.privacy.models import Disclosure
from tests.builders import members
from tests.builders.stored import numbers_in
from tests.webapp.hall import UNIT, Hall, post
from tests.webapp.steps import PAGE, filed, upload
from tests.webapp.test_incidents import address, admin, data_of  # noqa: F401
from tests.webapp.test_security import PLACES
from webapp.runtime import db

NEW_ID, NEW_MOBILE = "522632198807152210", "13985507788"
FILED = {"legal_rep_id_no": NEW_ID, "operator_mobile": NEW_MOBILE}
SHOWS_PHONES = frozenset({"demo.phone"})  # the demonstration's stand-in for people's own phones


@pytest.fixture
def numbers(hall: Hall) -> list[str]:
    """Every number on record and those being filed."""
    with hall.app.app_context():
        return sorted({NEW_ID, NEW_MOBILE} | numbers_in(db.session()))


@pytest.fixture
def no(hall: Hall) -> str:
    """A request in flight that changes two numbers, filed through the page."""
    client = hall.signed_in("operator")
    for slot in ("business_licence", "legal_rep_id_card", "change_application"):
        assert upload(client, slot).status_code == 200
    return filed(client, **FILED)


@pytest.mark.parametrize("store", ["sqlite"])  # what a page masks is not the store's business
@pytest.mark.parametrize("name", ["operator", "stranger", "reviewer", "admin"])
def test_no_page_shows_a_number_in_full(hall: Hall, no: str, name: str) -> None:
    task, member = hall.task_of(no, "reviewer"), members.in_hall(hall)
    with hall.app.app_context():
        numbers = sorted({NEW_ID, NEW_MOBILE} | numbers_in(db.session()))
    client = hall.signed_in(name)
    for endpoint, places in PLACES.items():
        for place in places:
            if place.method != "GET" or endpoint in SHOWS_PHONES:
                continue
            path = place.path.format(no=no, message=1, token="0" * 32, task=task, member=member)
            answer = client.get(path)
            shown = [each for each in numbers if each.encode() in answer.data]
            answer.close()
            assert not shown, f"{name} reads {shown} on {path}"


def test_the_form_shows_numbers_on_record_masked_and_leaves_them_alone(
    hall: Hall, operator: FlaskClient, numbers: list[str]
) -> None:
    page = operator.get(PAGE).text
    assert not [number for number in numbers if number in page]
    shown = re.search(r'<input[^>]*value="([^"]*)"[^>]*id="f-legal_rep_id_no"', page)
    assert shown
    assert "*" in shown[1]
    base = re.search(r'id="base" value="([^"]*)"', page)
    assert base
    typed = json.loads(html.unescape(base[1])) | {"operator_phone": "0855-8236120"}
    saved = post(operator, PAGE, {"action": "save", "base": html.unescape(base[1]), **typed}).text
    assert "1 项变更" in saved
    without_base = post(operator, PAGE, {"action": "save", "legal_rep_id_no": shown[1]}).text
    assert "1 项变更" not in without_base or "法定代表人证件号码" not in changes_in(without_base)


def test_what_was_typed_stays_readable_for_whoever_typed_it(operator: FlaskClient) -> None:
    page = post(operator, PAGE, {"action": "save", "operator_mobile": NEW_MOBILE}).text
    assert f'value="{NEW_MOBILE}"' in page
    assert f'value="{NEW_MOBILE}"' in operator.get(PAGE).text


def test_a_reviewer_reads_a_number_in_full_and_is_registered(
    hall: Hall, no: str, reviewer: FlaskClient
) -> None:
    page = reviewer.get(f"/requests/{no}").text
    assert "查看完整号码" in page
    assert NEW_ID not in page
    fields = re.findall(r'name="field" value="([^"]+)"', page)
    answer = post(reviewer, f"/privacy/request/{no}", {"field": fields, "no": no})
    assert NEW_ID in answer.text
    assert NEW_MOBILE in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    with hall.app.app_context():
        (row,) = db.session.scalars(select(Disclosure)).all()
        assert (row.actor_id, row.kind, row.key, row.no) == (
            hall.user_id("reviewer"), "request", no, no
        )  # fmt: skip
        assert set(row.fields.split(",")) == set(fields)
    register = hall.signed_in("admin").get("/disclosures").text
    assert "王审核" in register
    assert NEW_ID not in register


def test_the_register_stands_in_the_menu_of_process_admins_alone(hall: Hall) -> None:
    link = 'href="/disclosures"'
    assert link in hall.signed_in("admin").get("/review").text
    assert link not in hall.signed_in("reviewer").get("/review").text


@pytest.mark.parametrize(
    ("name", "status"), [("operator", 403), ("other_admin", 404), ("far_reviewer", 404)]
)
def test_others_get_neither_the_number_nor_the_button(
    hall: Hall, no: str, name: str, status: int
) -> None:
    client = hall.signed_in(name)
    page = client.get(f"/requests/{no}")
    assert "查看完整号码" not in page.text
    answer = post(client, f"/privacy/request/{no}", {"field": ["new.legal_rep_id_no"]})
    assert answer.status_code == status
    assert NEW_ID not in answer.text
    with hall.app.app_context():
        assert db.session.scalars(select(Disclosure)).all() == []


def test_a_post_without_the_policy_reads_nothing(
    hall: Hall, no: str, reviewer: FlaskClient
) -> None:
    for path in ("/privacy/unit/999", "/privacy/nothing/1", "/privacy/unit/%00"):
        assert post(reviewer, path).status_code == 404
    answer = post(reviewer, f"/privacy/unit/{UNIT}", {"field": ["password_hash"]})
    assert answer.status_code == 422
    assert "刷新" in answer.text
    far = post(hall.signed_in("far_reviewer"), f"/privacy/unit/{UNIT}")
    assert far.status_code == 404


# ── incidents ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def halted(hall: Hall, no: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The request has failed at its last step; what the step is called with later."""
    calls: list[Any] = []

    def fail(call: Any) -> None:
        raise LookupError(f"没有 {call.data['changes'][0]['new']}")

    monkeypatch.setitem(operations._registry, "units/apply_changes", fail)
    for name in ("reviewer", "second_reviewer"):
        task = hall.task_of(no, name)
        with hall.app.app_context():
            engine.approve(hall.runtime(), hall.actor(name), task)
    monkeypatch.setitem(
        operations._registry, "units/apply_changes", lambda call: calls.append(call.data)
    )
    return calls


def test_an_incident_shows_its_data_and_errors_masked(
    halted: list[Any],
    admin: FlaskClient,  # noqa: F811
    numbers: list[str],
) -> None:
    for page in (admin.get("/incidents").text, admin.get(address(admin)).text):
        assert not [number for number in numbers if number in page]
        assert "522632********2210" in page


def test_a_repair_changes_what_was_typed_and_leaves_masked_values_as_they_were(
    halted: list[Any],
    admin: FlaskClient,  # noqa: F811
) -> None:
    where = address(admin)
    data = data_of(admin.get(where).text)
    assert data["changes"][0]["new"] == "522632********2210"
    data["changes"][0]["label"] = "证件号码"
    sent = {"data": json.dumps(data), "reason": "标签写错"}
    assert post(admin, f"{where}/edit", sent).status_code == 303
    (called,) = halted
    assert called["changes"][0]["label"] == "证件号码"
    assert [row["new"] for row in called["changes"]][:2] == [NEW_ID, NEW_MOBILE]


def test_a_mask_put_where_it_cannot_be_understood_is_refused(
    halted: list[Any],
    admin: FlaskClient,  # noqa: F811
) -> None:
    where = address(admin)
    data = data_of(admin.get(where).text)
    data["note"] = data["changes"][0]["new"]
    answer = post(admin, f"{where}/edit", {"data": json.dumps(data), "reason": "试"})
    assert answer.status_code == 422
    assert "掩码" in answer.text
    assert halted == []


def changes_in(page: str) -> str:
    return page.partition("待变更清册")[2]
