"""Filling in a form: first filing and the correction after a return differ only in the last step.

No service is named here: fields come from the form class, words from the centre, steps from the
diagram.  Whatever a button does, everything typed is kept and comes back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from flask import abort, flash, g, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from sqlalchemy import select

import engine
from engine import Deployed, RequestView, errors
from engine.diagrams import definitions
from engine.models import Instance
from engine.owed import drafts
from forms import registry
from forms.applications import ApplicationForm
from forms.base import Checked
from handlers import documents
from handlers.centers import ServiceTexts
from handlers.people.queries import Profile
from handlers.privacy import masking
from handlers.units import queries as units
from webapp import materials, parking
from webapp.filingpage import (
    Filing,
    Page,
    build,
    counts_of,
    desk_of,
    judged,
    outdated,
    suggested,
    summary_of,
    words_of,
)
from webapp.format import clock_time
from webapp.runtime import actor, center, me, now, runtime, session

VALUE_CHARS_MAX = 2_000  # far above any field; what is longer is refused by the check anyway
TOKEN_CHARS_MAX = 64
NEXT = "next-service"  # in the cookie, until the next page has asked
PLACE = "place"  # in the cookie: the branch a member of staff works for at the moment
MOVED = "页面打开以后，人数或金额有了变化，现在显示的是最新的，请核对后再次提交。"
LATER = "草稿已保存，可以稍后回来继续。"


def deployed_of(key: str) -> Deployed | None:
    return definitions.current(runtime(), key)


@dataclass(frozen=True, slots=True)
class Offer:
    """A service before somebody who may file it: for whom (`scope`) and who decides (`branch`)."""

    deployed: Deployed
    texts: ServiceTexts
    scope: str
    branch: str


def offered(key: str) -> Offer:
    """404 for what is not deployed or not offered here; 403 when it is not this person's."""
    deployed, texts, profile = deployed_of(key), texts_of(key), me()
    if deployed is None or texts is None or profile is None:
        abort(404)
    scope, branch = _place(profile, deployed.first.role)
    if not actor().holds(deployed.first.role, scope):
        abort(403)
    return Offer(deployed, texts, scope, branch)


def _place(profile: Profile, role: str) -> tuple[str, str]:
    """Operators file for their unit, staff for a branch they hold the first step's post in."""
    if profile.kind == "operator":
        return f"unit:{profile.unit_account_no}", profile.branch_code
    held = places(role)
    # A page says which branch it shows: in another tab somebody may have gone on to the next one.
    shown = request.form.get("place") or request.headers.get("X-Place")
    asked = request.args.get("branch") or shown
    if asked in held:
        cookie[PLACE] = asked
    known = [code for code in (cookie.get(PLACE), profile.branch_code) if code in held]
    branch = known[0] if known else next(iter(held), profile.branch_code)
    g.place = branch if len(held) > 1 else ""
    return f"branch:{branch}", branch


def places(role: str) -> dict[str, str]:
    """Branches in which this member of staff holds the post: code → name."""
    profile = me()
    if profile is None or profile.kind != "staff":
        return {}
    return {b.code: b.name for b in center().branches if actor().holds(role, f"branch:{b.code}")}


def texts_of(key: str) -> ServiceTexts | None:
    return center().services.get(key)


def for_service(key: str) -> Filing:
    here = offered(key)
    return _filing(here, draft_key=f"service:{key}")


def for_request(view: RequestView) -> Filing:
    deployed, texts = deployed_of(view.key), texts_of(view.key)
    if deployed is None or texts is None:
        abort(404)
    here = Offer(deployed, texts, view.scope, view.branch)
    return _filing(here, draft_key=f"request:{view.no}", view=view)


def _filing(here: Offer, *, draft_key: str, view: RequestView | None = None) -> Filing:
    # A request stays on the version it started with: its own step names the form.
    task = view.task if view is not None else None
    form = registry.get((task.form if task is not None else here.deployed.first.form) or "")
    current = form.load(session(), actor(), here.scope)
    start = {name: "" for name in form.specs()} | dict(current)
    current = dict(start)
    if view is not None:
        changes = view.data.get("changes") or []
        start |= {str(row["field"]): str(row["new"]) for row in changes if row["field"] in start}
        if issubclass(form, ApplicationForm):
            filed = view.data.get("values") or {}
            start |= {name: str(value) for name, value in filed.items() if name in start}
    found = Filing(
        here.deployed, form, here.texts, here.scope, here.branch, draft_key, current, start, view
    )
    return found if view is not None else replace(found, start=start | suggested(found))


def open_page(filing: Filing) -> Page:
    """GET: the draft when there is one, else the values on record (or filed before)."""
    kept = drafts.load(runtime(), actor(), filing.draft_key)
    if kept is not None and filing.view is None and already(token_of(kept.data)) is not None:
        kept = None  # saved by the page that was filed, a moment after: its token is used up
    typed = dict(filing.start)
    if kept is not None:
        sent = kept.data.get("values", kept.data)
        typed |= _values(filing, sent if isinstance(sent, Mapping) else {}, kept.data.get("base"))
    page = build(filing, typed, token=token_of(kept.data if kept else {}))
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
    token = token_of(request.form)
    before = already(token)
    if before is not None and filing.view is None:
        return redirect(url_for("requests.page", no=before), 303)
    if action == "discard":
        with engine.database.transaction(session()) as writing:
            drafts.drop(writing, actor().id, filing.draft_key)
        flash("草稿已放弃", "ok")
        return redirect(filing.urls["post"], 303)
    typed = filing.start | _values(filing, request.form, request.form.get("base"))
    if action == "drop" and detail in filing.current:
        typed[detail] = filing.current[detail]
    refused = materials.take_posted(filing.texts.materials, filing.draft_key)
    if action == "remove":
        problem = materials.take_back(detail)
        if problem is not None:
            flash(problem.text, "error")
    _keep(filing, typed, token)
    if action != "submit" or refused:
        page = build(filing, typed, token=token, refused=refused)
        page.saved_at = now()
        if action == "save" and not refused:
            flash(LATER, "ok")
        return draw(page), 422 if refused else 200
    return _submit(filing, typed, token, draw)


def _submit(
    filing: Filing, typed: dict[str, str], token: str, draw: Callable[[Page], str]
) -> ResponseReturnValue:
    counts = counts_of(filing)
    checked = judged(filing, typed, counts)
    if checked.problems:
        # A second click finds the materials taken and the record changed by the first one.
        before = already(token) if filing.view is None else None
        if before is not None:
            return redirect(url_for("requests.page", no=before), 303)
        page = build(filing, typed, token=token, problems=checked.problems)
        page.saved_at = now()
        return draw(page), 422
    if outdated(filing, request.form.get("consequences", ""), checked.values):
        page = build(filing, typed, token=token)
        page.refusal = MOVED
        return draw(page), 409
    data = _data(filing, checked)
    try:
        no = _file(filing, data, token, summary=summary_of(filing, checked))
    except engine.InFlight as blocking:
        session().rollback()
        page = build(filing, typed, token=token)
        page.in_flight = {"no": blocking.no}
        return draw(page), 409
    except errors.HallError as refusal:
        session().rollback()
        page = build(filing, typed, token=token)
        page.refusal = refusal.text
        return draw(page), 409 if isinstance(refusal, errors.Conflict) else 422
    flash(filing.texts.submitted_toast, "ok")
    offer_next(filing.texts)
    return redirect(url_for("requests.page", no=no), 303)


def offer_next(texts: ServiceTexts) -> None:
    """What usually comes next is asked once, on the page the submission leads to (XZ-2.4a)."""
    if texts.next_service and deployed_of(texts.next_service) is not None:
        cookie[NEXT] = [texts.next_service, texts.next_text]


def next_step() -> dict[str, str] | None:
    """The question behind a submission: {"text", "name", "url"}; asked once."""
    key, text = cookie.pop(NEXT, None) or ("", "")
    texts = texts_of(key)
    if texts is None:
        return None
    url = url_for("services.page", key=key)
    return {"text": text or f"是否现在办理{texts.name}？", "name": texts.name, "url": url}


def _file(filing: Filing, data: dict[str, Any], token: str, *, summary: str) -> str:
    rt, who = runtime(), actor()

    def also(writing: Any, case: engine.Case) -> None:
        documents.bind(writing, who.id, filing.draft_key, case.no)
        drafts.drop(writing, who.id, filing.draft_key)

    if filing.view is not None:
        assert filing.view.task is not None
        task_id = filing.view.task.id
        return engine.submit(rt, who, task_id, data=data, summary=summary, also=also).no
    return engine.start(
        rt,
        who,
        filing.key,
        also=also,
        data=data,
        scope=filing.scope,
        scope_name=scope_name(filing.scope),
        branch=filing.branch,
        summary=summary,
        token=f"{who.id}:{token}",
        name=filing.texts.name,
    ).no


def scope_name(scope: str) -> str:
    """The name of the unit or branch a request is for."""
    kind, _, number = scope.partition(":")
    if kind == "branch":
        branch = center().branch(number)
        return branch.name if branch is not None else actor().name
    account = units.account_of(scope)
    row = units.unit(session(), account) if account else None
    return row.unit_name if row is not None else actor().name


def _data(filing: Filing, checked: Checked) -> dict[str, Any]:
    rows = materials.of_draft(filing.draft_key)
    data = {
        "form": filing.form.form_id,
        "values": checked.values,
        "changes": [change.as_data() for change in checked.changes],
        "materials": [
            {"token": row.token, "slot": row.slot, "name": row.file_name} for row in rows
        ],
    }
    form = filing.application
    if form is None:
        return data
    facts = form.route_facts(desk_of(filing), checked.values)
    return data | {"changes": [], "facts": facts, "words": words_of(filing, checked.values)}


def save_draft(filing: Filing) -> ResponseReturnValue:
    """Autosave; answers what the server makes of it, so that the page need not know the rules."""
    body: Mapping[str, Any] | None = parking.json_body() if request.is_json else request.form
    if body is None:
        abort(400)
    sent = body.get("values", body)
    sent = sent if isinstance(sent, Mapping) else {}
    typed = filing.start | _values(filing, sent, body.get("base"))
    saved = _keep(filing, typed, token_of(body))
    checked = judged(filing, typed, counts_of(filing))
    changes = [change.as_data() for change in checked.changes]
    moved = {name for name, value in typed.items() if value != filing.current.get(name)}
    problems = {p.field: p.text for p in checked.problems if p.field in moved}
    # The page puts old and new in words; raw values stay where they were typed.
    shown = [{k: row[k] for k in ("field", "label", "old_text", "new_text")} for row in changes]
    answer = {"saved_at": clock_time(saved.updated_at), "changes": shown, "problems": problems}
    if filing.application is None:
        return answer
    page = build(filing, typed, token="")
    return answer | {
        "changes": [],
        "said": page.said,
        "panels": render_template("services/_panels.html", panels=page.panels),
        "when": filing.form.conditions(filing.current, checked.values),
        "seen": page.seen,
    }


def _keep(filing: Filing, typed: dict[str, str], token: str) -> drafts.Draft:
    """The draft holds what was typed and nothing else, so that it never undoes a later decision."""
    changed = {name: text for name, text in typed.items() if text != filing.start.get(name)}
    return drafts.save(runtime(), actor(), filing.draft_key, {"values": changed, "token": token})


def _values(filing: Filing, sent: Mapping[str, Any], base: Any) -> dict[str, str]:
    """What was typed: known fields only, as text of bounded length.

    `base` is what the page showed when it was drawn.  A field still equal to it was not touched,
    whatever the record says by now: an old page must not turn back what was approved meanwhile.
    """
    shown = _json(base)
    found = {}
    for name, spec in filing.form.specs().items():
        if not isinstance(sent.get(name), str):
            continue
        text = str(sent[name])[:VALUE_CHARS_MAX].replace("\r\n", "\n")
        unseen = masking.is_personal(spec.mask) and text == spec.reading(filing.current[name])
        if text != shown.get(name):
            found[name] = filing.current[name] if unseen else text
    return found


def _json(text: Any) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):  # nested without end: typed by a program
        return {}
    return found if isinstance(found, dict) else {}


def token_of(source: Mapping[str, Any]) -> str:
    """The page's one-time token: the same page filed twice is one request."""
    found = str(source.get("token") or "")
    return found if found.isalnum() and len(found) <= TOKEN_CHARS_MAX else uuid4().hex


def already(token: str) -> str | None:
    """The request this very page has filed before (double click, back and again)."""
    who = actor().id
    number: str | None = session().scalar(
        select(Instance.no).where(Instance.token == f"{who}:{token}", Instance.starter_id == who)
    )
    return number


def _in_flight(filing: Filing) -> dict[str, str] | None:
    no = engine.in_flight(runtime(), filing.key, filing.scope)
    return {"no": no} if no else None
