"""A real SMS gateway on loopback that misbehaves on request.

It speaks both our plain HTTP dialect (`/send`, JSON) and Aliyun's SendSms (`/`, signature checked
by a computation of its own).  `script` says how the next requests are treated; after its end all is
well.  Like a decent gateway it rings a phone once per request id, however often it is asked.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ACCESS_KEY_ID, ACCESS_KEY_SECRET = "test-key-id", "test-key-secret"
HOLD_SECONDS_MAX = 30.0  # a held request ends by itself when the test forgot it


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Phone:
    """What one server saw and did."""

    url: str = ""
    script: list[str] = field(default_factory=list)  # one word per request: see _Answers
    asked: list[Asked] = field(default_factory=list)
    rung: dict[str, tuple[str, str]] = field(default_factory=dict)  # id → (mobile, text)
    bad_signatures: int = 0
    arrived: threading.Event = field(default_factory=threading.Event)  # a held request is here
    let_go: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_behaviour(self) -> str:
        with self.lock:
            return self.script.pop(0) if self.script else "ok"

    def ids(self) -> list[str]:
        """Request ids in the order they came, repeated tries included."""
        return [
            one.query["OutId"] if "OutId" in one.query else one.json["id"] for one in self.asked
        ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    phone: Phone

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        phone = self.server.phone
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, self.rfile.read(length))
        with phone.lock:
            phone.asked.append(asked)
        word, _, argument = phone.next_behaviour().partition(":")
        getattr(self, f"_{word}")(asked, argument)

    # ── well-behaved ────────────────────────────────────────────────────────────────────────
    def _ok(self, asked: Asked, _argument: str) -> None:
        if "x-acs-action" in asked.headers:
            if not signature_is_right(asked):
                self.server.phone.bad_signatures += 1
                self._say(400, {"Code": "SignatureDoesNotMatch", "Message": "no"})
                return
            self._ring(asked)
            self._say(200, {"Code": "OK", "Message": "OK", "BizId": "biz-1", "RequestId": "r"})
        else:
            self._ring(asked)
            self._say(200, {"code": 0, "data": {"sid": "sid-1"}})

    def _ring(self, asked: Asked) -> None:
        if "OutId" in asked.query:
            which, what = asked.query["OutId"], asked.query["TemplateParam"]
            who = asked.query["PhoneNumbers"]
        else:
            which, who, what = asked.json["id"], asked.json["mobile"], asked.json["text"]
        with self.server.phone.lock:
            self.server.phone.rung.setdefault(which, (who, what))

    # ── refusals ────────────────────────────────────────────────────────────────────────────
    def _status(self, _asked: Asked, argument: str) -> None:
        self._say(int(argument), {"code": "whatever"})

    def _code(self, _asked: Asked, argument: str) -> None:
        self._say(200, {"code": argument})

    def _aliyun(self, _asked: Asked, argument: str) -> None:
        code, _, message = argument.partition("|")
        self._say(400 if code.startswith("4:") else 200, {"Code": code, "Message": message})

    # ── faults ──────────────────────────────────────────────────────────────────────────────
    def _slow(self, asked: Asked, argument: str) -> None:
        """The phone rings, but the answer comes too late."""
        self._ring(asked)
        time.sleep(float(argument))
        self._say(200, {"code": 0})

    def _hold(self, asked: Asked, _argument: str) -> None:
        """The phone rings; the answer waits for the test."""
        self._ring(asked)
        self.server.phone.arrived.set()
        self.server.phone.let_go.wait(HOLD_SECONDS_MAX)
        self._say(200, {"code": 0})

    def _drip(self, _asked: Asked, argument: str) -> None:
        """One byte at a time, each well within the wait for a piece."""
        self._head(200, 1000)
        for _ in range(1000):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(float(argument))

    def _reset(self, _asked: Asked, _argument: str) -> None:
        """RST in the middle of the answer."""
        self._head(200, 1000)
        self.wfile.write(b'{"code"')
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _hangup(self, _asked: Asked, _argument: str) -> None:
        """Closed before a single byte of the answer."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _garbage(self, _asked: Asked, _argument: str) -> None:
        self._say_bytes(200, b'{"code": 0,, <html>')

    def _nested(self, _asked: Asked, _argument: str) -> None:
        """Brackets enough to exhaust a recursive parser."""
        self._say_bytes(200, b"[" * 60_000)

    def _empty(self, _asked: Asked, _argument: str) -> None:
        self._say_bytes(200, b"")

    def _text(self, asked: Asked, argument: str) -> None:
        self._say_bytes(200, argument.encode())

    def _huge(self, _asked: Asked, argument: str) -> None:
        self._head(200, int(argument))
        piece = b" " * 65536
        for _ in range(int(argument) // len(piece)):
            self.wfile.write(piece)

    def _redirect(self, _asked: Asked, argument: str) -> None:
        self.send_response(302)
        self.send_header("Location", argument)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _say(self, status: int, document: Any) -> None:
        self._say_bytes(status, json.dumps(document).encode())

    def _say_bytes(self, status: int, body: bytes) -> None:
        self._head(status, len(body))
        self.wfile.write(body)

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()


def signature_is_right(asked: Asked, secret: str = ACCESS_KEY_SECRET) -> bool:
    """Aliyun's V3 check from the raw request, written apart from the code under test."""
    scheme, _, rest = asked.headers["authorization"].partition(" ")
    parts = dict(item.split("=", 1) for item in rest.split(","))
    if scheme != "ACS3-HMAC-SHA256" or parts["Credential"] != ACCESS_KEY_ID:
        return False
    body_hash = hashlib.sha256(asked.body).hexdigest()
    required = {"host"} | {name for name in asked.headers if name.startswith("x-acs-")}
    signed = parts["SignedHeaders"].split(";")
    if signed != sorted(signed) or not required <= set(signed):
        return False
    if asked.headers["x-acs-content-sha256"] != body_hash:
        return False
    target = urlsplit(asked.target)
    raw_query = "&".join(sorted(target.query.split("&")))
    document = [asked.method, target.path, raw_query]
    document += [f"{name}:{asked.headers[name]}" for name in signed]
    document += ["", ";".join(signed), body_hash]
    hashed = hashlib.sha256("\n".join(document).encode()).hexdigest()
    wanted = hmac.digest(secret.encode(), f"{scheme}\n{hashed}".encode(), "sha256").hex()
    return hmac.compare_digest(wanted, parts["Signature"])


@contextmanager
def sms_server(*script: str) -> Iterator[Phone]:
    """A server on a free port of loopback, gone at the end."""
    server = _Server(("127.0.0.1", 0), _Handler)
    phone = server.phone = Phone(url=f"http://127.0.0.1:{server.server_port}", script=list(script))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield phone
    finally:
        phone.let_go.set()
        server.shutdown()
        with suppress(OSError):
            server.server_close()
        thread.join(5)
