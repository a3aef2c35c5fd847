"""The same marks as `cell_marks`, of the old format (.xls): a compound file with BIFF records.

Only what the reader of values drops is looked for; records are skipped by their length, nothing is
unpacked.  See [MS-CFB] and [MS-XLS] 2.4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from forms.excel.cell_marks import BrokenError, Look, Mark, Styles

_END_OF_CHAIN = 0xFFFFFFFA  # this and above are no sectors
_ENTRY_BYTES = 128
_BOUNDSHEET, _FORMAT, _XF, _DATEMODE, _EOF = 0x0085, 0x041E, 0x00E0, 0x0022, 0x000A
_NUMBER, _RK, _MULRK, _BOOLERR, _FORMULA = 0x0203, 0x027E, 0x00BD, 0x0205, 0x0006
_CELLS = frozenset({_NUMBER, _RK, _MULRK, _BOOLERR, _FORMULA})
_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}


@dataclass(slots=True)
class _Globals:
    """The head of the workbook: `sheets` name → where its records begin."""

    sheets: dict[str, int] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict)
    formats: list[int] = field(default_factory=list)
    epoch_1904: bool = False

    def styles(self) -> Styles:
        return Styles.of(self.formats, self.codes)


class OldBook:
    """The stream of records of an .xls."""

    def __init__(self, content: bytes) -> None:
        try:
            self._stream = _Compound(content).stream("workbook", "book")
            self._globals = self._read_globals()
        except (struct.error, IndexError, ValueError) as error:
            raise BrokenError from error
        self._styles = self._globals.styles()

    def look(self, sheet: str) -> Look:
        start = self._globals.sheets.get(sheet)
        look = Look(epoch_1904=self._globals.epoch_1904)
        if start is None:
            return look
        try:
            for kind, data in self._records(start):
                if kind == _EOF:
                    break
                if kind in _CELLS:
                    self._cell(kind, data, look.marks)
        except (struct.error, IndexError) as error:
            raise BrokenError from error
        return look

    def _cell(self, kind: int, data: bytes, marks: dict[int, dict[int, Mark]]) -> None:
        row, column, style = struct.unpack_from("<HHH", data)
        mark: Mark | None = None
        if kind == _BOOLERR:
            if data[7]:
                mark = {"e": _ERRORS.get(data[6], "#N/A")}
        elif kind == _FORMULA and data[12:14] == b"\xff\xff":
            if data[6] == 2:
                mark = {"e": _ERRORS.get(data[8], "#N/A")}
        elif kind == _MULRK:
            for place in range((len(data) - 6) // 6):
                style, packed = struct.unpack_from("<HI", data, 4 + 6 * place)
                if found := self._styles.mark(str(style), _unpacked(packed)):
                    marks.setdefault(row, {})[column + place] = found
        elif kind == _RK:
            mark = self._styles.mark(str(style), _unpacked(struct.unpack_from("<I", data, 6)[0]))
        else:
            mark = self._styles.mark(str(style), struct.unpack_from("<d", data, 6)[0])
        if mark is not None:
            marks.setdefault(row, {})[column] = mark

    def _read_globals(self) -> _Globals:
        found = _Globals()
        for kind, data in self._records(0):
            if kind == _EOF:
                break
            if kind == _BOUNDSHEET:
                name = _text(data[8:], data[6], data[7])
                found.sheets[name] = struct.unpack_from("<I", data)[0]
            elif kind == _FORMAT:
                number, size, flags = struct.unpack_from("<HHB", data)
                found.codes[number] = _text(data[5:], size, flags)
            elif kind == _XF:
                found.formats.append(struct.unpack_from("<HH", data)[1])
            elif kind == _DATEMODE:
                found.epoch_1904 = data[:2] == b"\x01\x00"
        return found

    def _records(self, start: int) -> Iterator[tuple[int, bytes]]:
        stream, at, end = self._stream, start, len(self._stream)
        while at + 4 <= end:
            kind, size = struct.unpack_from("<HH", stream, at)
            yield kind, stream[at + 4 : at + 4 + size]
            at += 4 + size


def _text(data: bytes, size: int, flags: int) -> str:
    """Of BIFF8; an older workbook keeps other texts, whose names are then not found."""
    return (
        data[: 2 * size].decode("utf-16-le", "replace")
        if flags & 1
        else data[:size].decode("latin-1")
    )


def _unpacked(packed: int) -> float:
    """An RK number ([MS-XLS] 2.5.217): 30 bits of an integer or of a float, perhaps × 100."""
    if packed & 2:
        number = float(struct.unpack("<i", struct.pack("<I", packed))[0] >> 2)
    else:
        number = float(struct.unpack("<d", struct.pack("<Q", (packed & 0xFFFFFFFC) << 32))[0])
    return number / 100 if packed & 1 else number


class _Compound:
    """The sectors of a compound file, chained by its table."""

    def __init__(self, content: bytes) -> None:
        shift = struct.unpack_from("<H", content, 30)[0]
        if shift not in (9, 12):
            raise BrokenError
        self._content, self._size = content, 1 << shift
        self._folder, more, left = struct.unpack_from("<I16xII", content, 48)[:3]
        numbers = list(struct.unpack_from("<109I", content, 76))
        for _ in range(left):
            *found, more = self._numbers(more)
            numbers += found
        self._table: list[int] = []
        for number in numbers:
            if number < _END_OF_CHAIN:
                self._table += self._numbers(number)

    def stream(self, *names: str) -> bytes:
        """The stream of one of these names, in small letters; empty when there is none."""
        folder = self._chained(self._folder)
        for at in range(0, len(folder), _ENTRY_BYTES):
            entry = folder[at : at + _ENTRY_BYTES]
            length = struct.unpack_from("<H", entry, 64)[0]
            name = entry[: max(0, length - 2)].decode("utf-16-le", "replace").lower()
            if name in names:
                start, size = struct.unpack_from("<II", entry, 116)
                return self._chained(start)[:size]
        return b""

    def _sector(self, number: int) -> bytes:
        return self._content[(number + 1) * self._size : (number + 2) * self._size]

    def _numbers(self, sector: int) -> tuple[int, ...]:
        return struct.unpack(f"<{self._size // 4}I", self._sector(sector))

    def _chained(self, start: int) -> bytes:
        parts: list[bytes] = []
        while start < _END_OF_CHAIN:
            parts.append(self._sector(start))
            start = self._table[start]
            if len(parts) > len(self._table):
                raise BrokenError  # it runs in a circle
        return b"".join(parts)
