"""Starting a request: file it once, whatever the mouse does.

The page's token makes a double click return the first request; the in-flight key lets the database
refuse a second one of the same scope even when two people file in the same instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from engine import cases, definitions, events, history, rehearsal
from engine.calendar import ZONE, add_working_days
from engine.cases import Case
from engine.database import transaction
from engine.decisions import Also, Outcome
from engine.dialect import Deployed
from engine.errors import Forbidden, Problem, Refused, not_found
from engine.models import Instance, Task
from engine.runtime import Actor, Runtime
from engine.script import as_json


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


def start(rt: Runtime, actor: Actor, key: str, *, also: Also = None, **filed: Any) -> Outcome:
    """提交: create the request, complete its first form and run on to the next human step.

    Keyword arguments are the fields of `Filing`.  `also(session, case)` runs in the same
    transaction.
    """
    filing = Filing(**filed)
    as_json(filing.data)
    try:
        with transaction(rt.session):
            return _start(rt, actor, (key, filing), also)
    except IntegrityError:
        # Somebody was faster between our look and our insert: look again, now it is there to see.
        with transaction(rt.session):
            again = _already(rt, actor, key, filing)
        if again is None:
            raise
        return again


def in_flight(rt: Runtime, key: str, scope: str) -> str | None:
    """The number of the open request that keeps a second one from being filed."""
    number: str | None = rt.session.scalar(
        select(Instance.no).where(Instance.in_flight == f"{key}|{scope}")
    )
    return number


def _start(rt: Runtime, actor: Actor, what: tuple[str, Filing], also: Also) -> Outcome:
    key, filing = what
    deployed = definitions.current(rt, key)
    if deployed is None:
        raise not_found("业务")
    if not actor.holds(deployed.first.role, filing.scope):
        raise Forbidden(
            Problem("start.not_yours", f"只有{deployed.first.role}可以申请{deployed.name}。")
        )
    first = _already(rt, actor, key, filing)
    if first is not None:
        return first
    case = _insert(rt, actor, deployed, filing)
    cases.create(rt, case, actor, filing.data)
    _complete_first(rt, case, actor)
    case.revision = 1
    history.append(rt, case, actor, "start", detail={"definition": deployed.version})
    cases.save(rt, case)
    if also is not None:
        also(rt.session, case)
    events.emit(events.Event("started", rt, case, actor))
    if not case.running:
        events.emit(events.Event(case.status, rt, case, actor))
    return Outcome(case.no, case.status, case.label)


def _already(rt: Runtime, actor: Actor, key: str, filing: Filing) -> Outcome | None:
    """The request this page has already filed; InFlight when another one blocks it."""
    if filing.token:
        row = rt.session.execute(
            select(Instance.no, Instance.status, Instance.label).where(
                Instance.token == filing.token, Instance.starter_id == actor.id
            )
        ).one_or_none()
        if row is not None:
            return Outcome(*row)
    blocking = in_flight(rt, key, filing.scope)
    if blocking is not None:
        name = rt.session.scalar(select(Instance.name).where(Instance.no == blocking))
        text = f"存在未审批完成的{name}业务，流水号 {blocking}，审批完成后才能再次提交。"
        raise InFlight(Problem("request.in_flight", text), blocking)
    return None


def _insert(rt: Runtime, actor: Actor, deployed: Deployed, filing: Filing) -> Case:
    now = rt.clock()
    days = deployed.due_days
    due_at = add_working_days(rt.calendar, now, days) if days else None
    one_at_a_time = deployed.props.get("in_flight") == "scope"
    values: dict[str, Any] = {
        "key": deployed.key,
        "name": filing.name or deployed.name,
        "status": "running",
        "label": "办理中",
        "path": [node.id for node in rehearsal.from_start(deployed, rt, filing.data)],
        "progress": "",
        "deciders": {},
        "summary": filing.summary[:300],
        "scope": filing.scope,
        "scope_name": filing.scope_name,
        "branch": filing.branch,
        "starter_id": actor.id,
        "starter_name": actor.name,
        "revision": 0,
        "started_at": now,
        "due_at": due_at,
        "ended_at": None,
        "in_flight": f"{deployed.key}|{filing.scope}" if one_at_a_time else None,
    }
    more = {"no": uuid4().hex, "definition_id": deployed.id, "token": filing.token, "state": b""}
    query = insert(Instance).values(**values, **more, updated_at=now).returning(Instance.id)
    case_id = rt.session.execute(query).scalar_one()
    no = f"{rt.prefix}-{now.astimezone(ZONE):%Y%m%d}-{case_id:06d}"
    rt.session.execute(update(Instance).where(Instance.id == case_id).values(no=no))
    return Case(id=case_id, no=no, deployed=deployed, **values)


def _complete_first(rt: Runtime, case: Case, actor: Actor) -> None:
    """The filed data completes the form step; it is recorded like every later one."""
    (token,) = rehearsal.open_tasks(case.workflow)
    node = case.deployed.nodes[token.task_spec.name]
    assert node.kind == "form", "a diagram begins with a form"
    now = rt.clock()
    rt.session.execute(
        insert(Task).values(
            instance_id=case.id,
            spiff_id=token.id.hex,
            visit=1,
            node=node.id,
            node_name=node.name,
            kind=node.kind,
            form=node.form,
            role=node.role,
            domain=case.scope,
            status="done",
            assignee=actor.id,
            assignee_name=actor.name,
            created_at=now,
            completed_at=now,
            completed_by=actor.id,
            completed_by_name=actor.name,
            decision="start",
        )
    )
    cases.advance(case, token)
