"""The demonstration's papers agree with its books: changes, assessments, payments, receipts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine import Runtime
from engine.calendar import ZONE
from handlers import centers, demo
from handlers.banking.models import (
    MATCHED,
    PAID,
    SUSPENDED,
    UNCLAIMED,
    BankReceipt,
    DebitAgreement,
    Payment,
)
from handlers.contributions import assessing
from handlers.contributions.assessing import Asked
from handlers.contributions.models import (
    ASSESSED,
    BASE,
    OPEN,
    POSTED,
    SEAL,
    AnnualAssessment,
    MemberChange,
    Remittance,
    RemittanceLine,
    UnitRateChange,
)
from handlers.demo import loading
from handlers.ledger import verifying
from handlers.ledger.models import LedgerAccount, Voucher
from handlers.members.models import IndividualAccount
from handlers.units.models import Unit
from tests.builders import keys, people
from tests.builders.books import EveryDay
from tests.conftest import Clock
from tests.servers import Databases

ROOT = Path(__file__).resolve().parents[2]
NAMED = 8
NOVEMBER = datetime(2026, 11, 22, 10, tzinfo=ZONE)
TODAY = date(2026, 11, 22)
SIZE = demo.Size(25, 400, months=12, seed=7)
SMALL = demo.Size(10, 0, months=6, seed=7)


@pytest.fixture(autouse=True, scope="module")
def _fewer_named_units() -> Iterator[None]:
    keys.configure()
    patch = pytest.MonkeyPatch()
    facts = {code: replace(each, units=each.units[:NAMED]) for code, each in loading.FACTS.items()}
    patch.setattr(loading, "FACTS", facts)
    yield
    patch.undo()


def generated(session: Session, size: demo.Size, code: str) -> None:
    center = centers.load(ROOT, code)
    clock = Clock()
    clock.set(NOVEMBER)
    rt = Runtime(session=session, clock=clock, calendar=EveryDay(), profile=center)
    demo.load(session, center, now=rt.clock())
    assert demo.generate(rt, size) is not None


@pytest.fixture(scope="module")
def session(module_database_url: str) -> Iterator[Session]:
    with people.store(module_database_url) as sessions, sessions() as opened:
        generated(opened, SIZE, "qiandongnan")
        yield opened


def test_what_was_remitted_is_what_the_members_got(session: Session) -> None:
    booked: dict[tuple[str, str], int] = defaultdict(int)
    reversed_ = select(Voucher.reversal_of).where(Voucher.reversal_of.is_not(None))
    for voucher in session.scalars(
        select(Voucher).where(
            Voucher.business.in_(("remittance", "back_payment")),
            Voucher.reversal_of.is_(None),
            Voucher.id.not_in(reversed_),
        )
    ):
        booked[voucher.unit_account_no, voucher.contribution_month] += voucher.credit_cents
    posted = session.scalars(select(Remittance).where(Remittance.state == POSTED)).all()
    assert {(one.unit_account_no, one.month): one.total_cents for one in posted} == booked
    assert len(posted) > 200


def test_the_last_three_months_keep_a_line_for_everybody(session: Session) -> None:
    sums = (
        func.count(),
        func.sum(RemittanceLine.unit_cents),
        func.sum(RemittanceLine.individual_cents),
    )
    kept = {
        each: tuple(rest)
        for each, *rest in session.execute(
            select(RemittanceLine.remittance_id, *sums).group_by(RemittanceLine.remittance_id)
        )
    }
    recent = session.scalars(select(Remittance).where(Remittance.month >= "2026-08")).all()
    assert recent
    for one in recent:
        assert kept[one.id] == (one.headcount, one.unit_cents, one.individual_cents), one.month


def test_the_summary_of_a_month_adds_up(session: Session) -> None:
    kinds = set()
    for one in session.scalars(select(Remittance).where(Remittance.kind == "remittance")):
        last, came, bases, left, now, _ = one.summary
        assert last["cents"] + came["cents"] + bases["cents"] - left["cents"] == now["cents"]
        assert last["headcount"] + came["headcount"] - left["headcount"] == now["headcount"]
        assert (now["headcount"], now["cents"]) == (one.headcount, one.total_cents)
        kinds |= {line["name"] for line in (came, bases, left) if line["headcount"]}
    assert kinds == {"本月增加汇缴", "本月调整基数", "本月减少汇缴"}


def test_suspense_is_what_the_receipts_leave_open(session: Session) -> None:
    lying = dict(
        session.execute(
            select(LedgerAccount.unit_account_no, LedgerAccount.balance_cents).where(
                LedgerAccount.kind == "suspense", LedgerAccount.balance_cents != 0
            )
        ).all()
    )
    left = session.execute(
        select(BankReceipt.unit_account_no, func.sum(BankReceipt.open_cents))
        .where(BankReceipt.state == SUSPENDED)
        .group_by(BankReceipt.unit_account_no)
    ).all()
    assert dict(left) == lying
    assert lying
    assert session.scalar(select(func.count()).where(BankReceipt.state == UNCLAIMED))


def test_every_payment_has_its_money(session: Session) -> None:
    owed: dict[int, int] = defaultdict(int)
    for one in session.scalars(select(Remittance).where(Remittance.payment_id.is_not(None))):
        owed[one.payment_id or 0] += one.total_cents
    paid = {one.id: one for one in session.scalars(select(Payment).where(Payment.state == PAID))}
    assert {each: one.amount_cents for each, one in paid.items()} == owed
    matched = session.scalars(select(BankReceipt).where(BankReceipt.state == MATCHED)).all()
    assert len(matched) > len(paid) * 0.9
    for one in matched:
        assert one.payment_id is not None
        assert one.amount_cents == paid[one.payment_id].amount_cents
        assert one.voucher_id is not None


def test_an_account_stands_where_its_last_change_left_it(session: Session) -> None:
    rows = session.execute(
        select(MemberChange, IndividualAccount)
        .join(IndividualAccount, IndividualAccount.id == MemberChange.individual_account_id)
        .order_by(MemberChange.id)
    ).all()
    repriced = set(session.scalars(select(UnitRateChange.unit_account_no)))
    last = {}
    for change, account in rows:
        last[account.id] = (change, account)
    assert {change.kind for change, _ in rows} == {OPEN, SEAL, BASE}
    for change, account in last.values():
        if change.kind == SEAL:
            assert account.sealed_on == change.effective_on
        if account.unit_account_no not in repriced:
            assert change.new_unit_cents == account.unit_monthly_amount_cents
        assert change.new_base_cents == account.contribution_base_cents


def test_some_units_have_changed_their_rates_and_the_tours_own_their_bases_still_to_adjust(
    session: Session,
) -> None:
    for one in session.scalars(select(UnitRateChange)):
        unit = session.scalars(
            select(Unit).where(Unit.unit_account_no == one.unit_account_no)
        ).one()
        assert (unit.unit_rate, unit.individual_rate) == (
            one.new_unit_rate,
            one.new_individual_rate,
        )
    assert session.scalar(select(func.count(UnitRateChange.id)))
    first = session.scalars(select(Unit).order_by(Unit.id).limit(1)).one()
    adjusted = select(func.count()).where(
        MemberChange.unit_account_no == first.unit_account_no,
        MemberChange.kind == BASE,
        MemberChange.effective_on >= date(2026, 7, 1),
    )
    assert session.scalar(adjusted) == 0


def test_units_that_are_behind_have_assessed_what_they_owe_first(session: Session) -> None:
    assessed = session.scalars(select(Remittance).where(Remittance.state == ASSESSED)).all()
    assert assessed
    for one in assessed:
        unit = session.scalars(
            select(Unit).where(Unit.unit_account_no == one.unit_account_no)
        ).one()
        assert one.month > unit.paid_through_month


@pytest.mark.parametrize("code", ["dazhou", "xizang", "shaanxi", "chuxiong", "qiandongnan"])
def test_every_unit_may_assess_its_next_month(databases: Databases, code: str) -> None:
    url = databases.sqlite()
    with people.store(url) as sessions, sessions() as session:
        generated(session, SMALL, code)
        wrong = {}
        for unit in session.scalars(select(Unit).where(Unit.unit_status == "01")):
            through = assessing.next_month(session, unit, TODAY)
            wrong[unit.unit_name] = [
                problem.text for problem in assessing.problems(session, Asked(unit, through, TODAY))
            ]
        assert set(map(tuple, wrong.values())) == {()}, wrong
        assert verifying.verify(session).faults == ()
        counts = [session.scalar(select(func.count(t.id))) for t in _OF_SOME]
    databases.drop(url)
    assert [bool(count) for count in counts] == [code == "shaanxi", code == "chuxiong"]


_OF_SOME: tuple[Any, ...] = (AnnualAssessment, DebitAgreement)
