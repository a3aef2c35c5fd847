"""What the script of a roster page asks: one cell changed, cells pasted, a person found, progress.

Answers are rows drawn by the page's own template and counters in words; a refusal is a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import current_app, flash, get_template_attribute
from flask.typing import ResponseReturnValue

from engine.database import number_in
from engine.errors import Conflict, Forbidden, HallError, NotFound, Problem, Refused
from forms.rosters import editing, judging, pasting
from forms.rosters.base import Row
from handlers.members import finding
from handlers.rosters import store
from handlers.rosters.store import Line
from webapp import parking, rosterpage
from webapp.rosterbench import Bench, bp, find
from webapp.rostergrid import row_view, untouched
from webapp.runtime import actor, runtime, session

PEOPLE_SHOWN = 10
_UNREAD = Problem("rosters.unread", "页面提交的内容没有看懂，请刷新页面后再试。")
_STATUS = {Conflict: 409, Forbidden: 403, NotFound: 404}
Answer = ResponseReturnValue


def refusal_of(error: HallError) -> Answer:
    session().rollback()
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 422)
    return {"problem": {"code": error.code, "text": error.text}}, status


def seen(bench: Bench, seq: int, typed: Mapping[str, str]) -> dict[str, str]:
    """What was typed, without masked numbers that came back as they had been shown."""
    line = store.row(session(), bench.roster.id, seq)
    if line is None:
        return dict(typed)
    specs = {spec.name: spec for spec in bench.columns}
    return {
        name: text
        for name, text in typed.items()
        if not untouched(specs[name], text.strip(), str(line.values.get(name, "")))
    }


def told(lines: Sequence[Line]) -> str:
    """粘贴了 12 行，合格 10 行，有误 2 行"""
    faulty = sum(bool(line.problems) for line in lines)
    rest = f"，合格 {len(lines) - faulty} 行，有误 {faulty} 行" if faulty else "，全部合格"
    return f"粘贴了 {len(lines)} 行{rest}"


def wake() -> None:
    """Somebody waits for a job: do not let it wait for the next look at the queue."""
    runner = current_app.extensions.get("hall-runner")
    if runner is not None:
        runner.notify()


@bp.post("/services/<key>/rows/<int:seq>")
@bp.post("/requests/<no>/rows/<int:seq>")
def cell(seq: int, key: str = "", no: str = "") -> Answer:
    """Cells of one row were changed in the grid: {column: text}."""
    try:
        bench = find(key, no)
        body = parking.json_body() or {}
        typed = editing.cells(body, [spec.name for spec in bench.typed])
        if not typed:
            raise Refused(_UNREAD)
        meant = seen(bench, seq, typed)
        lines = editing.change(runtime(), actor(), bench.roster.id, seq=seq, typed=meant)
    except HallError as refusal:
        return refusal_of(refusal)
    return {"rows": _drawn(bench, lines), "sums": rosterpage.sums(bench)}


def _drawn(bench: Bench, lines: Iterable[Line]) -> dict[str, str]:
    draw = get_template_attribute("rosters/_rows.html", "row")
    names = frozenset(spec.name for spec in bench.typed)
    return {
        str(line.seq): str(draw(row_view(line, bench.columns, names), bench.page_url, True))
        for line in lines
    }


@bp.post("/services/<key>/rows")
@bp.post("/requests/<no>/rows")
def paste(key: str = "", no: str = "") -> Answer:
    """Ctrl+V: {"text", "seq", "column", "state"}; from that cell over the rows below it, the rest
    behind the last row; without `seq` everything is appended."""
    try:
        bench = find(key, no)
        body = parking.json_body() or {}
        text, column, seq = body.get("text"), body.get("column"), body.get("seq")
        if not isinstance(text, str):
            raise Refused(_UNREAD)
        first = column if isinstance(column, str) else ""
        rows = pasting.read(text, bench.typed, first=first)
        if isinstance(rows, Problem):
            raise Refused(rows)
        at = number_in(str(seq)) if isinstance(seq, int | str) else None
        state = str(body.get("state") or "")
        lines = _laid(bench, rows, at, state if state in ("sound", "faulty") else "")
    except HallError as refusal:
        return refusal_of(refusal)
    flash(told(lines[: len(rows)]), "ok")
    return {"text": told(lines[: len(rows)])}


def _laid(bench: Bench, rows: list[dict[str, str]], at: int | None, state: str) -> list[Line]:
    if not at:
        return editing.add(runtime(), actor(), bench.roster.id, rows)
    below = store.rows(session(), bench.roster.id, after=at - 1, limit=len(rows), state=state)
    over = {line.seq: row for line, row in zip(below, rows, strict=False)}
    rest = rows[len(below) :]
    return editing.overlay(runtime(), actor(), bench.roster.id, over, more=rest)


@bp.post("/services/<key>/check")
@bp.post("/requests/<no>/rows/check")
def check(key: str = "", no: str = "") -> Answer:
    """What the entry form would become: {"values": {column: text}, "seq"}; nothing is kept."""
    try:
        bench = find(key, no)
        body = parking.json_body() or {}
        sent = body.get("values")
        typed = editing.cells(sent if isinstance(sent, Mapping) else {}, _typed(bench))
        seq = number_in(str(body.get("seq") or "")) or 0
        before = store.row(session(), bench.roster.id, seq) if seq else None
        meant = seen(bench, seq, typed) if seq else typed
        texts = (dict(before.values) if before else {}) | meant
        row = Row(seq=seq or bench.roster.next_seq, texts=texts)
        (line,) = judging.judge(runtime(), actor(), bench.roster, [row])
    except HallError as refusal:
        return refusal_of(refusal)
    session().rollback()
    return _judged(bench, line, typed)


def _typed(bench: Bench) -> list[str]:
    return [spec.name for spec in bench.typed]


def _judged(bench: Bench, line: Line, typed: Mapping[str, Any]) -> dict[str, Any]:
    names = _typed(bench)
    view = row_view(line, bench.columns)
    # An empty field is not a fault while somebody is still typing.
    problems = {
        p.field: p.text for p in line.problems if p.field in names and str(typed.get(p.field, ""))
    }
    whole = [p.text for p in line.problems if not p.field or p.field not in names]
    return {
        "values": {c.name: c.value for c in view.cells if c.name in names and c.value},
        "computed": [
            {"label": c.label, "text": c.text} for c in view.cells if c.name not in names and c.text
        ],
        "problems": problems,
        "said": whole if any(str(value).strip() for value in typed.values()) else [],
        "notes": list(line.notes),
    }


@bp.post("/services/<key>/people")
@bp.post("/requests/<no>/rows/people")
def people(key: str = "", no: str = "") -> Answer:
    """The unit's own people whose name or account is being typed: {"q"}.  Not in the address, which
    logs keep: it may be a whole document number."""
    try:
        bench = find(key, no)
        typed = (parking.json_body() or {}).get("q")
    except HallError as refusal:
        return refusal_of(refusal)
    desk = bench.desk()
    asked = "".join(char for char in typed if char.isprintable()) if isinstance(typed, str) else ""
    states = bench.form.seeks(desk)
    found = finding.among(session(), desk.unit_account_no, asked, states=states, limit=PEOPLE_SHOWN)
    return {
        "people": [
            {"account": p.account_no, "name": p.name, "id_no": p.id_no, "status": p.status}
            for p in found
        ]
    }


@bp.get("/services/<key>/progress.json")
@bp.get("/requests/<no>/rows/progress.json")
def progress(key: str = "", no: str = "") -> Answer:
    """How far the job on this roster is; asked while somebody looks at the page."""
    try:
        job = rosterpage.progress_of(find(key, no))
    except HallError as refusal:
        return refusal_of(refusal)
    return job.facts() if job is not None else {"over": True, "label": "", "text": ""}
