"""Columns the database may keep but not read: what people filed, and every copy of it.

The engine knows no keys: whoever starts the hall hands it two functions.  Without them values are
stored as they are, which suits tests of the engine and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from sqlalchemy import LargeBinary, TypeDecorator
from sqlalchemy.engine import Dialect

Change = Callable[[str, bytes], bytes]  # (purpose, bytes) → bytes; raises when it does not fit
Value = TypeVar("Value")

# A time or an object of ours would come back as something else: a TypeError, as JSON columns raise.
_ONLY_JSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

_seal: Change | None = None
_open: Change | None = None


def configure(seal: Change | None, unseal: Change | None) -> None:
    """Once per process, before the first row is read or written."""
    global _seal, _open  # noqa: PLW0603 - a column type cannot be handed objects
    _seal, _open = seal, unseal


class _Sealed(TypeDecorator[Value]):
    """`purpose` names the column: what was sealed for one does not open in another."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: Value | None, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        plain = self.pack(value)
        return plain if _seal is None else _seal(self.purpose, plain)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Value | None:
        if value is None:
            return None
        return self.unpack(value if _open is None else _open(self.purpose, value))

    def pack(self, value: Value) -> bytes:
        raise AssertionError("each kind of column says how")

    def unpack(self, plain: bytes) -> Value:
        raise AssertionError("each kind of column says how")


class SealedBytes(_Sealed[bytes]):
    """The state of a request."""

    cache_ok = True

    def pack(self, value: bytes) -> bytes:
        return value

    def unpack(self, plain: bytes) -> bytes:
        return plain


class SealedText(_Sealed[str]):
    """Text that may quote what was filed: errors, traces."""

    cache_ok = True

    def pack(self, value: str) -> bytes:
        return value.encode()

    def unpack(self, plain: bytes) -> str:
        return plain.decode()


class SealedJson(_Sealed[Any]):
    """What would be a JSON column; cannot be asked in SQL."""

    cache_ok = True

    def pack(self, value: Any) -> bytes:
        return orjson.dumps(value, option=_ONLY_JSON)

    def unpack(self, plain: bytes) -> Any:
        return orjson.loads(plain)
