"""`hall audit`: check, seal and export the history."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from engine import audit
from engine.audit import Report
from webapp import settings as configuration
from webapp.settings import Settings

FAULTS_SHOWN = 50


@click.group("audit")
def group() -> None:
    """Check, seal and export the history of all requests."""


@group.command()
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None)
def verify(file: Path | None) -> None:
    """Find every changed, removed or inserted row; exit code 1 when there is one.

    With --file an exported history is checked instead of the database.
    """
    from webapp.jobs import workshop

    shop = workshop(configuration.load())
    with shop.sessions() as session:
        rt = shop.runtime(session)
        if file is None:
            report = audit.verify(rt)
        else:
            with file.open("rb") as lines:
                report = audit.verify_export(rt.secret, lines)
    _tell(report)
    sys.exit(0 if report.clean else 1)


@group.command()
def seal() -> None:
    """Put a lid on everything written so far; the worker does it once a day."""
    from webapp.jobs import workshop

    shop = workshop(configuration.load())
    with shop.sessions() as session:
        made = audit.seal(shop.runtime(session))
    if made is None:
        click.echo("没有新的办理记录需要封存。")
        return
    click.echo(f"已封存 {made.rows} 条办理记录（至 #{made.last_id}），封印 {made.seal}")
    click.echo("请把封印抄录或打印后另行保管。")


@group.command()
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def export(target: Path) -> None:
    """Write the whole history as JSON lines to TARGET, readable for its owner alone."""
    from webapp.jobs import workshop

    shop = workshop(configuration.load())
    rows = 0
    with shop.sessions() as session, target.open("xb") as out:
        target.chmod(0o600)
        for line in audit.export(shop.runtime(session)):
            out.write(line)
            rows += 1
    click.echo(f"已导出 {rows} 条办理记录到 {target}")


def adopt(settings: Settings) -> None:
    """Seal a history that was written before this version knew seals."""
    from webapp.jobs import workshop

    shop = workshop(settings)
    with shop.sessions() as session:
        rows = audit.adopt(shop.runtime(session))
    shop.engine.dispose()
    if rows:
        click.echo(f"  · 已为 {rows} 条原有办理记录加上封印")


def _tell(report: Report) -> None:
    click.echo(
        f"核对 {report.requests} 件业务、{report.rows} 条办理记录、{report.seals} 次封存："
        + ("全部相符。" if report.clean else f"发现 {len(report.faults)} 处不符。")
    )
    for fault in report.faults[:FAULTS_SHOWN]:
        where = f" 第 {fault.seq} 条" if fault.seq else ""
        click.echo(f"✗ {fault.no}{where}：{fault.text}", err=True)
    if len(report.faults) > FAULTS_SHOWN:
        click.echo(f"… 另有 {len(report.faults) - FAULTS_SHOWN} 处", err=True)
