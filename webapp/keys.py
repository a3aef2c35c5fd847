"""`hall keys`: the key file of personal data, made, watched, exchanged and thinned out.

Running processes look at the file every few seconds, so a rotation needs no restart; a key is only
removed when nothing in the database is sealed with it and every process must have learnt the newer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from engine.database import configure
from handlers.members.models import Person
from handlers.people.models import Operator, Staff
from handlers.privacy import keyfile, keyring, rotation
from handlers.privacy.keyfile import KeyFile
from handlers.privacy.keyring import Keyring, KeyringError
from webapp import settings as configuration
from webapp.settings import Settings, SettingsError

STEP = "  · "
# A key stays so long after another one has become primary: by then every process has looked at the
# file (LOOK_SECONDS) and every transaction begun before is over.
SETTLE = timedelta(minutes=10)
# After that every running process has read the new file: before it, one that knows only the old
# index key would not find what is indexed with the new one.
LEARN_SECONDS = keyring.LOOK_SECONDS + 1


def require_fit(session: Session) -> None:
    """What is stored opens with these keys; a wrong file must not seal new rows beside it.

    One value of each kind of people.  Raises KeyringError.
    """
    for stored in (Operator.mobile, Staff.mobile, Person.id_no):
        session.execute(select(stored).where(stored != "").limit(1)).all()


def open_keys(settings: Settings) -> None:
    """The keys of this process; SettingsError when they cannot be used.  The demo makes its own."""
    path = settings.keys_path
    if not path.exists() and settings.mode == "demo" and not settings.keys.file:
        keyfile.create(path, _now())
    try:
        keyring.configure(keyfile.read(path).ring, _source(path))
    except KeyringError as error:
        raise SettingsError(error.text) from None


def check_fit(settings: Settings) -> None:
    """The same for a command, before it writes anything."""
    with _database(settings) as database, Session(database) as session:
        require_fit(session)


def _source(path: Path) -> keyring.Source:
    """Reads the file again when it was replaced; a file half-copied by hand is left for later."""
    seen = _mark(path)

    def changed() -> Keyring | None:
        nonlocal seen
        mark = _mark(path)
        if mark == seen or mark is None:
            return None
        try:
            ring = keyfile.read(path).ring
        except KeyringError:
            return None
        seen = mark
        return ring

    return changed


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@click.group("keys")
def group() -> None:
    """The keys of personal data (个人信息密钥)."""


@group.command()
def create() -> None:
    """Make the key file (HALL_KEYS_FILE, or keys.toml in data_dir)."""
    path = configuration.load().keys_path
    if not keyfile.create(path, _now()):
        raise SettingsError(f"密钥文件 {path} 已经存在，没有改动。")
    click.echo(f"{STEP}已生成密钥文件 {path}")
    click.echo(f"{STEP}请把它另行备份保管：没有它，数据库里的个人信息无法恢复。")


@group.command()
def status() -> None:
    """Which keys there are, and how much is sealed with each."""
    settings = configuration.load()
    keys = keyfile.read(settings.keys_path)
    with _database(settings) as database:
        used = rotation.used(database)
    for key in keys.data:
        what = "当前" if key.id == keys.primary else "备用" if key == keys.prepared else "旧"
        count = used.pop(key.id, 0)
        click.echo(f"{STEP}数据密钥 {key.id}  {key.made_at:%Y-%m-%d}  {what}  {count} 项")
    for key in keys.index:
        what = "当前" if key.id == keys.index_primary else "旧"
        click.echo(f"{STEP}索引密钥 {key.id}  {key.made_at:%Y-%m-%d}  {what}")
    for name, count in used.items():
        what = "未加密或无法识别" if name == rotation.PLAIN else f"密钥 {name} 不在密钥文件里"
        click.echo(f"✗ {count} 项{what}", err=True)
    if used:
        raise SystemExit(1)


@group.command()
@click.option("--prepare", is_flag=True, help="Only add the new key, for several machines.")
@click.option("--index", is_flag=True, help="Exchange the index key as well.")
def rotate(prepare: bool, index: bool) -> None:
    """Seal everything anew with a new key, while the hall runs; run it again after a kill."""
    settings = configuration.load()
    with keyfile.held(settings.keys_path):
        _rotate(settings, prepare=prepare, index=index)


def _rotate(settings: Settings, *, prepare: bool, index: bool) -> None:
    path = settings.keys_path
    keys = keyfile.read(path)
    now = _now()
    if prepare:
        if keys.prepared is None:
            keyfile.write(path, keyfile.with_data_key(keys, now))
        click.echo(f"{STEP}新密钥已写入 {path}：请把文件复制到每台机器，再执行 hall keys rotate。")
        return
    with _database(settings) as database:
        unfinished = _unfinished(database, keys)
        if unfinished:
            click.echo(f"{STEP}上次换密钥没有做完，接着做。")
        keys = _next(keys, now, index=index, finished=not unfinished)
        keyfile.write(path, keys)
        keyring.configure(keys.ring)
        time.sleep(LEARN_SECONDS)
        changed = rotation.rotate(database, keys.ring, _shown)
        left = rotation.left_behind(database, keys.ring)
    click.echo(f"{STEP}已用密钥 {keys.primary} 重新加密 {changed} 项个人信息")
    if left:
        raise SettingsError(f"还有 {left} 项正被占用，请稍后再执行一次 hall keys rotate。")
    minutes = int(SETTLE.total_seconds() // 60)
    click.echo(f"{STEP}请备份新的密钥文件；{minutes} 分钟后可执行 hall keys retire。")


def _next(keys: KeyFile, now: datetime, *, index: bool, finished: bool) -> KeyFile:
    """The file to go on with: a rotation that was interrupted is finished, not begun anew."""
    if finished:
        if keys.prepared is None:
            made_at = max(now, keys.data[-1].made_at + timedelta(seconds=1))
            keys = keyfile.with_data_key(keys, made_at)
        assert keys.prepared is not None
        keys = keyfile.promoted(keys, keys.prepared.id, now)
    if index and len(keys.index) == 1:
        keys = keyfile.with_index_key(keys, now)
    return keys


def _unfinished(database: Engine, keys: KeyFile) -> bool:
    return any(name != keys.primary for name in rotation.used(database))


@contextmanager
def _database(settings: Settings) -> Iterator[Engine]:
    from webapp.rooms import register_handlers

    register_handlers()  # every table is known then
    database = configure(create_engine(settings.database_url, **settings.engine_options()))
    try:
        yield database
    finally:
        database.dispose()


def _shown(table: str, done: int, total: int) -> None:
    click.echo(f"{STEP}{table}  {done}/{total}")


@group.command()
def retire() -> None:
    """Remove the old keys from the file, when nothing is sealed with them any more."""
    settings = configuration.load()
    with keyfile.held(settings.keys_path):
        _retire(settings)


def _retire(settings: Settings) -> None:
    path = settings.keys_path
    keys = keyfile.read(path)
    left = keyfile.without_old(keys)
    if left == keys:
        click.echo(f"{STEP}没有旧密钥。")
        return
    wait = keys.primary_since + SETTLE - _now()
    if wait > timedelta(0):
        minutes = int(wait.total_seconds()) // 60 + 1
        raise SettingsError(f"换密钥不久，有的进程可能还在用旧密钥，请 {minutes} 分钟后再试。")
    keyring.configure(keys.ring)
    with _database(settings) as database:
        rotation.check_retirable(database, keys.ring)
    keyfile.write(path, left)
    click.echo(f"{STEP}旧密钥已去掉；换密钥以前的备份要用以前的密钥文件恢复，请继续保管它。")
