"""What the template of a filing page reads: fields, slots, changes and what is wrong with them.

Built from the form's own check, so the page never disagrees with what a submission would say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flask import url_for

from engine import Deployed, RequestView
from engine.errors import Problem
from forms import registry
from forms.applications import ApplicationForm, Desk, Panel
from forms.base import Checked, RecordForm
from forms.declared import EMPTY_TEXT, Group
from handlers.centers import ServiceTexts
from handlers.contributions import allocating
from handlers.parameters import accepted_on
from webapp import fieldviews, materials
from webapp.fieldviews import Draft, FieldView, GroupView, SlotView, groups_of, slots_of
from webapp.format import local
from webapp.runtime import actor, now, session, settings

DIGEST_CHARS = 16


@dataclass(frozen=True, slots=True)
class Filing:
    """One form before one person.  `view` and `task_id` are set when it came back."""

    deployed: Deployed
    form: type[RecordForm]
    texts: ServiceTexts
    scope: str
    branch: str
    draft_key: str
    current: dict[str, str]
    start: dict[str, str]  # what the form shows before anything is typed
    view: RequestView | None = None

    @property
    def key(self) -> str:
        return self.deployed.key

    @property
    def application(self) -> type[ApplicationForm] | None:
        """The form, when it asks for something instead of changing a record."""
        return self.form if issubclass(self.form, ApplicationForm) else None

    @property
    def urls(self) -> dict[str, str]:
        if self.view is not None:
            no = self.view.no
            return {
                "post": url_for("requests.edit", no=no),
                "draft": url_for("requests.draft", no=no),
                "upload": url_for("materials.upload_again", no=no),
                "leave": url_for("requests.page", no=no),
            }
        return {
            "post": url_for("services.page", key=self.key),
            "draft": url_for("services.draft", key=self.key),
            "upload": url_for("materials.upload", key=self.key),
            "leave": url_for("home.index"),
        }


@dataclass(slots=True)
class Page:
    """What `services/_filing.html` reads."""

    filing: Filing
    groups: list[GroupView]
    slots: list[SlotView]
    changes: list[dict[str, Any]]
    token: str
    errors: list[dict[str, str]] = field(default_factory=list)
    restored_at: datetime | None = None
    saved_at: datetime | None = None
    refusal: str = ""
    in_flight: dict[str, str] | None = None
    panels: list[Panel] = field(default_factory=list)
    said: list[str] = field(default_factory=list)  # what the business says against it as a whole
    nothing: list[str] = field(default_factory=list)  # why there is nothing to file now

    @property
    def plain(self) -> bool:
        """An application: nothing of a record changes, so there is no list of changes."""
        return self.filing.application is not None

    @property
    def name(self) -> str:
        return self.filing.texts.name

    @property
    def base(self) -> str:
        """What every input held before anything was typed, as JSON; see `filing._values`."""
        specs, start = self.filing.form.specs(), self.filing.start
        shown = {}
        for each in (each for group in self.groups for each in group.fields):
            value = start[each.name]
            if value == self.filing.current.get(each.name, ""):
                value = fieldviews.unseen(specs[each.name], value)
            shown[each.name] = each.original_text if each.locked else value
        return json.dumps(shown, ensure_ascii=False)

    @property
    def seen(self) -> str:
        return digest(self.panels)

    @property
    def urls(self) -> dict[str, str]:
        return self.filing.urls

    @property
    def submit_label(self) -> str:
        return self.filing.texts.submit_label

    @property
    def submit_note(self) -> str:
        return step_note(self.submit_label)

    @property
    def bad(self) -> int:
        return sum(bool(f.error) for group in self.groups for f in group.fields)

    @property
    def blank(self) -> bool:
        """Something that has to be filled in is still empty."""
        fields = (f for group in self.groups for f in group.fields)
        return any(f.required and not f.locked and not f.value for f in fields)

    @property
    def missing(self) -> int:
        return sum(slot.needed and not slot.files for slot in self.slots)

    @property
    def step(self) -> int:
        """0 填写 · 1 核对 · 2 提交"""
        if self.plain:
            return 0 if self.bad or self.said or self.blank else (1 if self.missing else 2)
        if not self.changes or self.bad:
            return 0
        return 1 if self.missing else 2

    @property
    def steps(self) -> list[dict[str, str]]:
        steps = self.filing.deployed.steps
        return [
            {"name": step.name, "who": "系统自动" if step.kind == "auto" else step.role}
            for step in steps
        ]

    @property
    def reviewed(self) -> bool:
        return any(step.kind == "review" for step in self.filing.deployed.steps)

    @property
    def limit_bytes(self) -> int:
        return settings().uploads.max_bytes

    @property
    def limit_text(self) -> str:
        return materials.size_text(self.limit_bytes)


def build(
    filing: Filing,
    typed: dict[str, str],
    *,
    token: str,
    problems: list[Problem] | None = None,
    refused: dict[str, str] | None = None,
) -> Page:
    """`problems` are those of a refused submission; without it only what was changed is judged."""
    checked = judged(filing, typed, counts_of(filing))
    groups = _offering(filing, filing.form.groups(filing.texts))
    draft = Draft(typed, filing.current, checked.problems if problems is None else problems)
    views = groups_of(groups, draft, everything=problems is not None)
    changed = {f.name for group in views for f in group.fields if f.changed}
    changed |= set(filing.form.conditions(filing.current, checked.values))
    slots = slots_of(filing.texts.materials, materials.of_draft(filing.draft_key), changed)
    for slot in slots:
        slot.error = (refused or {}).get(slot.id, "")
    form = filing.application
    if form is None:
        page = Page(filing, views, slots, _changes(views, checked.changes), token)
    else:
        page = Page(filing, [_plain(group) for group in views], slots, [], token)
        page.panels = form.panels(desk_of(filing), checked.values)
        empty = {f.name for group in views for f in group.fields if not f.options}
        page.nothing = [text for name, text in form.nothing.items() if name in empty]
        named = filing.form.specs().keys()
        page.said = [p.text for p in checked.problems if p.field not in named and not _of_slot(p)]
    if problems is not None:
        page.errors = _summary(problems, views, slots)
        page.said = []
    return page


def step_note(label: str) -> str:
    """What stands under 提交 in the steps: the button, unless it is called the same."""
    return "核对无误后提交" if label == "提交" else label


def desk_of(filing: Filing) -> Desk:
    return Desk(
        session=session(),
        actor=actor(),
        scope=filing.scope,
        branch=filing.branch,
        today=local(now()).date(),
        texts=filing.texts,
        accepted_on=accepted_on(filing.view) if filing.view else None,
    )


def suggested(filing: Filing) -> dict[str, str]:
    """What is chosen before anybody chooses: the usual one, and what there is only one of."""
    form = filing.application
    if form is None:
        return {}
    asked = {spec.name for spec in form.bound(filing.texts) if spec.required and not spec.locked}
    return {
        name: options[0][0]
        for name, options in form.choices(desk_of(filing)).items()
        if name in asked and (len(options) == 1 or (options and name in form.first_offered))
    }


def digest(panels: Sequence[Panel]) -> str:
    """Names what an application's page shows of the consequences; "" when it shows none."""
    told = [[panel.title, *panel.rows, panel.total] for panel in panels if panel.rows]
    if not told:
        return ""
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()[:DIGEST_CHARS]


def outdated(filing: Filing, seen: str, values: Mapping[str, str]) -> bool:
    """Sums have moved since the page was drawn: a colleague has opened or sealed somebody."""
    form = filing.application
    return form is not None and seen != "" and seen != digest(form.panels(desk_of(filing), values))


def judged(filing: Filing, typed: Mapping[str, str], counts: Mapping[str, int]) -> Checked:
    """The form's check; an application's rules are asked once its fields are right."""
    checked = filing.form.check(
        posted(filing, typed), filing.current, filing.texts, materials=counts
    )
    form = filing.application
    if form is None:
        return checked
    wrong = [p for p in checked.problems if not _of_slot(p)]
    more = [] if wrong else form.judge(desk_of(filing), checked.values)
    return replace(checked, problems=[*checked.problems, *more])


def summary_of(filing: Filing, checked: Checked) -> str:
    """One line for lists: 单位地址 1 项变更, or what an application asks for."""
    if filing.application is None:
        return checked.summary
    return filing.application.summary(desk_of(filing), checked.values)


def words_of(filing: Filing, values: Mapping[str, str]) -> dict[str, str]:
    """What was chosen, as the list called it."""
    form = filing.application
    return form.chosen(desk_of(filing), values) if form is not None else {}


def _of_slot(problem: Problem) -> bool:
    return (problem.field or "").startswith("materials.")


def _offering(filing: Filing, groups: list[Group]) -> list[Group]:
    """Fields with what may be chosen now."""
    form = filing.application
    choices = dict(form.choices(desk_of(filing))) if form is not None else {}
    if not choices:
        return groups
    return [
        replace(
            group,
            fields=[
                replace(spec, options=tuple(choices[spec.name]), widget="select")
                if spec.name in choices
                else spec
                for spec in group.fields
            ],
        )
        for group in groups
    ]


def _plain(group: GroupView) -> GroupView:
    """An application has no old values: nothing is marked as changed."""
    fields = [replace(each, changed=False) for each in group.fields]
    return replace(group, fields=fields)


def _changes(groups: list[GroupView], checked: list[Any]) -> list[dict[str, Any]]:
    """待变更清册 in page order; a value that is not right yet is listed as it was typed."""
    worded = {change.field: change for change in checked}
    found = []
    for f in (f for group in groups for f in group.fields if f.changed):
        change = worded.get(f.name)
        old, new = (change.old_text, change.new_text) if change else (f.original_text, f.reading)
        row = {"field": f.name, "label": f.label, "old_text": old, "new_text": new}
        found.append(row | {"bad": bool(f.error)})
    return found


def _summary(
    problems: list[Problem], groups: list[GroupView], slots: list[SlotView]
) -> list[dict[str, str]]:
    fields: dict[str, FieldView] = {f.name: f for group in groups for f in group.fields}
    by_slot = {slot.id: slot for slot in slots}
    found = []
    for problem in problems:
        name = problem.field or ""
        slot = by_slot.get(name.rpartition(".")[2]) or by_slot.get(name.rpartition(":")[2])
        if name in fields:
            row = {"href": f"#f-{name}", "label": fields[name].label}
        elif slot is not None:
            slot.error = problem.text
            row = {"href": f"#m-{slot.id}", "label": slot.name}
        else:
            row = {"href": "", "label": ""}
        found.append(row | {"text": problem.text})
    return found


def posted(filing: Filing, typed: Mapping[str, str]) -> dict[str, str]:
    """What the check is told was posted: the fields of this form and nothing else of the record."""
    return {name: typed[name] for name in filing.form.specs() if name in typed}


def counts_of(filing: Filing) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in materials.of_draft(filing.draft_key):
        counts[row.slot] = counts.get(row.slot, 0) + 1
    return counts


def unchanged(
    data: Mapping[str, Any], changes: list[dict[str, str]], texts: ServiceTexts
) -> list[tuple[str, str]]:
    """The other values of a filed form, as they read, for 只看变更项 switched off."""
    name, values = str(data.get("form") or ""), data.get("values")
    if name not in registry.known() or not isinstance(values, Mapping):
        return []
    moved = {row["field"] for row in changes}
    form, words = registry.find(name), data.get("words") or {}
    shown = [
        (fact.label, words.get(fact.name, fact.text))
        for group in form.facts(values, texts)
        for fact in group.facts
        if fact.name not in moved
    ]
    if issubclass(form, ApplicationForm):
        shown = [pair for pair in shown if pair[1] != EMPTY_TEXT]  # asked for nothing, says nothing
        known = {label for label, _ in shown}
        shown += [pair for pair in form.outcome(data) if pair[0] not in known]
    return shown + _so_far(data)


def _so_far(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the request waits for goes on meanwhile: the page says it, not only the step's name."""
    made = data.get("payment")
    number = made.get("id") if isinstance(made, Mapping) else None
    text = allocating.so_far(session(), number) if isinstance(number, int) else ""
    return [("入账进度", text)] if text else []
