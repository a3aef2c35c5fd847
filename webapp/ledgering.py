"""`hall ledger`: check the books, close days, show a trial balance."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from unicodedata import east_asian_width

import click

from engine import Runtime
from engine.calendar import ZONE
from handlers.amounts import money_text
from handlers.ledger import closing, verifying
from handlers.ledger.closing import Outcome, Row
from handlers.ledger.kinds import KINDS
from handlers.ledger.verifying import Report
from webapp import settings as configuration
from webapp import settlement

FAULTS_SHOWN = 50
STEP = "  · "
DAY = click.DateTime(formats=["%Y-%m-%d"])
# 期初借 期初贷 本期借 本期贷 期末借 期末贷, in 分
Figures = tuple[int, int, int, int, int, int]
HEADS = ("期初借方", "期初贷方", "本期借方", "本期贷方", "期末借方", "期末贷方")


@click.group("ledger")
def group() -> None:
    """The books (账务): check them, close days, pay interest."""


@contextmanager
def _books() -> Iterator[Runtime]:
    from webapp.jobs import workshop

    shop = workshop(configuration.load())
    with shop.sessions() as session:
        yield shop.runtime(session)
    shop.engine.dispose()


# ── verify ─────────────────────────────────────────────────────────────────────────────────────
@group.command()
def verify() -> None:
    """Recompute every account, voucher, total and closed day; exit code 1 when one is wrong."""
    with _books() as rt, _progress("核对账务") as report:
        found = verifying.verify(rt.session, report=report)
    tell(found)
    sys.exit(0 if found.clean else 1)


@contextmanager
def _progress(label: str) -> Iterator[verifying.Progress]:
    """A bar on a terminal, a plain line in a log."""
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def report(done: int, of: int) -> None:
            bar.length = max(of, 1)
            bar.update(done - bar.pos)

        yield report


def tell(report: Report) -> None:
    """One line, and the first faults."""
    click.echo(
        f"核对 {report.accounts} 个账户、{report.vouchers} 张凭证、{report.entries} 条分录："
        + ("全部相符。" if report.clean else f"发现{_how_many(report)}处不符。")
    )
    for fault in report.faults[:FAULTS_SHOWN]:
        click.echo(f"✗ {fault.where}：{fault.text}（{fault.code}）", err=True)
    if len(report.faults) > FAULTS_SHOWN:
        click.echo(f"… 另有 {len(report.faults) - FAULTS_SHOWN} 处", err=True)


def _how_many(report: Report) -> str:
    count = len(report.faults)
    return f"至少 {count} " if count >= verifying.FAULTS_MAX else f" {count} "


# ── closing days ───────────────────────────────────────────────────────────────────────────────
@group.command("close-day")
@click.option(
    "--date", "day", type=DAY, default=None, help="Close through this day, today at most."
)
@click.option("--branch", default=None, help="One branch; all when left out.")
@click.option(
    "--unsettled", is_flag=True, help="Close a 30 June before that year's interest is paid."
)
def close_day(day: datetime | None, branch: str | None, unsettled: bool) -> None:
    """Close every branch's days through yesterday; harmless when run again.

    The worker does the same every night.
    """
    with _books() as rt:
        codes = [branch] if branch else closing.branches(rt.session)
        through = day.date() if day else _today(rt) - timedelta(days=1)
        outcomes = [closing.close_branch(rt, code, through, unsettled=unsettled) for code in codes]
    for outcome in outcomes:
        _tell_outcome(outcome)
    if not outcomes:
        click.echo("还没有任何凭证，没有需要结账的日期。")
    problems = [outcome.problem for outcome in outcomes if outcome.problem]
    # Every summer some nights are spent waiting for the year's interest: nothing is wrong then.
    sys.exit(1 if any(day or one.code != closing.UNSETTLED for one in problems) else 0)


def _today(rt: Runtime) -> date:
    return rt.clock().astimezone(ZONE).date()


def _tell_outcome(outcome: Outcome) -> None:
    through = f"，已结至 {outcome.closed_through}" if outcome.closed_through else ""
    click.echo(f"{STEP}{outcome.branch_code}  结账 {outcome.days} 天{through}")
    if outcome.problem:
        click.echo(f"✗ {outcome.branch_code}：{outcome.problem.text}", err=True)


# ── trial balance ──────────────────────────────────────────────────────────────────────────────
@group.command("trial-balance")
@click.option("--date", "day", type=DAY, default=None, help="The day; today when left out.")
@click.option("--branch", default=None, help="One branch; all together when left out.")
def trial_balance(day: datetime | None, branch: str | None) -> None:
    """Opening balance, movement and closing balance of every subject (试算平衡表)."""
    with _books() as rt:
        shown = day.date() if day else _today(rt)
        if branch:
            closing.require_branch(rt.session, branch)
        codes = [branch] if branch else closing.branches(rt.session)
        rows = [row for code in codes for row in closing.trial_balance(rt.session, code, shown)]
    whose = branch or "全中心"
    click.echo(f"试算平衡表  {whose}  {shown}  单位：元")
    for line in _table(rows):
        click.echo(line)
    if not rows:
        click.echo("这一天没有余额，也没有发生额。")


def _table(rows: list[Row]) -> Iterator[str]:
    """One line for each subject, and their sums."""
    by_subject: dict[tuple[str, str], Figures] = {}
    for row in rows:
        subject = KINDS[row.kind].subject
        by_subject[subject] = _plus(by_subject.get(subject, (0,) * 6), _figures(row))
    lines = [(f"{code} {name}", by_subject[code, name]) for code, name in sorted(by_subject)]
    total: Figures = (0, 0, 0, 0, 0, 0)
    for _, figures in lines:
        total = _plus(total, figures)
    yield _line("科目", HEADS)
    for name, figures in [*lines, ("合计", total)]:
        yield _line(name, [money_text(cents) for cents in figures])


def _figures(row: Row) -> Figures:
    opening, closing_ = row.opening_cents, row.closing_cents
    return (
        *(max(-opening, 0), max(opening, 0)),
        *(-row.debit_cents, row.credit_cents),
        *(max(-closing_, 0), max(closing_, 0)),
    )


def _plus(one: tuple[int, ...], other: tuple[int, ...]) -> Figures:
    a, b, c, d, e, f = (x + y for x, y in zip(one, other, strict=True))
    return a, b, c, d, e, f


NAME_WIDTH, FIGURE_WIDTH = 24, 20


def _line(name: str, figures: tuple[str, ...] | list[str]) -> str:
    name += " " * (NAME_WIDTH - _width(name))
    return name + "".join(" " * (FIGURE_WIDTH - _width(text)) + text for text in figures)


def _width(text: str) -> int:
    """Columns of a terminal: a Chinese character takes two."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


group.add_command(settlement.settle_interest)
