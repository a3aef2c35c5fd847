"""审批台: what waits for this reviewer, the most urgent first, decided from a pane beside the list.

Filters are links, so they can be shared, and kept on the server under a name; counts come from one
query of the engine.  Ticked rows are claimed or, where the diagram allows it, approved at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

import engine
from engine import Facets, TaskFilter, TaskRow, errors
from engine.boxes import inbox as boxes
from engine.boxes.rows import PAGE_ROWS_MAX, Count
from engine.database import number_in, possible
from engine.models import Instance, Task
from engine.verbs import permissions
from engine.verbs.moves import OPINION_CHARS_MAX
from handlers.people import desk as keeping
from webapp import casepage, materials, opinions, parking
from webapp.runtime import actor, center, counts, runtime, session, settings
from webapp.security import audience

bp = Blueprint("review", __name__)

CURSOR_CHARS_MAX = 200
TICKED_MAX = PAGE_ROWS_MAX  # one page of the list at most
WORDS = ("who", "due", "key", "branch", "step")  # of the address
WORD_CHARS_MAX = 120  # the longest name of a step
WHO = (("all", "全部"), ("mine", "我的"), ("pool", "岗位待办池"))
CSS = {"over": "is-over", "today": "is-today"}
DUE = (("over", "超期"), ("today", "今日到期"), ("soon", "三日内"))


@dataclass(frozen=True, slots=True)
class Seen:
    """What `permissions.may_see` asks of a request."""

    id: int
    key: str
    scope: str
    branch: str
    starter_id: str


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    count: Count
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
    asked = _asked(request.args)
    rt, who = runtime(), actor()
    after = request.args.get("after", "")[:CURSOR_CHARS_MAX] or None
    page = boxes.todo(rt, who, _filter(asked), after=after, limit=settings().limits.page_size)
    facets = boxes.facets(rt, who)
    counts()["todo"] = facets.all  # the rail shows the same number
    return render_template("review/desk.html", desk=_desk(asked, page, facets))


def _asked(words: Mapping[str, str]) -> dict[str, str]:
    """The filters of the address, unknown values dropped."""
    known = {"who": {k for k, _ in WHO} - {"all"}, "due": {k for k, _ in DUE}}
    found = {name: words.get(name, "")[:WORD_CHARS_MAX] for name in WORDS}
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
        step=asked.get("step"),
    )


def _desk(asked: dict[str, str], page: Any, facets: Facets) -> dict[str, Any]:
    here = _url(asked)
    counts = materials.counts_of(row.no for row in page.rows)
    rows = [_row(row, counts.get(row.no, 0), index) for index, row in enumerate(page.rows)]
    return {
        "filters": _filters(asked, facets),
        "saved": _saved(asked),
        "asked": asked,
        "suggested": _suggested(asked),
        "rows": rows,
        "batch": any(row["batch"] for row in rows),
        "common": opinions.common()[:4],
        "opinion_max": OPINION_CHARS_MAX,
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
        "node_name": row.node_name,
        "part_name": row.part_name,
        "behalf_name": row.behalf_name,
        "batch": row.batch,
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
    services = list(facets.by_key)
    if facets.all.more:  # counted up to a bound only: what it did not meet may be beyond it
        known = {key: texts.name for key, texts in center().services.items()}
        services += _uncounted(services, known)
        branches += _uncounted(branches, names)
    groups = [
        _group(asked, "范围", "who", [(k, name, who[k]) for k, name in WHO]),
        _group(asked, "期限", "due", [(k, name, due[k]) for k, name in DUE]),
        _group(asked, "业务", "key", services),
        _group(asked, "管理部", "branch", branches),
    ]
    return [group for group in groups if group.choices]


def _uncounted(
    listed: list[tuple[str, str, Count]], known: dict[str, str]
) -> list[tuple[str, str, Count]]:
    met = {key for key, _, _ in listed}
    return [(key, name, Count(0, True)) for key, name in known.items() if key not in met]


def _saved(asked: dict[str, str]) -> list[dict[str, Any]]:
    """保存的筛选, each with how many it would show now."""
    found = []
    for kept in keeping.filters(session(), actor().id):
        words = _asked(kept.words)
        count = boxes.count_todo(runtime(), actor(), _filter(words))
        choice = Choice(kept.name, count, _url(words), words == asked)
        found.append({"id": kept.id, "choice": choice})
    return found


def _suggested(asked: dict[str, str]) -> str:
    """A name for the filter that stands: what is picked, in words."""
    branches = {branch.code: branch.name for branch in center().branches}
    services = {key: texts.name for key, texts in center().services.items()}
    names = dict(WHO) | dict(DUE) | branches | services
    parts = [names.get(value, value) for value in asked.values()]
    return "，".join(parts)[: keeping.NAME_CHARS_MAX]


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


@bp.post("/review/filters")
@audience("staff")
def keep_filter() -> ResponseReturnValue:
    """保存当前筛选: the words travel in the form, so that what was seen is what is kept."""
    asked = _asked(request.form)
    name = request.form.get("name", "")
    problem = keeping.save_filter(session(), actor().id, name, asked)
    if problem is not None:
        flash(problem.text, "error")
    else:
        flash(f"已保存筛选“{' '.join(name.split())}”", "ok")
    return redirect(_url(asked), 303)


@bp.post("/review/filters/<int:filter_id>/remove")
@audience("staff")
def drop_filter(filter_id: int) -> ResponseReturnValue:
    keeping.remove_filter(session(), actor().id, filter_id)
    flash("筛选已删除", "ok")
    return redirect(_back(), 303)


# ── many at once ───────────────────────────────────────────────────────────────────────────────


@bp.post("/review/claim")
@audience("staff")
def claim() -> ResponseReturnValue:
    """领取 of the ticked rows: each its own transaction, what others were faster with is told."""
    ids = _ticked()
    if ids is None:
        return redirect(_back(), 303)
    taken, refused = _claim(ids)
    if taken:
        flash(f"已领取 {taken} 件", "ok")
    if refused:
        flash(f"{len(refused)} 件没有领取：{refused[0]}", "error")
    return redirect(_back(), 303)


@bp.post("/review/approve")
@audience("staff")
def approve() -> ResponseReturnValue:
    """批量同意 of the ticked rows; the answer tells each row's outcome."""
    ids = _ticked()
    if ids is None:
        return redirect(_back(), 303)
    opinion = request.form.get("opinion", "").replace("\r\n", "\n").strip()
    if len(opinion) > OPINION_CHARS_MAX:
        flash(f"意见共 {len(opinion)} 字，最多 {OPINION_CHARS_MAX} 字，没有办理。", "error")
        return redirect(_back(), 303)
    facts = _facts(ids)  # before: a decided step may be out of sight
    outcomes = dict(engine.approve_many(runtime(), actor(), ids, opinion=opinion))
    session().rollback()
    ours = _approved_by_me(ids)
    rows = [_outcome(task_id, outcomes[task_id], facts, task_id in ours) for task_id in ids]
    done = sum(row["done"] for row in rows)
    return render_template(
        "review/results.html", rows=rows, done=done, left=len(rows) - done, back=_back()
    )


def _outcome(task_id: int, outcome: Any, facts: dict[int, Any], ours: bool) -> dict[str, Any]:
    """A second click finds its rows decided by the first: that is done, not refused."""
    fact = facts.get(task_id)
    if ours and isinstance(outcome, errors.HallError):
        text = "已同意"
    else:
        text = outcome.text if isinstance(outcome, errors.HallError) else f"已同意，{outcome.label}"
    done = ours or not isinstance(outcome, errors.HallError)
    return {
        "done": done,
        "text": text,
        "no": fact.no if fact else "",
        "name": fact.name if fact else "待办",
        "scope_name": fact.scope_name if fact else "",
    }


def _facts(ids: list[int]) -> dict[int, Any]:
    """Number, service and unit of those ticked rows this person has before them."""
    query = (
        select(Task.id, Instance.no, Instance.name, Instance.scope_name, Instance.scope)
        .add_columns(Instance.id.label("case_id"), Instance.key, Instance.branch)
        .add_columns(Instance.starter_id)
        .join(Instance, Task.instance_id == Instance.id)
        .where(Task.id.in_(ids))
    )
    rows = session().execute(query).all()
    seen = {row.case_id: row for row in rows}
    shown = {key for key, row in seen.items() if _may_see(row)}
    return {row.id: row for row in rows if row.case_id in shown}


def _may_see(row: Any) -> bool:
    case = Seen(row.case_id, row.key, row.scope, row.branch, row.starter_id)
    return permissions.may_see(runtime(), actor(), case)


def _approved_by_me(ids: list[int]) -> set[int]:
    mine = select(Task.id).where(
        Task.id.in_(ids), Task.completed_by == actor().id, Task.decision == "approve"
    )
    return set(session().scalars(mine))


def _ticked() -> list[int] | None:
    """Ids of the ticked rows; None, with a sentence, when there are none or too many."""
    sent = request.form.getlist("task")
    if len(sent) > TICKED_MAX:
        flash(f"一次最多勾选 {TICKED_MAX} 件，请分批办理。", "error")
        return None
    found = (number_in(text) for text in sent)
    ids = list(dict.fromkeys(each for each in found if each))
    if not ids:
        flash("请先勾选要办理的业务。", "error")
        return None
    return ids


def _back() -> str:
    back = request.form.get("back", "")
    desk_url = url_for("review.desk")
    fits = parking.safe_path(back) and back.partition("?")[0] == desk_url
    return back if fits else desk_url


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
