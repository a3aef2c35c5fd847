"""The way to the bank, against a real server that misbehaves: what we make of its answers."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook
from pydantic import ValidationError

from handlers import exchange as wire
from handlers.banking.gateways import (
    Answer,
    Debited,
    Declined,
    Order,
    Unknown,
    Untouched,
    build,
    signing,
)
from handlers.banking.gateways.http import DECLINED, HttpGateway, judge
from handlers.banking.gateways.port import SETTLING
from handlers.banking.settings import SIMULATOR_SECRET, BankSettings, HttpBank
from handlers.banking.simulator import vault
from handlers.banking.simulator.server import Bank, serving
from tests.conftest import Clock

ORDER = Order(
    order_no="JK0000000001-1",
    amount_cents=123_456,
    payer_name="凯里市云谷文旅发展有限公司",
    payer_account_no="5200161234560000",
    payer_bank="中国建设银行凯里分行",
    branch_code="QDN01",
    memo="公积金JK0000000001",
)
PATIENCE_SECONDS = 0.5


@pytest.fixture
def bank(tmp_path: Path, clock: Clock) -> Iterator[Bank]:
    with serving(tmp_path / "bank.sqlite3", clock=clock) as made:
        yield made


def gateway(bank: Bank, *, late: float = 0, **door: Any) -> HttpGateway:
    settings = BankSettings(connect_seconds=0.3, timeout_seconds=PATIENCE_SECONDS)
    values = {"url": bank.url, "client": bank.client, "secret": bank.secret}
    at = bank.clock().timestamp() + late
    return HttpGateway(HttpBank.model_validate(values | door), settings, clock=lambda: at)


def payer(ending: str, number: int = 1) -> Order:
    return replace(
        ORDER, payer_account_no=f"520016123456{ending}", order_no=f"JK0000000001-{number}"
    )


def test_an_order_is_debited_once_however_often_it_is_given(bank: Bank) -> None:
    link = gateway(bank)
    first = link.debit(ORDER)
    assert isinstance(first, Debited)
    assert (first.debited_on.isoformat(), first.amount_cents) == ("2026-07-15", 123_456)
    assert link.debit(ORDER) == link.query(ORDER.order_no) == first
    assert len(bank.vault.credits("2026-07-15")) == 1


def test_an_order_the_bank_never_got_is_untouched(bank: Bank) -> None:
    assert isinstance(gateway(bank).query("JK0000000009-1"), Untouched)


def test_the_bank_remembers_when_it_is_started_anew(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "bank.sqlite3"
    with serving(file, clock=clock) as bank:
        first = gateway(bank).debit(ORDER)
    with serving(file, clock=clock) as bank:
        assert gateway(bank).debit(ORDER) == first


def test_an_order_number_used_for_other_money_is_left_open(bank: Bank) -> None:
    link = gateway(bank)
    link.debit(ORDER)
    assert isinstance(link.debit(replace(ORDER, amount_cents=1)), Unknown)
    assert len(bank.vault.credits("2026-07-15")) == 1


@pytest.mark.parametrize(("ending", "code"), sorted(vault.REFUSING.items()))
def test_a_refusal_says_in_words_what_to_do(bank: Bank, ending: str, code: str) -> None:
    assert gateway(bank).debit(payer(ending)) == Declined(code, DECLINED[code])
    assert DECLINED[code].endswith("。")


def test_a_debit_may_be_settled_later_either_way(bank: Bank, clock: Clock) -> None:
    link = gateway(bank)
    good, bad = payer("9008", 1), payer("9009", 2)
    for order in (good, bad):
        found = link.debit(order)
        assert isinstance(found, Unknown)
        assert found.code == SETTLING
    clock.advance(seconds=vault.SETTLES_SECONDS + 1)
    assert isinstance(link.query(good.order_no), Debited)
    assert isinstance(link.query(bad.order_no), Declined)


@pytest.mark.parametrize("ending", ["9004", "9005", "9006", "9007"])
def test_an_account_that_makes_trouble_makes_it_once(bank: Bank, ending: str) -> None:
    link, order = gateway(bank), payer(ending)
    assert isinstance(link.debit(order), Unknown)
    known = link.query(order.order_no)
    assert isinstance(known, Untouched if ending == "9006" else Debited)
    assert isinstance(link.debit(order), Debited)
    assert len(bank.vault.credits("2026-07-15")) == 1


@pytest.mark.parametrize("word", ["drop", "500", "garbage", "huge", "unsigned", "delay:0.9"])
def test_what_is_not_an_answer_leaves_the_question_open(bank: Bank, word: str) -> None:
    link = gateway(bank)
    bank.script = [word, word]
    began = time.monotonic()
    for found in (link.debit(ORDER), link.query(ORDER.order_no)):
        assert isinstance(found, Unknown)
        assert "银行接口" in found.text
    assert time.monotonic() - began < 4 * PATIENCE_SECONDS


def test_a_bank_that_is_not_there_was_certainly_not_asked(bank: Bank) -> None:
    link = gateway(bank, url="http://127.0.0.1:1")
    assert isinstance(link.debit(ORDER), Untouched)
    assert isinstance(link.query(ORDER.order_no), Unknown)  # what it did before is not known


# ── signatures ─────────────────────────────────────────────────────────────────────────────────


def test_the_signature_is_what_it_says_it_is() -> None:
    """Computed here by hand, from the words of the module."""
    digest = hashlib.sha256(b"{}").hexdigest()
    said = f"POST\n/debits\n1784000000\nabcdefgh\n{digest}".encode()
    wanted = hmac.new(b"secret", said, hashlib.sha256).hexdigest()
    parts = ("POST", "/debits", "1784000000", "abcdefgh")
    assert signing.of_request("secret", parts, b"{}") == wanted
    said = f"answer\nabcdefgh\n200\n{digest}".encode()
    wanted = hmac.new(b"secret", said, hashlib.sha256).hexdigest()
    assert signing.of_answer("secret", "abcdefgh", 200, b"{}") == wanted


@pytest.mark.parametrize(
    "door", [{"secret": "x" * 40}, {"client": "somebody-else"}, {"late": 400}, {"late": -400}]
)
def test_a_stranger_and_a_wrong_clock_debit_nothing(bank: Bank, door: dict[str, Any]) -> None:
    assert isinstance(gateway(bank, **door).debit(ORDER), Unknown)
    assert bank.vault.credits("2026-07-15") == []


def test_a_request_that_was_overheard_cannot_be_said_again(bank: Bank) -> None:
    body = json.dumps(dict(order_no="A-1", amount_cents=1, payer_name="", payer_account_no="1",
                           branch_code="", memo="")).encode()  # fmt: skip
    stamp, nonce = str(int(bank.clock().timestamp())), "0123456789abcdef"
    parts = ("POST", "/debits", stamp, nonce)
    headers = {
        signing.CLIENT: bank.client,
        signing.TIME: stamp,
        signing.NONCE: nonce,
        signing.SIGNATURE: signing.of_request(SIMULATOR_SECRET, parts, body),
    }
    answers = [
        httpx.post(f"{bank.url}/debits", content=content, headers=headers, trust_env=False)
        for content in (body, body, body.replace(b"1,", b"9,"))
    ]
    assert [one.status_code for one in answers] == [200, 401, 401]


@pytest.mark.parametrize(
    "change",
    [
        {"order_no": "JK0000000002-1"},
        {"status": "perhaps"},
        {"status": "absent"},
        {"serial": ""},
        {"serial": "1 or 2"},
        {"serial": None},
        {"debited_on": "2026-02-30"},
        {"debited_on": None},
        {"amount_cents": "123456"},
        {"amount_cents": True},
        {"amount_cents": 0},
        {"status": "declined", "code": "没有原因"},
        {"status": "declined", "code": None},
    ],
)
def test_a_signed_answer_that_does_not_fit_decides_nothing(change: dict[str, Any]) -> None:
    sound = {
        "order_no": ORDER.order_no,
        "status": "done",
        "serial": "2026071500000001",
        "debited_on": "2026-07-15",
        "amount_cents": 123_456,
    }

    def answered(document: Any, status: int = 200) -> Answer:
        return judge(wire.Answer(status, json.dumps(document).encode(), {}), ORDER.order_no)

    assert isinstance(answered(sound), Debited)
    assert isinstance(answered(sound | change), Unknown)
    assert isinstance(answered(sound, 404), Unknown)
    assert isinstance(answered([sound]), Unknown)


def test_a_code_we_do_not_know_is_told_with_its_name() -> None:
    document = {"order_no": "A", "status": "declined", "code": "b017"}
    found = judge(wire.Answer(200, json.dumps(document).encode(), {}), "A")
    assert isinstance(found, Declined)
    assert "b017" in found.text


# ── the practice bank's other doors ────────────────────────────────────────────────────────────


def control(bank: Bank, document: Any, **more: Any) -> int:
    said: dict[str, Any] = {"json": document} | more
    return httpx.post(f"{bank.url}/control", trust_env=False, **said).status_code


def test_money_sent_by_a_unit_is_on_the_statement_of_the_day(bank: Bank) -> None:
    gateway(bank).debit(ORDER)
    sent = {"payer_name": "凯里酒厂", "payer_account_no": "62220", "amount_cents": 5_000_000,
            "branch_code": "QDN01", "memo": "7月汇缴"}  # fmt: skip
    assert control(bank, {"transfer": sent}) == 200
    answer = httpx.get(f"{bank.url}/statements/2026-07-15.csv", trust_env=False)
    rows = list(csv.reader(io.StringIO(answer.content.decode("gb18030"))))
    assert [row[4] for row in rows[2:]] == ["1,234.56", "50,000.00", "0.00"]
    assert rows[3][5:7] == ["凯里酒厂", "62220"]
    assert rows[4][7] == "手续费"
    sheet = httpx.get(f"{bank.url}/statements/2026-07-15.xlsx", trust_env=False).content
    book = load_workbook(io.BytesIO(sheet))
    assert [[cell or "" for cell in row] for row in book.active.values][1:] == rows[1:]  # type: ignore[union-attr]
    empty = httpx.get(f"{bank.url}/statements/2026-07-14.csv", trust_env=False)
    assert len(empty.content.splitlines()) == 2


def test_the_control_door_takes_only_what_it_understands_and_no_page_of_a_browser(
    bank: Bank,
) -> None:
    assert control(bank, {"script": ["drop", "delay:5"]}) == 200
    assert bank.script == ["drop", "delay:5"]
    assert control(bank, {"script": ["explode"]}) == 400
    assert control(bank, {"transfer": {"amount_cents": -5}}) == 400
    assert control(bank, {"script": []}, headers={"Origin": "https://elsewhere.example"}) == 415
    assert control(bank, None, content=b'{"script": []}', json=None) == 415
    assert bank.script == ["drop", "delay:5"]
    assert "9005" in httpx.get(bank.url, trust_env=False).text


# ── settings ───────────────────────────────────────────────────────────────────────────────────

SOUND = {"url": "https://bank.example.cn/fund", "client": "F01", "secret": "s" * 32}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"url": "http://bank.example.cn"}, "https://"),
        ({"url": "http://127.0.0.1.example.cn"}, "https://"),
        ({"url": "ftp://127.0.0.1"}, "https://"),
        ({"url": "https://bank.example.cn/?a=1"}, "参数"),
        ({"secret": "short"}, "太短"),
        ({"ca_file": "/nowhere/ca.pem"}, "证书"),
    ],
)
def test_a_door_that_is_not_safe_is_refused_in_words(change: dict[str, Any], word: str) -> None:
    HttpBank.model_validate(SOUND)
    with pytest.raises(ValidationError, match=word) as refusal:
        HttpBank.model_validate(SOUND | change)
    assert "s" * 32 not in str(refusal.value)


def test_without_a_bank_there_is_no_gateway_and_http_needs_its_section() -> None:
    assert build(BankSettings()) is None
    assert isinstance(build(BankSettings(kind="simulator")), HttpGateway)
    with pytest.raises(ValidationError, match="bank.http"):
        BankSettings(kind="http")


def test_the_slowest_bank_is_faster_than_the_lease() -> None:
    from engine.owed import outbox

    slowest = BankSettings(connect_seconds=10, timeout_seconds=20)
    worst = 2 * (slowest.connect_seconds + 2 * slowest.timeout_seconds)  # ask, then debit
    assert worst < outbox.LEASE_SECONDS


def test_a_clock_in_another_zone_is_the_same_day_in_shanghai(tmp_path: Path) -> None:
    evening = datetime(2026, 7, 15, 17, 0, tzinfo=UTC)  # already the 16th in Shanghai
    with serving(tmp_path / "bank.sqlite3", clock=lambda: evening) as bank:
        found = gateway(bank).debit(ORDER)
    assert isinstance(found, Debited)
    assert found.debited_on.isoformat() == (evening + timedelta(hours=8)).date().isoformat()
