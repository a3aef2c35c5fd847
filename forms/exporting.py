"""Registers as files: rows become a workbook, and a large one is asked for and made by a worker.

The form is filed from the page of a register (申请导出), never typed: it says which rows are
wanted, and the one thing a person adds is what for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, BinaryIO, ClassVar

from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.database import transaction
from engine.errors import HallError, OperationFailed, Problem, Refused
from engine.operations import Call, operation
from engine.owed import jobs, messages
from engine.owed.jobs import Work
from engine.runtime import Actor, Runtime
from forms.applications import ApplicationForm
from forms.base import Checked
from forms.declared import Item
from forms.excel import exports
from forms.excel.exports import ExportColumn
from forms.fields import ShortText, text
from forms.typed import clean
from handlers.centers import ServiceTexts
from handlers.registers import catalog, exporting, reading
from handlers.registers.asking import Asked, ask, in_full, reader_of
from handlers.registers.catalog import Offered
from handlers.registers.declaring import Column
from handlers.registers.exporting import Taken
from handlers.registers.models import CONDITIONS_CHARS_MAX, FILE

JOB = "registers/export"
REASON_CHARS_MAX = 200  # two sentences for the second person
CHANNEL = "导出文件"  # of the message that says where the file is
_KINDS: Mapping[str, exports.Kind] = {
    "money": "money",
    "count": "int",
    "rate": "percent",
    "day": "date",
    "month": "month",
    "moment": "moment",
}
WHAT = "导出内容"
_FROM_A_REGISTER = Problem(
    "registers.from_page", "请打开要导出的查询页面，查询后点“申请导出”提交。"
)
_LOST = Problem("registers.lost", "申请里没有导出内容，请经办人撤回后重新申请。")


# ── a workbook ─────────────────────────────────────────────────────────────────────────────────


def export_column(column: Column) -> ExportColumn:
    unit = "（元）" if column.kind == "money" else ""
    return ExportColumn(label=column.label + unit, kind=_KINDS.get(column.kind, "text"))


def export_columns(offered: Offered) -> list[ExportColumn]:
    return [export_column(column) for _, column in offered.data]


def row_of(offered: Offered, values: Sequence[Any]) -> list[Any]:
    """The values of the columns this centre shows."""
    return [values[place] for place, _ in offered.data]


def _nobody(_rows: int) -> None:
    """Hears how many rows are done."""


def write(
    session: Session,
    offered: Offered,
    asked: Asked,
    out: BinaryIO,
    *,
    by: str,
    at: datetime,
    told: Callable[[int], None] = _nobody,
) -> int:
    """Write everything asked as .xlsx; how many rows.  `told` hears after every piece, while no
    transaction is open."""
    counted = _Counted(session, offered, asked, told)
    return exports.export(
        export_columns(offered),
        counted.rows(),
        out,
        title=offered.name,
        subtitle=[f"{label}：{text}" for label, text in asked.shown],
        totals=counted.totals,
        by=by,
        at=at,
    )


class _Counted:
    """Rows on their way into a file or onto paper, and their sums: what it adds up is what it
    holds, whatever has been written into the tables meanwhile."""

    def __init__(
        self,
        session: Session,
        offered: Offered,
        asked: Asked,
        told: Callable[[int], None] = _nobody,
    ) -> None:
        self._pieces = reading.pieces(session, asked)
        self._offered, self._told = offered, told
        self.totals: list[Any] = [0 if column.total else None for _, column in offered.data]

    def rows(self) -> Iterator[list[Any]]:
        summed = [place for place, total in enumerate(self.totals) if total is not None]
        done = 0
        for piece in self._pieces:
            for line in piece:
                row = row_of(self._offered, line.values)
                for place in summed:
                    self.totals[place] += row[place] or 0
                yield row
            done += len(piece)
            self._told(done)


def sheet(
    session: Session, offered: Offered, asked: Asked
) -> tuple[list[list[Any]], list[Any] | None]:
    """Rows for paper, all at once (the caller has looked how many), and their sums; None when no
    column has one."""
    counted = _Counted(session, offered, asked)
    rows = list(counted.rows())
    return rows, counted.totals if any(total is not None for total in counted.totals) else None


# ── the request ────────────────────────────────────────────────────────────────────────────────


class LargeExport(ApplicationForm):
    """申请导出: more rows than one person may take alone (glossary §10)."""

    form_id: ClassVar[str] = "registers.LargeExport"
    title: ClassVar[str] = "大量数据导出"

    content: Annotated[ShortText, Item(label="导出内容", group=WHAT, fixed="由查询页面带出")] = ""
    asked: Annotated[
        str,
        text(CONDITIONS_CHARS_MAX),
        Item(label="查询条件", group=WHAT, wide=True, fixed="由查询页面带出"),
    ] = ""
    rows: Annotated[ShortText, Item(label="行数", group=WHAT, fixed="由查询页面带出")] = ""
    reason: Annotated[
        str,
        text(REASON_CHARS_MAX, lines=True),
        Item(label="用途", group=WHAT, required=True, wide=True),
    ]

    @classmethod
    def load(cls, session: Session, actor: Actor, scope: str) -> dict[str, str]:
        return dict.fromkeys(cls.specs(), "")

    @classmethod
    def check(
        cls,
        posted: Mapping[str, Any],
        current: Mapping[str, str],
        texts: ServiceTexts | None,
        *,
        materials: Mapping[str, int] | None = None,
        today: date | None = None,
    ) -> Checked:
        """Refuses: what is wanted is known to the page of a register alone (`filed`)."""
        found = super().check(posted, current, texts, materials=materials, today=today)
        return Checked(found.values, found.changes, [*found.problems, _FROM_A_REGISTER])


def reason_of(typed: str) -> str:
    """What the applicant has written it is for; Refused when it says nothing or too much."""
    said = clean(typed[: 2 * REASON_CHARS_MAX], lines=True)
    if isinstance(said, Problem):
        raise Refused(said)
    if not said:
        raise Refused(Problem("registers.no_reason", "请写明导出的用途，再提交申请。", "reason"))
    if len(said) > REASON_CHARS_MAX:
        sentence = f"用途最多 {REASON_CHARS_MAX} 个字，请缩短。"
        raise Refused(Problem("registers.long_reason", sentence, "reason"))
    return said


def filed(offered: Offered, asked: Asked, *, rows: int, reason: str) -> dict[str, Any]:
    """The data of the request: what reviewers read, and what the worker needs to do it
    ({"register", "words", "full"})."""
    return {
        "form": LargeExport.form_id,
        "values": {
            "content": offered.name,
            "asked": exporting.in_words(asked.shown),
            "rows": f"{rows:,} 行",
            "reason": reason,
        },
        "changes": [],
        "materials": [],
        "rows": rows,
        "export": {"register": offered.key, "words": dict(asked.words), "full": asked.full},
        "facts": {"rows": rows},
    }


@operation("registers/export")
def order(call: Call) -> dict[str, Any]:
    """Order the file of an agreed request; the asker gets a message when it is there."""
    wanted = call.data.get("export")
    if not isinstance(wanted, dict) or wanted.get("register") not in catalog.BY_KEY:
        raise OperationFailed(_LOST)
    owner = Actor(id=call.instance.starter_id, name=call.instance.starter_name)
    payload = {"no": call.no, "name": call.instance.name, "owner": owner.id} | wanted
    title = f"导出{catalog.BY_KEY[wanted['register']].title}"
    jobs.put(call.rt, owner, JOB, payload, key=f"{JOB}:{call.no}", title=title)
    return {"pending": True}


@dataclass(frozen=True, slots=True)
class _Order:
    """The asker as they are now: whoever has lost a post since reads no more than was left them."""

    rt: Runtime
    owner: Actor
    offered: Offered
    asked: Asked


@jobs.handler(JOB)
def make(work: Work) -> dict[str, Any]:
    """Write the file and tell its owner; a second run finds it stored and changes nothing."""
    with work.shop.sessions() as session:
        rt = work.shop.runtime(session)
        owner = rt.directory.find(work.payload["owner"])
        if owner is None:
            return {"rows": 0}
        try:
            rows = _make(work, _ordered(rt, owner, work.payload))
        except HallError as refusal:
            session.rollback()
            _tell(rt, owner, work.payload, title="导出没有完成", body=refusal.text)
            return {"rows": 0, "text": refusal.text}
    return {"rows": rows}


def _ordered(rt: Runtime, owner: Actor, payload: Mapping[str, Any]) -> _Order:
    reader = reader_of(owner, rt.clock().astimezone(ZONE).date(), rt.profile.privacy.full)
    offered = catalog.find(rt.profile, reader, payload["register"])
    asked = ask(offered.register, reader, payload["words"])
    if payload.get("full"):
        asked = in_full(asked, offered.columns)
    return _Order(rt, owner, offered, asked)


def _make(work: Work, wanted: _Order) -> int:
    rt, session, asked = wanted.rt, wanted.rt.session, wanted.asked
    total = reading.sums(session, asked).rows
    exporting.require(exporting.unready(asked) or exporting.out_of_bounds(total))
    session.rollback()

    def told(rows: int) -> None:
        work.report(min(rows, total), total=total)

    with tempfile.TemporaryFile() as out:
        rows = write(
            session, wanted.offered, asked, out, by=wanted.owner.name, at=rt.clock(), told=told
        )
        out.seek(0)
        content = out.read()
    taken = Taken(wanted.offered, asked, FILE, rows)
    with transaction(session):
        exporting.store(rt, wanted.owner, taken, no=work.payload["no"], content=content)
    until = (rt.clock() + exporting.KEEP_FILE).astimezone(ZONE)
    body = (
        f"“{wanted.offered.name}”共 {rows:,} 行已经导出，请在 {until:%Y-%m-%d %H:%M} 前下载，"
        "过期自动删除。"
    )
    _tell(rt, wanted.owner, work.payload, title="导出文件已生成", body=body)
    return rows


def _tell(rt: Runtime, owner: Actor, payload: Mapping[str, Any], *, title: str, body: str) -> None:
    with transaction(rt.session) as session:
        messages.put(
            session,
            recipient=owner.id,
            title=title,
            body=body,
            business=payload["name"],
            channel=CHANNEL,
            no=payload["no"],
            now=rt.clock(),
            key=f"{JOB}:{payload['no']}",
        )


FORMS = (LargeExport,)
