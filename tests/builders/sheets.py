"""Workbooks as people send them: dirty, damaged, disguised.  All made here, byte by byte if need
be."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, ClassVar

import openpyxl

from forms.declared import Item
from forms.fields import Date, Money, Month, PersonName, Rate, ResidentId, ShortText, choice
from forms.rosters.base import Column, Desk, RosterForm, Row

SHEET_PART = "xl/worksheets/sheet1.xml"
HEADING = ("姓名", "工号", "缴存比例", "缴存基数(元)", "开户日期", "起缴年月", "在岗", "身份证号")
YES_NO = {"1": "是", "0": "否"}
SECTOR, FREE, END = 512, 0xFFFFFFFF, 0xFFFFFFFE


class Wages(RosterForm):
    """A column of every kind a cell's type matters for; nobody in it twice."""

    form_id: ClassVar[str] = "tests.Wages"
    title: ClassVar[str] = "工资基数"
    key: ClassVar[tuple[str, ...]] = ("work_no",)
    amount: ClassVar[str] = "base"

    name: Annotated[
        PersonName, Item(label="姓名", group="", required=True), Column(aliases=("职工姓名",))
    ]
    work_no: Annotated[ShortText, Item(label="工号", group="")] = ""
    rate: Annotated[Rate, Item(label="缴存比例", group="")] = ""  # type: ignore[assignment]
    base: Annotated[Money, Item(label="缴存基数", group="")] = 0
    since: Annotated[Date, Item(label="开户日期", group="")] = ""
    month: Annotated[Month, Item(label="起缴年月", group="")] = ""
    here: Annotated[str, choice(YES_NO), Item(label="在岗", group="")] = ""
    id_no: Annotated[
        ResidentId, Item(label="证件号码", group=""), Column(aliases=("身份证号",))
    ] = ""

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        for row in rows:
            row.subject = row.values.get("work_no", "")


# ── good and half good workbooks ───────────────────────────────────────────────────────────────


def book(*rows: Sequence[Any], change: Callable[[Any], None] | None = None) -> bytes:
    """An .xlsx of one sheet; `change` gets the openpyxl worksheet before it is saved."""
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    if change is not None:
        change(sheet)
    return saved(made)


def books(**sheets: Iterable[Sequence[Any]]) -> openpyxl.Workbook:
    """Several sheets by name, to be changed and `saved`."""
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    return made


def saved(made: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def repacked(content: bytes, change: Callable[[str, bytes], bytes], **more: bytes) -> bytes:
    """The same package with its parts changed; `more` are entries with names of any kind."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, data in more.items():
            new.writestr(name, data)
    return out.getvalue()


def with_rows(content: bytes, rows: bytes) -> bytes:
    """Raw rows behind the last one of the first sheet."""

    def change(name: str, data: bytes) -> bytes:
        return data.replace(b"</sheetData>", rows + b"</sheetData>") if name == SHEET_PART else data

    return repacked(content, change)


def formatted_rows(first: int, count: int, columns: str = "ABCDEFGH") -> bytes:
    """Rows with borders and nothing in them."""
    shape = "".join(f'<c r="{letter}{{0}}" s="0"/>' for letter in columns)
    row = f'<row r="{{0}}" spans="1:8">{shape}</row>'
    return "".join(row.format(number) for number in range(first, first + count)).encode()


# ── .xls: a compound file with one stream of BIFF8 records ─────────────────────────────────────


def xls(*rows: Sequence[Any]) -> bytes:
    """An Excel 97 workbook: text, numbers and ("error", code)."""
    return compound("Workbook", _biff(rows))


def _record(number: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack("<HH", number, len(data)) + data


def _biff(rows: Iterable[Sequence[Any]]) -> bytes:
    def bof(kind: int) -> bytes:
        return _record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0x0DBB, 0x07CC, 0, 6))

    end = _record(0x000A)
    name = "清册".encode("utf-16-le")
    size = len(bof(5)) + 4 + 6 + 2 + len(name) + len(end)
    sheet = _record(0x0085, struct.pack("<IBBBB", size, 0, 0, 2, 1), name)
    cells = []
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            place = struct.pack("<HHH", at, column, 0)
            if isinstance(value, tuple):  # ("error", code)
                cells.append(_record(0x0205, place, bytes([value[1], 1])))
            elif isinstance(value, str):
                text = value.encode("utf-16-le")
                cells.append(_record(0x0204, place, struct.pack("<HB", len(value), 1), text))
            else:
                cells.append(_record(0x0203, place, struct.pack("<d", value)))
    return b"".join([bof(5), sheet, end, bof(0x10), *cells, end])


def compound(stream: str, content: bytes) -> bytes:
    """A compound file (the container of old Office) that holds one stream."""
    content = content.ljust(4096, b"\0")  # a shorter one lies elsewhere
    sectors = -(-len(content) // SECTOR)
    body = content.ljust(sectors * SECTOR, b"\0")
    # sector 0: the table of sectors; 1: the directory; from 2: the stream
    chain = [0xFFFFFFFD, END, *range(3, 2 + sectors), END]
    table = struct.pack(f"<{len(chain)}I", *chain).ljust(SECTOR, b"\xff")
    assert len(table) == SECTOR, "small files only"
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    head += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, END, 0, END, 0)
    head += struct.pack("<109I", 0, *[FREE] * 108)
    folder = _entry("Root Entry", 5, 1, END, 0) + _entry(stream, 2, FREE, 2, len(content))
    return head + table + folder.ljust(SECTOR, b"\0") + body


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0"
    head = text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text), kind, 1, FREE, FREE, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)
