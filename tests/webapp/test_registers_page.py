"""Registers on a page, in a centre that lists all of them."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from engine.database import transaction
from handlers import centers
from handlers.centers import RegisterEntry
from handlers.members.models import IndividualAccount
from handlers.registers import catalog
from tests.builders.members import name_of, resident_id
from tests.builders.registers import change
from tests.conftest import Clock
from tests.webapp.hall import UNIT, Hall, post
from tests.webapp.registering import LIST, NUMBERS, book, names, offering, sealed_people
from webapp.settings import ROOT


@pytest.fixture
def hall(app: Flask, clock: Clock) -> Hall:
    return offering(app, clock)


@pytest.fixture
def people(hall: Hall) -> list[str]:
    return sealed_people(hall)


# ── the page ───────────────────────────────────────────────────────────────────────────────────


def test_sx_9_5_a_page_shows_rows_sums_and_where_they_lead(
    operator: FlaskClient, people: list[str]
) -> None:
    page = operator.get(LIST)
    assert names(page) == [name_of(803), name_of(802), name_of(801)]
    assert "离职/终止劳动关系" in page.text
    assert "共 3 条" in page.text
    assert f'href="/members/{people[0]}"' in page.text
    assert resident_id(801) not in page.text
    assert f"522601********{resident_id(801)[-4:]}" in page.text


def test_every_register_opens_for_operator_and_staff_and_is_empty_for_strangers(
    operator: FlaskClient,
    stranger: FlaskClient,
    reviewer: FlaskClient,
    people: list[str],
) -> None:
    for key, register in catalog.BY_KEY.items():
        where = f"/registers/{key}"
        if register.page:
            assert operator.get(where).location == "/members"
            continue
        for client in (operator, reviewer):
            page = client.get(where)
            assert page.status_code == 200, key
            assert register.title in page.text
        assert reviewer.get(f"{where}?unit={UNIT}").status_code == 200
        foreign = stranger.get(f"{where}?unit={UNIT}")
        assert foreign.status_code == 200
        for one in NUMBERS:
            assert resident_id(one)[-4:] not in foreign.text, key


def test_sx_4_1_an_id_number_is_posted_and_stays_out_of_the_address(
    operator: FlaskClient, people: list[str]
) -> None:
    answer = post(operator, LIST, {"id_no": resident_id(802), "day_from": "", "day_to": ""})
    assert answer.status_code == 303
    assert resident_id(802) not in answer.location
    page = operator.get(answer.location)
    assert names(page) == [name_of(802)]
    assert resident_id(802) not in page.text
    unknown = post(operator, LIST, {"id_no": "\x00x"})
    assert names(operator.get(unknown.location)) == []


def test_staff_are_asked_whom_they_mean(
    reviewer: FlaskClient, far_reviewer: FlaskClient, people: list[str]
) -> None:
    assert "请先填写单位账号，或指明一名职工，再点查询。" in reviewer.get(LIST).text
    assert len(names(reviewer.get(f"{LIST}?unit={UNIT}"))) == 3
    assert names(far_reviewer.get(f"{LIST}?unit={UNIT}")) == []


def test_pages_turn_forth_and_back(hall: Hall, operator: FlaskClient, people: list[str]) -> None:
    with hall.app.app_context():
        session = hall.session()
        number = IndividualAccount.individual_account_no == people[0]
        with transaction(session):
            account = session.scalars(select(IndividualAccount).where(number)).one()
            session.add_all(change(account, 100 + n, kind="unseal") for n in range(30))
    first = operator.get(LIST)
    assert "第 1–20 条，共 33 条" in first.text
    second = operator.get(turned(first, "next"))
    assert "第 21–33 条，共 33 条" in second.text
    assert names(operator.get(turned(second, "prev"))) == names(first)
    assert 'rel="next"' not in second.text


def turned(page: Any, rel: str) -> str:
    found = re.search(rf'href="([^"]+)" rel="{rel}"', page.text)
    assert found, rel
    return html.unescape(found[1])


ODD = [
    ("day_from=2026-02-30", 422, "请按 2026-07-01 的样式填写。"),
    ("unit_account_no=1", 422, "网址里有本查询没有的条件"),
    ("rows=1000000000", 200, "共 3 条"),
    ("after=x", 422, "翻页位置无效"),
    ("before=%F0%9F%98%80", 422, "翻页位置无效"),
    ("name=%00", 422, "有无法识别的内容"),
    ("person=99999999999", 422, "有无法识别的内容"),
    ("kind=nonsense", 200, "共 3 条"),
    ("day_from=1", 422, "查询条件有误"),
]


def test_whatever_is_typed_into_an_address_gets_an_answer_in_words(
    operator: FlaskClient, people: list[str]
) -> None:
    for query, status, sentence in ODD:
        answer = operator.get(f"{LIST}?{query}")
        assert (answer.status_code, sentence in answer.text) == (status, True), query


def test_registers_a_centre_does_not_list_are_not_found(hall: Hall, operator: FlaskClient) -> None:
    offering(hall.app, hall.clock, RegisterEntry(key="remittances", name="汇缴书打印"))
    for tail in ("", ".xlsx", ".pdf", "/print"):
        assert operator.get(f"{LIST}{tail}").status_code == 404
    assert "<h1>汇缴书打印</h1>" in operator.get("/registers/remittances").text
    # 汇缴清册 is reached from it, and needs to know which one
    assert operator.get("/registers/remittance_lines").status_code == 200
    rail = operator.get("/").text
    assert 'href="/registers/remittances"' in rail
    assert 'href="/registers/remittance_lines"' not in rail


def test_a_column_the_centre_hides_is_in_no_page_and_no_file(
    hall: Hall, operator: FlaskClient, people: list[str]
) -> None:
    entry = RegisterEntry(key="seal_changes", hidden=("id_no",), labels={"by": "操作员"})
    offering(hall.app, hall.clock, entry)
    page = operator.get(LIST).text
    assert ">操作员<" in page
    assert "522601" not in page
    assert "522601" not in str(book(operator.get(f"{LIST}.xlsx")))
    assert "522601" not in operator.get(f"{LIST}/print").text


def test_every_register_has_a_picture_in_the_menu() -> None:
    pictures = (ROOT / "webapp/static/vendor/icons.svg").read_text(encoding="utf-8")
    for register in catalog.ALL:
        assert f'id="i-{register.icon}"' in pictures, register.key


def test_a_centres_file_is_told_what_it_misspells() -> None:
    center = centers.load(ROOT, "qiandongnan")
    wrong = (RegisterEntry(key="seals"), RegisterEntry(key="merges", hidden=("shoe",)))
    found = list(catalog.misfits(center.model_copy(update={"registers": wrong})))
    assert [problem.code for problem in found] == [
        "registers.unknown",
        "registers.unknown_column",
    ]
    assert "没有列“shoe”" in found[1].text
