"""The simulated bank's HTTP server: debits, questions, the day's statement, and a control door.

`script` (POST /control) says word by word how the next debits and questions are treated; after its
end accounts behave as their last four digits say (GET / lists them), and all others well.  The
money moves before an answer goes wrong, except where a word says otherwise: what makes a real bank
dangerous is the debit whose answer is lost.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from handlers.banking.gateways import signing
from handlers.banking.settings import SIMULATOR_CLIENT, SIMULATOR_SECRET
from handlers.banking.simulator import statement
from handlers.banking.simulator.vault import MISBEHAVING, Movement, Vault

BODY_BYTES_MAX = 64 * 1024
DELAY_SECONDS_MAX = 60.0
SCRIPT_MAX = 1_000
AMOUNT_CENTS_MAX = 10**13
# ok; delay:5; drop (debited, no answer); 500 (not debited); garbage, huge, unsigned (debited)
WORDS = re.compile(r"ok|drop|500|garbage|huge|unsigned|delay:\d{1,2}(\.\d)?")
_STATEMENT = re.compile(r"/statements/(\d{4}-\d\d-\d\d)\.(csv|xlsx)")
_TEXTS = {"order_no": 40, "payer_name": 255, "payer_account_no": 40, "branch_code": 20, "memo": 255}

HELP = """模拟银行 · 只供演示和测试，不动用任何真实资金

付款账号末四位决定扣款的结果，其他账号一律成功：
  9001 余额不足        9002 没有扣款协议      9003 账户冻结
  9004 扣款后 5 秒才应答  9005 扣款后断开连接    9006 第一次返回 500（未扣款）
  9007 扣款后应答乱码    9008 20 秒后扣款成功   9009 20 秒后扣款失败

当日到账明细：/statements/2026-07-15.csv 或 .xlsx
模拟单位转账（到账后出现在明细中）：
  curl -H 'Content-Type: application/json' -d '{"transfer": {"payer_name": "某单位",
    "payer_account_no": "6222000011112222", "amount_cents": 100000, "memo": "汇缴",
    "branch_code": "QDN01"}}' 本页地址/control
下几次应答的方式：{"script": ["drop", "500", "delay:8", "garbage"]}
立即了结处理中的扣款：{"settle": true}
"""


@dataclass
class Bank:
    """What one server is and has seen."""

    vault: Vault
    clock: Callable[[], datetime]
    client: str = SIMULATOR_CLIENT
    secret: str = SIMULATOR_SECRET
    url: str = ""
    script: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # "POST /debits", "GET /debits/…", in order
    failed: set[str] = field(default_factory=set)  # orders that have had their first failure
    nonces: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def word(self, account_no: str = "", order_no: str = "") -> str:
        """How this request is treated."""
        with self.lock:
            if self.script:
                return self.script.pop(0)
            word = MISBEHAVING.get(account_no[-4:], "ok")
            if word == "ok" or order_no in self.failed:
                return "ok"
            self.failed.add(order_no)
            return word

    def admits(self, parts: tuple[str, str], headers: Any, body: bytes) -> bool:
        """Is this our client, just now, for the first time?"""
        stamp, nonce = headers.get(signing.TIME, ""), headers.get(signing.NONCE, "")
        said = headers.get(signing.SIGNATURE, "")
        right = signing.of_request(self.secret, (*parts, stamp, nonce), body)
        if headers.get(signing.CLIENT) != self.client or not signing.same(said, right):
            return False
        now = self.clock().timestamp()
        if not (8 <= len(nonce) <= 64 and stamp.isdecimal() and len(stamp) <= 12):
            return False
        if abs(now - int(stamp)) > signing.CLOCKS_APART_SECONDS_MAX:
            return False
        with self.lock:
            oldest = now - 2 * signing.CLOCKS_APART_SECONDS_MAX
            self.nonces = {one: at for one, at in self.nonces.items() if at > oldest}
            fresh = nonce not in self.nonces
            self.nonces[nonce] = now
        return fresh


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    bank: Bank

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A hall that has hung up is what this bank is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            self._send(200, HELP.encode(), "text/plain; charset=utf-8")
        elif found := _STATEMENT.fullmatch(path):
            rows = self.server.bank.vault.credits(found[1])
            make, kind = statement.KINDS[found[2]]
            self._send(200, make(rows, found[1]), kind)
        elif path.startswith("/debits/"):
            self._debits(b"")
        else:
            self._send(404, b"no such place")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            self._send(413, b"too long")
            return
        body = self.rfile.read(int(length))
        path = urlsplit(self.path).path
        if path == "/debits":
            self._debits(body)
        elif path == "/control":
            self._control(body)
        else:
            self._send(404, b"no such place")

    # ── debits ─────────────────────────────────────────────────────────────────────────────────
    def _debits(self, body: bytes) -> None:
        bank = self.server.bank
        path = urlsplit(self.path).path
        with bank.lock:
            bank.asked.append(f"{self.command} {path}")
        if not bank.admits((self.command, path), self.headers, body):
            self._say(401, {"status": "refused", "code": "bad_signature"})
        elif self.command == "GET":
            order_no = unquote(path.removeprefix("/debits/"))
            self._misbehave(bank.word(), lambda: self._told(bank.vault.find(order_no), order_no))
        else:
            order = _order(body)
            if order is None:
                self._say(400, {"status": "refused", "code": "bad_order"})
                return
            word = bank.word(order["payer_account_no"], order["order_no"])
            self._misbehave(word, lambda: self._done(order))

    def _done(self, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        made, first = self.server.bank.vault.debit(order)
        given = (order["amount_cents"], order["payer_account_no"])
        if not first and (made.amount_cents, made.payer_account_no) != given:
            return 409, {"order_no": made.order_no, "status": "refused", "code": "another_order"}
        return self._told(made, made.order_no)

    @staticmethod
    def _told(made: Movement | None, order_no: str) -> tuple[int, dict[str, Any]]:
        if made is None or made.kind != "debit":
            return 404, {"order_no": order_no, "status": "absent"}
        return 200, {
            "order_no": made.order_no,
            "status": made.status,
            "amount_cents": made.amount_cents,
            "code": made.code,
            "serial": made.serial,
            "debited_on": made.at[:10],
        }

    def _misbehave(self, word: str, do: Callable[[], tuple[int, dict[str, Any]]]) -> None:
        if word == "500":
            self._say(500, {"status": "refused"})
            return
        status, document = do()
        kind, _, argument = word.partition(":")
        if kind == "drop":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif kind == "garbage":
            self._sign(status, b'{"status": "done",, <html>')
        elif kind == "huge":
            self._sign(status, b" " * 2_000_000)
        elif kind == "unsigned":
            self._send(status, json.dumps(document).encode())
        else:
            time.sleep(min(float(argument or 0), DELAY_SECONDS_MAX))
            self._say(status, document)

    # ── control ────────────────────────────────────────────────────────────────────────────────
    def _control(self, body: bytes) -> None:
        bank = self.server.bank
        # a page of another site may not send JSON, nor does it come without an origin
        kind = self.headers.get("Content-Type", "").partition(";")[0]
        if kind != "application/json" or self.headers.get("Origin"):
            self._send(415, b"send JSON")
            return
        document = _json(body)
        script, sent = document.get("script"), document.get("transfer")
        if script is not None:
            if not _is_script(script):
                self._send(400, b"no such script")
                return
            with bank.lock:
                bank.script = list(script)
        if document.get("settle") is True:
            bank.vault.settle_all()
        told: dict[str, Any] = {"ok": True}
        if sent is not None:
            order = _checked(sent, _TEXTS.keys() - {"order_no"})
            if order is None:
                self._send(400, b"no such transfer")
                return
            told["serial"] = bank.vault.transfer(order).serial
        self._send(200, json.dumps(told).encode())

    # ── answers ────────────────────────────────────────────────────────────────────────────────
    def _say(self, status: int, document: dict[str, Any]) -> None:
        self._sign(status, json.dumps(document, ensure_ascii=False).encode())

    def _sign(self, status: int, body: bytes) -> None:
        nonce = self.headers.get(signing.NONCE, "")
        signature = signing.of_answer(self.server.bank.secret, nonce, status, body)
        self._send(status, body, signature=signature)

    def _send(
        self, status: int, body: bytes, kind: str = "application/json", *, signature: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if signature:
            self.send_header(signing.SIGNATURE, signature)
        self.end_headers()
        self.wfile.write(body)


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _order(body: bytes) -> dict[str, Any] | None:
    return _checked(_json(body), _TEXTS.keys())


def _checked(found: Any, names: Any) -> dict[str, Any] | None:
    if not isinstance(found, dict):
        return None
    amount = found.get("amount_cents")
    texts = {name: found.get(name) for name in names}
    sound = all(isinstance(one, str) and len(one) <= _TEXTS[name] for name, one in texts.items())
    if not sound or type(amount) is not int or not 0 < amount <= AMOUNT_CENTS_MAX:
        return None
    if "order_no" in texts and not texts["order_no"]:
        return None
    return texts | {"amount_cents": amount}


def _is_script(script: Any) -> bool:
    return (
        isinstance(script, list)
        and len(script) <= SCRIPT_MAX
        and all(isinstance(word, str) and WORDS.fullmatch(word) for word in script)
    )


@contextmanager
def serving(
    file: Path,
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Bank]:
    """A bank in a thread of this process until the block ends; port 0: any free one."""
    vault = Vault(file, clock)
    server = _Server((host, port), _Handler)
    bank = server.bank = Bank(vault, clock, url=f"http://{host}:{server.server_port}")
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="bank", daemon=True
    )
    thread.start()
    try:
        yield bank
    finally:
        server.shutdown()
        with suppress(OSError):
            server.server_close()
        thread.join(5)
