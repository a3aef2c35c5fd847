"""Workflow state ⇄ bytes: one compact JSON blob without the diagram.

A task is a row; its data is stored as the difference to its parent's, because most steps change
little. User data is never interpreted (the stock serializer chokes on a key called `typename`), and
bytes, not JSONB, go to the database: re-ordered keys would empty the data silently.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.spiff.serializer.config import SPIFF_CONFIG
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from engine.errors import OperationFailed, Problem, Refused
from engine.scripts.script import NotJson, as_json
from engine.tokens.workflow import SubWorkflow, TaskId, Workflow

FORMAT = 1
NESTING_MAX = 100  # levels of lists and dictionaries; JSON itself ends at some 250
DATA_BYTES_MAX = 2_000_000  # of JSON in one filing: every step of the request carries it
_EMPTY, _SAME = 0, 1  # data markers: none at all, equal to the parent's
_events = BpmnWorkflowSerializer.configure(SPIFF_CONFIG)  # only for BPMN events held in the state
_SEEN = "seen_events"


def dumps(workflow: Workflow) -> bytes:
    """The state of a request; OperationFailed when a step has left in its data what JSON cannot."""
    document, _ = _dump_tree(workflow)
    document["v"] = FORMAT
    if workflow.subprocesses:
        document["sub"] = {
            task_id.hex: {**_dump_tree(sub)[0], "spec": sub.spec.name}
            for task_id, sub in workflow.subprocesses.items()
        }
    if workflow.bpmn_events:
        document["events"] = _events.convert(workflow.bpmn_events)
    try:
        return orjson.dumps(document)
    except TypeError as error:
        text = "自动步骤产生了无法保存的数据，业务停留在原处，请联系中心管理员处理。"
        raise OperationFailed(Problem("data.unfit", text)) from error


def accepted(data: Any) -> dict[str, Any]:
    """A copy of what a person files, exactly as it would come back from a save.

    Refused: anything but JSON (NaN, dates, numbers beyond 64 bits, half a character, keys that are
    no text), deeper than NESTING_MAX or larger than DATA_BYTES_MAX.
    """
    try:
        text = as_json(data)
    except NotJson as error:
        said = "提交的内容中有无法保存的数据，请刷新页面，重新填写后再提交。"
        raise Refused(Problem("data.not_json", said)) from error
    if not isinstance(data, dict):
        raise Refused(Problem("data.not_json", "提交的内容不是表单数据，请刷新页面后重新填写。"))
    if len(text) > DATA_BYTES_MAX:
        said = f"提交的内容超过 {DATA_BYTES_MAX // 1_000_000} MB，请精简文字，文件请作为材料上传。"
        raise Refused(Problem("data.large", said))
    if _deeper(data, NESTING_MAX):
        said = f"提交的内容嵌套超过 {NESTING_MAX} 层，请分成几项填写。"
        raise Refused(Problem("data.deep", said))
    copy: dict[str, Any] = orjson.loads(text)
    return copy


def _deeper(value: Any, levels: int) -> bool:
    """Level by level, for recursion would end before the data does."""
    inside = [value]
    for _ in range(levels):
        inside = [
            each
            for holder in inside
            for each in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(each, dict | list)
        ]
    return bool(inside)


def loads(blob: bytes, spec: Any, subprocess_specs: dict[str, Any], script_engine: Any) -> Workflow:
    """The workflow as it was saved, bound to a script engine.

    Only the first line counts: `returning` keeps in the next ones how to undo a return.
    """
    document = orjson.loads(blob.partition(b"\n")[0])
    assert document["v"] == FORMAT, "state written by another version of the hall"
    workflow = Workflow(spec, subprocess_specs, script_engine=script_engine, deserializing=True)
    _load_tree(workflow, document)
    if "sub" in document:
        _attach(workflow, workflow, document["sub"])
    workflow.bpmn_events = _events.restore(document["events"]) if "events" in document else []
    return workflow


def _dump_tree(workflow: Any) -> tuple[dict[str, Any], dict[TaskId, int]]:
    index: dict[TaskId, int] = {}
    rows = []
    tasks = workflow.tasks
    for position, task in enumerate(_parents_first(workflow)):
        index[task.id] = position
        parent = tasks.get(task._parent)
        rows.append(
            (
                task.id.hex,
                -1 if parent is None else index[parent.id],
                task.task_spec.name,
                task._state,
                task.last_state_change,
                1 if task.triggered else 0,
                _dump_internal(task.internal_data) if task.internal_data else 0,
                _delta(task.data, None if parent is None else parent.data),
            )
        )
    last = workflow.last_task
    document = {
        "tasks": rows,
        "data": workflow.data,
        "corr": workflow.correlations,
        "last": -1 if last is None else index.get(last.id, -1),
        "ok": workflow.success,
        "done": workflow.completed,
        "root": index[workflow.task_tree.id],
    }
    return document, index


def _parents_first(workflow: Any) -> Iterator[Any]:
    """Insertion order, unless a reset has put a child before its parent: then breadth-first."""
    tasks = workflow.tasks
    seen: set[TaskId] = set()
    for task in tasks.values():
        if task._parent in tasks and task._parent not in seen:
            break
        seen.add(task.id)
    else:
        yield from tasks.values()
        return
    queue = [workflow.task_tree]
    for task in queue:
        yield task
        queue.extend(tasks[child] for child in task._children if child in tasks)


def _delta(data: dict[str, Any], parent: dict[str, Any] | None) -> Any:
    if parent is None:
        return data or _EMPTY
    if not data:
        return _EMPTY
    changed = {k: v for k, v in data.items() if k not in parent or not _same(parent[k], v)}
    if not changed and len(data) == len(parent):
        return _SAME
    if len(changed) == len(data):
        return data
    return [changed, [key for key in parent if key not in data]]


def _same(a: Any, b: Any) -> bool:
    """Equal down to the type: 1, 1.0 and True are one to Python, but not to a form."""
    if a is b:  # inherited and untouched, nearly always
        return True
    return bool(a == b) and (type(a) is type(b) is str or orjson.dumps(a) == orjson.dumps(b))


def _dump_internal(internal: dict[str, Any]) -> dict[str, Any]:
    if _SEEN in internal:
        return {**internal, _SEEN: _events.convert(internal[_SEEN])}
    return internal


def _load_tree(workflow: Any, document: dict[str, Any]) -> None:
    specs, tasks = workflow.spec.task_specs, workflow.tasks
    waiting = workflow.top_workflow.event_manager
    loaded: list[Any] = []
    for row in document["tasks"]:
        task = _load_task(workflow, specs, row, loaded)
        tasks[task.id] = task
        loaded.append(task)
        if task._state == TaskState.WAITING and isinstance(task.task_spec, CatchingEvent):
            waiting.add_task(task)
    workflow.task_tree = loaded[document["root"]]
    workflow.data, workflow.correlations = document["data"], document["corr"]
    workflow.success, workflow.completed = document["ok"], document["done"]
    last = document["last"]
    workflow.last_task = loaded[last] if last >= 0 else None


def _load_task(workflow: Any, specs: dict[str, Any], row: list[Any], loaded: list[Any]) -> Any:
    hex_id, parent_index, name, state, changed_at, triggered, internal, data = row
    task = object.__new__(
        Task
    )  # its constructor would link, stamp and log: all of it is in the row
    task.id = TaskId(hex_id, 16)
    task.workflow = workflow
    task._children = []
    task._state = state
    task.triggered = bool(triggered)
    task.task_spec = specs[name]
    task.thread_id = 0
    task.last_state_change = changed_at
    task.internal_data = internal or {}
    if internal and _SEEN in internal:
        internal[_SEEN] = _events.restore(internal[_SEEN])
    if parent_index < 0:
        task._parent, task.data = None, data or {}
        return task
    parent = loaded[parent_index]
    task._parent = parent.id
    parent._children.append(task.id)
    task.data = _undelta(data, parent.data)
    return task


def _undelta(data: Any, parent: dict[str, Any]) -> dict[str, Any]:
    if data == _EMPTY:
        return {}
    if data == _SAME:
        return parent.copy()  # shared below the top level: scripts work on private copies
    if isinstance(data, list):
        changed, removed = data
        merged = {**parent, **changed}
        for key in removed:
            merged.pop(key, None)
        return merged
    plain: dict[str, Any] = data
    return plain


def _attach(top: Workflow, workflow: Any, stored: dict[str, Any]) -> None:
    for task in list(workflow.tasks.values()):
        document = stored.get(task.id.hex)
        if document is None:
            continue
        spec = top.subprocess_specs[document["spec"]]
        sub = SubWorkflow(spec, task.id, top, deserializing=True)
        top.subprocesses[task.id] = sub
        _load_tree(sub, document)
        sub.completed_event.connect(task.task_spec._on_subworkflow_completed, task)
        _attach(top, sub, stored)
