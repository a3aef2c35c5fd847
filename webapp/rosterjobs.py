"""A long job at work on a roster: how far, and what came of it.

(我的任务 shows a job to whoever ordered it; a roster is shared by the operators of a unit.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.models import Job
from webapp.runtime import session


@dataclass(frozen=True, slots=True)
class Progress:
    """A job at work on the roster, or what came of it."""

    id: int
    title: str
    label: str
    tone: str
    text: str
    message: str
    done: int
    total: int
    over: bool
    refused: str

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 0

    def facts(self) -> dict[str, Any]:
        names = ("label", "done", "total", "text", "percent", "message", "over")
        return {name: getattr(self, name) for name in names}


def job_of(roster_id: int, job_id: int | None) -> Progress | None:
    """A job of this roster, for everybody who may see the roster; None for any other."""
    job = session().get(Job, job_id) if job_id else None
    if job is None or job.payload.get("roster") != roster_id:
        return None
    session().refresh(job)
    over = job.finished_at is not None
    result = job.result if over else {}
    refused = str(result.get("refused") or "")
    if over and job.status != "done":
        refused = job.message or "没有完成，请重新导入。"
    label, tone = _LABELS.get(job.status, ("进行中", "doing"))
    if refused:
        label, tone = "没有导入", "stop"
    return Progress(
        id=job.id,
        title=job.title,
        label=label,
        tone=tone,
        text=f"{job.done:,} / {job.total:,} 行" if job.total else "正在准备",
        message=str(result.get("text") or job.message or ""),
        done=job.done,
        total=job.total,
        over=over,
        refused=refused,
    )


_LABELS = {
    "queued": ("排队中", "wait"),
    "running": ("进行中", "doing"),
    "done": ("已完成", "done"),
    "failed": ("没有完成", "stop"),
    "cancelled": ("已取消", "idle"),
}
