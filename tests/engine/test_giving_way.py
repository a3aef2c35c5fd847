"""SQLite has one writer and no queue: long work lets whoever waits go first."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from engine import database
from engine.database import configure, give_way, transaction

PATIENCE_SECONDS = 10.0


def test_between_two_pieces_of_long_work_a_page_gets_the_writer(tmp_path: Path) -> None:
    made = sessionmaker(configure(create_engine(f"sqlite:///{tmp_path / 'hall.db'}")))
    order: list[str] = []

    def page() -> None:
        with made() as session, transaction(session):
            order.append("page")

    with made() as session:
        for piece in ("first", "second"):
            with transaction(session):
                order.append(piece)
                if piece == "first":
                    visitor = threading.Thread(target=page)
                    visitor.start()
                    standing_there()
            give_way()
    visitor.join(PATIENCE_SECONDS)
    assert order == ["first", "page", "second"]


def standing_there() -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not database._waiting.count and time.monotonic() < until:
        time.sleep(0.001)
    assert database._waiting.count
