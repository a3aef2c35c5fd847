"""The five boxes: 消息 / 待办 / 已办 / 我发起的 / 已阅, and the reviewers' desk.

Pages are cut by key (`after`), never by OFFSET: the last page of a million costs what the first
does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select, tuple_
from sqlalchemy.orm import aliased

from engine import cursors
from engine.calendar import ZONE
from engine.database import possible
from engine.models import END_STATES, RUNNING_STATES, History, Instance, Message, Task, UtcDateTime
from engine.rows import Facets, MessageRow, Page, RequestFilter, RequestRow, TaskFilter, TaskRow
from engine.runtime import ANYWHERE, Actor, Runtime
from engine.view import TONES

BOXES = ("messages", "todo", "done", "started", "read")
PAGE_ROWS_MAX = 100
SOON_DAYS = 3
SEARCH_CHARS_MAX = 60
NEVER = datetime(9999, 12, 31, tzinfo=UTC)  # sorts steps without a deadline last

_DUE = func.coalesce(Task.due_at, NEVER, type_=UtcDateTime())
Rows = Select[*tuple[Any, ...]]
_NONE_TASK, _NONE_REQUEST = TaskFilter(), RequestFilter()


def count(rt: Runtime, actor: Actor, box: str) -> int:
    """How many rows a box holds; 消息 counts the unread.

    已办 costs what it has grown to: a page asks only for the boxes it shows.
    """
    assert box in BOXES, box
    queries: dict[str, Callable[[], Rows]] = {
        "messages": lambda: _messages(actor, read=False).with_only_columns(Message.id),
        "todo": lambda: _todo(actor).with_only_columns(Task.id),
        "done": lambda: _done(actor).with_only_columns(Task.id),
        "started": lambda: select(Instance.id).where(Instance.starter_id == actor.id),
        "read": lambda: _messages(actor, read=True).with_only_columns(Message.id),
    }
    counted = select(func.count()).select_from(queries[box]().subquery())
    return int(rt.session.scalar(counted) or 0)


def counts(rt: Runtime, actor: Actor) -> dict[str, int]:
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
    query = _filtered(rt, actor, _todo(actor), flt).order_by(_DUE, Task.id)
    if after is not None:
        query = query.where(tuple_(_DUE, Task.id) > cursors.read(after))
    return _task_page(rt, query, limit, lambda row: (row.due_at or NEVER, row.task_id))


def done(
    rt: Runtime,
    actor: Actor,
    flt: TaskFilter = _NONE_TASK,
    *,
    after: str | None = None,
    limit: int = 20,
) -> Page[TaskRow]:
    """已办, the latest first; one row a request."""
    query = _narrowed(_done(actor), flt)
    if after is not None:
        query = query.where(tuple_(Task.completed_at, Task.id) < cursors.read(after))
    query = query.order_by(Task.completed_at.desc(), Task.id.desc())
    return _task_page(rt, query, limit, lambda row: (row.completed_at, row.task_id))


def started(
    rt: Runtime,
    actor: Actor,
    flt: RequestFilter = _NONE_REQUEST,
    *,
    after: str | None = None,
    limit: int = 20,
) -> Page[RequestRow]:
    """我发起的, the latest first."""
    query = select(Instance).where(Instance.starter_id == actor.id)
    if flt.status == "open":
        query = query.where(Instance.status.in_(RUNNING_STATES))
    elif flt.status:
        query = query.where(Instance.status == flt.status)
    query = _narrowed(query, TaskFilter(key=flt.key, q=flt.q, since=flt.since, until=flt.until))
    if after is not None:
        query = query.where(tuple_(Instance.started_at, Instance.id) < cursors.read(after))
    query = query.order_by(Instance.started_at.desc(), Instance.id.desc())
    found = list(rt.session.scalars(query.limit(_page_size(limit) + 1)))
    rows = [_request_row(each) for each in found]
    return _cut(rows, limit, [(each.started_at, each.id) for each in found])


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
    query = _messages(actor, read=read)
    if q:
        query = query.where(or_(_like(Message.title, q), _like(Message.body, q)))
    if after is not None:
        query = query.where(tuple_(Message.created_at, Message.id) < cursors.read(after))
    query = query.order_by(Message.created_at.desc(), Message.id.desc())
    found = list(rt.session.scalars(query.limit(_page_size(limit) + 1)))
    rows = [
        MessageRow(m.id, m.title, m.body, m.business, m.channel, m.created_at, m.read_at, m.no)
        for m in found
    ]
    return _cut(rows, limit, [(each.created_at, each.id) for each in found])


def facets(rt: Runtime, actor: Actor) -> Facets:
    """What stands beside the filters of the desk."""
    base = _todo(actor)
    over, today, soon = (_due_between(rt, kind) for kind in ("over", "today", "soon"))

    def hits(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count(Task.id).filter(condition)

    whole = base.with_only_columns(
        func.count(Task.id),
        hits(Task.assignee == actor.id),
        hits(Task.assignee.is_(None)),
        hits(over),
        hits(today),
        hits(soon),
    )
    by_key = base.with_only_columns(Instance.key, Instance.name, func.count(Task.id))
    by_branch = base.with_only_columns(Instance.branch, func.count(Task.id))
    everything, mine, pool, late, now, near = rt.session.execute(whole).one()
    return Facets(
        all=everything,
        mine=mine,
        pool=pool,
        over=late,
        today=now,
        soon=near,
        by_key=[
            (key, name, n)
            for key, name, n in rt.session.execute(by_key.group_by(Instance.key, Instance.name))
        ],
        by_branch=[
            (branch, n) for branch, n in rt.session.execute(by_branch.group_by(Instance.branch))
        ],
    )


def search(rt: Runtime, actor: Actor, q: str, limit: int = 20) -> list[RequestRow]:
    """Requests this actor may see whose number, unit or applicant contains the words."""
    words = q.strip()[:SEARCH_CHARS_MAX]
    if not words:
        return []
    branches = [d.removeprefix("branch:") for d in actor.domains if d.startswith("branch:")]
    visible = [
        Instance.starter_id == actor.id,
        Instance.scope.in_(actor.domains),
        Instance.branch.in_(branches),
    ]
    query = select(Instance).where(_matches(words))
    if ANYWHERE not in actor.domains:
        query = query.where(or_(*visible))
    query = query.order_by(Instance.started_at.desc(), Instance.id.desc())
    return [_request_row(each) for each in rt.session.scalars(query.limit(_page_size(limit)))]


def _todo(actor: Actor) -> Rows:
    """Open steps that are this actor's, or in a pool this actor may take from."""
    other, newer = aliased(Task), aliased(Task)
    done_again = exists().where(
        newer.instance_id == other.instance_id,
        newer.node == other.node,
        newer.completed_by.is_not(None),
        newer.id > other.id,
    )
    # the last decider of another review step, as `Case.deciders` keeps it for `permissions`
    decided_before = exists().where(
        other.instance_id == Task.instance_id,
        other.completed_by == actor.id,
        other.kind == "review",
        other.node != Task.node,
        ~done_again,
    )
    posted = _at_posts(actor)
    takeable = and_(
        Task.assignee.is_(None), posted, Instance.starter_id != actor.id, ~decided_before
    )
    query: Rows = (
        select(Task, Instance)
        .join(Instance, Instance.id == Task.instance_id)
        .where(
            Task.status == "open",
            or_(
                and_(Task.kind == "form", posted),
                and_(Task.kind == "review", or_(and_(Task.assignee == actor.id, posted), takeable)),
            ),
        )
    )
    return query


def _at_posts(actor: Actor) -> ColumnElement[bool]:
    everywhere = [role for role, domain in actor.posts if domain == ANYWHERE]
    local = [post for post in actor.posts if post[1] != ANYWHERE]
    conditions: list[ColumnElement[bool]] = []
    if local:
        conditions.append(tuple_(Task.role, Task.domain).in_(local))
    if everywhere:
        conditions.append(Task.role.in_(everywhere))
    return or_(*conditions) if conditions else false()


def _done(actor: Actor) -> Rows:
    """The actor's last decided step of each request; a filing counts once the request has ended."""
    later = aliased(Task)
    newer = exists().where(
        later.instance_id == Task.instance_id,
        later.completed_by == actor.id,
        later.status == "done",
        later.id > Task.id,
    )
    query: Rows = (
        select(Task, Instance)
        .join(Instance, Instance.id == Task.instance_id)
        .where(
            Task.completed_by == actor.id,
            Task.status == "done",
            or_(Task.decision != "start", Instance.status.in_(END_STATES)),
            ~newer,
        )
    )
    return query


def _messages(actor: Actor, *, read: bool) -> Rows:
    state = Message.read_at.is_not(None) if read else Message.read_at.is_(None)
    return select(Message).where(Message.recipient == actor.id, Message.deleted_at.is_(None), state)


def _filtered(rt: Runtime, actor: Actor, query: Rows, flt: TaskFilter) -> Rows:
    if flt.who == "mine":
        query = query.where(Task.assignee == actor.id)
    elif flt.who == "pool":
        query = query.where(Task.assignee.is_(None))
    if flt.due in ("over", "today", "soon"):
        query = query.where(_due_between(rt, flt.due))
    return _narrowed(query, flt)


def _narrowed(query: Rows, flt: TaskFilter) -> Rows:
    for column, wanted in ((Instance.key, flt.key), (Instance.branch, flt.branch)):
        if wanted:
            query = query.where(column == wanted if possible(wanted) else false())
    if flt.since:
        query = query.where(Instance.started_at >= flt.since)
    if flt.until:
        query = query.where(Instance.started_at < flt.until)
    if flt.q and flt.q.strip():
        query = query.where(_matches(flt.q.strip()[:SEARCH_CHARS_MAX]))
    return query


def _due_between(rt: Runtime, kind: str) -> ColumnElement[bool]:
    now = rt.clock()
    midnight = now.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "over":
        return Task.due_at < now
    days = 1 if kind == "today" else SOON_DAYS + 1
    return and_(Task.due_at >= now, Task.due_at < midnight + timedelta(days=days))


def _matches(words: str) -> ColumnElement[bool]:
    columns = (Instance.no, Instance.scope_name, Instance.starter_name, Instance.summary)
    return or_(*(_like(column, words) for column in columns))


def _like(column: Any, words: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.icontains(words.replace("\x00", ""), autoescape=True)
    return found


def _task_page(rt: Runtime, query: Rows, limit: int, cursor: Any) -> Page[TaskRow]:
    returned = select(History).where(
        History.instance_id == Task.instance_id, History.verb.in_(("return", "refuse"))
    )
    last = returned.order_by(History.seq.desc()).limit(1).correlate(Task)
    visits = aliased(Task)
    times = select(func.count(visits.id)).where(
        visits.instance_id == Task.instance_id, visits.node == Task.node
    )
    query = query.add_columns(
        last.with_only_columns(History.opinion).scalar_subquery(),
        last.with_only_columns(History.actor_name).scalar_subquery(),
        times.correlate(Task).scalar_subquery(),
    )
    found = rt.session.execute(query.limit(_page_size(limit) + 1)).all()
    rows = [_task_row(*each[:2], returned=each[2:]) for each in found]
    return _cut(rows, limit, [cursor(row) for row in rows])


def _task_row(task: Task, case: Instance, *, returned: tuple[Any, ...]) -> TaskRow:
    opinion, who, visits = returned
    return TaskRow(
        task_id=task.id,
        no=case.no,
        key=case.key,
        name=case.name,
        summary=case.summary,
        scope_name=case.scope_name,
        branch=case.branch,
        node=task.node,
        node_name=task.node_name,
        kind=task.kind,
        status=case.status,
        label=case.label,
        tone=TONES[case.status],
        starter_name=case.starter_name,
        started_at=case.started_at,
        created_at=task.created_at,
        due_at=task.due_at,
        assignee=task.assignee,
        assignee_name=task.assignee_name,
        last_opinion=opinion,
        last_actor=who,
        progress=case.progress,
        decision=task.decision,
        completed_at=task.completed_at,
        visits=visits,
    )


def _request_row(case: Instance) -> RequestRow:
    return RequestRow(
        no=case.no,
        key=case.key,
        name=case.name,
        summary=case.summary,
        scope_name=case.scope_name,
        branch=case.branch,
        status=case.status,
        label=case.label,
        tone=TONES[case.status],
        starter_name=case.starter_name,
        started_at=case.started_at,
        due_at=case.due_at,
        ended_at=case.ended_at,
        progress=case.progress,
    )


def _page_size(limit: int) -> int:
    return max(1, min(limit, PAGE_ROWS_MAX))


def _cut(rows: list[Any], limit: int, keys: list[tuple[datetime, int]]) -> Page[Any]:
    size = _page_size(limit)
    if len(rows) <= size:
        return Page(rows, None)
    return Page(rows[:size], cursors.write(*keys[size - 1]))
