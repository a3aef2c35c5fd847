"""A kind of field: what is typed → the value inside, and how the value looks outside.

A `Kind` stands in `Annotated[str, Kind(…)]` and is itself the pydantic schema of the field, so a
type carries its widget, its check and its error sentences wherever it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from engine.errors import Problem

Widget = Literal["text", "select", "textarea", "money", "date", "month", "file"]
Options = tuple[tuple[str, str], ...]

# Pasted numbers carry blanks and dashes: an input that cut them off would lose digits unseen.
TYPED_SLACK = 12
_HALL_ERROR = "hall"


@dataclass(frozen=True, slots=True)
class Context:
    """What a check may know besides its own text."""

    today: date
    texts: Mapping[str, str] = field(default_factory=dict)  # all fields of the form as typed


Check = Callable[[str, Context], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`check` returns the value inside or a Problem; `to_text` is its way back into the input."""

    check: Check
    to_text: Callable[[Any], str] = str
    maxlength: int = 255
    widget: Widget = "text"
    inputmode: str = ""
    pattern: str = ""  # of the normalised text; the browser drops blanks before it compares
    pattern_hint: str = ""
    placeholder: str = ""
    options: Options = ()
    mask: Callable[[str], str] | None = None
    echo: Callable[[str], str] | None = None  # said below the input, e.g. 大写
    spaced: bool = True  # blanks and dashes may be typed although they are not stored
    depends: tuple[str, ...] = ()  # checked again when one of these fields changes

    @property
    def typed_max(self) -> int:
        """Longest text the input takes; longer than what is stored where blanks are dropped."""
        return self.maxlength + (TYPED_SLACK if self.spaced else 0)

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        typed = core_schema.str_schema(strict=True, max_length=self.maxlength + TYPED_SLACK)
        return core_schema.with_info_after_validator_function(self._run, typed)

    def _run(self, text: str, info: ValidationInfo) -> Any:
        context = info.context
        assert isinstance(context, Context), "pass context=Context(today=…) when validating"
        value = self.check(text, context)
        if isinstance(value, Problem):
            # The sentence travels as context: braces in it must not be read as a template.
            said = {"text": value.text, "code": value.code}
            raise PydanticCustomError(_HALL_ERROR, "{text}", said)
        return value


def translate(error: ErrorDetails, *, name: str, label: str, maxlength: int) -> Problem:
    """Pydantic's error as one sentence that says what to do; its own English never gets out."""
    context = error.get("ctx", {})
    if error["type"] == _HALL_ERROR:
        return Problem(context["code"], context["text"], name)
    sentences = {
        "missing": f"请填写{label}。",
        "string_type": f"{label}只能填写文字，请重新填写。",
        "string_too_long": f"{label}最多 {maxlength} 个字，请缩短。",
        "string_unicode": f"{label}中有无法识别的字符，请删除后重新填写。",
    }
    text = sentences.get(error["type"], f"{label}填写有误，请核对后重新填写。")
    return Problem(f"form.{error['type']}", text, name)
