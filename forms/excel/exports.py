"""数据下载: declared columns and a stream of rows become a workbook, one row in memory at a time.

Numbers are numbers, so that people can add them up; long ids are text, so that they stay whole.
Money is written as an exact decimal: a float would put 8.289999999999999 into the file for 8.29.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO, Literal
from zoneinfo import ZoneInfo

from forms.excel import books
from forms.excel.books import book, on_paper, plain, span, within
from handlers.amounts import money_text, rate_text

Kind = Literal["text", "money", "int", "percent", "date", "month", "moment"]
SHEET_ROWS_MAX = 1_048_000  # a sheet ends at 1,048,576; room for title and total
SHANGHAI = ZoneInfo("Asia/Shanghai")
TOTAL_LABEL = "合计"
RIGHT = frozenset({"money", "int", "percent"})

_EPOCH = date(1899, 12, 30)  # day 0 of the file format
_DAY_SECONDS = 86_400
_WIDTHS: dict[Kind, int] = {
    "text": 16,
    "money": 17,
    "int": 10,
    "percent": 10,
    "date": 13,
    "month": 11,
    "moment": 21,
}
_FORMATS: dict[Kind, str] = {
    "text": "@",
    "money": "#,##0.00",
    "int": "0",
    "percent": "0.00%",
    "date": "yyyy-mm-dd",
    "month": "@",
    "moment": "yyyy-mm-dd hh:mm:ss",
}


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """What its values are: text str, money 分, int, percent Decimal (8.5 = 8.5 %), date, month
    "YYYY-MM", moment an aware datetime, shown in Shanghai; None leaves the cell empty.

    `width` in characters of the sheet; 0: from label and kind.
    """

    label: str
    kind: Kind = "text"
    width: int = 0


def reading(kind: Kind, value: Any) -> str:
    """A value as people read it on paper and on a page: the same words in every place."""
    if value is None or value == "":
        return ""
    match kind:
        case "money":
            return money_text(value)
        case "percent":
            return rate_text(value)
        case "date":
            return f"{value:%Y-%m-%d}"
        case "moment":
            return f"{value.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
    return str(value)


def export(
    columns: Sequence[ExportColumn],
    rows: Iterable[Sequence[Any]],
    out: BinaryIO,
    *,
    title: str,
    subtitle: Sequence[str] = (),
    totals: Sequence[Any] | None = None,
    by: str = "",
    at: datetime | None = None,
) -> int:
    """Write an .xlsx file; how many rows it has.

    `subtitle`: lines below the title (filters, period); `totals`: one value a column, None where
    there is none; `by` and `at` say in the footer who took the data out and when.
    """
    signed = "　".join(part for part in (by, reading("moment", at)) if part)
    stream, count = iter(rows), 0
    with book(out, title) as made:
        formats = _Formats(made)
        while True:
            number = len(made.worksheets()) + 1
            name = books.sheet_name(title if number == 1 else f"{number} {title}")
            sheet = _Sheet(made.add_worksheet(name), columns, formats)
            sheet.begin(title, subtitle)
            written = sheet.fill(islice(stream, SHEET_ROWS_MAX))
            count += written
            # Only a full sheet can have left rows behind; one more is looked at, and kept.
            after = next(stream, None) if written == SHEET_ROWS_MAX else None
            sheet.end(totals if after is None else None, signed)
            if after is None:
                return count
            stream = _with(after, stream)


def _with(first: Sequence[Any], rest: Iterable[Sequence[Any]]) -> Any:
    yield first
    yield from rest


class _Formats:
    """Styles of a workbook, one for each kind of column, plain and for the total."""

    def __init__(self, made: Any) -> None:
        def style(**look: Any) -> Any:
            fixed = {"font_name": books.FONT, "font_size": books.BODY_SIZE, "valign": "vcenter"}
            return made.add_format(fixed | look)

        self.title = style(bold=True, font_size=books.TITLE_SIZE)
        self.line = style(font_color="#586A73")
        head = {"bold": True, "text_wrap": True, "bg_color": "#E6F1F3", "bottom": 1}
        self.heading = style(**head)
        self.heading_right = style(**head, align="right")
        self.cells = {kind: style(num_format=shape) for kind, shape in _FORMATS.items()}
        self.sums = {
            kind: style(num_format=shape, bold=True, top=1) for kind, shape in _FORMATS.items()
        }


class _Sheet:
    def __init__(self, sheet: Any, columns: Sequence[ExportColumn], formats: _Formats) -> None:
        self._sheet, self._columns, self._formats = sheet, columns, formats
        self._next = self._heading = 0

    def begin(self, title: str, subtitle: Sequence[str]) -> None:
        sheet, formats = self._sheet, self._formats
        self._widths = [
            within(column.width or max(_WIDTHS[column.kind], span(column.label) + 3))
            for column in self._columns
        ]
        for place, width in enumerate(self._widths):
            sheet.set_column(place, place, width)
        sheet.write_string(0, 0, plain(title), formats.title)
        for place, line in enumerate(subtitle, 1):
            sheet.write_string(place, 0, plain(line), formats.line)
        self._heading = len(subtitle) + 1
        for place, column in enumerate(self._columns):
            style = formats.heading_right if column.kind in RIGHT else formats.heading
            sheet.write_string(self._heading, place, plain(column.label), style)
        sheet.freeze_panes(self._heading + 1, 0)
        self._next = self._heading + 1

    def fill(self, rows: Iterable[Sequence[Any]]) -> int:
        """The inner loop of every download: a hundred thousand rows pass here in seconds."""
        plan = [self._cell(place, column) for place, column in enumerate(self._columns)]
        first = number = self._next
        for row in rows:
            for (place, write, convert, style), value in zip(plan, row, strict=True):
                if value is not None:
                    write(number, place, convert(value), style)
            number += 1
        self._next = number
        return number - first

    def _cell(self, place: int, column: ExportColumn) -> tuple[int, Any, Any, Any]:
        write = self._sheet.write_string if column.kind in _TEXTS else self._sheet.write_number
        return place, write, _VALUES[column.kind], self._formats.cells[column.kind]

    def end(self, totals: Sequence[Any] | None, signed: str) -> None:
        sheet, last = self._sheet, max(self._next - 1, self._heading)
        sheet.autofilter(self._heading, 0, last, len(self._columns) - 1)
        if totals is not None:
            self._total(totals)
        on_paper(sheet, chars=sum(self._widths), heading_row=self._heading + 1, footer=signed)
        sheet.set_landscape()

    def _total(self, totals: Sequence[Any]) -> None:
        sums = self._formats.sums
        for (place, column), value in zip(enumerate(self._columns), totals, strict=True):
            if value is not None:
                _, write, convert, _ = self._cell(place, column)
                write(self._next, place, convert(value), sums[column.kind])
            elif place == 0:
                self._sheet.write_string(self._next, 0, TOTAL_LABEL, sums["text"])
            else:
                self._sheet.write_blank(self._next, place, None, sums["text"])


def _decimal(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _fraction(percent: Decimal) -> Decimal:
    return Decimal(percent).scaleb(-2)


def _serial(day: date) -> int:
    return day.toordinal() - _EPOCH.toordinal()


def _serial_moment(at: datetime) -> float:
    there = at.astimezone(SHANGHAI)
    seconds = there.hour * 3600 + there.minute * 60 + there.second
    return _serial(there.date()) + seconds / _DAY_SECONDS


_TEXTS = frozenset({"text", "month"})
_VALUES: dict[Kind, Callable[[Any], Any]] = {
    "text": plain,
    "month": plain,
    "money": _decimal,
    "int": int,
    "percent": _fraction,
    "date": _serial,
    "moment": _serial_moment,
}
