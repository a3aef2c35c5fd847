"""Counts beside the filters of the desk, from the head of each way to a step.

Every way is read up to a bound.  A number that could be larger beyond it says so (`Count.more`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, bindparam, case, select

from engine.boxes.pools import CASE, SHAPES_MAX, TASK, Way, heads, reach
from engine.boxes.rows import COUNTED_MAX, Count, Facets
from engine.calendar import ZONE
from engine.runtime import Actor, Runtime

SOON_DAYS = 3
_OVER, _TODAY, _SOON, _LATER = range(4)


def facets(rt: Runtime, actor: Actor) -> Facets:
    """What stands beside the filters of the desk."""
    mine = reach(actor)
    days = {f"day_{name}": at for name, at in days_of(rt).items()}
    return _tallied(rt.session.execute(_sample(mine.ways), mine.values | days).all(), actor)


def days_of(rt: Runtime) -> dict[str, datetime]:
    """The moments before which a step is over, due today, due soon."""
    now = rt.clock()
    midnight = now.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "over": now,
        "today": midnight + timedelta(days=1),
        "soon": midnight + timedelta(days=SOON_DAYS + 1),
    }


@lru_cache(SHAPES_MAX)
def _sample(ways: tuple[Way, ...]) -> Select[Any]:
    every = heads(ways, frozenset(), COUNTED_MAX + 1)
    due = case(
        *((every.c.order_at < bindparam(f"day_{name}", type_=TASK.c.order_at.type), place)
          for place, name in enumerate(("over", "today", "soon"))),
        else_=_LATER,
    ).label("due")  # fmt: skip
    columns = (every.c.way, every.c.id, due, every.c.assignee, CASE.c.key, CASE.c.name)
    query = select(*columns, CASE.c.branch)
    return query.join_from(every, CASE, CASE.c.id == every.c.instance_id)


def _tallied(rows: Sequence[Any], actor: Actor) -> Facets:
    ways: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        ways[row.way].append(row)
    cut = [found for found in ways.values() if len(found) > COUNTED_MAX]
    steps = {row.id: row for row in rows}.values()
    due = Counter(row.due for row in steps)

    def counted(fits: Callable[[Any], bool]) -> Count:
        more = any(any(fits(row) for row in found) for found in cut)
        return _count(sum(fits(row) for row in steps), more)

    def due_by(*kinds: int) -> Count:
        """A way is in order of due dates: it hides no more of what its last row has left behind."""
        more = any(max(row.due for row in found) <= kinds[-1] for found in cut)
        return _count(sum(due[kind] for kind in kinds), more)

    keys, branches = Counter((r.key, r.name) for r in steps), Counter(r.branch for r in steps)
    more = bool(cut)
    return Facets(
        all=_count(len(steps), more),
        mine=counted(lambda row: row.assignee == actor.id),
        pool=counted(lambda row: row.assignee is None),
        over=due_by(_OVER),
        today=due_by(_TODAY),
        soon=due_by(_TODAY, _SOON),
        by_key=[(key, name, _count(n, more)) for (key, name), n in sorted(keys.items())],
        by_branch=[(branch, _count(n, more)) for branch, n in sorted(branches.items())],
    )


def _count(number: int, more: bool) -> Count:
    return Count(min(number, COUNTED_MAX), more or number > COUNTED_MAX)
