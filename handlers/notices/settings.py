"""What a centre decides about its short messages: which gateway, how to talk to it, how many a day.

Only shapes and checks live here; `webapp.settings` embeds `SmsSettings` as its section [sms], so
that a wrong value stops the start with one sentence.  Secrets come from the environment or a file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

GatewayName = Literal["demo", "http", "http_second", "aliyun"]

# What a request template may contain.  The text of a message never goes into a header.
BODY_KEYS = frozenset({"mobile", "text", "signature", "id", "token"})
HEADER_KEYS = frozenset({"id", "token"})
PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
_TOKEN = re.compile(r"[A-Za-z0-9-]+")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _read_secret(value: SecretStr | None, file: Path | None) -> str:
    if value is not None:
        return value.get_secret_value()
    return file.read_text(encoding="utf-8").strip() if file is not None else ""


def _check_readable(name: str, file: Path | None) -> None:
    try:
        _read_secret(None, file)
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"{name} 指的文件 {file} 读不了") from None


def _check_address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("须以 http:// 或 https:// 开头")
    return value


def _check_placeholders(text: str, allowed: frozenset[str]) -> str:
    unknown = sorted(set(PLACEHOLDER.findall(text)) - allowed)
    if unknown:
        names = "、".join(f"{{{name}}}" for name in unknown)
        may = "、".join(f"{{{name}}}" for name in sorted(allowed))
        raise ValueError(f"含有未知的占位符 {names}，可以使用 {may}")
    return text


class SuccessTest(_Section):
    """How to see in the answer that the gateway took the message."""

    status: tuple[int, ...] = (200,)
    json_path: str | None = None  # dotted: "code", "result.0.status"
    equals: str | None = None  # compared as text, so 0 and "0" are the same
    regex: str | None = None  # for gateways that answer in plain text
    id_path: str | None = None  # where the gateway's own number of the message is
    invalid_number: tuple[str, ...] = ()  # values at json_path that mean: this number is wrong
    limited: tuple[str, ...] = ()  # values that mean: this number had too many messages

    @field_validator("regex")
    @classmethod
    def _regex_compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"不是有效的正则表达式：{error}") from error
        return value

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if (self.json_path is None) != (self.equals is None):
            raise ValueError("json_path 与 equals 须同时填写")
        if (self.json_path is None) == (self.regex is None):
            raise ValueError("成功的判断须填写 json_path 加 equals，或者 regex，二者取一")
        if self.regex is not None and (self.invalid_number or self.limited):
            raise ValueError("invalid_number 与 limited 须配合 json_path 使用")
        return self


class HttpSettings(_Section):
    """A plain HTTP gateway: one request built from a template, one test of the answer."""

    url: str = Field(description="短信网关的地址，以 http:// 或 https:// 开头")
    method: Literal["GET", "POST", "PUT"] = Field("POST", description="GET、POST 或 PUT")
    headers: dict[str, str] = Field(default_factory=dict)
    body: str = ""
    content_type: str = "application/json"
    charset: Literal["utf-8", "gbk"] = "utf-8"  # older gateways in this trade still want GBK
    token: SecretStr | None = None  # {token} in url, headers, body
    token_file: Path | None = None
    proxy: str | None = None  # never taken from the environment: a proxy must be a decision
    success: SuccessTest = Field(description="一节成功判断（json_path 加 equals，或 regex）")

    _url_scheme = field_validator("url")(_check_address)

    @model_validator(mode="after")
    def _known_placeholders(self) -> Self:
        _check_placeholders(self.url, BODY_KEYS)
        _check_placeholders(self.body, BODY_KEYS)
        for name, value in self.headers.items():
            if not _TOKEN.fullmatch(name) or "\n" in value or "\r" in value:
                raise ValueError(f"请求头 {name!r} 的名称或内容不合规")
            _check_placeholders(value, HEADER_KEYS)
        for key in ("mobile", "text"):
            if f"{{{key}}}" not in self.url + self.body:
                raise ValueError(f"url 或 body 中须有 {{{key}}}")
        if self.token is not None and self.token_file is not None:
            raise ValueError("token 与 token_file 只能填写一个")
        _check_readable("token_file", self.token_file)
        return self

    def read_token(self) -> str:
        return _read_secret(self.token, self.token_file)


class AliyunSettings(_Section):
    """阿里云短信服务.  It takes no free text: each of our templates has a code in its console."""

    endpoint: str = "https://dysmsapi.aliyuncs.com"
    access_key_id: str = Field(min_length=1, description="阿里云的 AccessKey ID")
    access_key_secret: SecretStr | None = None
    access_key_secret_file: Path | None = None
    sign_name: str = Field(min_length=1, description="阿里云审核通过的短信签名")
    template_code: dict[str, str] = Field(default_factory=dict)  # "unit_info_change.completed"
    param_chars_max: int = Field(default=35, ge=1, le=500)  # limit of a variable, by kind
    proxy: str | None = None

    _endpoint_scheme = field_validator("endpoint")(_check_address)

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.access_key_secret is None) == (self.access_key_secret_file is None):
            raise ValueError("access_key_secret 与 access_key_secret_file 须填写其中一个")
        _check_readable("access_key_secret_file", self.access_key_secret_file)
        return self

    def read_secret(self) -> str:
        return _read_secret(self.access_key_secret, self.access_key_secret_file)


_GATEWAYS = "demo、http、http_second 或 aliyun"


class SmsSettings(_Section):
    """Section [sms].  The descriptions finish the sentence 应为… when a value is wrong."""

    gateway: GatewayName = Field("demo", description=_GATEWAYS)
    # Tried when the first one refuses or does not answer.
    fallback: GatewayName | None = Field(None, description=f"{_GATEWAYS}，没有备用网关时填 none")
    # Shown by the carrier as 【…】 before the text.
    signature: str = Field(
        "住房公积金", min_length=2, max_length=16, description="2 至 16 个字的短信签名"
    )
    per_minute: int = Field(
        3, ge=1, le=60, description="1 至 60 的整数（同一号码 60 秒内最多几条）"
    )
    per_day: int = Field(
        20, ge=1, le=1000, description="1 至 1000 的整数（同一号码 24 小时内最多几条）"
    )
    connect_seconds: float = Field(3.0, gt=0, le=10, description="大于 0、不超过 10 的秒数")
    # One answer.  Two gateways at their slowest must end before the lease of the job (120 s) does.
    timeout_seconds: float = Field(8.0, gt=0, le=20, description="大于 0、不超过 20 的秒数")
    rest_after: int = Field(
        3, ge=1, le=100, description="1 至 100 的整数（连续失败几次后先用另一个网关）"
    )
    rest_seconds: int = Field(60, ge=1, le=3600, description="1 至 3600 的整数（秒）")
    http: HttpSettings | None = None
    http_second: HttpSettings | None = None
    aliyun: AliyunSettings | None = None

    @field_validator("fallback", mode="before")
    @classmethod
    def _none_in_words(cls, value: object) -> object:
        return None if value in ("", "none") else value  # TOML and the environment have no null

    @model_validator(mode="after")
    def _chosen_gateways_are_described(self) -> Self:
        if self.fallback == self.gateway:
            raise ValueError("fallback 不能与 gateway 相同，不需要备用网关时填 none")
        for name in (self.gateway, self.fallback):
            if name not in (None, "demo") and getattr(self, name) is None:
                raise ValueError(f"选用了 {name}，但缺少 [sms.{name}] 一节")
        return self
