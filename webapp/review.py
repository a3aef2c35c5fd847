"""审批台: what waits for this reviewer, the most urgent first, decided from a pane beside the list.

Filters are links, so they can be kept and shared; counts come from one query of the engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

import engine
from engine import Facets, TaskFilter, TaskRow, errors
from engine import inbox as boxes
from engine.database import number_in, possible
from engine.models import Instance, Task
from webapp import casepage, materials, parking
from webapp.runtime import actor, center, runtime, session, settings
from webapp.security import audience

bp = Blueprint("review", __name__)

CURSOR_CHARS_MAX = 200
CLAIM_MAX = 100  # one page of the list at most
WHO = (("all", "全部"), ("mine", "我的"), ("pool", "岗位待办池"))
CSS = {"over": "is-over", "today": "is-today"}
DUE = (("over", "超期"), ("today", "今日到期"), ("soon", "三日内"))


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    count: int
    url: str
    on: bool
    css: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    choices: list[Choice]


@bp.get("/review")
@audience("staff")
def desk() -> ResponseReturnValue:
    asked = _asked()
    rt, who = runtime(), actor()
    after = request.args.get("after", "")[:CURSOR_CHARS_MAX] or None
    page = boxes.todo(rt, who, _filter(asked), after=after, limit=settings().limits.page_size)
    facets = boxes.facets(rt, who)
    return render_template("review/desk.html", desk=_desk(asked, page, facets))


def _asked() -> dict[str, str]:
    """The filters of the address, unknown values dropped."""
    known = {"who": {k for k, _ in WHO} - {"all"}, "due": {k for k, _ in DUE}}
    found = {name: request.args.get(name, "") for name in ("who", "due", "key", "branch")}
    return {
        name: value
        for name, value in found.items()
        if value and (name not in known or value in known[name])
    }


def _filter(asked: dict[str, str]) -> TaskFilter:
    return TaskFilter(
        who=asked.get("who", "all"),
        due=asked.get("due"),
        key=asked.get("key"),
        branch=asked.get("branch"),
    )


def _desk(asked: dict[str, str], page: Any, facets: Facets) -> dict[str, Any]:
    here = _url(asked)
    counts = materials.counts_of(row.no for row in page.rows)
    return {
        "filters": _filters(asked, facets),
        "rows": [_row(row, counts.get(row.no, 0), index) for index, row in enumerate(page.rows)],
        "total": facets.all,
        "here": here,
        "next_url": _url(asked | {"after": page.next}) if page.next else "",
        "first_url": here if request.args.get("after") else "",
        "empty": _empty(asked),
    }


def _row(row: TaskRow, files: int, index: int) -> dict[str, Any]:
    return {
        "task_id": row.task_id,
        "no": row.no,
        "name": row.name,
        "again": f"第 {row.visits} 次送审" if row.visits > 1 else "",
        "summary": row.summary,
        "scope_name": row.scope_name,
        "check": casepage.check_of(files),
        "starter_name": row.starter_name,
        "started_at": row.started_at,
        "assignee": row.assignee,
        "assignee_name": row.assignee_name,
        "due_at": row.due_at,
        "picked": index == 0,
    }


def _filters(asked: dict[str, str], facets: Facets) -> list[Group]:
    who = {"all": facets.all, "mine": facets.mine, "pool": facets.pool}
    due = {"over": facets.over, "today": facets.today, "soon": facets.soon}
    names = {branch.code: branch.name for branch in center().branches}
    branches = [(code, names.get(code, code), n) for code, n in facets.by_branch]
    groups = [
        _group(asked, "范围", "who", [(k, name, who[k]) for k, name in WHO]),
        _group(asked, "期限", "due", [(k, name, due[k]) for k, name in DUE]),
        _group(asked, "业务", "key", facets.by_key),
        _group(asked, "管理部", "branch", branches),
    ]
    return [group for group in groups if group.choices]


def _group(
    asked: dict[str, str], title: str, name: str, choices: Iterable[tuple[str, str, int]]
) -> Group:
    """Picking a choice again takes the filter off."""
    chosen = asked.get(name, "all" if name == "who" else "")
    rest = {k: v for k, v in asked.items() if k != name}
    found = []
    for value, label, count in choices:
        words = rest if value in (chosen, "all") else rest | {name: value}
        css = CSS.get(value, "" if name == "who" else "is-rest") if count else ""
        found.append(Choice(label, count, _url(words), value == chosen, css))
    return Group(title, found)


def _url(words: dict[str, str]) -> str:
    return url_for("review.desk") + (f"?{urlencode(words)}" if words else "")


def _empty(asked: dict[str, str]) -> dict[str, str]:
    if asked:
        return {
            "title": "没有符合条件的业务",
            "text": "换一个筛选条件，或查看全部待办。",
            "url": url_for("review.desk"),
            "action": "查看全部",
        }
    text = "单位提交的申请会出现在这里，最先到期的排在最前。"
    return {
        "title": "没有待审业务",
        "text": text,
        "url": url_for("inboxes.box", box="done"),
        "action": "查看已办",
    }


@bp.get("/review/<int:task_id>/preview")
@audience("staff")
def preview(task_id: int) -> ResponseReturnValue:
    """The pane: a fragment of the request, for those who have it before them."""
    query = select(Instance.no).join(Task, Task.instance_id == Instance.id)
    no = session().scalar(query.where(Task.id == task_id)) if possible(task_id) else None
    if no is None:
        abort(404)
    view = engine.view(runtime(), actor(), no)
    back = request.args.get("back", "")
    back = back if parking.safe_path(back) else url_for("review.desk")
    return render_template("review/preview.html", page=casepage.build(view), back=back)


@bp.post("/review/claim")
@audience("staff")
def claim() -> ResponseReturnValue:
    """领取 of the ticked rows: each its own transaction, what others were faster with is told."""
    ticked = map(number_in, request.form.getlist("task")[:CLAIM_MAX])
    ids = [task_id for task_id in ticked if task_id is not None]
    taken, refused = _claim(ids)
    if not ids:
        flash("请先勾选要领取的业务。", "error")
    if taken:
        flash(f"已领取 {taken} 件", "ok")
    if refused:
        flash(f"{len(refused)} 件没有领取：{refused[0]}", "error")
    back = request.form.get("back", "")
    desk_url = url_for("review.desk")
    fits = parking.safe_path(back) and back.partition("?")[0] == desk_url
    return redirect(back if fits else desk_url, 303)


def _claim(ids: Iterable[int]) -> tuple[int, list[str]]:
    taken, refused = 0, []
    for task_id in ids:
        try:
            engine.claim(runtime(), actor(), task_id)
            taken += 1
        except errors.HallError as refusal:
            session().rollback()
            refused.append(refusal.text)
    return taken, refused
