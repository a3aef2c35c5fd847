"""The generated books: believable people and money, the same for the same seed, and never wrong.

A third of the named units and as many invented ones that every trouble occurs; fourteen months
with two settlements.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from engine import Runtime
from handlers import centers, demo, identifiers
from handlers.contributions.amounts import YUAN
from handlers.demo import loading
from handlers.demo.numbers import Numbers
from handlers.ledger import verifying
from handlers.ledger.models import (
    Entry,
    InterestSettlement,
    LedgerAccount,
    UnitTotal,
    Voucher,
)
from handlers.loans.models import Loan, LoanRepayment
from handlers.members.models import IndividualAccount, Person
from handlers.people.models import Operator
from handlers.units.models import Unit
from tests.builders import keys, people
from tests.builders.books import EveryDay
from tests.conftest import Clock
from tests.servers import Databases

ROOT = Path(__file__).resolve().parents[2]
NAMED, UNITS, MEMBERS = 8, 25, 540
SIZE = demo.Size(UNITS, MEMBERS, months=14, seed=7)
DESIGN = "020810042637"
TABLES = (Unit, Person, IndividualAccount, LedgerAccount, Voucher, Entry, UnitTotal, Loan)
SECRET = ("id_no", "mobile", "legal_rep_id_no", "bank_account_no")  # sealed with another nonce


@pytest.fixture(autouse=True, scope="module")
def _fewer_named_units() -> Iterator[None]:
    keys.configure()  # another module's ring may still be there when this one's books are made
    patch = pytest.MonkeyPatch()
    facts = {code: replace(each, units=each.units[:NAMED]) for code, each in loading.FACTS.items()}
    patch.setattr(loading, "FACTS", facts)
    yield
    patch.undo()


def runtime(session: Session, code: str = "qiandongnan") -> Runtime:
    center = centers.load(ROOT, code)
    return Runtime(session=session, clock=Clock(), calendar=EveryDay(), profile=center)


def generated(session: Session, size: demo.Size = SIZE, code: str = "qiandongnan") -> Runtime:
    rt = runtime(session, code)
    demo.load(session, rt.profile, now=rt.clock())
    made = demo.generate(rt, size)
    assert made is not None
    return rt


@pytest.fixture(scope="module")
def session(module_database_url: str) -> Iterator[Session]:
    with people.store(module_database_url) as sessions, sessions() as opened:
        generated(opened)
        yield opened


def count(session: Session, *where: Any) -> int:
    return session.scalar(select(func.count()).where(*where)) or 0


def test_every_invariant_of_the_ledger_holds(session: Session) -> None:
    report = verifying.verify(session)
    assert report.faults == ()
    assert (report.vouchers, report.accounts) > (400, 500)


def test_there_is_what_was_asked_for(session: Session) -> None:
    assert session.scalar(select(func.count(Unit.id))) == UNITS
    members = session.scalar(select(func.count(IndividualAccount.id))) or 0
    assert abs(members - MEMBERS) <= UNITS, members
    design = Counter(
        session.scalars(
            select(IndividualAccount.account_status).where(
                IndividualAccount.unit_account_no == DESIGN
            )
        )
    )
    assert (design["01"], design["02"]) == (172, 14)


def test_generating_again_adds_nothing(session: Session) -> None:
    before = session.scalar(select(func.count()).select_from(Entry))
    rt = runtime(session)
    demo.load(session, rt.profile, now=rt.clock())
    assert demo.generate(rt, SIZE) is None
    assert session.scalar(select(func.count()).select_from(Entry)) == before
    assert session.scalar(select(func.count(Unit.id))) == UNITS


def test_everything_that_happens_in_a_centre_happens(session: Session) -> None:
    businesses = set(session.scalars(select(Voucher.business).distinct()))
    assert businesses >= {
        *("opening_balance", "remittance", "back_payment", "advance_deposit", "interest"),
        *("suspense_deposit", "suspense_clearing", "partial_withdrawal", "closing_withdrawal"),
        *("transfer_out", "payout", "interest_accrual", "loan_disbursement", "loan_repayment"),
        *("loan_early_repayment", "loan_overdue_repayment", "loan_settlement"),
    }
    assert count(session, Voucher.reversal_of.is_not(None)) >= 1
    statuses = set(session.scalars(select(IndividualAccount.account_status).distinct()))
    assert statuses == {"01", "02", "04", "05", "06"}
    assert set(session.scalars(select(Unit.unit_status).distinct())) == {"01", "03"}
    assert set(session.scalars(select(Loan.loan_status).distinct())) == {
        *("normal", "overdue", "settled")
    }
    assert count(session, LoanRepayment.penalty_cents > 0) >= 1
    for kind in ("advance", "suspense"):
        assert count(session, LedgerAccount.kind == kind, LedgerAccount.balance_cents > 0) >= 1


def test_a_unit_pays_every_month_and_some_are_behind(session: Session) -> None:
    paid = session.scalars(
        select(Voucher.contribution_month)
        .where(Voucher.unit_account_no == DESIGN, Voucher.business == "remittance")
        .order_by(Voucher.id)
    ).all()
    assert paid == [f"{2025 + (m // 12)}-{m % 12 + 1:02d}" for m in range(4, 18)]
    through = Counter(session.scalars(select(Unit.paid_through_month)))
    assert through["2026-06"] > UNITS * 0.6
    assert min(through) <= "2026-03"
    last = dict(
        session.execute(
            select(Voucher.unit_account_no, func.max(Voucher.contribution_month))
            .where(Voucher.contribution_month != "")
            .group_by(Voucher.unit_account_no)
        ).all()
    )
    assert last == dict(
        session.execute(select(Unit.unit_account_no, Unit.paid_through_month)).all()
    )


def test_two_years_of_interest_are_settled(session: Session) -> None:
    rows = session.scalars(select(InterestSettlement).order_by(InterestSettlement.fund_year)).all()
    assert [row.fund_year for row in rows] == [2025, 2026]
    assert all(row.finished_at and row.interest_cents > 0 for row in rows)
    closings = Voucher.business == "closing_withdrawal"
    assert count(session, closings) == count(session, closings, Voucher.interest_cents > 0)


def test_vouchers_lie_in_the_order_of_their_days(session: Session) -> None:
    rows = session.execute(
        select(Voucher.branch_code, Voucher.posted_on, Voucher.posted_at, Voucher.business)
        .where(Voucher.business.not_in(("interest", "interest_accrual")))
        .order_by(Voucher.branch_code, Voucher.id)
    ).all()
    assert [row[:2] for row in rows] == sorted(row[:2] for row in rows)
    assert max(row.posted_on for row in rows) <= date(2026, 6, 30)
    assert min(row.posted_on for row in rows) == date(2025, 5, 1)


def test_the_last_remittance_is_what_the_account_says(session: Session) -> None:
    rows = session.execute(
        select(IndividualAccount, Entry.amount_cents)
        .join(Entry, Entry.account_id == IndividualAccount.ledger_account_id)
        .join(Voucher, Voucher.id == Entry.voucher_id)
        .where(
            Voucher.business.in_(("remittance", "back_payment")),
            Voucher.contribution_month == IndividualAccount.paid_through_month,
            Voucher.reversal_of.is_(None),
        )
    ).all()
    assert len(rows) > MEMBERS * 0.85
    assert all(account.monthly_amount_cents == cents for account, cents in rows)
    for account, _ in rows:
        assert 1_660_00 <= account.contribution_base_cents <= 3 * 7_702_00


def test_every_persons_numbers_are_right_and_their_own(session: Session) -> None:
    today = date(2026, 7, 15)
    found = session.scalars(
        select(IndividualAccount).options(selectinload(IndividualAccount.person))
    ).all()
    for account in found:
        person = account.person
        assert identifiers.check_resident_id(person.id_no, today) == person.id_no
        assert identifiers.check_mobile(person.mobile) == person.mobile or not person.mobile
        born = identifiers.birth_of(person.id_no)
        assert timedelta(days=19 * 365) < account.opened_on - born, person.person_name
        assert born > date(1963, 1, 1), "nobody works beyond the retirement age"
        assert person.gender == ("1" if int(person.id_no[16]) % 2 else "2")
        for card in (account.joint_card_no, account.payout_account_no):
            assert not card or identifiers.check_bank_card(card) == card
    assert len({account.person.id_no for account in found}) == len(found)
    assert len({account.person.person_name for account in found}) > len(found) * 0.6


def test_the_operator_of_a_unit_has_an_account_there(session: Session) -> None:
    operator = session.scalars(select(Operator).where(Operator.login == DESIGN)).one()
    person = session.scalars(select(Person).where(Person.person_name == operator.name)).first()
    assert person is not None
    assert person.id_no == operator.id_no


def test_invented_units_have_names_numbers_and_operators_of_their_own(session: Session) -> None:
    units = session.scalars(select(Unit).order_by(Unit.id)).all()
    assert len({unit.unit_name for unit in units}) == len({unit.uscc for unit in units}) == UNITS
    logins = set(session.scalars(select(Operator.login)))
    for unit in units:
        assert identifiers.check_uscc(unit.uscc) == unit.uscc
        assert unit.unit_account_no in logins
        assert min(unit.unit_rate, unit.individual_rate) >= 5
        assert max(unit.unit_rate, unit.individual_rate) <= 12
    sizes = sorted(unit.active_headcount for unit in units)
    assert sizes[len(sizes) // 2] * 3 < sizes[-1], "few large, many small"


def fingerprint(session: Session) -> str:
    digest = hashlib.sha256()
    for table in TABLES:
        names = [c.name for c in table.__table__.c if not c.name.endswith(("_index", "_card_no"))]
        columns = [table.__table__.c[n] for n in names if n not in (*SECRET, "payout_account_no")]
        order = list(table.__table__.primary_key)
        for row in session.execute(select(*columns).order_by(*order)):
            digest.update(repr(tuple(row)).encode())
    return digest.hexdigest()


def test_the_same_seed_makes_the_same_books(databases: Databases) -> None:
    prints = []
    for seed in (7, 7, 8):
        url = databases.sqlite()
        with people.store(url) as sessions, sessions() as opened:
            generated(opened, demo.Size(10, 0, months=2, seed=seed))
            prints.append(fingerprint(opened))
        databases.drop(url)
    assert prints[0] == prints[1]
    assert prints[1] != prints[2]


def test_in_xizang_people_have_tibetan_names_and_pay_whole_yuan(databases: Databases) -> None:
    url = databases.sqlite()
    with people.store(url) as sessions, sessions() as opened:
        generated(opened, demo.Size(12, 0, months=3, seed=7), "xizang")
        assert verifying.verify(opened).faults == ()
        names = opened.scalars(select(Person.person_name)).all()
        assert 0.6 < sum(len(name) == 4 for name in names) / len(names) < 0.9
        for account in opened.scalars(select(IndividualAccount)):
            assert account.monthly_amount_cents % YUAN == 0
            assert account.unit_monthly_amount_cents == account.individual_monthly_amount_cents
    databases.drop(url)


def test_resident_numbers_are_given_once_and_not_to_those_who_are_known() -> None:
    born = date(1990, 3, 5)
    taken = Numbers().resident_id("522601", born, woman=True)
    numbers = Numbers([taken])
    given = [numbers.resident_id("522601", born, woman=True) for _ in range(498)]
    given += [numbers.resident_id("522601", born, woman=False) for _ in range(500)]
    assert len({*given, taken}) == len(given) + 1
    for number in given:
        assert identifiers.check_resident_id(number, date(2026, 1, 1)) == number


def test_cards_and_telephones_do_not_repeat() -> None:
    numbers = Numbers()
    assert len({numbers.card("621700") for _ in range(20_000)}) == 20_000
    assert len({numbers.mobile() for _ in range(20_000)}) == 20_000
