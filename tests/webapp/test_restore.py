"""Whatever is no sound archive of this hall is refused with nothing written; a kill is no end."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command

from tests.builders import archives
from tests.builders.archives import Members, members_of, remade, renamed, with_first
from tests.conftest import Clock
from tests.engine.killing import in_a_copy
from tests.servers import Databases
from tests.webapp.backed import (
    OTHER_SECRET,
    Backed,
    all_rows,
    backed_up,
    bring_back,
    machine,
    stored_files,
)
from webapp.app import create_app
from webapp.backup import checks, making, restoring
from webapp.backup.archive import CHUNK_BYTES, Archive, BackupError, pack, unpack
from webapp.backup.making import make
from webapp.backup.restoring import restore
from webapp.migrations import tables
from webapp.settings import RESTORE_NOTE, Settings, SettingsError


@pytest.fixture(scope="module")
def there(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backed]:
    """Made once: the tests only read it."""
    backed = backed_up(databases, Clock(), "sqlite", tmp_path_factory.mktemp("there"))
    yield backed
    databases.drop(backed.settings.database_url)


@pytest.fixture
def here(databases: Databases, tmp_path: Path) -> Settings:
    """A machine that has nothing yet."""
    return machine(databases.empty("sqlite"), tmp_path / "here")


def refused(here: Settings, archive: Path, **how: Any) -> str:
    """The sentence; and nothing was written."""
    with pytest.raises(BackupError) as error:
        bring_back(here, archive, **how)
    assert not making.store_of(here).has_rows()
    assert stored_files(here) == {}
    assert not (here.data_path / RESTORE_NOTE).exists()
    assert re.search(r"[。]$", error.value.text), error.value.text
    return error.value.text


# ── what is refused ────────────────────────────────────────────────────────────────────────────
def test_one_changed_byte_anywhere_is_found(there: Backed, here: Settings, tmp_path: Path) -> None:
    content = bytearray(there.archive.read_bytes())
    spoilt = tmp_path / "spoilt.tar"
    step = max(1, len(content) // 150)
    first_header = range(0, 512, 7)
    for at in [*first_header, *range(0, len(content), step), 154, 155, len(content) - 1]:
        changed = bytearray(content)
        changed[at] ^= 0x10
        spoilt.write_bytes(changed)
        refused(here, spoilt)


def test_a_truncated_archive_is_refused(there: Backed, here: Settings, tmp_path: Path) -> None:
    content = there.archive.read_bytes()
    short = tmp_path / "short.tar"
    for size in (0, 100, 512, len(content) // 2, len(content) - 512, len(content) - 1):
        short.write_bytes(content[:size])
        assert "请换一份备份" in refused(here, short)


FOREIGN = {
    "a way up": (archives.plain("../../etc/cron.d/x"), tarfile.GNU_FORMAT),
    "an absolute path": (archives.plain("/etc/cron.d/x"), tarfile.GNU_FORMAT),
    "a hidden file": (archives.plain("materials/.ssh"), tarfile.GNU_FORMAT),
    "a symlink": (
        archives.plain("materials/a", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        tarfile.GNU_FORMAT,
    ),
    "a hard link": (
        archives.plain("materials/a", type=tarfile.LNKTYPE, linkname="manifest.json"),
        tarfile.GNU_FORMAT,
    ),
    "a device": (archives.plain("materials/a", type=tarfile.CHRTYPE), tarfile.GNU_FORMAT),
    "a folder": (archives.plain("materials/a", type=tarfile.DIRTYPE), tarfile.GNU_FORMAT),
    "a sparse file": (
        archives.plain("materials/a", type=tarfile.GNUTYPE_SPARSE),
        tarfile.GNU_FORMAT,
    ),
    "an extension": (archives.plain("materials/" + "a" * 200), tarfile.PAX_FORMAT),
    "a long name": (archives.plain("materials/" + "a" * 200), tarfile.GNU_FORMAT),
    "a giant": (archives.plain("materials/a", 2**62), tarfile.GNU_FORMAT),
    "one that is not listed": (archives.plain("materials/a"), tarfile.GNU_FORMAT),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_we_never_write_is_refused(
    there: Backed, here: Settings, tmp_path: Path, what: str
) -> None:
    spoilt = with_first(there.archive, tmp_path / "spoilt.tar", *FOREIGN[what])
    for key_lost in (False, True):
        assert "请换一份备份" in refused(here, spoilt, key_lost=key_lost)
    assert not (tmp_path.parent / "etc").exists()


def test_a_file_under_another_name_is_refused(
    there: Backed, here: Settings, tmp_path: Path
) -> None:
    old = next(name for name in members_of(there.archive) if name.startswith("materials/"))
    spoilt = renamed(there.archive, tmp_path / "a.tar", old, f"{old[:-1]}g")
    assert "不在清单里" in refused(here, spoilt)


def test_what_grows_beyond_its_size_is_stopped_at_once() -> None:
    packed = io.BytesIO()
    pack((bytes(CHUNK_BYTES) for _ in range(200)), packed)
    taken: list[int] = []
    with pytest.raises(BackupError, match="比清单所说的大"):
        taken.extend(map(len, unpack([packed.getvalue()], 3 * CHUNK_BYTES)))
    assert sum(taken) == 3 * CHUNK_BYTES


def drop_a_file(members: Members) -> None:
    members.pop(next(name for name in members if name.startswith("materials/")))


def add_beside(members: Members) -> None:
    members["database/other.gz"] = b""


TOLD: dict[str, tuple[dict[str, Any], str]] = {
    "another centre": ({"center": "xizang"}, "这是 xizang 的备份，而这里是 qiandongnan"),
    "another kind of database": ({"database": "postgresql"}, "只能恢复到同一种数据库"),
    "a newer format": ({"format": 2}, "更新的版本做的（格式 2），请先把大厅升级"),
    "a database larger than told": ({"plain": {"database/hall.sqlite3.gz": 9}}, "请换一份备份"),
    "a database smaller than told": (
        {"plain": {"database/hall.sqlite3.gz": 10**9}},
        "请换一份备份",
    ),
    "a database larger than the disk": (
        {"plain": {"database/hall.sqlite3.gz": 10**18}},
        "磁盘空间不够",
    ),
    "a part that is missing": ({"plain": {"database/other.gz": 1}}, "请换一份备份"),
    "an unlisted part": ({"also": add_beside}, "请换一份备份"),
    "a listed part of no use": ({"change": add_beside}, "请换一份备份"),
    "a listed file that is missing": ({"also": drop_a_file}, "请换一份备份"),
}


@pytest.mark.parametrize("what", TOLD)
def test_a_manifest_that_does_not_fit_is_refused(
    there: Backed, here: Settings, tmp_path: Path, what: str
) -> None:
    told, sentence = TOLD[what]
    key = there.settings.history_key()
    assert sentence in refused(here, remade(there.archive, tmp_path / "told.tar", key, **told))


def test_rows_and_revision_must_be_those_of_the_manifest(
    there: Backed, here: Settings, tmp_path: Path
) -> None:
    facts = archives.manifest_of(there.archive)["facts"]
    fewer = facts | {"tables": facts["tables"] | {"hall_unit": {"rows": 1, "columns": []}}}
    newer = facts | {"revision": "ffffffffffff"}
    for told, sentence in ((fewer, "数据库与清单不符"), (newer, "请先把大厅升级到那个版本")):
        key = there.settings.history_key()
        spoilt = remade(there.archive, tmp_path / "told.tar", key, facts=told)
        assert sentence in refused(here, spoilt)


def test_an_honest_copy_made_by_the_builder_is_taken(
    there: Backed, here: Settings, tmp_path: Path
) -> None:
    """Otherwise the refusals above would prove nothing."""
    bring_back(here, remade(there.archive, tmp_path / "a.tar", there.settings.history_key()))
    assert stored_files(here) == stored_files(there.settings)


def test_only_who_knows_the_secret_restores_unless_it_is_lost(
    there: Backed, databases: Databases, tmp_path: Path
) -> None:
    here = machine(databases.empty("sqlite"), tmp_path / "here", secret_key=OTHER_SECRET)
    assert "请先放好做备份时用的 secret_key" in refused(here, there.archive)
    bring_back(here, there.archive, key_lost=True)
    verdicts = {verdict.name: verdict.faults for verdict in checks.run(here)}
    assert verdicts["办理记录 hall audit verify"], "the history can no longer be proven"
    assert not verdicts["材料文件"]


def test_a_missing_file_and_a_missing_key_are_told_after_a_restore(
    there: Backed, here: Settings
) -> None:
    bring_back(here, there.archive)
    next(path for path in here.materials_path.rglob("*") if path.is_file()).unlink()
    verdicts = {verdict.name: verdict.faults for verdict in checks.run(here)}
    assert re.search("的材料“.*”不在或大小不符", verdicts["材料文件"][0])


def test_what_is_there_already_is_never_overwritten(there: Backed, here: Settings) -> None:
    stray = here.materials_path / "aa" / ("a" * 32)
    stray.parent.mkdir(parents=True)
    stray.touch()
    with pytest.raises(BackupError, match="里已有文件，请先移走再恢复"):
        bring_back(here, there.archive)
    assert stray.exists()
    stray.unlink()
    bring_back(here, there.archive)
    restoring.finish(here)
    before = all_rows(here.database_url)
    with pytest.raises(BackupError, match="只能恢复到空的数据库"):
        bring_back(here, there.archive)
    assert all_rows(here.database_url) == before


def test_a_database_somebody_has_open_is_not_replaced(
    there: Backed, databases: Databases, tmp_path: Path
) -> None:
    here = machine(databases.sqlite(), tmp_path / "here")
    with closing(sqlite3.connect(here.database_url.removeprefix("sqlite:///"))) as somebody:
        somebody.execute("select * from hall_unit").fetchall()
        assert "请先停止网站、worker 和 scheduler" in refused(here, there.archive)
    bring_back(here, there.archive)
    databases.drop(here.database_url)


# ── killed in the middle ───────────────────────────────────────────────────────────────────────
def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("moment", ["files written", "rows written", "committed"])
def test_a_killed_restore_is_done_again_or_goes_on(
    databases: Databases, clock: Clock, store: str, tmp_path: Path, moment: str
) -> None:
    there = backed_up(databases, clock, store, tmp_path)
    url = databases.sqlite() if store == "sqlite" else databases.postgres()
    command.stamp(tables.config(url), "head")
    here = machine(url, tmp_path / "here")
    assert in_a_copy(lambda: killed_restore(here, there.archive, moment)) == -signal.SIGKILL
    assert (here.data_path / RESTORE_NOTE).exists()
    assert making.store_of(here).has_rows() == (moment == "committed")
    heard: list[str] = []
    restore(here, there.archive, migrate=lambda: None, tell=heard.append)
    expected = "接着升级和检查" if moment == "committed" else "没有做完，现在重新做"
    assert expected in heard[0]
    assert all_rows(url) == all_rows(there.settings.database_url)
    assert stored_files(here) == stored_files(there.settings)
    for one in (url, there.settings.database_url):
        databases.drop(one)


def killed_restore(here: Settings, archive: Path, moment: str) -> None:
    chunks: Callable[..., Iterator[bytes]] = Archive.chunks

    def last_chunk_kills(self: Archive, entry: Any, digest: str) -> Iterator[bytes]:
        yield from chunks(self, entry, digest)
        if moment == "rows written" and entry.name.startswith("database/hall"):
            die()

    def verified(self: Archive, list_digest: str) -> None:
        Archive.chunks = last_chunk_kills  # type: ignore[method-assign]

    Archive.verify = verified  # type: ignore[method-assign]
    if moment == "files written":
        restoring._opener = lambda *_: die()  # type: ignore[assignment,return-value]
    restore(here, archive, migrate=die, tell=lambda _text: None)


def test_an_unfinished_restore_wants_the_same_archive(
    there: Backed, here: Settings, clock: Clock, tmp_path: Path
) -> None:
    clock.advance(hours=1)
    other = make(there.settings, tmp_path / "later.tar", clock)
    bring_back(here, there.archive)  # and the checks were never run
    with pytest.raises(SettingsError, match="上次恢复没有做完"):
        create_app(here)
    with pytest.raises(BackupError, match="请用同一份备份再执行一次 hall restore"):
        bring_back(here, other.path)
    bring_back(here, there.archive)


def test_two_restores_at_once_are_one_too_many(there: Backed, here: Settings) -> None:
    with restoring._alone(here), pytest.raises(BackupError, match="另一个恢复正在进行"):
        bring_back(here, there.archive)
    shutil.rmtree(here.data_path)
