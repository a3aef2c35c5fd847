"""A workbook being written: row by row into a private folder, handed over whole or not at all.

XlsxWriter's constant_memory keeps one row in memory.  Text is always written as text: a name that
begins with "=" stays a name (formula injection), whatever the reader's program thinks of it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from xlsxwriter import Workbook

FONT = "微软雅黑"
BODY_SIZE, TITLE_SIZE = 10, 14
SHEET_NAME_CHARS_MAX = 31  # of Excel
HEADER_CHARS_MAX = 255  # of Excel, codes included
CELL_CHARS_MAX = 32_767  # of Excel
WIDTH_MIN, WIDTH_MAX = 8, 60  # in characters of the sheet
PORTRAIT_CHARS_MAX = 95  # wider sheets are printed across
A4 = 9  # number of the paper in the file format
# Not allowed in XML 1.0, or no character at all (half of a pair).
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MARKUP = ("<r>", "</r>")
_NOT_IN_SHEET_NAMES = re.compile(r"[\[\]:*?/\\']")
_FIRST_WIDE = "\u2e80"  # from here on characters take two columns: Chinese, full-width forms


@contextmanager
def book(out: BinaryIO, title: str) -> Iterator[Any]:
    """An XlsxWriter workbook; `out` receives the file when the block ends without an error."""
    # XlsxWriter's own files hold members' data: they lie where nobody else looks and always go.
    with tempfile.TemporaryDirectory(prefix="hall-sheet-") as folder:
        path = Path(folder) / "book.xlsx"
        made = Workbook(str(path), {"constant_memory": True, "tmpdir": folder})
        made.set_properties({"title": plain(title)})
        try:
            yield made
        finally:
            made.close()
        with path.open("rb") as source:
            shutil.copyfileobj(source, out)


def plain(value: object) -> str:
    """Text that a cell can hold: characters XML forbids are dropped, the rest stays as it is."""
    text = str(value)
    # Nearly every cell: nothing to drop, nothing to cut.
    if text.isprintable() and text[:3] != _MARKUP[0] and len(text) < CELL_CHARS_MAX // 2:
        return text
    text = _ILLEGAL.sub("", text)
    if text.startswith(_MARKUP[0]) and text.endswith(_MARKUP[1]):
        text += " "  # XlsxWriter would take it for markup of its own and write it unescaped
    units = text.encode("utf-16-le")[: CELL_CHARS_MAX * 2]  # in which Excel counts
    return units.decode("utf-16-le", "ignore")


def sheet_name(title: str) -> str:
    return _NOT_IN_SHEET_NAMES.sub("", plain(title)).strip()[:SHEET_NAME_CHARS_MAX] or "Sheet1"


def span(text: str) -> int:
    """Columns a text takes in a sheet, of its longest line."""
    return max(sum(2 if char >= _FIRST_WIDE else 1 for char in line) for line in text.split("\n"))


def within(chars: int) -> int:
    return max(WIDTH_MIN, min(WIDTH_MAX, chars))


def on_paper(sheet: Any, *, chars: int, heading_row: int, footer: str = "") -> None:
    """A4, one page wide, heading repeated, pages counted.  `heading_row` from 1."""
    sheet.set_paper(A4)
    if chars > PORTRAIT_CHARS_MAX:
        sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
    sheet.repeat_rows(heading_row - 1)
    pages = "&R第 &P 页 共 &N 页"
    said = plain(footer).replace("&", "&&")
    sheet.set_footer("&L" + said[: HEADER_CHARS_MAX - len(pages) - 2].rstrip("&") + pages)
