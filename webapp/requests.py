"""One request, one page, for everybody who may see it; and every decision that can be taken on it.

The buttons are exactly the engine's verbs.  A decision that comes too late shows the fresh page and
keeps what was typed; one that comes twice from the same hand is answered as if it had come once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from werkzeug.exceptions import RequestEntityTooLarge

import engine
from engine import RequestView, errors
from engine.boxes import inbox as boxes
from engine.database import number_in, transaction
from engine.models import Instance, Task
from engine.owed import drafts
from engine.verbs.moves import OPINION_CHARS_MAX
from webapp import (
    acts,
    attachments,
    casepage,
    filing,
    materials,
    parking,
    people,
    rosterbench,
    rosters,
)
from webapp.acts import ACTS, Posted
from webapp.casepage import Said
from webapp.filingpage import Page
from webapp.runtime import actor, me, runtime, session
from webapp.security import allow_frames, allow_inline_styles

bp = Blueprint("requests", __name__)
bp.register_error_handler(RequestEntityTooLarge, materials.refuse_large)

OPENS_NEXT = frozenset({"approve", "return", "refuse", "transfer", "answer"})


@bp.get("/requests/<no>")
def page(no: str) -> ResponseReturnValue:
    view = engine.view(runtime(), actor(), no)
    casepage.note_reading(view)
    kept = drafts.load(runtime(), actor(), f"opinion:{no}")
    said = Said(opinion=str(kept.data.get("opinion", "")) if kept else "")
    asked = request.args.get("do", "")
    if asked in view.verbs and asked in ACTS and ACTS[asked].title:
        said.open = asked  # the dialog as a part of the page, for those without scripts
    return _draw(view, said)


def _draw(view: RequestView, said: Said) -> str:
    allow_inline_styles()  # bpmn-js
    allow_frames()  # PDF preview
    return render_template("requests/page.html", page=casepage.build(view, said))


@bp.post("/requests/<no>/<verb>")
def decide(no: str, verb: str) -> ResponseReturnValue:
    if verb not in acts.POSTABLE:
        abort(404)
    before = engine.view(runtime(), actor(), no)  # NotFound unless it is this person's to see
    posted, said = _read(before, verb)
    if _was_ours(posted, before):
        return _go_on(posted)
    if said.unclear:
        return _draw(before, said), 422
    try:
        acts.carry_out(posted)
    except errors.Conflict as conflict:
        return _too_late(posted, said, conflict)
    except errors.HallError as refusal:
        session().rollback()
        return _draw(engine.view(runtime(), actor(), no), _answered(said, refusal)), 422
    attachments.give(no, verb)
    return _go_on(posted)


def _read(view: RequestView, verb: str) -> tuple[Posted, Said]:
    """What was posted, and what the page would answer: `Said.unclear` when it does not fit."""
    fields = request.form
    task, seen = fields.get("task", ""), fields.get("seen", "")
    if any(text and number_in(text) is None for text in (task, seen)):
        abort(400)
    if task and not _belongs(view, int(task)):
        abort(404)
    node = fields.get("node", "")
    if verb == "return" and not node and len(view.targets) == 1:
        node = view.targets[0].node
    picked = people.picked(fields) if ACTS[verb].to else people.Picked()
    posted = Posted(
        no=view.no,
        verb=verb,
        task_id=int(task) if task else (view.task.id if view.task else None),
        seen=int(seen) if seen else None,
        opinion=fields.get("opinion", "").replace("\r\n", "\n").strip(),
        node=node,
        straight=fields.get("after") == "straight",
        when="after" if fields.get("when") == "after" else "before",
        in_turn=fields.get("order") == "in_turn",
        to=tuple(picked.ids),
    )
    said = Said(posted=posted, opinion=posted.opinion, picked=picked)
    said.open = verb if ACTS[verb].title and verb not in acts.OPINION_ACTS else ""
    said.people_error = picked.problem
    if len(posted.opinion) > OPINION_CHARS_MAX:
        most = OPINION_CHARS_MAX
        said.opinion_error = f"意见共 {len(posted.opinion)} 字，最多 {most} 字，请精简后再提交。"
    said.files_error = attachments.take_posted(view.no)
    return posted, said


def _belongs(view: RequestView, task_id: int) -> bool:
    """A step decided meanwhile is still this request's; one of another request never was."""
    if any(row.id == task_id for row in view.tasks):
        return True
    of = select(Instance.no).join(Task, Task.instance_id == Instance.id).where(Task.id == task_id)
    return bool(session().scalar(of) == view.no)


def _answered(said: Said, refusal: errors.HallError) -> Said:
    """The refusal beside the field it is about."""
    if isinstance(refusal, errors.ReasonMissing) or refusal.problem.field == "opinion":
        said.opinion_error = refusal.text
    elif refusal.problem.field in ("to", "people"):
        said.people_error = refusal.text
    else:
        said.refusal = refusal.text
    return said


def _too_late(posted: Posted, said: Said, conflict: errors.Conflict) -> ResponseReturnValue:
    session().rollback()
    view = engine.view(runtime(), actor(), posted.no)
    if _was_ours(posted, view):
        return _go_on(posted)
    moved = view.revision != posted.seen
    said.moved = casepage.moved_text(view) if moved else conflict.text
    return _draw(view, said), 409


def _was_ours(posted: Posted, view: RequestView) -> bool:
    """A double click: the revision right after the one the page showed is this very decision."""
    if posted.seen is None:
        return False
    return any(
        entry.seq == posted.seen + 1
        and posted.verb in (entry.verb, entry.detail.get("decision"))  # a vote is an approval
        and entry.actor_id == actor().id  # two people may have one name
        and (entry.opinion or "") == posted.opinion
        and set(posted.to) <= set(_texts(entry.detail))
        for entry in view.history
    )


def _texts(value: Any) -> Iterator[str]:
    """Every text inside: the ids of the people a verb named are among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _go_on(posted: Posted) -> ResponseReturnValue:
    """After a decision: the desk it was taken on, the next task, or the request itself."""
    toast = f"{ACTS[posted.verb].toast} {posted.no}"
    with transaction(session()) as open_session:
        drafts.drop(open_session, actor().id, f"opinion:{posted.no}")
    back = request.form.get("back", "")
    desk = url_for("review.desk")
    if parking.safe_path(back) and back.partition("?")[0] == desk:
        flash(toast, "ok")
        return redirect(back, 303)
    profile = me()
    if posted.verb not in OPENS_NEXT or profile is None or profile.kind != "staff":
        flash(toast, "ok")
        return redirect(url_for("requests.page", no=posted.no), 303)
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
    if rosterbench.is_roster(view.task.form):
        return rosters.handle(rosterbench.of_request(view))
    here = filing.for_request(view)
    if request.method == "POST":
        return filing.handle(here, lambda page: _draw_edit(page, view))
    return _draw_edit(filing.open_page(here), view)


@bp.post("/requests/<no>/draft")
def draft(no: str) -> ResponseReturnValue:
    view = engine.view(runtime(), actor(), no)
    if "submit" not in view.verbs or (view.task and rosterbench.is_roster(view.task.form)):
        return {"problem": {"code": "draft.closed", "text": "这件业务不在修改中。"}}, 409
    return filing.save_draft(filing.for_request(view))


def _draw_edit(page: Page, view: RequestView) -> str:
    allow_frames()
    texts = page.filing.texts
    entry = casepage.returned_entry(view)
    return render_template("requests/edit.html", page=page, texts=texts, no=view.no, returned=entry)
