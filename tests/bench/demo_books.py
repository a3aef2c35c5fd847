"""What the demonstration's books cost, on both databases, and whether the ledger verifies.

    python -m tests.bench.demo_books --units 500 --members 50000 --months 24

The last line is JSON: seconds, entries a second and peak MiB of each.  Every database is filled in
a process of its own, so that the peaks do not mix.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from engine import Runtime
from engine.calendar import ZONE
from engine.database import configure
from handlers import centers, demo
from handlers.ledger import verifying
from tests.builders import keys
from tests.builders.books import EveryDay
from tests.servers import Databases

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 12, tzinfo=ZONE)
KINDS = ("sqlite", "postgresql")


def measure(kind: str, size: demo.Size) -> dict[str, float]:
    keys.configure()
    databases = Databases()
    try:
        engine = configure(
            create_engine(databases.sqlite() if kind == "sqlite" else databases.postgres())
        )
        with Session(engine) as session:
            center = centers.load(ROOT, "qiandongnan")
            rt = Runtime(session=session, clock=lambda: NOW, calendar=EveryDay(), profile=center)
            demo.load(session, center, now=NOW)
            started = time.perf_counter()
            made = demo.generate(rt, size)
            seconds = time.perf_counter() - started
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            assert made is not None
            print(f"{kind}: {made}, {seconds:.1f} s", file=sys.stderr, flush=True)  # noqa: T201
            faults = verifying.verify(session).faults
            assert not faults, faults[:5]
        engine.dispose()
    finally:
        databases.close()
    return {
        f"demo_seconds_{kind}": round(seconds, 1),
        f"demo_entries_a_second_{kind}": round(made.entries / seconds),
        f"demo_peak_mib_{kind}": round(peak),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("units", "members", "months", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(demo.Size(), name))
    parser.add_argument("--kind", choices=KINDS, help="this one alone, in this process")
    asked = parser.parse_args()
    if asked.kind:
        size = demo.Size(asked.units, asked.members, asked.months, asked.seed)
        print(json.dumps(measure(asked.kind, size)))  # noqa: T201
        return
    found: dict[str, float] = {}
    for kind in KINDS:
        child = [sys.executable, "-m", "tests.bench.demo_books", *sys.argv[1:], "--kind", kind]
        done = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True)
        found |= json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
