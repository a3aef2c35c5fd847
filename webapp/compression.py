"""Our own static text files go out gzipped, for set-ups without a proxy that does it.

Pages are left alone: they carry a token next to what people typed, and compressing both together
would let an eavesdropper guess the token by length (BREACH).
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, request

KINDS = frozenset({"text/css", "text/javascript", "application/javascript", "image/svg+xml"})
BYTES_MIN = 1024  # below this the header costs more than it saves
FILES_KEPT_MAX = 64


def init(app: Flask) -> None:
    app.after_request(_shrink)


def _shrink(response: Response) -> Response:
    if request.endpoint != "static" or response.mimetype not in KINDS:
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code != 200 or not request.accept_encodings.best_match(["gzip"]):
        return response
    path = Path(current_app.static_folder or "") / (request.view_args or {})["filename"]
    small = _gzipped(path, path.stat().st_mtime_ns)
    if small is None:
        return response
    response.close()  # the open file behind it
    response.direct_passthrough = False
    response.set_data(small)
    response.headers["Content-Encoding"] = "gzip"
    # A different representation: the same strong tag for both would confuse caches.
    tag, _ = response.get_etag()
    if tag:
        response.set_etag(tag, weak=True)
    return response


@lru_cache(maxsize=FILES_KEPT_MAX)
def _gzipped(path: Path, _stamp: int) -> bytes | None:
    plain = path.read_bytes()
    return gzip.compress(plain, mtime=0) if len(plain) >= BYTES_MIN else None
