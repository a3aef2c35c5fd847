"""Whose is a step that has just opened: the post of its lane, or whom the diagram names.

User task property `candidates`: `role` (default), `role@branch:CODE`, `role@*`, another role in
the place of `role`, `starter`, `previous:<node>`, `user:<id>` or `expr:<expression>` over the data
and `starter`, `branch`, `scope` that gives a person, a list of them or a role.  Nobody gets a step
that is their own request or that four eyes bar them from.

When nobody is left, property `nobody`: `wait` (default: the post's pool, and admins are told),
`admin` (the pool of 流程管理员), `skip` (approved by the system) or `halt` (an incident; an admin
hands the step to somebody).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Table, insert

from engine.diagrams.rehearsal import open_tasks
from engine.diagrams.tallying import ROWS_MAX
from engine.models import Candidate
from engine.owed import messages
from engine.requests.parts import Seat
from engine.requests.rules_review import NAMED, barred
from engine.runtime import ADMIN, NOBODY, SYSTEM, Actor, Runtime
from engine.scripts.script import evaluate

if TYPE_CHECKING:
    from engine.diagrams.dialect import Node
    from engine.requests.cases import Case

PEOPLE_MAX = 50  # a list somebody can still know; more is a post
ADMINS_TOLD_MAX = 20
PICKY = ("candidates", "nobody", "sign")  # properties without which nobody has to be asked
BACK = ("return", "again")
GONE = "原定会签人员或岗位现无人，请流程管理员转办给合适的人员。"
_log = logging.getLogger("hall.candidates")


@dataclass(frozen=True, slots=True)
class Assignment:
    """Whose a step is: a post's (`role`, `domain`), one person's, one of several people's, or
    everybody's on the `seats` of a vote."""

    role: str
    domain: str
    assignee: str | None = None
    assignee_name: str | None = None
    people: tuple[Actor, ...] = ()
    seats: tuple[Seat, ...] = ()


def choose(rt: Runtime, case: Case, node: Node, token: Any) -> Assignment:
    """Whose the step is; nothing is asked of the database for a step of its lane's post."""
    post = Assignment(node.role, case.domain_of(node))
    if node.kind == "form":
        return Assignment(post.role, post.domain, case.starter_id, case.starter_name)
    if "sign" not in node.props:
        # back to who returned it, or to whom it was returned
        last = case.last_hand(node.id)
        if last is not None and last[2] in BACK and last[0] != SYSTEM.id:
            named = _names_people(node)
            if still_there(rt, last[0], None if named else post):
                return _to(Actor(last[0], last[1]), post, named=named)
        if not is_picky(node):
            return post
    return _matching(rt, case, node, token) or _nobody(rt, case, node, post)


def still_there(rt: Runtime, person_id: str, post: Assignment | None) -> bool:
    """Has whoever did a step before neither left nor lost the post?  Else the post's pool gets it
    back."""
    if rt.directory is NOBODY:
        return True
    person = rt.directory.find(person_id)
    return person is not None and (post is None or person.holds(post.role, post.domain))


def keep(rt: Runtime, task_id: int, people: tuple[Actor, ...]) -> None:
    """Remember who may take a row that belongs to several people."""
    rows = [{"task_id": task_id, "person_id": each.id} for each in people]
    rt.session.execute(insert(cast(Table, Candidate.__table__)), rows)


def is_picky(node: Node) -> bool:
    return any(name in node.props for name in PICKY)


def unmatched(rt: Runtime, case: Case) -> list[Any]:
    """Tokens that have just come to a step nobody may take, where the diagram says `skip` or
    `halt`; a step whose row is open is somebody's already."""
    nodes = case.deployed.nodes
    named = {id for id, node in nodes.items() if node.props.get("nobody") in ("skip", "halt")}
    if not named:
        return []
    taken = {row.spiff_id for row in case.open}
    return [
        token
        for token in open_tasks(case.workflow)
        if token.task_spec.name in named
        and token.id.hex not in taken
        and _matching(rt, case, nodes[token.task_spec.name], token) is None
    ]


def skip(case: Case, token: Any) -> None:
    """Approve, as the system, a step nobody may take; the decider it leaves says so."""
    node = case.deployed.nodes[token.task_spec.name]
    token.data["decision"], token.data["opinion"] = "approve", ""
    case.deciders[node.id] = [SYSTEM.id, SYSTEM.name, "skip"]
    token.run()


def _matching(rt: Runtime, case: Case, node: Node, token: Any) -> Assignment | None:
    """None when nobody matches."""
    if "sign" in node.props:
        voters = seats(rt, case, node, token)
        return Assignment(node.role, case.domain_of(node), seats=voters) if voters else None
    rule = node.props.get("candidates", "role")
    named = _named(case, rule, token)
    if isinstance(named, str):
        found = rt.directory.find(named) if rule.startswith("expr:") else None
        if found is None:
            role, domain = post(case, node, named)
            holders = able(case, node, rt.directory.holders(role, domain))
            return Assignment(role, domain) if holders else None
        named = [named]
    known = (rt.directory.find(each) for each in dict.fromkeys(named[:PEOPLE_MAX]))
    people = able(case, node, [each for each in known if each is not None])
    if len(people) == 1:
        return Assignment("", NAMED, people[0].id, people[0].name)
    return Assignment("", NAMED, people=tuple(people)) if people else None


def seats(rt: Runtime, case: Case, node: Node, token: Any) -> tuple[Seat, ...]:
    """Who votes: everybody the diagram names but the starter and who has decided before.

    Somebody unknown or a post nobody holds becomes an admin's seat, so that never fewer people
    vote than were drawn; empty when nobody at all may vote.
    """
    rule = node.props.get("signers", "")
    found: list[Seat | None]
    if rule.startswith(("users:", "expr:")):
        found = [_personal(rt, case, node, each) for each in _ids(rt, case, rule, token)]
    else:
        roles = [each.strip() for each in rule.split(",") if each.strip()]
        found = [_of_role(rt, case, node, each) for each in roles]
    return tuple(seat for seat in found if seat is not None)[:ROWS_MAX]


def _ids(rt: Runtime, case: Case, rule: str, token: Any) -> list[str]:
    kind, _, text = rule.partition(":")
    if kind == "users":
        ids = [each.strip() for each in text.split(",")]
    else:
        value = evaluated(case, text, token)
        ids = [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
    return list(dict.fromkeys(each for each in ids if each))


def _personal(rt: Runtime, case: Case, node: Node, person_id: str) -> Seat | None:
    if barred(frozenset({person_id}), case, node.id) is not None:
        return None
    person = rt.directory.find(person_id)
    return Seat.of(person) if person is not None else _for_admin(case)


def _of_role(rt: Runtime, case: Case, node: Node, text: str) -> Seat:
    role, domain = post(case, node, text)
    holders = able(case, node, rt.directory.holders(role, domain))
    if not holders and rt.directory.holders(ADMIN, f"branch:{case.branch}"):
        return _for_admin(case)
    return Seat(role=role, domain=domain)


def _for_admin(case: Case) -> Seat:
    return Seat(role=ADMIN, domain=f"branch:{case.branch}", note=GONE)


def _named(case: Case, rule: str, token: Any) -> list[str] | str:
    """Ids of people, or the text of a post (or, of an expression, of one person)."""
    kind, _, text = rule.partition(":")
    if rule == "starter":
        return [case.starter_id]
    if kind == "previous":
        last = case.last_hand(text)
        return [last[0]] if last else []
    if kind == "user":
        return [text.strip()]
    if kind != "expr":
        return rule
    value = evaluated(case, text, token)
    if isinstance(value, str) and value:
        return value
    listed = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return list(value) if listed else []


def evaluated(case: Case, source: str, token: Any) -> Any:
    """What an expression of the diagram says; None when it fails, which is told in the log."""
    about = {"starter": case.starter_id, "branch": case.branch, "scope": case.scope}
    try:
        return evaluate(source, {**token.data, **about})
    except Exception:
        _log.exception("an expression for the people of %s failed", case.no)
        return None


def post(case: Case, node: Node, text: str) -> tuple[str, str]:
    """Role and domain of `role`, `role@branch:CODE`, `role@*` or the same with a role's name."""
    name, _, where = text.partition("@")
    role = node.role if name in ("", "role") else name
    own = case.scope if role == case.deployed.first.role else f"branch:{case.branch}"
    return role, where or own


def able(case: Case, node: Node, people: list[Actor]) -> list[Actor]:
    """Those who may decide the step."""
    return [each for each in people if barred(frozenset({each.id}), case, node.id) is None]


def _to(person: Actor, post: Assignment, *, named: bool) -> Assignment:
    role, domain = ("", NAMED) if named else (post.role, post.domain)
    return Assignment(role, domain, person.id, person.name)


def _names_people(node: Node) -> bool:
    rule = node.props.get("candidates", "role")
    return rule == "starter" or rule.startswith(("previous:", "user:", "expr:"))


def _nobody(rt: Runtime, case: Case, node: Node, post: Assignment) -> Assignment:
    """Where a step waits for an admin.  One that may be skipped or halts has been dealt with before
    (`unmatched`), unless somebody has returned the request to it: then a person was wanted."""
    domain = f"branch:{case.branch}"
    if node.props.get("nobody", "wait") == "admin":
        return Assignment(ADMIN, domain)
    for admin in rt.directory.holders(ADMIN, domain)[:ADMINS_TOLD_MAX]:
        title, text = "有业务无人可办", nobody_text(case, node)
        messages.about(rt, case, admin.id, title=title, body=text, channel="系统通知")
    return post


def nobody_text(case: Case, node: Node) -> str:
    return f"{case.name}（{case.no}）的“{node.name}”没有可以办理的人员，请转办或调整岗位。"
