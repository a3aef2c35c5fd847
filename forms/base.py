"""A record form: one declaration, from which page, check and list of changes follow.

The old values always come from the server (`load`), never from the page.  A value that was not
touched is not judged: an old slip in the record must not keep a unit from mending something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, get_type_hints
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from engine.errors import Problem
from engine.runtime import Actor
from forms.declared import BoundSpec, Fact, FactGroup, FieldSpec, Group, bind, spec_of
from forms.kinds import Context, Kind, translate
from forms.typed import is_blank
from handlers.centers import MaterialSlot, ServiceTexts

# Posted by the frame of the page, not by the form.
FRAMEWORK_FIELDS = frozenset(
    {
        *("csrf_token", "token", "action", "verb", "next", "seen", "opinion", "reason"),
        *("no", "task_id", "node", "revision", "changes", "drop", "materials", "consequences"),
    }
)
_LABELS_IN_SUMMARY = 3
_NAME_SHOWN_MAX = 30
LOCK_NOTE = "灰色项不允许修改"

NO_CHANGE = Problem("form.no_change", "没有修改任何项目，请先修改需要变更的内容。")


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the 待变更清册.  `old` and `new` are values, `*_text` is what people read."""

    field: str
    label: str
    old: str
    new: str
    old_text: str
    new_text: str

    def as_data(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Checked:
    """`values` are texts for every visible field; locked ones as the page shows them."""

    values: dict[str, str]
    changes: list[Change]
    problems: list[Problem]

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def summary(self) -> str:
        """单位地址、发薪日 2 项变更"""
        labels = "、".join(change.label for change in self.changes[:_LABELS_IN_SUMMARY])
        more = "等" if len(self.changes) > _LABELS_IN_SUMMARY else ""
        return f"{labels}{more} {len(self.changes)} 项变更"


class RecordForm(BaseModel):
    """A form that changes one record.  Subclasses declare fields and say where values come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    form_id: ClassVar[str]
    title: ClassVar[str]
    # Fields of the record that the form never shows; a centre's file may name them all the same.
    not_shown: ClassVar[frozenset[str]] = frozenset()
    # An application asks for something; it need not change what the record holds.
    changes_record: ClassVar[bool] = True
    condition_names: ClassVar[frozenset[str]] = frozenset()
    # Names of `ServiceTexts.options` the form reads, with their default.
    options: ClassVar[Mapping[str, str | int | bool]] = {}

    @classmethod
    def load(cls, session: Session, actor: Actor, scope: str) -> dict[str, str]:
        """Current values as text; NotFound when the actor has no business with this scope."""
        raise NotImplementedError

    @classmethod
    def conditions(cls, current: Mapping[str, str], values: Mapping[str, str]) -> list[str]:
        """What these values are besides changes of fields (`lower`: a lower rate), for the `when`
        of materials; the form's `condition_names` are all there may be."""
        return []

    @classmethod
    def specs(cls) -> dict[str, FieldSpec]:
        return _specs(cls)

    @classmethod
    def bound(cls, texts: ServiceTexts | None) -> list[BoundSpec]:
        """Fields the page of this centre shows, in order."""
        hidden = texts.hidden if texts else ()
        return [bind(spec, texts) for name, spec in cls.specs().items() if name not in hidden]

    @classmethod
    def groups(cls, texts: ServiceTexts | None) -> list[Group]:
        found: dict[str, list[BoundSpec]] = {}
        for spec in cls.bound(texts):
            found.setdefault(spec.group, []).append(spec)
        noted = next((title for title, specs in found.items() if any(s.locked for s in specs)), "")
        return [
            Group(title, LOCK_NOTE if title == noted else "", specs)
            for title, specs in found.items()
        ]

    @classmethod
    def misfits(cls, texts: ServiceTexts) -> list[Problem]:
        """Names in the centre's file that are no field of this form: a lock that locks nothing."""
        known = cls.specs().keys() | cls.not_shown
        named = [*texts.locked, *texts.hidden]
        whens = [name for slot in texts.materials for name in slot.when]
        named += [name for name in whens if name not in cls.condition_names]
        named += [name for name in texts.options if name not in cls.options]
        return [
            Problem("form.unknown_field", f"“{cls.title}”没有项目“{name}”，请核对中心配置。", name)
            for name in dict.fromkeys(named)
            if name not in known
        ]

    @classmethod
    def facts(cls, values: Mapping[str, str], texts: ServiceTexts | None = None) -> list[FactGroup]:
        """Values as reviewers and receipts read them: codes in words, personal numbers masked."""
        found: dict[str, list[Fact]] = {}
        for spec in cls.bound(texts):
            if spec.name in values:
                words = spec.reading_or_empty(values[spec.name])
                found.setdefault(spec.group, []).append(Fact(spec.name, spec.label, words))
        return [FactGroup(title, facts) for title, facts in found.items()]

    @classmethod
    def check(
        cls,
        posted: Mapping[str, Any],
        current: Mapping[str, str],
        texts: ServiceTexts | None,
        *,
        materials: Mapping[str, int] | None = None,
        today: date | None = None,
    ) -> Checked:
        """Judge what was posted against what the record holds now."""
        visible = {spec.name: spec for spec in cls.bound(texts)}
        problems = _strangers(posted, cls.specs())
        merged = {name: str(current.get(name, "")) for name in cls.specs()}
        context = Context(today or _today(), merged)
        for name, seen in visible.items():
            typed = posted.get(name)
            if not seen.locked and isinstance(typed, str):
                echo = typed.strip() == seen.reading(merged[name])
                merged[name] = merged[name] if echo else typed.strip()
        values: dict[str, str] = {}
        changes: list[Change] = []
        for name, spec in cls.specs().items():
            old = str(current.get(name, ""))
            field = visible.get(name)
            if field is None or field.locked:
                reason = field.reason if field else "本业务不办理此项变更"
                problems += _touched(posted, spec, old, reason)
                new = old
            else:
                new, problem = _new_value(spec, posted, current, context)
                problems += [problem] if problem else []
            if field is not None:
                values[name] = field.shown(new)
            if new != old:
                changes.append(_change(spec, old, new))
        if changes or not cls.changes_record:
            reasons = [change.field for change in changes] + cls.conditions(current, values)
            problems += missing_materials(texts, reasons, materials or {})
        elif not problems:
            problems.append(NO_CHANGE)
        return Checked(values, changes, problems)


def missing_materials(
    texts: ServiceTexts | None, changed: list[str], uploaded: Mapping[str, int]
) -> list[Problem]:
    """One sentence per material that these changes need and nobody uploaded."""
    problems = []
    for slot in texts.materials if texts else ():
        count, field = uploaded.get(slot.id, 0), f"materials.{slot.id}"
        if needed(slot, changed) and count == 0:
            problems.append(Problem("form.material", f"请上传“{slot.name}”。", field))
        if count > slot.max_files:
            text = f"“{slot.name}”最多上传 {slot.max_files} 个文件，请取消多余的上传。"
            problems.append(Problem("form.material_count", text, field))
    return problems


def needed(slot: MaterialSlot, changed: list[str]) -> bool:
    return slot.required and (not slot.when or any(name in slot.when for name in changed))


def _new_value(
    spec: FieldSpec,
    posted: Mapping[str, Any],
    current: Mapping[str, str],
    context: Context,
) -> tuple[str, Problem | None]:
    """The value after this post: the old one when it was not touched or is not acceptable."""
    old = str(current.get(spec.name, ""))
    typed = posted.get(spec.name, old)
    follows = any(context.texts[name] != current.get(name, "") for name in spec.kind.depends)
    if isinstance(typed, str):
        typed = typed.strip()
        if typed in (old, spec.reading(old)) and not (follows and old):
            return old, _missing(spec) if spec.required and not old else None
        if is_blank(typed):
            return (old, _missing(spec)) if spec.required else ("", None)
        if typed == spec.reading(old):
            typed = old  # a masked echo, judged again because another field changed
    try:
        value = _adapter(spec.kind).validate_python(typed, context=context)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return old, translate(
            first, name=spec.name, label=spec.label, maxlength=spec.kind.maxlength
        )
    return spec.kind.to_text(value), None


def _missing(spec: FieldSpec) -> Problem:
    verb = "请选择" if spec.widget == "select" else "请填写"
    return Problem("form.missing", f"{verb}{spec.label}。", spec.name)


def _touched(posted: Mapping[str, Any], spec: FieldSpec, old: str, reason: str) -> list[Problem]:
    """A locked field may come back as it was shown, and in no other shape."""
    if spec.name not in posted:
        return []
    typed = posted[spec.name]
    if isinstance(typed, str) and typed.strip() in (old, spec.reading(old)):
        return []
    text = f"{spec.label}不能在网上修改：{reason.rstrip('。')}。"
    return [Problem("form.locked", text, spec.name)]


def _strangers(posted: Mapping[str, Any], specs: Mapping[str, FieldSpec]) -> list[Problem]:
    strange = [
        name
        for name in posted
        if name not in specs and name not in FRAMEWORK_FIELDS and not str(name).startswith("_")
    ]
    if not strange:
        return []
    first = str(strange[0])
    # The name came from outside: only a harmless one is repeated.
    harmless = first.isidentifier() and first.isascii() and len(first) <= _NAME_SHOWN_MAX
    shown = f"“{first}”" if harmless else ""
    text = f"页面提交了本业务没有的项目{shown}，请刷新页面后重新填写。"
    return [Problem("form.unknown", text)]


def _change(spec: FieldSpec, old: str, new: str) -> Change:
    return Change(
        field=spec.name,
        label=spec.label,
        old=old,
        new=new,
        old_text=spec.reading_or_empty(old),
        new_text=spec.reading_or_empty(new),
    )


@cache
def _specs(form: type[RecordForm]) -> dict[str, FieldSpec]:
    hints = get_type_hints(form, include_extras=True)
    return {name: spec_of(name, hints[name]) for name in form.model_fields}


@cache
def _adapter(kind: Kind) -> TypeAdapter[Any]:
    """Pydantic's validator of one field, so that untouched fields stay unjudged."""
    return TypeAdapter(Annotated[Any, kind])


def _today() -> date:
    return datetime.now(ZoneInfo("Asia/Shanghai")).date()
