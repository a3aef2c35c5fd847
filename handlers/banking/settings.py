"""What a centre decides about its bank: is there real-time debit, and where.

Only shapes and checks live here; `webapp.settings` embeds `BankSettings` as its section [bank].
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

SECRET_CHARS_MIN = 32
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# The simulator's, known to everybody: it listens on this machine alone and moves no money.
SIMULATOR_CLIENT, SIMULATOR_SECRET = "hall-demo", "the-simulated-bank-moves-no-real-money"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class HttpBank(_Section):
    """The bank's (or its front-end machine's) address and what proves to it who we are."""

    url: str = Field(description="银行接口的地址，以 https:// 开头")
    client: str = Field(pattern=r"^[0-9A-Za-z_-]{1,60}$", description="银行分配的客户编号")
    secret: SecretStr = Field(description=f"与银行约定的签名密钥，至少 {SECRET_CHARS_MIN} 个字符")
    ca_file: Path | None = None  # when the bank's certificate is signed by an authority of its own
    proxy: str | None = None  # never taken from the environment: a proxy must be a decision

    @field_validator("url")
    @classmethod
    def _sealed_on_the_way(cls, value: str) -> str:
        address = urlsplit(value)
        if address.query or address.fragment or not address.hostname:
            raise ValueError("须为不带参数的网址")
        # account numbers travel in the body, and a signature does not hide them
        plain = address.scheme == "http" and address.hostname in _LOOPBACK
        if address.scheme != "https" and not plain:
            raise ValueError("须以 https:// 开头（只有本机的地址可以用 http://）")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if len(self.secret.get_secret_value()) < SECRET_CHARS_MIN:
            raise ValueError(f"secret 太短，至少 {SECRET_CHARS_MIN} 个字符")
        self.trusted()
        return self

    def trusted(self) -> ssl.SSLContext | None:
        if self.ca_file is None:
            return None
        try:
            return ssl.create_default_context(cafile=str(self.ca_file))
        except (OSError, ssl.SSLError):
            raise ValueError(f"ca_file 指的文件 {self.ca_file} 不是可用的证书") from None


class BankSettings(_Section):
    """Section [bank].  The descriptions finish the sentence 应为… when a value is wrong."""

    # none: no real-time debit; units pay by transfer or slip, statements come as files.
    kind: Literal["none", "http", "simulator"] = Field(
        "none", description="none、http 或 simulator"
    )
    simulator_port: int = Field(8009, ge=1, le=65535, description="1 到 65535 的整数")
    connect_seconds: float = Field(3.0, gt=0, le=10, description="大于 0、不超过 10 的秒数")
    # One answer.  Asking and debiting at their slowest must end before the outbox's lease (120 s).
    timeout_seconds: float = Field(10.0, gt=0, le=20, description="大于 0、不超过 20 的秒数")
    # An order the bank has certainly never seen is given up after so long: people are waiting.
    patience_seconds: int = Field(180, ge=10, le=3600, description="10 到 3600 的整数（秒）")
    rest_after: int = Field(
        3, ge=1, le=100, description="1 至 100 的整数（连续几笔无应答后暂停询问银行）"
    )
    rest_seconds: int = Field(60, ge=1, le=600, description="1 至 600 的整数（秒）")
    http: HttpBank | None = None

    @model_validator(mode="after")
    def _described(self) -> Self:
        if self.kind == "http" and self.http is None:
            raise ValueError("选用了 http，但缺少 [bank.http] 一节")
        return self

    def door(self) -> HttpBank | None:
        """Where debits go; None: nowhere."""
        if self.kind == "simulator":
            return HttpBank(
                url=f"http://127.0.0.1:{self.simulator_port}",
                client=SIMULATOR_CLIENT,
                secret=SecretStr(SIMULATOR_SECRET),
            )
        return self.http if self.kind == "http" else None
