"""代理设置 and 离职转办: in whose name somebody works for a while, and for good.

Everybody appoints a substitute for himself, a 流程管理员 for anybody of their branches.  A handover
is shown before it is done; what could not be moved is told with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from engine.calendar import ZONE
from engine.database import number_in
from engine.diagrams import definitions
from engine.errors import HallError, Problem
from engine.verbs import bulk, handing, holdings, substitutes
from engine.verbs.moves import OPINION_CHARS_MAX
from engine.verbs.permissions import administers
from webapp import people
from webapp.people import Picked
from webapp.runtime import actor, center, now, runtime, session
from webapp.security import audience

bp = Blueprint("standins", __name__)

STATES = {
    "active": ("代理中", "doing"),
    "coming": ("未开始", "wait"),
    "over": ("已结束", "idle"),
    "cancelled": ("已撤销", "idle"),
}
LAST_SECOND = time(23, 59, 59, tzinfo=ZONE)
SHOWN_MAX = 200  # of a handover: an admin looks for the odd one, not at all of them
SERVICES_MAX = 100


@dataclass(slots=True)
class Typed:
    """What the form of either page holds; `who` is whose work it is, `to` who does it."""

    who: Picked = field(default_factory=Picked)
    to: Picked = field(default_factory=Picked)
    starts: str = ""
    ends: str = ""
    services: list[str] = field(default_factory=list)
    reason: str = ""
    wrong: dict[str, str] = field(default_factory=dict)


def _typed() -> Typed:
    fields = request.form
    return Typed(
        who=_picked("who"),
        to=_picked("to"),
        starts=fields.get("starts", "")[:10],
        ends=fields.get("ends", "")[:10],
        services=fields.getlist("services")[:SERVICES_MAX],
        reason=fields.get("reason", ""),
    )


def _picked(name: str) -> Picked:
    """One of the two pickers of a page, as `people.picked` reads it."""
    fields = request.form
    given = [(people.TO, each) for each in fields.getlist(name)]
    typed = fields.get("find" if name == "to" else f"find_{name}", "")
    return people.picked(MultiDict([*given, (people.FIND, typed)]))


def _one(made: Picked, typed: Typed, name: str, ask: str = "") -> str | None:
    """The one person a picker names; what is unclear goes to `typed.wrong`."""
    if made.problem:
        typed.wrong[name] = made.problem
    elif len(made.people) > 1:
        typed.wrong[name] = "只能选一位，请去掉其余的人员。"
    elif not made.people and ask:
        typed.wrong[name] = ask
    return made.ids[0] if len(made.people) == 1 else None


# ── 代理设置 ────────────────────────────────────────────────────────────────────────────────────


@bp.get("/standins")
def page() -> ResponseReturnValue:
    today = now().astimezone(ZONE).date().isoformat()
    return _page(Typed(starts=today))


@bp.post("/standins")
def appoint() -> ResponseReturnValue:
    typed, admin = _typed(), administers(actor())
    principal = _one(typed.who, typed, "who") if admin else None
    to = _one(typed.to, typed, "to", "请选择由谁代理。")
    starts, ends = (_day(typed, name) for name in ("starts", "ends"))
    if typed.wrong:
        return _page(typed), 422
    assert to is not None
    assert starts is not None
    assert ends is not None
    try:
        substitutes.appoint(
            runtime(),
            actor(),
            principal=principal or actor().id,
            substitute=to,
            starts_at=datetime.combine(starts, time(tzinfo=ZONE)),
            ends_at=datetime.combine(ends, LAST_SECOND),
            services=typed.services,
            reason=typed.reason,
        )
    except HallError as refusal:
        session().rollback()
        typed.wrong = _wrong(refusal.problem)
        return _page(typed), 422
    flash("代理已设置", "ok")
    return redirect(url_for("standins.page", who=principal), 303)


@bp.post("/standins/<id>/cancel")
def cancel(id: str) -> ResponseReturnValue:
    substitutes.cancel(runtime(), actor(), number_in(id) or 0)
    flash("代理已撤销", "ok")
    return redirect(url_for("standins.page", who=request.form.get("who") or None), 303)


def _day(typed: Typed, name: str) -> date | None:
    try:
        return date.fromisoformat(getattr(typed, name))
    except ValueError:
        typed.wrong[name] = "请填写日期。"
        return None


def _wrong(problem: Problem) -> dict[str, str]:
    names = {
        "opinion": "reason",
        "substitute": "to",
        "starts_at": "starts",
        "ends_at": "ends",
        "services": "services",
        "to": "to",
    }
    return {names.get(problem.field or "", "form"): problem.text}


def _page(typed: Typed) -> str:
    rt, who = runtime(), actor()
    admin = administers(who)
    other = rt.directory.find(request.args.get("who", "")) if admin else None
    other = other if other is not None and other.id != who.id else None
    services = [(each.key, each.name) for each in definitions.all_current(rt)]
    return render_template(
        "standins/page.html",
        typed=typed,
        admin=admin,
        other=other,
        mine=substitutes.of_principal(rt, other.id if other else who.id),
        others=substitutes.of_substitute(rt, other.id if other else who.id),
        services=services,
        names=dict(services),
        states=STATES,
        opinion_max=OPINION_CHARS_MAX,
    )


# ── 离职转办 ────────────────────────────────────────────────────────────────────────────────────


@bp.get("/handover")
@audience("admin")
def leaving() -> ResponseReturnValue:
    return _leaving(Typed())


@bp.post("/handover")
@audience("admin")
def hand_over() -> ResponseReturnValue:
    typed, rt = _typed(), runtime()
    person = _one(typed.who, typed, "who", "请选择离职的人员。")
    to = _one(typed.to, typed, "to")
    if typed.wrong:
        return _leaving(typed), 422
    assert person is not None
    if request.form.get("action") != "run":
        return _leaving(typed, preview=holdings.of(rt, actor(), person))
    try:
        if len(holdings.of(rt, actor(), person)) > bulk.AT_ONCE_MAX:
            how = {"leaving": person, "to": to, "reason": typed.reason}
            return redirect(f"/jobs/{bulk.order_handover(rt, actor(), **how)}", 303)
        found = handing.handover(rt, actor(), leaving=person, to=to, reason=typed.reason)
    except HallError as refusal:
        session().rollback()
        typed.wrong = _wrong(refusal.problem)
        return _leaving(typed, preview=holdings.of(rt, actor(), person)), 422
    left = [(no, outcome.text) for no, outcome in found if isinstance(outcome, HallError)]
    flash(f"已转办 {len(found) - len(left)} 件" + (f"，{len(left)} 件没有转" if left else ""), "ok")
    return _leaving(typed, moved=len(found) - len(left), left=left)


def _leaving(typed: Typed, **more: Any) -> str:
    branches = {each.code: each.name for each in center().branches}
    return render_template(
        "standins/handover.html",
        typed=typed,
        branches=branches,
        shown=SHOWN_MAX,
        opinion_max=OPINION_CHARS_MAX,
        **more,
    )
