"""A filed roster: all its rows with their results, as a page, a workbook and on paper.

Whoever may see the request may see its rows, personal numbers masked.  When the request came to
nothing, its applicant puts the rows back and files them anew.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import engine
from engine.errors import HallError
from forms import registry
from forms.excel import errors_book
from forms.rosters import editing
from forms.rosters.base import ColumnSpec
from handlers.privacy import masking
from handlers.rosters import store
from handlers.rosters.models import FAILED
from handlers.rosters.store import Line
from webapp import filing, rosterapi, rosterfiles, rostergrid
from webapp.rosterbench import Bench, bp
from webapp.rostergrid import Asked
from webapp.rosterview import Filed, filed, mine
from webapp.runtime import actor, center, runtime, session

ROWS_FIRST = 10  # on the request page
OVER = frozenset({"withdrawn", "ended", "refused"})
Answer = ResponseReturnValue


def _find(no: str, asked: Asked | None = None) -> Filed:
    """The roster an address names, for whoever may see the request; 404 when it has none."""
    view = engine.view(runtime(), actor(), no)
    form = request.args.get("form", "")
    if form and registry.roster(form) is None:
        abort(404)
    roster = store.of_request(session(), no, form)
    found = filed(view, roster, asked or Asked(), rostergrid.ROWS_SHOWN) if roster else None
    if found is None:
        abort(404)
    return found


@bp.get("/requests/<no>/rows")
def rows(no: str) -> Answer:
    """All rows with their results, page by page."""
    it = _find(no, Asked.of(request.args, rostergrid.RESULTS))
    return render_template("rosters/filed.html", it=it, grid=it.grid, view=it.view)


@bp.get("/requests/<no>/rows.xlsx")
def filed_book(no: str) -> Answer:
    """The roster as a workbook, or the rows that failed with the reason; numbers masked unless it
    is one's own unit's, which may mend and import it again."""
    it = _find(no)
    state = FAILED if request.args.get("state") == FAILED else ""
    found = rosterfiles.lines(it.roster, state=state)
    if not mine(it.view):
        found = _masked(found, it.columns)
    out = io.BytesIO()
    errors_book.errors_book(
        it.form, filing.texts_of(it.roster.key), found, out,
        everything=not state, key=it.roster.key, center=center().code,
    )  # fmt: skip
    name = "失败数据" if state else "清册"
    return rosterfiles.sent(out, f"{it.view.name}{name}_{no}")


def _masked(found: Iterator[Line], columns: list[ColumnSpec]) -> Iterator[Line]:
    personal = [spec for spec in columns if masking.is_personal(spec.field.mask)]
    for line in found:
        hidden = {s.name: s.field.reading(str(line.values.get(s.name, ""))) for s in personal}
        yield replace(line, values={**line.values, **hidden})


@bp.get("/requests/<no>/rows/print")
def filed_sheet(no: str) -> Answer:
    """打印清册 of a request."""
    it = _find(no)
    texts, deployed = filing.texts_of(it.roster.key), filing.deployed_of(it.view.key)
    if texts is None or deployed is None:
        abort(404)
    bench = Bench(deployed, it.form, texts, it.roster)
    return rosterfiles.on_paper(bench, url_for("requests.page", no=no), no=no)


@bp.get("/requests/<no>/rows.json")
def filed_progress(no: str) -> Answer:
    """交易进度: how many rows have been applied; over as soon as the roster is."""
    job = _find(no).progress
    return job.facts() if job is not None else {"over": True, "label": "", "text": ""}


@bp.post("/requests/<no>/rows/reuse")
def reuse(no: str) -> Answer:
    """把清册放回重新办理: its rows stand in the 待提交清册 again."""
    it = _find(no)
    if it.reused:
        flash("清册已经放回，可以直接修改后提交", "ok")
        return redirect(url_for("services.page", key=it.roster.key), 303)
    if not it.reusable:
        flash("这件业务还在办理或没有可以放回的数据，请刷新后查看。", "error")
        return redirect(url_for("requests.page", no=no), 303)
    try:
        count, later = editing.put_back(runtime(), actor(), it.roster)
    except HallError as refusal:
        session().rollback()
        flash(refusal.text, "error")
        return redirect(url_for("requests.page", no=no), 303)
    if later:
        rosterapi.wake()
    flash(f"已放回 {count:,} 行，请核对后提交" if count else "清册已经放回", "ok")
    return redirect(url_for("services.page", key=it.roster.key), 303)
