"""A product in a folder of its own: our services' words and a centre's file with mistakes in it."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def product(root: Path, code: str, text: str) -> Path:
    """Everything a centre leaves to others, and this text as its file; returns `root`."""
    for words in (ROOT / "bpmn").glob("*/service.toml"):
        folder = root / "bpmn" / words.parent.name
        folder.mkdir(parents=True)
        shutil.copy(words, folder)
    folder = root / "bpmn" / "centers" / code
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "bpmn" / "centers" / "national.toml", folder.parent)
    (folder / "center.toml").write_text(text, encoding="utf-8")
    return root
