"""What a file is, judged by its first bytes and never by its name; and a name safe to show.

Pure.  Refusals are sentences: people upload what their scanner or phone gave them, so each tells
how to get a PDF, JPEG or PNG instead.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from engine.errors import Problem

HEAD_BYTES = 4096  # enough to recognise everything below
NAME_CHARS_MAX = 100
PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"
SUFFIX = {PDF: ".pdf", JPEG: ".jpg", PNG: ".png"}
_OTHER_SUFFIXES = {JPEG: (".jpeg", ".jfif", ".jpe")}

_RETAKE = "请重新拍照或扫描后上传"
_AS_PDF = "请另存为 PDF 后上传"
_AS_JPEG = "请另存为 JPEG 后上传"


@dataclass(frozen=True, slots=True)
class _Stranger:
    start: bytes
    what: str
    advice: str
    offset: int = 0


_STRANGERS = (
    _Stranger(b"MZ", "程序文件（EXE）", _RETAKE),
    _Stranger(b"\x7fELF", "程序文件（ELF）", _RETAKE),
    _Stranger(b"#!", "脚本文件", _RETAKE),
    _Stranger(b"PK\x03\x04", "压缩包或 Office 文档", _AS_PDF),
    _Stranger(b"PK\x05\x06", "压缩包", "请解压后逐个上传"),
    _Stranger(b"Rar!", "压缩包（RAR）", "请解压后逐个上传"),
    _Stranger(b"7z\xbc\xaf\x27\x1c", "压缩包（7z）", "请解压后逐个上传"),
    _Stranger(b"\x1f\x8b", "压缩包（GZIP）", "请解压后逐个上传"),
    _Stranger(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "旧版 Office 文档", _AS_PDF),
    _Stranger(b"{\\rtf", "RTF 文档", _AS_PDF),
    _Stranger(b"GIF8", "GIF 图片", _AS_JPEG),
    _Stranger(b"BM", "BMP 图片", _AS_JPEG),
    _Stranger(b"II*\x00", "TIFF 图片", "请另存为 JPEG 或 PDF 后上传"),
    _Stranger(b"MM\x00*", "TIFF 图片", "请另存为 JPEG 或 PDF 后上传"),
    _Stranger(b"WEBP", "WebP 图片", _AS_JPEG, offset=8),
    _Stranger(
        b"ftyphei", "HEIC 照片", "请在手机相机设置中选“兼容性最佳”（JPEG）后重新拍照", offset=4
    ),
    _Stranger(
        b"ftypmif1", "HEIC 照片", "请在手机相机设置中选“兼容性最佳”（JPEG）后重新拍照", offset=4
    ),
    _Stranger(b"ftyp", "视频文件", _RETAKE, offset=4),
)
_HTML = re.compile(rb"<(!doctype\s+html|html|head|body|script|iframe|meta|title)[\s>/]", re.I)
_SVG = re.compile(rb"<svg[\s>]", re.I)


def recognise(head: bytes, name: str) -> str | Problem:
    """The media type of an acceptable file, or a sentence naming what it is instead."""
    if not head:
        return Problem("material.empty", f"“{name}”是空文件（0 字节），请重新选择文件。", "file")
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.lstrip(b"\xef\xbb\xbf\x00\t\n\x0c\r ").startswith(b"%PDF-"):
        return PDF
    what, advice = _stranger(head)
    return Problem("material.kind", f"“{name}”{what}，{advice}。", "file")


def _stranger(head: bytes) -> tuple[str, str]:
    for stranger in _STRANGERS:
        if head[stranger.offset :].startswith(stranger.start):
            return f"是{stranger.what}，不能作为材料", stranger.advice
    if _SVG.search(head):
        return "是 SVG 矢量图，不能作为材料", "请另存为 PNG 后上传"
    if _HTML.search(head):
        return "的内容是网页（HTML），不是图片", _RETAKE
    if _is_text(head):
        return "是文本文件，不能作为材料", _AS_PDF
    return "的内容无法识别，不是 PDF、JPEG 或 PNG", _RETAKE


def _is_text(head: bytes) -> bool:
    printable = sum(byte >= 0x20 or byte in b"\t\n\r" for byte in head)
    return b"\x00" not in head and printable == len(head)


def clean_name(raw: str, fallback: str = "未命名") -> str:
    """A name that is only a name: no folders, no control or direction marks, not too long."""
    text = unicodedata.normalize("NFC", raw.encode("utf-8", "ignore").decode("utf-8"))
    text = re.split(r"[/\\]", text)[-1]
    # Cc: NUL and newlines; Cf: right-to-left override, which turns gpj.exe into exe.jpg.
    text = "".join(char for char in text if unicodedata.category(char)[0] != "C")
    text = re.sub(r'[<>:"|?*]', "_", text)
    text = re.sub(r"\s+", " ", text).strip(" .")
    stem, dot, suffix = text.rpartition(".")
    if not dot or len(suffix) > 5:
        return text[:NAME_CHARS_MAX] or fallback
    return f"{stem[: NAME_CHARS_MAX - len(suffix) - 1] or fallback}.{suffix}"


def name_as(name: str, media_type: str) -> str:
    """The shown name ends as its content: a PDF called 证照.png is listed as 证照.pdf."""
    suffix = SUFFIX[media_type]
    if name.lower().endswith((suffix, *_OTHER_SUFFIXES.get(media_type, ()))):
        return name
    stem, dot, old = name.rpartition(".")
    return (stem if dot and len(old) <= 5 else name) + suffix
