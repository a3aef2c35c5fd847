"""流程版本: what a process admin reads about versions, and how requests get onto another one."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

import engine
from engine.diagrams import definitions
from tests.webapp.hall import SERVICE, Hall, post

PAGE = f"/versions/{SERVICE}"


@pytest.fixture
def keeper(hall: Hall) -> FlaskClient:
    return hall.signed_in("admin")


def redraw(hall: Hall) -> tuple[int, int]:
    """Deploy a second version: 初审 has another name, and 3 days became 5; both ids."""
    with hall.app.app_context():
        rt = hall.runtime()
        old = definitions.current(rt, SERVICE)
        assert old is not None
        files = {
            name: text.replace('name="初审"'.encode(), 'name="初核"'.encode()).replace(
                b'name="due_working_days" value="3"', b'name="due_working_days" value="5"'
            )
            for name, text in old.files.items()
        }
        new = engine.deploy(rt, SERVICE, files)
    assert new.id != old.id
    return old.id, new.id


@pytest.fixture
def two(hall: Hall) -> tuple[int, int]:
    return redraw(hall)


def ask(client: FlaskClient, two: tuple[int, int], action: str, **more: str) -> str:
    fields = {"frm": two[0], "to": two[1], "action": action, "token": "once"} | more
    return str(post(client, f"{PAGE}/migrate", fields).text)


def test_only_process_admins_come_here(hall: Hall, two: tuple[int, int]) -> None:
    for name in ("operator", "reviewer"):
        client = hall.signed_in(name)
        assert "流程版本" not in client.get("/about").text
        for path in ("/versions", PAGE, f"{PAGE}/migrate"):
            assert client.get(path).status_code == 403
        assert post(client, f"{PAGE}/migrate", {"action": "run"}).status_code == 403


def test_the_list_says_how_many_run_on_old_versions(hall: Hall, keeper: FlaskClient) -> None:
    assert "旧版本在办" not in keeper.get("/versions").text
    hall.file()
    redraw(hall)
    page = keeper.get("/versions").text
    assert "旧版本在办 1 件" in page
    assert f'href="{PAGE}"' in page
    assert "共 2 个版本，在办 1 件" in keeper.get(PAGE).text


def test_the_difference_is_told_in_words_and_marked_in_the_drawing(
    keeper: FlaskClient, two: tuple[int, int]
) -> None:
    page = keeper.get(f"{PAGE}?old={two[0]}&new={two[1]}").text
    assert "名称：<del>初审</del> → <ins>初核</ins>" in page
    assert "期限（工作日）：<del>3</del> → <ins>5</ins>" in page
    marks = re.search(r'"marks": ({[^}]*})', page)
    assert marks
    assert '"changed"' in marks[1]
    assert "看第 1 版" in page
    assert "看第 2 版" in keeper.get(f"{PAGE}?old={two[0]}&new={two[1]}&show=old").text
    assert "两个不同的版本" in keeper.get(f"{PAGE}?old={two[0]}&new={two[0]}").text


def test_a_try_shows_what_would_happen_then_it_is_done(hall: Hall, keeper: FlaskClient) -> None:
    no = hall.file()
    two = redraw(hall)
    assert "现有 1 件" in keeper.get(f"{PAGE}/migrate?frm={two[0]}&to={two[1]}").text
    tried = ask(keeper, two, "try")
    assert "试运行结果" in tried
    assert "没有留下的，可以执行。" in tried
    assert "初审" in keeper.get(f"/requests/{no}").text
    done = ask(keeper, two, "run", reason="流程改版")
    assert "已换版本 1 件，留在原版本 0 件" in done
    seen = keeper.get(f"/requests/{no}").text
    assert all(word in seen for word in ("初核", "换版本", "流程改版"))
    assert hall.task_of(no, "reviewer")


def test_what_is_missing_comes_back_with_what_was_typed(
    keeper: FlaskClient, two: tuple[int, int]
) -> None:
    page = ask(keeper, two, "run", nos="QDN-1 QDN-2")
    assert "必须填写原因" in page
    assert "QDN-1 QDN-2" in page
    assert "须与现在的版本不同" in ask(keeper, (two[0], two[0]), "try")
    assert "没有这个流水号" in ask(keeper, two, "try", nos="QDN-1")
    assert "没有符合条件的在办业务" in ask(keeper, two, "try")


def test_what_cannot_go_is_listed_with_its_reason(hall: Hall, keeper: FlaskClient) -> None:
    no = hall.file()
    with hall.app.app_context():
        rt = hall.runtime()
        old = definitions.current(rt, SERVICE)
        assert old is not None
        first = next(each for each in old.steps if each.kind == "review").id
        changed = {
            name: text.replace(f'"{first}"'.encode(), b'"another"')
            .replace(f">{first}<".encode(), b">another<")
            .replace(f"{first}.".encode(), b"another.")
            for name, text in old.files.items()
        }
        two = old.id, engine.deploy(rt, SERVICE, changed).id
    page = ask(keeper, two, "run", reason="改版")
    assert "已换版本 0 件，留在原版本 1 件" in page
    assert no in page
    assert "在新版本中" in page


def test_a_selection_too_large_to_wait_for_is_a_job(
    hall: Hall, keeper: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall.file()
    two = redraw(hall)
    monkeypatch.setattr("webapp.versions.AT_ONCE_MAX", 0)
    fields = {"frm": two[0], "to": two[1], "action": "run", "reason": "改版", "token": "a"}
    answers = [post(keeper, f"{PAGE}/migrate", fields) for _ in range(2)]
    assert answers[0].status_code == 303
    assert re.fullmatch(r".*/jobs/\d+", answers[0].location)
    assert answers[0].location == answers[1].location, "a double click is one job"


def test_a_service_nobody_deployed_is_not_found(keeper: FlaskClient) -> None:
    assert keeper.get("/versions/nothing").status_code == 404
    assert keeper.get("/versions/nothing/migrate").status_code == 404
