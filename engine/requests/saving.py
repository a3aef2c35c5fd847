"""Writing a request back: state blob and projection (open tasks) together, guarded by the revision,
so that two writers can never both win."""

from __future__ import annotations

import re
from typing import Any, cast

from SpiffWorkflow.util.task import TaskState
from sqlalchemy import Table, bindparam, func, insert, select, update

from engine.calendar import add_working_days
from engine.diagrams.rehearsal import open_tasks, receiving
from engine.errors import Conflict, Problem
from engine.models import NEVER, OPEN_STATES, Instance, Task
from engine.requests import candidates, cases, incidents, subscriptions, voting
from engine.requests.cases import Case
from engine.runtime import Runtime
from engine.tokens import codec, pruning, timer_events

STUCK = "系统处理中"  # what people see while only an admin can help
_INSTANCE = cast(Table, Instance.__table__)
_TASK = cast(Table, Task.__table__)
# Statements of the hot path are built once: SQLAlchemy then finds their SQL without walking them.
_VISIT = (
    select(1 + func.count())
    .where(
        _TASK.c.instance_id == bindparam("here"),
        _TASK.c.spiff_id == bindparam("token"),
        _TASK.c.parent_id.is_(None),
    )
    .scalar_subquery()
)
OPEN_TASK = insert(_TASK).values(visit=_VISIT).inline()
SAVE = update(_INSTANCE).where(
    _INSTANCE.c.id == bindparam("this"), _INSTANCE.c.revision == bindparam("before")
)


def save(rt: Runtime, case: Case) -> None:
    """Write state and projection as the next revision; the caller has appended the history row."""
    before = case.revision - 1
    if case.halted or case.incidents:
        incidents.settle(rt, case)
    _settle(rt, case)
    _sync_tasks(rt, case)
    subscriptions.keep(rt, case)
    pruning.prune(case.workflow)
    now = rt.clock()
    result = rt.session.execute(
        SAVE,
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
            "state": codec.dumps(case.workflow) + case.undo,
            "updated_at": now,
            "ended_at": case.ended_at,
            "in_flight": case.in_flight,
            "next_timer_at": timer_events.next_due(case.workflow) if case.running else None,
            "timer_failures": case.timer_failures,
            "chain": case.chain,
            "waits": case.waits,
            "incidents": case.incidents,
        },
    )
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(Problem("request.stale", "该业务刚刚被他人办理，请刷新页面后再操作。"))


def touch(rt: Runtime, case: Case) -> None:
    """Write the next revision of a request whose path has not moved (claim, hand over, comment)."""
    result = rt.session.execute(
        SAVE,
        {
            "this": case.id,
            "before": case.revision - 1,
            "revision": case.revision,
            "deciders": case.deciders,
            "label": case.label,
            "status": case.status,
            "chain": case.chain,
            "updated_at": rt.clock(),
        },
    )
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(Problem("request.stale", "该业务刚刚被他人办理，请刷新页面后再操作。"))


def park(rt: Runtime, case: Case) -> None:
    """Write tokens that wait for an admin, when no verb has moved anything; the row is locked."""
    incidents.settle(rt, case)
    _settle(rt, case)
    rt.session.execute(
        update(_INSTANCE)
        .where(_INSTANCE.c.id == case.id, _INSTANCE.c.revision == case.revision)
        .values(
            label=case.label,
            progress=progress(case),
            state=codec.dumps(case.workflow),
            next_timer_at=timer_events.next_due(case.workflow),
            timer_failures=case.timer_failures,
            incidents=case.incidents,
        )
    )


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
    if case.status == "returned" and not _at_form(case, ready):
        case.status = "running"  # a timer has taken the form away
    if ready and case.status == "running":
        node = case.deployed.nodes.get(ready[0].task_spec.name)
        case.label = node.label if node is not None else "办理中"
    elif case.incidents and not ready:
        case.label = STUCK
    elif not ready and (awaited := receiving(case.workflow)):
        case.label = case.deployed.nodes[awaited[0].task_spec.name].label
    elif case.label == STUCK:
        case.label = "办理中"


def _at_form(case: Case, ready: list[Any]) -> bool:
    """Does the request wait for the applicant: at a form, or at one below a step (straight)?"""
    forms = {node.id for node in case.deployed.nodes.values() if node.kind == "form"}
    if any(task.task_spec.name in forms for task in ready):
        return True
    tokens = {task.id.hex for task in ready}
    return any(row.kind == "form" and row.spiff_id in tokens for row in case.open)


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
            .where(_TASK.c.id.in_(gone), _TASK.c.status.in_(OPEN_STATES))
            .values(status="cancelled", completed_at=now)
        )
    for spiff_id, task in ready.items():
        if spiff_id not in known:
            _open_task(rt, case, spiff_id, task)


def _open_task(rt: Runtime, case: Case, spiff_id: str, task: Any) -> None:
    node = case.deployed.nodes[task.task_spec.name]
    now = rt.clock()
    whose = candidates.choose(rt, case, node, task)
    days = node.props.get("due_working_days")
    due_at = add_working_days(rt.calendar, now, int(days)) if days else case.due_at
    rt.session.execute(
        OPEN_TASK,
        {
            "here": case.id,
            "token": spiff_id,
            "instance_id": case.id,
            "spiff_id": spiff_id,
            "node": node.id,
            "node_name": node.name,
            "kind": node.kind,
            "form": node.form,
            "role": whose.role,
            "domain": whose.domain,
            "status": "held" if whose.seats else "open",
            "assignee": whose.assignee,
            "assignee_name": whose.assignee_name,
            "created_at": now,
            "due_at": due_at,
            "order_at": due_at or NEVER,
            "part": "step",
            "position": 0,
            "key": case.key,
            "starter_id": case.starter_id,
            "batch": node.props.get("batch") == "true",
        },
    )
    if whose.people or whose.seats:
        _seat(rt, case, spiff_id, whose)


def _seat(rt: Runtime, case: Case, token: str, whose: candidates.Assignment) -> None:
    """The people of a step that is not one post's or one person's."""
    case.open = cases.open_rows(rt, case.id)
    row = next(each for each in case.open if each.spiff_id == token and each.part == "step")
    if whose.people:
        candidates.keep(rt, row.id, whose.people)
    else:
        voting.open_votes(rt, case, row, whose.seats)


def progress(case: Case) -> str:
    """One letter a step along the foretold path: d done, c current, x returned to, - ahead."""
    if not case.running:
        return _walked(case)
    standing = (*open_tasks(case.workflow), *receiving(case.workflow))
    here = {task.task_spec.name for task in standing}
    if case.incidents:
        # "review.BoundaryEventSplit" stands before "review", "post [child]" is one of "post"
        stuck = (token.task_spec.name for token in incidents.halted(case.workflow))
        here |= {re.split(r"\.| \[", name)[0] for name in stuck}
    letters, passed = [], False
    for node in case.path:
        if node in here:
            letters.append("x" if case.status == "returned" else "c")
            passed = True
        else:
            letters.append("-" if passed else "d")
    return "".join(letters)


def _walked(case: Case) -> str:
    """Of a request that is over: all of the path, or as far as it came before it was stopped."""
    steps = len(case.path)
    if case.status != "completed":
        passed = len(case.progress) - len(case.progress.lstrip("d"))
        steps = min(steps, passed + (case.status == "refused"))  # who refused has decided the step
    return "d" * steps + "-" * (len(case.path) - steps)
