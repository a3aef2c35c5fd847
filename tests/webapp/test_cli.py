"""The demonstration can be made anew and thrown away, and keeps to its own folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from webapp import cli


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cli, "demo_folder", lambda center: tmp_path / f"demo-{center}")
    return tmp_path


def test_reset_makes_a_fresh_demonstration_even_when_there_was_none(folder: Path) -> None:
    first = CliRunner().invoke(cli.hall, ["reset-demo", "--months", "0"], catch_exceptions=False)
    assert first.exit_code == 0
    left_behind = folder / "demo-qiandongnan" / "left_behind"
    left_behind.touch()
    CliRunner().invoke(cli.hall, ["reset-demo", "--months", "0"], catch_exceptions=False)
    assert not left_behind.exists()
    assert (folder / "demo-qiandongnan" / "hall.sqlite3").exists()


def test_each_centre_has_its_own_folder(folder: Path) -> None:
    CliRunner().invoke(
        cli.hall, ["reset-demo", "--center", "xizang", "--months", "0"], catch_exceptions=False
    )
    assert [path.name for path in folder.iterdir()] == ["demo-xizang"]


def test_the_demo_ignores_the_real_database_of_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://hall@db/hall")
    monkeypatch.setenv("REDIS_URL", "redis://cache/0")
    settings = cli.demo_settings("qiandongnan", None, None)
    assert settings.database_url.startswith("sqlite:")
    assert settings.worker.kind == "embedded"


def test_loading_the_demo_twice_changes_nothing(folder: Path) -> None:
    settings = cli.demo_settings("qiandongnan", None, None)
    cli.migrate_database(settings)
    assert cli.load_demo(settings) == cli.load_demo(settings)


def test_the_diagrams_pass_the_house_rules() -> None:
    found = CliRunner().invoke(cli.hall, ["lint", "bpmn"])
    assert found.exit_code == 0, found.output
