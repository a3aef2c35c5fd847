"""`hall backup` and `hall restore`, for a person and for cron.

Exit codes: 0 done; 1 not done, one sentence says why; 2 settings or usage; 3 restored, but a check
has found something.
"""

from __future__ import annotations

import errno
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import psycopg

from engine.calendar import ZONE
from webapp import settings as configuration
from webapp.backup import checks, making, restoring
from webapp.backup.archive import BackupError
from webapp.backup.making import Made
from webapp.backup.manifest import KIND_NAMES
from webapp.backup.stores import not_migrated
from webapp.jobs import utc_now

FAULTS_FOUND = 3
KEYS_APART = (
    "备份里没有密钥：secret_key（和 HALL_KEYS_FILE）请另行保管，缺了密钥，备份无法完整恢复。"
)
_FULL = (errno.ENOSPC, errno.EDQUOT)


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(1), default=None, metavar="N",
              help="Then delete all but the newest N archives in the folder TARGET.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="Say nothing unless something is wrong (for cron).")
def backup(target: Path, keep: int | None, quiet: bool) -> None:
    """Write the database and the uploaded files to TARGET while the hall runs.

    TARGET is a new file (….tar), or a folder, in which it gets a name with centre and time.
    """
    say = (lambda _text: None) if quiet else _say
    if keep and not target.is_dir():
        raise click.UsageError("--keep 只能用于文件夹：TARGET 须为一个已有的文件夹。")
    settings = configuration.load()
    with in_words("备份没有写成"):
        made = making.make(settings, target, utc_now)
        removed = making.forget(target, settings.center, keep) if keep else []
    for line in _told(made):
        say(line)
    for path in removed:
        say(f"已删除旧备份 {path.name}")
    say(KEYS_APART)
    for name in made.skipped[: checks.FAULTS_SHOWN]:
        click.echo(f"  ! 材料文件夹里的 {name} 不是大厅的文件，没有备份。", err=True)


def _told(made: Made) -> Iterator[str]:
    facts = made.manifest.facts
    rows = sum(table.rows for table in facts.tables.values())
    kind = KIND_NAMES[made.manifest.database]
    yield f"数据库 {kind}：{len(facts.tables)} 张表、{rows} 行，版本 {facts.revision}"
    yield f"材料文件 {made.materials} 个"
    if facts.last_seal:
        yield f"最近一次封存：至 #{facts.last_seal.last_id}，封印 {facts.last_seal.seal}"
    yield f"备份 {made.path}，{made.bytes / 1024 / 1024:.1f} MB"


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key-lost", is_flag=True,
              help="The secret key of the backup is gone: restore without its seal.")  # fmt: skip
def restore(source: Path, key_lost: bool) -> None:
    """Fill an empty database and an empty materials folder from the archive SOURCE.

    Stop web, workers and scheduler first.  What was restored is brought up to this version and
    checked; the same command given again goes on where a killed one has stopped.
    """
    from webapp.cli import migrate_database
    from webapp.rooms import open_rooms

    settings = configuration.load()
    open_rooms(settings)
    with in_words("恢复没有做完，请排除原因后用同一份备份再执行一次"):
        manifest = restoring.restore(
            settings,
            source,
            migrate=lambda: migrate_database(settings),
            tell=_say,
            key_lost=key_lost,
        )
        made = f"{manifest.at.astimezone(ZONE):%Y-%m-%d %H:%M:%S}"
        _say(f"已恢复到 {made} 的状态，正在检查…")
        faults = _check(lambda: checks.run(settings))
        restoring.finish(settings)
    if faults:
        click.echo("\n✗ 数据已恢复，但检查发现不符，请核对以上各条。", err=True)
        sys.exit(FAULTS_FOUND)
    _say("恢复完成，可以启动大厅。备份之后办理的业务不在其中，请与经办人核对。")


def _check(run: Callable[[], Iterator[checks.Verdict]]) -> bool:
    faulty = False
    for verdict in run():
        count = len(verdict.faults) + verdict.more
        _say(f"{verdict.name}：" + (f"发现 {count} 处不符" if count else "全部相符"))
        for fault in verdict.faults:
            click.echo(f"    ✗ {fault}", err=True)
        faulty = faulty or count > 0
    return faulty


@contextmanager
def in_words(failed: str) -> Iterator[None]:
    """What the machine or the database will not do, as one sentence; ours are sentences already."""
    try:
        yield
    except OSError as error:
        if error.errno is None or isinstance(error, PermissionError):
            raise  # `main` has a sentence of its own for it
        reason = "磁盘已满" if error.errno in _FULL else f"{error.strerror}"
        where = f"{error.filename} " if error.filename else ""
        raise BackupError("disk", f"{failed}：{where}{reason}。") from None
    except (sqlite3.Error, psycopg.Error) as error:
        if "no such table" in str(error) or isinstance(error, psycopg.errors.UndefinedTable):
            raise not_migrated() from None
        full = "disk is full" in str(error) or isinstance(error, psycopg.errors.DiskFull)
        first = (str(error).strip().splitlines() or ["没有说明原因"])[0]
        reason = "磁盘已满" if full else f"数据库说 {first}"
        raise BackupError("database", f"{failed}：{reason}。") from None


def _say(text: str) -> None:
    click.echo(f"  · {text}")
