"""What a request costs when a thousand are started by one call, against one started alone.

Called by `engine_step`; single starts and batches take turns on one store.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import engine
from engine.models import Instance
from engine.verbs.batches import start_many
from engine.verbs.starting import Filing
from tests.bench import filings, stores

STORES = {"sqlite": "sqlite_normal_core", "pg": "pg_core"}
BATCH, ROUNDS, SINGLES, WARM_UP = 1_000, 3, 150, 30
MICRO = 1_000


def measure(folder: Path) -> dict[str, Any]:
    """`start_many`: the worst of the stores; µs for each store."""
    found: dict[str, Any] = {}
    for name, store in STORES.items():
        here = folder / f"many-{name}"
        here.mkdir(mode=0o755)
        with stores.store(store, here) as database, Session(database) as session:
            found[name] = _compare(session)
    ratios = {name: round(many / one, 2) for name, (one, many) in found.items()}
    return {
        "start_many": max(ratios.values()),
        **{f"start_many_{name}": ratio for name, ratio in ratios.items()},
        "start_us": {name: round(one) for name, (one, _) in found.items()},
        "start_many_us": {name: round(many) for name, (_, many) in found.items()},
    }


def report(more: dict[str, Any]) -> str:
    each = ", ".join(
        f"{name} {more['start_us'][name]} µs alone, {more['start_many_us'][name]} µs in a batch"
        for name in STORES
    )
    return f"Starting a request: {each} of {BATCH:,}"


def _compare(session: Session) -> tuple[float, float]:
    """(µs of one start, µs for each request of a batch), medians."""
    filings.prepare(session)
    rt = filings.runtime(session)
    one, many = [], []
    for turn in range(WARM_UP + SINGLES):
        if turn >= WARM_UP and (turn - WARM_UP) % (SINGLES // ROUNDS) == 0:
            batch = [Filing(**_filed(turn * BATCH + n)) for n in range(BATCH)]
            start = perf_counter_ns()
            outcomes = start_many(rt, filings.APPLICANT, filings.KEY, batch)
            many.append((perf_counter_ns() - start) / BATCH / MICRO)
            assert len(outcomes) == BATCH
        filed = _filed(turn)
        start = perf_counter_ns()
        engine.start(rt, filings.APPLICANT, filings.KEY, **filed)
        if turn >= WARM_UP:
            one.append((perf_counter_ns() - start) / MICRO)
    started = session.scalar(select(func.count()).where(Instance.revision == 1))
    assert started == WARM_UP + SINGLES + ROUNDS * BATCH
    session.rollback()
    return statistics.median(one), statistics.median(many)


def _filed(number: int) -> dict[str, Any]:
    """Another unit each time, as in a real batch."""
    values = filings.DATA["values"] | {"unit_name": f"凯里市第 {number} 单位"}
    return {
        "data": filings.DATA | {"values": values},
        "scope": f"unit:{filings.UNIT}",
        "scope_name": values["unit_name"],
        "branch": "QDN01",
        "summary": "单位地址、发薪日 2 项变更",
        "token": f"page-{number}",
    }


if __name__ == "__main__":
    with stores.home() as home:
        found = measure(home)
    sys.stdout.write(f"{report(found)}\n{json.dumps(found)}\n")
