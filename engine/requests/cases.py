"""A request in memory: load, lock, unpack.  `advancing` runs it on, `saving` writes it back.

`Case` is what operations see as `call.instance`; it lives inside the transaction of one verb.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Row, Table, bindparam, select

from engine.database import possible
from engine.diagrams import definitions
from engine.diagrams.dialect import Deployed, Node
from engine.diagrams.rehearsal import open_tasks
from engine.errors import Conflict, Problem, not_found
from engine.models import OPEN_STATES, Candidate, Instance, Task
from engine.runtime import SYSTEM, Actor, Runtime
from engine.scripts.script import ScriptEngine
from engine.tokens import codec
from engine.tokens.workflow import Workflow

if TYPE_CHECKING:
    from engine.requests.advancing import Halted

_NO_WORKFLOW: Any = None
FOR_OTHER = "for"  # 4th of a decider's entry: a substitute decided in this person's name

_INSTANCE = cast(Table, Instance.__table__)
_TASK = cast(Table, Task.__table__)
_COLUMNS = tuple(c for c in _INSTANCE.c if c.name not in ("token", "updated_at"))


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A row of the open tasks of one request; a held one waits for the rows below it."""

    id: int
    parent_id: int | None
    part: str  # step | vote | before | after | ask | fix
    position: int
    status: str  # open | held
    spiff_id: str
    node: str
    node_name: str
    kind: str
    form: str | None
    role: str
    domain: str
    assignee: str | None
    assignee_name: str | None
    asked_by: str | None
    asked_by_name: str | None
    note: str | None
    batch: bool
    created_at: datetime
    due_at: datetime | None
    # of a held step: what its reviewer has decided, before those added after, and in whose name
    decision: str | None
    completed_by: str | None
    completed_for: str | None


# Statements of the hot path are built once: SQLAlchemy then finds their SQL without walking them.
_LOCK = select(*_COLUMNS).with_for_update(of=_INSTANCE)
_LOCK_NO = _LOCK.where(_INSTANCE.c.no == bindparam("this"))
_LOCK_ID = _LOCK.where(_INSTANCE.c.id == bindparam("this"))
_LOCK_TASK = _LOCK.where(
    _INSTANCE.c.id
    == select(_TASK.c.instance_id).where(_TASK.c.id == bindparam("this")).scalar_subquery()
)
_OPEN = (
    select(*(_TASK.c[name] for name in OpenTask.__slots__))
    .where(_TASK.c.instance_id == bindparam("this"), _TASK.c.status.in_(OPEN_STATES))
    .order_by(_TASK.c.id)
)
_NAMED = select(Candidate.task_id, Candidate.person_id).where(
    Candidate.task_id.in_(bindparam("these", expanding=True))
)


@dataclass(slots=True)
class Case:
    """One loaded request."""

    id: int
    no: str
    key: str
    name: str
    deployed: Deployed
    status: str
    label: str
    path: list[str]
    progress: str
    deciders: dict[str, list[str]]
    summary: str
    scope: str
    scope_name: str
    branch: str
    starter_id: str
    starter_name: str
    revision: int
    started_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
    in_flight: str | None
    timer_failures: int = 0
    chain: str = ""
    waits: str | None = None
    incidents: int = 0
    stored: bytes = b""
    undo: bytes = b""  # what `returning` keeps with the state until the next token moves
    workflow: Workflow = _NO_WORKFLOW
    open: list[OpenTask] = field(default_factory=list)
    people: dict[int, frozenset[str]] = field(default_factory=dict)  # who may take a named row
    automatic: list[dict[str, Any]] = field(default_factory=list)  # steps run by this verb
    halted: list[Halted] = field(default_factory=list)  # steps this verb has stopped before
    met: dict[str, int] = field(default_factory=dict)  # how often it came to each automatic step

    @property
    def running(self) -> bool:
        return self.ended_at is None

    def last_hand(self, node_id: str) -> list[str] | None:
        """[id, name, decision] of whoever decided this step last; the principal of a substitute."""
        for key, entry in self.deciders.items():
            if key.startswith(f"{node_id}/") and entry[3] == FOR_OTHER:
                return entry
        return self.deciders.get(node_id)

    def again(self, node_id: str) -> None:
        """Whoever decided this step last gets it back, not the pool."""
        for key, entry in self.deciders.items():
            if key == node_id or (key.startswith(f"{node_id}/") and entry[3] == FOR_OTHER):
                entry[2] = "again"

    def forget_principals(self, node_id: str) -> None:
        for key, entry in list(self.deciders.items()):
            if key.startswith(f"{node_id}/") and entry[3] == FOR_OTHER:
                del self.deciders[key]

    def domain_of(self, node: Node) -> str:
        """Where the step is worked: by the applicant's own scope, or by the branch in charge."""
        same = node.role == self.deployed.first.role
        return self.scope if same else f"branch:{self.branch}"


def load(rt: Runtime, *, no: str | None = None, case_id: int | None = None) -> Case:
    """Load and lock one request with its open tasks; the workflow itself is unpacked on demand."""
    query, this = (_LOCK_NO, no) if no is not None else (_LOCK_ID, case_id)
    assert this is not None
    row = rt.session.execute(query, {"this": this}).one_or_none() if possible(this) else None
    if row is None:
        raise not_found()
    return from_row(rt, row)


def load_for_task(rt: Runtime, task_id: int) -> Case:
    """Load and lock the request this task, open or not, belongs to."""
    found = rt.session.execute(_LOCK_TASK, {"this": task_id}) if possible(task_id) else None
    row = found.one_or_none() if found is not None else None
    if row is None:
        raise not_found("待办")
    return from_row(rt, row)


def from_row(rt: Runtime, row: Row[Any]) -> Case:
    values = row._asdict()
    definition_id, stored = values.pop("definition_id"), values.pop("state")
    values.pop("next_timer_at")
    case = Case(deployed=definitions.load(rt, definition_id), stored=stored, **values)
    case.open = open_rows(rt, case.id)
    named = [task.id for task in case.open if not task.role]
    if named:
        case.people = _named(rt, named)
    return case


def open_rows(rt: Runtime, case_id: int) -> list[OpenTask]:
    return [OpenTask(*row) for row in rt.session.execute(_OPEN, {"this": case_id})]


def _named(rt: Runtime, task_ids: list[int]) -> dict[int, frozenset[str]]:
    """Rows of named people: who may take them, row by row."""
    found: dict[int, frozenset[str]] = {}
    for task_id, person in rt.session.execute(_NAMED, {"these": task_ids}):
        found[task_id] = found.get(task_id, frozenset()) | {person}
    return found


def unpack(rt: Runtime, case: Case, actor: Actor = SYSTEM) -> Workflow:
    """Decode the workflow and bind it to this runtime."""
    engine = ScriptEngine(rt, case, actor)
    deployed = case.deployed
    case.workflow = codec.loads(case.stored, deployed.spec, deployed.subspecs, engine)
    return case.workflow


def create(rt: Runtime, case: Case, actor: Actor, data: dict[str, Any]) -> None:
    """Give a new case its workflow, at its very beginning."""
    engine = ScriptEngine(rt, case, actor)
    case.workflow = Workflow(case.deployed.spec, case.deployed.subspecs, script_engine=engine)
    case.workflow.task_tree.data.update(data)


def spiff_task(case: Case, task: OpenTask) -> Any:
    """The token behind an open task row."""
    for each in open_tasks(case.workflow):
        if each.id.hex == task.spiff_id:
            return each
    raise Conflict(Problem("task.gone", "该步骤已经办理，页面已更新，请查看最新进度。"))
