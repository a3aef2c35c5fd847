"""From a login and a password to a session, counting failures on the way.

A try is first written down as failed, under the lock of its login's guard row, and only then is the
password looked at: a hundred tries sent at once are a hundred counted failures, not one.  Each
function that writes is one transaction and commits it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine.database import transaction
from engine.errors import Problem
from handlers.people import passwords
from handlers.people.models import (
    Account,
    Captcha,
    Operator,
    SigninAttempt,
    SigninGuard,
    SigninSession,
    Staff,
)
from handlers.people.rules import (
    FAILURE_WINDOW,
    LOCK_RULE,
    LockRule,
    lock_after,
    locked_text,
)

DOORS: dict[str, type[Account]] = {"unit": Operator, "staff": Staff}
LOGIN_CHARS_MAX = 64
TOUCH_EVERY = timedelta(minutes=1)  # a page with twenty pictures must not write twenty times
SESSION_LIFE_MAX = timedelta(hours=12)  # nobody works longer; a forgotten browser ends by itself
CAPTCHA_LIFE = timedelta(minutes=5)
CAPTCHA_CHARS = 4
CAPTCHA_ALPHABET = "ACDEFGHJKLMNPQRTUVWXY3479"  # nothing that looks like something else
_CAPTCHA_ID = re.compile(r"[0-9a-f]{32}")
KEEP_ATTEMPTS = timedelta(days=200)  # the Cybersecurity Law (art. 21) asks for six months
KEEP_SESSIONS = timedelta(days=200)
KEEP_GUARDS = timedelta(days=1)

WRONG = Problem("signin.wrong", "账号或密码不正确，请核对后重新输入。")
DISABLED = Problem("signin.disabled", "该账号已停用，请联系所属管理部或系统管理员启用。")
CLOSED_DOOR = Problem("signin.door", "请先选择登录身份：单位或中心工作人员。")


def check(
    session: Session,
    door: str,
    login: str,
    password: str,
    *,
    now: datetime,
    ip: str = "",
    rule: LockRule = LOCK_RULE,
) -> str | Problem:
    """The user's id (`operator:12`), or why not.  Every call leaves a `SigninAttempt`."""
    kind = DOORS.get(door)
    if kind is None:
        return CLOSED_DOOR
    login = _clean_login(login)
    attempt = _write_down(session, (door, login), rule, now=now, ip=ip[:45])
    if isinstance(attempt, Problem):
        return attempt
    person = session.scalars(select(kind).where(kind.login == login)).one_or_none()
    stored = person.password_hash if person else None
    session.rollback()  # the slow part holds no transaction
    if not passwords.matches(stored, password):
        return _refusal(session, (door, login), rule, now)
    assert person is not None
    return _let_in(session, kind, attempt, password=password, person_id=person.id, rule=rule)


def _clean_login(login: str) -> str:
    return "".join(char for char in login if char.isprintable()).strip()[:LOGIN_CHARS_MAX]


def _write_down(
    session: Session, key: tuple[str, str], rule: LockRule, *, now: datetime, ip: str
) -> int | Problem:
    """The id of the attempt, written as a failure; or the sentence of the lock."""
    _ensure_guard(session, key, now)
    with transaction(session):
        guard = _hold_guard(session, key)
        guard.touched_at = now
        attempt = SigninAttempt(door=key[0], login=key[1], at=now, outcome="failed", ip=ip)
        session.add(attempt)
        if guard.locked_until is not None and now < guard.locked_until:
            attempt.outcome = "locked"
            return Problem("signin.locked", locked_text(guard.locked_until, rule))
        session.flush()
        guard.locked_until = lock_after(_failures(session, key, rule, now), rule)
        return attempt.id


def _ensure_guard(session: Session, key: tuple[str, str], now: datetime) -> None:
    door, login = key
    found = select(SigninGuard.id).where(SigninGuard.door == door, SigninGuard.login == login)
    if session.scalar(found) is not None:
        return
    try:
        with transaction(session):
            session.add(SigninGuard(door=door, login=login, touched_at=now))
    except IntegrityError:
        pass  # another process wrote the same row in this very moment: that is all we wanted


def _hold_guard(session: Session, key: tuple[str, str]) -> SigninGuard:
    door, login = key
    return session.scalars(
        select(SigninGuard)
        .where(SigninGuard.door == door, SigninGuard.login == login)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _failures(
    session: Session, key: tuple[str, str], rule: LockRule, now: datetime
) -> list[datetime]:
    """Times of the failures in a row since the last success, oldest first."""
    door, login = key
    same = (SigninAttempt.door == door, SigninAttempt.login == login)
    last_ok = select(func.coalesce(func.max(SigninAttempt.id), 0)).where(
        *same, SigninAttempt.outcome == "ok"
    )
    failed = (
        select(SigninAttempt.at)
        .where(*same, SigninAttempt.outcome == "failed", SigninAttempt.at > now - FAILURE_WINDOW)
        .where(SigninAttempt.id > last_ok.scalar_subquery())
        .order_by(SigninAttempt.id.desc())
        .limit(rule.attempts)
    )
    return list(session.scalars(failed))[::-1]


def _refusal(session: Session, key: tuple[str, str], rule: LockRule, now: datetime) -> Problem:
    """The failure that locks says so at once, instead of letting people try a sixth time."""
    door, login = key
    until = session.scalar(
        select(SigninGuard.locked_until).where(SigninGuard.door == door, SigninGuard.login == login)
    )
    session.rollback()
    if until is not None and now < until:
        return Problem("signin.locked", locked_text(until, rule))
    return WRONG


def _let_in(
    session: Session,
    kind: type[Account],
    attempt_id: int,
    *,
    password: str,
    person_id: int,
    rule: LockRule,
) -> str | Problem:
    with transaction(session):
        attempt = session.get_one(SigninAttempt, attempt_id)
        key = (attempt.door, attempt.login)
        guard = _hold_guard(session, key)
        person = session.get_one(kind, person_id, populate_existing=True)
        attempt.user_id = person.user_id
        attempt.outcome = "ok" if person.enabled else "disabled"
        session.flush()
        guard.locked_until = lock_after(_failures(session, key, rule, attempt.at), rule)
        if not person.enabled:
            return DISABLED  # the password was right, so this tells a stranger nothing
        if passwords.outdated(person.password_hash):
            person.password_hash = passwords.hashed(password)
        return person.user_id


def open_session(
    session: Session, user_id: str, *, now: datetime, ip: str = "", agent: str = ""
) -> str:
    """A new token, always: a token that existed before the sign-in is never reused."""
    token = secrets.token_urlsafe(32)
    with transaction(session):
        session.add(
            SigninSession(
                token_hash=_digest(token),
                user_id=user_id,
                created_at=now,
                seen_at=now,
                ip=ip[:45],
                agent="".join(char for char in agent if char.isprintable())[:200],
            )
        )
    return token


def touch(
    session: Session, token: str, now: datetime, idle_minutes: int, *, quiet: bool = False
) -> str | None:
    """Whose session this is; None when unknown, ended, idle too long, or its owner disabled.

    `quiet`: asked by a page by itself, not by a person; the session idles on.
    """
    row = session.scalars(
        select(SigninSession).where(SigninSession.token_hash == _digest(token))
    ).one_or_none()
    if row is None or row.ended_at is not None:
        return None
    idle = now - row.seen_at
    user_id = row.user_id
    dead = idle >= timedelta(minutes=idle_minutes) or now - row.created_at >= SESSION_LIFE_MAX
    if dead or not _enabled(session, user_id):
        close_session(session, token, now)
        return None
    if not quiet and idle >= min(TOUCH_EVERY, timedelta(minutes=idle_minutes) / 10):
        with transaction(session):
            session.execute(
                update(SigninSession)
                .where(SigninSession.token_hash == _digest(token), SigninSession.ended_at.is_(None))
                .values(seen_at=now)
            )
    return user_id


def close_session(session: Session, token: str, now: datetime) -> None:
    with transaction(session):
        session.execute(
            update(SigninSession)
            .where(SigninSession.token_hash == _digest(token), SigninSession.ended_at.is_(None))
            .values(ended_at=now)
        )


def end_sessions(session: Session, user_id: str, now: datetime, keep_token: str = "") -> None:
    """End every session of a person but one; part of the caller's transaction."""
    session.execute(
        update(SigninSession)
        .where(SigninSession.user_id == user_id, SigninSession.ended_at.is_(None))
        .where(SigninSession.token_hash != _digest(keep_token))
        .values(ended_at=now)
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _enabled(session: Session, user_id: str) -> bool:
    kind_name, _, number = user_id.partition(":")
    kind: type[Account] = Operator if kind_name == "operator" else Staff
    return bool(session.scalar(select(kind.enabled).where(kind.id == int(number))))


def new_captcha(session: Session, now: datetime) -> tuple[str, str]:
    """(id, answer); the answer is for drawing the picture, never for the page."""
    answer = "".join(secrets.choice(CAPTCHA_ALPHABET) for _ in range(CAPTCHA_CHARS))
    row = Captcha(id=secrets.token_hex(16), answer=answer, expires_at=now + CAPTCHA_LIFE)
    captcha_id = row.id
    with transaction(session):
        # Anybody may ask for one: what nobody answered must not pile up until the daily tidying.
        session.execute(delete(Captcha).where(Captcha.expires_at <= now))
        session.add(row)
    return captcha_id, answer


def captcha_answer(session: Session, captcha_id: str, now: datetime) -> str | None:
    """What to draw; looking does not use it up."""
    if not _CAPTCHA_ID.fullmatch(captcha_id):
        return None
    return session.scalar(
        select(Captcha.answer).where(Captcha.id == captcha_id, Captcha.expires_at > now)
    )


def use_captcha(session: Session, captcha_id: str, answer: str, now: datetime) -> bool:
    """True once, for the right answer in time; a wrong answer uses the question up as well."""
    if not _CAPTCHA_ID.fullmatch(captcha_id):
        return False
    with transaction(session):
        asked = session.execute(
            delete(Captcha)
            .where(Captcha.id == captcha_id)
            .returning(Captcha.answer, Captcha.expires_at)
        ).one_or_none()
    if asked is None or now >= asked.expires_at:
        return False
    typed = answer.strip().upper().encode("utf-8", "replace")
    return secrets.compare_digest(asked.answer.encode(), typed)


def purge(session: Session, now: datetime) -> int:
    """Forget what need not be kept; returns how many rows went.  Called by the sweeper."""
    stale = (
        delete(Captcha).where(Captcha.expires_at <= now),
        delete(SigninAttempt).where(SigninAttempt.at < now - KEEP_ATTEMPTS),
        delete(SigninSession).where(SigninSession.created_at < now - KEEP_SESSIONS),
        delete(SigninGuard).where(SigninGuard.touched_at < now - KEEP_GUARDS),
    )
    with transaction(session):
        results = [cast("CursorResult[Any]", session.execute(statement)) for statement in stale]
        return sum(result.rowcount for result in results)
