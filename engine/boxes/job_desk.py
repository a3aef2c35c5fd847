"""我的任务: what people see of long jobs, and what they may do about them: cancel, try again.

A job belongs to whoever ordered it; a 流程管理员 sees all of them.  For everybody else it does not
exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import defer

from engine.database import possible, transaction
from engine.errors import Conflict, Problem, not_found
from engine.models import Incident, Job
from engine.owed import jobs
from engine.requests import incidents
from engine.runtime import Actor, Runtime
from engine.verbs.permissions import administers

LIST_ROWS_MAX = 50  # the newest: older ones are read by nobody
LABELS = {
    "queued": "排队中",
    "running": "进行中",
    "done": "已完成",
    "failed": "未完成",
    "cancelled": "已取消",
}


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as its page shows it.  `status`: queued, running, done, failed or cancelled; `result`
    is what its handler has returned, empty in lists; `error` is for admins."""

    id: int
    kind: str
    title: str
    status: str
    label: str
    done: int
    total: int
    message: str
    result: dict[str, Any]
    cancelling: bool
    error: str | None
    owner_name: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 0

    @property
    def over(self) -> bool:
        return self.finished_at is not None

    @property
    def cancellable(self) -> bool:
        return not self.over and not self.cancelling and jobs.cancellable(self.kind)


def view(rt: Runtime, actor: Actor, job_id: int) -> JobView:
    """A job of one's own, or any for a process admin; NotFound otherwise."""
    job = _find(rt, actor, job_id)
    return _view(job, job.result)


def of_owner(rt: Runtime, actor: Actor) -> list[JobView]:
    """The newest jobs this person has ordered, without their results."""
    query = select(Job).where(Job.owner_id == actor.id).order_by(Job.id.desc())
    lean = query.options(defer(Job.payload), defer(Job.cursor), defer(Job.result))
    return [_view(row, {}) for row in rt.session.scalars(lean.limit(LIST_ROWS_MAX))]


def unfinished(rt: Runtime, actor: Actor) -> int:
    """How many jobs of this person are not over."""
    mine = (Job.owner_id == actor.id, Job.finished_at.is_(None))
    return rt.session.scalar(select(func.count()).select_from(Job).where(*mine)) or 0


def cancel(rt: Runtime, actor: Actor, job_id: int) -> JobView:
    """取消: a waiting job ends at once, a running one at its next report; what is done stays."""
    with transaction(rt.session):
        job = _find(rt, actor, job_id, lock=True)
        if job.finished_at is not None:
            text = f"这个任务{LABELS[job.status]}，不能再取消，请刷新后查看。"
            raise Conflict(Problem("job.over", text))
        if not jobs.cancellable(job.kind):
            text = "这个任务办一半不作数，不能取消，请等它办完后再处理。"
            raise Conflict(Problem("job.whole", text))
        job.cancelling = True
        if job.status == "queued":
            job.status, job.finished_at = "cancelled", rt.clock()
            job.message = jobs.cancelled_text(job.done)
        return _view(job, job.result)


def retry(rt: Runtime, actor: Actor, job_id: int) -> JobView:
    """重试: a failed job goes on behind its cursor, and is no incident any more."""
    with transaction(rt.session):
        job = _find(rt, actor, job_id, lock=True)
        if job.status != "failed":
            text = f"这个任务{LABELS[job.status]}，不需要重试，请刷新后查看。"
            raise Conflict(Problem("job.not_failed", text))
        job.status, job.finished_at, job.failures = "queued", None, 0
        job.cancelling, job.message = False, ""
        job.due_at = rt.clock()
        same = (Incident.kind == "job", Incident.ref == str(job.id))
        incident = rt.session.scalar(select(Incident.id).where(*same))
        if incident is not None:
            incidents.close(rt, incident, "retried", actor)
        return _view(job, job.result)


def _find(rt: Runtime, actor: Actor, job_id: int, *, lock: bool = False) -> Job:
    query = select(Job).where(Job.id == job_id).execution_options(populate_existing=True)
    query = query.with_for_update() if lock else query
    job = rt.session.scalar(query) if possible(job_id) else None
    if job is None or (job.owner_id != actor.id and not administers(actor)):
        raise not_found("任务")
    return job


def _view(job: Job, result: dict[str, Any]) -> JobView:
    return JobView(
        id=job.id,
        kind=job.kind,
        title=job.title,
        status=job.status,
        label=_label(job),
        done=job.done,
        total=job.total,
        message=job.message,
        result=result,
        cancelling=job.cancelling,
        error=job.last_error if job.status == "failed" else None,
        owner_name=job.owner_name,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )


def _label(job: Job) -> str:
    """Between two slices a job waits in the queue: for people it is under way."""
    if job.finished_at is None and job.cancelling:
        return "正在取消"
    if job.status == "queued" and job.failures:
        return "稍后重试"
    if job.status == "queued" and job.started_at is not None:
        return LABELS["running"]
    return LABELS[job.status]
