"""Columns of personal data: text in Python, sealed in the database, found by a blind index.

`Encrypted` is a column type, so inserts in bulk seal too.  `indexed` keeps the blind index of such
a column beside it; inserts past the ORM (Core) give both columns themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, String, TypeDecorator, event
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import InstrumentedAttribute

from handlers.privacy import keyring
from handlers.privacy.keyring import INDEX_CHARS, blind, sought

__all__ = ["INDEX_CHARS", "STORED_CHARS", "Encrypted", "blind", "indexed", "is_value", "sought"]

# mark 9 + base64 of nonce 12, tag 16 and up to 83 bytes of text: any number of a person.
STORED_CHARS = 160
Model = TypeVar("Model", bound=type[Any])
BLIND_OF = "blind_of"  # in the info of an index column: the column it is made from


class Encrypted(TypeDecorator[str]):
    """`mapped_column(Encrypted("person.id_no"), default="")`; length None: a text of any length.

    Values cannot be compared in SQL (each has its own nonce), except with "".
    """

    impl = String
    cache_ok = True

    def __init__(self, purpose: str, length: int | None = STORED_CHARS) -> None:
        super().__init__(length)
        self.purpose = purpose

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return keyring.encrypt(self.purpose, value) if value else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return keyring.decrypt(self.purpose, value) if value else value


def indexed(name: str, index: str) -> Callable[[Model], Model]:
    """Class decorator: the column `index` always holds the blind index of the column `name`.

    `@indexed("id_no", "id_no_index")` over a model with
    `id_no_index: Mapped[str] = mapped_column(String(INDEX_CHARS), index=True, default="")`.
    """

    def decorate(model: Model) -> Model:
        purpose = _purpose(model.__table__.c[name].type)
        model.__table__.c[index].info[BLIND_OF] = name

        def follow(_mapper: Any, _connection: Any, row: Any) -> None:
            if name in vars(row):  # neither written nor read: the index is as it was
                setattr(row, index, blind(purpose, getattr(row, name) or ""))

        event.listen(model, "before_insert", follow)
        event.listen(model, "before_update", follow)
        return model

    return decorate


def is_value(index: InstrumentedAttribute[str], purpose: str, value: str) -> ColumnElement[bool]:
    """`select(Person).where(is_value(Person.id_no_index, "person.id_no", typed))`."""
    return index.in_(sought(purpose, value))


def _purpose(kind: Any) -> str:
    assert isinstance(kind, Encrypted), "a blind index is made of an encrypted column"
    return kind.purpose
