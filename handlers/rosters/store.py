"""Rows of rosters in and out, in bulk.  Every function is part of the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Table, and_, bindparam, case, delete, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from engine.database import possible
from engine.errors import NotFound, Problem
from engine.models import Job
from engine.runtime import Actor, Runtime
from handlers.rosters import store_sql
from handlers.rosters.models import (
    DONE,
    FAILED,
    FAULTY,
    OPEN,
    SOUND,
    SUBMITTED,
    Roster,
    RosterRow,
)

_ROSTER = cast(Table, Roster.__table__)
_ROW = cast(Table, RosterRow.__table__)
_NEW: dict[str, Any] = {
    "postgresql": postgresql.insert(_ROSTER).on_conflict_do_nothing().inline(),
    "sqlite": sqlite.insert(_ROSTER).on_conflict_do_nothing().inline(),
}
_AT_ONCE = 500  # numbers in one IN list


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it is stored; `seq` 0 before it has its number."""

    values: Mapping[str, str]
    problems: Sequence[Problem] = ()
    notes: Sequence[str] = ()
    subject: str = ""
    amount_cents: int = 0
    seq: int = 0
    state: str = ""
    result: str = ""

    @property
    def sound(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class Sums:
    """Of a whole roster; `amount_cents` and `sound_cents` in 分."""

    rows: int = 0
    sound: int = 0
    faulty: int = 0
    done: int = 0
    failed: int = 0
    amount_cents: int = 0
    sound_cents: int = 0
    noted: int = 0  # sound rows the check has remarked upon
    last: int = field(default=0, compare=False)  # the highest number


def open_roster(
    rt: Runtime, actor: Actor, key: str, form: str, *, scope: str, branch: str
) -> Roster:
    """The 待提交清册 of this service and unit, made when it is first asked for."""
    now = rt.clock()
    found = open_one(rt.session, key, scope)
    if found is None:
        values = {
            "key": key,
            "form": form,
            "scope": scope,
            "branch_code": branch,
            "state": OPEN,
            "no": "",
            "choices": {},
            "next_seq": 1,
            "applied": 0,
            "failed": 0,
            "file_name": "",
            "owner_id": actor.id,
            "owner_name": actor.name,
            "created_at": now,
            "updated_at": now,
        }
        rt.session.execute(_NEW[rt.session.get_bind().dialect.name], values)
        found = open_one(rt.session, key, scope)
    assert found is not None
    return found


def open_one(session: Session, key: str, scope: str) -> Roster | None:
    """The 待提交清册 of this service and unit, if anybody has asked for it before."""
    return session.scalar(
        select(Roster).where(Roster.key == key, Roster.scope == scope, Roster.state == OPEN)
    )


def of_request(session: Session, no: str, form: str = "") -> Roster | None:
    """The roster that belongs to a request; with `form` the one of that form (DZ files several)."""
    found = select(Roster).where(Roster.no == no).order_by(Roster.id)
    if form:
        found = found.where(Roster.form == form)
    return session.scalar(found.limit(1))


def locked(session: Session, roster_id: int) -> Roster:
    """The roster, held until commit and read anew; raises NotFound."""
    found = (
        session.scalar(
            select(Roster)
            .where(Roster.id == roster_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if possible(roster_id)
        else None
    )
    if found is None:
        raise NotFound(Problem("rosters.gone", "没有找到这张清册，请返回业务页面重新打开。"))
    return found


def add(session: Session, roster: Roster, lines: Sequence[Line]) -> int:
    """Append rows; `roster` must be locked.  Returns the number of the first of them."""
    first = roster.next_seq
    if lines:
        store_sql.add(
            session,
            [_stored(roster.id, first + place, line) for place, line in enumerate(lines)],
        )
        roster.next_seq = first + len(lines)
    return first


def replace(session: Session, roster: Roster, seq: int, line: Line) -> bool:
    """Put a row in the place of another; False when there is none."""
    values = _stored(roster.id, seq, line)
    where = (_ROW.c.roster_id == roster.id, _ROW.c.seq == seq)
    result = cast(Any, session.execute(update(_ROW).where(*where).values(**values)))
    return bool(result.rowcount)


def _stored(roster_id: int, seq: int, line: Line) -> dict[str, Any]:
    return {
        "roster_id": roster_id,
        "seq": seq,
        "state": FAULTY if line.problems else SOUND,
        "subject": line.subject,
        "amount_cents": line.amount_cents,
        "noted": bool(line.notes),
        "content": {
            "values": dict(line.values),
            "problems": [[one.code, one.text, one.field] for one in line.problems],
            "notes": list(line.notes),
        },
        "result": "",
    }


def replace_many(session: Session, roster: Roster, lines: Sequence[Line]) -> None:
    """Put rows in the places of those with the same numbers, in one statement."""
    if not lines:
        return
    same = (_ROW.c.roster_id == bindparam("of"), _ROW.c.seq == bindparam("at"))
    statement = update(_ROW).where(*same)
    values = [_stored(roster.id, line.seq, line) for line in lines]
    session.connection().execute(
        statement,
        [
            {name: value for name, value in each.items() if name not in ("roster_id", "seq")}
            | {"of": roster.id, "at": each["seq"]}
            for each in values
        ],
    )


def remove(
    session: Session, roster: Roster, seqs: Collection[int] | None, *, state: str = ""
) -> int:
    """Delete rows by number, all of a state, or all there are; how many that were."""
    base = delete(_ROW).where(_ROW.c.roster_id == roster.id)
    if state:
        base = base.where(_ROW.c.state == state)
    if seqs is None:
        return int(cast(Any, session.execute(base)).rowcount)
    return sum(
        cast(Any, session.execute(base.where(_ROW.c.seq.in_(part)))).rowcount
        for part in _parts(seqs)
    )


def rows(
    session: Session, roster_id: int, *, after: int = 0, limit: int, state: str = ""
) -> list[Line]:
    """Rows behind a number, in order."""
    found = select(_ROW).where(_ROW.c.roster_id == roster_id, _ROW.c.seq > after)
    if state:
        found = found.where(_ROW.c.state == state)
    return [_line(row) for row in session.execute(found.order_by(_ROW.c.seq).limit(limit))]


def named(session: Session, roster_id: int, seqs: Collection[int]) -> list[Line]:
    """Rows with these numbers, in order."""
    found: list[Line] = []
    for part in _parts(sorted({seq for seq in seqs if possible(seq)})):
        same = select(_ROW).where(_ROW.c.roster_id == roster_id, _ROW.c.seq.in_(part))
        found += [_line(row) for row in session.execute(same.order_by(_ROW.c.seq))]
    return found


def row(session: Session, roster_id: int, seq: int) -> Line | None:
    if not possible(seq):
        return None
    found = session.execute(
        select(_ROW).where(_ROW.c.roster_id == roster_id, _ROW.c.seq == seq)
    ).one_or_none()
    return None if found is None else _line(found)


def _line(found: Any) -> Line:
    content = found.content
    return Line(
        values=content["values"],
        problems=[Problem(*one) for one in content["problems"]],
        notes=content["notes"],
        subject=found.subject,
        amount_cents=found.amount_cents,
        seq=found.seq,
        state=found.state,
        result=found.result,
    )


def sums(session: Session, roster_id: int) -> Sums:
    """One statement, over the index."""
    columns = _ROW.c

    def count(state: str) -> Any:
        return func.coalesce(func.sum(case((columns.state == state, 1), else_=0)), 0)

    total = func.coalesce(func.sum(columns.amount_cents), 0)
    sound = func.coalesce(
        func.sum(case((columns.state == SOUND, columns.amount_cents), else_=0)), 0
    )
    parts = (count(state) for state in (SOUND, FAULTY, DONE, FAILED))
    remarked = case((and_(columns.state == SOUND, columns.noted), 1), else_=0)
    noted = func.coalesce(func.sum(remarked), 0)
    last = func.coalesce(func.max(columns.seq), 0)
    found = session.execute(
        select(func.count(), *parts, total, sound, noted, last).where(
            columns.roster_id == roster_id
        )
    ).one()
    return Sums(*(int(number) for number in found))


def taken(session: Session, roster_id: int, subjects: Iterable[str]) -> dict[str, int]:
    """Which of these subjects the roster holds already: subject → number of the first row."""
    found: dict[str, int] = {}
    columns = _ROW.c
    for part in _parts([one for one in dict.fromkeys(subjects) if one]):
        statement = (
            select(columns.subject, func.min(columns.seq))
            .where(columns.roster_id == roster_id, columns.subject.in_(part))
            .group_by(columns.subject)
        )
        found |= {subject: seq for subject, seq in session.execute(statement)}
    return found


def subjects(session: Session, roster_id: int) -> dict[str, int]:
    """Everybody the roster holds: subject → number of the first row."""
    columns = _ROW.c
    statement = (
        select(columns.subject, func.min(columns.seq))
        .where(columns.roster_id == roster_id, columns.subject != "")
        .group_by(columns.subject)
    )
    return {subject: seq for subject, seq in session.execute(statement)}


def of_subjects(
    session: Session, roster_id: int, subjects: Iterable[str], *, limit: int
) -> list[Line]:
    """Rows about these subjects, in order."""
    found = [one for one in dict.fromkeys(subjects) if one][:limit]
    same = select(_ROW).where(_ROW.c.roster_id == roster_id, _ROW.c.subject.in_(found))
    return [_line(row) for row in session.execute(same.order_by(_ROW.c.seq).limit(limit))]


def subjects_of(session: Session, roster_id: int, seqs: Collection[int]) -> set[str]:
    """Whom these rows are about."""
    found: set[str] = set()
    for part in _parts(seqs):
        same = select(_ROW.c.subject).where(_ROW.c.roster_id == roster_id, _ROW.c.seq.in_(part))
        found |= set(session.scalars(same))
    return found - {""}


def submit(rt: Runtime, roster: Roster, no: str, seqs: Collection[int] | None) -> Roster:
    """The sound rows (all of them, or those named) become the roster of the request.

    `roster` must be locked.  Faulty rows and rows not named stand in the 待提交清册 afterwards.
    Of a whole roster it is the others that move: they are few, and moving a hundred thousand rows
    would keep everybody else from writing for seconds.
    """
    session, now = rt.session, rt.clock()
    roster.updated_at = now
    if seqs is not None:
        filed = _beside(session, roster, state=SUBMITTED, no=no)
        for part in _parts(seqs):
            chosen = (_ROW.c.state == SOUND, _ROW.c.seq.in_(part))
            _move(session, roster, filed, chosen)
        return filed
    roster.state, roster.no = SUBMITTED, no
    roster.job_id = None  # an import that has failed must not go on into what was filed
    session.flush()  # before another one is open
    rest = _beside(session, roster, state=OPEN, no="")
    _move(session, roster, rest, (_ROW.c.state != SOUND,))
    return roster


def _beside(session: Session, roster: Roster, *, state: str, no: str) -> Roster:
    """Another roster of the same service and unit, which goes on numbering where this one is."""
    same = ("key", "form", "scope", "branch_code", "next_seq", "owner_id", "owner_name")
    values = {name: getattr(roster, name) for name in (*same, "file_name")}
    times = {"created_at": roster.updated_at, "updated_at": roster.updated_at}
    made = Roster(**values, **times, state=state, no=no, choices=dict(roster.choices))
    session.add(made)
    session.flush()
    return made


def _move(session: Session, roster: Roster, to: Roster, chosen: Sequence[Any]) -> None:
    moved = update(_ROW).where(_ROW.c.roster_id == roster.id, *chosen)
    session.execute(moved.values(roster_id=to.id))


def copy_back(session: Session, filed: Roster, target: Roster) -> int:
    """Put copies of the rows that took no effect behind those of a 待提交清册; how many.

    Both must be locked.  Whatever was wrong with them when they were applied is forgotten: they
    are judged anew.
    """
    names = ("subject", "amount_cents", "noted", "content")
    columns = [_ROW.c[name] for name in names]
    shift = target.next_seq - 1
    chosen = select(
        literal(target.id), _ROW.c.seq + shift, literal(SOUND), literal(""), *columns
    ).where(_ROW.c.roster_id == filed.id, _ROW.c.state != DONE)
    into = insert(_ROW).from_select(["roster_id", "seq", "state", "result", *names], chosen)
    count = session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    session.execute(into)
    target.next_seq += filed.next_seq - 1
    return count


def busy(session: Session, roster: Roster) -> bool:
    """Is a job still at work on it?  One that was cancelled or has failed keeps nobody waiting."""
    if roster.job_id is None:
        return False
    same = select(Job.id).where(Job.id == roster.job_id, Job.finished_at.is_(None))
    return session.scalar(same) is not None


def mark(session: Session, roster_id: int, results: Sequence[tuple[int, str]]) -> None:
    """(number, "" or why it failed) of rows that have been applied."""
    columns = _ROW.c
    statement = (
        update(_ROW)
        .where(columns.roster_id == roster_id, columns.seq == bindparam("this"))
        .values(state=bindparam("outcome"), result=bindparam("why"))
    )
    session.connection().execute(
        statement,
        [
            {"this": seq, "outcome": FAILED if why else DONE, "why": why[:300]}
            for seq, why in results
        ],
    )


def _parts(numbers: Collection[Any]) -> Iterable[list[Any]]:
    ordered = list(numbers)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]
