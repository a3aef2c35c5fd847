"""Runs alone in a small process: reads a stranger's PDF, refuses what acts, writes a plain copy.

A PDF of ten kilobytes can unpack to gigabytes or crash its parser.  Here that costs one child
process with limited memory and time, never the web server.  Imports nothing of the hall.
Usage: python -I pdf_child.py SOURCE TARGET PAGES_MAX → one JSON object on stdout.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

import pikepdf

MEMORY_BYTES_MAX = 1_000_000_000
CPU_SECONDS_MAX = 20
OBJECTS_MAX = 300_000
DEPTH_MAX = 100

ACTIVE = {
    "/JavaScript": "script",
    "/Launch": "launch",
    "/SubmitForm": "launch",
    "/ImportData": "launch",
    "/GoToE": "embedded",
    "/Rendition": "media",
    "/Movie": "media",
    "/Sound": "media",
    "/RichMediaExecute": "media",
}
KEYS = {
    "/JS": "script",
    "/JavaScript": "script",
    "/XFA": "form",
    "/EmbeddedFiles": "embedded",
    "/EF": "embedded",
    "/RichMediaContent": "media",
}


class ActiveContentError(Exception):
    """Something in the file acts by itself; the argument is its kind."""


def inspect(source: str, target: str, pages_max: int) -> dict[str, Any]:
    try:
        with pikepdf.open(source) as pdf:
            return _judge(pdf, target, pages_max)
    except pikepdf.PasswordError:
        return {"verdict": "encrypted"}
    except ActiveContentError as found:
        return {"verdict": str(found)}
    except (pikepdf.PdfError, MemoryError, RecursionError, ValueError, TypeError, KeyError):
        return {"verdict": "broken"}


def _judge(pdf: pikepdf.Pdf, target: str, pages_max: int) -> dict[str, Any]:
    if pdf.is_encrypted:  # opens without a password, but forbids printing or copying
        return {"verdict": "encrypted"}
    pages = len(pdf.pages)
    if pages == 0:
        return {"verdict": "broken"}
    if pages > pages_max:
        return {"verdict": "pages", "pages": pages}
    if len(pdf.objects) > OBJECTS_MAX:
        return {"verdict": "broken"}
    for item in pdf.objects:
        _walk(item, 0)
    for key in ("/OpenAction", "/AA", "/Metadata", "/PieceInfo"):
        # What is left of these is a harmless jump to a page, or says who made the file and when.
        if key in pdf.Root:
            del pdf.Root[key]
    del pdf.docinfo
    pdf.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return {"verdict": "ok", "pages": pages}


def _walk(item: Any, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise ActiveContentError("broken")
    if isinstance(item, pikepdf.Array):
        for child in item:
            _walk_child(child, depth)
    elif isinstance(item, (pikepdf.Dictionary, pikepdf.Stream)):
        for key, child in item.items():
            if key in KEYS:
                raise ActiveContentError(KEYS[key])
            if key == "/S" and isinstance(child, pikepdf.Name) and str(child) in ACTIVE:
                raise ActiveContentError(ACTIVE[str(child)])
            _walk_child(child, depth)


def _walk_child(child: Any, depth: int) -> None:
    # Indirect objects come by themselves in `pdf.objects`; following them would loop for ever.
    if isinstance(child, pikepdf.Object) and not child.is_indirect:
        _walk(child, depth + 1)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    source, target, pages_max = sys.argv[1:4]
    sys.stdout.write(json.dumps(inspect(source, target, int(pages_max))))


if __name__ == "__main__":
    main()
