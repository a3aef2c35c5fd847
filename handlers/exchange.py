"""One HTTP exchange with every limit on it: time, size, redirects, proxies.

httpx limits the wait for each piece; a server that drips one byte a second would hold a worker for
ever.  So the line is hung up at one deadline, and the answer is cut at a size.  What goes wrong
comes back as a `Fault` that says the one thing that matters: may the other side have acted all the
same?
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import httpx

ANSWER_BYTES_MAX = 64 * 1024  # an SMS receipt or a debit result has a few hundred bytes


class Left(StrEnum):
    """Whether the request got away."""

    NEVER = "never"  # certainly not received
    PERHAPS = "perhaps"  # may have been received and acted upon
    NOWHERE = "nowhere"  # the address itself is wrong: trying again cannot help


@dataclass(frozen=True, slots=True)
class Fault:
    left: Left
    text: str


# Faults below HTTP.  First match wins; the order is from special to general.
_FAULTS: tuple[tuple[type[Exception], Left, str], ...] = (
    (httpx.ConnectTimeout, Left.NEVER, "连接{whom}超时"),
    (httpx.ConnectError, Left.NEVER, "无法连接{whom}"),
    (httpx.PoolTimeout, Left.NEVER, "无法连接{whom}"),
    (httpx.ProxyError, Left.NEVER, "代理服务器拒绝连接"),
    (httpx.UnsupportedProtocol, Left.NOWHERE, "{whom}地址有误"),
    (httpx.TimeoutException, Left.PERHAPS, "等待{whom}应答超时"),
    (httpx.TransportError, Left.PERHAPS, "{whom}中断了连接"),
    (httpx.HTTPError, Left.PERHAPS, "{whom}的应答无法识别"),
    (httpx.InvalidURL, Left.NOWHERE, "{whom}地址有误"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    connect_seconds: float
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]  # names in lower case


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is asked, in the words of a sentence (短信网关), and by which way.

    `trusted`: whose certificates count; None: those every browser trusts.
    """

    name: str
    limits: Limits
    proxy: str | None = None
    trusted: ssl.SSLContext | None = None


@cache
def _everybodys() -> ssl.SSLContext:
    """Whom every browser trusts; reading the list takes longer than most answers."""
    return httpx.create_ssl_context()


class _Deadline:
    """Hangs up when the time is over: nothing else ends the wait for a line of a header.

    `heard` follows the exchange (httpx's `trace`) and keeps a second handle of the line, which
    stays good when TLS takes the first.
    """

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._line: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()
        if self._line is not None:
            self._line.close()

    def heard(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            self._line = info["return_value"].get_extra_info("socket").dup()
            if self.over:
                self._hang_up()

    def _hang_up(self) -> None:
        self.over = True
        if self._line is not None:
            with suppress(OSError):  # the other side was quicker
                self._line.shutdown(socket.SHUT_RDWR)


def exchange(request: Request, peer: Peer) -> Answer | Fault:
    """The answer whatever its status, or the fault that says why there is none."""
    deadline = _Deadline(peer.limits.timeout_seconds)
    try:
        with deadline:
            return _exchange(request, peer, deadline)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        if deadline.over:
            return _late(peer)
        for kind, left, text in _FAULTS:
            if isinstance(error, kind):
                return Fault(left, text.format(whom=peer.name))
        raise


def _late(peer: Peer) -> Fault:
    return Fault(Left.PERHAPS, f"等待{peer.name}应答超时")


def _exchange(request: Request, peer: Peer, deadline: _Deadline) -> Answer | Fault:
    limits = peer.limits
    timeout = httpx.Timeout(limits.timeout_seconds, connect=limits.connect_seconds)
    # A redirect is never followed: it would hand numbers of people to an address nobody configured.
    with (
        httpx.Client(
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            proxy=peer.proxy,
            verify=peer.trusted or _everybodys(),
        ) as link,
        link.stream(
            request.method,
            request.url,
            headers=dict(request.headers),
            content=request.body,
            extensions={"trace": deadline.heard},
        ) as response,
    ):
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > ANSWER_BYTES_MAX:
                return Fault(Left.PERHAPS, f"{peer.name}的应答过长")
        if deadline.over:  # an answer without a length seems to end where we hung up
            return _late(peer)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, bytes(body), headers)
