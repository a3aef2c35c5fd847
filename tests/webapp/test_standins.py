"""代理设置 and 离职转办: who works in whose name, set by the people themselves and by admins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

import engine
from engine.calendar import ZONE
from engine.models import Substitute
from tests.webapp.hall import Hall, post


@pytest.fixture
def keeper(hall: Hall) -> FlaskClient:
    return hall.signed_in("admin")


def appointing(hall: Hall, to: str, days: int = 3, **more: Any) -> dict[str, Any]:
    today = hall.clock().astimezone(ZONE).date()
    return {
        "to": hall.user_id(to),
        "starts": today.isoformat(),
        "ends": (today + timedelta(days=days)).isoformat(),
        "reason": "休假",
    } | more


def stored(hall: Hall) -> list[Substitute]:
    with hall.app.app_context():
        return list(hall.session().query(Substitute).order_by(Substitute.id))


def test_one_appoints_a_substitute_who_sees_it_at_once(hall: Hall, reviewer: FlaskClient) -> None:
    answer = post(reviewer, "/standins", appointing(hall, "other_reviewer"))
    assert answer.status_code == 303, answer.text
    mine = reviewer.get("/standins").text
    assert "代理中" in mine
    assert "全部业务" in mine
    assert "休假" in mine
    other = hall.signed_in("other_reviewer").get("/standins").text
    assert "您正在代" in other, "the banner of every page"
    (row,) = stored(hall)
    ends = row.ends_at.astimezone(ZONE)
    assert (ends.hour, ends.minute, ends.second) == (23, 59, 59), "the last day counts whole"


def test_a_name_may_be_typed_where_there_is_no_script(hall: Hall, reviewer: FlaskClient) -> None:
    typed = appointing(hall, "other_reviewer") | {"to": [], "find": "赵审核"}
    assert post(reviewer, "/standins", typed).status_code == 303
    unclear = post(reviewer, "/standins", typed | {"find": "审核"})
    assert unclear.status_code == 422
    assert "位符合“审核”" in unclear.text


def test_what_is_missing_is_said_beside_its_field(hall: Hall, reviewer: FlaskClient) -> None:
    page = post(reviewer, "/standins", {"starts": "someday", "reason": "休假"})
    assert page.status_code == 422
    assert "请选择由谁代理。" in page.text
    assert page.text.count("请填写日期。") == 2
    past = appointing(hall, "other_reviewer", days=-1)
    assert "结束时间" in post(reviewer, "/standins", past).text
    silent = post(reviewer, "/standins", appointing(hall, "other_reviewer", reason=""))
    assert "必须填写原因" in silent.text
    assert stored(hall) == []


def test_it_is_taken_back_by_the_person_and_by_nobody_else(
    hall: Hall, reviewer: FlaskClient
) -> None:
    post(reviewer, "/standins", appointing(hall, "other_reviewer"))
    (row,) = stored(hall)
    stranger = hall.signed_in("other_reviewer")
    assert post(stranger, f"/standins/{row.id}/cancel").status_code == 404
    assert post(reviewer, f"/standins/{row.id}/cancel").status_code == 303
    assert "已撤销" in reviewer.get("/standins").text
    assert post(reviewer, "/standins/99999999999999999999/cancel").status_code == 404


def test_an_admin_sets_it_for_somebody_else_and_others_cannot(
    hall: Hall, keeper: FlaskClient, reviewer: FlaskClient
) -> None:
    who = hall.user_id("reviewer")
    fields = appointing(hall, "other_reviewer", who=who)
    answer = post(keeper, "/standins", fields)
    page = keeper.get(answer.location).text
    assert "代理设置：王审核" in page
    assert "赵审核" in page
    other = appointing(hall, "reviewer", who=hall.user_id("second_reviewer"))
    post(hall.signed_in("other_reviewer"), "/standins", other)
    assert stored(hall)[-1].principal_id == hall.user_id("other_reviewer"), "only for oneself"
    assert "代理设置：" not in reviewer.get(f"/standins?who={hall.user_id('operator')}").text


def test_operators_appoint_colleagues_of_their_unit(hall: Hall, operator: FlaskClient) -> None:
    assert "代理设置" in operator.get("/").text
    assert post(operator, "/standins", appointing(hall, "colleague")).status_code == 303
    stranger = post(operator, "/standins", appointing(hall, "stranger"))
    assert stranger.status_code == 422
    assert len(stored(hall)) == 1


# ── 离职转办 ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def held(hall: Hall) -> str:
    """A request in the hands of 王审核."""
    no = hall.file()
    task, actor = hall.task_of(no, "reviewer"), hall.actor("reviewer")
    with hall.app.app_context():
        engine.claim(hall.runtime(), actor, task)
    return no


def leave(hall: Hall, client: FlaskClient, action: str, **more: Any) -> str:
    fields = {"who": hall.user_id("reviewer"), "action": action, "reason": "调离"} | more
    return str(post(client, "/handover", fields).text)


def test_a_handover_is_shown_and_then_done(hall: Hall, keeper: FlaskClient, held: str) -> None:
    assert "离职转办" in keeper.get("/review").text
    shown = leave(hall, keeper, "preview")
    assert held in shown
    assert "转办这 1 件" in shown
    assert hall.task_of(held, "reviewer"), "nothing has moved yet"
    done = leave(hall, keeper, "run", to=hall.user_id("other_reviewer"))
    assert "已转办 1 件" in done
    with hall.app.app_context():
        view = engine.view(hall.runtime(), hall.actor("other_reviewer"), held)
    assert [task.assignee for task in view.tasks] == [hall.user_id("other_reviewer")]
    assert "名下没有在办业务" in leave(hall, keeper, "preview")


def test_without_an_heir_it_goes_back_to_the_pool(
    hall: Hall, keeper: FlaskClient, held: str
) -> None:
    assert "已转办 1 件" in leave(hall, keeper, "run")
    with hall.app.app_context():
        view = engine.view(hall.runtime(), hall.actor("reviewer"), held)
    assert [task.assignee for task in view.tasks] == [None]


def test_a_handover_needs_a_person_a_reason_and_an_admin(
    hall: Hall, keeper: FlaskClient, held: str
) -> None:
    assert "请选择离职的人员。" in leave(hall, keeper, "run", who=[])
    assert "必须填写原因" in leave(hall, keeper, "run", reason="")
    assert "不能是离职人员本人" in leave(hall, keeper, "run", to=hall.user_id("reviewer"))
    for name in ("reviewer", "operator"):
        client = hall.signed_in(name)
        assert client.get("/handover").status_code == 403
        assert post(client, "/handover", {"action": "run"}).status_code == 403
