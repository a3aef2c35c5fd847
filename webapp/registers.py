"""查询: every register on one page, as a workbook, on paper; and the files others agreed to.

What is asked travels in the address, so a page can be kept and sent on; a number of a person does
not: it is posted, looked up, and goes on as the number of a row (as in `members`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

import engine
from engine.calendar import ZONE
from engine.errors import HallError
from forms import exporting as workbooks
from handlers.identifiers import compact
from handlers.members import queries
from handlers.privacy import disclosure
from handlers.registers import catalog, exporting, reading, slips
from handlers.registers.asking import (
    PAGING,
    ROWS_OFFERED,
    Asked,
    Reader,
    ask,
    in_full,
    personal,
    reader_of,
)
from handlers.registers.catalog import Offered
from handlers.registers.declaring import Drill
from handlers.registers.exporting import SERVICES, Taken, Whose
from handlers.registers.models import PDF, PRINT, XLSX
from handlers.registers.reading import Page
from webapp import printing, registerpage
from webapp.filing import token_of
from webapp.format import local
from webapp.printing import PrintSheet
from webapp.runtime import actor, center, me, now, runtime, session

bp = Blueprint("registers", __name__)

ID_CHARS_MAX = 40
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCUMENT = "application/pdf"


@bp.get("/registers/<key>")
def page(key: str) -> ResponseReturnValue:
    offered, asked = _asked(key, request.args)
    if offered.register.page:
        return redirect(url_for(offered.register.page, **asked.words), 303)  # type: ignore[arg-type]
    place = _place(request.args)
    found = reading.page(session(), asked, **place) if asked.ready else None
    status = 422 if asked.problems else 200
    return _draw(offered, asked, found, place), status


@bp.post("/registers/<key>")
def search(key: str) -> ResponseReturnValue:
    """查询: the same register under an address without the ID number that was typed."""
    words = _words(request.form)
    typed = compact(words.pop("id_no", "")[:ID_CHARS_MAX])
    offered, asked = _asked(key, words)
    words = dict(asked.words)
    if typed:
        known = typed.isprintable()
        domains = actor().domains
        found = queries.holder(session(), domains, typed) if known else queries.NOBODY
        words["person"] = str(found)
    return redirect(url_for("registers.page", key=offered.key, **words), 303)  # type: ignore[arg-type]


@bp.post("/registers/<key>/numbers")
def numbers(key: str) -> ResponseReturnValue:
    """查看完整号码: the same rows once more, unmasked where a post allows it.

    Which rows of which register were looked at is written down first.
    """
    offered, asked = _asked(key, _words(request.form))
    asked = in_full(asked, offered.columns)
    exporting.require(exporting.unready(asked))
    place = _place(request.form)
    found = reading.page(session(), asked, **place)
    if found.lines:
        span = f"第 {found.first}–{found.first + len(found.lines) - 1} {offered.register.noun}"
        disclosure.write_down(
            runtime(),
            actor(),
            personal(offered.columns, asked.reader),
            kind="register",
            key=offered.key,
            name=f"{offered.name}{span}（{exporting.in_words(asked.shown)}）",
        )
    return _draw(registerpage.with_numbers(offered), asked, found, place)


# ── files and paper ────────────────────────────────────────────────────────────────────────────


@bp.get("/registers/<key>.xlsx")
def workbook(key: str) -> ResponseReturnValue:
    offered, asked = _asked(key, request.args)
    _take(offered, asked, XLSX)
    out = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it when it is sent
    try:
        workbooks.write(session(), offered, asked, out, by=actor().name, at=now())
    except BaseException:
        out.close()
        raise
    out.seek(0)
    return send_file(out, SHEET, as_attachment=True, download_name=_file_name(offered, "xlsx"))


@bp.get("/registers/<key>/print")
def sheet(key: str) -> ResponseReturnValue:
    return printing.sheet_html(_on_paper(key, PRINT), browser=True)


@bp.get("/registers/<key>.pdf")
def paper(key: str) -> ResponseReturnValue:
    sheet = _on_paper(key, PDF)
    made = printing.pdf_of(printing.sheet_html(sheet))
    return _pdf(made, f"{_stamped(sheet.title)}.pdf")


def _on_paper(key: str, kind: str) -> PrintSheet:
    offered, asked = _asked(key, request.args)
    _take(offered, asked, kind, most=printing.ROWS_MAX)
    lines, totals = workbooks.sheet(session(), offered, asked)
    return PrintSheet(
        title=offered.name,
        columns=workbooks.export_columns(offered),
        rows=lines,
        at=now(),
        by=actor().name,
        filters=[*asked.shown, ("共", f"{len(lines):,} {offered.register.noun}")],
        totals=totals,
    )


def _take(offered: Offered, asked: Asked, kind: str, *, most: int | None = None) -> None:
    """May this leave in these hands?  Then it is written down; raises Refused when it may not."""
    rows = reading.sums(session(), asked).rows if asked.ready else 0
    exporting.require(exporting.refusal(asked, rows, alone=exporting.alone_max(session(), asked)))
    if most is not None and rows > most:
        raise engine.errors.Refused(printing.TOO_LONG)
    exporting.record(runtime(), actor(), _whose(), Taken(offered, asked, kind, rows))


def _whose() -> Whose:
    profile = me()
    assert profile is not None, "the gate lets nobody in who is not signed in"
    own, branch = profile.unit_account_no, profile.branch_code
    return Whose(f"unit:{own}" if own else f"branch:{branch}", branch)


# ── more than one person may take ──────────────────────────────────────────────────────────────


@bp.post("/registers/<key>/requests")
def apply(key: str) -> ResponseReturnValue:
    """申请导出: somebody else agrees, a worker makes the file, a message says where it is."""
    words = _words(request.form)
    typed = words.pop("reason", "")
    token = token_of({"token": words.pop("token", "")})
    full = words.pop("full", "")
    offered, asked = _asked(key, words)
    if full:
        asked = in_full(asked, offered.columns)
    here = url_for("registers.page", key=key, **asked.words)  # type: ignore[arg-type]
    try:
        reason = workbooks.reason_of(typed)
        rows = reading.sums(session(), asked).rows if asked.ready else 0
        exporting.require(exporting.unready(asked) or exporting.out_of_bounds(rows))
        no = _file(offered, asked, rows=rows, reason=reason, token=token)
    except HallError as refusal:
        session().rollback()
        flash(refusal.text, "error")
        return redirect(here, 303)
    flash("已提交导出申请，同意后文件在“导出文件”中下载", "ok")
    return redirect(url_for("requests.page", no=no), 303)


def _file(offered: Offered, asked: Asked, *, rows: int, reason: str, token: str) -> str:
    profile, who, whose = me(), actor(), _whose()
    assert profile is not None
    key = SERVICES[asked.reader.kind]
    texts = center().services.get(key)
    return engine.start(
        runtime(),
        who,
        key,
        data=workbooks.filed(offered, asked, rows=rows, reason=reason),
        scope=whose.scope,
        scope_name=registerpage.unit_name(asked.reader.unit_account_no) or profile.branch_name,
        branch=whose.branch,
        summary=f"{offered.name} {rows:,} 行",
        token=f"{who.id}:{token}",
        name=texts.name if texts else "",
    ).no


@bp.get("/registers/files")
def files() -> ResponseReturnValue:
    rows = exporting.files_of(runtime(), actor())
    return render_template("registers/files.html", rows=rows)


@bp.get("/registers/files/<int:id>")
def file(id: int) -> ResponseReturnValue:
    row, content = exporting.fetch(runtime(), actor(), _whose(), id)
    answer = Response(content, mimetype=SHEET)
    return _attached(answer, f"{row.title}{local(row.made_at):%Y%m%d}.xlsx")


# ── 汇缴书 ─────────────────────────────────────────────────────────────────────────────────────


@bp.get("/remittances/<int:id>/slip")
def slip(id: int) -> ResponseReturnValue:
    pdf = url_for("registers.slip_pdf", id=id)
    return printing.sheet_html(_slip(id), browser=True, pdf=pdf)


@bp.get("/remittances/<int:id>/slip.pdf")
def slip_pdf(id: int) -> ResponseReturnValue:
    made = _slip(id)
    return _pdf(printing.pdf_of(printing.sheet_html(made)), f"{made.title}.pdf")


def _slip(id: int) -> PrintSheet:
    found = slips.slip(session(), actor().domains, id)
    return PrintSheet(
        title=found.title,
        columns=[workbooks.export_column(column) for column in slips.COLUMNS],
        rows=found.rows,
        at=now(),
        by=actor().name,
        filters=found.facts,
        totals=("合计", found.headcount, found.total_cents),
        capitals_cents=found.total_cents,
        no=found.no,
        note=found.note,
        signers=("单位经办人", "中心经办人"),
    )


# ── asking and drawing ─────────────────────────────────────────────────────────────────────────


def _reader() -> Reader:
    return reader_of(actor(), now().astimezone(ZONE).date(), center().privacy.full)


def _words(source: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in source.items() if name != "csrf_token"}


def _place(source: Mapping[str, str]) -> dict[str, str]:
    """Where the page begins: behind one row or in front of another; nothing for the first."""
    return {name: source[name] for name in sorted(PAGING) if source.get(name)}


def _asked(key: str, words: Mapping[str, str]) -> tuple[Offered, Asked]:
    reader = _reader()
    offered = catalog.find(center(), reader, key)
    return offered, ask(offered.register, reader, words)


def _draw(offered: Offered, asked: Asked, found: Page | None, place: Mapping[str, str]) -> str:
    rows = found.sums.rows if found else 0
    return render_template(
        "registers/page.html",
        offered=offered,
        register=offered.register,
        asked=asked,
        page=found,
        rows=registerpage.rows_of(offered, found, link) if found else [],
        figures=registerpage.figures(offered, found) if found else [],
        feet=registerpage.feet(offered, found) if found else None,
        fields=registerpage.fields(offered.register, asked),
        rows_offered=[(str(n), f"{n} 行") for n in ROWS_OFFERED],
        taking=registerpage.taking(offered, asked, rows, place),
        turns=registerpage.turns({"key": offered.key, **asked.words}, found) if found else {},
        today=now(),
    )


def link(drill: Drill, extra: Mapping[str, Any]) -> str:
    """The address a value leads to; "" when the row has nothing behind it."""
    by = {name: _plain(extra.get(source)) for name, source in drill.by.items()}
    if not all(by.values()):
        return ""
    if drill.place.startswith("register:"):
        return url_for("registers.page", key=drill.place.removeprefix("register:"), **by)
    if drill.place == "unit" and _reader().kind == "operator":
        return url_for("units.own")
    return url_for(PLACES[drill.place], **by)


PLACES = {
    "member": "members.page",
    "request": "requests.page",
    "receipt": "receipts.page",
    "slip": "registers.slip",
    "unit": "units.page",
}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _stamped(name: str) -> str:
    return f"{name}{local(now()):%Y%m%d-%H%M}"


def _file_name(offered: Offered, ending: str) -> str:
    return f"{_stamped(offered.name)}.{ending}"


def _pdf(content: bytes, name: str) -> Response:
    return _attached(Response(content, mimetype=DOCUMENT), name)


def _attached(answer: Response, name: str) -> Response:
    answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return answer
