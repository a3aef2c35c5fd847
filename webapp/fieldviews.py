"""Fields and material slots as a page draws them: the form's declaration beside what was typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import Problem
from forms.declared import BoundSpec, FieldSpec, Group
from handlers.centers import MaterialSlot
from handlers.documents import Material
from handlers.privacy import masking
from webapp.materials import FileView, file_view

NOT_DRAWN = frozenset({"file"})  # uploads have their own block


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed, what is on record, and what is wrong with it."""

    typed: Mapping[str, str]
    current: Mapping[str, str]
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class FieldView:
    name: str
    label: str
    widget: str
    value: str
    original: str
    original_text: str
    reading: str
    required: bool
    wide: bool
    hint: str
    options: tuple[tuple[str, str], ...]
    locked: str  # the reason, empty when it may be changed
    error: str
    changed: bool
    capital: str
    html: dict[str, Any]  # further attributes of the input

    @property
    def has_option(self) -> bool:
        return any(value == self.value for value, _ in self.options)


@dataclass(frozen=True, slots=True)
class GroupView:
    title: str
    note: str
    fields: list[FieldView]


@dataclass(slots=True)
class SlotView:
    id: str
    name: str
    note: str
    required: bool
    when: tuple[str, ...]
    max_files: int
    needed: bool
    files: list[FileView] = field(default_factory=list)
    error: str = ""

    @property
    def need_text(self) -> str:
        if self.needed:
            return "本次必传"
        return "本次不需要" if self.required else "可不传"

    @property
    def guide_text(self) -> str:
        if not self.required:
            return "可不传"
        return "变更相关项时必传" if self.when else "必传"


def groups_of(groups: Iterable[Group], draft: Draft, *, everything: bool) -> list[GroupView]:
    """`everything`: show every problem; otherwise only those of fields that were changed."""
    wrong: dict[str, str] = {}
    for problem in draft.problems:
        wrong.setdefault(problem.field or "", problem.text)
    found = []
    for group in groups:
        views = [
            _field(spec, draft, wrong.get(spec.name, ""), everything=everything)
            for spec in group.fields
            if spec.widget not in NOT_DRAWN
        ]
        if views:
            found.append(GroupView(group.title, group.note, views))
    return found


def _field(spec: BoundSpec, draft: Draft, error: str, *, everything: bool) -> FieldView:
    on_record = draft.current.get(spec.name, "")
    typed = draft.typed.get(spec.name, on_record)
    changed = not spec.locked and typed.strip() != on_record.strip()
    # A person's number on record is edited unseen: what comes back as it was shown was not touched.
    original = unseen(spec, on_record)
    value = typed if changed else original
    return FieldView(
        name=spec.name,
        label=spec.label,
        widget=spec.widget,
        value=value,
        original=original,
        original_text=spec.reading(on_record),
        reading=value if error else spec.reading(value),
        required=spec.required,
        wide=spec.wide,
        hint=spec.hint,
        options=tuple(spec.options),
        locked=spec.reason if spec.locked else "",
        error=error if changed or everything else "",
        changed=changed,
        capital=spec.echo(value) if spec.echo and value else "",
        html=_html(spec),
    )


def unseen(spec: FieldSpec, value: str) -> str:
    """A value on record as an input shows it: a person's number is masked, the rest is as it is."""
    return spec.reading(value) if masking.is_personal(spec.mask) else value


def _html(spec: BoundSpec) -> dict[str, Any]:
    """No maxlength: a pasted number with blanks must not be cut in silence."""
    found = {
        "inputmode": spec.inputmode or None,
        "autocomplete": spec.autocomplete or None,
        "placeholder": spec.placeholder or None,
    }
    return {name: value for name, value in found.items() if value}


def slots_of(
    slots: Iterable[MaterialSlot], rows: list[Material], changed: set[str]
) -> list[SlotView]:
    return [
        SlotView(
            id=slot.id,
            name=slot.name,
            note=slot.note,
            required=slot.required,
            when=slot.when,
            max_files=slot.max_files,
            needed=is_needed(slot, changed),
            files=[file_view(row, {slot.id: slot.name}) for row in rows if row.slot == slot.id],
        )
        for slot in slots
    ]


def is_needed(slot: MaterialSlot, changed: set[str]) -> bool:
    return slot.required and (not slot.when or any(name in changed for name in slot.when))
