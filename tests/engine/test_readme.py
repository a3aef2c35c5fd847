"""The example in engine/README.md runs as it is printed."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from engine import operations

README = Path(__file__).resolve().parents[2] / "engine" / "README.md"


def test_the_example_of_the_engine_runs_as_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_registry", dict(operations._registry))
    found = doctest.testfile(str(README), module_relative=False, encoding="utf-8")
    assert found.attempted > 20
    assert found.failed == 0
