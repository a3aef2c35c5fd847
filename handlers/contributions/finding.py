"""Whom a row means: the account of a unit's member by its number, by the paper, or by the name
alone when only one member has it (XZ-2.1, SX-9.1, QDN-09a).

In bulk: a piece of a roster is a handful of statements.  What is not there and what is somebody
else's get one sentence, so that numbers cannot be probed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from engine.errors import Problem
from handlers.contributions.ages import Born, born_of
from handlers.contributions.reads import parts
from handlers.identifiers import compact, mask_id
from handlers.members.codes import CLOSED
from handlers.members.models import IndividualAccount, Person
from handlers.members.openings import RESIDENT_ID
from handlers.members.operations import ID_PURPOSE
from handlers.privacy.columns import sought
from handlers.units.codes import ID_TYPES

ACCOUNT, PAPER, NAME = "individual_account_no", "id_no", "person_name"  # columns of rosters


@dataclass(frozen=True, slots=True)
class Held:
    """An individual account with its holder, as a change finds it.  Money in 分, rates in %."""

    id: int
    account_no: str
    unit_account_no: str
    branch_code: str
    ledger_account_id: int
    employee_no: str
    base_cents: int
    unit_rate: Decimal
    individual_rate: Decimal
    unit_cents: int
    individual_cents: int
    status: str
    opened_on: date
    sealed_on: date | None
    seal_reason: str
    paid_through: str
    person_id: int
    name: str
    id_type: str
    id_no: str
    gender: str
    birth_month: str

    @property
    def total_cents(self) -> int:
        return self.unit_cents + self.individual_cents

    @property
    def masked_id(self) -> str:
        return mask_id(self.id_no)

    @property
    def born(self) -> Born | None:
        if self.id_type == RESIDENT_ID:
            return born_of(self.id_no)
        return Born(self.birth_month, self.gender) if self.birth_month else None


@dataclass(frozen=True, slots=True)
class Sought:
    """What a row says of whom it means; "" where it says nothing."""

    account_no: str = ""
    id_no: str = ""
    name: str = ""


_ACCOUNT, _PERSON = IndividualAccount, Person
_COLUMNS: tuple[Any, ...] = (
    _ACCOUNT.id,
    _ACCOUNT.individual_account_no,
    _ACCOUNT.unit_account_no,
    _ACCOUNT.branch_code,
    _ACCOUNT.ledger_account_id,
    _ACCOUNT.employee_no,
    _ACCOUNT.contribution_base_cents,
    _ACCOUNT.unit_rate,
    _ACCOUNT.individual_rate,
    _ACCOUNT.unit_monthly_amount_cents,
    _ACCOUNT.individual_monthly_amount_cents,
    _ACCOUNT.account_status,
    _ACCOUNT.opened_on,
    _ACCOUNT.sealed_on,
    _ACCOUNT.seal_or_close_reason,
    _ACCOUNT.paid_through_month,
    _ACCOUNT.person_id,
    _PERSON.person_name,
    _PERSON.id_type,
    _PERSON.id_no,
    _PERSON.gender,
    _PERSON.birth_month,
)
_HELD = select(*_COLUMNS).join(_PERSON, _PERSON.id == _ACCOUNT.person_id)


def said(values: Mapping[str, str]) -> Sought:
    """From the three columns every roster about members has."""
    return Sought(values.get(ACCOUNT, ""), values.get(PAPER, ""), values.get(NAME, ""))


def where(session: Session, *conditions: ColumnElement[bool]) -> list[Held]:
    """All accounts for which this holds, by id."""
    return [Held(*row) for row in session.execute(_HELD.where(*conditions).order_by(_ACCOUNT.id))]


def by_numbers(session: Session, numbers: Collection[str]) -> dict[str, Held]:
    """Accounts of any unit by their numbers."""
    found: dict[str, Held] = {}
    for some in parts(numbers):
        rows = where(session, _ACCOUNT.individual_account_no.in_(some))
        found |= {held.account_no: held for held in rows}
    return found


def by_ids(session: Session, ids: Collection[int]) -> dict[int, Held]:
    """Accounts of any unit by their ids."""
    found: dict[int, Held] = {}
    for some in parts(ids):
        found |= {held.id: held for held in where(session, _ACCOUNT.id.in_(some))}
    return found


def by_papers(
    session: Session, id_nos: Collection[str], *conditions: ColumnElement[bool]
) -> dict[str, list[Held]]:
    """Accounts that are not closed, by the number of their holder's paper, whatever its kind."""
    found: dict[str, list[Held]] = {}
    for some in parts(id_nos):
        marks = [mark for number in some for mark in sought(ID_PURPOSE, number)]
        rows = where(
            session,
            _PERSON.id_type.in_(ID_TYPES),  # the unique index begins with it
            _PERSON.id_no_index.in_(marks),
            _ACCOUNT.account_status.not_in(CLOSED),
            *conditions,
        )
        for held in rows:
            found.setdefault(compact(held.id_no), []).append(held)
    return found


def members(
    session: Session, unit: str, statuses: Collection[str], *, pieces: int = 1_000
) -> Iterator[Held]:
    """All accounts of a unit in these states, in the order of their numbers, read in pieces."""
    after = ""
    number = _ACCOUNT.individual_account_no
    while True:
        query = _HELD.where(
            _ACCOUNT.unit_account_no == unit,
            _ACCOUNT.account_status.in_(statuses),
            number > after,
        )
        rows = [Held(*row) for row in session.execute(query.order_by(number).limit(pieces))]
        yield from rows
        if len(rows) < pieces:
            return
        after = rows[-1].account_no


def identify(
    session: Session, unit: str, asked: Sequence[Sought], *, wanted: Collection[str]
) -> list[Held | Problem]:
    """Of each, the account of this unit it means, or why that is not clear.

    `wanted`: states the business is for; somebody with several accounts is meant with the one that
    is in such a state.  Everything that is said must agree.
    """
    mine = _ACCOUNT.unit_account_no == unit
    numbers = by_numbers(session, {one.account_no for one in asked if one.account_no})
    lacking = [one for one in asked if not one.account_no]
    papers = by_papers(session, {compact(one.id_no) for one in lacking if one.id_no}, mine)
    names: dict[str, list[Held]] = {}
    for some in parts({one.name for one in lacking if one.name and not one.id_no}):
        open_ = _ACCOUNT.account_status.not_in(CLOSED)
        for held in where(session, mine, _PERSON.person_name.in_(some), open_):
            names.setdefault(held.name, []).append(held)
    found: list[Held | Problem] = []
    for one in asked:
        if one.account_no:
            numbered = numbers.get(one.account_no)
            here = numbered is not None and numbered.unit_account_no == unit
            theirs = [numbered] if numbered is not None and here else []
        elif one.id_no:
            theirs = papers.get(compact(one.id_no), [])
        else:
            theirs = names.get(one.name, [])
        found.append(_meant(one, theirs, wanted))
    return found


def _meant(one: Sought, theirs: list[Held], wanted: Collection[str]) -> Held | Problem:
    if not (one.account_no or one.id_no or one.name):
        return Problem("changes.nobody", "请填写个人账号、证件号码或姓名中的一项。", ACCOUNT)
    if not theirs:
        return _unknown(one)
    people = len({held.person_id for held in theirs})
    if people > 1:
        text = f"本单位有 {people} 名职工叫“{one.name}”，请填写个人账号或证件号码。"
        return Problem("changes.namesakes", text, NAME)
    fit = [held for held in theirs if held.status in wanted] or theirs
    if len(fit) > 1:
        text = f"该职工在本单位有 {len(fit)} 个账户，请填写个人账号。"
        return Problem("changes.several", text, ACCOUNT)
    return fit[0] if (disagrees := differing(one, fit[0])) is None else disagrees


def _unknown(one: Sought) -> Problem:
    if one.account_no:
        text, column = "本单位没有这个个人账号，请核对账号。", ACCOUNT
    elif one.id_no:
        text, column = "本单位没有持这个证件号码的职工，请核对证件号码。", PAPER
    else:
        text, column = "本单位没有叫这个姓名的职工，请核对姓名，或填写个人账号。", NAME
    return Problem("changes.not_found", text, column)


def differing(one: Sought, held: Held) -> Problem | None:
    """Name and paper, where they are said, must be the holder's."""
    if one.id_no and compact(one.id_no) != compact(held.id_no):
        text = "证件号码与这个账户登记的不一致，请核对。"
        return Problem("changes.other_paper", text, PAPER)
    if one.name and one.name != held.name:
        return Problem("changes.other_name", "姓名与这个账户登记的不一致，请核对。", NAME)
    return None


def open_of(session: Session, people: Iterable[int]) -> dict[int, list[Held]]:
    """Every account of these people (ids) that is not closed, in any unit."""
    found: dict[int, list[Held]] = {}
    for some in parts(list(dict.fromkeys(people))):
        rows = where(session, _ACCOUNT.person_id.in_(some), _ACCOUNT.account_status.not_in(CLOSED))
        for held in rows:
            found.setdefault(held.person_id, []).append(held)
    return found
