"""业务回单: one A4 sheet for a completed request, and the public page that checks it.

The QR code leads to /verify/<code>; the code is random, so knowing a number is not enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import segno
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

import engine
from engine import RequestView
from engine.models import Instance
from handlers import documents
from handlers.privacy.masking import masked_text
from webapp import filing, filingpage, rosterview
from webapp.format import local
from webapp.runtime import actor, center, now, runtime, session, settings
from webapp.security import audience, limiter

bp = Blueprint("receipts", __name__)

QUIET_ZONE = 4  # empty modules around the code, as the standard asks
CODE_CHARS_MAX = 40
VERIFY_LIMIT = "30 per minute; 300 per day"
NAME_CLEAR = 4  # characters of a unit's name left readable at both ends on the public page
NOT_YET = "业务办结后才能打印回单。"
TONES = {"completed": "done", "refused": "stop", "running": "doing", "returned": "wait"}


@bp.get("/requests/<no>/receipt")
def page(no: str) -> ResponseReturnValue:
    view = engine.view(runtime(), actor(), no)
    if view.status != "completed":
        flash(NOT_YET, "error")
        return redirect(url_for("requests.page", no=no), 303)
    return render_template("receipts/page.html", page=_sheet(view))


@bp.post("/requests/<no>/receipt")
def count_print(no: str) -> ResponseReturnValue:
    """打印 is counted first and then opens the browser's dialog: the second sheet says so."""
    view = engine.view(runtime(), actor(), no)
    if view.status != "completed":
        abort(404)
    documents.receipt_for(session(), no, now())
    documents.printed(session(), no)
    return redirect(url_for("receipts.page", no=no, print=1), 303)


def _sheet(view: RequestView) -> dict[str, Any]:
    receipt = documents.receipt_for(session(), view.no, now())
    code, count = receipt.code, receipt.print_count
    branch = center().branch(view.branch)
    changes, texts = changes_of(view.data), filing.texts_of(view.key)
    return {
        "rosters": rosterview.of_view(view),
        "facts": [] if changes or texts is None else filingpage.unchanged(view.data, [], texts),
        "no": view.no,
        "name": view.name,
        "label": view.label,
        "scope_name": view.scope_name,
        "account": view.scope.partition(":")[2],
        "branch_name": branch.name if branch else "",
        "starter_name": view.starter_name,
        "started_day": chinese_day(view.started_at),
        "ended_day": chinese_day(view.ended_at),
        "changes": changes,
        "files": len(documents.for_request(session(), view.no)),
        "people": _people(view),
        "code_text": code,
        "print_count": count,
        "printing": bool(request.args.get("print")),
        "now": now(),
        **_qr(_verify_url(code)),
    }


def changes_of(data: Mapping[str, Any]) -> list[dict[str, str]]:
    """The before/after list a form put into the request; a form without one has none.

    Forms word it masked; whatever else has filed a request shows no number here either.
    """
    found = data.get("changes") or []
    words = ("old_text", "new_text")
    return [
        row | {name: masked_text(str(row[name] or "")) for name in words if name in row}
        for row in found
        if isinstance(row, dict)
    ]


def _people(view: RequestView) -> list[tuple[str, str]]:
    """Who filed it, then the last person who agreed at each step."""
    agreed = {
        entry.node_name or "审核": entry.actor_name
        for entry in reversed(view.history)
        if entry.verb == "approve"
    }
    return [("经办", view.starter_name), *agreed.items()]


def _verify_url(code: str) -> str:
    path = url_for("receipts.verify", code=code)
    base = settings().web.base_url or request.host_url
    return base.rstrip("/") + path


def _qr(text: str) -> dict[str, Any]:
    """One path of horizontal strokes: small, sharp on paper, and no style attribute."""
    matrix = [list(row) for row in segno.make(text, error="m").matrix]
    strokes = []
    for y, row in enumerate(matrix):
        x = 0
        while x < len(row):
            run = x
            while run < len(row) and row[run]:
                run += 1
            if run > x:
                strokes.append(f"M{x + QUIET_ZONE} {y + QUIET_ZONE + 0.5}h{run - x}")
            x = run + 1
    size = len(matrix) + 2 * QUIET_ZONE
    return {"qr_path": "".join(strokes), "qr_size": size, "qr_box": f"0 0 {size} {size}"}


@bp.get("/verify")
@bp.get("/verify/<code>")
@audience("public")
@limiter.limit(VERIFY_LIMIT)
def verify(code: str = "") -> ResponseReturnValue:
    """Public: is this sheet ours, and what does it say?"""
    asked = (code or request.args.get("code", "")).strip()[:CODE_CHARS_MAX]
    receipt = documents.verify(session(), asked) if asked else None
    row = None
    if receipt is not None:
        row = (
            session()
            .execute(select(Instance).where(Instance.no == receipt.no))
            .scalar_one_or_none()
        )
    if row is None or receipt is None:
        body = render_template("receipts/verify.html", found=None, asked=asked)
        return body, 404 if asked else 200
    found = {
        "code_text": receipt.code,
        "no": row.no,
        "name": row.name,
        "scope_name": mask_unit(row.scope_name),
        "label": row.label,
        "tone": TONES.get(row.status, "idle"),
        "ended_day": chinese_day(row.ended_at),
    }
    return render_template("receipts/verify.html", found=found, asked=asked)


def mask_unit(name: str) -> str:
    """凯里市云*****有限公司: enough to compare with the sheet, not enough to learn a name."""
    clear = min(NAME_CLEAR, max(1, len(name) // 3))
    hidden = len(name) - 2 * clear
    return (
        f"{name[:clear]}{'*' * hidden}{name[-clear:]}"
        if hidden > 0
        else name[:1] + "*" * (len(name) - 1)
    )


def chinese_day(at: Any) -> str:
    if at is None:
        return ""
    on = local(at)
    return f"{on.year}年{on.month}月{on.day}日"
