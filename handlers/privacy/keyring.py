"""The keys of personal data: AES-256-GCM for what is stored, HMAC-SHA256 for what is looked up.

A sealed value begins with the version of the format and the id of its key, so that several keys
live side by side while they are exchanged; the purpose ("person.id_no") is authenticated with it,
so that a value copied into another column does not open.  The keys never enter the database.
"""

from __future__ import annotations

import hmac
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine import sealing
from engine.errors import HallError, Problem
from handlers.identifiers import compact

KEY_BYTES = 32  # AES-256, and as long for HMAC-SHA256
ID_CHARS = 6  # of a key's id: one length for all, so that reading needs no search
NONCE_BYTES = 12  # NIST SP 800-38D §8.2.2: random, 96 bits
INDEX_CHARS = 32  # 128 bits of the HMAC: two numbers never meet by chance
VERSION = "1"
MARK_CHARS = len(VERSION) + ID_CHARS + 2  # "1:3fa9c1:"
# A process looks so often whether the key file was changed; `hall keys retire` waits much longer.
LOOK_SECONDS = 5.0


class KeyringError(HallError):
    """A value cannot be sealed or opened; the sentence is for whoever runs the hall."""


@dataclass(frozen=True)
class Keyring:
    """Data keys by id, the primary one seals; index keys, newest first. Keys are 32 bytes."""

    primary: str
    data: Mapping[str, bytes] = field(repr=False)
    index: tuple[bytes, ...] = field(repr=False)
    _ciphers: dict[str, AESGCM] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        assert self.primary in self.data
        assert self.index, "an index key"
        assert all(len(key) == KEY_BYTES for key in (*self.data.values(), *self.index))
        assert all(len(name) == ID_CHARS and name.isalnum() for name in self.data)
        object.__setattr__(self, "_ciphers", {name: AESGCM(k) for name, k in self.data.items()})

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """mark ‖ nonce ‖ ciphertext ‖ tag; `MARK_CHARS + 28` bytes longer than `plain`."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self.primary].encrypt(nonce, plain, purpose.encode())
        return f"{VERSION}:{self.primary}:".encode() + nonce + sealed

    def open(self, purpose: str, sealed: bytes) -> bytes:
        name = _key_named(sealed[:MARK_CHARS].decode("ascii", "replace"))
        return self._open(purpose, name, sealed[MARK_CHARS:])

    def encrypt(self, purpose: str, text: str) -> str:
        """`seal` as text: "1:3fa9c1:" and base64; "" stays ""."""
        if not text:
            return ""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self.primary].encrypt(nonce, text.encode(), purpose.encode())
        return f"{VERSION}:{self.primary}:{b64encode(nonce + sealed).decode()}"

    def decrypt(self, purpose: str, text: str) -> str:
        if not text:
            return ""
        name = _key_named(text[:MARK_CHARS])
        try:
            sealed = b64decode(text[MARK_CHARS:], validate=True)
        except ValueError:
            raise _broken(purpose) from None
        return self._open(purpose, name, sealed).decode()

    def blind(self, purpose: str, value: str) -> tuple[str, ...]:
        """The blind index of `value` under every index key, the one to store first."""
        plain = value.isascii() and value.isalnum()
        said = f"{purpose}\0{value.upper() if plain else compact(value)}".encode()
        digests = (hmac.digest(key, said, "sha256") for key in self.index)
        return tuple(digest.hex()[:INDEX_CHARS] for digest in digests)

    def _open(self, purpose: str, name: str, sealed: bytes) -> bytes:
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise _missing(name)
        try:
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError):
            raise _broken(purpose) from None


Source = Callable[[], Keyring | None]
_ring: Keyring | None = None
_source: Source | None = None
_looked = 0.0


def configure(ring: Keyring, source: Source | None = None) -> None:
    """Once per process, before the first row is read; `source` gives a ring when it was changed.

    Asked every LOOK_SECONDS, so that running processes follow a rotation without a restart.
    """
    global _ring, _source, _looked  # noqa: PLW0603 - a column type cannot be handed objects
    _ring, _source, _looked = ring, source, time.monotonic()
    sealing.configure(seal, open_sealed)


def current(*, look: bool = False) -> Keyring:
    """The ring of this process; `look`: ask the source at once.  Raises KeyringError."""
    global _ring, _looked  # noqa: PLW0603
    if _ring is None:
        raise KeyringError(
            Problem(
                "keys.missing",
                "没有载入个人信息密钥，请执行 hall keys create 或设置 HALL_KEYS_FILE 后重新启动。",
            )
        )
    now = time.monotonic()
    if _source is not None and (look or now - _looked > LOOK_SECONDS):
        _looked = now
        _ring = _source() or _ring
    return _ring


def seal(purpose: str, plain: bytes) -> bytes:
    return current().seal(purpose, plain)


def open_sealed(purpose: str, sealed: bytes) -> bytes:
    """Raises KeyringError for a key this hall does not have and for bytes that were changed."""
    ring = current()
    if sealed[2 : 2 + ID_CHARS].decode("ascii", "replace") not in ring.data:
        ring = current(look=True)  # another process may have begun a rotation a second ago
    return ring.open(purpose, sealed)


def encrypt(purpose: str, text: str) -> str:
    return current().encrypt(purpose, text)


def decrypt(purpose: str, text: str) -> str:
    """Raises KeyringError like `open_sealed`."""
    ring = current()
    if text and text[2 : 2 + ID_CHARS] not in ring.data:
        ring = current(look=True)
    return ring.decrypt(purpose, text)


def blind(purpose: str, value: str) -> str:
    """The blind index to store: 32 hex characters of the value, compacted; "" gives ""."""
    return current().blind(purpose, value)[0] if value else ""


def sought(purpose: str, value: str) -> tuple[str, ...]:
    """The blind indexes to look for: more than one only while index keys are exchanged."""
    return current().blind(purpose, value) if value else ()


def _key_named(mark: str) -> str:
    if len(mark) != MARK_CHARS or mark[:2] != f"{VERSION}:" or mark[-1] != ":":
        raise KeyringError(
            Problem(
                "keys.format",
                "数据库里有未加密或无法识别的个人信息，请先执行 hall migrate，再启动系统。",
            )
        )
    return mark[2:-1]


def _missing(name: str) -> KeyringError:
    return KeyringError(
        Problem("keys.unknown", f"密钥文件里没有编号为 {name} 的密钥，请换回原来的密钥文件。")
    )


def _broken(purpose: str) -> KeyringError:
    text = f"一项个人信息（{purpose}）解不开：密钥不对，或数据被改动，请核对密钥文件。"
    return KeyringError(Problem("keys.broken", text))
