"""会签: one step, several voters, one result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import engine
from engine import Actor, Runtime, errors
from engine.diagrams import tallying
from engine.models import History
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    EVERYWHERE,
    FAR,
    KEEPER,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    SECONDER_2,
    Hall,
    standing_in,
)
from tests.engine.team import data, joint, parts, rows, say

Y, N, O = "approve", "refuse", None  # noqa: E741


@pytest.mark.parametrize(
    ("sign", "decisions", "result"),
    [
        ("all", [Y, Y, O], None),
        ("all", [Y, Y, Y], Y),
        ("all", [O, N, O], N),
        ("in_turn", [Y, O], None),
        ("in_turn", [Y, N, O], N),
        ("any", [O, O], None),
        ("any", [O, Y], Y),
        ("any", [N, O], N),
        ("ratio:0.6", [Y, Y, O, O, O], None),
        ("ratio:0.6", [Y, Y, Y, O, O], Y),
        ("ratio:0.6", [N, N, O, O, O], None),
        ("ratio:0.6", [N, N, N, O, O], N),
        ("ratio:0.5", [Y, N], Y),
        ("ratio:1", [Y, O], None),
        ("ratio:0.1", [Y, Y, Y, Y, Y, Y, Y, Y, Y, Y], Y),
        ("ratio:0.7", [Y] * 7 + [N] * 3, Y),  # 0.7 × 10 is 7.000000000000001 as a float
        ("all", [], None),
    ],
)
def test_votes_are_counted(sign: str, decisions: list[str | None], result: str | None) -> None:
    assert tallying.tally(sign, decisions) == result


def test_everybody_approves_and_the_request_goes_on(hall: Hall) -> None:
    no = joint(hall, "all")
    assert set(rows(hall, no)) == {REVIEWER.id, REVIEWER_2.id, BOTH.id}
    assert engine.view(hall.rt, REVIEWER, no).label == "会签中"
    say(hall, no, BOTH)
    say(hall, no, REVIEWER)
    assert say(hall, no, REVIEWER_2).label == "复核中"
    votes = data(hall, no)["votes"]
    assert [each["name"] for each in votes] == ["周同舟", "王审核", "赵审核"]
    assert votes[0] == {
        "id": BOTH.id,
        "name": "周同舟",
        "decision": "approve",
        "opinion": "周同舟看过",
    }
    assert data(hall, no)["decision"] == "approve"
    assert hall.verbs(no) == ["start", "vote", "vote", "vote"]


def test_the_first_refusal_ends_a_vote_of_all(hall: Hall) -> None:
    no = joint(hall, "all")
    say(hall, no, REVIEWER)
    assert say(hall, no, BOTH, "refuse", opinion="不符").status == "refused"
    assert parts(hall, no) == [
        ("step", "周同舟", "done", "refuse"),
        ("vote", "王审核", "done", "approve"),
        ("vote", "赵审核", "cancelled", None),
        ("vote", "周同舟", "done", "refuse"),
    ]


@pytest.mark.parametrize("verb", ["approve", "refuse"])
def test_the_first_of_any_decides(hall: Hall, verb: str) -> None:
    no = joint(hall, "any")
    row = rows(hall, no)[REVIEWER_2.id].id
    assert say(hall, no, REVIEWER, verb).status == ("running" if verb == "approve" else "refused")
    with pytest.raises(errors.Conflict, match="已经关闭"):
        engine.approve(hall.rt, REVIEWER_2, row)


def test_a_ratio_is_reached_or_cannot_be_reached_any_more(hall: Hall) -> None:
    no = joint(hall, "ratio:0.6")
    say(hall, no, REVIEWER, "refuse")
    say(hall, no, BOTH)
    assert say(hall, no, REVIEWER_2).label == "复核中"
    no = joint(hall, "ratio:0.6")
    say(hall, no, REVIEWER, "refuse")
    assert say(hall, no, BOTH, "refuse").status == "refused"


def test_in_turn_the_next_votes_when_the_one_before_has(hall: Hall) -> None:
    no = joint(hall, "in_turn")
    for who in (REVIEWER, REVIEWER_2, BOTH):
        assert set(rows(hall, no)) == {who.id}
        say(hall, no, who)
    assert hall.where(no) == ["last"]


def test_posts_vote_through_their_pools_and_nobody_votes_for_two(hall: Hall) -> None:
    no = joint(hall, "all", "归集审核岗,归集复核岗")
    first, second = hall.tasks(no)
    assert (first.role, second.role, first.assignee) == ("归集审核岗", "归集复核岗", None)
    engine.claim(hall.rt, REVIEWER, first.id)
    engine.release(hall.rt, REVIEWER, first.id)
    with pytest.raises(errors.Forbidden, match="由归集审核岗办理"):
        engine.approve(hall.rt, SECONDER, first.id)
    engine.approve(hall.rt, BOTH, first.id)
    with pytest.raises(errors.Forbidden, match="不能再次表决"):
        engine.approve(hall.rt, BOTH, second.id)
    assert engine.approve(hall.rt, SECONDER, second.id).label == "复核中"


def test_a_voter_cannot_decide_a_later_step(hall: Hall) -> None:
    no = joint(hall, "any", f"users:{BOTH.id},{REVIEWER.id}")
    say(hall, no, BOTH)
    with pytest.raises(errors.Forbidden, match="须由另一位人员办理"):
        hall.approve(no, BOTH)
    assert hall.approve(no, SECONDER).status == "completed"


def test_the_applicant_never_votes(hall: Hall) -> None:
    no = joint(hall, "all", f"users:{APPLICANT.id},{REVIEWER.id}")
    assert set(rows(hall, no)) == {REVIEWER.id}


def test_voters_may_come_from_an_expression(hall: Hall) -> None:
    no = joint(hall, "all", "expr:values['team'] if 'team' in values else ['staff:1', 'staff:2']")
    assert set(rows(hall, no)) == {REVIEWER.id, REVIEWER_2.id}


def test_the_vote_of_somebody_who_left_goes_to_an_admin(hall: Hall) -> None:
    no = joint(hall, "all", f"users:{REVIEWER.id},staff:404")
    say(hall, no, REVIEWER)
    (row,) = hall.tasks(no)
    assert (row.role, row.note) == (
        "流程管理员",
        "原定会签人员或岗位现无人，请流程管理员转办给合适的人员。",
    )
    with pytest.raises(errors.Forbidden):
        engine.approve(hall.rt, REVIEWER_2, row.id)
    assert engine.approve(hall.rt, KEEPER, row.id).label == "复核中"


def test_an_admin_drops_a_voter_and_the_others_decide(hall: Hall) -> None:
    no = joint(hall, "all")
    row = rows(hall, no)[BOTH.id].id
    say(hall, no, REVIEWER)
    with pytest.raises(errors.Forbidden, match="由流程图加入"):
        engine.drop_sign(hall.rt, REVIEWER, row, reason="休假")
    say(hall, no, REVIEWER_2, opinion="第二位")
    out = engine.drop_sign(hall.rt, KEEPER, row, reason="休假")
    assert out.label == "复核中"
    assert data(hall, no)["opinion"] == "第二位"
    assert hall.case(no).deciders["joint"][0] == REVIEWER_2.id


def test_when_all_voters_are_dropped_the_post_of_the_lane_decides(hall: Hall) -> None:
    no = joint(hall, "all", f"users:{REVIEWER.id},{BOTH.id}")
    for row in hall.tasks(no):
        engine.drop_sign(hall.rt, KEEPER, row.id, reason="休假")
    (step,) = hall.tasks(no)
    assert (step.part, step.assignee, step.role) == ("step", None, "归集审核岗")
    assert hall.approve(no, REVIEWER_2).label == "复核中"


def test_a_voter_returns_only_where_it_is_drawn(hall: Hall) -> None:
    no = joint(hall, "all")
    with pytest.raises(errors.Forbidden, match="“会签”不提供退回"):
        say(hall, no, REVIEWER, "return_to", node="fill")
    no = joint(hall, "all", verbs="approve,refuse,return")
    say(hall, no, REVIEWER_2)
    say(hall, no, REVIEWER, "return_to", node="fill")
    assert hall.where(no) == ["fill"]
    hall.resubmit(no)
    assert len(hall.tasks(no)) == 3, "everybody votes on what was corrected"
    for who in (REVIEWER, REVIEWER_2, BOTH):
        say(hall, no, who)
    assert len(data(hall, no)["votes"]) == 3


def test_a_voter_may_ask_before_voting(hall: Hall) -> None:
    no = joint(hall, "all", f"users:{REVIEWER.id},{REVIEWER_2.id}")
    mine = rows(hall, no)[REVIEWER.id].id
    engine.ask(hall.rt, REVIEWER, mine, to=FAR.id, question="您看呢？")
    say(hall, no, REVIEWER_2)
    assert set(rows(hall, no)) == {FAR.id}
    say(hall, no, FAR, "answer")
    assert set(rows(hall, no)) == {REVIEWER.id}
    assert say(hall, no, REVIEWER).label == "复核中"


def test_a_question_of_a_voter_ends_with_the_vote(hall: Hall) -> None:
    no = joint(hall, "any")
    engine.ask(hall.rt, REVIEWER, rows(hall, no)[REVIEWER.id].id, to=FAR.id, question="您看呢？")
    say(hall, no, BOTH)
    assert hall.where(no) == ["last"]
    assert [status for part, _, status, _ in parts(hall, no) if part == "ask"] == ["cancelled"]


def test_votes_of_others_do_not_make_a_voters_page_old(hall: Hall) -> None:
    no = joint(hall, "all")
    seen = engine.view(hall.rt, REVIEWER, no).revision
    say(hall, no, BOTH)
    say(hall, no, REVIEWER, seen=seen)
    assert hall.verbs(no) == ["start", "vote", "vote"]


def test_each_voter_sees_the_own_row_and_what_it_takes(hall: Hall) -> None:
    no = joint(hall, "all")
    view = engine.view(hall.rt, BOTH, no)
    assert view.task is not None
    assert view.task.assignee == BOTH.id
    assert {"approve", "refuse", "ask"} <= view.verbs
    assert not view.verbs & {"return", "release", "add_sign", "answer", "drop_sign"}
    assert len(engine.view(hall.rt, KEEPER, no).droppable) == 3
    other = engine.view(hall.rt, EVERYWHERE, no)
    assert not other.verbs & {"approve", "refuse", "claim"}


def test_a_substitute_votes_for_the_principal_and_both_have_voted(hall: Hall) -> None:
    no = joint(hall, "all", f"users:{REVIEWER.id},{BOTH.id},{REVIEWER_2.id}")
    row = rows(hall, no)[REVIEWER.id].id
    deputy = standing_in(SECONDER_2, REVIEWER)
    engine.approve(hall.rt, deputy, row)
    vote = engine.view(hall.rt, REVIEWER, no).parts[1]
    assert (vote.person_name, vote.for_name) == ("陈复核", "王审核")
    say(hall, no, BOTH)
    say(hall, no, REVIEWER_2)
    for who in (deputy, SECONDER_2):
        with pytest.raises(errors.Forbidden, match="须由另一位人员办理"):
            hall.approve(no, who)
    assert hall.approve(no, SECONDER).status == "completed"


def test_a_voter_may_hand_the_vote_to_somebody_else_but_not_to_another_voter(hall: Hall) -> None:
    no = joint(hall, "all", f"users:{REVIEWER.id},{BOTH.id}")
    row = rows(hall, no)[REVIEWER.id].id
    with pytest.raises(errors.Refused, match="周同舟已在这一步的名单中"):
        engine.transfer(hall.rt, REVIEWER, row, to=BOTH.id, reason="出差")
    engine.transfer(hall.rt, REVIEWER, row, to=SECONDER_2.id, reason="出差")
    say(hall, no, SECONDER_2)
    assert say(hall, no, BOTH).label == "复核中"


def test_history_says_who_voted_what_and_which_vote_decided(hall: Hall) -> None:
    no = joint(hall, "all", f"users:{REVIEWER.id},{BOTH.id}")
    say(hall, no, REVIEWER)
    say(hall, no, BOTH)
    with hall.sessions() as session:
        details = [row.detail for row in session.query(History).order_by(History.seq)]
    assert details[1] == {"part": "vote", "decision": "approve"}
    assert details[2] == {"part": "vote", "decision": "approve", "result": "approve", "votes": 2}


# ── at the same moment ─────────────────────────────────────────────────────────────────────────


def vote(who: Actor, task: int, verb: str = "approve") -> Callable[[Runtime], Any]:
    decide = getattr(engine, verb)
    return lambda rt: decide(rt, who, task, opinion="表决")


@pytest.mark.parametrize("sign", ["any", "all", "ratio:0.3"])
def test_voters_deciding_at_once_move_the_request_once(hall: Hall, sign: str) -> None:
    no = joint(hall, sign)
    deeds = [
        vote(who, rows(hall, no)[who.id].id) for who in (REVIEWER, REVIEWER_2, BOTH) for _ in "12"
    ]
    results = hall.together(*deeds)
    won = [each for each in results if isinstance(each, engine.Outcome)]
    assert len(won) == (3 if sign == "all" else 1), results
    assert all(isinstance(each, errors.Conflict) for each in results if each not in won), results
    assert hall.where(no) == ["last"]
    assert hall.verbs(no) == ["start"] + ["vote"] * len(won)


def test_a_vote_and_its_removal_at_once_leave_one_truth(hall: Hall) -> None:
    no = joint(hall, "all", f"users:{REVIEWER.id},{BOTH.id}")
    say(hall, no, REVIEWER)
    row = rows(hall, no)[BOTH.id].id
    results = hall.together(
        vote(BOTH, row, "refuse"), lambda rt: engine.drop_sign(rt, KEEPER, row, reason="休假")
    )
    assert sum(isinstance(each, engine.Outcome) for each in results) == 1, results
    voted = isinstance(results[0], engine.Outcome)
    assert hall.case(no).status == ("refused" if voted else "running")
    assert len(hall.verbs(no)) == 3
