"""Every verb of the engine as the pages offer it: its button, what its dialog asks, how it is done.

One table, so that bar, menu, dialog, plain form and answer cannot differ.  A verb without `title`
is done at once; the others ask in a dialog, or in a section of the page where there is no script.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import engine
from engine import errors
from webapp.runtime import actor, runtime


@dataclass(frozen=True, slots=True)
class Act:
    """How one verb looks.  `words` and `to` are labels of its text box and of its people picker;
    `needed` is what the box must say, in words, or empty when it may stay empty."""

    verb: str
    label: str
    toast: str
    title: str = ""
    text: str = ""
    words: str = ""
    needed: str = ""
    to: str = ""
    many: bool = False
    stop: bool = False  # cannot be undone, or sends something back
    files: bool = False


@dataclass(frozen=True, slots=True)
class Posted:
    """What a form of the page sent, already of the right types."""

    no: str
    verb: str
    task_id: int | None = None
    seen: int | None = None
    opinion: str = ""
    node: str = ""
    straight: bool = False
    when: str = "before"
    in_turn: bool = False
    to: tuple[str, ...] = ()


_ALL = (
    Act("claim", "领取", "已领取"),
    Act("release", "退领", "已退领"),
    Act("approve", "同意", "已同意"),
    Act(
        "return",
        "退回",
        "已退回",
        title="退回到哪一步",
        needed="退回必须写明理由，申请人会看到。",
        stop=True,
    ),
    Act(
        "refuse",
        "驳回",
        "已驳回",
        title="驳回这件申请？",
        text="驳回后这件业务结束，不能恢复，申请人只能重新申请。需要对方补正时请用“退回”。",
        needed="驳回必须写明理由，申请人会看到。",
        stop=True,
    ),
    Act("answer", "回复", "已回复", needed="请写明您的意见，委派人看到后继续办理。"),
    Act("submit", "修改后重新提交", "已提交"),
    Act(
        "transfer",
        "转办",
        "已转办",
        title="转给谁办理",
        text="转办后由对方办理这一步并承担责任，您不再办理。对方须有同一岗位，且没有办过这件业务。",
        to="转给",
        words="转办原因",
        needed="转办必须写明原因，对方会看到。",
    ),
    Act(
        "ask",
        "委派",
        "已委派",
        title="请谁给出意见",
        text="对方只回复意见，不作决定；收到回复后，这一步仍由您办理。",
        to="委派给",
        words="要问的问题",
        needed="请写明要对方回答什么。",
        files=True,
    ),
    Act(
        "add_sign",
        "加签",
        "已加签",
        title="请谁一起审核",
        text="前加签：对方先审，都同意后再由您决定。后加签：您同意后还要对方同意，才进入下一步。",
        to="加签人",
        many=True,
        words="说明",
    ),
    Act(
        "drop_sign",
        "减签",
        "已减签",
        title="减去这位加签人？",
        text="减签后不再等待这位人员的意见，办理记录保留加签和减签的经过。",
        words="减签原因",
        needed="减签必须写明原因。",
        stop=True,
    ),
    Act(
        "copy",
        "抄送",
        "已抄送",
        title="抄送给谁",
        text="对方可以查看这件业务，不用办理；打开后这里显示已阅时间。",
        to="抄送给",
        many=True,
        words="附言",
    ),
    Act(
        "comment",
        "留言",
        "已留言",
        title="留言",
        text="能查看这件业务的人都能看到留言，包括申请人。",
        words="留言内容",
        needed="请写下留言内容。",
        files=True,
    ),
    Act(
        "urge",
        "催办",
        "已催办",
        title="催办这件业务",
        text="正在办理的人员会收到一条消息。",
        words="附言",
    ),
    Act(
        "take_back",
        "取回",
        "已取回",
        title="取回刚才的决定？",
        text="下一步还没有人办理，可以取回。取回后您的决定作废，这一步重新由您办理。",
        words="取回原因",
    ),
    Act(
        "withdraw",
        "撤回",
        "申请已撤回",
        title="撤回这件申请？",
        text="撤回后中心不再审核，这件业务结束；需要时可以重新填写并提交。",
        words="原因",
        stop=True,
    ),
    Act(
        "end",
        "结束流程",
        "流程已结束",
        title="结束这件业务？",
        text="结束后不能恢复，退回意见和已填内容仍可查看；需要办理时请重新提交申请。",
        words="原因",
        stop=True,
    ),
    Act(
        "terminate",
        "终止",
        "流程已终止",
        title="终止这件业务？",
        text="用于无法继续的业务：所有步骤立即停止，不能恢复，申请人会收到原因。",
        words="终止原因",
        needed="终止必须写明原因，申请人会看到。",
        stop=True,
    ),
)
ACTS = {act.verb: act for act in _ALL}
OPINION_ACTS = frozenset({"approve", "refuse", "return", "answer"})  # written in the bar's own box
IN_BAR = OPINION_ACTS - {"refuse"} | {"claim", "release", "submit"}
# where nothing is decided, the applicant's side finds its own verbs without opening a menu
BESIDE = IN_BAR | {"withdraw", "end", "take_back", "urge"}
ELSEWHERE = frozenset({"batch", "handover"})  # on the desk, and on a page of the admins
POSTABLE = frozenset(ACTS) - {"submit"}  # that one has a page of its own


def offered(verbs: Iterable[str]) -> list[Act]:
    """The acts of these verbs, in the order of the table."""
    found = frozenset(verbs)
    assert found - ELSEWHERE <= frozenset(ACTS), found
    return [act for act in _ALL if act.verb in found]


def carry_out(posted: Posted) -> None:
    """Do it, or raise the engine's refusal."""
    _DEEDS[posted.verb](posted)


def _task(posted: Posted) -> int:
    if posted.task_id is None:
        raise errors.Conflict(errors.Problem("task.gone", "这件业务目前没有等您办理的步骤。"))
    return posted.task_id


def _one(posted: Posted) -> str:
    if len(posted.to) != 1:
        raise errors.Refused(errors.Problem("people.one", "请选择一位人员。", "to"))
    return posted.to[0]


def _some(posted: Posted) -> list[str]:
    if not posted.to:
        raise errors.Refused(errors.Problem("people.none", "请至少选择一位人员。", "to"))
    return list(posted.to)


def _claim(p: Posted) -> None:
    engine.claim(runtime(), actor(), _task(p))


def _release(p: Posted) -> None:
    engine.release(runtime(), actor(), _task(p))


def _approve(p: Posted) -> None:
    engine.approve(runtime(), actor(), _task(p), opinion=p.opinion, seen=p.seen)


def _refuse(p: Posted) -> None:
    engine.refuse(runtime(), actor(), _task(p), opinion=p.opinion, seen=p.seen)


def _return(p: Posted) -> None:
    how = {"straight": True} if p.straight else {}
    engine.return_to(
        runtime(), actor(), _task(p), node=p.node, opinion=p.opinion, seen=p.seen, **how
    )


def _transfer(p: Posted) -> None:
    engine.transfer(runtime(), actor(), _task(p), to=_one(p), reason=p.opinion)


def _ask(p: Posted) -> None:
    engine.ask(runtime(), actor(), _task(p), to=_one(p), question=p.opinion)


def _answer(p: Posted) -> None:
    engine.answer(runtime(), actor(), _task(p), opinion=p.opinion)


def _add_sign(p: Posted) -> None:
    engine.add_sign(
        runtime(),
        actor(),
        _task(p),
        people=_some(p),
        when=p.when,
        in_turn=p.in_turn,
        note=p.opinion,
    )


def _drop_sign(p: Posted) -> None:
    engine.drop_sign(runtime(), actor(), _task(p), reason=p.opinion)


def _copy(p: Posted) -> None:
    engine.copy(runtime(), actor(), p.no, to=_some(p), note=p.opinion)


def _comment(p: Posted) -> None:
    engine.comment(runtime(), actor(), p.no, text=p.opinion)


def _urge(p: Posted) -> None:
    engine.urge(runtime(), actor(), p.no, note=p.opinion)


def _take_back(p: Posted) -> None:
    engine.take_back(runtime(), actor(), p.no, reason=p.opinion)


def _withdraw(p: Posted) -> None:
    engine.withdraw(runtime(), actor(), p.no, reason=p.opinion)


def _end(p: Posted) -> None:
    engine.end(runtime(), actor(), p.no, reason=p.opinion)


def _terminate(p: Posted) -> None:
    engine.terminate(runtime(), actor(), p.no, reason=p.opinion)


_DEEDS: dict[str, Callable[[Posted], None]] = {
    "claim": _claim,
    "release": _release,
    "approve": _approve,
    "refuse": _refuse,
    "return": _return,
    "transfer": _transfer,
    "ask": _ask,
    "answer": _answer,
    "add_sign": _add_sign,
    "drop_sign": _drop_sign,
    "copy": _copy,
    "comment": _comment,
    "urge": _urge,
    "take_back": _take_back,
    "withdraw": _withdraw,
    "end": _end,
    "terminate": _terminate,
}
assert frozenset(_DEEDS) == POSTABLE
