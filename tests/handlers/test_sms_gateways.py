"""Each gateway against a real HTTP server that misbehaves: what it answers, what we make of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from handlers.notices.gateways import Outcome, Outgoing, aliyun
from handlers.notices.gateways.aliyun import AliyunGateway
from handlers.notices.gateways.demo import DemoGateway
from handlers.notices.gateways.http import HttpGateway
from handlers.notices.settings import AliyunSettings, HttpSettings, SmsSettings
from tests.handlers.sms_server import (
    ACCESS_KEY_ID,
    ACCESS_KEY_SECRET,
    Phone,
    signature_is_right,
    sms_server,
)

SMS = SmsSettings(connect_seconds=0.3, timeout_seconds=0.4)
MESSAGE = Outgoing(
    id="0123456789abcdef0123456789abcdef",
    mobile="13885500001",
    text="尊敬的杨秀兰，您已完成办理单位信息变更！",
    signature="黔东南公积金",
    template="unit_info_change.completed",
    params={"name": "杨秀兰", "no": "QDN-1"},
)
JSON_BODY = '{"id": "{id}", "mobile": "{mobile}", "text": "{text}", "sign": "{signature}"}'
SUCCESS: dict[str, Any] = {
    "json_path": "code",
    "equals": "0",
    "id_path": "data.sid",
    "invalid_number": ["1001"],
    "limited": ["1002"],
}


@pytest.fixture
def phone() -> Iterator[Phone]:
    with sms_server() as made:
        yield made


def http_gateway(phone: Phone, **changes: Any) -> HttpGateway:
    values: dict[str, Any] = {"url": f"{phone.url}/send", "body": JSON_BODY, "success": SUCCESS}
    return HttpGateway(HttpSettings.model_validate(values | changes), SMS)


def aliyun_gateway(phone: Phone, **changes: Any) -> AliyunGateway:
    values: dict[str, Any] = {
        "endpoint": phone.url,
        "access_key_id": ACCESS_KEY_ID,
        "access_key_secret": ACCESS_KEY_SECRET,
        "sign_name": "黔东南公积金",
        "template_code": {"unit_info_change.completed": "SMS_1"},
    }
    return AliyunGateway(AliyunSettings.model_validate(values | changes), SMS)


def test_the_demo_phone_has_the_message_at_once() -> None:
    assert DemoGateway().send(MESSAGE).outcome is Outcome.DELIVERED


def test_http_sends_the_filled_template_and_keeps_the_gateways_number(phone: Phone) -> None:
    receipt = http_gateway(phone).send(MESSAGE)
    assert (receipt.outcome, receipt.gateway_id) == (Outcome.ACCEPTED, "sid-1")
    assert phone.asked[0].json == {
        "id": MESSAGE.id,
        "mobile": MESSAGE.mobile,
        "text": MESSAGE.text,
        "sign": MESSAGE.signature,
    }
    assert phone.asked[0].headers["content-type"] == "application/json; charset=utf-8"


NASTY = 'a"b\\c\n</x>&y=1 {mobile} {nonsense} %41 章'


def test_a_text_cannot_break_out_of_a_json_template(phone: Phone) -> None:
    http_gateway(phone).send(replace(MESSAGE, text=NASTY))
    assert phone.asked[0].json["text"] == NASTY
    assert phone.asked[0].json["mobile"] == MESSAGE.mobile


def test_a_text_cannot_break_out_of_an_address(phone: Phone) -> None:
    url = f"{phone.url}/send?to={{mobile}}&msg={{text}}&id={{id}}"
    phone.script = ["code:0"]
    http_gateway(phone, url=url, body="", method="GET").send(replace(MESSAGE, text=NASTY))
    assert phone.asked[0].query == {"to": MESSAGE.mobile, "msg": NASTY, "id": MESSAGE.id}


def test_a_text_cannot_break_out_of_an_xml_template(phone: Phone) -> None:
    body = '<sms to="{mobile}"><text>{text}</text></sms>'
    phone.script = ["code:0"]
    http_gateway(phone, body=body, content_type="text/xml").send(replace(MESSAGE, text=NASTY))
    root = ElementTree.fromstring(phone.asked[0].body)
    assert (root.get("to"), root.findtext("text")) == (MESSAGE.mobile, NASTY)


def test_a_form_in_gbk_arrives_as_gbk(phone: Phone) -> None:
    form = "application/x-www-form-urlencoded"
    phone.script = ["code:0"]
    http_gateway(phone, body="m={mobile}&c={text}", content_type=form, charset="gbk").send(MESSAGE)
    body = phone.asked[0].body.decode("ascii")
    assert body.startswith("m=13885500001&c=%D7%F0%BE%B4")  # 尊敬 in GBK
    assert phone.asked[0].headers["content-type"] == f"{form}; charset=gbk"


def test_the_token_travels_in_a_header(phone: Phone) -> None:
    headers = {"Authorization": "Bearer {token}", "X-Request-Id": "{id}"}
    http_gateway(phone, headers=headers, token="s3cret").send(MESSAGE)
    assert phone.asked[0].headers["authorization"] == "Bearer s3cret"
    assert phone.asked[0].headers["x-request-id"] == MESSAGE.id


@pytest.mark.parametrize(
    ("behaviour", "outcome", "words"),
    [
        ("status:500", Outcome.BUSY, "500"),
        ("status:503", Outcome.BUSY, "503"),
        ("status:429", Outcome.BUSY, "429"),
        ("status:504", Outcome.UNKNOWN, "504"),
        ("status:401", Outcome.REFUSED, "401"),
        ("status:404", Outcome.REFUSED, "404"),
        ("slow:0.8", Outcome.UNKNOWN, "超时"),
        ("drip:0.1", Outcome.UNKNOWN, "超时"),
        ("reset", Outcome.UNKNOWN, "中断"),
        ("hangup", Outcome.UNKNOWN, "中断"),
        ("garbage", Outcome.UNKNOWN, "JSON"),
        ("nested", Outcome.UNKNOWN, "JSON"),
        ("empty", Outcome.UNKNOWN, "JSON"),
        ("text:[]", Outcome.UNKNOWN, "没有 code"),
        ("code:7", Outcome.REFUSED, "代码 7"),
        ("code:1001", Outcome.INVALID, "手机号码无效"),
        ("code:1002", Outcome.LIMITED, "过多"),
        ("huge:50000000", Outcome.UNKNOWN, "过长"),
    ],
)
def test_http_makes_of_each_fault(
    phone: Phone, behaviour: str, outcome: Outcome, words: str
) -> None:
    phone.script = [behaviour]
    receipt = http_gateway(phone).send(MESSAGE)
    assert receipt.outcome is outcome
    assert words in receipt.error
    assert len(phone.asked) == 1


def test_a_dripping_gateway_is_left_at_the_deadline(phone: Phone) -> None:
    phone.script = ["drip:0.1"]
    before = time.monotonic()
    http_gateway(phone).send(MESSAGE)
    assert time.monotonic() - before < 1.5


def test_a_redirect_is_refused_and_never_followed(phone: Phone) -> None:
    phone.script = ["redirect:/elsewhere"]
    assert http_gateway(phone).send(MESSAGE).outcome is Outcome.REFUSED
    assert [one.path for one in phone.asked] == ["/send"]


def test_a_gateway_that_is_not_there_is_busy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused
        nobody = Phone(url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        receipt = http_gateway(nobody).send(MESSAGE)
    assert (receipt.outcome, receipt.error) == (Outcome.BUSY, "无法连接短信网关")


@pytest.mark.parametrize(
    ("answer", "outcome"), [("OK:123", Outcome.ACCEPTED), ("ERR 14", Outcome.REFUSED)]
)
def test_a_gateway_that_answers_in_words(phone: Phone, answer: str, outcome: Outcome) -> None:
    phone.script = [f"text:{answer}"]
    assert http_gateway(phone, success={"regex": r"^OK:"}).send(MESSAGE).outcome is outcome


def test_an_error_page_does_not_fill_our_records(phone: Phone) -> None:
    phone.script = ["text:" + "x " * 5000]
    receipt = http_gateway(phone, success={"regex": r"^OK:"}).send(MESSAGE)
    assert len(receipt.error) <= 120


# ── Aliyun ─────────────────────────────────────────────────────────────────────────────────────
def test_aliyun_signs_the_example_of_its_manual_as_the_manual_does() -> None:
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = aliyun.canonical_query(
        {
            "RegionId": "cn-shanghai",
            "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
        }
    )
    signed = aliyun.sign("POST", query, headers, key=("YourAccessKeyId", "YourAccessKeySecret"))
    assert signed.endswith(
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_aliyun_accepts_what_we_signed(phone: Phone) -> None:
    receipt = aliyun_gateway(phone).send(MESSAGE)
    assert (receipt.outcome, receipt.gateway_id) == (Outcome.ACCEPTED, "biz-1")
    asked = phone.asked[0]
    assert asked.headers["x-acs-action"] == "SendSms"
    assert asked.headers["x-acs-version"] == "2017-05-25"
    assert asked.query == {
        "PhoneNumbers": MESSAGE.mobile,
        "SignName": "黔东南公积金",
        "TemplateCode": "SMS_1",
        "TemplateParam": '{"name":"杨秀兰","no":"QDN-1"}',
        "OutId": MESSAGE.id,
    }


def test_the_signature_covers_the_number_and_the_text(phone: Phone) -> None:
    aliyun_gateway(phone).send(replace(MESSAGE, params={"name": "~*'() +&=?/%章"}))
    asked = phone.asked[0]
    assert signature_is_right(asked)
    forged = replace(asked, target=asked.target.replace("13885500001", "13885500002"))
    assert not signature_is_right(forged)


def test_a_wrong_secret_is_a_refusal(phone: Phone) -> None:
    receipt = aliyun_gateway(phone, access_key_secret="wrong").send(MESSAGE)
    assert (receipt.outcome, receipt.error) == (Outcome.REFUSED, "阿里云访问密钥不正确")
    assert (phone.bad_signatures, phone.rung) == (1, {})


def test_every_try_has_its_own_nonce_and_date_but_the_same_id(phone: Phone) -> None:
    gateway = aliyun_gateway(phone)
    gateway.send(MESSAGE)
    gateway.send(MESSAGE)
    nonces = {one.headers["x-acs-signature-nonce"] for one in phone.asked}
    assert (len(nonces), set(phone.ids())) == (2, {MESSAGE.id})


def test_the_date_is_utc_in_seconds(phone: Phone) -> None:
    gateway = aliyun_gateway(phone)
    gateway._clock = lambda: datetime(2026, 7, 15, 1, 30, 5, 999, tzinfo=UTC)
    gateway.send(MESSAGE)
    assert phone.asked[0].headers["x-acs-date"] == "2026-07-15T01:30:05Z"


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        ("aliyun:isv.MOBILE_NUMBER_ILLEGAL", Outcome.INVALID),
        ("aliyun:isv.BUSINESS_LIMIT_CONTROL|触发分钟级流控Permits:1", Outcome.THROTTLED),
        ("aliyun:isv.BUSINESS_LIMIT_CONTROL|触发小时级流控Permits:5", Outcome.THROTTLED),
        ("aliyun:isv.BUSINESS_LIMIT_CONTROL|触发天级流控Permits:10", Outcome.LIMITED),
        ("aliyun:isv.AMOUNT_NOT_ENOUGH", Outcome.REFUSED),
        ("aliyun:isv.SOMETHING_NEW", Outcome.REFUSED),
        ("aliyun:isp.SYSTEM_ERROR", Outcome.BUSY),
        ("aliyun:Throttling.User", Outcome.BUSY),
        ("aliyun:OK", Outcome.ACCEPTED),
        ("aliyun:<script>", Outcome.UNKNOWN),
        ("status:503", Outcome.BUSY),
        ("garbage", Outcome.UNKNOWN),
        ("reset", Outcome.UNKNOWN),
        ("redirect:/elsewhere", Outcome.UNKNOWN),
    ],
)
def test_aliyun_codes_become_our_outcomes(phone: Phone, behaviour: str, outcome: Outcome) -> None:
    phone.script = [behaviour]
    assert aliyun_gateway(phone).send(MESSAGE).outcome is outcome


def test_a_message_without_a_template_code_says_where_to_put_it_and_asks_nobody(
    phone: Phone,
) -> None:
    receipt = aliyun_gateway(phone, template_code={}).send(MESSAGE)
    assert receipt.outcome is Outcome.REFUSED
    assert "sms.aliyun.template_code" in receipt.error
    assert phone.asked == []


def test_a_long_variable_is_cut_to_what_aliyun_takes(phone: Phone) -> None:
    aliyun_gateway(phone).send(replace(MESSAGE, params={"name": "某" * 100}))
    assert phone.asked[0].query["TemplateParam"].count("某") == 35
