"""axe-core on a page as it stands: every rule, also the ones that are only good practice."""

from __future__ import annotations

from functools import cache
from typing import Any

from playwright.sync_api import Page

from webapp.settings import ROOT

AXE = ROOT / "webapp" / "assets" / "node_modules" / "axe-core" / "axe.min.js"


@cache
def _source() -> str:
    assert AXE.is_file(), f"{AXE} is missing: run deploy/setup.sh test"
    return AXE.read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """One line for each rule a page breaks, with the elements that break it.

    Evaluated from outside, so the page keeps its strict policy while it is looked at.
    """
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(_source())
    found: list[dict[str, Any]] = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations)"
    )
    lines = []
    for rule in found:
        where = "; ".join(str(node["html"])[:160] for node in rule["nodes"][:4])
        lines.append(f"{rule['id']} ({rule['impact']}) ×{len(rule['nodes'])}: {where}")
    return lines
