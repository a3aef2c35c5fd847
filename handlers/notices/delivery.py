"""Carrying short messages out: claim in one short transaction, send with none, record in another.

A claim that was never recorded belongs to a killed process; when it has grown old the next run
sends again with the same request id, so that a gateway which knows it can drop the double.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine.database import transaction
from engine.owed.outbox import BACKOFF_SECONDS, Job, Retry, handler
from handlers.notices import circuit
from handlers.notices.gateways import Gateway, Outcome, Outgoing, Receipt, build
from handlers.notices.models import ERROR_CHARS_MAX, FINAL, SmsMessage
from handlers.notices.settings import SmsSettings
from handlers.privacy.columns import is_value

# Older than this, a claim is a dead process's.  Longer than two gateways may take together,
# shorter than the lease of the outbox, so that the run after the lease finds the way free.
CLAIM_SECONDS = 110
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
THROTTLED_SECONDS = 90  # gateways count their minutes on their own clock
_COUNTED = ("queued", "sending", "sent", "delivered")  # may have rung the phone
_ARRIVED = {Outcome.ACCEPTED: "sent", Outcome.DELIVERED: "delivered"}
_HOPELESS = {Outcome.INVALID: "failed", Outcome.LIMITED: "limited"}
_ASK_THE_OTHER = (Outcome.BUSY, Outcome.UNKNOWN, Outcome.REFUSED)
_log = logging.getLogger("hall.sms")


@dataclass(frozen=True, slots=True)
class Post:
    """The gateways of this process and the limits of this centre."""

    settings: SmsSettings
    gateways: tuple[Gateway, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is ours to send, copied out of the database."""

    message_id: int
    at: datetime
    outgoing: Outgoing
    gateways: tuple[Gateway, ...]  # in the order to try


Tries = list[tuple[str, Receipt]]
_post: Post | None = None


def configure(settings: SmsSettings, gateways: Sequence[Gateway] | None = None) -> None:
    """Once per process, before the first job runs; workers forked later inherit it."""
    global _post  # noqa: PLW0603 - an outbox handler is found by name and cannot be handed objects
    _post = Post(settings, tuple(gateways) if gateways is not None else build(settings))


@handler("sms")
def deliver(job: Job) -> None:
    post = _post
    if post is None:
        raise Retry("短信网关没有配置：启动时须调用 handlers.notices.delivery.configure")
    # The session is closed before the network is touched: a gateway that takes eight seconds would
    # otherwise hold a connection, and on SQLite the write lock of the whole hall, all that time.
    claim = _claim(job, post)
    if isinstance(claim, Retry):
        raise claim
    if claim is None:
        return
    tries = _send(claim)
    wait = _record(job, claim, tries, post)
    if wait is not None:
        raise wait


def _claim(job: Job, post: Post) -> Claim | Retry | None:
    """Mark the message as being sent; None when there is nothing to do (any more)."""
    now = job.now
    with job.session_factory() as session, transaction(session):
        message = session.get(SmsMessage, job.payload["sms"], with_for_update=True)
        if message is None or message.status in FINAL:
            return None  # the same job delivered twice
        if message.status == "sending" and message.claimed_at is not None:
            left = message.claimed_at + timedelta(seconds=CLAIM_SECONDS) - now
            if left > timedelta(0):
                return Retry("短信正在发送", after=_seconds(left), counted=False)
        limit = _limit(session, message, now, post.settings)
        if isinstance(limit, Retry):
            message.status, message.error = "queued", str(limit)
            return limit
        if limit is not None:
            message.status, message.error = "limited", limit
            return None
        message.status, message.claimed_at = "sending", now
        message.attempts += 1
        return Claim(
            message_id=message.id,
            at=now,
            outgoing=_outgoing(message, post.settings.signature),
            gateways=circuit.order(session, post.gateways, now),
        )


def _outgoing(message: SmsMessage, signature: str) -> Outgoing:
    return Outgoing(
        id=message.request_id,
        mobile=message.mobile,
        text=message.text,
        signature=signature,
        template=message.template,
        params={name: str(value) for name, value in message.params.items()},
    )


def _limit(
    session: Session, message: SmsMessage, now: datetime, settings: SmsSettings
) -> Retry | str | None:
    """Retry: this number's minute is full.  A sentence: its day is.  None: go."""
    if session.get_bind().dialect.name == "postgresql":
        # Two workers with two messages to one number would both count one place free.  (SQLite's
        # write lock already keeps them apart.)
        lock = func.pg_advisory_xact_lock(func.hashtext(f"sms:{message.mobile_index}"))
        session.execute(select(lock))
    query = select(SmsMessage.claimed_at).where(
        is_value(SmsMessage.mobile_index, "person.mobile", message.mobile),
        SmsMessage.id != message.id,
        SmsMessage.claimed_at > now - DAY,
        SmsMessage.status.in_(_COUNTED),
    )
    latest = session.scalars(query.order_by(SmsMessage.claimed_at.desc()).limit(settings.per_day))
    times = [at for at in latest if at is not None]
    if len(times) >= settings.per_day:
        return f"该号码 24 小时内已发送 {settings.per_day} 条短信，达到上限"
    minute = [at for at in times if at > now - MINUTE]
    if len(minute) >= settings.per_minute:
        free = minute[settings.per_minute - 1] + MINUTE - now
        text = f"该号码 1 分钟内已发送 {settings.per_minute} 条短信，稍后发送"
        return Retry(text, after=_seconds(free), counted=False)
    return None


def _seconds(span: timedelta) -> int:
    return max(1, ceil(span.total_seconds()))


def _send(claim: Claim) -> Tries:
    """Ask one gateway after the other until one has said something final."""
    tries: Tries = []
    for gateway in claim.gateways:
        try:
            receipt = gateway.send(claim.outgoing)
        except Exception:
            # A bug in one gateway is no reason not to ask the other.
            _log.exception("gateway %s broke down", gateway.name)
            receipt = Receipt(Outcome.UNKNOWN, error="短信网关程序出错")
        tries.append((gateway.name, receipt))
        if receipt.outcome not in _ASK_THE_OTHER:
            break
    return tries


def _record(job: Job, claim: Claim, tries: Tries, post: Post) -> Retry | None:
    """Write down what became of it; a Retry when it must be tried again."""
    now = job.now
    with job.session_factory() as session, transaction(session):
        circuit.note(session, tries, now, post.settings)
        message = session.get(SmsMessage, claim.message_id, with_for_update=True)
        if message is None or message.status in FINAL:
            return None
        if (message.status, message.claimed_at) != ("sending", claim.at):
            # We were so slow that another run has taken over: what it writes counts, and the item
            # must not be called done before it has.
            _log.warning("sms %s was taken over while being sent", claim.message_id)
            return Retry("短信由另一个进程接手", after=CLAIM_SECONDS, counted=False)
        name, last = tries[-1]
        message.gateway, message.gateway_id = name, last.gateway_id or None
        if last.outcome in _ARRIVED:
            message.status, message.sent_at = _ARRIVED[last.outcome], now
            message.error = None
            return None
        message.error = _told(tries)
        if last.outcome in _HOPELESS:
            message.status = _HOPELESS[last.outcome]
            return None
        # The outbox gives up after the same try; its item then says failed too.
        gives_up = job.attempt > len(BACKOFF_SECONDS)
        message.status = "failed" if gives_up else "queued"
        after = THROTTLED_SECONDS if last.outcome is Outcome.THROTTLED else None
        return Retry(message.error, after=after)


def _told(tries: Tries) -> str:
    """http：等待短信网关应答超时；aliyun：阿里云账户余额不足"""
    return "；".join(f"{name}：{receipt.error}" for name, receipt in tries)[:ERROR_CHARS_MAX]
