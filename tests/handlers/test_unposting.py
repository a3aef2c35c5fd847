"""撤销入账 (XZ-6.3c): what was posted this month by mistake is taken out of the books again."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from engine.database import transaction
from engine.errors import Refused
from handlers.banking.models import BankReceipt
from handlers.contributions import allocating, unposting
from handlers.contributions.models import Remittance
from tests.builders import members
from tests.builders.books import CLERK
from tests.builders.dues import Dues

MONTHLY = 128_000
WHY = "金额核对有误"


def undo(dues: Dues, one: Remittance) -> bool:
    with transaction(dues.session):
        here = dues.session.get_one(Remittance, one.id)
        return unposting.undo_posted(dues.rt, CLERK, here, WHY, no="U-1")


def refusal(dues: Dues, one: Remittance) -> str:
    with pytest.raises(Refused) as refused:
        undo(dues, one)
    return refused.value.code


def test_the_money_lies_in_suspense_again_and_the_month_is_free(dues: Dues) -> None:
    people = dues.people(1, 2)
    dues.pay("2026-03")
    (march,) = dues.remittances()
    assert not undo(dues, march)
    assert [dues.saved(one) for one in people] == [0, 0]
    assert dues.balance("suspense") == 2 * MONTHLY
    assert dues.paid_through() == [""]
    assert dues.paid_through(people) == ["", ""]
    assert dues.states() == [("2026-03", "cancelled")]
    receipt = dues.session.scalars(select(BankReceipt)).one()
    assert (receipt.state, receipt.open_cents) == ("suspended", 2 * MONTHLY)
    dues.whole()
    dues.assess("2026-03")
    dues.settle(dues.register(no="P-2"))
    assert [dues.saved(one) for one in people] == [MONTHLY] * 2
    assert dues.paid_through() == ["2026-03"]
    dues.whole()


def test_members_go_back_to_the_month_they_were_paid_through_before(dues: Dues) -> None:
    anna, bert = dues.people(1, 2)
    dues.pay("2026-03")
    members.do(dues.books, "seal", bert.individual_account_no, reason="01")
    dues.pay("2026-04")
    members.do(dues.books, "unseal", bert.individual_account_no)
    dues.pay("2026-05")
    undo(dues, dues.remittances()[-1])
    assert dues.paid_through([anna, bert]) == ["2026-04", "2026-03"]
    assert dues.paid_through() == ["2026-04"]


def test_money_taken_from_advance_goes_back_there(dues: Dues) -> None:
    dues.people(1)
    dues.assess("2026-03")
    advance = dues.books.account("advance", "020810042637", unit="020810042637")
    bank = dues.books.account("bank")
    dues.books.post("advance_deposit", {bank: -MONTHLY, advance: MONTHLY})
    dues.settle(dues.register(method="advance"), "advance")
    undo(dues, dues.remittances()[0])
    assert (dues.balance("advance"), dues.balance("suspense")) == (MONTHLY, 0)


def test_a_month_with_another_behind_it_stays(dues: Dues) -> None:
    dues.people(1)
    dues.pay("2026-03")
    dues.assess("2026-04")
    assert refusal(dues, dues.remittances()[0]) == "unposting.later"


def test_last_months_postings_stay(dues: Dues) -> None:
    dues.people(1)
    dues.pay("2026-03")
    dues.books.on("2026-04-01")
    assert refusal(dues, dues.remittances()[0]) == "unposting.month"


def test_nothing_is_undone_when_one_member_has_drawn_upon_it(dues: Dues) -> None:
    anna, bert = dues.people(1, 2)
    dues.pay("2026-03")
    dues.books.withdraw(bert.ledger_account_id, 1)
    assert refusal(dues, dues.remittances()[0]) == "unposting.account"
    assert dues.saved(anna) == MONTHLY


def test_a_frozen_member_keeps_the_money(dues: Dues) -> None:
    (anna,) = dues.people(1)
    dues.pay("2026-03")
    members.do(dues.books, "freeze", anna.individual_account_no)
    assert refusal(dues, dues.remittances()[0]) == "unposting.account"


def test_undoing_twice_is_refused(dues: Dues) -> None:
    dues.people(1)
    dues.pay("2026-03")
    (march,) = dues.remittances()
    undo(dues, march)
    assert refusal(dues, march) == "unposting.gone"


def test_many_people_are_undone_by_a_job(dues: Dues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocating, "PIECE_LINES", 2)
    people = dues.people(*range(1, 6))
    dues.pay("2026-03")
    monkeypatch.setattr(allocating, "AT_ONCE_LINES", 3)
    (march,) = dues.remittances()
    assert undo(dues, march)
    assert dues.states() == [("2026-03", "posting")]
    dues.work()
    assert [dues.saved(one) for one in people] == [0] * 5
    assert dues.states() == [("2026-03", "cancelled")]
    assert dues.sent() == ["payment_settled", "posting_undone"]
    dues.whole()
