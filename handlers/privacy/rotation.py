"""Exchanging keys under a running hall: every sealed value of every table is sealed anew.

Batch by batch, each its own short transaction that never waits for a row: what somebody holds or
has changed meanwhile is left to the next pass.  What is done already is skipped, so that it may be
killed and run again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    LargeBinary,
    String,
    column,
    func,
    or_,
    select,
    table,
    tuple_,
)
from sqlalchemy import update as sql_update
from sqlalchemy.sql.expression import ColumnClause, ColumnElement, TableClause, bindparam

from engine.errors import Problem
from engine.models import Base
from handlers.privacy.columns import BLIND_OF, Encrypted
from handlers.privacy.keyring import MARK_CHARS, VERSION, Keyring, KeyringError

BATCH = 500  # rows of one transaction: a writer on SQLite waits some ten milliseconds
PASSES_MAX = 5  # others may write with the old key for seconds, never for so long
PLAIN = ""  # in `used`: values without a mark of ours
Progress = Callable[[str, int, int], None]  # table, rows done, rows in all


@dataclass(frozen=True, slots=True)
class Sealed:
    """One table as it is stored, without the types that open it."""

    raw: TableClause
    keys: tuple[ColumnClause[Any], ...]  # usually one; a row of a roster has two
    purposes: dict[str, str]  # column → purpose
    blinds: dict[str, str]  # index column → the column it is made from

    @property
    def key(self) -> ColumnElement[Any]:
        """What rows are in order of and found by."""
        return self.keys[0] if len(self.keys) == 1 else tuple_(*self.keys)

    def key_of(self, row: Any) -> Any:
        found = tuple(row._mapping[key] for key in self.keys)
        return found[0] if len(found) == 1 else found

    def stale(self, name: str, ring: Keyring) -> ColumnElement[bool]:
        value, mark = self.raw.c[name], f"{VERSION}:{ring.primary}:"
        if isinstance(value.type, String):
            return (value != "") & (func.substr(value, 1, MARK_CHARS) != mark)
        return _mark_of(value) != mark.encode()


def sealed_tables() -> list[Sealed]:
    """Every table with a column whose type knows a purpose; the models must have been imported."""
    found = []
    for each in Base.metadata.sorted_tables:
        purposes = {c.name: c.type.purpose for c in each.columns if hasattr(c.type, "purpose")}
        if not purposes:
            continue
        blinds = {c.name: c.info[BLIND_OF] for c in each.columns if BLIND_OF in c.info}
        keys = list(each.primary_key.columns)
        texts = {c.name for c in each.columns if isinstance(c.type, Encrypted)} | set(blinds)
        columns = [
            column(name, String() if name in texts else LargeBinary())
            for name in (*purposes, *blinds)
        ]
        raw = table(each.name, *(column(key.name, key.type) for key in keys), *columns)
        found.append(Sealed(raw, tuple(raw.c[key.name] for key in keys), purposes, blinds))
    return found


def used(engine: Engine) -> Counter[str]:
    """Key id → number of values sealed with it; `PLAIN` for what has no mark."""
    found: Counter[str] = Counter()
    with engine.connect() as connection:
        for each in sealed_tables():
            for name in each.purposes:
                value = each.raw.c[name]
                mark = _mark_of(value)
                kept: ColumnElement[bool] = value.is_not(None)
                if isinstance(value.type, String):
                    kept = value != ""  # null neither
                query = select(mark, func.count()).where(kept).group_by(mark)
                for said, count in connection.execute(query):
                    found[_id_in(said)] += count
    return found


def rotate(engine: Engine, ring: Keyring, progress: Progress) -> int:
    """Seal with the primary key what is sealed with another, index with the first index key what
    is indexed with another; returns how many values were written."""
    total = 0
    for _ in range(PASSES_MAX):
        changed = sum(_rotate_table(engine, each, ring, progress) for each in sealed_tables())
        total += changed
        if not left_behind(engine, ring):
            break
    return total


def left_behind(engine: Engine, ring: Keyring) -> int:
    """How many values still need an old key, for themselves or else for their index."""
    left = sum(count for name, count in used(engine).items() if name != ring.primary)
    if not left and len(ring.index) > 1:
        left = sum(_count_stale_indexes(engine, each, ring) for each in sealed_tables())
    return left


def check_retirable(engine: Engine, ring: Keyring) -> None:
    """KeyringError when an old key is still needed."""
    left = left_behind(engine, ring)
    if left:
        text = f"还有 {left} 项个人信息在用旧密钥，请先执行 hall keys rotate。"
        raise KeyringError(Problem("keys.in_use", text))


def _rotate_table(engine: Engine, each: Sealed, ring: Keyring, progress: Progress) -> int:
    reindex = bool(each.blinds) and len(ring.index) > 1
    with engine.connect() as connection:
        total = connection.scalar(select(func.count()).select_from(each.raw)) or 0
    changed = done = 0
    for batch in _batches(engine, each, None if reindex else ring):
        # options first: SQLite takes its write lock at BEGIN
        with engine.execution_options(hall_write=True).begin() as connection:
            rows = _free(connection, each, batch)
            for name in each.purposes:
                changed += _write(connection, each, name, _resealed(each, name, rows, ring))
            if reindex:
                changed += _reindex(connection, each, rows, ring)
        done += len(batch)
        progress(each.raw.name, done, total)
    return changed


def _batches(engine: Engine, each: Sealed, ring: Keyring | None) -> Iterator[list[Any]]:
    """Rows by key; with a ring only those not sealed with its primary key."""
    last: Any = None
    while True:
        query = select(each.raw).order_by(*each.keys).limit(BATCH)
        if last is not None:
            query = query.where(each.key > last)
        if ring is not None:
            query = query.where(or_(*(each.stale(name, ring) for name in each.purposes)))
        with engine.connect() as connection:
            rows = list(connection.execute(query))
        if not rows:
            return
        yield rows
        last = each.key_of(rows[-1])


def _free(connection: Connection, each: Sealed, rows: list[Any]) -> list[Any]:
    """The rows nobody holds, now held by us: whoever waits for nothing is in no deadlock."""
    these = [each.key_of(row) for row in rows]
    query = select(*each.keys).where(each.key.in_(these)).with_for_update(skip_locked=True)
    free = {each.key_of(row) for row in connection.execute(query)}
    return [row for row in rows if each.key_of(row) in free]


def _resealed(each: Sealed, name: str, rows: list[Any], ring: Keyring) -> list[dict[str, Any]]:
    purpose, mark = each.purposes[name], f"{VERSION}:{ring.primary}:"
    changes = []
    for row in rows:
        old = row._mapping[name]
        if not old:
            continue
        if isinstance(old, str):
            if old.startswith(mark):
                continue
            new: str | bytes = ring.encrypt(purpose, ring.decrypt(purpose, old))
        else:
            if old.startswith(mark.encode()):
                continue
            new = ring.seal(purpose, ring.open(purpose, old))
        changes.append(_this(each, row) | {"old": old, "new": new})
    return changes


def _this(each: Sealed, row: Any) -> dict[str, Any]:
    return {f"this{place}": row._mapping[key] for place, key in enumerate(each.keys)}


def _reindex(connection: Connection, each: Sealed, rows: list[Any], ring: Keyring) -> int:
    """An index is only replaced beside the very value it was made from."""
    changed = 0
    for index, name in each.blinds.items():
        purpose = each.purposes[name]
        changes = [
            _this(each, row) | {"old": row._mapping[index], "new": wanted}
            for row in rows
            if (wanted := _index_of(ring, purpose, row._mapping[name])) != row._mapping[index]
        ]
        changed += _write(connection, each, index, changes)
    return changed


def _index_of(ring: Keyring, purpose: str, stored: str) -> str:
    return ring.blind(purpose, ring.decrypt(purpose, stored))[0] if stored else ""


def _write(connection: Connection, each: Sealed, name: str, changes: list[dict[str, Any]]) -> int:
    """Compare and swap: whoever was faster keeps what they wrote."""
    if not changes:
        return 0
    value = each.raw.c[name]
    statement = (
        sql_update(each.raw)
        .where(
            *(key == bindparam(f"this{place}") for place, key in enumerate(each.keys)),
            value == bindparam("old", type_=value.type),
        )
        .values({name: bindparam("new", type_=value.type)})
    )
    connection.execute(statement, changes)
    return len(changes)


def _count_stale_indexes(engine: Engine, each: Sealed, ring: Keyring) -> int:
    return sum(
        _index_of(ring, each.purposes[name], row._mapping[name]) != row._mapping[index]
        for rows in (_batches(engine, each, None) if each.blinds else ())
        for row in rows
        for index, name in each.blinds.items()
    )


def _mark_of(value: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.substr(value, 1, MARK_CHARS, type_=value.type)


def _id_in(mark: str | bytes) -> str:
    text = mark if isinstance(mark, str) else bytes(mark).decode("ascii", "replace")
    sound = len(text) == MARK_CHARS and text.startswith(f"{VERSION}:") and text[-1] == ":"
    return text[2:-1] if sound else PLAIN
