"""What the tests of races and crashes run as a process of its own, to be raced or killed."""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.orm import Session, sessionmaker

import engine
from engine import Runtime, errors, outbox
from engine.calendar import Weekdays
from engine.models import Task
from engine.operations import Call
from tests.engine.hall import APPLICANT, REVIEWER, SECONDER, Desk, database, filing


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def decide(rt: Runtime) -> None:
    """Approve whatever is open; print the steps won."""
    tasks = rt.session.scalars(select(Task.id).where(Task.status == "open")).all()
    rt.session.rollback()
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    won = []
    for task in tasks:
        try:
            engine.approve(rt, REVIEWER, task)
            won.append(task)
        except errors.Conflict:
            pass
    print(json.dumps(won), flush=True)  # noqa: T201


def crash(rt: Runtime, verb: str, moment: str) -> None:
    """Die inside a verb: in an operation, before the commit, or right after it."""
    if moment == "operation":
        rt.profile.when["apply"] = _written_then_killed
    elif moment == "commit":
        event.listen(rt.session, "before_commit", _all_written_then_killed)
    else:
        event.listen(rt.session, "after_commit", die)
    if verb == "start":
        engine.start(rt, APPLICANT, "two_reviews", **filing(token="t1"))
        return
    (task,) = rt.session.scalars(select(Task).where(Task.status == "open"))
    if verb == "approve":
        engine.approve(rt, SECONDER, task.id)
    elif verb == "return":
        engine.return_to(rt, SECONDER, task.id, node="fill", opinion="缺章")
    elif verb == "timer":
        engine.timers.fire(rt, task.instance_id)


def send(rt: Runtime, sessions: sessionmaker[Session]) -> None:
    """Die while delivering."""
    outbox._handlers["tests.letter"] = die
    (item,) = outbox.due(rt.session, rt.clock())
    rt.session.rollback()
    outbox.run_one(sessions, item, clock=rt.clock)


def _written_then_killed(call: Call) -> None:
    outbox.put(call.session, "tests.letter", {}, key="half", now=call.rt.clock())
    call.session.flush()
    die()


def _all_written_then_killed(session: Any) -> None:
    session.flush()
    die()


def main(task: str, url: str, *more: str) -> None:
    now = datetime(2026, 7, 15, 1, 30, tzinfo=UTC) + timedelta(days=30 * ("timer" in more))
    with database(url) as made, Session(made) as session:
        rt = Runtime(session, lambda: now, Weekdays(), "QDN", Desk())
        if task == "decide":
            decide(rt)
        elif task == "crash":
            crash(rt, *more)
        else:
            send(rt, sessionmaker(made))


if __name__ == "__main__":
    main(*sys.argv[1:])
