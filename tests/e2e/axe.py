"""axe-core on a page as it stands: every rule, also the ones that are only good practice.

`look` does it on a desk and on a phone, and keeps both pictures when HALL_PICTURES names a folder.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from playwright.sync_api import Page

from tests.e2e.visitors import NARROW, WIDE, no_sideways_scroll
from webapp.settings import ROOT

AXE = ROOT / "webapp" / "assets" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = os.environ.get("HALL_PICTURES", "")  # a folder: keep a screenshot of everything seen


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


def look(page: Page, name: str) -> None:
    """At both widths axe finds nothing and nothing scrolls sideways; the width stays as it was."""
    usual, problems = page.viewport_size, []
    if page.locator(".h-diagram").count():
        page.locator("html[data-diagram=ready]").wait_for()
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        if PICTURES:
            page.wait_for_timeout(200)
            page.screenshot(path=f"{PICTURES}/{name}-{size['width']}.png", full_page=True)
        problems += [f"{size['width']} px: {line}" for line in violations(page)]
        no_sideways_scroll(page)
    page.set_viewport_size(usual)  # type: ignore[arg-type]
    assert not problems, "\n".join([name, *problems])
