"""A request in memory: load → advance → save, inside the transaction of one verb.

`Case` is what operations see as `call.instance`.  Saving writes the state blob and the projection
(open tasks) together, guarded by the revision, so that two writers can never both win.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from SpiffWorkflow.bpmn.exceptions import WorkflowTaskException
from SpiffWorkflow.util.task import TaskState
from sqlalchemy import Row, Table, bindparam, func, insert, select, update

from engine import codec, definitions, timer_events
from engine.calendar import add_working_days
from engine.database import possible
from engine.dialect import Deployed, Node
from engine.errors import Conflict, HallError, OperationFailed, Problem, not_found
from engine.models import Instance, Task
from engine.rehearsal import open_tasks
from engine.runtime import SYSTEM, Actor, Runtime
from engine.script import ScriptEngine
from engine.workflow import Workflow

_log = logging.getLogger("hall.cases")
AUTO_STEPS_MAX = 10_000  # one verb may not run for ever
_NO_WORKFLOW: Any = None

_INSTANCE = cast(Table, Instance.__table__)
_TASK = cast(Table, Task.__table__)
_COLUMNS = tuple(c for c in _INSTANCE.c if c.name not in ("token", "updated_at"))


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A row of the open tasks of one request."""

    id: int
    spiff_id: str
    node: str
    node_name: str
    kind: str
    form: str | None
    role: str
    domain: str
    assignee: str | None
    assignee_name: str | None
    created_at: datetime
    due_at: datetime | None


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
    .where(_TASK.c.instance_id == bindparam("this"), _TASK.c.status == "open")
    .order_by(_TASK.c.id)
)
_VISIT = (
    select(1 + func.count())
    .where(_TASK.c.instance_id == bindparam("here"), _TASK.c.spiff_id == bindparam("token"))
    .scalar_subquery()
)
_OPEN_TASK = insert(_TASK).values(visit=_VISIT).inline()
_SAVE = update(_INSTANCE).where(
    _INSTANCE.c.id == bindparam("this"), _INSTANCE.c.revision == bindparam("before")
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
    stored: bytes = b""
    workflow: Workflow = _NO_WORKFLOW
    open: list[OpenTask] = field(default_factory=list)
    automatic: list[dict[str, str]] = field(default_factory=list)  # steps run by this verb

    @property
    def running(self) -> bool:
        return self.ended_at is None

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
    return case


def open_rows(rt: Runtime, case_id: int) -> list[OpenTask]:
    return [OpenTask(*row) for row in rt.session.execute(_OPEN, {"this": case_id})]


def unpack(rt: Runtime, case: Case, actor: Actor = SYSTEM) -> Workflow:
    """Decode the workflow and bind it to this runtime."""
    engine = ScriptEngine(rt, case, actor)
    deployed = case.deployed
    case.workflow = codec.loads(case.stored, deployed.spec, deployed.subspecs, engine)
    return case.workflow


def create(rt: Runtime, case: Case, actor: Actor, data: dict[str, Any]) -> None:
    """Give a new case its workflow, run up to the first human step."""
    engine = ScriptEngine(rt, case, actor)
    case.workflow = Workflow(case.deployed.spec, case.deployed.subspecs, script_engine=engine)
    case.workflow.task_tree.data.update(data)
    advance(case)


def spiff_task(case: Case, task: OpenTask) -> Any:
    """The token behind an open task row."""
    for each in open_tasks(case.workflow):
        if each.id.hex == task.spiff_id:
            return each
    raise Conflict(Problem("task.gone", "该步骤已经办理，页面已更新，请查看最新进度。"))


def advance(case: Case, decided: Any = None) -> None:
    """Complete the step that was decided and run everything that needs no human.

    What an operation refuses surfaces as it was said; whatever else goes wrong in a diagram, an
    expression or an operation is one sentence for people and a trace for the log.
    """
    steps, here = 0, decided

    def begin(task: Any) -> None:
        nonlocal here
        here = task

    def note(task: Any) -> None:
        nonlocal steps
        steps += 1
        if steps > AUTO_STEPS_MAX:
            raise OperationFailed(Problem("loop.endless", "流程在自动步骤中循环不止，已停止办理。"))
        node = case.deployed.nodes.get(task.task_spec.name)
        if node is not None:
            case.automatic.append({"node": node.id, "name": node.name})

    try:
        if decided is not None:
            decided.run()
        case.workflow.do_engine_steps(begin, note)
    except HallError:
        raise
    except Exception as error:
        raise _failed(case, error, here) from error


def _failed(case: Case, error: Exception, here: Any) -> HallError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, HallError):
            return cause
        cause = getattr(cause, "exception", None) or cause.__cause__
    _log.error("an automatic step of %s failed", case.no, exc_info=error)
    task = error.task if isinstance(error, WorkflowTaskException) else here
    spec = task.task_spec if task is not None else None
    name = case.name if spec is None else spec.bpmn_name or spec.name
    text = f"自动步骤“{name}”没有成功，业务停留在原处，请联系中心管理员处理。"
    return OperationFailed(Problem("step.failed", text))


def save(rt: Runtime, case: Case) -> None:
    """Write state and projection as the next revision; the caller has appended the history row."""
    before = case.revision - 1
    _settle(rt, case)
    _sync_tasks(rt, case)
    now = rt.clock()
    result = rt.session.execute(
        _SAVE,
        {
            "this": case.id,
            "before": before,
            "status": case.status,
            "label": case.label,
            "path": case.path,
            "progress": progress(case),
            "deciders": case.deciders,
            "summary": case.summary,
            "revision": case.revision,
            "state": codec.dumps(case.workflow),
            "updated_at": now,
            "ended_at": case.ended_at,
            "in_flight": case.in_flight,
            "next_timer_at": timer_events.next_due(case.workflow) if case.running else None,
            "timer_failures": case.timer_failures,
        },
    )
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(Problem("request.stale", "该业务刚刚被他人办理，请刷新页面后再操作。"))


def _settle(rt: Runtime, case: Case) -> None:
    """Status and label follow from where the tokens stand."""
    if case.running and case.workflow.completed:
        case.status = _outcome(case)
        case.label = "已办结" if case.status == "completed" else "不予办理"
        case.ended_at = rt.clock()
    if not case.running:
        case.in_flight = None
        return
    ready = open_tasks(case.workflow)
    if ready and case.status == "running":
        node = case.deployed.nodes.get(ready[0].task_spec.name)
        case.label = node.label if node is not None else "办理中"


def _outcome(case: Case) -> str:
    for task in case.workflow.tasks.values():
        if task._state == TaskState.COMPLETED and task.task_spec.name in case.deployed.outcomes:
            outcome = case.deployed.outcomes[task.task_spec.name]
            if outcome != "completed":
                return outcome
    return "completed"


def _sync_tasks(rt: Runtime, case: Case) -> None:
    """Open task rows = human steps with a token."""
    now = rt.clock()
    ready = {task.id.hex: task for task in open_tasks(case.workflow)} if case.running else {}
    known = {task.spiff_id for task in case.open}
    gone = [task.id for task in case.open if task.spiff_id not in ready]
    if gone:
        rt.session.execute(
            update(_TASK)
            .where(_TASK.c.id.in_(gone), _TASK.c.status == "open")
            .values(status="cancelled", completed_at=now)
        )
    for spiff_id, task in ready.items():
        if spiff_id not in known:
            _open_task(rt, case, spiff_id, task)


def _open_task(rt: Runtime, case: Case, spiff_id: str, task: Any) -> None:
    node = case.deployed.nodes[task.task_spec.name]
    now = rt.clock()
    assignee, assignee_name = _assignee(case, node)
    days = node.props.get("due_working_days")
    rt.session.execute(
        _OPEN_TASK,
        {
            "here": case.id,
            "token": spiff_id,
            "instance_id": case.id,
            "spiff_id": spiff_id,
            "node": node.id,
            "node_name": node.name,
            "kind": node.kind,
            "form": node.form,
            "role": node.role,
            "domain": case.domain_of(node),
            "status": "open",
            "assignee": assignee,
            "assignee_name": assignee_name,
            "created_at": now,
            "due_at": add_working_days(rt.calendar, now, int(days)) if days else case.due_at,
        },
    )


def _assignee(case: Case, node: Node) -> tuple[str | None, str | None]:
    """A form goes to the applicant; a review back to who returned it or to whom it was returned."""
    if node.kind == "form":
        return case.starter_id, case.starter_name
    last = case.deciders.get(node.id)
    if last is not None and last[2] in ("return", "again"):
        return last[0], last[1]
    return None, None


def progress(case: Case) -> str:
    """One letter a step along the foretold path: d done, c current, x returned to, - ahead."""
    if not case.running:
        return "d" * len(case.path)
    here = {task.task_spec.name for task in open_tasks(case.workflow)}
    letters, passed = [], False
    for node in case.path:
        if node in here:
            letters.append("x" if case.status == "returned" else "c")
            passed = True
        else:
            letters.append("-" if passed else "d")
    return "".join(letters)
