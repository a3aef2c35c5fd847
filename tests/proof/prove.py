"""`make prove`: two hundred units, two years, on both databases; the last line is JSON.

Each database works one centre's way of doing things and the other one's: amounts in whole yuan on
SQLite, bases to the 分 on PostgreSQL, by one process; then two processes that are killed now and
then share a smaller town.  Exits with 1 when anything differs from the straight line.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import nullcontext
from datetime import date
from typing import Any

from tests.builders import keys, people
from tests.proof import comparing, plan, planning, running
from tests.servers import Databases

UNITS, SHARED_UNITS = 200, 20
Run = tuple[str, str, int, int, bool]
RUNS: tuple[tuple[str, str, int, bool], ...] = (
    # database, way, processes, killed
    ("sqlite", "amount", 1, False),
    ("postgresql", "base", 1, False),
    ("postgresql", "amount", 2, True),
    ("sqlite", "base", 2, True),
)
SHOWN_MAX = 20


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def prove(databases: Databases, run: Run, *, seed: int, months: int) -> dict[str, Any]:
    """One run; what it came to."""
    kind, entry, units, processes, killed = run
    began = time.monotonic()
    url = databases.sqlite() if kind == "sqlite" else databases.postgres()
    drawn = planning.drawn(seed, units=units, entry=entry, months=months)
    one = running.proof(drawn, url)
    seen: set[str] = set()

    def said(day: str) -> None:
        if day[:7] not in seen:
            seen.add(day[:7])
            say(f"{kind} {entry} {day} {time.monotonic() - began:,.0f} s")

    kills, different = 0, []
    with people.store(url) as sessions:
        for half, days in enumerate(one.halves):
            if processes == 1:
                running.alone(one, days, said)
            else:
                sessions.kw["bind"].dispose()  # nobody here may have the file open
                killed_by = seed + half if killed else None
                with running.small_pieces() if killed else nullcontext():
                    kills += running.together(one, days, said, of=processes, seed=killed_by)
            with sessions() as session:
                different += comparing.differences(one, session, half=half)
                counts = comparing.counted(session)
    ran = time.monotonic() - began
    for line in different[:SHOWN_MAX]:
        say(f"✗ {line}")
    databases.drop(url)
    return {
        "database": kind,
        "way": entry,
        "units": units,
        "months": months,
        "processes": processes,
        "kills": kills,
        "deeds": len(drawn.deeds),
        "seconds": round(ran),
        "differences": len(different),
    } | counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=date.today().toordinal())
    parser.add_argument("--units", type=int, default=UNITS)
    parser.add_argument("--shared", type=int, default=SHARED_UNITS, help="of two processes")
    parser.add_argument("--months", type=int, default=plan.MONTHS)
    parser.add_argument("--run", type=int, choices=range(len(RUNS)), help="only this one")
    asked = parser.parse_args()
    keys.configure()
    databases = Databases()
    found = []
    try:
        for number, (kind, entry, processes, killed) in enumerate(RUNS):
            if asked.run in (None, number):
                wanted = asked.units if processes == 1 else asked.shared
                run = (kind, entry, wanted, processes, killed)
                found.append(prove(databases, run, seed=asked.seed, months=asked.months))
                say(json.dumps(found[-1]))
    finally:
        databases.close()
    different = sum(run["differences"] for run in found)
    say(json.dumps({"seed": asked.seed, "differences": different, "runs": found}))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
