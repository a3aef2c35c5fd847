"""A worker that dies in the middle of sending costs time, never the message, and no second row."""

from __future__ import annotations

from tests.real.programs import eventually
from tests.real.setup import RealHall

REVIEWERS = ("qdn001", "qdn003")


def test_another_worker_delivers_what_a_killed_one_was_sending(hall: RealHall, login: str) -> None:
    hall.phone.script.append("hold")
    no = hall.complete(login, REVIEWERS)
    assert hall.phone.arrived.wait(20), "the gateway was never asked"
    busy = [worker for worker in hall.workers if len(worker.members()) > 1]
    assert len(busy) == 1, "one work horse talks to the gateway"
    busy[0].kill()
    assert [one.status for one in hall.messages(no)] == ["sending"]
    hall.let_the_lease_run_out(no)
    assert eventually(lambda: hall.sent(no)), hall.log()[-4000:]
    assert not busy[0].alive()
    (message,) = hall.messages(no)
    assert hall.asked(no) == [message.request_id] * 2
    assert len(hall.rung(no)) == 1


def test_what_is_owed_while_no_worker_lives_is_sent_when_one_comes_back(
    hall: RealHall, login: str
) -> None:
    for worker in hall.workers:
        worker.kill()
    no = hall.complete(login, REVIEWERS)
    assert [one.status for one in hall.messages(no)] == ["queued"]
    hall.workers[0].start()
    assert eventually(lambda: hall.sent(no)), hall.log()[-4000:]
    assert len(hall.asked(no)) == 1
