"""Cells copied from a sheet, as the clipboard carries them: lines and tabs, cells with breaks in
quotation marks.

With a line of headings the columns are found by their names, else they are taken in order.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from engine.errors import Problem
from forms.rosters.base import ColumnSpec

LINES_MAX = 2_000  # a paste; more goes into a file and through the import
CHARS_MAX = 1_000_000  # of a paste of so many lines, 500 of each
_CELL_CHARS_MAX = 32_767  # as in Excel: more is a quotation mark that was never closed
_MARKS = str.maketrans("", "", " \t\r\n　*＊（）()元：:")


def read(
    text: str, columns: Sequence[ColumnSpec], *, first: str = ""
) -> list[dict[str, str]] | Problem:
    """One row of texts by column for each line that is not empty.

    `first`: the column the left-most cells belong to; "" for the first one.
    """
    if len(text) > CHARS_MAX:
        return Problem(
            "paste.too_long", f"粘贴的内容太多，一次最多 {LINES_MAX:,} 行，请用批量导入。"
        )
    lines = _lines(text)
    if isinstance(lines, Problem):
        return lines
    if len(lines) > LINES_MAX:
        told = f"粘贴了 {len(lines):,} 行，一次最多 {LINES_MAX:,} 行，请分批粘贴或用批量导入。"
        return Problem("paste.too_many", told)
    if not lines:
        return Problem("paste.empty", "没有粘贴到内容，请在 Excel 中选中数据并复制后再粘贴。")
    named = _by_headings(lines[0], columns)
    if named is not None:
        order, lines = named, lines[1:]
    else:
        names = [spec.name for spec in columns]
        start = names.index(first) if first in names else 0
        order = [*names[start:]]
        wide = max(len(line) for line in lines)
        if wide > len(order):
            labels = "、".join(spec.label for spec in columns[start:])
            told = f"粘贴了 {wide} 列，这里最多 {len(order)} 列（{labels}），请按顺序复制。"
            return Problem("paste.too_wide", told)
    return [{name: cell for name, cell in zip(order, line, strict=False) if name} for line in lines]


def _lines(text: str) -> list[list[str]] | Problem:
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    csv.field_size_limit(_CELL_CHARS_MAX)
    try:
        read = [
            [cell.strip() for cell in line] for line in csv.reader(io.StringIO(plain), "excel-tab")
        ]
    except csv.Error:
        return Problem("paste.unread", "粘贴的内容里有没有成对的引号，请检查后重新复制。")
    return [line for line in read if any(line)]


def _by_headings(line: Sequence[str], columns: Sequence[ColumnSpec]) -> list[str] | None:
    """Column names in the order of a line of headings ("" for one that is not ours); None when it
    is a line of data."""
    known: dict[str, str] = {}
    for spec in columns:
        for said in (spec.label, *spec.column.aliases):
            known.setdefault(_bare(said), spec.name)
    found = [known.get(_bare(cell), "") for cell in line]
    hits = [name for name in found if name]
    if len(hits) * 2 <= len([cell for cell in line if cell]) or len(hits) != len(set(hits)):
        return None
    return found


def _bare(text: str) -> str:
    return text.translate(_MARKS).lower()
