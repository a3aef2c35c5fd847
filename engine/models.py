"""The engine's tables.

A `Definition` is immutable; an `Instance` holds the whole workflow as one blob; `Task` is the
projection people work from; `History` is only appended; `OutboxItem` is what the outside world is
still owed. Everything else in the database belongs to the rooms above and refers to an instance by
its number.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

RUNNING_STATES = ("running", "returned")
END_STATES = ("completed", "refused", "withdrawn", "ended")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC; SQLite forgets the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: every time in the hall carries its zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Parent of every table of the hall, here and in the handlers."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON}


class Definition(Base):
    """One deployed version of a diagram; rows are only inserted, a change is a new version."""

    __tablename__ = "hall_definition"
    __table_args__ = (
        UniqueConstraint("key", "version", name="uq_hall_definition_key_version"),
        CheckConstraint("version > 0", name="version_positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(80))
    version: Mapped[int]
    name: Mapped[str] = mapped_column(String(120))
    sha256: Mapped[str] = mapped_column(String(64))
    files: Mapped[dict[str, Any]]  # file name → text of the BPMN and DMN files
    deployed_at: Mapped[datetime]
    deployed_by: Mapped[str] = mapped_column(String(80))


class Instance(Base):
    """One request (申请单): its place in the diagram and what lists show of it."""

    __tablename__ = "hall_instance"
    __table_args__ = (
        CheckConstraint(
            "status in ('running','returned','completed','refused','withdrawn','ended')",
            name="status_known",
        ),
        CheckConstraint(
            "(ended_at is null) = (status in ('running','returned'))", name="ended_has_time"
        ),
        # One request in flight per key: the database itself refuses the second one.
        Index(
            "uq_hall_instance_in_flight",
            "in_flight",
            unique=True,
            sqlite_where=text("in_flight is not null"),
            postgresql_where=text("in_flight is not null"),
        ),
        Index("ix_hall_instance_starter", "starter_id", "started_at", "id"),
        Index("ix_hall_instance_scope", "scope", "started_at", "id"),
        Index("ix_hall_instance_branch", "branch", "started_at", "id"),
        Index(
            "ix_hall_instance_timer",
            "next_timer_at",
            sqlite_where=text("next_timer_at is not null"),
            postgresql_where=text("next_timer_at is not null"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    no: Mapped[str] = mapped_column(String(40), unique=True)
    definition_id: Mapped[int] = mapped_column(ForeignKey("hall_definition.id"))
    key: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(120))
    status: Mapped[str] = mapped_column(String(12))
    label: Mapped[str] = mapped_column(String(60))
    path: Mapped[list[Any]]  # node ids foretold at filing; `progress` walks along it
    progress: Mapped[str] = mapped_column(String(120))  # one letter a step: d, c, x (returned), -
    deciders: Mapped[dict[str, Any]]  # review node → [actor id, last decision]
    summary: Mapped[str] = mapped_column(String(300))
    scope: Mapped[str] = mapped_column(String(80))
    scope_name: Mapped[str] = mapped_column(String(255))
    branch: Mapped[str] = mapped_column(String(40))
    starter_id: Mapped[str] = mapped_column(String(80))
    starter_name: Mapped[str] = mapped_column(String(120))
    token: Mapped[str | None] = mapped_column(String(120), unique=True)
    in_flight: Mapped[str | None] = mapped_column(String(180))
    revision: Mapped[int]  # one more with every verb; equals the last history row's seq
    state: Mapped[bytes] = mapped_column(LargeBinary)
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    next_timer_at: Mapped[datetime | None]
    timer_failures: Mapped[int] = mapped_column(default=0)


class Task(Base):
    """One human step of one request, open or decided; the boxes are queries over this table."""

    __tablename__ = "hall_task"
    __table_args__ = (
        CheckConstraint("status in ('open','done','cancelled')", name="status_known"),
        CheckConstraint("kind in ('form','review')", name="kind_known"),
        CheckConstraint("(status = 'open') = (completed_at is null)", name="completed_has_time"),
        UniqueConstraint("instance_id", "spiff_id", "visit", name="uq_hall_task_visit"),
        # partial indexes keep the pool small however long the archive grows
        Index(
            "ix_hall_task_pool",
            "role",
            "domain",
            "due_at",
            "id",
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
        Index(
            "ix_hall_task_assignee",
            "assignee",
            "due_at",
            "id",
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
        Index("ix_hall_task_done", "completed_by", "completed_at", "id"),
        Index("ix_hall_task_instance", "instance_id", "status"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("hall_instance.id"))
    spiff_id: Mapped[str] = mapped_column(String(32))
    visit: Mapped[int]  # 1 for the first time a token stood here, 2 after a return …
    node: Mapped[str] = mapped_column(String(80))
    node_name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(10))
    form: Mapped[str | None] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(80))
    domain: Mapped[str] = mapped_column(String(80))
    status: Mapped[str] = mapped_column(String(10))
    assignee: Mapped[str | None] = mapped_column(String(80))
    assignee_name: Mapped[str | None] = mapped_column(String(120))
    created_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    completed_by: Mapped[str | None] = mapped_column(String(80))
    completed_by_name: Mapped[str | None] = mapped_column(String(120))
    decision: Mapped[str | None] = mapped_column(String(20))
    opinion: Mapped[str | None] = mapped_column(String(500))


class History(Base):
    """What happened, in order, without gaps: one row per verb, automatic step or timer."""

    __tablename__ = "hall_history"
    __table_args__ = (UniqueConstraint("instance_id", "seq", name="uq_hall_history_seq"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("hall_instance.id"))
    seq: Mapped[int]
    at: Mapped[datetime]
    actor_id: Mapped[str] = mapped_column(String(80))
    actor_name: Mapped[str] = mapped_column(String(120))
    actor_title: Mapped[str] = mapped_column(String(160))
    verb: Mapped[str] = mapped_column(String(20))
    node: Mapped[str | None] = mapped_column(String(80))
    node_name: Mapped[str | None] = mapped_column(String(120))
    opinion: Mapped[str | None] = mapped_column(String(500))
    detail: Mapped[dict[str, Any]]  # e.g. {"target": "fill", "before": …, "after": …}


class Effect(Base):
    """An operation that has taken effect: running it again returns the first result."""

    __tablename__ = "hall_effect"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    operation: Mapped[str] = mapped_column(String(120))
    result: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class OutboxItem(Base):
    """Something the outside world is owed after commit (SMS, PDF …); done when `done_at` is set."""

    __tablename__ = "hall_outbox"
    __table_args__ = (
        Index(
            "ix_hall_outbox_due",
            "due_at",
            "id",
            sqlite_where=text("done_at is null and failed_at is null"),
            postgresql_where=text("done_at is null and failed_at is null"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]]
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("hall_instance.id"))
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]  # not before; also the end of the lease while somebody runs it
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)


class Message(Base):
    """An in-hall message (消息); read ones move to 已阅, deleted ones can be restored."""

    __tablename__ = "hall_message"
    __table_args__ = (
        Index("ix_hall_message_box", "recipient", "read_at", "created_at", "id"),
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
    data: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]
