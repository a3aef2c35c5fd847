"""Write one archive while people work: first the database as it is at one moment, then the files.

A file is on disk before its row is committed and stays long after its row is gone, so whatever the
snapshot knows is there when the files are copied.  The archive grows in a hidden folder beside its
place and is renamed when it is complete and on disk; what a killed backup left there the next one
clears away.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.calendar import ZONE
from handlers.documents.uploads import INCOMING
from webapp.backup.archive import MATERIALS, BackupError, Writer, fits, pack
from webapp.backup.manifest import FORMAT, Manifest, product_version
from webapp.backup.postgresql import PostgresStore
from webapp.backup.sqlite import SqliteStore, sync
from webapp.backup.stores import Store
from webapp.settings import Settings

SUFFIX = ".tar"
_WORK = ".hall-backup-"


@dataclass(frozen=True, slots=True)
class Made:
    """`skipped`: names under materials/ that are no files of the hall."""

    path: Path
    bytes: int
    manifest: Manifest
    materials: int
    skipped: tuple[str, ...]


def store_of(settings: Settings) -> Store:
    url = settings.database_url
    return SqliteStore(url) if url.startswith("sqlite") else PostgresStore(url)


def make(settings: Settings, target: Path, clock: Callable[[], datetime]) -> Made:
    """Write the archive `target`, or one with a name of its own in the folder `target`."""
    place = target / default_name(settings.center, clock()) if target.is_dir() else target
    _check_place(settings, place)
    with _work_folder(place.parent) as work:
        fresh = work / "archive"
        with fresh.open("xb") as out, (work / "sums").open("x+b") as sums:
            os.fchmod(out.fileno(), 0o600)
            writer = Writer(out, sums, int(clock().timestamp()))
            manifest, materials, skipped = _write(settings, writer, work, clock())
            out.flush()
            os.fsync(out.fileno())
        if place.exists():
            raise _taken(place)
        fresh.rename(place)
        sync(place.parent)
    return Made(place, place.stat().st_size, manifest, materials, skipped)


def _write(
    settings: Settings, writer: Writer, work: Path, now: datetime
) -> tuple[Manifest, int, tuple[str, ...]]:
    store = store_of(settings)
    plain: dict[str, int] = {}
    with store.snapshot(work) as snapshot:
        for name, chunks in snapshot.parts():
            with tempfile.TemporaryFile(dir=work) as packed:
                plain[name] = pack(chunks, packed)
                packed.seek(0)
                writer.add(name, packed)
        facts = snapshot.facts
    before = writer.files
    skipped = tuple(_add_materials(writer, settings.materials_path))
    made: list[Manifest] = []

    def manifest(list_sha256: str) -> bytes:
        told = Manifest(
            format=FORMAT,
            product=product_version(),
            center=settings.center,
            at=now,
            database=store.kind,
            facts=facts,
            plain=plain,
            files=writer.files,
            bytes_total=writer.bytes,
            list_sha256=list_sha256,
        )
        made.append(told.sealed(settings.history_key()))
        return made[0].text()

    materials = writer.files - before
    writer.close(manifest)
    return made[0], materials, skipped


def _add_materials(writer: Writer, root: Path) -> Iterator[str]:
    """Yields the names that are left out; a file deleted meanwhile is nobody's any more."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        if here == root and INCOMING in folders:
            folders.remove(INCOMING)  # uploads on their way in
        folders.sort()
        for file in sorted(files):
            path = here / file
            name = MATERIALS + path.relative_to(root).as_posix()
            if not fits(name) or path.is_symlink() or (path.exists() and not path.is_file()):
                yield path.relative_to(root).as_posix()
                continue
            with suppress(FileNotFoundError), path.open("rb") as opened:
                writer.add(name, opened)


# ── where it goes ──────────────────────────────────────────────────────────────────────────────
def default_name(center: str, now: datetime) -> str:
    return f"hall-{center}-{now.astimezone(ZONE):%Y%m%d-%H%M%S}{SUFFIX}"


def forget(folder: Path, center: str, keep: int) -> list[Path]:
    """Delete all but the newest `keep` archives that were named by us."""
    ours = re.compile(rf"hall-{re.escape(center)}-\d{{8}}-\d{{6}}{re.escape(SUFFIX)}")
    old = sorted(path for path in folder.iterdir() if ours.fullmatch(path.name))[:-keep]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def _check_place(settings: Settings, place: Path) -> None:
    if place.exists():
        raise _taken(place)
    missing = place.parent if place.suffix == SUFFIX else place
    if not place.parent.is_dir() or missing == place:  # a disk that is not mounted is no file name
        text = f"文件夹 {missing} 不存在，请先建好再备份；指定文件名时请以 {SUFFIX} 结尾。"
        raise BackupError("no_folder", text)
    materials = settings.materials_path.resolve()
    if place.resolve().is_relative_to(materials):
        raise BackupError("inside", f"备份不能放在材料文件夹 {materials} 里，请换一个位置。")


def _taken(place: Path) -> BackupError:
    return BackupError("exists", f"{place} 已存在，备份不覆盖原有文件，请换一个名称。")


@contextmanager
def _work_folder(parent: Path) -> Iterator[Path]:
    for left in parent.glob(f"{_WORK}*"):
        with _locked(left) as free:
            if free:
                shutil.rmtree(left, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=_WORK, dir=parent))
    try:
        with _locked(work):
            yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """False when a living backup works in it; the lock goes with its process."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        os.close(handle)
