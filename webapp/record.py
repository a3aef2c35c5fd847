"""办理记录: the history of a request in words, line by line, and the hints of its diagram.

Every verb of `engine.history.LABELS` reads as who did what, to whom, about which step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine import Entry, RequestView
from engine.requests.parts import NAMES
from handlers.notices import queries as notices
from webapp import filing
from webapp.format import moment
from webapp.materials import FileView
from webapp.runtime import session

TONES = {
    "delivered": "done",
    "sent": "done",
    "sending": "doing",
    "failed": "stop",
    "limited": "wait",
}
ABOUT_THE_REQUEST = frozenset({"copy", "urge", "comment"})  # no step is named in their title
SILENT = frozenset({"claim", "release", *ABOUT_THE_REQUEST})  # these move nothing on the diagram


@dataclass(frozen=True, slots=True)
class Line:
    """One line of 办理记录; `text`: to whom, from where, in whose name."""

    title: str
    actor_name: str
    actor_title: str
    at: datetime
    opinion: str | None = None
    text: str = ""
    back: bool = False
    files: list[FileView] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    who: str
    short: str = ""


def lines(view: RequestView, attached: dict[int, list[FileView]]) -> list[Line]:
    """The newest first; automatic steps stand above the verb that set them off."""
    found: list[Line] = []
    for entry in view.history:
        for step in reversed(entry.detail.get("auto") or []):
            found.append(Line(step["name"], "系统", "", entry.at))
        found.append(
            Line(
                title=_title(entry),
                actor_name=entry.actor_name,
                actor_title=entry.actor_title,
                at=entry.at,
                opinion=entry.opinion,
                text=_text(view, entry),
                back=entry.verb in ("return", "refuse", "terminate"),
                files=attached.get(entry.seq, []),
            )
        )
    return found


def _title(entry: Entry) -> str:
    label = entry.verb_label
    if entry.verb == "vote":
        label = f"会签{_DECIDED.get(entry.detail.get('decision', ''), '')}"
    elif entry.verb in _DECIDED and entry.detail.get("part") in ("before", "after"):
        label = f"{NAMES[entry.detail['part']]} · {label}"
    if not entry.node_name or entry.verb in ABOUT_THE_REQUEST:
        return label
    return f"{entry.node_name} · {label}"


def _text(view: RequestView, entry: Entry) -> str:
    """To whom, to which step, how, and in whose name: one short line, empty for most."""
    words = _WORDS.get(entry.verb)
    parts = [words(view, entry) if words else ""]
    if entry.detail.get("batch"):
        parts.append("批量办理")
    if entry.detail.get("back_to"):
        parts.append(f"改好后交回{_step_name(view, entry.detail['back_to'])}")
    if entry.detail.get("after"):
        parts.append(f"接下来由后加签人员审：{_named(entry.detail['after'])}")
    if entry.detail.get("result"):
        parts.append(f"会签结果：{_DECIDED.get(entry.detail['result'], '')}")
    if entry.detail.get("for"):
        parts.append(f"代 {_named(entry.detail['for'])} 办理")
    return "；".join(filter(None, parts))


def _returned(view: RequestView, entry: Entry) -> str:
    straight = "，改好后直接交回" if entry.detail.get("straight") else ""
    name = _step_name(view, entry.detail.get("target"))
    return f"退回到“{name}”{straight}" if name else ""


def _taken_back(view: RequestView, entry: Entry) -> str:
    name = _step_name(view, entry.detail.get("target"))
    return f"回到“{name}”" if name else ""


def _handed(view: RequestView, entry: Entry) -> str:
    before, to = _named(entry.detail.get("from")), _named(entry.detail.get("to"))
    return f"{before or '岗位待办池'} → {to or '岗位待办池'}"


def _towards(view: RequestView, entry: Entry) -> str:
    to = _named(entry.detail.get("to"))
    return f"→ {to}" if to else ""


def _added(view: RequestView, entry: Entry) -> str:
    detail = entry.detail
    order = "，逐个审" if detail.get("in_turn") else ""
    name = NAMES.get(str(detail.get("when")), "加签")
    return f"{name} → {_named(detail.get('to'))}{order}"


def _dropped(view: RequestView, entry: Entry) -> str:
    part = NAMES.get(str(entry.detail.get("part")), "")
    return f"不再等待 {_named(entry.detail.get('person'))}（{part}）"


def _answered(view: RequestView, entry: Entry) -> str:
    asker = _named(entry.detail.get("asked_by"))
    return f"→ {asker}" if asker else ""


def _urged(view: RequestView, entry: Entry) -> str:
    told = entry.detail.get("told")
    return f"已提醒 {told} 人" if told else ""


def _named(value: Any) -> str:
    """Names out of what a detail holds: a text, a person, or several of either."""
    if isinstance(value, dict):
        return str(value.get("name") or "")
    if isinstance(value, list):
        return "、".join(filter(None, map(_named, value)))
    return str(value or "")


def _step_name(view: RequestView, node: Any) -> str:
    deployed = filing.deployed_of(view.key)
    known = deployed.nodes if deployed else {}
    if node in known:
        return str(known[node].name)
    return next((e.node_name or "" for e in view.history if e.node == node), "")


_DECIDED = {"approve": "同意", "refuse": "驳回"}
_WORDS: dict[str, Callable[[RequestView, Entry], str]] = {
    "return": _returned,
    "take_back": _taken_back,
    "transfer": _handed,
    "handover": _handed,
    "ask": _towards,
    "copy": _towards,
    "answer": _answered,
    "add_sign": _added,
    "drop_sign": _dropped,
    "urge": _urged,
}


def who_of(task: Any) -> str:
    return task.assignee_name or f"{task.role}待领取"


def done_names(view: RequestView) -> list[str]:
    names = []
    for entry in reversed(view.history):
        if entry.node_name and entry.verb not in SILENT:
            names.append(entry.node_name)
        names += [step["name"] for step in entry.detail.get("auto") or []]
    return names


def tips(view: RequestView, ahead: list[Step]) -> dict[str, list[str]]:
    """What a step of the diagram says on hover and focus: who, when, why."""
    found: dict[str, list[str]] = {}
    for entry in reversed(view.history):
        for step in entry.detail.get("auto") or []:
            found[step["node"]] = [step["name"], f"系统 · {moment(entry.at)}"]
        if entry.node and entry.verb not in SILENT:
            opinion = [f"意见：{entry.opinion}"] if entry.opinion else []
            who = f"{entry.actor_name} · {moment(entry.at)}"
            found[entry.node] = [f"{entry.node_name} · {entry.verb_label}", who, *opinion]
    if (first := _first_node(view)) and first not in found and view.history:
        start = view.history[-1]
        found[first] = [start.verb_label, f"{start.actor_name} · {moment(start.at)}"]
    for node, step in zip(view.ahead, ahead, strict=True):
        if view.marks.get(node.id) == "next":
            found[node.id] = [f"{node.name} · 未开始", *([step.who] if step.who else [])]
    for task in view.tasks:
        found[task.node] = [
            f"{task.node_name} · 办理中",
            f"{who_of(task)} · {moment(task.created_at)} 送达",
        ]
    return found


def _first_node(view: RequestView) -> str | None:
    deployed = filing.deployed_of(view.key)
    return deployed.first.id if deployed else None


def notices_of(no: str) -> list[dict[str, Any]]:
    """Short messages about this request and what became of them, the newest first."""
    return [
        {
            "tone": TONES.get(line.status, "idle"),
            "label": line.status_name,
            "text": line.text,
            "channel": "短信",
            "to": line.mobile_masked,
            "at": line.sent_at or line.created_at,
        }
        for line in reversed(notices.for_request(session(), no))
    ]
