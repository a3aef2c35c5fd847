"""Several hands at one unit's dues, and hands that die: money is posted once, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Engine, select

from engine.database import transaction
from handlers.banking import payments
from handlers.banking.models import Payment
from handlers.contributions import allocating, cancelling
from handlers.units import queries as units
from tests.builders.books import CLERK, UNIT, Books
from tests.builders.dues import Dues
from tests.conftest import Clock
from tests.engine.killing import killed
from tests.handlers.ledger_rivals import TODAY, let_go, rivals

MONTHLY = 128_000
PEOPLE = 6
MOMENTS_MIN = 20  # a posting with fewer statements is not killed where it matters


def at_once(dues: Dues, *deeds: Callable[[Dues], Any]) -> list[Any]:
    """What each of these processes was told, or the code of its refusal."""

    def alone(deed: Callable[[Dues], Any]) -> Callable[[Books], Any]:
        return lambda books: deed(Dues(books))

    return rivals(dues.books, *(alone(deed) for deed in deeds))


def settle(dues: Dues) -> bool:
    payment = dues.session.scalars(select(Payment)).one()
    return dues.settle(payment)


def test_two_clicks_on_assess_make_one_month(dues: Dues) -> None:
    dues.people(1, 2)
    told = at_once(dues, *[lambda own: len(own.assess("2026-03"))] * 2)
    assert sorted(told, key=str) == [1, "assessing.again"]
    assert dues.states() == [("2026-03", "assessed")]


def test_two_clicks_on_pay_make_one_payment(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-03")
    told = at_once(dues, *[lambda own: own.register().id] * 2)
    assert sorted(told, key=str) == [1, "payments.nothing"]


def test_two_who_settle_post_once(dues: Dues) -> None:
    anna = dues.people(1)[0].ledger_account_id
    dues.assess("2026-03")
    dues.register()
    dues.arrive(2 * MONTHLY)
    assert at_once(dues, settle, settle) == [False, False]
    assert (dues.books.balance(anna), dues.balance("suspense")) == (MONTHLY, MONTHLY)
    dues.whole()


def test_one_pays_while_the_other_gives_the_payment_up(dues: Dues) -> None:
    anna = dues.people(1)[0].ledger_account_id
    dues.assess("2026-03")
    dues.register()
    dues.arrive(MONTHLY)

    def give_up(own: Dues) -> bool:
        with transaction(own.session):
            payment = own.session.scalars(select(Payment)).one()
            return payments.release(own.rt, CLERK, payment)

    settled, released = at_once(dues, settle, give_up)
    posted = (settled, released) == (False, False)
    assert posted or (settled, released) == ("payments.over", True)
    assert dues.books.balance(anna) == (MONTHLY if posted else 0)
    assert dues.states() == [("2026-03", "posted" if posted else "assessed")]


def test_one_pays_while_the_other_cancels_the_assessment(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-03")

    def cancel(own: Dues) -> int:
        with transaction(own.session):
            units.locked_unit(own.session, UNIT)
            return cancelling.cancel(own.rt, CLERK, UNIT, "2026-03", no="C-1")

    told = at_once(dues, lambda own: bool(own.register()), cancel)
    assert told in ([True, "cancelling.state"], ["payments.nothing", 1])


def test_a_posting_killed_at_any_moment_goes_on_and_counts_once(
    dues: Dues, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every moment of the job is its last one, one after the other; then it is done."""
    monkeypatch.setattr(allocating, "PIECE_LINES", 1)
    monkeypatch.setattr(allocating, "AT_ONCE_LINES", 1)
    people = [one.ledger_account_id for one in dues.people(*range(1, PEOPLE + 1))]
    dues.assess("2026-03")
    payment = dues.register()
    dues.arrive(payment.amount_cents)
    assert dues.settle(payment)

    def work(engine: Engine) -> None:
        """What the job does; how often a job may die is the queue's business."""
        books = Books(engine, Clock()).on(TODAY)
        own, more = Dues(books), True
        while more:
            with transaction(own.session):
                more = allocating.step(own.rt, CLERK, own.session.scalars(select(Payment)).one())
        books.session.close()

    for moment in count(1):
        if not killed(let_go(dues.books), moment, work):
            break
    assert moment > MOMENTS_MIN
    assert [dues.books.balance(one) for one in people] == [MONTHLY] * PEOPLE
    assert (dues.states(), dues.balance("suspense")) == ([("2026-03", "posted")], 0)
    assert dues.sent() == ["payment_settled"]
    dues.whole()


def test_settling_killed_at_any_moment_is_whole_or_has_not_been(dues: Dues) -> None:
    people = [one.ledger_account_id for one in dues.people(1, 2)]
    dues.assess("2026-03")
    dues.register()
    dues.arrive(2 * MONTHLY)

    def alone(engine: Engine) -> None:
        books = Books(engine, Clock()).on(TODAY)
        settle(Dues(books))
        books.session.close()

    for moment in count(1):
        was_killed = killed(let_go(dues.books), moment, alone)
        saved = [dues.books.balance(one) for one in people]
        state = dues.remittances()[0].state
        assert (saved, state) in (([0, 0], "awaiting"), ([MONTHLY] * 2, "posted"))
        if not was_killed:
            break
    assert moment > MOMENTS_MIN
    assert dues.sent() == ["payment_settled"]
    dues.whole()
