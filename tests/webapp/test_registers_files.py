"""Registers as files and on paper."""

from __future__ import annotations

import html
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from engine.database import transaction
from tests.builders.members import name_of, resident_id
from tests.builders.registers import due
from tests.conftest import Clock
from tests.webapp.hall import UNIT, Hall
from tests.webapp.registering import LIST, book, names, offering, records, sealed_people


@pytest.fixture
def hall(app: Flask, clock: Clock) -> Hall:
    return offering(app, clock)


@pytest.fixture
def people(hall: Hall) -> list[str]:
    return sealed_people(hall)


def test_qdn_06_3_a_workbook_holds_what_the_page_shows_and_is_written_down(
    hall: Hall, operator: FlaskClient, people: list[str]
) -> None:
    answer = operator.get(f"{LIST}.xlsx?day_from=2026-07-01")
    rows = book(answer)
    assert rows[0][0] == "封存启封查询"
    assert "变更日期：2026-07-01 起" in str(rows)
    assert [row[1] for row in rows if row[3] == "封存"] == names(operator.get(LIST))
    assert resident_id(801) not in str(rows)
    assert records(hall) == [("xlsx", "seal_changes", 3, "杨秀兰")]


def test_sums_of_a_workbook_are_those_of_the_page(operator: FlaskClient, people: list[str]) -> None:
    ledger = f"account={people[0]}"
    rows = book(operator.get(f"/registers/individual_ledger.xlsx?{ledger}"))
    page = operator.get(f"/registers/individual_ledger?{ledger}").text
    total = next(row for row in rows if row[0] == "合计")
    assert f"{total[5]:,.2f}" == "15,360.00"
    assert "15,360.00" in page


def test_a_sheet_of_paper_says_what_was_asked_by_whom(
    hall: Hall, operator: FlaskClient, people: list[str]
) -> None:
    sheet = operator.get(f"{LIST}/print?day_from=2026-07-01").text
    for words in ("2026-07-01 起", "杨秀兰", name_of(801), UNIT, "3 条"):
        assert words in sheet
    assert sheet.count("单位账号") == 1
    paper = operator.get(f"{LIST}.pdf?day_from=2026-07-01")
    assert paper.data.startswith(b"%PDF-")
    assert paper.mimetype == "application/pdf"
    assert [kind for kind, *_ in records(hall)] == ["print", "pdf"]


def test_files_of_strangers_hold_nothing(stranger: FlaskClient, people: list[str]) -> None:
    text = str(book(stranger.get(f"{LIST}.xlsx?unit={UNIT}")))
    assert name_of(802) not in text


def test_a_file_with_a_wrong_or_missing_condition_is_refused(
    hall: Hall, operator: FlaskClient, reviewer: FlaskClient, people: list[str]
) -> None:
    assert operator.get(f"{LIST}.xlsx?day_from=x").status_code == 422
    assert operator.get("/registers/individual_ledger.xlsx").status_code == 422
    assert reviewer.get(f"{LIST}.pdf").status_code == 422
    assert records(hall) == []


def test_xz_6_1a_the_list_of_members_goes_into_a_file_too(
    operator: FlaskClient, people: list[str]
) -> None:
    number = people[1]
    page = operator.get(f"/members?number={number}").text
    found = re.search(r'href="(/registers/members\.xlsx[^"]+)"', page)
    assert found
    rows = book(operator.get(html.unescape(found[1])))
    assert [row[0] for row in rows if row[1] == name_of(802)] == [number]
    assert "13800000802" not in str(rows)


def test_xz_3_a_slip_adds_up_and_becomes_a_voucher_once_posted(
    hall: Hall, operator: FlaskClient, stranger: FlaskClient
) -> None:
    with hall.app.app_context():
        session = hall.session()
        with transaction(session):
            open_, done = due(1, "2026-07", state="assessed", posted_on=None), due(2, "2026-06")
            session.add_all((open_, done))
            session.flush()
            ids = (open_.id, done.id)
    slip, voucher = (operator.get(f"/remittances/{id}/slip").text for id in ids)
    assert "住房公积金汇缴书" in slip
    assert "住房公积金汇缴凭证" in voucher
    for words in ("本月正常汇缴", "贰仟伍佰陆拾元整", "2,560.00", "2026-07"):
        assert words in slip
    assert f'href="/remittances/{ids[0]}/slip.pdf"' in slip
    assert operator.get(f"/remittances/{ids[0]}/slip.pdf").data.startswith(b"%PDF-")
    for id in (*ids, 99999999999):
        assert stranger.get(f"/remittances/{id}/slip").status_code == 404
    assert f'href="/remittances/{ids[0]}/slip"' in operator.get("/registers/remittances").text


def test_xz_6_2a_the_facts_of_a_unit_go_on_paper(
    operator: FlaskClient, reviewer: FlaskClient, far_reviewer: FlaskClient
) -> None:
    for client, path in ((operator, "/unit.pdf"), (reviewer, f"/units/{UNIT}.pdf")):
        assert f'href="{path}"' in client.get(path.removesuffix(".pdf")).text
        assert client.get(path).data.startswith(b"%PDF-")
    assert far_reviewer.get(f"/units/{UNIT}.pdf").status_code == 404
