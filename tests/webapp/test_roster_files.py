"""Files of a roster: template, faulty rows, paper, and what is imported in the background."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select

from handlers.rosters.models import Roster
from tests.builders import rosterservices
from tests.builders.rosterservices import IDS, KEY, PAGE, run_jobs
from tests.webapp.hall import Hall, csrf_of, post
from tests.webapp.rostersteps import fill, rows_of, with_a_fault
from webapp.runtime import db


@pytest.fixture
def store() -> str:
    """What pages show does not depend on the store; test_roster_editing.py walks both."""
    return "sqlite"


@pytest.fixture(autouse=True)
def service(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    rosterservices.install(app, monkeypatch)


def book(client: FlaskClient, path: str) -> Any:
    with client.get(path) as answer:
        assert answer.status_code == 200, answer.text
        return load_workbook(io.BytesIO(answer.data)).worksheets[0]


def test_the_template_holds_the_units_own_list(operator: FlaskClient) -> None:
    sheet = book(operator, f"{PAGE}/template.xlsx")
    texts = [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value]
    assert "*姓名" in texts
    assert "龙德昌" in texts


def test_the_faulty_rows_are_downloaded_with_what_is_wrong(operator: FlaskClient) -> None:
    with_a_fault(operator)
    sheet = book(operator, f"{PAGE}/errors.xlsx")
    texts = " ".join(str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value)
    assert "吴佳琪" in texts
    assert "低于下限" in texts
    assert "龙德昌" not in texts


def test_the_sheet_for_the_printer_has_sums_and_masked_numbers(operator: FlaskClient) -> None:
    fill(operator, "龙德昌", "吴佳琪")
    page = operator.get(f"{PAGE}/roster").text
    assert "月缴存额 1,724.80 元" in page
    assert IDS[0] not in page
    assert "尚未提交" in page


def test_rows_with_faults_are_not_printed_before_they_are_mended(operator: FlaskClient) -> None:
    with_a_fault(operator)
    page = operator.get(f"{PAGE}/roster").text
    assert "龙德昌" in page
    assert "吴佳琪" not in page
    assert "合计　1 行" in page
    assert "另有 1 行有误" in page


def workbook(*rows: tuple[str, ...]) -> io.BytesIO:
    from openpyxl import Workbook

    made = Workbook()
    sheet = made.active
    assert sheet is not None
    sheet.append(["姓名", "证件类型", "证件号码", "缴存基数(元)"])
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    made.save(out)
    out.seek(0)
    return out


def send_file(client: FlaskClient, content: io.BytesIO, **fields: str) -> Any:
    data = {"csrf_token": csrf_of(client), "file": (content, "开户.xlsx"), **fields}
    return client.post(f"{PAGE}/import", data=data, content_type="multipart/form-data")


def test_a_file_is_read_in_the_background_and_the_page_tells_what_came_of_it(
    operator: FlaskClient, hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (("龙德昌", "01", IDS[0], "5390"), ("吴佳琪", "01", IDS[1], "1800"))
    answer = send_file(operator, workbook(*rows))
    assert answer.status_code == 303, answer.text
    page = operator.get(answer.location).text
    assert "可以离开本页，导入会继续" in page
    assert re.search(r"ask-all[^>]* disabled", page), "nothing is filed meanwhile"
    progress = re.search(r'data-job="([^"]+)"', page)
    assert progress
    assert operator.get(progress[1].replace("&amp;", "&")).get_json()["over"] is False
    run_jobs(hall.app, monkeypatch)
    page = operator.get(answer.location).text
    assert "共 2 行，合格 1 行，有误 1 行" in page
    assert "862.40" in rows_of(page)[1]


def test_a_file_that_is_no_roster_is_refused_in_words(
    operator: FlaskClient, hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = send_file(operator, io.BytesIO(b"%PDF-1.7 no workbook"))
    if answer.status_code == 303:
        run_jobs(hall.app, monkeypatch)
        page = operator.get(answer.location).text
    else:
        page = answer.text
    assert re.search(r'role="alert"[^>]*>.*[一-龥]{6}', page)
    assert "清册里还没有数据" in page


def test_where_the_centre_wants_it_the_number_of_rows_is_typed(
    app: Flask, operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    center = app.extensions["hall"].center
    rosterservices.offer(center, monkeypatch, options={"count_check": True})
    assert "导入条数" in operator.get(PAGE).text
    answer = send_file(operator, workbook(("龙德昌", "01", IDS[0], "5390")))
    assert answer.status_code == 422
    assert "请填写导入条数" in answer.text


def test_no_file_is_a_sentence(operator: FlaskClient) -> None:
    answer = post(operator, f"{PAGE}/import", {})
    assert answer.status_code == 422
    assert "没有收到文件" in answer.text


def test_one_service_has_one_open_roster(operator: FlaskClient, hall: Hall) -> None:
    for _ in range(3):
        operator.get(PAGE)
    hall.signed_in("colleague").get(PAGE)
    with hall.app.app_context():
        assert len(list(db.session.scalars(select(Roster).where(Roster.key == KEY)))) == 1
