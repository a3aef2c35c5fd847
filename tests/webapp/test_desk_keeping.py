"""What a reviewer keeps: saved filters, common opinions; and the picker of people."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from handlers.people import desk, finding
from tests.webapp.hall import Hall, post
from tests.webapp.steps import JSON, filed

MINE = {"who": "mine", "due": "over", "name": "我的超期"}


# ── 保存的筛选 ─────────────────────────────────────────────────────────────────────────────────


def test_a_filter_is_kept_counted_and_dropped(reviewer: FlaskClient, hall: Hall) -> None:
    hall.file()
    answer = post(reviewer, "/review/filters", {"who": "pool", "name": "待领取"})
    assert answer.location == "/review?who=pool"
    page = reviewer.get("/review").text
    assert re.search(r'href="/review\?who=pool"><span>待领取</span><span class="h-n">1<', page)
    assert 'aria-current="true"><span>待领取' in reviewer.get("/review?who=pool").text
    drop = re.search(r'action="(/review/filters/\d+/remove)"', page)
    assert drop
    other = hall.signed_in("other_reviewer")
    assert "待领取</span>" not in other.get("/review").text
    post(other, drop[1])
    assert "待领取</span>" in reviewer.get("/review").text, "somebody else's click changes nothing"
    post(reviewer, drop[1])
    assert "待领取</span>" not in reviewer.get("/review").text


def test_the_same_name_gets_the_new_words(reviewer: FlaskClient) -> None:
    post(reviewer, "/review/filters", MINE)
    post(reviewer, "/review/filters", MINE | {"due": "soon"})
    page = reviewer.get("/review").text
    assert page.count("<span>我的超期</span>") == 1
    assert "/review?who=mine&amp;due=soon" in page


def test_a_filter_that_cannot_be_kept_says_why(reviewer: FlaskClient) -> None:
    for fields, text in (
        ({"who": "mine", "name": " "}, "请给这个筛选起个名字"),
        ({"who": "mine", "name": "长" * 10_000}, "名字最多 20 字"),
        ({"who": "nonsense", "name": "空的"}, "请先选好筛选条件"),
        ({"who": "mine", "name": "a\x00b"}, "请给这个筛选起个名字"),
    ):
        post(reviewer, "/review/filters", fields)
        assert text in reviewer.get("/review").text


def test_filters_are_bounded(reviewer: FlaskClient) -> None:
    for number in range(desk.FILTERS_MAX + 1):
        post(reviewer, "/review/filters", {"who": "mine", "name": f"第{number}个"})
    page = reviewer.get("/review").text
    assert f"最多保存 {desk.FILTERS_MAX} 个" in page
    assert page.count("/remove") == desk.FILTERS_MAX


# ── 常用意见 ───────────────────────────────────────────────────────────────────────────────────


def chips(client: FlaskClient, no: str) -> list[str]:
    return re.findall(r'data-quick="([^"]+)"', client.get(f"/requests/{no}").text)


def test_an_opinion_being_written_joins_the_chips(
    reviewer: FlaskClient, operator: FlaskClient, hall: Hall
) -> None:
    no = filed(operator)
    before = chips(reviewer, no)
    fields = {"opinion": "请补正后再报", "no": no, "back": f"/requests/{no}"}
    assert post(reviewer, "/opinions", fields).location == f"/requests/{no}"
    assert chips(reviewer, no) == ["请补正后再报", *before][:4]
    assert "请补正后再报</textarea>" in reviewer.get(f"/requests/{no}").text, "still being written"
    assert chips(hall.signed_in("other_reviewer"), no) == before


def test_opinions_are_put_in_order_and_removed(reviewer: FlaskClient) -> None:
    for text in ("甲", "乙", "乙"):
        answer = post(reviewer, "/opinions", {"text": text}, headers=JSON)
    assert answer.get_json()["common"][:3] == ["甲", "乙", "材料齐全，同意"]
    page = reviewer.get("/opinions").text
    lift = re.search(r'action="(/opinions/\d+/raise)"', page)
    assert lift
    post(reviewer, lift[1])
    page = reviewer.get("/opinions").text
    assert page.index("<span>乙") < page.index("<span>甲")
    drop = re.search(r'action="(/opinions/\d+/remove)"', page)
    assert drop
    post(reviewer, drop[1])
    assert "<span>乙" not in reviewer.get("/opinions").text


def test_an_opinion_that_does_not_fit_says_why(reviewer: FlaskClient) -> None:
    for text, sentence in (
        ("", "请先写下"),
        ("长" * 10_000, "常用意见最多 60 字，现有 10000 字"),
        ("\x00", "请先写下"),
    ):
        answer = post(reviewer, "/opinions", {"text": text}, headers=JSON)
        assert answer.status_code == 422
        assert sentence in answer.get_json()["text"]


def test_opinions_are_bounded_and_nobody_else_s(reviewer: FlaskClient, hall: Hall) -> None:
    for number in range(desk.OPINIONS_MAX + 1):
        answer = post(reviewer, "/opinions", {"text": f"意见{number}"}, headers=JSON)
    assert answer.status_code == 422
    drop = re.search(r'action="(/opinions/\d+/remove)"', reviewer.get("/opinions").text)
    assert drop
    post(hall.signed_in("other_reviewer"), drop[1])
    assert "意见0" in reviewer.get("/opinions").text
    assert post(reviewer, "/opinions/99999999999999999999/raise").status_code == 303


def test_operators_keep_neither(operator: FlaskClient) -> None:
    assert post(operator, "/opinions", {"text": "x"}).status_code == 403
    assert post(operator, "/review/filters", MINE).status_code == 403


# ── people ─────────────────────────────────────────────────────────────────────────────────────


def names(client: FlaskClient, q: str, **words: str) -> list[str]:
    answer = client.get("/people", query_string={"q": q, **words})
    assert answer.status_code == 200
    return [one["name"] for one in answer.get_json()["people"]]


def test_people_are_found_by_name_post_and_branch(reviewer: FlaskClient) -> None:
    assert names(reviewer, "李复") == ["李复核"]
    assert names(reviewer, "qdn002") == ["赵审核"]
    assert "陆复核" in names(reviewer, "归集复核岗")
    assert names(reviewer, "凯里") == ["周同舟", "李复核", "欧财务", "赵审核", "陈复核"]
    assert "王审核" not in names(reviewer, "审核"), "never oneself"


def test_one_post_can_be_asked_for(reviewer: FlaskClient) -> None:
    found = names(reviewer, "", role="归集审核岗", domain="branch:QDN01")
    assert found == ["周同舟", "赵审核"]


def test_nobody_gets_the_whole_list(reviewer: FlaskClient) -> None:
    assert names(reviewer, "") == []
    assert names(reviewer, " \x00 ") == []
    assert names(reviewer, "%") == []
    assert len(names(reviewer, "岗")) <= finding.FOUND_MAX
    assert names(reviewer, "长" * 10_000) == []


def test_each_side_finds_its_own(operator: FlaskClient, browser: FlaskClient) -> None:
    assert "王审核" not in names(operator, "审核")
    colleague = names(operator, "")
    assert colleague == []
    assert browser.get("/people?q=王").status_code == 303
