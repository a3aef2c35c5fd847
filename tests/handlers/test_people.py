"""People: what they may do follows from rows, and passwords are changed with care."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from handlers.people import operations, queries, sign_in
from handlers.people.models import SigninAttempt, Staff
from handlers.people.rules import judge_password, lock_after
from tests.builders import people
from tests.builders.people import ACCOUNT, PASSWORD, at


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    with people.store(database_url) as sessions, sessions() as opened:
        yield opened


def test_an_operator_acts_for_their_own_unit_alone(session: Session) -> None:
    people.branch(session)
    people.unit(session)
    user_id = people.operator(session)
    actor = queries.actor(session, user_id)
    assert actor is not None
    assert actor.posts == {("单位经办人", f"unit:{ACCOUNT}")}
    assert actor.title == "单位经办人 · 凯里管理部"
    assert not actor.holds("单位经办人", "unit:020810000000")


def test_staff_act_in_the_branches_of_their_posts(session: Session) -> None:
    people.branch(session)
    user_id = people.staff(session, ("归集审核岗", "QDN01"), ("业务主管", "*"))
    actor = queries.actor(session, user_id)
    assert actor is not None
    assert actor.posts == {("归集审核岗", "branch:QDN01"), ("业务主管", "*")}
    assert actor.title == "归集审核岗、业务主管 · 凯里管理部"
    assert not actor.holds("归集审核岗", "branch:QDN02")
    assert actor.holds("业务主管", "branch:QDN02")


def test_a_profile_shows_the_masked_mobile_and_the_branch(session: Session) -> None:
    people.branch(session)
    people.unit(session)
    profile = queries.profile(session, people.operator(session))
    assert profile is not None
    assert (profile.kind, profile.mobile_masked) == ("operator", "138****6021")
    assert (profile.unit_account_no, profile.branch_name) == (ACCOUNT, "凯里管理部")


@pytest.mark.parametrize("user_id", ["", "system", "operator:", "operator:0", "staff:x", "unit:1"])
def test_nobody_is_nobody(session: Session, user_id: str) -> None:
    assert queries.actor(session, user_id) is None
    assert queries.profile(session, user_id) is None
    assert queries.recipients(session, user_id) is None


def test_the_disabled_neither_act_nor_hold_nor_are_written_to(session: Session, clock: Any) -> None:
    user_id = people.staff(session, ("归集审核岗", "QDN01"))
    assert queries.holders(session, "归集审核岗", "branch:QDN01") == [(user_id, "王审核")]
    operations.set_enabled(session, user_id, False, clock())
    assert queries.actor(session, user_id) is None
    assert queries.holders(session, "归集审核岗", "branch:QDN01") == []
    assert queries.recipients(session, user_id) is None


def test_holders_are_those_of_the_branch_and_of_every_branch_once_each(session: Session) -> None:
    here = people.staff(session, ("归集审核岗", "QDN01"), ("归集审核岗", "*"), login="a")
    people.staff(session, ("归集审核岗", "QDN02"), login="b")
    people.staff(session, ("归集复核岗", "QDN01"), login="c")
    everywhere = people.staff(session, ("归集审核岗", "*"), login="d")
    found = queries.holders(session, "归集审核岗", "branch:QDN01")
    assert [user_id for user_id, _ in found] == [here, everywhere]
    assert len(queries.holders(session, "归集审核岗", "*")) == 3


def test_holders_of_a_unit_are_its_operators_the_first_one_first(session: Session) -> None:
    second = people.operator(session, login=f"{ACCOUNT}-2", name="罗建军")
    first = people.operator(session)
    people.operator(session, login="020810000001", unit_account_no="020810000001")
    found = queries.holders(session, "单位经办人", f"unit:{ACCOUNT}")
    assert found == [(first, "杨秀兰"), (second, "罗建军")]
    assert queries.recipients(session, first) == ("杨秀兰", "13808556021")


def test_a_post_is_held_once_and_leaves_with_its_holder(session: Session) -> None:
    user_id = people.staff(session, ("归集审核岗", "QDN01"))
    with pytest.raises(IntegrityError):
        people.staff(session, ("归集审核岗", "QDN01"), ("归集审核岗", "QDN01"), login="twice")
    session.rollback()
    session.delete(session.get_one(Staff, int(user_id.partition(":")[2])))
    session.commit()
    assert queries.holders(session, "归集审核岗", "branch:QDN01") == []


def test_the_database_itself_refuses_an_unknown_outcome(session: Session, clock: Any) -> None:
    session.add(SigninAttempt(door="unit", login="x", at=clock(), outcome="perhaps"))
    with pytest.raises(IntegrityError, match="outcome"):
        session.commit()


def test_branches_follow_the_file_of_the_centre(session: Session) -> None:
    from handlers.centers import Branch

    row = Branch(code="QDN01", name="凯里管理部", phone="1", address="甲")
    operations.sync_branches(session, [row])
    operations.sync_branches(session, [row.model_copy(update={"phone": "2"})])
    assert [(found.code, found.phone) for found in queries.branches(session)] == [("QDN01", "2")]


# ── passwords ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("Ab1!xyz", "password.short"),
        ("abcdefgh", "password.simple"),
        ("abcdefg1", "password.simple"),
        ("ABCDEFG1", "password.simple"),
        ("Abcdefgh", "password.simple"),
        ("123456", "password.short"),
        ("Aa1!" * 40, "password.long"),
        ("qdn001Aa!", "password.login"),
        ("Abcdefg1", None),
        ("abcdefg1!", None),
        ("ABC 123!", None),
        ("公积金2026ab", None),
    ],
)
def test_a_password_needs_eight_characters_of_three_kinds(password: str, code: str | None) -> None:
    problem = judge_password(password, "qdn001")
    assert (problem.code if problem else None) == code


def test_changing_a_password_ends_every_other_session(session: Session, clock: Any) -> None:
    user_id = people.staff(session)
    here = sign_in.open_session(session, user_id, now=clock())
    elsewhere = sign_in.open_session(session, user_id, now=clock())
    problem = operations.change_password(
        session, user_id, PASSWORD, "Fresh&new2", now=clock(), keep_token=here
    )
    assert problem is None
    assert sign_in.touch(session, here, clock(), 20) == user_id
    assert sign_in.touch(session, elsewhere, clock(), 20) is None
    assert sign_in.check(session, "staff", "qdn001", "Fresh&new2", now=clock()) == user_id
    old = sign_in.check(session, "staff", "qdn001", PASSWORD, now=clock())
    assert not isinstance(old, str)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("wrong", "Fresh&new2", "password.old"),
        (PASSWORD, PASSWORD, "password.same"),
        (PASSWORD, "short", "password.short"),
    ],
)
def test_a_password_is_not_changed_carelessly(
    session: Session, clock: Any, old: str, new: str, code: str
) -> None:
    user_id = people.staff(session)
    problem = operations.change_password(session, user_id, old, new, now=clock())
    assert problem is not None
    assert problem.code == code
    assert sign_in.check(session, "staff", "qdn001", PASSWORD, now=clock()) == user_id


def test_a_reset_password_must_be_changed_and_the_change_lifts_that(
    session: Session, clock: Any
) -> None:
    user_id = people.staff(session)
    token = sign_in.open_session(session, user_id, now=clock())
    assert operations.reset_password(session, user_id, "Temporary#1", now=clock()) is None
    assert sign_in.touch(session, token, clock(), 20) is None
    profile = queries.profile(session, user_id)
    assert profile is not None
    assert profile.must_change_password
    operations.change_password(session, user_id, "Temporary#1", "Fresh&new2", now=clock())
    profile = queries.profile(session, user_id)
    assert profile is not None
    assert not profile.must_change_password


def test_resetting_nobody_is_a_sentence(session: Session, clock: Any) -> None:
    problem = operations.reset_password(session, "staff:99", "Temporary#1", now=clock())
    assert problem == operations.NOBODY
    assert operations.set_enabled(session, "staff:99", True, clock()) == operations.NOBODY
    assert operations.change_password(session, "x", "a", "b", now=clock()) == operations.NOBODY


def test_five_failures_within_fifteen_minutes_lock_from_the_last_one() -> None:
    minutes = [at(f"2026-07-15T09:{minute:02d}:00+08:00") for minute in (0, 3, 6, 9, 14)]
    assert lock_after(minutes) == at("2026-07-15T09:29:00+08:00")
    assert lock_after(minutes[1:]) is None
    assert lock_after([]) is None
    assert lock_after([*minutes[:4], at("2026-07-15T09:15:00+08:00")]) is None
