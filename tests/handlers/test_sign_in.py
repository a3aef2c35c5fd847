"""The door: who comes in, who is kept out, for how long, and that nobody slips through sideways."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from engine.errors import Problem
from handlers.people import operations, passwords, sign_in
from handlers.people.models import Captcha, Operator, SigninAttempt, SigninGuard, SigninSession
from tests.builders import people
from tests.builders.people import ACCOUNT, PASSWORD

Sessions = sessionmaker[Session]


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    with people.store(database_url) as made:
        yield made


@pytest.fixture
def session(sessions: Sessions) -> Iterator[Session]:
    with sessions() as opened:
        yield opened


@pytest.fixture
def try_in(session: Session, clock: Any) -> Any:
    people.operator(session)

    def attempt(password: str = PASSWORD, login: str = ACCOUNT, door: str = "unit") -> Any:
        return sign_in.check(session, door, login, password, now=clock(), ip="10.0.0.8")

    return attempt


def outcomes(session: Session) -> list[str]:
    session.rollback()  # look with fresh eyes
    return list(session.scalars(select(SigninAttempt.outcome).order_by(SigninAttempt.id)))


def test_the_right_password_opens_and_every_attempt_is_kept(session: Session, try_in: Any) -> None:
    assert try_in("wrong").code == "signin.wrong"
    user_id = try_in()
    assert user_id.startswith("operator:")
    first, second = session.scalars(select(SigninAttempt).order_by(SigninAttempt.id)).all()
    assert (first.outcome, first.user_id, first.ip) == ("failed", None, "10.0.0.8")
    assert (second.outcome, second.user_id) == ("ok", user_id)


def test_an_unknown_login_hears_the_same_sentence_as_a_wrong_password(try_in: Any) -> None:
    assert try_in("wrong") == try_in("wrong", login="020899999999")


def test_an_unknown_login_is_locked_like_a_known_one(try_in: Any) -> None:
    known = [try_in("wrong").text for _ in range(6)]
    unknown = [try_in("wrong", login="020899999999").text for _ in range(6)]
    assert known == unknown


def test_an_unknown_login_is_hashed_as_hard_as_a_known_one(
    try_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    real = PasswordHasher.verify

    def watched(self: PasswordHasher, stored: str, password: bytes) -> bool:
        verified.append(stored.rpartition("$")[0].rpartition("$")[0])  # the cost, not the salt
        return real(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", watched)
    try_in("wrong")
    try_in("wrong", login="020899999999")
    assert len(verified) == 2
    assert verified[0] == verified[1]


def test_the_staff_door_does_not_open_for_operators(session: Session, try_in: Any) -> None:
    assert try_in(door="staff").code == "signin.wrong"
    assert try_in(door="person").code == "signin.door"


def test_five_failures_lock_and_the_sentence_says_until_when(try_in: Any) -> None:
    answers = [try_in("wrong") for _ in range(5)]
    assert [answer.code for answer in answers] == ["signin.wrong"] * 4 + ["signin.locked"]
    assert "锁定到 09:45" in answers[-1].text  # 09:30 in Shanghai plus fifteen minutes


def test_the_right_password_is_refused_while_locked(
    session: Session, try_in: Any, clock: Any
) -> None:
    for _ in range(5):
        try_in("wrong")
    clock.advance(minutes=14, seconds=59)
    assert try_in().code == "signin.locked"
    assert outcomes(session)[-1] == "locked"


def test_the_lock_ends_after_fifteen_minutes_and_tries_meanwhile_do_not_prolong_it(
    try_in: Any, clock: Any
) -> None:
    for _ in range(5):
        try_in("wrong")
    clock.advance(minutes=10)
    try_in("wrong")
    clock.advance(minutes=5)
    assert isinstance(try_in(), str)


def test_failures_more_than_fifteen_minutes_apart_do_not_lock(try_in: Any, clock: Any) -> None:
    for _ in range(8):
        assert try_in("wrong").code == "signin.wrong"
        clock.advance(minutes=4)


def test_a_success_starts_the_count_anew(try_in: Any) -> None:
    for _ in range(4):
        try_in("wrong")
    assert isinstance(try_in(), str)
    assert [try_in("wrong").code for _ in range(4)] == ["signin.wrong"] * 4


def test_the_fifth_try_with_the_right_password_leaves_no_lock(try_in: Any) -> None:
    for _ in range(4):
        try_in("wrong")
    assert isinstance(try_in(), str)
    assert isinstance(try_in(), str)


def test_the_lock_of_one_login_leaves_others_alone(session: Session, try_in: Any) -> None:
    people.operator(session, login=f"{ACCOUNT}-2")
    for _ in range(5):
        try_in("wrong")
    assert isinstance(try_in(login=f"{ACCOUNT}-2"), str)


def test_parallel_attempts_are_all_counted(
    sessions: Sessions, session: Session, clock: Any
) -> None:
    people.operator(session)
    start = threading.Barrier(10)
    answers: list[str | Problem] = []

    def guess(number: int) -> None:
        with sessions() as own:
            start.wait()
            answers.append(sign_in.check(own, "unit", ACCOUNT, f"guess {number}", now=clock()))

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes(session)) == ["failed"] * 5 + ["locked"] * 5
    assert len(answers) == 10
    assert session.scalars(select(SigninGuard)).one().locked_until is not None


def test_a_disabled_account_is_told_so_only_after_the_right_password(
    session: Session, try_in: Any, clock: Any
) -> None:
    user_id = try_in()
    operations.set_enabled(session, user_id, False, clock())
    assert try_in("wrong").code == "signin.wrong"
    assert try_in().code == "signin.disabled"


@pytest.mark.parametrize(
    "login", ["", "\x00" + ACCOUNT[:3], "' or 1=1 --", "长" * 5000, "a\u202eb", "%", "\ud800"]
)
def test_strange_logins_are_just_wrong(try_in: Any, login: str) -> None:
    assert try_in(login=login).code == "signin.wrong"


def test_spaces_around_a_login_are_forgiven(try_in: Any) -> None:
    assert isinstance(try_in(login=f" {ACCOUNT}\n"), str)


def test_a_password_no_text_could_hold_is_wrong(try_in: Any) -> None:
    assert try_in("\ud800\x00").code == "signin.wrong"


def test_a_password_of_a_megabyte_is_wrong_and_quick(try_in: Any) -> None:
    start = time.perf_counter()
    assert try_in("x" * 1_000_000).code == "signin.wrong"
    assert time.perf_counter() - start < 2


def test_an_old_hash_is_rewritten_at_sign_in(session: Session, try_in: Any) -> None:
    row = session.scalars(select(Operator)).one()
    row.password_hash = PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD)
    session.commit()
    assert isinstance(try_in(), str)
    session.expire_all()
    assert not passwords.outdated(row.password_hash)
    assert row.password_hash.startswith("$argon2id$")
    assert isinstance(try_in(), str)


# ── sessions ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def token(session: Session, clock: Any) -> str:
    user_id = people.operator(session)
    return sign_in.open_session(session, user_id, now=clock(), ip="10.0.0.8", agent="Edge\n" * 99)


def test_only_the_hash_of_a_token_is_stored(session: Session, token: str) -> None:
    row = session.scalars(select(SigninSession)).one()
    assert row.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(vars(row))
    assert len(token) >= 43
    assert "\n" not in row.agent
    assert len(row.agent) <= 200


def test_a_session_knows_its_user(session: Session, token: str, clock: Any) -> None:
    assert (sign_in.touch(session, token, clock(), 20) or "").startswith("operator:")
    assert sign_in.touch(session, token + "x", clock(), 20) is None
    assert sign_in.touch(session, "", clock(), 20) is None
    assert sign_in.touch(session, "\ud800\x00", clock(), 20) is None


def test_a_session_ends_when_idle(session: Session, token: str, clock: Any) -> None:
    clock.advance(minutes=19, seconds=59)
    assert sign_in.touch(session, token, clock(), 20)
    clock.advance(minutes=20)
    assert sign_in.touch(session, token, clock(), 20) is None
    row = session.scalars(select(SigninSession)).one()
    assert row.ended_at is not None
    assert sign_in.touch(session, token, clock() - timedelta(minutes=20), 20) is None


def test_touching_writes_at_most_once_a_minute(session: Session, token: str, clock: Any) -> None:
    opened_at = clock()
    seen = []
    for _ in range(4):
        clock.advance(seconds=30)
        sign_in.touch(session, token, clock(), 20)
        session.expire_all()
        seen.append((session.scalars(select(SigninSession)).one().seen_at - opened_at).seconds)
    assert seen == [0, 60, 60, 120]


def test_a_session_ends_after_twelve_hours_however_busy(
    session: Session, token: str, clock: Any
) -> None:
    for _ in range(47):
        clock.advance(minutes=15)
        assert sign_in.touch(session, token, clock(), 20)
    clock.advance(minutes=15)
    assert sign_in.touch(session, token, clock(), 20) is None


def test_signing_out_ends_the_session(session: Session, token: str, clock: Any) -> None:
    sign_in.close_session(session, token, clock())
    assert sign_in.touch(session, token, clock(), 20) is None


def test_disabling_somebody_ends_their_session_at_the_next_click(
    session: Session, token: str, clock: Any
) -> None:
    session.scalars(select(Operator)).one().enabled = False
    session.commit()
    assert sign_in.touch(session, token, clock(), 20) is None


def test_each_sign_in_gets_its_own_token(session: Session, token: str, clock: Any) -> None:
    user_id = sign_in.touch(session, token, clock(), 20)
    assert user_id is not None
    other = sign_in.open_session(session, user_id, now=clock())
    sign_in.close_session(session, token, clock())
    assert other != token
    assert sign_in.touch(session, other, clock(), 20) == user_id


# ── captcha ─────────────────────────────────────────────────────────────────────────────────


def test_a_captcha_works_once_in_any_case(session: Session, clock: Any) -> None:
    captcha_id, answer = sign_in.new_captcha(session, clock())
    assert sign_in.captcha_answer(session, captcha_id, clock()) == answer
    assert sign_in.use_captcha(session, captcha_id, f" {answer.lower()} ", clock())
    assert not sign_in.use_captcha(session, captcha_id, answer, clock())


def test_captchas_nobody_answers_do_not_pile_up(session: Session, clock: Any) -> None:
    for _ in range(3):
        sign_in.new_captcha(session, clock())
        clock.advance(minutes=5)
    captcha_id, _ = sign_in.new_captcha(session, clock())
    assert session.scalars(select(Captcha.id)).all() == [captcha_id]


def test_a_wrong_answer_uses_the_captcha_up(session: Session, clock: Any) -> None:
    captcha_id, answer = sign_in.new_captcha(session, clock())
    assert not sign_in.use_captcha(session, captcha_id, "????", clock())
    assert not sign_in.use_captcha(session, captcha_id, answer, clock())


def test_a_captcha_lasts_five_minutes(session: Session, clock: Any) -> None:
    captcha_id, answer = sign_in.new_captcha(session, clock())
    clock.advance(minutes=5)
    assert sign_in.captcha_answer(session, captcha_id, clock()) is None
    assert not sign_in.use_captcha(session, captcha_id, answer, clock())


@pytest.mark.parametrize("answer", ["", "验证码", "\x00", "\ud800"])
def test_no_captcha_and_strange_answers_are_simply_wrong(
    session: Session, clock: Any, answer: str
) -> None:
    captcha_id, _ = sign_in.new_captcha(session, clock())
    assert not sign_in.use_captcha(session, "no-such-id", answer, clock())
    assert not sign_in.use_captcha(session, "\x00", answer, clock())
    assert not sign_in.use_captcha(session, "0" * 32, answer, clock())
    assert sign_in.captcha_answer(session, "\x00", clock()) is None
    assert not sign_in.use_captcha(session, captcha_id, answer, clock())


def test_captchas_cannot_be_guessed_by_number(session: Session, clock: Any) -> None:
    first, _ = sign_in.new_captcha(session, clock())
    second, _ = sign_in.new_captcha(session, clock())
    assert len(first) == 32
    assert first != second


def test_purging_forgets_old_rows_and_keeps_six_months_of_attempts(
    session: Session, try_in: Any, clock: Any
) -> None:
    try_in("wrong")
    sign_in.open_session(session, "operator:1", now=clock())
    sign_in.new_captcha(session, clock())
    clock.advance(days=190)
    assert sign_in.purge(session, clock()) == 2  # the captcha and the guard
    assert outcomes(session) == ["failed"]
    assert session.scalars(select(Captcha)).all() == []
    clock.advance(days=30)
    assert sign_in.purge(session, clock()) == 2
    assert outcomes(session) == []
