"""What a workbook of ours carries so that the reader knows it again.

A very hidden sheet names the form it was made for; the heading row stands behind the title rows.
Writer and reader share these names and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MARKS_SHEET = "_hall"  # column A: names, column B: values, one a row
OPTIONS_SHEET = "_options"  # the words of select columns, one column each
ERRORS_HEADING = "错误说明"
REQUIRED_MARK = "*"  # before the heading of a required column, which is red too
LAYOUT_VERSION = 1
TITLE_ROWS = 2  # the title and one line of instructions
HEADING_ROW = TITLE_ROWS + 1  # counted from 1, as people do
FIRST_ROW = HEADING_ROW + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """`form`: its form id, `center`: its code, `unit`: an account number or ""."""

    form: str
    service: str = ""
    center: str = ""
    unit: str = ""
    version: int = LAYOUT_VERSION


def rows_of(marks: Marks) -> list[tuple[str, str]]:
    return [
        ("form", marks.form),
        ("service", marks.service),
        ("center", marks.center),
        ("unit", marks.unit),
        ("version", str(marks.version)),
    ]


def marks_of(rows: Iterable[Sequence[Any]]) -> Marks | None:
    """The marks read back from their sheet; None when somebody has spoilt it."""
    found = {str(row[0]): str(row[1] or "") for row in rows if len(row) > 1}
    version = found.get("version", "")
    if not found.get("form") or not (version.isascii() and version.isdigit()):
        return None
    return Marks(
        form=found["form"],
        service=found.get("service", ""),
        center=found.get("center", ""),
        unit=found.get("unit", ""),
        version=int(version),
    )
