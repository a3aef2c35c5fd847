"""Closed by default: who may reach a page, which headers it carries, what a browser may do with it.

A view without a mark needs a signed-in person; `@audience` opens it or narrows it.  Headers are
our own twenty lines: the policy differs per page in exactly two places (diagram, PDF preview).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import Flask, Response, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFProtect

from engine.verbs.permissions import administers
from webapp import parking
from webapp.runtime import person

Audience = Literal["public", "signed", "operator", "staff", "admin"]
View = TypeVar("View", bound=Callable[..., Any])

csrf = CSRFProtect()
limiter = Limiter(get_remote_address)

# Files everybody gets, and what load balancers ask; metrics guard themselves by address or token.
OPEN_ENDPOINTS = ("static", "observability.healthz", "observability.metrics")
# What somebody with a temporary password may still do.
PASSWORD_ENDPOINTS = ("signin.password", "signin.keep")
ONE_YEAR_SECONDS = 31_536_000
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "object-src": "'none'",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def audience(who: Audience) -> Callable[[View], View]:
    """Mark a view: `public`, `signed` (the default), `operator`, `staff` or, for a 流程管理员,
    `admin`."""

    def mark(view: View) -> View:
        view.audience = who  # type: ignore[attr-defined]
        return view

    return mark


def allow_inline_styles() -> None:
    """Only for pages that draw a diagram: bpmn-js sets style attributes."""
    g.csp_inline_styles = True


def allow_frames() -> None:
    """Only for pages that preview a PDF in a frame of our own origin."""
    g.csp_frames = True


def allow_framed_by_self() -> None:
    """Only for the material itself, so that the preview frame may show it."""
    g.csp_framed_by_self = True


def init(app: Flask) -> None:
    csrf.init_app(app)
    app.before_request(_gate)
    app.after_request(_headers)


def _gate() -> ResponseReturnValue | None:
    """Runs after the CSRF check, so that nobody can park a form in another person's name."""
    if request.endpoint is None:
        return None  # 404 and 405 look the same to everybody
    who = _audience_of(request.endpoint)
    if who == "public":
        return None
    signed_in = person()
    if signed_in is None:
        return _ask_to_sign_in()
    if who in ("operator", "staff") and signed_in.profile.kind != who:
        abort(403)
    if who == "admin" and not administers(signed_in.actor):
        abort(403)
    if signed_in.profile.must_change_password and request.endpoint not in PASSWORD_ENDPOINTS:
        return redirect(url_for("signin.password"), 303)
    return None


def _audience_of(endpoint: str) -> Audience:
    if endpoint in OPEN_ENDPOINTS:
        return "public"
    found: Audience = getattr(current_app.view_functions[endpoint], "audience", "signed")
    return found


def _ask_to_sign_in() -> ResponseReturnValue:
    kept = parking.park()
    where = parking.signin_url(expired=parking.had_session(), kept=kept)
    if wants_json():
        text = parking.KEPT_TEXT if kept else "登录已过期，请重新登录后继续。"
        return {"problem": {"code": "signin.expired", "text": text}, "signin": where}, 401
    return redirect(where, 303)


def wants_json() -> bool:
    """Asked by our own fetch() or by a program, not by a person's address bar."""
    return request.is_json or request.accept_mimetypes.best == "application/json"


def _headers(response: Response) -> Response:
    policy = dict(POLICY)
    if g.get("csp_inline_styles"):
        policy["style-src"] = "'self' 'unsafe-inline'"
    if g.get("csp_frames"):
        policy["frame-src"] = "'self'"
    if g.get("csp_framed_by_self"):
        policy["frame-ancestors"] = "'self'"
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
    text = "; ".join(f"{name} {value}" for name, value in policy.items())
    response.headers.setdefault("Content-Security-Policy", text)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR_SECONDS}"
    if request.endpoint != "static":
        # Personal data must not survive in a shared office computer's cache.
        response.headers.setdefault("Cache-Control", "no-store")
    elif "v" in request.args:
        response.headers["Cache-Control"] = f"public, max-age={ONE_YEAR_SECONDS}, immutable"
    return response
