"""Nothing typed is lost when a session runs out in the middle of a form.

The posted fields become a draft of the person the signed cookie still names.  They come back only
on the pages of that same person after signing in again; somebody else at the same computer never
sees them.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, request, session, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from engine import Actor
from engine.errors import HallError
from engine.owed import drafts
from webapp.runtime import center, runtime

OWNER = "who"  # key in the signed cookie: the user id of the last sign-in of this browser
KEPT_TEXT = "登录已过期，您填写的内容已保存，重新登录后继续。"
EXPIRED_TEXT = "登录已过期，请重新登录后继续。"
PATH_CHARS_MAX = 500
# Never kept: proofs of identity and tokens that will not be valid again.
SECRET_FIELDS = frozenset({"csrf_token", "password", "old", "new", "again", "captcha"})
# The page a posted form belongs to, by endpoint: the draft's key and where to go on.
SCOPES = {"services": ("key", "service"), "requests": ("no", "request")}


def had_session() -> bool:
    return bool(session.get(OWNER))


def park() -> bool:
    """Keep the posted fields; True when there was something to keep and it is safe."""
    owner = session.get(OWNER)
    if request.method != "POST" or not owner:
        return False
    data = posted()
    key = scope_key()
    if not data or key is None:
        return False
    try:
        drafts.save(runtime(), Actor(id=str(owner), name=""), key, data)
    except HallError:
        current_app.logger.warning("a posted form could not be kept: %s", key)
        return False
    return True


def posted() -> dict[str, Any]:
    """The posted fields without secrets; a field sent several times stays a list."""
    if request.is_json:
        return json_body() or {}
    fields = request.form.to_dict(flat=False)
    return {
        name: values[0] if len(values) == 1 else values
        for name, values in fields.items()
        if name not in SECRET_FIELDS
    }


def json_body() -> dict[str, Any] | None:
    """The posted JSON object; None when it is anything else, nested without end, or holds half a
    character (a lone surrogate), which no page could show again."""
    try:
        body = request.get_json(silent=True)
        json.dumps(body, ensure_ascii=False).encode()
    except (RecursionError, UnicodeEncodeError):
        return None
    return body if isinstance(body, dict) else None


def scope_key() -> str | None:
    """service:unit_info_change · request:QDN-… · opinion:QDN-…; None: not worth keeping."""
    endpoint = request.endpoint or ""
    blueprint, _, view = endpoint.partition(".")
    if blueprint not in SCOPES:
        return None
    argument, prefix = SCOPES[blueprint]
    value = (request.view_args or {}).get(argument)
    if not value or (prefix == "service" and value not in center().services):
        return None
    if endpoint == "requests.decide":
        prefix = "opinion"
    return f"{prefix}:{value}"


def signin_url(*, expired: bool, kept: bool) -> str:
    words: dict[str, Any] = {"next": return_path()}
    if expired:
        words["expired"] = "kept" if kept else "1"
    return url_for("signin.form", **words)


def return_path() -> str:
    """Where to go on after signing in: this page, or the page the form was on."""
    if request.method == "GET":
        return request.full_path.rstrip("?") if safe_path(request.full_path) else "/"
    if _answers_get(request.path):
        return request.path
    came_from = urlsplit(request.referrer or "")
    path = f"{came_from.path}?{came_from.query}" if came_from.query else came_from.path
    return path if came_from.netloc == request.host and safe_path(path) else "/"


def safe_path(path: str | None) -> bool:
    """A path of this site and nothing else: no scheme, no host, no control characters."""
    if not path or len(path) > PATH_CHARS_MAX or not path.startswith("/"):
        return False
    if path.startswith(("//", "/\\")) or any(ord(char) < ord(" ") for char in path):
        return False
    parts = urlsplit(path)
    return not parts.scheme and not parts.netloc and "\\" not in path


def _answers_get(path: str) -> bool:
    try:
        current_app.url_map.bind("").match(path, method="GET")
    except (HTTPException, RequestRedirect):
        return False
    return True
