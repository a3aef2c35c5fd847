"""Looking for somebody among a unit's own people while a name or an account is being typed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from handlers.identifiers import compact, mask_id
from handlers.members.codes import ACCOUNT_STATUSES
from handlers.members.models import IndividualAccount, Person
from handlers.members.operations import ID_PURPOSE
from handlers.privacy.columns import is_value

ASKED_CHARS_MIN = 1
ASKED_CHARS_MAX = 40


@dataclass(frozen=True, slots=True)
class Found:
    """`id_no` is masked; `status` in words."""

    account_no: str
    name: str
    id_no: str
    status: str


def among(
    session: Session, unit_account_no: str, asked: str, *, states: Collection[str], limit: int
) -> list[Found]:
    """Accounts of the unit in one of these states whose name contains, whose number begins with or
    whose whole document number is what was typed."""
    text = asked.strip()[:ASKED_CHARS_MAX]
    if len(text) < ASKED_CHARS_MIN or not (unit_account_no and states):
        return []
    table = IndividualAccount
    number = table.individual_account_no
    begins = number.startswith(text, autoescape=True)
    like = [Person.person_name.icontains(text, autoescape=True), begins]
    if text.isascii() and text.isalnum():
        like = [begins, is_value(Person.id_no_index, ID_PURPOSE, compact(text))]
    rows = session.execute(
        select(table, Person)
        .join(Person, Person.id == table.person_id)
        .where(
            table.unit_account_no == unit_account_no,
            table.account_status.in_(states),
            or_(*like),
        )
        .order_by(number)
        .limit(limit)
    )
    return [
        Found(
            account_no=account.individual_account_no,
            name=person.person_name,
            id_no=mask_id(person.id_no),
            status=ACCOUNT_STATUSES[account.account_status],
        )
        for account, person in rows
    ]
