"""抄送, 催办, 留言: what people tell each other about a request without moving it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update

from engine.calendar import ZONE
from engine.database import possible, transaction
from engine.errors import Problem, ReasonMissing, Refused
from engine.models import Copy, History, Instance
from engine.owed import messages
from engine.requests.cases import Case, OpenTask
from engine.requests.rules_review import Hands, reviewing
from engine.runtime import ADMIN, Actor, Runtime
from engine.verbs import substitutes
from engine.verbs.handing import somebody
from engine.verbs.moves import Move, Outcome, durably, finish_in_place, open_request, opinion_of
from engine.verbs.rules_request import is_centre

COPY_PEOPLE_MAX = 20  # in one go: more is an announcement, not a copy
COPIES_MAX = 100  # of one request: what its page can list
URGE_PER_DAY = 2  # process property `urge_per_day`
URGED_PEOPLE_MAX = 50  # a pool is not a mailing list
COMMENTS_PER_DAY_MAX = 30  # of one person on one request: nobody drowns the record


@dataclass(frozen=True, slots=True)
class CopyRow:
    """Who got a copy from whom, and since when they have read it."""

    recipient_name: str
    by_name: str
    at: datetime
    read_at: datetime | None
    note: str | None


# ── 抄送 ───────────────────────────────────────────────────────────────────────────────────────


def copy(rt: Runtime, actor: Actor, no: str, *, to: list[str], note: str = "") -> Outcome:
    """抄送: these people may read the request from now on, and are told; who has a copy already
    gets no second one."""

    def deed(rt: Runtime) -> Outcome:
        move = open_request(rt, actor, "copy", no)
        move.opinion = opinion_of(note, "抄送说明")
        people = _recipients(move, list(dict.fromkeys(to)))
        title = f"{actor.name}向您抄送了“{move.case.name}”"
        for person in people:
            rt.session.add(
                Copy(
                    instance_id=move.case.id,
                    recipient=person.id,
                    recipient_name=person.name,
                    by_id=actor.id,
                    by_name=actor.name,
                    note=move.opinion or None,
                    at=rt.clock(),
                )
            )
            body = move.opinion or move.case.summary
            messages.about(rt, move.case, person.id, title=title, body=body, channel="抄送")
        move.detail = {"to": [{"id": person.id, "name": person.name} for person in people]}
        finish_in_place(move)
        return move.outcome

    return durably(rt, deed)


def _recipients(move: Move, ids: list[str]) -> list[Actor]:
    if not ids:
        raise _refused("copy.nobody", "请选择抄送给谁。")
    if len(ids) > COPY_PEOPLE_MAX:
        raise _refused("copy.many", f"一次最多抄送 {COPY_PEOPLE_MAX} 人，请分次抄送。")
    rt, case = move.rt, move.case
    people = [somebody(rt, each) for each in ids]
    for person in people:
        if person.id == move.actor.id:
            raise _refused("copy.self", "不需要抄送给自己，请去掉后再抄送。")
        if not (is_centre(person) or case.scope in person.domains):
            text = f"{person.name}不是中心工作人员，也不属于申请单位，不能抄送。"
            raise _refused("copy.stranger", text)
    have = set(rt.session.scalars(select(Copy.recipient).where(Copy.instance_id == case.id)))
    fresh = [person for person in people if person.id not in have]
    if not fresh:
        raise _refused("copy.again", "所选人员都已收到抄送，不需要重复抄送。")
    if len(have) + len(fresh) > COPIES_MAX:
        raise _refused("copy.full", f"一件业务最多抄送 {COPIES_MAX} 人。")
    return fresh


def copies_of(rt: Runtime, case_id: int) -> list[CopyRow]:
    """Everybody who got a copy, the first one first."""
    columns = (Copy.recipient_name, Copy.by_name, Copy.at, Copy.read_at, Copy.note)
    query = select(*columns).where(Copy.instance_id == case_id).order_by(Copy.id)
    return [CopyRow(*row) for row in rt.session.execute(query.limit(COPIES_MAX))]


def mark_read(rt: Runtime, actor: Actor, no: str) -> None:
    """已阅: the actor has opened the request; the first time counts, without a copy nothing is."""
    mine = (
        select(Copy.id)
        .join(Instance, Instance.id == Copy.instance_id)
        .where(Instance.no == no, Copy.recipient == actor.id, Copy.read_at.is_(None))
    )
    found = rt.session.scalar(mine) if possible(no) else None
    if found is None:
        return
    with transaction(rt.session) as session:
        unread = update(Copy).where(Copy.id == found, Copy.read_at.is_(None))
        session.execute(unread.values(read_at=rt.clock()))


# ── 催办 ───────────────────────────────────────────────────────────────────────────────────────


def urge(rt: Runtime, actor: Actor, no: str, *, note: str = "") -> Outcome:
    """催办: remind whoever the request waits for; so many times a day per request."""

    def deed(rt: Runtime) -> Outcome:
        move = open_request(rt, actor, "urge", no)
        move.opinion = opinion_of(note, "催办说明")
        _still_may(move)
        people = _waited_for(rt, move.case)
        title = f"申请人催办“{move.case.name}”"
        body = move.opinion or f"{move.case.scope_name}：{move.case.summary}"
        for person in people:
            messages.about(rt, move.case, person, title=title, body=body, channel="催办")
        move.detail = {"told": len(people)}
        finish_in_place(move)
        return move.outcome

    return durably(rt, deed)


def urges_left(rt: Runtime, case: Case) -> int:
    """How many times this request may still be urged today."""
    return max(0, _per_day(case) - _said_today(rt, case, "urge"))


def _per_day(case: Case) -> int:
    text = case.deployed.props.get("urge_per_day", "")
    return int(text) if text.isdecimal() else URGE_PER_DAY


def _still_may(move: Move) -> None:
    most = _per_day(move.case)
    if most == 0:
        raise _refused("urge.never", "这项业务不提供催办，请拨打中心电话咨询。")
    if urges_left(move.rt, move.case) == 0:
        raise _refused("urge.enough", f"今天已催办 {most} 次，请明天再催，或拨打中心电话咨询。")


def _waited_for(rt: Runtime, case: Case) -> list[str]:
    """Ids of whoever has an open step, may take one, or stands in for them; admins when nobody."""
    rows = [row for row in case.open if row.status == "open" and row.kind == "review"]
    people = list(dict.fromkeys(each for row in rows for each in _holders(rt, case, row)))
    people += substitutes.standing_in(rt, people, case.key)
    if not people:
        people = [each.id for each in rt.directory.holders(ADMIN, f"branch:{case.branch}")]
    return list(dict.fromkeys(people))[:URGED_PEOPLE_MAX]


def _holders(rt: Runtime, case: Case, row: OpenTask) -> Iterator[str]:
    if row.assignee is not None:
        yield row.assignee
    elif row.role:
        for person in rt.directory.holders(row.role, row.domain):
            if reviewing(Hands(person, frozenset({person.id})), case, row) is None:
                yield person.id
    else:
        yield from sorted(case.people.get(row.id, ()))


# ── 留言 ───────────────────────────────────────────────────────────────────────────────────────


def comment(rt: Runtime, actor: Actor, no: str, *, text: str) -> Outcome:
    """留言: a line in the record everybody sees who may see the request."""

    def deed(rt: Runtime) -> Outcome:
        move = open_request(rt, actor, "comment", no)
        move.opinion = opinion_of(text, "留言")
        if not move.opinion:
            raise ReasonMissing(Problem("comment.empty", "请填写留言内容。", "text"))
        if _said_today(rt, move.case, "comment", actor.id) >= COMMENTS_PER_DAY_MAX:
            most = COMMENTS_PER_DAY_MAX
            raise _refused("comment.enough", f"您今天在这件业务下已留言 {most} 条，请明天再留言。")
        finish_in_place(move)
        return move.outcome

    return durably(rt, deed)


def _said_today(rt: Runtime, case: Case, verb: str, by: str | None = None) -> int:
    midnight = rt.clock().astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    query = select(func.count(History.id)).where(
        History.instance_id == case.id, History.verb == verb, History.at >= midnight
    )
    if by is not None:
        query = query.where(History.actor_id == by)
    return int(rt.session.scalar(query) or 0)


def _refused(code: str, text: str) -> Refused:
    return Refused(Problem(code, text))
