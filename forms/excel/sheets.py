"""The sheet of a roster: title, instructions, headings, rows.  Templates and error files are one.

Every cell is text, so that 18 digits stay 18 digits (SX-3.2).  Red with a star: required; grey:
filled in by the centre and locked (QDN-02).  What the form declares of a column becomes a list to
choose from or a message beside the cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from xlsxwriter.utility import xl_col_to_name

from forms.excel import books
from forms.excel.books import on_paper, plain, span, within
from forms.excel.marks import (
    ERRORS_HEADING,
    FIRST_ROW,
    HEADING_ROW,
    MARKS_SHEET,
    OPTIONS_SHEET,
    REQUIRED_MARK,
    Marks,
    rows_of,
)
from forms.excel.reading import ROWS_MAX
from forms.rosters.base import ColumnSpec, Desk, RosterForm
from handlers.centers import ServiceTexts
from handlers.units import queries as units

NOTES_MAX = 2_000  # notes on cells: drawings, which a sheet program opens one by one
LIST_CHARS_MAX = 255  # of a list within a validation, as Excel allows
HINT_CHARS_MAX = 255  # of the message beside a cell, as Excel allows
HINT_TITLE_CHARS_MAX = 32
ERRORS_WIDTH = 50
TITLE_HEIGHT, LINE_HEIGHT, HEADING_HEIGHT = 28, 15, 24  # points
RED, GREY, INK = "#C00000", "#D9D9D9", "#16262E"
SOFT, SUNKEN, PINK, LINE = "#E6F1F3", "#F2F2F2", "#FBD9D5", "#B9C7CC"
LOCKED_HINT = "这一列由中心填好，不能修改。"
HINTS = {"date": "请按 2026-07-01 的样子填写。", "month": "请按 2026-07 的样子填写。"}
_WIDTHS = {"date": 13, "month": 11, "money": 16, "text": 20, "textarea": 32, "file": 16}
_MAY = {"format_columns": True, "format_rows": True}  # on a protected sheet


def written(form: type[RosterForm], texts: ServiceTexts | None) -> list[ColumnSpec]:
    """The columns of a workbook: what is computed is never asked for."""
    return [spec for spec in form.columns(texts) if not spec.column.computed]


def locked(spec: ColumnSpec, texts: ServiceTexts | None) -> bool:
    return spec.column.locked or (texts is not None and spec.name in texts.locked)


def origin(
    form: type[RosterForm], desk: Desk | None, *, key: str, center: str
) -> tuple[Marks, str]:
    """What the workbook says of itself, and the unit's name for its title ("" without a desk)."""
    account = desk.unit_account_no if desk else ""
    unit = units.unit(desk.session, account) if desk and account else None
    marks = Marks(form=form.form_id, service=key, center=center, unit=account)
    return marks, unit.unit_name if unit else ""


class RosterSheet:
    """Writes a roster into a workbook of `books.book`: `row` for each row, `finish` once.

    `filled`: rows come from the centre; the sheet is then protected if it has locked columns.
    `errors`: with a last column 错误说明.
    """

    def __init__(
        self,
        made: Any,
        form: type[RosterForm],
        texts: ServiceTexts | None,
        *,
        unit_name: str,
        filled: bool,
        errors: bool = False,
    ) -> None:
        self._made, self._form, self._texts = made, form, texts
        self._errors, self._filled = errors, filled
        self.columns = written(form, texts)
        self._locked = [locked(spec, texts) for spec in self.columns]
        self._guarded = filled and any(self._locked)
        self._words = [dict(spec.field.options) for spec in self.columns]
        self._format = cache(self._made_format)
        name = texts.name if texts else form.title
        self._sheet = made.add_worksheet(books.sheet_name(name))
        self._next, self._notes = FIRST_ROW - 1, 0
        self._title = plain(f"{name}　{unit_name}".strip())
        self._footer = unit_name or name
        self._headings()

    # ── rows ──────────────────────────────────────────────────────────────────────────────────
    def row(
        self,
        values: Mapping[str, str],
        faults: Mapping[str, str] | None = None,
        said: str = "",
    ) -> None:
        """Canonical texts by column; `faults`: column → sentence; `said`: for 错误说明."""
        sheet, number, faults = self._sheet, self._next, faults or {}
        for place, spec in enumerate(self.columns):
            value = values.get(spec.name, "")
            style = self._cell(place, faulty=spec.name in faults)
            sheet.write_string(number, place, plain(self._words[place].get(value, value)), style)
            if spec.name in faults and self._notes < NOTES_MAX:
                self._notes += 1
                sheet.write_comment(number, place, plain(faults[spec.name]))
        if self._errors:
            sheet.write_string(number, len(self.columns), plain(said), self._format("said"))
        self._next += 1

    def finish(self, marks: Marks) -> None:
        """Lists, messages, protection, paper, and the hidden sheets."""
        last = max(self._next, FIRST_ROW) - 1 if self._filled else FIRST_ROW + ROWS_MAX - 2
        lists = []
        for place, spec in enumerate(self.columns):
            words = [label for _, label in spec.field.options]
            source: Any = words
            if words and not _fits(words):
                lists.append(words)
                letter = xl_col_to_name(len(lists) - 1)
                source = f"={OPTIONS_SHEET}!${letter}$1:${letter}${len(words)}"
            self._validate(place, last, source)
        self._sheet.ignore_errors(
            {"number_stored_as_text": f"A{FIRST_ROW}:{xl_col_to_name(self._count - 1)}{last + 1}"}
        )
        if self._guarded:
            self._sheet.protect("", _MAY)
        self._hide(MARKS_SHEET, rows_of(marks))
        if lists:
            height = max(map(len, lists))
            table = [[words[n] if n < len(words) else "" for words in lists] for n in range(height)]
            self._hide(OPTIONS_SHEET, table)
        on_paper(self._sheet, chars=sum(self._widths), heading_row=HEADING_ROW, footer=self._footer)

    # ── how it is drawn ───────────────────────────────────────────────────────────────────────
    @property
    def _count(self) -> int:
        return len(self.columns) + self._errors

    def _headings(self) -> None:
        sheet = self._sheet
        self._widths = [_width(spec) for spec in self.columns]
        self._widths += [ERRORS_WIDTH] * self._errors
        for place, width in enumerate(self._widths):
            # What is typed below the last row is text too.
            style = self._cell(place, below=True) if place < len(self.columns) else None
            sheet.set_column(place, place, width, style)
        said = self._instruction()
        lines = math.ceil(span("".join(said)) * 1.1 / sum(self._widths))
        sheet.set_row(0, TITLE_HEIGHT)
        sheet.set_row(1, LINE_HEIGHT * max(1, lines) + 4)
        sheet.set_row(HEADING_ROW - 1, HEADING_HEIGHT)
        self._across(0, "title")
        sheet.write_string(0, 0, self._title, self._format("title"))
        self._across(1, "note")
        sheet.write_rich_string(
            1, 0, self._format("red"), said[0], self._format("ink"), said[1], self._format("note")
        )
        for place, spec in enumerate(self.columns):
            required = spec.field.required and not self._locked[place]
            kind = "locked" if self._locked[place] else "required" if required else "heading"
            label = REQUIRED_MARK * required + spec.label
            sheet.write_string(HEADING_ROW - 1, place, plain(label), self._format(kind))
        if self._errors:
            column = len(self.columns)
            sheet.write_string(HEADING_ROW - 1, column, ERRORS_HEADING, self._format("locked"))
        sheet.freeze_panes(HEADING_ROW, 0)

    def _across(self, row: int, kind: str) -> None:
        if self._count > 1:
            self._sheet.merge_range(row, 0, row, self._count - 1, "", self._format(kind))

    def _instruction(self) -> tuple[str, str]:
        grey = "灰色的列由中心填好、不能修改，" if any(self._locked) else ""
        fixed = f"底色变红的格子有误，改好后可以直接导入，“{ERRORS_HEADING}”不必删除。"
        return (
            f"红色带 {REQUIRED_MARK} 的列必须填写",
            f"，{grey}其余选填。每行一条{self._form.noun}记录，请不要改动标题行。"
            "所有单元格都是文本格式，从别处粘贴时请选“只粘贴值”。" + fixed * self._errors,
        )

    def _cell(self, place: int, *, faulty: bool = False, below: bool = False) -> Any:
        """`below`: the column's own style, for rows nobody has written yet."""
        spec, shut = self.columns[place], self._locked[place]
        side = "right" if spec.field.widget == "money" else "left"
        open_cell = not self._guarded or not (shut or below)
        kind = "below" if below else "faulty" if faulty else "shut" if shut else "open"
        return self._format(kind, side, open_cell)

    def _made_format(self, kind: str, side: str = "left", open_cell: bool = False) -> Any:
        look = {"font_name": books.FONT, "font_size": books.BODY_SIZE, "valign": "vcenter"}
        look |= {"font_color": INK, "num_format": "@", **_LOOKS[kind]}
        if kind in ("open", "shut", "faulty", "below"):
            look |= {"align": side, "locked": not open_cell}
        return self._made.add_format(look)

    def _validate(self, place: int, last: int, source: Any) -> None:
        spec = self.columns[place]
        hint = LOCKED_HINT if self._locked[place] else _hint(spec)
        rule: dict[str, Any] = {"validate": "any"}
        if source and not self._locked[place]:
            rule = {
                "validate": "list",
                "source": source,
                "error_title": "请从列表中选择",
                "error_message": f"“{spec.label}”请从下拉列表中选择一项。",
            }
        if hint:
            rule["input_title"] = spec.label[:HINT_TITLE_CHARS_MAX]
            rule["input_message"] = hint[:HINT_CHARS_MAX]
        if len(rule) > 1:
            self._sheet.data_validation(FIRST_ROW - 1, place, last, place, rule)

    def _hide(self, name: str, rows: Any) -> None:
        hidden = self._made.add_worksheet(name)
        for number, row in enumerate(rows):
            for place, value in enumerate(row):
                if value:
                    hidden.write_string(number, place, plain(value))
        hidden.very_hidden()


_BOX = {"border": 1, "border_color": LINE}
_HEAD = {"bold": True, "align": "center", "text_wrap": True, **_BOX}
_LOOKS: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": books.TITLE_SIZE, "align": "left"},
    "note": {"text_wrap": True, "valign": "vcenter"},
    "red": {"bold": True, "font_color": RED},
    "ink": {},
    "heading": {**_HEAD, "bg_color": SOFT},
    "required": {**_HEAD, "bg_color": RED, "font_color": "#FFFFFF"},
    "locked": {**_HEAD, "bg_color": GREY},
    "open": _BOX,
    "shut": {**_BOX, "bg_color": SUNKEN},
    "faulty": {**_BOX, "bg_color": PINK},
    "below": {},
    "said": {**_BOX, "font_color": RED, "text_wrap": True, "locked": False},
}


def _fits(words: list[str]) -> bool:
    """Whether a list may stand in the validation itself, where commas part the words."""
    return len(",".join(words)) <= LIST_CHARS_MAX and not any("," in word for word in words)


def _hint(spec: ColumnSpec) -> str:
    hint = spec.field.hint or HINTS.get(spec.field.widget, "") or spec.field.pattern_hint
    return hint if hint.endswith("。") or not hint else hint + "。"


def _width(spec: ColumnSpec) -> int:
    if spec.column.width:
        return within(spec.column.width)
    usual = _WIDTHS.get(spec.field.widget, 0)
    longest = max((span(label) for _, label in spec.field.options), default=0)
    return within(max(usual, longest + 4, span(spec.label) + 4))
