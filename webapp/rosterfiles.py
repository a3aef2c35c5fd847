"""Files of a roster: the template, the faulty rows with what is wrong, the whole roster, on paper.

Workbooks are written row by row from pieces of the roster, however long it is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from flask import Response, render_template, send_file
from flask.typing import ResponseReturnValue

from forms.excel import errors_book, templates
from handlers.rosters import store
from handlers.rosters.models import FAULTY, SOUND, Roster
from handlers.rosters.store import Line
from webapp import filing, rostergrid
from webapp.rosterbench import Bench, bp, find
from webapp.runtime import center, now, session

PIECE_ROWS = 2_000
PRINT_ROWS_MAX = 2_000  # some sixty sheets; a longer roster is printed from the workbook
UPRIGHT_COLUMNS = 7  # that fit on a sheet that is not turned
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Answer = ResponseReturnValue


def sent(out: io.BytesIO, name: str) -> Response:
    out.seek(0)
    return send_file(out, mimetype=XLSX, as_attachment=True, download_name=f"{name}.xlsx")


def lines(roster: Roster, *, state: str = "", limit: int | None = None) -> Iterator[Line]:
    """Rows of a roster, read in pieces."""
    after, left = 0, limit
    while left is None or left > 0:
        piece = store.rows(
            session(),
            roster.id,
            after=after,
            limit=min(PIECE_ROWS, left or PIECE_ROWS),
            state=state,
        )
        if not piece:
            return
        yield from piece
        after = piece[-1].seq
        left = None if left is None else left - len(piece)


@bp.get("/services/<key>/template.xlsx")
@bp.get("/requests/<no>/rows/template.xlsx")
def template(key: str = "", no: str = "") -> Answer:
    """下载模板: with the centre's own 名册 in it where all of it is filled in."""
    bench = find(key, no)
    desk = bench.desk()
    made = templates.template(
        bench.form, bench.texts, key=bench.key, center=center().code, desk=desk,
        rows=bench.form.prefill(desk) if bench.fills else (),
    )  # fmt: skip
    return sent(io.BytesIO(made), f"{bench.texts.name}{'名册' if bench.fills else '模板'}")


@bp.get("/services/<key>/errors.xlsx")
@bp.get("/requests/<no>/rows/errors.xlsx")
def faulty(key: str = "", no: str = "") -> Answer:
    """下载错误清册: the faulty rows, to be mended and imported again."""
    return _book(find(key, no), everything=False)


@bp.get("/services/<key>/roster.xlsx")
@bp.get("/requests/<no>/rows/roster.xlsx")
def whole(key: str = "", no: str = "") -> Answer:
    return _book(find(key, no), everything=True)


def _book(bench: Bench, *, everything: bool) -> Answer:
    out = io.BytesIO()
    errors_book.errors_book(
        bench.form, bench.texts, lines(bench.roster, state="" if everything else FAULTY), out,
        everything=everything, key=bench.key, center=center().code, desk=bench.desk(),
    )  # fmt: skip
    return sent(out, f"{bench.texts.name}{'清册' if everything else '错误数据'}")


@bp.get("/services/<key>/roster")
@bp.get("/requests/<no>/rows/sheet")
def paper(key: str = "", no: str = "") -> Answer:
    """打印清册 of what has not been submitted yet."""
    bench = find(key, no)
    return on_paper(bench, bench.page_url)


def on_paper(bench: Bench, back: str, *, no: str = "") -> str:
    """One A4 table of the roster, numbers masked; before it is filed, of its sound rows."""
    roster = bench.roster
    filed = bool(no or roster.no)
    read = list(lines(roster, state="" if filed else SOUND, limit=PRINT_ROWS_MAX))
    columns = [s for s in bench.columns if any(line.values.get(s.name) for line in read)]
    rows = [rostergrid.row_view(line, columns) for line in read] if columns else []
    sums = store.sums(session(), roster.id)
    count, cents = (sums.rows, sums.amount_cents) if filed else (sums.sound, sums.sound_cents)
    return render_template(
        "rosters/print.html",
        title=f"{bench.texts.name}清册",
        name=bench.texts.name,
        columns=columns,
        numbers={spec.name for spec in columns if rostergrid.is_number(spec)},
        rows=rows,
        count=count,
        faulty=0 if filed else sums.faulty,
        amount_label=rostergrid.amount_label(bench.form, bench.columns),
        money=rostergrid.money_text(cents),
        more=max(0, count - len(rows)),
        scope=(filing.scope_name(roster.scope), roster.scope.partition(":")[2]),
        no=no or roster.no,
        back=back,
        printed_at=now(),
        wide=len(columns) > UPRIGHT_COLUMNS,
    )
