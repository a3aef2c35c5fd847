"""工作台: the unit at a glance, its services, the five boxes and what is due soon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine import RequestFilter
from engine.boxes import inbox as boxes
from handlers.people.queries import Profile
from handlers.units import books
from handlers.units import queries as units
from handlers.units.codes import UNIT_STATUSES
from handlers.units.models import Unit
from webapp.frame import deployed_services
from webapp.inboxes import BOX_NAMES, newest
from webapp.runtime import actor, counts, me, now, runtime, session
from webapp.unitpage import chart_of

bp = Blueprint("home", __name__)

ROWS_SHOWN = 5  # per box; the rest is behind 更多
RUNNING_READ_MAX = 100  # requests looked at for the tiles and the deadlines
DEADLINES_SHOWN = 5
DEADLINE_AHEAD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Deadline:
    at: datetime
    title: str
    text: str
    url: str


@bp.get("/")
def index() -> ResponseReturnValue:
    profile = me()
    assert profile is not None
    if profile.kind == "staff":
        return redirect(url_for("review.desk"), 303)
    running = boxes.started(
        runtime(), actor(), RequestFilter(status="open"), limit=RUNNING_READ_MAX
    ).rows
    unit = units.unit(session(), profile.unit_account_no or "")
    shown = {box: newest(box, ROWS_SHOWN) for box in BOX_NAMES}
    return render_template(
        "home/index.html",
        unit=unit,
        unit_status=UNIT_STATUSES.get(unit.unit_status, "") if unit else "",
        books=_books(unit),
        chart=chart_of(unit) if unit else None,
        profile=profile,
        tiles=_tiles(profile, running),
        boxes=shown,
        box=_box(request.args.get("box")),
        box_names=BOX_NAMES,
        deadlines=_deadlines(shown["todo"], running),
        today=now(),
    )


def _books(unit: Unit | None) -> books.UnitBooks | None:
    """What the ledger holds for the unit; None until anybody has an account."""
    found = books.books(session(), unit.unit_account_no) if unit else None
    return found if found and found.members else None


def _box(asked: str | None) -> str:
    if asked in BOX_NAMES:
        return asked or ""
    return "todo" if counts()["todo"] else "messages"


def _tiles(profile: Profile, running: list[Any]) -> list[dict[str, Any]]:
    """The services this person may start, each with what is under way."""
    in_flight: dict[str, int] = {}
    for row in running:
        in_flight[row.key] = in_flight.get(row.key, 0) + 1
    return [
        {
            "name": service.name,
            "icon": service.icon,
            "url": url_for("services.page", key=service.key),
            "purpose": service.purpose,
            "in_flight": in_flight.get(service.key, 0),
        }
        for group in deployed_services()
        for service in group.services
    ]


def _deadlines(todo: list[Any], running: list[Any]) -> list[Deadline]:
    """Own open tasks first: a date that I must keep; then the dates others promised me."""
    mine = [
        Deadline(row.due_at, f"{row.name}：{row.node_name}", row.no, _request_url(row.no))
        for row in todo
        if row.due_at
    ]
    waiting_for_me = {row.no for row in todo}
    promised = [
        Deadline(row.due_at, f"{row.name}办结", f"{row.label}，{row.no}", _request_url(row.no))
        for row in running
        if row.due_at and row.no not in waiting_for_me
    ]
    near = [found for found in (*mine, *promised) if found.at - now() < DEADLINE_AHEAD]
    return sorted(near, key=lambda found: found.at)[:DEADLINES_SHOWN]


def _request_url(no: str) -> str:
    return url_for("requests.page", no=no)
