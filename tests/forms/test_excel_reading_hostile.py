"""Files that are no workbook, too large, locked, damaged or built to hurt: one sentence each, soon
and without much memory."""

from __future__ import annotations

import io
import random
import resource
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Refused
from forms.excel import files, reading
from tests.builders.sheets import (
    HEADING,
    SHEET_PART,
    Wages,
    book,
    compound,
    formatted_rows,
    repacked,
    with_rows,
    xls,
)

GOOD = book(HEADING, ["张三", "A1"])
MANY = 1_048_576  # rows of a sheet


def refusal(content: bytes) -> str:
    with pytest.raises(Refused) as refused, reading.read(content, Wages.columns()) as sheet:
        list(sheet.rows)
    return refused.value.text


def names(content: bytes) -> list[str]:
    with reading.read(content, Wages.columns()) as sheet:
        return [row.texts["name"] for row in sheet.rows]


def only(name: str, data: bytes) -> Any:
    return lambda part, old: data if part == name else old


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "文件是空的，请选择填好的清册再上传。"),
        (b"\0" * 5_000, "文件是空的，请选择填好的清册再上传。"),
        (b"%PDF-1.7 ...", "这是PDF 文件，不是表格"),
        (b"\x89PNG\r\n\x1a\n...", "这是图片，不是表格"),
        (b"Rar!\x1a\x07", "这是压缩包，不是表格"),
        (b"MZ\x90\0\3\0\0", "这是不能识别的文件，不是表格"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "文件其实是网页（HTML 或 XML）"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><Workbook/>', "文件其实是网页（HTML 或 XML）"),
        (b"MIME-Version: 1.0\r\nX: y", "文件其实是网页（HTML 或 XML）"),
        (b"PK\x03\x04" + b"x" * 100, "文件已损坏，打不开"),
        (GOOD[:-200], "文件已损坏，打不开"),
        (compound("EncryptedPackage", b""), "文件加了密码，请在 Excel 或 WPS 中取消密码"),
        (compound("WordDocument", b""), "这是Word 文档，不是表格"),
        (compound("Workbook", b"\x09\x08\x10\x00junk"), "文件里没有内容"),
        (compound("Workbook", b"")[:100] + "Workbook\0".encode("utf-16-le"), "文件已损坏"),
    ],
)  # fmt: skip
def test_what_is_no_workbook_is_told_what_it_is(content: bytes, sentence: str) -> None:
    assert refusal(content).startswith(sentence)


def zipped(**entries: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in entries.items():
            made.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("word/document.xml", "这是Word 文档，不是表格"),
        ("xl/workbook.bin", "这是 .xlsb 格式，请在 Excel 中另存为 .xlsx"),
        ("content.xml", "这是 .ods 格式，请另存为 .xlsx"),
        ("readme.txt", "这是压缩包，不是表格"),
    ],
)
def test_other_packages_are_told_how_to_be_saved(name: str, sentence: str) -> None:
    assert refusal(zipped(**{name: b"x"})).startswith(sentence)


def test_a_file_beyond_the_limit_is_refused_unread() -> None:
    content = GOOD + b"\0" * files.FILE_BYTES_MAX
    assert refusal(content) == "文件有 30.0 MB，最多 30 MB，请分成几个文件上传。"


def test_a_zip_bomb_is_refused_by_its_directory() -> None:
    began = time.monotonic()
    bomb = repacked(GOOD, only("-", b""), **{"xl/media/image1.bin": b"\0" * 120_000_000})
    assert len(bomb) < 1_000_000
    packed = time.monotonic()
    assert refusal(bomb).startswith("文件解压后有 120 MB，不是正常的清册。")
    assert time.monotonic() - packed < max(1.0, packed - began)


def test_a_bomb_that_lies_about_its_size_costs_a_child_and_a_sentence() -> None:
    content = repacked(GOOD, only(SHEET_PART, b"<worksheet>" + b" " * 40_000_000))
    size = len(b"<worksheet>") + 40_000_000
    lying = content.replace(size.to_bytes(4, "little"), (5).to_bytes(4, "little"))
    assert lying != content
    assert refusal(lying).startswith("文件已损坏，打不开")


def test_thousands_of_entries_are_refused() -> None:
    more = {f"xl/media/{n}": b"" for n in range(files.ENTRIES_MAX)}
    assert "不是正常的清册" in refusal(repacked(GOOD, only("-", b""), **more))


def test_macros_are_neither_run_nor_in_the_way() -> None:
    def change(name: str, data: bytes) -> bytes:
        return data.replace(
            b"spreadsheetml.sheet.main+xml", b"ms-excel.sheet.macroEnabled.main+xml"
        ).replace(b"application/vnd.openxmlformats-officedocument.ms-", b"application/vnd.ms-")

    content = repacked(GOOD, change, **{"xl/vbaProject.bin": b"Auto_Open"})
    assert names(content) == ["张三"]


def test_a_million_formatted_rows_without_content_take_neither_minutes_nor_memory() -> None:
    content = with_rows(GOOD, formatted_rows(3, MANY - 2, columns="AB"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with reading.read(content, Wages.columns()) as sheet:
        assert [row.texts["name"] for row in sheet.rows] == ["张三"]
        assert sheet._source is not None
        status = Path(f"/proc/{sheet._source._child.pid}/status").read_text().split()
    assert int(status[status.index("VmHWM:") + 1]) < 150_000  # KiB, ever
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 10


def test_one_forgotten_blank_in_the_last_row_costs_no_gigabyte() -> None:
    last = f'<row r="{MANY}"><c r="A{MANY}" t="inlineStr"><is><t> </t></is></c></row>'
    assert names(with_rows(GOOD, last.encode())) == ["张三"]


def test_a_cell_in_the_last_column_of_the_last_row_is_named() -> None:
    far = f'<row r="{MANY}"><c r="XFD{MANY}" t="inlineStr"><is><t>x</t></is></c></row>'
    assert refusal(with_rows(GOOD, far.encode())) == (
        "工作表“Sheet”的 XFD1048576 格有内容，离清册太远。请删除清册右侧多余的内容，保存后上传。"
    )


def test_a_sheet_that_would_take_gigabytes_is_refused_by_its_child() -> None:
    far = f'<row r="{MANY}"><c r="ZZ{MANY}" t="inlineStr"><is><t>x</t></is></c></row>'
    assert refusal(with_rows(GOOD, far.encode())).startswith("工作表的使用范围过大，读不完。")


def test_xml_that_is_cut_off_is_damaged() -> None:
    cut = repacked(GOOD, lambda name, data: data[:-60] if name == SHEET_PART else data)
    assert refusal(cut).startswith("文件已损坏，打不开")


def test_entities_that_multiply_are_not_unfolded() -> None:
    levels = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    evil = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">{levels}]><x>&a9;</x>'
    for part in ("xl/styles.xml", "xl/workbook.xml"):
        assert "请" in refusal(repacked(GOOD, only(part, evil.encode())))


def test_a_quotation_mark_that_is_never_closed_is_told_with_its_row() -> None:
    content = '姓名,工号\n张三,A1\n"李四,A2\n'.encode() + b"x,y\n" * 20_000
    assert refusal(content).startswith("第 ")
    assert "双引号没有成对" in refusal(content)


@pytest.mark.parametrize("seed", range(12))
def test_bytes_damaged_anywhere_are_read_or_refused_in_words(seed: int) -> None:
    luck = random.Random(seed)

    def damage(_name: str, data: bytes) -> bytes:
        hurt = bytearray(data)
        for _ in range(luck.choice((0, 1, 4)) if hurt else 0):
            hurt[luck.randrange(len(hurt))] = luck.randrange(256)
        return bytes(hurt)

    old = xls(("姓名", "工号"), ("张三", ("error", 42)))
    for content in (repacked(GOOD, damage), damage("", GOOD), damage("", old)):
        try:
            names(content)
        except Refused as refused:
            assert refused.text.endswith("。")  # noqa: PT017 - or it was read


def test_a_name_in_a_sentence_is_cut_short() -> None:
    said = refusal(book(["甲" * 5_000, "乙" * 5_000], ["x", "y"]))
    assert len(said) < 400


def test_no_child_is_left_behind() -> None:
    sheet = reading.read(GOOD, Wages.columns())
    assert sheet._source is not None
    child = sheet._source._child
    next(sheet.rows)
    sheet.close()
    assert child.returncode is not None
