"""个人账户合并 (SX-8.1): two accounts of one person in one unit become one; nobody reviews it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from engine.errors import Problem
from handlers.contributions import changes, finding, moving, reads
from handlers.contributions.changes import Outcomes
from handlers.contributions.finding import Held, Sought
from handlers.contributions.models import MERGE
from handlers.contributions.moving import Moved
from handlers.contributions.transferring import ended, merged
from handlers.members import states
from handlers.members.codes import ACCOUNT_STATUSES, MERGED_CLOSED, NORMAL, SEALED
from handlers.rosters.applying import Application, applier
from handlers.rosters.store import Line

SOURCE, TARGET = "source_account_no", "target_account_no"
OPEN_STATES = (NORMAL, SEALED)
Pair = tuple[Held, Held]


def pair_problem(source: Held, target: Held) -> Problem | None:
    """Why one cannot go into the other.  Pure."""
    if source.id == target.id:
        return Problem("merge.same", "转出账号和转入账号相同，请核对。", TARGET)
    if source.person_id != target.person_id:
        text = "两个账户不是同一名职工的，不能合并，请核对账号。"
        return Problem("merge.other_person", text, TARGET)
    answer = states.transition(source.status, "merge")
    if isinstance(answer, Problem):
        return Problem(answer.code, answer.text, SOURCE)
    if target.status not in OPEN_STATES:
        status = ACCOUNT_STATUSES[target.status]
        text = f"转入账户现在是{status}状态，只有正常、封存的账户才能转入，请核对账号。"
        return Problem("merge.target", text, TARGET)
    return None


def pairs(session: Session, unit: str, rows: Sequence[tuple[str, str]]) -> list[Pair | Problem]:
    """The accounts of this unit behind (source number, target number), or what is wrong."""
    sides = []
    for place, column in enumerate((SOURCE, TARGET)):
        asked = [Sought(account_no=row[place]) for row in rows]
        found = finding.identify(session, unit, asked, wanted=OPEN_STATES)
        sides.append(
            [
                Problem(one.code, one.text, column) if isinstance(one, Problem) else one
                for one in found
            ]
        )
    both: list[Pair | Problem] = []
    for source, target in zip(*sides, strict=True):
        if isinstance(source, Problem):
            both.append(source)
        elif isinstance(target, Problem):
            both.append(target)
        else:
            both.append(pair_problem(source, target) or (source, target))
    return both


@applier("contributions.AccountMerge", piece=moving.PIECE_ROWS)
def merge_accounts(work: Application, rows: Sequence[Line]) -> Outcomes:
    session = work.session
    unit = changes.held_unit(work)
    if isinstance(unit, Problem):
        return [unit] * len(rows)
    if (running := moving.settling(session)) is not None:
        return [running] * len(rows)
    typed = [(line.values.get(SOURCE, ""), line.values.get(TARGET, "")) for line in rows]
    found = pairs(session, work.unit_account_no, typed)
    sources = [pair[0] if isinstance(pair, tuple) else pair for pair in found]
    into = {
        line.seq: pair[1] for line, pair in zip(rows, found, strict=True) if isinstance(pair, tuple)
    }
    owed = reads.unposted(session, [one.id for one in sources if isinstance(one, Held)])
    moving.hold_branches(session, [unit.branch_code])
    taken: dict[int, Moved] = {}
    gone: set[int] = set()

    def rule(line: Line, source: Held) -> Problem | None:
        target = into[line.seq]
        if target.id in gone:
            return Problem("merge.gone", "转入账户在本次清册中已合并到别的账户，请核对。", TARGET)
        if source.id in owed:
            return reads.owed(owed[source.id], "账户合并")
        moved = moving.merge(
            work, f"{work.key}:{line.seq}", source, target, business=moving.MERGE_BUSINESS
        )
        if isinstance(moved, Problem):
            return moved
        gone.add(source.id)
        taken[source.id] = moved
        return None

    outcomes, chosen = changes.choose(rows, sources, rule)
    made = [
        changes.change(
            work, line, MERGE, source, **merged(source, into[line.seq], taken[source.id])
        )
        for line, source in chosen
    ]
    changes.record(session, made)
    changes.update_accounts(session, [ended(source, work.today) for _, source in chosen])
    for _, source in chosen:
        changes.count(unit, source.status, MERGED_CLOSED)
    return outcomes
