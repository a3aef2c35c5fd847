"""May this person work on this review at all?  What every rule about an open step begins with.

Two things bar a person whatever their post: the request is their own, or they have already decided
another review of it (four eyes).  A diagram may lift either for one step, by naming exactly that
person (`candidates`: `starter`, `previous:…`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import Problem
from engine.runtime import Actor

if TYPE_CHECKING:
    from engine.requests.cases import Case, OpenTask

NAMED = "people"  # the domain of rows that belong to named people and no post; their role is ""
ADVISING = ("ask", "before")  # parts whose opinion moves nothing, so that they bar nobody
DECIDING = ("vote", "after")  # parts that count like a decision of the step itself


@dataclass(frozen=True, slots=True)
class Hands:
    """`owner` has the posts; `ids` are all people behind these hands."""

    owner: Actor
    ids: frozenset[str]


def reviewing(hands: Hands, case: Case, task: OpenTask) -> Problem | None:
    """None when these hands may work on this review now."""
    if task.kind != "review":
        return Problem("task.not_review", "该步骤由申请单位办理，请等待重新提交。")
    if task.status == "held":
        return Problem("task.held", "这一步正在等待其他人的意见，收到后才能继续办理。")
    problem = _within_reach(hands, case, task) or _barred_from_row(hands.ids, case, task)
    if problem is not None:
        return problem
    if task.assignee is not None and task.assignee not in hands.ids:
        return Problem("task.claimed", f"{task.assignee_name}已领取这件业务，请选择其他待办。")
    return None


def _within_reach(hands: Hands, case: Case, task: OpenTask) -> Problem | None:
    """By post, by name, or because a row below a step was put into these hands."""
    by_hand = task.part != "step" or not task.role
    if by_hand and task.assignee is not None and task.assignee in hands.ids:
        return None
    if task.role:
        if hands.owner.holds(task.role, task.domain):
            return None
        return Problem("task.not_your_post", f"这一步由{task.role}办理，您没有该岗位。")
    if case.people.get(task.id, frozenset()) & hands.ids:
        return None
    return Problem("task.not_named", "这一步由指定的人员办理，您不在其中。")


def _barred_from_row(ids: frozenset[str], case: Case, task: OpenTask) -> Problem | None:
    if task.part in ADVISING:
        return _own_request(ids, case, task.node)
    problem = barred(ids, case, task.node)
    if problem is not None or task.part not in DECIDING:
        return problem
    for person in ids:
        vote = case.deciders.get(f"{task.node}/{person}")
        if vote is not None and vote[3] == str(task.parent_id):
            return Problem("task.voted", "您已在这一步表决过，不能再次表决。")
    above = next((each for each in case.open if each.id == task.parent_id), None)
    if above is not None and ids & {above.assignee, above.completed_by, above.completed_for}:
        return Problem("task.same_person", "这一步已由您办理，加签须由另一位人员办理。")
    return None


def barred(ids: frozenset[str], case: Case, node: str) -> Problem | None:
    """Why these people may not decide this step whatever their post; None when they may.

    Votes are kept in `deciders` under "node/person": they count for the four eyes of other steps.
    """
    problem = _own_request(ids, case, node)
    if problem is not None:
        return problem
    same = {node, _rule(case, node).removeprefix("previous:")}
    for key, (decider, *_rest) in case.deciders.items():
        if decider in ids and key.partition("/")[0] not in same:
            return Problem("task.same_person", "您已办理过前面的审核步骤，须由另一位人员办理。")
    return None


def _own_request(ids: frozenset[str], case: Case, node: str) -> Problem | None:
    if case.starter_id in ids and _rule(case, node) != "starter":
        return Problem("task.own_request", "不能办理自己发起的业务，请由其他人员办理。")
    return None


def _rule(case: Case, node: str) -> str:
    return case.deployed.nodes[node].props.get("candidates", "")
