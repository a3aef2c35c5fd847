"""What nobody gains by putting verbs together that are harmless one by one."""

from __future__ import annotations

from typing import Any

import pytest

import engine
from engine import audit, errors
from engine.boxes import incident_desk as desk
from engine.database import transaction
from engine.models import Seal
from engine.requests import cases, incidents
from engine.requests.advancing import NOWHERE, Halt
from engine.verbs import holdings, repairing
from tests.builders import diagrams as d
from tests.engine.hall import (
    BOTH,
    FAR,
    FAR_KEEPER,
    KEEPER,
    KEEPER_2,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    STRANGER,
    Hall,
    person,
    standing_in,
)
from tests.engine.stuck import mend, stuck, the_one
from tests.engine.team import add, rows, say


@pytest.fixture
def no(hall: Hall) -> str:
    return hall.file()


# ── drawing people in ──────────────────────────────────────────────────────────────────────────


def test_nobody_of_another_unit_is_shown_a_request_by_being_asked(hall: Hall, no: str) -> None:
    task = hall.task(no)
    with pytest.raises(errors.Refused, match="吴外人不是中心工作人员，也不属于申请单位"):
        engine.ask(hall.rt, REVIEWER, task, to=STRANGER.id, question="您认识这家单位吗？")
    with pytest.raises(errors.Refused, match="不是中心工作人员"):
        add(hall, no, STRANGER)
    with pytest.raises(errors.NotFound):
        engine.view(hall.rt, STRANGER, no)


# ── substitutes and four eyes ──────────────────────────────────────────────────────────────────


def approved_by_deputy(hall: Hall, no: str) -> None:
    """REVIEWER has asked SECONDER to sign after; BOTH approves in REVIEWER's name."""
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    add(hall, no, SECONDER, when="after")
    hall.approve(no, standing_in(BOTH, REVIEWER))


def test_whose_step_it_was_does_not_sign_after_it_in_another_name(hall: Hall, no: str) -> None:
    approved_by_deputy(hall, no)
    (task,) = hall.tasks(no)
    for who in (standing_in(REVIEWER, SECONDER), standing_in(BOTH, SECONDER)):
        assert engine.inbox.todo(hall.rt, who).rows == []
        with pytest.raises(errors.Forbidden):
            engine.approve(hall.rt, who, task.id)
    engine.approve(hall.rt, SECONDER, task.id)
    assert hall.verbs(no)[-2:] == ["approve", "approve"]


def test_a_step_approved_by_a_substitute_stays_the_principals(hall: Hall, no: str) -> None:
    approved_by_deputy(hall, no)
    engine.take_back(hall.rt, REVIEWER, no)
    (task,) = hall.tasks(no)
    assert task.assignee == REVIEWER.id


# ── taking back ────────────────────────────────────────────────────────────────────────────────


def test_a_decision_that_waits_for_signatures_is_a_decision(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    add(hall, no, REVIEWER_2, when="after", by=SECONDER)
    assert "take_back" in engine.view(hall.rt, REVIEWER, no).verbs
    hall.approve(no, SECONDER)
    assert "take_back" not in engine.view(hall.rt, REVIEWER, no).verbs
    with pytest.raises(errors.Conflict, match="“复核”已由李复核办理"):
        engine.take_back(hall.rt, REVIEWER, no)


def test_what_was_returned_straight_is_no_longer_undecided(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    hall.send_back(no, SECONDER, straight=True)
    assert "take_back" not in engine.view(hall.rt, REVIEWER, no).verbs
    with pytest.raises(errors.Conflict, match="“复核”已由李复核办理"):
        engine.take_back(hall.rt, REVIEWER, no)
    hall.resubmit(no)
    assert hall.where(no) == ["review2"]


def test_a_return_beside_which_somebody_has_voted_stands(empty_hall: Hall) -> None:
    """Undoing it would forget who has voted."""
    hall = empty_hall
    voters = f"users:{BOTH.id},{FAR.id}"
    hall.deploy(d.two_branches(right={"sign": "all", "signers": voters}), "branches")
    no = hall.file(key="branches")

    def at(node: str) -> int:
        return next(task.id for task in hall.tasks(no) if task.node == node)

    engine.approve(hall.rt, REVIEWER, at("left1"))
    engine.return_to(hall.rt, SECONDER, at("left2"), node="left1", opinion="再看一次")
    say(hall, no, BOTH)
    with pytest.raises(errors.Conflict):
        engine.take_back(hall.rt, SECONDER, no)
    assert rows(hall, no).keys() == {REVIEWER.id, FAR.id}


# ── two admins ─────────────────────────────────────────────────────────────────────────────────


def test_a_repair_proposed_in_ones_name_is_confirmed_by_a_third_person(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(d.two_reviews(money="true"))
    stuck(hall)
    row = the_one(hall)
    deputy = standing_in(person("staff:94", "文代管"), KEEPER)
    repairing.skip(hall.rt, deputy, row.id, reason="银行已到账")
    repair = desk.detail(hall.rt, KEEPER, row.id).pending
    assert repair is not None
    for who in (KEEPER, deputy):
        with pytest.raises(errors.Forbidden, match="不能确认自己提出的"):
            repairing.confirm(hall.rt, who, repair.id)
    assert repairing.confirm(hall.rt, KEEPER_2, repair.id).status == "completed"


def test_a_retry_that_was_refused_does_not_reopen_what_another_admin_has_mended(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck(hall)
    mend(hall)
    row = the_one(hall)
    hall.desk.failing = {"apply"}

    def late(session: Any) -> Any:
        """Between the refusal and its record another admin is lucky."""
        monkeypatch.setattr(repairing, "transaction", transaction)
        hall.desk.failing.clear()
        with hall.sessions() as other:
            repairing.retry(hall.runtime(other), KEEPER_2, row.id)
        return transaction(session)

    monkeypatch.setattr(repairing, "transaction", late)
    with pytest.raises(errors.OperationFailed):
        repairing.retry(hall.rt, KEEPER, row.id)
    assert desk.count(hall.rt, KEEPER_2) == 0


def test_what_has_failed_in_two_ways_is_gone_with_the_next_verb_that_works(
    hall: Hall, no: str
) -> None:
    for cause in ("Endless", "KeyError"):
        with transaction(hall.rt.session):
            case = cases.load(hall.rt, no=no)
            halt = Halt("apply", NOWHERE, "apply", "变更生效", cause, "失败", "")
            incidents.record_loose(hall.rt, case, halt)
    assert desk.count(hall.rt, KEEPER) == 2
    hall.approve(no, REVIEWER)
    assert desk.count(hall.rt, KEEPER) == 0
    assert hall.case(no).incidents == 0


def test_a_handover_shows_an_admin_no_other_branch(hall: Hall, no: str) -> None:
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    assert [each.no for each in holdings.of(hall.rt, KEEPER, REVIEWER.id)] == [no]
    assert [each.no for each in holdings.of(hall.rt, KEEPER_2, REVIEWER.id)] == [no]
    assert holdings.of(hall.rt, FAR_KEEPER, REVIEWER.id) == []


# ── at the same moment ─────────────────────────────────────────────────────────────────────────


def test_two_lids_at_once_are_one(hall: Hall, no: str) -> None:
    for _ in range(3):
        engine.comment(hall.rt, REVIEWER, no, text="还差一份材料")
        hall.clock.advance(hours=1)
        made = hall.together(*[audit.seal] * 4)
        assert sum(isinstance(each, Seal) for each in made) == 1, made
        assert audit.verify(hall.rt).clean
