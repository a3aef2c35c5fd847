"""Runs alone in a small process: HTML on stdin, PDF on stdout.  Imports nothing of the hall.

A page asks for nothing but files of our own static folder: no network, no file of the machine.
Usage: python -I child.py STATIC_FOLDER; ends with 0, CANNOT_LOAD or TOO_MUCH.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

CPU_SECONDS_MAX = 30
MEMORY_BYTES_MAX = 1_200_000_000
NICENESS = 10  # pages come first
CANNOT_LOAD = 3  # WeasyPrint or a library of pango is not there
TOO_MUCH = 4  # the page needs more memory than there is for it
BASE = "http://hall.invalid/"  # so that addresses of ours have a shape; nobody is ever asked
STATIC = "/static/"
TYPES = {".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}


class NotOurs(ValueError):
    """The page wanted something from elsewhere; WeasyPrint goes on without it."""


def ours(url: str, folder: Path) -> Path:
    """The file of the static folder that an address means; anything else is NotOurs."""
    parts = urlsplit(url)
    place = unquote(parts.path)
    if not url.startswith(BASE) or STATIC not in place:
        raise NotOurs(url)
    path = (folder / place.partition(STATIC)[2]).resolve()
    if not path.is_relative_to(folder.resolve()) or path.suffix not in TYPES or not path.is_file():
        raise NotOurs(url)
    return path


def main() -> int:
    folder = Path(sys.argv[1])
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    html = sys.stdin.buffer.read().decode()
    target, sys.stdout = sys.stdout.buffer, sys.stderr  # its advice on installing goes nowhere
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher, URLFetcherResponse
    except (ImportError, OSError):
        return CANNOT_LOAD

    class Ours(URLFetcher):
        """Opens our own files and knows no other way."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            path = ours(url, folder)
            kind = {"Content-Type": TYPES[path.suffix]}
            return URLFetcherResponse(url, path.read_bytes(), kind)

    try:
        page = HTML(string=html, base_url=BASE, url_fetcher=Ours())
        pdf = page.write_pdf(presentational_hints=True)  # widths of columns
    except MemoryError:
        return TOO_MUCH
    target.write(pdf)
    target.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
