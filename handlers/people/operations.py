"""What may be done to a person's account: passwords, enabling, contact data."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from engine.database import transaction
from engine.errors import Problem
from handlers.people import passwords, queries, sign_in
from handlers.people.models import Branch, Operator, Role, Staff
from handlers.people.rules import judge_password


class RoleRow(Protocol):
    """A post as the centre's file describes it (`handlers.centers.Role`)."""

    @property
    def name(self) -> str: ...
    @property
    def note(self) -> str: ...


class BranchRow(Protocol):
    """A branch as the centre's file describes it (`handlers.centers.Branch`)."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def phone(self) -> str: ...
    @property
    def address(self) -> str: ...


NOBODY = Problem("people.nobody", "没有找到这个账号，请刷新页面后重试。")


def change_password(
    session: Session,
    user_id: str,
    old: str,
    new: str,
    *,
    now: datetime,
    keep_token: str = "",
) -> Problem | None:
    """Change one's own password; every other browser of this person is signed out."""
    person = _person(session, user_id)
    if person is None:
        return NOBODY
    login, stored = person.login, person.password_hash
    session.rollback()
    if not passwords.matches(stored, old):
        return Problem("password.old", "原密码不正确，请重新输入。", "old")
    if new == old:
        return Problem("password.same", "新密码不能与原密码相同，请换一个。", "new")
    problem = judge_password(new, login)
    if problem is not None:
        return problem
    fresh = passwords.hashed(new)
    with transaction(session):
        person = _person(session, user_id)
        assert person is not None
        if person.password_hash != stored:
            return Problem("password.stale", "密码刚刚已被修改，请使用新密码重新登录。")
        _set(person, fresh, now=now, temporary=False)
        sign_in.end_sessions(session, user_id, now, keep_token)
    return None


def reset_password(
    session: Session, user_id: str, temporary: str, *, now: datetime
) -> Problem | None:
    """Give somebody a password they must change at the next sign-in."""
    person = _person(session, user_id)
    if person is None:
        return NOBODY
    problem = judge_password(temporary, person.login)
    if problem is not None:
        return problem
    fresh = passwords.hashed(temporary)
    with transaction(session):
        person = _person(session, user_id)
        assert person is not None
        _set(person, fresh, now=now, temporary=True)
        sign_in.end_sessions(session, user_id, now)
    return None


def set_enabled(session: Session, user_id: str, enabled: bool, now: datetime) -> Problem | None:
    """停用 takes effect at the next click: open sessions end."""
    with transaction(session):
        person = _person(session, user_id)
        if person is None:
            return NOBODY
        person.enabled = enabled
        if not enabled:
            sign_in.end_sessions(session, user_id, now)
    return None


def _person(session: Session, user_id: str) -> Operator | Staff | None:
    return queries.operator(session, user_id) or queries.staff(session, user_id)


def _set(person: Operator | Staff, password_hash: str, *, now: datetime, temporary: bool) -> None:
    person.password_hash = password_hash
    person.password_changed_at = now
    person.must_change_password = temporary


def sync_roles(session: Session, rows: Iterable[RoleRow]) -> None:
    """The same for the posts: those of the centre's file are there, earlier ones stay."""
    with transaction(session):
        for row in rows:
            session.merge(Role(name=row.name, note=row.note))


def sync_branches(session: Session, rows: Iterable[BranchRow]) -> None:
    """Make the table say what the centre's file says; a branch gone from the file stays, unused."""
    with transaction(session):
        known = {branch.code: branch for branch in queries.branches(session)}
        for row in rows:
            branch = known.get(row.code)
            if branch is None:
                branch = Branch(code=row.code)
                session.add(branch)
            branch.name, branch.phone, branch.address = row.name, row.phone, row.address
