"""常用意见: each reviewer's own list, filled from the opinion box, put in order on its own page.

The centre's opinions stay behind one's own as defaults.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import engine
from engine.database import number_in
from engine.owed import drafts
from engine.verbs.moves import OPINION_CHARS_MAX
from handlers.people import desk
from webapp import parking
from webapp.runtime import actor, center, runtime, session
from webapp.security import audience, wants_json

bp = Blueprint("opinions", __name__)


def common() -> list[str]:
    """One's own, then the centre's."""
    own = [each.text for each in desk.opinions(session(), actor().id)]
    return list(dict.fromkeys((*own, *center().opinions)))


@bp.get("/opinions")
@audience("staff")
def page() -> ResponseReturnValue:
    own = desk.opinions(session(), actor().id)
    back = _back(request.args.get("back", ""), url_for("review.desk"))
    return render_template(
        "review/opinions.html",
        own=own,
        defaults=center().opinions,
        back=back,
        most=desk.OPINION_CHARS_MAX,
    )


@bp.post("/opinions")
@audience("staff")
def add() -> ResponseReturnValue:
    """From the page's own box, or from an opinion that is being written on a request."""
    fields = request.form
    text = fields.get("text") or fields.get("opinion", "")
    problem = desk.add_opinion(session(), actor().id, text)
    if wants_json():
        body = {"common": common(), "text": problem.text if problem else "已加入常用意见"}
        return body, 422 if problem else 200
    if fields.get("no"):
        keep_writing(fields["no"], fields.get("opinion", ""))
    if problem:
        flash(problem.text, "error")
    else:
        flash("已加入常用意见", "ok")
    return _return()


@bp.post("/opinions/<id>/remove")
@audience("staff")
def remove(id: str) -> ResponseReturnValue:
    desk.remove_opinion(session(), actor().id, number_in(id) or 0)
    return _return()


@bp.post("/opinions/<id>/raise")
@audience("staff")
def lift(id: str) -> ResponseReturnValue:
    desk.raise_opinion(session(), actor().id, number_in(id) or 0)
    return _return()


def keep_writing(no: str, opinion: str) -> None:
    """Without scripts the page is drawn anew: the opinion under way must still stand in its box."""
    engine.view(runtime(), actor(), no)  # NotFound unless it is this person's to see
    if len(opinion) <= OPINION_CHARS_MAX:
        drafts.save(runtime(), actor(), f"opinion:{no}", {"opinion": opinion})


def _return() -> ResponseReturnValue:
    return redirect(_back(request.form.get("back", ""), url_for("opinions.page")), 303)


def _back(asked: str, otherwise: str) -> str:
    return asked if parking.safe_path(asked) else otherwise
