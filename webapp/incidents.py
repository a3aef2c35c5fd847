"""流程异常: where process admins find what failed by itself, look at it and mend it.

The engine decides who sees and may do what; here words are put to it.  What was typed is never
lost: bad JSON comes back as it was, with a sentence that says where it went wrong.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine import HallError, errors
from engine.boxes import incident_desk as desk
from engine.boxes.incident_desk import IncidentDetail, IncidentFilter
from engine.database import number_in
from engine.diagrams import definitions
from engine.verbs import bulk, repairing
from engine.verbs.moves import OPINION_CHARS_MAX
from handlers.privacy import masking
from webapp.runtime import actor, runtime, session
from webapp.security import audience

bp = Blueprint("incidents", __name__)

WORDS_CHARS_MAX = 160  # a kind of failure is the longest filter
DATA_CHARS_MAX = 400_000  # indented for reading; the engine bounds what is stored
CAUSES = {
    "ScriptError": "表达式出错",
    "Nobody": "无人可办",
    "Endless": "循环不止",
    "KeyError": "数据缺项",
    "TypeError": "数据类型不符",
    "ValueError": "数据不合要求",
    "NotJson": "结果无法保存",
}
KINDS = {"step": "自动步骤", "timer": "定时", "outbox": "通知发送", "job": "后台任务"}
RESOLUTIONS = {"retried": "重试成功", "skipped": "已跳过", "gone": "已随业务解除"}
STATES = (("", "待处理"), ("resolved", "已处理"))
DONE = {
    "edit": "数据已修改，已重试",
    "skip": "已跳过",
    "propose": "已提出，等待另一位流程管理员确认",
}


@bp.get("/incidents")
@audience("admin")
def index() -> ResponseReturnValue:
    rt, who = runtime(), actor()
    words = {name: request.args.get(name, "")[:WORDS_CHARS_MAX] for name in ("key", "cause")}
    resolved = request.args.get("state") == "resolved"
    after = request.args.get("after") or None
    wanted = IncidentFilter(words["key"] or None, words["cause"] or None, resolved)
    page = desk.page(rt, who, wanted, after)
    here = {name: value for name, value in words.items() if value}
    here |= {"state": "resolved"} if resolved else {}
    return render_template(
        "incidents/index.html",
        rows=page.rows,
        facets=[] if resolved else desk.facets(rt, who, words["key"] or None),
        words=words,
        resolved=resolved,
        states=STATES,
        services=[("", "全部业务"), *((d.key, d.name) for d in definitions.all_current(rt))],
        kinds=KINDS,
        causes=CAUSES,
        resolutions=RESOLUTIONS,
        at_once_max=bulk.AT_ONCE_MAX,
        next_url=url_for("incidents.index", after=page.next, **here) if page.next else "",
        first_url=url_for("incidents.index", **here) if after else "",
    )


@bp.get("/incidents/<int:id>")
@audience("admin")
def page(id: int) -> ResponseReturnValue:
    return _draw(desk.detail(runtime(), actor(), id))


@bp.post("/incidents/retry")
@audience("admin")
def retry_kind() -> ResponseReturnValue:
    cause = request.form.get("cause", "")[:WORDS_CHARS_MAX]
    if len(desk.ids_of_kind(runtime(), actor(), cause, bulk.AT_ONCE_MAX + 1)) > bulk.AT_ONCE_MAX:
        job = bulk.order_retry(runtime(), actor(), cause)
        return redirect(url_for("jobs.page", id=job), 303)
    found = repairing.retry_kind(runtime(), actor(), cause)
    failed = sum(isinstance(outcome, HallError) for _, outcome in found)
    if not found:
        flash("这一类异常已经处理完，没有需要重试的。", "done")
    elif failed:
        flash(
            f"已重试 {len(found)} 件，{len(found) - failed} 件成功，{failed} 件仍未成功。", "error"
        )
    else:
        flash(f"已重试 {len(found)} 件，全部成功。", "ok")
    return redirect(url_for("incidents.index"), 303)


@bp.post("/incidents/<int:id>/retry")
@audience("admin")
def retry(id: int) -> ResponseReturnValue:
    try:
        outcome = repairing.retry(runtime(), actor(), id)
    except HallError as refusal:
        return _told(id, refusal)
    return _mended(f"已重试，{outcome.no or ''} {outcome.label}".replace("， ", "，"))


@bp.post("/incidents/<int:id>/edit")
@audience("admin")
def edit(id: int) -> ResponseReturnValue:
    detail = desk.detail(runtime(), actor(), id)
    typed, reason = request.form.get("data", ""), request.form.get("reason", "")
    try:
        changes = _changes(detail, typed)
        repairing.edit(runtime(), actor(), id, data=changes, reason=reason, seen=_seen())
    except HallError as refusal:
        field = "reason" if isinstance(refusal, errors.ReasonMissing) else refusal.problem.field
        field = "reason" if field == "opinion" else field
        if field not in ("data", "reason"):
            return _told(id, refusal)
        session().rollback()
        wrong = {field: _worded(refusal)}
        return _draw(
            desk.detail(runtime(), actor(), id), typed=typed, reason=reason, wrong=wrong
        ), 422
    return _waiting(id) if detail.money else _mended(DONE["edit"])


@bp.post("/incidents/<int:id>/skip")
@audience("admin")
def skip(id: int) -> ResponseReturnValue:
    detail = desk.detail(runtime(), actor(), id)
    reason = request.form.get("reason", "")
    try:
        outcome = repairing.skip(runtime(), actor(), id, reason=reason, seen=_seen())
    except HallError as refusal:
        if isinstance(refusal, errors.ReasonMissing) or refusal.problem.field == "opinion":
            session().rollback()
            wrong = {"skip": _worded(refusal)}
            return _draw(desk.detail(runtime(), actor(), id), skip_reason=reason, wrong=wrong), 422
        return _told(id, refusal)
    return _waiting(id) if detail.money and outcome.no else _mended(DONE["skip"])


@bp.post("/incidents/<int:id>/repairs/<int:repair>/<verb>")
@audience("admin")
def settle(id: int, repair: int, verb: str) -> ResponseReturnValue:
    """确认 or 撤销 what another admin (or oneself) has proposed."""
    deeds = {"confirm": repairing.confirm, "drop": repairing.drop}
    if verb not in deeds:
        abort(404)
    try:
        deeds[verb](runtime(), actor(), repair)
    except HallError as refusal:
        return _told(id, refusal)
    if verb == "drop":
        flash("已撤销这项修复。", "done")
        return redirect(url_for("incidents.page", id=id), 303)
    return _mended("已确认，修复已执行。")


def _draw(detail: IncidentDetail, **more: Any) -> str:
    shown = masking.masked_data(detail.data)
    texts = {"typed": _text(shown), "reason": "", "skip_reason": "", "wrong": {}} | more
    return render_template(
        "incidents/page.html",
        it=detail,
        row=detail.row,
        kinds=KINDS,
        resolutions=RESOLUTIONS,
        proposed=_proposed(detail),
        mine=detail.pending is not None and detail.pending.proposed_by == actor().id,
        opinion_max=OPINION_CHARS_MAX,
        **texts,
    )


def _text(data: Any) -> str:
    return "" if data is None else json.dumps(data, ensure_ascii=False, indent=2)


def _proposed(detail: IncidentDetail) -> list[tuple[str, str, str]]:
    """Key, value now and value proposed, of a repair that waits for a second person."""
    if detail.pending is None:
        return []
    now = masking.masked_data(detail.data or {})
    proposed = masking.masked_data(detail.pending.data)
    return [
        (key, _text(now[key]) if key in now else "", _text(value))
        for key, value in proposed.items()
    ]


def _changes(detail: IncidentDetail, typed: str) -> dict[str, Any]:
    """The top-level keys that were changed; Refused with a sentence about the text typed."""
    if len(typed) > DATA_CHARS_MAX:
        _refuse("数据过长，请只改需要改的项。")
    try:
        data = json.loads(typed, parse_constant=_constant)
    except json.JSONDecodeError as error:
        _refuse(f"第 {error.lineno} 行第 {error.colno} 个字附近不是有效的 JSON，请检查引号和逗号。")
    except (ValueError, RecursionError):
        _refuse("数据不是有效的 JSON：不能有 NaN、Infinity、过大的数或过深的嵌套。")
    if not isinstance(data, dict):
        _refuse("数据应是一个 JSON 对象，以 { 开头、以 } 结尾。")
    before = detail.data or {}
    shown = masking.masked_data(before)
    data = masking.restored(data, shown, before)
    left = masking.left_masked(data, shown, before)
    if left is not None:
        _refuse(f"“{left}”是掩码，系统不知道它是哪个号码：请填写完整号码，或刷新后保持原样。")
    missing = [key for key in before if key not in data]
    if missing:
        _refuse(f"不能删去“{'”“'.join(missing[:3])}”：要清空时请把值写成 null。")
    changed = {k: v for k, v in data.items() if k not in before or _text(before[k]) != _text(v)}
    if not changed:
        _refuse("数据没有改动：直接点“重试”，或改正后再提交。")
    return changed


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


def _refuse(text: str) -> NoReturn:
    raise errors.Refused(errors.Problem("incident.data", text, "data"))


def _worded(refusal: HallError) -> str:
    if isinstance(refusal, errors.ReasonMissing):
        return "请写明原因：为什么这样处理、依据是什么。"
    return refusal.text


def _seen() -> int | None:
    text = request.form.get("seen", "")
    if text and number_in(text) is None:
        abort(400)
    return int(text) if text else None


def _mended(text: str) -> ResponseReturnValue:
    flash(text, "ok")
    return redirect(url_for("incidents.index"), 303)


def _waiting(id: int) -> ResponseReturnValue:
    flash(DONE["propose"], "done")
    return redirect(url_for("incidents.page", id=id), 303)


def _told(id: int, refusal: HallError) -> ResponseReturnValue:
    """What could not be done, on the page of the incident: it may have changed meanwhile."""
    if isinstance(refusal, errors.NotFound):
        raise refusal
    flash(masking.masked_text(refusal.text), "error")
    return redirect(url_for("incidents.page", id=id), 303)
