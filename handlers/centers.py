"""A centre is data: `bpmn/centers/<code>/center.toml`, read once and frozen.

The file is written by people who do not program, so every mistake in it — a key misspelt, a number
where a text belongs, a menu entry without a service — is one sentence that names file and key and
says what is allowed.
"""

from __future__ import annotations

import re
import string
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from engine.errors import HallError, Problem
from handlers import profiles
from handlers.parameters import rules

FILE_BYTES_MAX = 500_000
SMS_CHARS_MAX = 70  # one SMS; the gateway adds the 【signature】
SOURCE_CHARS_MAX = 200  # the column `hall_parameter.source`
PLACEHOLDERS = ("name", "business", "no", "reason", "unit")
CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Url = Annotated[str, StringConstraints(pattern=r"^(https://|/)[^\s]*$")]


class CenterError(HallError):
    """The centre's file cannot be used; the sentence names file and key."""


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


Row = TypeVar("Row", bound=_Part)


class Branch(_Part):
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,4}[0-9]{2}$")]
    name: Text
    phone: Text
    address: Text


class Role(_Part):
    """A lane of the diagrams and who works in it."""

    name: Text
    note: str = ""


class MenuGroup(_Part):
    group: Text
    services: tuple[Text, ...]


class Door(_Part):
    id: Literal["unit", "person", "developer", "staff"]
    name: Text
    note: Text
    open: bool
    closed_text: str = ""
    login_label: str = "登录账号"
    login_hint: str = ""

    @model_validator(mode="after")
    def _closed_door_says_why(self) -> Self:
        if not self.open and not self.closed_text:
            raise _mistake("没有开放（open = false）时必须写 closed_text，告诉来访者怎么办")
        return self


class Question(_Part):
    q: Text
    a: Text


class MaterialSlot(_Part):
    """`required` with `when`: only if one of these fields changes; without: always."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    name: Text
    note: str = ""
    required: bool = False
    when: tuple[Text, ...] = ()
    max_files: Annotated[int, Field(ge=1, le=20)] = 1


class ServiceTexts(_Part):
    name: Text
    icon: Text
    purpose: Text
    promise: Text
    who: Text
    term: Text
    basis: Text
    faq: tuple[Question, ...] = ()
    materials: tuple[MaterialSlot, ...] = ()
    locked: dict[str, Text] = Field(default_factory=dict)
    hidden: tuple[Text, ...] = ()
    # What the form of this service lets a centre choose; the form says which names there are.
    options: dict[str, str | bool | int] = Field(default_factory=dict)
    submit_label: Text = "提交"
    # Asked before an application is filed: 请确认本月是否有人员变动情况！ (QDN-03.1)
    confirm_text: str = ""
    # Buttons of a roster in the words of the centre's manual; "": as everywhere.
    enter_label: Text = "保存"
    download_label: str = ""
    submitted_toast: Text
    # What usually follows, asked behind the submission: 是否现在缴款登记？ (XZ-2.4a)
    next_service: str = ""
    next_text: str = ""
    in_flight_text: Text
    completed_text: Text

    @field_validator("materials")
    @classmethod
    def _slots_differ(cls, slots: tuple[MaterialSlot, ...]) -> tuple[MaterialSlot, ...]:
        return _unique(slots, "id")


class Notice(_Part):
    """Texts with {name} {business} {no} {reason} {unit}; an empty `sms` sends none."""

    title: Text
    message: Text
    sms: str = ""

    @field_validator("title", "message", "sms")
    @classmethod
    def _known_placeholders(cls, text: str) -> str:
        try:
            used = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
        except ValueError:
            raise _mistake("花括号没有成对，请改成 {name} 这样的写法") from None
        allowed = "、".join(f"{{{name}}}" for name in PLACEHOLDERS)
        for name in used:
            if name not in PLACEHOLDERS:
                raise _mistake(f"不认识 {{{name}}}，只能用 {allowed}")
        return text

    @field_validator("sms")
    @classmethod
    def _one_sms(cls, text: str) -> str:
        if len(text) > SMS_CHARS_MAX:
            raise _mistake(f"有 {len(text)} 个字，短信最多 {SMS_CHARS_MAX} 个字，请缩短")
        return text


class RegisterEntry(_Part):
    """A register (查询) this centre offers; `name` and `group` "" leave them to the register
    and to `query_group`."""

    key: Text
    name: str = ""
    group: str = ""
    hidden: tuple[Text, ...] = ()
    labels: dict[str, Text] = Field(default_factory=dict)  # column → this centre's heading


class News(_Part):
    date: date
    title: Text


class Link(_Part):
    title: Text
    url: Url


class DatedValue(_Part):
    """One value of a parameter with its first and, if it simply ends, last day; see
    `handlers.parameters`."""

    starts_on: date
    through: date | None = None  # the last day, included; without: until the next row starts
    value: Text
    branch: str = ""  # only for this branch; empty: for all of them
    source: Annotated[str, StringConstraints(min_length=1, max_length=SOURCE_CHARS_MAX)]


class Privacy(_Part):
    """Post → kinds of personal numbers it may read in full; each look is registered."""

    full: dict[Text, tuple[Literal["id_no", "mobile", "bank_card"], ...]] = Field(
        default_factory=dict
    )


class Center(_Part):
    code: Text
    name: Text
    short_name: Text
    hall_name: Text
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,4}$")]
    hotline: Text
    hotline_hours: Text
    region: Text
    title_lines: Annotated[tuple[Text, ...], Field(min_length=1, max_length=4)]
    branches: Annotated[tuple[Branch, ...], Field(min_length=1)]
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    menu: tuple[MenuGroup, ...]
    query_group: Text = "信息查询"  # the menu group of 单位基本情况 and 职工信息查询
    doors: Annotated[tuple[Door, ...], Field(min_length=1)]
    services: dict[str, ServiceTexts]
    notices: dict[str, dict[str, Notice]] = Field(default_factory=dict)
    news: tuple[News, ...] = ()
    links: tuple[Link, ...] = ()
    registers: tuple[RegisterEntry, ...] = ()
    opinions: tuple[Text, ...] = ()  # one click away when deciding
    privacy: Privacy = Field(default_factory=Privacy)
    parameters: dict[str, tuple[DatedValue, ...]] = Field(default_factory=dict)

    @field_validator("branches")
    @classmethod
    def _branches_differ(cls, rows: tuple[Branch, ...]) -> tuple[Branch, ...]:
        return _unique(rows, "code")

    @field_validator("roles")
    @classmethod
    def _roles_differ(cls, rows: tuple[Role, ...]) -> tuple[Role, ...]:
        return _unique(rows, "name")

    @field_validator("registers")
    @classmethod
    def _registers_differ(cls, rows: tuple[RegisterEntry, ...]) -> tuple[RegisterEntry, ...]:
        return _unique(rows, "key")

    @field_validator("doors")
    @classmethod
    def _doors_differ(cls, rows: tuple[Door, ...]) -> tuple[Door, ...]:
        return _unique(rows, "id")

    @model_validator(mode="after")
    def _names_meet(self) -> Self:
        known = "、".join(self.services)
        for group in self.menu:
            for key in group.services:
                if key not in self.services:
                    raise _mistake(f"menu 里的业务 {key} 在 services 中没有，已有的是：{known}")
        for key in self.notices:
            if key not in self.services:
                raise _mistake(f"notices 里的业务 {key} 在 services 中没有，已有的是：{known}")
        return self

    @model_validator(mode="after")
    def _privacy_names_posts(self) -> Self:
        known = [role.name for role in self.roles]
        for role in self.privacy.full:
            if role not in known:
                raise _mistake(f"privacy.full 里的岗位“{role}”不在 roles 中，请核对名称")
        return self

    @model_validator(mode="after")
    def _parameters_are_sound(self) -> Self:
        read = rules.entries(self.parameters, [branch.code for branch in self.branches])
        if isinstance(read, Problem):
            raise _mistake(f"parameters 里的 {read.text.removesuffix('。')}")
        return self

    def branch(self, code: str) -> Branch | None:
        return next((branch for branch in self.branches if branch.code == code), None)

    def door(self, door_id: str) -> Door | None:
        return next((door for door in self.doors if door.id == door_id), None)


def load(root: Path, code: str) -> Center:
    """Read `bpmn/centers/<code>/center.toml` under `root`, the folder of the product."""
    centers = root / "bpmn" / "centers"
    path = centers / code / "center.toml"
    if not CODE.fullmatch(code) or not path.is_file():
        known = "、".join(sorted(item.parent.name for item in centers.glob("*/center.toml")))
        raise _bad(f"没有名为“{code}”的中心，可用的有：{known or '（无）'}。")
    shown = f"bpmn/centers/{code}/center.toml"
    data = profiles.laid_over(root, _read(path, shown), _read)
    try:
        center = Center.model_validate_json(orjson.dumps(data))
    except ValidationError as error:
        raise _bad(f"{shown}：{_sentence(_worst(error))}") from None
    if center.code != code:
        raise _bad(f"{shown}：code 必须与文件夹同名，请改为“{code}”。")
    return center


def _read(path: Path, shown: str) -> dict[str, Any]:
    if path.stat().st_size > FILE_BYTES_MAX:
        raise _bad(f"{shown}：文件超过 {FILE_BYTES_MAX // 1000} KB，请检查是否放错了文件。")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise _bad(f"{shown}：不是 UTF-8 编码，请另存为 UTF-8 后重试。") from None
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"line (\d+)", str(error))
        line = f"第 {where[1]} 行" if where else "末尾"
        raise _bad(f"{shown}：{line}不符合 TOML 写法，请检查引号、括号和等号。") from None


def _unique(rows: tuple[Row, ...], key: str) -> tuple[Row, ...]:
    seen: set[str] = set()
    for row in rows:
        value = getattr(row, key)
        if value in seen:
            raise _mistake(f"{key} “{value}”重复，每个只能出现一次")
        seen.add(value)
    return rows


def _bad(text: str) -> CenterError:
    return CenterError(Problem("center.bad", text))


def _mistake(text: str) -> PydanticCustomError:
    # The text may hold braces, which pydantic would take for its own placeholders.
    return PydanticCustomError("hall", "{text}", {"text": text})


_EXPECTED = {
    "string_type": "应为加引号的文字",
    "string_too_short": "不能为空",
    "bool_type": "只能是 true 或 false",
    "int_type": "应为整数",
    "tuple_type": "应为方括号列表 […]",
    "dict_type": "应为一张表 […]",
    "model_type": "应为一张表 […]",
    "model_attributes_type": "应为一张表 […]",
}


def _worst(error: ValidationError) -> ErrorDetails:
    """A misspelt key is both unknown and missing; the unknown one shows the slip."""
    mistakes = error.errors()
    unknown = (one for one in mistakes if one["type"] == "extra_forbidden")
    return next(unknown, mistakes[0])


def _sentence(error: ErrorDetails) -> str:
    """One mistake in words: `services.x.submit_label 应为加引号的文字，现在是 3。`"""
    key = _shown_key(error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return f"缺少 {key}，请补上。"
    if kind == "extra_forbidden":
        return f"不认识 {key}，这里允许的有：{'、'.join(_allowed(error['loc'][:-1]))}。"
    if kind == "hall":
        return f"{key} {context['text']}。" if key else f"{context['text']}。"
    if kind == "literal_error":
        allowed = str(context["expected"]).replace("'", "").replace(" or ", "、")
        expected = f"只能是 {allowed.replace(', ', '、')}"
    elif kind == "string_pattern_mismatch":
        expected = f"格式不对，应符合 {context['pattern']}"
    elif kind in ("greater_than_equal", "less_than_equal"):
        limit = context.get("ge", context.get("le"))
        expected = f"{'不能小于' if 'ge' in context else '不能大于'} {limit}"
    elif kind in ("too_short", "too_long"):
        limit = context.get("min_length", context.get("max_length"))
        expected = f"{'至少' if kind == 'too_short' else '最多'}要有 {limit} 项"
    elif kind.startswith("date"):
        expected = "应为日期，例如 2026-07-01"
    else:
        expected = _EXPECTED.get(kind, "的值不对")
    return f"{key} {expected}，现在是 {_shown_value(error['input'])}。"


def _shown_key(loc: tuple[int | str, ...]) -> str:
    """("doors", 1, "open") → doors[2].open: people count from one."""
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in loc]
    return "".join(parts).removeprefix(".")


def _shown_value(value: object) -> str:
    shown = orjson.dumps(value, default=str).decode()
    return shown if len(shown) <= 40 else shown[:40] + "…"


def _allowed(loc: tuple[int | str, ...]) -> list[str]:
    """Keys allowed at a place in the file, found by walking the models."""
    here: Any = Center
    for part in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = here.model_fields[str(part)].annotation
        else:  # tuple[X, ...] or dict[str, X]
            arguments = [item for item in get_args(here) if item is not Ellipsis]
            here = arguments[-1]
    return list(here.model_fields)
