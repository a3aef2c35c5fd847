"""What the page of a register shows: cells with their tone and link, figures, fields, turning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from flask import url_for

from engine import definitions
from forms.excel.exports import reading
from forms.exporting import export_column
from handlers.privacy import masking
from handlers.registers import exporting
from handlers.registers.asking import Asked, fund_years, personal
from handlers.registers.catalog import Offered
from handlers.registers.declaring import NUMERIC, Column, Drill, Filter, Register
from handlers.registers.reading import Page
from handlers.units import queries as units
from webapp import printing
from webapp.runtime import actor, center, runtime, session

NOWHERE: Mapping[str, str] = {}  # the first page
UNBROKEN_CHARS_MAX = 24  # a number of a paper or a request is not torn at its hyphens
FIGURES_MAX = 4  # fit beside each other
_CLASSES = {"head": "is-head", "key": "is-key", "row": "is-row", "end": "is-end", "off": "is-off"}
_UNBROKEN = ("name", "day", "month", "moment", "id_no", "mobile", "bank_card")
_COUNTED = {"人": "人数", "笔": "笔数", "件": "件数", "条": "条数", "张": "张数"}
Link = Callable[[Drill, Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    column: Column
    css: str
    tone: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One input of the filter bar.  `shown`: as a control; else it travels hidden."""

    name: str
    label: str
    value: str
    error: str = ""
    options: list[tuple[str, str]] | None = None
    attrs: Mapping[str, Any] | None = None
    css: str = ""
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    text: str
    unit: str
    main: bool = False


def with_numbers(offered: Offered) -> Offered:
    """The same with its numbers on a telephone too, where masked ones are left out."""
    columns = (
        replace(column, phone="row") if column.kind in masking.KINDS else column
        for column in offered.columns
    )
    return replace(offered, columns=tuple(columns))


def rows_of(offered: Offered, page: Page, link: Link) -> list[list[Cell]]:
    shown = list(zip(_shown(offered), _classes(offered), strict=True))
    return [
        [
            _cell(column, line.values[place], css, extra=line.extra, link=link)
            for (place, column), css in shown
        ]
        for line in page.lines
    ]


def _shown(offered: Offered) -> list[tuple[int, Column]]:
    return list(zip(offered.places, offered.columns, strict=True))


def _classes(offered: Offered) -> list[str]:
    """On a telephone small values stand two to a line: the first left, the second right."""
    found, left = [], True
    lonely = all(column.phone != "key" for column in offered.columns)
    for column in offered.columns:
        names = [_CLASSES[column.phone]]
        if column.phone == "head" and lonely:
            names += ["is-row"]  # nothing stands beside it
        if column.phone == "end":
            names = [] if left else ["is-end"]
            left = not left
        elif column.phone == "row":
            left = True
        names += ["num"] if column.kind in NUMERIC else []
        names += ["text-nowrap"] if column.kind in _UNBROKEN else []
        found.append(" ".join(names))
    return found


def _cell(column: Column, value: Any, css: str, *, extra: Mapping[str, Any], link: Link) -> Cell:
    text = text_of(column, value)
    short = text.isascii() and len(text) <= UNBROKEN_CHARS_MAX
    return Cell(
        text=text,
        column=column,
        css=f"{css} text-nowrap" if short and "text-nowrap" not in css else css,
        tone=column.tones.get(text, "idle") if column.kind == "state" else "",
        url=link(column.drill, extra) if column.drill and text else "",
    )


def text_of(column: Column, value: Any) -> str:
    """As it reads on the screen, on paper, and in the workbook."""
    if column.kind == "count" and value is not None:
        return f"{value:,}"
    return reading(export_column(column).kind, value)


def figures(offered: Offered, page: Page) -> list[Figure]:
    """Rows and sums of everything asked; the sum of the key column stands first and out."""
    noun = offered.register.noun
    found = [Figure(_COUNTED.get(noun, "共"), f"{page.sums.rows:,}", noun)]
    summed = [(place, column) for place, column in _shown(offered) if column.total]
    summed.sort(key=lambda pair: pair[1].phone != "key")
    for place, column in summed[: FIGURES_MAX - 1]:
        unit = "元" if column.kind == "money" else ""
        main = column.phone == "key"
        text = text_of(column, page.sums.totals[place])
        label = column.label if "合计" in column.label else f"{column.label}合计"
        found.insert(0 if main else len(found), Figure(label, text, unit, main=main))
    return found


@dataclass(frozen=True, slots=True)
class Feet:
    """本页小计: `ahead` columns without a sum stand before the first one that has one."""

    ahead: int
    cells: list[Cell]


def feet(offered: Offered, page: Page) -> Feet | None:
    """None when no column has a sum."""
    cells = []
    for (place, column), css in zip(_shown(offered), _classes(offered), strict=True):
        total = sum(line.values[place] or 0 for line in page.lines) if column.total else None
        cells.append(Cell(text_of(column, total), column, css))
    ahead = next((n for n, cell in enumerate(cells) if cell.column.total), None)
    return None if ahead is None else Feet(ahead, cells[ahead:])


def fields(register: Register, asked: Asked) -> list[Field]:
    found = []
    for one in register.filters:
        found += _fields(one, asked)
    return found


def _fields(one: Filter, asked: Asked) -> list[Field]:
    text = asked.words.get(one.name, "")
    wrong = asked.problems.get(one.name, "")
    if one.kind == "number":
        return [Field(one.name, one.label, text, wrong, shown=False)] if text else []
    if one.kind == "person":
        hint = "已按证件号码筛选" if text else "完整号码"
        attrs = {"maxlength": 24, "autocomplete": "off", "placeholder": hint}
        kept = [Field(one.name, one.label, text, shown=False)] if text else []
        return [Field("id_no", one.label, "", wrong, attrs=attrs, css="is-long"), *kept]
    if one.kind in ("choice", "fund_year"):
        known = fund_years(asked.reader.today) if one.kind == "fund_year" else one.options
        every = [] if one.kind == "fund_year" else [("", "全部")]
        css = "is-span" if one.kind == "fund_year" else ""
        return [Field(one.name, one.label, text, wrong, [*every, *known.items()], css=css)]
    if one.kind in ("days", "months"):
        example = "2026-07-01" if one.kind == "days" else "2026-07"
        attrs = {"inputmode": "numeric", "maxlength": 10, "placeholder": example}
        return [
            Field(
                name,
                f"{one.label}{end}",
                asked.words.get(name, ""),
                asked.problems.get(name, ""),
                attrs=attrs | {"autocomplete": "off"},
            )
            for name, end in zip(one.params, ("起", "止"), strict=True)
        ]
    hint = "完整姓名" if one.kind == "name" and not asked.unit else ""
    attrs = {"maxlength": 40, "autocomplete": "off", "placeholder": hint}
    css = "is-account" if one.kind == "account" else ""
    return [Field(one.name, one.label, text, wrong, attrs=attrs, css=css)]


@dataclass(frozen=True, slots=True)
class Taking:
    """What may be done with what is shown: printed and downloaded, or asked for; its numbers
    looked at in full.  `place`: which page this is; `full`: it shows full numbers already."""

    key: str
    words: Mapping[str, str]
    rows: int
    alone: int
    may_ask: bool
    may_look: bool
    token: str
    place: Mapping[str, str]
    full: bool

    @property
    def may_take(self) -> bool:
        return not self.full and 0 < self.rows <= self.alone

    @property
    def on_paper(self) -> bool:
        return self.may_take and self.rows <= printing.ROWS_MAX

    @property
    def why(self) -> str:
        """Why somebody else has to agree."""
        if self.full:
            return f"导出共 {self.rows:,} 行，带完整号码，须他人同意。"
        return f"共 {self.rows:,} 行，超过一个人可以导出的 {self.alone:,} 行，须他人同意。"

    @property
    def masked_url(self) -> str:
        return url_for("registers.page", key=self.key, **self.words, **self.place)  # type: ignore[arg-type]

    @property
    def urls(self) -> dict[str, str]:
        return {
            name: url_for(f"registers.{name}", key=self.key, **self.words)  # type: ignore[arg-type]
            for name in ("workbook", "paper", "sheet")
        }


def taking(offered: Offered, asked: Asked, rows: int, place: Mapping[str, str] = NOWHERE) -> Taking:
    alone = exporting.alone_max(session(), asked) if rows else 0
    wanted = asked.full or rows > alone
    return Taking(
        key=offered.key,
        words=asked.words,
        rows=rows,
        alone=alone,
        may_ask=wanted and _may_file(exporting.SERVICES[asked.reader.kind]),
        may_look=bool(rows and not asked.full and personal(offered.columns, asked.reader)),
        token=uuid4().hex,
        place=place,
        full=asked.full,
    )


def _may_file(key: str) -> bool:
    """Does this centre offer the service, and is its first step one of this person's posts?"""
    found = definitions.current(runtime(), key) if key in center().services else None
    return found is not None and found.first.role in {role for role, _ in actor().posts}


def turns(here: Mapping[str, Any], page: Page) -> dict[str, str]:
    """Addresses of the page before, the next one and the first; "" where there is none."""

    def to(**place: str) -> str:
        return url_for("registers.page", **here, **place)  # type: ignore[arg-type]

    return {
        "previous": to(before=page.previous) if page.previous else "",
        "next": to(after=page.next) if page.next else "",
        "first": to() if page.previous else "",
    }


def unit_name(unit_account_no: str) -> str:
    """ "" for nobody's."""
    row = units.unit(session(), unit_account_no) if unit_account_no else None
    return row.unit_name if row is not None else ""
