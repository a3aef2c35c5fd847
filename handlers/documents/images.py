"""Draw a photograph again, so that only its picture survives: no GPS, no comment, no appendix.

Width and height are read first and refused before a single pixel is decoded.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from PIL import Image, ImageOps

from engine.errors import Problem
from handlers.documents.content import JPEG
from handlers.documents.limits import Limits

SIDE_MAX = 4000  # an A4 page at 340 dpi; more only costs disk
JPEG_QUALITY = 88

# Pillow's own guard only warns, and its threshold is global; ours is `Limits.max_pixels` below.
Image.MAX_IMAGE_PIXELS = None

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


def redraw(
    source: Path, target: Path, *, media_type: str, limits: Limits, name: str
) -> Problem | None:
    """Write a clean copy of `source` to `target`; a Problem when it is no picture after all."""
    form = "JPEG" if media_type == JPEG else "PNG"
    try:
        with Image.open(source, formats=[form]) as image:
            problem = _too_large(image.size, limits, name)
            if problem is not None:
                return problem
            image.verify()  # checksums of PNG; leaves the image unusable, hence opened again
        with Image.open(source, formats=[form]) as image:
            if form == "JPEG":
                image.draft(None, (SIDE_MAX, SIDE_MAX))  # decode a huge photo at half size
            clean = _plain(ImageOps.exif_transpose(image))
            clean.thumbnail((SIDE_MAX, SIDE_MAX), Image.Resampling.LANCZOS)
            clean.save(target, form, **({"quality": JPEG_QUALITY} if form == "JPEG" else {}))
    except _BROKEN:
        return Problem(
            "material.broken", f"“{name}”已损坏或不完整，打不开，请重新拍照或扫描后上传。", "file"
        )
    return None


def _too_large(size: tuple[int, int], limits: Limits, name: str) -> Problem | None:
    width, height = size
    if width * height <= limits.max_pixels:
        return None
    allowed = f"{limits.max_pixels // 10_000} 万"
    return Problem(
        "material.pixels",
        f"“{name}”有 {width}×{height} 像素，超过 {allowed}像素，请缩小后上传。",
        "file",
    )


def _plain(image: Image.Image) -> Image.Image:
    """One of three plain modes, with nothing attached that `save` would write out again."""
    see_through = image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info
    if see_through:
        plain = image.convert("RGBA")
    elif image.mode in ("L", "1"):
        plain = image.convert("L")
    else:
        plain = image.convert("RGB")
    plain = plain.copy()
    plain.info.clear()
    return plain
