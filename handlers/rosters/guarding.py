"""A roster under way is not left behind: its request cannot be withdrawn or ended meanwhile."""

from __future__ import annotations

from sqlalchemy import select

from engine.errors import Problem, Refused
from engine.events import Event, on
from handlers.rosters.models import APPLYING, Roster


@on("withdrawn")
@on("ended")
def not_while_applying(event: Event) -> None:
    """Raises Refused; the verb is undone."""
    under_way = select(Roster.id).where(Roster.no == event.instance.no, Roster.state == APPLYING)
    if event.session.scalar(under_way.limit(1)) is not None:
        text = "清册正在逐行办理，请等办理完成后再操作；已办结的可以在“撤销”中办理。"
        raise Refused(Problem("rosters.applying", text))
