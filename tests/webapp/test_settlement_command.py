"""`hall ledger settle-interest` as the centre's cashier runs it on the evening of 30 June."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.errors import HallError
from tests.builders.settlements import few, let_go, open_books
from tests.conftest import Clock
from webapp import cli, settlement
from webapp.jobs import workshop
from webapp.settings import load


@pytest.fixture
def books_url(
    database_url: str, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    books = open_books(database_url, clock)
    few(books)
    let_go(books)
    there = load(environ={}, mode="demo", data_dir=tmp_path, database={"url": database_url})
    monkeypatch.setattr("webapp.settlement.configuration.load", lambda: there)
    monkeypatch.setattr("webapp.jobs.workshop", partial(workshop, clock=clock))
    return database_url


def settle_interest(year: str) -> Result:
    return CliRunner().invoke(cli.hall, ["ledger", "settle-interest", "--year", year])


def test_it_says_how_far_it_is_and_what_was_paid(books_url: str) -> None:
    done = settle_interest("2026")
    assert done.exit_code == 0, done.output
    *lines, last = done.output.splitlines()
    assert lines[-1].endswith("2026 年度结息  5/5")
    assert "2026 年度已结息：5 户，利息合计 348.28 元，用时 " in last
    again = settle_interest("2026")
    assert isinstance(again.exception, HallError), "one sentence, no traceback: see cli.main"
    assert again.exception.code == "interest.settled_already"


def test_on_a_terminal_it_draws_a_bar(
    books_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with settlement._shown(2026) as report:
        report(0, 4)
        report(4, 4)
    shown = capsys.readouterr().out
    assert "2026 年度结息" in shown
    assert "4/4" in shown


@pytest.mark.parametrize("year", ["1999", "2200", "去年"])
def test_a_year_that_cannot_be_meant_is_refused_before_anything_is_opened(year: str) -> None:
    refused = settle_interest(year)
    assert refused.exit_code == 2
    assert "--year" in refused.output
