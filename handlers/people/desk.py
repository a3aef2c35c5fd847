"""What a reviewer keeps on the desk: common opinions (常用意见), saved filters (保存的筛选).

Both belong to one person and are bounded, so that every page may read all of them.  The centre's
opinions stay as defaults behind a person's own.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, UniqueConstraint, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import possible, transaction
from engine.errors import Problem
from engine.models import Base

OPINIONS_MAX = 12  # shown beside the opinion box: more cannot be overlooked at a glance
OPINION_CHARS_MAX = 60  # one chip
FILTERS_MAX = 10  # each is counted whenever the desk is drawn
NAME_CHARS_MAX = 20


class CommonOpinion(Base):
    """One text a person wants one click away; `position` is their own order."""

    __tablename__ = "hall_common_opinion"
    __table_args__ = (UniqueConstraint("owner_id", "text", name="uq_hall_common_opinion_text"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(String(OPINION_CHARS_MAX))
    position: Mapped[int]


class SavedFilter(Base):
    """The words of the desk's address (`who`, `due`, `key`, `branch`, `node`) under a name."""

    __tablename__ = "hall_saved_filter"
    __table_args__ = (UniqueConstraint("owner_id", "name", name="uq_hall_saved_filter_name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(NAME_CHARS_MAX))
    words: Mapped[dict[str, Any]]


# ── 常用意见 ───────────────────────────────────────────────────────────────────────────────────


def opinions(session: Session, owner_id: str) -> list[CommonOpinion]:
    query = select(CommonOpinion).where(CommonOpinion.owner_id == owner_id)
    return list(session.scalars(query.order_by(CommonOpinion.position, CommonOpinion.id)))


def add_opinion(session: Session, owner_id: str, text: str) -> Problem | None:
    """Put one at the end; the same text again changes nothing."""
    text = " ".join(text.split())
    if not text or not text.isprintable():
        return Problem("opinion.empty", "请先写下要加入常用的意见。", "text")
    if len(text) > OPINION_CHARS_MAX:
        most = OPINION_CHARS_MAX
        return Problem("opinion.long", f"常用意见最多 {most} 字，现有 {len(text)} 字。", "text")
    try:
        with transaction(session):
            own = opinions(session, owner_id)
            if any(each.text == text for each in own):
                return None
            if len(own) >= OPINIONS_MAX:
                most = OPINIONS_MAX
                return Problem("opinion.full", f"常用意见最多 {most} 条，请先删除不用的。", "text")
            last = max((each.position for each in own), default=0)
            session.add(CommonOpinion(owner_id=owner_id, text=text, position=last + 1))
    except IntegrityError:  # a double click: it is there
        return None
    return None


def remove_opinion(session: Session, owner_id: str, opinion_id: int) -> None:
    """Removing what is gone, or somebody else's, changes nothing."""
    with transaction(session):
        row = _own(session, CommonOpinion, owner_id, opinion_id)
        if row is not None:
            session.delete(row)


def raise_opinion(session: Session, owner_id: str, opinion_id: int) -> None:
    """One place nearer to the front."""
    with transaction(session):
        own = opinions(session, owner_id)
        at = next((i for i, each in enumerate(own) if each.id == opinion_id), 0)
        if at:
            own[at - 1], own[at] = own[at], own[at - 1]
        for position, each in enumerate(own, start=1):
            each.position = position


# ── 保存的筛选 ─────────────────────────────────────────────────────────────────────────────────


def filters(session: Session, owner_id: str) -> list[SavedFilter]:
    query = select(SavedFilter).where(SavedFilter.owner_id == owner_id)
    return list(session.scalars(query.order_by(SavedFilter.id)))


def save_filter(
    session: Session, owner_id: str, name: str, words: dict[str, str]
) -> Problem | None:
    """Keep `words` under this name; a name already used gets the new words."""
    name = " ".join(name.split())
    if not name or not name.isprintable():
        return Problem("filter.name", "请给这个筛选起个名字。", "name")
    if len(name) > NAME_CHARS_MAX:
        return Problem("filter.name", f"名字最多 {NAME_CHARS_MAX} 字，请改短一些。", "name")
    if not words:
        return Problem("filter.empty", "请先选好筛选条件，再保存。", "name")
    try:
        with transaction(session):
            return _save_filter(session, owner_id, name, words)
    except IntegrityError:  # a double click: it is there
        return None


def _save_filter(
    session: Session, owner_id: str, name: str, words: dict[str, str]
) -> Problem | None:
    own = filters(session, owner_id)
    row = next((each for each in own if each.name == name), None)
    if row is not None:
        row.words = dict(words)
    elif len(own) >= FILTERS_MAX:
        return Problem("filter.full", f"最多保存 {FILTERS_MAX} 个，请先删除不用的。", "name")
    else:
        session.add(SavedFilter(owner_id=owner_id, name=name, words=dict(words)))
    return None


def remove_filter(session: Session, owner_id: str, filter_id: int) -> None:
    """Removing what is gone, or somebody else's, changes nothing."""
    with transaction(session):
        row = _own(session, SavedFilter, owner_id, filter_id)
        if row is not None:
            session.delete(row)


def _own(session: Session, table: Any, owner_id: str, row_id: int) -> Any:
    row = session.get(table, row_id) if possible(row_id) else None
    return row if row is not None and row.owner_id == owner_id else None
