"""What the request page and the desk's preview show: an engine view put into words.

Pure reading; nothing here knows a service.  Values come from the form's own list of changes, names
of steps from the diagram, names of people from their posts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from flask import url_for
from markupsafe import Markup

from engine import Entry, OpenTask, RequestView
from engine.boxes import incident_desk
from engine.boxes.incident_desk import IncidentRow
from engine.requests.parts import NAMES
from engine.verbs import sharing
from engine.verbs.moves import OPINION_CHARS_MAX
from engine.verbs.permissions import administers
from handlers import documents
from handlers.people import queries as people
from handlers.privacy import disclosure, subjects
from webapp import acts, attachments, filing, filingpage, opinions, record, rosterview, team
from webapp.acts import Act, Posted
from webapp.format import days_left, due_class, moment
from webapp.materials import FileView, file_view
from webapp.people import Picked
from webapp.receipts import changes_of
from webapp.record import Line, Step, who_of
from webapp.rosterview import Filed
from webapp.runtime import actor, center, me, now, runtime, session

DECISIONS = frozenset({"submit", "approve", "refuse", "return", "withdraw", "end"})
# Of a diagram a viewer needs what is drawn: not what the engine reads, nor arrows named twice.
UNDRAWN = re.compile(
    r"<(\w+:)?(incoming|outgoing)>[^<]*</(\w+:)?\2>"
    r"|<(\w+:)?extensionElements>.*?</(\w+:)?extensionElements>",
    re.DOTALL,
)
BETWEEN_TAGS = re.compile(r">\s+<")  # indentation is a sixth of a diagram, and drawn by nobody
EMPTY = re.compile(r"<([\w:]+)([^<>]*)></\1>")
OPENS_SCRIPT = re.compile(r"<(?=!|script)", re.IGNORECASE)
A_MINUTE, AN_HOUR, A_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(slots=True)
class Said:
    """What the page answers to a decision that was not carried out, with all that was typed."""

    opinion: str = ""
    opinion_error: str = ""
    people_error: str = ""
    files_error: str = ""
    refusal: str = ""
    moved: str = ""
    open: str = ""  # the verb whose dialog is drawn as a part of the page
    posted: Posted = field(default_factory=lambda: Posted("", ""))
    picked: Picked = field(default_factory=Picked)

    @property
    def unclear(self) -> bool:
        return bool(self.opinion_error or self.people_error or self.files_error)


@dataclass(slots=True)
class Page:
    """What `requests/page.html` and `review/preview.html` read, with the view's own facts."""

    view: RequestView
    said: Said
    changes: list[dict[str, str]]
    rest: list[tuple[str, str]]
    files: list[FileView]
    attached: dict[int, list[FileView]]
    ahead: list[Step]
    opinion_max: int = OPINION_CHARS_MAX
    complete: bool = True
    check: dict[str, Any] = field(default_factory=dict)
    rosters: list[Filed] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        for source in ("view", "said"):
            found = object.__getattribute__(self, source)
            if hasattr(found, name):
                return getattr(found, name)
        raise AttributeError(name)

    @property
    def acts(self) -> list[Act]:
        return acts.offered(self.view.verbs)

    @property
    def deciding(self) -> bool:
        """Is there something to write an opinion on?"""
        return bool(self.view.verbs & acts.OPINION_ACTS)

    @property
    def more(self) -> list[Act]:
        """Behind 更多."""
        shown = acts.IN_BAR if self.deciding else acts.BESIDE
        return [act for act in self.acts if act.verb not in shown | {"drop_sign"}]

    @property
    def beside(self) -> list[Act]:
        """In the bar itself, where nothing is decided."""
        return [act for act in self.acts if act.verb in acts.BESIDE - {"submit"}]

    @property
    def asking(self) -> list[Act]:
        """Those that ask in a dialog of their own; 退回 and 驳回 use the bar's opinion."""
        found = [act for act in self.acts if act.title and act.verb not in acts.OPINION_ACTS]
        return [act for act in found if act.verb not in ("drop_sign", self.said.open)]

    @property
    def opened(self) -> Act | None:
        """The act whose dialog is a part of the page; 减签 stands beside each person added."""
        act = acts.ACTS.get(self.said.open)
        if act is None or act.verb in self.view.verbs:
            return act
        dropping = act.verb == "drop_sign" and self.said.posted.task_id in self.view.droppable
        return act if dropping else None

    @property
    def lost(self) -> str:
        """What was typed for something that cannot be done any more."""
        kept = self.opened or (self.deciding and not self.said.open)
        return "" if kept else self.said.opinion

    @property
    def hidden(self) -> frozenset[str]:
        """Masked numbers of the change list this person may read in full."""
        return disclosure.readable_of(runtime(), actor(), subjects.of_view(self.view))

    @property
    def common(self) -> list[str]:
        return opinions.common()

    @property
    def urging(self) -> str:
        return f"今天还可以催办 {self.view.urges_left} 次。"

    @property
    def team(self) -> list[team.Table]:
        return team.tables(self.view)

    @property
    def waiting(self) -> list[FileView]:
        return attachments.waiting(self.view.no)

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
    def at_work(self) -> list[OpenTask]:
        """Whom the request waits for; a step that waits for others is not among them."""
        return [task for task in self.view.tasks if task.status == "open"] or self.view.tasks

    @property
    def asked(self) -> str:
        """What this person was asked by whoever drew them in."""
        task = self.view.task
        if task is None or not task.note or task.part not in ("ask", "before", "after", "fix"):
            return ""
        return f"{task.asked_by_name or ''}{NAMES[task.part]}：{task.note}"

    @property
    def holder_text(self) -> str:
        if not self.view.tasks:
            return self.view.label
        return "、".join(f"{who_of(task)} · {stay(task.created_at)}" for task in self.at_work)

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
                "name": task.node_name + (f" · {NAMES[task.part]}" if task.parent_id else ""),
                "who": who_of(task),
                "role": task.role,
                "created_at": task.created_at,
                "due_at": task.due_at,
            }
            for task in self.at_work
        ]

    @property
    def entries(self) -> list[Line]:
        return record.lines(self.view, self.attached)

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
        if review:
            return "同意后的下一步"
        return "重新提交后的下一步" if self.view.status == "returned" else "接下来"

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
            return f"{'办理' if self.awaiting else '中心开始审批'}前可以撤回。"
        if self.awaiting:
            return f"{self.view.label}，系统办好后发消息，可以离开本页。"
        return f"目前{self.view.label}。"

    @property
    def awaiting(self) -> bool:
        """Nobody has it in hand: it goes on by itself when the bank or a job answers."""
        return self.view.status == "running" and not self.view.tasks

    @property
    def applying(self) -> bool:
        """A job is at work on the rows: the page follows it."""
        return any(each.progress for each in self.rosters)

    @property
    def next_step(self) -> dict[str, str] | None:
        """What usually comes next, asked once behind a submission."""
        return filing.next_step()

    @property
    def incidents(self) -> list[IncidentRow]:
        """What a process admin has to mend before this request goes on."""
        who = actor()
        return incident_desk.of_request(runtime(), who, self.no) if administers(who) else []

    @property
    def deliveries(self) -> list[Any]:
        return record.notices_of(self.view.no)

    @property
    def diagram(self) -> Markup:
        """The facts `diagram.js` reads, as JSON."""
        pins = [
            {"id": node, "text": "、".join(f"{who_of(t)} · {stay(t.created_at)}" for t in tasks)}
            for node, tasks in groupby(sorted(self.at_work, key=_node), key=_node)
        ]
        tips = record.tips(self.view, self.ahead)
        drawn = EMPTY.sub(r"<\1\2/>", BETWEEN_TAGS.sub("><", UNDRAWN.sub("", self.view.bpmn)))
        facts = {"xml": drawn, "marks": self.view.marks, "pins": pins, "tips": tips}
        return _for_script(facts)

    @property
    def diagram_text(self) -> str:
        done = list(dict.fromkeys(record.done_names(self.view)))
        here = [f"{task.node_name}（{who_of(task)}）" for task in self.at_work]
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
    filed, attached = documents.for_page(session(), view.no)
    files = [file_view(row, slot_names) for row in filed]
    changes = changes_of(view.data)
    return Page(
        view=view,
        said=said or Said(),
        changes=changes,
        rest=filingpage.unchanged(view.data, changes, texts) if texts else [],
        files=files,
        attached={seq: attachments.shown(rows) for seq, rows in attached.items()},
        ahead=[_step(view, node) for node in view.ahead],
        check=check_of(len(files)),
        rosters=rosterview.of_view(view),
    )


def note_reading(view: RequestView) -> None:
    """已阅: whoever got a copy has opened it now."""
    if any(copy.read_at is None for copy in view.copies):
        sharing.mark_read(runtime(), actor(), view.no)


def _for_script(facts: dict[str, Any]) -> Markup:
    """JSON for inside a <script> of data: nothing in it may end the block or open another.

    `tojson` would write every bracket of the XML with six characters, 4 KB for a small diagram.
    """
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return Markup(OPENS_SCRIPT.sub("\\\\u003c", text))  # noqa: S704 - made harmless above


def _node(task: OpenTask) -> str:
    return task.node


def check_of(files: int) -> dict[str, Any]:
    """自动核验: only a request with everything it needs was accepted, so what is there is all."""
    if not files:
        return {"warn": False, "text": "无需材料", "long": "本次变更不需要材料"}
    return {"warn": False, "text": f"{files} 份齐全", "long": f"{files} 份影像齐全"}


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
    when, did = moment(last.at), last.verb_label
    return f"该业务已由 {last.actor_name} 于 {when} {did}，页面已更新，请核对后再操作。"


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
