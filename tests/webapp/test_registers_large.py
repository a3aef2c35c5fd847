"""Large exports: asked for, agreed to by a second person, made by a worker, fetched by one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

import engine
from engine.models import Job
from handlers.centers import RegisterEntry
from handlers.people.models import Operator
from handlers.registers import exporting
from handlers.registers.models import ExportFile
from tests.builders.members import name_of
from tests.conftest import Clock
from tests.webapp.hall import UNIT, Hall, post
from tests.webapp.registering import (
    LIST,
    agree,
    alone,
    book,
    draw_exports,
    offering,
    records,
    run_jobs,
    sealed_people,
)
from webapp.runtime import db

LATER = {"day_from": "2026-07-01"}


@pytest.fixture
def hall(app: Flask, clock: Clock) -> Hall:
    return offering(app, clock)


@pytest.fixture
def people(hall: Hall) -> list[str]:
    return sealed_people(hall)


@pytest.fixture
def large(hall: Hall, people: list[str]) -> Hall:
    """One person takes two rows alone; the services of large exports are drawn."""
    alone(hall, 2)
    draw_exports(hall)
    return hall


def asked_for(client: FlaskClient, **typed: str) -> Any:
    return post(client, f"{LIST}/requests", {"reason": "年度对账", **LATER, **typed})


def filed(hall: Hall, client: FlaskClient) -> str:
    """申请导出; the number of the request."""
    return str(asked_for(client).location.rpartition("/")[2])


def test_more_rows_than_one_person_may_take_are_asked_for(
    large: Hall, operator: FlaskClient
) -> None:
    page = operator.get(LIST).text
    assert "申请导出" in page
    assert "超过一个人可以导出的 2 行" in page
    assert f"{LIST}.xlsx" not in page
    for tail in (".xlsx", ".pdf", "/print"):
        refused = operator.get(f"{LIST}{tail}")
        assert refused.status_code == 422
        assert "请在查询页面点“申请导出”" in refused.text
    assert records(large) == []


def test_an_export_without_a_purpose_is_not_filed(large: Hall, operator: FlaskClient) -> None:
    answer = asked_for(operator, reason=" ")
    assert "请写明导出的用途" in operator.get(answer.location).text
    with large.app.app_context():
        assert db.session.scalar(select(func.count(Job.id))) == 0


def test_staff_ask_for_their_branch_and_the_request_says_what_for(
    large: Hall, operator: FlaskClient, reviewer: FlaskClient, far_reviewer: FlaskClient
) -> None:
    for client, typed in ((operator, {}), (reviewer, {"unit": UNIT})):
        page = client.get(asked_for(client, **typed).location).text
        for words in ("大量数据导出", "年度对账", "封存启封查询", "3 行", "2026-07-01 起"):
            assert words in page
    # whose rows these are not asks for nothing
    none = far_reviewer.get(asked_for(far_reviewer, unit=UNIT).location)
    assert "没有可以导出的数据" in none.text


def test_the_same_page_asks_once(large: Hall, operator: FlaskClient) -> None:
    first, again = (asked_for(operator, token="a" * 32).location for _ in range(2))
    assert first == again
    assert first.startswith("/requests/")


def test_an_agreed_export_waits_for_its_owner_alone_and_expires(
    large: Hall, operator: FlaskClient, stranger: FlaskClient, reviewer: FlaskClient
) -> None:
    no = filed(large, operator)
    agree(large, no)
    run_jobs(large)
    listed = operator.get("/registers/files").text
    found = re.search(r'href="(/registers/files/\d+)"', listed)
    assert found
    rows = book(operator.get(found[1]))
    assert [row[1] for row in rows if row[3] == "封存"] == [name_of(n) for n in (803, 802, 801)]
    assert records(large) == [("file", "seal_changes", 3, "杨秀兰")]
    with large.app.app_context():
        (message,) = [
            row
            for row in engine.inbox.messages(large.runtime(), large.actor("operator")).rows
            if row.title == "导出文件已生成"
        ]
        assert message.no == no
    assert "下载导出文件" in operator.get(f"/messages/{message.id}").text
    for client in (stranger, reviewer):
        assert client.get(found[1]).status_code == 404
        assert no not in client.get("/registers/files").text
    large.clock.advance(days=3, minutes=1)
    operator = large.signed_in("operator")
    assert operator.get(found[1]).status_code == 404
    with large.app.app_context():
        assert exporting.purge(db.session(), large.clock()) == 1
        assert db.session.scalar(select(func.count(ExportFile.id))) == 0


def test_an_export_of_too_many_rows_for_one_file_is_not_filed(
    large: Hall, operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "ROWS_MAX", 2)
    assert "一个文件最多 2 行" in operator.get(asked_for(operator).location).text


def test_who_has_lost_the_post_meanwhile_gets_no_file(large: Hall, operator: FlaskClient) -> None:
    no = filed(large, operator)
    enabled(large, False)
    agree(large, no)
    run_jobs(large)
    enabled(large, True)
    assert "没有可以下载的导出文件" in large.signed_in("operator").get("/registers/files").text


def enabled(hall: Hall, whether: bool) -> None:
    with hall.app.app_context():
        db.session.execute(update(Operator).where(Operator.login == UNIT).values(enabled=whether))
        db.session.commit()


def test_an_export_that_cannot_be_made_says_why(large: Hall, operator: FlaskClient) -> None:
    no = filed(large, operator)
    agree(large, no)
    offering(large.app, large.clock, RegisterEntry(key="merges"))
    run_jobs(large)
    assert "导出没有完成" in operator.get("/inbox/messages").text
    assert "没有可以下载的导出文件" in operator.get("/registers/files").text
