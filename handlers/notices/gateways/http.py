"""A plain HTTP gateway described entirely by settings: request template and success test.

Values are escaped for the place they go to (URL, JSON, form, XML), so a quote in a reviewer's
opinion can never break out of the template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from handlers.notices.gateways.port import Outcome, Outgoing, Receipt
from handlers.notices.gateways.wire import Answer, Limits, Request, exchange
from handlers.notices.settings import PLACEHOLDER, HttpSettings, SmsSettings

# Status codes outside success.status.  Not listed: 5xx → BUSY, everything else → REFUSED.
STATUS: Mapping[int, Outcome] = {
    408: Outcome.BUSY,
    425: Outcome.BUSY,
    429: Outcome.BUSY,
    504: Outcome.UNKNOWN,  # a proxy gave up waiting; the gateway behind it may have sent
}
ERROR_CHARS_MAX = 120


class HttpGateway:
    def __init__(self, settings: HttpSettings, sms: SmsSettings, *, name: str = "http") -> None:
        self.name = name
        self._settings = settings
        self._limits = Limits(sms.connect_seconds, sms.timeout_seconds)
        self._token = settings.read_token()

    def send(self, message: Outgoing) -> Receipt:
        answer = exchange(self._request(message), self._limits, proxy=self._settings.proxy)
        return answer if isinstance(answer, Receipt) else judge(answer, self._settings)

    def _request(self, message: Outgoing) -> Request:
        settings = self._settings
        values = {
            "mobile": message.mobile,
            "text": message.text,
            "signature": message.signature,
            "id": message.id,
            "token": self._token,
        }
        charset = settings.charset
        headers = {name: _fill(text, values, str) for name, text in settings.headers.items()}
        if settings.body:
            headers["Content-Type"] = f"{settings.content_type}; charset={charset}"
        body = _fill(settings.body, values, _escaper(settings.content_type, charset))
        return Request(
            method=settings.method,
            url=_fill(settings.url, values, _quoter(charset)),
            headers=headers,
            body=body.encode(charset, errors="replace"),
        )


def _fill(template: str, values: Mapping[str, str], escaper: Callable[[str], str]) -> str:
    # Not str.format: a JSON body is full of braces that are not ours.
    return PLACEHOLDER.sub(lambda found: escaper(values[found[1]]), template)


def _quoter(charset: str) -> Callable[[str], str]:
    return lambda value: quote(value, safe="", encoding=charset, errors="replace")


def _escaper(content_type: str, charset: str) -> Callable[[str], str]:
    if content_type.endswith("json"):
        return lambda value: json.dumps(value, ensure_ascii=False)[1:-1]
    if content_type == "application/x-www-form-urlencoded":
        return _quoter(charset)
    if content_type.endswith("xml"):
        return lambda value: escape(value, {'"': "&quot;"})
    return str


def judge(answer: Answer, settings: HttpSettings) -> Receipt:
    """Pure: from the gateway's answer to our outcome."""
    test = settings.success
    if answer.status not in test.status:
        return _by_status(answer.status)
    text = answer.body.decode(settings.charset, errors="replace")
    if test.regex is not None:
        if re.search(test.regex, text):
            return Receipt(Outcome.ACCEPTED)
        return Receipt(Outcome.REFUSED, error=_shorten(f"短信网关拒绝：{text}"))
    assert test.json_path is not None, "checked by SuccessTest"
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        # 200 and unreadable: it may have been sent, so this is doubt, not refusal.
        return Receipt(Outcome.UNKNOWN, error="短信网关的应答不是有效的 JSON")
    code = _at(document, test.json_path)
    if code == test.equals:
        gateway_id = _at(document, test.id_path) if test.id_path else None
        return Receipt(Outcome.ACCEPTED, gateway_id=(gateway_id or "")[:64])
    return _by_code(code, settings)


def _by_status(status: int) -> Receipt:
    default = Outcome.BUSY if status >= 500 else Outcome.REFUSED
    return Receipt(STATUS.get(status, default), error=f"短信网关返回状态码 {status}")


def _by_code(code: str | None, settings: HttpSettings) -> Receipt:
    test = settings.success
    if code is None:
        return Receipt(Outcome.UNKNOWN, error=f"短信网关的应答中没有 {test.json_path}")
    if code in test.invalid_number:
        return Receipt(Outcome.INVALID, error="手机号码无效")
    if code in test.limited:
        return Receipt(Outcome.LIMITED, error="短信网关：该号码接收短信过多")
    return Receipt(Outcome.REFUSED, error=_shorten(f"短信网关拒绝，代码 {code}"))


def _at(document: Any, path: str) -> str | None:
    """The value at a dotted path, as text; None when there is no such place."""
    for part in path.split("."):
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    if isinstance(document, bool):
        return "true" if document else "false"
    return str(document) if isinstance(document, str | int | float) else None


def _shorten(text: str) -> str:
    return " ".join(text.split())[:ERROR_CHARS_MAX]
