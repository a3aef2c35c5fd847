"""The file itself: a tar that any tar can read, of which we read only what we have written.

Members are plain files with short plain names, each listed in SHA256SUMS (`sha256sum -c` checks
an unpacked archive); the list and the manifest come last.  Everything is streamed: neither a
database of gigabytes nor a million files is ever in memory.  Links, devices, extension headers and
names that lead elsewhere do not exist in this format, so nobody asks what they mean.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from engine.errors import HallError, Problem

SUMS, MANIFEST = "SHA256SUMS", "manifest.json"
DATABASE, MATERIALS = "database/", "materials/"
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
CHUNK_BYTES = 1024 * 1024
MANIFEST_BYTES_MAX = 4 * 1024 * 1024  # a thousand tables with all their columns
NAME_CHARS_MAX = tarfile.LENGTH_NAME  # a longer name would need an extension header
GZIP_LEVEL = 3  # twice as fast as 6, a tenth larger
_SUM_LINE_BYTES = 64 + 2 + NAME_CHARS_MAX
_GZIP_WINDOW = 31  # zlib's word for "with gzip's header and checksum"
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"  # no part begins with a dot: there is no way up
_NAME = re.compile(rf"(?:{_PART}/){{0,5}}{_PART}")


class BackupError(HallError):
    """A backup or a restore that cannot be done; one sentence for whoever runs the hall."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(Problem(f"backup.{code}", text))


def damaged(what: str) -> BackupError:
    return BackupError("damaged", f"备份文件不完整或被改动（{what}），请换一份备份。")


def fits(name: str) -> bool:
    """Whether a file of this name can be in an archive."""
    return len(name) <= NAME_CHARS_MAX and _NAME.fullmatch(name) is not None


# ── writing ────────────────────────────────────────────────────────────────────────────────────
class Writer:
    """Appends members to `out`, and a line for each to `sums`."""

    def __init__(self, out: BinaryIO, sums: BinaryIO, mtime: int) -> None:
        self._out, self._sums, self._mtime = out, sums, mtime
        self.files = self.bytes = 0

    def add(self, name: str, source: BinaryIO) -> None:
        """One file as large as it is now; OSError when it becomes shorter meanwhile."""
        size = os.fstat(source.fileno()).st_size
        digest = self._write(name, size, iter(lambda: source.read(CHUNK_BYTES), b""))
        self._sums.write(f"{digest}  {name}\n".encode())
        self.files, self.bytes = self.files + 1, self.bytes + size

    def close(self, manifest: Callable[[str], bytes]) -> None:
        """The list, the manifest (made of the list's digest) and the end."""
        self._sums.flush()
        size = os.fstat(self._sums.fileno()).st_size
        self._sums.seek(0)
        listed = self._write(SUMS, size, iter(lambda: self._sums.read(CHUNK_BYTES), b""))
        text = manifest(listed)
        self._write(MANIFEST, len(text), [text])
        self._out.write(_END)

    def _write(self, name: str, size: int, chunks: Iterable[bytes]) -> str:
        assert fits(name), name
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, self._mtime
        self._out.write(info.tobuf(tarfile.GNU_FORMAT))
        total, left = hashlib.sha256(), size
        for chunk in chunks:
            piece = chunk[:left]  # what is appended meanwhile is not ours
            self._out.write(piece)
            total.update(piece)
            left -= len(piece)
            if not left:
                break
        if left:
            raise BackupError("shrunk", f"文件 {name} 在备份时变短了，请检查磁盘后重新备份。")
        self._out.write(bytes(-size % _BLOCK))
        return total.hexdigest()


def pack(chunks: Iterable[bytes], out: BinaryIO) -> int:
    """Compress into `out`; how many bytes they were."""
    plain = 0
    with gzip.GzipFile("", "wb", GZIP_LEVEL, out, mtime=0) as packed:
        for chunk in chunks:
            packed.write(chunk)
            plain += len(chunk)
    return plain


def unpack(chunks: Iterable[bytes], plain: int) -> Iterator[bytes]:
    """What `pack` was given; stops at the first byte beyond `plain`, however far it would grow."""
    left = plain
    for piece in _inflate(chunks):
        left -= len(piece)
        if left < 0:
            raise damaged("数据库部分比清单所说的大")
        yield piece
    if left:
        raise damaged("数据库部分比清单所说的小")


def _inflate(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """In pieces of at most CHUNK_BYTES, whatever a chunk grows to."""
    made = zlib.decompressobj(_GZIP_WINDOW)
    try:
        for chunk in chunks:
            if made.eof:
                raise damaged("数据库部分有多余内容")
            rest = chunk
            while rest and not made.eof:
                yield made.decompress(rest, CHUNK_BYTES)
                rest = made.unconsumed_tail
        yield made.flush()
    except zlib.error:
        raise damaged("数据库部分解不开") from None
    if not made.eof or made.unused_data:
        raise damaged("数据库部分不完整或有多余内容")


# ── reading ────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Entry:
    """One member: `size` bytes from offset `at` of the archive."""

    name: str
    size: int
    at: int


class Archive:
    """An archive opened for reading; every header has been looked at, no content yet."""

    def __init__(self, file: BinaryIO) -> None:
        self._handle = file.fileno()
        last: list[Entry] = []
        for entry in self._entries():
            last = [*last[-1:], entry]
        if [entry.name for entry in last] != [SUMS, MANIFEST]:
            raise damaged("缺少清单")
        self.sums, manifest = last
        if manifest.size > MANIFEST_BYTES_MAX:
            raise damaged("清单过大")
        self.manifest = os.pread(self._handle, manifest.size, manifest.at)

    def members(self) -> Iterator[tuple[Entry, str]]:
        """Every member but the list and the manifest, with the digest the list gives it."""
        listed = self._lines(self.sums)
        for entry in self._entries():
            if entry.name in (SUMS, MANIFEST):
                break
            digest, name = next(listed, ("", ""))
            if name != entry.name:
                raise damaged(f"{entry.name} 不在清单里")
            yield entry, digest
        if next(listed, None) is not None:
            raise damaged("清单里有文件不在备份中")

    def chunks(self, entry: Entry, digest: str) -> Iterator[bytes]:
        """A member's content; at its end it turns out whether it is what the list says."""
        total = hashlib.sha256()
        for chunk in self._read(entry):
            total.update(chunk)
            yield chunk
        if total.hexdigest() != digest:
            raise damaged(f"{entry.name} 与校验值不符")

    def verify(self, list_digest: str) -> None:
        """Read everything once; raises at the first byte that is not what it was."""
        for entry, digest in chain([(self.sums, list_digest)], self.members()):
            for _ in self.chunks(entry, digest):
                pass

    def _read(self, entry: Entry) -> Iterator[bytes]:
        at, left = entry.at, entry.size
        while left:
            chunk = os.pread(self._handle, min(left, CHUNK_BYTES), at)
            if not chunk:
                raise damaged("文件被截断")
            yield chunk
            at, left = at + len(chunk), left - len(chunk)

    def _entries(self) -> Iterator[Entry]:
        size, at = os.fstat(self._handle).st_size, 0
        while True:
            header = os.pread(self._handle, _BLOCK, at)
            if header == _END[:_BLOCK]:
                break
            entry = _entry(header, at + _BLOCK)
            at = entry.at + entry.size + -entry.size % _BLOCK
            if at + len(_END) > size:
                raise damaged("文件被截断")
            if any(os.pread(self._handle, -entry.size % _BLOCK, entry.at + entry.size)):
                raise damaged("文件之间有多余内容")
            yield entry
        if os.pread(self._handle, 2 * len(_END), at) != _END:
            raise damaged("末尾有多余内容或被截断")

    def _lines(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """Digest and name of each line of the list."""
        rest = b""
        for chunk in self._read(entry):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _SUM_LINE_BYTES:
                raise damaged("清单的一行过长")
            for line in lines:
                digest, _, name = line.decode("ascii", "replace").partition("  ")
                yield digest, name
        if rest:
            raise damaged("清单被截断")


def _entry(header: bytes, at: int) -> Entry:
    try:
        info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
    except (tarfile.HeaderError, ValueError):
        raise damaged("不是本系统的备份格式") from None
    plain = info.type == tarfile.REGTYPE and not info.linkname and info.size >= 0
    if not plain or not fits(info.name):
        raise damaged(f"含有不该有的内容 {info.name[:40]!r}")
    if info.tobuf(tarfile.GNU_FORMAT) != header:  # each bit of it has a meaning, or is not ours
        raise damaged(f"{info.name} 的文件头被改动")
    return Entry(info.name, info.size, at)
