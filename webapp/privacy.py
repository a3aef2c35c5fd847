"""查看完整号码: a page of its own for the few who may, once asked for by POST, never cached.

Any page offers it with the macro `m.reveal(kind, key, fields, no)`; who may read what and the
register of it are `handlers.privacy.disclosure`.
"""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine.database import number_in
from handlers.privacy import disclosure
from handlers.privacy.disclosure import PAGE_ROWS
from webapp import parking
from webapp.runtime import actor, runtime
from webapp.security import audience

bp = Blueprint("privacy", __name__)


@bp.post("/privacy/<kind>/<key>")
@audience("staff")
def reveal(kind: str, key: str) -> ResponseReturnValue:
    fields = request.form.getlist("field")
    no = request.form.get("no") or None
    subject, values = disclosure.reveal(runtime(), actor(), kind, key, fields=fields, no=no)
    rows = [(subject.labels.get(field, field), number) for field, number in values.items()]
    back = request.form.get("back", "")
    back = back if parking.safe_path(back) else url_for("review.desk")
    return render_template("privacy/revealed.html", subject=subject, rows=rows, back=back)


@bp.get("/disclosures")
@audience("admin")
def register() -> ResponseReturnValue:
    """The register, for process admins."""
    before = number_in(request.args.get("before", ""))
    rows = disclosure.register_page(runtime(), before=before)
    older = url_for("privacy.register", before=rows[-1].id) if len(rows) == PAGE_ROWS else ""
    first = url_for("privacy.register") if before else ""
    return render_template("privacy/register.html", rows=rows, next_url=older, first_url=first)
