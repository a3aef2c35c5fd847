"""流程版本: how many requests run on each version, what is different, and taking requests over.

The engine compares and migrates; here the differences are put beside the drawing.  试运行 shows
what would happen; a selection too large to wait for becomes a job with a page of its own.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from engine import SYSTEM
from engine.database import number_in
from engine.diagrams import definitions, versions
from engine.diagrams.versions import Comparison, Version
from engine.errors import HallError, Problem
from engine.verbs import migrating
from engine.verbs.migrating import AT_ONCE_MAX, NUMBERS_MAX, Errand, Tally
from engine.verbs.moves import OPINION_CHARS_MAX
from webapp import security
from webapp.runtime import actor, runtime, session
from webapp.security import audience

bp = Blueprint("versions", __name__)

KEY_CHARS_MAX = 80
NUMBER_CHARS_MAX = 40
NUMBERS = re.compile(r"[\s,，;；、]+")
MARKS = {"added": "新增", "removed": "删除", "changed": "修改"}


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form of a migration holds."""

    frm: int
    to: int
    nos: str = ""
    reason: str = ""
    token: str = ""

    @property
    def chosen(self) -> list[str] | None:
        """None: everything that runs on the version."""
        found = [each[:NUMBER_CHARS_MAX] for each in NUMBERS.split(self.nos) if each]
        return list(dict.fromkeys(found)) or None


@bp.get("/versions")
@audience("admin")
def index() -> ResponseReturnValue:
    rt = runtime()
    services = [(each, versions.of(rt, each.key)) for each in definitions.all_current(rt)]
    return render_template("versions/index.html", services=services)


@bp.get("/versions/<key>")
@audience("admin")
def page(key: str) -> ResponseReturnValue:
    found = _versions(key)
    new = _one(found, request.args.get("new"), 0)
    old = _one(found, request.args.get("old"), 1 if new is found[0] else 0)
    comparison, diagram = None, None
    shown = "old" if request.args.get("show") == "old" else "new"
    if old is not new:
        rt = runtime()
        comparison = versions.compare(definitions.load(rt, old.id), definitions.load(rt, new.id))
        drawn = definitions.load(rt, (old if shown == "old" else new).id)
        diagram = _diagram(drawn.bpmn, comparison, shown)
        security.allow_inline_styles()
    return render_template(
        "versions/page.html",
        key=key,
        versions=found,
        old=old,
        new=new,
        comparison=comparison,
        diagram=diagram,
        shown=shown,
        options=[(str(each.id), f"第 {each.version} 版") for each in found],
        by={each.deployed_by: _who(each.deployed_by) for each in found},
    )


@bp.get("/versions/<key>/migrate")
@audience("admin")
def migrate(key: str) -> ResponseReturnValue:
    found = _versions(key)
    to = _one(found, request.args.get("to"), 0)
    running = next((each for each in found if each.running and each is not to), found[-1])
    frm = _one(found, request.args.get("frm"), found.index(running))
    return _form(key, found, Typed(frm.id, to.id))


@bp.post("/versions/<key>/migrate")
@audience("admin")
def run(key: str) -> ResponseReturnValue:
    found = _versions(key)
    fields = request.form
    typed = Typed(
        frm=number_in(fields.get("frm", "")) or 0,
        to=number_in(fields.get("to", "")) or 0,
        nos=fields.get("nos", "")[: NUMBERS_MAX * NUMBER_CHARS_MAX],
        reason=fields.get("reason", ""),
        token=fields.get("token", "")[:NUMBER_CHARS_MAX],
    )
    errand = Errand(key, typed.frm, typed.to, typed.reason, fields.get("action") != "run")
    try:
        return _run(key, found, typed, errand)
    except HallError as refusal:
        session().rollback()
        return _form(key, found, typed, problem=refusal.problem), 422


def _run(key: str, found: list[Version], typed: Typed, errand: Errand) -> ResponseReturnValue:
    rt, who, nos = runtime(), actor(), typed.chosen
    migrating.check(rt, who, errand, nos)
    many = migrating.chosen(rt, who, key, errand.frm) if nos is None else len(nos)
    if many > AT_ONCE_MAX:
        how: dict[str, Any] = {"frm": errand.frm, "to": errand.to, "nos": nos}
        how |= {"reason": errand.reason, "dry_run": errand.dry_run}
        token = f"{typed.token}:{'try' if errand.dry_run else 'run'}" if typed.token else None
        job = migrating.order(rt, who, key, **how, token=token)
        return redirect(f"/jobs/{job}", 303)
    tally = migrating.run(rt, who, errand, nos)
    if not errand.dry_run:
        flash(f"已换版本 {tally.moved} 件，留在原版本 {tally.left} 件", "ok")
    return _form(key, _versions(key), typed, tally=tally)


def _form(key: str, found: list[Version], typed: Typed, **result: Any) -> str:
    """`result`: the `tally` of what was tried or done, or the `problem` that prevented it."""
    tally: Tally | None = result.get("tally")
    problem: Problem | None = result.get("problem")
    rt = runtime()
    wrong = {}
    if problem is not None:
        field = {"opinion": "reason"}.get(problem.field, problem.field)
        wrong = {field if field in ("reason", "nos") else "form": problem.text}
    return render_template(
        "versions/migrate.html",
        key=key,
        name=found[0].name,
        versions=found,
        options=[
            (str(each.id), f"第 {each.version} 版（在办 {each.running} 件）") for each in found
        ],
        typed=typed,
        chosen=migrating.chosen(rt, actor(), key, typed.frm),
        tally=tally,
        token=typed.token or secrets.token_hex(8),
        wrong=wrong,
        at_once=AT_ONCE_MAX,
        shown=migrating.LEFT_SHOWN_MAX,
        opinion_max=OPINION_CHARS_MAX,
    )


def _who(person_id: str) -> str:
    """Who deployed a version; somebody gone stays an id."""
    if person_id == SYSTEM.id:
        return SYSTEM.name
    person = runtime().directory.find(person_id)
    return person.name if person is not None else person_id


def _versions(key: str) -> list[Version]:
    found = versions.of(runtime(), key[:KEY_CHARS_MAX])
    if not found:
        abort(404)
    return found


def _one(found: list[Version], text: str | None, otherwise: int) -> Version:
    wanted = number_in(text or "")
    at = min(otherwise, len(found) - 1)
    return next((each for each in found if each.id == wanted), found[at])


def _diagram(xml: str, comparison: Comparison, shown: str) -> dict[str, Any]:
    """What diagram.js draws: the elements of this version that are not in the other, or differ."""
    kinds = {
        "removed" if shown == "old" else "added": (
            comparison.removed if shown == "old" else comparison.added
        ),
        "changed": comparison.changed,
    }
    marks = {each.id: kind for kind, found in kinds.items() for each in found}
    tips = {
        each.id: [f"{each.name} · {MARKS[kind]}", *(change.text for change in each.changes)]
        for kind, found in kinds.items()
        for each in found
    }
    return {"xml": xml, "marks": marks, "pins": [], "tips": tips}
