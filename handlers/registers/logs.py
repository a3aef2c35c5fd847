"""Registers of what was done: requests filed and under way, receipts, what was taken away."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, func, select

from engine.models import Instance, Job, Task
from handlers.documents.models import Receipt
from handlers.registers.asking import Asked, on_days
from handlers.registers.columns import (
    ask_choice,
    ask_days,
    by,
    count,
    moment,
    note,
    receipt,
    request_no,
    state,
)
from handlers.registers.declaring import Column, Filter, Order, Reach, Register
from handlers.registers.models import KINDS, ExportRecord
from handlers.rosters.models import Roster

_CASE = Instance
_STATES = {
    "running": "办理中",
    "returned": "已退回",
    "completed": "已办结",
    "refused": "未通过",
    "withdrawn": "已撤回",
    "ended": "已终止",
}
_OPEN = ("running", "returned")
_CLOSED = tuple(code for code in _STATES if code not in _OPEN)
_TONES = {"已办结": "done", "未通过": "stop", "已退回": "wait", "办理中": "doing"}
_NO = request_no(_CASE.no)
_NAME = Column(name="name", label="业务名称", of=_CASE.name, phone="head")
_FILED = moment("filed", "提交时间", _CASE.started_at, phone="row")
_BY = by(_CASE.starter_name)
_STATE = state(_CASE.status, _TONES, label="受理状态", words=_STATES)
_LABEL = Column(name="label", label="当前环节", of=_CASE.label)
_ASK_NAME = Filter(name="name", label="业务名称", kind="words", of=_CASE.name)
_ASK_NO = Filter(name="no", label="流水号", kind="text", of=_CASE.no)
_ASK_FILED = ask_days("filed", "提交日期", default="year", where=on_days(_CASE.started_at))


def _ask_state(*states: str) -> Filter:
    return ask_choice("state", "受理状态", {code: _STATES[code] for code in states}, _CASE.status)


def _requests(*states: str) -> Select[Any]:
    found = select().select_from(_CASE)
    return found.where(_CASE.status.in_(states)) if states else found


def _register(key: str, title: str, sources: tuple[str, ...], **more: Any) -> Register:
    """A register of requests, the newest first; a branch's lie together in an index too."""
    values: dict[str, Any] = {
        "reach": Reach(((_CASE.scope, _CASE.branch),), scoped=True),
        "order": (Order(_CASE.started_at, "moment"), Order(_CASE.id, "int")),
        "narrow": False,
        "extra": {"no": _CASE.no},
        "noun": "件",
    }
    return Register(key=key, title=title, sources=sources, **(values | more))


SUBMITTED_DATA = _register(
    "submitted_data",
    "提交数据查询",
    ("XZ-6.3a",),
    source=_requests(),
    icon="list-check",
    empty="这段日期没有提交业务，可以放宽提交日期再查询。",
    columns=(
        *(_NAME, _NO, _FILED),
        note("summary", "内容", _CASE.summary, phone="row"),
        *(_BY, _STATE, _LABEL),
    ),
    filters=(
        *(_ASK_FILED, _ASK_NAME, _ASK_NO),
        _ask_state(*_STATES),
    ),
)


# ── 交易进度与结果 ─────────────────────────────────────────────────────────────────────────────

_REVIEWED = (
    select(Task.id)
    .where(Task.instance_id == _CASE.id, Task.kind == "review")
    .correlate(_CASE)
    .exists()
)


def _of_rosters(what: Any) -> Any:
    return (
        select(cast(func.coalesce(func.sum(what), 0), BigInteger))
        .where(Roster.no == _CASE.no)
        .correlate(_CASE)
        .scalar_subquery()
    )


def _of_job(what: Any) -> Any:
    """Of the job that applies the roster; a request has one, `max` makes a scalar of it."""
    return (
        select(func.max(what))
        .select_from(Roster)
        .join(Job, Job.id == Roster.job_id)
        .where(Roster.no == _CASE.no)
        .correlate(_CASE)
        .scalar_subquery()
    )


def _progress(done: int | None, total: int | None) -> str:
    return f"{done:,} / {total:,}" if done is not None and total else ""


def _was_reviewed(value: str, _asked: Asked) -> ColumnElement[bool]:
    return _REVIEWED if value == "yes" else ~_REVIEWED


_REVIEW = Column(
    name="review", label="是否复核", of=case((_REVIEWED, "是"), else_="否"), phone="off"
)

TASK_PROGRESS = _register(
    "task_progress",
    "交易进度查询",
    ("SX-15.1", "DZ-U-08"),
    source=_requests(*_OPEN),
    icon="route",
    empty="没有正在办理的业务；已经办完的在“我发起的”里。",
    columns=(
        *(_NAME, _NO, _FILED, _REVIEW, _LABEL),
        Column(
            name="rows",
            label="已处理行数",
            of=(_of_job(Job.done), _of_job(Job.total)),
            read=_progress,
        ),
        note("job", "处理情况", _of_job(Job.message), phone="row"),
        *(_STATE, _BY),
    ),
    filters=(
        _ASK_NAME,
        _ask_state(*_OPEN),
        ask_choice("review", "是否复核", {"yes": "是", "no": "否"}, where=_was_reviewed),
        _ASK_FILED,
    ),
)

TASK_RESULTS = _register(
    "task_results",
    "交易结果查询",
    ("SX-16.1", "DZ-U-08"),
    source=_requests(*_CLOSED),
    icon="checks",
    empty="这段日期没有办完的业务，可以放宽提交日期再查询。",
    columns=(
        *(_NAME, _NO, _FILED),
        moment("ended", "办结时间", _CASE.ended_at),
        *(_REVIEW, _STATE, _LABEL),
        count("applied", "成功行数", _of_rosters(Roster.applied), total=True),
        count("failed", "失败行数", _of_rosters(Roster.failed), total=True),
        _BY,
    ),
    filters=(
        *(_ASK_NAME, _ASK_FILED),
        _ask_state(*_CLOSED),
    ),
)


# ── 凭证重打 ───────────────────────────────────────────────────────────────────────────────────

RECEIPTS = _register(
    "receipts",
    "凭证重打",
    ("CX-U23", "DZ-U-06.7"),
    source=_requests("completed").outerjoin(Receipt, Receipt.no == _CASE.no),
    noun="张",
    icon="printer",
    empty="这段日期没有办结的业务，可以放宽提交日期再查询。",
    columns=(
        *(_NAME, _NO),
        note("summary", "内容", _CASE.summary, phone="row"),
        moment("ended", "办结时间", _CASE.ended_at, phone="row"),
        _BY,
        count("prints", "已打印次数", func.coalesce(Receipt.print_count, 0), phone="off"),
        receipt(_CASE.no, phone="key"),
    ),
    filters=(_ASK_NAME, _ASK_FILED, _ASK_NO),
)


# ── 导出记录 ───────────────────────────────────────────────────────────────────────────────────

_TAKEN = ExportRecord
# The reviewer of the request that allowed it; "" for what one person took alone.
_AGREED_BY = func.coalesce(
    select(Task.completed_by_name)
    .join(Instance, Instance.id == Task.instance_id)
    .where(Instance.no == _TAKEN.no, Task.kind == "review", Task.decision == "approve")
    .order_by(Task.completed_at.desc(), Task.id.desc())
    .limit(1)
    .correlate(_TAKEN)
    .scalar_subquery(),
    "",
)

EXPORT_LOG = Register(
    key="export_log",
    title="导出记录查询",
    # No manual has it: C40 asks for the audit at every centre, glossary §10 for the second person.
    sources=("C40",),
    source=select().select_from(_TAKEN),
    reach=Reach(((_TAKEN.scope, _TAKEN.branch),), scoped=True),
    order=(Order(_TAKEN.at, "moment"), Order(_TAKEN.id, "int")),
    narrow=False,
    extra={"no": _TAKEN.no},
    icon="download",
    empty="这段日期没有人导出或打印查询结果，可以放宽导出日期再查询。",
    columns=(
        moment("at", "导出时间", _TAKEN.at, phone="row"),
        Column(name="who", label="导出人", of=_TAKEN.actor_name, phone="head"),
        Column(name="title", label="导出内容", of=_TAKEN.title, phone="row"),
        note("conditions", "查询条件", _TAKEN.conditions, phone="row"),
        Column(name="kind", label="方式", of=_TAKEN.kind, words=KINDS),
        count("taken", "行数", _TAKEN.rows, total=True, phone="key"),
        Column(name="agreed_by", label="同意人", of=_AGREED_BY),
        request_no(_TAKEN.no, phone="off"),
    ),
    filters=(
        ask_days("day", "导出日期", default="year", where=on_days(_TAKEN.at)),
        Filter(name="who", label="导出人", kind="words", of=_TAKEN.actor_name),
        Filter(name="title", label="导出内容", kind="words", of=_TAKEN.title),
        ask_choice("kind", "方式", KINDS, _TAKEN.kind),
    ),
)


REGISTERS = (SUBMITTED_DATA, TASK_PROGRESS, TASK_RESULTS, RECEIPTS, EXPORT_LOG)
