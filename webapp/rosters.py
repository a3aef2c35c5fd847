"""清册: the page of a roster service, and the same page for a request that came back.

Every button is a plain form; scripts only spare reloads.  What is typed is judged by
`forms.rosters`, nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

import engine
from engine import Case, errors
from engine.database import number_in, transaction
from engine.errors import Problem, Refused
from engine.owed import drafts
from forms.excel.files import FILE_BYTES_MAX
from forms.rosters import editing, importing, pasting
from forms.rosters import filing as rosters
from forms.rosters.filing import Filed
from handlers import documents
from handlers.rosters import store
from handlers.rosters.models import FAULTY
from webapp import (
    filing,
    frame,
    materials,
    rosterapi,
    rosterfiled,
    rosterfiles,
    rosterpage,
    rosterpicking,
)
from webapp.rosterbench import Bench, bp, find, refreshed
from webapp.rosterpage import JOB_ARGUMENT, Page
from webapp.runtime import actor, runtime, session
from webapp.security import allow_frames

__all__ = ["bp", "handle", "make_room", "rosterapi", "rosterfiled", "rosterfiles"]

ROOM_BYTES = 1_000_000  # fields and borders around the largest workbook
UNDO_ROWS = 50  # deleted rows that can be brought back: a page of them
TICKED_MAX = 2_000  # rows named one by one; all of them is a button of its own
NAME_CHARS_MAX = 255
_NO_FILE = Problem("rosters.no_file", "没有收到文件，请先选择要导入的文件。")
_COUNT = Problem("rosters.count", "请填写导入条数，只填数字，例如 12。")
_NONE = Problem("rosters.none_ticked", "请先勾选要办理的行。")
_TICKED = Problem(
    "rosters.too_many_ticked", f"一次最多勾选 {TICKED_MAX:,} 行，全部数据请用“全部提交”。"
)
_UNDONE = Problem("rosters.undo", "没有可以恢复的数据，可能已经恢复过了。")
Answer = ResponseReturnValue


def make_room() -> None:
    """A workbook may be larger than a material; said before anybody reads the body."""
    if request.endpoint == "rosters.upload":
        request.max_content_length = FILE_BYTES_MAX + ROOM_BYTES


@bp.errorhandler(RequestEntityTooLarge)
def refuse_large(_error: RequestEntityTooLarge) -> Answer:
    materials.drain()
    most = FILE_BYTES_MAX // 1_000_000
    text = f"文件超过 {most} MB，没有上传，请分成几个文件后分别导入。"
    back = request.path.removesuffix("/import")
    return render_template("materials/too_large.html", text=text, back=back), 413


# ── the page ───────────────────────────────────────────────────────────────────────────────────


def handle(bench: Bench) -> Answer:
    """GET and POST of the page; every button names its action."""
    if request.method == "GET":
        return draw(rosterpage.build(bench))
    action, _, detail = request.form.get("action", "").partition(":")
    try:
        return _ACTIONS.get(action, _nothing)(bench, detail)
    except errors.HallError as refusal:
        return _refused(bench, refusal)


def draw(page: Page) -> str:
    allow_frames()  # preview of an uploaded PDF
    return render_template("rosters/page.html", page=page, texts=page.bench.texts)


def _refused(bench: Bench, refusal: errors.HallError) -> Answer:
    page = rosterpage.build(refreshed(bench), token=filing.token_of(request.form))
    page.refusals = [problem.text for problem in refusal.problems]
    return draw(page), 409 if isinstance(refusal, errors.Conflict) else 422


def _back(bench: Bench, **words: Any) -> Answer:
    """To the page with the filter it was left with."""
    kept = {name: request.args.get(name, "") for name in ("state", "after", "tab")} | words
    rest = urlencode({name: value for name, value in kept.items() if value})
    return redirect(bench.page_url + (f"?{rest}" if rest else ""), 303)


def _nothing(bench: Bench, _: str) -> Answer:
    return _back(bench)


# ── rows ───────────────────────────────────────────────────────────────────────────────────────


def _enter(bench: Bench, more: str) -> Answer:
    """保存, 保存并继续新增; with a row's number it changes that row."""
    typed = editing.cells(request.form, [spec.name for spec in bench.typed])
    seq = number_in(request.form.get("seq", "")) or 0
    meant = rosterapi.seen(bench, seq, typed) if seq else typed
    line = editing.enter(runtime(), actor(), bench.roster.id, meant, seq=seq)
    if line.problems:
        page = rosterpage.build(bench, typed=typed, problems=list(line.problems), seq=seq)
        return draw(page), 422
    flash("已保存" if seq else "已加入清册", "ok")
    return _back(bench, tab="single" if more else request.args.get("tab", ""))


def _delete(bench: Bench, what: str) -> Answer:
    """Ticked rows, those with faults, or all of them."""
    seqs = None if what in ("faulty", "all") else _ticked()
    lines = _kept(bench, seqs)
    state = FAULTY if what == "faulty" else ""
    count = editing.remove(runtime(), actor(), bench.roster.id, seqs, state=state)
    if lines:
        frame.offer_undo(bench.url("undo"))
    flash(f"已删除 {count:,} 行" if count else "没有要删除的行", "ok")
    return _back(bench, after="" if what else request.args.get("after", ""))


def _kept(bench: Bench, seqs: list[int] | None) -> bool:
    """Put aside what is about to be deleted, when it is little enough to be typed again."""
    if not seqs or len(seqs) > UNDO_ROWS:
        return False
    lines = [store.row(session(), bench.roster.id, seq) for seq in seqs]
    typed = {spec.name for spec in bench.columns if not spec.column.computed}
    values = [
        {name: value for name, value in line.values.items() if name in typed}
        for line in lines
        if line is not None
    ]
    drafts.save(runtime(), actor(), _undo_key(bench), {"rows": values})
    return bool(values)


def _undo_key(bench: Bench) -> str:
    return f"roster-undo:{bench.roster.id}"


@bp.post("/services/<key>/undo")
@bp.post("/requests/<no>/rows/undo")
def undo(key: str = "", no: str = "") -> Answer:
    """撤销 of the last deletion: the rows stand at the end again."""
    bench = find(key, no)
    kept = drafts.load(runtime(), actor(), _undo_key(bench))
    rows = kept.data.get("rows") if kept is not None else None
    if not rows:
        flash(_UNDONE.text, "error")
        return _back(bench)
    editing.add(runtime(), actor(), bench.roster.id, rows)
    with transaction(session()) as writing:
        drafts.drop(writing, actor().id, _undo_key(bench))
    flash(f"已恢复 {len(rows)} 行", "ok")
    return _back(bench)


def _ticked() -> list[int]:
    found = [number for text in request.form.getlist("seq") if (number := number_in(text))]
    if not found:
        raise Refused(_NONE)
    if len(found) > TICKED_MAX:
        raise Refused(_TICKED)
    return list(dict.fromkeys(found))


def _paste(bench: Bench, _: str) -> Answer:
    """The text box, for those without scripts or without a clipboard."""
    rows = pasting.read(request.form.get("cells", ""), bench.typed)
    if isinstance(rows, Problem):
        raise Refused(rows)
    lines = editing.add(runtime(), actor(), bench.roster.id, rows)
    flash(rosterapi.told(lines), "ok")
    return _back(bench, tab="")


def _load(bench: Bench, _: str) -> Answer:
    count, later = editing.load(runtime(), actor(), bench.roster.id)
    if not later:
        flash(f"已载入 {count:,} 行" if count else "名册里的人都已在清册中", "ok")
    rosterapi.wake()
    return _back(bench, after="")


def _pick(bench: Bench, then: str) -> Answer:
    """Rows ticked in the 名册; `then`: filed at once, where nothing else can be in the roster."""
    token = filing.token_of(request.form)
    already = filing.already(token) if then and bench.view is None else None
    if already is not None:
        return redirect(url_for("requests.page", no=already), 303)
    lines = rosterpicking.pick(bench)
    faulty = sum(bool(line.problems) for line in lines)
    if then == rosterpicking.FILED_AT_ONCE and bench.view is None and not faulty:
        return _filed(refreshed(bench), token, [line.seq for line in lines])
    rest = f"，其中有误 {faulty} 行，请改正" if faulty else ""
    flash(f"已加入清册 {len(lines)} 行{rest}", "ok")
    return _back(bench, after="", state="")


def _choose(bench: Bench, _: str) -> Answer:
    chosen = {name: request.form.get(f"choice:{name}", "") for name in rosterpage.names(bench)}
    later = editing.choose(runtime(), actor(), bench.roster.id, chosen)
    rosterapi.wake()
    flash("已保存，正在按新的选择复核清册" if later else "已保存，清册已按新的选择复核", "ok")
    return _back(bench)


# ── files ──────────────────────────────────────────────────────────────────────────────────────


@bp.post("/services/<key>/import")
@bp.post("/requests/<no>/rows/import")
def upload(key: str = "", no: str = "") -> Answer:
    """批量导入: the file is kept, a job reads it, the page follows it."""
    bench = find(key, no)
    try:
        editing.require(runtime(), actor(), bench.roster)
        sent = request.files.get("file")
        if sent is None or not sent.filename:
            raise Refused(_NO_FILE)
        stated = number_in(request.form.get("stated", "").strip())
        if bench.counts_rows and stated is None:
            raise Refused(_COUNT)
        job = importing.start_import(
            runtime(),
            actor(),
            bench.roster,
            sent.stream.read(),
            file_name=sent.filename,
            stated_rows=stated if bench.counts_rows else None,
            replace=request.form.get("mode") == "replace",
            may=partial(editing.require, runtime(), actor()),
        )
    except errors.HallError as refusal:
        return _refused(bench, refusal)
    rosterapi.wake()
    return _back(bench, after="", state="", tab="import", **{JOB_ARGUMENT: job})


def _upload_material(bench: Bench, _: str) -> Answer:
    refused = materials.take_posted(bench.texts.materials, bench.draft_key)
    page = rosterpage.build(bench, refused=refused, token=filing.token_of(request.form))
    return draw(page), 422 if refused else 200


def _remove_material(bench: Bench, token: str) -> Answer:
    problem = materials.take_back(token)
    if problem is not None:
        flash(problem.text, "error")
    return _back(bench)


# ── 提交 ───────────────────────────────────────────────────────────────────────────────────────


def _submit(bench: Bench, what: str) -> Answer:
    """提交所选, 全部提交: a second click of the same page is the same request."""
    token = filing.token_of(request.form)
    already = filing.already(token) if bench.view is None else None
    if already is not None:
        return redirect(url_for("requests.page", no=already), 303)
    refused = materials.take_posted(bench.texts.materials, bench.draft_key)
    if refused:
        page = rosterpage.build(bench, refused=refused, token=token)
        return draw(page), 422
    return _filed(bench, token, None if what == "all" else _ticked())


def _filed(bench: Bench, token: str, seqs: list[int] | None) -> Answer:
    """File these rows, or all sound ones."""
    try:
        no = _file(bench, token, seqs)
    except engine.InFlight as blocking:
        page = rosterpage.build(refreshed(bench), token=token)
        page.in_flight = blocking.no
        return draw(page), 409
    except errors.HallError as refusal:
        session().rollback()
        again = filing.already(token) if bench.view is None else None
        if again is not None:
            return redirect(url_for("requests.page", no=again), 303)
        return _refused(bench, refusal)
    flash(bench.texts.submitted_toast, "ok")
    filing.offer_next(bench.texts)
    return redirect(url_for("requests.page", no=no), 303)


def _file(bench: Bench, token: str, seqs: list[int] | None) -> str:
    rt, who, key = runtime(), actor(), bench.draft_key
    slots = materials.of_draft(key)
    filed = Filed(
        scope_name=filing.scope_name(bench.roster.scope),
        name=bench.texts.name,
        token=f"{who.id}:{token}",
        materials=[{"token": m.token, "slot": m.slot, "name": m.file_name} for m in slots],
    )

    def also(writing: Any, case: Case) -> None:
        documents.bind(writing, who.id, key, case.no)
        drafts.drop(writing, who.id, key)

    if bench.view is not None:
        assert bench.view.task is not None
        task_id = bench.view.task.id
        done = rosters.resubmit(rt, who, bench.roster.id, filed, task_id=task_id, also=also)
        return done.no
    return rosters.submit(rt, who, bench.roster.id, filed, seqs=seqs, also=also).no


_ACTIONS: dict[str, Callable[[Bench, str], Answer]] = {
    "enter": _enter,
    "delete": _delete,
    "paste": _paste,
    "load": _load,
    "choose": _choose,
    rosterpicking.ACTION: _pick,
    "upload": _upload_material,
    "remove": _remove_material,
    "submit": _submit,
}
