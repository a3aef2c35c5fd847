"""Who may do what: one function answers both for the button and for the deed.

`judge` says yes or why not, and in whose name a substitute acts; `verbs_of` collects what a page
may offer.  A person has "hands": their own, or those of a principal they stand in for (代理); then
the principal's posts count, but what bars either of the two from deciding bars both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import ColumnElement, and_, exists, false, or_, select, true

from engine.errors import Problem
from engine.models import Candidate, Copy, Instance, Task
from engine.requests.rules_review import Hands, reviewing
from engine.runtime import ADMIN, ANYWHERE, Actor, Runtime
from engine.verbs import rules_request, rules_team
from engine.verbs.rules_request import is_admin

if TYPE_CHECKING:
    from engine.requests.cases import Case, OpenTask

TASK_VERBS = (
    ("claim", "release", "approve", "refuse", "return", "submit", "batch")
    + ("transfer", "handover", "ask", "answer", "add_sign", "drop_sign")
)  # fmt: skip
CASE_VERBS = ("withdraw", "end", "terminate", "take_back", "copy", "urge", "comment")
REPAIR_VERBS = ("retry", "edit", "skip")  # on the page of an incident, see `incident_desk`
AFTER_THE_END = ("copy",)  # everything else needs a request that still runs
_NAMES = {"approve": "同意", "refuse": "驳回", "return": "退回", "batch": "批量同意"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """None as `problem` means yes; `behalf` is the principal a substitute acts for."""

    problem: Problem | None
    behalf: Actor | None = None


class Seen(Protocol):
    """What decides who may look at a request."""

    id: int
    key: str
    scope: str
    branch: str
    starter_id: str


def may_see(rt: Runtime, actor: Actor, case: Seen) -> bool:
    """The applicant's side sees its own scope; the centre's side its branch; whoever was asked, has
    decided or got a copy sees this one request.  A substitute sees what the principal sees."""
    people = [actor, *(each.principal for each in actor.mandates if each.covers(case.key))]
    if any(_belongs(person, case) for person in people):
        return True
    ids = [person.id for person in people]
    asked = exists().where(
        Task.instance_id == case.id, or_(Task.assignee.in_(ids), Task.completed_by.in_(ids))
    )
    named = exists().where(
        Task.instance_id == case.id, Candidate.task_id == Task.id, Candidate.person_id.in_(ids)
    )
    copied = exists().where(Copy.instance_id == case.id, Copy.recipient.in_(ids))
    return bool(rt.session.scalar(select(or_(asked, named, copied))))


def _belongs(actor: Actor, case: Seen) -> bool:
    if actor.id == case.starter_id or case.scope in actor.domains:
        return True
    return f"branch:{case.branch}" in actor.domains or ANYWHERE in actor.domains


def may(actor: Actor, verb: str, case: Case, task: OpenTask | None = None) -> Problem | None:
    """None when the actor may do this now, else the sentence that says why not."""
    return judge(actor, verb, case, task).problem


def judge(actor: Actor, verb: str, case: Case, task: OpenTask | None = None) -> Verdict:
    """The same, with the principal in whose name it would be done."""
    if not case.running and verb not in AFTER_THE_END:
        return Verdict(Problem("request.closed", f"该业务{case.label}，不能再办理。"))
    first: Problem | None = None
    for hands in _hands(actor, case):
        problem = _rule(hands, verb, case, task)
        if problem is None:
            return Verdict(None, hands.owner if hands.owner is not actor else None)
        first = first or problem
    return Verdict(first)


def _hands(actor: Actor, case: Case) -> Iterator[Hands]:
    yield Hands(actor, frozenset({actor.id}))
    for mandate in actor.mandates:
        if mandate.covers(case.key):
            yield Hands(mandate.principal, frozenset({mandate.principal.id, actor.id}))


def _rule(hands: Hands, verb: str, case: Case, task: OpenTask | None) -> Problem | None:
    if verb in _CASE_RULES:
        return _CASE_RULES[verb](hands, case)
    assert verb in TASK_VERBS, verb
    assert task is not None
    return _TASK_RULES[verb](hands, case, task)


def verbs_of(actor: Actor, case: Case, task: OpenTask | None) -> frozenset[str]:
    """Every verb this actor may use now."""
    found = {verb for verb in CASE_VERBS if may(actor, verb, case) is None}
    if task is not None:
        found |= {verb for verb in TASK_VERBS if may(actor, verb, case, task) is None}
    return frozenset(found)


# ── steps ──────────────────────────────────────────────────────────────────────────────────────


def _submit(hands: Hands, case: Case, task: OpenTask) -> Problem | None:
    if task.kind != "form":
        return Problem("task.not_form", "该步骤不是填写步骤，不能提交。")
    if not hands.owner.holds(task.role, task.domain):
        return Problem("task.not_yours", "这一步由申请单位办理，您不能代为提交。")
    return None


def _claim(hands: Hands, case: Case, task: OpenTask) -> Problem | None:
    problem = reviewing(hands, case, task)
    if problem is None and task.assignee:
        return Problem("task.mine", "这件业务已在您名下。")
    return problem


def _decide(verb: str) -> Callable[[Hands, Case, OpenTask], Problem | None]:
    def rule(hands: Hands, case: Case, task: OpenTask) -> Problem | None:
        problem = reviewing(hands, case, task)
        if problem is not None:
            return problem
        return rules_team.undecidable(case, task, verb, _NAMES[verb])

    return rule


def _batch(hands: Hands, case: Case, task: OpenTask) -> Problem | None:
    if not task.batch:
        return Problem("task.no_batch", f"“{task.node_name}”须逐件审核，不能批量同意。")
    return _decide("approve")(hands, case, task)


def _transfer(hands: Hands, case: Case, task: OpenTask) -> Problem | None:
    """Whoever has the step or may take it; an admin also what lies with others or waits."""
    if task.kind != "review":
        return Problem("task.not_review", "填写步骤由申请单位办理，不能转办。")
    return None if is_admin(hands.owner, case) else reviewing(hands, case, task)


def _handover(hands: Hands, case: Case, task: OpenTask) -> Problem | None:
    if is_admin(hands.owner, case):
        return None
    return Problem("task.not_admin", "只有流程管理员可以办理离职转办。")


def administers(actor: Actor) -> bool:
    """流程管理员 anywhere, in his own name or standing in for one."""
    people = (actor, *(mandate.principal for mandate in actor.mandates))
    return any(role == ADMIN for each in people for role, _ in each.posts)


def administered(actor: Actor) -> ColumnElement[bool]:
    """Condition over `Instance`: the requests whose process admin this person is, in his own name
    or, of the services of the mandate, standing in for one."""
    hands = [(actor, frozenset[str]())]
    hands += [(mandate.principal, mandate.services) for mandate in actor.mandates]
    parts: list[ColumnElement[bool]] = [false()]
    for person, services in hands:
        domains = {domain for role, domain in person.posts if role == ADMIN}
        branches = [domain.removeprefix("branch:") for domain in sorted(domains)]
        place = true() if ANYWHERE in domains else Instance.branch.in_(branches)
        parts.append(and_(place, Instance.key.in_(services)) if services else place)
    return or_(*parts)


_TASK_RULES: dict[str, Callable[[Hands, Case, OpenTask], Problem | None]] = {
    "submit": _submit,
    "claim": _claim,
    "release": rules_team.release,
    "approve": _decide("approve"),
    "refuse": _decide("refuse"),
    "return": _decide("return"),
    "batch": _batch,
    "transfer": _transfer,
    "handover": _handover,
    "ask": rules_team.ask,
    "answer": rules_team.answer,
    "add_sign": rules_team.add_sign,
    "drop_sign": rules_team.drop_sign,
}
_CASE_RULES: dict[str, Callable[[Hands, Case], Problem | None]] = {
    "withdraw": rules_request.withdraw,
    "end": rules_request.end,
    "terminate": rules_request.terminate,
    "take_back": rules_request.take_back,
    "copy": rules_request.copy,
    "urge": rules_request.urge,
    "comment": rules_request.comment,
    "retry": rules_request.retry,
    "edit": rules_request.repair,
    "skip": rules_request.repair,
    "migrate": rules_request.migrate,
}
