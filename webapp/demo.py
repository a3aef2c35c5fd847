"""What only the demonstration shows: its accounts, the captcha in words, and a phone.

Everything here asks `demo_mode()` first; in production the phone is a 404 and the hints are empty.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flask import Blueprint, abort, render_template, request, send_file
from flask.typing import ResponseReturnValue

from handlers import demo as demonstration
from handlers.notices import queries as notices
from handlers.notices.models import SmsMessage
from handlers.people import queries as people
from webapp import demofiles
from webapp.runtime import center, now, session, settings
from webapp.security import audience, wants_json

bp = Blueprint("demo", __name__, url_prefix="/demo")

SHOWN_MAX = 60  # messages looked at for the phone


@dataclass(frozen=True, slots=True)
class Login:
    login: str
    password: str
    name: str
    note: str


@dataclass(frozen=True, slots=True)
class Number:
    mobile: str
    name: str
    total: int


def demo_mode() -> bool:
    return settings().mode == "demo"


def captcha_hint(answer: str) -> str:
    return f"演示模式，验证码：{answer}" if demo_mode() else ""


def logins(door_id: str) -> list[Login]:
    """The demonstration's accounts for one door; nobody's outside demo mode."""
    if not demo_mode():
        return []
    known = demonstration.logins(session(), center())
    mine = [one for one in known if one.door == door_id]
    return [Login(one.login, one.password, *one.who.split(" · ", 1)) for one in mine]


@bp.get("/phone")
@audience("public")
def phone() -> ResponseReturnValue:
    """演示手机: the SMS that left the hall.  ?mobile= picks a number, else the newest one."""
    if not demo_mode():
        abort(404)
    messages = notices.demo_inbox(session(), limit=SHOWN_MAX)
    newest = _stamp(messages)
    if wants_json():
        return {"newest": newest}
    numbers = _numbers(messages)
    picked = request.args.get("mobile") or (numbers[0].mobile if numbers else "")
    return render_template(
        "demo/phone.html",
        numbers=numbers,
        picked=picked,
        shown=[message for message in reversed(messages) if message.mobile == picked],
        newest=newest,
        samples=demofiles.offered(settings()),
        status_names=notices.STATUS_NAMES,
        today=now(),
    )


@bp.get("/samples/<name>")
@audience("public")
def sample(name: str) -> ResponseReturnValue:
    """练习文件: a workbook to try an import with."""
    title = demofiles.offered(settings()).get(name) if demo_mode() else None
    if title is None:
        abort(404)
    path = demofiles.path(settings(), name)
    return send_file(path, mimetype=demofiles.MEDIA_TYPE, as_attachment=True, download_name=title)


def _stamp(messages: list[SmsMessage]) -> str:
    """Changes when a message arrives or its delivery does."""
    return f"{messages[0].id}-{Counter(m.status for m in messages)}" if messages else ""


def _numbers(messages: list[SmsMessage]) -> list[Number]:
    """Numbers in the order of their newest message, with the names of their owners."""
    totals = Counter(message.mobile for message in messages)
    owners = {message.mobile: message.recipient or "" for message in reversed(messages)}
    found = []
    for mobile in dict.fromkeys(message.mobile for message in messages):
        owner = people.recipients(session(), owners[mobile])
        found.append(Number(mobile, owner[0] if owner else "", totals[mobile]))
    return found
