"""Several processes at one set of books: each does its own, all at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import create_engine

from engine.database import configure
from engine.errors import HallError
from tests.builders.books import Books
from tests.conftest import Clock
from tests.engine.killing import raced

Deed = Callable[[Books], Any]
TODAY = "2026-03-02"


@contextmanager
def opened(url: str, day: str = TODAY) -> Iterator[Books]:
    """The books as one process has them: an engine and a session of its own."""
    engine = configure(create_engine(url))
    books = Books(engine, Clock()).on(day)
    try:
        yield books
    finally:
        books.session.close()
        engine.dispose()


def let_go(books: Books) -> str:
    """The address of the books, which nobody here has open any more: a copy of a process that has
    a SQLite file open would believe in locks it has not."""
    books.session.close()
    books.engine.dispose()
    return books.engine.url.render_as_string(hide_password=False)


def rivals(books: Books, *deeds: Deed, day: str = TODAY) -> list[Any]:
    """What each deed returned, or the code of the sentence that refused it."""
    url = let_go(books)

    def alone(deed: Deed) -> Callable[[], Any]:
        def run() -> Any:
            with opened(url, day) as books:
                return outcome(lambda: deed(books))

        return run

    return raced([alone(deed) for deed in deeds])


def outcome(deed: Callable[[], Any]) -> Any:
    try:
        return deed()
    except HallError as error:
        return error.code
