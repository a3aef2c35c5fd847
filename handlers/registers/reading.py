"""Rows of a register, page by page (keyset) or piece by piece, and its sums in one statement.

Every statement here carries the condition of the reader's domains.  A page goes on behind the last
row shown, so its last page costs as much as its first and rows that arrive meanwhile neither
repeat nor hide others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.orm import Session

from handlers.registers import cursors
from handlers.registers.asking import Asked

PIECE_ROWS = 2_000  # of a file: a fraction of a second each, then the transaction is let go


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a value for each column of the register (what people may read), what links need,
    and the place of the row in the order."""

    values: tuple[Any, ...]
    extra: dict[str, Any]
    cursor: str


@dataclass(frozen=True, slots=True)
class Sums:
    """Of everything asked: rows, and one sum for each column that has a total (else None)."""

    rows: int
    totals: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """`first`: place of the first row shown, from 1; `next` and `previous`: cursors, or ""."""

    lines: list[Line]
    sums: Sums
    first: int
    next: str
    previous: str


def page(session: Session, asked: Asked, *, after: str = "", before: str = "") -> Page:
    """The rows behind one cursor, or those in front of another; at most `asked.rows`.

    Raises Refused for a cursor that is none of this register's.
    """
    register = asked.register
    back = bool(before) and not after
    place = cursors.read(before if back else after, register.order) if after or before else None
    lines = _lines(session, asked, place, back=back, limit=asked.rows + 1)
    more = len(lines) > asked.rows
    lines = lines[: asked.rows]
    if back:
        lines.reverse()
    first = cursors.read(lines[0].cursor, register.order) if lines and place else None
    sums, passed = _sums(session, asked, first)
    return Page(
        lines=lines,
        sums=sums,
        first=passed + 1,
        next=lines[-1].cursor if lines and (more or back) else "",
        previous=lines[0].cursor if lines and passed else "",
    )


def sums(session: Session, asked: Asked) -> Sums:
    return _sums(session, asked, None)[0]


def pieces(session: Session, asked: Asked) -> Iterator[list[Line]]:
    """Everything asked, in order, for a file; no transaction is open between two pieces."""
    place = None
    while True:
        lines = _lines(session, asked, place, back=False, limit=PIECE_ROWS)
        session.rollback()
        if lines:
            yield lines
        if len(lines) < PIECE_ROWS:
            return
        place = cursors.read(lines[-1].cursor, asked.register.order)


# ── statements ─────────────────────────────────────────────────────────────────────────────────


def statement(asked: Asked) -> Select[Any]:
    """What is asked, of what is the reader's: no columns yet."""
    register = asked.register
    return register.source.where(register.reach.within(asked.reader.domains), *asked.conditions)


def rows_statement(
    asked: Asked, place: Sequence[Any] | None, *, back: bool, limit: int
) -> Select[Any]:
    register = asked.register
    parts = [part for column in register.columns for part in column.parts]
    keys = [one.of for one in register.order]
    downwards = register.newest_first != back
    found = (
        statement(asked)
        .add_columns(*parts, *register.extra.values(), *keys, *register.reach.owner)
        .group_by(*register.grouped)
        .order_by(*(key.desc() if downwards else key.asc() for key in keys))
        .limit(limit)
    )
    return found if place is None else found.where(_beyond(keys, place, downwards=downwards))


def sums_statement(asked: Asked, first: Sequence[Any] | None) -> Select[Any]:
    register = asked.register
    keys = [one.of for one in register.order]
    totals = [column.of for column in register.columns if column.total]
    source = statement(asked)
    if register.grouped:  # sums of sums: over the rows as they are shown
        rows = _labelled(source, keys, totals).group_by(*register.grouped).subquery()
        keys, totals = list(rows.c)[: len(keys)], list(rows.c)[len(keys) :]
        source = select().select_from(rows)
    # How many stand before the first row shown; nothing stands before the first of all.
    passed: ColumnElement[Any] = literal_column("0")
    if first is not None:
        ahead = _beyond(keys, first, downwards=not register.newest_first)
        passed = cast(func.coalesce(func.sum(case((ahead, 1), else_=0)), 0), BigInteger)
    return source.add_columns(func.count(), passed, *map(_total, totals))


def _labelled(source: Select[Any], keys: Sequence[Any], totals: Sequence[Any]) -> Select[Any]:
    named = [key.label(f"key_{n}") for n, key in enumerate(keys)]
    return source.add_columns(*named, *(one.label(f"total_{n}") for n, one in enumerate(totals)))


def _total(value: Any) -> ColumnElement[Any]:
    assert not isinstance(value, tuple), "a sum is of one expression"
    return cast(func.coalesce(func.sum(value), 0), BigInteger)


def _beyond(keys: Sequence[Any], place: Sequence[Any], *, downwards: bool) -> ColumnElement[bool]:
    """Rows behind this place, going down (from large to small) or up."""
    typed = [literal(value, key.type) for key, value in zip(keys, place, strict=True)]
    # A row of one value is no row to SQLite.
    here, there = (tuple_(*keys), tuple_(*typed)) if len(keys) > 1 else (keys[0], typed[0])
    beyond: ColumnElement[bool] = here < there if downwards else here > there
    return beyond


def _params(asked: Asked) -> dict[str, Any]:
    return dict(asked.register.params(asked)) if asked.register.params else {}


def _lines(
    session: Session, asked: Asked, place: Sequence[Any] | None, *, back: bool, limit: int
) -> list[Line]:
    query = rows_statement(asked, place, back=back, limit=limit)
    return [_line(asked, row) for row in session.execute(query, _params(asked))]


def _line(asked: Asked, row: Row[Any]) -> Line:
    """What `rows_statement` selects, in its order: columns, extra, keys, owner."""
    register, cells = asked.register, iter(row)
    full = _full(asked, row[-2:]) if asked.full else frozenset()
    values = [
        column.value(list(islice(cells, len(column.parts))), full) for column in register.columns
    ]
    extra = dict(zip(register.extra, islice(cells, len(register.extra)), strict=True))
    keys = list(islice(cells, len(register.order)))
    return Line(tuple(values), extra, cursors.write(keys))


def _full(asked: Asked, owner: Sequence[Any]) -> frozenset[str]:
    return asked.reader.reads_in_full(asked.register.reach.domains(owner))


def _sums(session: Session, asked: Asked, first: Sequence[Any] | None) -> tuple[Sums, int]:
    found = session.execute(sums_statement(asked, first), _params(asked)).one()
    count, passed, totals = found[0], found[1], iter(found[2:])
    by_column = tuple(next(totals) if column.total else None for column in asked.register.columns)
    return Sums(count, by_column), int(passed)
