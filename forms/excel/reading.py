"""A workbook read as rows of a form: the right sheet, its heading, its cells as text.

Nothing is guessed: what fits is read, the rest is refused with a sentence that names sheet, row or
column, what was found and what is expected.  Rows come lazily; a file is never whole in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from engine.errors import Problem, Refused
from forms.declared import FieldSpec
from forms.excel import cells, files, headings
from forms.excel.files import refused
from forms.excel.headings import Fit
from forms.excel.marks import FIRST_ROW, MARKS_SHEET, OPTIONS_SHEET, Marks, marks_of
from forms.excel.source import Listed, Source, Top
from forms.rosters.base import ColumnSpec

ROWS_MAX = 200_000  # more is sent in several files
SHEETS_LOOKED_AT_MAX = 20
IGNORED_TOLD_MAX = 8
# Rows that begin with these are sums and remarks, not people.
TOTALS = ("合计", "总计", "小计", "共计", "合计:", "合计：", "总计:", "总计：")
REMARKS = (
    "注:",
    "注：",
    "备注:",
    "备注：",
    "说明:",
    "说明：",
    "填表说明",
    "填写说明",
    "示例",
    "例:",
    "例：",
)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """`number`: of the row in its sheet, from 1.  `problems`: cells that could not be read; their
    `texts` are what a person sees there."""

    number: int
    texts: dict[str, str]
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class Sheet:
    """An opened roster file; a context manager.  `columns`: those that were found.  `rows` may be
    gone through once, and raises Refused when the file ends badly."""

    name: str
    row_count: int
    columns: tuple[ColumnSpec, ...]
    heading_row: int  # from 1
    rows: Iterator[SheetRow]
    notes: list[str] = field(default_factory=list)
    marks: Marks | None = None
    _source: Source | None = None

    def close(self) -> None:
        if self._source is not None:
            self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read(
    content: bytes,
    columns: Sequence[ColumnSpec],
    *,
    skip: int = 0,
    rows_max: int = ROWS_MAX,
    judge: Callable[[Marks], None] | None = None,
) -> Sheet:
    """Open a file for a form with these columns; computed ones are not looked for.

    `skip`: so many rows with content were read before.  `judge` sees what a template of ours says
    of itself before anything else, and may raise.  Raises Refused.
    """
    wanted = [spec for spec in columns if not spec.column.computed]
    source = Source(content, files.kind_of(content))
    try:
        marks = _marks(source)
        if marks is not None and judge is not None:
            judge(marks)
        sheet = _sheet(source, wanted, skip, rows_max)
        sheet.marks = marks
        return sheet
    except BaseException:
        source.close()
        raise


@dataclass(frozen=True, slots=True)
class _Found:
    sheet: Listed
    top: Top
    fit: Fit


def _sheet(source: Source, columns: list[ColumnSpec], skip: int, rows_max: int) -> Sheet:
    found, others = _best(source, columns)
    where = found.fit.places
    count, passed_over, batches = source.read(
        sheet=found.sheet.index,
        start=found.fit.first,
        columns=list(where.values()),
        skip=skip,
        words=list(TOTALS),
        heads=list(REMARKS),
    )
    if count == 0:
        text = f"标题在第 {found.fit.row + 1} 行，下面没有内容，请填写清册后再上传。"
        raise refused("no_rows", text)
    if count > rows_max:
        text = f"文件中有 {count:,} 行，一次最多导入 {rows_max:,} 行，请分成几个文件上传。"
        raise refused("too_many", text)
    specs = {spec.name: spec for spec in columns}
    chosen = tuple(specs[name] for name in where)
    return Sheet(
        name=found.sheet.name,
        row_count=count,
        columns=chosen,
        heading_row=found.fit.row + 1,
        rows=_rows(batches, [spec.field for spec in chosen], found.top.epoch_1904),
        notes=_notes(found, others, passed_over),
        _source=source,
    )


def _marks(source: Source) -> Marks | None:
    """What our own template says of itself on its hidden sheet."""
    sheet = next((one for one in source.sheets if one.name == MARKS_SHEET), None)
    return None if sheet is None else marks_of(source.peek(sheet).rows)


def _best(source: Source, columns: list[ColumnSpec]) -> tuple[_Found, list[str]]:
    """The visible sheet that fits best, and the names of others that would have fitted as well."""
    sheets = [one for one in source.sheets if one.name not in (MARKS_SHEET, OPTIONS_SHEET)]
    shown = [one for one in sheets if one.visible][:SHEETS_LOOKED_AT_MAX]
    tops: dict[int, Top] = {}
    found: list[_Found] = []
    for sheet in reversed(shown):  # the child keeps what it was asked for last
        top = tops[sheet.index] = source.peek(sheet)
        fit = headings.fit(top.rows, columns)
        if fit is not None:
            found.insert(0, _Found(sheet, top, fit))
    if not found:
        raise _nothing(source, columns, [one for one in sheets if not one.visible], tops)
    best = max(found, key=_rank)
    _insist(best)
    return best, [one.sheet.name for one in found if one is not best and _rank(one) == _rank(best)]


def _rank(one: _Found) -> tuple[Any, ...]:
    filled = one.top.height > one.fit.first
    return (one.fit.rank[0] and filled, filled, one.fit.rank)


def _insist(found: _Found) -> None:
    where = f"工作表“{found.sheet.name}”：" if found.sheet.name else ""
    if found.fit.problems:
        first, *others = (
            Problem(one.code, where + one.text, one.field) for one in found.fit.problems
        )
        raise Refused(first, *others)
    if found.fit.missing:
        row = found.top.rows[found.fit.row]
        raise refused("heading_missing", where + headings.missing_text(row, found.fit))


def _nothing(
    source: Source, columns: list[ColumnSpec], hidden: list[Listed], tops: dict[int, Top]
) -> Refused:
    """No visible sheet fits: perhaps a hidden one does, and says where the roster is."""
    for sheet in hidden[:SHEETS_LOOKED_AT_MAX]:
        if headings.fit(source.peek(sheet).rows, columns) is not None:
            text = f"清册在隐藏的工作表“{sheet.name}”里，请取消隐藏并保存后再上传。"
            return refused("hidden", text)
    top = next((tops[at].rows for at in sorted(tops) if tops[at].height), None)
    if top is None:
        return refused("empty", "文件里没有内容，请选择填好的清册再上传。")
    return refused("no_heading", headings.none_text(top, columns))


def _notes(found: _Found, others: list[str], passed_over: list[int]) -> list[str]:
    notes = []
    if ignored := found.fit.ignored:
        told = "、".join(ignored[:IGNORED_TOLD_MAX])
        more = f"等 {len(ignored)} 列" if len(ignored) > IGNORED_TOLD_MAX else ""
        notes.append(f"{told}{more}不是本清册的项目，没有读取。")
    if passed_over:
        rows = "、".join(str(row + 1) for row in passed_over)
        notes.append(f"第 {rows} 行是合计或说明，没有读取。")
    if others:
        names = "、".join(f"“{name}”" for name in others)
        notes.append(f"读取的是工作表“{found.sheet.name}”，工作表{names}没有读取。")
    return notes


def _rows(
    batches: Iterator[Any], specs: Sequence[FieldSpec], epoch_1904: bool
) -> Iterator[SheetRow]:
    names = [spec.name for spec in specs]
    by_name = {spec.name: spec for spec in specs}
    for numbers, rows, plain in batches:
        for number, row in zip(numbers, rows, strict=True):
            texts = dict(zip(names, row, strict=True))
            if plain:
                yield SheetRow(number + 1, texts)
                continue
            problems: list[Problem] = []
            for name, cell in texts.items():
                if cell.__class__ is not str:
                    texts[name] = _read(cell, by_name[name], epoch_1904, problems)
            yield SheetRow(number + 1, texts, tuple(problems))


def _read(cell: Any, spec: FieldSpec, epoch_1904: bool, problems: list[Problem]) -> str:
    """The text of a cell; one that cannot be read leaves a problem and what it looks like."""
    text = cells.text_of(cell, spec, epoch_1904=epoch_1904)
    if isinstance(text, str):
        return text
    problems.append(Problem(text.code, text.text, spec.name))
    if isinstance(cell, dict):
        mark, value = next(iter(cell.items()))
        return f"={value}" if mark == "f" else str(value)
    return f"{cell:g}"


__all__ = ["FIRST_ROW", "ROWS_MAX", "Sheet", "SheetRow", "read"]
