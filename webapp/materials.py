"""Materials on their way in and out: upload to a draft, take back, show to who may see the request.

Files are named by random tokens; whoever may not see one learns nothing, not even that it exists.
Too large a body is refused from its header and read off in small pieces, never kept.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    render_template,
    request,
    send_file,
    url_for,
)
from flask.typing import ResponseReturnValue
from PIL import Image
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

import engine
from engine.diagrams import definitions
from engine.errors import HallError, Problem
from engine.runtime import Runtime
from handlers import documents
from handlers.centers import MaterialSlot
from handlers.documents import Material
from webapp.runtime import actor, center, me, now, runtime, session, settings
from webapp.security import allow_framed_by_self, wants_json

bp = Blueprint("materials", __name__)

ATTACHMENT = "attachment"  # slot of what `attachments` stores: no slot of any centre
FIELD = "file:"  # name of a slot's file input on pages without scripts: file:<slot>
THUMB_PIXELS = (304, 208)  # twice the size on screen, for dense displays
THUMB_QUALITY = 80
KILOBYTE = 1024
# A refused upload is read off at most so far and so long: otherwise the browser, still sending,
# would show "connection reset" instead of our sentence.
DRAIN_BYTES_MAX = 256 * KILOBYTE * KILOBYTE
DRAIN_SECONDS_MAX = 10.0
DRAIN_CHUNK = 64 * KILOBYTE
IMAGE_POLICY = "default-src 'none'; frame-ancestors 'self'; sandbox"
# Chromium's PDF viewer does not start in a sandbox; uploads were rewritten without scripts.
PDF_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class FileView:
    """One file as lists and thumbnails show it."""

    token: str
    slot: str
    slot_name: str
    name: str
    kind: str  # image | pdf
    note: str
    url: str
    thumb: str


@dataclass(frozen=True, slots=True)
class SlotFiles:
    """What the fragment `services/_files.html` draws."""

    files: list[FileView]


def file_view(material: Material, slot_names: dict[str, str]) -> FileView:
    kind = "pdf" if material.media_type == "application/pdf" else "image"
    size = size_text(material.bytes)
    url = url_for("materials.show", token=material.token)
    return FileView(
        token=material.token,
        slot=material.slot,
        slot_name=slot_names.get(material.slot, material.file_name),
        name=material.file_name,
        kind=kind,
        note=f"{material.pages} 页，{size}" if kind == "pdf" else size,
        url=url,
        thumb=f"{url}?size=thumb" if kind == "image" else "",
    )


def size_text(size: int) -> str:
    if size < KILOBYTE * KILOBYTE:
        return f"{-(-size // KILOBYTE)} KB"
    return f"{size / KILOBYTE / KILOBYTE:.1f}".removesuffix(".0") + " MB"


def of_draft(draft_key: str) -> list[Material]:
    """The files of this page: newly uploaded ones, and after a return those filed before."""
    rows = documents.for_draft(session(), actor().id, draft_key)
    kind, _, no = draft_key.partition(":")
    filed = documents.for_request(session(), no) if kind == "request" else []
    return [*filed, *rows]


def counts_of(numbers: Iterable[str]) -> dict[str, int]:
    """How many files each of these requests has, in one query."""
    query = (
        select(Material.instance_no, func.count())
        .where(
            Material.instance_no.in_(list(numbers)),
            Material.removed_at.is_(None),
            Material.entry.is_(None),
        )
        .group_by(Material.instance_no)
    )
    return {str(no): int(n) for no, n in session().execute(query)}


def take_posted(slots: Iterable[MaterialSlot], draft_key: str) -> dict[str, str]:
    """Store what a form without scripts carried along; returns a sentence per slot that refused."""
    refused = {}
    for slot in slots:
        for sent in request.files.getlist(f"{FIELD}{slot.id}"):
            if sent.filename:
                problem = take_one(slot, sent, draft_key)
                if problem:
                    refused[slot.id] = problem.text
    return refused


def take_one(slot: MaterialSlot, sent: FileStorage, draft_key: str) -> Problem | None:
    have = sum(row.slot == slot.id for row in of_draft(draft_key))
    if have >= slot.max_files:
        text = f"“{slot.name}”最多 {slot.max_files} 份，请先取消已传的再上传。"
        return Problem("material.count", text)
    stored = documents.store(
        session(),
        root=settings().materials_path,
        stream=sent.stream,
        file_name=sent.filename or "",
        slot=slot.id,
        owner_id=actor().id,
        scope_key=draft_key,
        limits=settings().uploads,
        now=now(),
    )
    return stored if isinstance(stored, Problem) else None


@bp.post("/services/<key>/materials")
def upload(key: str) -> ResponseReturnValue:
    deployed, profile = definitions.current(runtime(), key), me()
    if key not in center().services or deployed is None or profile is None:
        abort(404)
    if deployed.first.role not in profile.roles:
        abort(403)
    return _upload(key, f"service:{key}")


@bp.post("/requests/<no>/materials")
def upload_again(no: str) -> ResponseReturnValue:
    """After a return: new files wait beside the request until it is submitted again."""
    view = engine.view(runtime(), actor(), no)
    if "submit" not in view.verbs:
        return _answer(Problem("material.closed", "这件业务不在修改中，不能再上传材料。"), 409)
    return _upload(view.key, f"request:{no}")


def _upload(key: str, draft_key: str) -> ResponseReturnValue:
    slots = {slot.id: slot for slot in center().services[key].materials}
    slot = slots.get(request.form.get("slot", ""))
    sent = request.files.get("file")
    if slot is None or sent is None or not sent.filename:
        return _answer(Problem("material.missing", "没有收到文件，请重新选择后上传。"), 400)
    problem = take_one(slot, sent, draft_key)
    return _slot_answer(slot, draft_key, problem)


def _slot_answer(
    slot: MaterialSlot, draft_key: str, problem: Problem | None
) -> ResponseReturnValue:
    names = {slot.id: slot.name}
    files = [file_view(row, names) for row in of_draft(draft_key) if row.slot == slot.id]
    html = render_template("services/_files.html", slot=SlotFiles(files), removable=True)
    if problem is None:
        return {"files": html}
    return {"files": html, "problem": {"code": problem.code, "text": problem.text}}, 422


def _answer(problem: Problem, status: int) -> ResponseReturnValue:
    return {"problem": {"code": problem.code, "text": problem.text}}, status


@bp.post("/materials/<token>/remove")
def remove(token: str) -> ResponseReturnValue:
    """取消上传: one's own file, as long as the request is with oneself."""
    material = documents.by_token(session(), token)
    if material is None or material.owner_id != actor().id or material.slot == ATTACHMENT:
        abort(404)
    slot_id, draft_key, key = material.slot, material.scope_key, _service_of(material)
    problem = take_back(token)
    slot = next((s for s in center().services[key].materials if s.id == slot_id), None)
    if slot is None:
        slot = MaterialSlot(id=slot_id, name=slot_id)
    if material.instance_no:
        draft_key = f"request:{material.instance_no}"
    return _slot_answer(slot, draft_key, problem)


def take_back(token: str) -> Problem | None:
    material = documents.by_token(session(), token)
    no = material.instance_no if material else None
    reopened = no is not None and "submit" in engine.view(runtime(), actor(), no).verbs
    return documents.remove(session(), token, actor().id, now(), submitted_too=reopened)


def _service_of(material: Material) -> str:
    kind, _, name = material.scope_key.partition(":")
    no = material.instance_no or (name if kind == "request" else None)
    return engine.view(runtime(), actor(), no).key if no else name


@bp.get("/materials/<token>")
def show(token: str) -> ResponseReturnValue:
    material = documents.by_token(session(), token)
    if material is None or not _may_see(runtime(), material):
        abort(404)
    root = settings().materials_path
    file = documents.path(root, material)
    if not file.is_file():
        current_app.logger.error("material %s has no file on disk", material.id)
        abort(404)
    thumb = request.args.get("size") == "thumb" and material.media_type != "application/pdf"
    if thumb:
        file = _thumb(file, root / "thumbs" / f"{material.stored_name}.jpg")
    return _send(file, material, "image/jpeg" if thumb else material.media_type)


def _send(file: Path, material: Material, media_type: str) -> Response:
    response = send_file(
        file, mimetype=media_type, download_name=material.file_name, etag=False, conditional=True
    )
    pdf = media_type == "application/pdf"
    response.headers["Content-Security-Policy"] = PDF_POLICY if pdf else IMAGE_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    allow_framed_by_self()
    return response


def _may_see(rt: Runtime, material: Material) -> bool:
    if material.instance_no is None:
        return material.owner_id == actor().id
    try:
        engine.view(rt, actor(), material.instance_no)
    except HallError:
        return False
    return True


def _thumb(source: Path, target: Path) -> Path:
    """Made once, kept beside the originals; losing it costs a moment, nothing else."""
    if target.is_file():
        return target
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = target.with_suffix(f".{os.getpid()}.{time.monotonic_ns()}")
    with Image.open(source) as image:
        image.draft("RGB", THUMB_PIXELS)
        small = image.convert("RGBA")
        small.thumbnail(THUMB_PIXELS)
        paper = Image.new("RGB", small.size, "white")
        paper.paste(small, mask=small.getchannel("A"))
        paper.save(unfinished, "JPEG", quality=THUMB_QUALITY)
    unfinished.replace(target)
    return target


def refuse_large(_error: RequestEntityTooLarge) -> ResponseReturnValue:
    """Error handler of every blueprint that takes files."""
    drain()
    limit = size_text(settings().uploads.max_bytes)
    text = f"文件太大，没有上传。单个文件不能超过 {limit}，请压缩图片或拆分 PDF 后再传。"
    if wants_json():
        return _answer(Problem("material.bytes", text), 413)
    return render_template("materials/too_large.html", text=text, back=request.path), 413


def drain() -> None:
    """Read off the refused body without keeping it."""
    left = min(request.content_length or 0, DRAIN_BYTES_MAX)
    stream, end = request.environ["wsgi.input"], time.monotonic() + DRAIN_SECONDS_MAX
    while left > 0 and time.monotonic() < end:
        piece = stream.read(min(DRAIN_CHUNK, left))
        if not piece:
            return
        left -= len(piece)


bp.register_error_handler(RequestEntityTooLarge, refuse_large)
