"""The filing page: what it shows, what it refuses, and that nothing typed is ever lost."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from tests.webapp.hall import UNIT, Hall, csrf_of, post
from tests.webapp.steps import PAGE, filed, picture, submit, upload
from webapp import parking


def test_the_page_shows_values_on_record_and_locks_what_may_not_change(
    operator: FlaskClient,
) -> None:
    page = operator.get(PAGE).text
    assert 'value="凯里市宁波路 18 号"' in page
    locked = re.search(r"<input[^>]*id=\"f-unit_name\"[^>]*>", page)
    assert locked
    assert "readonly" in locked[0]
    assert "name=" not in locked[0], "a locked field is not posted"
    assert re.search(r'id="l-unit_name">灰色项不允许修改。.+<', page)


def test_a_changed_field_lists_itself_before_and_after(operator: FlaskClient) -> None:
    page = post(operator, PAGE, {"action": "save", "operator_phone": "0855-8236120"}).text
    assert re.search(r'class="h-old">0855-8236117<', page)
    assert re.search(r'class="h-new">0855-8236120<', page)
    assert "1 项变更" in page


def test_the_cross_takes_one_change_back_without_scripts(operator: FlaskClient) -> None:
    typed = {"operator_phone": "0855-8236120", "pay_day": "10"}
    page = post(operator, PAGE, {"action": "drop:operator_phone", **typed}).text
    assert "1 项变更" in page
    assert "drop:pay_day" in page
    assert 'class="h-new">0855-8236120' not in page


def test_a_wrong_value_comes_back_with_a_sentence_and_everything_typed(
    operator: FlaskClient,
) -> None:
    answer = submit(operator, operator_mobile="1380855602", unit_email="a@b.cn")
    assert answer.status_code == 422
    assert "少 1 位" in answer.text
    assert 'href="#f-operator_mobile"' in answer.text
    assert 'value="1380855602"' in answer.text
    assert 'value="a@b.cn"' in answer.text


def test_a_locked_field_posted_by_hand_is_refused(operator: FlaskClient) -> None:
    answer = submit(operator, unit_name="别的公司", pay_day="10")
    assert answer.status_code == 422
    assert "单位名称不能在网上修改" in answer.text


def test_nothing_changed_is_not_a_request(operator: FlaskClient) -> None:
    answer = submit(operator)
    assert answer.status_code == 422
    assert "没有修改任何项目" in answer.text


def test_a_missing_material_links_to_its_slot(operator: FlaskClient) -> None:
    answer = submit(operator, unit_address="凯里市清江大道 126 号")
    assert answer.status_code == 422
    assert 'href="#m-business_licence"' in answer.text
    assert "请上传“营业执照副本”。" in answer.text


def test_submitting_leads_to_the_request_and_says_so(operator: FlaskClient) -> None:
    upload(operator, "business_licence")
    no = filed(operator, unit_address="凯里市清江大道 126 号")
    page = operator.get(f"/requests/{no}").text
    assert "已提交至中心审核" in page
    assert "凯里市清江大道 126 号" in page
    assert "1 份，齐全" in page


def test_the_same_page_submitted_twice_is_one_request(operator: FlaskClient) -> None:
    first, second = (submit(operator, pay_day="10", token="double1") for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.location == second.location


def test_a_second_request_in_flight_is_refused_and_linked(
    operator: FlaskClient, hall: Hall
) -> None:
    no = filed(operator)
    colleague = hall.signed_in("colleague")
    assert f"/requests/{no}" in colleague.get(PAGE).text, "said when the page opens"
    answer = submit(colleague, token="other1", operator_phone="0855-8236120")
    assert answer.status_code == 409
    assert "存在未审批完成的单位信息变更业务" in answer.text
    assert f'href="/requests/{no}"' in answer.text
    assert 'value="0855-8236120"' in answer.text


def test_a_draft_is_saved_judged_and_restored(operator: FlaskClient) -> None:
    headers = {"X-CSRFToken": csrf_of(operator)}
    body = {"values": {"operator_mobile": "138", "pay_day": "10"}, "token": "t1"}
    told = operator.post(f"{PAGE}/draft", json=body, headers=headers).get_json()
    assert told["saved_at"] == "09:30"
    assert [row["field"] for row in told["changes"]] == ["pay_day"]
    assert "operator_mobile" in told["problems"]
    page = operator.get(PAGE).text
    assert "已恢复" in page
    assert 'value="138"' in page
    post(operator, PAGE, {"action": "discard"})
    assert "已恢复" not in operator.get(PAGE).text


def test_a_draft_sent_while_leaving_the_page_counts_too(operator: FlaskClient) -> None:
    assert post(operator, f"{PAGE}/draft", {"unit_email": "x@y.cn"}).status_code == 200
    assert 'value="x@y.cn"' in operator.get(PAGE).text


def test_the_draft_is_gone_once_filed(operator: FlaskClient) -> None:
    no = filed(operator, unit_email="x@y.cn")
    assert no
    assert "已恢复" not in operator.get(PAGE).text


def test_drafts_of_another_unit_stay_its_own(operator: FlaskClient, stranger: FlaskClient) -> None:
    post(operator, PAGE, {"action": "save", "unit_email": "secret@y.cn"})
    page = stranger.get(PAGE).text
    assert "secret@y.cn" not in page
    assert UNIT not in page


def test_html_typed_into_a_field_stays_text(operator: FlaskClient) -> None:
    evil = '"><script>alert(1)</script>'
    page = post(operator, PAGE, {"action": "save", "unit_address": evil}).text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_what_is_no_object_is_no_draft(operator: FlaskClient) -> None:
    headers = {"X-CSRFToken": csrf_of(operator)}
    assert operator.post(f"{PAGE}/draft", json=[1, 2], headers=headers).status_code == 400
    body = {"values": {"pay_day": {"a": 1}, "unit_email": 7}}
    told = operator.post(f"{PAGE}/draft", json=body, headers=headers).get_json()
    assert told["changes"] == []


def test_an_unknown_service_is_not_found_and_staff_may_not_file(
    operator: FlaskClient, reviewer: FlaskClient
) -> None:
    assert operator.get("/services/no_such_thing").status_code == 404
    assert reviewer.get(PAGE).status_code == 403


def test_without_scripts_a_file_travels_with_the_form(operator: FlaskClient) -> None:
    data = {
        "csrf_token": csrf_of(operator),
        "action": "upload",
        "unit_email": "x@y.cn",
        "file:other": (picture(), "说明.jpg"),
    }
    page = operator.post(PAGE, data=data, content_type="multipart/form-data").text
    assert "说明.jpg" in page
    assert 'value="x@y.cn"' in page


def _without_session(hall: Hall, name: str) -> FlaskClient:
    """A browser whose session has run out, on the computer of this person."""
    client = hall.browser()
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie[parking.OWNER] = "gone", hall.user_id(name)
    return client


def test_what_was_typed_when_the_session_ran_out_comes_back(hall: Hall) -> None:
    answer = submit(_without_session(hall, "operator"), unit_email="kept@y.cn")
    assert answer.location.startswith("/signin")
    page = hall.signed_in("operator").get(PAGE).text
    assert "已恢复" in page
    assert 'value="kept@y.cn"' in page


def test_an_autosave_without_session_is_kept_and_told(hall: Hall) -> None:
    client = _without_session(hall, "operator")
    headers = {"X-CSRFToken": csrf_of(client)}
    answer = client.post(
        f"{PAGE}/draft", json={"values": {"unit_email": "k@y.cn"}}, headers=headers
    )
    assert answer.status_code == 401
    assert 'value="k@y.cn"' in hall.signed_in("operator").get(PAGE).text
