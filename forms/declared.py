"""What a form declares about its fields, and what of it a page may know.

`Item` is written in the form class; `FieldSpec` is item and kind together; `BoundSpec` is the
spec under the texts of one centre, which locks and hides fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, TypeVar, get_args, get_origin

from forms.kinds import Kind, Options
from handlers.centers import ServiceTexts

T = TypeVar("T")

EMPTY_TEXT = "（空）"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One field in its form.  `fixed` is the reason why no centre lets this form change it."""

    label: str
    group: str
    required: bool = False
    wide: bool = False
    hint: str = ""
    placeholder: str = ""
    autocomplete: str = "off"
    fixed: str = ""
    # The centre may give its reason under the name of the stored value this field is made of.
    made_of: str = ""


@dataclass(frozen=True, kw_only=True)
class FieldSpec:
    """Everything needed to draw, check, mask and later to write a column for one field."""

    name: str
    label: str
    group: str
    widget: str
    required: bool
    wide: bool
    inputmode: str
    maxlength: int
    pattern: str
    pattern_hint: str
    placeholder: str
    hint: str
    autocomplete: str
    options: Options
    mask: Callable[[str], str] | None
    echo: Callable[[str], str] | None
    fixed: str
    made_of: str
    kind: Kind

    def reading(self, value: str) -> str:
        """The value as others may read it: words for a code, stars in a personal number."""
        if self.options:
            return dict(self.options).get(value, value)
        return self.mask(value) if self.mask and value else value

    def reading_or_empty(self, value: str) -> str:
        return self.reading(value) or EMPTY_TEXT


@dataclass(frozen=True, kw_only=True)
class BoundSpec(FieldSpec):
    """A field on the page of one centre."""

    locked: bool
    reason: str

    def shown(self, value: str) -> str:
        """What the page prints: an owner edits the real value, a locked one is only read."""
        return self.reading(value) if self.locked else value


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    note: str
    fields: list[BoundSpec]


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class FactGroup:
    title: str
    facts: list[Fact]


def spec_of(name: str, annotation: Any) -> FieldSpec:
    """Item and kind, found in the annotation of a form's field, as one spec."""
    item, kind = _find(annotation, Item), _find(annotation, Kind)
    assert item is not None, f"{name}: the form must say Item(label=…, group=…)"
    assert kind is not None, f"{name}: not a field type of forms.fields"
    return FieldSpec(
        name=name,
        label=item.label,
        group=item.group,
        widget=kind.widget,
        required=item.required,
        wide=item.wide,
        inputmode=kind.inputmode,
        maxlength=kind.typed_max,
        pattern=kind.pattern,
        pattern_hint=kind.pattern_hint,
        placeholder=item.placeholder or kind.placeholder,
        hint=item.hint,
        autocomplete=item.autocomplete,
        options=kind.options,
        mask=kind.mask,
        echo=kind.echo,
        fixed=item.fixed,
        made_of=item.made_of,
        kind=kind,
    )


def bind(spec: FieldSpec, texts: ServiceTexts | None) -> BoundSpec:
    reasons = texts.locked if texts else {}
    reason = reasons.get(spec.name) or (spec.fixed and reasons.get(spec.made_of)) or spec.fixed
    return BoundSpec(
        **{part.name: getattr(spec, part.name) for part in fields(spec)},
        locked=bool(reason),
        reason=reason,
    )


def client_rules(spec: FieldSpec) -> dict[str, str | int | bool]:
    """What the browser may check while somebody types; the server decides.

    `pattern` holds for the normalised text, so strip blanks and dashes before comparing.
    """
    rules: dict[str, str | int | bool] = {"maxlength": spec.maxlength}
    for key in ("inputmode", "pattern", "pattern_hint"):
        if getattr(spec, key):
            rules[key] = getattr(spec, key)
    if spec.required:
        rules["required"] = True
    return rules


def _find(annotation: Any, wanted: type[T]) -> T | None:
    """Look through Annotated[…] and `X | None`."""
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        for extra in extras:
            if isinstance(extra, wanted):
                return extra
        return _find(inner, wanted)
    for inner in get_args(annotation):
        found = _find(inner, wanted)
        if found is not None:
            return found
    return None
