"""What nobody watches, killed at every statement: timers, deliveries, jobs, repairs, migrations."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

import engine
from engine import audit
from engine.boxes import incident_desk, job_desk
from engine.database import transaction
from engine.owed import drafts, jobs, outbox
from engine.owed import messages as inhall
from engine.owed.jobs import Work
from engine.owed.outbox import LEASE_SECONDS
from engine.runtime import SYSTEM
from engine.verbs import migrating, occurrences, repairing, timers
from tests.builders import diagrams
from tests.builders.diagrams import flows, one_review, service
from tests.engine.crashing import Deed, Trial, Trials, survives
from tests.engine.hall import APPLICANT, KEEPER, KEEPER_2, REVIEWER, SECONDER, Hall
from tests.engine.test_vocabulary import file

SENT = "tests.letter"  # what the operation of the tests owes the world
COUNTING, FAILING = "tests.crash_count", "tests.crash_fail"
# Somebody else goes on when the dead one's lease is over: later, and as the next attempt.
LATER = frozenset({"at", "updated_at", "created_at", "started_at", "done_at", "due_at"})
LEASED = LATER | {"finished_at", "failed_at", "opened_at", "last_at", "attempts", "failures", "id"}
GIVEN_UP = LEASED | {"cause", "error", "trace", "last_error"}  # for its runner died
trials = Trials()


@pytest.mark.parametrize("trial", trials, ids=str)
def test_work_killed_anywhere_has_happened_or_not(
    hall: Hall, trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(outbox._handlers, SENT, deliver_letter)
    monkeypatch.setitem(jobs._handlers, COUNTING, count_to_three)
    monkeypatch.setitem(jobs._handlers, FAILING, fail)
    monkeypatch.setattr(jobs, "REPORT_SECONDS", 0.0)
    survives(hall, trial)


# ── timers ─────────────────────────────────────────────────────────────────────────────────────


@trials
def fire_a_timer(hall: Hall) -> Deed:
    due = overdue(hall)
    return lambda: timers.fire(hall.rt, due)


@trials
def put_a_failing_timer_off(hall: Hall) -> Deed:
    due = overdue(hall)
    hall.desk.failing.add("note")
    return lambda: timers.fire(hall.rt, due)


@trials
def give_a_failing_timer_up(hall: Hall) -> Deed:
    due = overdue(hall)
    hall.desk.failing.add("note")
    for seconds in timers.BACKOFF_SECONDS:
        timers.fire(hall.rt, due)
        hall.clock.advance(seconds=seconds)
    return lambda: timers.fire(hall.rt, due)


# ── what the world is owed ─────────────────────────────────────────────────────────────────────


@trials.of(commits=3, later=LEASE_SECONDS, modulo=LEASED)
def deliver_a_letter(hall: Hall) -> Deed:
    """Leased, done, recorded: the effect is the handler's own, found by its key."""
    item = owed(hall)
    return lambda: outbox.run_one(hall.sessions, item, clock=hall.clock)


@trials.of(commits=2, later=LEASE_SECONDS, modulo=LEASED)
def put_a_failing_letter_off(hall: Hall) -> Deed:
    item = owed(hall)
    hall.desk.calls.append("broken")
    return lambda: outbox.run_one(hall.sessions, item, clock=hall.clock, profile=hall.desk)


@trials.of(commits=2, later=LEASE_SECONDS, modulo=GIVEN_UP)
def give_a_failing_letter_up(hall: Hall) -> Deed:
    item = owed(hall)
    hall.desk.calls.append("broken")
    run = lambda: outbox.run_one(hall.sessions, item, clock=hall.clock, profile=hall.desk)  # noqa: E731
    for seconds in outbox.BACKOFF_SECONDS:
        run()
        hall.clock.advance(seconds=seconds)
    return run


# ── jobs ───────────────────────────────────────────────────────────────────────────────────────


@trials
def order_a_job(hall: Hall) -> Deed:
    return lambda: order(hall, COUNTING)


@trials.of(commits=8, later=jobs.LEASE_SECONDS, modulo=LEASED)
def do_a_job(hall: Hall) -> Deed:
    """Leased, three pieces each with its report, recorded."""
    job = order(hall, COUNTING)
    return lambda: jobs.run_one(hall, job, clock=hall.clock)


@trials.of(commits=2, later=jobs.LEASE_SECONDS, modulo=GIVEN_UP)
def put_a_failing_job_off(hall: Hall) -> Deed:
    job = order(hall, FAILING)
    return lambda: jobs.run_one(hall, job, clock=hall.clock)


@trials.of(commits=2, later=jobs.LEASE_SECONDS, modulo=GIVEN_UP)
def give_a_failing_job_up(hall: Hall) -> Deed:
    job = failing_job(hall)
    return lambda: jobs.run_one(hall, job, clock=hall.clock)


@trials
def cancel_a_job(hall: Hall) -> Deed:
    job = order(hall, COUNTING)
    return lambda: job_desk.cancel(hall.rt, KEEPER_2, job)


@trials
def retry_a_job(hall: Hall) -> Deed:
    job = failing_job(hall)
    jobs.run_one(hall, job, clock=hall.clock)
    return lambda: job_desk.retry(hall.rt, KEEPER_2, job)


# ── repairs ────────────────────────────────────────────────────────────────────────────────────


@trials
def retry(hall: Hall) -> Deed:
    incident = stuck(hall)
    hall.desk.when.clear()
    return lambda: repairing.retry(hall.rt, KEEPER, incident)


@trials.of(repeats=True)
def retry_in_vain(hall: Hall) -> Deed:
    incident = stuck(hall)

    def deed() -> None:
        with suppress(repairing.StillFailing):
            repairing.retry(hall.rt, KEEPER, incident)

    return deed


@trials.of(commits=2, modulo={"state"})
def retry_all_of_a_kind(hall: Hall) -> Deed:
    first = stuck(hall, "one")
    stuck(hall, "one")
    row = incident_desk.find(hall.rt, KEEPER, first)
    assert row is not None
    hall.desk.when.clear()
    return lambda: repairing.retry_kind(hall.rt, KEEPER, row.cause)


@trials
def edit(hall: Hall) -> Deed:
    incident = stuck(hall)
    hall.desk.when.clear()
    return lambda: repairing.edit(hall.rt, KEEPER, incident, data={"a": 1}, reason="更正")


@trials
def skip(hall: Hall) -> Deed:
    incident = stuck(hall)
    return lambda: repairing.skip(hall.rt, KEEPER, incident, reason="线下已办")


@trials
def propose(hall: Hall) -> Deed:
    incident = stuck(hall, money="true")
    return lambda: repairing.edit(hall.rt, KEEPER, incident, data={"a": 1}, reason="更正")


@trials
def confirm(hall: Hall) -> Deed:
    repair = proposed(hall)
    hall.desk.when.clear()
    return lambda: repairing.confirm(hall.rt, KEEPER_2, repair)


@trials
def drop(hall: Hall) -> Deed:
    repair = proposed(hall)
    return lambda: repairing.drop(hall.rt, KEEPER_2, repair)


# ── messages and signals ───────────────────────────────────────────────────────────────────────


@trials
def deliver(hall: Hall) -> Deed:
    no = file(hall, "message_catch")
    said = {"correlation": no, "payload": {"result": "ok"}}
    return lambda: occurrences.deliver(hall.rt, SYSTEM, "回执", **said)


@trials.of(commits=2, modulo={"state", "spiff_id"})
def broadcast_to_two(hall: Hall) -> Deed:
    for _ in range(2):
        file(hall, "signal_catch")
    return lambda: occurrences.broadcast(hall.rt, SYSTEM, "停办", {"from": "中心"})


# ── versions ───────────────────────────────────────────────────────────────────────────────────


@trials
def deploy(hall: Hall) -> Deed:
    content = diagrams.two_reviews(name="第二版")
    return lambda: hall.deploy(content)


@trials
def migrate_one(hall: Hall) -> Deed:
    no = hall.file()
    new = hall.deploy(diagrams.two_reviews(name="第二版")).id
    return lambda: migrating.migrate_one(hall.rt, KEEPER, no, to=new, reason="改版")


# ── what belongs to one person ─────────────────────────────────────────────────────────────────


@trials
def save_a_draft(hall: Hall) -> Deed:
    return lambda: drafts.save(hall.rt, APPLICANT, "service:two_reviews", {"pay_day": "21"})


@trials
def read_a_message(hall: Hall) -> Deed:
    message = told(hall)
    return lambda: inhall.mark_read(hall.rt, SECONDER, message)


@trials
def delete_a_message(hall: Hall) -> Deed:
    message = told(hall)
    return lambda: inhall.delete(hall.rt, SECONDER, message)


@trials
def seal_the_history(hall: Hall) -> Deed:
    hall.file()
    hall.clock.advance(days=1)
    return lambda: audit.seal(hall.rt)


# ── how they come about ────────────────────────────────────────────────────────────────────────


def overdue(hall: Hall) -> int:
    case = hall.case(hall.file())
    assert case.next_timer_at is not None
    hall.clock.set(case.next_timer_at)
    return case.id


def owed(hall: Hall) -> int:
    """A letter of a request that is completed."""
    no = hall.file()
    hall.approve(no, REVIEWER)
    hall.approve(no, SECONDER)
    with hall.sessions() as session:
        (item,) = outbox.due(session, hall.clock())
        return item


def deliver_letter(job: outbox.Job) -> None:
    """An effect that is looked up by its key, as every handler must."""
    if job.profile is not None:
        raise outbox.Retry("the gateway is away")
    with job.session_factory() as session, transaction(session):
        inhall.put(
            session,
            recipient=APPLICANT.id,
            title="收到",
            body="",
            business="",
            channel="系统通知",
            no=None,
            now=job.now,
            key=f"letter:{job.key}",
        )


def order(hall: Hall, kind: str) -> int:
    with transaction(hall.rt.session):
        return jobs.put(hall.rt, KEEPER_2, kind, {}, key=f"one:{kind}", title="数一数")


def count_to_three(work: Work) -> dict[str, Any]:
    for piece in range(work.cursor.get("after", 0) + 1, 4):
        with work.shop.sessions() as session, transaction(session):
            outbox.put(session, "tests.piece", {}, key=f"piece:{piece}", now=work.clock())
        work.report(piece, total=3, cursor={"after": piece})
    return {"pieces": 3}


def fail(work: Work) -> None:
    raise KeyError("no such account")


def failing_job(hall: Hall) -> int:
    """One that has a single try left."""
    job = order(hall, FAILING)
    for seconds in jobs.BACKOFF_SECONDS:
        jobs.run_one(hall, job, clock=hall.clock)
        hall.clock.advance(seconds=seconds)
    return job


def broken(call: Any) -> None:
    raise KeyError("no such account")


def stuck(hall: Hall, key: str = "stuck", **props: object) -> int:
    """The incident of a request whose operation has failed."""
    apply, way = service("apply", "tests/apply"), flows("review", "apply", "end")
    hall.deploy(one_review(key, between=apply, way=way, **props), key)
    hall.desk.when["apply"] = broken
    hall.approve(hall.file(key=key), REVIEWER)
    return incident_desk.page(hall.rt, KEEPER_2).rows[-1].id


def proposed(hall: Hall) -> int:
    incident = stuck(hall, money="true")
    repairing.edit(hall.rt, KEEPER, incident, data={"a": 1}, reason="更正")
    return int(hall.picture()["hall_repair"][0].id)


def told(hall: Hall) -> int:
    engine.copy(hall.rt, REVIEWER, hall.file(), to=[SECONDER.id])
    return int(hall.picture()["hall_message"][-1].id)
