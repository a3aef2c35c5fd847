"""Runs alone in a small process: opens a stranger's workbook and hands out its cells.

A file of a few KB can ask its parser for half a terabyte, and the parser then aborts its process.
Here that costs a child with limited memory and time.  It imports nothing of the hall but its
neighbours, and speaks JSON lines: a command in, an answer (or rows, then null) out.
"""

from __future__ import annotations

import csv
import io
import resource
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from operator import itemgetter
from typing import Any, Protocol

import orjson
from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from forms.excel.cell_marks import BrokenError, Look, Mark, Package
from forms.excel.old_marks import OldBook

MEMORY_BYTES_MAX = 1_500_000_000  # 200,000 rows × 40 columns of text are some 600 MB
CPU_SECONDS_MAX = 60  # the largest honest file takes 5
TOP_ROWS, TOP_COLUMNS = 40, 200  # where headings are looked for
SHEETS_MAX = 60
MERGES_MAX = 20_000
ROWS_AT_ONCE = 1_000  # in one line
FIELD_CHARS_MAX = 32_767  # as in Excel: more is a quotation mark that was never closed
SKIPPED_TOLD_MAX = 20
# What is not there when a person looks: white space and the marks that come with copied text.
BLANKS = " \t\r\n\u3000\u00a0\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_NAIVE = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_APPEND_NEWLINE

Row = Sequence[Any]


class RefusedError(Exception):
    """`said` is the answer: {"refused": code, …}."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.said = {"refused": code} | more


Merges = Sequence[tuple[tuple[int, int], tuple[int, int]]]


class Grid(Protocol):
    """One sheet.  Rows and columns count from 0."""

    height: int
    look: Look
    merges: Merges

    def rows(self) -> Iterator[Row]: ...


class Book(Protocol):
    def sheets(self) -> list[dict[str, Any]]: ...
    def grid(self, index: int) -> Grid: ...


# ── workbooks ──────────────────────────────────────────────────────────────────────────────────


class Sheet:
    def __init__(self, sheet: CalamineSheet, look: Look) -> None:
        self._sheet, self.look = sheet, look
        self.height = sheet.end[0] + 1 if sheet.end else 0
        merges = sheet.merged_cell_ranges or []
        self.merges: Merges = [one for one in merges if one[1][0] > one[0][0]][:MERGES_MAX]

    def rows(self) -> Iterator[Row]:
        return self._sheet.iter_rows()


class Workbook:
    """Keeps the sheet it was asked for last: it is nearly always the one that is read then."""

    def __init__(self, content: bytes, kind: str) -> None:
        self._book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        make = Package if kind == "xlsx" else OldBook
        self._looks: Package | OldBook = make(content)
        self._last: tuple[int, Grid] | None = None

    def sheets(self) -> list[dict[str, Any]]:
        return [
            {"name": one.name, "visible": one.visible == SheetVisibleEnum.Visible}
            for one in self._book.sheets_metadata[:SHEETS_MAX]
            if one.typ == SheetTypeEnum.WorkSheet
        ]

    def grid(self, index: int) -> Grid:
        if self._last is None or self._last[0] != index:
            self._last = None
            name = self.sheets()[index]["name"]
            look = self._looks.look(name)
            if look.far:
                raise RefusedError("far", sheet=name, cell=look.far)
            self._last = index, Sheet(self._book.get_sheet_by_name(name), look)
        return self._last[1]


# ── text files ─────────────────────────────────────────────────────────────────────────────────


class Table:
    """A CSV file: the one sheet of its own book."""

    merges: Merges = ()

    def __init__(self, content: bytes, encoding: str) -> None:
        self._text = content.decode(encoding)
        head = "\n".join(self._text[:20_000].splitlines()[:TOP_ROWS])
        self._delimiter = max(",\t;", key=head.count)
        self.look = Look()
        self.height = 1 + self._text.count("\n") + self._text.count("\r")  # at most

    def sheets(self) -> list[dict[str, Any]]:
        return [{"name": "", "visible": True}]

    def grid(self, _index: int) -> Grid:
        return self

    def rows(self) -> Iterator[Row]:
        csv.field_size_limit(FIELD_CHARS_MAX)
        reader = csv.reader(io.StringIO(self._text, newline=""), delimiter=self._delimiter)
        try:
            yield from reader
        except csv.Error:
            raise RefusedError("quotes", row=reader.line_num) from None


# ── rows worth reading ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Order:
    """Which rows are wanted: `columns` of the sheet, from row `start`, without the first `skip`
    that have content.  `words`: a row that begins with one of them is a sum, `heads` a remark."""

    sheet: int
    start: int
    columns: list[int]
    skip: int = 0
    words: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)


def kept(grid: Grid, order: Order, skipped: list[int] | None = None) -> Iterator[tuple[int, Row]]:
    """(row of the sheet from 0, its wanted cells) for rows with content."""
    pick, words, heads = _picker(order.columns), frozenset(order.words), tuple(order.heads)
    marks = grid.look.marks
    for number, row in islice(enumerate(_filled(grid)), order.start, None):
        cells = pick(row)
        if marks and number in marks:
            cells = _marked(cells, marks[number], order.columns)
        first = _first(cells)
        if first is None:
            continue
        if first.__class__ is str:
            bare = "".join(first.split())
            if bare in words or bare.startswith(heads):
                if skipped is not None and len(skipped) < SKIPPED_TOLD_MAX:
                    skipped.append(number)
                continue
        yield number, cells


def _picker(columns: list[int]) -> Callable[[Row], Row]:
    """Rows of text files may be shorter than their heading."""
    if len(columns) > 1:
        get = itemgetter(*columns)

        def pick(row: Row) -> Row:
            try:
                found: Row = get(row)
            except IndexError:
                found = tuple(row[at] if at < len(row) else "" for at in columns)
            return found

        return pick
    return lambda row: tuple(row[at] if at < len(row) else "" for at in columns)


def _first(cells: Row) -> Any:
    """The first cell with content; None for a row that looks empty."""
    for cell in cells:
        if cell.__class__ is not str or cell.strip(BLANKS):
            return cell
    return None


def _marked(cells: Row, marks: dict[int, Mark], columns: list[int]) -> Row:
    return [marks.get(at, cell) for at, cell in zip(columns, cells, strict=True)]


def _filled(grid: Grid) -> Iterator[Row]:
    """Rows with the value of cells merged downwards in each of them; an empty row stays empty."""
    if not grid.merges:
        yield from grid.rows()
        return
    starts: dict[int, list[tuple[int, int]]] = {}
    for (top, left), (bottom, _) in grid.merges:
        starts.setdefault(top, []).append((left, bottom))
    held: dict[int, tuple[int, Any]] = {}
    for number, row in enumerate(grid.rows()):
        for left, bottom in starts.get(number, ()):
            held[left] = (bottom, row[left] if left < len(row) else "")
        held = {left: one for left, one in held.items() if one[0] >= number}
        if not held or _first(row) is None:
            yield row
            continue
        filled = list(row)
        for left, (_, value) in held.items():
            if left < len(filled) and filled[left] == "":
                filled[left] = value
        yield filled


# ── the conversation ───────────────────────────────────────────────────────────────────────────


def answers(book: Book, command: dict[str, Any]) -> Iterable[Any]:
    """{"peek": sheet} → its top; {"read": Order} → a count, then rows, then null."""
    if "peek" in command:
        grid = book.grid(command["peek"])
        top = [list(row[:TOP_COLUMNS]) for row in islice(_filled(grid), TOP_ROWS)]
        yield {"top": top, "height": grid.height, "epoch_1904": grid.look.epoch_1904}
        return
    order = Order(**command["read"])
    grid = book.grid(order.sheet)
    skipped: list[int] = []
    yield {"count": sum(1 for _ in kept(grid, order, skipped)), "skipped": skipped}
    rows = islice(kept(grid, order), order.skip, None)
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        numbers, cells = zip(*batch, strict=True)
        yield [numbers, cells, all(cell.__class__ is str for row in cells for cell in row)]
    yield None


def _plain(value: Any) -> Any:
    """Cells JSON has no type for."""
    if isinstance(value, datetime):
        return {"d": value.isoformat(timespec="seconds")}
    return {"d": value.isoformat()} if isinstance(value, date) else {"h": str(value)}


def _say(answer: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(answer, default=_plain, option=_NAIVE))
    sys.stdout.buffer.flush()


def _open(kind: str, encoding: str) -> Book:
    size = int.from_bytes(sys.stdin.buffer.read(8), "big")
    content = sys.stdin.buffer.read(size)
    return Table(content, encoding) if kind == "csv" else Workbook(content, kind)


def main(kind: str, encoding: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    try:
        book = _open(kind, encoding)
        _say({"sheets": book.sheets()})
        for line in sys.stdin.buffer:
            for answer in answers(book, orjson.loads(line)):
                _say(answer)
    except RefusedError as refusal:
        _say(refusal.said)
    except PasswordError:
        _say({"refused": "encrypted"})
    except MemoryError:
        _say({"refused": "heavy"})
    except (CalamineError, BrokenError, ValueError, KeyError, IndexError):
        _say({"refused": "broken"})
