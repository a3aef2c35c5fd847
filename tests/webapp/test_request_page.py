"""One request for several pairs of eyes, and every way a decision can go wrong."""

from __future__ import annotations

import json
import re

import pytest
from flask.testing import FlaskClient

from handlers.people.models import Staff
from tests.webapp.hall import Hall, post
from tests.webapp.steps import decide, filed, seen_by, submit
from webapp import parking


@pytest.fixture
def no(operator: FlaskClient) -> str:
    return filed(operator)


def test_the_page_shows_change_diagram_and_record(operator: FlaskClient, no: str) -> None:
    page = operator.get(f"/requests/{no}").text
    assert re.search(r'class="h-new">每月 10 日', page)
    assert "初审（归集审核岗待领取）办理中" in page, "the diagram in words"
    assert '"current"' in page
    assert "提交申请" in page


def test_buttons_are_the_verbs_of_this_person(
    operator: FlaskClient, reviewer: FlaskClient, no: str
) -> None:
    applicant, centre = (client.get(f"/requests/{no}").text for client in (operator, reviewer))
    assert "确定撤回" in applicant
    assert 'data-verb="approve"' not in applicant
    assert 'data-verb="approve"' in centre
    assert "确定撤回" not in centre


@pytest.mark.parametrize("path", ["", "/edit", "/receipt"])
def test_another_unit_learns_nothing(stranger: FlaskClient, no: str, path: str) -> None:
    answer = stranger.get(f"/requests/{no}{path}")
    assert answer.status_code == 404
    assert "云谷" not in answer.text


def test_another_branch_cannot_decide(
    far_reviewer: FlaskClient, reviewer: FlaskClient, no: str
) -> None:
    fields = seen_by(reviewer, no)
    assert decide(far_reviewer, no, "approve", **fields).status_code == 404


def test_approving_opens_the_next_task(reviewer: FlaskClient, hall: Hall, no: str) -> None:
    other = hall.file("stranger")
    answer = decide(reviewer, no, "approve", **seen_by(reviewer, no))
    assert answer.location == f"/requests/{other}"
    assert f"已同意 {no}，已打开下一件" in reviewer.get(answer.location).text


def test_after_the_last_one_the_desk_says_so(reviewer: FlaskClient, no: str) -> None:
    answer = decide(reviewer, no, "approve", **seen_by(reviewer, no))
    assert answer.location == "/review"
    assert "没有其他待办" in reviewer.get("/review").text


@pytest.mark.parametrize(("verb", "word"), [("return", "退回"), ("refuse", "驳回")])
def test_sending_back_needs_a_reason(reviewer: FlaskClient, no: str, verb: str, word: str) -> None:
    answer = decide(reviewer, no, verb, **seen_by(reviewer, no))
    assert answer.status_code == 422
    assert f"{word}时必须填写意见" in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_a_huge_opinion_is_refused_and_kept(reviewer: FlaskClient, no: str) -> None:
    opinion = "很" * 501
    answer = decide(reviewer, no, "approve", opinion=opinion, **seen_by(reviewer, no))
    assert answer.status_code == 422
    assert "意见共 501 字，最多 500 字" in answer.text
    assert opinion in answer.text


def test_a_stale_page_shows_the_fresh_one_and_keeps_the_opinion(
    reviewer: FlaskClient, hall: Hall, no: str
) -> None:
    fields = seen_by(reviewer, no)
    other = hall.signed_in("other_reviewer")
    decide(other, no, "approve", opinion="同意", **seen_by(other, no))
    answer = decide(reviewer, no, "return", opinion="我写的意见", **fields)
    assert answer.status_code == 409
    assert re.search(r"该业务已由 .+ 于 7月15日 09:30 同意，页面已更新", answer.text)
    assert "复核中" in answer.text


def test_a_double_click_counts_once(reviewer: FlaskClient, no: str) -> None:
    fields = seen_by(reviewer, no)
    first, second = (decide(reviewer, no, "approve", **fields) for _ in range(2))
    assert first.status_code == second.status_code == 303
    page = reviewer.get(f"/requests/{no}").text
    assert page.count("初审 · 同意</b>") == 1


def test_claiming_twice_by_two_people_is_a_conflict(
    reviewer: FlaskClient, hall: Hall, no: str
) -> None:
    other = hall.signed_in("other_reviewer")
    fields = seen_by(other, no)
    decide(reviewer, no, "claim", **seen_by(reviewer, no))
    answer = decide(other, no, "claim", **fields)
    assert answer.status_code == 409
    assert "领取" in answer.text


@pytest.mark.parametrize("fields", [{"task": "x"}, {"seen": "1; drop"}, {"task": "²"}])
def test_wrong_types_are_a_bad_request(
    reviewer: FlaskClient, no: str, fields: dict[str, str]
) -> None:
    assert decide(reviewer, no, "approve", **fields).status_code == 400


def test_unknown_verbs_and_numbers_are_not_found(reviewer: FlaskClient, no: str) -> None:
    assert decide(reviewer, no, "explode").status_code == 404
    assert decide(reviewer, "QDN-20260101-999999", "approve").status_code == 404


def test_the_applicant_cannot_approve_by_hand(
    operator: FlaskClient, reviewer: FlaskClient, no: str
) -> None:
    answer = decide(operator, no, "approve", **seen_by(reviewer, no))
    assert answer.status_code == 422
    assert "您没有该岗位" in answer.text


def test_an_opinion_is_shown_as_text(operator: FlaskClient, reviewer: FlaskClient, no: str) -> None:
    opinion = "<script>alert(1)</script><!-- </SCRIPT ><SCRIPT>缺页"
    decide(reviewer, no, "approve", opinion=opinion, **seen_by(reviewer, no))
    page = operator.get(f"/requests/{no}").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    facts = re.search(r'id="diagram-facts">(.*?)</script>', page, re.S)
    assert facts
    tip = json.loads(facts[1])["tips"]["review1"][-1]
    assert tip == f"意见：{opinion}", "the diagram's data is whole, and ends where it should"


def test_returned_corrected_and_submitted_again(
    operator: FlaskClient, reviewer: FlaskClient, no: str
) -> None:
    decide(reviewer, no, "return", opinion="请核对发薪日", **seen_by(reviewer, no))
    form = operator.get(f"/requests/{no}/edit").text
    assert "请核对发薪日" in form
    assert re.search(r'<option value="10" selected>', form), "the filed value, not the record's"
    answer = submit(operator, f"/requests/{no}/edit", pay_day="20")
    assert answer.location == f"/requests/{no}"
    assert re.search(r'class="h-new">每月 20 日', operator.get(f"/requests/{no}").text)


def test_a_running_request_cannot_be_edited(operator: FlaskClient, no: str) -> None:
    assert operator.get(f"/requests/{no}/edit").location == f"/requests/{no}"
    assert post(operator, f"/requests/{no}/draft", {"pay_day": "1"}).status_code == 409


def test_ending_a_returned_request_frees_the_way(
    operator: FlaskClient, reviewer: FlaskClient, no: str
) -> None:
    decide(reviewer, no, "return", opinion="重新申请", **seen_by(reviewer, no))
    assert "结束后不能恢复" in operator.get(f"/requests/{no}").text
    decide(operator, no, "end", opinion="不办了")
    assert "已结束" in operator.get(f"/requests/{no}").text
    assert filed(operator, token="again1") != no


def test_withdrawing_is_confirmed_and_done(operator: FlaskClient, no: str) -> None:
    answer = decide(operator, no, "withdraw")
    assert answer.location == f"/requests/{no}"
    assert "申请已撤回" in operator.get(f"/requests/{no}").text


def test_an_opinion_typed_when_the_session_ran_out_comes_back(
    hall: Hall, reviewer: FlaskClient, no: str
) -> None:
    fields = seen_by(reviewer, no)
    late = hall.browser()
    with late.session_transaction() as cookie:
        cookie["_user_id"], cookie[parking.OWNER] = "gone", hall.user_id("reviewer")
    decide(late, no, "return", opinion="写了一半的意见", **fields)
    assert "写了一半的意见" in reviewer.get(f"/requests/{no}").text


def test_a_namesake_s_decision_is_not_taken_for_ones_own(
    hall: Hall, reviewer: FlaskClient, no: str
) -> None:
    """Two people of one post may have one name; the second is told, not thanked."""
    seen = seen_by(reviewer, no)
    with hall.app.app_context():
        first, second = (
            hall.session().get_one(Staff, int(hall.user_id(who).partition(":")[2]))
            for who in ("reviewer", "other_reviewer")
        )
        second.name = first.name
        hall.session().commit()
    assert decide(hall.signed_in("other_reviewer"), no, "approve", **seen).status_code == 303
    assert decide(reviewer, no, "approve", **seen).status_code == 409
