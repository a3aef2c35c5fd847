"""Filling in a form: first filing and the correction after a return share everything but the last step.

A `Filing` says which form of which service stands before whom; `Page` is what the template draws.  No
service is named here: fields come from the form class, words from the centre, steps from the diagram.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import engine
from engine import Deployed, RequestView, definitions, drafts, errors
from engine.errors import Problem
from engine.models import Instance
from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from forms import registry
from forms.base import Checked, RecordForm
from handlers import documents
from handlers.centers import ServiceTexts
from handlers.units import queries as units
from sqlalchemy import select

from webapp import materials
from webapp.fieldviews import Draft, FieldView, GroupView, SlotView, groups_of, slots_of
from webapp.format import clock_time
from webapp.runtime import actor, center, me, now, runtime, session, settings

VALUE_CHARS_MAX = 20_000
TOKEN_CHARS_MAX = 64
LATER = "草稿已保存，可以稍后回来继续。"


@dataclass(frozen=True, slots=True)
class Filing:
    """One form before one person.  `view` and `task_id` are set when it came back."""

    deployed: Deployed
    form: type[RecordForm]
    texts: ServiceTexts
    scope: str
    draft_key: str
    current: dict[str, str]
    start: dict[str, str]  # what the form shows before anything is typed
    view: RequestView | None = None

    @property
    def key(self) -> str:
        return self.deployed.key

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

    @property
    def name(self) -> str:
        return self.filing.texts.name

    @property
    def urls(self) -> dict[str, str]:
        return self.filing.urls

    @property
    def submit_label(self) -> str:
        return self.filing.texts.submit_label

    @property
    def bad(self) -> int:
        return sum(bool(f.error) for group in self.groups for f in group.fields)

    @property
    def missing(self) -> int:
        return sum(slot.needed and not slot.files for slot in self.slots)

    @property
    def step(self) -> int:
        """0 填写 · 1 核对 · 2 提交"""
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
    def limit_bytes(self) -> int:
        return settings().uploads.max_bytes

    @property
    def limit_text(self) -> str:
        return materials.size_text(self.limit_bytes)


def deployed_of(key: str) -> Deployed | None:
    return definitions.current(runtime(), key)


def for_service(key: str) -> Filing:
    """404 for a service that is not deployed or not offered here; 403 when it is not this person's."""
    deployed, texts, profile = deployed_of(key), center().services.get(key), me()
    if deployed is None or texts is None or profile is None:
        abort(404)
    scope = f"unit:{profile.unit_account_no}" if profile.unit_account_no else ""
    if not actor().holds(deployed.first.role, scope):
        abort(403)
    return _filing(deployed, texts, scope, f"service:{key}", None)


def for_request(view: RequestView) -> Filing:
    deployed, texts = deployed_of(view.key), center().services.get(view.key)
    if deployed is None or texts is None:
        abort(404)
    return _filing(deployed, texts, view.scope, f"request:{view.no}", view)


def _filing(
    deployed: Deployed, texts: ServiceTexts, scope: str, draft_key: str, view: RequestView | None
) -> Filing:
    form = registry.get(deployed.first.form or "")
    current = form.load(session(), actor(), scope)
    start = dict(current)
    if view is not None:
        changes = view.data.get("changes") or []
        start |= {str(row["field"]): str(row["new"]) for row in changes if row["field"] in start}
    return Filing(deployed, form, texts, scope, draft_key, current, start, view)


def open_page(filing: Filing) -> Page:
    """GET: the draft when there is one, else the values on record (or filed before)."""
    kept = drafts.load(runtime(), actor(), filing.draft_key)
    typed = dict(filing.start)
    if kept is not None:
        typed |= _values(filing, kept.data.get("values", kept.data))
    page = _page(filing, typed, token=_token(kept.data if kept else {}))
    if kept is not None and typed != filing.start:
        page.restored_at = kept.updated_at
    if kept is not None:
        page.saved_at = kept.updated_at
    if filing.view is None:
        page.in_flight = _in_flight(filing)
    return page


def handle(filing: Filing, draw: Callable[[Page], str]) -> ResponseReturnValue:
    """POST: one page, several buttons; whatever happens, everything typed comes back."""
    action, _, detail = request.form.get("action", "save").partition(":")
    token = _token(request.form)
    already = _already(token)
    if already is not None and filing.view is None:
        return redirect(url_for("requests.page", no=already), 303)
    if action == "discard":
        with engine.database.transaction(session()) as writing:
            drafts.drop(writing, actor().id, filing.draft_key)
        flash("草稿已放弃", "ok")
        return redirect(filing.urls["post"], 303)
    typed = filing.start | _values(filing, request.form)
    if action == "drop" and detail in filing.current:
        typed[detail] = filing.current[detail]
    refused = materials.take_posted(filing.texts.materials, filing.draft_key)
    if action == "remove":
        problem = materials.take_back(detail)
        if problem is not None:
            flash(problem.text, "error")
    drafts.save(runtime(), actor(), filing.draft_key, {"values": typed, "token": token})
    if action != "submit" or refused:
        page = _page(filing, typed, token=token, refused=refused)
        page.saved_at = now()
        if action == "save" and not refused:
            flash(LATER, "ok")
        return draw(page), 422 if refused else 200
    return _submit(filing, typed, token, draw)


def _submit(
    filing: Filing, typed: dict[str, str], token: str, draw: Callable[[Page], str]
) -> ResponseReturnValue:
    counts = _counts(filing)
    checked = filing.form.check(_posted(filing, typed), filing.current, filing.texts, materials=counts)
    if checked.problems:
        page = _page(filing, typed, token=token, problems=checked.problems)
        page.saved_at = now()
        return draw(page), 422
    data = _data(filing, checked)
    try:
        no = _file(filing, data, token, summary=checked.summary)
    except engine.InFlight as blocking:
        session().rollback()
        page = _page(filing, typed, token=token)
        page.in_flight = {"no": blocking.no}
        return draw(page), 409
    except errors.HallError as refusal:
        session().rollback()
        page = _page(filing, typed, token=token)
        page.refusal = refusal.text
        return draw(page), 409 if isinstance(refusal, errors.Conflict) else 422
    flash(filing.texts.submitted_toast, "ok")
    return redirect(url_for("requests.page", no=no), 303)


def _file(filing: Filing, data: dict[str, Any], token: str, *, summary: str) -> str:
    rt, who = runtime(), actor()

    def also(writing: Any, case: engine.Case) -> None:
        documents.bind(writing, who.id, filing.draft_key, case.no)
        drafts.drop(writing, who.id, filing.draft_key)

    if filing.view is not None:
        assert filing.view.task is not None
        task_id = filing.view.task.id
        return engine.submit(rt, who, task_id, data=data, summary=summary, also=also).no
    profile = me()
    assert profile is not None
    return engine.start(
        rt,
        who,
        filing.key,
        also=also,
        data=data,
        scope=filing.scope,
        scope_name=_scope_name(filing.scope),
        branch=profile.branch_code,
        summary=summary,
        token=f"{who.id}:{token}",
    ).no


def _scope_name(scope: str) -> str:
    account = units.account_of(scope)
    row = units.unit(session(), account) if account else None
    return row.unit_name if row is not None else actor().name


def _data(filing: Filing, checked: Checked) -> dict[str, Any]:
    rows = materials.of_draft(filing.draft_key)
    return {
        "form": filing.form.form_id,
        "values": checked.values,
        "changes": [change.as_data() for change in checked.changes],
        "materials": [{"token": row.token, "slot": row.slot, "name": row.file_name} for row in rows],
    }


def save_draft(filing: Filing) -> ResponseReturnValue:
    """Autosave; answers what the server makes of it, so that the page need not know the rules."""
    body = request.get_json(silent=True) if request.is_json else request.form
    if not isinstance(body, Mapping):
        abort(400)
    posted = body.get("values", body)
    typed = filing.start | _values(filing, posted if isinstance(posted, Mapping) else {})
    saved = drafts.save(
        runtime(), actor(), filing.draft_key, {"values": typed, "token": _token(body)}
    )
    checked = filing.form.check(
        _posted(filing, typed), filing.current, filing.texts, materials=_counts(filing)
    )
    changes = [change.as_data() for change in checked.changes]
    moved = {name for name, value in typed.items() if value != filing.current.get(name)}
    problems = {p.field: p.text for p in checked.problems if p.field in moved}
    # The page puts old and new in words; raw values stay where they were typed.
    shown = [{k: row[k] for k in ("field", "label", "old_text", "new_text")} for row in changes]
    return {"saved_at": clock_time(saved.updated_at), "changes": shown, "problems": problems}


def _page(
    filing: Filing,
    typed: dict[str, str],
    *,
    token: str,
    problems: list[Problem] | None = None,
    refused: dict[str, str] | None = None,
) -> Page:
    """`problems` are those of a refused submission; without it only what was changed is judged."""
    counts = _counts(filing)
    checked = filing.form.check(_posted(filing, typed), filing.current, filing.texts, materials=counts)
    groups = filing.form.groups(filing.texts)
    judged = Draft(typed, filing.current, checked.problems if problems is None else problems)
    views = groups_of(groups, judged, everything=problems is not None)
    changed = {f.name for group in views for f in group.fields if f.changed}
    slots = slots_of(filing.texts.materials, materials.of_draft(filing.draft_key), changed)
    for slot in slots:
        slot.error = (refused or {}).get(slot.id, "")
    page = Page(filing, views, slots, _changes(views, checked.changes), token)
    if problems is not None:
        page.errors = _summary(problems, views, slots)
    return page


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


def _posted(filing: Filing, typed: Mapping[str, str]) -> dict[str, str]:
    """What the check is told was posted: the fields of this form and nothing else of the record."""
    return {name: typed[name] for name in filing.form.specs() if name in typed}


def _values(filing: Filing, posted: Mapping[str, Any]) -> dict[str, str]:
    """Known fields only, as text of bounded length."""
    return {
        name: str(posted[name])[:VALUE_CHARS_MAX].replace("\r\n", "\n")
        for name in filing.form.specs()
        if isinstance(posted.get(name), str)
    }


def _counts(filing: Filing) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in materials.of_draft(filing.draft_key):
        counts[row.slot] = counts.get(row.slot, 0) + 1
    return counts


def _token(source: Mapping[str, Any]) -> str:
    """The page's one-time token: the same page filed twice is one request."""
    found = str(source.get("token") or "")
    return found if found.isalnum() and len(found) <= TOKEN_CHARS_MAX else uuid4().hex


def _already(token: str) -> str | None:
    """The request this very page has filed before (double click, back and again)."""
    who = actor().id
    number: str | None = session().scalar(
        select(Instance.no).where(Instance.token == f"{who}:{token}", Instance.starter_id == who)
    )
    return number


def _in_flight(filing: Filing) -> dict[str, str] | None:
    no = engine.in_flight(runtime(), filing.key, filing.scope)
    return {"no": no} if no else None


def unchanged(
    data: Mapping[str, Any], changes: list[dict[str, str]], texts: ServiceTexts
) -> list[tuple[str, str]]:
    """The other values of a filed form, as they read, for 只看变更项 switched off."""
    name, values = str(data.get("form") or ""), data.get("values")
    if name not in registry.known() or not isinstance(values, Mapping):
        return []
    moved = {row["field"] for row in changes}
    groups = registry.get(name).facts(values, texts)
    return [(fact.label, fact.text) for g in groups for fact in g.facts if fact.name not in moved]

