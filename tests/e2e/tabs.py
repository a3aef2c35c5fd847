"""Tabs that the next test goes on using, as if they were new.

A new tab is a new process that reads its fonts and scripts for the first time: it costs more than
the page it is opened for.
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Error, Page

IDLE_MAX = 4  # each is a process that keeps its memory
PATIENCE_MS = 10_000


class Tabs:
    """Each tab is alone in its context: cookies and all that is kept are its own."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._idle: list[tuple[str, Page]] = []  # what it was opened with; the oldest first
        self._opened: dict[Page, str] = {}

    def take(self, address: str, options: dict[str, Any], *, fresh: bool = False) -> Page:
        """With these options of a context; `fresh`: one that has loaded nothing, used once."""
        how = "" if fresh else repr((address, sorted(options.items())))
        found = next((each for each in self._idle if each[0] == how), None)
        if found is not None:
            self._idle.remove(found)
            page = found[1]
            page.set_viewport_size(options["viewport"])
        else:
            context = self._browser.new_context(base_url=address, **options)
            context.set_default_timeout(PATIENCE_MS)
            page = context.new_page()
        self._opened[page] = how
        return page

    def empty(self, page: Page) -> None:
        """Leave its page; a tab that cannot be emptied is closed."""
        context, how = page.context, self._opened[page]
        try:
            for other in context.pages:
                if other is not page:
                    other.close()
            if how and page.url.startswith("http"):
                page.evaluate("localStorage.clear(); sessionStorage.clear()")
            page.mouse.move(0, 0)
            context.clear_cookies()
            page.goto("/healthz")  # of the same site, or the next page takes a new process
        except Error:
            self._opened[page] = ""

    def give_back(self, page: Page) -> None:
        """Emptied before, and watched by nobody any more."""
        how = self._opened.pop(page)
        if not how:
            page.context.close()
            return
        self._idle.append((how, page))
        if len(self._idle) > IDLE_MAX:
            self._idle.pop(0)[1].context.close()
