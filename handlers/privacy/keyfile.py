"""The key file: TOML, readable for its owner alone, kept and backed up apart from the database.

`primary` names the data key that seals; older ones still open what they have sealed.  A key that
stands in the file without being primary is prepared: every machine may learn it before one uses it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import tomllib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.errors import Problem
from handlers.privacy.keyring import ID_CHARS, KEY_BYTES, Keyring, KeyringError

KEYS_MAX = 20  # of one kind: who has more has forgotten to retire
FILE_BYTES_MAX = 64 * 1024
_OTHERS = 0o037  # a group may read (systemd, containers), nobody else anything
_HEADER = """\
# 个人信息密钥 keys of personal data, written by `hall keys`.  Without this file the database cannot
# be read: keep a copy apart from the database and its backups, for as long as the backups.
"""


@dataclass(frozen=True, slots=True)
class Key:
    id: str
    made_at: datetime
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What the file says; both lists in the order the keys were made."""

    primary: str
    primary_since: datetime
    data: tuple[Key, ...]
    index_primary: str
    index: tuple[Key, ...]

    @property
    def ring(self) -> Keyring:
        first = sorted(self.index, key=lambda key: key.id != self.index_primary)
        return Keyring(
            self.primary, {key.id: key.key for key in self.data}, tuple(key.key for key in first)
        )

    @property
    def prepared(self) -> Key | None:
        """The newest data key, when it is not in use yet."""
        newest = self.data[-1]
        after = newest.made_at > next(k.made_at for k in self.data if k.id == self.primary)
        return newest if after else None


def new(now: datetime) -> KeyFile:
    data, index = _key(now), _key(now)
    return KeyFile(data.id, now, (data,), index.id, (index,))


def with_data_key(keys: KeyFile, now: datetime) -> KeyFile:
    """One more data key, prepared."""
    return replace(keys, data=_bounded((*keys.data, _key(now))))


def promoted(keys: KeyFile, key_id: str, now: datetime) -> KeyFile:
    assert any(key.id == key_id for key in keys.data)
    return replace(keys, primary=key_id, primary_since=now)


def with_index_key(keys: KeyFile, now: datetime) -> KeyFile:
    """One more index key, used at once: look-ups know both until the older one is retired."""
    key = _key(now)
    return replace(
        keys, index=_bounded((*keys.index, key)), index_primary=key.id, primary_since=now
    )


def without_old(keys: KeyFile) -> KeyFile:
    """The primary keys, and a prepared one."""
    left = {keys.primary} | ({keys.prepared.id} if keys.prepared else set())
    return replace(
        keys,
        data=tuple(key for key in keys.data if key.id in left),
        index=tuple(key for key in keys.index if key.id == keys.index_primary),
    )


def create(path: Path, now: datetime) -> bool:
    """Make the file unless there is one; two processes at once make one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _written(path, new(now))
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Nobody else exchanges keys meanwhile: of two who write the file one would lose a key that
    values are sealed with already.  The lock goes with its process.  Raises KeyringError."""
    try:
        handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _unusable(path, f"文件夹打不开（{error.strerror}）") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            text = "另一个 hall keys 命令正在换密钥，请等它结束再执行。"
            raise KeyringError(Problem("keys.busy", text)) from None
        yield
    finally:
        os.close(handle)


def write(path: Path, keys: KeyFile) -> None:
    """Replace the file, all or nothing."""
    _written(path, keys).replace(path)


def read(path: Path) -> KeyFile:
    """Raises KeyringError with one sentence for a file that is missing, open to others or wrong."""
    try:
        status = path.stat()
        if status.st_mode & _OTHERS:
            raise _unusable(path, "其他人也能读写，请执行 chmod 600")
        if status.st_size > FILE_BYTES_MAX:
            raise _unusable(path, "不是密钥文件")
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        text = f"找不到密钥文件 {path}，请放回原来的密钥文件；新建系统请执行 hall keys create。"
        raise KeyringError(Problem("keys.no_file", text)) from None
    except OSError as error:
        raise _unusable(path, f"读不了（{error.strerror}）") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise _unusable(path, "内容已损坏") from None
    try:
        return _understood(said)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _unusable(path, "内容已损坏") from None


def _understood(said: Mapping[str, Any]) -> KeyFile:
    keys = KeyFile(
        primary=said["primary"],
        primary_since=_aware(said["primary_since"]),
        data=tuple(map(_read_key, said["data"])),
        index_primary=said["index_primary"],
        index=tuple(map(_read_key, said["index"])),
    )
    for primary, of in ((keys.primary, keys.data), (keys.index_primary, keys.index)):
        names = [key.id for key in of]
        if primary not in names or len(set(names)) != len(names) or len(names) > KEYS_MAX:
            raise ValueError("the primary key is not there, or a key is there twice")
    return keys


def _read_key(said: Mapping[str, Any]) -> Key:
    key = Key(said["id"], _aware(said["made_at"]), b64decode(said["key"], validate=True))
    if len(key.key) != KEY_BYTES or len(key.id) != ID_CHARS or not key.id.isalnum():
        raise ValueError("not a key")
    return key


def _aware(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _written(path: Path, keys: KeyFile) -> Path:
    """A complete file beside the one it will replace."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(_text(keys))
        out.flush()
        os.fsync(out.fileno())
    return draft


def _text(keys: KeyFile) -> str:
    lines = [
        f'primary = "{keys.primary}"',
        f"primary_since = {keys.primary_since.isoformat()}",
        f'index_primary = "{keys.index_primary}"',
    ]
    for kind, of in (("data", keys.data), ("index", keys.index)):
        for key in of:
            lines += ["", f"[[{kind}]]", f'id = "{key.id}"', f"made_at = {key.made_at.isoformat()}"]
            lines.append(f'key = "{b64encode(key.key).decode()}"')
    return _HEADER + "\n".join(lines) + "\n"


def _key(now: datetime) -> Key:
    return Key(secrets.token_hex(ID_CHARS // 2), now, secrets.token_bytes(KEY_BYTES))


def _bounded(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    if len(keys) > KEYS_MAX:
        text = f"密钥文件里已有 {KEYS_MAX} 个密钥，请先执行 hall keys retire 去掉不再使用的。"
        raise KeyringError(Problem("keys.many", text))
    return keys


def _unusable(path: Path, why: str) -> KeyringError:
    return KeyringError(Problem("keys.file", f"密钥文件 {path} 不能使用：{why}。"))
