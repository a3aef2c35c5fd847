"""What one look at the inbox costs with a million open steps, against a thousand.

`make bench-inbox`.  A look is what the pages ask for: the first page of 待办, the five counts, the
numbers beside the desk's filters.  Two halls take turns on the same store: `small` has a thousand
open steps among ten people, `large` a million among 10,000, so that everybody has as much on their
desk; `thin` is the thousand among 10,000 people, whose pages are nearly empty.  The last line is
one JSON object.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter_ns, time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from engine import Actor, Runtime, TaskFilter
from engine.boxes import inbox
from tests.bench import stores
from tests.bench.crowd import LARGE, SMALL, THIN, Crowd, fill
from tests.bench.filings import runtime

STORES = {"sqlite": "sqlite_normal_core", "pg": "pg_core"}
HALLS = {"small": SMALL, "large": LARGE, "thin": THIN}
PEOPLE, OPERATORS, WARM_UP = 400, 80, 80
MICRO = 1_000
Times = dict[str, dict[str, list[float]]]  # part of a look → hall → µs, one for each person

Parts = dict[str, Callable[[Runtime, Actor], Any]]

LOOK: Parts = {
    "first page of 待办": inbox.todo,
    "counts of 4 boxes": lambda rt, who: [inbox.count(rt, who, box) for box in OTHER_BOXES],
    "待办 and facets counted": inbox.facets,  # the desk shows `facets.all` as its fifth count
}
OTHER_BOXES = [box for box in inbox.BOXES if box != "todo"]
BESIDES: Parts = {
    "second page of 待办": lambda rt, who: inbox.todo(rt, who, after=_middle(rt, who)),
    "count of 待办": lambda rt, who: inbox.count(rt, who, "todo"),
    "overdue only": lambda rt, who: inbox.todo(rt, who, TaskFilter(due="over")),
    "first page of 已办": inbox.done,
    "first page of 我发起的": inbox.started,
    "search for a number": lambda rt, who: inbox.search(rt, who, "QDN-20260701-1000077"),
    "search for words": lambda rt, who: inbox.search(rt, who, "清水江"),
    "search in vain": lambda rt, who: inbox.search(rt, who, "没有这样的"),
}


def _middle(rt: Runtime, who: Actor) -> str | None:
    return inbox.todo(rt, who, limit=10).next


def people(crowd: Crowd) -> list[Actor]:
    """The same mixture of posts in every hall."""
    chosen = random.Random(7)  # noqa: S311 - the same people in every run
    staff = [crowd.reviewer(n) for n in chosen.sample(range(LARGE.staff), PEOPLE - OPERATORS)]
    others = [crowd.operator(n) for n in chosen.sample(range(LARGE.operators), OPERATORS)]
    both = [*staff, *others]
    chosen.shuffle(both)
    return both


def measure(name: str, folder: Path) -> tuple[Times, list[str]]:
    with ExitStack() as open_stores:
        sessions: dict[str, Session] = {}
        for hall, crowd in HALLS.items():
            here = folder / hall
            here.mkdir(mode=0o755)
            database = open_stores.enter_context(stores.store(STORES[name], here))
            began = time()
            fill(database, crowd)
            sys.stderr.write(f"· {name} {hall}: filled in {time() - began:.0f} s\n")
            sessions[hall] = open_stores.enter_context(Session(database))
        halls = {hall: runtime(session) for hall, session in sessions.items()}
        # one after the other: what a search reads would drive a look's pages out of the cache
        times = _take_turns(halls, LOOK) | _take_turns(halls, BESIDES)
        bind = sessions["large"].get_bind()
        assert isinstance(bind, Engine)
        return times, _plans(bind, sessions["large"])


def _take_turns(halls: dict[str, Runtime], parts: Parts) -> Times:
    times: Times = {part: {hall: [] for hall in halls} for part in parts}
    crowds = {hall: people(HALLS[hall]) for hall in halls}
    for turn in range(PEOPLE):
        order = list(halls) if turn % 2 else list(halls)[::-1]
        for hall in order:
            rt, who = halls[hall], crowds[hall][turn]
            for part, read in parts.items():
                start = perf_counter_ns()
                read(rt, who)
                took = (perf_counter_ns() - start) / MICRO
                if turn >= WARM_UP:
                    times[part][hall].append(took)
            rt.session.rollback()
    return times


def look(times: Times, hall: str) -> float:
    """Median over the people of a whole look, µs."""
    return statistics.median(map(sum, zip(*(times[part][hall] for part in LOOK), strict=True)))


# ── query plans ─────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _listening(database: Engine) -> Iterator[list[tuple[str, Any]]]:
    said: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, sql: str, values: Any, *_more: Any) -> None:
        said.append((sql, values))

    event.listen(database, "before_cursor_execute", note)
    yield said
    event.remove(database, "before_cursor_execute", note)


def _plans(database: Engine, session: Session) -> list[str]:
    """Which indexes the statements go along; a scan of a whole table would stand here too."""
    rt, who = runtime(session), LARGE.reviewer(7)
    explain = "explain query plan " if database.dialect.name == "sqlite" else "explain "
    lines = []
    for part, read in (LOOK | BESIDES).items():
        with _listening(database) as said:
            read(rt, who)
        used: list[str] = []
        for sql, values in said:
            for row in session.connection().exec_driver_sql(explain + sql, values):
                used += [word for word in _path(str(row[-1])) if word not in used]
        lines.append(f"  {part}: {', '.join(used)}")
    return lines


def _path(line: str) -> list[str]:
    """The index or the scan a line of a plan speaks of."""
    words = line.replace("(", " ").split()
    if "Seq Scan on" in line or (line.startswith("SCAN hall_")):
        return [f"SCAN {words[words.index('on') + 1] if 'on' in words else words[1]}"]
    if "PRIMARY KEY" in line:
        return ["primary key"]
    found = [word for word in words if word.startswith(("ix_", "uq_", "pk_", "sqlite_autoindex"))]
    return ["primary key" if word.startswith("pk_") else word for word in found]


# ── report ──────────────────────────────────────────────────────────────────────────────────────


def report(found: dict[str, tuple[Times, list[str]]]) -> str:
    lines = [
        f"One look at the inbox, medians over {PEOPLE - WARM_UP} people in µs,"
        f" load {os.getloadavg()[0]:.1f}",
        "thin: pages nearly empty, so that its ratio says how much dearer a full page is",
    ]
    for name, (times, plans) in found.items():
        lines += [
            "",
            f"{name:<28}" + "".join(f"{hall:>9}" for hall in HALLS) + f"{'p90 large':>12}",
        ]
        for part, by_hall in times.items():
            medians = "".join(f"{statistics.median(by_hall[hall]):>9.0f}" for hall in HALLS)
            p90 = statistics.quantiles(by_hall["large"], n=10)[-1]
            lines.append(f"{part:<28}{medians}{p90:>12.0f}")
        looks = "".join(f"{look(times, hall):>9.0f}" for hall in HALLS)
        lines += [f"{'a whole look':<28}{looks}", "indexes used in the large hall:", *plans]
    return "\n".join(lines) + "\n" + json.dumps(_for_programs(found))


def _for_programs(found: dict[str, tuple[Times, list[str]]]) -> dict[str, Any]:
    def ratio(name: str, against: str) -> float:
        times = found[name][0]
        return round(look(times, "large") / look(times, against), 2)

    answer: dict[str, Any] = {"inbox_ratio": max(ratio(name, "small") for name in found)}
    answer |= {f"inbox_ratio_{name}": ratio(name, "small") for name in found}
    answer |= {f"inbox_ratio_{name}_thin": ratio(name, "thin") for name in found}
    for name, (times, _) in found.items():
        answer[f"look_us_{name}"] = {hall: round(look(times, hall)) for hall in HALLS}
    return answer


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing stays behind
    found = {}
    for name in STORES:
        with stores.home() as folder:
            found[name] = measure(name, folder)
    sys.stdout.write(report(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
