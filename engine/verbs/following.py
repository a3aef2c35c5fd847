"""What else of a request goes along into another version of its diagram: open rows and the path.

The token is `rebinding`'s.  A claim, a draft and the rows below a step stay what they are; names,
forms and posts become those of the new version.
"""

from __future__ import annotations

from typing import Any, cast

from SpiffWorkflow.util.task import TaskState
from sqlalchemy import Table, delete, select, update

from engine.diagrams import rehearsal
from engine.diagrams.dialect import Deployed, Node
from engine.models import Candidate, Incident, Task
from engine.requests import candidates, cases
from engine.requests.cases import Case, OpenTask
from engine.runtime import Runtime
from engine.verbs.moves import Move

_TASK = cast(Table, Task.__table__)
_PEOPLE = ("candidates", "nobody")
_VOTE = ("sign", "signers")


def obstacle(case: Case, new: Deployed) -> str | None:
    """What stands against taking the open rows along."""
    for row in case.open:
        old, node = case.deployed.nodes[row.node], new.nodes.get(row.node)
        if node is None or not node.human:
            return f"“{old.name}”正在办理，在新版本中没有了。"
        if node.kind != old.kind:
            return f"“{old.name}”正在办理，在新版本中由{_does(old)}改成了{_does(node)}。"
        if not node.role:
            return f"“{node.name}”在新版本中不属于任何岗位，没有人能办理。"
        if row.part == "step" and _differ(old, node, _VOTE):
            return f"“{old.name}”正在办理，它的会签规则在新版本中有变化。"
    return None


def _does(node: Node) -> str:
    return "填写" if node.kind == "form" else "审核"


def _differ(old: Node, new: Node, names: tuple[str, ...]) -> bool:
    return any(old.props.get(name) != new.props.get(name) for name in names)


def unsolved(rt: Runtime, case: Case, new: Deployed) -> str | None:
    """A step that failed can only be retried where it still exists."""
    if not case.incidents:
        return None
    known = {name for spec in (new.spec, *new.subspecs.values()) for name in spec.task_specs}
    query = select(Incident.node, Incident.node_name).where(
        Incident.instance_id == case.id, Incident.resolved_at.is_(None), Incident.node.is_not(None)
    )
    for node, name in rt.session.execute(query):
        if node not in known:
            return f"“{name}”有尚未处理的异常，在新版本中没有了，请先处理异常。"
    return None


def follow(move: Move, row: OpenTask, old: Node) -> None:
    """An open row becomes a row of the new step; whoever has it keeps it."""
    case, node = move.case, move.case.deployed.nodes[row.node]
    values: dict[str, Any] = {"node_name": node.name}
    if row.part in ("step", "fix"):
        values["form"] = node.form
    if row.part in ("step", "vote"):
        values["batch"] = node.props.get("batch") == "true"
    if row.part == "step" and (old.role != node.role or _differ(old, node, _PEOPLE)):
        values |= _whose(move, row, old, node)
    elif row.part == "fix" and old.role != node.role:
        values |= {"role": node.role, "domain": case.domain_of(node)}
    move.rt.session.execute(update(_TASK).where(_TASK.c.id == row.id).values(**values))


def _whose(move: Move, row: OpenTask, old: Node, node: Node) -> dict[str, Any]:
    """A step in somebody's hands stays there unless they lack the new post; one in a pool goes to
    the pool or the people of the new version."""
    rt, case = move.rt, move.case
    post = {"role": node.role, "domain": case.domain_of(node)}
    if node.kind == "form" or "sign" in node.props:
        return post
    if row.assignee is not None:
        person = rt.directory.find(row.assignee)
        fits = person is None or person.holds(**post) or not row.role
        if old.role == node.role or fits:
            return post if row.role == old.role else {}
    whose = candidates.choose(rt, case, node, cases.spiff_task(case, row))
    rt.session.execute(delete(Candidate).where(Candidate.task_id == row.id))
    if whose.people:
        candidates.keep(rt, row.id, whose.people)
    return {
        "role": whose.role,
        "domain": whose.domain,
        "assignee": whose.assignee,
        "assignee_name": whose.assignee_name,
        "claimed_at": None,
    }


def path(case: Case, ahead: tuple[Node, ...]) -> list[str]:
    """What the request has passed, where it stands, and what is ahead of it now."""
    nodes, workflow = case.deployed.nodes, case.workflow
    passed = [task for task in workflow.everything() if task._state == TaskState.COMPLETED]
    passed.sort(key=lambda task: task.last_state_change)
    names = [task.task_spec.name for task in (*passed, *rehearsal.open_tasks(workflow))]
    found = [nodes[name].id for name in names if name in nodes] + [node.id for node in ahead]
    return list(dict.fromkeys(found))
