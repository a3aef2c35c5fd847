"""What the boxes return: filters, rows, a page cut by key, and counts that stop counting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Table

from engine.boxes import cursors
from engine.boxes.view import TONES
from engine.models import Instance

COUNTED_MAX = 99  # "99+": counting to 999 would be the dearest part of every page
PAGE_ROWS_MAX = 100  # what a person can look through; a link could ask for any number
Row = TypeVar("Row")


class Count(int):
    """How many; with `more`, at least so many: what lies beyond is not counted."""

    more: bool

    def __new__(cls, number: int, more: bool = False) -> Count:
        made = super().__new__(cls, number)
        made.more = more
        return made

    def __repr__(self) -> str:
        return f"{int(self)}{'+' if self.more else ''}"

    def __reduce__(self) -> tuple[Any, ...]:
        return Count, (int(self), self.more)


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """`who`: all, mine or pool; `due`: over, today or soon; `step`: a name in the diagram; dates
    bound the filing time."""

    who: str = "all"
    due: str | None = None
    key: str | None = None
    branch: str | None = None
    step: str | None = None
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
    """One step in 待办 or 已办."""

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
    starter_name: str
    started_at: datetime
    created_at: datetime
    due_at: datetime | None
    assignee: str | None
    assignee_name: str | None
    progress: str
    decision: str | None
    completed_at: datetime | None
    batch: bool  # the diagram allows deciding many at once
    part: str  # step | vote | before | after | ask | fix
    asked_by_name: str | None  # who added this row below a step, and what for
    note: str | None
    last_opinion: str | None  # why it was last returned or refused, and by whom
    last_actor: str | None
    visits: int  # how often a token has stood here, this time included
    tone: str
    part_name: str  # what a list calls the part; "" for an ordinary step
    behalf_name: str | None  # the principal, when it is here for a substitute


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
    starter_name: str
    started_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
    progress: str
    tone: str


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

    all: Count
    mine: Count
    pool: Count
    over: Count
    today: Count
    soon: Count
    by_key: list[tuple[str, str, Count]]
    by_branch: list[tuple[str, Count]]


_CASE = cast(Table, Instance.__table__)
# in the order of the fields of `RequestRow`, and what its cursor needs
REQUEST_COLUMNS = (
    *(_CASE.c[name] for name in ("no", "key", "name", "summary", "scope_name", "branch")),
    *(_CASE.c[name] for name in ("status", "label", "starter_name", "started_at", "due_at")),
    *(_CASE.c[name] for name in ("ended_at", "progress", "id")),
)


def request_row(row: Any) -> RequestRow:
    """From a row of `REQUEST_COLUMNS`."""
    values: list[Any] = [*row[:-1], TONES[row.status]]
    return RequestRow(*values)


def page_size(limit: int) -> int:
    return max(1, min(limit, PAGE_ROWS_MAX))


def cut(rows: Sequence[Row], limit: int, keys: Sequence[tuple[datetime, int]]) -> Page[Row]:
    """A page of one row more than was asked for; `keys` are the sort keys of the rows."""
    size = page_size(limit)
    if len(rows) <= size:
        return Page(list(rows), None)
    return Page(list(rows[:size]), cursors.write(*keys[size - 1]))
