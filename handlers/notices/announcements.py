"""Telling people that something happened to a request: one in-hall message and one SMS each.

Everything here runs inside the verb's transaction and only writes rows; the phone rings after the
commit.  Announcing the same thing twice (same key) changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Protocol

from sqlalchemy import select

from engine.models import Task
from engine.owed import messages, outbox
from engine.runtime import Runtime
from handlers.centers import Center, Notice
from handlers.notices import texts
from handlers.notices.models import SmsMessage
from handlers.people import queries as people

CHANNEL = "系统通知"
KEY_CHARS_MAX = 160
PEOPLE_MAX = 200  # one reminder reaches at most so many people inside the hall …
SMS_PEOPLE_MAX = 20  # … and this many phones: a pool is not a mailing list
_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)


class Subject(Protocol):
    """What we need of a request; the engine's Case and Instance both have it."""

    @property
    def id(self) -> int: ...
    @property
    def no(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def scope_name(self) -> str: ...
    @property
    def starter_id(self) -> str: ...
    @property
    def starter_name(self) -> str: ...


def announce(rt: Runtime, subject: Subject, event: str, *, key: str, reason: str = "") -> int:
    """Tell everybody concerned by `event`; how many people that were.

    `key` names this one happening.  A centre without a text for the event sends nothing.
    """
    notice = _notice(rt.profile, subject.key, event)
    if notice is None:
        return 0
    told = 0
    for person_id in _concerned(rt, subject, event)[:PEOPLE_MAX]:
        person = people.recipients(rt.session, person_id)
        if person is None:  # left or disabled since
            continue
        name, mobile = person
        values = {
            "name": name,
            "business": subject.name,
            "no": subject.no,
            "reason": reason.strip(),
            "unit": subject.scope_name,
            "operator": subject.starter_name,
        }
        one = _bounded(f"{key}:{person_id}")
        messages.put(
            rt.session,
            recipient=person_id,
            title=texts.fill(notice.title, values),
            body=texts.fill(notice.message, values),
            business=subject.name,
            channel=CHANNEL,
            no=subject.no,
            now=rt.clock(),
            key=one,
        )
        if notice.sms and told < SMS_PEOPLE_MAX:
            queue_sms(
                rt,
                mobile=mobile,
                template=f"{subject.key}.{event}",
                wording=(notice.sms, values),
                key=one,
                recipient=person_id,
                subject=subject,
            )
        told += 1
    return told


def queue_sms(
    rt: Runtime,
    *,
    mobile: str,
    template: str,
    wording: tuple[str, Mapping[str, str]],
    key: str,
    recipient: str | None = None,
    subject: Subject | None = None,
) -> SmsMessage:
    """Owe one short message; part of the caller's transaction.

    `wording` is the template's text and its values; `template` its name, for gateways that keep
    their own copy of the text.
    """
    found = rt.session.scalar(select(SmsMessage).where(SmsMessage.key == key))
    if found is not None:
        return found
    now = rt.clock()
    text, values = wording
    used = texts.variables_of(text)
    valid = _MOBILE.fullmatch(mobile) is not None
    message = SmsMessage(
        key=key,
        mobile=mobile[:20],
        recipient=recipient,
        text=texts.sms_text(text, values),
        template=template,
        params={name: v for name, v in texts.sms_values(values).items() if name in used},
        # A number nobody can reach is said on the request page instead of being tried six times.
        status="queued" if valid else "failed",
        error=None if valid else "没有登记有效的手机号码",
        attempts=0,
        instance_no=subject.no if subject else None,
        created_at=now,
    )
    rt.session.add(message)
    rt.session.flush()
    if valid:
        outbox.put(
            rt.session,
            "sms",
            {"sms": message.id},
            key=_bounded(f"sms:{key}"),
            now=now,
            instance_id=subject.id if subject else None,
        )
    return message


def _notice(profile: object, process: str, event: str) -> Notice | None:
    assert isinstance(profile, Center), "Runtime.profile is the centre"
    return profile.notices.get(process, {}).get(event)


def _concerned(rt: Runtime, subject: Subject, event: str) -> list[str]:
    """Whom to tell: a reminder is for those who must act, the rest for the applicant."""
    if event != "reminder":
        return [subject.starter_id]
    found: dict[str, None] = {}  # ordered and without doubles: parallel reviews share holders
    query = select(Task.assignee, Task.role, Task.domain).where(
        Task.instance_id == subject.id, Task.status == "open"
    )
    for assignee, role, domain in rt.session.execute(query.order_by(Task.id)):
        pool = [assignee] if assignee else _holders(rt, role, domain)
        found.update(dict.fromkeys(pool))
    return list(found)


def _holders(rt: Runtime, role: str, domain: str) -> list[str]:
    return [person_id for person_id, _ in people.holders(rt.session, role, domain)]


def _bounded(key: str) -> str:
    """Keys are unique columns of a fixed width; a longer one is replaced by its digest."""
    if len(key) <= KEY_CHARS_MAX:
        return key
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
