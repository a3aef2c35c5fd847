"""A page without the designer is under 200 KB gzipped; its content needs no script to be seen."""

from __future__ import annotations

import gzip
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Response, expect

from tests.e2e.live import LiveHall, unit_login
from tests.e2e.visitors import Visitors

LIMIT_BYTES = 200 * 1000
OPERATOR, REVIEWER = unit_login(28), "qdn008"  # 台江管理部


def _weigh(page: Page, path: str) -> dict[str, tuple[int, int]]:
    """path → (gzipped, as really sent) of everything a first visit loads."""
    answers: list[Response] = []

    def note(answer: Response) -> None:  # Playwright cannot take a bound method of a list
        answers.append(answer)

    page.on("response", note)
    page.goto(path, wait_until="networkidle")
    found = {}
    for answer in answers:
        where = urlsplit(answer.url).path
        if answer.ok and where not in found and not where.startswith("/materials/"):
            sent = answer.request.sizes()["responseBodySize"]
            found[where] = (len(gzip.compress(answer.body(), 6)), sent)
    return found


@pytest.mark.parametrize("which", ["home", "service", "request", "desk", "signin"])
def test_a_first_visit_stays_under_200_kb(hall: LiveHall, visitors: Visitors, which: str) -> None:
    numbers = hall.requests_of(OPERATOR) or [hall.file(OPERATOR)]
    who, path = {
        "home": (OPERATOR, "/"),
        "service": (OPERATOR, "/services/unit_info_change"),
        "request": (OPERATOR, f"/requests/{numbers[0]}"),
        "desk": (REVIEWER, "/review"),
        "signin": ("", "/signin"),
    }[which]
    new = {"fresh": True}
    page = visitors.signed_in(hall, who, **new) if who else visitors.anybody(hall, **new)
    parts = _weigh(page, path)
    gzipped, sent = (sum(sizes[i] for sizes in parts.values()) for i in (0, 1))
    table = "\n".join(f"{small:>8} {wire:>8} {name}" for name, (small, wire) in parts.items())
    report = f"{which}: {gzipped / 1000:.1f} KB gzipped, {sent / 1000:.1f} KB sent\n{table}"
    print(report)  # noqa: T201 - shown by pytest -rP
    assert gzipped < LIMIT_BYTES, report
    assert sent < LIMIT_BYTES, report


def test_the_viewer_of_diagrams_is_loaded_only_where_a_diagram_is(
    hall: LiveHall, visitors: Visitors
) -> None:
    page = visitors.signed_in(hall, OPERATOR, fresh=True)
    for path in ("/", "/services/unit_info_change"):
        assert not [name for name in _weigh(page, path) if "bpmn" in name], path


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", "台江县银饰工艺有限公司"),
        ("/services/unit_info_change", "待变更清册"),
        ("/inbox/started", "QDN-20"),
    ],
)
def test_the_first_paint_needs_no_script(
    hall: LiveHall, visitors: Visitors, path: str, words: str
) -> None:
    if not hall.requests_of(OPERATOR):
        hall.file(OPERATOR)
    page = visitors.signed_in(hall, OPERATOR, java_script_enabled=False)
    page.goto(path)
    expect(
        page.get_by_role("main").get_by_text(words).locator("visible=true").first
    ).to_be_visible()


def test_scripts_never_hold_up_the_first_paint(hall: LiveHall, visitors: Visitors) -> None:
    numbers = hall.requests_of(OPERATOR) or [hall.file(OPERATOR)]
    page = visitors.signed_in(hall, OPERATOR)
    for path in ("/", "/services/unit_info_change", f"/requests/{numbers[0]}"):
        page.goto(path)
        blocking = page.locator("script[src]:not([defer]):not([async]):not([type=module])")
        assert blocking.count() == 0, path
