"""The practice bank of the demonstration: `hall demo` starts it beside the pages, `hall real` as a
process of its own, and a developer with `hall bank-simulator`.  It moves no real money.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from webapp import settings as configuration
from webapp.settings import Settings, SettingsError

FILE = "bank.sqlite3"
STEP = "  · "


def chosen() -> dict[str, Any]:
    """Section [bank] of a demonstration: a port nobody uses now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return {"kind": "simulator", "simulator_port": probe.getsockname()[1]}


@contextlib.contextmanager
def beside(settings: Settings) -> Iterator[None]:
    """Open for as long as this process serves pages."""
    with _open(settings.data_path / FILE, settings.bank.simulator_port):
        yield


@click.command("bank-simulator")
@click.option(
    "--port", default=None, type=click.IntRange(1, 65535), help="Default: bank.simulator_port."
)
@click.option(
    "--file",
    "file",
    default=None,
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"What the bank remembers.  Default: {FILE} in data_dir.",
)
def command(port: int | None, file: Path | None) -> None:
    """A bank to practise real-time debit with (never in production), until Ctrl-C."""
    settings = configuration.load()
    if settings.mode == "production":
        raise SettingsError("mode 为 production 时不能启动模拟银行。")
    settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _open(file or settings.data_path / FILE, port or settings.bank.simulator_port):
        threading.Event().wait()


@contextlib.contextmanager
def _open(file: Path, port: int) -> Iterator[None]:
    from handlers.banking.simulator.server import serving

    with contextlib.ExitStack() as stack:
        try:
            bank = stack.enter_context(serving(file, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise SettingsError(f"模拟银行的端口 {port} 已被占用，请换一个。") from None
        click.echo(f"{STEP}模拟银行 bank  {bank.url}")
        yield
