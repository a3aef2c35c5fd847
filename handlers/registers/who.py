"""What most registers say and ask of a member: account, name, masked document, and filters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Select, case

from handlers.members.codes import ACCOUNT_STATUSES, FROZEN, NORMAL
from handlers.members.models import IndividualAccount, Person
from handlers.registers.declaring import Column, Drill, Filter, Reach

# Whose an account and what stands on it is: the unit's it lies in now.
MEMBERS_REACH = Reach(((IndividualAccount.unit_account_no, IndividualAccount.branch_code),))
MEMBER = {"account_no": IndividualAccount.individual_account_no}  # for links to the person's page
STATUS_TONES = {ACCOUNT_STATUSES[NORMAL]: "done", ACCOUNT_STATUSES[FROZEN]: "stop"}

ACCOUNT = Column(
    name="account", label="职工账号", of=IndividualAccount.individual_account_no, phone="row"
)
NAME = Column(
    name="name",
    label="职工姓名",
    of=Person.person_name,
    kind="name",
    phone="head",
    drill=Drill("member", {"account_no": "account_no"}),
)
# for rows that may be of somebody who is another unit's now
NAME_ALONE = replace(NAME, drill=None)
ID_NO = Column(name="id_no", label="证件号码", of=Person.id_no, kind="id_no", phone="off")
WHO = (ACCOUNT, NAME, ID_NO)

ASK_NAME = Filter(name="name", label="职工姓名", kind="name", of=Person.person_name)
ASK_PERSON = Filter(name="person", label="证件号码", kind="person", of=IndividualAccount.person_id)
ASK_ACCOUNT = Filter(
    name="account", label="职工账号", kind="account", of=IndividualAccount.individual_account_no
)
ASK_WHO = (ASK_NAME, ASK_PERSON, ASK_ACCOUNT)


def member_of(unit_account_no: Any) -> dict[str, Any]:
    """For links to the person's page, while they are still this unit's."""
    number = IndividualAccount.individual_account_no
    here = IndividualAccount.unit_account_no == unit_account_no
    return {"account_no": case((here, number), else_="")}


def joined(source: Select[Any], account_id: Any) -> Select[Any]:
    """`source` with the account of this id and its person."""
    return source.join(IndividualAccount, IndividualAccount.id == account_id).join(
        Person, Person.id == IndividualAccount.person_id
    )
