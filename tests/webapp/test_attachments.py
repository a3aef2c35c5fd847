"""附件: files that go with a decision or a comment: checked, kept when refused, shown in a line."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.builders import files
from tests.webapp.hall import Hall, csrf_of, post
from tests.webapp.steps import JSON, act, filed, picture
from webapp.attachments import ATTACHMENTS_MAX


@pytest.fixture
def no(operator: FlaskClient) -> str:
    return filed(operator)


def attach(client: FlaskClient, no: str, content: Any = None, name: str = "批复.jpg") -> Any:
    data = {"attachment": (content or picture(), name), "csrf_token": csrf_of(client)}
    path = f"/requests/{no}/attachments"
    return client.post(path, data=data, content_type="multipart/form-data", headers=JSON)


def link(page: str, name: str) -> str:
    found = re.search(
        rf'href="(/materials/[0-9a-f]+)"[^>]*>(?:<svg[^>]*><use[^>]*></svg>)?{name}', page
    )
    assert found, name
    return found[1]


def test_a_file_goes_with_the_decision_and_stands_in_its_line(
    reviewer: FlaskClient, operator: FlaskClient, stranger: FlaskClient, no: str
) -> None:
    assert "批复.jpg" in attach(reviewer, no).get_json()["files"]
    assert "批复.jpg" not in operator.get(f"/requests/{no}").text, "not sent yet"
    act(reviewer, no, "return", opinion="请按批复修改")
    url = link(operator.get(f"/requests/{no}").text, "批复.jpg")
    assert operator.get(url, buffered=True).mimetype == "image/jpeg"
    assert stranger.get(url).status_code == 404
    desk = reviewer.get("/review").text
    assert "批复.jpg" not in reviewer.get(f"/requests/{no}/edit").text
    assert "1 份齐全" not in desk, "an attachment is no material of the filing"


def test_without_scripts_the_form_carries_the_file(operator: FlaskClient, no: str) -> None:
    page = operator.get(f"/requests/{no}?do=comment").text
    seen = re.search(r'name="seen" value="(\d+)"', page)
    assert seen
    data = {"opinion": "补充说明", "seen": seen[1], "csrf_token": csrf_of(operator)}
    sent = data | {"attachment": [(picture(), "一.jpg"), (picture("red"), "二.jpg")]}
    answer = operator.post(f"/requests/{no}/comment", data=sent, content_type="multipart/form-data")
    assert answer.status_code == 303
    page = operator.get(f"/requests/{no}").text
    assert link(page, "一.jpg") != link(page, "二.jpg")


def test_a_refused_decision_keeps_its_files(reviewer: FlaskClient, no: str) -> None:
    attach(reviewer, no)
    refused = act(reviewer, no, "return")
    assert refused.status_code == 422
    assert "批复.jpg" in refused.text
    act(reviewer, no, "return", opinion="请修改")
    assert link(reviewer.get(f"/requests/{no}").text, "批复.jpg")


def test_what_is_no_document_is_refused_in_words(reviewer: FlaskClient, no: str) -> None:
    for content, word in ((files.EXE, "程序文件"), (files.HTML, "网页"), (b"", "空文件")):
        answer = attach(reviewer, no, io.BytesIO(content), "批复.pdf")
        assert answer.status_code == 422
        assert word in answer.get_json()["text"]
    data = {"opinion": "写了很久", "attachment": (io.BytesIO(files.EXE), "批复.pdf")}
    data |= {"csrf_token": csrf_of(reviewer)}
    path = f"/requests/{no}/approve"
    whole = reviewer.post(path, data=data, content_type="multipart/form-data")
    assert whole.status_code == 422
    assert "程序文件" in whole.text
    assert "写了很久</textarea>" in whole.text


def test_too_many_are_refused_and_one_can_be_removed(reviewer: FlaskClient, no: str) -> None:
    for number in range(ATTACHMENTS_MAX):
        assert attach(reviewer, no, name=f"{number}.jpg").status_code == 200
    full = attach(reviewer, no, name="more.jpg")
    assert full.status_code == 422
    assert f"一次最多附 {ATTACHMENTS_MAX} 个文件" in full.get_json()["text"]
    drop = re.search(r'formaction="([^"]+/remove)"', full.get_json()["files"])
    assert drop
    assert post(reviewer, drop[1], {"opinion": "还在写"}).status_code == 303
    page = reviewer.get(f"/requests/{no}").text
    assert page.count("0.jpg</a>") == 0
    assert "还在写</textarea>" in page


def test_what_stands_in_the_record_cannot_be_taken_away(
    reviewer: FlaskClient, operator: FlaskClient, hall: Hall, no: str
) -> None:
    waiting = attach(operator, no, name="说明.jpg").get_json()["files"]
    token = re.search(r"/materials/([0-9a-f]{32})", waiting)
    assert token
    other = hall.signed_in("other_reviewer")
    assert post(other, f"/requests/{no}/attachments/{token[1]}/remove").status_code == 404
    assert post(operator, f"/materials/{token[1]}/remove").status_code == 404
    act(operator, no, "comment", opinion="见附件")
    act(reviewer, no, "return", opinion="请修改")
    post(operator, f"/requests/{no}/attachments/{token[1]}/remove")
    assert operator.get(f"/materials/{token[1]}", buffered=True).status_code == 200


def test_strangers_attach_nothing(stranger: FlaskClient, no: str) -> None:
    assert attach(stranger, no).status_code == 404
    assert post(stranger, f"/requests/{no}/attachments/{'a' * 32}/remove").status_code == 404
