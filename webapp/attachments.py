"""附件: files that go with a decision or a comment, checked and shown like every material.

They wait as the writer's own draft beside the request, so a refused decision does not lose them;
when the verb is done they belong to its line of the history and cannot be taken back.
"""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

import engine
from engine.errors import Problem
from engine.models import History, Instance
from handlers import documents
from handlers.documents import Material
from webapp import materials, opinions
from webapp.materials import ATTACHMENT, FileView, file_view
from webapp.runtime import actor, now, runtime, session, settings
from webapp.security import wants_json

bp = Blueprint("attachments", __name__)
bp.register_error_handler(RequestEntityTooLarge, materials.refuse_large)

FIELD = "attachment"  # name of the file input in every form of the request page
ATTACHMENTS_MAX = 5  # one line of the history stays readable


def scope_of(no: str) -> str:
    return f"attach:{no}"


def waiting(no: str) -> list[FileView]:
    """What this person has attached and not sent yet."""
    return shown(documents.for_draft(session(), actor().id, scope_of(no)))


def shown(rows: list[Material]) -> list[FileView]:
    return [file_view(row, {}) for row in rows]


def take_posted(no: str) -> str:
    """Store what the posted form carries; a sentence when one was refused."""
    for sent in request.files.getlist(FIELD):
        if sent.filename:
            problem = _take(no, sent)
            if problem is not None:
                return problem.text
    return ""


def _take(no: str, sent: FileStorage) -> Problem | None:
    if len(documents.for_draft(session(), actor().id, scope_of(no))) >= ATTACHMENTS_MAX:
        text = f"一次最多附 {ATTACHMENTS_MAX} 个文件，请先移除不需要的。"
        return Problem("attachment.count", text)
    stored = documents.store(
        session(),
        root=settings().materials_path,
        stream=sent.stream,
        file_name=sent.filename or "",
        slot=ATTACHMENT,
        owner_id=actor().id,
        scope_key=scope_of(no),
        limits=settings().uploads,
        now=now(),
    )
    return stored if isinstance(stored, Problem) else None


def give(no: str, verb: str) -> None:
    """To the newest line this person has written with this verb; nothing waiting costs one read."""
    if not documents.for_draft(session(), actor().id, scope_of(no)):
        return
    newest = (
        select(History.seq)
        .join(Instance, Instance.id == History.instance_id)
        .where(Instance.no == no, History.actor_id == actor().id)
        .where(History.verb.in_((verb, "vote")))  # what is an approval to the page may be a vote
        .order_by(History.seq.desc())
        .limit(1)
    )
    entry = session().scalar(newest)
    if entry is not None:
        documents.attach(session(), actor().id, scope_of(no), no=no, entry=entry)


@bp.post("/requests/<no>/attachments")
def upload(no: str) -> ResponseReturnValue:
    """One file at a time, by the page's script, while the opinion is still being written."""
    engine.view(runtime(), actor(), no)  # NotFound unless it is this person's to see
    sent = request.files.get(FIELD)
    if sent is None or not sent.filename:
        return _answer(no, "没有收到文件，请重新选择后上传。", 400)
    problem = _take(no, sent)
    return _answer(no, problem.text if problem else "", 422 if problem else 200)


@bp.post("/requests/<no>/attachments/<token>/remove")
def remove(no: str, token: str) -> ResponseReturnValue:
    material = documents.by_token(session(), token)
    mine = material is not None and material.owner_id == actor().id
    if material is None or not mine or material.scope_key != scope_of(no):
        abort(404)
    problem = documents.remove(session(), token, actor().id, now())
    if wants_json():
        return _answer(no, problem.text if problem else "", 422 if problem else 200)
    opinions.keep_writing(no, request.form.get("opinion", ""))
    flash(problem.text if problem else "附件已移除", "error" if problem else "ok")
    return redirect(url_for("requests.page", no=no), 303)


def _answer(no: str, text: str, status: int) -> ResponseReturnValue:
    html = render_template("requests/_attached.html", files=waiting(no), no=no)
    return {"files": html, "text": text}, status
