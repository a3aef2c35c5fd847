"""我的任务: whoever orders a long job sees how far it is, cancels it, tries it again; strangers see
nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from engine.boxes import incident_desk
from engine.database import transaction
from engine.models import Job
from engine.owed import jobs
from engine.verbs import bulk
from tests.webapp.hall import Hall, post
from webapp.jobs import Workshop, workshop

KIND = "tests.count"


@pytest.fixture
def shop(hall: Hall) -> Any:
    made = workshop(hall.app.extensions["hall"].settings, clock=hall.clock)
    yield made
    made.engine.dispose()


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A handler of three pieces; the one named `fail` fails."""
    how: dict[str, Any] = {}

    def count(work: jobs.Work) -> dict[str, Any]:
        for piece in range(work.cursor.get("after", 0) + 1, 4):
            if how.get("fail") == piece:
                raise ConnectionError("no route")
            work.report(piece, total=3, message=f"第 {piece} 件", cursor={"after": piece})
        return {"moved": 2, "left": 1, "rows": [["QDN-20260101-000001", "须由本人办理。"]]}

    monkeypatch.setitem(jobs._handlers, KIND, count)
    monkeypatch.setattr(jobs, "REPORT_SECONDS", 0.0)
    return how


def order(hall: Hall, name: str = "admin", title: str = "转办二百件", kind: str = KIND) -> int:
    actor = hall.actor(name)
    with hall.app.app_context():
        rt = hall.runtime()
        with transaction(rt.session):
            key = f"{name}/{title}/{kind}"
            return jobs.put(rt, actor, kind, {"dry_run": False}, key=key, title=title)


def one_slice(shop: Workshop, job_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "SLICE_SECONDS", 0.0)
        assert shop.run_job(job_id)


def fail_for_good(hall: Hall, shop: Workshop, job_id: int) -> None:
    while shop.run_job(job_id) is False:
        with shop.sessions() as session:
            row = session.get(Job, job_id)
            assert row is not None
            if row.finished_at is not None:
                return
            hall.clock.set(row.due_at)


@pytest.fixture
def admin(hall: Hall) -> FlaskClient:
    return hall.signed_in("admin")


def test_the_page_and_its_facts_follow_the_job_to_its_result(
    hall: Hall, admin: FlaskClient, shop: Workshop, counting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = order(hall)
    waiting = admin.get(f"/jobs/{job_id}").text
    assert "排队中" in waiting
    assert "正在准备" in waiting
    assert f'data-job="/jobs/{job_id}.json"' in waiting
    one_slice(shop, job_id, monkeypatch)
    facts = admin.get(f"/jobs/{job_id}.json").json
    assert facts == {
        "label": "进行中", "done": 1, "total": 3, "text": "1 / 3 件", "percent": 33,
        "message": "第 1 件", "over": False,
    }  # fmt: skip
    assert 'value="1" max="3"' in admin.get(f"/jobs/{job_id}").text
    assert shop.run_job(job_id)
    page = admin.get(f"/jobs/{job_id}").text
    assert "已完成" in page
    assert "data-job=" not in page
    assert 'href="/requests/QDN-20260101-000001"' in page
    assert "须由本人办理。" in page
    assert (admin.get(f"/jobs/{job_id}.json").json or {})["over"] is True


def test_the_list_holds_ones_own_jobs(hall: Hall, admin: FlaskClient, counting: Any) -> None:
    assert "没有任务" in admin.get("/jobs").text
    job_id = order(hall)
    order(hall, "reviewer", "别人的任务")
    listed = admin.get("/jobs").text
    assert f'href="/jobs/{job_id}"' in listed
    assert "转办二百件" in listed
    assert "别人的任务" not in listed


def test_a_job_is_cancelled_with_one_button(
    hall: Hall, admin: FlaskClient, shop: Workshop, counting: Any
) -> None:
    job_id = order(hall)
    assert "确定取消" in admin.get(f"/jobs/{job_id}").text
    answer = post(admin, f"/jobs/{job_id}/cancel", follow_redirects=True)
    assert "任务已取消" in answer.text
    assert "确定取消" not in answer.text
    assert not shop.run_job(job_id)
    late = post(admin, f"/jobs/{job_id}/cancel", follow_redirects=True)
    assert "不能再取消" in late.text


def test_a_failed_job_says_so_and_is_tried_again_behind_what_is_done(
    hall: Hall, admin: FlaskClient, shop: Workshop, counting: Any
) -> None:
    job_id = order(hall)
    early = post(admin, f"/jobs/{job_id}/retry", follow_redirects=True)
    assert "不需要重试" in early.text
    counting["fail"] = 2
    fail_for_good(hall, shop, job_id)
    page = admin.get(f"/jobs/{job_id}").text
    assert "任务没有完成" in page
    assert "no route" in page
    assert "Traceback" not in page
    counting.clear()
    woken: list[int] = []
    hall.app.extensions["hall-runner"] = type("Bell", (), {"notify": lambda _: woken.append(1)})()
    answer = post(admin, f"/jobs/{job_id}/retry", follow_redirects=True)
    assert "已重新排队" in answer.text
    assert woken == [1]
    assert shop.run_job(job_id)
    assert "已完成" in admin.get(f"/jobs/{job_id}").text
    assert "没有异常" in admin.get("/incidents").text


def test_the_owner_who_is_no_admin_reads_no_error_text(
    hall: Hall, reviewer: FlaskClient, shop: Workshop, counting: Any
) -> None:
    job_id = order(hall, "reviewer")
    counting["fail"] = 2
    fail_for_good(hall, shop, job_id)
    page = reviewer.get(f"/jobs/{job_id}").text
    assert "已转流程管理员处理" in page
    assert "no route" not in page
    assert "查看流程异常" not in page


@pytest.mark.parametrize("name", ["operator", "reviewer"])
def test_a_strangers_job_does_not_exist(hall: Hall, counting: Any, name: str) -> None:
    job_id, client = order(hall), hall.signed_in(name)
    for path in (f"/jobs/{job_id}", f"/jobs/{job_id}.json", "/jobs/999999999999999999"):
        assert client.get(path).status_code == 404
    for verb in ("cancel", "retry"):
        assert post(client, f"/jobs/{job_id}/{verb}").status_code == 404
    assert hall.signed_in("other_admin").get(f"/jobs/{job_id}").status_code == 200


def test_the_top_bar_leads_back_to_a_running_job_until_it_is_over(
    hall: Hall, admin: FlaskClient, shop: Workshop, counting: Any
) -> None:
    there = "1 个任务正在办理"
    job_id = order(hall)
    assert there not in admin.get("/review").text
    admin.get(f"/jobs/{job_id}")
    assert there in admin.get("/review").text
    assert there not in hall.signed_in("other_admin").get("/review").text
    shop.run_job(job_id)
    assert there not in admin.get("/review").text
    with admin.session_transaction() as cookie:
        assert "working" not in cookie


def test_asking_for_progress_does_not_keep_a_session_from_idling_out(
    hall: Hall, admin: FlaskClient, counting: Any
) -> None:
    job_id = order(hall)
    minutes = hall.app.extensions["hall"].settings.signin.idle_minutes
    quick = {"headers": {"Accept": "application/json"}}
    for _ in range(minutes // 2 - 1):
        hall.clock.advance(minutes=2)
        assert admin.get(f"/jobs/{job_id}.json", **quick).status_code == 200
    hall.clock.set(hall.clock() + timedelta(minutes=3))
    answer = admin.get(f"/jobs/{job_id}.json", **quick)
    assert answer.status_code == 401
    assert "/signin" in (answer.json or {})["signin"]


def test_many_incidents_of_a_kind_are_retried_by_a_job(
    hall: Hall, admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kind is that of a job that has failed twice over: any incident will do."""
    for title in ("one", "two"):
        _failed(hall, title)
    monkeypatch.setattr(bulk, "AT_ONCE_MAX", 1)
    cause = f"job/{KIND}/ConnectionError"
    answer = post(admin, "/incidents/retry", {"cause": cause})
    assert answer.status_code == 303
    found = re.fullmatch(r"/jobs/(\d+)", answer.location)
    assert found, answer.location
    assert f"重试同类异常：{KIND}" in admin.get(answer.location).text
    shop = workshop(hall.app.extensions["hall"].settings, clock=hall.clock)
    assert shop.run_job(int(found[1]))
    shop.engine.dispose()
    page = admin.get(answer.location).text
    assert "重试成功" in page
    assert "2 件" in page
    with hall.app.app_context():
        assert incident_desk.count(hall.runtime(), hall.actor("admin")) == 0


def _failed(hall: Hall, title: str) -> None:
    """A job that was given up, with its incident."""
    job_id = order(hall, title=title)
    with hall.app.app_context():
        rt = hall.runtime()
        with transaction(rt.session) as session:
            job = session.get(Job, job_id)
            assert job is not None
            job.status, job.finished_at = "failed", rt.clock()
            incident_desk.incidents.record_job(rt, job, ConnectionError("no route"))
