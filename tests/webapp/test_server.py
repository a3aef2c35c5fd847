"""What stops a start is said in one sentence."""

from __future__ import annotations

import socket

import pytest

from webapp.server import CannotServe, require_free


def test_a_taken_port_is_named_together_with_another_one_to_try() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotServe) as caught:
            require_free("127.0.0.1", port)
    assert f"端口 {port} 已被占用" in str(caught.value)
    assert f"PORT={port + 1}" in str(caught.value)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CannotServe, match=r"192\.0\.2\.1"):
        require_free("192.0.2.1", 8000)


def test_a_free_port_is_left_alone() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    require_free("127.0.0.1", port)
    with socket.socket() as after:
        after.bind(("127.0.0.1", port))
        assert after.getsockname()[1] == port
