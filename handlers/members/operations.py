"""Opening, sealing, freezing and closing individual accounts; the unit's head counts go with them.

Every function is part of the caller's transaction and nobody here commits.  Locks are taken in one
order — unit, account, then branch and ledger accounts — so whoever posts money and changes a state
in one transaction calls `locked` first.
"""

from __future__ import annotations

from datetime import date
from typing import Any, cast

from sqlalchemy import Select, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.database import possible
from engine.errors import Conflict, NotFound, Problem, Refused
from engine.runtime import Runtime
from handlers.contributions import reads
from handlers.identifiers import birth_of, mask_name
from handlers.ledger import accounts
from handlers.members import numbers, openings, states
from handlers.members.codes import (
    CLOSED,
    FROZEN,
    NORMAL,
    SEAL_REASONS,
    SEALED,
    WITHDRAWAL_REASONS,
)
from handlers.members.models import IndividualAccount, Person
from handlers.members.openings import RESIDENT_ID, Holder, Opening
from handlers.privacy.columns import blind, is_value
from handlers.units import queries as units
from handlers.units import states as unit_states
from handlers.units.models import Unit

LEDGER_KIND = "member"
ID_PURPOSE, MOBILE_PURPOSE = "person.id_no", "person.mobile"
ORDER_PLACE = 16  # of a resident number (GB 11643): odd for men, even for women
# Verbs that close an account, as `states` names them.
CLOSING = ("close", "merge", "transfer_out")

_PERSON = cast(Table, Person.__table__)
_INSERTS: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def open_account(rt: Runtime, opening: Opening) -> IndividualAccount:
    """开户: a person gets an account with a unit, and the unit one more 正常 head.

    Raises Refused for an impossible ID number, a document registered under another name, a second
    open account in the same unit, or a unit that takes nobody now.
    """
    session = rt.session
    today = rt.clock().astimezone(ZONE).date()
    holder = openings.check(opening, today)
    if isinstance(holder, list):
        raise Refused(*holder)
    unit = _unit(session, opening.unit_account_no)
    _refuse(unit_states.transition(unit.unit_status, "change_members"))
    person = _person(session, opening, holder)
    _no_second_account(session, person, unit)
    opened_on = opening.opened_on or today
    number = numbers.take(session, unit.branch_code)[0]
    ledger_account_id = accounts.open_account(
        session,
        LEDGER_KIND,
        number,
        branch_code=unit.branch_code,
        opened_on=opened_on,
        unit_account_no=unit.unit_account_no,
    )
    account = IndividualAccount(
        individual_account_no=number,
        person=person,
        ledger_account_id=ledger_account_id,
        unit_account_no=unit.unit_account_no,
        branch_code=unit.branch_code,
        employee_no=opening.employee_no,
        contribution_base_cents=opening.contribution_base_cents,
        unit_rate=unit.unit_rate if opening.unit_rate is None else opening.unit_rate,
        individual_rate=(
            unit.individual_rate if opening.individual_rate is None else opening.individual_rate
        ),
        unit_monthly_amount_cents=opening.unit_monthly_amount_cents,
        individual_monthly_amount_cents=opening.individual_monthly_amount_cents,
        account_status=NORMAL,
        opened_on=opened_on,
    )
    session.add(account)
    _count(unit, "", NORMAL)
    session.flush()
    return account


def locked(session: Session, account_no: str) -> tuple[Unit, IndividualAccount]:
    """Unit and account, held until commit and read anew; raises NotFound."""
    first = session.scalar(_one(account_no)) if possible(account_no) else None
    if first is None:
        raise unknown_account()
    unit = _unit(session, first.unit_account_no)
    account = session.scalars(
        _one(account_no).with_for_update().execution_options(populate_existing=True)
    ).one()
    if account.unit_account_no != unit.unit_account_no:
        text = "该职工刚刚转移到其他单位，请刷新后核对。"
        raise Conflict(Problem("members.moved", text))
    return unit, account


def seal(rt: Runtime, account_no: str, *, reason: str, on: date | None = None) -> IndividualAccount:
    """封存: nobody pays into it any more; `reason` is a code of SEAL_REASONS."""
    if reason not in SEAL_REASONS:
        raise Refused(Problem("members.seal_reason", "请选择封存原因。"))
    account = _turn(rt, account_no, "seal")
    account.sealed_on = _day(rt, account, on)
    account.seal_or_close_reason = reason
    rt.session.flush()
    return account


def unseal(rt: Runtime, account_no: str) -> IndividualAccount:
    """启封: paid for again."""
    account = _turn(rt, account_no, "unseal")
    account.sealed_on, account.seal_or_close_reason = None, ""
    rt.session.flush()
    return account


def freeze(rt: Runtime, account_no: str) -> IndividualAccount:
    """冻结: nothing goes out; it counts neither as 正常 nor as 封存 until 解冻."""
    account = _turn(rt, account_no, "freeze")
    accounts.freeze(rt.session, account.ledger_account_id)
    return account


def unfreeze(rt: Runtime, account_no: str) -> IndividualAccount:
    """解冻: back to where it was frozen."""
    account = _turn(rt, account_no, "unfreeze")
    accounts.unfreeze(rt.session, account.ledger_account_id)
    return account


def close(
    rt: Runtime, account_no: str, *, verb: str = "close", reason: str = "", on: date | None = None
) -> IndividualAccount:
    """销户, for good, after its money has gone out; the ledger refuses while any is left.

    `verb`: close (销户提取), merge (合并) or transfer_out (外部转出); `reason`: a code of A.7.
    """
    assert verb in CLOSING, verb
    if reason and reason not in WITHDRAWAL_REASONS:
        raise Refused(Problem("members.close_reason", "请选择销户原因。"))
    account = _turn(rt, account_no, verb)
    account.closed_on = _day(rt, account, on)
    account.seal_or_close_reason = reason
    accounts.close(rt.session, account.ledger_account_id)
    rt.session.flush()
    return account


def unknown_account() -> NotFound:
    """One sentence for 'does not exist' and 'not yours', so that numbers cannot be probed."""
    text = "没有找到这个职工账号，请核对账号，或回到职工信息查询重新查找。"
    return NotFound(Problem("members.not_found", text))


def _turn(rt: Runtime, account_no: str, verb: str) -> IndividualAccount:
    """Walk the state machine of the account, and move its head in the unit's counts.

    Not flushed: 销户 is not whole before its day is set.
    """
    unit, account = locked(rt.session, account_no)
    if verb in CLOSING and (owed := reads.unposted(rt.session, [account.id])):
        raise Refused(reads.owed(owed[account.id], states.VERBS[verb].name))
    before = account.account_status
    after = _refuse(states.transition(before, verb, before_freeze=account.status_before_freeze))
    account.account_status = after
    account.status_before_freeze = before if after == FROZEN else ""
    _count(unit, before, after)
    return account


def _day(rt: Runtime, account: IndividualAccount, on: date | None) -> date:
    """When it happened, today if nobody says; never before the account was opened."""
    today = rt.clock().astimezone(ZONE).date()
    day = on or today
    if not account.opened_on <= day <= today:
        text = f"日期应在开户日期 {account.opened_on} 与今天之间，请核对日期。"
        raise Refused(Problem("members.day", text))
    return day


def _count(unit: Unit, before: str, after: str) -> None:
    """正常 and 封存 are counted on the unit's card, every other state is not."""
    unit.active_headcount += (after == NORMAL) - (before == NORMAL)
    unit.sealed_headcount += (after == SEALED) - (before == SEALED)


def _person(session: Session, opening: Opening, holder: Holder) -> Person:
    """The person of this document, new or known; two openings at once make one row."""
    found = session.scalar(_holder(opening.id_type, holder.id_no))
    if found is None:
        new = _INSERTS[session.get_bind().dialect.name](_PERSON).on_conflict_do_nothing()
        session.execute(new, person_columns(opening, holder))
        found = session.scalars(_holder(opening.id_type, holder.id_no)).one()
    if found.person_name != holder.name:
        text = (
            f"该证件号码已登记在“{mask_name(found.person_name)}”名下，与填写的姓名不一致，"
            "请核对证件；姓名确有变更的，请先办理缴存人信息变更。"
        )
        raise Refused(Problem("members.other_name", text, "person_name"))
    return found


def person_columns(opening: Opening, holder: Holder) -> dict[str, Any]:
    """A new person's row; gender and birth month of a resident follow from the number."""
    id_no = holder.id_no
    gender, birth_month = opening.gender, opening.birth_month
    if opening.id_type == RESIDENT_ID:
        gender = "1" if int(id_no[ORDER_PLACE]) % 2 else "2"
        birth_month = f"{birth_of(id_no):%Y-%m}"
    return {
        "person_name": holder.name,
        "id_type": opening.id_type,
        "id_no": id_no,
        "id_no_index": blind(ID_PURPOSE, id_no),
        "gender": gender,
        "birth_month": birth_month,
        "mobile": holder.mobile,
        "mobile_index": blind(MOBILE_PURPOSE, holder.mobile),
    }


def _holder(id_type: str, id_no: str) -> Select[Person]:
    same = is_value(Person.id_no_index, ID_PURPOSE, id_no)
    return select(Person).where(Person.id_type == id_type, same)


def _no_second_account(session: Session, person: Person, unit: Unit) -> None:
    """Under the unit's lock, so that two requests cannot open two."""
    other = session.scalar(
        select(IndividualAccount).where(
            IndividualAccount.person_id == person.id,
            IndividualAccount.unit_account_no == unit.unit_account_no,
            IndividualAccount.account_status.not_in(CLOSED),
        )
    )
    if other is not None:
        text = (
            f"{person.person_name}在本单位已有账户 {other.individual_account_no}，不能重复开户；"
            "已封存的请办理启封。"
        )
        raise Refused(Problem("members.open_already", text, "id_no"))


def _unit(session: Session, account_no: str) -> Unit:
    unit = units.locked_unit(session, account_no) if possible(account_no) else None
    if unit is None:
        text = "没有找到该单位，请核对单位账号。"
        raise NotFound(Problem("units.not_found", text))
    return unit


def _one(account_no: str) -> Select[IndividualAccount]:
    return select(IndividualAccount).where(IndividualAccount.individual_account_no == account_no)


def _refuse(answer: str | Problem) -> str:
    if isinstance(answer, Problem):
        raise Refused(answer)
    return answer
