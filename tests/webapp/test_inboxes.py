"""消息事务管理: boxes, filters, pages, and one message at a time."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from engine.boxes import inbox as boxes
from tests.webapp.hall import Hall, csrf_of, post


def test_every_box_opens_for_everybody(operator: FlaskClient, reviewer: FlaskClient) -> None:
    for client in (operator, reviewer):
        for box in ("messages", "todo", "done", "started", "read"):
            assert client.get(f"/inbox/{box}").status_code == 200
        assert client.get("/inbox/other").status_code == 404
        assert client.get("/inbox").location == "/inbox/messages"


def test_empty_boxes_say_what_will_come(operator: FlaskClient) -> None:
    assert "没有新消息" in operator.get("/inbox/messages").text
    assert "没有待办" in operator.get("/inbox/todo").text
    assert "还没有办过业务" in operator.get("/inbox/done").text
    assert "没有发起过业务" in operator.get("/inbox/started").text
    assert "没有已阅消息" in operator.get("/inbox/read").text


def test_marking_a_message_moves_it_to_read(hall: Hall, operator: FlaskClient) -> None:
    id = hall.message()
    answer = post(operator, f"/messages/{id}/read", {"back": "/inbox/messages"})
    assert answer.location == "/inbox/messages"
    page = operator.get("/inbox/messages").text
    assert "已标为已阅" in page
    assert f"/messages/{id}" not in page
    read = operator.get("/inbox/read").text
    assert f"/messages/{id}" in read
    assert "标为已阅：" not in read


def test_deleting_can_be_undone(hall: Hall, operator: FlaskClient) -> None:
    id = hall.message()
    post(operator, f"/messages/{id}/delete", {"back": "/?box=messages"})
    page = operator.get("/?box=messages").text
    assert "消息已删除" in page
    assert f'action="/messages/{id}/restore"' in page
    assert f'href="/messages/{id}"' not in page
    post(operator, f"/messages/{id}/restore")
    after = operator.get("/inbox/messages").text
    assert "消息已恢复" in after
    assert f'href="/messages/{id}"' in after


def test_the_way_back_is_offered_once(hall: Hall, operator: FlaskClient) -> None:
    id = hall.message()
    post(operator, f"/messages/{id}/delete")
    assert "撤销" in operator.get("/inbox/messages").text
    assert "撤销" not in operator.get("/inbox/messages").text


def test_scripts_get_words_and_the_way_back(hall: Hall, operator: FlaskClient) -> None:
    id = hall.message()
    headers = {"Accept": "application/json", "X-CSRFToken": csrf_of(operator)}
    answer = operator.post(f"/messages/{id}/delete", headers=headers)
    assert answer.json == {"text": "消息已删除", "undo": f"/messages/{id}/restore"}
    assert "撤销" not in operator.get("/inbox/messages").text


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_a_button_leads_back_into_the_hall_only(
    hall: Hall, operator: FlaskClient, back: str
) -> None:
    id = hall.message()
    assert post(operator, f"/messages/{id}/read", {"back": back}).location == "/inbox/messages"


def test_a_message_shows_business_content_time_and_channel(
    hall: Hall, operator: FlaskClient
) -> None:
    no = hall.file()
    id = hall.message(channel="12329 短信", no=no)
    page = operator.get(f"/messages/{id}").text
    for words in (
        "单位信息变更",
        "新的登记信息已生效。",
        "2026-07-15 09:30:00",
        "12329 短信",
        "未读",
    ):
        assert words in page
    assert f'href="/requests/{no}"' in page
    assert "标为已阅" in page
    assert "删除" in page


def test_opening_a_message_does_not_mark_it(hall: Hall, operator: FlaskClient) -> None:
    id = hall.message()
    operator.get(f"/messages/{id}")
    assert f"/messages/{id}" in operator.get("/inbox/messages").text


def test_pages_are_cut_and_followed(hall: Hall, operator: FlaskClient) -> None:
    for number in range(25):
        hall.message(title=f"第{number}条")
        hall.clock.advance(seconds=1)
    first = operator.get("/inbox/messages").text
    assert len(re.findall("data-message", first)) == 20
    assert "返回首页" not in first
    more = re.search(r'href="([^"]+)" rel="next"', first)
    assert more
    second = operator.get(more[1].replace("&amp;", "&")).text
    assert len(re.findall("data-message", second)) == 5
    assert "下一页" not in second
    assert "返回首页" in second
    assert "第0条" in second


def test_a_mangled_cursor_is_refused_in_words(operator: FlaskClient) -> None:
    answer = operator.get("/inbox/messages?after=rubbish")
    assert answer.status_code in (200, 400, 422)
    assert "Traceback" not in answer.text


def test_filters_narrow_and_can_be_cleared(hall: Hall, operator: FlaskClient) -> None:
    no = hall.file()
    assert no in operator.get("/inbox/started?key=unit_info_change&status=open").text
    assert no in operator.get(f"/inbox/started?q={no[-6:]}").text
    assert no in operator.get("/inbox/started?since=2026-07-15&until=2026-07-15").text
    for nothing in ("status=completed", "since=2026-07-16", "until=2026-07-14", "q=没有这样的"):
        page = operator.get(f"/inbox/started?{nothing}").text
        assert no not in page
        assert "没有符合条件的内容" in page
        assert "清空条件" in page


@pytest.mark.parametrize("typed", ["2026/7/15", "2026.7.15", "20260715", "2026年7月15日"])
def test_dates_are_read_as_people_write_them(hall: Hall, operator: FlaskClient, typed: str) -> None:
    no = hall.file()
    assert no in operator.get("/inbox/started", query_string={"since": typed}).text


@pytest.mark.parametrize("typed", ["2026-02-30", "昨天", "2026"])
def test_something_that_is_no_date_is_said_and_filters_nothing(
    hall: Hall, operator: FlaskClient, typed: str
) -> None:
    no = hall.file()
    page = operator.get("/inbox/started", query_string={"since": typed}).text
    assert "请按 2026-07-01 的样式填写。" in page
    assert no in page


def test_reviewers_find_the_pool_in_their_box(hall: Hall, reviewer: FlaskClient) -> None:
    no = hall.file()
    page = reviewer.get("/inbox/todo").text
    assert no in page
    assert "结束流程" not in page


def test_what_people_type_is_shown_as_text(hall: Hall, operator: FlaskClient) -> None:
    id = hall.message(title="<script>alert(1)</script>", body="<b>粗</b>")
    for path in ("/", "/inbox/messages", f"/messages/{id}", "/search?q=<script>"):
        assert "<script>alert" not in operator.get(path).text
    assert "&lt;b&gt;粗" in operator.get(f"/messages/{id}").text


def test_a_page_counts_only_the_boxes_it_shows(
    reviewer: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """已办 grows for years; the desk and the request page do not show its number."""
    asked: list[str] = []
    count = boxes.count
    monkeypatch.setattr(boxes, "count", lambda *who: asked.append(who[2]) or count(*who))
    assert reviewer.get("/review").status_code == 200
    assert asked == ["messages"], "待办 comes with the desk's own filters"
