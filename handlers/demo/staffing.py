"""People and their individual accounts, written in bulk as they stand at the end of the window.

Their money follows: until the books are written every ledger account is open and empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, cast

from sqlalchemy import Table, insert, select, update
from sqlalchemy.orm import Session

from engine.database import transaction
from handlers.demo import crews
from handlers.demo.crews import BEFORE, Firm, Member, TermsOf
from handlers.demo.firms import Plan
from handlers.demo.names import Names
from handlers.demo.numbers import CARDS, Numbers
from handlers.demo.people import Somebody
from handlers.identifiers import birth_of
from handlers.ledger import accounts
from handlers.ledger.models import LedgerAccount
from handlers.members import numbers as account_numbers
from handlers.members.codes import FROZEN, NORMAL
from handlers.members.models import IndividualAccount, Person
from handlers.members.operations import ID_PURPOSE, LEDGER_KIND, MOBILE_PURPOSE
from handlers.people.models import Operator
from handlers.privacy.columns import blind
from handlers.units.models import Unit

CHUNK_MEMBERS = 4_000  # in one transaction, and in memory
JOINT_CARDS, PAYOUT_CARDS = 0.4, 0.7  # shares of people who have one
DEFERRED = "03"  # table A.4

_PERSON, _ACCOUNT, _LEDGER, _UNIT = (
    cast(Table, table.__table__) for table in (Person, IndividualAccount, LedgerAccount, Unit)
)


@dataclass(frozen=True, slots=True)
class Office:
    """What hiring needs besides the firm."""

    session: Session
    plan: Plan
    names: Names
    numbers: Numbers
    terms: TermsOf


def hire(office: Office, firms: Sequence[Firm], *, report: Callable[[int], None]) -> None:
    """Everybody of every unit, in chunks; the units' records say so afterwards."""
    for chunk in _chunks(firms):
        with transaction(office.session):
            for firm in chunk:
                _hire(office, firm)
        report(sum(firm.heads.total for firm in chunk))


def average_yuan(terms: TermsOf, firm: Firm, plan: Plan) -> int:
    """The city's average wage at the beginning; the base cap is three times of it."""
    return terms(firm.branch_code, plan.window.year(0)).bases.high_cents // 300


def _chunks(firms: Sequence[Firm]) -> Iterator[list[Firm]]:
    chunk: list[Firm] = []
    for firm in firms:
        chunk.append(firm)
        if sum(each.heads.total for each in chunk) >= CHUNK_MEMBERS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _hire(office: Office, firm: Firm) -> None:
    session, plan = office.session, office.plan
    members = crews.crew(plan.window, firm, average_yuan(office.terms, firm, plan), plan.seed)
    _record(session, plan, firm)
    if not members:
        return
    chance = Random(f"{plan.seed}/{firm.account_no}/people")
    made = insert(_PERSON).returning(_PERSON.c.id, sort_by_parameter_order=True)
    people = session.scalars(made, _people(office, firm, members, chance)).all()
    nos = account_numbers.take(session, firm.branch_code, len(members))
    accounts.open_many(
        session,
        [
            accounts.row(
                LEDGER_KIND,
                no,
                branch_code=firm.branch_code,
                opened_on=member.opened_on,
                unit_account_no=firm.account_no,
            )
            for no, member in zip(nos, members, strict=True)
        ],
    )
    mine = (_LEDGER.c.unit_account_no == firm.account_no) & (_LEDGER.c.kind == LEDGER_KIND)
    ledger = session.scalars(select(_LEDGER.c.id).where(mine).order_by(_LEDGER.c.owner)).all()
    rows = [_account(office, firm, member, chance) for member in members]
    keys = zip(rows, people, nos, ledger, strict=True)
    for place, (row, person_id, no, ledger_id) in enumerate(keys, start=1):
        row |= {
            "person_id": person_id,
            "individual_account_no": no,
            "ledger_account_id": ledger_id,
            "employee_no": f"{place:04d}",
        }
    session.execute(insert(_ACCOUNT), rows)


def _record(session: Session, plan: Plan, firm: Firm) -> None:
    habits, window = firm.habits, plan.window
    paid = window.count - habits.behind > habits.opened
    values: dict[str, Any] = {
        "active_headcount": firm.heads.active,
        "sealed_headcount": firm.heads.sealed,
        "paid_through_month": window.month(window.count - 1 - habits.behind) if paid else "",
    }
    if habits.deferred:
        values["unit_status"] = DEFERRED
    session.execute(update(_UNIT).where(_UNIT.c.unit_account_no == firm.account_no).values(values))


# ── rows ───────────────────────────────────────────────────────────────────────────────────────
def _people(
    office: Office, firm: Firm, members: Sequence[Member], chance: Random
) -> list[dict[str, Any]]:
    area = office.plan.facts.areas[firm.branch_code][0]
    known = _known(office.session, firm)
    rows = []
    for member in members:
        who = _place_for(member, known)
        if who is None:
            name = office.names.draw(chance, woman=member.woman, born=member.born.year)
            id_no = office.numbers.resident_id(area, member.born, woman=member.woman)
            who = Somebody(name, id_no, office.numbers.mobile())
        rows.append(_person(who))
    return rows


def _known(session: Session, firm: Firm) -> list[Somebody]:
    """The head of the unit and its operators: they have accounts there like everybody else."""
    unit = session.scalars(select(Unit).where(Unit.unit_account_no == firm.account_no)).one()
    operators = session.scalars(
        select(Operator).where(Operator.unit_account_no == firm.account_no).order_by(Operator.id)
    )
    found = [Somebody(unit.legal_rep_name, unit.legal_rep_id_no, "")]
    return found + [Somebody(each.name, each.id_no, each.mobile) for each in operators]


def _place_for(member: Member, known: list[Somebody]) -> Somebody | None:
    """Somebody known who may well have begun to work there on that day."""
    if member.status != NORMAL or member.joined != BEFORE:
        return None
    for who in known:
        if who.id_no and member.opened_on.year - birth_of(who.id_no).year >= crews.AGE_MIN:
            known.remove(who)
            return who
    return None


def _person(who: Somebody) -> dict[str, Any]:
    return {
        "person_name": who.name,
        "id_no": who.id_no,
        "id_no_index": blind(ID_PURPOSE, who.id_no),
        "gender": "1" if int(who.id_no[16]) % 2 else "2",
        "birth_month": f"{who.id_no[6:10]}-{who.id_no[10:12]}",
        "mobile": who.mobile,
        "mobile_index": blind(MOBILE_PURPOSE, who.mobile),
    }


def _account(office: Office, firm: Firm, member: Member, chance: Random) -> dict[str, Any]:
    window = office.plan.window
    paid = crews.months_paid(window, firm, member)
    year = window.year(paid[-1] if paid else max(0, min(member.joined, window.count - 1)))
    pay = crews.pay_in(window, firm, member, office.terms, year=year)
    paying = firm.in_year(year)
    return {
        "unit_account_no": firm.account_no,
        "branch_code": firm.branch_code,
        "contribution_base_cents": pay.base_cents,
        "unit_rate": paying.unit_rate,
        "individual_rate": paying.individual_rate,
        "unit_monthly_amount_cents": pay.shares.unit_cents,
        "individual_monthly_amount_cents": pay.shares.individual_cents,
        "account_status": member.status,
        "status_before_freeze": NORMAL if member.status == FROZEN else "",
        "opened_on": member.opened_on,
        "sealed_on": crews.sealed_on(window, member),
        "closed_on": crews.closed_on(window, member),
        "seal_or_close_reason": member.reason,
        "paid_through_month": crews.paid_through(window, firm, member),
    } | _cards(office.numbers, chance)


def _cards(numbers: Numbers, chance: Random) -> dict[str, str]:
    """The joint card (联名卡) and where money is paid out to."""
    code, bank, head = chance.choice(CARDS)
    joint = numbers.card(head) if chance.random() < JOINT_CARDS else ""
    payout = joint
    if not payout and chance.random() < PAYOUT_CARDS:
        payout = numbers.card(head)
    return {
        "joint_card_no": joint,
        "joint_card_bank": bank if joint else "",
        "payout_account_no": payout,
        "payout_bank_name": bank if payout else "",
        "payout_bank_code": code if payout else "",
    }
