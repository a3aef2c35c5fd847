"""我的任务: long jobs somebody has ordered, how far each of them is, what came of it.

A page that shows a running job asks for its progress while it is looked at; that must not keep a
session from idling out (`signin.QUIET_ENDPOINTS`).  Whoever has looked at a running job of their
own finds the way back to it in the top bar until it is over; nobody else pays for that question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, flash, g, redirect, render_template, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue

from engine.boxes import job_desk
from engine.boxes.job_desk import JobView
from engine.errors import Conflict
from engine.verbs import bulk, migrating
from engine.verbs.permissions import administers
from webapp.runtime import actor, runtime, session

bp = Blueprint("jobs", __name__)

WORKING = "working"  # in the cookie: this person has jobs that are not over
TONES = {
    "queued": "wait",
    "running": "doing",
    "done": "done",
    "failed": "stop",
    "cancelled": "idle",
}


@dataclass(frozen=True, slots=True)
class Words:
    """What a kind of job calls those it has dealt with, and those it has not."""

    moved: str = "办成"
    left: str = "没有办成"
    none_left: str = "全部办成。"


DRY_RUN = Words("可以换版本", "会留在原版本", "没有留下的，可以执行。")
WORDS = {
    bulk.RETRY_KIND: Words("重试成功", "仍未成功", "全部重试成功。"),
    bulk.HANDOVER: Words("已转出", "没有转出", "全部转出。"),
    migrating.KIND: Words("已换版本", "留在原版本", "全部换好了。"),
}


@bp.get("/jobs")
def index() -> ResponseReturnValue:
    found = job_desk.of_owner(runtime(), actor())
    return render_template("jobs/index.html", jobs=found, tone=_tone, most=job_desk.LIST_ROWS_MAX)


@bp.get("/jobs/<int:id>")
def page(id: int) -> ResponseReturnValue:
    it = job_desk.view(runtime(), actor(), id)
    if not it.over:
        cookie[WORKING] = True
    return render_template(
        "jobs/page.html",
        it=it,
        tone=_tone(it),
        facts=_facts(it),
        words=DRY_RUN if it.result.get("dry_run") else WORDS.get(it.kind, Words()),
        shown=bulk.LEFT_SHOWN_MAX,
        admin=administers(actor()),
    )


@bp.get("/jobs/<int:id>.json")
def status(id: int) -> ResponseReturnValue:
    return _facts(job_desk.view(runtime(), actor(), id))


@bp.post("/jobs/<int:id>/cancel")
def cancel(id: int) -> ResponseReturnValue:
    try:
        it = job_desk.cancel(runtime(), actor(), id)
    except Conflict as refusal:
        return _told(id, refusal)
    flash("任务已取消" if it.over else "正在取消，办完手上的一件就停", "done")
    return redirect(url_for("jobs.page", id=id), 303)


@bp.post("/jobs/<int:id>/retry")
def retry(id: int) -> ResponseReturnValue:
    try:
        job_desk.retry(runtime(), actor(), id)
    except Conflict as refusal:
        return _told(id, refusal)
    runner = current_app.extensions.get("hall-runner")
    if runner is not None:
        runner.notify()
    flash("已重新排队，从停下的地方继续", "ok")
    return redirect(url_for("jobs.page", id=id), 303)


def working() -> int:
    """How many jobs of this person are not over; asked of those only who have followed one."""
    if not cookie.get(WORKING):
        return 0
    if "working" not in g:
        g.working = job_desk.unfinished(runtime(), actor())
        if not g.working:
            cookie.pop(WORKING)
    found: int = g.working
    return found


def _told(id: int, refusal: Conflict) -> ResponseReturnValue:
    session().rollback()
    flash(refusal.text, "error")
    return redirect(url_for("jobs.page", id=id), 303)


def _tone(it: JobView) -> str:
    return "doing" if it.status == "queued" and it.started_at else TONES[it.status]


def _facts(it: JobView) -> dict[str, Any]:
    """What the page's script draws while the job runs."""
    return {
        "label": it.label,
        "done": it.done,
        "total": it.total,
        "text": f"{it.done} / {it.total} 件" if it.total else "正在准备",
        "percent": it.percent,
        "message": it.message,
        "over": it.over,
    }
