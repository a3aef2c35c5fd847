"""An archive brings back exactly what was there, and is written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from sqlalchemy import create_engine, text

from tests.builders import keys
from tests.conftest import Clock
from tests.engine.killing import in_a_copy
from tests.servers import Databases
from tests.webapp.backed import (
    SECRET,
    Backed,
    all_rows,
    backed_up,
    bring_back,
    machine,
    stored_files,
)
from tests.webapp.hall import Hall, make_app
from webapp.backup import checks, making, restoring
from webapp.backup.archive import BackupError
from webapp.backup.commands import in_words
from webapp.backup.making import make
from webapp.migrations import tables
from webapp.settings import RESTORE_NOTE


@pytest.fixture(scope="module")
def there(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backed]:
    """Made once: the tests only read it."""
    backed = backed_up(databases, Clock(), "sqlite", tmp_path_factory.mktemp("there"))
    yield backed
    databases.drop(backed.settings.database_url)


# ── there and back ─────────────────────────────────────────────────────────────────────────────
def test_every_row_and_every_file_comes_back(
    databases: Databases, clock: Clock, store: str, tmp_path: Path
) -> None:
    there = backed_up(databases, clock, store, tmp_path)
    url = databases.sqlite() if store == "sqlite" else databases.postgres()
    here = machine(url, tmp_path / "here")
    command.stamp(tables.config(url), "head")  # empty, after `hall migrate`
    bring_back(here, there.archive)
    assert all_rows(url) == all_rows(there.settings.database_url)
    assert stored_files(here) == stored_files(there.settings) != {}
    assert (here.data_path / RESTORE_NOTE).exists(), "until the checks are through"
    assert list(checks.run(here)) == list(checks.run(there.settings))
    found = {verdict.name: verdict.faults for verdict in checks.run(here)}
    assert not found["办理记录 hall audit verify"]
    assert not found["材料文件"]
    assert not found["个人信息密钥 hall keys status"]
    restoring.finish(here)
    made = make_app(url, here.data_path, clock, secret_key=SECRET)
    hall = Hall(made, clock)
    assert hall.signed_in("reviewer").get("/review").status_code == 200
    assert hall.file("stranger"), "numbers go on where they were"
    hall.close()
    for one in (url, there.settings.database_url):
        databases.drop(one)


def test_foreign_keys_indexes_and_triggers_are_back_after_a_restore(
    databases: Databases, clock: Clock, tmp_path: Path
) -> None:
    there = backed_up(databases, clock, "postgresql", tmp_path)
    url = databases.postgres()
    command.stamp(tables.config(url), "head")
    before = shape(url)
    bring_back(machine(url, tmp_path / "here"), there.archive)
    assert shape(url) == before
    for one in (url, there.settings.database_url):
        databases.drop(one)


def shape(url: str) -> list[Any]:
    queries = (
        "select conname, pg_get_constraintdef(oid), convalidated from pg_constraint",
        "select indexname, indexdef from pg_indexes where schemaname = 'public'",
        "select tgrelid::regclass::text, tgname, tgenabled from pg_trigger where not tgisinternal",
    )
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        found = [sorted(connection.execute(f"{query} order by 1, 2".encode())) for query in queries]
    assert found[0]
    return found


def test_any_tar_program_can_unpack_and_check_it(there: Backed, tmp_path: Path) -> None:
    with tarfile.open(there.archive) as tar:
        tar.extractall(tmp_path, filter="data")
    assert os.system(f"cd {tmp_path} && sha256sum --check --quiet SHA256SUMS") == 0
    assert (tmp_path / "manifest.json").stat().st_mode & 0o777 == 0o600


def test_it_holds_no_key_and_nobody_else_can_read_it(there: Backed) -> None:
    content = there.archive.read_bytes()
    for secret in (SECRET.encode(), keys.FILE.read_bytes()):
        assert secret not in content
    assert there.archive.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(r"hall-qiandongnan-20260715-093000\.tar", there.archive.name)


def test_an_archive_of_the_first_version_is_brought_up_to_this_one(
    databases: Databases, clock: Clock, store: str, tmp_path: Path
) -> None:
    old = databases.empty(store)
    command.upgrade(tables.config(old), "88ace24672c1")
    engine = create_engine(old)
    with engine.begin() as connection:
        row = (
            "insert into hall_branch (code, name, address, phone) values ('QDN01', '凯里', '', '')"
        )
        connection.execute(text(row))
    engine.dispose()
    archive = make(machine(old, tmp_path / "there"), tmp_path, clock).path
    here = machine(databases.empty(store), tmp_path / "here")
    told = bring_back(here, archive)
    assert told.facts.revision == "88ace24672c1"
    engine = create_engine(here.database_url)
    with engine.connect() as connection:
        assert connection.scalar(text("select name from hall_branch")) == "凯里"
        assert connection.scalar(text("select count(*) from hall_seal")) == 0
    engine.dispose()


# ── where it may go ────────────────────────────────────────────────────────────────────────────
def test_a_backup_overwrites_nothing(there: Backed, clock: Clock) -> None:
    before = there.archive.read_bytes()
    with pytest.raises(BackupError, match="已存在，备份不覆盖原有文件"):
        make(there.settings, there.archive, clock)
    with pytest.raises(BackupError, match="已存在"):
        make(there.settings, there.archive.parent, clock)
    assert there.archive.read_bytes() == before


def test_a_backup_needs_a_folder_outside_the_materials(
    there: Backed, clock: Clock, tmp_path: Path
) -> None:
    with pytest.raises(BackupError, match="请先建好再备份"):
        make(there.settings, tmp_path / "nowhere" / "a.tar", clock)
    with pytest.raises(BackupError, match="nowhere 不存在，请先建好再备份"):
        make(there.settings, tmp_path / "nowhere", clock)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BackupError, match="备份不能放在材料文件夹"):
        make(there.settings, there.settings.materials_path / "a.tar", clock)


def test_a_full_disk_leaves_no_half_archive(
    there: Backed, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(making.os, "fsync", full)
    with pytest.raises(BackupError, match=r"备份没有写成：磁盘已满。"), in_words("备份没有写成"):
        make(there.settings, tmp_path, clock)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_backup_left_the_next_one_clears_away(
    there: Backed, clock: Clock, tmp_path: Path
) -> None:
    def die(*_arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def killed() -> None:
        making._add_materials = die  # type: ignore[assignment]
        make(there.settings, tmp_path, clock)

    assert in_a_copy(killed) == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".hall-backup-")
    made = make(there.settings, tmp_path, clock)
    assert list(tmp_path.iterdir()) == [made.path]


def test_files_that_vanish_while_they_are_copied_are_nobodys_any_more(
    there: Backed, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = os.walk

    def walk_and_purge(root: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        for folder, folders, files in walk(root):
            yield folder, folders, [*files, "0" * 32]

    monkeypatch.setattr(making.os, "walk", walk_and_purge)
    made = make(there.settings, tmp_path, clock)
    assert made.materials == there.made.materials


def test_what_is_no_file_of_the_hall_is_named_and_left_out(
    there: Backed, clock: Clock, tmp_path: Path
) -> None:
    root = there.settings.materials_path
    strangers = [root / ".nfs01", root / "照片.jpg", root / "link"]
    strangers[0].touch()
    strangers[1].touch()
    strangers[2].symlink_to("/etc/passwd")
    made = make(there.settings, tmp_path, clock)
    for one in strangers:
        one.unlink()
    assert sorted(made.skipped) == [".nfs01", "link", "照片.jpg"]
    assert made.materials == there.made.materials


def test_only_old_archives_of_this_centre_are_forgotten(tmp_path: Path) -> None:
    days = [f"hall-xizang-2026071{n}-020000.tar" for n in range(1, 6)]
    others = ["hall-qiandongnan-20260711-020000.tar", "hall-xizang-keep.tar", "notes.txt"]
    for name in (*days, *others):
        (tmp_path / name).touch()
    assert [path.name for path in making.forget(tmp_path, "xizang", 2)] == days[:3]
    assert {path.name for path in tmp_path.iterdir()} == {*days[3:], *others}


def test_a_database_without_tables_is_told_how_to_get_them(
    databases: Databases, clock: Clock, store: str, tmp_path: Path
) -> None:
    for url in (databases.empty(store), _without_alembic(databases, store)):
        with pytest.raises(BackupError, match="请先执行 hall migrate"), in_words(""):
            make(machine(url, tmp_path), tmp_path, clock)
    assert list(tmp_path.glob("*.tar")) == []


def _without_alembic(databases: Databases, store: str) -> str:
    url = databases.empty(store)
    engine = create_engine(url)
    tables.metadata().tables["hall_unit"].create(engine)
    engine.dispose()
    return url
