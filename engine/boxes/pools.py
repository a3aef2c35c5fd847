"""Which open steps are whose: everybody's 待办 as a handful of ordered ranges.

A person reaches open steps along *ways*: a post they hold, a role they hold everywhere, their own
name on a step, a row naming them a candidate, and the same of everybody they stand in for (代理).
Each way is one range of one index, ordered by (order_at, id).  A box merges the heads of a few
ranges, so that it costs the same however many steps are open.

`permissions` decides about one step, these conditions about many; the tests hold them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Subquery,
    Table,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from engine.boxes.searching import LIKE_WORDS
from engine.models import Candidate, Instance, Task
from engine.requests.rules_review import ADVISING, DECIDING
from engine.runtime import ANYWHERE, Actor

TASK = cast(Table, Task.__table__)
CASE = cast(Table, Instance.__table__)
_CANDIDATE = cast(Table, Candidate.__table__)
WAYS_MAX = 40  # more posts are read as one range that has to be sorted, not as a union of hundreds
SHAPES_MAX = 512  # statements kept ready; people with as many posts and filters share one
# Literals, not parameters: only then a database sees that a partial index fits.
_OPEN = TASK.c.status == literal_column("'open'")
_FORM = TASK.c.kind == literal_column("'form'")
_REVIEW = TASK.c.kind == literal_column("'review'")
_FREE = or_(TASK.c.assignee.is_(None), _FORM)  # a form is the whole unit's, whoever filed

# What a box may be asked for besides whose it is: name → condition over `TASK` and `CASE`.
ASKED: dict[str, ColumnElement[bool]] = {
    "mine": TASK.c.assignee == bindparam("who_0"),
    "pool": TASK.c.assignee.is_(None),
    "due_from": TASK.c.order_at >= bindparam("due_from"),
    "due_before": TASK.c.order_at < bindparam("due_before"),
    "key": TASK.c.key == bindparam("key"),
    "step": TASK.c.node_name == bindparam("step"),
    "branch": CASE.c.branch == bindparam("branch"),
    "since": CASE.c.started_at >= bindparam("since"),
    "until": CASE.c.started_at < bindparam("until"),
    "words": LIKE_WORDS,
    "after": tuple_(TASK.c.order_at, TASK.c.id)
    > tuple_(bindparam("after_at", type_=TASK.c.order_at.type), bindparam("after_id")),
}
_OF_CASE = frozenset(("branch", "since", "until", "words"))


@dataclass(frozen=True, slots=True)
class Way:
    """`hands`: 0 are one's own, n those of the n-th mandate; `limited`: a mandate for certain
    services only."""

    kind: Literal["post", "posts", "role", "person", "named"]
    hands: int
    limited: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """The ways of one actor, the values of their parameters, and whose hands they are."""

    ways: tuple[Way, ...]
    values: dict[str, Any]
    owners: tuple[Actor, ...]

    def behalf(self, way: int) -> str | None:
        """The principal's name when a step is reached in somebody else's name alone."""
        hands = self.ways[way].hands
        return self.owners[hands].name if hands else None


def reach(actor: Actor) -> Reach:
    """Own hands first: what can be reached in two ways is one's own before it is a principal's."""
    ways: list[Way] = []
    values: dict[str, Any] = {}
    owners = (actor, *(mandate.principal for mandate in actor.mandates))
    services = (frozenset[str](), *(mandate.services for mandate in actor.mandates))
    for hands, owner in enumerate(owners):
        everywhere = sorted(role for role, domain in owner.posts if domain == ANYWHERE)
        local = sorted(post for post in owner.posts if post[1] != ANYWHERE)
        values |= {
            f"who_{hands}": owner.id,
            f"posts_{hands}": local,
            f"roles_{hands}": everywhere,
            f"services_{hands}": sorted(services[hands]),
        }
        for kind, given in _ways(owner, actor):
            values |= {f"{name}_{len(ways)}": value for name, value in given.items()}
            ways.append(Way(kind, hands, bool(services[hands])))
    return Reach(tuple(ways), values, owners)


def _ways(owner: Actor, actor: Actor) -> list[tuple[Any, dict[str, Any]]]:
    """Kind and parameters; a principal's post that the actor holds too is no way of its own."""
    posts = {post for post in owner.posts if owner is actor or not actor.holds(*post)}
    roles = sorted(role for role, domain in posts if domain == ANYWHERE)
    local = sorted(post for post in posts if (post[0], ANYWHERE) not in owner.posts)
    found: list[tuple[Any, dict[str, Any]]] = [("role", {"role": role}) for role in roles]
    if len(local) > WAYS_MAX:
        found.append(("posts", {"many": local}))
    else:
        found += [("post", {"role": role, "domain": domain}) for role, domain in local]
    found += [("person", {"person": person}) for person in sorted({owner.id, actor.id})]
    return [*found, ("named", {"person": owner.id})]


def heads(ways: tuple[Way, ...], asked: frozenset[str], rows: int) -> Subquery:
    """The first so many rows of each way: id, order_at, instance_id, assignee, way (its place)."""
    return union_all(
        *(
            select(_head(place, way, asked).limit(literal_column(str(rows))).subquery())
            for place, way in enumerate(ways)
        )
    ).subquery("heads")


def merged(ways: tuple[Way, ...], asked: frozenset[str], rows: int) -> Select[Any]:
    """The first so many of all ways together, each step once; `way` is the first that reaches
    it."""
    every = heads(ways, asked, rows)
    query = select(every.c.id, every.c.order_at, func.min(every.c.way).label("way"))
    query = query.group_by(every.c.id, every.c.order_at)
    return query.order_by(every.c.order_at, every.c.id).limit(literal_column(str(rows)))


def _head(place: int, way: Way, asked: frozenset[str]) -> Select[Any]:
    way_here: ColumnElement[int] = literal_column(str(place)).label("way")
    columns = (TASK.c.id, TASK.c.order_at, TASK.c.instance_id, TASK.c.assignee, way_here)
    query = select(*columns)
    if asked & _OF_CASE:
        query = query.join(CASE, CASE.c.id == TASK.c.instance_id)
    query = query.where(_OPEN, *_reached(place, way), *(ASKED[name] for name in sorted(asked)))
    if way.limited:
        query = query.where(TASK.c.key.in_(bindparam(f"services_{way.hands}", expanding=True)))
    return query.order_by(TASK.c.order_at, TASK.c.id)


def _reached(place: int, way: Way) -> tuple[ColumnElement[bool], ...]:
    ids: list[Any] = [bindparam(f"who_{hands}") for hands in sorted({0, way.hands})]
    may_decide = _not_barred(ids)

    def given(name: str, **more: Any) -> Any:
        return bindparam(f"{name}_{place}", **more)

    if way.kind == "person":
        by_hand = or_(TASK.c.part != literal_column("'step'"), TASK.c.role == literal_column("''"))
        within = or_(by_hand, _posted(way.hands))
        return TASK.c.assignee == given("person"), _REVIEW, within, may_decide
    if way.kind == "named":
        mine = select(_CANDIDATE.c.task_id).where(_CANDIDATE.c.person_id == given("person"))
        # not "is null", which looks to SQLite as if it were a person with few steps
        nobodys = func.coalesce(TASK.c.assignee, literal_column("''")) == literal_column("''")
        return TASK.c.id.in_(mine), nobodys, may_decide
    takeable = (_FREE, or_(_FORM, may_decide))
    if way.kind == "post":
        return (TASK.c.role == given("role"), TASK.c.domain == given("domain"), *takeable)
    if way.kind == "role":
        return (TASK.c.role == given("role"), *takeable)
    posts = tuple_(TASK.c.role, TASK.c.domain).in_(given("many", expanding=True))
    return (posts, *takeable)


def _posted(hands: int) -> ColumnElement[bool]:
    """A claimed step leaves the box of somebody who has lost the post."""
    local = tuple_(TASK.c.role, TASK.c.domain).in_(bindparam(f"posts_{hands}", expanding=True))
    return or_(local, TASK.c.role.in_(bindparam(f"roles_{hands}", expanding=True)))


def _not_barred(ids: list[Any]) -> ColumnElement[bool]:
    """Not one's own request, and no other review of it decided (`rules_review.barred`).

    Whom the diagram itself has named for a step (role "") it may have freed of either rule: the row
    is shown, and `permissions` has the last word.
    """
    step = TASK.c.part == literal_column("'step'")
    named = and_(TASK.c.role == literal_column("''"), step, TASK.c.assignee.in_(ids))
    advising = TASK.c.part.in_([literal_column(f"'{part}'") for part in ADVISING])
    own = TASK.c.starter_id.in_(ids)
    return or_(named, and_(not_(own), or_(advising, not_(_has_decided(ids)))))


def _has_decided(ids: list[Any]) -> ColumnElement[bool]:
    """Another step, or a vote in the same round, or the step this one was added after."""
    case, above = CASE.alias("barring"), TASK.alias("above")
    decider = func.json_each(case.c.deciders).table_valued("key", "value", name="decider")

    def part(place: int) -> ColumnElement[str]:
        return decider.c.value.op("->>", return_type=String())(literal_column(str(place)))

    node = TASK.c.node
    elsewhere = and_(
        decider.c.key != node,
        func.substr(decider.c.key, 1, func.length(node) + 1) != node + literal_column("'/'"),
    )
    counting = TASK.c.part.in_([literal_column(f"'{part}'") for part in DECIDING])
    voted = and_(counting, part(3) == func.cast(TASK.c.parent_id, String()))
    decided = (
        exists()
        .select_from(case.join(decider, true()))
        .where(case.c.id == TASK.c.instance_id, part(0).in_(ids), or_(elsewhere, voted))
        .correlate(TASK)
    )
    whose = (above.c.assignee, above.c.completed_by, above.c.completed_for)
    theirs = or_(*(each.in_(ids) for each in whose))
    added_after = exists().where(above.c.id == TASK.c.parent_id, theirs).correlate(TASK)
    return or_(decided, and_(counting, added_after))
