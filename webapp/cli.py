"""The command `hall`: everything that is not a page.

Each command says what it does in short lines and fails in one sentence; a traceback means a bug.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from webapp import auditing, demobooks, keys, ledgering, parameters, practicebank, usage
from webapp import settings as configuration
from webapp.backup import commands as backup
from webapp.settings import ROOT, Settings, SettingsError

if TYPE_CHECKING:
    from handlers.demo import Size

STEP = "  · "


def say(text: str = "") -> None:
    click.echo(text)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def hall() -> None:
    """住房公积金网上业务大厅 · the online business hall of a housing provident fund centre."""


def main() -> None:
    """Entry point: turns what can go wrong outside our code into one sentence."""
    try:
        hall.main(standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _fail(usage.sentence(error), error.exit_code)
    except SettingsError as error:
        _fail(str(error), 2)
    except PermissionError as error:
        _fail(f"没有读写 {error.filename} 的权限，请检查文件和文件夹的属主。")
    except OSError as error:
        if error.errno is None:
            raise
        _fail(f"{error.filename or ''} {error.strerror}".strip() + "。")
    except Exception as error:
        sentence = _known_fault(error)
        if sentence is None:
            raise
        _fail(sentence)


def _known_fault(error: Exception) -> str | None:
    from redis.exceptions import RedisError
    from sqlalchemy.exc import DBAPIError, OperationalError

    from engine.errors import HallError
    from webapp.server import CannotServe

    if isinstance(error, CannotServe | HallError):
        return str(error)
    if isinstance(error, DBAPIError) and _tables_missing(error.orig):
        return "数据库里还没有数据表，请先执行 hall migrate。"
    if isinstance(error, OperationalError):
        lines = str(error.orig).strip().splitlines() or ["没有说明原因"]
        return f"数据库用不了：{lines[0]}。"
    if isinstance(error, RedisError):
        return f"Redis 用不了：{error}。".replace("。。", "。").replace(".。", "。")
    return None


def _tables_missing(error: BaseException | None) -> bool:
    return "no such table" in str(error) or getattr(error, "sqlstate", "") == "42P01"


def _fail(text: str, code: int = 1) -> None:
    click.echo(f"\n✗ {text}", err=True)
    sys.exit(code)


# ── demo ───────────────────────────────────────────────────────────────────────────────────────
def demo_folder(center: str) -> Path:
    return ROOT / "var" / f"demo-{center}"


def demo_settings(center: str, host: str | None, port: int | None) -> Settings:
    """The demonstration needs nothing but this folder, whatever the environment offers."""
    environ = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_DEMO}
    web: dict[str, Any] = {"processes": 1}
    web |= {"host": host} if host else {}
    web |= {"port": port} if port else {}
    quiet = {} if "HALL_LOG_LEVEL" in environ else {"level": "warning"}
    return configuration.load(
        environ=environ,
        center=center,
        mode="demo",
        data_dir=demo_folder(center),
        database={"url": ""},
        redis={"url": ""},
        worker={"kind": "embedded"},
        sms={"gateway": "demo", "fallback": "none"},
        bank=practicebank.chosen(),
        web=web,
        log=quiet,
    )


_NOT_FOR_DEMO = {
    *("DATABASE_URL", "REDIS_URL", "HALL_DATABASE_URL", "HALL_REDIS_URL"),
    "HALL_KEYS_FILE",
}


@hall.command()
@click.option(
    "--center", default="qiandongnan", show_default=True, help="A folder of bpmn/centers."
)
@click.option("--host", default=None, help="Address to listen on.")
@click.option("--port", default=None, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--serve/--no-serve", "serving", default=True, help="Or only make the database.")
@demobooks.sized
def demo(center: str, host: str | None, port: int | None, *, serving: bool, size: Size) -> None:
    """Make the demonstration's database if needed, then serve it until Ctrl-C."""
    from webapp import server

    started = time.monotonic()
    settings = demo_settings(center, host, port)
    if serving:
        server.require_free(settings.web.host, settings.web.port)
    if (settings.data_path / demobooks.NOTE).exists():
        say(f"{STEP}上次没有写完，重新开始 begun before and not finished: starting anew")
        shutil.rmtree(settings.data_path)
    _make_data_folder(settings)
    say(f"{STEP}数据库 database  {_shown(settings.data_path)}")
    migrate_database(settings)
    people = load_demo(settings, size)
    if not serving:
        return
    app = _make_app(settings)

    def ready() -> None:
        _introduce(settings, people, time.monotonic() - started)

    with practicebank.beside(settings):
        server.serve(app, settings, ready)


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def load_demo(settings: Settings, size: Size | None = None) -> list[Any]:
    """People, units and diagrams of the demonstration, with a size its books too; what is there
    already stays."""
    from handlers import demo as demonstration
    from webapp import jobs, rooms

    _make_data_folder(settings)
    shop = jobs.workshop(settings)
    with shop.sessions() as session:
        say(f"{STEP}演示数据 demo data  {shop.center.name}")
        demonstration.load(session, shop.center, now=shop.clock())
        session.commit()
        for deployed in rooms.open_center(shop.runtime(session), settings):
            say(f"{STEP}流程 process  {deployed}")
        if size is not None:
            with demobooks.whole(settings.data_path):
                demobooks.fill(shop, session, size)
        people = list(demonstration.logins(session, shop.center))
    shop.engine.dispose()
    return people


def _introduce(settings: Settings, people: list[Any], seconds: float) -> None:
    host = settings.web.host
    shown_host = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    say(f"\n  网上业务大厅已就绪 ready in {seconds:.1f} s\n")
    say(f"    http://{shown_host}:{settings.web.port}\n")
    say("  演示账号 demo logins（入口 · 账号 · 密码 · 身份）")
    for door, login, password, who in people:
        say(f"    {door:<6} {login:<14} {password:<12} {who}")
    say("\n  按 Ctrl-C 结束 · press Ctrl-C to stop\n")
    sys.stdout.flush()


@hall.command("reset-demo")
@click.option("--center", default="qiandongnan", show_default=True)
@demobooks.sized
def reset_demo(center: str, size: Size) -> None:
    """Throw the demonstration's data away and make it anew."""
    settings = demo_settings(center, None, None)
    if settings.data_path.is_dir():
        shutil.rmtree(settings.data_path)
        say(f"{STEP}已删除 removed  {_shown(settings.data_path)}")
    else:
        say(f"{STEP}没有演示数据 nothing to remove  {_shown(settings.data_path)}")
    migrate_database(settings)
    load_demo(settings, size)
    say(f"{STEP}已重新开始，用 make demo 启动 · fresh again, start it with make demo")


# ── the real set-up ────────────────────────────────────────────────────────────────────────────
def _make_app(settings: Settings) -> Any:
    from webapp import observability
    from webapp.app import create_app

    observability.configure_logging(settings)
    return create_app(settings)


@hall.command()
def serve() -> None:
    """Serve the hall as config.toml and the environment say."""
    from webapp import server

    settings = configuration.load()
    server.require_free(settings.web.host, settings.web.port)
    app = _make_app(settings)
    address = f"http://{settings.web.host}:{settings.web.port}"
    server.serve(app, settings, lambda: say(f"{STEP}web  {address}"))


def _make_data_folder(settings: Settings) -> None:
    settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)


def migrate_database(settings: Settings) -> None:
    from webapp.migrations import tables

    _make_data_folder(settings)
    keys.open_keys(settings)  # the migration seals what older versions have left plain
    tables.upgrade(settings.database_url)
    keys.check_fit(settings)
    auditing.adopt(settings)


@hall.command()
def migrate() -> None:
    """Bring the database up to this version."""
    migrate_database(configuration.load())
    say(f"{STEP}数据库已是最新 database is up to date")


@hall.command()
@click.argument("message")
def migration(message: str) -> None:
    """Write a new migration from what the models say (for developers)."""
    import tempfile

    from webapp.migrations import tables

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/migration.sqlite3"
        tables.upgrade(url)
        tables.revise(url, message)


@hall.command("open-center")
def open_center() -> None:
    """Bring the database in line with the centre's folder: branches, calendar, diagrams."""
    from webapp import jobs, rooms

    settings = configuration.load()
    _make_data_folder(settings)
    shop = jobs.workshop(settings)
    with shop.sessions() as session:
        for deployed in rooms.open_center(shop.runtime(session), settings):
            say(f"{STEP}{deployed}")


@hall.command("load-demo")
@demobooks.sized
def load_demo_data(size: Size) -> None:
    """Put the demonstration's people, units and books into the database (never in production)."""
    settings = configuration.load()
    if settings.mode == "production":
        raise SettingsError("mode 为 production 时不能载入演示数据。")
    for door, login, password, who in load_demo(settings, size):
        say(f"    {door:<6} {login:<14} {password:<12} {who}")


@hall.command()
@click.option("--burst", is_flag=True, help="Do what is queued, then end.")
def worker(burst: bool) -> None:
    """An RQ worker; run as many as you like."""
    from rq import Queue

    from webapp import observability, queues

    settings = _rq_settings()
    observability.configure_logging(settings)
    queues.prepare(settings)
    connection = queues.connect_redis(settings, timeout=None)
    listened = [Queue(name, connection=connection) for name in queues.QUEUES]
    # A worker says at least once a minute that it lives; /healthz relies on it.
    one = queues.FlushProofWorker(
        listened, connection=connection, worker_ttl=60, log_job_description=False
    )
    one.work(burst=burst, logging_level="WARNING")


@hall.command()
def scheduler() -> None:
    """RQ's own scheduler: queues a sweep every worker.sweep_seconds.  Run one."""
    from webapp import observability, queues

    settings = _rq_settings()
    observability.configure_logging(settings)
    _keep_scheduling(lambda: queues.schedule(settings))


def _keep_scheduling(run: Callable[[], None]) -> None:
    """RQ's scheduler ends when Redis goes away; ours comes back."""
    from redis.exceptions import RedisError
    from rq.exceptions import StopRequested

    with contextlib.suppress(StopRequested):  # told to stop while waiting here
        while True:
            try:
                run()
            except (RedisError, OSError) as error:
                click.echo(f"{STEP}Redis 无应答，稍后再试：{error}", err=True)
                time.sleep(2)
            else:
                return


def _rq_settings() -> Settings:
    settings = configuration.load()
    if settings.worker.kind != "rq":
        raise SettingsError("worker.kind 不是 rq：内嵌方式不需要单独的 worker 进程。")
    return settings


# ── checks ─────────────────────────────────────────────────────────────────────────────────────
@hall.group()
def lint() -> None:
    """Checks that are ours."""


@lint.command("bpmn")
@click.argument("folder", type=click.Path(path_type=Path, exists=True), default=ROOT / "bpmn")
def lint_bpmn(folder: Path) -> None:
    """House rules for diagrams."""
    from engine.diagrams.lint import check_folder
    from webapp.rooms import register_handlers

    register_handlers()
    findings = list(check_folder(folder))
    for found in findings:
        say(f"{found.file}: {found.element}: {found.text}")
    say(f"{len(findings)} finding(s) in {_shown(folder.resolve())}")
    if findings:
        sys.exit(1)


hall.add_command(auditing.group)
hall.add_command(backup.backup)
hall.add_command(backup.restore)
hall.add_command(keys.group)
hall.add_command(ledgering.group)
hall.add_command(parameters.command)
hall.add_command(practicebank.command)

if __name__ == "__main__":
    main()
