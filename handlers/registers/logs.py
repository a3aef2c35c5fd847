"""Registers of what was done: requests filed, undone and under way, receipts to print again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    case,
    cast,
    func,
    select,
)

from engine.models import Instance, Job, Task
from handlers.documents.models import Receipt
from handlers.registers.asking import Asked, on_days
from handlers.registers.declaring import Column, Drill, Filter, Order, Reach, Register
from handlers.rosters.models import Roster

_CASE = Instance
_REACH = Reach(((_CASE.scope, _CASE.branch),), scoped=True)
_ORDER = (Order(_CASE.started_at, "moment"), Order(_CASE.id, "int"))
_EXTRA = {"no": _CASE.no}
_TONES = {
    "已办结": "done",
    "未通过": "stop",
    "已撤回": "idle",
    "已终止": "idle",
    "已退回": "wait",
    "办理中": "doing",
}
_STATES = {
    "running": "办理中",
    "returned": "已退回",
    "completed": "已办结",
    "refused": "未通过",
    "withdrawn": "已撤回",
    "ended": "已终止",
}
_NO = Column(
    name="no",
    label="流水号",
    of=_CASE.no,
    phone="row",
    drill=Drill("request", {"no": "no"}),
)
_NAME = Column(name="name", label="业务名称", of=_CASE.name, phone="head")
_FILED = Column(name="filed", label="提交时间", of=_CASE.started_at, kind="moment", phone="row")
_BY = Column(name="by", label="经办人", of=_CASE.starter_name, phone="off")
_SUMMARY = Column(name="summary", label="内容", of=_CASE.summary, kind="note", phone="row")
_STATE = Column(
    name="state", label="受理状态", of=_CASE.status, kind="state", words=_STATES, tones=_TONES
)
_LABEL = Column(name="label", label="当前环节", of=_CASE.label)
_ASK_NAME = Filter(name="name", label="业务名称", kind="words", of=_CASE.name)
_ASK_FILED = Filter(
    name="filed",
    label="提交日期",
    kind="days",
    default="year",
    where=on_days(_CASE.started_at),
)


def _requests(*states: str) -> Any:
    def source() -> Select[Any]:
        found = select().select_from(_CASE)
        return found.where(_CASE.status.in_(states)) if states else found

    return source


SUBMITTED_DATA = Register(
    key="submitted_data",
    title="提交数据查询",
    sources=("XZ-6.3a",),
    source=_requests(),
    reach=_REACH,
    order=_ORDER,
    narrow=False,
    extra=_EXTRA,
    noun="件",
    icon="list-check",
    empty="这段日期没有提交业务，可以放宽提交日期再查询。",
    columns=(_NAME, _NO, _FILED, _SUMMARY, _BY, _STATE, _LABEL),
    filters=(
        _ASK_FILED,
        _ASK_NAME,
        Filter(name="no", label="流水号", kind="text", of=_CASE.no),
        Filter(name="state", label="受理状态", kind="choice", of=_CASE.status, options=_STATES),
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


def _of_jobs(what: Any) -> Any:
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
    name="review",
    label="是否复核",
    of=case((_REVIEWED, "是"), else_="否"),
    phone="off",
)
_ASK_REVIEW = Filter(
    name="review",
    label="是否复核",
    kind="choice",
    options={"yes": "是", "no": "否"},
    where=_was_reviewed,
)

TASK_PROGRESS = Register(
    key="task_progress",
    title="交易进度查询",
    sources=("SX-15.1", "DZ-U-08"),
    source=_requests("running", "returned"),
    reach=_REACH,
    order=_ORDER,
    narrow=False,
    extra=_EXTRA,
    noun="件",
    icon="route",
    empty="没有正在办理的业务；已经办完的在“交易结果查询”里。",
    columns=(
        _NAME,
        _NO,
        _FILED,
        _REVIEW,
        _LABEL,
        Column(
            name="rows",
            label="已处理行数",
            of=(_of_jobs(Job.done), _of_jobs(Job.total)),
            read=_progress,
        ),
        Column(name="job", label="处理情况", of=_of_jobs(Job.message), kind="note", phone="row"),
        _STATE,
        _BY,
    ),
    filters=(_ASK_NAME, _ASK_REVIEW, _ASK_FILED),
)

TASK_RESULTS = Register(
    key="task_results",
    title="交易结果查询",
    sources=("SX-16.1", "DZ-U-08"),
    source=_requests("completed", "refused", "withdrawn", "ended"),
    reach=_REACH,
    order=_ORDER,
    narrow=False,
    extra=_EXTRA,
    noun="件",
    icon="checks",
    empty="这段日期没有办完的业务，可以放宽提交日期再查询。",
    columns=(
        _NAME,
        _NO,
        _FILED,
        Column(name="ended", label="办结时间", of=_CASE.ended_at, kind="moment", phone="off"),
        _REVIEW,
        _STATE,
        _LABEL,
        Column(
            name="applied",
            label="成功行数",
            of=_of_rosters(Roster.applied),
            kind="count",
            total=True,
        ),
        Column(
            name="failed",
            label="失败行数",
            of=_of_rosters(Roster.failed),
            kind="count",
            total=True,
        ),
        _BY,
    ),
    filters=(
        _ASK_NAME,
        _ASK_FILED,
        Filter(
            name="state",
            label="受理状态",
            kind="choice",
            of=_CASE.status,
            options={key: _STATES[key] for key in ("completed", "refused", "withdrawn", "ended")},
        ),
    ),
)


# ── 凭证重打 ───────────────────────────────────────────────────────────────────────────────────


def _receipts() -> Select[Any]:
    source = select().select_from(_CASE).outerjoin(Receipt, Receipt.no == _CASE.no)
    return source.where(_CASE.status == "completed")


RECEIPTS = Register(
    key="receipts",
    title="凭证重打",
    sources=("CX-U23", "DZ-U-06.7"),
    source=_receipts,
    reach=_REACH,
    order=_ORDER,
    narrow=False,
    extra=_EXTRA,
    noun="张",
    icon="printer",
    empty="这段日期没有办结的业务，可以放宽提交日期再查询。",
    columns=(
        _NAME,
        _NO,
        _SUMMARY,
        Column(name="ended", label="办结时间", of=_CASE.ended_at, kind="moment", phone="row"),
        _BY,
        Column(
            name="prints",
            label="已打印次数",
            of=func.coalesce(Receipt.print_count, 0),
            kind="count",
            phone="off",
        ),
        Column(
            name="receipt",
            label="凭证",
            of=_CASE.no,
            read=lambda _no: "打印",
            action=True,
            phone="key",
            drill=Drill("receipt", {"no": "no"}),
        ),
    ),
    filters=(_ASK_NAME, _ASK_FILED, Filter(name="no", label="流水号", kind="text", of=_CASE.no)),
)


REGISTERS = (SUBMITTED_DATA, TASK_PROGRESS, TASK_RESULTS, RECEIPTS)
