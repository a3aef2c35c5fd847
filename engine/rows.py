"""What the boxes return: filters, rows and a page cut by key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """`who`: all, mine or pool; `due`: over, today or soon; dates bound the filing time."""

    who: str = "all"
    due: str | None = None
    key: str | None = None
    branch: str | None = None
    q: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RequestFilter:
    status: str | None = None
    key: str | None = None
    q: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TaskRow:
    task_id: int
    no: str
    key: str
    name: str
    summary: str
    scope_name: str
    branch: str
    node: str
    node_name: str
    kind: str
    status: str
    label: str
    tone: str
    starter_name: str
    started_at: datetime
    created_at: datetime
    due_at: datetime | None
    assignee: str | None
    assignee_name: str | None
    last_opinion: str | None
    last_actor: str | None
    progress: str
    decision: str | None
    completed_at: datetime | None
    visits: int


@dataclass(frozen=True, slots=True)
class RequestRow:
    no: str
    key: str
    name: str
    summary: str
    scope_name: str
    branch: str
    status: str
    label: str
    tone: str
    starter_name: str
    started_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
    progress: str


@dataclass(frozen=True, slots=True)
class MessageRow:
    id: int
    title: str
    body: str
    business: str
    channel: str
    created_at: datetime
    read_at: datetime | None
    no: str | None


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """`next` is the cursor of the following page, None on the last one."""

    rows: list[Row]
    next: str | None


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts beside the desk's filters."""

    all: int
    mine: int
    pool: int
    over: int
    today: int
    soon: int
    by_key: list[tuple[str, str, int]]
    by_branch: list[tuple[str, int]]
