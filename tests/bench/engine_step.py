"""What one durable step costs, against the floor: the same statements without an engine.

`make bench-engine`.  One approval of a review step (lock and load, permission, decision table,
service with an effect and an outbox item, state, tasks, history, commit) and its floor take turns
on three stores.  The last line is one JSON object.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import signal
import sqlite3
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from typing import Any

import sqlalchemy
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

import engine
from engine.database import transaction
from engine.requests import cases
from engine.tokens import codec
from engine.verbs import permissions
from tests.bench import filings, growth, start_many, stores
from tests.bench.floor import EFFECTS, HISTORY, INSTANCE, OUTBOX, TASK, Floor, model_of
from tests.bench.recording import Said, difference, recorded
from tests.builders import keys

STEPS = 400
WARM_UP = 40
CHECKS = 3  # requests used to compare what is said, before anything is timed
REPEATS = 2_000  # of the parts that need no database
MICRO = 1_000


class Drifted(Exception):
    """Engine and floor do not say or write the same: their ratio would mean nothing."""


@dataclass(frozen=True, slots=True)
class Times:
    """One side of one store: every turn by the clock, and by what the process itself has worked."""

    wall_us: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    @property
    def median_us(self) -> float:
        return statistics.median(self.wall_us)

    @property
    def p90_us(self) -> float:
        return statistics.quantiles(self.wall_us, n=10)[-1]


@dataclass(frozen=True, slots=True)
class Measured:
    store: str
    engine: Times
    floor: Times
    statements: int
    blob_bytes: int
    parts_us: dict[str, float]  # of the engine's own work, without a database

    @property
    def ratio(self) -> float:
        return round(self.engine.median_us / self.floor.median_us, 2)


def measure(name: str, database: Engine) -> Measured:
    with Session(database) as ours, Session(database) as theirs:
        filings.prepare(ours)
        count = CHECKS + WARM_UP + STEPS
        tasks = filings.file_many(ours, 2 * count)
        rt = filings.runtime(ours)

        def approve(task_id: int) -> None:
            engine.approve(rt, filings.REVIEWER, task_id, opinion=filings.OPINION)

        approve(tasks[0])
        floor = Floor(theirs, model_of(ours, tasks[0]))
        floor.approve(tasks[1])
        said = _same_words(database, lambda: approve(tasks[2]), lambda: floor.approve(tasks[3]))
        _same_words(database, lambda: approve(tasks[4]), lambda: floor.approve(tasks[5]))
        ours_took, floor_took = _take_turns(approve, floor.approve, tasks[2 * CHECKS :])
        _same_rows(ours, tasks)
        parts, blob_bytes = _parts(ours, tasks)
        statements = sum(each.sql not in ("COMMIT", "BEGIN IMMEDIATE") for each in said)
        return Measured(name, ours_took, floor_took, statements, blob_bytes, parts)


def _same_words(
    database: Engine, ours: Callable[[], None], floor: Callable[[], None]
) -> list[Said]:
    with recorded(database) as said:
        ours()
    with recorded(database) as other:
        floor()
    differing = difference(said, other)
    if differing is not None:
        raise Drifted(f"the floor has drifted: mend tests/bench/floor.py\n{differing}")
    return said


def _take_turns(
    ours: Callable[[int], None], floor: Callable[[int], None], tasks: list[int]
) -> tuple[Times, Times]:
    """ABBA: what one leaves behind (caches, a log to be checkpointed) meets both alike."""
    times = (Times(), Times())
    gc.collect()
    gc.freeze()  # the collector stays on, but need not walk what the set-up has made
    for turn, pair in enumerate(zip(tasks[::2], tasks[1::2], strict=True)):
        for side in (0, 1) if turn % 2 == 0 else (1, 0):
            verb, task_id = (ours, floor)[side], pair[side]
            start, worked = perf_counter_ns(), thread_time_ns()
            verb(task_id)
            worked, took = thread_time_ns() - worked, perf_counter_ns() - start
            if turn >= WARM_UP:
                times[side].wall_us.append(took / MICRO)
                times[side].cpu_us.append(worked / MICRO)
    gc.unfreeze()
    return times


def _same_rows(session: Session, tasks: list[int]) -> None:
    """Both sides must really have written: one row more each, everywhere."""
    done = len(tasks)
    expected = {
        "tasks done": (select(func.count()).where(TASK.c.decision == "approve"), done),
        "tasks open": (select(func.count()).where(TASK.c.status == "open"), done),
        "history": (select(func.count()).where(HISTORY.c.verb == "approve"), done),
        "effects": (select(func.count()).select_from(EFFECTS), done),
        "outbox": (select(func.count()).select_from(OUTBOX), done),
        "revisions": (select(func.count()).where(INSTANCE.c.revision == 2), done),
        "unit": (select(filings.LEDGER.c.changes), done),
    }
    for what, (query, wanted) in expected.items():
        found = session.scalar(query)
        if found != wanted:
            raise Drifted(f"{what}: {found} instead of {wanted}")
    blobs = session.scalars(select(func.length(INSTANCE.c.state))).all()
    if max(blobs) > 1.05 * min(blobs):
        raise Drifted(f"states of {min(blobs)} to {max(blobs)} bytes")
    session.rollback()


def _parts(session: Session, tasks: list[int]) -> tuple[dict[str, float], int]:
    """The engine's own work on a loaded request, each part alone."""
    filings.file_many(session, 1)
    rt, actor = filings.runtime(session), filings.REVIEWER
    newest = session.scalar(select(func.max(TASK.c.id)).where(TASK.c.node == filings.STEP))
    assert newest is not None
    assert newest > max(tasks)
    with transaction(session):
        case = cases.load_for_task(rt, newest)
        workflow = cases.unpack(rt, case, actor)
        (step,) = case.open
        assert permissions.may(actor, "approve", case, step) is None
        parts: dict[str, Callable[[], Any]] = {
            "permission_us": lambda: permissions.may(actor, "approve", case, step),
            "codec_load_us": lambda: cases.unpack(rt, case, actor),
            "codec_dump_us": lambda: codec.dumps(workflow),
        }
        cost = {name: _median_us(part) for name, part in parts.items()}
    after = session.scalar(select(INSTANCE.c.state).where(INSTANCE.c.revision == 2).limit(1))
    session.rollback()
    assert after is not None
    return cost, len(after)


def _median_us(part: Callable[[], Any]) -> float:
    times = []
    for _ in range(REPEATS):
        start = perf_counter_ns()
        part()
        times.append(perf_counter_ns() - start)
    return round(statistics.median(times) / MICRO, 2)


def report(found: list[Measured], more: dict[str, Any]) -> str:
    """The table for people, then the line for programs; `more` is what other files measure."""
    first = found[0]
    lines = [
        f"One durable step: {first.statements} statements, state {first.blob_bytes} bytes,"
        f" median of {STEPS} turns in µs",
        _machine(),
        "",
        f"{'':<20}{'floor':>8}{'engine':>8}{'ratio':>8}{'p90':>16}{'own CPU':>16}",
    ]
    for each in found:
        floor, ours = each.floor, each.engine
        p90 = f"{floor.p90_us:.0f} / {ours.p90_us:.0f}"
        cpu = f"{statistics.median(floor.cpu_us):.0f} / {statistics.median(ours.cpu_us):.0f}"
        lines.append(
            f"{stores.TITLES[each.store]:<20}{floor.median_us:>8.0f}{ours.median_us:>8.0f}"
            f"{each.ratio:>8.2f}{p90:>16}{cpu:>16}"
        )
    parts = ", ".join(f"{name[:-3]} {cost:.2f}" for name, cost in first.parts_us.items())
    lines += ["", f"Without a database (µs): {parts}", growth.report(more), start_many.report(more)]
    if os.getloadavg()[0] > (os.cpu_count() or 1):
        lines.append("! Others keep this machine busy: trust the CPU column, not the ratios.")
    return "\n".join(lines) + "\n" + json.dumps(_for_programs(found) | more)


def _for_programs(found: list[Measured]) -> dict[str, Any]:
    def each(value: Callable[[Measured], float]) -> dict[str, int]:
        return {one.store: round(value(one)) for one in found}

    return {
        **{one.store: one.ratio for one in found},
        "engine_us": each(lambda one: one.engine.median_us),
        "floor_us": each(lambda one: one.floor.median_us),
        "engine_cpu_us": each(lambda one: statistics.median(one.engine.cpu_us)),
        "floor_cpu_us": each(lambda one: statistics.median(one.floor.cpu_us)),
        "blob_bytes": found[0].blob_bytes,
        "statements": found[0].statements,
        **found[0].parts_us,
    }


def _machine() -> str:
    return (
        f"Python {platform.python_version()}, SQLAlchemy {sqlalchemy.__version__}, "
        f"SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"{stores.DISK} on {stores.filesystem(stores.DISK)}"
    )


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing stays behind
    keys.configure()  # sealing is paid for on both sides, as it is in a hall
    try:
        with stores.home() as folder:
            found = [_measured(name, folder) for name in stores.NAMES]
            sys.stderr.write(f"· {growth.ROUNDS:,} rounds …\n")
            more = growth.measure(folder)
            sys.stderr.write(f"· batches of {start_many.BATCH:,} …\n")
            more |= start_many.measure(folder)
    except Drifted as drifted:
        sys.stderr.write(f"✗ {drifted}\n")
        return 1
    sys.stdout.write(report(found, more) + "\n")
    return 0


def _measured(name: str, folder: Path) -> Measured:
    sys.stderr.write(f"· {stores.TITLES[name]} …\n")
    with stores.store(name, folder) as database:
        return measure(name, database)


if __name__ == "__main__":
    sys.exit(main())
