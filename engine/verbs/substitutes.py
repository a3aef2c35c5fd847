"""代理: somebody works in another's name from one moment to another, for all services or some.

The substitute has the principal's hands (see `permissions`), what already lies in them included.
Nobody stands in for himself, a principal has one substitute at a time for a service, and there are
no chains: the principal's own mandates are not passed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, select

from engine.calendar import ZONE
from engine.database import one_at_a_time, possible
from engine.diagrams import definitions
from engine.errors import Forbidden, Problem, Refused, not_found
from engine.models import Substitute
from engine.owed import messages
from engine.runtime import ADMIN, Actor, Mandate, Runtime
from engine.verbs.handing import somebody
from engine.verbs.moves import durably, reason_of
from engine.verbs.rules_request import is_centre

LASTS_MAX = timedelta(days=366)  # a longer absence is a change of posts
MANDATES_MAX = 20  # people one person stands in for at once: each is read with every page
SERVICES_MAX = 50
ROWS_MAX = 100  # shown of the past and the coming


@dataclass(frozen=True, slots=True)
class SubstituteRow:
    """One appointment; `state`: coming, active, over or cancelled."""

    id: int
    principal_id: str
    principal_name: str
    substitute_id: str
    substitute_name: str
    services: tuple[str, ...]  # keys; empty: every service
    reason: str
    starts_at: datetime
    ends_at: datetime
    cancelled_at: datetime | None
    state: str


def appoint(
    rt: Runtime,
    actor: Actor,
    *,
    principal: str,
    substitute: str,
    starts_at: datetime,
    ends_at: datetime,
    services: list[str],
    reason: str,
) -> int:
    """Let `substitute` work in `principal`'s name; the id of the appointment.

    Everybody appoints for themselves, a 流程管理员 for the people of their branches.
    """

    def deed(rt: Runtime) -> int:
        why = reason_of(reason, "设置代理", "原因", "原因")
        owner = _owner(rt, actor, principal)
        other = somebody(rt, substitute)
        _fitting(owner, other)
        keys = _services(rt, services)
        _in_time(rt, starts_at, ends_at)
        _alone(rt, owner, keys, (starts_at, ends_at))
        row = Substitute(
            principal_id=owner.id,
            principal_name=owner.name,
            substitute_id=other.id,
            substitute_name=other.name,
            services=keys,
            reason=why,
            starts_at=starts_at,
            ends_at=ends_at,
            created_by=actor.id,
            created_at=rt.clock(),
        )
        rt.session.add(row)
        rt.session.flush()
        span = f"{_day(starts_at)} 至 {_day(ends_at)}"
        _tell(rt, other.id, f"您将代理{owner.name}办理业务", f"{span}。{why}")
        if owner.id != actor.id:
            _tell(rt, owner.id, f"{actor.name}已请{other.name}代理您", f"{span}。{why}")
        return row.id

    return durably(rt, deed)


def cancel(rt: Runtime, actor: Actor, appointment: int) -> None:
    """End an appointment now; NotFound for anybody but the principal and an admin."""

    def deed(rt: Runtime) -> None:
        query = select(Substitute).where(Substitute.id == appointment).with_for_update()
        row = rt.session.scalars(query).one_or_none() if possible(appointment) else None
        if row is None or not _may_manage(rt, actor, row.principal_id):
            raise not_found("代理")
        if row.cancelled_at is not None or row.ends_at <= rt.clock():
            raise Refused(Problem("substitute.over", "这项代理已经结束，不需要取消。"))
        row.cancelled_by, row.cancelled_at = actor.id, rt.clock()
        title = f"{row.principal_name}的代理已取消"
        _tell(rt, row.substitute_id, title, f"您不再代理{row.principal_name}办理业务。")

    return durably(rt, deed)


# ── reading ────────────────────────────────────────────────────────────────────────────────────


def mandates_of(rt: Runtime, person_id: str) -> tuple[Mandate, ...]:
    """For whom this person stands in now; a principal who is gone has no substitute."""
    query = (
        select(Substitute.principal_id, Substitute.ends_at, Substitute.services)
        .where(Substitute.substitute_id == person_id, _active(rt.clock()))
        .order_by(Substitute.id)
    )
    found = []
    for principal_id, until, services in rt.session.execute(query.limit(MANDATES_MAX)).all():
        principal = rt.directory.find(principal_id)
        if principal is not None:
            found.append(Mandate(principal, until, frozenset(services)))
    return tuple(found)


def standing_in(rt: Runtime, people: list[str], service: str) -> list[str]:
    """Ids of those who stand in for any of these people now, for this service."""
    query = select(Substitute.substitute_id, Substitute.services).where(
        Substitute.principal_id.in_(people), _active(rt.clock())
    )
    rows = rt.session.execute(query.order_by(Substitute.id).limit(ROWS_MAX)).all()
    return [person for person, services in rows if not services or service in services]


def of_principal(rt: Runtime, person_id: str) -> list[SubstituteRow]:
    """Who stands, stood or will stand in for this person, the latest first."""
    return _rows(rt, Substitute.principal_id == person_id)


def of_substitute(rt: Runtime, person_id: str) -> list[SubstituteRow]:
    """For whom this person stands, stood or will stand in, the latest first."""
    return _rows(rt, Substitute.substitute_id == person_id)


def _rows(rt: Runtime, whose: ColumnElement[bool]) -> list[SubstituteRow]:
    query = select(Substitute).where(whose).order_by(Substitute.ends_at.desc(), Substitute.id)
    now = rt.clock()
    return [
        SubstituteRow(
            id=row.id,
            principal_id=row.principal_id,
            principal_name=row.principal_name,
            substitute_id=row.substitute_id,
            substitute_name=row.substitute_name,
            services=tuple(row.services),
            reason=row.reason,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            cancelled_at=row.cancelled_at,
            state=_state(row, now),
        )
        for row in rt.session.scalars(query.limit(ROWS_MAX))
    ]


def _state(row: Substitute, now: datetime) -> str:
    if row.cancelled_at is not None:
        return "cancelled"
    if now < row.starts_at:
        return "coming"
    return "active" if now < row.ends_at else "over"


def _active(now: datetime) -> ColumnElement[bool]:
    return and_(
        Substitute.cancelled_at.is_(None), Substitute.starts_at <= now, Substitute.ends_at > now
    )


# ── who may appoint whom, and when ─────────────────────────────────────────────────────────────


def _owner(rt: Runtime, actor: Actor, principal: str) -> Actor:
    if not _may_manage(rt, actor, principal):
        text = "只能为自己设置代理；为他人设置请联系流程管理员。"
        raise Forbidden(Problem("substitute.not_yours", text))
    return somebody(rt, principal)


def _may_manage(rt: Runtime, actor: Actor, principal: str) -> bool:
    if actor.id == principal:
        return True
    if not any(role == ADMIN for role, _ in actor.posts):
        return False
    person = rt.directory.find(principal)
    domains = person.domains if person is not None else frozenset("*")
    return bool(domains) and all(actor.holds(ADMIN, domain) for domain in domains)


def _fitting(owner: Actor, other: Actor) -> None:
    if owner.id == other.id:
        raise _refused("substitute.self", "不能由本人代理本人，请另选一位。", "substitute")
    same_side = is_centre(other) if is_centre(owner) else bool(owner.domains & other.domains)
    if not same_side:
        text = f"{other.name}与{owner.name}不在同一单位，不能代理，请另选一位。"
        raise _refused("substitute.stranger", text, "substitute")


def _services(rt: Runtime, services: list[str]) -> list[str]:
    keys = sorted(set(services))
    if len(keys) > SERVICES_MAX:
        raise _refused("substitute.services", "所选业务过多；代理全部业务时不需要逐项选择。")
    for key in keys:
        if not possible(key) or definitions.current(rt, key) is None:
            raise _refused(
                "substitute.service", "所选业务不存在，请刷新页面后重新选择。", "services"
            )
    return keys


def _in_time(rt: Runtime, starts_at: datetime, ends_at: datetime) -> None:
    now = rt.clock()
    today = now.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    if starts_at >= ends_at:
        raise _refused("substitute.dates", "结束时间须晚于开始时间，请修改。", "ends_at")
    if ends_at <= now:
        raise _refused("substitute.past", "结束时间已经过去，请修改。", "ends_at")
    if starts_at < today:
        raise _refused("substitute.past", "开始日期不能早于今天，请修改。", "starts_at")
    if ends_at - starts_at > LASTS_MAX or starts_at - now > LASTS_MAX:
        text = "代理最早在一年内开始，最长一年；更长时间请调整岗位。"
        raise _refused("substitute.long", text, "ends_at")


def _alone(rt: Runtime, owner: Actor, services: list[str], span: tuple[datetime, datetime]) -> None:
    """One substitute at a time for a service; two appointments at once wait for each other."""
    one_at_a_time(rt.session, f"hall_substitute:{owner.id}")
    query = select(Substitute).where(
        Substitute.principal_id == owner.id,
        Substitute.cancelled_at.is_(None),
        Substitute.starts_at < span[1],
        Substitute.ends_at > span[0],
    )
    for row in rt.session.scalars(query):
        if not services or not row.services or set(services) & set(row.services):
            sentence = f"{row.substitute_name}已在 {_day(row.starts_at)} 至 {_day(row.ends_at)} "
            sentence += f"代理{owner.name}，时间有重叠；请修改日期，或先取消原来的代理。"
            raise _refused("substitute.overlap", sentence, "starts_at")


def _day(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%Y-%m-%d %H:%M}"


def _tell(rt: Runtime, recipient: str, title: str, body: str) -> None:
    messages.put(
        rt.session,
        recipient=recipient,
        title=title,
        body=body,
        business="代理",
        channel="代理",
        no=None,
        now=rt.clock(),
    )


def _refused(code: str, sentence: str, field: str | None = None) -> Refused:
    return Refused(Problem(code, sentence, field))
