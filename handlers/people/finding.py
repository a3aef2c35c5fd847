"""Finding people to pick: by name, 工号, post or branch, bounded, only from one's own side.

Staff find staff, a unit's operators find each other; whoever is disabled is not found.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, or_, select
from sqlalchemy.orm import Session, selectinload

from engine.runtime import ANYWHERE
from handlers.people.models import EVERY_BRANCH, Branch, Operator, Post, Staff
from handlers.people.queries import OPERATOR_ROLE

FOUND_MAX = 10  # what fits under the box; typing one more letter finds the rest
QUERY_CHARS_MAX = 40


@dataclass(frozen=True, slots=True)
class Found:
    """One person to pick; `title` tells namesakes apart: post and branch."""

    id: str
    name: str
    title: str


def staff(session: Session, q: str, *, role: str = "", domain: str = "") -> list[Found]:
    """Staff whose name, 工号, post or branch contains `q`; only holders of `role` in `domain`
    (`branch:QDN01` or `*`) when given.  Names that begin with `q` come first."""
    words = _words(q)
    query = select(Staff).options(selectinload(Staff.posts)).where(Staff.enabled)
    if role:
        query = query.where(Staff.posts.any((Post.role == role) & _at(domain)))
    if words:
        branches = select(Branch.code).where(Branch.name.icontains(words, autoescape=True))
        query = query.where(
            or_(
                Staff.name.icontains(words, autoescape=True),
                Staff.login == words,
                Staff.posts.any(Post.role.icontains(words, autoescape=True)),
                Staff.branch_code.in_(branches),
            )
        )
    elif not role:
        return []
    first = case((Staff.name.istartswith(words, autoescape=True), 0), else_=1)
    rows = session.scalars(query.order_by(first, Staff.name, Staff.id).limit(FOUND_MAX))
    names = _branch_names(session)
    return [Found(row.user_id, row.name, _title(row, names)) for row in rows]


def colleagues(session: Session, unit_account_no: str, q: str) -> list[Found]:
    """Other operators of one unit."""
    words = _words(q)
    if not words:
        return []
    query = select(Operator).where(
        Operator.unit_account_no == unit_account_no,
        Operator.enabled,
        Operator.name.icontains(words, autoescape=True),
    )
    rows = session.scalars(query.order_by(Operator.name, Operator.id).limit(FOUND_MAX))
    return [Found(row.user_id, row.name, OPERATOR_ROLE) for row in rows]


def _words(q: str) -> str:
    return "".join(char for char in q if char.isprintable()).strip()[:QUERY_CHARS_MAX]


def _at(domain: str) -> ColumnElement[bool]:
    if not domain or domain == ANYWHERE:
        return Post.branch_code.is_not(None)
    code = domain.removeprefix("branch:")
    return or_(Post.branch_code == code, Post.branch_code == EVERY_BRANCH)


def _branch_names(session: Session) -> dict[str, str]:
    found = {code: name for code, name in session.execute(select(Branch.code, Branch.name))}
    return found | {EVERY_BRANCH: "中心机关"}


def _title(row: Staff, names: dict[str, str]) -> str:
    roles = "、".join(dict.fromkeys(post.role for post in row.posts))
    return " · ".join(part for part in (roles, names.get(row.branch_code, "")) if part)
