"""Passwords cost as little as argon2 allows: nobody attacks the databases of the tests."""

from __future__ import annotations

from argon2 import PasswordHasher

from handlers.demo import loading
from handlers.people import passwords


def make_cheap() -> None:
    """Before the first hash is made; signing in still renews those of the demonstration."""
    passwords.HASHER = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1)
    passwords._NOBODY = passwords.HASHER.hash("nobody has this password")
    loading._QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
