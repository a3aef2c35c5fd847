"""审批台: filters with counts, the pane, claiming many at once."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.webapp.hall import Hall, post
from tests.webapp.steps import decide, filed, seen_by


def test_the_desk_lists_what_waits_and_counts_it(
    reviewer: FlaskClient, operator: FlaskClient
) -> None:
    no = filed(operator)
    page = reviewer.get("/review").text
    assert f'href="/requests/{no}"' in page
    assert "共 1 件待审" in page
    assert "发薪日 1 项变更" in page
    assert "无需材料" in page


def test_filters_are_links_and_narrow_the_list(reviewer: FlaskClient, hall: Hall) -> None:
    no = hall.file()
    assert f"/requests/{no}" in reviewer.get("/review?who=pool").text
    mine = reviewer.get("/review?who=mine").text
    assert f"/requests/{no}" not in mine
    assert "没有符合条件的业务" in mine
    assert f"/requests/{no}" in reviewer.get("/review?who=nonsense&due=nonsense").text


def test_an_empty_desk_says_what_comes_next(reviewer: FlaskClient) -> None:
    assert "没有待审业务" in reviewer.get("/review").text


def test_operators_have_no_desk(operator: FlaskClient) -> None:
    assert operator.get("/review").status_code == 403


def test_the_pane_shows_the_change_and_decides(reviewer: FlaskClient, hall: Hall) -> None:
    no = hall.file()
    task = hall.task_of(no, "reviewer")
    pane = reviewer.get(f"/review/{task}/preview?back=/review?who=pool").text
    assert "变更内容 1 项" in pane
    assert "<html" not in pane
    answer = decide(reviewer, no, "approve", **seen_by(reviewer, no), back="/review?who=pool")
    assert answer.location == "/review?who=pool"


def test_the_way_back_stays_on_the_desk(reviewer: FlaskClient, hall: Hall) -> None:
    no = hall.file()
    answer = decide(reviewer, no, "claim", **seen_by(reviewer, no), back="//evil.example/review")
    assert answer.location == f"/requests/{no}"


def test_a_pane_of_another_branch_is_not_found(far_reviewer: FlaskClient, hall: Hall) -> None:
    task = hall.task_of(hall.file(), "reviewer")
    assert far_reviewer.get(f"/review/{task}/preview").status_code == 404
    assert far_reviewer.get("/review/999999/preview").status_code == 404


def test_claiming_the_ticked_rows_tells_what_others_took(reviewer: FlaskClient, hall: Hall) -> None:
    numbers = [hall.file(), hall.file("stranger")]
    tasks = [hall.task_of(no, "reviewer") for no in numbers]
    other = hall.signed_in("other_reviewer")
    post(other, "/review/claim", {"task": str(tasks[0])})
    answer = post(reviewer, "/review/claim", {"task": [*map(str, tasks), "x"]})
    assert answer.location == "/review"
    page = reviewer.get("/review").text
    assert "已领取 1 件" in page
    assert "1 件没有领取" in page


def test_a_broken_cursor_is_answered_in_words(reviewer: FlaskClient) -> None:
    assert reviewer.get("/review?after=%00nonsense").status_code < 500


# ── 批量同意 ───────────────────────────────────────────────────────────────────────────────────


def test_rows_that_allow_it_are_approved_at_once_and_each_outcome_is_told(
    reviewer: FlaskClient, hall: Hall
) -> None:
    alone = hall.file("stranger")  # filed before the step allowed it
    hall.redraw(batch="true")
    number = hall.file("operator")
    page = reviewer.get("/review").text
    assert page.count("data-batch data-pool") == 1, "the other one can only be claimed"
    tasks = [str(hall.task_of(no, "reviewer")) for no in (alone, number)]
    answer = post(reviewer, "/review/approve", {"task": [*tasks, "999999"], "opinion": "同意"})
    assert answer.status_code == 200
    assert "成功 1 件，未办理 2 件" in answer.text
    assert "须逐件审核，不能批量同意" in answer.text
    assert f'href="/requests/{number}"' in answer.text
    assert "批量办理" in reviewer.get(f"/requests/{number}").text
    assert hall.task_of(alone, "reviewer"), "still open"


def test_a_second_click_is_told_the_same(reviewer: FlaskClient, hall: Hall) -> None:
    hall.redraw(batch="true")
    task = str(hall.task_of(hall.file(), "reviewer"))
    for _ in range(2):
        answer = post(reviewer, "/review/approve", {"task": task})
        assert "成功 1 件。" in answer.text
        assert "未办理" not in answer.text.partition("<section")[2]


def test_a_result_tells_nothing_about_other_branches(far_reviewer: FlaskClient, hall: Hall) -> None:
    no = hall.file()
    task = str(hall.task_of(no, "reviewer"))
    answer = post(far_reviewer, "/review/approve", {"task": task})
    assert "成功 0 件，未办理 1 件" in answer.text
    assert no not in answer.text
    assert "云谷" not in answer.text


def test_nothing_ticked_too_much_ticked_and_nonsense(reviewer: FlaskClient, hall: Hall) -> None:
    for path in ("/review/approve", "/review/claim"):
        for fields, text in (
            ({}, "请先勾选要办理的业务"),
            ({"task": ["x", "", "²", "-1", "0"]}, "请先勾选要办理的业务"),
            ({"task": [str(n) for n in range(1, 1001)]}, "一次最多勾选 100 件"),
        ):
            assert post(reviewer, path, fields).location == "/review"
            assert text in reviewer.get("/review").text
    long = post(reviewer, "/review/approve", {"task": "1", "opinion": "长" * 10_000})
    assert long.location == "/review"
    assert "意见共 10000 字" in reviewer.get("/review").text


def test_the_step_can_be_filtered(reviewer: FlaskClient, hall: Hall) -> None:
    no = hall.file()
    assert f"/requests/{no}" in reviewer.get("/review?step=初审").text
    assert f"/requests/{no}" not in reviewer.get("/review?step=复核").text
