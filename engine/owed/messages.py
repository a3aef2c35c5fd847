"""In-hall messages (消息 / 已阅): put by operations; read, deleted, restored by recipients."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.database import possible, transaction
from engine.errors import not_found
from engine.models import Message
from engine.runtime import Actor, Runtime

if TYPE_CHECKING:
    from engine.requests.cases import Case


def put(
    session: Session,
    *,
    recipient: str,
    title: str,
    body: str,
    business: str,
    channel: str,
    no: str | None,
    now: datetime,
    key: str | None = None,
) -> None:
    """Write one message in the caller's transaction; the same `key` twice writes one."""
    if key and session.scalar(select(Message.id).where(Message.key == key)) is not None:
        return
    session.add(
        Message(
            key=key,
            recipient=recipient,
            title=title[:160],
            body=body,
            business=business,
            channel=channel,
            no=no,
            created_at=now,
        )
    )
    session.flush()


def about(rt: Runtime, case: Case, recipient: str, *, title: str, body: str, channel: str) -> None:
    """A message about a request, in the transaction of the verb that causes it."""
    put(
        rt.session,
        recipient=recipient,
        title=title,
        body=body,
        business=case.name,
        channel=channel,
        no=case.no,
        now=rt.clock(),
    )


def get(rt: Runtime, actor: Actor, message_id: int) -> Message:
    """The actor's own message, deleted or not; NotFound for anybody else's."""
    message = rt.session.get(Message, message_id) if possible(message_id) else None
    if message is None or message.recipient != actor.id:
        raise not_found("消息")
    return message


def mark_read(rt: Runtime, actor: Actor, message_id: int) -> None:
    """标为已阅; doing it twice keeps the first time."""
    with transaction(rt.session):
        message = get(rt, actor, message_id)
        message.read_at = message.read_at or rt.clock()


def delete(rt: Runtime, actor: Actor, message_id: int) -> None:
    with transaction(rt.session):
        message = get(rt, actor, message_id)
        message.deleted_at = message.deleted_at or rt.clock()


def restore(rt: Runtime, actor: Actor, message_id: int) -> None:
    with transaction(rt.session):
        get(rt, actor, message_id).deleted_at = None
