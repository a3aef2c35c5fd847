"""The frame in a real browser: scripts that help, and a menu that needs none.

Chromium is the machine's own; the pages come from a real server on loopback.  How the pages look is
asked in tests/e2e/test_axe.py.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from tests.webapp.hall import PEOPLE, Hall

pytestmark = pytest.mark.browser

WIDE, NARROW = (1440, 900), (390, 844)


@pytest.fixture
def store() -> str:
    """What a browser shows does not depend on the store; tests/e2e walks both."""
    return "sqlite"


@pytest.fixture
def address(hall: Hall) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, hall.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


class Visit:
    """One tab and everything it complained about."""

    def __init__(self, chromium: Browser, address: str, size: tuple[int, int]) -> None:
        viewport: Any = {"width": size[0], "height": size[1]}
        self.context = chromium.new_context(viewport=viewport, locale="zh-CN", base_url=address)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        wrong_status = "Failed to load resource" in message.text  # 404 and 403 pages are meant
        if message.type in ("error", "warning") and not wrong_status:
            self.complaints.append(message.text)

    def sign_in(self, name: str) -> Page:
        door, login = PEOPLE[name]
        self.page.goto(f"/signin?door={door}")
        self.page.locator(f'[data-fill-login="{login}"]').click()
        self.page.get_by_role("button", name="登录", exact=True).click()
        self.page.wait_for_url(re.compile(r"/(review)?$"))
        return self.page


@pytest.fixture
def wide(chromium: Browser, address: str) -> Iterator[Visit]:
    made = Visit(chromium, address, WIDE)
    yield made
    made.context.close()


def test_a_demo_account_is_one_click(wide: Visit) -> None:
    assert "凯里市云谷文旅发展有限公司" in wide.sign_in("operator").inner_text("main")


def test_another_picture_keeps_what_is_typed(wide: Visit) -> None:
    page = wide.page
    page.goto("/signin")
    page.fill("#f-login", "123")
    before = page.get_attribute(".h-captcha img", "src")
    page.get_by_role("button", name="换一张").click()
    page.wait_for_function(
        "old => document.querySelector('.h-captcha img').src.indexOf(old) < 0", arg=before
    )
    assert page.input_value("#f-login") == "123"


def test_tabs_follow_the_arrow_keys_and_the_address(wide: Visit) -> None:
    page = wide.sign_in("operator")
    page.locator("#t-messages").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "t-todo"
    assert page.locator("#p-todo").is_visible()
    assert page.locator("#p-messages").is_hidden()
    assert page.url.endswith("?box=todo")
    page.keyboard.press("End")
    assert page.locator("#t-read").get_attribute("aria-selected") == "true"


def test_deleting_answers_in_place_and_can_be_undone(hall: Hall, wide: Visit) -> None:
    hall.message(title="甲")
    hall.message(title="乙")
    page = wide.sign_in("operator")
    page.get_by_role("button", name="删除：甲").click()
    toast = page.locator("#toasts .toast")
    assert "消息已删除" in toast.inner_text()
    assert page.get_by_text("甲", exact=True).count() == 0
    assert page.locator("#t-messages .h-n").inner_text() == "1"
    toast.get_by_role("button", name="撤销").click()
    page.get_by_role("button", name="删除：甲").wait_for()
    assert wide.complaints == []


def test_ending_a_flow_asks_once(hall: Hall, wide: Visit) -> None:
    no = hall.file()
    hall.return_it(no)
    page = wide.sign_in("operator")
    page.get_by_role("button", name=f"结束流程：单位信息变更 {no}").click()
    asked = page.locator(".h-confirm:popover-open")
    assert no in asked.inner_text()
    asked.get_by_role("button", name="取消").click()
    assert asked.count() == 0
    page.get_by_role("button", name=f"结束流程：单位信息变更 {no}").click()
    asked.get_by_role("button", name="确定").click()
    page.wait_for_url(f"**/requests/{no}")
    assert "已结束" in page.inner_text("main")


def test_two_minutes_before_the_end_somebody_asks(wide: Visit) -> None:
    wide.page.clock.install()
    page = wide.sign_in("operator")
    page.clock.fast_forward("17:50")
    assert page.locator(".h-idle").count() == 0
    page.clock.fast_forward("00:30")
    banner = page.locator(".h-idle")
    assert "分钟后到期" in banner.inner_text()
    banner.get_by_role("button", name="继续办理").click()
    banner.wait_for(state="detached")


def test_the_menu_opens_on_a_phone_without_scripts(chromium: Browser, address: str) -> None:
    made = Visit(chromium, address, NARROW)
    page = made.sign_in("operator")
    cookies = made.context.cookies()
    made.context.close()
    plain = chromium.new_context(
        viewport={"width": 390, "height": 844}, java_script_enabled=False, base_url=address
    )
    plain.add_cookies(
        [{k: each[k] for k in ("name", "value", "domain", "path")} for each in cookies]
    )
    page = plain.new_page()
    page.goto("/")
    assert page.locator("#rail").is_hidden()
    page.get_by_role("button", name="打开业务菜单").click()
    assert page.get_by_role("link", name="单位信息变更").first.is_visible()
    page.goto("/?box=started")
    assert page.locator("#p-started").is_visible()
    plain.close()
