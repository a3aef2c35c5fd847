"""From an uploaded workbook to rows of a roster, as a long job.

The file is sealed until it is read; nothing is stored before it is known to be a roster with the
right number of rows.  Rows are stored in pieces, each with the count of rows read so far in one
transaction, so that an import that was killed goes on behind its last row.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from engine.database import transaction
from engine.errors import Conflict, HallError, Problem, Refused
from engine.models import Job
from engine.owed import jobs
from engine.owed.jobs import Work
from engine.runtime import Actor, Runtime
from forms.excel import files, reading
from forms.excel.files import refused
from forms.excel.marks import Marks
from forms.excel.reading import ROWS_MAX, Sheet
from forms.rosters import checking, parked
from forms.rosters.base import Row
from forms.rosters.checking import CellCheck
from forms.rosters.filing import desk_of, form_of
from forms.rosters.parked import Opened
from handlers.documents.content import clean_name
from handlers.rosters import store
from handlers.rosters.models import OPEN, SUBMITTED, Roster, RosterFile

IMPORT = "rosters/import"
PIECE_ROWS = 2_000  # a tenth of a second: nobody waits for the writer of SQLite longer

_BUSY = Problem("rosters.busy", "这张清册正在导入或办理，请等完成后再导入。")
_NOT_OPEN = Problem("rosters.not_open", "这张清册已经在办理，不能再导入，请返回业务页面。")


def start_import(
    rt: Runtime,
    actor: Actor,
    roster: Roster,
    content: bytes,
    *,
    file_name: str,
    stated_rows: int | None = None,
    replace: bool = False,
    may: Callable[[Roster], None] | None = None,
) -> int:
    """Order the import of a workbook; the id of its job.

    `stated_rows`: 导入条数 as typed, compared before anything is stored.  `replace`: the rows of
    the roster go first.  `may` raises when the roster, held by then, is not this person's any more:
    it may have been filed while a large file was looked at.  Raises Refused for what is no roster
    file, Conflict for a busy roster.
    The job's result is {"rows", "sound", "faulty", "notes", "text"} or {"refused": sentence}.
    """
    files.kind_of(content)
    roster_id = roster.id
    with transaction(rt.session):
        held = store.locked(rt.session, roster_id)
        if may is not None:
            may(held)
        if store.busy(rt.session, held):
            raise Conflict(_BUSY)
        if held.state not in (OPEN, SUBMITTED):
            raise Conflict(_NOT_OPEN)
        name = clean_name(file_name, "清册")
        rt.session.execute(delete(RosterFile).where(RosterFile.roster_id == roster_id))
        rt.session.add(
            RosterFile(
                roster_id=roster_id,
                content=content,
                stated_rows=stated_rows,
                uploaded_by=actor.name,
                uploaded_at=rt.clock(),
            )
        )
        held.file_name, held.updated_at = name, rt.clock()
        held.job_id = jobs.put(
            rt,
            actor,
            IMPORT,
            {"roster": roster_id, "actor": [actor.id, actor.name], "replace": replace},
            key=f"{IMPORT}:{roster_id}:{uuid4().hex}",
            title=f"导入清册 {name}".strip(),
        )
        return held.job_id


@jobs.handler(IMPORT)
def run(work: Work) -> dict[str, Any]:
    """One slice of an import."""
    with work.shop.sessions() as session:
        roster = session.get(Roster, work.payload["roster"])
        if roster is None or roster.job_id != work.id:
            # a run that was killed behind its last commit: it has left its result
            return dict(session.scalars(select(Job.result).where(Job.id == work.id)).one())
        try:
            result = _Import(work, work.shop.runtime(session), roster).run()
        except HallError as refusal:
            result = {"refused": refusal.text}
        _end(work, session, result)
        return result


class _Import:
    """A run over one file."""

    def __init__(self, work: Work, rt: Runtime, roster: Roster) -> None:
        self._work, self._session = work, rt.session
        self._roster_id, self._next_seq = roster.id, roster.next_seq
        self._form, self._desk = form_of(roster), desk_of(rt, _actor(rt, work), roster)
        columns = RosterFile.stated_rows, RosterFile.rows_read, RosterFile.rows_faulty
        found = select(*columns).where(RosterFile.roster_id == roster.id)
        self._stated, self._read, self._faulty = rt.session.execute(found).one()

    def run(self) -> dict[str, Any]:
        opened = parked.take(self._place) or self._open()
        try:
            self._store(opened)
        except BaseException:
            if self._work.pausing:
                parked.park(self._place, opened)
            else:
                opened.sheet.close()
            raise
        opened.sheet.close()
        return self._result(opened.sheet)

    @property
    def _place(self) -> tuple[int, ...]:
        return self._work.id, self._read, self._next_seq

    def _open(self) -> Opened:
        """The file, where the last piece has ended; at its beginning it is judged as a whole."""
        form, desk = self._form, self._desk
        if self._read == 0 and (problems := form.gate(desk)):
            raise Refused(problems[0])
        columns = form.columns(desk.texts)
        sheet = reading.read(self._content(), columns, skip=self._read, judge=self._judge_marks)
        try:
            if self._read == 0:
                self._judge_file(sheet)
                if self._work.payload["replace"]:
                    self._clear()
            given = checking.given_rows(desk, form)
            cells = CellCheck(form, desk.texts, today=desk.today, given=given)
            return Opened(sheet, cells, store.subjects(self._session, self._roster_id))
        except BaseException:
            sheet.close()
            raise

    def _content(self) -> bytes:
        where = RosterFile.roster_id == self._roster_id
        return self._session.scalars(select(RosterFile.content).where(where)).one()

    def _judge_marks(self, marks: Marks) -> None:
        """A template of another service, or another unit's, is filled with the wrong people."""
        if marks.form != self._form.form_id:
            name = self._desk.texts.name
            text = f"这是别的业务的模板，请下载“{name}”的模板填写后上传。"
            raise refused("other_form", text)
        here = self._desk.unit_account_no
        if marks.unit and here and marks.unit != here:
            text = f"这是单位 {marks.unit} 的模板，请下载本单位的模板填写后上传。"
            raise refused("other_unit", text)

    def _judge_file(self, sheet: Sheet) -> None:
        """What is wrong with the file as a whole; nothing is stored yet."""
        if self._stated is not None and self._stated != sheet.row_count:
            text = (
                f"您填写的导入条数是 {self._stated}，文件中有 {sheet.row_count} 行，"
                "请核对文件，或修改导入条数后重新上传。"
            )
            raise refused("row_count", text)
        held = 0
        if not self._work.payload["replace"]:
            held = store.sums(self._session, self._roster_id).rows
        if held + sheet.row_count > ROWS_MAX:
            text = (
                f"清册中已有 {held:,} 行，文件中有 {sheet.row_count:,} 行，"
                f"合计超过 {ROWS_MAX:,} 行，请先提交或删除一部分再导入。"
            )
            raise refused("too_many", text)

    def _store(self, opened: Opened) -> None:
        total = opened.sheet.row_count
        self._work.report(self._read, total=total)
        while self._read < total:
            with _uncollected():
                self._piece(opened)
            self._work.report(
                self._read,
                message=f"已校验 {self._read:,} 行，有误 {self._faulty:,} 行",
                cursor={"rows": self._read},
            )

    def _piece(self, opened: Opened) -> None:
        piece = list(islice(opened.sheet.rows, PIECE_ROWS))
        assert piece, "the file was counted before"
        rows = [
            Row(seq=seq, texts=each.texts, problems=list(each.problems))
            for seq, each in enumerate(piece, start=self._next_seq)
        ]
        subjects = opened.subjects
        checking.check(self._desk, self._form, rows, taken=subjects, cells_by=opened.cells)
        for row, read in zip(rows, piece, strict=True):
            if row.subject:
                subjects.setdefault(row.subject, row.seq)
            if row.problems:
                row.notes.append(f"上传文件第 {read.number} 行")
        self._keep(rows)

    def _clear(self) -> None:
        with transaction(self._session) as session:
            store.remove(session, store.locked(session, self._roster_id), None)

    def _keep(self, rows: list[Row]) -> None:
        """A piece and how far the file has been read: one transaction."""
        with transaction(self._session) as session:
            roster = store.locked(session, self._roster_id)
            if roster.job_id != self._work.id:
                raise RuntimeError("the roster was given another file")
            assert roster.next_seq == self._next_seq, "nobody writes to a roster under import"
            store.add(session, roster, [checking.to_line(row) for row in rows])
            read, faulty = self._read + len(rows), self._faulty + sum(not r.sound for r in rows)
            moved = (
                update(RosterFile)
                .where(RosterFile.roster_id == roster.id, RosterFile.rows_read == self._read)
                .values(rows_read=read, rows_faulty=faulty)
            )
            if cast(Any, session.execute(moved)).rowcount != 1:
                raise RuntimeError("another runner has taken this import over")
            next_seq = roster.next_seq
        self._read, self._faulty, self._next_seq = read, faulty, next_seq

    def _result(self, sheet: Sheet) -> dict[str, Any]:
        rows, faulty = self._read, self._faulty
        text = f"共 {rows:,} 行，合格 {rows - faulty:,} 行，有误 {faulty:,} 行"
        counts = {"rows": rows, "sound": rows - faulty, "faulty": faulty}
        return counts | {"notes": sheet.notes, "text": text}


@contextmanager
def _uncollected() -> Iterator[None]:
    """A piece makes no cycles: looking for them in all there is would take a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _actor(rt: Runtime, work: Work) -> Actor:
    """Whoever uploaded the file, with the posts held now."""
    person_id, name = work.payload["actor"]
    return rt.directory.find(person_id) or Actor(person_id, name)


def _end(work: Work, session: Session, result: dict[str, Any]) -> None:
    """The file goes with the last word about it."""
    with transaction(session):
        roster = store.locked(session, work.payload["roster"])
        if roster.job_id == work.id:
            roster.job_id = None
            session.execute(delete(RosterFile).where(RosterFile.roster_id == roster.id))
            session.execute(update(Job).where(Job.id == work.id).values(result=result))
