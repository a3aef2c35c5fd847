"""Every verb from its dialog to its line in the record; what is refused keeps what was typed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

import engine
from engine.verbs import substitutes
from tests.webapp.hall import Hall, post
from tests.webapp.steps import act, decide, filed, offered
from webapp import acts
from webapp.runtime import runtime


@pytest.fixture
def no(operator: FlaskClient) -> str:
    return filed(operator)


@pytest.fixture
def other(hall: Hall) -> FlaskClient:
    """赵审核, of the same post and branch."""
    return hall.signed_in("other_reviewer")


@pytest.fixture
def admin(hall: Hall) -> FlaskClient:
    return hall.signed_in("admin")


def record(client: FlaskClient, no: str) -> str:
    page = client.get(f"/requests/{no}").text
    found = re.search(r'<ol class="h-time">(.*?)</ol>', page, re.S)
    assert found
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


# ── what is shown is what may be done ──────────────────────────────────────────────────────────


def test_a_page_offers_exactly_what_the_engine_allows(hall: Hall, no: str) -> None:
    """In every state a request passes through, for everybody who may look at it."""
    reviewer, second = (hall.signed_in(name) for name in ("reviewer", "second_reviewer"))
    who = hall.user_id("second_reviewer")
    steps: list[tuple[FlaskClient, str, dict[str, object]]] = [
        (reviewer, "claim", {}),
        (reviewer, "ask", {"to": who, "opinion": "金额对吗"}),
        (second, "answer", {"opinion": "对"}),
        (reviewer, "add_sign", {"to": who, "when": "before"}),
        (second, "approve", {}),
        (reviewer, "return", {"opinion": "请补正", "after": "straight"}),
        (reviewer, "take_back", {}),
        (reviewer, "add_sign", {"to": who, "when": "after"}),
        (reviewer, "approve", {}),
        (second, "approve", {}),
        (hall.signed_in("admin"), "terminate", {"opinion": "重复"}),
    ]
    _check_everybody(hall, no, "filed")
    for client, verb, fields in steps:
        assert act(client, no, verb, **fields).status_code == 303, verb
        _check_everybody(hall, no, verb)


def test_a_returned_page_offers_exactly_what_the_engine_allows(
    hall: Hall, operator: FlaskClient, no: str
) -> None:
    act(hall.signed_in("reviewer"), no, "return", opinion="请补正")
    _check_everybody(hall, no, "return")
    act(operator, no, "end")
    _check_everybody(hall, no, "end")


def _check_everybody(hall: Hall, no: str, after: str) -> None:
    for name in ("operator", "reviewer", "other_reviewer", "second_reviewer", "admin"):
        actor = hall.actor(name)
        with hall.app.app_context():
            view = engine.view(runtime(), actor, no)
        allowed = view.verbs - acts.ELSEWHERE | ({"drop_sign"} if view.droppable else set())
        assert offered(hall.signed_in(name), no) == allowed, (after, name)


def test_every_dialog_is_also_a_part_of_the_page(reviewer: FlaskClient, no: str) -> None:
    act(reviewer, no, "claim")
    for verb in ("transfer", "ask", "add_sign", "copy", "comment"):
        page = reviewer.get(f"/requests/{no}?do={verb}").text
        assert '<section class="card w-open" id="do"' in page, verb
        assert f"/requests/{no}/{verb}" in page
    assert 'id="do"' not in reviewer.get(f"/requests/{no}?do=terminate").text, "not theirs"
    assert 'id="do"' not in reviewer.get(f"/requests/{no}?do=<script>").text


# ── 转办 ───────────────────────────────────────────────────────────────────────────────────────


def test_a_step_is_handed_over_and_the_record_says_to_whom(
    reviewer: FlaskClient, other: FlaskClient, hall: Hall, no: str
) -> None:
    act(reviewer, no, "claim")
    to = hall.user_id("other_reviewer")
    answer = act(reviewer, no, "transfer", to=to, opinion="我外出培训")
    assert answer.status_code == 303
    line = record(other, no)
    assert "初审 · 转办" in line
    assert "王审核 → 赵审核" in line
    assert "我外出培训" in line
    assert "approve" in offered(other, no)
    assert "approve" not in offered(reviewer, no)


def test_a_refused_handover_keeps_person_and_reason(
    reviewer: FlaskClient, hall: Hall, no: str
) -> None:
    act(reviewer, no, "claim")
    to = hall.user_id("other_reviewer")
    silent = act(reviewer, no, "transfer", to=to)
    assert silent.status_code == 422
    assert "必须填写原因" in silent.text
    assert re.search(rf'name="to" value="{to}" checked', silent.text), "the person is still chosen"
    nobody = act(reviewer, no, "transfer", opinion="我外出培训")
    assert nobody.status_code == 422
    assert "请选择一位人员" in nobody.text
    assert "我外出培训</textarea>" in nobody.text
    wrong_post = act(reviewer, no, "transfer", to=hall.user_id("second_reviewer"), opinion="外出")
    assert wrong_post.status_code == 422
    assert "李复核没有“归集审核岗”岗位" in wrong_post.text


def test_a_typed_name_is_enough(reviewer: FlaskClient, hall: Hall, no: str) -> None:
    act(reviewer, no, "claim")
    several = act(reviewer, no, "transfer", find="审核", opinion="外出")
    assert several.status_code == 422
    choice = re.search(
        r'type="radio" name="to" value="([^"]+)">\s*赵审核', several.text.replace("\n", "")
    )
    assert choice, "namesakes and half names come back as choices"
    assert "外出</textarea>" in several.text
    unknown = act(reviewer, no, "transfer", find="没有此人", opinion="外出")
    assert unknown.status_code == 422
    assert "没有找到“没有此人”" in unknown.text
    assert 'value="没有此人"' in unknown.text
    assert act(reviewer, no, "transfer", find="赵审核", opinion="外出").status_code == 303


# ── 委派, 加签, 减签 ───────────────────────────────────────────────────────────────────────────


def test_a_question_is_asked_and_answered(reviewer: FlaskClient, hall: Hall, no: str) -> None:
    second = hall.signed_in("second_reviewer")
    to = hall.user_id("second_reviewer")
    assert act(reviewer, no, "ask", to=to, opinion="地址跨区，受理吗").status_code == 303
    asked = second.get(f"/requests/{no}").text
    assert "地址跨区，受理吗" in asked
    assert "已有 0 人给出意见，还差 1 人：李复核" in asked
    silent = act(second, no, "answer")
    assert silent.status_code == 422
    assert "必须填写意见" in silent.text
    assert act(second, no, "answer", opinion="可以受理").status_code == 303
    line = record(reviewer, no)
    assert "回复委派" in line
    assert "→ 王审核" in line
    assert "approve" in offered(reviewer, no), "the step has come back"


def test_people_are_added_shown_and_dropped(reviewer: FlaskClient, hall: Hall, no: str) -> None:
    people = [hall.user_id("other_reviewer"), hall.user_id("second_reviewer")]
    fields = {"to": people, "when": "before", "order": "in_turn", "opinion": "请一起看"}
    assert act(reviewer, no, "add_sign", **fields).status_code == 303
    page = reviewer.get(f"/requests/{no}").text
    assert "前加签 → 赵审核、李复核，逐个审" in record(reviewer, no)
    assert "未轮到" in page
    row = re.search(r'id="drop-(\d+)".{0,900}减签：赵审核', page, re.S)
    assert row
    silent = decide(reviewer, no, "drop_sign", task=row[1])
    assert silent.status_code == 422
    assert "减签时必须填写原因" in silent.text
    assert f'name="task" value="{row[1]}"' in silent.text, "the form still means this person"
    assert decide(reviewer, no, "drop_sign", task=row[1], opinion="在休假").status_code == 303
    assert "不再等待 赵审核（前加签）" in record(reviewer, no)
    second = hall.signed_in("second_reviewer")
    assert act(second, no, "approve", opinion="没有问题").status_code == 303
    assert "前加签 · 同意" in record(reviewer, no)
    assert "approve" in offered(reviewer, no)


def test_nobody_drops_people_somebody_else_added(
    reviewer: FlaskClient, other: FlaskClient, hall: Hall, no: str
) -> None:
    act(reviewer, no, "add_sign", to=hall.user_id("second_reviewer"))
    row = re.search(r'id="drop-(\d+)"', reviewer.get(f"/requests/{no}").text)
    assert row
    answer = decide(other, no, "drop_sign", task=row[1], opinion="不需要")
    assert answer.status_code == 422
    assert "请由其本人或流程管理员减签" in answer.text
    assert "不需要" in answer.text, "what was typed is not lost"


# ── 会签 ───────────────────────────────────────────────────────────────────────────────────────


def test_a_vote_shows_its_rule_who_has_voted_and_who_is_missing(hall: Hall) -> None:
    hall.redraw(sign="all", signers="归集审核岗,归集复核岗")
    no = hall.file("operator", pay_day="10")
    voters = [hall.signed_in(name) for name in ("reviewer", "second_reviewer")]
    page = voters[0].get(f"/requests/{no}").text
    assert "会签，全部同意才通过，有一人驳回即驳回。" in page
    assert "已有 0 人给出意见，还差 2 人：（归集审核岗）、（归集复核岗）" in page
    assert act(voters[0], no, "approve", opinion="我同意").status_code == 303
    page = voters[1].get(f"/requests/{no}").text
    assert "已有 1 人给出意见，还差 1 人：（归集复核岗）" in page
    assert "会签同意" in record(voters[1], no)
    assert "我同意" in page
    assert act(voters[1], no, "refuse", opinion="材料不符").status_code == 303
    assert "会签驳回" in record(voters[1], no)
    assert "会签结果：驳回" in record(voters[1], no)


# ── 抄送, 留言, 催办 ───────────────────────────────────────────────────────────────────────────


def test_a_copy_is_read_when_it_is_opened(
    reviewer: FlaskClient, far_reviewer: FlaskClient, hall: Hall, no: str
) -> None:
    assert far_reviewer.get(f"/requests/{no}").status_code == 404
    answer = act(reviewer, no, "copy", to=hall.user_id("far_reviewer"), opinion="供参考")
    assert answer.status_code == 303
    assert "未阅" in reviewer.get(f"/requests/{no}").text
    assert far_reviewer.get(f"/requests/{no}").status_code == 200
    page = reviewer.get(f"/requests/{no}").text
    assert "已阅</span>" in page
    assert "未阅" not in page
    again = act(reviewer, no, "copy", to=hall.user_id("far_reviewer"))
    assert again.status_code == 422
    assert "都已收到抄送" in again.text


def test_both_sides_may_say_something(
    operator: FlaskClient, reviewer: FlaskClient, no: str
) -> None:
    assert act(operator, no, "comment", opinion="营业执照下周换新").status_code == 303
    assert act(reviewer, no, "comment", opinion="<b>收到</b>").status_code == 303
    page = operator.get(f"/requests/{no}").text
    assert "营业执照下周换新" in page
    assert "&lt;b&gt;收到" in page
    empty = act(operator, no, "comment", opinion="  \n ")
    assert empty.status_code == 422
    assert "请填写留言内容" in empty.text
    long = act(operator, no, "comment", opinion="长" * 10_000)
    assert long.status_code == 422
    assert "意见共 10000 字，最多 500 字" in long.text
    assert "长" * 10_000 in long.text


def test_a_comment_sent_twice_stands_once(operator: FlaskClient, no: str) -> None:
    seen = re.search(r'name="seen" value="(\d+)"', operator.get(f"/requests/{no}").text)
    assert seen
    for _ in range(2):
        assert decide(operator, no, "comment", opinion="只说一次", seen=seen[1]).status_code == 303
    assert record(operator, no).count("只说一次") == 1


def test_reminders_are_counted_and_run_out(operator: FlaskClient, no: str) -> None:
    assert "今天还可以催办 2 次" in operator.get(f"/requests/{no}").text
    assert act(operator, no, "urge", opinion="请尽快").status_code == 303
    assert "今天还可以催办 1 次" in operator.get(f"/requests/{no}").text
    act(operator, no, "urge")
    assert "urge" not in offered(operator, no)
    third = act(operator, no, "urge", opinion="还没有办")
    assert third.status_code == 422
    assert "今天已催办 2 次" in third.text
    assert "还没有办" in third.text


# ── going back ─────────────────────────────────────────────────────────────────────────────────


def test_a_decision_is_taken_back(reviewer: FlaskClient, no: str) -> None:
    act(reviewer, no, "approve", opinion="同意")
    assert act(reviewer, no, "take_back", opinion="看错了").status_code == 303
    assert "回到“初审”" in record(reviewer, no)
    assert "approve" in offered(reviewer, no)


def test_a_return_names_the_step_and_comes_straight_back(
    reviewer: FlaskClient, operator: FlaskClient, hall: Hall, no: str
) -> None:
    page = reviewer.get(f"/requests/{no}").text
    assert "重新逐级审批" in page
    assert "直接回到我" in page
    answer = act(reviewer, no, "return", node="fill", after="straight", opinion="地址不全")
    assert answer.status_code == 303
    assert "退回到“填写申请”，改好后直接交回" in record(operator, no)
    post(operator, f"/requests/{no}/edit", {"action": "submit", "token": "x", "pay_day": "11"})
    assert "改好后交回初审" in record(operator, no)
    assert "approve" in offered(reviewer, no)


def test_a_refused_return_keeps_the_choice(reviewer: FlaskClient, no: str) -> None:
    answer = act(reviewer, no, "return", node="fill", after="straight")
    assert answer.status_code == 422
    assert re.search(r'name="after" value="straight" checked', answer.text)


def test_an_admin_ends_what_cannot_go_on(
    admin: FlaskClient, operator: FlaskClient, no: str
) -> None:
    silent = act(admin, no, "terminate")
    assert silent.status_code == 422
    assert act(admin, no, "terminate", opinion="重复录入").status_code == 303
    assert "终止" in record(operator, no)
    assert "重复录入" in record(operator, no)


# ── 代理 ───────────────────────────────────────────────────────────────────────────────────────


def test_a_substitute_sees_in_whose_name_and_so_does_the_record(
    hall: Hall, far_reviewer: FlaskClient, operator: FlaskClient, no: str
) -> None:
    assert "您正在代" not in far_reviewer.get("/review").text
    with hall.app.app_context():
        rt = runtime()
        substitutes.appoint(
            rt,
            hall.actor("reviewer"),
            principal=hall.user_id("reviewer"),
            substitute=hall.user_id("far_reviewer"),
            starts_at=rt.clock(),
            ends_at=rt.clock() + timedelta(days=5, hours=8, minutes=30),
            services=[],
            reason="休假",
        )
    desk = far_reviewer.get("/review").text
    assert "您正在代 <b>王审核</b> 办理" in desk
    assert "7月20日 18:00" in desk
    assert "代 王审核</b>" in desk, "the row says for whom"
    assert "代 王审核" in far_reviewer.get("/inbox/todo").text
    assert "以 <b>王审核</b> 的名义办理" in far_reviewer.get(f"/requests/{no}").text
    assert act(far_reviewer, no, "approve", opinion="同意").status_code == 303
    assert "代 王审核 办理" in record(operator, no)


# ── other people's requests, other people's ids, nonsense ──────────────────────────────────────


def test_strangers_learn_nothing(stranger: FlaskClient, no: str) -> None:
    for verb in acts.POSTABLE:
        answer = decide(stranger, no, verb, opinion="x", to="staff:1", task="1")
        assert answer.status_code == 404, verb
        assert "云谷" not in answer.text


NONSENSE: list[dict[str, object]] = [
    {},
    {"to": ["staff:x", "operator:1", "", "\x00", "staff:999999999999"], "find": "\x00"},
    {"find": "名" * 10_000, "opinion": "x", "node": "\x00", "when": "never", "order": "\x00"},
    {"to": [f"staff:{n}" for n in range(300)], "opinion": "😀"},
]


def test_nonsense_is_answered_in_words(reviewer: FlaskClient, no: str) -> None:
    for fields in NONSENSE:
        for verb in sorted(acts.POSTABLE):
            answer = decide(reviewer, no, verb, **fields)
            assert answer.status_code in (303, 409, 422), verb
