"""A wrong setting is found at the start and says what is wrong, without showing a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from handlers.notices.gateways import build
from handlers.notices.settings import SmsSettings

HTTP: dict[str, Any] = {
    "url": "https://sms.example.gov.cn/send",
    "body": '{"m": "{mobile}", "t": "{text}"}',
    "success": {"json_path": "code", "equals": "0"},
}
ALIYUN: dict[str, Any] = {
    "access_key_id": "id",
    "access_key_secret": "very-secret",
    "sign_name": "黔东南公积金",
}


def test_without_any_setting_it_is_the_demo_phone() -> None:
    assert [gateway.name for gateway in build(SmsSettings())] == ["demo"]


def test_two_gateways_stand_in_the_order_asked_for() -> None:
    settings = SmsSettings.model_validate(
        {"gateway": "http", "fallback": "aliyun", "http": HTTP, "aliyun": ALIYUN}
    )
    assert [gateway.name for gateway in build(settings)] == ["http", "aliyun"]


def test_the_fallback_can_be_a_second_http_gateway() -> None:
    settings = SmsSettings.model_validate(
        {"gateway": "http", "fallback": "http_second", "http": HTTP, "http_second": HTTP}
    )
    assert [gateway.name for gateway in build(settings)] == ["http", "http_second"]


@pytest.mark.parametrize("nothing", ["none", "", None])
def test_no_fallback_can_be_said_in_words(nothing: str | None) -> None:
    assert SmsSettings.model_validate({"fallback": nothing}).fallback is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"gateway": "http"}, "缺少 [sms.http]"),
        ({"gateway": "demo", "fallback": "aliyun"}, "缺少 [sms.aliyun]"),
        ({"fallback": "demo"}, "不能与 gateway 相同"),
        ({"http": HTTP | {"url": "ftp://x"}}, "http://"),
        ({"http": HTTP | {"body": "{mobil} {text}"}}, "{mobil}"),
        ({"http": HTTP | {"body": "{mobile}"}}, "{text}"),
        ({"http": HTTP | {"headers": {"X": "{text}"}}}, "{text}"),
        ({"http": HTTP | {"headers": {"X": "a\r\nB: c"}}}, "请求头"),
        ({"http": HTTP | {"success": {}}}, "二者取一"),
        ({"http": HTTP | {"success": {"json_path": "code"}}}, "同时填写"),
        ({"http": HTTP | {"success": {"regex": "("}}}, "正则"),
        ({"http": HTTP | {"token": "a", "token_file": "b"}}, "只能填写一个"),
        ({"aliyun": {"access_key_id": "id", "sign_name": "x"}}, "填写其中一个"),
        ({"http": HTTP | {"token_file": "/nonexistent/token"}}, "读不了"),
        ({"per_minute": 0}, "greater than or equal to 1"),
        ({"speed": 1}, "Extra inputs"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        SmsSettings.model_validate(values)
    assert words in str(refusal.value)


def test_a_secret_is_never_printed() -> None:
    settings = SmsSettings.model_validate({"aliyun": ALIYUN})
    assert "very-secret" not in repr(settings)
    with pytest.raises(ValidationError) as refusal:
        SmsSettings.model_validate({"aliyun": ALIYUN | {"endpoint": "nowhere"}})
    assert "very-secret" not in str(refusal.value)


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-file\n", encoding="utf-8")
    values = {"access_key_id": "id", "sign_name": "签名", "access_key_secret_file": str(file)}
    settings = SmsSettings.model_validate({"aliyun": values})
    assert settings.aliyun is not None
    assert settings.aliyun.read_secret() == "from-file"
