"""One request, one page, for everybody who may see it; and every decision that can be taken on it.

The buttons are exactly the engine's verbs.  A decision that comes too late shows the fresh page and
keeps the opinion; one that comes twice from the same hand is answered as if it had come once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

import engine
from engine import RequestView, drafts, errors
from engine import inbox as boxes
from engine.database import number_in, transaction
from webapp import casepage, filing, materials, parking
from webapp.casepage import Said
from webapp.filingpage import Page
from webapp.runtime import actor, me, runtime, session
from webapp.security import allow_frames, allow_inline_styles

bp = Blueprint("requests", __name__)
bp.register_error_handler(RequestEntityTooLarge, materials.refuse_large)

TOASTS = {
    "claim": "已领取",
    "release": "已退领",
    "approve": "已同意",
    "return": "已退回",
    "refuse": "已驳回",
    "withdraw": "申请已撤回",
    "end": "流程已结束",
}
OPENS_NEXT = frozenset({"approve", "return", "refuse"})


@dataclass(frozen=True, slots=True)
class Decision:
    """What was posted, already of the right types."""

    no: str
    verb: str
    task_id: int | None
    opinion: str
    node: str
    seen: int | None


@bp.get("/requests/<no>")
def page(no: str) -> ResponseReturnValue:
    view = engine.view(runtime(), actor(), no)
    kept = drafts.load(runtime(), actor(), f"opinion:{no}")
    said = Said(opinion=str(kept.data.get("opinion", "")) if kept else "")
    return _draw(view, said)


def _draw(view: RequestView, said: Said) -> str:
    allow_inline_styles()  # bpmn-js
    allow_frames()  # PDF preview
    return render_template("requests/page.html", page=casepage.build(view, said))


@bp.post("/requests/<no>/<verb>")
def decide(no: str, verb: str) -> ResponseReturnValue:
    if verb not in TOASTS:
        abort(404)
    before = engine.view(runtime(), actor(), no)  # NotFound unless it is this person's to see
    decision = _read(before, verb)
    if isinstance(decision, Said):
        return _draw(before, decision), 422
    try:
        _carry_out(decision)
    except errors.Conflict as conflict:
        return _too_late(decision, conflict)
    except errors.HallError as refusal:
        session().rollback()
        view = engine.view(runtime(), actor(), no)
        return _draw(view, _sentence(decision, refusal)), 422
    return _go_on(decision)


def _read(view: RequestView, verb: str) -> Decision | Said:
    """The posted decision; Said with a sentence when something does not fit."""
    fields = request.form
    opinion = fields.get("opinion", "").replace("\r\n", "\n").strip()
    task, seen = fields.get("task", ""), fields.get("seen", "")
    if any(text and number_in(text) is None for text in (task, seen)):
        abort(400)
    most = engine.decisions.OPINION_CHARS_MAX
    if len(opinion) > most:
        text = f"意见共 {len(opinion)} 字，最多 {most} 字，请精简后再提交。"
        return Said(opinion=opinion, opinion_error=text)
    node = fields.get("node", "")
    if verb == "return" and not node and len(view.targets) == 1:
        node = view.targets[0].node
    task_id = int(task) if task else (view.task.id if view.task else None)
    return Decision(view.no, verb, task_id, opinion, node, int(seen) if seen else None)


def _carry_out(decision: Decision) -> None:
    rt, who, task_id = runtime(), actor(), decision.task_id
    if decision.verb in ("withdraw", "end"):
        close = engine.withdraw if decision.verb == "withdraw" else engine.end
        close(rt, who, decision.no, reason=decision.opinion)
        return
    if task_id is None:
        raise errors.Conflict(errors.Problem("task.gone", "这件业务目前没有等您办理的步骤。"))
    seen, opinion = decision.seen, decision.opinion
    acts: dict[str, Callable[[], object]] = {
        "claim": lambda: engine.claim(rt, who, task_id),
        "release": lambda: engine.release(rt, who, task_id),
        "approve": lambda: engine.approve(rt, who, task_id, opinion=opinion, seen=seen),
        "refuse": lambda: engine.refuse(rt, who, task_id, opinion=opinion, seen=seen),
        "return": lambda: engine.return_to(
            rt, who, task_id, node=decision.node, opinion=opinion, seen=seen
        ),
    }
    acts[decision.verb]()


def _sentence(decision: Decision, refusal: errors.HallError) -> Said:
    if isinstance(refusal, errors.ReasonMissing) or refusal.problem.field == "opinion":
        return Said(opinion=decision.opinion, opinion_error=refusal.text)
    return Said(opinion=decision.opinion, refusal=refusal.text)


def _too_late(decision: Decision, conflict: errors.Conflict) -> ResponseReturnValue:
    session().rollback()
    view = engine.view(runtime(), actor(), decision.no)
    if _was_ours(decision, view):
        return _go_on(decision)
    text = casepage.moved_text(view) if view.revision != decision.seen else conflict.text
    return _draw(view, Said(opinion=decision.opinion, moved=text)), 409


def _was_ours(decision: Decision, view: RequestView) -> bool:
    """A double click: the revision right after the one the page showed is this very decision."""
    if decision.seen is None:
        return False
    return any(
        entry.seq == decision.seen + 1
        and entry.verb == decision.verb
        and entry.actor_id == actor().id  # two people may have one name
        and (entry.opinion or "") == decision.opinion
        for entry in view.history
    )


def _go_on(decision: Decision) -> ResponseReturnValue:
    """After a decision: the desk it was taken on, the next task, or the request itself."""
    toast = f"{TOASTS[decision.verb]} {decision.no}"
    with transaction(session()) as open_session:
        drafts.drop(open_session, actor().id, f"opinion:{decision.no}")
    back = request.form.get("back", "")
    desk = url_for("review.desk")
    if parking.safe_path(back) and back.partition("?")[0] == desk:
        flash(toast, "ok")
        return redirect(back, 303)
    profile = me()
    if decision.verb not in OPENS_NEXT or profile is None or profile.kind != "staff":
        flash(toast, "ok")
        return redirect(url_for("requests.page", no=decision.no), 303)
    rows = boxes.todo(runtime(), actor(), limit=1).rows
    if not rows:
        flash(f"{toast}，没有其他待办", "ok")
        return redirect(desk, 303)
    flash(f"{toast}，已打开下一件", "ok")
    return redirect(url_for("requests.page", no=rows[0].no), 303)


@bp.route("/requests/<no>/edit", methods=["GET", "POST"])
def edit(no: str) -> ResponseReturnValue:
    """The form again after a return: filed values, the returner's opinion on top."""
    view = engine.view(runtime(), actor(), no)
    if "submit" not in view.verbs or view.task is None:
        flash("这件业务不在修改中，已为您打开最新进度。", "error")
        return redirect(url_for("requests.page", no=no), 303)
    here = filing.for_request(view)
    if request.method == "POST":
        return filing.handle(here, lambda page: _draw_edit(page, view))
    return _draw_edit(filing.open_page(here), view)


@bp.post("/requests/<no>/draft")
def draft(no: str) -> ResponseReturnValue:
    view = engine.view(runtime(), actor(), no)
    if "submit" not in view.verbs:
        return {"problem": {"code": "draft.closed", "text": "这件业务不在修改中。"}}, 409
    return filing.save_draft(filing.for_request(view))


def _draw_edit(page: Page, view: RequestView) -> str:
    allow_frames()
    texts = page.filing.texts
    entry = casepage.returned_entry(view)
    return render_template("requests/edit.html", page=page, texts=texts, no=view.no, returned=entry)
