"""Which row of a sheet is its heading, and which column stands where.

A heading is compared without blanks, stars, letter case and remarks such as (元) or （必填）, and
may stand under other rows and anywhere.  A renamed one is not guessed: the sentence names what was
found and what is expected.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.errors import Problem
from forms.excel.marks import ERRORS_HEADING
from forms.rosters.base import ColumnSpec

TITLE_ROWS_MAX = 30  # above the heading: title, unit, instructions
SHOWN_MAX = 12  # headings in one sentence
SHOWN_CHARS_MAX = 20  # of one heading
ALIKE = 0.5  # of difflib's ratio: 证件号 and 证件号码 are, 备注 and 证件号码 are not

# Columns everybody knows, that are no part of a roster: passed over without a word.
_SILENT = frozenset({"序号", "编号", "行号", "no", "no.", ERRORS_HEADING})
_REMARK = re.compile(r"[(\[【<〔]([^()\[\]【】<>〔〕]*)[)\]】>〕]")
# What a bracket says when it does not tell one column from another.
_HINT = re.compile(
    r"元|人民币|万元|千元|单位:?[元万千%]+|%|百分比|必填|必须填写|选填|可空|可不填|非必填|下拉选择|"
    r"请选择|文本|文本格式|yyyy.*|\d+位.*|例:?.*|如:?.*|格式:?.*|分"
)
_OTHER_UNIT = re.compile(r"[(\[【<〔:](?:单位:?)?((?:百|千|万|百万|亿)元?|角|分)(?:[)\]】>〕]|$)")
_STARS = " *★☆※●•·:。、,"


@dataclass(frozen=True, slots=True)
class Fit:
    """How the columns of a form lie in a sheet.  Rows and columns count from 0.

    `places`: column name → column of the sheet, in the order of the sheet.  `ignored`: headings of
    columns that are not read.  `missing`: required columns that are not there.
    """

    row: int
    first: int
    places: dict[str, int]
    ignored: list[str] = field(default_factory=list)
    missing: list[ColumnSpec] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def rank(self) -> tuple[bool, int]:
        return (not self.missing and not self.problems, len(self.places))


def letters(column: int) -> str:
    """A for 0, AA for 26."""
    found = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        found = chr(65 + rest) + found
    return found


def plain(heading: str) -> str:
    """A heading as it is compared."""
    whole = unicodedata.normalize("NFKC", heading)
    kept = "".join(
        char for char in whole if not char.isspace() and unicodedata.category(char) != "Cf"
    )
    without = _REMARK.sub(lambda found: "" if _HINT.fullmatch(found[1]) else found[0], kept)
    return (without.strip(_STARS) or kept).lower()


def fit(top: Sequence[Sequence[Any]], columns: Sequence[ColumnSpec]) -> Fit | None:
    """The row with most headings of this form; None when no row has enough of them."""
    known = _known(columns)
    least = min(2, len(columns))
    best: dict[int, list[str]] = {}
    for number, row in enumerate(top[:TITLE_ROWS_MAX]):
        found = _matches(row, known)
        if len(set(found.values())) >= least:
            best[number] = sorted(set(found.values()))
    if not best:
        return None
    first = max(best, key=lambda number: (len(best[number]), -number))
    last = first
    while best.get(last + 1) == best[first]:  # merged downwards, or repeated by hand
        last += 1
    return _fit(top[last], last, columns, known)


def _fit(
    row: Sequence[Any], number: int, columns: Sequence[ColumnSpec], known: Mapping[str, str]
) -> Fit:
    matches = _matches(row, known)
    specs = {spec.name: spec for spec in columns}
    places: dict[str, int] = {}
    problems: list[Problem] = []
    for at, name in matches.items():
        if name in places:
            problems.append(_twice(row, (places[name], at), specs[name]))
        elif (unit := _OTHER_UNIT.search(_nfkc(row[at]))) and specs[name].field.widget == "money":
            problems.append(_other_unit(row, at, unit[1]))
        places.setdefault(name, at)
    return Fit(
        row=number,
        first=number + 1,
        places=places,
        ignored=[
            f"第 {letters(at)} 列“{_shown(cell)}”"
            for at, cell in enumerate(row)
            if at not in matches and (said := plain(_text(cell))) and said not in _SILENT
        ],
        missing=[
            spec
            for spec in columns
            if spec.field.required and not spec.column.computed and spec.name not in places
        ],
        problems=problems,
    )


def missing_text(row: Sequence[Any], found: Fit) -> str:
    """第 3 行的标题中没有“证件号码”，…"""
    wanted = "、".join(f"“{spec.label}”" for spec in found.missing)
    text = f"第 {found.row + 1} 行的标题中没有{wanted}，现有的标题是：{listed(row)}。"
    spare = {
        plain(_text(cell)): at for at, cell in enumerate(row) if at not in found.places.values()
    }
    first = found.missing[0].label
    like = difflib.get_close_matches(plain(first), [one for one in spare if one], n=1, cutoff=ALIKE)
    if like:
        at = spare[like[0]]
        text += f"第 {letters(at)} 列“{_shown(row[at])}”如果就是“{first}”，请把标题改成“{first}”。"
    return text + "请使用模板中的标题，不要改名。"


def none_text(top: Sequence[Sequence[Any]], columns: Sequence[ColumnSpec]) -> str:
    """No row looks like a heading."""
    wanted = "、".join(spec.label for spec in columns if not spec.column.computed)
    text = f"没有找到标题行，应有的标题是：{wanted}。"
    for number, row in enumerate(top):
        if any(plain(_text(cell)) for cell in row):
            text += f"文件第 {number + 1} 行是：{listed(row)}。"
            break
    return text + "请下载模板，把内容填到模板里再上传。"


def listed(row: Sequence[Any]) -> str:
    """The headings of a row, for a sentence."""
    said = [_shown(cell) for cell in row if plain(_text(cell))]
    more = "等" if len(said) > SHOWN_MAX else ""
    return ("、".join(said[:SHOWN_MAX]) or "（空）") + more


def _known(columns: Sequence[ColumnSpec]) -> dict[str, str]:
    """Heading as compared → column.  A label goes before every alias."""
    found: dict[str, str] = {}
    for spec in columns:
        found[plain(spec.label)] = spec.name
    for spec in columns:
        for alias in spec.column.aliases:
            found.setdefault(plain(alias), spec.name)
    # 缴存额（单位） is also known as 缴存额 when no other column is
    short: dict[str, list[str]] = {}
    for heading, name in found.items():
        if (bare := _REMARK.sub("", heading)) and bare != heading:
            short.setdefault(bare, []).append(name)
    for heading, names in short.items():
        if len(set(names)) == 1:
            found.setdefault(heading, names[0])
    return found


def _matches(row: Sequence[Any], known: Mapping[str, str]) -> dict[int, str]:
    """Column of the sheet → column of the form."""
    found = {}
    for at, cell in enumerate(row):
        if cell != "" and (name := known.get(plain(_text(cell)))):
            found[at] = name
    return found


def _twice(row: Sequence[Any], places: tuple[int, int], spec: ColumnSpec) -> Problem:
    first, second = (f"第 {letters(at)} 列“{_shown(row[at])}”" for at in places)
    text = f"{first}和{second}都是“{spec.label}”，请删去其中一列或改掉标题。"
    return Problem("sheet.heading_twice", text, spec.name)


def _other_unit(row: Sequence[Any], at: int, unit: str) -> Problem:
    text = f"第 {letters(at)} 列“{_shown(row[at])}”以“{unit}”为单位，请换算成元，并改掉标题。"
    return Problem("sheet.heading_unit", text)


def _nfkc(cell: Any) -> str:
    return "".join(unicodedata.normalize("NFKC", _text(cell)).split())


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else ""


def _shown(cell: Any) -> str:
    text = " ".join(_text(cell).split())
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "…"
