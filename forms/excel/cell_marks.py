"""What an .xlsx says of a cell beside its value: an error, a formula nobody has calculated, a
percentage, a number shown with leading zeros.

The reader of values drops all four, and each would change what a roster says.  A sheet is first
searched as bytes, which costs little; only one that has any of them is parsed once more.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

CHUNK_BYTES = 1 << 20
OVERLAP_BYTES = 64  # longer than any of the marks looked for
COLUMNS_MAX = 702  # up to ZZ: what lies beyond makes a sheet of gigabytes
FORMULA_CHARS_SHOWN = 60
_PERCENT_FORMATS = frozenset({9, 10})  # built in (ECMA-376 part 1, 18.8.30)
ZEROS = re.compile(r"0{2,18}")
_FAR = re.compile(rb' r="[A-Z]{3}')
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_EPOCH_1904 = re.compile(rb"date1904=[\"'](?:1|true)[\"']")
_CELL = re.compile(r"([A-Z]+)(\d+)")

# {"e": "#N/A"}, {"f": "SUM(A1:A3)"}, {"p": 0.12}, {"z": [123, 6]}
Mark = dict[str, Any]


class BrokenError(Exception):
    """The package is not what a workbook has to be."""


@dataclass(frozen=True, slots=True)
class Look:
    """`marks`: row → column → mark, from 0.  `far`: a cell with content beyond all columns."""

    marks: dict[int, dict[int, Mark]] = field(default_factory=dict)
    far: str = ""
    epoch_1904: bool = False  # days count from 1904, as on old Macs


@dataclass(frozen=True, slots=True)
class Styles:
    """Numbers of the cell formats that matter: `zeros` → width."""

    percents: frozenset[str] = frozenset()
    zeros: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, formats: list[int], codes: dict[int, str]) -> Styles:
        """`formats`: number of the format by cell format; `codes`: the formats a file defines."""
        shown = [(str(at), number, codes.get(number, "")) for at, number in enumerate(formats)]
        return cls(
            frozenset(at for at, no, code in shown if no in _PERCENT_FORMATS or is_percent(code)),
            {at: len(code) for at, _, code in shown if ZEROS.fullmatch(code)},
        )

    def mark(self, style: str, number: float) -> Mark | None:
        if style in self.percents:
            return {"p": number}
        return {"z": [number, self.zeros[style]]} if style in self.zeros else None


class Package:
    """An .xlsx as the zip it is."""

    def __init__(self, content: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(content))
        self._names = {name.lower().lstrip("/"): name for name in self._archive.namelist()}
        self._main = self._main_part()
        self._parts = self._sheet_parts()
        self._styles = self._read_styles()

    def look(self, sheet: str) -> Look:
        epoch = bool(_EPOCH_1904.search(self._bytes(self._main)))
        part = self._parts.get(sheet)
        if part is None:
            return Look(epoch_1904=epoch)
        odd = bool(self._styles.percents or self._styles.zeros)
        if not odd and not self._odd(part):
            return Look(epoch_1904=epoch)
        reader = _Reader(self._styles)
        for chunk in self._chunks(part):
            reader.feed(chunk)
        return Look(reader.marks, reader.far, epoch)

    def _odd(self, part: str) -> bool:
        behind = b""
        for chunk in self._chunks(part):
            if _odd(behind + chunk):
                return True
            behind = chunk[-OVERLAP_BYTES:]
        return False

    def _chunks(self, part: str) -> Iterator[bytes]:
        try:
            with self._archive.open(part) as source:
                while chunk := source.read(CHUNK_BYTES):
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise BrokenError from error

    def _bytes(self, part: str) -> bytes:
        return b"".join(self._chunks(part)) if part else b""

    def _tree(self, part: str) -> ElementTree.Element | None:
        if not part:
            return None
        try:
            return ElementTree.fromstring(self._bytes(part))
        except ElementTree.ParseError as error:
            raise BrokenError from error

    def _main_part(self) -> str:
        tree = self._tree(self._names.get("_rels/.rels", ""))
        for one in tree if tree is not None else ():
            if one.get("Type", "").endswith("/officeDocument"):
                return self._names.get(one.get("Target", "").lstrip("/").lower(), "")
        return self._names.get("xl/workbook.xml", "")

    def _related(self) -> dict[str, tuple[str, str]]:
        """Of the workbook: id → (type, part)."""
        folder, name = posixpath.split(self._main)
        tree = self._tree(self._names.get(f"{folder}/_rels/{name}.rels".lower(), ""))
        found = {}
        for one in tree if tree is not None else ():
            target = posixpath.normpath(posixpath.join("/" + folder, one.get("Target", "")))
            part = self._names.get(target.lstrip("/").lower(), "")
            found[one.get("Id", "")] = (one.get("Type", "").rpartition("/")[2], part)
        return found

    def _sheet_parts(self) -> dict[str, str]:
        related, tree = self._related(), self._tree(self._main)
        found = {}
        for one in tree.iter() if tree is not None else ():
            if _local(one.tag) == "sheet":
                key = next((text for name, text in one.attrib.items() if _local(name) == "id"), "")
                if part := related.get(key, ("", ""))[1]:
                    found[one.get("name", "")] = part
        return found

    def _read_styles(self) -> Styles:
        part = next((part for kind, part in self._related().values() if kind == "styles"), "")
        tree = self._tree(part)
        if tree is None:
            return Styles()
        codes: dict[int, str] = {}
        formats: list[int] = []
        for child in tree:
            if _local(child.tag) == "numFmts":
                codes = {int(one.get("numFmtId", 0)): one.get("formatCode", "") for one in child}
            if _local(child.tag) == "cellXfs":
                formats = [int(one.get("numFmtId", 0)) for one in child]
        return Styles.of(formats, codes)


def _odd(text: bytes) -> bool:
    """Plain searches first: they cost nothing.  Who quotes otherwise than everybody is parsed."""
    if b't="e"' in text or b"='" in text or _FAR.search(text):
        return True
    return (b"<f" in text or b":f" in text) and _FORMULA.search(text) is not None


def is_percent(code: str) -> bool:
    """A per cent sign that is no quoted text."""
    return "%" in re.sub(r'"[^"]*"|\\.', "", code)


class _Reader:
    """Looks at cells one by one, in the order in which they stand."""

    def __init__(self, styles: Styles) -> None:
        self.marks: dict[int, dict[int, Mark]] = {}
        self.far = ""
        self._styles = styles
        self._row = self._column = -1
        self._cell: dict[str, str] = {}
        self._formula: str | None = None
        self._value: list[str] = []
        self._inside = ""
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.Parse(chunk)
        except expat.ExpatError as error:
            raise BrokenError from error

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "c":
            self._cell, self._formula, self._value = attributes, None, []
            self._place(attributes.get("r", ""))
        elif name == "row":
            number = attributes.get("r", "")
            self._row = int(number) - 1 if number.isdecimal() else self._row + 1
            self._column = -1
        elif name in ("v", "f", "t"):
            self._inside = name
            if name == "f":
                self._formula = ""

    def _place(self, name: str) -> None:
        """A cell may leave out where it stands: then it stands behind the last one."""
        self._column += 1
        if match := _CELL.fullmatch(name):
            column = 0
            for letter in match[1]:
                column = column * 26 + ord(letter) - 64
            self._row, self._column = int(match[2]) - 1, column - 1

    def _text(self, text: str) -> None:
        if self._inside == "f":
            self._formula = ((self._formula or "") + text)[:FORMULA_CHARS_SHOWN]
        elif self._inside:
            self._value.append(text)

    def _end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name == "c":
            value = "".join(self._value)
            if self._column >= COLUMNS_MAX and value:
                self.far = self.far or self._cell.get("r", "XFD")
            elif mark := self._mark(value):
                self.marks.setdefault(self._row, {})[self._column] = mark
        elif name == self._inside:
            self._inside = ""

    def _mark(self, value: str) -> Mark | None:
        kind = self._cell.get("t", "n")
        if kind == "e":
            return {"e": value or "#N/A"}
        if self._formula is not None and not value and kind != "str":
            return {"f": self._formula}
        if kind != "n" or not value:
            return None
        return self._styles.mark(self._cell.get("s", "0"), float(value))


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
