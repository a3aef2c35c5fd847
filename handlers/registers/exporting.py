"""Taking rows away: how many one person may, the register of exports, files that wait.

Up to `EXPORT_ROWS_ALONE` rows somebody downloads alone; more needs a second person (the services
`large_export` and `large_export_staff`), and the file then waits, sealed, for the one who asked.
So does every file with unmasked numbers, however short; all others hold masked ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from engine.database import possible, transaction
from engine.errors import NotFound, Problem, Refused
from engine.runtime import Actor, Runtime
from handlers import parameters
from handlers.parameters.cycle import EXPORT_ROWS_ALONE
from handlers.registers.asking import Asked
from handlers.registers.catalog import Offered
from handlers.registers.models import CONDITIONS_CHARS_MAX, FILE, ExportFile, ExportRecord

# By whom it is asked → the service that asks somebody else.
SERVICES = {"operator": "large_export", "staff": "large_export_staff"}
ROWS_MAX = 300_000  # of one file: some 30 MB, and a minute of a worker
KEEP_FILE = timedelta(days=3)
FILES_SHOWN_MAX = 50

_GONE = Problem("registers.no_file", "没有找到这个导出文件，可能已经过期，请重新申请导出。")


@dataclass(frozen=True, slots=True)
class Whose:
    """For whom somebody takes rows away: "unit:0208…" or "branch:QDN01", and the branch's code."""

    scope: str
    branch: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What leaves: which register under which conditions, as what, how many rows."""

    offered: Offered
    asked: Asked
    kind: str
    rows: int

    @property
    def conditions(self) -> str:
        return in_words(self.asked.shown)


def in_words(shown: Sequence[tuple[str, str]]) -> str:
    """管理部：凯里；变更日期：2026-07-01 起"""
    return "；".join(f"{label}：{text}" for label, text in shown)[:CONDITIONS_CHARS_MAX]


def alone_max(session: Session, asked: Asked) -> int:
    """How many rows one person may take without a second one, today."""
    return int(parameters.value(session, EXPORT_ROWS_ALONE, asked.reader.today))


def unready(asked: Asked) -> Problem | None:
    """Why nothing can be read of this."""
    if asked.problems:
        return Problem("registers.wrong_filter", "查询条件有误，请改正后重新查询，再下载。")
    if asked.missing:
        return Problem("registers.missing_filter", asked.missing)
    return None


def refusal(asked: Asked, rows: int, *, alone: int) -> Problem | None:
    """Why one person cannot take this away alone; None when they may."""
    if (problem := unready(asked)) is not None:
        return problem
    if asked.full:
        text = "带完整号码的数据须他人同意，请在查询页面点“申请导出”。"
        return Problem("registers.second_person", text)
    if rows > alone:
        text = f"共 {rows:,} 行，超过一个人可以导出的 {alone:,} 行，请在查询页面点“申请导出”。"
        return Problem("registers.second_person", text)
    return None


def out_of_bounds(rows: int) -> Problem | None:
    """Why no file of so many rows is made."""
    if not rows:
        return Problem("registers.nothing", "没有可以导出的数据，请改变查询条件后再申请。")
    if rows <= ROWS_MAX:
        return None
    text = f"共 {rows:,} 行，一个文件最多 {ROWS_MAX:,} 行，请缩小查询范围后分次申请。"
    return Problem("registers.too_many", text)


def record(rt: Runtime, actor: Actor, whose: Whose, taken: Taken) -> None:
    """Write down who takes what; a transaction of its own, before anything is sent."""
    with transaction(rt.session) as session:
        session.add(
            _record(
                *(rt, actor, whose),
                register=taken.offered.key,
                title=taken.offered.name,
                conditions=taken.conditions,
                kind=taken.kind,
                rows=taken.rows,
            )
        )


def _record(rt: Runtime, actor: Actor, whose: Whose, **taken: Any) -> ExportRecord:
    return ExportRecord(
        at=rt.clock(),
        actor_id=actor.id,
        actor_name=actor.name,
        scope=whose.scope,
        branch=whose.branch,
        **taken,
    )


# ── files that wait ────────────────────────────────────────────────────────────────────────────


def store(rt: Runtime, owner: Actor, taken: Taken, *, no: str, content: bytes) -> None:
    """Keep the file of a request; part of the caller's transaction, and once."""
    found = rt.session.scalar(select(ExportFile.id).where(ExportFile.no == no))
    if found is not None:
        return
    now = rt.clock()
    rt.session.add(
        ExportFile(
            no=no,
            owner_id=owner.id,
            register=taken.offered.key,
            title=taken.offered.name,
            conditions=taken.conditions,
            rows=taken.rows,
            content=content,
            made_at=now,
            expires_at=now + KEEP_FILE,
        )
    )


def files_of(rt: Runtime, actor: Actor) -> Sequence[ExportFile]:
    """The actor's own files that have not expired, the newest first."""
    return rt.session.scalars(
        select(ExportFile)
        .where(ExportFile.owner_id == actor.id, ExportFile.expires_at > rt.clock())
        .order_by(ExportFile.id.desc())
        .limit(FILES_SHOWN_MAX)
    ).all()


def fetch(rt: Runtime, actor: Actor, whose: Whose, file_id: int) -> tuple[ExportFile, bytes]:
    """The file and what is in it, for its owner; each time is written down.  Raises NotFound."""
    with transaction(rt.session) as session:
        row = session.get(ExportFile, file_id) if possible(file_id) else None
        if row is None or row.owner_id != actor.id or row.expires_at <= rt.clock():
            raise NotFound(_GONE)
        session.add(
            _record(
                *(rt, actor, whose),
                register=row.register,
                title=row.title,
                conditions=row.conditions,
                kind=FILE,
                rows=row.rows,
                no=row.no,
            )
        )
        content = row.content
    return row, content


def purge(session: Session, now: datetime) -> int:
    """Forget files nobody may fetch any more; how many went."""
    with transaction(session):
        gone = session.execute(delete(ExportFile).where(ExportFile.expires_at <= now))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def require(problem: Problem | None) -> None:
    if problem is not None:
        raise Refused(problem)
