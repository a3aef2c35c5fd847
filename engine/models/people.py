"""What belongs to people rather than to a request's path: messages, drafts, copies, substitutes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from engine.models.base import Base
from engine.sealing import SealedJson


class Message(Base):
    """An in-hall message (消息); read ones move to 已阅, deleted ones can be restored."""

    __tablename__ = "hall_message"
    __table_args__ = (
        Index(
            "ix_hall_message_box",
            "recipient",
            "read_at",
            "created_at",
            "id",
            sqlite_where=text("deleted_at is null"),
            postgresql_where=text("deleted_at is null"),
        ),
        UniqueConstraint("key", name="uq_hall_message_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str | None] = mapped_column(String(160))
    recipient: Mapped[str] = mapped_column(String(80))
    title: Mapped[str] = mapped_column(String(160))
    body: Mapped[str] = mapped_column(Text)
    business: Mapped[str] = mapped_column(String(120))
    channel: Mapped[str] = mapped_column(String(40))
    no: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class DraftRow(Base):
    """What somebody typed and did not submit yet, per person and page."""

    __tablename__ = "hall_draft"
    __table_args__ = (UniqueConstraint("actor_id", "scope_key", name="uq_hall_draft_owner"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    actor_id: Mapped[str] = mapped_column(String(80))
    scope_key: Mapped[str] = mapped_column(String(160))
    data: Mapped[dict[str, Any]] = mapped_column(SealedJson("hall_draft.data"))
    updated_at: Mapped[datetime]


class Copy(Base):
    """抄送: somebody who may read a request without working on it, and since when they have."""

    __tablename__ = "hall_copy"
    __table_args__ = (
        UniqueConstraint("instance_id", "recipient", name="uq_hall_copy_recipient"),
        Index("ix_hall_copy_recipient", "recipient", "read_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("hall_instance.id"))
    recipient: Mapped[str] = mapped_column(String(80))
    recipient_name: Mapped[str] = mapped_column(String(120))
    by_id: Mapped[str] = mapped_column(String(80))
    by_name: Mapped[str] = mapped_column(String(120))
    note: Mapped[str | None] = mapped_column(String(500))
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class Substitute(Base):
    """代理: one person works in another's name from one moment to another."""

    __tablename__ = "hall_substitute"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="starts_before_end"),
        CheckConstraint("principal_id <> substitute_id", name="two_people"),
        Index(
            "ix_hall_substitute_substitute",
            "substitute_id",
            "ends_at",
            sqlite_where=text("cancelled_at is null"),
            postgresql_where=text("cancelled_at is null"),
        ),
        Index("ix_hall_substitute_principal", "principal_id", "ends_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    principal_id: Mapped[str] = mapped_column(String(80))
    principal_name: Mapped[str] = mapped_column(String(120))
    substitute_id: Mapped[str] = mapped_column(String(80))
    substitute_name: Mapped[str] = mapped_column(String(120))
    services: Mapped[list[Any]]  # keys; empty: every service
    reason: Mapped[str] = mapped_column(String(500))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
    cancelled_by: Mapped[str | None] = mapped_column(String(80))
    cancelled_at: Mapped[datetime | None]
