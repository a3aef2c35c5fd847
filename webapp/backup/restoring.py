"""Fill an empty machine from an archive, or leave it as it was.

Everything is read and checked before anything is written.  Then come the files, and last the
database in one transaction (SQLite: in a file beside the real one): as long as it is empty, nothing
has been restored.  Until all is done a note lies in the data folder: the same command, given again
by whoever was killed in between, finds it and starts anew or goes on.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import orjson
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from webapp.backup.archive import (
    DATABASE,
    MATERIALS,
    Archive,
    BackupError,
    damaged,
    unpack,
)
from webapp.backup.making import store_of
from webapp.backup.manifest import KIND_NAMES, Manifest, read
from webapp.backup.sqlite import sync
from webapp.backup.stores import Open, Store
from webapp.migrations.tables import config
from webapp.settings import RESTORE_NOTE, Settings

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Note:
    """Whose restore was begun here: the archive's name and its seal."""

    archive: str
    seal: str


def restore(
    settings: Settings,
    source: Path,
    *,
    migrate: Callable[[], None],
    tell: Tell,
    key_lost: bool = False,
) -> Manifest:
    """Raises BackupError with nothing written, or returns with everything in place and migrated.

    The note stays: call `finish` when the checks have been run.
    """
    with source.open("rb") as file, _alone(settings):
        archive = Archive(file)
        manifest = _read(archive)
        _check_manifest(settings, manifest, key_lost)
        store, before = store_of(settings), _note(settings)
        if _may_begin(settings, store, before, manifest):
            if before is not None:
                tell(f"上次恢复（{before.archive}）没有做完，现在重新做。")
            tell("正在核对备份文件…")
            _check_content(archive, manifest)
            _check_room(settings, manifest)
            _leave_note(settings, Note(source.name, manifest.seal))
            _fill(settings, store, archive, manifest)
        else:
            tell("数据已在上次恢复时写入，现在接着升级和检查。")
        migrate()
    return manifest


def finish(settings: Settings) -> None:
    (settings.data_path / RESTORE_NOTE).unlink(missing_ok=True)


# ── may it be? ─────────────────────────────────────────────────────────────────────────────────
def _read(archive: Archive) -> Manifest:
    found = read(archive.manifest)
    if isinstance(found, int):
        text = f"备份是更新的版本做的（格式 {found}），请先把大厅升级到那个版本再恢复。"
        raise BackupError("newer", text)
    return found


def _check_manifest(settings: Settings, manifest: Manifest, key_lost: bool) -> None:
    if not (key_lost or manifest.fits(settings.history_key())):
        text = (
            "备份的封印与这台机器的 secret_key 不符：请先放好做备份时用的 secret_key 再恢复；"
            "如已遗失，加上 --key-lost（恢复后办理记录将无法核对）；如密钥无误，则备份被改动过。"
        )
        raise BackupError("seal", text)
    if manifest.center != settings.center:
        text = f"这是 {manifest.center} 的备份，而这里是 {settings.center}，请核对 center 设置。"
        raise BackupError("center", text)
    if manifest.database != store_of(settings).kind:
        text = f"这是 {KIND_NAMES[manifest.database]} 的备份，只能恢复到同一种数据库。"
        raise BackupError("kind", f"{text[:-1]}，请核对 database.url 设置。")
    try:
        ScriptDirectory.from_config(config(settings.database_url)).get_revision(
            manifest.facts.revision
        )
    except CommandError:
        text = f"备份是更新的版本做的（{manifest.product}），请先把大厅升级到那个版本再恢复。"
        raise BackupError("newer", text) from None


def _may_begin(settings: Settings, store: Store, before: Note | None, now: Manifest) -> bool:
    """False when the last restore came as far as the commit; raises unless all is empty."""
    if store.has_rows():
        if before is None:
            text = "数据库里已有数据，只能恢复到空的数据库；请新建一个空库，或换一台机器。"
            raise BackupError("not_empty", text)
        if before.seal != now.seal:
            text = f"上次用 {before.archive} 恢复没有做完，请用同一份备份再执行一次 hall restore。"
            raise BackupError("other_archive", text)
        return False
    if before is None and _holds_files(settings.materials_path):
        text = f"材料文件夹 {settings.materials_path} 里已有文件，请先移走再恢复。"
        raise BackupError("not_empty", text)
    return True


def _holds_files(folder: Path) -> bool:
    return any(files for _, _, files in os.walk(folder))


def _check_content(archive: Archive, manifest: Manifest) -> None:
    parts, files, total = set(), 0, 0
    for entry, _ in archive.members():
        files, total = files + 1, total + entry.size
        if entry.name.startswith(DATABASE) and entry.name in manifest.plain:
            parts.add(entry.name)
        elif not entry.name.startswith(MATERIALS):
            raise damaged(f"{entry.name} 不在清单里")
    if parts != manifest.plain.keys() or (files, total) != (manifest.files, manifest.bytes_total):
        raise damaged("内容与清单不符")
    archive.verify(manifest.list_sha256)


# ── doing it ───────────────────────────────────────────────────────────────────────────────────
def _fill(settings: Settings, store: Store, archive: Archive, manifest: Manifest) -> None:
    root = settings.materials_path
    try:
        _clear(root)  # `_may_begin` has seen that there is nothing, or only our own
        _unpack_files(archive, root)
        store.load(manifest, _opener(archive, manifest))
    except BaseException:
        # When the database itself is what failed, the note tells the next one.
        with suppress(Exception):
            if not store.has_rows():
                _clear(root)
                finish(settings)
        raise


def _unpack_files(archive: Archive, root: Path) -> None:
    root.mkdir(mode=0o700, exist_ok=True)
    for entry, digest in archive.members():
        if entry.name.startswith(MATERIALS):
            target = root / entry.name.removeprefix(MATERIALS)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with target.open("xb") as out:
                os.fchmod(out.fileno(), 0o600)
                for chunk in archive.chunks(entry, digest):
                    out.write(chunk)
    os.sync()  # once for all of them: one at a time takes hours for a million files


def _opener(archive: Archive, manifest: Manifest) -> Open:
    parts = {
        entry.name: (entry, digest)
        for entry, digest in archive.members()
        if entry.name.startswith(DATABASE)
    }

    def opened(name: str) -> Iterator[bytes]:
        if name not in parts:
            raise damaged(f"缺少 {name}")
        return unpack(archive.chunks(*parts[name]), manifest.plain[name])

    return opened


def _clear(root: Path) -> None:
    """Empty the folder but keep it: it may be a disk of its own."""
    for child in root.iterdir() if root.is_dir() else ():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()


def _check_room(settings: Settings, manifest: Manifest) -> None:
    needed = manifest.bytes_total
    if manifest.database == "sqlite":
        needed += sum(manifest.plain.values())
    free = shutil.disk_usage(settings.data_path).free
    if needed > free:
        text = f"磁盘空间不够：约需 {needed >> 20} MB，{settings.data_path} 只剩 {free >> 20} MB。"
        raise BackupError("no_room", text)


# ── one at a time, and the note ────────────────────────────────────────────────────────────────
@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(settings.data_path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupError("restoring", "另一个恢复正在进行，请等它结束。") from None
        yield
    finally:
        os.close(handle)


def _note(settings: Settings) -> Note | None:
    """What an earlier restore that did not finish has left."""
    try:
        text = (settings.data_path / RESTORE_NOTE).read_bytes()
    except FileNotFoundError:
        return None
    try:
        return Note(**orjson.loads(text))
    except (orjson.JSONDecodeError, TypeError):  # killed while writing it: before all else
        return Note("", "")


def _leave_note(settings: Settings, note: Note) -> None:
    with (settings.data_path / RESTORE_NOTE).open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(orjson.dumps(note))
        file.flush()
        os.fsync(file.fileno())
    sync(settings.data_path)
