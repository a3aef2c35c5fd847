"""委派: a reviewer asks one person; the step waits, and comes back with the answer."""

from __future__ import annotations

from typing import Any

import pytest

import engine
from engine import Actor, errors
from engine.diagrams.tallying import ROWS_MAX
from engine.models import Task
from tests.builders import diagrams
from tests.engine.hall import (
    APPLICANT,
    COLLEAGUE,
    FAR,
    FAR_KEEPER,
    KEEPER,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    SECONDER_2,
    Hall,
    person,
    standing_in,
)


@pytest.fixture
def no(hall: Hall) -> str:
    """A request just filed, at the first review."""
    return hall.file()


def ask(hall: Hall, no: str, who: Actor = REVIEWER, to: Actor = FAR, **said: Any) -> int:
    """Ask, and the id of the row the asked person got."""
    said = {"question": "这家单位归你们吗？"} | said
    engine.ask(hall.rt, who, hall.task(no), to=to.id, **said)
    return hall.task(no)


def row(hall: Hall, task_id: int) -> Task:
    with hall.sessions() as session:
        found = session.get(Task, task_id)
        assert found is not None
        return found


def test_a_question_is_answered_and_the_step_comes_back_to_the_asker(hall: Hall, no: str) -> None:
    step = hall.task(no)
    asked = ask(hall, no)
    assert (row(hall, step).status, row(hall, asked).assignee) == ("held", FAR.id)
    view = engine.view(hall.rt, FAR, no)
    assert view.task is not None
    assert view.task.id == asked
    assert {"answer", "ask"} <= view.verbs
    assert not view.verbs & {"approve", "refuse", "return", "claim", "release", "add_sign"}
    engine.answer(hall.rt, FAR, asked, opinion="不归我们")
    assert (row(hall, step).status, row(hall, step).assignee) == ("open", REVIEWER.id)
    assert hall.approve(no, REVIEWER).label == "复核中"
    assert hall.verbs(no) == ["start", "ask", "answer", "approve"]


def test_the_tree_shows_what_was_asked_and_what_was_answered(hall: Hall, no: str) -> None:
    asked = ask(hall, no)
    engine.answer(hall.rt, FAR, asked, opinion="不归我们")
    step, part = engine.view(hall.rt, REVIEWER, no).parts
    assert (step.part, part.parent_id, part.part_name) == ("step", step.id, "委派")
    assert (part.person_name, part.note, part.opinion) == (
        "吴审核",
        "这家单位归你们吗？",
        "不归我们",
    )
    assert (part.decision, part.status, part.at) == ("answer", "done", hall.clock())


def test_a_request_without_a_question_has_no_tree(hall: Hall, no: str) -> None:
    assert engine.view(hall.rt, REVIEWER, no).parts == []


def test_while_a_question_is_open_nobody_decides_the_step(hall: Hall, no: str) -> None:
    step = hall.task(no)
    ask(hall, no)
    for who in (REVIEWER, REVIEWER_2):
        for verb in (engine.approve, engine.claim):
            with pytest.raises(errors.Conflict, match="正在等待其他人的意见"):
                verb(hall.rt, who, step)
    with pytest.raises(errors.Conflict, match="正在等待其他人的意见"):
        engine.ask(hall.rt, REVIEWER, step, to=SECONDER.id, question="您看呢？")
    assert hall.verbs(no) == ["start", "ask"]


def test_who_was_asked_may_still_decide_a_later_step(hall: Hall, no: str) -> None:
    engine.answer(hall.rt, SECONDER, ask(hall, no, to=SECONDER), opinion="可以")
    hall.approve(no, REVIEWER)
    assert hall.approve(no, SECONDER).status == "completed"


def test_who_decided_before_may_be_asked_later(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    engine.answer(hall.rt, REVIEWER, ask(hall, no, SECONDER, REVIEWER), opinion="当时看过原件")
    assert hall.approve(no, SECONDER).status == "completed"


def test_the_asker_calls_the_question_back(hall: Hall, no: str) -> None:
    step = hall.task(no)
    asked = ask(hall, no)
    assert engine.view(hall.rt, REVIEWER, no).droppable == {asked}
    assert engine.view(hall.rt, REVIEWER_2, no).droppable == set()
    engine.drop_sign(hall.rt, REVIEWER, asked, reason="不必问了")
    assert hall.task(no) == step
    with pytest.raises(errors.Conflict, match="已经关闭"):
        engine.answer(hall.rt, FAR, asked, opinion="不归我们")
    assert hall.verbs(no) == ["start", "ask", "drop_sign"]


def test_an_admin_of_the_branch_calls_a_question_back_and_nobody_else(hall: Hall, no: str) -> None:
    asked = ask(hall, no)
    for who in (REVIEWER_2, FAR, SECONDER):
        with pytest.raises(errors.Forbidden, match="请由其本人或流程管理员减签"):
            engine.drop_sign(hall.rt, who, asked, reason="不必问了")
    with pytest.raises(errors.NotFound):
        engine.drop_sign(hall.rt, FAR_KEEPER, asked, reason="不必问了")
    with pytest.raises(errors.ReasonMissing, match="减签时必须填写原因"):
        engine.drop_sign(hall.rt, KEEPER, asked, reason="  ")
    engine.drop_sign(hall.rt, KEEPER, asked, reason="吴审核休假")
    hall.approve(no, REVIEWER)


def test_the_step_itself_cannot_be_dropped(hall: Hall, no: str) -> None:
    with pytest.raises(errors.Forbidden, match="不是加签或委派"):
        engine.drop_sign(hall.rt, KEEPER, hall.task(no), reason="删掉")


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        (APPLICANT.id, "杨秀兰是这件业务的申请人"),
        (REVIEWER.id, "不能选择自己"),
        ("staff:404", "没有找到这位人员"),
        ("", "没有找到这位人员"),
    ],
)
def test_who_cannot_be_asked(hall: Hall, no: str, to: str, sentence: str) -> None:
    before = hall.picture()
    with pytest.raises(errors.Refused, match=sentence):
        engine.ask(hall.rt, REVIEWER, hall.task(no), to=to, question="您看呢？")
    assert hall.picture() == before


def test_a_question_needs_words_and_so_does_the_answer(hall: Hall, no: str) -> None:
    with pytest.raises(errors.ReasonMissing, match="必须写明要征询的问题"):
        ask(hall, no, question=" \n ")
    asked = ask(hall, no)
    with pytest.raises(errors.ReasonMissing, match="回复委派时必须填写意见"):
        engine.answer(hall.rt, FAR, asked, opinion="")
    with pytest.raises(errors.Refused, match="不能超过 500 字"):
        engine.answer(hall.rt, FAR, asked, opinion="长" * 501)


@pytest.mark.parametrize("who", [SECONDER, APPLICANT, COLLEAGUE])
def test_only_who_could_decide_may_ask(hall: Hall, no: str, who: Actor) -> None:
    with pytest.raises(errors.Forbidden):
        ask(hall, no, who, FAR)
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    with pytest.raises(errors.Conflict, match="王审核已领取"):
        ask(hall, no, REVIEWER_2, FAR)


def test_only_the_asked_person_answers_and_cannot_put_it_into_a_pool(hall: Hall, no: str) -> None:
    asked = ask(hall, no)
    for who in (REVIEWER, REVIEWER_2, KEEPER):
        with pytest.raises(errors.Forbidden, match="由指定的人员办理"):
            engine.answer(hall.rt, who, asked, opinion="可以")
    with pytest.raises(errors.Forbidden, match="需要由他人办理请转办"):
        engine.release(hall.rt, FAR, asked)
    for decide in (engine.approve, engine.refuse):
        with pytest.raises(errors.Forbidden, match="请填写意见后回复"):
            decide(hall.rt, FAR, asked, opinion="同意")
    hall_step = row(hall, asked).parent_id
    assert hall_step is not None
    engine.answer(hall.rt, FAR, asked, opinion="可以")
    with pytest.raises(errors.Forbidden, match="不是委派给您的征询"):
        engine.answer(hall.rt, REVIEWER, hall_step, opinion="可以")


def test_who_is_asked_may_ask_once_more_and_no_deeper(hall: Hall, no: str) -> None:
    step = hall.task(no)
    first = ask(hall, no)
    second = ask(hall, no, FAR, SECONDER)
    with pytest.raises(errors.Forbidden, match="已经委派过两层"):
        ask(hall, no, SECONDER, SECONDER_2)
    with pytest.raises(errors.Conflict, match="正在等待其他人的意见"):
        engine.answer(hall.rt, FAR, first, opinion="不等了")
    engine.answer(hall.rt, SECONDER, second, opinion="是他们的")
    engine.answer(hall.rt, FAR, first, opinion="李复核说是我们的")
    assert hall.task(no) == step
    assert hall.verbs(no) == ["start", "ask", "ask", "answer", "answer"]


def test_nobody_is_asked_twice_at_once(hall: Hall, no: str) -> None:
    ask(hall, no)
    with pytest.raises(errors.Refused, match="不能选择自己"):
        ask(hall, no, FAR, FAR)
    ask(hall, no, FAR, SECONDER)
    assert len(hall.tasks(no)) == 1


def test_calling_a_question_back_takes_the_questions_below_it_along(hall: Hall, no: str) -> None:
    step, first = hall.task(no), ask(hall, no)
    second = ask(hall, no, FAR, SECONDER)
    engine.drop_sign(hall.rt, REVIEWER, first, reason="不必问了")
    assert (row(hall, first).status, row(hall, second).status) == ("cancelled", "cancelled")
    assert hall.task(no) == step


@pytest.mark.parametrize("deed", ["withdraw", "timer"])
def test_a_question_ends_with_the_step_it_belongs_to(empty_hall: Hall, deed: str) -> None:
    hall = empty_hall
    late = diagrams.timer("late", "review", interrupting=True, timeDuration='"PT1H"')
    ends = diagrams.end("end_late") + diagrams.flows("late", "end_late")
    hall.deploy(diagrams.one_review(between=late + ends, withdraw="until_decided"), "one_review")
    no = hall.file(key="one_review")
    asked = ask(hall, no)
    if deed == "withdraw":
        engine.withdraw(hall.rt, APPLICANT, no)
    else:
        hall.clock.advance(hours=2)
        assert engine.timers.fire(hall.rt, hall.case(no).id)
    assert hall.tasks(no) == []
    assert row(hall, asked).status == "cancelled"
    with pytest.raises(errors.HallError, match="。$"):
        engine.answer(hall.rt, FAR, asked, opinion="可以")


def test_an_answer_and_a_recall_at_once_leave_one_truth(hall: Hall, no: str) -> None:
    step, asked = hall.task(no), ask(hall, no)
    results = hall.together(
        lambda rt: engine.answer(rt, FAR, asked, opinion="可以"),
        lambda rt: engine.drop_sign(rt, REVIEWER, asked, reason="不必问了"),
        lambda rt: engine.answer(rt, FAR, asked, opinion="可以"),
    )
    won = [each for each in results if isinstance(each, engine.Outcome)]
    assert len(won) == 1, results
    assert all(isinstance(each, errors.Conflict) for each in results if each not in won), results
    assert hall.task(no) == step
    assert len(hall.verbs(no)) == 3


def test_two_reviewers_asking_at_once_ask_once(hall: Hall, no: str) -> None:
    task = hall.task(no)
    results = hall.together(
        lambda rt: engine.ask(rt, REVIEWER, task, to=FAR.id, question="您看呢？"),
        lambda rt: engine.ask(rt, REVIEWER_2, task, to=SECONDER.id, question="您看呢？"),
    )
    assert sorted(isinstance(each, engine.Outcome) for each in results) == [False, True]
    assert len(hall.tasks(no)) == 1


def test_a_colleague_without_any_post_sees_the_request_once_asked(hall: Hall, no: str) -> None:
    lawyer = person("staff:50", "顾律师")
    hall.rt.directory.move_in(lawyer)  # type: ignore[attr-defined]
    with pytest.raises(errors.NotFound):
        engine.view(hall.rt, lawyer, no)
    asked = ask(hall, no, to=lawyer)
    engine.answer(hall.rt, lawyer, asked, opinion="合法")
    assert engine.view(hall.rt, lawyer, no).task is None


def test_a_substitute_asks_in_the_principals_name_and_the_answer_comes_to_both(
    hall: Hall, no: str
) -> None:
    step, deputy = hall.task(no), standing_in(SECONDER, REVIEWER)
    engine.claim(hall.rt, REVIEWER, step)
    asked = ask(hall, no, deputy, FAR)
    assert (row(hall, step).assignee, row(hall, asked).asked_by) == (REVIEWER.id, REVIEWER.id)
    assert engine.view(hall.rt, REVIEWER, no).droppable == {asked}
    engine.answer(hall.rt, FAR, asked, opinion="可以")
    assert hall.messages(REVIEWER) == ["吴审核回复了您的委派：测试业务"]
    assert hall.approve(no, deputy).label == "复核中"


def test_who_is_asked_is_told_so(hall: Hall, no: str) -> None:
    ask(hall, no)
    assert hall.messages(FAR) == ["王审核委派您提供意见：测试业务"]


def test_a_step_waits_for_so_many_people_at_most(hall: Hall, no: str) -> None:
    many = [person(f"staff:1{n:02}", f"同事{n}") for n in range(ROWS_MAX + 1)]
    hall.rt.directory.move_in(*many)  # type: ignore[attr-defined]
    ids = [each.id for each in many]
    with pytest.raises(errors.Refused, match="最多同时等待 20 人"):
        engine.add_sign(hall.rt, REVIEWER, hall.task(no), people=ids, when="before")
    engine.add_sign(hall.rt, REVIEWER, hall.task(no), people=ids[:-1], when="before")
    first = hall.tasks(no)[0].id
    with pytest.raises(errors.Forbidden, match="最多同时等待 20 人"):
        engine.ask(hall.rt, many[0], first, to=ids[-1], question="您看呢？")
