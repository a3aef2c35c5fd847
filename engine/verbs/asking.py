"""委派, 加签 and 减签: a reviewer draws other people in, and lets them go again.

Asked is one person, who answers and gives the step back; added are several, before the reviewer
decides (their opinions) or after (their approvals), at once or in turn.  The step waits meanwhile.
"""

from __future__ import annotations

from engine.diagrams.tallying import ROWS_MAX
from engine.errors import Problem, ReasonMissing, Refused
from engine.owed import messages
from engine.requests import parts
from engine.requests.parts import Adding, Seat
from engine.requests.rules_review import barred
from engine.runtime import Actor, Runtime
from engine.verbs import cosigning
from engine.verbs.moves import (
    Move,
    Outcome,
    close_task,
    durably,
    finish_in_place,
    open_task,
    opinion_of,
)
from engine.verbs.rules_request import is_centre
from engine.verbs.rules_team import below

BEFORE, AFTER = "before", "after"


def ask(rt: Runtime, actor: Actor, task_id: int, *, to: str, question: str) -> Outcome:
    """委派: ask one person; the step waits and comes back with the answer.

    `to` is a person's id.  Anybody but the applicant may be asked; it bars them from nothing.
    """

    def deed(rt: Runtime) -> Outcome:
        move = open_task(rt, actor, "ask", task_id)
        move.opinion = _required(question, "委派时必须写明要征询的问题。", "question")
        person = _person(move, to)
        _hold(move)
        adding = Adding("ask", (Seat.of(person),), _owner(move), move.opinion)
        parts.add(rt, move.case, move.step, adding)
        move.detail = {"to": [{"id": person.id, "name": person.name}]}
        finish_in_place(move)
        _tell(move, [person], "委派", "委派您提供意见")
        return move.outcome

    return durably(rt, deed)


def answer(rt: Runtime, actor: Actor, task_id: int, *, opinion: str) -> Outcome:
    """回复委派: the opinion goes to who asked, and the step with it."""

    def deed(rt: Runtime) -> Outcome:
        move = open_task(rt, actor, "answer", task_id)
        move.opinion = _required(opinion, "回复委派时必须填写意见。", "opinion")
        above = parts.find(move.case, move.step.parent_id)
        close_task(move)
        move.detail = {"asked_by": move.step.asked_by_name}
        cosigning.go_on(move, above)
        asker = Actor(move.step.asked_by or "", move.step.asked_by_name or "")
        _tell(move, [asker], "委派", "回复了您的委派")
        return move.outcome

    return durably(rt, deed)


def add_sign(
    rt: Runtime,
    actor: Actor,
    task_id: int,
    *,
    people: list[str],
    when: str,
    in_turn: bool = False,
    note: str = "",
) -> Outcome:
    """加签: `people` (ids) give their opinions "before" the reviewer decides, or must approve
    "after" it; all at once, or `in_turn` in the order of the list."""

    def deed(rt: Runtime) -> Outcome:
        move = open_task(rt, actor, "add_sign", task_id)
        if when not in (BEFORE, AFTER):
            raise Refused(Problem("sign.when", "请选择在您办理之前还是之后加签。", "when"))
        move.opinion = opinion_of(note)
        added = [_person(move, each) for each in dict.fromkeys(people)]
        _check_all(move, added, when)
        _hold(move, status="held" if when == BEFORE else "open")
        seats = tuple(Seat.of(each) for each in added)
        adding = Adding(when, seats, _owner(move), move.opinion, in_turn, waits=when == AFTER)
        parts.add(rt, move.case, move.step, adding)
        named = [{"id": each.id, "name": each.name} for each in added]
        move.detail = {"when": when, "in_turn": in_turn, "to": named}
        finish_in_place(move)
        _tell(move, added, "加签", "邀请您参与办理")
        return move.outcome

    return durably(rt, deed)


def drop_sign(rt: Runtime, actor: Actor, task_id: int, *, reason: str) -> Outcome:
    """减签, or calling a question back: `task_id` is the added person's undecided row.

    Who was asked by that person is let go too.
    """

    def deed(rt: Runtime) -> Outcome:
        move = open_task(rt, actor, "drop_sign", task_id)
        move.opinion = _required(reason, "减签时必须填写原因。", "reason")
        task = move.step
        above = parts.find(move.case, task.parent_id)
        parts.cancel(rt, move.case, [task])
        who = task.assignee_name or task.role
        move.detail = {"part": task.part, "person": who}
        cosigning.go_on(move, above)
        return move.outcome

    return durably(rt, deed)


def _hold(move: Move, status: str = "held") -> None:
    """The step is the asker's from now on, also when nobody had taken it before."""
    owner, task = _owner(move), move.step
    whose = (task.assignee, task.assignee_name) if task.assignee else (owner.id, owner.name)
    values = {"status": status, "assignee": whose[0], "assignee_name": whose[1]}
    parts.change(move.rt, move.case, task, **values)


def _owner(move: Move) -> Actor:
    """In whose name it is asked: a substitute asks for the principal, who may call it back."""
    return move.behalf or move.actor


def _person(move: Move, person_id: str) -> Actor:
    """Somebody who may be drawn in; Refused with the sentence for the picker."""
    person = move.rt.directory.find(person_id)
    if person is None:
        raise _refused("person.unknown", "没有找到这位人员，可能已离岗，请重新选择。")
    if person.id == move.case.starter_id:
        raise _refused("person.starter", f"{person.name}是这件业务的申请人，请选择其他人员。")
    if person.id in (move.actor.id, _owner(move).id):
        raise _refused("person.self", "不能选择自己，请选择其他人员。")
    if person.domains and not (is_centre(person) or move.case.scope in person.domains):
        text = (
            f"{person.name}不是中心工作人员，也不属于申请单位，不能查看这件业务，请选择其他人员。"
        )
        raise _refused("person.outsider", text)
    if any(row.assignee == person.id for row in below(move.case, move.step)):
        raise _refused("person.twice", f"{person.name}已在这一步的名单中，请不要重复选择。")
    return person


def _check_all(move: Move, added: list[Actor], when: str) -> None:
    if not added:
        raise _refused("person.none", "请至少选择一位加签人员。")
    if len(added) + len(below(move.case, move.step)) > ROWS_MAX:
        text = f"一个步骤最多同时等待 {ROWS_MAX} 人，请减少加签人员。"
        raise _refused("sign.many", text)
    for person in added if when == AFTER else ():
        if not is_centre(person):
            raise _refused(
                "person.stranger", f"{person.name}不是中心人员，不能参与审批，可以委派。"
            )
        if barred(frozenset({person.id}), move.case, move.step.node) is not None:
            text = f"{person.name}已办理过前面的审核步骤，不能再参与审批；可以改为前加签或委派。"
            raise _refused("person.barred", text)


def _tell(move: Move, people: list[Actor], channel: str, what: str) -> None:
    title = f"{move.actor.name}{what}：{move.case.name}"
    for person in people:
        messages.about(
            move.rt, move.case, person.id, title=title, body=move.opinion, channel=channel
        )


def _refused(code: str, text: str) -> Refused:
    return Refused(Problem(code, text, "people"))


def _required(text: str, sentence: str, field: str) -> str:
    text = opinion_of(text)
    if not text:
        raise ReasonMissing(Problem("opinion.missing", sentence, field))
    return text
