"""What tests of several businesses ask for: a unit that owes months."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from handlers.contributions import allocating
from tests.builders.dues import Dues, owing
from tests.conftest import Clock


@pytest.fixture
def dues(database_url: str, clock: Clock) -> Iterator[Dues]:
    with owing(database_url, clock) as made:
        yield made


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of people is posted as a hundred thousand are."""
    monkeypatch.setattr(allocating, "PIECE_LINES", 2)
    monkeypatch.setattr(allocating, "AT_ONCE_LINES", 3)
