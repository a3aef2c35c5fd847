"""工作台: what an operator sees first."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from engine.models import Definition
from tests.webapp.hall import UNIT, Hall, post
from webapp.runtime import db


def test_the_card_shows_the_unit_as_registered(operator: FlaskClient) -> None:
    page = operator.get("/").text
    for words in (
        "凯里市云谷文旅发展有限公司",
        "正常",
        UNIT,
        "凯里管理部",
        "杨秀兰",
        "138****6021",
    ):
        assert words in page
    assert "13808556021" not in page
    assert re.search(r"186 <small>人.*?正常 172 · 封存 14", page, re.DOTALL)


def test_no_money_is_shown_before_there_is_a_ledger(operator: FlaskClient) -> None:
    assert "月缴存额" not in operator.get("/").text


def test_today_is_the_day_in_shanghai(operator: FlaskClient) -> None:
    assert "2026年7月15日 星期三" in operator.get("/").text


def test_a_tile_tells_what_is_under_way(hall: Hall, operator: FlaskClient) -> None:
    assert "件办理中" not in operator.get("/").text
    hall.file()
    page = operator.get("/").text
    assert "1 件办理中" in page
    assert 'href="/services/unit_info_change"' in page


def test_a_service_without_a_diagram_has_no_tile_and_no_menu_entry(
    hall: Hall, operator: FlaskClient
) -> None:
    with hall.app.app_context():
        db.session.query(Definition).delete()
        db.session.commit()
    page = operator.get("/").text
    assert "/services/" not in page
    assert "还没有可办理的业务" in page


def test_the_five_boxes_are_links_that_work_without_scripts(
    hall: Hall, operator: FlaskClient
) -> None:
    no = hall.file()
    page = operator.get("/?box=started").text
    panel = re.search(r'id="p-started"[^>]*>(.*?)</ul>', page, re.DOTALL)
    assert panel
    assert no in panel[1]
    assert "hidden" not in re.search(r'<div role="tabpanel" id="p-started"[^>]*>', page)[0]
    assert "hidden" in re.search(r'<div role="tabpanel" id="p-todo"[^>]*>', page)[0]
    for box in ("messages", "todo", "done", "started", "read"):
        assert f'href="/?box={box}"' in page
        assert f'href="/inbox/{box}"' in page


def test_an_unknown_box_falls_back_to_the_first_with_something(operator: FlaskClient) -> None:
    page = operator.get("/?box=nonsense").text
    assert re.search(r'id="t-messages"[^>]*aria-selected="true"', page)


def test_a_returned_request_is_the_first_thing_and_says_why(
    hall: Hall, operator: FlaskClient
) -> None:
    no = hall.file()
    hall.return_it(no, opinion="营业执照影像缺右下角。")
    page = operator.get("/").text
    assert re.search(r'id="t-todo"[^>]*aria-selected="true"', page)
    assert "王审核：营业执照影像缺右下角。" in page
    assert "已退回" in page
    assert "结束流程" in page
    assert f"/requests/{no}/end" in page


def test_ending_the_flow_from_home_ends_it(hall: Hall, operator: FlaskClient) -> None:
    no = hall.file()
    hall.return_it(no)
    assert post(operator, f"/requests/{no}/end").status_code == 303
    assert "结束流程" not in operator.get("/?box=todo").text
    assert "已结束" in operator.get("/?box=started").text


def test_deadlines_name_what_is_due_and_when(hall: Hall, operator: FlaskClient) -> None:
    no = hall.file()
    page = operator.get("/").text
    due = re.search(r'<ol class="h-dates">(.*?)</ol>', page, re.DOTALL)
    assert due
    assert no in due[1]
    assert "剩 5 天" in due[1]  # three working days from Wednesday, over a weekend
    assert 'title="2026-07-20 17:30:00"' in due[1]


def test_a_missed_deadline_is_counted_in_calendar_days(hall: Hall, operator: FlaskClient) -> None:
    hall.file()
    for _ in range(6):
        hall.clock.advance(days=1)
    operator = hall.signed_in("operator")
    assert "超期 1 天" in operator.get("/").text


def test_staff_start_at_the_review_desk(reviewer: FlaskClient) -> None:
    answer = reviewer.get("/")
    assert (answer.status_code, answer.location) == (303, "/review")


def test_a_colleague_sees_the_same_unit_but_their_own_boxes(hall: Hall) -> None:
    hall.file("operator")
    page = hall.signed_in("colleague").get("/?box=started").text
    assert "凯里市云谷文旅发展有限公司" in page
    assert "没有发起过业务" in page


def test_a_page_stays_small(operator: FlaskClient) -> None:
    page = operator.get("/")
    parts = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text))
    assert len(parts) >= 4
    weight = len(page.data)
    for path in parts:
        with operator.get(path, headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.status_code == 200
            weight += len(answer.data)
    assert weight < 200_000
