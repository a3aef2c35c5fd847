"""Signing in: the doors, the picture, the lock, a fresh session, and where one lands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from handlers import demo
from handlers.people.models import Operator, SigninSession
from tests.conftest import Clock
from tests.servers import Databases
from tests.webapp.hall import PEOPLE, UNIT, Hall, csrf_of, make_app, post, seed, seeded_copy
from webapp import parking
from webapp.runtime import db

HTTP_GATEWAY = {
    "url": "http://127.0.0.1:9/send?to={mobile}&text={text}",
    "success": {"regex": "ok"},
}


def fill_in(client: FlaskClient, door: str, login: str, password: str, **more: str) -> Any:
    """The sign-in page as a person uses it, the picture read from the demonstration's hint."""
    page = client.get(f"/signin?door={door}").text
    picture = re.search(r'name="captcha_id" value="(\w+)"', page)
    hint = re.search(r"演示模式，验证码：(\w+)", page)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert picture, "no picture on the page"
    assert hint, "no hint on the page"
    assert token, "no token on the page"
    fields = {
        "csrf_token": token[1],
        "door": door,
        "login": login,
        "password": password,
        "captcha_id": picture[1],
        "captcha": hint[1],
    }
    return client.post("/signin", data=fields | more)


@pytest.mark.parametrize(
    ("name", "landing"), [("operator", "/"), ("colleague", "/"), ("reviewer", "/review")]
)
def test_everybody_lands_on_their_own_first_page(
    browser: FlaskClient, name: str, landing: str
) -> None:
    door, login = PEOPLE[name]
    answer = fill_in(browser, door, login, demo.PASSWORD)
    assert (answer.status_code, answer.location) == (303, landing)


def test_a_wrong_password_and_an_unknown_login_read_the_same(browser: FlaskClient) -> None:
    sentences = []
    for login in (UNIT, "999999999999"):
        page = fill_in(browser, "unit", login, "Wrong-2026")
        assert page.status_code == 422
        sentences.append(re.search(r'role="alert">.*?<div>(.*?)</div>', page.text, re.DOTALL)[1])
    assert sentences[0] == sentences[1]
    assert "账号或密码不正确" in sentences[0]


def test_what_was_typed_stays_except_the_password(browser: FlaskClient) -> None:
    page = fill_in(browser, "unit", UNIT, "Wrong-2026").text
    assert f'value="{UNIT}"' in page
    assert "Wrong-2026" not in page


def test_five_wrong_passwords_lock_and_say_until_when(browser: FlaskClient, clock: Clock) -> None:
    for _ in range(5):
        page = fill_in(browser, "unit", UNIT, "Wrong-2026")
    assert "账号已锁定到 09:45" in page.text
    assert fill_in(browser, "unit", UNIT, demo.PASSWORD).status_code == 422
    clock.advance(minutes=16)
    assert fill_in(browser, "unit", UNIT, demo.PASSWORD).status_code == 303


def test_a_wrong_picture_is_told_beside_the_field_and_does_not_count(browser: FlaskClient) -> None:
    for _ in range(6):
        page = fill_in(browser, "unit", UNIT, demo.PASSWORD, captcha="0000")
    assert page.status_code == 422
    assert "验证码不对或已过期" in page.text
    assert fill_in(browser, "unit", UNIT, demo.PASSWORD).status_code == 303


def test_a_picture_is_used_once(browser: FlaskClient) -> None:
    page = browser.get("/signin?door=unit").text
    picture = re.search(r'name="captcha_id" value="(\w+)"', page)[1]
    hint = re.search(r"验证码：(\w+)", page)[1]
    again = {"captcha_id": picture, "captcha": hint}
    assert "账号或密码不正确" in fill_in(browser, "unit", UNIT, "Wrong-2026", **again).text
    assert "验证码不对或已过期" in fill_in(browser, "unit", UNIT, demo.PASSWORD, **again).text


def test_another_picture_comes_without_a_new_page(browser: FlaskClient) -> None:
    token = re.search(r'content="([^"]+)"', browser.get("/signin").text.split("csrf-token")[1])[1]
    headers = {"Accept": "application/json", "X-CSRFToken": token}
    answer = browser.post("/captcha", headers=headers)
    assert answer.json is not None
    picture = browser.get(answer.json["url"])
    assert picture.mimetype == "image/png"
    assert picture.data.startswith(b"\x89PNG")
    assert browser.get("/captcha/nothing.png").status_code == 404


@pytest.mark.parametrize(
    ("door", "words"), [("person", "缴存人网上业务"), ("developer", "开发企业网上业务")]
)
def test_a_closed_door_says_what_to_do_instead(browser: FlaskClient, door: str, words: str) -> None:
    page = browser.get(f"/signin?door={door}").text
    assert words in page
    assert 'name="password"' not in page
    assert post(browser, "/signin", {"door": door}).status_code == 403


def test_signing_in_starts_a_new_session_and_forgets_the_old_cookie(
    hall: Hall, browser: FlaskClient
) -> None:
    with browser.session_transaction() as cookie:
        cookie["planted"] = "by somebody else"
    before = browser.get_cookie("hall")
    fill_in(browser, "unit", UNIT, demo.PASSWORD)
    after = browser.get_cookie("hall")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert after.http_only
    assert after.same_site == "Lax"
    with browser.session_transaction() as cookie:
        assert "planted" not in cookie
        first = cookie["_user_id"]
    post(browser, "/signout")
    fill_in(browser, "unit", UNIT, demo.PASSWORD)
    with browser.session_transaction() as cookie:
        assert cookie["_user_id"] != first


def test_signing_out_ends_the_session_on_the_server_too(hall: Hall, operator: FlaskClient) -> None:
    with operator.session_transaction() as cookie:
        stolen = dict(cookie)
    assert post(operator, "/signout").location == "/signin"
    thief = hall.browser()
    with thief.session_transaction() as cookie:
        cookie.update(stolen)
    assert thief.get("/").location.startswith("/signin")
    with hall.app.app_context():
        row = db.session.scalars(select(SigninSession)).one()
        assert row.ended_at is not None


def test_signing_out_by_a_link_does_nothing(operator: FlaskClient) -> None:
    assert operator.get("/signout").status_code == 405
    assert operator.get("/").status_code == 200


def test_idle_signs_out_and_work_does_not(operator: FlaskClient, clock: Clock) -> None:
    for _ in range(4):
        clock.advance(minutes=15)
        assert operator.get("/").status_code == 200
    clock.advance(minutes=21)
    answer = operator.get("/inbox/todo?q=1")
    assert answer.status_code == 303
    assert answer.location == "/signin?next=/inbox/todo?q%3D1&expired=1"
    assert "登录已过期" in operator.get(answer.location).text


def test_continuing_keeps_the_session(operator: FlaskClient, clock: Clock) -> None:
    clock.advance(minutes=19)
    assert post(operator, "/session/keep").status_code == 204
    clock.advance(minutes=19)
    assert operator.get("/").status_code == 200


@pytest.mark.parametrize(
    "bad",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "/" + "a" * 600,
        "",
    ],
)
def test_next_leads_nowhere_else(browser: FlaskClient, bad: str) -> None:
    assert fill_in(browser, "unit", UNIT, demo.PASSWORD, next=bad).location == "/"


def test_next_leads_back_to_the_page_asked_for(browser: FlaskClient) -> None:
    asked = browser.get("/inbox/started?status=open")
    assert asked.location == "/signin?next=/inbox/started?status%3Dopen"
    page = browser.get(asked.location).text
    assert 'name="next" value="/inbox/started?status=open"' in page
    back = fill_in(browser, "unit", UNIT, demo.PASSWORD, next="/inbox/started?status=open")
    assert back.location == "/inbox/started?status=open"


def test_a_disabled_account_is_out_at_the_next_click(hall: Hall, operator: FlaskClient) -> None:
    with hall.app.app_context():
        row = db.session.scalars(select(Operator).where(Operator.login == UNIT)).one()
        row.enabled = False
        db.session.commit()
    assert operator.get("/").location.startswith("/signin")


def test_a_temporary_password_must_be_changed_first(hall: Hall, operator: FlaskClient) -> None:
    with hall.app.app_context():
        row = db.session.scalars(select(Operator).where(Operator.login == UNIT)).one()
        row.must_change_password = True
        db.session.commit()
    assert operator.get("/").location == "/password"
    typed = {"old": demo.PASSWORD, "new": "Kaili-9988", "again": "Kaili-9989"}
    assert "两次输入的新密码不一致" in post(operator, "/password", typed).text
    assert (
        "原密码不正确"
        in post(operator, "/password", typed | {"old": "x", "again": "Kaili-9988"}).text
    )
    assert post(operator, "/password", typed | {"again": "Kaili-9988"}).location == "/"
    assert operator.get("/").status_code == 200
    assert fill_in(hall.browser(), "unit", UNIT, "Kaili-9988").location == "/"


def test_production_shows_no_account_no_hint_and_no_phone(
    databases: Databases, tmp_path: Path, clock: Clock
) -> None:
    url = seeded_copy(databases, clock)
    app = make_app(
        url,
        tmp_path,
        clock,
        mode="production",
        secret_key="s" * 40,
        sms={"gateway": "http", "fallback": "none", "http": HTTP_GATEWAY},
        web={"base_url": "http://localhost"},
    )
    client = app.test_client()
    page = client.get("/signin?door=unit").text
    assert "演示" not in page
    assert demo.PASSWORD not in page
    assert 'name="captcha_id"' in page
    assert client.get("/demo/phone").status_code == 404
    Hall(app, clock).close()
    databases.drop(url)


def test_too_many_tries_from_one_address_are_slowed_down(hall: Hall, browser: FlaskClient) -> None:
    for _ in range(20):
        last = post(browser, "/signin", {"door": "unit"})
    assert last.status_code == 422
    refused = post(browser, "/signin", {"door": "unit"})
    assert refused.status_code == 429
    assert "操作太频繁" in refused.text


def test_a_redis_that_is_gone_does_not_close_the_door(
    databases: Databases, tmp_path: Path, clock: Clock
) -> None:
    url = seeded_copy(databases, clock)
    app = make_app(url, tmp_path, clock, redis={"url": "redis://127.0.0.1:9/0"})
    assert fill_in(app.test_client(), "unit", UNIT, demo.PASSWORD).location == "/"
    Hall(app, clock).close()
    databases.drop(url)


def test_signing_in_works_on_postgresql(postgresql_url: str, tmp_path: Path, clock: Clock) -> None:
    app = make_app(postgresql_url, tmp_path, clock)
    with app.app_context():
        seed(app)
    client: FlaskClient = app.test_client()
    assert fill_in(client, "unit", UNIT, demo.PASSWORD).location == "/"
    assert "凯里市云谷文旅发展有限公司" in client.get("/").text
    assert client.get("/inbox/todo?q=QDN").status_code == 200
    Hall(app, clock).close()


def test_a_form_posted_after_expiry_is_kept_and_comes_back(
    hall: Hall, operator: FlaskClient, clock: Clock
) -> None:
    token = _token(operator)
    clock.advance(minutes=30)
    fields = {"csrf_token": token, "action": "submit", "unit_address": "凯里市清江大道 126 号"}
    answer = operator.post("/services/unit_info_change", data=fields)
    assert answer.location == "/signin?next=/services/unit_info_change&expired=kept"
    assert parking.KEPT_TEXT in operator.get(answer.location).text
    back = fill_in(operator, "unit", UNIT, demo.PASSWORD, next="/services/unit_info_change")
    page = operator.get(back.location).text
    assert "凯里市清江大道 126 号" in page
    assert "已恢复" in page


def test_nobody_else_gets_what_was_kept(hall: Hall, operator: FlaskClient, clock: Clock) -> None:
    token = _token(operator)
    clock.advance(minutes=30)
    fields = {"csrf_token": token, "unit_address": "凯里市清江大道 126 号"}
    operator.post("/services/unit_info_change", data=fields)
    for name in ("colleague", "stranger"):
        door, login = PEOPLE[name]
        somebody = hall.browser()
        with operator.session_transaction() as old, somebody.session_transaction() as cookie:
            cookie.update(old)  # the same computer
        fill_in(somebody, door, login, demo.PASSWORD)
        assert "清江大道 126 号" not in somebody.get("/services/unit_info_change").text


def test_a_forged_post_cannot_be_parked(hall: Hall, operator: FlaskClient, clock: Clock) -> None:
    clock.advance(minutes=30)
    answer = operator.post("/services/unit_info_change", data={"unit_address": "伪造的地址"})
    assert answer.status_code == 400
    again = hall.signed_in("operator")
    assert "伪造的地址" not in again.get("/services/unit_info_change").text


def test_a_script_is_told_in_json_where_to_sign_in(operator: FlaskClient, clock: Clock) -> None:
    token = _token(operator)
    clock.advance(minutes=30)
    headers = {"Accept": "application/json", "X-CSRFToken": token}
    answer = operator.post(
        "/services/unit_info_change/draft", json={"values": {"pay_day": "9"}}, headers=headers
    )
    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["problem"]["text"] == parking.KEPT_TEXT
    assert answer.json["signin"].startswith("/signin?")


def test_passwords_are_never_kept(app: Flask) -> None:
    fields = {"password": "a", "old": "b", "new": "c", "again": "d", "captcha": "e", "x": "1"}
    with app.test_request_context("/services/a", method="POST", data=fields):
        assert parking.posted() == {"x": "1"}


def _token(client: FlaskClient) -> str:
    return csrf_of(client, "/")
