"""Starting a request: file it once, whatever the mouse does.

The page's token makes a double click return the first request; the in-flight key lets the database
refuse a second one of the same scope even when two people file in the same instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from engine import events, history
from engine.calendar import ZONE, add_working_days
from engine.database import transaction
from engine.diagrams import definitions, rehearsal
from engine.diagrams.dialect import Deployed, Node
from engine.errors import Forbidden, Problem, Refused, not_found
from engine.models import NEVER, Instance, Task
from engine.requests import advancing, cases, saving
from engine.requests.cases import Case
from engine.runtime import Actor, Runtime
from engine.tokens import codec
from engine.verbs.moves import Also, Outcome, durably

_INSTANCE = cast(Table, Instance.__table__)
# Built once, Core and not ORM: SQLAlchemy then finds their SQL without walking them.
_NEW = insert(_INSTANCE).returning(_INSTANCE.c.id, sort_by_parameter_order=True)
_NUMBER = update(_INSTANCE).where(_INSTANCE.c.id == bindparam("this"))
FIRST = insert(cast(Table, Task.__table__)).inline()
_IN_FLIGHT = select(_INSTANCE.c.no).where(_INSTANCE.c.in_flight == bindparam("blocking"))
_FILED = select(_INSTANCE.c.no, _INSTANCE.c.status, _INSTANCE.c.label).where(
    _INSTANCE.c.token == bindparam("token"), _INSTANCE.c.starter_id == bindparam("me")
)


@dataclass(frozen=True, slots=True)
class Filing:
    """What is filed and for whom.

    `scope` names whose request it is ("unit:0208…"), `branch` who decides, `data` enters the
    diagram.
    """

    data: dict[str, Any]
    scope: str
    scope_name: str
    branch: str
    summary: str
    token: str | None = None
    name: str = ""  # what the centre calls the service; default: the diagram's name


class InFlight(Refused):
    """A request of this service is still open for this scope; `no` is its number."""

    def __init__(self, problem: Problem, no: str) -> None:
        super().__init__(problem)
        self.no = no


def start(
    rt: Runtime, actor: Actor, key: str, *, before: Also = None, also: Also = None, **filed: Any
) -> Outcome:
    """提交: create the request, complete its first form and run on to the next human step.

    Keyword arguments are the fields of `Filing`.  `before(session, case)` runs in the same
    transaction before the first step, when the request has its number; `also` runs at the end.
    """
    filing = Filing(**filed | {"data": codec.accepted(filed.get("data"))})
    try:
        return durably(rt, lambda rt: _start(rt, actor, (key, filing), (before, also)))
    except IntegrityError:
        # Somebody was faster between our look and our insert: look again, now it is there to see.
        with transaction(rt.session):
            again = _already(rt, actor, key, filing)
        if again is None:
            raise
        return again


def in_flight(rt: Runtime, key: str, scope: str) -> str | None:
    """The number of the open request that keeps a second one from being filed."""
    number: str | None = rt.session.scalar(_IN_FLIGHT, {"blocking": f"{key}|{scope}"})
    return number


def _start(
    rt: Runtime, actor: Actor, what: tuple[str, Filing], hooks: tuple[Also, Also]
) -> Outcome:
    (key, filing), (before, also) = what, hooks
    deployed = startable(rt, actor, key, [filing])
    first = _already(rt, actor, key, filing)
    if first is not None:
        return first
    path = rehearsal.from_start(deployed, rt, filing.data)
    (case,) = insert_requests(rt, actor, deployed, [(filing, path)])
    if before is not None:
        before(rt.session, case)
    begin(rt, actor, case, filing.data)
    if also is not None:
        also(rt.session, case)
    tell(rt, actor, case)
    return Outcome(case.no, case.status, case.label)


def startable(rt: Runtime, actor: Actor, key: str, filings: Sequence[Filing]) -> Deployed:
    """The diagram in force, for somebody who may file it for these scopes."""
    deployed = definitions.current(rt, key)
    if deployed is None:
        raise not_found("业务")
    role = deployed.first.role
    if not all(actor.holds(role, scope) for scope in {each.scope for each in filings}):
        raise Forbidden(Problem("start.not_yours", f"只有{role}可以申请{deployed.name}。"))
    return deployed


def begin(rt: Runtime, actor: Actor, case: Case, data: dict[str, Any]) -> None:
    """Complete the first form with the filed data and run on to the next human step."""
    cases.create(rt, case, actor, data)
    advancing.advance(case)
    if case.halted:
        raise advancing.unstarted(case)
    _complete_first(rt, case, actor)
    case.revision = 1
    history.append(rt, case, actor, "start", detail={"definition": case.deployed.version})
    saving.save(rt, case)


def tell(rt: Runtime, actor: Actor, case: Case) -> None:
    events.emit(events.Event("started", rt, case, actor))
    if not case.running:
        events.emit(events.Event(case.status, rt, case, actor))


def _already(rt: Runtime, actor: Actor, key: str, filing: Filing) -> Outcome | None:
    """The request this page has already filed; InFlight when another one blocks it."""
    if filing.token:
        said = {"token": filing.token, "me": actor.id}
        row = rt.session.execute(_FILED, said).one_or_none()
        if row is not None:
            return Outcome(*row)
    blocking = in_flight(rt, key, filing.scope)
    if blocking is not None:
        name = rt.session.scalar(select(Instance.name).where(Instance.no == blocking))
        text = f"存在未审批完成的{name}业务，流水号 {blocking}，审批完成后才能再次提交。"
        raise InFlight(Problem("request.in_flight", text), blocking)
    return None


def insert_requests(
    rt: Runtime, actor: Actor, deployed: Deployed, filed: Sequence[tuple[Filing, Sequence[Node]]]
) -> list[Case]:
    """New rows, each with its number, in the order of `filed`: filings and their foretold paths."""
    now = rt.clock()
    due_at = add_working_days(rt.calendar, now, deployed.due_days) if deployed.due_days else None
    one_at_a_time = deployed.props.get("in_flight") == "scope"
    shared = {
        "key": deployed.key,
        "status": "running",
        "label": "办理中",
        "progress": "",
        "starter_id": actor.id,
        "starter_name": actor.name,
        "revision": 0,
        "started_at": now,
        "due_at": due_at,
        "ended_at": None,
    }
    values: list[dict[str, Any]] = [
        shared
        | {
            "name": filing.name or deployed.name,
            "path": [node.id for node in path],
            "deciders": {},
            "summary": filing.summary[:300],
            "scope": filing.scope,
            "scope_name": filing.scope_name,
            "branch": filing.branch,
            "in_flight": f"{deployed.key}|{filing.scope}" if one_at_a_time else None,
        }
        for filing, path in filed
    ]
    more = {"definition_id": deployed.id, "state": b"", "updated_at": now}
    rows = [
        each | more | {"no": uuid4().hex, "token": filing.token}
        for each, (filing, _) in zip(values, filed, strict=True)
    ]
    ids = rt.session.execute(_NEW, rows).scalars().all()
    day = f"{rt.prefix}-{now.astimezone(ZONE):%Y%m%d}"
    numbers = [f"{day}-{case_id:06d}" for case_id in ids]
    rt.session.connection().execute(
        _NUMBER, [{"this": a, "no": b} for a, b in zip(ids, numbers, strict=True)]
    )
    return [
        Case(id=case_id, no=no, deployed=deployed, **each)
        for case_id, no, each in zip(ids, numbers, values, strict=True)
    ]


def _complete_first(rt: Runtime, case: Case, actor: Actor) -> None:
    """The filed data completes the form step; it is recorded like every later one."""
    (token,) = rehearsal.open_tasks(case.workflow)
    node = case.deployed.nodes[token.task_spec.name]
    assert node.kind == "form", "a diagram begins with a form"
    now = rt.clock()
    rt.session.execute(
        FIRST,
        {
            "instance_id": case.id,
            "spiff_id": token.id.hex,
            "visit": 1,
            "node": node.id,
            "node_name": node.name,
            "kind": node.kind,
            "form": node.form,
            "role": node.role,
            "domain": case.scope,
            "status": "done",
            "assignee": actor.id,
            "assignee_name": actor.name,
            "part": "step",
            "position": 0,
            "key": case.key,
            "starter_id": actor.id,
            "batch": False,
            "created_at": now,
            "order_at": NEVER,
            "completed_at": now,
            "completed_by": actor.id,
            "completed_by_name": actor.name,
            "decision": "start",
        },
    )
    advancing.advance(case, token)
