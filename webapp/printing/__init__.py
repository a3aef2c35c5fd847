"""Paper: one HTML sheet, printed by the browser or made into a PDF.

`sheet_html` draws a table with title, filters, total and 大写; `pdf_of` hands any of our print
pages to WeasyPrint in a child process (`child`), which has little time, little memory and no way to
the network.  Nothing is kept.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import render_template

from engine.errors import Problem, Refused
from forms.excel.books import span
from forms.excel.exports import RIGHT, TOTAL_LABEL, ExportColumn, reading
from handlers.amounts import capitals
from webapp.printing.child import CANNOT_LOAD, TOO_MUCH

CHILD = Path(__file__).with_name("child.py")
STATIC = Path(__file__).parents[1] / "static"
ROWS_MAX = 2_000  # some 15 s and 500 MB on a small machine; Excel is for more
FRAME_ROWS = 3  # heading, total, 大写
HTML_BYTES_MAX = 4_000_000  # twice what the longest table with the most columns has
AT_ONCE_MAX = 2  # children of one web process: a rush for PDFs leaves the machine to the others
WAIT_SECONDS_MAX = 10
SECONDS_MAX = 45  # by the clock, on a machine that has other work; the child counts its own
# What A4 takes in a line at the size of print.css: wider tables lie across, then become smaller.
PORTRAIT_CHARS_MAX, LANDSCAPE_CHARS_MAX = 100, 150

NO_PANGO = Problem("print.no_pango", "本机没有安装 PDF 组件（pango），请改用打印。")
TOO_LONG = Problem(
    "print.too_long",
    f"内容太多，PDF 最多 {ROWS_MAX:,} 行，请缩小查询范围，或下载 Excel 后打印。",
)
BUSY = Problem("print.busy", "正在生成的 PDF 较多，请稍等一分钟再试，或改用打印。")
BROKEN = Problem("print.broken", "PDF 没有生成，请改用打印；仍然不行时请联系中心。")

_places = threading.BoundedSemaphore(AT_ONCE_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintSheet:
    """A table on A4.  Values are those of `ExportColumn`: the download and the paper agree.

    `filters`: (name, text) as they were chosen; `capitals_cents`: an amount in 分 said in 大写;
    `no`: 流水号, on every page; `signers`: posts with a line to sign on; `note`: below the table.
    """

    title: str
    columns: Sequence[ExportColumn]
    rows: Iterable[Sequence[Any]]
    at: datetime
    by: str
    filters: Sequence[tuple[str, str]] = ()
    totals: Sequence[Any] | None = None
    capitals_cents: int | None = None
    no: str = ""
    signers: Sequence[str] = ()
    note: str = ""

    @property
    def shape(self) -> str:
        """Classes of the page: is-wide lies across, is-tight is set smaller as well."""
        chars = sum(map(_chars, self.columns))
        if chars <= PORTRAIT_CHARS_MAX:
            return ""
        return "is-wide" if chars <= LANDSCAPE_CHARS_MAX else "is-wide is-tight"

    @property
    def shares(self) -> list[str]:
        """Of the table's width, a column: fixed widths are drawn in half the time."""
        chars = [_chars(column) for column in self.columns]
        return [f"{100 * one / sum(chars):.2f}%" for one in chars]

    @property
    def capitals(self) -> str:
        return "" if self.capitals_cents is None else capitals(self.capitals_cents)

    def lines(self) -> Iterator[list[tuple[str, bool]]]:
        """Rows as read: (text, whether it stands at the right)."""
        for row in self.rows:
            yield self._line(row)

    def total(self) -> list[tuple[str, bool]]:
        line = self._line(self.totals or [])
        return [(TOTAL_LABEL, False), *line[1:]] if line and not line[0][0] else line

    def headings(self) -> list[tuple[str, bool]]:
        return [(column.label, column.kind in RIGHT) for column in self.columns]

    def _line(self, row: Sequence[Any]) -> list[tuple[str, bool]]:
        pairs = zip(self.columns, row, strict=bool(row))
        return [(reading(column.kind, value), column.kind in RIGHT) for column, value in pairs]


def sheet_html(sheet: PrintSheet, *, browser: bool = False) -> str:
    """The page; with `browser` it has a button that opens the browser's print dialog."""
    return render_template("print/table.html", sheet=sheet, browser=browser)


def pdf_of(html: str) -> bytes:
    """A4 as the page's own style says; Refused with one sentence when it cannot be had."""
    content = html.encode("utf-8", "replace")
    if content.count(b"<tr") > ROWS_MAX + FRAME_ROWS or len(content) > HTML_BYTES_MAX:
        raise Refused(TOO_LONG)
    if not _places.acquire(timeout=WAIT_SECONDS_MAX):
        raise Refused(BUSY)
    try:
        return _made(content)
    finally:
        _places.release()


def _made(content: bytes) -> bytes:
    command = [sys.executable, "-I", str(CHILD), str(STATIC)]
    try:
        done = subprocess.run(
            command,
            input=content,
            capture_output=True,
            timeout=SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refused(TOO_LONG) from None
    if done.returncode == 0 and done.stdout.startswith(b"%PDF-"):
        return done.stdout
    if done.returncode == CANNOT_LOAD:
        raise Refused(NO_PANGO)
    # Ended by a signal: its limits stopped it, so the page was too much.
    stopped = done.returncode < 0 or done.returncode == TOO_MUCH
    raise Refused(TOO_LONG if stopped else BROKEN)


def _chars(column: ExportColumn) -> int:
    usual = {"money": 15, "date": 11, "moment": 19, "month": 8, "int": 6, "percent": 7}
    return max(column.width, usual.get(column.kind, 12), span(column.label) + 2)
