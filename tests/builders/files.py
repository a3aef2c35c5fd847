"""Files people upload: honest ones, and those that only pretend."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pikepdf
from PIL import Image

EXE = b"MZ\x90\x00" + b"\x00" * 60 + b"This program cannot be run in DOS mode." + b"\x00" * 400
HTML = b"<!DOCTYPE html>\n<html><script>alert(document.cookie)</script></html>"


def jpeg(size: tuple[int, int] = (64, 48), *, exif: Image.Exif | None = None, **save: Any) -> bytes:
    image = Image.new("RGB", size, (180, 40, 40))
    image.paste((20, 90, 200), (0, 0, size[0] // 2, size[1] // 2))
    if exif is not None:
        save["exif"] = exif
    return _saved(image, "JPEG", **save)


def png(size: tuple[int, int] = (64, 48), mode: str = "RGB", **save: Any) -> bytes:
    return _saved(Image.new(mode, size), "PNG", **save)


def gif() -> bytes:
    return _saved(Image.new("P", (8, 8)), "GIF")


def _saved(image: Image.Image, form: str, **save: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **save)
    return out.getvalue()


def exif_with_gps() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "SecretPhone"
    exif[0x0112] = 6  # lying on its side
    exif.get_ifd(0x8825)[2] = (26.0, 35.0, 0.0)
    return exif


def png_claiming(width: int, height: int) -> bytes:
    """A few hundred bytes that ask for gigabytes of memory."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\x00" * 3000)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, body) for kind, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + check


def pdf(pages: int = 1, *, change: Any = None, **save: Any) -> bytes:
    """`change(pdf)` spoils it before saving."""
    out = io.BytesIO()
    with pikepdf.new() as document:
        for _ in range(pages):
            document.add_blank_page()
        document.docinfo["/Author"] = "SecretAuthor"
        if change is not None:
            change(document)
        document.save(out, **save)
    return out.getvalue()


def pdf_bomb(gigabytes: int) -> bytes:
    """Its catalogue lies in an object stream that inflates to gigabytes of spaces."""
    megabytes = b" " * 16_000_000
    head = zlib.compressobj(9)
    packed = head.compress(b"2 0 <</Type/Catalog/Pages 4 0 R>>") + head.flush(zlib.Z_FULL_FLUSH)
    again = zlib.compressobj(9, wbits=-15)
    block = again.compress(megabytes) + again.flush(zlib.Z_FULL_FLUSH)
    packed += block * (gigabytes * 1_000_000_000 // len(megabytes))
    out = b"%PDF-1.5\n"
    stream_at = len(out)
    out += b"1 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>\nstream\n" % len(
        packed
    )
    out += packed + b"\nendstream\nendobj\n"
    xref_at = len(out)
    rows = ((0, 0, 65535), (1, stream_at, 0), (2, 1, 0), (1, xref_at, 0))
    table = b"".join(struct.pack(">BIH", *row) for row in rows)
    out += b"3 0 obj\n<</Type/XRef/Size 4/W[1 4 2]/Root 2 0 R/Length %d>>\nstream\n" % len(table)
    return out + table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF" % xref_at


class Endless:
    """A stream of `total` bytes that counts how many were asked for."""

    def __init__(self, total: int, head: bytes = b"\xff\xd8\xff\xe0") -> None:
        self.left = total
        self.given = 0
        self._head = head

    def read(self, size: int, /) -> bytes:
        assert 0 < size <= 1_000_000, "never all at once"
        count = min(size, self.left)
        chunk = self._head[:count] if self.given == 0 else b""
        chunk += b"\x00" * (count - len(chunk))
        self.left -= count
        self.given += count
        return chunk
