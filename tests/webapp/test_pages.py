"""Search, 关于, 无障碍说明, 管理部电话, and the demonstration's phone."""

from __future__ import annotations

from flask.testing import FlaskClient

from handlers.notices.models import SmsMessage
from tests.webapp.hall import Hall
from webapp.runtime import db


def test_search_finds_by_number_name_and_unit(hall: Hall, operator: FlaskClient) -> None:
    no = hall.file()
    for words in (no, no[-6:], "杨秀兰", "云谷文旅"):
        assert no in operator.get("/search", query_string={"q": words}).text


def test_search_shows_nobody_elses_requests(
    hall: Hall, stranger: FlaskClient, reviewer: FlaskClient, far_reviewer: FlaskClient
) -> None:
    no = hall.file()
    assert "没有找到" in stranger.get(f"/search?q={no}").text
    assert "没有找到" in far_reviewer.get(f"/search?q={no}").text
    assert f'href="/requests/{no}"' in reviewer.get(f"/search?q={no}").text


def test_search_asks_for_enough_letters(operator: FlaskClient) -> None:
    assert "请至少输入 2 个字" in operator.get("/search?q=杨").text
    assert "输入关键字开始查找" in operator.get("/search").text


def test_wildcards_are_letters(hall: Hall, operator: FlaskClient) -> None:
    hall.file()
    assert "没有找到" in operator.get("/search", query_string={"q": "%%"}).text


def test_about_names_every_part_with_its_licence(browser: FlaskClient) -> None:
    page = browser.get("/about").text
    for name in ("SpiffWorkflow", "Flask", "SQLAlchemy", "pydantic"):
        assert f">{name}<" in page
    assert "Apache-2.0" in page
    assert "bpmn.io" in page


def test_public_pages_need_nobody(browser: FlaskClient) -> None:
    for path, words in (
        ("/about", "许可"),
        ("/accessibility", "键盘"),
        ("/branches", "0855-8060101"),
    ):
        page = browser.get(path)
        assert page.status_code == 200
        assert words in page.text


def test_branches_mark_ones_own(operator: FlaskClient) -> None:
    assert "您单位所属" in operator.get("/branches").text


def test_the_phone_shows_sms_by_number_and_tells_scripts_what_is_new(
    hall: Hall, browser: FlaskClient
) -> None:
    before = browser.get("/demo/phone", headers={"Accept": "application/json"}).json
    with hall.app.app_context():
        db.session.add(
            SmsMessage(
                key="t",
                mobile="13808556021",
                recipient=hall.user_id("operator"),
                text="尊敬的杨秀兰，您已完成办理单位信息变更！",
                template="unit_info_change.completed",
                params={},
                status="delivered",
                gateway="demo",
                attempts=1,
                created_at=hall.clock(),
                sent_at=hall.clock(),
            )
        )
        db.session.commit()
    page = browser.get("/demo/phone").text
    assert "尊敬的杨秀兰，您已完成办理单位信息变更！" in page
    assert "已送达" in page
    assert 'href="/demo/phone?mobile=13808556021"' in page
    assert browser.get("/demo/phone?mobile=13900000000").text.count("h-bubble") == 0
    after = browser.get("/demo/phone", headers={"Accept": "application/json"}).json
    assert before != after
