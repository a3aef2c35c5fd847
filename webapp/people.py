"""Picking people: the list under the box while one types, and what a posted form names.

Without scripts a name is typed and sent: one match is taken, several come back as choices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from handlers.people import finding, queries
from handlers.people.finding import Found
from webapp.runtime import actor, me, session
from webapp.security import limiter

bp = Blueprint("people", __name__)

TO, FIND = "to", "find"  # chosen ids, and what was typed and not yet chosen
PICKED_MAX = 20  # people one verb may name
NAMES = re.compile(r"[、,，;；\s]+")
SEARCH_LIMIT = "240 per minute"  # a fast typist; the list is no directory to be copied
ROLE_CHARS_MAX = 80


@dataclass(slots=True)
class Picked:
    """Whom a form names; `choices` and a sentence in `problem` when that is unclear."""

    people: list[Found] = field(default_factory=list)
    choices: list[Found] = field(default_factory=list)
    typed: str = ""
    problem: str = ""

    @property
    def ids(self) -> list[str]:
        return [found.id for found in self.people]


@bp.get("/people")
@limiter.limit(SEARCH_LIMIT)
def search() -> ResponseReturnValue:
    """`q`: name, 工号, post or branch; `role` and `domain` narrow to holders of one post."""
    words = request.args
    q = words.get("q", "")[: finding.QUERY_CHARS_MAX]
    role, domain = (words.get(name, "")[:ROLE_CHARS_MAX] for name in ("role", "domain"))
    rows = find(q, role=role, domain=domain)
    return {"people": [{"id": row.id, "name": row.name, "title": row.title} for row in rows]}


def find(q: str, *, role: str = "", domain: str = "") -> list[Found]:
    """Of one's own side, never oneself."""
    profile = me()
    assert profile is not None
    if not (q + role + domain).isprintable():
        return []
    if profile.kind == "staff":
        rows = finding.staff(session(), q, role=role, domain=domain)
    else:
        rows = finding.colleagues(session(), profile.unit_account_no or "", q)
    return [row for row in rows if row.id != actor().id]


def picked(form: MultiDict[str, str]) -> Picked:
    """Who the posted form names; ids nobody offered are left out."""
    made = Picked(typed=form.get(FIND, "").strip()[: finding.QUERY_CHARS_MAX * 4])
    for user_id in dict.fromkeys(form.getlist(TO)):
        found = _known(user_id)
        if found is not None:
            made.people.append(found)
    for name in filter(None, NAMES.split(made.typed)):
        _name(made, name)
    if len(made.people) > PICKED_MAX:
        made.problem = f"一次最多选 {PICKED_MAX} 人，请分几次办理。"
    return made


def _name(made: Picked, name: str) -> None:
    found = find(name)
    exact = [row for row in found if row.name == name]
    found = exact or found
    if not found:
        made.problem = made.problem or f"没有找到“{name}”，请核对姓名，或改用岗位、管理部查找。"
    elif len(found) > 1:
        made.choices += [row for row in found if row not in made.choices]
        made.problem = made.problem or f"有 {len(found)} 位符合“{name}”，请在列表中选定。"
    elif found[0].id not in made.ids:
        made.people.append(found[0])


def _known(user_id: str) -> Found | None:
    """Staff may name staff, operators those of their own unit."""
    asker, profile = me(), queries.profile(session(), user_id)
    if asker is None or profile is None or profile.kind != asker.kind:
        return None
    if profile.kind == "operator" and profile.unit_account_no != asker.unit_account_no:
        return None
    return Found(user_id, profile.name, profile.title)
