"""Every setting of the hall: config.toml, then the environment, checked once at the start.

A wrong value stops the start with one Chinese sentence that names the key and what is allowed.
The description of a field *is* that "what is allowed", so the two cannot drift apart.
"""

from __future__ import annotations

import hmac
import os
import secrets
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails

from handlers.banking.settings import BankSettings
from handlers.documents import Limits
from handlers.notices.settings import SmsSettings

ROOT = Path(__file__).resolve().parent.parent
CONFIG_FILE = ROOT / "config.toml"
CENTERS = ROOT / "bpmn" / "centers"
SECRET_CHARS_MIN = 32
RESTORE_NOTE = "restore.unfinished"  # lies in data_dir while hall restore is at work
_PLAIN_NAMES = {"DATABASE_URL": ("database", "url"), "REDIS_URL": ("redis", "url")}
_NOT_SETTINGS = frozenset({"HALL_CONFIG"})
_SECRET_WORDS = ("secret", "password", "token", "url")


class SettingsError(Exception):
    """The configuration cannot be used; the text is one sentence for whoever runs the hall."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Database(Section):
    url: str = Field("", description="空（用 SQLite）、sqlite:///… 或 postgresql+psycopg://…")
    pool_size: int = Field(5, ge=1, le=100, description="1 到 100 的整数")

    @model_validator(mode="after")
    def _known_kind(self) -> Self:
        if self.url and not self.url.startswith(
            ("sqlite:///", "postgresql+psycopg://", "postgresql://")
        ):
            raise ValueError("database.url 须为空、以 sqlite:/// 或 postgresql+psycopg:// 开头")
        return self


class RedisSection(Section):
    url: str = Field("", description="空，或 redis://、rediss://、unix:// 开头的地址")

    @model_validator(mode="after")
    def _known_kind(self) -> Self:
        if self.url and not self.url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("redis.url 须为空，或以 redis://、rediss://、unix:// 开头")
        return self


class Worker(Section):
    kind: Literal["embedded", "rq"] = Field("embedded", description="embedded 或 rq")
    poll_seconds: float = Field(5, ge=0.1, le=60, description="0.1 到 60 的数")
    sweep_seconds: int = Field(30, ge=1, le=600, description="1 到 600 的整数")


class Web(Section):
    host: str = Field("127.0.0.1", min_length=1, description="监听的地址，如 127.0.0.1")
    port: int = Field(8000, ge=1, le=65535, description="1 到 65535 的整数")
    threads: int = Field(8, ge=1, le=64, description="1 到 64 的整数")
    processes: int = Field(1, ge=1, le=64, description="1 到 64 的整数")
    trusted_proxies: int = Field(0, ge=0, le=5, description="0 到 5 的整数（前面有几层代理）")
    base_url: str = Field(
        "",
        pattern=r"^(https?://[^/\s]+(/[^\s]*)?)?$",
        description="空，或 http:// 、https:// 开头的网址",
    )
    metrics_token: SecretStr = Field(SecretStr(""), description="一串字符，空则只许本机读取")


class Signin(Section):
    idle_minutes: int = Field(20, ge=1, le=720, description="1 到 720 的整数")
    lock_attempts: int = Field(5, ge=2, le=20, description="2 到 20 的整数")
    lock_minutes: int = Field(15, ge=1, le=1440, description="1 到 1440 的整数")
    captcha: bool = Field(True, description="true 或 false")


class PageLimits(Section):
    page_size: int = Field(20, ge=5, le=100, description="5 到 100 的整数")


class Keys(Section):
    file: str = Field("", description="密钥文件的路径，空为 data_dir 里的 keys.toml")


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug、info、warning 或 error"
    )
    format: Literal["json", "text"] = Field("text", description="json 或 text")


class Settings(Section):
    center: str = Field(
        "qiandongnan", pattern=r"^[a-z][a-z0-9_]*$", description="bpmn/centers/ 下的一个文件夹名"
    )
    mode: Literal["demo", "production"] = Field("demo", description="demo 或 production")
    data_dir: Path = Field(Path("var"), description="一个可写的文件夹")
    secret_key: SecretStr = Field(SecretStr(""), description=f"至少 {SECRET_CHARS_MIN} 个字符")
    database: Database = Field(default_factory=Database)
    redis: RedisSection = Field(default_factory=RedisSection)
    worker: Worker = Field(default_factory=Worker)
    web: Web = Field(default_factory=Web)
    signin: Signin = Field(default_factory=Signin)
    limits: PageLimits = Field(default_factory=PageLimits)
    uploads: Limits = Field(default_factory=Limits)
    sms: SmsSettings = Field(default_factory=SmsSettings)
    bank: BankSettings = Field(default_factory=BankSettings)
    keys: Keys = Field(default_factory=Keys)
    log: Log = Field(default_factory=Log)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        key = self.secret_key.get_secret_value()
        if key and len(key) < SECRET_CHARS_MIN:
            raise ValueError(f"secret_key 太短，至少 {SECRET_CHARS_MIN} 个字符")
        if self.worker.kind == "rq" and not self.redis.url:
            raise ValueError("worker.kind 为 rq 时须填写 redis.url（或环境变量 REDIS_URL）")
        if self.mode == "production":
            if not key:
                raise ValueError(
                    "mode 为 production 时须有 secret_key："
                    "请设环境变量 HALL_SECRET_KEY 或 HALL_SECRET_KEY_FILE"
                )
            if "demo" in (self.sms.gateway, self.sms.fallback):
                raise ValueError(
                    "mode 为 production 时 sms.gateway 不能是 demo，请改为 http 或 aliyun"
                )
            if self.bank.kind == "simulator":
                raise ValueError(
                    "mode 为 production 时 bank.kind 不能是 simulator，请改为 http 或 none"
                )
            if not self.web.base_url:
                raise ValueError(
                    "mode 为 production 时须填写 web.base_url：回单的二维码和链接要用公布的网址"
                )
        return self

    @property
    def root(self) -> Path:
        """The folder of the product itself: bpmn/, config.toml."""
        return ROOT

    @property
    def data_path(self) -> Path:
        return self.data_dir if self.data_dir.is_absolute() else ROOT / self.data_dir

    @property
    def materials_path(self) -> Path:
        """Uploaded files, outside the web root."""
        return self.data_path / "materials"

    @property
    def keys_path(self) -> Path:
        """The keys of personal data; never inside the database, nor among the materials."""
        return Path(self.keys.file) if self.keys.file else self.data_path / "keys.toml"

    @property
    def database_url(self) -> str:
        url = self.database.url or f"sqlite:///{self.data_path / 'hall.sqlite3'}"
        if url.startswith("postgresql://"):  # what hosting sets as DATABASE_URL
            return "postgresql+psycopg://" + url.removeprefix("postgresql://")
        return url

    def engine_options(self) -> dict[str, Any]:
        """Arguments of `sqlalchemy.create_engine`."""
        # What people type and their numbers must not travel into logs inside a database error.
        quiet = {"hide_parameters": True}
        if self.database_url.startswith("sqlite"):
            return quiet
        return quiet | {"pool_size": self.database.pool_size, "pool_pre_ping": True}

    def secret(self) -> str:
        """The key that signs cookies; the demo makes its own, once, in its data folder."""
        key = self.secret_key.get_secret_value()
        return key or _own_secret(self.data_path / "secret_key")

    def history_key(self) -> bytes:
        """The key of the history's seals: another one than the cookies', and always the same."""
        return hmac.digest(self.secret().encode(), b"history", "sha256")


def require_whole(settings: Settings) -> None:
    """Nobody works on data that a restore has begun to write and not finished."""
    if (settings.data_path / RESTORE_NOTE).exists():
        raise SettingsError("上次恢复没有做完，数据不完整，请重新执行 hall restore 后再启动。")


def _own_secret(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as opened:
        opened.write(secrets.token_hex(32))
    return file.read_text(encoding="ascii").strip()


def load(
    file: Path | None = None, environ: Mapping[str, str] | None = None, **overrides: Any
) -> Settings:
    """config.toml, then the environment, then `overrides`; raises SettingsError."""
    environ = os.environ if environ is None else environ
    file = file or Path(environ.get("HALL_CONFIG") or CONFIG_FILE)
    raw = _read(file)
    _apply_environment(raw, environ)
    for name, value in overrides.items():
        if isinstance(value, dict):
            raw.setdefault(name, {}).update(value)
        else:
            raw[name] = value
    _read_secret_files(raw, Settings)
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None
    if not (CENTERS / settings.center).is_dir():
        known = "、".join(sorted(path.name for path in CENTERS.iterdir() if path.is_dir()))
        raise SettingsError(f"没有名为 {settings.center} 的中心，center 可以是：{known}。")
    return settings


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"找不到设置文件 {file}。") from None
    except OSError as error:
        raise SettingsError(f"设置文件 {file} 读不了：{error.strerror}。") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"设置文件 {file} 不是有效的 TOML：{error}。") from None


def _apply_environment(raw: dict[str, Any], environ: Mapping[str, str]) -> None:
    for name, path in _PLAIN_NAMES.items():
        if environ.get(name):
            raw.setdefault(path[0], {})[path[1]] = environ[name]
    for name, value in sorted(environ.items()):
        if not name.startswith("HALL_") or name in _NOT_SETTINGS:
            continue
        path = _path_of(name.removeprefix("HALL_").lower(), Settings)
        if path is None:
            raise SettingsError(f"环境变量 {name} 不对应任何设置，请检查拼写。")
        node = raw
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = value
        # A secret given directly replaces a file named in config.toml, and the other way round.
        other = path[-1].removesuffix("_file") if path[-1].endswith("_file") else path[-1] + "_file"
        node.pop(other, None)


def _path_of(text: str, model: type[BaseModel]) -> list[str] | None:
    """sms_http_token → ["sms", "http", "token"]; the longest field name wins."""
    for name in sorted(model.model_fields, key=len, reverse=True):
        field = _section(model.model_fields[name].annotation)
        if field is None and text in (name, f"{name}_file"):
            return [text]
        if field is not None and text.startswith(f"{name}_"):
            rest = _path_of(text.removeprefix(f"{name}_"), field)
            if rest is not None:
                return [name, *rest]
    return None


def _section(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next((a for a in get_args(annotation) if a is not type(None)), None)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _read_secret_files(raw: dict[str, Any], model: type[BaseModel], at: str = "") -> None:
    """`secret_key_file = "…"` stands for `secret_key`, wherever the section has no such field."""
    for name in list(raw):
        field = model.model_fields.get(name)
        inner = _section(field.annotation) if field else None
        if inner is not None and isinstance(raw[name], dict):
            _read_secret_files(raw[name], inner, f"{at}{name}.")
        plain = name.removesuffix("_file")
        if field is None and plain != name and plain in model.model_fields:
            file = Path(str(raw.pop(name)))
            try:
                raw[plain] = file.read_text(encoding="utf-8").strip()
            except OSError as error:
                reason = f"{at}{name} 指的文件 {file} 读不了：{error.strerror}。"
                raise SettingsError(reason) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        allowed = "、".join(sorted(_model_at(path[:-1]).model_fields))
        return f"没有名为 {key} 的设置，这里可以写：{allowed}。"
    if first["type"] == "value_error":
        reason = str(first["ctx"]["error"]).rstrip("。")
        return f"{reason}。" if not key or reason.startswith(key) else f"{key}：{reason}。"
    field = _model_at(path[:-1]).model_fields.get(path[-1]) if path else None
    allowed = (field.description if field else None) or _allowed(first)
    shown = "" if any(word in key for word in _SECRET_WORDS) else f"（现在是 {first['input']!r}）"
    return f"设置 {key} 的值不可用{shown}，应为：{allowed}。"


def _allowed(error: ErrorDetails) -> str:
    """For fields of other rooms that do not describe themselves."""
    limits = {"ge": "不小于 {}", "gt": "大于 {}", "le": "不大于 {}", "lt": "小于 {}",
              "min_length": "至少 {} 字", "max_length": "至多 {} 字", "expected": "{}"}  # fmt: skip
    context = error.get("ctx", {})
    said = [text.format(context[name]) for name, text in limits.items() if name in context]
    kinds = {"int_parsing": "整数", "float_parsing": "数", "bool_parsing": "true 或 false",
             "missing": "必须填写", "model_type": "一节，如 [web]"}  # fmt: skip
    return "、".join(said).replace(" or ", " 或 ") or kinds.get(error["type"], error["msg"])


def _model_at(path: list[str]) -> type[BaseModel]:
    model: type[BaseModel] = Settings
    for part in path:
        field = model.model_fields.get(part)
        inner = _section(field.annotation) if field else None
        if inner is None:
            break
        model = inner
    return model
