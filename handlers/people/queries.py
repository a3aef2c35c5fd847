"""Reads about people: the engine's `Actor`, a page's profile, holders of roles, recipients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session, selectinload

from engine.database import number_in
from engine.runtime import ANYWHERE, Actor
from handlers.identifiers import mask_mobile
from handlers.people.models import EVERY_BRANCH, Branch, Operator, Post, Staff
from handlers.units.models import Unit

OPERATOR_ROLE = "单位经办人"
HEAD_OFFICE = "中心机关"
HOLDERS_MAX = 200  # a reminder goes to at most so many people


@dataclass(frozen=True, slots=True)
class Profile:
    """Who am I, as the top bar and the home page show it."""

    kind: Literal["operator", "staff"]
    name: str
    mobile_masked: str
    title: str
    unit_account_no: str | None
    branch_code: str
    branch_name: str
    roles: tuple[str, ...]
    must_change_password: bool


def operator(session: Session, user_id: str) -> Operator | None:
    kind, number = _split(user_id)
    return session.get(Operator, number) if kind == "operator" else None


def staff(session: Session, user_id: str) -> Staff | None:
    kind, number = _split(user_id)
    if kind != "staff":
        return None
    return session.get(Staff, number, options=[selectinload(Staff.posts)])


def operators_of(session: Session, unit_account_no: str) -> list[Operator]:
    """Enabled operators of a unit, the first one (who signs in with the account number) first."""
    rows = session.scalars(
        select(Operator)
        .where(Operator.unit_account_no == unit_account_no, Operator.enabled)
        .order_by(Operator.id)
    )
    return sorted(rows, key=lambda row: row.login != unit_account_no)


def branches(session: Session) -> list[Branch]:
    return list(session.scalars(select(Branch).order_by(Branch.code)))


def actor(session: Session, user_id: str, who: Profile | None = None) -> Actor | None:
    """None for somebody unknown or disabled: they may do nothing.

    `who`: the profile, when the caller has just read it; every page needs both.
    """
    who = who or profile(session, user_id)
    if who is None:
        return None
    if who.kind == "operator":
        posts = frozenset({(OPERATOR_ROLE, f"unit:{who.unit_account_no}")})
    else:
        row = staff(session, user_id)
        assert row is not None
        posts = _posts(row)
    return Actor(id=user_id, name=who.name, posts=posts, title=who.title)


def profile(session: Session, user_id: str) -> Profile | None:
    kind, _ = _split(user_id)
    if kind == "operator":
        return _operator_profile(session, operator(session, user_id))
    return _staff_profile(session, staff(session, user_id))


def _operator_profile(session: Session, row: Operator | None) -> Profile | None:
    if row is None or not row.enabled:
        return None
    code = session.scalar(
        select(Unit.branch_code).where(Unit.unit_account_no == row.unit_account_no)
    )
    branch = _branch_name(session, code or "")
    return Profile(
        kind="operator",
        name=row.name,
        mobile_masked=mask_mobile(row.mobile),
        title=_title((OPERATOR_ROLE,), branch),
        unit_account_no=row.unit_account_no,
        branch_code=code or "",
        branch_name=branch,
        roles=(OPERATOR_ROLE,),
        must_change_password=row.must_change_password,
    )


def _staff_profile(session: Session, row: Staff | None) -> Profile | None:
    if row is None or not row.enabled:
        return None
    roles = _roles(row)
    branch = _branch_name(session, row.branch_code)
    return Profile(
        kind="staff",
        name=row.name,
        mobile_masked=mask_mobile(row.mobile),
        title=_title(roles, branch),
        unit_account_no=None,
        branch_code=row.branch_code,
        branch_name=branch,
        roles=roles,
        must_change_password=row.must_change_password,
    )


def holders(session: Session, role: str, domain: str) -> list[tuple[str, str]]:
    """(id, name) of all who may act for `role` in `domain` (`branch:QDN01`, `unit:…`, `*`)."""
    if role == OPERATOR_ROLE:
        operators = operators_of(session, domain.removeprefix("unit:"))
        return [(row.user_id, row.name) for row in operators]
    return [(row.user_id, row.name) for row in session.scalars(_holding(role, domain))]


def holding_actors(session: Session, role: str, domain: str) -> list[Actor]:
    """The same people as the engine knows them; three statements, however many they are."""
    if role == OPERATOR_ROLE:
        posts = frozenset({(role, domain)})
        operators = operators_of(session, domain.removeprefix("unit:"))
        return [Actor(row.user_id, row.name, posts, title=role) for row in operators]
    names = {branch.code: branch.name for branch in branches(session)} | {EVERY_BRANCH: HEAD_OFFICE}
    query = _holding(role, domain).options(selectinload(Staff.posts))
    return [
        Actor(row.user_id, row.name, _posts(row), _title(_roles(row), names.get(row.branch_code)))
        for row in session.scalars(query)
    ]


def _holding(role: str, domain: str) -> Select[Staff]:
    statement = select(Staff).join(Post).where(Post.role == role, Staff.enabled)
    if domain != ANYWHERE:
        statement = statement.where(_covers(domain.removeprefix("branch:")))
    return statement.distinct().order_by(Staff.id).limit(HOLDERS_MAX)


def _posts(row: Staff) -> frozenset[tuple[str, str]]:
    return frozenset((post.role, _domain(post.branch_code)) for post in row.posts)


def _roles(row: Staff) -> tuple[str, ...]:
    return tuple(dict.fromkeys(post.role for post in row.posts))


def _covers(branch_code: str) -> ColumnElement[bool]:
    return or_(Post.branch_code == branch_code, Post.branch_code == EVERY_BRANCH)


def recipients(session: Session, actor_id: str) -> tuple[str, str] | None:
    """(name, mobile) to write a message to; None when there is no such person any more."""
    if actor_id.partition(":")[0] not in ("operator", "staff"):
        return None
    row = operator(session, actor_id) or staff(session, actor_id)
    if row is None or not row.enabled:
        return None
    return row.name, row.mobile


def _split(user_id: str) -> tuple[str, int]:
    kind, _, number = user_id.partition(":")
    return kind, number_in(number) or 0


def _domain(branch_code: str) -> str:
    return ANYWHERE if branch_code == EVERY_BRANCH else f"branch:{branch_code}"


def _branch_name(session: Session, code: str) -> str:
    if code == EVERY_BRANCH:
        return HEAD_OFFICE
    return session.scalar(select(Branch.name).where(Branch.code == code)) or ""


def _title(roles: Iterable[str], branch: str | None) -> str:
    return " · ".join(part for part in ("、".join(roles), branch) if part)
