"""Has anybody touched the history?  Checks every seal, and seals the whole from time to time.

Each row is sealed with the one before it (`history.seal_of`), each request keeps its last seal, and
`seal` puts a lid on everything written so far: a row changed, removed, inserted or moved no longer
fits, whether by hand or by a program that does not know the key.  Rows younger than the last lid
can be cut off together with their request's revision without a trace: seal often, keep the printed
lids elsewhere.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import orjson
from sqlalchemy import func, select

from engine.database import one_at_a_time, transaction
from engine.history import SEALED, seal_of
from engine.models import History, Instance, Seal
from engine.runtime import Runtime

SETTLE_SECONDS = 600  # a lower id may be committed after a higher one, but never so much later
ROWS_AT_ONCE = 2_000
FAULTS_MAX = 1_000  # a report longer than this says no more than its beginning


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not fit; `seq` is 0 when it concerns the request or a lid as a whole."""

    no: str
    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` has looked at; clean when there is no fault."""

    requests: int
    rows: int
    seals: int
    faults: tuple[Fault, ...]

    @property
    def clean(self) -> bool:
        return not self.faults


@dataclass(frozen=True, slots=True)
class Line:
    """One history row with its request, as it is exported."""

    id: int
    no: str
    instance_id: int
    seq: int
    at: datetime
    actor_id: str
    actor_name: str
    actor_title: str
    verb: str
    node: str | None
    node_name: str | None
    opinion: str | None
    detail: dict[str, Any]
    seal: str


def verify(rt: Runtime) -> Report:
    """Recompute every seal of every request, then every lid over the whole history."""
    found: list[Fault] = []
    requests = rows = 0
    last: dict[int, tuple[int, str]] = {}
    for instance_id, group in groupby(lines(rt), key=lambda line: line.instance_id):
        count, chain, faults = _check_request(rt.secret, group)
        requests, rows = requests + 1, rows + count
        last[instance_id] = (count, chain)
        found += faults[: FAULTS_MAX - len(found)]
    found += _check_ends(rt, last)
    seals, faults = _check_lids(rt)
    return Report(requests, rows, seals, tuple([*found, *faults][:FAULTS_MAX]))


def lines(rt: Runtime) -> Iterator[Line]:
    """The whole history, request by request, without holding it in memory."""
    query = (
        select(
            History.id,
            func.coalesce(Instance.no, ""),
            *(getattr(History, name) for name in SEALED),
            History.seal,
        )
        .outerjoin(Instance, Instance.id == History.instance_id)
        .order_by(History.instance_id, History.seq, History.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for row in rt.session.execute(query):
        yield Line(*row)


def export(rt: Runtime) -> Iterator[bytes]:
    """The history as JSON lines; what was written can be checked again without this database."""
    for line in lines(rt):
        yield orjson.dumps(asdict(line), option=orjson.OPT_APPEND_NEWLINE)


def verify_export(secret: bytes, exported: Iterable[bytes]) -> Report:
    """Check an exported file: the seals of each request, in the order they were written."""
    found: list[Fault] = []
    requests = rows = 0
    for _, group in groupby(map(_read_line, exported), key=lambda line: line.instance_id):
        count, _chain, faults = _check_request(secret, group)
        requests, rows = requests + 1, rows + count
        found += faults[: FAULTS_MAX - len(found)]
    return Report(requests, rows, 0, tuple(found))


def _read_line(text: bytes) -> Line:
    facts = orjson.loads(text)
    return Line(**facts | {"at": datetime.fromisoformat(facts["at"])})


def seal(rt: Runtime) -> Seal | None:
    """Put a lid on everything written up to ten minutes ago; None when there is nothing new."""
    with transaction(rt.session) as session:
        one_at_a_time(session, "hall_seal")
        before = session.scalar(select(Seal).order_by(Seal.id.desc()).limit(1))
        start = before.last_id if before else 0
        settled = rt.clock() - timedelta(seconds=SETTLE_SECONDS)
        end = session.scalar(select(func.max(History.id)).where(History.at <= settled))
        if end is None or end <= start:
            return None
        rows, digest = _digest(rt, start, end, before.digest if before else "")
        made = Seal(at=rt.clock(), last_id=end, rows=rows, digest=digest, seal="")
        made.seal = _lid(rt.secret, before.seal if before else "", made)
        session.add(made)
        session.flush()
        session.expunge(made)
        return made


def adopt(rt: Runtime) -> int:
    """Seal what was written before seals existed; returns how many rows.

    Only ever once: after the first lid an unsealed row is a fault, not an old one.
    """
    with transaction(rt.session) as session:
        one_at_a_time(session, "hall_seal")
        if session.scalar(select(Seal.id).limit(1)) is not None:
            return 0
        rows = 0
        unsealed = select(Instance).where(Instance.chain == "", Instance.revision > 0)
        for case in session.scalars(unsealed).all():
            query = select(History).where(History.instance_id == case.id, History.seal == "")
            for row in session.scalars(query.order_by(History.seq)).all():
                facts = {name: getattr(row, name) for name in SEALED}
                case.chain = row.seal = seal_of(rt.secret, case.chain, facts)
                rows += 1
    seal(rt)
    return rows


def _check_request(secret: bytes, group: Iterable[Line]) -> tuple[int, str, list[Fault]]:
    """How many rows, the last seal, and what does not fit."""
    chain, count = "", 0
    faults: list[Fault] = []
    for line in group:
        count += 1
        if line.seq != count and not faults:
            text = f"办理记录应为第 {count} 条，实际为第 {line.seq} 条：有记录被删除或插入。"
            faults.append(Fault(line.no, line.seq, text))
        facts = {name: getattr(line, name) for name in SEALED}
        if not hmac.compare_digest(seal_of(secret, chain, facts), line.seal):
            text = "办理记录与封印不符：内容被改动，或前一条记录被改动、删除。"
            faults.append(Fault(line.no, line.seq, text))
        chain = line.seal
    return count, chain, faults


def _check_ends(rt: Runtime, last: dict[int, tuple[int, str]]) -> list[Fault]:
    """Each request must end with the row and the seal it says itself."""
    faults = []
    known = set()
    query = select(Instance.id, Instance.no, Instance.revision, Instance.chain)
    for id_, no, revision, chain in rt.session.execute(
        query.execution_options(yield_per=ROWS_AT_ONCE)
    ):
        known.add(id_)
        count, sealed = last.get(id_, (0, ""))
        if (count, sealed) != (revision, chain):
            text = f"业务应有 {revision} 条办理记录，实际 {count} 条或末条封印不符。"
            faults.append(Fault(no, 0, text))
    lost = sorted(last.keys() - known)
    faults += [Fault(f"#{id_}", 0, "办理记录所属的业务已不存在：业务被删除。") for id_ in lost]
    return faults[:FAULTS_MAX]


def _check_lids(rt: Runtime) -> tuple[int, list[Fault]]:
    faults: list[Fault] = []
    start, digest, chain, count = 0, "", "", 0
    for row in rt.session.scalars(select(Seal).order_by(Seal.id)):
        count += 1
        rows, digest = _digest(rt, start, row.last_id, digest)
        if (rows, digest) != (row.rows, row.digest):
            text = f"记录 {start + 1}–{row.last_id} 应有 {row.rows} 条，实际 {rows} 条或内容不符。"
            faults.append(Fault(f"封存 {row.id}", 0, text))
        if not hmac.compare_digest(_lid(rt.secret, chain, row), row.seal):
            faults.append(Fault(f"封存 {row.id}", 0, "封存记录本身被改动，或前一次封存被删除。"))
        start, digest, chain = row.last_id, row.digest, row.seal
    return count, faults


def _digest(rt: Runtime, after: int, until: int, before: str) -> tuple[int, str]:
    """Number and digest of the rows with after < id ≤ until, on top of the digest before."""
    total = hmac.new(rt.secret or b"hall", before.encode(), "sha256")
    rows = 0
    query = (
        select(History.id, History.seal)
        .where(History.id > after, History.id <= until)
        .order_by(History.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for id_, sealed in rt.session.execute(query):
        rows += 1
        total.update(f"{id_}:{sealed};".encode())
    return rows, total.hexdigest()


def _lid(secret: bytes, before: str, row: Seal) -> str:
    text = f"{before}|{row.at.timestamp()}|{row.last_id}|{row.rows}|{row.digest}"
    return hmac.digest(secret or b"hall", text.encode(), "sha256").hex()
