"""`hall ledger settle-interest`: 年终结息 of every member, once a year on 30 June."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from webapp import settings as configuration

STEP = "  · "
YEAR_MIN, YEAR_MAX = 2000, 2199  # outside them a year is a slip of the keyboard
SAY_SECONDS = 2.0  # between two lines where there is no terminal to draw a bar on


@click.command("settle-interest")
@click.option(
    "--year",
    required=True,
    type=click.IntRange(YEAR_MIN, YEAR_MAX),
    help="The fund year, named by the year whose 30 June ends it.",
)
def settle_interest(year: int) -> None:
    """Pay every member the interest of a fund year and carry balances forward.

    Run it on 30 June after the day's postings, before the day is closed.  When it was killed, run
    it again: it goes on where it was.
    """
    from engine.runtime import SYSTEM
    from handlers.amounts import money_text
    from handlers.ledger import settling
    from webapp.jobs import workshop

    shop = workshop(configuration.load())
    started = time.monotonic()
    try:
        with shop.sessions() as session, _shown(year) as report:
            settled = settling.settle(shop.runtime(session), SYSTEM, year, report=report)
    finally:
        shop.engine.dispose()
    seconds = time.monotonic() - started
    click.echo(
        f"{STEP}{year} 年度已结息：{settled.accounts:,} 户，"
        f"利息合计 {money_text(settled.interest_cents)} 元，用时 {seconds:.1f} 秒"
    )


@contextmanager
def _shown(year: int) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, a line every few seconds anywhere else."""
    if not sys.stdout.isatty():
        yield _lines(year)
        return
    with click.progressbar(length=1, label=f"{STEP}{year} 年度结息", show_pos=True) as bar:
        yield lambda done, total: _move(bar, done, total)


def _move(bar: Any, done: int, total: int) -> None:
    bar.length = max(total, 1)
    bar.update(done - bar.pos)


def _lines(year: int) -> Callable[[int, int], None]:
    told = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if done == total or now - told >= SAY_SECONDS:
            told = now
            click.echo(f"{STEP}{year} 年度结息  {done:,}/{total:,}")

    return report
