"""QDN-01 on the real set-up: an operator files, two reviewers decide, one message goes out."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import select

from handlers.people.models import Operator
from tests.real.programs import eventually
from tests.real.setup import RealHall
from tests.real.visitor import Visitor

LANDLINE = "0855-8230019"
SWEEPS_SECONDS = 2.5  # the scheduler looks every second; nothing may be sent twice meanwhile


def test_a_change_goes_from_the_operator_over_two_reviewers_to_one_short_message(
    hall: RealHall, login: str, visitor: Callable[[str], Visitor]
) -> None:
    before = hall.unit(login)
    pay_day = str((before.pay_day or 1) % 28 + 1)
    operator = visitor(login)
    no = operator.file(pay_day=pay_day, operator_phone=LANDLINE)
    for reviewer in ("qdn001", "qdn003"):
        assert visitor(reviewer).approve(no).status_code == 303
    assert hall.view(login, no).status == "completed"
    assert str(hall.unit(login).pay_day) == pay_day
    with hall.shop.sessions() as session:
        row = session.scalars(select(Operator).where(Operator.login == login)).one()
        assert row.phone == LANDLINE
    assert eventually(lambda: hall.sent(no)), hall.log()[-4000:]
    time.sleep(SWEEPS_SECONDS)
    (message,) = hall.messages(no)
    assert (message.gateway, message.gateway_id, message.attempts) == ("http", "sid-1", 1)
    assert hall.asked(no) == [message.request_id]
    assert len(hall.rung(no)) == 1
    assert no in operator.get("/inbox/messages").text
