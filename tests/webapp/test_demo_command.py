"""`hall demo`: how large it is to be, what it says, and that a second start adds nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from webapp import cli


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cli, "demo_folder", lambda center: tmp_path / f"demo-{center}")
    return tmp_path / "demo-qiandongnan"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.hall, list(arguments), catch_exceptions=False)


def test_the_books_are_written_once_and_counted(folder: Path) -> None:
    first = run("demo", "--no-serve", "--units", "42", "--months", "1", "--seed", "3")
    assert first.exit_code == 0
    said = next(line for line in first.output.splitlines() if "42 个单位" in line)
    with sqlite3.connect(folder / "hall.sqlite3") as database:
        counted = [
            f"{database.execute(f'select count(*) from {table}').fetchone()[0]:,} {word}"
            for table, word in (
                ("hall_individual_account", "名职工"),
                ("hall_voucher", "张凭证"),
                ("hall_entry", "条分录"),
            )
        ]
    database.close()
    assert all(words in said for words in counted), said
    again = run("demo", "--no-serve")
    assert again.exit_code == 0
    assert "张凭证" not in again.output


def test_a_size_that_cannot_be_is_refused_in_words() -> None:
    for arguments in (["--units", "39"], ["--months", "61"], ["--members", "-1"]):
        refused = CliRunner().invoke(cli.hall, ["demo", "--no-serve", *arguments])
        assert refused.exit_code != 0


def test_generating_that_breaks_off_says_how_to_begin_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.demo.generate", _killed)
    stopped = CliRunner().invoke(cli.hall, ["demo", "--no-serve"])
    assert stopped.exit_code != 0
    assert "hall reset-demo" in stopped.output


def test_a_demo_that_broke_off_begins_anew_at_the_next_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("handlers.demo.generate", _killed)
        stopped = CliRunner().invoke(cli.hall, ["demo", "--no-serve", "--months", "1"])
    assert stopped.exit_code != 0
    started = run("demo", "--no-serve", "--months", "1")
    assert "重新开始" in started.output
    assert "张凭证" in started.output
    assert "张凭证" not in run("demo", "--no-serve", "--months", "1").output


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
