"""One deadline over a whole exchange, whatever the other side does with the time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from handlers.exchange import Answer, Fault, Left, Limits, Peer, Request, exchange

PATIENCE_SECONDS = 0.4
PIECE_SECONDS = 0.05  # far below the patience: each single wait is short
PIECES_MAX = 60  # three seconds, if nobody hangs up
BANK = Peer("银行", Limits(connect_seconds=0.3, timeout_seconds=PATIENCE_SECONDS))


@contextmanager
def answering(opening: bytes, piece: bytes) -> Iterator[int]:
    """A server that says `opening` and then drips; its port."""
    door, gone = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve() -> None:
        line, _ = door.accept()
        with line, suppress(OSError):
            line.recv(4096)
            line.sendall(opening)
            for _ in range(PIECES_MAX):
                if gone.wait(PIECE_SECONDS):
                    return
                line.sendall(piece)

    server = threading.Thread(target=serve)
    server.start()
    try:
        yield door.getsockname()[1]
    finally:
        gone.set()
        server.join()
        door.close()


def asked(port: int, scheme: str = "http") -> Answer | Fault:
    return exchange(Request("POST", f"{scheme}://127.0.0.1:{port}/debit", {}, b"{}"), BANK)


def measured(ask: Callable[[], Answer | Fault]) -> tuple[Answer | Fault, float]:
    began = time.monotonic()
    return ask(), time.monotonic() - began


@pytest.mark.parametrize(
    "opening",
    [
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\n\r\n",  # a body without a length
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
    ],
    ids=["header", "body", "body of a length"],
)
def test_who_drips_is_hung_up_on_and_may_have_acted(opening: bytes) -> None:
    with answering(opening, b"a") as port:
        found, seconds = measured(lambda: asked(port))
    assert found == Fault(Left.PERHAPS, "等待银行应答超时")
    assert seconds < 3 * PATIENCE_SECONDS


def test_a_handshake_that_never_ends_has_taken_nothing() -> None:
    with answering(b"\x16\x03\x03\x40\x00", b"\x00") as port:
        found, seconds = measured(lambda: asked(port, "https"))
    assert found == Fault(Left.NEVER, "连接银行超时")
    assert seconds < 3 * PATIENCE_SECONDS


def test_an_answer_in_time_is_an_answer() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"") as port:
        found = asked(port)
    assert isinstance(found, Answer)
    assert (found.status, found.body) == (200, b"ok")
