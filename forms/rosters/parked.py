"""A workbook that stays open between two slices of its import.

To open a large one again takes a second, and the next slice nearly always runs in the same process.
One at most is kept, and not for long: a slice that comes later, or elsewhere, opens the file anew.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from forms.excel.reading import Sheet
from forms.rosters.checking import CellCheck

PARKED_SECONDS = 30.0  # a process with a hundred MB waits for a slice that may never come


@dataclass(frozen=True, slots=True)
class Opened:
    """`subjects`: whom the roster holds, and in which row."""

    sheet: Sheet
    cells: CellCheck
    subjects: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Place:
    key: tuple[int, ...]
    opened: Opened
    timer: threading.Timer


_lock = threading.Lock()
_place: _Place | None = None


def park(key: tuple[int, ...], opened: Opened) -> None:
    """Keep it for whoever asks with the same key; what was there before is closed."""
    timer = threading.Timer(PARKED_SECONDS, lambda: _drop(key))
    timer.daemon = True
    _put(_Place(key, opened, timer))
    timer.start()


def take(key: tuple[int, ...]) -> Opened | None:
    """What was parked under this key, once."""
    global _place  # noqa: PLW0603 - one for the process
    with _lock:
        if _place is None or _place.key != key:
            return None
        place, _place = _place, None
    place.timer.cancel()
    return place.opened


def _put(new: _Place | None) -> None:
    global _place  # noqa: PLW0603
    with _lock:
        old, _place = _place, new
    if old is not None:
        old.timer.cancel()
        old.opened.sheet.close()


def _drop(key: tuple[int, ...]) -> None:
    opened = take(key)
    if opened is not None:
        opened.sheet.close()
