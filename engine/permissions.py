"""Who may do what: one function answers both for the button and for the deed.

`may` returns None (yes) or the Problem that says why not; `verbs_of` collects what a page may
offer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import Problem
from engine.runtime import ANYWHERE, Actor

if TYPE_CHECKING:
    from engine.cases import Case, OpenTask

TASK_VERBS = ("claim", "release", "approve", "refuse", "return", "submit")
CASE_VERBS = ("withdraw", "end")
_NAMES = {"approve": "同意", "refuse": "驳回", "return": "退回"}


def may_see(actor: Actor, scope: str, branch: str, starter_id: str) -> bool:
    """The applicant's side sees its own scope; the centre's side sees its branch."""
    if actor.id == starter_id or scope in actor.domains:
        return True
    return f"branch:{branch}" in actor.domains or ANYWHERE in actor.domains


def may(actor: Actor, verb: str, case: Case, task: OpenTask | None = None) -> Problem | None:
    """None when the actor may do this now, else the sentence that says why not."""
    if not case.running:
        return Problem("request.closed", f"该业务{case.label}，不能再办理。")
    if verb in CASE_VERBS:
        return _case_verb(actor, verb, case)
    assert task is not None
    assert verb in TASK_VERBS, verb
    if verb == "submit":
        return _submit(actor, task)
    if task.kind != "review":
        return Problem("task.not_review", "该步骤由申请单位办理，请等待重新提交。")
    if verb == "release":
        if task.assignee == actor.id:
            return None
        return Problem("task.not_mine", "这件业务不在您名下，不能退领。")
    return _review(actor, verb, case, task)


def verbs_of(actor: Actor, case: Case, task: OpenTask | None) -> frozenset[str]:
    """Every verb this actor may use now."""
    found = {verb for verb in CASE_VERBS if may(actor, verb, case) is None}
    if task is not None:
        found |= {verb for verb in TASK_VERBS if may(actor, verb, case, task) is None}
    return frozenset(found)


def _submit(actor: Actor, task: OpenTask) -> Problem | None:
    if task.kind != "form":
        return Problem("task.not_form", "该步骤不是填写步骤，不能提交。")
    if not actor.holds(task.role, task.domain):
        return Problem("task.not_yours", "这一步由申请单位办理，您不能代为提交。")
    return None


def _review(actor: Actor, verb: str, case: Case, task: OpenTask) -> Problem | None:
    if not actor.holds(task.role, task.domain):
        return Problem("task.not_your_post", f"这一步由{task.role}办理，您没有该岗位。")
    if actor.id == case.starter_id:
        return Problem("task.own_request", "不能办理自己发起的业务，请由其他人员办理。")
    for node, (decider, *_rest) in case.deciders.items():
        if decider == actor.id and node != task.node:
            return Problem("task.same_person", "您已办理过前面的审核步骤，须由另一位人员办理。")
    if task.assignee not in (None, actor.id):
        return Problem("task.claimed", f"{task.assignee_name}已领取这件业务，请选择其他待办。")
    if verb == "claim":
        return Problem("task.mine", "这件业务已在您名下。") if task.assignee else None
    if verb not in case.deployed.nodes[task.node].verbs:
        return Problem("task.verb", f"“{task.node_name}”不提供{_NAMES[verb]}。")
    return None


def _case_verb(actor: Actor, verb: str, case: Case) -> Problem | None:
    first = case.deployed.first
    if not actor.holds(first.role, case.scope):
        return Problem("request.not_yours", "只有申请单位可以撤回或结束这件业务。")
    if verb == "end":
        if case.status == "returned":
            return None
        return Problem("request.not_returned", "只有被退回的业务可以结束流程；办理中的业务请撤回。")
    if case.status == "returned":
        return Problem("request.returned", "该业务已退回，请修改后重新提交，或结束流程。")
    return _withdraw(case)


def _withdraw(case: Case) -> Problem | None:
    when = case.deployed.props.get("withdraw", "never")
    if when == "never":
        return Problem("request.no_withdraw", "该业务提交后不能撤回，请联系中心办理。")
    if case.deciders and when in ("until_decided", "until_claimed"):
        return Problem("request.decided", "中心已开始审批，不能撤回；需要修改请联系审核人员退回。")
    if when == "until_claimed" and any(task.assignee for task in case.open):
        return Problem("request.claimed", "中心已领取这件业务，不能撤回。")
    return None
