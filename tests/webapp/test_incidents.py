"""流程异常: an admin finds what failed by itself, sees why, and mends it through the pages."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

import engine
from engine import operations
from engine.boxes import incident_desk
from tests.webapp.hall import SERVICE, Hall, post

SAID = "登记库没有这个单位"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """变更生效 fails for a reason of its own."""

    def fail(call: Any) -> None:
        raise LookupError(SAID)

    monkeypatch.setitem(operations._registry, "units/apply_changes", fail)


@pytest.fixture
def admin(hall: Hall) -> FlaskClient:
    return hall.signed_in("admin")


@pytest.fixture
def no(hall: Hall, broken: None) -> str:
    """A request both reviewers have approved and whose operation has failed."""
    number = hall.file()
    for name in ("reviewer", "second_reviewer"):
        task = hall.task_of(number, name)
        with hall.app.app_context():
            engine.approve(hall.runtime(), hall.actor(name), task)
    return number


@pytest.fixture
def works(no: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The reason has gone; what the operation was called with."""
    calls: list[Any] = []
    monkeypatch.setitem(
        operations._registry, "units/apply_changes", lambda call: calls.append(call.data)
    )
    return calls


def address(admin: FlaskClient) -> str:
    found = re.search(r'href="(/incidents/\d+)"', admin.get("/incidents").text)
    assert found, "no incident on the list"
    return found[1]


def data_of(page: str) -> Any:
    found = re.search(r'<textarea[^>]*name="data"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert found
    return json.loads(found[1].replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">"))


def test_the_list_the_menu_and_the_request_lead_to_the_incident(
    admin: FlaskClient, no: str
) -> None:
    listed = admin.get("/incidents").text
    assert SAID in listed
    assert no in listed
    assert "重试同类全部" in listed
    where = address(admin)
    assert f'href="{where}"' in admin.get(f"/requests/{no}").text
    assert "流程异常" in admin.get("/review").text
    found = admin.get(where).text
    assert "raise LookupError(SAID)" in found
    assert data_of(found)["form"] == "units.UnitInfoChange"


@pytest.mark.parametrize("name", ["operator", "reviewer", "second_reviewer", "far_reviewer"])
def test_people_who_are_no_admins_see_a_sentence_and_nothing_else(
    hall: Hall, admin: FlaskClient, no: str, name: str
) -> None:
    where, client = address(admin), hall.signed_in(name)
    for path in ("/incidents", where):
        assert client.get(path).status_code == 403
    assert post(client, f"{where}/retry").status_code == 403
    assert "流程异常" not in client.get("/inbox/todo").text
    seen = client.get(f"/requests/{no}")
    if seen.status_code == 200:
        assert "系统处理中" in seen.text
        assert SAID not in seen.text


def test_a_retry_that_works_completes_the_request(
    admin: FlaskClient, no: str, works: list[Any]
) -> None:
    answer = post(admin, f"{address(admin)}/retry", follow_redirects=True)
    assert "已重试" in answer.text
    assert "没有异常" in answer.text
    assert len(works) == 1
    assert "已办结" in admin.get(f"/requests/{no}").text
    assert no in admin.get("/incidents?state=resolved").text


def test_a_retry_that_fails_again_says_so_on_the_page_of_the_incident(
    admin: FlaskClient, no: str
) -> None:
    answer = post(admin, f"{address(admin)}/retry", follow_redirects=True)
    assert "仍没有成功" in answer.text
    assert "2 次" in answer.text


def test_all_of_a_kind_are_retried_with_one_button(
    admin: FlaskClient, no: str, works: list[Any]
) -> None:
    cause = f"{SERVICE}/apply/LookupError"
    listed = admin.get("/incidents").text
    found = re.search(r'name="cause" value="([^"]+)"', listed)
    assert found
    assert found[1].endswith("/LookupError"), cause
    answer = post(admin, "/incidents/retry", {"cause": found[1]}, follow_redirects=True)
    assert "已重试 1 件，全部成功" in answer.text
    again = post(admin, "/incidents/retry", {"cause": found[1]}, follow_redirects=True)
    assert "已经处理完" in again.text


def test_edited_data_is_what_the_step_gets(admin: FlaskClient, no: str, works: list[Any]) -> None:
    where = address(admin)
    data = data_of(admin.get(where).text) | {"opinion": "改过的", "more": [1, None]}
    fields = {"data": json.dumps(data, ensure_ascii=False), "reason": "登记时写错"}
    answer = post(admin, f"{where}/edit", fields, follow_redirects=True)
    assert "数据已修改，已重试" in answer.text
    assert (works[0]["opinion"], works[0]["more"]) == ("改过的", [1, None])
    kept = admin.get(where).text
    assert "登记时写错" in kept
    assert "<code>more</code>" in kept


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ('{"form": "x",}', "不是有效的 JSON"),
        ("[1, 2]", "应是一个 JSON 对象"),
        ("{}", "不能删去"),
        ('{"x": NaN}', "不是有效的 JSON"),
        ("[" * 100_000, "不是有效的 JSON"),
        ("", "不是有效的 JSON"),
    ],
)
def test_bad_json_comes_back_as_it_was_typed_with_a_sentence(
    admin: FlaskClient, no: str, typed: str, sentence: str
) -> None:
    where = address(admin)
    answer = post(admin, f"{where}/edit", {"data": typed, "reason": "试一试"})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "试一试" in answer.text
    assert typed[:40].replace('"', "&#34;") in answer.text


@pytest.mark.parametrize("verb", ["edit", "skip"])
def test_without_a_reason_nothing_is_changed(
    admin: FlaskClient, no: str, works: list[Any], verb: str
) -> None:
    where = address(admin)
    data = data_of(admin.get(where).text) | {"opinion": "改过的"}
    answer = post(admin, f"{where}/{verb}", {"data": json.dumps(data), "reason": " "})
    assert answer.status_code == 422
    assert "请写明原因" in answer.text
    assert works == []


def test_a_skipped_step_is_not_run(admin: FlaskClient, no: str, works: list[Any]) -> None:
    answer = post(
        admin, f"{address(admin)}/skip", {"reason": "已在柜台登记"}, follow_redirects=True
    )
    assert "已跳过" in answer.text
    assert works == []
    assert "已在柜台登记" in admin.get(f"/requests/{no}").text


@pytest.mark.parametrize(
    "path", ["/incidents/999999", "/incidents/99999999999999999999", "/incidents/0"]
)
def test_an_incident_that_does_not_exist_is_a_plain_404(admin: FlaskClient, path: str) -> None:
    assert admin.get(path).status_code == 404
    assert post(admin, f"{path}/retry").status_code == 404
    assert post(admin, f"{path}/repairs/1/confirm").status_code == 404


def test_a_tampered_cursor_is_a_sentence(admin: FlaskClient) -> None:
    assert "翻页位置无效" in admin.get("/incidents?after=zzz").text


def test_where_money_moves_the_other_admin_sees_what_changes_and_confirms(
    hall: Hall,
    admin: FlaskClient,
    no: str,
    works: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(incident_desk, "needs_two", lambda case: True)
    where = address(admin)
    data = data_of(admin.get(where).text) | {"opinion": "金额已核对"}
    fields = {"data": json.dumps(data, ensure_ascii=False), "reason": "回单金额不符"}
    asked = post(admin, f"{where}/edit", fields, follow_redirects=True).text
    assert "您不能确认自己提出的修复" in asked
    assert "确认并执行" not in asked
    assert works == []
    other = hall.signed_in("other_admin")
    seen = other.get(where).text
    assert "金额已核对" in seen
    assert "回单金额不符" in seen
    found = re.search(rf'action="({where}/repairs/\d+/confirm)"', seen)
    assert found
    assert "不能确认自己" in post(admin, found[1], follow_redirects=True).text
    assert "已确认，修复已执行" in post(other, found[1], follow_redirects=True).text
    assert works[0]["opinion"] == "金额已核对"
