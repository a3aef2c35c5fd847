"""Both sides sign what they say with HMAC-SHA256 (RFC 2104) under a secret they share.

A request is signed over method, path, time, nonce and body, so that it can neither be changed nor
said again; an answer over the nonce it answers, its status and its body, so that what any box
between us says (a proxy's error page) is never taken for the bank's word.
"""

from __future__ import annotations

import hashlib
import hmac

CLIENT, TIME, NONCE, SIGNATURE = "x-hall-client", "x-hall-time", "x-hall-nonce", "x-hall-signature"
CLOCKS_APART_SECONDS_MAX = 300  # between the two machines; a nonce is remembered for as long


def of_request(secret: str, parts: tuple[str, str, str, str], body: bytes) -> str:
    """`parts`: method, path, time (seconds since 1970), nonce."""
    return _mac(secret, parts, body)


def of_answer(secret: str, nonce: str, status: int, body: bytes) -> str:
    return _mac(secret, ("answer", nonce, str(status)), body)


def same(one: str, other: str) -> bool:
    """In constant time, whatever characters somebody sends."""
    return hmac.compare_digest(one.encode(), other.encode())


def _mac(secret: str, parts: tuple[str, ...], body: bytes) -> str:
    text = "\n".join((*parts, hashlib.sha256(body).hexdigest()))
    return hmac.digest(secret.encode(), text.encode(), "sha256").hex()
