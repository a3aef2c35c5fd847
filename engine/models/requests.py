"""Diagrams, requests, their human steps and their history.

A `Definition` is immutable; an `Instance` holds the whole workflow as one blob; `Task` is the
projection people work from; `History` is only appended, each row sealed with the one before it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from engine.models.base import Base
from engine.sealing import SealedBytes, SealedJson

RUNNING_STATES = ("running", "returned")
END_STATES = ("completed", "refused", "withdrawn", "ended")
OPEN_STATES = ("open", "held")  # of a task; a held one waits for the rows below it


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
    state: Mapped[bytes] = mapped_column(SealedBytes("hall_instance.state"))
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    next_timer_at: Mapped[datetime | None]
    timer_failures: Mapped[int] = mapped_column(default=0)
    chain: Mapped[str] = mapped_column(String(64), default="")  # seal of the last history row
    waits: Mapped[str | None] = mapped_column(Text)  # what `Subscription` rows say, as sorted text
    incidents: Mapped[int] = mapped_column(default=0)  # open ones: tokens waiting to be repaired


class Task(Base):
    """One human step of one request, open or decided; the boxes are queries over this table."""

    __tablename__ = "hall_task"
    __table_args__ = (
        CheckConstraint("status in ('open','held','done','cancelled')", name="status_known"),
        CheckConstraint("kind in ('form','review')", name="kind_known"),
        CheckConstraint("part in ('step','vote','before','after','ask','fix')", name="part_known"),
        CheckConstraint("(part = 'step') = (parent_id is null)", name="part_has_parent"),
        CheckConstraint(
            "(status in ('open','held')) = (completed_at is null)", name="completed_has_time"
        ),
        Index(
            "uq_hall_task_visit",
            "instance_id",
            "spiff_id",
            "visit",
            unique=True,
            sqlite_where=text("parent_id is null"),
            postgresql_where=text("parent_id is null"),
        ),
        # Partial indexes keep the pools small however long the archive grows.  What a post may
        # take: nobody's reviews, and the forms of its unit whoever filed.  See `pools`: what
        # it asks of a step stands in the index too, so that counting goes from page to page of it
        # and not to a row somewhere in millions.
        Index(
            "ix_hall_task_pool",
            *("role", "domain", "order_at", "id"),
            *("status", "kind", "part", "assignee", "starter_id", "node", "instance_id"),
            "parent_id",
            sqlite_where=text("status = 'open' and (assignee is null or kind = 'form')"),
            postgresql_where=text("status = 'open' and (assignee is null or kind = 'form')"),
        ),
        # the same for who holds a post everywhere
        Index(
            "ix_hall_task_role",
            "role",
            "order_at",
            "id",
            sqlite_where=text("status = 'open' and (assignee is null or kind = 'form')"),
            postgresql_where=text("status = 'open' and (assignee is null or kind = 'form')"),
        ),
        Index(
            "ix_hall_task_assignee",
            *("assignee", "order_at", "id"),
            *("status", "kind", "part", "role", "domain", "starter_id", "node", "instance_id"),
            "parent_id",
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
        # with what 已办 asks of each row, so that counting reads no rows
        Index(
            "ix_hall_task_done",
            *("completed_by", "completed_at", "id", "instance_id", "decision", "status"),
        ),
        Index("ix_hall_task_instance", "instance_id", "status", "completed_by", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("hall_instance.id"))
    spiff_id: Mapped[str] = mapped_column(String(32))
    visit: Mapped[int]  # 1 for the first time a token stood here, 2 after a return …
    # One token can need several people: rows below its step, never more tokens (see `cosigning`).
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("hall_task.id"))
    part: Mapped[str] = mapped_column(String(10), default="step")
    position: Mapped[int] = mapped_column(default=0)  # order of the rows below one step
    asked_by: Mapped[str | None] = mapped_column(String(80))  # who added this row, and what for
    asked_by_name: Mapped[str | None] = mapped_column(String(120))
    note: Mapped[str | None] = mapped_column(String(500))
    key: Mapped[str] = mapped_column(String(80))  # of the service: a substitute may have only some
    starter_id: Mapped[str] = mapped_column(String(80))  # nobody reviews what they filed
    batch: Mapped[bool] = mapped_column(default=False)  # the diagram allows deciding many at once
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
    order_at: Mapped[datetime]  # due_at, or NEVER: lists are cut by this key
    completed_at: Mapped[datetime | None]
    completed_by: Mapped[str | None] = mapped_column(String(80))
    completed_by_name: Mapped[str | None] = mapped_column(String(120))
    completed_for: Mapped[str | None] = mapped_column(String(80))  # the principal of a substitute
    completed_for_name: Mapped[str | None] = mapped_column(String(120))
    decision: Mapped[str | None] = mapped_column(String(20))
    opinion: Mapped[str | None] = mapped_column(String(500))


class Candidate(Base):
    """A step that only certain people may take, when an expression of the diagram named several."""

    __tablename__ = "hall_candidate"
    __table_args__ = (Index("ix_hall_candidate_person", "person_id", "task_id"),)

    task_id: Mapped[int] = mapped_column(ForeignKey("hall_task.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(80), primary_key=True)


class Subscription(Base):
    """A message or signal a request waits for; in step with `Instance.waits`."""

    __tablename__ = "hall_subscription"
    __table_args__ = (
        CheckConstraint("kind in ('message','signal')", name="kind_known"),
        Index("ix_hall_subscription_name", "kind", "name", "correlation"),
        Index("ix_hall_subscription_instance", "instance_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("hall_instance.id"))
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(120))
    correlation: Mapped[str] = mapped_column(String(160))


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
    # e.g. {"target": "fill", "before": …, "after": …}
    detail: Mapped[dict[str, Any]] = mapped_column(SealedJson("hall_history.detail"))
    seal: Mapped[str] = mapped_column(String(64))  # HMAC over this row and the seal before it


class Seal(Base):
    """The whole history as it was at one moment: what was removed since can be told (`audit`)."""

    __tablename__ = "hall_seal"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    last_id: Mapped[int]  # of hall_history
    rows: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    seal: Mapped[str] = mapped_column(String(64))  # HMAC over this row and the seal before it


class Effect(Base):
    """An operation that has taken effect: running it again returns the first result."""

    __tablename__ = "hall_effect"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    operation: Mapped[str] = mapped_column(String(120))
    result: Mapped[dict[str, Any]] = mapped_column(SealedJson("hall_effect.result"))
    at: Mapped[datetime]
