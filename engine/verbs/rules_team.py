"""Who may ask, answer, add and drop people, and what may be decided on the row they got.

Rows below a step belong to a person and to no post: being asked is enough (see `rules_review`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.diagrams.tallying import ROWS_MAX
from engine.errors import Problem
from engine.requests.rules_review import ADVISING, Hands, reviewing
from engine.runtime import ADMIN

if TYPE_CHECKING:
    from engine.requests.cases import Case, OpenTask

DEPTH_MAX = 2  # who is asked may ask once more; deeper, nobody knows who waits for whom
DROPPABLE = ("before", "after", "ask", "vote")


def offered(case: Case, task: OpenTask) -> frozenset[str]:
    """The decisions a row takes: those of the diagram for a step, fewer for a row below it."""
    node = case.deployed.nodes[task.node]
    if task.part == "step":
        return node.verbs
    if task.part == "vote":
        # a default is meant for one reviewer: that one of many may return must have been drawn
        drawn = node.props.get("verbs", "").replace(" ", "").split(",")
        return node.verbs & frozenset({"approve", "refuse", *drawn})
    if task.part in ("before", "after"):
        return frozenset({"approve", "refuse"})
    return frozenset({"approve"}) if task.part == "fix" else frozenset()


def undecidable(case: Case, task: OpenTask, verb: str, name: str) -> Problem | None:
    """Why this row does not take this decision; `name` is what people call it."""
    if verb in offered(case, task):
        return None
    if task.part == "ask":
        return Problem("task.asked", "这是委派给您的征询，请填写意见后回复。")
    if task.part in ADVISING or task.part == "after":
        return Problem("task.verb", f"加签的步骤不提供{name}，请同意或驳回并写明意见。")
    return Problem("task.verb", f"“{task.node_name}”不提供{name}。")


def release(hands: Hands, case: Case, task: OpenTask) -> Problem | None:
    if task.kind != "review":
        return Problem("task.not_review", "只有审批步骤可以退领。")
    if task.assignee not in hands.ids:
        return Problem("task.not_mine", "这件业务不在您名下，不能退领。")
    if task.status == "held":
        return Problem("task.held", "这一步正在等待其他人的意见，收到后才能退领。")
    if task.part not in ("step", "vote") or not (task.role or task.id in case.people):
        return Problem("task.named", "这一步指定由您办理，不能退领；需要由他人办理请转办。")
    return None


def ask(hands: Hands, case: Case, task: OpenTask) -> Problem | None:
    problem = reviewing(hands, case, task) or _full(case, task)
    if problem is not None:
        return problem
    if task.part == "fix":
        return Problem("task.fix", "更正的步骤请直接办理，不能委派。")
    if depth(case, task) >= DEPTH_MAX:
        return Problem("ask.deep", "这件业务已经委派过两层，请直接填写您的意见。")
    return None


def answer(hands: Hands, case: Case, task: OpenTask) -> Problem | None:
    if task.part != "ask":
        return Problem("task.not_asked", "这一步不是委派给您的征询，请直接办理。")
    return reviewing(hands, case, task)


def add_sign(hands: Hands, case: Case, task: OpenTask) -> Problem | None:
    problem = reviewing(hands, case, task) or _full(case, task)
    if problem is None and task.part != "step":
        return Problem("sign.part", "加签只能由这一步的办理人发起；需要他人意见请委派。")
    return problem


def drop_sign(hands: Hands, case: Case, task: OpenTask) -> Problem | None:
    """Who added the row, or an admin; a vote was added by the diagram, so an admin only."""
    if task.part not in DROPPABLE:
        return Problem("task.not_added", "这一步不是加签或委派，不能减签。")
    if task.asked_by is not None and task.asked_by in hands.ids:
        return None
    if hands.owner.holds(ADMIN, f"branch:{case.branch}"):
        return None
    who = task.asked_by_name or "流程图"
    return Problem("task.not_added", f"这位人员由{who}加入，请由其本人或流程管理员减签。")


def _full(case: Case, task: OpenTask) -> Problem | None:
    if len(below(case, task)) < ROWS_MAX:
        return None
    return Problem("sign.many", f"一个步骤最多同时等待 {ROWS_MAX} 人，请等已有人员办理后再加。")


def below(case: Case, task: OpenTask) -> list[OpenTask]:
    """All undecided rows under the step this row belongs to."""
    return [row for row in case.open if row.spiff_id == task.spiff_id and row.part != "step"]


def depth(case: Case, task: OpenTask) -> int:
    """0 for a step, 1 for a row below it, 2 for a row below that."""
    rows = {row.id: row for row in case.open}
    found, here = 0, task
    while here.parent_id is not None and here.parent_id in rows:
        here, found = rows[here.parent_id], found + 1
    return found
