"""Pages that are nobody's business in particular: search, 关于, 无障碍说明, 管理部电话."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue

from engine.boxes import inbox as boxes
from handlers.people import queries
from webapp.runtime import actor, runtime, session
from webapp.security import audience

bp = Blueprint("pages", __name__)

QUERY_CHARS_MAX = 40
QUERY_CHARS_MIN = 2
FOUND_MAX = 20
LICENCE_CHARS_MAX = 60  # some packages put the whole text where the name belongs
# What the hall runs on, as published; 关于 names each with its licence.
PARTS = (
    "SpiffWorkflow",
    "Flask",
    "Flask-SQLAlchemy",
    "Flask-Login",
    "Flask-WTF",
    "Flask-Limiter",
    "SQLAlchemy",
    "alembic",
    "psycopg",
    "pydantic",
    "rq",
    "redis",
    "openpyxl",
    "XlsxWriter",
    "weasyprint",
    "Jinja2",
    "argon2-cffi",
    "cryptography",
    "RestrictedPython",
    "orjson",
    "structlog",
    "prometheus-client",
    "gunicorn",
    "httpx",
    "segno",
    "captcha",
    "pillow",
    "pikepdf",
    "chinesecalendar",
    "lxml",
)


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    version: str
    licence: str


@bp.get("/search")
def search() -> ResponseReturnValue:
    q = request.args.get("q", "").strip()[:QUERY_CHARS_MAX]
    too_short = 0 < len(q) < QUERY_CHARS_MIN
    rows = boxes.search(runtime(), actor(), q, limit=FOUND_MAX) if q and not too_short else []
    return render_template(
        "pages/search.html", q=q, rows=rows, too_short=too_short, full=len(rows) == FOUND_MAX
    )


@bp.get("/about")
@audience("public")
def about() -> ResponseReturnValue:
    manifest = Path(current_app.static_folder or "") / "vendor" / "manifest.json"
    listed = {"python": python_parts(), "browser": browser_parts(manifest)}
    return render_template("pages/about.html", **listed)


@bp.get("/accessibility")
@audience("public")
def accessibility() -> ResponseReturnValue:
    return render_template("pages/accessibility.html")


@bp.get("/branches")
@audience("public")
def branches() -> ResponseReturnValue:
    return render_template("pages/branches.html", branches=queries.branches(session()))


@lru_cache(maxsize=1)
def python_parts() -> list[Part]:
    found = []
    for name in PARTS:
        try:
            about_it = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        found.append(Part(name, about_it["Version"], _licence(about_it)))
    return sorted(found, key=lambda part: part.name.lower())


def browser_parts(manifest: Path) -> list[Part]:
    """What the asset build put into static/vendor; empty before the first build."""
    if not manifest.exists():
        return []
    listed = json.loads(manifest.read_text(encoding="utf-8"))
    return [Part(each["name"], each["version"], each["licence"]) for each in listed]


def _licence(about_it: metadata.PackageMetadata) -> str:
    expression = about_it.get("License-Expression")
    if expression:
        return str(expression)
    for classifier in about_it.get_all("Classifier") or []:
        if classifier.startswith("License ::") and classifier.count("::") > 1:
            return str(classifier.rsplit("::", 1)[1]).strip()
    text = str(about_it.get("License") or "").strip()
    first_line = text.splitlines()[0] if text else ""
    return first_line if 0 < len(first_line) <= LICENCE_CHARS_MAX else "见软件包"
