"""代理: a substitute has the principal's hands for a while; to four eyes the two are one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import engine
from engine import Actor, Runtime, errors
from engine.verbs import substitutes
from tests.builders import diagrams as d
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    COLLEAGUE,
    FAR,
    FAR_KEEPER,
    INSIDER,
    KEEPER,
    KEEPER_2,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    SECONDER_2,
    STRANGER,
    Hall,
)


def order(hall: Hall, **more: Any) -> dict[str, Any]:
    """REVIEWER is away for five days from now; FAR, of another branch, stands in."""
    return {
        "principal": REVIEWER.id,
        "substitute": FAR.id,
        "starts_at": hall.clock(),
        "ends_at": hall.clock() + timedelta(days=5),
        "services": [],
        "reason": "出差",
    } | more


def appoint(hall: Hall, who: Actor = REVIEWER, **more: Any) -> int:
    return substitutes.appoint(hall.rt, who, **order(hall, **more))


def acting(hall: Hall, who: Actor = FAR) -> Actor:
    """As the page loads them: with what they stand in for at this moment."""
    return replace(who, mandates=substitutes.mandates_of(hall.rt, who.id))


@pytest.fixture
def no(hall: Hall) -> str:
    return hall.file()


# ── what a substitute may do ───────────────────────────────────────────────────────────────────


def test_a_substitute_does_what_already_lies_with_the_principal(hall: Hall, no: str) -> None:
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    appoint(hall)
    assert hall.messages(FAR) == ["您将代理王审核办理业务"]
    substitute = acting(hall)
    assert {"approve", "return", "release"} <= engine.view(hall.rt, substitute, no).verbs
    hall.approve(no, substitute, opinion="同意")
    entry = engine.view(hall.rt, REVIEWER, no).history[0]
    assert entry.actor_name == "吴审核"
    assert entry.detail["for"] == {"id": REVIEWER.id, "name": "王审核"}
    row = hall.picture()["hall_task"][1]
    assert (row.completed_by, row.completed_for_name) == (FAR.id, "王审核")


def test_what_a_substitute_claims_lies_with_the_principal(hall: Hall, no: str) -> None:
    appoint(hall)
    engine.claim(hall.rt, acting(hall), hall.task(no))
    assert hall.tasks(no)[0].assignee == REVIEWER.id
    hall.approve(no, REVIEWER)


def test_what_a_substitute_returned_comes_back_to_the_principal(hall: Hall, no: str) -> None:
    appoint(hall)
    hall.send_back(no, acting(hall))
    hall.resubmit(no)
    assert hall.tasks(no)[0].assignee == REVIEWER.id


def test_a_principal_takes_back_what_the_substitute_decided(hall: Hall, no: str) -> None:
    appoint(hall)
    hall.approve(no, acting(hall))
    engine.take_back(hall.rt, REVIEWER, no)
    assert hall.tasks(no)[0].assignee == REVIEWER.id
    hall.approve(no, acting(hall))
    engine.take_back(hall.rt, acting(hall), no)
    assert hall.where(no) == ["review1"]


def test_without_the_mandate_the_request_does_not_exist(hall: Hall, no: str) -> None:
    for who in (FAR, acting(hall)):
        with pytest.raises(errors.NotFound):
            hall.approve(no, who)


def test_a_mandate_ends_on_time_even_on_an_open_page(hall: Hall, no: str) -> None:
    appoint(hall)
    substitute = acting(hall)
    hall.clock.advance(days=5)
    for deed in (
        lambda: hall.approve(no, substitute),
        lambda: engine.view(hall.rt, substitute, no),
        lambda: engine.comment(hall.rt, substitute, no, text="看看"),
    ):
        with pytest.raises(errors.NotFound):
            deed()
    assert acting(hall).mandates == ()


def test_a_mandate_begins_on_time(hall: Hall) -> None:
    appoint(hall, starts_at=hall.clock() + timedelta(days=1))
    assert acting(hall).mandates == ()
    hall.clock.advance(days=1)
    assert len(acting(hall).mandates) == 1


def test_a_mandate_may_be_for_some_services_only(hall: Hall, no: str) -> None:
    hall.deploy(d.one_review(), "one_review")
    other = hall.file(key="one_review")
    appoint(hall, services=["one_review"])
    with pytest.raises(errors.NotFound):
        hall.approve(no, acting(hall))
    hall.approve(other, acting(hall))


# ── four eyes ──────────────────────────────────────────────────────────────────────────────────


def test_the_principal_may_not_do_the_second_step_after_the_substitute_did_the_first(
    hall: Hall, no: str
) -> None:
    appoint(hall, BOTH, principal=BOTH.id)
    hall.approve(no, acting(hall))
    with pytest.raises(errors.Forbidden, match="须由另一位人员办理"):
        hall.approve(no, BOTH)
    hall.approve(no, SECONDER)


def test_the_substitute_may_not_do_the_second_step_after_doing_the_first(
    hall: Hall, no: str
) -> None:
    appoint(hall, SECONDER, principal=SECONDER.id, substitute=REVIEWER.id)
    hall.approve(no, REVIEWER)
    with pytest.raises(errors.Forbidden):
        hall.approve(no, acting(hall, REVIEWER))
    hall.approve(no, SECONDER_2)


def test_a_substitute_does_not_review_what_either_filed(hall: Hall) -> None:
    appoint(hall, REVIEWER, substitute=INSIDER.id)
    own = hall.file(INSIDER)
    with pytest.raises(errors.Forbidden, match="自己发起"):
        hall.approve(own, acting(hall, INSIDER))
    engine.withdraw(hall.rt, INSIDER, own)
    appoint(hall, INSIDER, principal=INSIDER.id, substitute=REVIEWER_2.id)
    own = hall.file(INSIDER)
    engine.claim(hall.rt, REVIEWER, hall.task(own))
    with pytest.raises((errors.Forbidden, errors.Conflict)):
        hall.approve(own, acting(hall, REVIEWER_2))


def test_there_are_no_chains(hall: Hall, no: str) -> None:
    appoint(hall)
    appoint(hall, FAR, principal=FAR.id, substitute=KEEPER.id)
    (mandate,) = acting(hall, KEEPER).mandates
    assert (mandate.principal.id, mandate.principal.mandates) == (FAR.id, ())
    with pytest.raises(errors.Forbidden):
        hall.approve(no, acting(hall, KEEPER))


def test_somebody_who_has_left_has_no_substitute(hall: Hall, no: str) -> None:
    appoint(hall)
    hall.rt.directory.people.pop(REVIEWER.id)  # type: ignore[attr-defined]
    assert acting(hall).mandates == ()


def test_urging_reaches_the_substitute_too(hall: Hall, no: str) -> None:
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    appoint(hall)
    engine.urge(hall.rt, APPLICANT, no)
    assert "申请人催办“测试业务”" in hall.messages(FAR)
    assert "申请人催办“测试业务”" in hall.messages(REVIEWER)


# ── appointing ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"substitute": REVIEWER.id}, "不能由本人代理本人"),
        ({"substitute": "staff:404"}, "没有找到这位人员"),
        ({"substitute": APPLICANT.id}, "不在同一单位，不能代理"),
        ({"services": ["no_such"]}, "所选业务不存在"),
        ({"services": ["a\x00"]}, "所选业务不存在"),
        ({"services": [f"s{n}" for n in range(51)]}, "所选业务过多"),
        ({"starts_at": timedelta(days=6)}, "结束时间须晚于开始时间"),
        ({"starts_at": timedelta(days=-2), "ends_at": timedelta(days=-1)}, "结束时间已经过去"),
        ({"starts_at": timedelta(days=-1)}, "开始日期不能早于今天"),
        ({"ends_at": timedelta(days=367)}, "最长一年"),
        ({"starts_at": timedelta(days=400), "ends_at": timedelta(days=401)}, "一年内开始"),
    ],
)
def test_an_appointment_that_makes_no_sense_is_refused(
    hall: Hall, change: dict[str, Any], sentence: str
) -> None:
    now = hall.clock()
    change = {k: now + v if isinstance(v, timedelta) else v for k, v in change.items()}
    before = hall.picture()
    with pytest.raises(errors.Refused, match=sentence):
        appoint(hall, **change)
    assert hall.picture() == before


def test_an_appointment_needs_a_reason(hall: Hall) -> None:
    with pytest.raises(errors.ReasonMissing, match="设置代理时必须填写原因"):
        appoint(hall, reason=" ")


def test_an_appointment_may_begin_this_morning(hall: Hall) -> None:
    appoint(hall, starts_at=hall.clock() - timedelta(hours=9))
    assert len(acting(hall).mandates) == 1


def test_people_of_one_unit_stand_in_for_each_other(hall: Hall) -> None:
    appoint(hall, APPLICANT, principal=APPLICANT.id, substitute=COLLEAGUE.id)
    with pytest.raises(errors.Refused, match="不在同一单位"):
        appoint(hall, COLLEAGUE, principal=COLLEAGUE.id, substitute=STRANGER.id)


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [([], [], True), ([], ["two_reviews"], True), (["two_reviews"], ["one_review"], False)],
)
def test_a_principal_has_one_substitute_at_a_time_for_a_service(
    hall: Hall, first: list[str], second: list[str], clash: bool
) -> None:
    hall.deploy(d.one_review(), "one_review")
    appoint(hall, services=first)
    if clash:
        with pytest.raises(errors.Refused, match="吴审核已在 .* 代理王审核，时间有重叠"):
            appoint(hall, substitute=REVIEWER_2.id, services=second)
    else:
        appoint(hall, substitute=REVIEWER_2.id, services=second)
    after = hall.clock() + timedelta(days=5)
    appoint(hall, substitute=BOTH.id, starts_at=after, ends_at=after + timedelta(days=1))


def test_an_admin_appoints_for_the_people_of_the_branch(hall: Hall) -> None:
    appoint(hall, KEEPER)
    assert hall.messages(REVIEWER) == ["石管理已请吴审核代理您"]
    for who in (REVIEWER_2, FAR_KEEPER, APPLICANT):
        with pytest.raises(errors.Forbidden, match="只能为自己设置代理"):
            appoint(hall, who, principal=SECONDER.id)
    appoint(hall, KEEPER_2, principal=SECONDER.id)


def test_a_cancelled_mandate_is_over_at_once(hall: Hall, no: str) -> None:
    appointment = appoint(hall)
    substitutes.cancel(hall.rt, KEEPER, appointment)
    assert acting(hall).mandates == ()
    (row,) = substitutes.of_principal(hall.rt, REVIEWER.id)
    assert (row.state, row.substitute_name) == ("cancelled", "吴审核")
    with pytest.raises(errors.Refused, match="已经结束"):
        substitutes.cancel(hall.rt, REVIEWER, appointment)
    appoint(hall, substitute=REVIEWER_2.id)


@pytest.mark.parametrize("who", [FAR, REVIEWER_2, FAR_KEEPER, APPLICANT])
def test_somebody_elses_appointment_does_not_exist(hall: Hall, who: Actor) -> None:
    appointment = appoint(hall)
    before = hall.picture()
    for number in (appointment, 404, 0, -1, 2**70):
        with pytest.raises(errors.NotFound):
            substitutes.cancel(hall.rt, who, number)
    assert hall.picture() == before


def test_the_list_says_what_was_is_and_will_be(hall: Hall) -> None:
    now = hall.clock()
    day = timedelta(days=1)
    appoint(hall, ends_at=now + day)
    appoint(hall, starts_at=now + 2 * day, ends_at=now + 4 * day)
    appoint(hall, starts_at=now + 5 * day, ends_at=now + 6 * day)
    hall.clock.advance(days=3)
    states = [row.state for row in substitutes.of_substitute(hall.rt, FAR.id)]
    assert states == ["coming", "active", "over"]
    assert substitutes.of_principal(hall.rt, FAR.id) == []


def test_two_appointments_at_once_do_not_overlap(hall: Hall) -> None:
    def make(substitute: Actor) -> Any:
        given = order(hall, substitute=substitute.id)
        return lambda rt: substitutes.appoint(rt, REVIEWER, **given)

    results = hall.together(make(FAR), make(REVIEWER_2), make(BOTH))
    assert sorted(type(each).__name__ for each in results) == ["Refused", "Refused", "int"]


def test_cancelling_at_once_cancels_once(hall: Hall) -> None:
    appointment = appoint(hall)

    def cancel(rt: Runtime) -> None:
        substitutes.cancel(rt, REVIEWER, appointment)

    results = hall.together(cancel, cancel)
    assert sorted(type(each).__name__ for each in results) == ["NoneType", "Refused"]
