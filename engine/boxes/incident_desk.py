"""流程异常: what a process admin sees of incidents: a list, how many of each kind, one in full.

Only a 流程管理员 of the branch gets here.  Trace and data may hold anything a person has filed:
looking at them is written to the log `hall.audit`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from SpiffWorkflow.bpmn.specs.event_definitions.timer import TimerEventDefinition
from sqlalchemy import Select, exists, false, func, select, tuple_

from engine.boxes import cursors
from engine.boxes.rows import Page
from engine.boxes.view import Entry, entry
from engine.database import possible
from engine.errors import Conflict, Problem, not_found
from engine.models import History, Incident, Instance, Repair
from engine.requests import cases, incidents
from engine.requests.cases import Case
from engine.runtime import Actor, Runtime
from engine.verbs import permissions
from engine.verbs.permissions import administered

PAGE_ROWS = 20
FACETS_MAX = 50  # kinds of failure; more is one broken deployment, not fifty errands
VERBS = ("retry", "edit", "skip", "propose", "drop")
_audit = logging.getLogger("hall.audit")


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """`key` is a service, `cause` a kind of failure; open ones unless `resolved`."""

    key: str | None = None
    cause: str | None = None
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident in a list; the fields of the request are None for a job."""

    id: int
    kind: str
    cause: str
    node_name: str | None
    error: str
    attempts: int
    opened_at: datetime
    last_at: datetime
    resolved_at: datetime | None
    resolved_by_name: str | None
    resolution: str | None
    no: str | None
    key: str | None
    name: str | None
    scope_name: str | None
    branch: str | None
    label: str | None
    pending: bool  # a repair waits for a second person


@dataclass(frozen=True, slots=True)
class Facet:
    """Open incidents of a kind: same place, same class of error."""

    kind: str
    cause: str
    name: str | None
    node_name: str | None
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class RepairRow:
    id: int
    kind: str
    data: dict[str, Any]
    reason: str
    proposed_by: str
    proposed_by_name: str
    proposed_at: datetime
    confirmed_by_name: str | None
    confirmed_at: datetime | None
    dropped_at: datetime | None

    @property
    def pending(self) -> bool:
        return self.confirmed_at is None and self.dropped_at is None


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    """One incident in full.  `verbs` of retry, edit, skip; `data` of the token, when there is one;
    `money`: edit and skip need a second person."""

    row: IncidentRow
    trace: str
    revision: int | None
    data: dict[str, Any] | None
    money: bool
    verbs: frozenset[str]
    repairs: list[RepairRow] = field(default_factory=list)
    acts: list[Entry] = field(default_factory=list)

    @property
    def pending(self) -> RepairRow | None:
        return next((each for each in self.repairs if each.pending), None)


_PENDING = exists().where(
    Repair.incident_id == Incident.id, Repair.confirmed_at.is_(None), Repair.dropped_at.is_(None)
)
_ROW: Select[Any] = select(
    *(getattr(Incident, name) for name in IncidentRow.__slots__[:11]),
    *(getattr(Instance, name) for name in IncidentRow.__slots__[11:17]),
    _PENDING,
).outerjoin(Instance, Instance.id == Incident.instance_id)


def page(
    rt: Runtime,
    actor: Actor,
    wanted: IncidentFilter | None = None,
    after: str | None = None,
    *,
    limit: int = PAGE_ROWS,
) -> Page[IncidentRow]:
    """The newest first; `after` is the cursor of the page before."""
    query = _wanted(_ROW.where(administered(actor)), wanted or IncidentFilter())
    if after:
        query = query.where(tuple_(Incident.opened_at, Incident.id) < cursors.read(after))
    query = query.order_by(Incident.opened_at.desc(), Incident.id.desc()).limit(limit + 1)
    rows = [IncidentRow(*row) for row in rt.session.execute(query)]
    more = len(rows) > limit
    last = rows[limit - 1] if more else None
    return Page(rows[:limit], cursors.write(last.opened_at, last.id) if last else None)


def facets(rt: Runtime, actor: Actor, key: str | None = None) -> list[Facet]:
    """Open incidents by kind, the most frequent first."""
    number = func.count().label("number")
    names = (func.max(Instance.name), func.max(Incident.node_name))
    columns: list[Any] = [Incident.kind, Incident.cause, *names, number, func.max(Incident.last_at)]
    query = select(*columns).outerjoin(Instance, Instance.id == Incident.instance_id)
    query = _wanted(query.where(administered(actor)), IncidentFilter(key=key))
    query = query.group_by(Incident.kind, Incident.cause)
    query = query.order_by(number.desc(), Incident.cause).limit(FACETS_MAX)
    return [Facet(*row) for row in rt.session.execute(query)]


def count(rt: Runtime, actor: Actor) -> int:
    """How many this admin has to look after."""
    query = select(func.count()).select_from(Incident)
    query = query.outerjoin(Instance, Instance.id == Incident.instance_id).where(
        administered(actor)
    )
    return rt.session.scalar(_wanted(query, IncidentFilter())) or 0


def of_request(rt: Runtime, actor: Actor, no: str) -> list[IncidentRow]:
    """The open incidents of one request; none for people who are no admin of its branch."""
    query = _wanted(_ROW.where(administered(actor), Instance.no == no), IncidentFilter())
    rows = rt.session.execute(query.order_by(Incident.id).limit(PAGE_ROWS))
    return [IncidentRow(*row) for row in rows]


def ids_of_kind(rt: Runtime, actor: Actor, cause: str, limit: int, *, after: int = 0) -> list[int]:
    """Open incidents of one kind behind the id `after`, the oldest first."""
    query = select(Incident.id).outerjoin(Instance, Instance.id == Incident.instance_id)
    kind = _wanted(query.where(administered(actor)), IncidentFilter(cause=cause))
    kind = kind.where(Incident.id > after)
    return list(rt.session.scalars(kind.order_by(Incident.id).limit(limit)))


def detail(rt: Runtime, actor: Actor, incident_id: int) -> IncidentDetail:
    """One incident with trace and data; NotFound for everybody but admins of its branch."""
    query = _ROW.add_columns(Incident.trace, Incident.ref, Incident.node, Incident.instance_id)
    query = query.where(Incident.id == incident_id, administered(actor))
    found = rt.session.execute(query).one_or_none() if possible(incident_id) else None
    if found is None:
        raise not_found("异常")
    *plain, trace, ref, node, instance_id = found
    row = IncidentRow(*plain)
    _audit.info("%s looked at incident %s of %s", actor.id, row.id, row.no or row.cause)
    case = _case(rt, instance_id) if instance_id is not None else None
    token = _token(rt, case, ref) if case is not None and row.kind in incidents.TOKENS else None
    stuck = case is not None and token is not None and not skippable(case, token, node)
    return IncidentDetail(
        row=row,
        trace=trace,
        revision=case.revision if case is not None else None,
        data=token.data if token is not None else None,
        money=case is not None and needs_two(case),
        verbs=_verbs(actor, row, case, token) - ({"skip"} if stuck else frozenset()),
        repairs=repairs_of(rt, row.id),
        acts=_acts(rt, instance_id, row.id) if instance_id is not None else [],
    )


def find(rt: Runtime, actor: Actor, incident_id: int) -> IncidentRow | None:
    """The incident, when this admin may see it."""
    query = _ROW.where(Incident.id == incident_id, administered(actor))
    row = rt.session.execute(query).one_or_none() if possible(incident_id) else None
    return None if row is None else IncidentRow(*row)


def note(actor: Actor, deed: str, incident_id: int, reason: str) -> None:
    """What is done about an incident without a request has no history: the log keeps it."""
    _audit.info("%s %s incident %s: %s", actor.id, deed, incident_id, reason)


def still_open(incident: Incident) -> None:
    """Conflict, with a name, when somebody was faster."""
    if incident.resolved_at is None:
        return
    done = {"retried": "重试成功", "skipped": "跳过", "gone": "随业务办结或退回而解除"}
    text = f"这项异常已由{incident.resolved_by_name}{done[incident.resolution or 'gone']}，请刷新。"
    raise Conflict(Problem("incident.closed", text))


def needs_two(case: Case) -> bool:
    """Money moves in this service: data is edited and steps are skipped by two people."""
    return case.deployed.props.get("money") == "true"


def skippable(case: Case, token: Any, at: str | None) -> bool:
    """A step without people can count as done, a timer as rung or ignored.  Not a gateway: it has
    to choose a way; not a step before what has really failed."""
    spec = token.task_spec
    if isinstance(getattr(spec, "event_definition", None), TimerEventDefinition):
        return True
    node = case.deployed.nodes.get(spec.name.removesuffix(" [child]"))
    return spec.name == at and node is not None and not node.human


def repairs_of(rt: Runtime, incident_id: int) -> list[RepairRow]:
    columns = [getattr(Repair, name) for name in RepairRow.__slots__]
    query = select(*columns).where(Repair.incident_id == incident_id).order_by(Repair.id.desc())
    return [RepairRow(*row) for row in rt.session.execute(query)]


def _wanted(query: Select[Any], wanted: IncidentFilter) -> Select[Any]:
    over = Incident.resolved_at.is_not(None) if wanted.resolved else Incident.resolved_at.is_(None)
    query = query.where(over)
    if not (possible(wanted.key or "-") and possible(wanted.cause or "-")):
        return query.where(false())  # a database raises on text no row can hold
    if wanted.key:
        query = query.where(Instance.key == wanted.key)
    if wanted.cause:
        query = query.where(Incident.cause == wanted.cause)
    return query


def _case(rt: Runtime, instance_id: int) -> Case | None:
    """The request, read without its lock."""
    columns = [c for c in Instance.__table__.c if c.name not in ("token", "updated_at")]
    row = rt.session.execute(select(*columns).where(Instance.id == instance_id)).one_or_none()
    return None if row is None else cases.from_row(rt, row)


def _token(rt: Runtime, case: Case, ref: str) -> Any:
    if not case.running:
        return None
    workflow = cases.unpack(rt, case)
    return next((each for each in incidents.halted(workflow) if each.id.hex == ref), None)


def _verbs(actor: Actor, row: IncidentRow, case: Case | None, token: Any) -> frozenset[str]:
    """What this admin may do now; a step without a token can only be put aside."""
    if row.resolved_at is not None:
        return frozenset()
    if row.kind not in incidents.TOKENS:
        return frozenset({"retry", "skip"})
    if case is None or token is None:
        return frozenset({"skip"})
    verbs = permissions.REPAIR_VERBS
    return frozenset(verb for verb in verbs if permissions.may(actor, verb, case) is None)


def _acts(rt: Runtime, instance_id: int, incident_id: int) -> list[Entry]:
    """Who has tried what on this incident, the newest first."""
    query = select(History).where(History.instance_id == instance_id, History.verb.in_(VERBS))
    rows = rt.session.scalars(query.order_by(History.seq.desc()))
    return [entry(row) for row in rows if row.detail.get("incident") == incident_id]
