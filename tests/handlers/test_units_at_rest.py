"""A unit deferred (缓缴), sealed or closed: what it may still do, and what becomes of money.

Nobody joins, leaves or changes there and no month is assessed (glossary §3.2, QDN §10).  What was
assessed before is owed and may be paid; money that arrives is kept, and can always be sent back.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.database import transaction
from engine.errors import OperationFailed, Refused
from handlers.banking import matching
from handlers.contributions import back_paying, cancelling
from handlers.units import queries as units
from handlers.units import states
from tests.builders import members
from tests.builders.books import CLERK, UNIT
from tests.builders.changes import A, B, Ground, ground, newcomer
from tests.builders.dues import Dues, owing
from tests.conftest import Clock
from tests.handlers.test_bank_desk import decide

MONTHLY = 128_000
SAID = {
    states.DEFERRED: "units.deferred",
    states.CLOSED: "units.closed",
    states.SEALED: "units.status",
}
at_rest = pytest.mark.parametrize("status", SAID)


@pytest.fixture
def here(sqlite_url: str, clock: Clock) -> Iterator[Ground]:
    with ground(sqlite_url, clock) as made:
        yield made


@pytest.fixture
def dues(sqlite_url: str, clock: Clock) -> Iterator[Dues]:
    with owing(sqlite_url, clock) as made:
        yield made


def rest(dues: Dues, status: str) -> None:
    with transaction(dues.session):
        unit = units.locked_unit(dues.session, UNIT)
        assert unit is not None
        unit.unit_status = status


# ── people ──────────────────────────────────────────────────────────────────────────────────────


@at_rest
def test_nobody_of_a_unit_at_rest_is_changed_and_one_sentence_says_why(
    here: Ground, status: str
) -> None:
    normal, sealed, theirs = here.member(1), here.sealed(2), here.sealed(3, B)
    assert here.apply("SealAccounts", who(here.member(4)) | {"reason": "01"}) == [""]
    change = here.changes()[-1].id
    here.set(A, unit_status=status)
    rows = {
        "OpenAccounts": newcomer(9),
        "SealAccounts": who(normal) | {"reason": "01"},
        "UnsealAccounts": who(sealed) | {"contribution_base": "8,000.00"},
        "BaseAdjustment": who(normal) | {"contribution_base": "9,000.00"},
        "AnnualAssessment": who(normal) | {"contribution_base": "9,000.00"},
        "AccountMerge": {"source_account_no": sealed, "target_account_no": normal},
        "InternalTransfer": who(theirs) | {"id_no": members.resident_id(3), "from_unit": B}
        | {"person_name": members.name_of(3)},
        "UndoChanges": {"change_no": str(change)},
    }  # fmt: skip
    found = {form: here.apply(form, row) for form, row in rows.items()}
    assert found == {form: [SAID[status]] for form in rows}
    assert [one.id for one in here.changes()] == [change]


@at_rest
def test_whoever_leaves_a_unit_at_rest_is_taken_over(here: Ground, status: str) -> None:
    """Its state is nobody's reason to stay (条例 art. 15)."""
    sealed = here.sealed(3, B, cents=500_00)
    here.set(B, unit_status=status)
    row = {"id_no": members.resident_id(3), "person_name": members.name_of(3)}
    assert here.apply("InternalTransfer", row) == [""]
    assert here.account(sealed).unit_account_no == A
    here.verify()


def who(account: str) -> dict[str, str]:
    return {"individual_account_no": account}


# ── months and money ────────────────────────────────────────────────────────────────────────────


@at_rest
def test_no_month_is_assessed_and_nothing_is_paid_back(dues: Dues, status: str) -> None:
    dues.people(1)
    dues.pay("2026-03")
    rest(dues, status)
    with pytest.raises(Refused) as refused:
        dues.assess("2026-04")
    assert refused.value.code == SAID[status]
    unit = units.unit(dues.session, UNIT)
    assert unit is not None
    assert [one.code for one in back_paying.standing(dues.session, unit)] == [SAID[status]]


@at_rest
def test_what_was_assessed_before_is_paid_or_cancelled(dues: Dues, status: str) -> None:
    (anna,) = dues.people(1)
    dues.assess("2026-04")
    rest(dues, status)
    with transaction(dues.session):
        units.locked_unit(dues.session, UNIT)
        assert cancelling.cancel(dues.rt, CLERK, UNIT, "2026-04", no="C-1") == 1
    payment = dues.register()
    dues.arrive(payment.amount_cents)
    assert not dues.settle(payment)
    assert dues.saved(anna) == MONTHLY
    assert dues.states() == [("2026-03", "posted"), ("2026-04", "cancelled")]
    dues.whole()


@at_rest
def test_money_nobody_asked_for_stays_in_suspense_and_is_sent_back(dues: Dues, status: str) -> None:
    rest(dues, status)
    receipt = dues.arrive(MONTHLY)
    with transaction(dues.session):
        assert not matching.match(dues.rt, CLERK, receipt, no="B-1")
    assert "没有待缴款的汇缴或补缴" in receipt.why
    assert dues.balance("suspense") == MONTHLY
    decide(dues, receipt=receipt.id, treatment="refund")
    assert dues.balance("suspense") == 0
    dues.whole()


def test_money_of_a_closed_unit_does_not_go_where_nobody_uses_it(dues: Dues) -> None:
    rest(dues, states.CLOSED)
    receipt = dues.arrive(MONTHLY).id
    with pytest.raises(OperationFailed, match="请选择退回单位"):
        decide(dues, receipt=receipt, treatment="advance")
    decide(dues, receipt=receipt, treatment="refund")
    assert (dues.balance("suspense"), dues.balance("advance")) == (0, 0)
    dues.whole()
