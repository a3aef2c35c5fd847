"""What a piece of code says to the database: every statement, its parameters' sizes, its commits.

Two recordings are compared before anything is timed; a floor that says less than the engine, or
says it with fewer bytes, would make the engine look slow, one that says more would flatter it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, event

BYTES_TOLERANCE = 0.05
WORD = 8  # a number or a time
_NAMED = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Said:
    sql: str
    sizes: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return sum(self.sizes)


@contextmanager
def recorded(engine: Engine) -> Iterator[list[Said]]:
    said: list[Said] = []

    def statement(_connection: Any, _cursor: Any, sql: str, *rest: Any) -> None:
        parameters, _context, many = rest
        assert not many, "one row at a time is what is compared"
        values = _values(sql, parameters)
        said.append(Said(_normal(sql), tuple(_size(value) for value in values)))

    def commit(_connection: Any) -> None:
        said.append(Said("COMMIT", ()))

    def rollback(_connection: Any) -> None:
        said.append(Said("ROLLBACK", ()))

    hooks = {"before_cursor_execute": statement, "commit": commit, "rollback": rollback}
    for name, hook in hooks.items():
        event.listen(engine, name, hook)
    try:
        yield said
    finally:
        for name, hook in hooks.items():
            event.remove(engine, name, hook)


def difference(ours: list[Said], floor: list[Said]) -> str | None:
    """The first thing in which two recordings differ, None when they are alike."""
    for place, (one, other) in enumerate(zip(ours, floor, strict=False), 1):
        if one.sql != other.sql:
            return f"statement {place}\n  engine: {one.sql}\n  floor:  {other.sql}"
        if len(one.sizes) != len(other.sizes) or not _near(one, other):
            sizes = f"\n  engine: {one.sizes}\n  floor:  {other.sizes}"
            return f"bytes of the parameters of statement {place}, {one.sql}{sizes}"
    if len(ours) != len(floor):
        longer = (ours if len(ours) > len(floor) else floor)[min(len(ours), len(floor))]
        return f"{len(ours)} statements of the engine, {len(floor)} of the floor: {longer.sql}"
    return None


def _near(one: Said, other: Said) -> bool:
    pairs = zip(one.sizes, other.sizes, strict=True)
    # a few bytes of freedom for numbers inside texts (ids of different length)
    return all(abs(a - b) <= max(4, BYTES_TOLERANCE * max(a, b)) for a, b in pairs)


def _normal(sql: str) -> str:
    """Bound names are the writer's taste: %(param_1)s and %(case_id)s are the same statement."""
    sql = _NAMED.sub("?", sql)
    return re.sub(r"\s+", " ", sql).strip()


def _values(sql: str, parameters: Any) -> list[Any]:
    """In the order in which the statement names them."""
    if isinstance(parameters, dict):
        return [parameters[name] for name in _NAMED.findall(sql)]
    return list(parameters or ())


def _size(value: Any) -> int:
    value = getattr(value, "obj", value)  # psycopg wraps JSON and binary values
    if value is None:
        return 0
    if isinstance(value, bytes | bytearray | memoryview):
        return len(value)
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bool | int | float | datetime):
        return WORD
    return len(json.dumps(value).encode())
