"""消息事务管理: the five boxes in full, with filters and keyset paging, and one message at a time.

The names of boxes and buttons are the manual's (第1篇): 消息 待办 已办 我发起的 已阅,
查看 打开 删除 标为已阅 更多.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine import RequestFilter, TaskFilter
from engine.boxes import inbox as boxes
from engine.diagrams import definitions
from engine.owed import messages
from webapp import parking
from webapp.format import SHANGHAI
from webapp.frame import offer_undo
from webapp.runtime import actor, runtime
from webapp.security import wants_json

bp = Blueprint("inboxes", __name__)

PAGE_ROWS = 20
QUERY_CHARS_MAX = 40
DAY_CHARS_MAX = 12
YEARS = range(1900, 2200)  # a day at the end of the calendar has no day after it to filter up to
BOX_NAMES = {
    "messages": "消息",
    "todo": "待办",
    "done": "已办",
    "started": "我发起的",
    "read": "已阅",
}
STATUSES = (
    ("", "全部状态"),
    ("open", "办理中"),
    ("returned", "其中已退回"),
    ("completed", "已办结"),
    ("refused", "不予办理"),
    ("withdrawn", "已撤回"),
    ("ended", "已结束"),
)
DELETED_TEXT = "消息已删除"
READ_TEXT = "已标为已阅"
RESTORED_TEXT = "消息已恢复"


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters of a list as they were typed, and as the engine wants them."""

    key: str
    status: str
    since: str
    until: str
    q: str

    @property
    def is_empty(self) -> bool:
        return not (self.key or self.status or self.since or self.until or self.q)

    def wrong(self, name: str) -> str:
        """A sentence when what was typed is no date; such a filter filters nothing."""
        typed = getattr(self, name)
        return "请按 2026-07-01 的样式填写。" if typed and typed_day(typed) is None else ""

    @property
    def words(self) -> dict[str, str]:
        found = {"key": self.key, "status": self.status, "q": self.q}
        found |= {"since": self.since, "until": self.until}
        return {name: value for name, value in found.items() if value}

    def tasks(self) -> TaskFilter:
        return TaskFilter(
            key=self.key or None, q=self.q or None, since=_start(self.since), until=_end(self.until)
        )

    def requests(self) -> RequestFilter:
        return RequestFilter(
            status=self.status or None,
            key=self.key or None,
            q=self.q or None,
            since=_start(self.since),
            until=_end(self.until),
        )


@bp.get("/inbox")
def first() -> ResponseReturnValue:
    return redirect(url_for("inboxes.box", box="messages"), 303)


@bp.get("/inbox/<box>")
def box(box: str) -> ResponseReturnValue:
    if box not in BOX_NAMES:
        abort(404)
    asked = _asked()
    after = request.args.get("after") or None
    page = _read(box, asked, after, PAGE_ROWS)
    here = {"box": box, **asked.words}
    return render_template(
        "inboxes/box.html",
        box=box,
        box_names=BOX_NAMES,
        rows=page.rows,
        asked=asked,
        services=[("", "全部业务"), *_service_names()],
        statuses=STATUSES,
        next_url=url_for("inboxes.box", after=page.next, **here) if page.next else "",
        first_url=url_for("inboxes.box", **here) if after else "",
    )


@bp.get("/messages/<int:id>")
def message(id: int) -> ResponseReturnValue:
    return render_template("inboxes/message.html", message=messages.get(runtime(), actor(), id))


@bp.post("/messages/<int:id>/read")
def mark_read(id: int) -> ResponseReturnValue:
    messages.mark_read(runtime(), actor(), id)
    return _done(READ_TEXT)


@bp.post("/messages/<int:id>/delete")
def delete(id: int) -> ResponseReturnValue:
    messages.delete(runtime(), actor(), id)
    undo = url_for("inboxes.restore", id=id)
    if not wants_json():
        offer_undo(undo)
    return _done(DELETED_TEXT, undo)


@bp.post("/messages/<int:id>/restore")
def restore(id: int) -> ResponseReturnValue:
    messages.restore(runtime(), actor(), id)
    return _done(RESTORED_TEXT)


def newest(box: str, limit: int) -> list[Any]:
    rows: list[Any] = _read(box, Asked("", "", "", "", ""), None, limit).rows
    return rows


def _read(box: str, asked: Asked, after: str | None, limit: int) -> Any:
    rt, who = runtime(), actor()
    paging: dict[str, Any] = {"after": after, "limit": limit}
    readers: dict[str, Callable[[], Any]] = {
        "messages": lambda: boxes.messages(rt, who, read=False, q=asked.q or None, **paging),
        "read": lambda: boxes.messages(rt, who, read=True, q=asked.q or None, **paging),
        "todo": lambda: boxes.todo(rt, who, asked.tasks(), **paging),
        "done": lambda: boxes.done(rt, who, asked.tasks(), **paging),
        "started": lambda: boxes.started(rt, who, asked.requests(), **paging),
    }
    return readers[box]()


def _done(text: str, undo: str = "") -> ResponseReturnValue:
    if wants_json():
        return {"text": text, "undo": undo}
    flash(text, "done")
    back = request.form.get("back", "")
    if not parking.safe_path(back):
        back = url_for("inboxes.box", box="messages")
    return redirect(back, 303)


def _asked() -> Asked:
    words = request.args
    status = words.get("status", "")
    return Asked(
        key=words.get("key", "")[:QUERY_CHARS_MAX],
        status=status if status in dict(STATUSES) else "",
        since=words.get("since", "").strip()[:DAY_CHARS_MAX],
        until=words.get("until", "").strip()[:DAY_CHARS_MAX],
        q=words.get("q", "").strip()[:QUERY_CHARS_MAX],
    )


def typed_day(text: str) -> date | None:
    """2026-07-01, 2026/7/1, 2026.7.1, 20260701 or 2026年7月1日; None when it is no date."""
    parts = re.findall(r"\d+", text)
    if len(parts) == 1 and len(parts[0]) == len("20260701"):
        parts = [text[:4], text[4:6], text[6:]]
    if len(parts) != len(("year", "month", "day")):
        return None
    try:
        day = date(*(int(part) for part in parts))
    except ValueError:
        return None
    return day if day.year in YEARS else None


def _start(typed: str) -> datetime | None:
    day = typed_day(typed)
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC) if day else None


def _end(typed: str) -> datetime | None:
    start = _start(typed)
    return start + timedelta(days=1) if start else None


def _service_names() -> list[tuple[str, str]]:
    return [(found.key, found.name) for found in definitions.all_current(runtime())]
