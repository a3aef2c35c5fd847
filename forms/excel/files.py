"""What an uploaded file is, told by its content and never by its name.

Looked at before anything unpacks it: a zip's directory says how large it becomes.  What cannot be
read is refused with the one thing to do about it.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Literal

from engine.errors import Problem, Refused

FILE_BYTES_MAX = 30_000_000  # 200,000 rows × 12 columns are some 20 MB
ENTRIES_MAX = 2_000  # of the zip: a workbook has some dozen, one with pictures some hundred
UNPACKED_BYTES_MAX = 1_000_000_000  # a million formatted rows without content are 200 MB
RATIO_MAX = 400  # sheets shrink to a tenth, empty formatted rows to a hundredth, zeros to 1/1000
RATIO_FROM_BYTES = 50_000_000  # a small file may shrink as much as it likes

_ZIP, _CFB = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OTHERS = {
    b"%PDF": "PDF 文件",
    b"\x89PNG": "图片",
    b"\xff\xd8\xff": "图片",
    b"GIF8": "图片",
    b"Rar!": "压缩包",
    b"7z\xbc\xaf": "压缩包",
    b"\x1f\x8b": "压缩包",
    b"{\\rtf": "Word 文档",
}
_MARKUP = re.compile(
    rb"\s*(?:<(?:!doctype|html|head|body|table|meta|\?xml|workbook)|mime-version:)", re.IGNORECASE
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_BROKEN = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error),
    *(OSError, ValueError, EOFError, RuntimeError, NotImplementedError),
)
_WORKBOOK_TYPE = re.compile(rb"spreadsheetml\.sheet\.main|sheet\.macroEnabled\.main|template\.main")


@dataclass(frozen=True, slots=True)
class Kind:
    """`encoding`: of a text file, as Python calls it."""

    name: Literal["xlsx", "xls", "csv"]
    encoding: str = ""


def kind_of(content: bytes) -> Kind:
    """Raises Refused with a sentence about files the hall does not read."""
    if not content.strip(b"\x00 \r\n\t"):
        raise refused("empty", "文件是空的，请选择填好的清册再上传。")
    if len(content) > FILE_BYTES_MAX:
        shown, most = len(content) / 1_000_000, FILE_BYTES_MAX // 1_000_000
        raise refused("size", f"文件有 {shown:.1f} MB，最多 {most} MB，请分成几个文件上传。")
    if content.startswith(_ZIP):
        return _zipped(content)
    if content.startswith(_CFB):
        return _compound(content)
    for start, what in _OTHERS.items():
        if content.startswith(start):
            raise _not_a_table(what)
    if _MARKUP.match(content.removeprefix(b"\xef\xbb\xbf")[:2_000]):
        text = (
            "文件其实是网页（HTML 或 XML），只是名字像表格。"
            "请用 Excel 或 WPS 打开，选“另存为”→“Excel 工作簿（.xlsx）”后上传。"
        )
        raise refused("markup", text)
    return _text(content)


def refused(code: str, text: str) -> Refused:
    return Refused(Problem(f"sheet.{code}", text))


def broken() -> Refused:
    return refused("broken", "文件已损坏，打不开。请用 Excel 或 WPS 打开并另存为 .xlsx 后上传。")


def encrypted() -> Refused:
    return refused("encrypted", "文件加了密码，请在 Excel 或 WPS 中取消密码、保存后上传。")


def _not_a_table(what: str) -> Refused:
    return refused("not_a_table", f"这是{what}，不是表格，请上传 .xlsx、.xls 或 .csv 格式的清册。")


def _zipped(content: bytes) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _workbook(archive, len(content))
    except _BROKEN:
        raise broken() from None


def _workbook(archive: zipfile.ZipFile, packed: int) -> Kind:
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    steep = unpacked > RATIO_FROM_BYTES and unpacked > packed * RATIO_MAX
    if len(entries) > ENTRIES_MAX or unpacked > UNPACKED_BYTES_MAX or steep:
        text = (
            f"文件解压后有 {unpacked // 1_000_000:,} MB，不是正常的清册。"
            "请把要导入的行复制到一个新的工作簿，保存后上传。"
        )
        raise refused("bomb", text)
    if any(entry.flag_bits & 1 for entry in entries):
        raise encrypted()
    names = {entry.filename.lower().lstrip("/"): entry for entry in entries}
    if "xl/workbook.bin" in names:
        raise refused("binary", "这是 .xlsb 格式，请在 Excel 中另存为 .xlsx 后上传。")
    types = names.get("[content_types].xml")
    if "xl/workbook.xml" in names or (
        types is not None
        and types.file_size < RATIO_FROM_BYTES
        and _WORKBOOK_TYPE.search(archive.read(types))
    ):
        return Kind("xlsx")
    if "content.xml" in names:
        raise refused("open_document", "这是 .ods 格式，请另存为 .xlsx 后上传。")
    word = any(name.startswith("word/") for name in names)
    raise _not_a_table("Word 文档" if word else "压缩包")


def _compound(content: bytes) -> Kind:
    """The old container of Office; its directory names its streams in UTF-16."""

    def holds(*names: str) -> bool:
        # with the zero behind it: "Workbook" and not "WorkbookSomething"
        return any(f"{name}\0".encode("utf-16-le") in content for name in names)

    if holds("EncryptedPackage", "EncryptionInfo"):
        raise encrypted()
    if holds("Workbook", "Book"):
        return Kind("xls")
    raise _not_a_table("Word 文档" if holds("WordDocument") else "别的文档")


def _text(content: bytes) -> Kind:
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _readable(content, encoding) or _raise(broken())
    if _CONTROL.search(content):
        raise _not_a_table("不能识别的文件")
    for encoding in ("utf-8", "gb18030"):
        if found := _readable(content, encoding):
            return found
    text = "文字编码无法识别，请在 Excel 或 WPS 中打开，另存为 .xlsx 后上传。"
    raise refused("encoding", text)


def _readable(content: bytes, encoding: str) -> Kind | None:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return Kind("csv", encoding)


def _raise(error: Refused) -> Kind:
    raise error
