"""When something goes wrong: what happened, what to do, a way on."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

from engine import errors
from tests.webapp.hall import post
from webapp.security import audience

JSON = {"Accept": "application/json"}


@pytest.fixture
def store() -> str:
    """How an error is told does not depend on the store."""
    return "sqlite"


@pytest.fixture
def breaking(app: Flask) -> Flask:
    """Views that fail in every way there is."""

    @audience("signed")
    def status(code: int) -> Any:
        abort(code)

    @audience("signed")
    def refusal(kind: str) -> Any:
        raise getattr(errors, kind)(errors.Problem("x", "存在未审批完成的单位信息变更业务"))

    @audience("signed")
    def bug() -> Any:
        raise ZeroDivisionError("secret detail")

    app.testing = False  # a bug becomes a page, as in production
    app.add_url_rule("/t/status/<int:code>", view_func=status)
    app.add_url_rule("/t/refusal/<kind>", view_func=refusal)
    app.add_url_rule("/t/bug", view_func=bug)
    return app


@pytest.mark.parametrize("code", [400, 403, 404, 405, 413, 429, 500])
def test_every_error_has_a_page_with_a_way_on(
    breaking: Flask, operator: FlaskClient, code: int
) -> None:
    page = operator.get(f"/t/status/{code}")
    assert page.status_code == code
    assert "<h1>" in page.text
    assert "回到工作台" in page.text
    assert 'role="alert"' in page.text


@pytest.mark.parametrize("code", [400, 403, 404, 413, 429, 500])
def test_every_error_speaks_json_to_scripts(
    breaking: Flask, operator: FlaskClient, code: int
) -> None:
    answer = operator.get(f"/t/status/{code}", headers=JSON)
    assert answer.status_code == code
    assert answer.json is not None
    assert answer.json["problem"]["text"].endswith("。")


def test_a_bug_shows_a_number_and_nothing_of_the_inside(
    breaking: Flask, operator: FlaskClient
) -> None:
    page = operator.get("/t/bug")
    assert page.status_code == 500
    assert "secret detail" not in page.text
    assert page.headers["X-Request-ID"] in page.text
    assert "杨秀兰" not in page.text  # drawn without asking the database who is there


@pytest.mark.parametrize(
    ("kind", "status"),
    [("NotFound", 404), ("Forbidden", 403), ("Conflict", 409), ("Refused", 422)],
)
def test_a_refusal_keeps_its_own_sentence(
    breaking: Flask, operator: FlaskClient, kind: str, status: int
) -> None:
    page = operator.get(f"/t/refusal/{kind}")
    assert page.status_code == status
    assert "存在未审批完成的单位信息变更业务" in page.text


def test_a_wrong_address_helps_before_and_after_sign_in(
    browser: FlaskClient, operator: FlaskClient
) -> None:
    assert "没有找到这个页面" in browser.get("/nothing/here").text
    assert 'action="/search"' in operator.get("/nothing/here").text


def test_a_form_of_another_session_is_not_executed_but_offered_again(
    operator: FlaskClient,
) -> None:
    fields = {"csrf_token": "stale", "pay_day": "10", "unit_address": 'A"<b>'}
    headers = {"Sec-Fetch-Site": "same-origin"}
    page = operator.post("/services/unit_info_change", data=fields, headers=headers)
    assert page.status_code == 400
    assert "这次提交没有执行" in page.text
    assert 'name="pay_day" value="10"' in page.text
    assert 'value="A&#34;&lt;b&gt;"' in page.text
    assert "杨秀兰" in page.text
    assert "stale" not in page.text


def test_a_form_sent_from_another_site_is_never_offered_again(operator: FlaskClient) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
        page = operator.post("/services/unit_info_change", data={"pay_day": "1"}, headers=headers)
        assert page.status_code == 400
        assert "重新提交" not in page.text


def test_a_stale_token_in_a_script_is_told_in_json(operator: FlaskClient) -> None:
    answer = operator.post("/session/keep", headers=JSON | {"X-CSRFToken": "stale"})
    assert answer.status_code == 400
    assert answer.json is not None
    assert "请刷新页面后重试" in answer.json["problem"]["text"]


def test_a_form_without_any_session_leads_to_sign_in(browser: FlaskClient) -> None:
    page = browser.post("/services/unit_info_change", data={"pay_day": "10"})
    assert page.status_code == 400
    assert "登录已过期" in page.text
    assert "/signin?next=/services/unit_info_change" in page.text


def test_a_body_that_is_too_large_is_refused_in_words(operator: FlaskClient) -> None:
    page = post(operator, "/session/keep", {"x": "y" * (12 * 1024 * 1024)})
    assert page.status_code == 413
    assert "文件太大" in page.text
    assert post(operator, "/session/keep").status_code == 204
