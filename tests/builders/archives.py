"""Archives of a hall: opened, changed and sealed again, or spoilt by somebody without the key."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from webapp.backup.archive import MANIFEST, SUMS
from webapp.backup.manifest import Manifest

Members = dict[str, bytes]
Change = Callable[[Members], None]


def members_of(archive: Path) -> Members:
    """Name → content of everything but the list and the manifest, as any tar program reads it."""
    with tarfile.open(archive, "r:") as tar:
        found = {info.name: tar.extractfile(info) for info in tar}
    with tarfile.open(archive, "r:") as tar:
        return {
            name: tar.extractfile(name).read()  # type: ignore[union-attr]
            for name in found
            if name not in (SUMS, MANIFEST)
        }


def manifest_of(archive: Path) -> dict[str, Any]:
    with tarfile.open(archive, "r:") as tar:
        file = tar.extractfile(MANIFEST)
        assert file is not None
        found: dict[str, Any] = orjson.loads(file.read())
        return found


def remade(
    archive: Path,
    target: Path,
    key: bytes,
    *,
    change: Change = lambda _members: None,
    also: Change = lambda _members: None,
    **told: Any,
) -> Path:
    """A copy with other contents (`change`), unlisted ones (`also`), and other words in the
    manifest, sealed with this key: what only somebody who knows it could make."""
    members = members_of(archive)
    change(members)
    sums = "".join(f"{hashlib.sha256(b).hexdigest()}  {n}\n" for n, b in members.items()).encode()
    facts = {
        "files": len(members),
        "bytes_total": sum(map(len, members.values())),
        "list_sha256": hashlib.sha256(sums).hexdigest(),
    }
    raw = manifest_of(archive) | facts | told
    also(members)
    text = orjson.dumps(raw)
    if raw["format"] == 1:
        text = Manifest.model_validate(raw).sealed(key).text()
    with target.open("wb") as out, tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT,
                                                bufsize=1024) as tar:  # fmt: skip
        for name, content in {**members, SUMS: sums, MANIFEST: text}.items():
            tar.addfile(plain(name, len(content)), io.BytesIO(content))
    _end_as_we_do(target)
    return target


def plain(name: str, size: int = 0, **how: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    for attribute, value in how.items():
        setattr(info, attribute, value)
    return info


def with_first(archive: Path, target: Path, info: tarfile.TarInfo, form: int) -> Path:
    """The archive with one more member in front, in whatever dialect of tar."""
    header = info.tobuf(form)
    target.write_bytes(header + archive.read_bytes())
    return target


def _end_as_we_do(archive: Path) -> None:
    """Python pads the end of a tar to ten kilobytes, and we to one."""
    content = archive.read_bytes().rstrip(b"\x00")
    blocks = -(-len(content) // tarfile.BLOCKSIZE)
    archive.write_bytes(content.ljust(blocks * tarfile.BLOCKSIZE, b"\x00") + bytes(1024))


def renamed(archive: Path, target: Path, old: str, new: str) -> Path:
    """One member under another name, its header's checksum made right: no key is needed for it."""
    content = archive.read_bytes()
    with tarfile.open(archive, "r:") as tar:
        info = tar.getmember(old)
    info.name = new
    header = info.tobuf(tarfile.GNU_FORMAT)
    at = info.offset
    target.write_bytes(content[:at] + header + content[at + tarfile.BLOCKSIZE :])
    return target
