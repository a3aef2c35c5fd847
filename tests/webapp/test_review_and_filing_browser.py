"""The working pages in a real browser: scripts, the live diagram, keys, and axe at both widths."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from tests.webapp.hall import Hall
from tests.webapp.steps import PAGE, filed

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "webapp" / "assets" / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = [1440, 390]
Open = Callable[..., Page]


@pytest.fixture
def store() -> str:
    """What a browser shows does not depend on the store; tests/e2e walks both."""
    return "sqlite"


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_page(chromium: Browser, address: str, hall: Hall) -> Iterator[Open]:
    contexts = []

    def open_as(name: str, path: str, width: int = 1440) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        client = hall.signed_in(name)
        cookie = client.get_cookie("hall")
        assert cookie
        context.add_cookies([{"name": "hall", "value": cookie.value, "url": address}])
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"script error: {error}"))
        page.goto(address + path)
        return page

    yield open_as
    for context in contexts:
        context.close()


def violations(page: Page) -> list[Any]:
    """axe, put in over the debugger's line: the page's own policy stays strict."""
    line = page.context.new_cdp_session(page)
    line.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    run = "axe.run().then(r => JSON.stringify(r.violations.map(v => [v.id, v.nodes[0].html])))"
    asked = {"expression": run, "awaitPromise": True, "returnByValue": True}
    found: list[Any] = json.loads(line.send("Runtime.evaluate", asked)["result"]["value"])
    return found


def test_a_change_is_listed_live_and_the_cross_takes_it_back(open_page: Open) -> None:
    page = open_page("operator", PAGE)
    page.fill("#f-operator_phone", "0855-8236120")
    assert page.inner_text("[data-changes] .h-new") == "0855-8236120"
    assert page.inner_text("[data-count]") == "1 项变更"
    page.click("[data-changes] button")
    assert page.input_value("#f-operator_phone") == "0855-8236117"
    assert page.inner_text("[data-count]") == "0 项变更"


def test_leaving_a_wrong_field_says_what_is_wrong(open_page: Open) -> None:
    page = open_page("operator", PAGE)
    page.fill("#f-operator_mobile", "1380855602")
    page.press("#f-operator_mobile", "Tab")
    page.wait_for_selector("#e-operator_mobile:visible")
    assert "少 1 位" in page.inner_text("#e-operator_mobile")
    assert "自动保存" in page.inner_text("[data-saved]")


def test_two_clicks_on_submit_are_one_request(open_page: Open) -> None:
    page = open_page("operator", PAGE)
    page.select_option("#f-pay_day", "10")
    page.dblclick("button[value=submit]:visible")
    page.wait_for_url("**/requests/*")
    assert "已提交至中心审核" in page.inner_text("#toasts")


def test_the_diagram_is_drawn_and_tells_its_steps(open_page: Open, hall: Hall) -> None:
    page = open_page("reviewer", f"/requests/{filed(hall.signed_in('operator'))}")
    page.wait_for_selector("html[data-diagram=ready]")
    assert page.is_visible(".bjs-powered-by"), "the bpmn.io mark"
    assert "待领取" in page.inner_text(".h-pin")
    page.focus("g[data-element-id][tabindex='0']")
    assert "杨秀兰" in page.inner_text("[data-diagram-tip]")


def test_the_desk_is_worked_by_keys(open_page: Open, hall: Hall) -> None:
    first, second = hall.file(), hall.file("stranger")
    page = open_page("reviewer", "/review")
    page.wait_for_selector("[data-pane] form")
    page.keyboard.press("r")
    assert page.evaluate("document.activeElement.id") == "pane-op"
    assert "请先写明退回理由" in page.inner_text("[data-reason-error]")
    page.keyboard.type("jk")
    assert page.input_value("#pane-op") == "jk", "no shortcuts while typing"
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.wait_for_selector(f"[data-pane] >> text={second}")
    page.keyboard.press("a")
    page.wait_for_selector(f"#toasts >> text=已同意 {second}")
    assert first in page.content()
