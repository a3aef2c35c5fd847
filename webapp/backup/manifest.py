"""What an archive says about itself, sealed with the hall's secret.

The seal covers the digest of SHA256SUMS and thereby every byte: whoever does not know the secret
can neither change an archive nor make one.
"""

from __future__ import annotations

import hmac
import tomllib
from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webapp.backup.archive import damaged
from webapp.settings import ROOT

FORMAT = 1  # goes up when older programs can no longer read what is written

Kind = Literal["sqlite", "postgresql"]
KIND_NAMES: dict[Kind, str] = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Table(Part):
    """`columns` in the order of the copied lines; empty when the database is one file."""

    rows: int = Field(ge=0)
    columns: tuple[str, ...] = ()


class Lid(Part):
    """The newest row of hall_seal: what `hall audit seal` has said last."""

    id: int
    last_id: int
    seal: str


class Facts(Part):
    """What the snapshot of the database holds."""

    revision: str
    tables: dict[str, Table]
    sequences: dict[str, int] = {}
    last_seal: Lid | None = None


class Manifest(Part):
    """`plain`: unpacked size of each member of the database; `bytes_total`: of all as stored."""

    format: int
    product: str
    center: str
    at: datetime
    database: Kind
    facts: Facts
    plain: dict[str, int]
    files: int = Field(ge=0)
    bytes_total: int = Field(ge=0)
    list_sha256: str
    seal: str = ""

    def sealed(self, key: bytes) -> Manifest:
        return self.model_copy(update={"seal": self._seal(key)})

    def fits(self, key: bytes) -> bool:
        return hmac.compare_digest(self._seal(key).encode(), self.seal.encode())

    def _seal(self, key: bytes) -> str:
        own = hmac.digest(key, b"backup", "sha256")  # not the key of the history's seals itself
        facts = self.model_dump(mode="json", exclude={"seal"})
        return hmac.digest(own, orjson.dumps(facts, option=orjson.OPT_SORT_KEYS), "sha256").hex()

    def text(self) -> bytes:
        return orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_INDENT_2)


def read(text: bytes) -> Manifest | int:
    """The manifest, or the format's number when only a newer program can read it."""
    try:
        raw: Any = orjson.loads(text)
        if isinstance(raw, dict) and isinstance(raw.get("format"), int) and raw["format"] > FORMAT:
            return int(raw["format"])
        return Manifest.model_validate(raw)
    except (orjson.JSONDecodeError, ValidationError):
        raise damaged("清单读不懂") from None


def product_version() -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])
