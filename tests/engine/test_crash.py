"""The process is killed with SIGKILL inside a verb: all of it happened or nothing, and it can be
done again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import engine
from engine import outbox, timers
from engine.outbox import LEASE_SECONDS
from tests.engine.hall import APPLICANT, REVIEWER, SECONDER, Hall, filing

ROOT = Path(__file__).resolve().parents[2]


def killed(hall: Hall, *what: str) -> None:
    """Run it in a process that kills itself on the way."""
    hall.rt.session.rollback()
    url = hall.database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.engine.processes", what[0], url, *what[1:]]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture
def no(hall: Hall) -> str:
    """A request at the second review, whose approval runs an operation."""
    number = hall.file()
    hall.approve(number, REVIEWER)
    return number


def _approve(hall: Hall, no: str) -> Any:
    assert hall.approve(no, SECONDER).status == "completed"
    assert hall.messages() == ["applied"]
    return ["start", "approve", "approve"]


def _return(hall: Hall, no: str) -> Any:
    assert hall.send_back(no, SECONDER).status == "returned"
    return ["start", "approve", "return"]


def _timer(hall: Hall, no: str) -> Any:
    hall.clock.advance(days=30)
    assert timers.fire(hall.rt, hall.case(no).id)
    assert hall.messages() == ["reminder"]
    return ["start", "approve", "timer"]


@pytest.mark.parametrize(
    ("verb", "moment", "again"),
    [
        ("approve", "operation", _approve),
        ("approve", "commit", _approve),
        ("return", "commit", _return),
        ("timer", "commit", _timer),
    ],
)
def test_a_verb_killed_half_way_has_not_happened_and_can_be_repeated(
    hall: Hall, no: str, verb: str, moment: str, again: Any
) -> None:
    before = hall.picture()
    killed(hall, "crash", verb, moment)
    assert hall.picture() == before
    assert hall.verbs(no) == ["start", "approve"]
    history = again(hall, no)
    assert hall.verbs(no) == history


def test_filing_killed_half_way_files_nothing_and_the_page_can_be_sent_again(hall: Hall) -> None:
    before = hall.picture()
    killed(hall, "crash", "start", "commit")
    assert hall.picture() == before
    assert engine.start(hall.rt, APPLICANT, "two_reviews", **filing(token="t1")).no


def test_filing_killed_after_the_commit_is_filed_once(hall: Hall) -> None:
    killed(hall, "crash", "start", "committed")
    (row,) = hall.picture()["hall_instance"]
    again = engine.start(hall.rt, APPLICANT, "two_reviews", **filing(token="t1"))
    assert again.no == row.no
    assert len(hall.picture()["hall_instance"]) == 1


def test_what_a_killed_worker_was_sending_is_sent_again_when_its_lease_is_over(
    hall: Hall, no: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall.approve(no, SECONDER)
    (item,) = outbox.due(hall.rt.session, hall.clock())
    killed(hall, "send")
    sent: list[int] = []
    monkeypatch.setitem(outbox._handlers, "tests.letter", lambda job: sent.append(job.attempt))
    assert outbox.due(hall.rt.session, hall.clock()) == []
    assert not outbox.run_one(hall.sessions, item, clock=hall.clock)
    hall.clock.advance(seconds=LEASE_SECONDS)
    hall.rt.session.rollback()
    assert outbox.due(hall.rt.session, hall.clock()) == [item]
    assert outbox.run_one(hall.sessions, item, clock=hall.clock)
    assert sent == [2]
