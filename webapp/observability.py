"""How the hall is watched: one log line per request, numbers for Prometheus, and /healthz.

Logs name the request and the user by id, never a name, an identity number or a text typed.
Metrics are counted per process; with several, Prometheus adds up what it sees of each.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import re
import secrets
import sys
import time
from typing import Any

import structlog
from flask import Blueprint, Flask, Response, abort, current_app, g, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as render_metrics
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from engine.models import OutboxItem, Task
from handlers.privacy.keyring import KeyringError
from webapp import jobs, keys, queues
from webapp.security import audience
from webapp.settings import Settings

bp = Blueprint("observability", __name__)

BEAT_SECONDS_MAX = 120  # RQ workers report at least once a minute, the thread at every poll
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_QUIET = frozenset({"static", "observability.healthz", "observability.metrics"})
_log = structlog.get_logger("hall.web")


class Metrics:
    """The numbers of one application; a registry of its own, so that tests can make many."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.seconds = Histogram(
            "hall_request_seconds",
            "Time to answer, by endpoint and status",
            ["endpoint", "status"],
            registry=self.registry,
        )
        self.errors = Counter(
            "hall_request_errors", "Answers with status 500 or more", registry=self.registry
        )
        self.outbox = Gauge(
            "hall_outbox_items", "Owed to the outside world", ["state"], registry=self.registry
        )
        self.tasks = Gauge("hall_open_tasks", "Tasks waiting for somebody", registry=self.registry)

    def observe(self, endpoint: str, status: int, seconds: float) -> None:
        self.seconds.labels(endpoint, str(status)).observe(seconds)
        if status >= 500:
            self.errors.inc()

    def read(self, session: Session) -> None:
        """The gauges are counted when somebody asks."""
        for state, number in outbox_counts(session).items():
            self.outbox.labels(state).set(number)
        open_tasks = select(func.count()).select_from(Task).where(Task.status == "open")
        self.tasks.set(session.scalar(open_tasks) or 0)


def outbox_counts(session: Session) -> dict[str, int]:
    waiting = (OutboxItem.done_at.is_(None), OutboxItem.failed_at.is_(None))
    counted = select(func.count()).select_from(OutboxItem)
    return {
        "pending": session.scalar(counted.where(*waiting)) or 0,
        "failed": session.scalar(counted.where(OutboxItem.failed_at.is_not(None))) or 0,
    }


def configure_logging(settings: Settings) -> None:
    """Our own lines and everybody else's, in one format, on standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    as_json = settings.log.format == "json"
    last: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        # The pretty tracebacks print the values of all variables: passwords among them.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    finish = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        finish.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*finish, last])
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log.level.upper())
    for noisy in ("httpx", "httpcore", "alembic", "pikepdf", "rq.worker", "rq.cron"):
        logging.getLogger(noisy).setLevel(max(root.level, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def observe(app: Flask) -> None:
    """Attach the request log and the metrics to an application."""
    app.extensions["hall-metrics"] = metrics = Metrics()

    @app.before_request
    def begin() -> None:
        # A proxy's id is kept when it looks like one, so that both logs can be matched.
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        g.started_at = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def finish(response: Response) -> Response:
        seconds = time.perf_counter() - g.get("started_at", time.perf_counter())
        endpoint = request.endpoint or "none"
        metrics.observe(endpoint, response.status_code, seconds)
        if "request_id" in g:
            response.headers["X-Request-ID"] = g.request_id
        if endpoint not in _QUIET:
            _log.info(
                "request",
                method=request.method,
                endpoint=endpoint,
                status=response.status_code,
                ms=round(seconds * 1000, 1),
                user=_user_id(),
            )
        return response


def _user_id() -> str | None:
    """Only of somebody already loaded: a log line must not cause a query."""
    user = g.get("_login_user")
    actor = getattr(user, "actor", None)
    return getattr(actor, "id", None)


def health(engine: Engine, runner: jobs.Runner | None, now: Any) -> dict[str, Any]:
    """Every part by itself, and `ok` for all: what a load balancer and a person both understand."""
    parts: dict[str, Any] = {"database": _database_health(engine, now)}
    if isinstance(runner, queues.RqRunner):
        parts["redis"] = _redis_health(runner)
    if not parts.get("redis", {"ok": True})["ok"]:
        parts["worker"] = {"ok": False, "error": "unknown without redis"}  # do not wait twice
    elif runner is not None:
        parts["worker"] = _worker_health(runner)
    # Redis or a worker away: slower notices, but people can still work, so the page serves on.
    return {
        "ok": parts["database"]["ok"],
        "degraded": not all(part["ok"] for part in parts.values()),
        "parts": parts,
    }


def _database_health(engine: Engine, now: Any) -> dict[str, Any]:
    try:
        with Session(engine) as session:
            session.execute(text("select 1"))
            waiting = (OutboxItem.done_at.is_(None), OutboxItem.failed_at.is_(None))
            oldest = session.scalar(select(func.min(OutboxItem.due_at)).where(*waiting))
            counts = outbox_counts(session)
            keys.require_fit(session)
    except (SQLAlchemyError, KeyringError) as error:
        return {"ok": False, "error": type(error).__name__}
    late = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    return {"ok": True, "outbox": counts, "outbox_late_seconds": round(late)}


def _redis_health(runner: queues.RqRunner) -> dict[str, Any]:
    try:
        return {"ok": runner.ping()}
    except Exception as error:
        return {"ok": False, "error": type(error).__name__}


def _worker_health(runner: jobs.Runner) -> dict[str, Any]:
    try:
        age = runner.beat_age_seconds()
    except Exception as error:
        return {"ok": False, "error": type(error).__name__}
    return {
        "ok": age is not None and age < BEAT_SECONDS_MAX,
        "beat_age_seconds": None if age is None else round(age, 1),
    }


def may_read_metrics(remote: str | None, authorization: str, token: str) -> bool:
    if token and hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
        return True
    try:
        return ipaddress.ip_address(remote or "").is_loopback
    except ValueError:
        return False


@bp.get("/healthz")
@audience("public")
def healthz() -> ResponseReturnValue:
    from webapp.runtime import db, now

    found = health(db.engine, current_app.extensions.get("hall-runner"), now())
    return jsonify(found), 200 if found["ok"] else 503


@bp.get("/metrics")
@audience("public")
def metrics() -> ResponseReturnValue:
    from webapp.runtime import db, settings

    token = settings().web.metrics_token.get_secret_value()
    sent = request.headers.get("Authorization", "")
    # Behind our own proxy everybody seems local: then only the token counts.
    remote = None if request.headers.get("X-Forwarded-For") else request.remote_addr
    if not may_read_metrics(remote, sent, token):
        abort(404)
    numbers: Metrics = current_app.extensions["hall-metrics"]
    with Session(db.engine) as session:
        numbers.read(session)
    return Response(render_metrics(numbers.registry), content_type=CONTENT_TYPE_LATEST)
