"""办理: the page of any service.  What it shows comes from diagram, form class and centre."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from webapp import filing, materials, rosterbench, rosters
from webapp.filingpage import Page
from webapp.security import allow_frames

bp = Blueprint("services", __name__)
bp.register_error_handler(RequestEntityTooLarge, materials.refuse_large)


@bp.route("/services/<key>", methods=["GET", "POST"])
def page(key: str) -> ResponseReturnValue:
    """Whose it is the diagram says: `filing.offered` answers 403 to everybody else."""
    if rosterbench.is_roster(filing.offered(key).deployed.first.form):
        return rosters.handle(rosterbench.of_service(key))
    here = filing.for_service(key)
    if request.method == "POST":
        return filing.handle(here, _draw)
    return _draw(filing.open_page(here))


@bp.post("/services/<key>/draft")
def draft(key: str) -> ResponseReturnValue:
    if rosterbench.is_roster(filing.offered(key).deployed.first.form):
        abort(404)  # rows of a roster are kept as they are typed
    return filing.save_draft(filing.for_service(key))


def _draw(page: Page) -> str:
    allow_frames()  # preview of an uploaded PDF
    return render_template("services/page.html", page=page, texts=page.filing.texts)
