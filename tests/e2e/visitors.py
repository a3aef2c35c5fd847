"""People at their browsers: each one a tab that is watched for what must never happen.

A request to any other machine, an error in the console, a script that throws, a policy violation:
each is remembered and fails the test at its end.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    WebError,
)

from handlers.demo import PASSWORD
from tests.e2e.live import LiveHall
from tests.e2e.tabs import Tabs

WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 390, "height": 844}
# The browser calls each refused page (404, 409, 422 …) an error; tests look at those themselves.
REFUSED_PAGE = "Failed to load resource: the server responded with a status of"


class Visitors:
    """Opens pages for people; `verdict()` says what went wrong behind the scenes."""

    def __init__(self, tabs: Tabs) -> None:
        self._tabs = tabs
        self._pages: list[Page] = []
        self._ears: list[tuple[BrowserContext, Any, Any]] = []
        self._complaints: list[str] = []

    def anybody(self, hall: LiveHall, *, fresh: bool = False, **options: Any) -> Page:
        """Nobody signed in; `fresh`: a browser that has never been here."""
        # Without motion: a page that is still scrolling cannot be looked at.
        usual = {"locale": "zh-CN", "timezone_id": "Asia/Shanghai", "reduced_motion": "reduce"}
        options = usual | {"viewport": WIDE} | options
        page = self._tabs.take(hall.url, options, fresh=fresh)
        self._pages.append(page)
        self._watch(page.context, urlsplit(hall.url).netloc)
        return page

    def signed_in(self, hall: LiveHall, login: str, **options: Any) -> Page:
        page = self.anybody(hall, **options)
        page.context.add_cookies([hall.cookie_of(login)])  # type: ignore[list-item]
        return page

    def verdict(self) -> list[str]:
        return self._complaints

    def close(self) -> None:
        for page in self._pages:
            self._tabs.empty(page)
        for context, event, ear in self._ears:
            context.remove_listener(event, ear)
        for page in self._pages:
            self._tabs.give_back(page)

    def _watch(self, context: BrowserContext, home: str) -> None:
        def asked(request: Request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != home:
                self._complaints.append(f"reached for {request.url}")

        def answered(response: Response) -> None:
            if response.status >= 400 and urlsplit(response.url).path.startswith("/static/"):
                self._complaints.append(f"{response.status} {response.url}")

        def said(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and not message.text.startswith(REFUSED_PAGE):
                self._complaints.append(
                    f"console at {message.page and message.page.url}: {message.text}"
                )

        def threw(error: WebError) -> None:
            self._complaints.append(f"script: {error.error}")

        ears = {"request": asked, "response": answered, "console": said, "weberror": threw}
        for event, ear in ears.items():
            context.on(event, ear)  # type: ignore[call-overload]
            self._ears.append((context, event, ear))


class Team:
    """Colleagues who stay at their desks for a whole module: signed in once, one tab each."""

    def __init__(self, visitors: Visitors, hall: LiveHall) -> None:
        self._visitors, self._hall = visitors, hall
        self._pages: dict[str, Page] = {}

    def __call__(self, login: str, size: dict[str, int] = WIDE) -> Page:
        if login not in self._pages:
            self._pages[login] = self._visitors.signed_in(self._hall, login)
        page = self._pages[login]
        page.set_viewport_size(size)  # type: ignore[arg-type]
        return page


def sign_in(page: Page, login: str, door: str = "unit", password: str = PASSWORD) -> None:
    """Through the door, as the manual says, with the captcha from the demonstration's hint."""
    if "/signin" not in page.url:
        page.goto(f"/signin?door={door}")
    page.get_by_label("单位账号" if door == "unit" else "工号").fill(login)
    page.get_by_label("登录密码").fill(password)
    hint = re.search(r"验证码：(\w+)", page.locator("#f-captcha-h").inner_text())
    assert hint, "the demonstration tells its captcha"
    page.get_by_label("验证码", exact=True).fill(hint[1])
    page.get_by_role("button", name="登录", exact=True).click()
    page.wait_for_url(re.compile(r"^(?!.*/signin)"))


def toast(page: Page, text: str) -> None:
    """A toast with these words is on the page."""
    page.locator("#toasts .toast", has_text=text).first.wait_for()
    page.wait_for_load_state()  # what is clicked next needs the page's scripts


def no_sideways_scroll(page: Page) -> None:
    page.wait_for_load_state()
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide <= 0, f"{page.url} is {wide} px too wide at {page.viewport_size}"


def field(page: Page, label: str) -> Locator:
    """The input with this label: not the buttons that are named after it."""
    typed = page.get_by_role("textbox", name=label, exact=True)
    return typed.or_(page.get_by_role("combobox", name=label, exact=True))


def more(page: Page, verb: str) -> Locator:
    """A verb behind 更多; its dialog."""
    page.get_by_role("button", name="更多", exact=True).click()
    menu = page.get_by_role("group", name="更多操作")
    menu.get_by_role("button", name=verb, exact=True).click()
    return page.get_by_role("dialog")


def pick(place: Page | Locator, label: str, name: str) -> None:
    """Somebody from the list that opens under the box while a name is typed."""
    place.get_by_role("combobox", name=label, exact=True).fill(name)
    place.get_by_role("option", name=re.compile(f"^{name}")).click()
    place.get_by_role("checkbox", name=re.compile(f"^{name}")).wait_for()


def record(page: Page) -> Locator:
    """The lines of 办理记录, the newest first."""
    card = page.locator("section.card").filter(has=page.get_by_role("heading", name="办理记录"))
    return card.locator("ol.h-time > li")
