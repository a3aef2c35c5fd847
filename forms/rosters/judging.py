"""Rows of a roster are judged beside the rows it holds already, again when what they follow from
changes.

Some thousand rows are judged while somebody waits; more of them by a job, piece by piece, and the
roster rests until it is over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine import Actor, Runtime
from engine.database import transaction
from engine.owed import jobs
from engine.owed.jobs import Work
from forms.rosters import checking
from forms.rosters.base import Row
from forms.rosters.filing import desk_of, form_of
from handlers.rosters import store
from handlers.rosters.models import Roster
from handlers.rosters.store import Line

AT_ONCE_ROWS = 2_000  # about a second
PIECE_ROWS = 1_000  # of a job: SQLite has one writer, and others want it, too
TWINS_MAX = 500  # whoever has more of them deletes what is faulty, or is told when filing
JOB = "rosters/judge"


def judge(rt: Runtime, actor: Actor, roster: Roster, rows: Sequence[Row]) -> list[Line]:
    """The rows with their verdicts; nothing is written."""

    def taken(subjects: Collection[str]) -> Mapping[str, int]:
        return store.taken(rt.session, roster.id, subjects)

    checking.check(desk_of(rt, actor, roster), form_of(roster), rows, taken=taken)
    return [replace(checking.to_line(row), seq=row.seq) for row in rows]


def relieved(rt: Runtime, actor: Actor, roster: Roster, subjects: Iterable[str]) -> list[Line]:
    """Rows that stood twice are judged anew when their twin has gone or became another."""
    found = store.of_subjects(rt.session, roster.id, subjects, limit=TWINS_MAX)
    rows = [Row(seq=line.seq, texts=dict(line.values)) for line in found]
    lines = judge(rt, actor, roster, rows)
    store.replace_many(rt.session, roster, lines)
    return lines


def again(rt: Runtime, actor: Actor, roster: Roster, *, after: int = 0) -> bool:
    """Judge the rows behind a number anew; part of the caller's transaction, `roster` is locked.

    True when they are many and a job does it.
    """
    if store.sums(rt.session, roster.id).rows <= AT_ONCE_ROWS:
        while (last := _piece(rt, actor, roster, after)) is not None:
            after = last
        return False
    payload = {"roster": roster.id, "after": after, "actor": [actor.id, actor.name]}
    name = rt.profile.services[roster.key].name
    key = f"{JOB}:{roster.id}:{rt.clock().isoformat()}"
    roster.job_id = jobs.put(rt, actor, JOB, payload, key=key, title=f"复核{name}清册")
    return True


def _piece(rt: Runtime, actor: Actor, roster: Roster, after: int) -> int | None:
    """Judge the next rows; the number of the last of them, None when there are none."""
    lines = store.rows(rt.session, roster.id, after=after, limit=PIECE_ROWS)
    if not lines:
        return None
    rows = [Row(seq=line.seq, texts=dict(line.values)) for line in lines]
    store.replace_many(rt.session, roster, judge(rt, actor, roster, rows))
    roster.updated_at = rt.clock()
    return lines[-1].seq


@jobs.handler(JOB, whole=True)
def _judge_job(work: Work) -> dict[str, Any]:
    actor = Actor(*work.payload["actor"])
    after = int(work.cursor.get("after", work.payload["after"]))
    done = int(work.cursor.get("done", 0))
    while True:
        with work.shop.sessions() as session, transaction(session):
            rt = work.shop.runtime(session)
            roster = store.locked(session, int(work.payload["roster"]))
            ours = roster.job_id == work.id  # else it was filed meanwhile, or given another job
            last = _piece(rt, actor, roster, after) if ours else None
            sums = store.sums(session, roster.id)
            if last is None:
                if ours:
                    roster.job_id = None
                break
        after, done = last, done + PIECE_ROWS
        cursor = {"after": after, "done": done}
        work.report(min(done, sums.rows), total=sums.rows, cursor=cursor)
    said = f"共 {sums.rows:,} 行，合格 {sums.sound:,} 行，有误 {sums.faulty:,} 行。"
    work.report(sums.rows, total=sums.rows, message=said)
    return {"rows": sums.rows, "sound": sums.sound, "faulty": sums.faulty}
