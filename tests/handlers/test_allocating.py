"""缴款登记 and 入账: a payment is settled once, and its money reaches every member (C21)."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from engine.database import transaction
from engine.errors import Conflict, Refused
from handlers.banking import payments, receiving
from handlers.banking.models import BankReceipt, DebitAgreement, DebitOrder, Payment
from handlers.banking.receiving import slip_in
from handlers.contributions import allocating
from handlers.identifiers import luhn_check_digit
from handlers.ledger import accounts
from handlers.ledger.models import Voucher
from handlers.members.models import IndividualAccount
from handlers.units import queries as units
from tests.builders import members
from tests.builders.books import CLERK, UNIT
from tests.builders.dues import Dues
from tests.builders.members import OTHER_UNIT

MONTHLY = 128_000


def payment_of(dues: Dues, payment: Payment) -> Payment:
    dues.session.rollback()
    return dues.session.get_one(Payment, payment.id, populate_existing=True)


def receipts(dues: Dues) -> list[tuple[str, int]]:
    dues.session.rollback()
    dues.session.expire_all()
    found = dues.session.scalars(select(BankReceipt).order_by(BankReceipt.id))
    return [(one.state, one.open_cents) for one in found]


def advance(dues: Dues, cents: int) -> None:
    """Money of the unit on its advance account."""
    receipt = dues.arrive(cents)
    with transaction(dues.session):
        unit = units.locked_unit(dues.session, UNIT)
        assert unit is not None
        target = receiving.advance(dues.rt, unit)
        receipt.settled_no = "V-1"
        receiving.move(dues.rt, CLERK, receipt, target, business="advance_deposit", cents=cents)


# ── registering ─────────────────────────────────────────────────────────────────────────────────
def test_a_payment_has_a_slip_number_a_slip_of_the_pen_does_not_hit(dues: Dues) -> None:
    """XZ-2.4b"""
    dues.people(1)
    dues.assess("2026-03")
    payment = dues.register()
    digits = payment.slip_no.removeprefix("JK")
    assert len(payment.slip_no) == 12
    assert luhn_check_digit(digits[:-1]) == digits[-1]
    assert slip_in(f"公积金 {payment.slip_no.lower()} 三月") == payment.slip_no
    assert dues.states() == [("2026-03", "awaiting")]


def test_what_is_being_paid_is_not_registered_a_second_time(dues: Dues) -> None:
    dues.people(1)
    (march,) = dues.assess("2026-03")
    dues.register(march)
    with pytest.raises(Conflict):
        dues.register(march, no="P-2")
    with pytest.raises(Refused) as refused:
        dues.register(no="P-2")
    assert refused.value.code == "payments.nothing"


def test_nobody_registers_what_another_unit_owes(dues: Dues) -> None:
    dues.people(1)
    (march,) = dues.assess("2026-03")
    with pytest.raises(Conflict):
        dues.register(march, unit=OTHER_UNIT)


@pytest.mark.parametrize(
    ("through", "expected"),
    [
        ("2026-03", ["2026-03"]),
        ("2026-04", ["2026-03", "2026-04"]),
        ("all", ["2026-03", "2026-04"]),
        ("2026-09", []),
        ("b1", []),
        ("", []),
    ],
)
def test_a_choice_means_months_from_the_oldest_on(
    dues: Dues, through: str, expected: list[str]
) -> None:
    dues.people(1)
    dues.assess("2026-04")
    owed = payments.payable(dues.session, UNIT)
    assert [one.month for one in payments.chosen(owed, through)] == expected


def test_a_payment_given_up_leaves_the_months_as_they_were(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-03")
    payment = dues.register()
    with transaction(dues.session):
        assert payments.release(dues.rt, CLERK, payment)
    assert payment_of(dues, payment).state == "cancelled"
    assert dues.states() == [("2026-03", "assessed")]
    with transaction(dues.session):
        assert not payments.release(dues.rt, CLERK, payment)
    dues.arrive(MONTHLY)
    with pytest.raises(Conflict):
        dues.settle(payment)


def test_what_a_request_assessed_itself_goes_with_its_payment(dues: Dues) -> None:
    """CX-U25a: assessed and paid in one request; when the bank declines nothing is left of it."""
    dues.people(1)
    dues.assess("2026-03", no="R-1")
    payment = dues.register(no="R-1")
    with transaction(dues.session):
        payments.release(dues.rt, CLERK, payment)
    assert dues.states() == [("2026-03", "cancelled")]


# ── settling ────────────────────────────────────────────────────────────────────────────────────
def test_money_that_has_arrived_is_posted_to_every_member(dues: Dues) -> None:
    """XZ-2.4c"""
    people = dues.people(1, 2)
    with transaction(dues.session):
        members.unit_of(dues.books).unit_status = "02"
    payment = dues.pay("2026-03")
    assert [dues.saved(one) for one in people] == [MONTHLY] * 2
    assert dues.states() == [("2026-03", "posted")]
    assert payment_of(dues, payment).state == "paid"
    assert dues.paid_through() == ["2026-03"]
    assert dues.paid_through(people) == ["2026-03"] * 2
    assert members.unit_of(dues.books).unit_status == "01"
    assert (dues.balance("suspense"), receipts(dues)) == (0, [("matched", 0)])
    voucher = dues.session.scalars(select(Voucher).where(Voucher.business == "remittance")).one()
    assert (voucher.headcount, voucher.contribution_month, voucher.memo) == (
        *(2, "2026-03"),
        "公积金汇缴202603至202603",
    )
    assert dues.sent() == ["payment_settled"]
    dues.whole()


def test_settling_again_changes_nothing(dues: Dues) -> None:
    people = dues.people(1)
    payment = dues.pay("2026-03")
    dues.arrive(MONTHLY)
    assert not dues.settle(payment)
    assert (dues.saved(people[0]), dues.balance("suspense")) == (MONTHLY, MONTHLY)


def test_less_money_than_asked_for_is_refused_and_stays_in_suspense(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-03")
    payment = dues.register()
    dues.arrive(MONTHLY - 1)
    with pytest.raises(Refused, match=r"还差 0\.01 元"):
        dues.settle(payment)
    assert dues.states() == [("2026-03", "awaiting")]
    dues.arrive(1)
    dues.settle(payment)
    assert receipts(dues) == [("matched", 0)] * 2


def test_more_money_than_asked_for_leaves_the_rest_in_suspense(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-03")
    payment = dues.register()
    dues.arrive(MONTHLY + 500)
    dues.settle(payment)
    assert (dues.balance("suspense"), receipts(dues)) == (500, [("suspended", 500)])


def test_money_that_came_for_another_payment_is_not_used(dues: Dues) -> None:
    dues.people(1)
    march, april = dues.assess("2026-04")
    first, second = dues.register(march), dues.register(april, no="P-2")
    receipt = dues.arrive(MONTHLY)
    with transaction(dues.session):
        receipt.payment_id = second.id
    with pytest.raises(Refused):
        dues.settle(first)
    dues.settle(second)
    assert dues.states() == [("2026-03", "awaiting"), ("2026-04", "posted")]
    assert dues.paid_through() == [""]  # a month before it is not paid
    dues.arrive(MONTHLY)
    dues.settle(first)
    assert dues.paid_through() == ["2026-04"]


def test_paying_from_the_advance_account(dues: Dues) -> None:
    """CX-U25b, CX-U25c: two parts paid in advance, then one 汇缴 by 预缴户转出"""
    people = dues.people(1)
    dues.assess("2026-03")
    payment = dues.register(method="advance")
    advance(dues, 28_000)
    with pytest.raises(Refused) as refused:
        dues.settle(payment, "advance")
    assert refused.value.code == "advancing.short"
    advance(dues, 110_000)
    dues.settle(payment, "advance")
    assert (dues.balance("advance"), dues.saved(people[0])) == (10_000, MONTHLY)
    dues.whole()


def test_an_account_that_cannot_take_its_line_is_named_before_any_money_moves(dues: Dues) -> None:
    anna, bert = dues.people(1, 2)
    dues.assess("2026-03")
    payment = dues.register()
    dues.arrive(2 * MONTHLY)
    with transaction(dues.session):  # what closes an account asks before; this is the last lock
        accounts.close(dues.session, bert.ledger_account_id)
    with pytest.raises(Refused, match=bert.individual_account_no) as refused:
        dues.settle(payment)
    assert refused.value.code == "allocating.account"
    assert (dues.saved(anna), dues.balance("suspense")) == (0, 2 * MONTHLY)


def test_many_people_are_posted_by_a_job_in_pieces(dues: Dues, small_pieces: None) -> None:
    people = dues.people(*range(1, 6))
    dues.assess("2026-03")
    payment = dues.register()
    dues.arrive(payment.amount_cents)
    assert dues.settle(payment)
    assert dues.states() == [("2026-03", "posting")]
    assert allocating.so_far(dues.session, payment.id).endswith("已计入 0 / 5 笔")
    assert (receipts(dues), dues.sent()) == ([("matched", 0)], [])
    dues.work()
    assert allocating.so_far(dues.session, payment.id) == ""
    assert [dues.saved(one) for one in people] == [MONTHLY] * 5
    keys = dues.session.scalars(select(Voucher.key).where(Voucher.key.startswith("alloc:")))
    (one,) = dues.remittances()
    assert sorted(keys) == [f"alloc:{one.id}:{first}" for first in (1, 3, 5)]
    assert (one.state, one.allocated, dues.sent()) == ("posted", 5, ["payment_settled"])
    dues.whole()


def test_several_months_are_posted_one_after_the_other(dues: Dues, small_pieces: None) -> None:
    people = dues.people(1, 2, 3)
    dues.assess("2026-05")
    payment = dues.register()
    dues.arrive(payment.amount_cents)
    assert dues.settle(payment)
    dues.work()
    assert [dues.saved(one) for one in people] == [3 * MONTHLY] * 3
    assert dues.paid_through() == ["2026-05"]
    assert dues.paid_through(people) == ["2026-05"] * 3


def test_money_in_advance_that_a_job_is_posting_cannot_be_spent_twice(
    dues: Dues, small_pieces: None
) -> None:
    dues.people(*range(1, 6))
    march, april = dues.assess("2026-04")
    first, second = (
        dues.register(one, method="advance", no=no) for one, no in ((march, "P-1"), (april, "P-2"))
    )
    advance(dues, 6 * MONTHLY)
    assert dues.settle(first, "advance")
    with pytest.raises(Refused) as refused:
        dues.settle(second, "advance")
    assert refused.value.code == "advancing.short"
    dues.work()
    assert dues.balance("advance") == MONTHLY


def test_a_frozen_member_is_credited(dues: Dues) -> None:
    (anna,) = dues.people(1)
    dues.assess("2026-03")
    members.do(dues.books, "freeze", anna.individual_account_no)
    payment = dues.register()
    dues.arrive(MONTHLY)
    dues.settle(payment)
    assert dues.saved(anna) == MONTHLY


def test_a_payment_being_posted_cannot_be_given_up(dues: Dues, small_pieces: None) -> None:
    dues.people(*range(1, 6))
    dues.assess("2026-03")
    payment = dues.register()
    dues.arrive(payment.amount_cents)
    dues.settle(payment)
    with transaction(dues.session):
        assert not payments.release(dues.rt, CLERK, payment)
    dues.work()
    assert dues.states() == [("2026-03", "posted")]


def test_money_that_arrived_for_a_payment_given_up_is_the_units_again(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-03")
    payment = dues.register()
    receipt = dues.arrive(MONTHLY)
    with transaction(dues.session):
        receipt.payment_id = payment.id
    with transaction(dues.session):
        payments.release(dues.rt, CLERK, payment)
    again = dues.register(no="P-2")
    dues.settle(again)
    assert dues.states() == [("2026-03", "posted")]


def test_a_month_posted_late_does_not_move_a_member_back(dues: Dues) -> None:
    (anna,) = dues.people(1)
    march, april = dues.assess("2026-04")
    for one, no in ((april, "P-1"), (march, "P-2")):
        payment = dues.register(one, no=no)
        dues.arrive(MONTHLY)
        dues.settle(payment)
    assert dues.session.get_one(IndividualAccount, anna.id).paid_through_month == "2026-04"


def test_while_the_bank_may_be_debiting_nobody_gives_the_payment_up(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-03")
    payment = dues.register(method="realtime")
    order = debiting_now(dues, payment)
    with pytest.raises(Refused) as refused, transaction(dues.session):
        payments.release(dues.rt, CLERK, payment)
    assert refused.value.code == "payments.debiting"
    with transaction(dues.session):
        order.state, payment.state, payment.result = "declined", "declined", "余额不足"
    with transaction(dues.session):
        assert payments.release(dues.rt, CLERK, payment)
    found = payment_of(dues, payment)
    assert (found.state, found.result) == ("declined", "余额不足")
    assert dues.states() == [("2026-03", "assessed")]


def debiting_now(dues: Dues, payment: Payment) -> DebitOrder:
    """The bank has been asked and has not answered."""
    with transaction(dues.session) as session:
        signed = DebitAgreement(
            unit_account_no=UNIT,
            branch_code="QDN01",
            bank_name="建设银行",
            bank_account_no="52001234567890",
            account_name="单位",
            since=date(2026, 1, 1),
        )
        session.add(signed)
        session.flush()
        order = DebitOrder(
            order_no=f"{payment.slip_no}-1",
            payment_id=payment.id,
            agreement_id=signed.id,
            amount_cents=payment.amount_cents,
            state="unknown",
            ordered_at=dues.rt.clock(),
        )
        session.add(order)
        payment.state = "debiting"
    return order
