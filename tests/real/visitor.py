"""Somebody with a browser but no screen: signs in, files and decides, through the pages."""

from __future__ import annotations

import itertools
import re
from types import TracebackType

import httpx

from handlers.demo import PASSWORD
from tests.e2e.live import SERVICE

_addresses = itertools.count(1)


class Visitor:
    """`seconds_max` is the longest any page has let this visitor wait."""

    def __init__(self, url: str) -> None:
        # As nginx hands it on; an address each, because sign-ins are limited per address.
        number = next(_addresses)
        address = f"203.0.113.{number % 250 + 1}"
        self.http = httpx.Client(
            base_url=url, headers={"X-Forwarded-For": address}, timeout=30, trust_env=False
        )
        self.seconds_max = 0.0

    def __enter__(self) -> Visitor:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.http.close()

    def get(self, path: str) -> httpx.Response:
        return self._timed(self.http.get(path))

    def post(self, path: str, page: httpx.Response, **fields: str) -> httpx.Response:
        """As the form of this page does: with its token of the session."""
        data = {"csrf_token": found(page, r'name="csrf-token" content="([^"]+)"')} | fields
        return self._timed(self.http.post(path, data=data))

    def _timed(self, answer: httpx.Response) -> httpx.Response:
        self.seconds_max = max(self.seconds_max, answer.elapsed.total_seconds())
        return answer

    def sign_in(self, login: str) -> Visitor:
        door = "unit" if login[0].isdigit() else "staff"
        page = self.get(f"/signin?door={door}")
        answer = self.post(
            "/signin",
            page,
            door=door,
            login=login,
            password=PASSWORD,
            captcha_id=found(page, r'name="captcha_id" value="([^"]+)"'),
            captcha=found(page, r"验证码：(\w+)"),
        )
        assert answer.status_code == 303, answer.text
        return self

    def file(self, **typed: str) -> str:
        """提交审核; the number of the request."""
        path = f"/services/{SERVICE}"
        page = self.get(path)
        token = found(page, r'name="token"[^>]*value="(\w+)"')
        answer = self.post(path, page, action="submit", token=token, **typed)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["Location"].rpartition("/")[2])

    def open_request(self, no: str) -> httpx.Response:
        page = self.get(f"/requests/{no}")
        assert page.status_code == 200, page.text
        return page

    def approve(self, no: str, page: httpx.Response | None = None) -> httpx.Response:
        page = page or self.open_request(no)
        facts = {
            "task": found(page, r'name="task" value="(\d+)"'),
            "seen": found(page, r'name="seen" value="(\d+)"'),
        }
        return self.post(f"/requests/{no}/approve", page, opinion="材料齐全，同意", **facts)


def found(page: httpx.Response, pattern: str) -> str:
    match = re.search(pattern, page.text)
    assert match, f"no {pattern} in {page.request.url}: {page.text[:2000]}"
    return match[1]
