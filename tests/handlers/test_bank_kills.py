"""kill -9 at any moment of a debit: one debit at the bank, one receipt, one word to the request."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from engine.database import configure
from engine.owed import outbox
from handlers.banking.models import DebitOrder
from handlers.ledger import verifying
from tests.builders.banking import Till, reopened, till
from tests.conftest import Clock
from tests.engine.killing import die_at, in_a_copy, raced
from tests.servers import compiled_once

LEASE = outbox.LEASE_SECONDS + 1
MOMENTS_MIN = 15  # lease, claim, receipt with voucher, message, done: fewer is not all of it


@pytest.fixture
def desk(database_url: str, clock: Clock, tmp_path: Path) -> Iterator[Till]:
    with till(database_url, clock, tmp_path) as made:
        made.agree()
        yield made


def let_go(desk: Till) -> str:
    """The address of the database, which nobody here has open any more (see ledger_rivals)."""
    desk.hall.rt.session.close()
    desk.hall.database.dispose()
    return desk.hall.database.url.render_as_string(hide_password=False)


def run(desk: Till) -> None:
    desk.run()
    desk.hall.rt.session.close()
    desk.hall.database.dispose()


def killed(desk: Till, url: str, moment: int) -> bool:
    """Run what is due in a copy that dies at the moment; False when it was over before."""

    def alone() -> None:
        mine = opened(url)
        die_at(mine, moment)
        run(reopened(desk, mine))

    return in_a_copy(alone) == -signal.SIGKILL


def opened(url: str) -> Engine:
    """Connections of its own that know every statement already: a copy would compile them anew."""
    return compiled_once(configure(create_engine(url)))


def everywhere(desk: Till, *, first_try: str) -> int:
    """Kill the run of a new order at its first moment, that of the next at its second …; each time
    somebody else goes on when the lease is over.  How often it was killed."""
    for moment in count(1):
        no, payment_id, _ = desk.ordered()
        desk.bank.script = [first_try]

        was_killed = killed(desk, let_go(desk), moment)
        desk.bank.script = []
        desk.clock.advance(seconds=LEASE)
        run(desk)
        assert desk.state(payment_id) == ("debiting", "debited"), moment
        assert desk.hall.verbs(no) == ["start", "event"], moment
        told = desk.told(no)
        assert told is not None
        assert told["ok"] is True
        if not was_killed:
            return moment - 1
    raise AssertionError("it never ends")


def whole(desk: Till, orders: int) -> None:
    """Every order was debited once and booked once, and the books fit."""
    wanted = {one.order_no for one in desk.all(DebitOrder)}
    assert len(wanted) == orders
    assert Counter(desk.debits()) == Counter(wanted)
    receipts = desk.receipts()
    assert len({one.bank_serial for one in receipts}) == len(receipts) == orders
    assert {one.state for one in receipts} == {"suspended"}
    assert len({one.voucher_id for one in receipts}) == orders
    assert desk.incidents() == []
    assert all(item.done_at is not None for item in desk.items())
    with desk.sessions() as session:
        assert verifying.verify(session).faults == ()


def test_a_debit_killed_anywhere_happens_once(desk: Till) -> None:
    times = everywhere(desk, first_try="ok")
    assert times >= MOMENTS_MIN
    whole(desk, times + 1)


def test_a_debit_whose_answer_is_lost_killed_anywhere_happens_once(desk: Till) -> None:
    times = everywhere(desk, first_try="drop")
    whole(desk, times + 1)


def test_two_processes_with_the_same_orders_do_each_once(desk: Till) -> None:
    orders = [desk.ordered() for _ in range(6)]
    url = let_go(desk)

    def worker() -> str:
        run(reopened(desk, opened(url)))
        return "done"

    raced([worker, worker])
    whole(desk, len(orders))
    for no, _, _ in orders:
        assert desk.hall.verbs(no) == ["start", "event"]
