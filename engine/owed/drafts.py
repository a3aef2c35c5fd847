"""Drafts: what somebody typed and did not submit, kept outside the workflow so that nothing is
lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine.database import transaction
from engine.errors import Problem, Refused
from engine.models import DraftRow
from engine.runtime import Actor, Runtime

DRAFT_BYTES_MAX = 200_000


@dataclass(frozen=True, slots=True)
class Draft:
    data: dict[str, Any]
    updated_at: datetime


def load(rt: Runtime, actor: Actor, scope_key: str) -> Draft | None:
    row = _row(rt.session, actor.id, scope_key)
    return None if row is None else Draft(dict(row.data), row.updated_at)


def save(rt: Runtime, actor: Actor, scope_key: str, data: dict[str, Any]) -> Draft:
    """Replace the draft of this person for this page."""
    try:
        size = len(orjson.dumps(data))
    except TypeError:  # half of a character, a number nobody means: typed by a program
        raise Refused(Problem("draft.not_json", "草稿含有无法识别的字符，没有保存。")) from None
    if size > DRAFT_BYTES_MAX:
        raise Refused(Problem("draft.too_large", "草稿内容过长，没有保存，请删减后再试。"))
    now = rt.clock()
    try:
        _write(rt.session, (actor.id, scope_key), data, now)
    except IntegrityError:  # two tabs saved the first draft at once: the later one wins
        _write(rt.session, (actor.id, scope_key), data, now)
    return Draft(data, now)


def drop(session: Session, actor_id: str, scope_key: str) -> None:
    """Forget the draft, in the caller's transaction."""
    session.execute(
        delete(DraftRow).where(DraftRow.actor_id == actor_id, DraftRow.scope_key == scope_key)
    )


def _write(session: Session, owner: tuple[str, str], data: dict[str, Any], now: datetime) -> None:
    with transaction(session):
        row = _row(session, *owner)
        if row is None:
            row = DraftRow(actor_id=owner[0], scope_key=owner[1], data=data, updated_at=now)
            session.add(row)
        else:
            row.data, row.updated_at = data, now


def _row(session: Session, actor_id: str, scope_key: str) -> DraftRow | None:
    return session.scalar(
        select(DraftRow).where(DraftRow.actor_id == actor_id, DraftRow.scope_key == scope_key)
    )
