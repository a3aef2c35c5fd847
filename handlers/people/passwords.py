"""argon2id, and the same amount of work whether or not the login exists.

The cost is OWASP's first recommendation (19 MiB, two passes): about 25 ms, so that a branch full of
people signing in at nine o'clock does not stall the machine.  Raise it here; old hashes are
rewritten at the next sign-in.
"""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from handlers.people.rules import PASSWORD_CHARS_MAX

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODY = HASHER.hash("nobody has this password")


def hashed(password: str) -> str:
    return HASHER.hash(_bytes(password))


def matches(stored: str | None, password: str) -> bool:
    """Works as hard for nobody (`stored` is None) as for somebody."""
    fits = len(password) <= PASSWORD_CHARS_MAX
    try:
        HASHER.verify(stored or _NOBODY, _bytes(password[:PASSWORD_CHARS_MAX]))
    except (VerificationError, InvalidHashError):
        return False
    return fits and stored is not None


def outdated(stored: str) -> bool:
    return HASHER.check_needs_rehash(stored)


def _bytes(password: str) -> bytes:
    """Half a surrogate pair is no reason to fall over."""
    return password.encode("utf-8", "surrogatepass")
