"""Real-time debit by signed JSON over HTTP(S).

`POST {url}/debits` carries an order, `GET {url}/debits/{order_no}` asks what became of it; both are
answered with {"order_no", "status": done | declined | settling | absent, …}.  Only a signed answer
that fits its order decides anything; whatever else comes back leaves the matter open.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote, urlsplit

from handlers import exchange as wire
from handlers.banking.gateways import signing
from handlers.banking.gateways.port import (
    SETTLING,
    Answer,
    Debited,
    Declined,
    Order,
    Unknown,
    Untouched,
)
from handlers.banking.settings import BankSettings, HttpBank

WHOM = "银行接口"
# The bank's codes → what the unit reads.  Not listed: told with the code.
DECLINED: Mapping[str, str] = {
    "insufficient_funds": "付款账户余额不足，请存入款项后重新缴款。",
    "no_agreement": "银行没有该账户的扣款协议，请先到开户银行签约。",
    "account_closed": "付款账户已销户，请到柜台更换签约账户。",
    "account_frozen": "付款账户已被冻结，请向开户银行了解原因。",
    "name_mismatch": "付款账户的户名与银行登记的不符，请到柜台核对签约信息。",
    "over_limit": "金额超过该账户的扣款限额，请向开户银行提高限额或改用转账。",
    "closed_hours": "银行此时不受理扣款，请在银行营业时间内重新缴款。",
}
_CODE = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)
_SERIAL = re.compile(r"[0-9A-Za-z_-]{1,60}", re.ASCII)


class HttpGateway:
    def __init__(
        self,
        door: HttpBank,
        settings: BankSettings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        limits = wire.Limits(settings.connect_seconds, settings.timeout_seconds)
        self._peer = wire.Peer(WHOM, limits, door.proxy, door.trusted())
        self._door = door
        self._secret = door.secret.get_secret_value()
        self._clock = clock

    def debit(self, order: Order) -> Answer:
        document = {
            "order_no": order.order_no,
            "amount_cents": order.amount_cents,
            "payer_name": order.payer_name,
            "payer_account_no": order.payer_account_no,
            "payer_bank": order.payer_bank,
            "branch_code": order.branch_code,
            "memo": order.memo,
        }
        body = json.dumps(document, ensure_ascii=False).encode()
        found = self._ask("POST", "/debits", body)
        if isinstance(found, wire.Fault):
            sure = found.left is not wire.Left.PERHAPS
            return Untouched(found.text) if sure else Unknown(found.text)
        answer = judge(found, order.order_no)
        if isinstance(answer, Untouched):
            return Unknown("银行接口对扣款指令答复“没有这笔指令”")  # it has just been given it
        return answer

    def query(self, order_no: str) -> Answer:
        found = self._ask("GET", f"/debits/{quote(order_no, safe='')}", b"")
        return Unknown(found.text) if isinstance(found, wire.Fault) else judge(found, order_no)

    def _ask(self, method: str, path: str, body: bytes) -> wire.Answer | wire.Fault:
        """A signed answer, or why there is none."""
        url = self._door.url + path
        nonce, now = secrets.token_hex(16), str(int(self._clock()))
        parts = (method, urlsplit(url).path, now, nonce)
        headers = {
            signing.CLIENT: self._door.client,
            signing.TIME: now,
            signing.NONCE: nonce,
            signing.SIGNATURE: signing.of_request(self._secret, parts, body),
        }
        if body:
            headers["content-type"] = "application/json; charset=utf-8"
        found = wire.exchange(wire.Request(method, url, headers, body), self._peer)
        if isinstance(found, wire.Fault):
            return found
        signed = found.headers.get(signing.SIGNATURE, "")
        right = signing.of_answer(self._secret, nonce, found.status, found.body)
        if not signing.same(signed, right):
            text = f"{WHOM}的应答没有有效的签名（状态码 {found.status}）"
            return wire.Fault(wire.Left.PERHAPS, text)
        return found


def judge(answer: wire.Answer, order_no: str) -> Answer:
    """Pure: what a signed answer about this order says."""
    try:
        document: Any = json.loads(answer.body)
    except (ValueError, RecursionError):
        return Unknown(f"{WHOM}的应答不是有效的 JSON")
    if not isinstance(document, dict) or answer.status not in (200, 404):
        return Unknown(f"{WHOM}返回状态码 {answer.status}")
    if document.get("order_no") != order_no:
        return Unknown(f"{WHOM}答复的不是这笔指令")
    status = document.get("status")
    if (status == "absent") != (answer.status == 404):
        return Unknown(f"{WHOM}的应答前后矛盾")
    match status:
        case "absent":
            return Untouched("银行没有收到这笔扣款指令")
        case "settling":
            return Unknown("银行正在处理这笔扣款", SETTLING)
        case "declined":
            return _declined(document)
        case "done":
            return _debited(document)
    return Unknown(f"{WHOM}的应答无法识别")


def _declined(document: Mapping[str, Any]) -> Answer:
    code = document.get("code")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return Unknown(f"{WHOM}拒绝扣款，但没有说明原因")
    unlisted = f"银行拒绝扣款（代码 {code}），请联系付款账户的开户银行。"
    return Declined(code, DECLINED.get(code, unlisted))


def _debited(document: Mapping[str, Any]) -> Answer:
    serial, day = document.get("serial"), document.get("debited_on")
    amount_cents = document.get("amount_cents")
    try:
        debited_on = date.fromisoformat(day) if isinstance(day, str) else None
    except ValueError:
        debited_on = None
    named = isinstance(serial, str) and _SERIAL.fullmatch(serial)
    if not named or debited_on is None or type(amount_cents) is not int or amount_cents <= 0:
        return Unknown(f"{WHOM}答复已扣款，但流水号、日期或金额无法识别")
    return Debited(str(serial), debited_on, amount_cents)
