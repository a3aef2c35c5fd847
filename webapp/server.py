"""The web server: gunicorn with threads, started from Python so that one command serves everything.

The application is built once before the fork, so that a mistake is one sentence and not a loop of
dying workers; whatever owns a thread or a connection starts after it.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from webapp import jobs
from webapp.settings import Settings


class CannotServe(Exception):
    """The address cannot be used; the text is one sentence."""


class Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, app: Flask, settings: Settings, ready: Callable[[], None]) -> None:
        self._app = app
        self._settings = settings
        self._ready = ready
        super().__init__()

    def load_config(self) -> None:
        web = self._settings.web
        options: dict[str, Any] = {
            "bind": f"[{web.host}]:{web.port}" if ":" in web.host else f"{web.host}:{web.port}",
            "workers": web.processes,
            "worker_class": "gthread",
            "threads": web.threads,
            "preload_app": True,
            "timeout": 60,
            "graceful_timeout": 7,  # then killed: Ctrl-C ends everything within ten seconds
            "keepalive": 5,
            "loglevel": "warning",
            "proc_name": "hall",
            # Nobody talks to a control socket of ours, so there is none.
            "control_socket_disable": True,
            "forwarded_allow_ips": "",
            "limit_request_line": 8190,
            "when_ready": lambda _server: self._ready(),
            "post_worker_init": self._begin,
            "worker_exit": self._end,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app

    def _begin(self, worker: Any) -> None:
        worker.hall = contextlib.ExitStack()
        worker.hall.enter_context(attached(self._app, self._settings))

    def _end(self, _server: Any, worker: Any) -> None:
        if hasattr(worker, "hall"):
            worker.hall.close()


@contextlib.contextmanager
def attached(app: Flask, settings: Settings) -> Any:
    """The app's own runner of due work, for as long as this process serves."""
    from webapp.runtime import db

    with app.app_context():
        engine = db.engine
    engine.dispose(close=False)  # connections opened before the fork belong to the parent
    with jobs.running(settings, engine) as runner:
        app.extensions["hall-runner"] = runner
        yield runner


def require_free(host: str, port: int) -> None:
    """Say in one sentence why the address cannot be used, before anything slow happens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise CannotServe(f"没有权限使用端口 {port}，请换一个 1024 以上的端口。") from None
        except socket.gaierror:
            raise CannotServe(f"地址 {host} 无法识别，请检查 HOST。") from None
        except OSError as error:
            import errno

            if error.errno == errno.EADDRINUSE:
                text = f"端口 {port} 已被占用，请换一个：make demo PORT={port + 1}"
                raise CannotServe(f"{text}（port {port} is taken）。") from None
            raise CannotServe(f"地址 {host}:{port} 不可用：{error.strerror}。") from None


def serve(app: Flask, settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until told to stop."""
    Server(app, settings, ready).run()
