"""The five boxes: 消息 / 待办 / 已办 / 我发起的 / 已阅.

Pages are cut by key (`after`), never by OFFSET: the last page of a million costs what the first
does.  Counts stop at a bound: nobody acts on the difference between 1,000 and 1,001.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    tuple_,
)

from engine.boxes import cursors
from engine.boxes.facets import days_of, facets
from engine.boxes.pools import ASKED, CASE, SHAPES_MAX, TASK, Way, merged, reach
from engine.boxes.rows import (
    COUNTED_MAX,
    REQUEST_COLUMNS,
    Count,
    MessageRow,
    Page,
    RequestFilter,
    RequestRow,
    TaskFilter,
    TaskRow,
    cut,
    page_size,
    request_row,
)
from engine.boxes.searching import like, pattern, search
from engine.boxes.view import TONES
from engine.database import possible
from engine.models import RUNNING_STATES, History, Message
from engine.requests.parts import NAMES
from engine.runtime import Actor, Runtime

__all__ = (
    ["BOXES", "count", "count_todo", "counts", "done", "facets", "messages", "search"]
    + ["started", "todo"]
)  # fmt: skip

BOXES = ("messages", "todo", "done", "started", "read")
_MESSAGE = cast(Table, Message.__table__)
_HISTORY = cast(Table, History.__table__)
_NONE_TASK, _NONE_REQUEST = TaskFilter(), RequestFilter()
Asked = dict[str, Any]  # name of a condition → its value


def count(rt: Runtime, actor: Actor, box: str) -> Count:
    """How many rows a box holds, up to `COUNTED_MAX`; 消息 counts the unread."""
    assert box in BOXES, box
    if box == "todo":
        return count_todo(rt, actor)
    return _bounded(rt.session.scalar(_counted(box), {"me": actor.id}))


def count_todo(rt: Runtime, actor: Actor, flt: TaskFilter = _NONE_TASK) -> Count:
    """How many steps 待办 holds with this filter, up to `COUNTED_MAX`."""
    asked = _asked_todo(rt, flt, None)
    if not _findable(asked):
        return Count(0)
    mine = reach(actor)
    query = _todo_count(mine.ways, frozenset(asked))
    return _bounded(rt.session.scalar(query, mine.values | _values(asked)))


def _bounded(number: int | None) -> Count:
    assert number is not None
    return Count(min(number, COUNTED_MAX), number > COUNTED_MAX)


def counts(rt: Runtime, actor: Actor) -> dict[str, Count]:
    """`count` of all five boxes."""
    return {box: count(rt, actor, box) for box in BOXES}


def todo(
    rt: Runtime,
    actor: Actor,
    flt: TaskFilter = _NONE_TASK,
    *,
    after: str | None = None,
    limit: int = 20,
) -> Page[TaskRow]:
    """待办, the most urgent first."""
    asked = _asked_todo(rt, flt, after)
    if not _findable(asked):
        return Page([], None)
    mine = reach(actor)
    query = _todo(mine.ways, frozenset(asked), page_size(limit) + 1)
    rows = rt.session.execute(query, mine.values | _values(asked)).all()
    keys = [(row.order_at, row.task_id) for row in rows]
    return cut([_task_row(row, mine.behalf(row.way)) for row in rows], limit, keys)


def done(
    rt: Runtime,
    actor: Actor,
    flt: TaskFilter = _NONE_TASK,
    *,
    after: str | None = None,
    limit: int = 20,
) -> Page[TaskRow]:
    """已办, the latest first; one row a request."""
    asked = _asked(flt, after)
    if not _findable(asked):
        return Page([], None)
    query = _done(frozenset(asked), page_size(limit) + 1)
    rows = rt.session.execute(query, {"me": actor.id} | _values(asked)).all()
    keys = [(row.completed_at, row.task_id) for row in rows]
    return cut([_task_row(row, None) for row in rows], limit, keys)


def started(
    rt: Runtime,
    actor: Actor,
    flt: RequestFilter = _NONE_REQUEST,
    *,
    after: str | None = None,
    limit: int = 20,
) -> Page[RequestRow]:
    """我发起的, the latest first."""
    asked = _asked(flt, after)
    if flt.status:
        asked["open" if flt.status == "open" else "status"] = flt.status
    if not _findable(asked):
        return Page([], None)
    query = _started(frozenset(asked)).limit(page_size(limit) + 1)
    rows = rt.session.execute(query, {"me": actor.id} | _values(asked)).all()
    return cut([request_row(row) for row in rows], limit, [(r.started_at, r.id) for r in rows])


def messages(
    rt: Runtime,
    actor: Actor,
    *,
    read: bool = False,
    after: str | None = None,
    limit: int = 20,
    q: str | None = None,
) -> Page[MessageRow]:
    """消息 (unread) or 已阅, the latest first; deleted ones are in neither."""
    asked: Asked = {"after": cursors.read(after)} if after is not None else {}
    if q and q.strip():
        asked["words"] = pattern(q)
    query = _messages(read, frozenset(asked)).limit(page_size(limit) + 1)
    rows = rt.session.execute(query, {"me": actor.id} | _values(asked)).all()
    return cut([MessageRow(*row) for row in rows], limit, [(r.created_at, r.id) for r in rows])


# ── what was asked ──────────────────────────────────────────────────────────────────────────────


def _asked(flt: TaskFilter | RequestFilter, after: str | None) -> Asked:
    names = ("key", "branch", "step", "since", "until")
    asked = {name: given for name in names if (given := getattr(flt, name, None))}
    if flt.q and flt.q.strip():
        asked["words"] = pattern(flt.q)
    if after is not None:
        asked["after"] = cursors.read(after)
    return asked


def _asked_todo(rt: Runtime, flt: TaskFilter, after: str | None) -> Asked:
    asked = _asked(flt, after) | _due(rt, flt.due)
    return asked | ({flt.who: True} if flt.who in ("mine", "pool") else {})


def _due(rt: Runtime, kind: str | None) -> Asked:
    days = days_of(rt)
    if kind not in days:
        return {}
    return {"due_before": days[kind]} | ({} if kind == "over" else {"due_from": days["over"]})


def _findable(asked: Asked) -> bool:
    """A database raises on text no row can hold, and links can be typed by hand."""
    return all(possible(asked.get(name, "-")) for name in ("key", "branch", "step", "status"))


def _values(asked: Asked) -> dict[str, Any]:
    values = dict(asked)
    if "after" in values:
        values["after_at"], values["after_id"] = values.pop("after")
    return values


def _before(at: Any, row_id: Any) -> ColumnElement[bool]:
    """The following page of a list with the latest first."""
    given = bindparam("after_at", type_=at.type), bindparam("after_id", type_=row_id.type)
    return tuple_(at, row_id) < tuple_(*given)


# ── statements, built once for everybody who asks alike ─────────────────────────────────────────


def _task_columns() -> tuple[ColumnElement[Any], ...]:
    """In the order of the fields of `TaskRow`."""
    returned = (
        select(_HISTORY.c.opinion)
        .where(
            _HISTORY.c.instance_id == TASK.c.instance_id,
            _HISTORY.c.verb.in_([literal_column("'return'"), literal_column("'refuse'")]),
        )
        .order_by(_HISTORY.c.seq.desc())
        .limit(literal_column("1"))
        .correlate(TASK)
    )
    visits = TASK.alias("visits")
    times = select(func.count()).where(
        visits.c.instance_id == TASK.c.instance_id,
        visits.c.node == TASK.c.node,
        visits.c.parent_id.is_(None),
    )
    # nothing has happened to most requests since they were filed: nothing to look up
    untouched = CASE.c.revision == 1

    def looked_up(query: Select[Any], otherwise: Any, name: str) -> ColumnElement[Any]:
        return case((untouched, otherwise), else_=query.scalar_subquery()).label(name)

    return (
        *(TASK.c.id.label("task_id"), CASE.c.no, CASE.c.key, CASE.c.name, CASE.c.summary),
        *(CASE.c.scope_name, CASE.c.branch, TASK.c.node, TASK.c.node_name, TASK.c.kind),
        *(CASE.c.status, CASE.c.label, CASE.c.starter_name, CASE.c.started_at),
        *(TASK.c.created_at, TASK.c.due_at, TASK.c.assignee, TASK.c.assignee_name),
        *(CASE.c.progress, TASK.c.decision, TASK.c.completed_at, TASK.c.batch, TASK.c.part),
        *(TASK.c.asked_by_name, TASK.c.note, looked_up(returned, null(), "last_opinion")),
        looked_up(returned.with_only_columns(_HISTORY.c.actor_name), null(), "last_actor"),
        looked_up(times.correlate(TASK), literal_column("1"), "visits"),
    )


_TASK_COLUMNS = _task_columns()


def _task_row(row: Any, behalf_name: str | None) -> TaskRow:
    part_name = "" if row.part == "step" else NAMES[row.part]
    values: list[Any] = [*row[: len(_TASK_COLUMNS)], TONES[row.status], part_name, behalf_name]
    return TaskRow(*values)


@lru_cache(SHAPES_MAX)
def _todo(ways: tuple[Way, ...], asked: frozenset[str], rows: int) -> Select[Any]:
    picked = merged(ways, asked, rows).subquery("picked")
    query = select(*_TASK_COLUMNS, picked.c.order_at, picked.c.way)
    query = query.join_from(picked, TASK, TASK.c.id == picked.c.id)
    query = query.join(CASE, CASE.c.id == TASK.c.instance_id)
    return query.order_by(picked.c.order_at, picked.c.id)


def _decided() -> Select[Any]:
    """The actor's last decided step of each request; a filing counts once the request has ended."""
    later, ended = TASK.alias("later"), CASE.alias("ended")
    newer = exists().where(
        later.c.instance_id == TASK.c.instance_id,
        later.c.completed_by == bindparam("me"),
        later.c.status == literal_column("'done'"),
        later.c.id > TASK.c.id,
    )
    over = exists().where(ended.c.id == TASK.c.instance_id, ended.c.ended_at.is_not(None))
    mine = TASK.c.completed_by == bindparam("me"), TASK.c.status == literal_column("'done'")
    filed = TASK.c.decision == literal_column("'start'")
    return select(TASK.c.id).where(*mine, or_(not_(filed), over), not_(newer))


@lru_cache(SHAPES_MAX)
def _done(asked: frozenset[str], rows: int) -> Select[Any]:
    conditions = [
        _before(TASK.c.completed_at, TASK.c.id) if name == "after" else ASKED[name]
        for name in sorted(asked)
    ]
    query = _decided().where(*conditions).order_by(TASK.c.completed_at.desc(), TASK.c.id.desc())
    query = query.with_only_columns(*_TASK_COLUMNS).limit(literal_column(str(rows)))
    return query.join_from(TASK, CASE, CASE.c.id == TASK.c.instance_id)


@lru_cache(SHAPES_MAX)
def _started(asked: frozenset[str]) -> Select[Any]:
    own = {
        "key": CASE.c.key == bindparam("key"),
        "open": CASE.c.status.in_(RUNNING_STATES),
        "status": CASE.c.status == bindparam("status"),
        "after": _before(CASE.c.started_at, CASE.c.id),
    }
    conditions = [own[name] if name in own else ASKED[name] for name in sorted(asked)]
    query = select(*REQUEST_COLUMNS).where(CASE.c.starter_id == bindparam("me"), *conditions)
    return query.order_by(CASE.c.started_at.desc(), CASE.c.id.desc())


@lru_cache(SHAPES_MAX)
def _messages(read: bool, asked: frozenset[str]) -> Select[Any]:
    box = _MESSAGE.c
    own = {
        "words": or_(like(box.title), like(box.body)),
        "after": _before(box.created_at, box.id),
    }
    state = box.read_at.is_not(None) if read else box.read_at.is_(None)
    columns = (box.id, box.title, box.body, box.business, box.channel, box.created_at, box.read_at)
    query = select(*columns, box.no).where(box.recipient == bindparam("me"), state)
    query = query.where(box.deleted_at.is_(None), *(own[name] for name in sorted(asked)))
    return query.order_by(box.created_at.desc(), box.id.desc())


@lru_cache(SHAPES_MAX)
def _todo_count(ways: tuple[Way, ...], asked: frozenset[str]) -> Select[Any]:
    steps = merged(ways, asked, COUNTED_MAX + 1).subquery()
    return select(func.count()).select_from(steps)


@lru_cache(len(BOXES))
def _counted(box: str) -> Select[Any]:
    rows, nothing = COUNTED_MAX + 1, frozenset[str]()
    if box == "done":
        within = _decided()
    elif box == "started":
        within = _started(nothing).with_only_columns(CASE.c.id)
    else:
        within = _messages(box == "read", nothing).with_only_columns(_MESSAGE.c.id)
    limited = within.order_by(None).limit(literal_column(str(rows)))
    return select(func.count()).select_from(limited.subquery())
