"""The app factory: opens the rooms below, wires the extensions, hangs up the blueprints.

Adding a page means adding a module with a `bp` to BLUEPRINTS; a new *service* needs nothing here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from engine.database import configure
from webapp import compression, errors, format, frame, observability, rosters, security
from webapp.rooms import calendar_of, open_rooms
from webapp.runtime import House, db
from webapp.settings import Settings, load, require_whole
from webapp.signin import login_manager

BLUEPRINTS = (
    "webapp.observability",
    "webapp.signin",
    "webapp.home",
    "webapp.inboxes",
    "webapp.pages",
    "webapp.demo",
    "webapp.services",
    "webapp.rosters",
    "webapp.requests",
    "webapp.review",
    "webapp.materials",
    "webapp.attachments",
    "webapp.people",
    "webapp.opinions",
    "webapp.receipts",
    "webapp.versions",
    "webapp.standins",
    "webapp.incidents",
    "webapp.jobpages",
    "webapp.privacy",
    "webapp.members",
    "webapp.unitpage",
    "webapp.registers",
    "webapp.parameters",
)
FORM_ROOM_BYTES = 1024 * 1024  # fields and multipart borders around the largest allowed file
OWN_HOSTS = ("127.0.0.1", "localhost")  # health checks come by these names
REDIS_SECONDS = 1.0
COOKIE_LIFE = timedelta(hours=12)


def utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    settings: Settings | None = None, *, clock: Callable[[], datetime] = utc_now
) -> Flask:
    """Builds the app and opens no connection, so that gunicorn may fork after it."""
    settings = settings or load()
    require_whole(settings)
    center = open_rooms(settings)
    app = Flask(__name__)
    _configure(app, settings)
    db.init_app(app)
    with app.app_context():
        engine = configure(db.engine)
    house = House(
        settings=settings, center=center, clock=clock, calendar=calendar_of(engine, center)
    )
    app.extensions["hall"] = house
    observability.observe(app)
    app.before_request(rosters.make_room)  # before anybody reads a body
    security.init(app)
    security.limiter.init_app(app)
    login_manager.init_app(app)
    errors.init(app)
    compression.init(app)
    format.register(app, clock)
    frame.register(app)
    for name in BLUEPRINTS:
        app.register_blueprint(importlib.import_module(name).bp)
    if settings.web.trusted_proxies:
        hops = settings.web.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _configure(app: Flask, settings: Settings) -> None:
    https = settings.web.base_url.startswith("https://")
    app.config.update(
        SECRET_KEY=settings.secret(),
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=settings.engine_options(),
        SESSION_COOKIE_NAME="__Host-hall" if https else "hall",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        PERMANENT_SESSION_LIFETIME=COOKIE_LIFE,
        MAX_CONTENT_LENGTH=settings.uploads.max_bytes + FORM_ROOM_BYTES,
        # The token lives as long as the session: a form may be filled in all morning.
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=True,
        RATELIMIT_STORAGE_URI=settings.redis.url or "memory://",
        RATELIMIT_STORAGE_OPTIONS=_limiter_options(settings),
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,  # a stopped Redis must not close the doors
        RATELIMIT_SWALLOW_ERRORS=True,
        RATELIMIT_HEADERS_ENABLED=False,
        TRUSTED_HOSTS=_hosts(settings.web.base_url),
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]


def _limiter_options(settings: Settings) -> dict[str, float]:
    """A frozen Redis may hold a sign-in up for a moment, not for the ten seconds it would take."""
    if not settings.redis.url:
        return {}
    return {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}


def _hosts(base_url: str) -> list[str] | None:
    """With a published address, any other Host header is refused; without one, all are taken."""
    host = urlsplit(base_url).hostname
    return [host, *OWN_HOSTS] if host else None
