"""What is still owed or stuck: the outbox, long jobs, incidents and their repairs.

Redis only says "look now"; these rows are the truth, and a sweeper finds what nobody announced.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from engine.models.base import Base
from engine.sealing import SealedJson, SealedText


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
    payload: Mapped[dict[str, Any]] = mapped_column(SealedJson("hall_outbox.payload"))
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("hall_instance.id"))
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]  # not before; also the end of the lease while somebody runs it
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(SealedText("hall_outbox.last_error"))


class Job(Base):
    """Long work somebody waits for, with progress a page can read; leased like an outbox item."""

    __tablename__ = "hall_job"
    __table_args__ = (
        CheckConstraint(
            "status in ('queued','running','done','failed','cancelled')", name="status_known"
        ),
        CheckConstraint(
            "(finished_at is null) = (status in ('queued','running'))", name="finished_has_time"
        ),
        CheckConstraint("done >= 0 and total >= 0", name="progress_positive"),
        Index(
            "ix_hall_job_due",
            "due_at",
            "id",
            sqlite_where=text("finished_at is null"),
            postgresql_where=text("finished_at is null"),
        ),
        Index("ix_hall_job_owner", "owner_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(160))
    owner_id: Mapped[str] = mapped_column(String(80))  # who may look at it and cancel it
    owner_name: Mapped[str] = mapped_column(String(120))
    payload: Mapped[dict[str, Any]] = mapped_column(SealedJson("hall_job.payload"))
    status: Mapped[str] = mapped_column(String(10))
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)  # 0: not known yet
    message: Mapped[str] = mapped_column(String(300), default="")
    # where a new runner goes on
    cursor: Mapped[dict[str, Any]] = mapped_column(SealedJson("hall_job.cursor"), default=dict)
    result: Mapped[dict[str, Any]] = mapped_column(SealedJson("hall_job.result"), default=dict)
    cancelling: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(default=0)  # leases given: only the newest may write
    failures: Mapped[int] = mapped_column(default=0)  # in a row, without any progress
    last_error: Mapped[str | None] = mapped_column(SealedText("hall_job.last_error"))
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]  # not before; also the end of the lease while somebody runs it
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Incident(Base):
    """Something automatic that failed: an operation or expression of a request (the token waits in
    front of it), a timer, an outbox item or a job whose tries are used up."""

    __tablename__ = "hall_incident"
    __table_args__ = (
        CheckConstraint("kind in ('step','timer','outbox','job')", name="kind_known"),
        CheckConstraint("(resolved_at is null) = (resolution is null)", name="resolved_has_time"),
        Index(
            "ix_hall_incident_open",
            "kind",
            "cause",
            "id",
            sqlite_where=text("resolved_at is null"),
            postgresql_where=text("resolved_at is null"),
        ),
        Index("ix_hall_incident_instance", "instance_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("hall_instance.id"))
    ref: Mapped[str] = mapped_column(String(60))  # token (hex), outbox or job id
    node: Mapped[str | None] = mapped_column(String(80))
    node_name: Mapped[str | None] = mapped_column(String(120))
    cause: Mapped[str] = mapped_column(String(160))  # service, node and error class: "of a kind"
    error: Mapped[str] = mapped_column(SealedText("hall_incident.error"))
    trace: Mapped[str] = mapped_column(SealedText("hall_incident.trace"))
    attempts: Mapped[int] = mapped_column(default=1)
    opened_at: Mapped[datetime]
    last_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None] = mapped_column(String(80))
    resolved_by_name: Mapped[str | None] = mapped_column(String(120))
    resolution: Mapped[str | None] = mapped_column(String(12))  # retried | skipped | gone


class Repair(Base):
    """An edit of the data or a skip proposed for an incident; money needs a second person."""

    __tablename__ = "hall_repair"
    __table_args__ = (
        CheckConstraint("kind in ('edit','skip')", name="kind_known"),
        CheckConstraint("confirmed_by is null or confirmed_by <> proposed_by", name="two_people"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("hall_incident.id"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    # edit: top-level keys to set
    data: Mapped[dict[str, Any]] = mapped_column(SealedJson("hall_repair.data"))
    reason: Mapped[str] = mapped_column(String(500))
    proposed_by: Mapped[str] = mapped_column(String(80))
    proposed_by_name: Mapped[str] = mapped_column(String(120))
    proposed_at: Mapped[datetime]
    confirmed_by: Mapped[str | None] = mapped_column(String(80))
    confirmed_by_name: Mapped[str | None] = mapped_column(String(120))
    confirmed_at: Mapped[datetime | None]
    dropped_at: Mapped[datetime | None]  # taken back or overtaken
