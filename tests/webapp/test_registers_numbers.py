"""查看完整号码 of a register: who may, what is written down, and what a file holds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from handlers.privacy.models import Disclosure
from handlers.registers.models import ExportRecord
from tests.builders.members import resident_id
from tests.conftest import Clock
from tests.webapp.hall import UNIT, Hall, post
from tests.webapp.registering import (
    LIST,
    agree,
    book,
    draw_exports,
    offering,
    run_jobs,
    sealed_people,
)
from webapp.runtime import db

WORDS = {"unit": UNIT, "day_from": "2026-07-01"}
NUMBER = resident_id(801)


@pytest.fixture
def hall(app: Flask, clock: Clock) -> Hall:
    hall = offering(app, clock)
    sealed_people(hall)
    draw_exports(hall)
    return hall


def looks(hall: Hall) -> list[tuple[str, str, str]]:
    with hall.app.app_context():
        rows = db.session.scalars(select(Disclosure).order_by(Disclosure.id))
        return [(row.key, row.fields, row.name) for row in rows]


def test_a_reviewer_sees_a_page_in_full_once_asked_for_and_it_is_written_down(
    hall: Hall, reviewer: FlaskClient
) -> None:
    masked = reviewer.get(f"{LIST}?unit={UNIT}").text
    assert NUMBER not in masked
    assert f'action="{LIST}/numbers"' in masked
    page = post(reviewer, f"{LIST}/numbers", WORDS)
    assert NUMBER in page.text
    assert "这次查看已登记" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    (looked,) = looks(hall)
    assert looked[:2] == ("seal_changes", "id_no")
    assert "第 1–3 条" in looked[2]
    assert NUMBER not in looked[2]
    assert NUMBER not in reviewer.get(f"{LIST}?unit={UNIT}").text


def test_who_may_not_is_refused_and_sees_no_button(
    hall: Hall, operator: FlaskClient, far_reviewer: FlaskClient
) -> None:
    assert "查看完整号码" not in operator.get(LIST).text
    refused = post(operator, f"{LIST}/numbers", {})
    assert refused.status_code == 403
    assert NUMBER not in refused.text
    far = post(far_reviewer, f"{LIST}/numbers", WORDS)
    assert NUMBER not in far.text
    assert looks(hall) == []


def test_no_address_and_no_download_has_full_numbers(hall: Hall, reviewer: FlaskClient) -> None:
    for odd in ("full=1", "full=True"):
        assert reviewer.get(f"{LIST}?unit={UNIT}&{odd}").status_code == 422
        assert reviewer.get(f"{LIST}.xlsx?unit={UNIT}&{odd}").status_code == 422
    post(reviewer, f"{LIST}/numbers", WORDS)
    for taken in (
        str(book(reviewer.get(f"{LIST}.xlsx?unit={UNIT}"))),
        reviewer.get(f"{LIST}/print?unit={UNIT}").text,
    ):
        assert NUMBER not in taken
        assert NUMBER[-4:] in taken


def test_the_list_of_members_is_looked_at_in_full_the_same_way(
    hall: Hall, reviewer: FlaskClient
) -> None:
    listed = reviewer.get(f"/members?unit={UNIT}").text
    assert 'action="/registers/members/numbers"' in listed
    page = post(reviewer, "/registers/members/numbers", {"unit": UNIT})
    for number in (NUMBER, "13800000801"):
        assert number not in listed
        assert number in page.text
    assert looks(hall)[0][:2] == ("members", "id_no,mobile")
    # and back to the same people
    words = {"unit": UNIT, "account": "0108", "opened_from": "2026-01-01"}
    back = reviewer.get("/registers/members", query_string=words)
    again = reviewer.get(back.location).text
    for value in (UNIT, "0108", "2026-01-01"):
        assert f'value="{value}"' in again


def asked_for(client: FlaskClient, **typed: str) -> Any:
    return post(client, f"{LIST}/requests", {"reason": "协助调查", "full": "1", **typed})


def test_c40_a_file_in_full_is_agreed_to_by_another_who_stands_in_the_log(
    hall: Hall, reviewer: FlaskClient
) -> None:
    page = post(reviewer, f"{LIST}/numbers", WORDS).text
    assert "带完整号码，须他人同意" in page
    no = asked_for(reviewer, **WORDS).location.rpartition("/")[2]
    assert "号码：完整号码" in reviewer.get(f"/requests/{no}").text
    who = agree(hall, no, "业务主管")
    run_jobs(hall)
    found = re.search(r'href="(/registers/files/\d+)"', reviewer.get("/registers/files").text)
    assert found
    assert NUMBER in str(book(reviewer.get(found[1])))
    log = reviewer.get("/registers/export_log").text
    for words in ("封存启封查询", "号码：完整号码", "经同意的导出文件", who, no):
        assert words in log
    with hall.app.app_context():
        (row,) = db.session.scalars(select(ExportRecord))
        assert (row.scope, row.branch) == ("branch:QDN01", "QDN01")


def test_an_operator_cannot_ask_for_a_file_in_full(hall: Hall, operator: FlaskClient) -> None:
    assert asked_for(operator).status_code == 403
