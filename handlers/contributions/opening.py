"""个人开户 by a unit (DZ-U-06.1, XZ-2.1a, SX-3.1/3.2, CX-U16, QDN-07), many at a time.

The rules are those of `members.operations.open_account`; here the statements are counted by the
piece, not by the person.  New people are stored in the order of their keyed hashes, so that two
units that bring the same people never wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, cast

from sqlalchemy import Table, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from engine.errors import Problem
from handlers.contributions import ages, bases, changes, finding, rates
from handlers.contributions.amounts import Derived, Shares
from handlers.contributions.changes import Outcomes
from handlers.contributions.finding import Held
from handlers.contributions.models import OPEN
from handlers.contributions.reads import parts
from handlers.contributions.terms import Terms, terms
from handlers.identifiers import mask_name
from handlers.ledger import accounts
from handlers.ledger.models import LedgerAccount
from handlers.members import numbers, openings
from handlers.members.codes import NORMAL, SEALED
from handlers.members.models import IndividualAccount, Person
from handlers.members.openings import RESIDENT_ID, Holder, Opening
from handlers.members.operations import ID_PURPOSE, LEDGER_KIND, person_columns
from handlers.parameters import cycle, declared, queries
from handlers.privacy.columns import sought
from handlers.rosters.applying import Application, applier
from handlers.rosters.store import Line
from handlers.units.codes import ID_TYPES
from handlers.units.models import Unit

Paper = tuple[str, str]  # kind and number
RATE_CHOICE = "rate"  # what is chosen for a roster as a whole (QDN-07b)

_PERSON = cast(Table, Person.__table__)
_ACCOUNT = cast(Table, IndividualAccount.__table__)
_NEW_PERSON: dict[str, Any] = {
    "postgresql": postgresql.insert(_PERSON).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(_PERSON).on_conflict_do_nothing(),
}


@dataclass(frozen=True, slots=True)
class Known:
    """A person the centre knows already, with every account of theirs that is not closed."""

    id: int
    name: str
    accounts: Sequence[Held] = ()


@dataclass(frozen=True, slots=True)
class Enrolling:
    """What the rules about 开户 follow from, read once for a piece of rows."""

    unit_account_no: str
    terms: Terms
    rates: rates.Rates
    age_rule: str
    gradual: bool
    documents: str
    today: date

    def opening(self, values: Mapping[str, str]) -> Opening | list[Problem]:
        """What is to be opened for a row, with the amounts worked out."""
        column = bases.typed_column(self.terms.entry)
        derived = bases.derive(self.terms, values.get(column, ""), self.rates)
        problem = derived if isinstance(derived, Problem) else bases.bounds(self.terms, derived)
        problems = [problem] if problem else []
        paid = derived if isinstance(derived, Derived) else Derived(0, Shares(0, 0))
        opening = Opening(
            unit_account_no=self.unit_account_no,
            person_name=values.get("person_name", ""),
            id_no=values.get("id_no", ""),
            id_type=values.get("id_type") or RESIDENT_ID,
            contribution_base_cents=paid.base_cents,
            unit_monthly_amount_cents=paid.shares.unit_cents,
            individual_monthly_amount_cents=paid.shares.individual_cents,
            unit_rate=self.rates[0],
            individual_rate=self.rates[1],
            mobile=values.get("mobile", ""),
            employee_no=values.get("employee_no", ""),
        )
        holder = openings.check(opening, self.today)
        if isinstance(holder, list):
            return problems + holder
        problems += self._about(opening.id_type, holder.id_no)
        checked = replace(
            opening, person_name=holder.name, id_no=holder.id_no, mobile=holder.mobile
        )
        return problems or checked

    def _about(self, id_type: str, id_no: str) -> list[Problem]:
        if id_type != RESIDENT_ID:
            if self.documents != "resident":
                return []
            text = "网上只能用居民身份证开户，使用其他证件的请到中心柜台办理。"
            return [Problem("open.document", text, "id_type")]
        problem = ages.check(self.age_rule, ages.born_of(id_no), self.today, gradual=self.gradual)
        return [problem] if problem else []

    def refusal(self, opening: Opening, known: Known | None) -> Problem | None:
        """Against what the centre knows of this person already."""
        if known is None:
            return None
        if known.name != opening.person_name:
            text = (
                f"该证件号码已登记在“{mask_name(known.name)}”名下，与填写的姓名不一致，请核对"
                "证件；姓名确有变更的，请先办理缴存人信息变更。"
            )
            return Problem("members.other_name", text, "person_name")
        mine = [one for one in known.accounts if one.unit_account_no == self.unit_account_no]
        if mine:
            text = (
                f"该职工在本单位已有账户 {mine[0].account_no}，不能重复开户；已封存的请办理启封。"
            )
            return Problem("members.open_already", text, "id_no")
        return None


def remark(known: Known | None) -> str:
    """What to do next about an account elsewhere (R art. 13: one account for one person)."""
    if known is None or not known.accounts:
        return ""
    if all(held.status == SEALED for held in known.accounts):
        return "该职工在本中心其他单位有封存账户，开户后请办理内部转移。"
    return "该职工在本中心其他单位的账户尚未封存，请提醒职工由原单位封存后办理内部转移。"


def enrolling(
    session: Session, unit: Unit, choices: Mapping[str, Any], day: date, *, today: date
) -> Enrolling:
    """The rules on a day; the rates are the unit's, or those chosen for the roster."""
    chosen = rates.offer(str(choices.get(RATE_CHOICE) or ""))
    return Enrolling(
        unit_account_no=unit.unit_account_no,
        terms=terms(session, day, unit.branch_code),
        rates=chosen or (unit.unit_rate, unit.individual_rate),
        age_rule=queries.value(session, cycle.AGE_RULE, day),
        gradual=queries.value(session, declared.RETIREMENT_RULE, day) == "gradual",
        documents=queries.value(session, cycle.OPEN_DOCUMENTS, day),
        today=today,
    )


def known_people(session: Session, asked: Iterable[Paper]) -> dict[Paper, Known]:
    """Who is known of these papers (kind, number)."""
    wanted = {
        (kind, mark): (kind, number)
        for kind, number in asked
        for mark in sought(ID_PURPOSE, number)
    }
    people: dict[Paper, tuple[int, str]] = {}
    for some in parts({mark for _, mark in wanted}):
        query = select(Person.id_type, Person.id_no_index, Person.id, Person.person_name)
        query = query.where(Person.id_type.in_(ID_TYPES), Person.id_no_index.in_(some))
        for kind, mark, person_id, name in session.execute(query):
            if (kind, mark) in wanted:
                people[wanted[kind, mark]] = (person_id, name)
    held = finding.open_of(session, [person_id for person_id, _ in people.values()])
    return {
        paper: Known(person_id, name, held.get(person_id, ()))
        for paper, (person_id, name) in people.items()
    }


@applier("contributions.OpenAccounts")
def open_accounts(work: Application, rows: Sequence[Line]) -> Outcomes:
    unit = changes.held_unit(work)
    if isinstance(unit, Problem):
        return [unit] * len(rows)
    rules = enrolling(work.session, unit, work.choices, work.accepted_on, today=work.today)
    judged = [rules.opening(line.values) for line in rows]
    sound = [one for one in judged if isinstance(one, Opening)]
    _store_people(work.session, sound)
    known = known_people(work.session, [(one.id_type, one.id_no) for one in sound])
    outcomes: Outcomes = []
    chosen: list[tuple[Line, Opening, int]] = []
    seen: set[Paper] = set()
    for line, one in zip(rows, judged, strict=True):
        if isinstance(one, list):
            outcomes.append(one[0])
            continue
        paper = (one.id_type, one.id_no)
        problem = rules.refusal(one, known[paper])
        if problem is None and paper in seen:
            problem = Problem("changes.twice", "该职工在本次清册中已有一行，请删去其中一行。")
        outcomes.append(problem)
        if problem is None:
            seen.add(paper)
            chosen.append((line, one, known[paper].id))
    if chosen:
        _store_accounts(work, unit, chosen)
    return outcomes


def _store_people(session: Session, sound: Sequence[Opening]) -> None:
    """Whoever is not known yet; two openings at once make one row."""
    columns = [person_columns(one, Holder(one.person_name, one.id_no, one.mobile)) for one in sound]
    # PostgreSQL makes a later one wait for an earlier one of the same person: one order everywhere
    columns.sort(key=lambda one: (str(one["id_type"]), str(one["id_no_index"])))
    if columns:
        session.execute(_NEW_PERSON[session.get_bind().dialect.name], columns)


def _store_accounts(
    work: Application, unit: Unit, chosen: Sequence[tuple[Line, Opening, int]]
) -> None:
    session = work.session
    given = numbers.take(session, unit.branch_code, len(chosen))
    where = {"branch_code": unit.branch_code, "unit_account_no": unit.unit_account_no}
    accounts.open_many(
        session,
        [accounts.row(LEDGER_KIND, no, opened_on=work.today, **where) for no in given],
    )
    books = _ledger_ids(session, given)
    rows = [
        _account(one, person_id)
        | where
        | {"individual_account_no": no, "ledger_account_id": books[no], "opened_on": work.today}
        for no, (_, one, person_id) in zip(given, chosen, strict=True)
    ]
    session.execute(insert(_ACCOUNT), rows)
    held = finding.by_numbers(session, given)
    unit.active_headcount += len(chosen)
    changes.record(
        session,
        [
            changes.change(
                work,
                line,
                OPEN,
                held[no],
                old_status="",
                old_base_cents=0,
                old_unit_cents=0,
                old_individual_cents=0,
            )
            for no, (line, _, _) in zip(given, chosen, strict=True)
        ],
    )


def _account(one: Opening, person_id: int) -> dict[str, Any]:
    return {
        "person_id": person_id,
        "employee_no": one.employee_no,
        "contribution_base_cents": one.contribution_base_cents,
        "unit_rate": one.unit_rate,
        "individual_rate": one.individual_rate,
        "unit_monthly_amount_cents": one.unit_monthly_amount_cents,
        "individual_monthly_amount_cents": one.individual_monthly_amount_cents,
        "account_status": NORMAL,
    }


def _ledger_ids(session: Session, given: Sequence[str]) -> dict[str, int]:
    books = select(LedgerAccount.owner, LedgerAccount.id).where(LedgerAccount.kind == LEDGER_KIND)
    found: dict[str, int] = {}
    for some in parts(given):
        query = books.where(LedgerAccount.owner.in_(some))
        found |= {owner: ledger_id for owner, ledger_id in session.execute(query)}
    return found
