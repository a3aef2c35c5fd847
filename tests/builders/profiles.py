"""The centres we ship, read and parsed once; and a product of its own for a file with mistakes."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

from engine.diagrams.dialect import Deployed
from engine.diagrams.lint import Known, examine, service_files
from forms import registry
from handlers import centers
from handlers.centers import Center
from webapp.rooms import register_handlers

ROOT = Path(__file__).resolve().parents[2]
DZ, XZ, SX, CX, QDN = CENTRES = ("dazhou", "xizang", "shaanxi", "chuxiong", "qiandongnan")


@cache
def center_of(code: str) -> Center:
    return centers.load(ROOT, code)


@cache
def diagrams_of(code: str) -> dict[str, Deployed]:
    """Every service the centre offers, checked as at the start of the hall."""
    register_handlers()
    center = center_of(code)
    known = Known(frozenset(role.name for role in center.roles), registry.known())
    return {
        key: examine(key, files, known)
        for key, _, files in service_files(ROOT / "bpmn", code)
        if key in center.services
    }


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
