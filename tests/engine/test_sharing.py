"""抄送, 催办, 留言: people hear of a request, and nothing moves."""

from __future__ import annotations

from typing import Any

import pytest

import engine
from engine import Actor, Outcome, Runtime, errors
from engine.verbs import sharing
from tests.builders import diagrams as d
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    COLLEAGUE,
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
)


@pytest.fixture
def no(hall: Hall) -> str:
    return hall.file()


def copy(hall: Hall, no: str, *to: Actor, who: Actor = REVIEWER, note: str = "") -> Outcome:
    return engine.copy(hall.rt, who, no, to=[each.id for each in to], note=note)


# ── 抄送 ───────────────────────────────────────────────────────────────────────────────────────


def test_who_gets_a_copy_sees_the_request_and_is_told(hall: Hall, no: str) -> None:
    with pytest.raises(errors.NotFound):
        engine.view(hall.rt, FAR, no)
    copy(hall, no, FAR, SECONDER, note="请知悉")
    assert hall.messages(FAR) == hall.messages(SECONDER) == ["王审核向您抄送了“测试业务”"]
    view = engine.view(hall.rt, FAR, no)
    assert not view.verbs & {"approve", "refuse", "return", "claim", "copy", "transfer"}
    (row,) = engine.inbox.messages(hall.rt, FAR).rows
    assert (row.no, row.body, row.channel) == (no, "请知悉", "抄送")


def test_a_copy_shows_since_when_it_was_read(hall: Hall, no: str) -> None:
    copy(hall, no, FAR, SECONDER, note="请知悉")
    hall.clock.advance(hours=1)
    read = hall.clock()
    engine.mark_read(hall.rt, FAR, no)
    hall.clock.advance(hours=1)
    engine.mark_read(hall.rt, FAR, no)
    rows = engine.copies_of(hall.rt, hall.case(no).id)
    told = [(row.recipient_name, row.by_name, row.note, row.read_at) for row in rows]
    assert told == [
        ("吴审核", "王审核", "请知悉", read),
        ("李复核", "王审核", "请知悉", None),
    ]


@pytest.mark.parametrize("number", ["", "QDN-404", "QDN\x00"])
def test_reading_without_a_copy_leaves_nothing_behind(hall: Hall, no: str, number: str) -> None:
    before = hall.picture()
    engine.mark_read(hall.rt, REVIEWER, no)
    engine.mark_read(hall.rt, REVIEWER, number)
    assert hall.picture() == before


def test_a_second_copy_goes_only_to_who_has_none(hall: Hall, no: str) -> None:
    copy(hall, no, SECONDER)
    copy(hall, no, SECONDER, FAR, FAR, who=REVIEWER_2)
    assert len(engine.copies_of(hall.rt, hall.case(no).id)) == 2
    with pytest.raises(errors.Refused, match="都已收到抄送"):
        copy(hall, no, SECONDER, FAR)


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ([], "请选择抄送给谁"),
        (["staff:404"], "没有找到这位人员"),
        (["staff:3", ""], "没有找到这位人员"),
        ([REVIEWER.id], "不需要抄送给自己"),
        ([STRANGER.id], "吴外人不是中心工作人员，也不属于申请单位"),
        ([f"staff:{number}" for number in range(21)], "一次最多抄送 20 人"),
    ],
)
def test_a_copy_needs_people_who_may_have_one(
    hall: Hall, no: str, to: list[str], sentence: str
) -> None:
    before = hall.picture()
    with pytest.raises(errors.Refused, match=sentence):
        engine.copy(hall.rt, REVIEWER, no, to=to)
    assert hall.picture() == before


def test_a_note_has_at_most_500_characters(hall: Hall, no: str) -> None:
    with pytest.raises(errors.Refused, match="抄送说明不能超过 500 字"):
        copy(hall, no, SECONDER, note="请" * 501)


def test_a_request_has_no_more_copies_than_its_page_lists(
    hall: Hall, no: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "COPIES_MAX", 1)
    with pytest.raises(errors.Refused, match="最多抄送 1 人"):
        copy(hall, no, SECONDER, FAR)


def test_copies_are_given_by_the_centre_alone(hall: Hall, no: str) -> None:
    copy(hall, no, FAR)
    for who in (APPLICANT, FAR):
        with pytest.raises(errors.Forbidden, match="只有办理这件业务的中心人员"):
            copy(hall, no, SECONDER, who=who)
    for who in (STRANGER, FAR_KEEPER):
        with pytest.raises(errors.NotFound):
            copy(hall, no, SECONDER, who=who)


def test_an_ended_request_can_still_be_copied(hall: Hall, no: str) -> None:
    hall.approve(no, REVIEWER)
    hall.approve(no, SECONDER)
    copy(hall, no, FAR)
    assert hall.verbs(no) == ["start", "approve", "approve", "copy"]
    assert engine.view(hall.rt, FAR, no).status == "completed"


def test_two_people_copying_at_once_give_one_copy(hall: Hall, no: str) -> None:
    def by(who: Actor) -> Any:
        return lambda rt: engine.copy(rt, who, no, to=[FAR.id])

    results = hall.together(by(REVIEWER), by(REVIEWER_2))
    assert sorted(type(each).__name__ for each in results) == ["Outcome", "Refused"]
    assert len(engine.copies_of(hall.rt, hall.case(no).id)) == 1


# ── 催办 ───────────────────────────────────────────────────────────────────────────────────────


def test_urging_reminds_everybody_who_could_take_the_step(hall: Hall, no: str) -> None:
    engine.urge(hall.rt, APPLICANT, no, note="请尽快")
    assert hall.messages(REVIEWER) == hall.messages(REVIEWER_2) == ["申请人催办“测试业务”"]
    assert hall.messages(SECONDER) == hall.messages(FAR) == []


def test_urging_reminds_the_one_who_holds_the_step(hall: Hall, no: str) -> None:
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    engine.urge(hall.rt, COLLEAGUE, no)
    assert (hall.messages(REVIEWER), hall.messages(REVIEWER_2)) == (["申请人催办“测试业务”"], [])


def test_urging_leaves_out_who_may_not_decide(hall: Hall, no: str) -> None:
    hall.approve(no, BOTH)
    engine.urge(hall.rt, APPLICANT, no)
    assert hall.messages(SECONDER) == ["申请人催办“测试业务”"]
    assert hall.messages(BOTH) == []


def test_urging_a_step_nobody_can_take_reaches_the_admins(hall: Hall) -> None:
    hall.rt.directory.people.pop("staff:12")  # type: ignore[attr-defined]
    no = hall.file(branch="QDN07")
    engine.urge(hall.rt, APPLICANT, no)
    assert "申请人催办“测试业务”" in hall.messages(KEEPER_2)
    assert hall.messages(KEEPER) == []


def test_a_request_is_urged_twice_a_day_at_most(hall: Hall, no: str) -> None:
    engine.urge(hall.rt, APPLICANT, no)
    engine.urge(hall.rt, COLLEAGUE, no)
    assert "urge" not in engine.view(hall.rt, APPLICANT, no).verbs
    before = hall.picture()
    with pytest.raises(errors.Refused, match="今天已催办 2 次，请明天再催"):
        engine.urge(hall.rt, APPLICANT, no)
    assert hall.picture() == before
    hall.clock.advance(hours=14.6)  # past midnight in China, not yet in Greenwich
    engine.urge(hall.rt, APPLICANT, no)


@pytest.mark.parametrize(
    ("most", "sentence"), [("1", "今天已催办 1 次"), ("0", "这项业务不提供催办")]
)
def test_the_diagram_says_how_often_a_request_may_be_urged(
    hall: Hall, most: str, sentence: str
) -> None:
    hall.deploy(d.two_reviews(urge_per_day=most))
    no = hall.file()
    if most == "1":
        engine.urge(hall.rt, APPLICANT, no)
    with pytest.raises(errors.Refused, match=sentence):
        engine.urge(hall.rt, APPLICANT, no)


def test_only_the_applicants_side_urges_and_only_what_the_centre_has(hall: Hall, no: str) -> None:
    for who in (REVIEWER, KEEPER):
        with pytest.raises(errors.Forbidden, match="只有申请单位可以催办"):
            engine.urge(hall.rt, who, no)
    with pytest.raises(errors.NotFound):
        engine.urge(hall.rt, STRANGER, no)
    hall.send_back(no, REVIEWER)
    with pytest.raises(errors.Forbidden, match="已退回给您"):
        engine.urge(hall.rt, APPLICANT, no)
    engine.end(hall.rt, APPLICANT, no)
    with pytest.raises(errors.Conflict, match="已结束"):
        engine.urge(hall.rt, APPLICANT, no)


def test_urging_at_once_counts_every_time(hall: Hall, no: str) -> None:
    def urge(rt: Runtime) -> Outcome:
        return engine.urge(rt, APPLICANT, no)

    results = hall.together(*[urge] * 4)
    assert sorted(type(each).__name__ for each in results) == ["Outcome"] * 2 + ["Refused"] * 2
    assert hall.verbs(no) == ["start", "urge", "urge"]


def test_urging_does_not_make_the_reviewers_page_stale(hall: Hall, no: str) -> None:
    seen = engine.view(hall.rt, REVIEWER, no).revision
    engine.urge(hall.rt, APPLICANT, no)
    hall.approve(no, REVIEWER, seen=seen)
    assert hall.where(no) == ["review2"]


# ── 留言 ───────────────────────────────────────────────────────────────────────────────────────


def test_everybody_who_sees_a_request_may_say_something(hall: Hall, no: str) -> None:
    copy(hall, no, FAR)
    for who in (APPLICANT, REVIEWER, FAR):
        engine.comment(hall.rt, who, no, text=f"{who.name}说明")
    said = [entry.opinion for entry in engine.view(hall.rt, COLLEAGUE, no).history[:3]]
    assert said == ["吴审核说明", "王审核说明", "杨秀兰说明"]
    with pytest.raises(errors.NotFound):
        engine.comment(hall.rt, STRANGER, no, text="你好")


def test_a_comment_says_something_in_500_characters(hall: Hall, no: str) -> None:
    for text in ("", "  ", "\x00"):
        with pytest.raises(errors.ReasonMissing, match="请填写留言内容"):
            engine.comment(hall.rt, APPLICANT, no, text=text)
    with pytest.raises(errors.Refused, match="留言不能超过 500 字"):
        engine.comment(hall.rt, APPLICANT, no, text="话" * 501)


def test_nobody_drowns_the_record(hall: Hall, no: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "COMMENTS_PER_DAY_MAX", 1)
    engine.comment(hall.rt, APPLICANT, no, text="一")
    engine.comment(hall.rt, COLLEAGUE, no, text="二")
    with pytest.raises(errors.Refused, match="已留言 1 条，请明天再留言"):
        engine.comment(hall.rt, APPLICANT, no, text="三")


def test_an_asked_person_of_another_branch_may_copy_while_the_question_is_open(
    hall: Hall, no: str
) -> None:
    adviser = person("staff:77", "欧外聘", (d.FIRST, "branch:QDN05"))
    hall.rt.directory.move_in(adviser)  # type: ignore[attr-defined]
    engine.ask(hall.rt, REVIEWER, hall.task(no), to=adviser.id, question="可以吗")
    copy(hall, no, SECONDER, who=adviser)
