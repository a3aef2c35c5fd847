"""One HTTP exchange with every limit on it: time, size, redirects, proxies.

httpx limits the wait for each piece; a gateway that drips one byte a second would hold a worker for
ever.  So the answer is streamed under one deadline and cut at a size.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from handlers.notices.gateways.port import Outcome, Receipt

ANSWER_BYTES_MAX = 64 * 1024  # a receipt has a few hundred bytes

# Faults below HTTP.  First match wins; the order is from special to general.  The line that
# matters: did the request certainly not leave (BUSY), or may the phone ring anyway (UNKNOWN)?
FAULTS: tuple[tuple[type[Exception], Outcome, str], ...] = (
    (httpx.ConnectTimeout, Outcome.BUSY, "连接短信网关超时"),
    (httpx.ConnectError, Outcome.BUSY, "无法连接短信网关"),
    (httpx.PoolTimeout, Outcome.BUSY, "无法连接短信网关"),
    (httpx.ProxyError, Outcome.BUSY, "代理服务器拒绝连接"),
    (httpx.UnsupportedProtocol, Outcome.REFUSED, "短信网关地址有误"),
    (httpx.TimeoutException, Outcome.UNKNOWN, "等待短信网关应答超时"),
    (httpx.TransportError, Outcome.UNKNOWN, "短信网关中断了连接"),
    (httpx.HTTPError, Outcome.UNKNOWN, "短信网关的应答无法识别"),
    (httpx.InvalidURL, Outcome.REFUSED, "短信网关地址有误"),
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


def exchange(request: Request, limits: Limits, *, proxy: str | None = None) -> Answer | Receipt:
    """The answer, or the receipt that says why there is none."""
    try:
        return _exchange(request, limits, proxy)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        for kind, outcome, text in FAULTS:
            if isinstance(error, kind):
                return Receipt(outcome, error=text)
        raise


def _exchange(request: Request, limits: Limits, proxy: str | None) -> Answer | Receipt:
    deadline = time.monotonic() + limits.timeout_seconds
    timeout = httpx.Timeout(limits.timeout_seconds, connect=limits.connect_seconds)
    # A redirect is never followed: it would hand mobile numbers to an address nobody configured.
    with (
        httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False, proxy=proxy) as link,
        link.stream(
            request.method, request.url, headers=dict(request.headers), content=request.body
        ) as response,
    ):
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > ANSWER_BYTES_MAX:
                return Receipt(Outcome.UNKNOWN, error="短信网关的应答过长")
            if time.monotonic() > deadline:
                return Receipt(Outcome.UNKNOWN, error="等待短信网关应答超时")
        return Answer(response.status_code, bytes(body))
