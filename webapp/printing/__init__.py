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
PORTRAIT_CHARS_MAX, LANDSCAPE_CHARS_MAX, TIGHT_CHARS_MAX = 100, 150, 190
CELL_CHARS = 3  # margins of a cell
SENTENCE_CHARS_MAX = 30  # more of a text goes into the next line
HEADING_CHARS_MAX = 10  # a longer heading stands in two lines
WORD_CHARS_MIN = 8  # four Chinese characters: a column of sentences is no narrower

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
    rows: Sequence[Sequence[Any]]
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
        chars = sum(width.whole for width in self._widths)
        if chars <= PORTRAIT_CHARS_MAX:
            return ""
        return "is-wide" if chars <= LANDSCAPE_CHARS_MAX else "is-wide is-tight"

    @property
    def shares(self) -> list[str]:
        """Of the table's width, a column: fixed widths are drawn in half the time.

        Where the page is too narrow for all, texts are broken and numbers are not.
        """
        found = self._widths
        least, whole = sum(each.least for each in found), sum(each.whole for each in found)
        part = 1.0
        if whole > TIGHT_CHARS_MAX:
            part = max(0.0, (TIGHT_CHARS_MAX - least) / max(1, whole - least))
        chars = [each.least + part * (each.whole - each.least) for each in found]
        return [f"{100 * one / sum(chars):.2f}%" for one in chars]

    @property
    def _widths(self) -> list[_Width]:
        lines = [*self.lines(), *([self.total()] if self.totals is not None else [])]
        cells = zip(*([text for text, _ in line] for line in lines), strict=True)
        texts = list(cells) or [() for _ in self.columns]
        return [_width(*each) for each in zip(self.columns, texts, strict=True)]

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


def sheet_html(sheet: PrintSheet, *, browser: bool = False, pdf: str = "") -> str:
    """The page; with `browser` it has a button that opens the browser's print dialog, and leads to
    the address `pdf` where the same is a PDF."""
    return render_template("print/table.html", sheet=sheet, browser=browser, pdf=pdf)


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


@dataclass(frozen=True, slots=True)
class _Width:
    """Of a column, in half-width characters: what it cannot do without, and what it would like."""

    least: int
    whole: int


def _width(column: ExportColumn, texts: Iterable[str]) -> _Width:
    """A heading may stand in two lines; numbers, days and whatever has no gap may not."""
    label = span(column.label)
    least = (label + 1) // 2
    whole = max(least, min(label, HEADING_CHARS_MAX), column.width)
    for text in set(texts):
        chars = span(text)
        whole = max(whole, min(chars, SENTENCE_CHARS_MAX))
        least = max(least, chars if text.isascii() else min(chars, WORD_CHARS_MIN))
    return _Width(least + CELL_CHARS, max(least, whole) + CELL_CHARS)
