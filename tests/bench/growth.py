"""Does a request that goes round for ever become slower or bigger?  And what does a worker weigh?

One request is approved ROUNDS times, each a whole durable step on SQLite (WAL, NORMAL); then it and
fresh ones in their round EARLY take turns on the same database.  `blob_bytes_max` is the largest
state ever written on the way.  The weight is taken in a process of its own.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from sqlalchemy import Engine, bindparam, func, select, text
from sqlalchemy.orm import Session

import engine
from engine import history
from engine.database import transaction
from engine.requests import cases
from tests.bench import filings, stores
from tests.bench.floor import INSTANCE, TASK
from tests.builders import diagrams

KEY = "bench_rounds"
STORE = "sqlite_normal_core"
ROUNDS = 10_000
EARLY = 10
FRESH, TURNS = 60, 4  # so many fresh requests, so many rounds of each, around EARLY
DEFINITIONS, APPROVALS = 200, 10_000  # what the worker that is weighed has served
REPEATS = 1_000
MICRO, MEGA = 1_000, 1 << 20


def rounds(key: str = KEY) -> bytes:
    """A form, then a review with a reminder, again and again."""
    return diagrams.process(
        key,
        diagrams.start(),
        diagrams.form("fill", form="bench.Form"),
        diagrams.user("check", "审核", verbs="approve,return"),
        diagrams.timer("due", "check", timeDate="before_due(8)"),
        diagrams.script("remind", "reminded = True", "到期提醒"),
        diagrams.end("end_reminded"),
        diagrams.script("count", 'rounds = values.get("rounds", 0)', "计数"),
        diagrams.gateway("again", "check"),
        diagrams.end(),
        diagrams.flows("start", "fill", "check", "count", "again", "check"),
        diagrams.flow("again", "end", 'decision == "enough"'),
        diagrams.flows("due", "remind", "end_reminded"),
        lanes=diagrams.lane("单位经办人", "fill")
        + diagrams.lane("归集审核岗", "check", "due", "remind"),
        due_working_days=3,
    )


_STANDING = (
    select(TASK.c.id, func.length(INSTANCE.c.state))
    .join(INSTANCE, TASK.c.instance_id == INSTANCE.c.id)
    .where(INSTANCE.c.id == bindparam("this"), TASK.c.status == "open")
)
_REQUEST = select(INSTANCE.c.id).where(INSTANCE.c.no == bindparam("no"))


class Rounds:
    """Requests that go round: the next step of each is looked up outside the time that counts."""

    def __init__(self, session: Session) -> None:
        self.session, self.rt = session, filings.runtime(session)
        self.blob_bytes_max = 0
        self._open: dict[int, int] = {}  # request → its open step

    def file(self, key: str = KEY) -> int:
        outcome = engine.start(self.rt, filings.APPLICANT, key, **filings.FILED)
        request: int = self.session.execute(_REQUEST, {"no": outcome.no}).scalar_one()
        self._look(request)
        return request

    def approve(self, request: int) -> float:
        """One round; the µs it took."""
        step = self._open[request]
        start = perf_counter_ns()
        engine.approve(self.rt, filings.REVIEWER, step, opinion=filings.OPINION)
        took = perf_counter_ns() - start
        self._look(request)
        return took / MICRO

    def _look(self, request: int) -> None:
        step, size = self.session.execute(_STANDING, {"this": request}).one()
        self.session.rollback()
        self._open[request] = step
        self.blob_bytes_max = max(self.blob_bytes_max, size)


def measure(folder: Path) -> dict[str, Any]:
    """`growth`, `blob_bytes_max` and what no target covers."""
    (folder / "growth").mkdir()
    with stores.store(STORE, folder / "growth") as database:
        found = _growth(database)
    return found | _weight(folder)


def report(found: dict[str, Any]) -> str:
    """What `measure` has found, for people."""
    early, late = found["round_us"].values()
    return (
        f"Rounds: {early} µs in round {EARLY}, {late} µs in round {ROUNDS:,}"
        f" ({found['growth']}), state at most {found['blob_bytes_max']} bytes\n"
        f"A line of history: {found['history_us']} µs; a request stored: "
        f"{found['request_kb_stored']} KB, in no worker's memory between steps\n"
        f"A worker: {found['worker_mb_idle']} MB idle, {found['worker_mb']} MB after "
        f"{APPROVALS:,} approvals over {DEFINITIONS} diagrams"
    )


def _growth(database: Engine) -> dict[str, Any]:
    with Session(database) as session:
        filings.prepare(session)
        engine.deploy(filings.runtime(session), KEY, {f"{KEY}.bpmn": rounds()})
        going = Rounds(session)
        old = going.file()
        for _ in range(ROUNDS):
            going.approve(old)
        young = [going.file() for _ in range(FRESH)]
        for request in young:
            for _ in range(EARLY - TURNS // 2):
                going.approve(request)
        late, early = _take_turns(going, old, young)
        return {
            "growth": round(statistics.median(late) / statistics.median(early), 2),
            "blob_bytes_max": going.blob_bytes_max,
            "round_us": {
                str(EARLY): round(statistics.median(early)),
                str(ROUNDS): round(statistics.median(late)),
            },
            "history_us": _history_us(session, old),
        }


def _take_turns(going: Rounds, old: int, young: list[int]) -> tuple[list[float], list[float]]:
    """ABBA, so that a checkpoint of the log meets both alike."""
    late: list[float] = []
    early: list[float] = []
    gc.collect()
    gc.freeze()
    for turn in range(TURNS):
        for place, request in enumerate(young):
            sides: list[Callable[[], None]] = [
                lambda: late.append(going.approve(old)),
                lambda request=request: early.append(going.approve(request)),  # type: ignore[misc]
            ]
            for side in sides if (turn + place) % 2 else reversed(sides):
                side()
    gc.unfreeze()
    return late, early


def _history_us(session: Session, request: int) -> float:
    """One sealed row of history, its statement included."""
    rt = filings.runtime(session)
    times = []
    with transaction(session):
        case = cases.load(rt, case_id=request)
        for _ in range(REPEATS):
            case.revision += 1
            start = perf_counter_ns()
            history.append(rt, case, filings.REVIEWER, "approve", opinion=filings.OPINION)
            times.append(perf_counter_ns() - start)
        session.rollback()
    return round(statistics.median(times) / MICRO, 1)


def _weight(folder: Path) -> dict[str, Any]:
    """In a process of its own: what this one has done before would count."""
    command = [sys.executable, "-m", "tests.bench.growth", str(folder / "weight")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _weigh(folder: Path) -> dict[str, Any]:
    """A worker after APPROVALS approvals over DEFINITIONS diagrams; a request in the database."""
    folder.mkdir()
    with stores.store(STORE, folder) as database, Session(database) as session:
        filings.prepare(session)
        bare = _resident()
        keys = [f"{KEY}_{number}" for number in range(DEFINITIONS)]
        for key in keys:
            engine.deploy(filings.runtime(session), key, {f"{key}.bpmn": rounds(key)})
        going = Rounds(session)
        before = _pages(session)
        requests = [going.file(key) for key in keys]
        filed = _pages(session) - before
        for number in range(APPROVALS):
            going.approve(requests[number % len(requests)])
        return {
            "worker_mb": round(_resident() / MEGA, 1),
            "worker_mb_idle": round(bare / MEGA, 1),
            "request_kb_stored": round(filed / len(requests) / 1024, 1),
        }


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _pages(session: Session) -> int:
    count = session.scalar(
        text("select page_count * page_size from pragma_page_count(), pragma_page_size()")
    )
    session.rollback()
    return int(count or 0)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_weigh(Path(sys.argv[1]))))
