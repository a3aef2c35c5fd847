"""What the request page and the desk's preview show: an engine view put into words.

Pure reading; nothing here knows a service.  Values come from the form's own list of changes, names
of steps from the diagram, names of people from their posts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import url_for

from engine import Entry, RequestView
from engine.decisions import OPINION_CHARS_MAX
from handlers import documents
from handlers.notices import queries as notices
from handlers.people import queries as people
from webapp import filing, filingpage
from webapp.format import days_left, due_class, local
from webapp.materials import FileView, file_view
from webapp.receipts import changes_of
from webapp.runtime import center, me, now, session

DECISIONS = frozenset({"submit", "approve", "refuse", "return", "withdraw", "end"})
TONES = {
    "delivered": "done",
    "sent": "done",
    "sending": "doing",
    "failed": "stop",
    "limited": "wait",
}
A_MINUTE, AN_HOUR, A_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(slots=True)
class Said:
    """What the page answers to a decision that was not carried out."""

    opinion: str = ""
    opinion_error: str = ""
    refusal: str = ""
    moved: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of 办理记录."""

    title: str
    actor_name: str
    actor_title: str
    at: datetime
    opinion: str | None
    back: bool


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    who: str
    short: str = ""


@dataclass(slots=True)
class Page:
    """What `requests/page.html` and `review/preview.html` read, with the view's own facts."""

    view: RequestView
    said: Said
    changes: list[dict[str, str]]
    rest: list[tuple[str, str]]
    files: list[FileView]
    ahead: list[Step]
    opinion_max: int = OPINION_CHARS_MAX
    complete: bool = True
    check: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        for source in ("view", "said"):
            found = object.__getattribute__(self, source)
            if hasattr(found, name):
                return getattr(found, name)
        raise AttributeError(name)

    @property
    def common(self) -> tuple[str, ...]:
        """常用意见 of this centre."""
        return center().opinions

    @property
    def task_id(self) -> int | None:
        return self.view.task.id if self.view.task else None

    @property
    def crumbs(self) -> list[tuple[str, str]]:
        profile = me()
        if profile is not None and profile.kind == "staff":
            return [("审批台", url_for("review.desk"))]
        return [
            ("工作台", url_for("home.index")),
            ("我发起的", url_for("inboxes.box", box="started")),
        ]

    @property
    def scope_text(self) -> str:
        kind, _, number = self.view.scope.partition(":")
        shown = f" · 单位账号 {number}" if kind == "unit" else ""
        return f"{self.view.scope_name}{shown}"

    @property
    def holder_text(self) -> str:
        if not self.view.tasks:
            return self.view.label
        return "、".join(f"{who_of(task)} · {stay(task.created_at)}" for task in self.view.tasks)

    @property
    def stay_text(self) -> str:
        return f"已{stay(self.view.tasks[0].created_at)}" if self.view.tasks else self.view.label

    @property
    def step_text(self) -> str:
        ticks = self.view.progress
        here = next((i for i, tick in enumerate(ticks) if tick in "cx"), None)
        passed = here + 1 if here is not None else ticks.count("d")
        return f"{passed} / {len(ticks)}" if ticks else ""

    @property
    def over(self) -> bool:
        return due_class(self.view.due_at, now()) == "is-over"

    @property
    def today(self) -> bool:
        return self.view.due_at is not None and days_left(self.view.due_at, now()) <= 1

    @property
    def again(self) -> str:
        times = 1 + sum(entry.verb == "submit" for entry in self.view.history)
        return f"第 {times} 次提交" if times > 1 else ""

    @property
    def current(self) -> list[dict[str, Any]]:
        return [
            {
                "name": task.node_name,
                "who": who_of(task),
                "role": task.role,
                "created_at": task.created_at,
                "due_at": task.due_at,
            }
            for task in self.view.tasks
        ]

    @property
    def entries(self) -> list[Line]:
        found: list[Line] = []
        for entry in self.view.history:
            auto = entry.detail.get("auto") or []
            for step in reversed(auto):
                found.append(Line(step["name"], "系统", "", entry.at, None, back=False))
            title = (
                f"{entry.node_name} · {entry.verb_label}" if entry.node_name else entry.verb_label
            )
            back = entry.verb in ("return", "refuse")
            found.append(
                Line(title, entry.actor_name, entry.actor_title, entry.at, entry.opinion, back=back)
            )
        return found

    @property
    def last(self) -> Entry | None:
        return next((e for e in self.view.history if e.opinion and e.verb in DECISIONS), None)

    @property
    def returned(self) -> Entry | None:
        """The opinion the applicant has to answer, as long as the request is back."""
        return returned_entry(self.view) if self.view.status == "returned" else None

    @property
    def ahead_title(self) -> str:
        review = any(task.kind == "review" for task in self.view.tasks)
        return "同意后的下一步" if review else "重新提交后的下一步"

    @property
    def receipt_url(self) -> str:
        done = self.view.status == "completed"
        return url_for("receipts.page", no=self.view.no) if done else ""

    @property
    def bar_text(self) -> str:
        if "submit" in self.view.verbs:
            return "请按退回意见修改后重新提交，或结束流程。"
        if self.view.status == "completed":
            return "业务已办结，可以打印回单。"
        if self.view.verbs == {"claim"}:
            return "领取后由您办理。"
        if "withdraw" in self.view.verbs:
            return "中心开始审批前可以撤回。"
        return f"目前{self.view.label}，您可以查看。"

    @property
    def deliveries(self) -> list[Any]:
        return notices_of(self.view.no)

    @property
    def diagram(self) -> dict[str, Any]:
        pins = [
            {"id": task.node, "text": f"{who_of(task)} · {stay(task.created_at)}"}
            for task in self.view.tasks
        ]
        return {"xml": self.view.bpmn, "marks": self.view.marks, "pins": pins, "tips": _tips(self)}

    @property
    def diagram_text(self) -> str:
        done = list(dict.fromkeys(_done_names(self.view)))
        here = [f"{task.node_name}（{who_of(task)}）" for task in self.view.tasks]
        current_names = {task.node_name for task in self.view.tasks}
        parts = [("、".join(n for n in done if n not in current_names), "已完成")]
        parts += [
            ("、".join(here), "办理中"),
            ("、".join(step.name for step in self.ahead), "未开始"),
        ]
        return "流程图：" + "，".join(f"{names}{state}" for names, state in parts if names)


def build(view: RequestView, said: Said | None = None) -> Page:
    texts = center().services.get(view.key)
    slot_names = {slot.id: slot.name for slot in texts.materials} if texts else {}
    files = [file_view(row, slot_names) for row in documents.for_request(session(), view.no)]
    changes = changes_of(view.data)
    return Page(
        view=view,
        said=said or Said(),
        changes=changes,
        rest=filingpage.unchanged(view.data, changes, texts) if texts else [],
        files=files,
        ahead=[_step(view, node) for node in view.ahead],
        check=check_of(len(files)),
    )


def check_of(files: int) -> dict[str, Any]:
    """自动核验: only a request with everything it needs was accepted, so what is there is all."""
    if not files:
        return {"warn": False, "text": "无需材料", "long": "本次变更不需要材料"}
    return {"warn": False, "text": f"{files} 份齐全", "long": f"{files} 份影像齐全"}


def who_of(task: Any) -> str:
    return task.assignee_name or f"{task.role}待领取"


def stay(since: datetime) -> str:
    """停留 2 天"""
    age = now() - since
    if age >= A_DAY:
        return f"停留 {age.days} 天"
    if age >= AN_HOUR:
        return f"停留 {age // AN_HOUR} 小时"
    return f"停留 {max(1, age // A_MINUTE)} 分钟"


def returned_entry(view: RequestView) -> Entry | None:
    return next((entry for entry in view.history if entry.verb == "return"), None)


def moved_text(view: RequestView) -> str:
    """该业务已由 李复核 于 7月15日 10:12 同意，页面已更新"""
    last = next((entry for entry in view.history if entry.verb in DECISIONS | {"claim"}), None)
    if last is None:
        return "该业务的状态已变化，页面已更新，请核对后再操作。"
    at = local(last.at)
    when = f"{at.month}月{at.day}日 {at:%H:%M}"
    return f"该业务已由 {last.actor_name} 于 {when} {last.verb_label}，页面已更新，请核对后再操作。"


def _step(view: RequestView, node: Any) -> Step:
    if node.kind == "auto":
        return Step(node.name, "系统自动办理")
    applicant = not any(task.role == node.role and task.kind == "review" for task in view.tasks)
    if node.kind == "form" and applicant:
        return Step(node.name, f"{node.role}，{view.starter_name}", view.starter_name)
    names = [name for _, name in people.holders(session(), node.role, f"branch:{view.branch}")]
    names = [name for name in names if name != view.starter_name]
    if not names:
        return Step(node.name, node.role)
    short = names[0] if len(names) == 1 else f"{names[0]}等 {len(names)} 人"
    return Step(node.name, f"{node.role}，{short}", short)


def _done_names(view: RequestView) -> list[str]:
    names = []
    for entry in reversed(view.history):
        if entry.node_name and entry.verb not in ("claim", "release"):
            names.append(entry.node_name)
        names += [step["name"] for step in entry.detail.get("auto") or []]
    return names


def _tips(page: Page) -> dict[str, list[str]]:
    """What a step of the diagram says on hover and focus: who, when, why."""
    view, tips = page.view, {}
    for entry in reversed(view.history):
        for step in entry.detail.get("auto") or []:
            tips[step["node"]] = [step["name"], f"系统 · {_moment(entry.at)}"]
        if entry.node and entry.verb not in ("claim", "release"):
            lines = [
                f"{entry.node_name} · {entry.verb_label}",
                f"{entry.actor_name} · {_moment(entry.at)}",
            ]
            tips[entry.node] = [*lines, f"意见：{entry.opinion}"] if entry.opinion else lines
    if (first := _first_node(view)) and first not in tips and view.history:
        start = view.history[-1]
        tips[first] = [start.verb_label, f"{start.actor_name} · {_moment(start.at)}"]
    for node, step in zip(view.ahead, page.ahead, strict=True):
        if view.marks.get(node.id) == "next":
            tips[node.id] = [f"{node.name} · 未开始", *([step.who] if step.who else [])]
    for task in view.tasks:
        tips[task.node] = [
            f"{task.node_name} · 办理中",
            f"{who_of(task)} · {_moment(task.created_at)} 送达",
        ]
    return tips


def _first_node(view: RequestView) -> str | None:
    deployed = filing.deployed_of(view.key)
    return deployed.first.id if deployed else None


def _moment(at: datetime) -> str:
    on = local(at)
    return f"{on.month}月{on.day}日 {on:%H:%M}"


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
