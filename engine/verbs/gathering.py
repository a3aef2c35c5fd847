"""A session that puts off certain statements, to say each of them once for many requests.

Verbs write a request with a handful of prepared statements.  With `Gathering` as the session of
their `Runtime` the same code writes a thousand: those statements wait, their rows gathered, and
whatever else is done to the session finds them written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Executable
from sqlalchemy.orm import Session

ROWS_MAX = 1_000  # gathered rows carry the states of requests, some KB each


class _Later:
    """The answer of a statement that waits: its row is this transaction's own, so it will fit."""

    rowcount = 1


class Gathering:
    """Stands in for a session; `put_off` in the order in which they may be said."""

    def __init__(self, session: Session, put_off: Sequence[Executable]) -> None:
        self._session = session
        self._waiting: dict[int, tuple[Executable, list[Any]]] = {
            id(statement): (statement, []) for statement in put_off
        }

    def execute(self, statement: Executable, values: Any = None, **more: Any) -> Any:
        gathered = self._waiting.get(id(statement))
        if gathered is None:
            self.say()
            return self._session.execute(statement, values, **more)
        rows = gathered[1]
        if rows and (len(rows) >= ROWS_MAX or rows[0].keys() != values.keys()):
            self.say()
        rows.append(values)
        return _Later()

    def say(self) -> None:
        """Write everything that waits."""
        connection = self._session.connection()
        for statement, rows in self._waiting.values():
            if rows:
                connection.execute(statement, rows)
                rows.clear()

    def forget(self) -> None:
        """What waited belongs to something that has been undone."""
        for _, rows in self._waiting.values():
            rows.clear()

    def __getattr__(self, name: str) -> Any:
        self.say()
        return getattr(self._session, name)

    @property
    def as_session(self) -> Session:
        return cast(Session, self)
