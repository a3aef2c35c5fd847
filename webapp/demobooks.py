"""`--units --members --months --seed`: how large the demonstration is, and filling its books."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy.orm import Session

from webapp.settings import SettingsError

if TYPE_CHECKING:
    from webapp.jobs import Workshop

STEP = "  · "
NOTE = "demo.unfinished"
LABEL = "演示账套 demo books"
UNITS_MAX, MEMBERS_MAX = 20_000, 2_000_000  # twice what the books are measured with
MONTHS_MAX = 60  # the parameters of the demonstration centres go back so far
TENTHS = 10  # lines where there is no terminal to draw a bar on


def sized(command: Callable[..., Any]) -> Callable[..., Any]:
    """The four options, given to the command as one `size`."""

    @functools.wraps(command)
    def with_size(*, units: int, members: int, months: int, seed: int, **more: Any) -> Any:
        from handlers.demo import Size

        return command(size=Size(units, members, months, seed), **more)

    options = (
        ("--units", 40, click.IntRange(40, UNITS_MAX), "Units; forty have names of their own."),
        ("--members", 2_000, click.IntRange(0, MEMBERS_MAX), "Individual accounts, about so many."),
        ("--months", 24, click.IntRange(0, MONTHS_MAX), "Months of books up to now; 0: no books."),
        ("--seed", 7, click.IntRange(0), "The same number makes the same people and books."),
    )  # fmt: skip
    for name, default, kind, text in reversed(options):
        option = click.option(name, default=default, show_default=True, type=kind, help=text)
        with_size = option(with_size)
    return with_size


@contextmanager
def whole(folder: Path) -> Iterator[None]:
    """A note lies in the data folder while the books are being written: half of them are none."""
    note = folder / NOTE
    if note.exists():
        text = "演示账套上次没有写完，请用 hall reset-demo 重新开始；自己的数据库请先清空。"
        raise SettingsError(text)
    note.touch()
    yield
    note.unlink()


def fill(shop: Workshop, session: Session, size: Any) -> None:
    """Generate unless there is something in the books; says how much and how fast."""
    from handlers import demo

    started = time.monotonic()
    try:
        with _shown() as report:
            made = demo.generate(shop.runtime(session), size, report=report)
    except BaseException:
        click.echo(f"{STEP}{LABEL}  没有写完，请用 hall reset-demo 重新开始", err=True)
        raise
    if made is None:
        return
    seconds = time.monotonic() - started
    click.echo(
        f"{STEP}{LABEL}  {made.units:,} 个单位，{made.members:,} 名职工，"
        f"{made.vouchers:,} 张凭证，{made.entries:,} 条分录，"
        f"用时 {seconds:.1f} 秒，每秒 {made.entries / max(seconds, 0.001):,.0f} 条"
    )
    _open_matters(shop, session)


def _open_matters(shop: Workshop, session: Session) -> None:
    """What waits on the desks, and files to practise with."""
    from webapp import demodesk, demofiles, demomatters

    rt = shop.runtime(session)
    numbers = demomatters.lay_out(rt, shop.settings)
    demofiles.write(demodesk.Desks(rt, shop.settings), shop.settings)
    folder = shop.settings.data_path / demofiles.FOLDER
    click.echo(f"{STEP}待办业务 open requests  {len(numbers)} 件；练习文件 samples  {folder.name}/")


@contextmanager
def _shown() -> Iterator[Callable[[float], None]]:
    """A bar on a terminal, a line for each tenth anywhere else."""
    if not sys.stdout.isatty():
        yield _lines()
        return
    steps = 1_000
    with click.progressbar(length=steps, label=STEP + LABEL, fill_char="█", empty_char="░") as bar:
        yield lambda share: bar.update(int(share * steps) - bar.pos)


def _lines() -> Callable[[float], None]:
    told = 0

    def report(share: float) -> None:
        nonlocal told
        if int(share * TENTHS) > told:
            told = int(share * TENTHS)
            click.echo(f"{STEP}{LABEL}  {told * 100 // TENTHS} %")

    return report
