"""Rows of a roster written thousands at a time, past the layers that make a statement for each.

PostgreSQL gets them as arrays in one statement, SQLite as tuples; both are the insert of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Table, text
from sqlalchemy.orm import Session

from handlers.rosters.models import RosterRow

_ROW = cast(Table, RosterRow.__table__)
_NAMES = ("roster_id", "seq", "state", "subject", "amount_cents", "noted", "content", "result")
_INTO = f"insert into {_ROW.name} ({', '.join(_NAMES)})"
_ARRAYS = text(
    f"{_INTO} select :roster_id, given.*, '' from unnest(cast(:seq as integer[]), "
    "cast(:state as varchar[]), cast(:subject as varchar[]), cast(:amount_cents as bigint[]), "
    "cast(:noted as boolean[]), cast(:content as bytea[])) as given"
)
_TUPLES = f"{_INTO} values ({', '.join('?' * len(_NAMES))})"


def add(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, each with every column; those of one call belong to one roster."""
    connection = session.connection()
    seal = _ROW.c.content.type.process_bind_param  # type: ignore[attr-defined]
    contents = [seal(row["content"], connection.dialect) for row in rows]
    if connection.dialect.name == "postgresql":
        arrays = {name: [row[name] for row in rows] for name in _NAMES[1:6]}
        values = arrays | {"roster_id": rows[0]["roster_id"], "content": contents}
        connection.execute(_ARRAYS, values)
        return
    tuples = [
        tuple(content if name == "content" else row[name] for name in _NAMES)
        for row, content in zip(rows, contents, strict=True)
    ]
    connection.exec_driver_sql(_TUPLES, tuples)
