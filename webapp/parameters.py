"""业务参数: what is in force today, what was and what is coming, each value with its source.

Read only: values are entered in the centre's file.  For process admins and 业务主管, who answer for
them; `hall parameters` prints the same for one day.
"""

from __future__ import annotations

import sys
from datetime import date, datetime

import click
from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

from engine import Actor
from engine.verbs.permissions import administers
from handlers.parameters import queries
from handlers.parameters.declared import GROUPS
from webapp import format
from webapp import settings as configuration
from webapp.runtime import actor, center, now, session
from webapp.security import audience

bp = Blueprint("parameters", __name__)

SUPERVISOR = "业务主管"


def may_read(who: Actor) -> bool:
    return administers(who) or any(role == SUPERVISOR for role, _ in who.posts)


@bp.get("/parameters")
@audience("staff")
def index() -> ResponseReturnValue:
    if not may_read(actor()):
        abort(403)
    found = queries.standings(session(), format.local(now()).date())
    return render_template(
        "parameters/index.html",
        groups=[
            (name, [each for each in found if each.parameter.group == name]) for name in GROUPS
        ],
        branches={branch.code: branch.name for branch in center().branches},
    )


@click.command("parameters")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Another day than today.")
def command(day: datetime | None) -> None:
    """Print every parameter in force; exit code 1 when one has never been set."""
    from webapp.jobs import workshop

    shop = workshop(configuration.load())
    with shop.sessions() as opened:
        on = day.date() if day else format.local(shop.runtime(opened).clock()).date()
        found = queries.standings(opened, on)
        for each in found:
            click.echo(_line(each, on))
        missing = any(each.missing for each in found)
    shop.engine.dispose()
    sys.exit(1 if missing else 0)


def _line(each: queries.Standing, on: date) -> str:
    whose = f"@{each.branch}" if each.branch else ""
    shown = each.parameter.shown(each.now.value) if each.now else f"{on} 没有设定值"
    return f"{each.parameter.key}{whose}\t{each.parameter.name}\t{shown}"
