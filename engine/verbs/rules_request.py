"""May this person do that with the request as a whole?  Pure: hands and a loaded request in, None
or the sentence that says why not out.

Three sides: the applicant's, the centre's (a post at the request's branch, or asked by name), and
the 流程管理员.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from engine.errors import Problem
from engine.runtime import ADMIN, ANYWHERE, Actor

if TYPE_CHECKING:
    from engine.requests.cases import Case, OpenTask
    from engine.requests.rules_review import Hands


class OfBranch(Protocol):
    """A request, loaded or only looked at."""

    branch: str


def is_admin(actor: Actor, case: OfBranch) -> bool:
    """流程管理员 of this branch, or of all."""
    return actor.holds(ADMIN, f"branch:{case.branch}")


def is_centre(actor: Actor) -> bool:
    """Works for the centre, at whatever branch."""
    return any(domain == ANYWHERE or domain.startswith("branch:") for domain in actor.domains)


def withdraw(hands: Hands, case: Case) -> Problem | None:
    if not _applicant(hands, case):
        return Problem("request.not_yours", "只有申请单位可以撤回或结束这件业务。")
    if case.status == "returned":
        return Problem("request.returned", "该业务已退回，请修改后重新提交，或结束流程。")
    when = case.deployed.props.get("withdraw", "never")
    if when == "never":
        return Problem("request.no_withdraw", "该业务提交后不能撤回，请联系中心办理。")
    if case.deciders and when in ("until_decided", "until_claimed"):
        return Problem("request.decided", "中心已开始审批，不能撤回；需要修改请联系审核人员退回。")
    if when == "until_claimed" and any(_claimed(case, task) for task in case.open):
        return Problem("request.claimed", "中心已领取这件业务，不能撤回。")
    return None


def _claimed(case: Case, task: OpenTask) -> bool:
    """Somebody took it; whom the diagram names has not."""
    return task.assignee is not None and bool(task.role or task.id in case.people)


def end(hands: Hands, case: Case) -> Problem | None:
    if not _applicant(hands, case):
        return Problem("request.not_yours", "只有申请单位可以撤回或结束这件业务。")
    if case.status != "returned":
        return Problem("request.not_returned", "只有被退回的业务可以结束流程；办理中的业务请撤回。")
    return None


def terminate(hands: Hands, case: Case) -> Problem | None:
    if is_admin(hands.owner, case):
        return None
    return Problem("request.not_admin", "只有流程管理员可以终止业务，请联系流程管理员。")


def take_back(hands: Hands, case: Case) -> Problem | None:
    """Whether nobody has gone on meanwhile, `returning.takeable` knows."""
    decided = any(decider in hands.ids for decider, *_rest in case.deciders.values())
    if decided or _applicant(hands, case):
        return None
    return Problem("request.not_decider", "您没有办理过这件业务，没有可以取回的步骤。")


def copy(hands: Hands, case: Case) -> Problem | None:
    """The centre decides who may read a request; the applicant's side shows its own to nobody."""
    if f"branch:{case.branch}" in hands.owner.domains or ANYWHERE in hands.owner.domains:
        return None
    if any(task.assignee in hands.ids for task in case.open) and is_centre(hands.owner):
        return None
    return Problem("request.not_centre", "只有办理这件业务的中心人员可以抄送。")


def urge(hands: Hands, case: Case) -> Problem | None:
    if not _applicant(hands, case):
        return Problem("request.not_applicant", "只有申请单位可以催办。")
    if case.status == "returned":
        return Problem("request.returned", "该业务已退回给您，请修改后重新提交，不需要催办。")
    if not any(task.status == "open" and task.kind == "review" for task in case.open):
        return Problem("urge.nobody", "业务正由系统自动处理，不需要催办。")
    return None


def comment(hands: Hands, case: Case) -> Problem | None:
    return None  # whoever may see a request may say something


def _applicant(hands: Hands, case: Case) -> bool:
    return hands.owner.holds(case.deployed.first.role, case.scope)


def retry(hands: Hands, case: Case) -> Problem | None:
    if is_admin(hands.owner, case):
        return None
    return Problem("incident.not_admin", "流程异常由流程管理员处理，您没有该岗位。")


def repair(hands: Hands, case: Case) -> Problem | None:
    """Changing data or leaving out a step by hand; not in a request of one's own."""
    problem = retry(hands, case)
    if problem is None and case.starter_id in hands.ids:
        text = "不能修改自己发起的业务的数据，也不能跳过其步骤，请由另一位流程管理员处理。"
        return Problem("incident.own_request", text)
    return problem


def migrate(hands: Hands, case: Case) -> Problem | None:
    if is_admin(hands.owner, case):
        return None
    return Problem("request.not_admin", "只有流程管理员可以让业务换版本，请联系流程管理员。")
