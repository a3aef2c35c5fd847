"""内部转移 within the centre, both ways (TRANSFER_STARTED_BY).

The new unit takes a sealed account over as it is, number and all (SX-10.1, CX-U20): whoever asks
must say name and paper, or name, old unit and account number, all of them right, and one sentence
answers whatever is wrong, so that nobody learns of other units' people.  Or the old unit sends the
money of somebody sealed to the account the new unit has opened (XZ-4a), and its own account ends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.errors import Problem
from handlers.contributions import amounts, bases, changes, finding, moving, reads
from handlers.contributions.amounts import Derived, Rounding
from handlers.contributions.changes import Outcomes
from handlers.contributions.finding import ACCOUNT, PAPER, Held, Sought
from handlers.contributions.models import TRANSFER
from handlers.contributions.moving import Moved
from handlers.contributions.terms import terms
from handlers.identifiers import compact
from handlers.members import states
from handlers.members.codes import MERGED_CLOSED, NORMAL, SEALED, TRANSFER_REASONS
from handlers.parameters import cycle, queries
from handlers.rosters.applying import Application, applier
from handlers.rosters.store import Line
from handlers.units.models import Unit
from handlers.units.states import CLOSED as UNIT_CLOSED

OLD_UNIT, NEW_UNIT = "old_unit", "new_unit"  # TRANSFER_STARTED_BY
FROM_UNIT, TO_UNIT = "from_unit", "to_unit"  # columns: a unit's number, or its whole name
USUAL = "01"  # 工作调动, where no reason is said (XZ-4a)
NAME_TRANSFER = "内部转移"
_NO_MATCH = Problem(
    "transfer.no_match",
    "没有找到姓名、证件号码（或原单位和个人账号）都相符的账户，请与职工和原单位核对。",
)
_NO_UNIT = Problem(
    "transfer.no_unit", "没有找到这个单位，请填写完整的单位账号或单位全称。", TO_UNIT
)


def started_by(session: Session, day: date) -> str:
    return queries.value(session, cycle.TRANSFER_STARTED_BY, day)


# ── units by what is typed ─────────────────────────────────────────────────────────────────────


def units_named(session: Session, typed: Collection[str]) -> dict[str, str]:
    """Unit numbers by exact number or whole name; a name two units have is nobody's."""
    found: dict[str, str] = {}
    names: dict[str, list[str]] = {}
    for some in reads.parts([text for text in set(typed) if text]):
        query = select(Unit.unit_account_no, Unit.unit_name).where(
            Unit.unit_account_no.in_(some) | Unit.unit_name.in_(some),
            Unit.unit_status != UNIT_CLOSED,
        )
        for number, name in session.execute(query):
            names.setdefault(name, []).append(number)
            found[number] = number
    alone = {name: numbers[0] for name, numbers in names.items() if len(numbers) == 1}
    return {text: (alone | found)[text] for text in typed if text in alone or text in found}


def called(session: Session, typed: Collection[str]) -> dict[str, str]:
    """The names of the units these texts mean, to be read back by whoever typed them."""
    named = units_named(session, typed)
    if not named:
        return {}
    query = select(Unit.unit_account_no, Unit.unit_name)
    names: dict[str, str] = {}
    for some in reads.parts(set(named.values())):
        found = session.execute(query.where(Unit.unit_account_no.in_(some)))
        names |= {number: name for number, name in found}
    return {text: names[number] for text, number in named.items()}


# ── the new unit takes over ────────────────────────────────────────────────────────────────────


def elsewhere(
    session: Session, unit: str, values: Sequence[Mapping[str, str]]
) -> list[Held | Problem]:
    """Of each row the account in another unit it means, or why it cannot be had."""
    asked = [finding.said(each) for each in values]
    papers = finding.by_papers(session, {compact(one.id_no) for one in asked if one.id_no})
    numbers = finding.by_numbers(session, {one.account_no for one in asked if one.account_no})
    old = units_named(session, {each.get(FROM_UNIT, "") for each in values})
    found: list[Held | Problem] = []
    for one, each in zip(asked, values, strict=True):
        typed = each.get(FROM_UNIT, "")
        theirs = _theirs(one, papers, numbers)
        theirs = [held for held in theirs if finding.differing(one, held) is None]
        if typed:
            theirs = [held for held in theirs if held.unit_account_no == old.get(typed)]
        found.append(_taken(one, theirs, unit, said_unit=bool(typed)))
    return found


def _theirs(
    one: Sought, papers: Mapping[str, list[Held]], numbers: Mapping[str, Held]
) -> list[Held]:
    if one.account_no:
        held = numbers.get(one.account_no)
        return [held] if held is not None else []
    return papers.get(compact(one.id_no), []) if one.id_no else []


def _taken(one: Sought, theirs: list[Held], unit: str, *, said_unit: bool) -> Held | Problem:
    if not one.name:
        return Problem("transfer.name", "请填写职工姓名。", finding.NAME)
    if not (one.id_no or (one.account_no and said_unit)):
        text = "请填写证件号码，或者填写转出单位和个人账号。"
        return Problem("transfer.who", text, PAPER)
    away = [held for held in theirs if held.unit_account_no != unit]
    if not away:
        if theirs:
            text = "该职工的账户就在本单位，不需要转移；已封存的请办理启封。"
            return Problem("transfer.here", text)
        return _NO_MATCH
    sealed = [held for held in away if held.status == SEALED] or away
    if len(sealed) > 1:
        text = "该职工在其他单位有多个账户，请填写转出单位和个人账号。"
        return Problem("transfer.several", text, ACCOUNT)
    if sealed[0].status == NORMAL:
        text = "该职工在原单位的账户还没有封存，请先由原单位办理封存，再办理内部转移。"
        return Problem("transfer.not_sealed", text)
    answer = states.transition(sealed[0].status, "transfer")
    return answer if isinstance(answer, Problem) else sealed[0]


@dataclass(frozen=True, slots=True)
class Arriving:
    """What becomes of an account in the new unit: its state, rates and shares."""

    active: bool
    rounding: Rounding
    entry: str

    def status(self, held: Held, here: Sequence[Held]) -> str:
        """Somebody who has an open account here already is paid for on that one alone."""
        return NORMAL if self.active and not here else SEALED

    def paid(self, held: Held, unit: Unit) -> Derived:
        """At the rates of the new unit."""
        if (unit.unit_rate, unit.individual_rate) == (held.unit_rate, held.individual_rate):
            return Derived(held.base_cents, amounts.Shares(held.unit_cents, held.individual_cents))
        shares = amounts.shares(
            held.base_cents, unit.unit_rate, unit.individual_rate, self.rounding
        )
        return Derived(held.base_cents, shares)


def arriving(session: Session, branch: str, day: date) -> Arriving:
    rules = terms(session, day, branch)
    active = queries.value(session, cycle.TRANSFER_ARRIVES, day) == "normal"
    return Arriving(active, rules.rounding, bases.typed_column(rules.entry))


def open_here(session: Session, unit: str, held: Sequence[Held]) -> dict[int, list[Held]]:
    """By person: their open accounts in this unit."""
    found = finding.open_of(session, [one.person_id for one in held])
    here = {
        person: [one for one in theirs if one.unit_account_no == unit]
        for person, theirs in found.items()
    }
    return {person: theirs for person, theirs in here.items() if theirs}


def _take_over(work: Application, rows: Sequence[Line]) -> Outcomes:
    session, mine = work.session, work.unit_account_no
    values = [line.values for line in rows]
    first = elsewhere(session, mine, values)
    old = {held.unit_account_no for held in first if isinstance(held, Held)}
    units = changes.hold_units(session, old | {mine})
    unit = units[mine]
    problem = changes.standing(unit) or moving.settling(session)
    if problem is not None:
        return [problem] * len(rows)
    found = elsewhere(session, mine, values)  # anew: somebody may have been faster
    for place, held in enumerate(found):
        if isinstance(held, Held) and held.unit_account_no not in units:
            text = "该职工的账户刚刚变动，请稍后重新办理。"
            found[place] = Problem("members.moved", text)
    there = [held for held in found if isinstance(held, Held)]
    owed = reads.unposted(session, [held.id for held in there])
    moving.hold_branches(session, [unit.branch_code, *(held.branch_code for held in there)])
    arrival = arriving(session, unit.branch_code, work.accepted_on)
    here = open_here(session, mine, there)
    taken: dict[int, Moved] = {}

    def rule(line: Line, held: Held) -> Problem | None:
        if held.id in owed:
            return reads.owed(owed[held.id], NAME_TRANSFER)
        moved = moving.move_account(work, f"{work.key}:{line.seq}", held, unit)
        if isinstance(moved, Problem):
            return moved
        taken[held.id] = moved
        return None

    outcomes, chosen = changes.choose(rows, found, rule)
    made, columns = [], []
    for line, held in chosen:
        status = arrival.status(held, here.get(held.person_id, ()))
        here.setdefault(held.person_id, []).append(held)  # with two, one is paid for
        paid = arrival.paid(held, unit)
        new = _arrived(held, unit, status) | changes.on_account(paid)
        columns.append({"id": held.id} | new)
        more = {"new_status": status, "amount_cents": taken[held.id].cents}
        made.append(
            changes.change(
                work,
                line,
                TRANSFER,
                replace(held, branch_code=unit.branch_code),
                reason=TRANSFER_REASONS[line.values.get("reason") or USUAL],
                from_unit_account_no=held.unit_account_no,
                to_unit_account_no=mine,
                before=_before(held),
                **more,
                **changes.paying(paid),
            )
        )
        changes.count(units[held.unit_account_no], held.status, "")
        changes.count(unit, "", status)
    changes.record(session, made)
    changes.update_accounts(session, columns)
    return outcomes


def _arrived(held: Held, unit: Unit, status: str) -> dict[str, Any]:
    sealed = status == SEALED
    return {
        "unit_account_no": unit.unit_account_no,
        "branch_code": unit.branch_code,
        "employee_no": "",  # the number the old unit gave
        "unit_rate": unit.unit_rate,
        "individual_rate": unit.individual_rate,
        "account_status": status,
        "sealed_on": held.sealed_on if sealed else None,
        "seal_or_close_reason": held.seal_reason if sealed else "",
    }


def _before(held: Held) -> dict[str, Any]:
    return {
        "unit_account_no": held.unit_account_no,
        "branch_code": held.branch_code,
        "employee_no": held.employee_no,
        "unit_rate": str(held.unit_rate),
        "individual_rate": str(held.individual_rate),
        "sealed_on": held.sealed_on.isoformat() if held.sealed_on else None,
        "seal_or_close_reason": held.seal_reason,
    }


# ── the old unit sends ─────────────────────────────────────────────────────────────────────────


def targets(
    session: Session, values: Sequence[Mapping[str, str]], sources: Sequence[Held | Problem]
) -> list[Held | Problem]:
    """Of each row the account in the unit it names, opened there for the same person."""
    named = units_named(session, {each.get(TO_UNIT, "") for each in values})
    people = [held.person_id for held in sources if isinstance(held, Held)]
    open_ = finding.open_of(session, people)
    found: list[Held | Problem] = []
    for each, source in zip(values, sources, strict=True):
        if isinstance(source, Problem):
            found.append(source)
            continue
        number = named.get(each.get(TO_UNIT, ""))
        theirs = [one for one in open_.get(source.person_id, ()) if one.unit_account_no == number]
        found.append(_target(source, number, theirs))
    return found


def _target(source: Held, number: str | None, theirs: list[Held]) -> Held | Problem:
    answer = states.transition(source.status, "transfer")
    if isinstance(answer, Problem):
        return answer
    if number is None:
        return _NO_UNIT
    if number == source.unit_account_no:
        return Problem("transfer.same_unit", "转入单位就是本单位，请填写职工的新单位。", TO_UNIT)
    fit = [one for one in theirs if one.status in (NORMAL, SEALED)]
    if not fit:
        text = "该职工在转入单位还没有开户（或账户已冻结），请先由转入单位办理开户。"
        return Problem("transfer.not_opened", text, TO_UNIT)
    return sorted(fit, key=lambda one: one.status)[0]  # 正常 before 封存


def _send(work: Application, rows: Sequence[Line]) -> Outcomes:
    session, mine = work.session, work.unit_account_no
    values = [line.values for line in rows]
    named = units_named(session, {each.get(TO_UNIT, "") for each in values})
    units = changes.hold_units(session, {mine, *named.values()})
    problem = changes.standing(units[mine]) or moving.settling(session)
    if problem is not None:
        return [problem] * len(rows)
    sources = changes.find(work, rows, wanted={SEALED})
    found = targets(session, values, sources)
    pairs = [
        (source, target)
        for source, target in zip(sources, found, strict=True)
        if isinstance(source, Held) and isinstance(target, Held)
    ]
    owed = reads.unposted(session, [source.id for source, _ in pairs])
    moving.hold_branches(session, [held.branch_code for pair in pairs for held in pair])
    into = {line.seq: target for line, target in zip(rows, found, strict=True)}
    taken: dict[int, Moved] = {}

    def rule(line: Line, source: Held) -> Problem | None:
        target = into[line.seq]
        if isinstance(target, Problem):
            return target
        if source.id in owed:
            return reads.owed(owed[source.id], NAME_TRANSFER)
        moved = moving.merge(
            work, f"{work.key}:{line.seq}", source, target, business=moving.TRANSFER_BUSINESS
        )
        if isinstance(moved, Problem):
            return moved
        taken[source.id] = moved
        return None

    outcomes, chosen = changes.choose(rows, sources, rule)
    made = []
    for line, source in chosen:
        target = into[line.seq]
        assert isinstance(target, Held)
        made.append(
            changes.change(
                work,
                line,
                TRANSFER,
                source,
                reason=TRANSFER_REASONS[line.values.get("reason") or USUAL],
                from_unit_account_no=mine,
                to_unit_account_no=target.unit_account_no,
                **merged(source, target, taken[source.id]),
            )
        )
        changes.count(units[mine], source.status, MERGED_CLOSED)
    changes.record(session, made)
    changes.update_accounts(session, [ended(source, work.today) for _, source in chosen])
    return outcomes


def merged(source: Held, target: Held, moved: Moved) -> dict[str, Any]:
    """What the change of an account that has gone into another says."""
    sealed_on = source.sealed_on.isoformat() if source.sealed_on else None
    return {
        "new_status": MERGED_CLOSED,
        "other_account_id": target.id,
        "amount_cents": moved.cents,
        "interest_cents": moved.interest_cents,
        "before": {"sealed_on": sealed_on, "seal_or_close_reason": source.seal_reason},
    }


def ended(source: Held, today: date) -> dict[str, Any]:
    """Its new columns."""
    return {"id": source.id, "account_status": MERGED_CLOSED, "closed_on": today}


@applier("contributions.InternalTransfer", piece=moving.PIECE_ROWS)
def transfer(work: Application, rows: Sequence[Line]) -> Outcomes:
    """As the centre has it started."""
    if started_by(work.session, work.accepted_on) == NEW_UNIT:
        return _take_over(work, rows)
    return _send(work, rows)
