"""Who may do what: the same answer for the page, the inbox and the deed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

import engine
from engine import Actor, errors
from engine.models import Task
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    COLLEAGUE,
    EVERYWHERE,
    FAR,
    INSIDER,
    KEEPER,
    OTHER_UNIT,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    SECONDER_2,
    STRANGER,
    UNIT,
    Hall,
    person,
)


@pytest.fixture
def no(hall: Hall) -> str:
    """A request just filed, at the first review."""
    return hall.file()


def test_claiming_takes_a_request_out_of_the_pool_and_releasing_puts_it_back(
    hall: Hall, no: str
) -> None:
    task = hall.task(no)
    engine.claim(hall.rt, REVIEWER, task)
    with pytest.raises(errors.Conflict, match="王审核已领取"):
        engine.approve(hall.rt, REVIEWER_2, task)
    with pytest.raises(errors.Conflict, match="王审核已领取"):
        engine.claim(hall.rt, REVIEWER_2, task)
    engine.release(hall.rt, REVIEWER, task)
    engine.approve(hall.rt, REVIEWER_2, task)
    assert hall.verbs(no) == ["start", "claim", "release", "approve"]


def test_only_the_one_who_claimed_can_release(hall: Hall, no: str) -> None:
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    with pytest.raises(errors.Forbidden, match="不在您名下"):
        engine.release(hall.rt, REVIEWER_2, hall.task(no))
    assert hall.tasks(no)[0].assignee == REVIEWER.id


def test_deciding_without_claiming_claims(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    (row,) = engine.inbox.done(hall.rt, REVIEWER).rows
    assert (row.no, row.assignee_name, row.decision) == (no, "王审核", "approve")


@pytest.mark.parametrize("verb", [engine.withdraw, engine.end])
def test_a_reviewer_cannot_withdraw_or_end_for_the_applicant(
    hall: Hall, no: str, verb: Any
) -> None:
    with pytest.raises(errors.Forbidden, match="只有申请单位"):
        verb(hall.rt, REVIEWER, no)
    with pytest.raises(errors.NotFound):
        verb(hall.rt, STRANGER, no)


def test_nobody_reviews_what_they_filed(hall: Hall) -> None:
    no = hall.file(INSIDER)
    task = hall.task(no)
    for verb in (engine.claim, engine.approve):
        with pytest.raises(errors.Forbidden, match="不能办理自己发起的业务"):
            verb(hall.rt, INSIDER, task)
    assert engine.inbox.todo(hall.rt, INSIDER).rows == []
    hall.approve(no, REVIEWER)


def test_the_second_reviewer_is_another_person(hall: Hall, no: str) -> None:
    hall.approve(no, BOTH)
    with pytest.raises(errors.Forbidden, match="须由另一位人员办理"):
        hall.approve(no, BOTH)
    assert engine.inbox.todo(hall.rt, BOTH).rows == []
    hall.approve(no, SECONDER)


def test_who_returned_at_the_second_review_does_not_do_the_first(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    hall.send_back(no, BOTH, "review1")
    with pytest.raises(errors.Forbidden, match="须由另一位人员办理"):
        hall.approve(no, BOTH)


def test_the_inbox_offers_what_may_be_done_after_somebody_else_took_over_the_first_review(
    hall: Hall, no: str
) -> None:
    hall.approve(no, BOTH)
    hall.send_back(no, SECONDER, "review1")
    engine.release(hall.rt, BOTH, hall.task(no))
    hall.approve(no, REVIEWER)
    engine.release(hall.rt, SECONDER, hall.task(no))
    view = engine.view(hall.rt, BOTH, no)
    offered = any(row.no == no for row in engine.inbox.todo(hall.rt, BOTH).rows)
    assert offered == ("approve" in view.verbs)


@pytest.mark.parametrize("who", [STRANGER, FAR, person("staff:99", "无岗")])
def test_a_request_of_another_unit_or_branch_does_not_exist(
    hall: Hall, no: str, who: Actor
) -> None:
    task = hall.task(no)
    for verb in (engine.claim, engine.release, engine.approve):
        with pytest.raises(errors.NotFound, match="没有找到这件待办"):
            verb(hall.rt, who, task)
    with pytest.raises(errors.NotFound):
        engine.view(hall.rt, who, no)


@pytest.mark.parametrize("who", [SECONDER, APPLICANT])
def test_a_wrong_post_may_look_but_not_decide(hall: Hall, no: str, who: Actor) -> None:
    with pytest.raises(errors.Forbidden, match="由归集审核岗办理，您没有该岗位"):
        hall.approve(no, who)
    view = engine.view(hall.rt, who, no)
    assert not view.verbs & {"claim", "approve", "refuse", "return", "submit"}


def test_a_reviewer_of_all_branches_decides_everywhere(hall: Hall) -> None:
    no = hall.file(branch="QDN07")
    assert hall.approve(no, EVERYWHERE).label == "复核中"


def test_a_unit_files_only_for_itself(hall: Hall) -> None:
    for who, scope in ((APPLICANT, OTHER_UNIT), (STRANGER, UNIT), (REVIEWER, UNIT)):
        with pytest.raises(errors.Forbidden, match="只有单位经办人可以申请"):
            hall.file(who, scope=scope)
    with pytest.raises(errors.NotFound):
        hall.file(key="unknown_service")


@pytest.mark.parametrize("task", [-1, 0, 999_999, 2**31, 2**63, 2**70])
def test_a_step_that_never_existed_is_not_found(hall: Hall, task: int) -> None:
    with pytest.raises(errors.NotFound, match="没有找到这件待办"):
        engine.approve(hall.rt, REVIEWER, task)


@pytest.mark.parametrize("no", ["", "QDN-1", "QDN\x00", "'; drop table hall_task; --", "长" * 500])
def test_a_number_that_never_existed_is_not_found(hall: Hall, no: str) -> None:
    with pytest.raises(errors.NotFound):
        engine.view(hall.rt, REVIEWER, no)
    with pytest.raises(errors.NotFound):
        engine.withdraw(hall.rt, APPLICANT, no)


# ── the page and the deed: every verb, everybody, in every state ───────────────────────────────


def _at_first(hall: Hall, no: str) -> None:
    pass


def _claimed(hall: Hall, no: str) -> None:
    engine.claim(hall.rt, REVIEWER, hall.task(no))


def _at_second(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)


def _returned(hall: Hall, no: str) -> None:
    hall.send_back(no, REVIEWER)


def _correcting(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    hall.send_back(no, SECONDER, straight=True)


def _resubmitted(hall: Hall, no: str) -> None:
    hall.send_back(no, REVIEWER)
    hall.resubmit(no)


def _ended(hall: Hall, no: str) -> None:
    engine.terminate(hall.rt, KEEPER, no, reason="单位已注销")


STATES = (_at_first, _claimed, _at_second, _returned, _correcting, _resubmitted, _ended)
PEOPLE = (APPLICANT, REVIEWER, REVIEWER_2, SECONDER, BOTH, KEEPER, FAR)


def _rows(hall: Hall) -> list[Task]:
    with hall.sessions() as session:
        return list(session.scalars(select(Task).order_by(Task.id)))


def _step(hall: Hall, who: Actor, no: str) -> int:
    """The step this person's page is about; some step of the request when there is none."""
    view = engine.view(hall.rt, who, no)
    if view.task is not None:
        return view.task.id
    return next(row.id for row in _rows(hall) if row.kind == "review")


def _back(hall: Hall, who: Actor, no: str) -> Any:
    view = engine.view(hall.rt, who, no)
    node = view.targets[0].node if view.targets else "fill"
    return engine.return_to(hall.rt, who, _step(hall, who, no), node=node, opinion="缺章")


def _on(hall: Hall, who: Actor, no: str) -> Any:
    """To somebody with the post of the step who is not on the scene."""
    task = _step(hall, who, no)
    node = next(row.node for row in _rows(hall) if row.id == task)
    other = SECONDER_2 if node == "review2" else EVERYWHERE
    return engine.transfer(hall.rt, who, task, to=other.id, reason="休假")


DEEDS: dict[str, Callable[[Hall, Actor, str], Any]] = {
    "claim": lambda h, who, no: engine.claim(h.rt, who, _step(h, who, no)),
    "release": lambda h, who, no: engine.release(h.rt, who, _step(h, who, no)),
    "approve": lambda h, who, no: engine.approve(h.rt, who, _step(h, who, no)),
    "refuse": lambda h, who, no: engine.refuse(h.rt, who, _step(h, who, no), opinion="不符"),
    "return": _back,
    "submit": lambda h, who, no: engine.submit(
        h.rt, who, _step(h, who, no), data={}, summary="改好了"
    ),
    "transfer": _on,
    "ask": lambda h, who, no: engine.ask(
        h.rt, who, _step(h, who, no), to=EVERYWHERE.id, question="可以吗"
    ),
    "add_sign": lambda h, who, no: engine.add_sign(
        h.rt, who, _step(h, who, no), people=[EVERYWHERE.id], when="before"
    ),
    "withdraw": lambda h, who, no: engine.withdraw(h.rt, who, no),
    "end": lambda h, who, no: engine.end(h.rt, who, no),
    "terminate": lambda h, who, no: engine.terminate(h.rt, who, no, reason="单位已注销"),
    "take_back": lambda h, who, no: engine.take_back(h.rt, who, no),
    "copy": lambda h, who, no: engine.copy(h.rt, who, no, to=[COLLEAGUE.id]),
    "urge": lambda h, who, no: engine.urge(h.rt, who, no),
    "comment": lambda h, who, no: engine.comment(h.rt, who, no, text="已收到"),
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the rules ask no store
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_what_the_page_offers_is_what_can_be_done(hall: Hall, state: Any) -> None:
    """What is offered succeeds; what is not is refused in words and leaves nothing behind."""

    def fresh() -> str:
        no = hall.file()
        engine.copy(hall.rt, KEEPER, no, to=[FAR.id])
        state(hall, no)
        return no

    no = fresh()
    for who in PEOPLE:
        offered = engine.view(hall.rt, who, no).verbs
        before = hall.picture()
        for verb in DEEDS.keys() - offered:
            with pytest.raises(errors.HallError) as said:
                DEEDS[verb](hall, who, no)
            assert said.value.text.endswith("。"), verb
        assert hall.picture() == before
        for verb in sorted(DEEDS.keys() & offered):
            DEEDS[verb](hall, who, no)
            if hall.case(no).ended_at is None:
                engine.terminate(hall.rt, KEEPER, no, reason="下一件")
            no = fresh()
